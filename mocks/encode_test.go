package mocks_test

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nrlgo/nrlgo/mocks"
)

// full is a pointer with every element.
func full() mocks.Pointer {
	noon := time.Date(2016, 3, 8, 12, 0, 0, 0, time.FixedZone("BST", 3600))
	return mocks.Pointer{
		ID: "x-1", Version: "3", LastUpdated: noon, Indexed: noon.Add(time.Second), Patient: number, Author: "RGD", Custodian: "RR8",
		MasterID: "urn:oid:1.2", ReplacesMasterID: "urn:oid:1.1", Start: noon, End: noon.AddDate(0, 0, 1),
		Contents: []mocks.Content{{URL: `https://p1.nhs.uk/?a="<b>&c`, Creation: noon, Size: 12, Hash: "aGFzaA=="}},
	}
}

const wantJSON = `{"resourceType":"DocumentReference","id":"x-1",
"meta":{"versionId":"3","lastUpdated":"2016-03-08T12:00:00+01:00","profile":["https://fhir.nhs.uk/STU3/StructureDefinition/NRL-DocumentReference-1"]},
"masterIdentifier":{"system":"urn:ietf:rfc:3986","value":"urn:oid:1.2"},"status":"current",
"type":{"coding":[{"system":"http://snomed.info/sct","code":"736253002","display":"Mental health crisis plan"}]},
"class":{"coding":[{"system":"http://snomed.info/sct","code":"734163000","display":"Care plan"}]},
"subject":{"reference":"https://demographics.spineservices.nhs.uk/STU3/Patient/9462205957"},"indexed":"2016-03-08T12:00:01+01:00",
"author":[{"reference":"https://directory.spineservices.nhs.uk/STU3/Organization/RGD"}],
"custodian":{"reference":"https://directory.spineservices.nhs.uk/STU3/Organization/RR8"},
"relatesTo":[{"code":"replaces","target":{"identifier":{"system":"urn:ietf:rfc:3986","value":"urn:oid:1.1"}}}],
"content":[{"extension":[{"url":"https://fhir.nhs.uk/STU3/StructureDefinition/Extension-NRL-ContentStability-1",
"valueCodeableConcept":{"coding":[{"system":"https://fhir.nhs.uk/STU3/CodeSystem/NRL-ContentStability-1","code":"static","display":"Static"}]}}],
"attachment":{"contentType":"application/pdf","url":"https://p1.nhs.uk/?a=\"<b>&c","size":12,"hash":"aGFzaA==","creation":"2016-03-08T12:00:00+01:00"},
"format":{"system":"https://fhir.nhs.uk/STU3/CodeSystem/NRL-FormatCode-1","code":"urn:nhs-ic:unstructured","display":"Unstructured Document"}}],
"context":{"period":{"start":"2016-03-08T12:00:00+01:00","end":"2016-03-09T12:00:00+01:00"},
"practiceSetting":{"coding":[{"system":"http://snomed.info/sct","code":"708168004","display":"Mental health service"}]}}}`

