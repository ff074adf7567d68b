package nrl_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nrlgo/nrlgo/auth/nhs"
	"github.com/nrlgo/nrlgo/nrl"
)

// pointerV3 is what testdata holds.
func pointerV3(t *testing.T) nrl.Pointer {
	t.Helper()
	sct := func(code, display string) nrl.Coding {
		return nrl.Coding{System: nrl.SystemSNOMED, Code: code, Display: display}
	}
	return nrl.Pointer{
		ID: "Y05868.A-1634567890_x|7", VersionID: "2", LastUpdated: instant(t, "2026-12-20T09:45:41.5Z"),
		Status: nrl.StatusCurrent, DocStatus: "final",
		MasterIdentifier: nrl.Identifier{System: "urn:ietf:rfc:3986", Value: "urn:oid:1.2.826.0.1.7"},
		Identifiers:      []nrl.Identifier{{System: "urn:ietf:rfc:3986", Value: "urn:oid:1.2.826.0.1.7.1"}},
		Type:             nrl.EmergencyHealthCarePlan, Category: sct("734163000", "Care plan"),
		Patient: patient, Author: nhs.MustParseODSCode("X24"), Custodian: nhs.MustParseODSCode("Y05868"), CustodianSuffix: "A",
		Indexed: instant(t, "2026-12-20T09:45:41+11:00"), Description: "A plan",
		Replaces:       nrl.Reference{Identifier: nrl.Identifier{Value: "Y05868.A-1"}},
		SecurityLabels: []nrl.Coding{{System: "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", Code: "V", Display: "very restricted"}},
		Contents: []nrl.Content{{
			ContentType: "application/pdf", URL: "ssp://p1.nhs.uk/plans/7", Title: "The plan", Created: date(t, "2026-12-20", "2026-12-20T00:00:00Z"),
			Format:    nrl.Coding{System: "https://fhir.nhs.uk/England/CodeSystem/England-NRLFormatCode", Code: nrl.FormatUnstructured, Display: "Unstructured Document"},
			Stability: nrl.StabilityDynamic, Mechanism: "SSP",
		}},
		Events: []nrl.Coding{sct("401277000", "Completion of mental health crisis plan")},
		Period: nrl.Period{Start: instant(t, "2026-12-20T09:00:41+00:00"), End: instant(t, "2026-12-20T09:45:41+00:00")},

		FacilityType: sct("82242000", "Children's hospital"), PracticeSetting: sct("788002001", "Adult mental health service"),
		ProviderASID: nhs.MustParseASID("200000000610"),
	}
}

