package nrl_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/nrlgo/nrlgo/auth/nhs"
	"github.com/nrlgo/nrlgo/nrl"
)

const patientDigits = "9462205957"

var patient = nhs.MustParseNumber(patientDigits)

// valuesOnly compares pointers without the text that they were read from.
var valuesOnly = cmpopts.IgnoreUnexported(nrl.Pointer{})

func testdata(tb testing.TB, name string) []byte {
	tb.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		tb.Fatal(err)
	}
	return text
}

func date(t *testing.T, text, rfc3339 string) nrl.Date {
	t.Helper()
	at, err := time.Parse(time.RFC3339Nano, rfc3339)
	if err != nil {
		t.Fatal(err)
	}
	return nrl.Date{Text: text, Time: at}
}

func instant(t *testing.T, text string) nrl.Date {
	t.Helper()
	return date(t, text, text)
}

// wholePointer is what testdata holds.
func wholePointer(t *testing.T) nrl.Pointer {
	t.Helper()
	format := func(code, display string) nrl.Coding {
		return nrl.Coding{System: "https://fhir.nhs.uk/STU3/CodeSystem/NRL-FormatCode-1", Code: code, Display: display}
	}
	return nrl.Pointer{
		ID: "da2b6e8a-3c8f-11e8-baae-6c3be5a609f5-584d385036514c383142", VersionID: "3",
		LastUpdated:      instant(t, "2026-03-08T15:26:00.123+01:00"),
		Profiles:         []string{"https://fhir.nhs.uk/STU3/StructureDefinition/NRL-DocumentReference-1"},
		Status:           nrl.StatusCurrent,
		MasterIdentifier: nrl.Identifier{System: "urn:ietf:rfc:3986", Value: "urn:oid:1.2.826.0.1.7"},
		Type:             nrl.MentalHealthCrisisPlan,
		Category:         nrl.Coding{System: nrl.SystemSNOMED, Code: "734163000", Display: "Care plan"},
		Patient:          patient,
		Author:           nhs.MustParseODSCode("RGD"), Custodian: nhs.MustParseODSCode("RR8"),
		Indexed:  instant(t, "2026-03-08T15:26:01+01:00"),
		Replaces: nrl.Reference{URL: "https://spine.example/STU3/DocumentReference/old-1"},
		Contents: []nrl.Content{
			{
				ContentType: "application/pdf", URL: "https://p1.nhs.uk/plans/7?a=1&b=%20", Stability: nrl.StabilityStatic, Size: 5,
				Format:  format(nrl.FormatUnstructured, "Unstructured Document"),
				Hash:    []byte("\xaa\xf4\xc6\x1d\xdc\xc5\xe8\xa2\xda\xbe\xde\x0f\x3b\x48\x2c\xd9\xae\xa9\x43\x4d"), // SHA-1 of "hello"
				Created: date(t, "2026-03-08", "2026-03-08T00:00:00Z"),
			},
			{ContentType: "text/html", URL: "http://p1.nhs.uk/team", Format: format(nrl.FormatContact, "Contact details (HTTP Unsecured)")},
		},
		Period: nrl.Period{
			Start: instant(t, "2026-03-07T13:34:00+01:00"),
			End:   date(t, "2026-03", "2026-03-01T00:00:00Z"),
		},
		PracticeSetting: nrl.Coding{System: nrl.SystemSNOMED, Code: "708168004", Display: "Mental health service"},
	}
}

func TestParsePointerReadsEveryElementOfBothSyntaxes(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"pointer.json", "pointer.xml"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := testdata(t, name)
			got, err := nrl.ParsePointer(text)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(wholePointer(t), got, valuesOnly); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			want := bytes.TrimSpace(text)
			if _, root, ok := bytes.Cut(want, []byte("?>\n")); ok {
				want = root
			}
			if !bytes.Equal(want, got.Raw()) {
				t.Error("Raw is not the resource as it was received")
			}
		})
	}
}

// edit replaces one piece of a text, which must be there.
func edit(t *testing.T, text []byte, old, by string) []byte {
	t.Helper()
	if old == "" {
		return text
	}
	if bytes.Count(text, []byte(old)) == 0 {
		t.Fatalf("the test data has no %q", old)
	}
	return bytes.Replace(text, []byte(old), []byte(by), 1)
}

// extension is that of the first content.
const extension = `"extension": [{
        "url": "https://fhir.nhs.uk/STU3/StructureDefinition/Extension-NRL-ContentStability-1",
        "valueCodeableConcept": {"coding": [{"system": "https://fhir.nhs.uk/STU3/CodeSystem/NRL-ContentStability-1", "code": "static", "display": "Static"}]}
      }],`