const wantXML = `<DocumentReference xmlns="http://hl7.org/fhir"><id value="x-1"/>
<meta><versionId value="3"/><lastUpdated value="2016-03-08T12:00:00+01:00"/><profile value="https://fhir.nhs.uk/STU3/StructureDefinition/NRL-DocumentReference-1"/></meta>
<masterIdentifier><system value="urn:ietf:rfc:3986"/><value value="urn:oid:1.2"/></masterIdentifier><status value="current"/>
<type><coding><system value="http://snomed.info/sct"/><code value="736253002"/><display value="Mental health crisis plan"/></coding></type>
<class><coding><system value="http://snomed.info/sct"/><code value="734163000"/><display value="Care plan"/></coding></class>
<subject><reference value="https://demographics.spineservices.nhs.uk/STU3/Patient/9462205957"/></subject><indexed value="2016-03-08T12:00:01+01:00"/>
<author><reference value="https://directory.spineservices.nhs.uk/STU3/Organization/RGD"/></author>
<custodian><reference value="https://directory.spineservices.nhs.uk/STU3/Organization/RR8"/></custodian>
<relatesTo><code value="replaces"/><target><identifier><system value="urn:ietf:rfc:3986"/><value value="urn:oid:1.1"/></identifier></target></relatesTo>
<content><extension url="https://fhir.nhs.uk/STU3/StructureDefinition/Extension-NRL-ContentStability-1">
<valueCodeableConcept><coding><system value="https://fhir.nhs.uk/STU3/CodeSystem/NRL-ContentStability-1"/><code value="static"/><display value="Static"/></coding></valueCodeableConcept></extension>
<attachment><contentType value="application/pdf"/><url value="https://p1.nhs.uk/?a=&#34;&lt;b&gt;&amp;c"/><size value="12"/><hash value="aGFzaA=="/><creation value="2016-03-08T12:00:00+01:00"/></attachment>
<format><system value="https://fhir.nhs.uk/STU3/CodeSystem/NRL-FormatCode-1"/><code value="urn:nhs-ic:unstructured"/><display value="Unstructured Document"/></format></content>
<context><period><start value="2016-03-08T12:00:00+01:00"/><end value="2016-03-09T12:00:00+01:00"/></period>
<practiceSetting><coding><system value="http://snomed.info/sct"/><code value="708168004"/><display value="Mental health service"/></coding></practiceSetting></context></DocumentReference>`

// object is the members of a JSON text, for comparison.
func object(t *testing.T, text string) map[string]any {
	t.Helper()
	var o map[string]any
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return o
}

func TestPointerWithEveryElement(t *testing.T) {
	t.Parallel()
	sp, c := setup(t)
	sp.AddPointer(full())
	a := c.toNRL("/STU3/DocumentReference/x-1")
	if diff := cmp.Diff(object(t, wantJSON), object(t, c.send(t, a).body)); diff != "" {
		t.Errorf("JSON: -want +got\n%s", diff)
	}
	a.header["Accept"] = []string{"application/fhir+xml"}
	if diff := cmp.Diff(strings.ReplaceAll(wantXML, "\n", ""), c.send(t, a).body); diff != "" {
		t.Errorf("XML: -want +got\n%s", diff)
	}
}

func TestElementsThatAreLeftOut(t *testing.T) {
	t.Parallel()
	sp, c := setup(t)
	for name, tt := range map[string]struct {
		pointer mocks.Pointer
		absent  []string
		present []string
	}{
		"by default": {
			mocks.Pointer{},
			[]string{"masterIdentifier", "relatesTo", "period", "creation", "size", "hash"},
			[]string{"profile", "class", "format", "practiceSetting", "extension", "indexed"},
		},
		"of an NRLS pointer": {
			mocks.Pointer{Legacy: true},
			[]string{"profile", "class", "format", "practiceSetting", "extension"},
			[]string{"versionId", "type", "attachment"},
		},
		"on request": {
			mocks.Pointer{
				Author: mocks.Omit, Class: mocks.Coding{Code: mocks.Omit},
				Contents: []mocks.Content{{Format: mocks.Omit, Stability: mocks.Omit}},
			},
			[]string{"author", "class", "format", "extension"},
			[]string{"custodian", "practiceSetting"},
		},
	} {
		tt.pointer.Patient = number
		id := sp.AddPointer(tt.pointer)
		body := c.send(t, c.toNRL("/STU3/DocumentReference/"+string(id))).body
		object(t, body)
		for _, member := range tt.absent {
			if strings.Contains(body, `"`+member+`":`) {
				t.Errorf("%s: %s is there: %s", name, member, body)
			}
		}
		for _, member := range tt.present {
			if !strings.Contains(body, `"`+member+`":`) {
				t.Errorf("%s: %s is not there: %s", name, member, body)
			}
		}
	}
}