func TestParsePointerReadsEveryElementOfV3(t *testing.T) {
	t.Parallel()
	got, err := nrl.ParsePointer(testdata(t, "pointer_v3.json"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(pointerV3(t), got, valuesOnly); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What the model of a v3 pointer encodes is the pointer again.
func TestFHIROfV3LosesNothing(t *testing.T) {
	t.Parallel()
	model, err := pointerV3(t).FHIR()
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(model)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(tree(t, testdata(t, "pointer_v3.json")), tree(t, text)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestParsePointerSurvivesFaultsOfV3(t *testing.T) {
	t.Parallel()
	const coding = `{"coding": [{"system": "https://fhir.nhs.uk/England/CodeSystem/England-NRLRetrievalMechanism", "code": "SSP", "display": "Spine Secure Proxy"}]}`
	for _, tt := range []struct {
		name, old, by string
		change        func(*nrl.Pointer)
	}{
		{"a stray comma behind a system", `England-NRLContentStability"`, `England-NRLContentStability,"`, nil},
		{"an extension's value as a bare array", coding, "[" + coding[len(`{"coding": [`):len(coding)-2] + "]", nil},
		{"an extension's value as an array of concepts", coding, "[" + coding + "]", nil},
		{"an author behind Organization/", `"value": "X24"`, `"value": "Organization/X24"`, nil},
		{"a retired mechanism", `"code": "SSP"`, `"code": "Direct_InContext"`, func(p *nrl.Pointer) { p.Contents[0].Mechanism = "Direct_InContext" }},
		{"a retired address of the mechanism", `Extension-England-NRLRetrievalMechanism`, `Extension-England-RetrievalMechanism`, nil},
		{"no mechanism", `Extension-England-NRLRetrievalMechanism`, `Other`, func(p *nrl.Pointer) { p.Contents[0].Mechanism = "" }},
		{"a custodian without a suffix", `"Y05868.A"`, `"Y05868"`, func(p *nrl.Pointer) { p.CustodianSuffix = "" }},
		{"no ASID", `"https://fhir.nhs.uk/Id/nhsSpineASID"`, `"urn:x"`, func(p *nrl.Pointer) { p.ProviderASID = nhs.ASID{} }},
		{"no date", `"date": "2026-12-20T09:45:41+11:00",`, ``, func(p *nrl.Pointer) { p.Indexed = nrl.Date{} }},
		{"another relation", `"relatesTo": [`, `"relatesTo": [{"code": "appends", "target": {"identifier": {"value": "x"}}},`, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := nrl.ParsePointer(edit(t, testdata(t, "pointer_v3.json"), tt.old, tt.by))
			if err != nil {
				t.Fatal(err)
			}
			want := pointerV3(t)
			if tt.change != nil {
				tt.change(&want)
			}
			if diff := cmp.Diff(want, got, valuesOnly); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestParsePointerRefusesOfV3(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, old, by, text string }{
		{"a subject of another system", `/Id/nhs-number`, `/Id/other`, "subject.identifier is no NHS number"},
		{"a number that fails its check digit", `9462205957`, `9462205958`, "no valid NHS number"},
		{"a number with spaces", `9462205957`, `946 220 5957`, "no valid NHS number"},
		{"a subject without a value", `, "value": "9462205957"`, ``, "subject.identifier.value is missing"},
		{"an author of another system", `"https://fhir.nhs.uk/Id/ods-organization-code", "value": "X24"`, `"urn:x", "value": "X24"`, "author.identifier is no ODS code"},
		{"a custodian that is no ODS code", `"Y05868.A"`, `"y05868"`, "custodian.identifier is no ODS code"},
		{"no author", `"value": "X24"`, `"x": "X24"`, "author.identifier.value is missing"},
		{"an ASID that is none", `"200000000610"`, `"2000000006"`, "names no ASID"},
		{"two ASIDs", `"related": [`, `"related": [{"identifier": {"system": "https://fhir.nhs.uk/Id/nhsSpineASID", "value": "200000000611"}},`, "or several"},
		{"an identifier that is text", `"identifier": [{"system": "urn:ietf:rfc:3986", "value": "urn:oid:1.2.826.0.1.7.1"}]`, `"identifier": ["x"]`, "identifier is no object"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := nrl.ParsePointer(edit(t, testdata(t, "pointer_v3.json"), tt.old, tt.by))
			if !errors.Is(err, nrl.ErrMalformed) || !strings.Contains(fmt.Sprint(err), tt.text) {
				t.Errorf("got %v, want %q", err, tt.text)
			}
		})
	}
}

func TestPublishedPointersOfV3(t *testing.T) {
	t.Parallel()
	dir := os.Getenv("NRL_FIXTURES")
	if dir == "" {
		t.Skip("NRL_FIXTURES is not set: the published examples are not part of the project")
	}
	text, err := os.ReadFile(filepath.Join(dir, "nrl-v3", "readDocumentReference_200.json"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := nrl.ParsePointer(text)
	if err != nil {
		t.Fatal(err)
	}
	ods := nhs.MustParseODSCode("Y05868")
	if p.Patient != nhs.MustParseNumber("9000000017") || p.Author != ods || p.Custodian != ods || p.Contents[0].Mechanism != "SSP" ||
		p.Contents[0].Stability != nrl.StabilityStatic || p.ProviderASID != nhs.MustParseASID("200000000610") || p.DocStatus != "final" {
		t.Errorf("got %+v with %+v", p, p.Contents[0])
	}
}