func TestParsePointerSurvivesPublishedFaults(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, file, old, by string
		change              func(*nrl.Pointer)
	}{
		{"extension is no array", "pointer.json", extension, strings.NewReplacer("[{\n", "{\n", "}],", "},").Replace(extension), nil},
		{"meta.version stands for versionId", "pointer.json", `"versionId"`, `"version"`, nil},
		{"meta.version in XML", "pointer.xml", `<versionId `, `<version `, nil},
		{"XML without a namespace", "pointer.xml", ` xmlns="http://hl7.org/fhir"`, ``, nil},
		{"no masterIdentifier", "pointer.json", `"masterIdentifier": {"system": "urn:ietf:rfc:3986", "value": "urn:oid:1.2.826.0.1.7"},`, ``, func(p *nrl.Pointer) {
			p.MasterIdentifier = nrl.Identifier{}
		}},
		{"the older profile has no class", "pointer.json", `"class": {"coding": [{"system": "http://snomed.info/sct", "code": "734163000", "display": "Care plan"}]},`, ``, func(p *nrl.Pointer) {
			p.Category = nrl.Coding{}
		}},
		{"superseded", "pointer.json", `"current"`, `"superseded"`, func(p *nrl.Pointer) { p.Status = nrl.StatusSuperseded }},
		{"a date that is none keeps its text", "pointer.json", `"2026-03-08"`, `"8 March 2026"`, func(p *nrl.Pointer) {
			p.Contents[0].Created = nrl.Date{Text: "8 March 2026"}
		}},
		{"a display that varies", "pointer.json", `"Mental health crisis plan"`, `"Crisis Plan"`, func(p *nrl.Pointer) { p.Type.Display = "Crisis Plan" }},
		{"an unknown type", "pointer.json", `"736253002"`, `"1"`, func(p *nrl.Pointer) { p.Type.Code = "1" }},
		{"a second coding is not the first", "pointer.json", `"display": "Mental health crisis plan"}`, `"display": "Mental health crisis plan"}, {"system": "urn:x", "code": "y"}`, nil},
		{"an empty display is none", "pointer.json", `"Static"`, `""`, nil},
		{"an unknown extension", "pointer.json", `ContentStability-1",`, `Other-1",`, func(p *nrl.Pointer) { p.Contents[0].Stability = "" }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := nrl.ParsePointer(edit(t, testdata(t, tt.file), tt.old, tt.by))
			if err != nil {
				t.Fatal(err)
			}
			want := wholePointer(t)
			if tt.change != nil {
				tt.change(&want)
			}
			if diff := cmp.Diff(want, got, valuesOnly); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestParsePointerRefuses(t *testing.T) {
	t.Parallel()
	malformed, unexpected := nrl.ErrMalformed, nrl.ErrUnexpectedResource
	for _, tt := range []struct {
		name, old, by string
		is            error
		text          string
	}{
		{"a missing status, which the models take for current", `"status": "current",`, ``, malformed, "status is missing"},
		{"an unknown status", `"current"`, `"draft"`, malformed, "status is none"},
		{"a missing id", `"id": "da2b6e8a-3c8f-11e8-baae-6c3be5a609f5-584d385036514c383142",`, ``, malformed, "id is missing"},
		{"another resource", `"DocumentReference"`, `"Patient"`, unexpected, "no DocumentReference"},
		{"no resource type", `"resourceType": "DocumentReference",`, ``, unexpected, "no DocumentReference"},
		{"a missing type", `"code": "736253002", `, ``, malformed, "type.coding.code is missing"},
		{"a type without codings", `"type": {"coding": [{"system": "http://snomed.info/sct", "code": "736253002", "display": "Mental health crisis plan"}]}`, `"type": {"text": "plan"}`, malformed, "type.coding.code is missing"},
		{"a missing subject", `"subject": {"reference": "https://demographics.spineservices.nhs.uk/STU3/Patient/9462205957"},`, ``, malformed, "subject.reference is missing"},
		{"a number that fails its check digit", `9462205957`, `9462205958`, malformed, "no valid NHS number"},
		{"a subject at another address", `https://demographics.spineservices`, `https://elsewhere.spineservices`, malformed, "not the address of an NHS number"},
		{"a number with a tail", `9462205957"`, `9462205957/_history/1"`, malformed, "not the address of an NHS number"},
		{"two subjects", `{"reference": "https://demographics.spineservices.nhs.uk/STU3/Patient/9462205957"}`, `[{"reference": "https://demographics.spineservices.nhs.uk/STU3/Patient/9462205957"}, {"reference": "https://demographics.spineservices.nhs.uk/STU3/Patient/9462205965"}]`, malformed, "subject is there more than once"},
		{"a missing author", `[{"reference": "https://directory.spineservices.nhs.uk/STU3/Organization/RGD"}]`, `[]`, malformed, "author.reference is missing"},
		{"two authors", `Organization/RGD"}`, `Organization/RGD"}, {"reference": "https://directory.spineservices.nhs.uk/STU3/Organization/RR8"}`, malformed, "author is there more than once"},
		{"a missing custodian", `"custodian": {"reference": "https://directory.spineservices.nhs.uk/STU3/Organization/RR8"},`, ``, malformed, "custodian.reference is missing"},
		{"a custodian that is no ODS code", `Organization/RR8`, `Organization/rr8!`, malformed, "custodian.reference is not"},
		{"no date of indexing", `"indexed": "2026-03-08T15:26:01+01:00",`, ``, malformed, "indexed is missing"},
		{"no content", `"content": [`, `"content": [], "other": [`, malformed, "content is missing"},
		{"a content that is null", `"content": [`, `"content": [null, `, malformed, "content is no object"},
		{"a content without a URL", `"url": "http://p1.nhs.uk/team"`, `"title": "team"`, malformed, "content.attachment.url is missing"},
		{"a content without a type", `"contentType": "text/html", `, ``, malformed, "content.attachment.contentType is missing"},
		{"a number where text is due", `"versionId": "3"`, `"versionId": 3`, malformed, "versionId is no text"},
		{"null where text is due", `"736253002"`, `null`, malformed, "code is no text"},
		{"text where an object is due", `{"coding": [{"system": "http://snomed.info/sct", "code": "734163000", "display": "Care plan"}]}`, `"Care plan"`, malformed, "class is no object"},
		{"a negative size", `"size": 5`, `"size": -5`, malformed, "size is no length"},
		{"a size in quotes", `"size": 5`, `"size": "5"`, malformed, "size is no length"},
		{"a hash that is no SHA-1", `"qvTGHdzF6KLavt4PO0gs2a6pQ00="`, `"aGVsbG8="`, malformed, "hash is no SHA-1"},
		{"another relation", `"replaces"`, `"transforms"`, malformed, "relatesTo.code is not replaces"},
		{"a modifier extension", `"status": "current",`, `"status": "current", "modifierExtension": [{"url": "urn:x"}],`, malformed, "modifierExtension, which is not understood"},
		{"a modifier extension in a content", `"attachment": {"contentType": "text/html"`, `"modifierExtension": [{"url": "urn:x"}], "attachment": {"contentType": "text/html"`, malformed, "modifierExtension, which is not understood"},
		{"implicit rules", `"status": "current",`, `"status": "current", "implicitRules": "urn:x",`, malformed, "implicitRules, which is not understood"},
		{"a member twice", `"status": "current",`, `"status": "superseded", "status": "current",`, unexpected, "twice"},
		{"a name in another case", `"status": "current",`, `"Status": "superseded", "status": "current",`, unexpected, "malformed FHIR"},
		{"another document behind it", "\n}\n", "\n} {}", unexpected, "follows the resource"},
		{"a cut text", "\n}\n", "", unexpected, "cut"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p, err := nrl.ParsePointer(edit(t, testdata(t, "pointer.json"), tt.old, tt.by))
			if !errors.Is(err, tt.is) || !strings.Contains(fmt.Sprint(err), tt.text) {
				t.Errorf("got %v, want %q wrapping %q", err, tt.text, tt.is)
			}
			if diff := cmp.Diff(nrl.Pointer{}, p, valuesOnly); diff != "" {
				t.Errorf("a pointer came with the error:\n%s", diff)
			}
		})
	}
}

// The texts that golang-fhir-models decodes in silence.
func TestParsePointerRefusesWhatModelsTake(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", " ", "null", "{}", "[]", `"x"`, "1", "<html><body>Sign in</body></html>",
		`{"resourceType":"Patient","id":"x"}`,
		`{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"invalid"}]}`,
		`{"resourcetype":"DocumentReference","id":"x"}`,
	} {
		if _, err := nrl.ParsePointer([]byte(text)); !errors.Is(err, nrl.ErrUnexpectedResource) {
			t.Errorf("%s: got %v, want an unexpected resource", text, err)
		}
	}
}

