package mocks_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nrlgo/nrlgo/auth/nhs"
	"github.com/nrlgo/nrlgo/mocks"
)

// list is what the tests read of a searchset.
type list struct {
	ResourceType, Type string
	Total              int
	Entry              []struct {
		FullURL  string `json:"fullUrl"`
		Resource struct{ ID, Status string }
		Search   struct{ Mode string }
	}
}

// ids are those of a searchset in JSON, which must be well-formed.
func ids(t *testing.T, sp *mocks.Spine, r reply) []string {
	t.Helper()
	var l list
	if err := json.Unmarshal([]byte(r.body), &l); err != nil || r.status != 200 || l.ResourceType != "Bundle" || l.Type != "searchset" {
		t.Fatalf("status %d, %v: %s", r.status, err, r.body)
	}
	found := []string{}
	for _, e := range l.Entry {
		if e.FullURL != sp.NRLURL()+"/DocumentReference/"+e.Resource.ID || e.Search.Mode != "match" || e.Resource.Status != "current" {
			t.Errorf("entry %+v", e)
		}
		found = append(found, e.Resource.ID)
	}
	if l.Total != len(found) {
		t.Errorf("total %d of %d entries", l.Total, len(found))
	}
	return found
}

func TestSearchFinds(t *testing.T) {
	t.Parallel()
	sp, c := setup(t)
	other := nhs.MustParseNumber("9462206031")
	empty := nhs.MustParseNumber("9462205965")
	plan := string(sp.AddPointer(mocks.Pointer{Patient: number}))
	care := string(sp.AddPointer(mocks.Pointer{Patient: number, Custodian: "RGD", Type: mocks.Coding{Code: "736373009"}}))
	old := string(sp.AddPointer(mocks.Pointer{Patient: number, Status: "superseded"}))
	sp.AddPointer(mocks.Pointer{Patient: number, Status: "entered-in-error"})
	theirs := string(sp.AddPointer(mocks.Pointer{Patient: other}))
	sp.AddPatient(empty)
	sp.AddOrganisation(nhs.MustParseODSCode("X26"))
	subject := "subject=" + escape(subjectOf(patient))
	custodian := "&custodian=" + escape("https://directory.spineservices.nhs.uk/STU3/Organization/")
	for _, tt := range []struct {
		name, query string
		want        []string
	}{
		{"every current pointer of the patient", subject, []string{plan, care}},
		{"of a custodian", subject + custodian + "RGD", []string{care}},
		{"of a custodian, in the form before 2.1", subject + "&custodian.identifier=" + escape("https://fhir.nhs.uk/Id/ods-organization-code|RGD"), []string{care}},
		{"of a known custodian without pointers", subject + custodian + "X26", []string{}},
		{"of a type, as type.coding", subject + "&type.coding=" + escape("http://snomed.info/sct|736253002"), []string{plan}},
		{"of a type, as type", subject + "&type=" + escape("http://snomed.info/sct|736253002"), []string{plan}},
		{"of a custodian and a type of which none is", subject + custodian + "RGD&type=" + escape("http://snomed.info/sct|736253002"), []string{}},
		{"by id", "_id=" + plan, []string{plan}},
		{"by id, with _format", "_id=" + plan + "&_format=json", []string{plan}},
		{"by the id of one that is not current: none", "_id=" + old, []string{}},
		{"another patient's", "subject=" + escape(subjectOf("9462206031")), []string{theirs}},
		{"of a known patient without pointers: none", "subject=" + escape(subjectOf("9462205965")), []string{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := ids(t, sp, c.send(t, c.toNRL("/STU3/DocumentReference?"+tt.query)))
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
	t.Cleanup(func() {
		if v := sp.Violations(); v != nil {
			t.Errorf("violations %q", v)
		}
	})
}

func TestCountHasATotalAndNoEntries(t *testing.T) {
	t.Parallel()
	sp, c := setup(t)
	sp.AddPointer(mocks.Pointer{Patient: number})
	sp.AddPointer(mocks.Pointer{Patient: number})
	a := c.search()
	a.target += "&_summary=count"
	r := c.send(t, a)
	var l list
	if err := json.Unmarshal([]byte(r.body), &l); err != nil || l.Total != 2 || l.Entry != nil {
		t.Errorf("%v: %s", err, r.body)
	}
}

func TestHazardsOnRequest(t *testing.T) {
	t.Parallel()
	sp, c := setup(t)
	other := nhs.MustParseNumber("9462206031")
	wrong := sp.AddPointer(mocks.Pointer{Patient: other})
	sp.Misfile(wrong, number)
	sp.AddRawEntry(number, `{"resourceType":"DocumentReference","oops":[{`+"\n}]}")
	body := c.send(t, c.search()).body
	for _, want := range []string{subjectOf("9462206031"), `"total":2`, `"oops":[{` + "\n}]"} {
		if !strings.Contains(body, want) {
			t.Errorf("%q is not in %s", want, body)
		}
	}
}

func TestPointerIsReadAsItIsFound(t *testing.T) {
	t.Parallel()
	sp, c := setup(t)
	id := sp.AddPointer(mocks.Pointer{Patient: number})
	var found struct {
		Entry []struct{ Resource json.RawMessage }
	}
	if err := json.Unmarshal([]byte(c.send(t, c.search()).body), &found); err != nil {
		t.Fatal(err)
	}
	r := c.send(t, c.toNRL("/STU3/DocumentReference/"+string(id)))
	if diff := cmp.Diff(string(found.Entry[0].Resource), r.body); diff != "" || r.status != 200 || r.contentType != "application/fhir+json" {
		t.Errorf("status %d, %s: -want +got\n%s", r.status, r.contentType, diff)
	}
	sp.AddPointer(mocks.Pointer{ID: id, Patient: number, Version: "2"})
	if r := c.send(t, c.search()); !strings.Contains(r.body, `"versionId":"2"`) || !strings.Contains(r.body, `"total":1`) {
		t.Errorf("the second pointer of an id did not replace the first: %s", r.body)
	}
}

func TestRepresentationIsThatAskedFor(t *testing.T) {
	t.Parallel()
	sp, c := setup(t)
	sp.AddPointer(mocks.Pointer{Patient: number})
	for _, tt := range []struct{ name, accept, format, want string }{
		{"XML by default", "", "", "application/fhir+xml"},
		{"JSON by Accept", "application/fhir+json", "", "application/fhir+json"},
		{"JSON by an older name", "application/json+fhir", "", "application/fhir+json"},
		{"XML by Accept", "application/xml", "", "application/fhir+xml"},
		{"anything is XML", "*/*", "", "application/fhir+xml"},
		{"the first that is known", "image/png, application/json;q=0.9, */*", "", "application/fhir+json"},
		{"_format overrides Accept", "application/fhir+json", "xml", "application/fhir+xml"},
		{"_format as a MIME type", "application/fhir+xml", "application/fhir+json", "application/fhir+json"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := c.search()
			a.header["Accept"] = []string{tt.accept}
			if tt.accept == "" {
				delete(a.header, "Accept")
			}
			if tt.format != "" {
				a.target += "&_format=" + escape(tt.format)
			}
			r := c.send(t, a)
			if r.status != 200 || r.contentType != tt.want || (r.body[0] == '{') != (tt.want == "application/fhir+json") {
				t.Errorf("status %d, %s: %.40s", r.status, r.contentType, r.body)
			}
		})
	}
}

func TestNRLRefuses(t *testing.T) {
	t.Parallel()
	const current, older = "https://fhir.nhs.uk/STU3/StructureDefinition/Spine-OperationOutcome-1", "https://fhir.nhs.uk/STU3/StructureDefinition/spine-operationoutcome-1-0"
	const system, olderSystem = "https://fhir.nhs.uk/STU3/CodeSystem/Spine-ErrorOrWarningCode-1", "https://fhir.nhs.uk/STU3/ValueSet/Spine-ErrorOrWarningCode-1"
	sp, c := setup(t)
	sp.AddPointer(mocks.Pointer{Patient: number})
	old := sp.AddPointer(mocks.Pointer{Patient: number, Status: "superseded"})
	add := func(query string) func(*ask) { return func(a *ask) { a.target += query } }
	to := func(target string) func(*ask) { return func(a *ask) { a.target = "/STU3/DocumentReference" + target } }
	drop := func(name string) func(*ask) { return func(a *ask) { delete(a.header, name) } }
	set := func(name string, values ...string) func(*ask) { return func(a *ask) { a.header[name] = values } }
	for _, tt := range []struct {
		name        string
		edit        func(*ask)
		status      int
		issue, code string
		diagnostics string // part of it
	}{
		{"no fromASID", drop("fromASID"), 400, "invalid", "MISSING_OR_INVALID_HEADER", "fromASID HTTP Header is missing"},
		{"fromASID as http.Header.Set spells it", func(a *ask) {
			delete(a.header, "fromASID")
			a.header.Set("fromASID", mocks.ConsumerASID)
		}, 400, "invalid", "MISSING_OR_INVALID_HEADER", "fromASID HTTP Header is missing"},
		{"fromASID twice", set("fromASID", mocks.ConsumerASID, mocks.ConsumerASID), 400, "invalid", "MISSING_OR_INVALID_HEADER", "fromASID HTTP Header is repeated"},
		{"no toASID", drop("toASID"), 400, "invalid", "MISSING_OR_INVALID_HEADER", "toASID HTTP Header is missing"},
		{"another toASID", set("toASID", "200000000371"), 400, "invalid", "MISSING_OR_INVALID_HEADER", "toASID HTTP Header is invalid"},
		{"no Authorization", func(a *ask) { a.token = nil }, 400, "structure", "MISSING_OR_INVALID_HEADER", "The Authorisation header must be supplied"},
		{"an Authorization that is no Bearer", func(a *ask) {
			a.token = nil
			a.header.Set("Authorization", "Basic eA==")
		}, 400, "structure", "MISSING_OR_INVALID_HEADER", "The Authorisation header must be supplied"},
		{"an ASID that is not allowed", func(a *ask) {
			a.header["fromASID"] = []string{"999999999999"}
			a.claims["requesting_system"] = "https://fhir.nhs.uk/Id/accredited-system|999999999999"
		}, 403, "forbidden", "ACCESS_DENIED", "Access denied"},
		{"an ASID of another organisation", func(a *ask) {
			a.claims["requesting_organization"] = "https://fhir.nhs.uk/Id/ods-organization-code|RGD"
		}, 403, "forbidden", "ACCESS_DENIED", "Access denied"},
		{"an NHS number whose check digit is wrong", to("?subject=" + escape(subjectOf("9462205958"))), 400, "invalid", "INVALID_NHS_NUMBER", "9462205958"},
		{"an NHS number with spaces", to("?subject=" + escape(subjectOf("946 220 5957"))), 400, "invalid", "INVALID_NHS_NUMBER", ""},
		{"a patient who is not known", to("?subject=" + escape(subjectOf("9462206031"))), 404, "not-found", "NO_RECORD_FOUND", ""},
		{"a subject that is no patient's address", to("?subject=" + patient), 400, "invalid", "INVALID_PARAMETER", "subject"},
		{"no subject", to("?type=" + escape("http://snomed.info/sct|736253002")), 400, "invalid", "INVALID_PARAMETER", "subject is missing"},
		{"no parameter", to(""), 400, "invalid", "INVALID_PARAMETER", "subject is missing"},
		{"an unknown parameter", add("&status=current"), 400, "invalid", "INVALID_PARAMETER", "status is not supported"},
		{"a parameter twice", add("&subject=" + escape(subjectOf(patient))), 400, "invalid", "INVALID_PARAMETER", "subject is repeated"},
		{"a type without its system", add("&type=736253002"), 400, "invalid", "INVALID_PARAMETER", "type"},
		{"a custodian without its address", add("&custodian=RR8"), 400, "invalid", "INVALID_PARAMETER", "custodian"},
		{"an empty custodian", add("&custodian=" + escape("https://directory.spineservices.nhs.uk/STU3/Organization/")), 400, "invalid", "INVALID_PARAMETER", "custodian"},
		{"a custodian who is not known", add("&custodian=" + escape("https://directory.spineservices.nhs.uk/STU3/Organization/ZZZ")), 400, "not-found", "ORGANISATION_NOT_FOUND", ""},
		{"_id with another parameter", add("&_id=x"), 400, "invalid", "INVALID_PARAMETER", "_id"},
		{"a count with a type", add("&_summary=count&type=" + escape("http://snomed.info/sct|736253002")), 400, "invalid", "INVALID_PARAMETER", "_summary"},
		{"another summary", add("&_summary=text"), 400, "invalid", "INVALID_PARAMETER", "_summary"},
		{"a malformed query", to("?subject=%zz"), 400, "invalid", "INVALID_PARAMETER", "malformed"},
		{"an _id that is not known", to("?_id=none"), 404, "not-found", "NO_RECORD_FOUND", ""},
		{"an id that is not known", to("/none"), 404, "not-found", "NO_RECORD_FOUND", "none"},
		{"the id of a pointer that is not current", to("/" + string(old)), 400, "invalid", "BAD_REQUEST", "current"},
		{"a read with a parameter", to("/" + string(old) + "?_summary=count"), 400, "invalid", "INVALID_PARAMETER", "no parameter"},
		{"another path", func(a *ask) { a.target = "/STU3/Patient" }, 404, "value", "INVALID_REQUEST_MESSAGE", ""},
		{"another method", func(a *ask) { a.method = http.MethodPost }, 405, "value", "INVALID_REQUEST_MESSAGE", "GET"},
		{"an unknown representation", set("Accept", "text/csv"), 415, "invalid", "UNSUPPORTED_MEDIA_TYPE", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := c.search()
			tt.edit(&a)
			got := readOutcome(t, c.send(t, a))
			if !strings.Contains(got.Diagnostics, tt.diagnostics) {
				t.Errorf("diagnostics %q, want %q in it", got.Diagnostics, tt.diagnostics)
			}
			got.Diagnostics = ""
			want := outcome{current, "error", tt.issue, system, tt.code, ""}
			if tt.status == 415 {
				want.Profile, want.System = older, olderSystem
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			i := slices.IndexFunc(sp.Requests(), func(r mocks.Request) bool { return r.URI == a.target && r.Status == tt.status })
			if i < 0 {
				t.Errorf("no request was noted with status %d", tt.status)
			}
		})
	}
}

func TestRefusalComesInTheSyntaxAskedFor(t *testing.T) {
	t.Parallel()
	_, c := setup(t)
	a := c.search()
	delete(a.header, "Accept")
	r := c.send(t, a)
	if o := readOutcome(t, r); r.contentType != "application/fhir+xml" || r.status != 404 || o.Code != "NO_RECORD_FOUND" {
		t.Errorf("status %d, %s, %+v", r.status, r.contentType, o)
	}
}

func TestConsumersThatAreAllowed(t *testing.T) {
	t.Parallel()
	sp, c := setup(t)
	sp.AddPointer(mocks.Pointer{Patient: number})
	sp.AllowConsumer(nhs.MustParseASID("200000000999"), nhs.MustParseODSCode("B81001"))
	a := c.search()
	a.header["fromASID"] = []string{"200000000999"}
	a.claims["requesting_system"] = "https://fhir.nhs.uk/Id/accredited-system|200000000999"
	a.claims["requesting_organization"] = "https://fhir.nhs.uk/Id/ods-organization-code|B81001"
	if r := c.send(t, a); r.status != 200 {
		t.Errorf("status %d: %s", r.status, r.body)
	}
}

func TestViolationsThatTheNRLLetsPass(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		edit func(*ask)
		want string
	}{
		{"a cookie", func(a *ask) { a.header.Set("Cookie", "a=b") }, "NRL: Cookie was sent"},
		{"a referer", func(a *ask) { a.header.Set("Referer", "https://p1.nhs.uk/") }, "NRL: Referer was sent"},
		{"a header of the SSP", func(a *ask) { a.header["Ssp-From"] = []string{"1"} }, "NRL: Ssp-From was sent to the NRL"},
		{"a value that is not encoded", func(a *ask) { a.target = "/STU3/DocumentReference?subject=" + subjectOf(patient) }, "NRL: a parameter's value is not percent-encoded"},
		{"a body", func(a *ask) { a.body = "{}" }, "NRL: a body was sent"},
		{"an unknown claim", func(a *ask) { a.claims["azp"] = "x" }, "NRL: the JWT has an unknown claim"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			sp, c := setup(t)
			sp.AddPointer(mocks.Pointer{Patient: number})
			a := c.search()
			tt.edit(&a)
			if r := c.send(t, a); r.status != 200 {
				t.Errorf("status %d: %s", r.status, r.body)
			}
			if diff := cmp.Diff([]string{tt.want}, sp.Violations()); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestTokenIsNotSentAgain(t *testing.T) {
	t.Parallel()
	var clock clock
	sp, c := setup(t, mocks.WithClock(clock.now))
	sp.AddPointer(mocks.Pointer{Patient: number})
	a := c.search()
	c.send(t, a)
	c.send(t, a)
	if v := sp.Violations(); v != nil {
		t.Errorf("two tokens of one second may be equal: %q", v)
	}
	clock.advance(3 * time.Second)
	c.send(t, a)
	if diff := cmp.Diff([]string{"NRL: JWT reused"}, sp.Violations()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
