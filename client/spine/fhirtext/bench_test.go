package fhirtext_test

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"github.com/nrlgo/nrlgo/client/spine/fhirtext"
)

// pointerJSON is a pointer as NRL 2.x has it, XML and JSON below.
func bundleJSON(pointers int) []byte {
	var b strings.Builder
	b.WriteString(`{"resourceType":"Bundle","type":"searchset","total":` + strconv.Itoa(pointers) + `,"entry":[`)
	for i := range pointers {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strings.ReplaceAll(pointerJSON, "%n", strconv.Itoa(i)))
	}
	b.WriteString("]}")
	return []byte(b.String())
}

const pointerJSON = `{
  "fullUrl": "https://nrl.example/STU3/DocumentReference/0a1b2c3d-%n",
  "resource": {
    "resourceType": "DocumentReference",
    "id": "0a1b2c3d-%n",
    "meta": {"versionId": "1", "lastUpdated": "2026-03-01T09:30:00+00:00", "profile": ["https://fhir.nhs.uk/STU3/StructureDefinition/NRL-DocumentReference-1"]},
    "masterIdentifier": {"system": "urn:ietf:rfc:3986", "value": "urn:oid:1.3.6.1.4.1.21367.2005.3.%n"},
    "status": "current",
    "type": {"coding": [{"system": "http://snomed.info/sct", "code": "736253002", "display": "Mental health crisis plan"}]},
    "class": {"coding": [{"system": "http://snomed.info/sct", "code": "734163000", "display": "Care plan"}]},
    "subject": {"reference": "https://demographics.spineservices.nhs.uk/STU3/Patient/9462205957"},
    "indexed": "2026-03-01T09:30:00+00:00",
    "author": [{"reference": "https://directory.spineservices.nhs.uk/STU3/Organization/RR8"}],
    "custodian": {"reference": "https://directory.spineservices.nhs.uk/STU3/Organization/RR8"},
    "content": [{
      "extension": [{"url": "https://fhir.nhs.uk/STU3/StructureDefinition/Extension-NRL-ContentStability-1", "valueCodeableConcept": {"coding": [{"system": "https://fhir.nhs.uk/STU3/CodeSystem/NRL-ContentStability-1", "code": "static", "display": "Static"}]}}],
      "attachment": {"contentType": "application/pdf", "url": "https://p1.example/crisis/%n.pdf", "creation": "2026-02-27"},
      "format": {"system": "https://fhir.nhs.uk/STU3/CodeSystem/NRL-FormatCode-1", "code": "proxy:https://www.iso.org/standard/63534.html", "display": "PDF"}
    }],
    "context": {"period": {"start": "2026-02-27T00:00:00+00:00"}, "practiceSetting": {"coding": [{"system": "http://snomed.info/sct", "code": "708168004", "display": "Mental health service"}]}}
  },
  "search": {"mode": "match"}
}`

type coding struct {
	System  string `json:"system"`
	Code    string `json:"code"`
	Display string `json:"display"`
}

type concept struct {
	Coding []coding `json:"coding"`
}

type reference struct {
	Reference string `json:"reference"`
}

// bundle is what encoding/json has to be told to read the same.
type bundle struct {
	ResourceType string `json:"resourceType"`
	Type         string `json:"type"`
	Total        int    `json:"total"`
	Entry        []struct {
		FullURL  string `json:"fullUrl"`
		Resource struct {
			ResourceType string `json:"resourceType"`
			ID           string `json:"id"`
			Meta         struct {
				VersionID   string   `json:"versionId"`
				LastUpdated string   `json:"lastUpdated"`
				Profile     []string `json:"profile"`
			} `json:"meta"`
			MasterIdentifier struct {
				System string `json:"system"`
				Value  string `json:"value"`
			} `json:"masterIdentifier"`
			Status    string      `json:"status"`
			Type      concept     `json:"type"`
			Class     concept     `json:"class"`
			Subject   reference   `json:"subject"`
			Indexed   string      `json:"indexed"`
			Author    []reference `json:"author"`
			Custodian reference   `json:"custodian"`
			Content   []struct {
				Extension []struct {
					URL                  string  `json:"url"`
					ValueCodeableConcept concept `json:"valueCodeableConcept"`
				} `json:"extension"`
				Attachment struct {
					ContentType string `json:"contentType"`
					URL         string `json:"url"`
					Creation    string `json:"creation"`
				} `json:"attachment"`
				Format coding `json:"format"`
			} `json:"content"`
			Context struct {
				Period struct {
					Start string `json:"start"`
					End   string `json:"end"`
				} `json:"period"`
				PracticeSetting concept `json:"practiceSetting"`
			} `json:"context"`
		} `json:"resource"`
		Search struct {
			Mode string `json:"mode"`
		} `json:"search"`
	} `json:"entry"`
}

func BenchmarkParse(b *testing.B) {
	text := bundleJSON(10)
	for _, bb := range []struct {
		name string
		read func() error
	}{
		{"fhirtext", func() error { _, err := fhirtext.Parse(text); return err }},
		{"encoding-json-structs", func() error { var v bundle; return json.Unmarshal(text, &v) }},
		{"encoding-json-map", func() error { var v map[string]any; return json.Unmarshal(text, &v) }},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				if err := bb.read(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