func TestPointerDoesNotPrintWhatMustNotLeak(t *testing.T) {
	t.Parallel()
	p, err := nrl.ParsePointer(testdata(t, "pointer.json"))
	if err != nil {
		t.Fatal(err)
	}
	bad := &nrl.EntryError{Index: 1, ID: "id-" + patientDigits, Raw: p.Raw(), Err: nrl.ErrWrongPatient}
	var out bytes.Buffer
	for _, v := range []any{p, &p, p.Contents[0], p.Contents, struct{ P nrl.Pointer }{p}, []nrl.Pointer{p}, bad, struct{ E *nrl.EntryError }{bad}} {
		fmt.Fprintf(&out, "%v %+v %#v %s %q\n", v, v, v, v, v)
		slog.New(slog.NewTextHandler(&out, nil)).Info("text", "v", v)
	}
	for _, v := range []any{p, p.Contents} {
		slog.New(slog.NewJSONHandler(&out, nil)).Info("json", "v", v)
		if err := json.NewEncoder(&out).Encode(v); err != nil {
			t.Fatal(err)
		}
	}
	for _, secret := range []string{patientDigits, "p1.nhs.uk", "RGD"} {
		if strings.Contains(out.String(), secret) {
			t.Errorf("%q is in the output:\n%s", secret, out.String())
		}
	}
	if !strings.Contains(out.String(), p.ID) {
		t.Error("the id is not in the output")
	}
}