func TestReplacedPointerMayBeNamedByItsID(t *testing.T) {
	t.Parallel()
	sp, c := setup(t)
	old := sp.AddPointer(mocks.Pointer{Patient: number, Status: "superseded"})
	id := sp.AddPointer(mocks.Pointer{Patient: number, Replaces: old})
	body := c.send(t, c.toNRL("/STU3/DocumentReference/"+string(id))).body
	if want := `"target":{"reference":"` + sp.NRLURL() + "/DocumentReference/" + string(old) + `"}`; !strings.Contains(body, want) {
		t.Errorf("%s is not in %s", want, body)
	}
}

// TestShapeIsThatOfThePublishedExamples compares the paths of elements with
// the published examples, whose known faults are put right here: meta.version
// for versionId and an extension that is no array.
func TestShapeIsThatOfThePublishedExamples(t *testing.T) {
	t.Parallel()
	folder := os.Getenv("NRL_FIXTURES")
	if folder == "" {
		t.Skip("NRL_FIXTURES is not set")
	}
	sp, c := setup(t)
	p := full()
	p.Contents[0].Size, p.Contents[0].Hash = 0, "" // no published example has them
	sp.AddPointer(p)
	first := mocks.Pointer{
		Patient: number, MasterID: "urn:oid:1.2", Start: p.Start,
		Contents: []mocks.Content{{Creation: p.Start}},
	}
	sp.AddPointer(first)
	inXML := func(a ask) ask {
		a.header["Accept"] = []string{"application/fhir+xml"}
		return a
	}
	withCount := c.search()
	withCount.target += "&_summary=count"
	for name, a := range map[string]ask{
		"read_response.xml":                     inXML(c.toNRL("/STU3/DocumentReference/x-1")),
		"search_response_multiple_pointers.xml": inXML(c.search()),
		"search_response_summary_count3.xml":    inXML(withCount),
		"retrieval_multiple_formats.json":       c.toNRL("/STU3/DocumentReference/x-1"),
		"create_response.json":                  c.toNRL("/STU3/DocumentReference/none"),
		"create_response.xml":                   inXML(c.toNRL("/STU3/DocumentReference/none")),
	} {
		published, err := os.ReadFile(filepath.Join(folder, "nrl-stu3", name))
		if err != nil {
			t.Fatal(err)
		}
		read := xmlPaths
		if strings.HasSuffix(name, ".json") {
			read = jsonPaths
		}
		want, got := read(t, string(published)), read(t, c.send(t, a).body)
		// Where one example has more or less than another.
		for _, m := range []map[string]bool{want, got} {
			maps.DeleteFunc(m, func(path string, _ bool) bool {
				return strings.Contains(path, "period/end") || strings.Contains(path, "period.end") || strings.Contains(path, "details/text") ||
					path == ".issue[].details.text" || path == ".meta.versionId" || path == ".meta.lastUpdated"
			})
		}
		if diff := cmp.Diff(slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got))); diff != "" {
			t.Errorf("%s: -want +got\n%s", name, diff)
		}
	}
}

// xmlPaths are the paths of elements and their attributes.
func xmlPaths(t *testing.T, text string) map[string]bool {
	t.Helper()
	paths := map[string]bool{}
	var at []string
	for d := xml.NewDecoder(strings.NewReader(text)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return paths
		}
		if err != nil {
			t.Fatal(err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			name := token.Name.Local
			if name == "version" {
				name = "versionId"
			}
			at = append(at, name)
			path := strings.Join(at, "/")
			paths[path] = true
			for _, a := range token.Attr {
				if a.Name.Local != "xmlns" {
					paths[path+"@"+a.Name.Local] = true
				}
			}
		case xml.EndElement:
			at = at[:len(at)-1]
		}
	}
}

// jsonPaths are the paths of members; [] stands for an array.
func jsonPaths(t *testing.T, text string) map[string]bool {
	t.Helper()
	paths := map[string]bool{}
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for name, member := range v {
				if _, isObject := member.(map[string]any); isObject && name == "extension" {
					member = []any{member}
				}
				walk(path+"."+name, member)
			}
		case []any:
			for _, member := range v {
				walk(path+"[]", member)
			}
		default:
			paths[path] = true
		}
	}
	walk("", object(t, text))
	return paths
}
