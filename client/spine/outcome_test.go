package spine_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nrlgo/nrlgo/client/spine"
)

const (
	spineSystem = "https://fhir.nhs.uk/STU3/CodeSystem/Spine-ErrorOrWarningCode-1"
	sspSystem   = "http://fhir.nhs.net/ValueSet/gpconnect-schedule-response-code-1-0"
)

// outcomeJSON and outcomeXML write the same outcome of one issue, as the
// services do (NRL error page, SSP page).
func outcomeJSON(severity, issue, system, code, display, diagnostics string) string {
	return fmt.Sprintf(`{"resourceType":"OperationOutcome","id":"a","meta":{"profile":["https://fhir.nhs.uk/STU3/StructureDefinition/Spine-OperationOutcome-1"]},`+
		`"issue":[{"severity":%q,"code":%q,"details":{"coding":[{"system":%q,"code":%q,"display":%q}]},"diagnostics":%q}]}`, severity, issue, system, code, display, diagnostics)
}

func outcomeXML(severity, issue, system, code, display, diagnostics string) string {
	return fmt.Sprintf(`<OperationOutcome xmlns="http://hl7.org/fhir"><issue><severity value=%q/><code value=%q/><details><coding><system value=%q/><code value=%q/><display value=%q/></coding></details><diagnostics value=%q/></issue></OperationOutcome>`,
		severity, issue, system, code, display, diagnostics)
}

func TestParseOutcome(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, severity, issue, system, code, text, want string }{
		{"a parameter", "error", "invalid", spineSystem, "INVALID_PARAMETER", "Invalid parameter", "INVALID_PARAMETER"},
		{"a message", "error", "value", spineSystem, "INVALID_REQUEST_MESSAGE", "", "INVALID_REQUEST_MESSAGE"},
		{"a number", "error", "invalid", spineSystem, "INVALID_NHS_NUMBER", "The NHS number does not conform: " + patient, "INVALID_NHS_NUMBER"},
		{"a header", "error", "structure", spineSystem, "MISSING_OR_INVALID_HEADER", "The Authorisation header must be supplied", "MISSING_OR_INVALID_HEADER"},
		{"an organisation", "error", "not-found", spineSystem, "ORGANISATION_NOT_FOUND", "", "ORGANISATION_NOT_FOUND"},
		{"no record, another system", "error", "not-found", "https://fhir.nhs.uk/STU3/ValueSet/Spine-ErrorOrWarningCode-1", "NO_RECORD_FOUND", "No record found", "NO_RECORD_FOUND"},
		{"access denied, with a blank", "error", "forbidden", spineSystem, "ACCESS DENIED", "", "ACCESS_DENIED"},
		{"a media type", "error", "invalid", "https://fhir.nhs.uk/x/spine-response-code-1-0", "UNSUPPORTED_MEDIA_TYPE", "", "UNSUPPORTED_MEDIA_TYPE"},
		{"another URL", "error", "processing", sspSystem, "400", "ENDPOINT_https://p1.nhs.uk/crisis_CPAID_" + patient + "_VARIES_FROM_TARGETURL_https://p1.nhs.uk/x", "ENDPOINT_VARIES_FROM_TARGETURL"},
		{"the sender", "error", "forbidden", sspSystem, "403", "ASID_CHECK_FAILED_MESSAGESENDER_200000000115", "ASID_CHECK_FAILED_MESSAGESENDER"},
		{"the receiver", "error", "forbidden", sspSystem, "403", "PARTYKEY_INTERACTION_CHECK_FAILED_MESSAGERECEIVER_200000000240", "PARTYKEY_INTERACTION_CHECK_FAILED_MESSAGERECEIVER"},
		{"no agreement", "error", "forbidden", sspSystem, "403", "FOT_CHECK_FAILED_MESSAGESENDER_200000000115_MESSAGERECEIVER_200000000240", "FOT_CHECK_FAILED"},
		{"unreachable", "error", "transient", sspSystem, "502", "ERROR_COMMUNICATING_TO_ENDPOINT_URL_https://p1.nhs.uk/crisis", "ERROR_COMMUNICATING_TO_ENDPOINT_URL"},
		{"a text of the SSP without a code", "fatal", "processing", "", "", "FOT_CHECK_FAILED_MESSAGESENDER_200000000115", "FOT_CHECK_FAILED"},
		{"a status and another text", "error", "processing", sspSystem, "403", "patient " + patient, ""},
		{"no code", "error", "processing", "", "", "patient " + patient, ""},
		{"an identifier as code", "error", "processing", spineSystem, patient, "", ""},
		{"small letters as code", "error", "processing", spineSystem, "mrs_jones", "", ""},
		{"a long code", "error", "processing", spineSystem, strings.Repeat("A", 65), "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for syntax, write := range map[string]func(a, b, c, d, e, f string) string{"JSON": outcomeJSON, "XML": outcomeXML} {
				o, err := spine.ParseOutcome([]byte(write(tt.severity, tt.issue, tt.system, tt.code, tt.text, tt.text)))
				if err != nil {
					t.Errorf("%s: %v", syntax, err)
					continue
				}
				want := []spine.Issue{{Severity: tt.severity, Type: tt.issue, System: tt.system, Code: tt.code, Display: tt.text, Diagnostics: tt.text}}
				if diff := cmp.Diff(want, o.Issues); diff != "" || o.SpineCode() != tt.want {
					t.Errorf("%s: code %q, want %q; -want +got\n%s", syntax, o.SpineCode(), tt.want, diff)
				}
				new(bed).discreet(t, o.String())
			}
		})
	}
}

func TestOutcomeOfSeveralIssues(t *testing.T) {
	t.Parallel()
	o, err := spine.ParseOutcome([]byte(`{"resourceType":"OperationOutcome","issue":[{"severity":"fatal","code":"x","expression":["a","b"],"details":{"text":"t"}},` +
		`{"details":{"coding":{"code":"NO_RECORD_FOUND"}}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	want := []spine.Issue{{Severity: "fatal", Type: "x", Text: "t", Expressions: []string{"a", "b"}}, {Code: "NO_RECORD_FOUND"}}
	if diff := cmp.Diff(want, o.Issues); diff != "" || o.SpineCode() != "NO_RECORD_FOUND" {
		t.Errorf("code %q; -want +got\n%s", o.SpineCode(), diff)
	}
}

func TestTextsThatAreNoOutcome(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"nothing":          "",
		"HTML":             "<html><title>500: Internal Server Error</title><body>" + patient + "</body></html>",
		"HTML5":            "<!DOCTYPE html><p>" + patient,
		"another resource": `{"resourceType":"Patient","id":"` + patient + `"}`,
		"no resource":      `{"issue":[{"code":"` + patient + `"}]}`,
		"no issue":         `{"resourceType":"OperationOutcome","issue":[]}`,
		"malformed":        `{"resourceType":"OperationOutcome","issue":[{"code":"` + patient,
		"JSON of others":   `{"message":"` + patient + `"}`,
	} {
		o, err := spine.ParseOutcome([]byte(text))
		if o != nil || !errors.Is(err, spine.ErrOutcome) {
			t.Errorf("%s: %v, %v", name, o, err)
			continue
		}
		new(bed).discreet(t, err.Error())
	}
}

func TestOutcomesPrintAsAMask(t *testing.T) {
	t.Parallel()
	b := new(bed)
	o, err := spine.ParseOutcome([]byte(outcome("NO_RECORD_FOUND")))
	if err != nil {
		t.Fatal(err)
	}
	e := &spine.Error{Op: spine.OpRead, Outcome: o, Err: spine.ErrStatus}
	for _, v := range []any{o, *o, o.Issues, o.Issues[0], &o.Issues[0], e, *e} {
		text, err := json.Marshal(v)
		if err != nil {
			t.Error(err)
		}
		b.discreet(t, string(text))
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
			b.discreet(t, fmt.Sprintf(verb, v), fmt.Sprintf(verb, struct{ V any }{v}))
		}
	}
	if got, want := o.String(), "OperationOutcome NO_RECORD_FOUND (1 issues, texts hidden)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	e.Err = errors.New("text with \x00, \u007f and \"")
	var text string
	if raw, err := json.Marshal(e); err != nil || json.Unmarshal(raw, &text) != nil || text != e.Error() {
		t.Errorf("an error is no JSON string: %v, %q", err, text)
	}
}

// Outcomes as published, which are no part of the project.
func TestPublishedOutcomes(t *testing.T) {
	t.Parallel()
	dir := os.Getenv("NRL_FIXTURES")
	if dir == "" {
		t.Skip("NRL_FIXTURES is not set: the published examples are not part of the project")
	}
	for name, want := range map[string]string{
		"nrl-stu3/create_response.json": "RESOURCE_CREATED", "nrl-stu3/create_response.xml": "RESOURCE_CREATED",
		"nrl-stu3/update_response.json": "RESOURCE_UPDATED", "nrl-stu3/update_response.xml": "RESOURCE_UPDATED",
		"nrl-stu3/delete_response.json": "RESOURCE_DELETED", "nrl-stu3/delete_response.xml": "RESOURCE_DELETED",
		"nrl-v3/readDocumentReference_4XX.json": "VALIDATION_ERROR", "nrl-v3/searchDocumentReference_4XX.json": "INVALID_PARAMETER",
	} {
		text, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
		if err != nil {
			t.Error(err)
			continue
		}
		o, err := spine.ParseOutcome(text)
		if err != nil || o.SpineCode() != want {
			t.Errorf("%s: %v, %v, want %s", name, o, err, want)
		}
	}
}

func FuzzParseOutcome(f *testing.F) {
	f.Add([]byte(outcome("NO_RECORD_FOUND")))
	f.Add([]byte(outcomeXML("error", "x", sspSystem, "403", "FOT_CHECK_FAILED_1", "FOT_CHECK_FAILED_1")))
	f.Add([]byte("<html>"))
	f.Fuzz(func(t *testing.T, text []byte) {
		o, err := spine.ParseOutcome(text)
		if err != nil {
			if o != nil || !errors.Is(err, spine.ErrOutcome) {
				t.Fatalf("%v, %v", o, err)
			}
			return
		}
		if len(o.Issues) == 0 {
			t.Error("an outcome without issues")
		}
		if code := o.SpineCode(); strings.Trim(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") != "" {
			t.Errorf("code %q may hold an identifier", code)
		}
	})
}
