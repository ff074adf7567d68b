package nrl_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nrlgo/nrlgo/auth/nhs"
	"github.com/nrlgo/nrlgo/client/spine"
	"github.com/nrlgo/nrlgo/mocks"
	"github.com/nrlgo/nrlgo/nrl"
)

// found is what a search came to.
type found struct {
	ids      []string
	problems []error // with CodeIncomplete
	err      error   // that ended it
}

// search runs a search to its end, and faults a pointer behind a problem.
func search(t *testing.T, c *nrl.Client, q nrl.Query) found {
	t.Helper()
	var out found
	for p, err := range c.Search(t.Context(), requester, q) {
		switch {
		case err == nil:
			if out.problems != nil {
				t.Error("a pointer came behind a problem")
			}
			out.ids = append(out.ids, p.ID)
		case spine.CodeOf(err) == spine.CodeIncomplete:
			out.problems = append(out.problems, err)
		default:
			out.err = err
		}
	}
	noLeak(t, errors.Join(append(out.problems, out.err)...))
	return out
}

// noLeak faults an error that holds what it must not.
func noLeak(t *testing.T, err error) {
	t.Helper()
	text := fmt.Sprintf("%v %+v %#v", err, err, err)
	for _, secret := range []string{patientDigits, "9462205965", "https://", mocks.ConsumerASID, "eyJ"} {
		if strings.Contains(text, secret) {
			t.Errorf("%q is in the error %s", secret, text)
		}
	}
}

func TestSearchAsksAsDocumented(t *testing.T) {
	t.Parallel()
	const subject = "subject=https%3A%2F%2Fdemographics.spineservices.nhs.uk%2FSTU3%2FPatient%2F9462205957"
	for _, tt := range []struct {
		name  string
		query nrl.Query
		want  string
	}{
		{"by patient", nrl.Query{Patient: patient}, subject},
		{
			"by patient and owner",
			nrl.Query{Patient: patient, Custodian: nhs.MustParseODSCode("RR8")},
			subject + "&custodian=https%3A%2F%2Fdirectory.spineservices.nhs.uk%2FSTU3%2FOrganization%2FRR8",
		},
		{
			"by patient and type",
			nrl.Query{Patient: patient, Type: nrl.MentalHealthCrisisPlan},
			subject + "&type.coding=http%3A%2F%2Fsnomed.info%2Fsct%7C736253002",
		},
		{"by id, alone", nrl.Query{Patient: patient, ID: "a/b|c"}, "_id=a%2Fb%7Cc"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			sp, c, _ := mocked(t)
			sp.AddPointer(mocks.Pointer{Patient: patient, ID: "a/b|c"})
			if got := search(t, c, tt.query); got.err != nil || len(got.ids) != 1 || got.problems != nil {
				t.Fatalf("got %+v", got)
			}
			r := sp.Requests()
			if diff := cmp.Diff("/STU3/DocumentReference?"+tt.want, r[len(r)-1].URI); diff != "" {
				t.Errorf("request target (-want +got):\n%s", diff)
			}
			if v := sp.Violations(); len(v) > 0 {
				t.Errorf("the mock found %v", v)
			}
		})
	}
}

func TestQueriesThatAreNotSent(t *testing.T) {
	t.Parallel()
	sp, c, _ := mocked(t)
	ods := nhs.MustParseODSCode("RR8")
	for name, q := range map[string]nrl.Query{
		"nothing":                     {},
		"no patient":                  {Custodian: ods},
		"an id beside an owner":       {ID: "x", Custodian: ods},
		"an id beside a type":         {ID: "x", Type: nrl.MentalHealthCrisisPlan},
		"an id with a control":        {ID: "x\n"},
		"an id that a path loses":     {ID: ".."},
		"a type without a system":     {Patient: patient, Type: nrl.Coding{Code: "1"}},
		"a type without a code":       {Patient: patient, Type: nrl.Coding{System: "urn:x"}},
		"an id of many bytes":         {ID: strings.Repeat("x", 257)},
		"a type that is only a title": {Patient: patient, Type: nrl.Coding{Display: "Plan"}},
	} {
		got := search(t, c, q)
		if spine.CodeOf(got.err) != spine.CodeInvalid || !errors.Is(got.err, nrl.ErrQuery) {
			t.Errorf("%s: got %v, want an invalid query", name, got.err)
		}
	}
	if n := len(sp.Requests()); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
}

func TestSearchIsHonest(t *testing.T) {
	t.Parallel()
	other := nhs.MustParseNumber("9462205965")
	sp, c, audit := mocked(t)
	sp.AddRawEntry(patient, `{"resourceType":"DocumentReference","id":"broken","status":"current"}`)
	sp.AddPointer(mocks.Pointer{Patient: patient, ID: "first"})
	sp.Misfile(sp.AddPointer(mocks.Pointer{Patient: other, ID: "foreign"}), patient)
	sp.AddPointer(mocks.Pointer{Patient: patient, ID: "second", Legacy: true})
	sp.AddRawEntry(patient, `{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"exception","details":{"coding":[{"code":"INTERNAL_SERVER_ERROR"}]},"diagnostics":"9462205957"}]}`)

	got := search(t, c, nrl.Query{Patient: patient})
	if diff := cmp.Diff([]string{"first", "second"}, got.ids); diff != "" {
		t.Errorf("readable pointers (-want +got):\n%s", diff)
	}
	want := []struct {
		is    error
		id    string
		index int
		text  string
	}{
		{nrl.ErrMalformed, "broken", 0, "entry 1 is not shown"},
		{nrl.ErrWrongPatient, "foreign", 2, "entry 3 is not shown"},
		{nrl.ErrUnexpectedResource, "", 4, "the locator could not read it: INTERNAL_SERVER_ERROR"},
	}
	if len(got.problems) != len(want) || got.err != nil {
		t.Fatalf("got %+v", got)
	}
	for i, w := range want {
		bad, ok := errors.AsType[*nrl.EntryError](got.problems[i])
		if !ok || !errors.Is(got.problems[i], w.is) || bad.ID != w.id || bad.Index != w.index || len(bad.Raw) == 0 || !strings.Contains(got.problems[i].Error(), w.text) {
			t.Errorf("problem %d is %v, want %+v", i, got.problems[i], w)
		}
	}
	if !strings.Contains(audit.outcome(), "incomplete") {
		t.Errorf("the audit trail ends with %q, which says nothing of an incomplete list", audit.outcome())
	}
}

func TestSearchHidesWhatIsNotCurrent(t *testing.T) {
	t.Parallel()
	pointer := string(testdata(t, "pointer.json"))
	var entries []string
	for _, status := range []string{"superseded", "current", "entered-in-error"} {
		entries = append(entries, `{"resource":`+strings.Replace(pointer, `"current"`, `"`+status+`"`, 1)+`}`)
	}
	c, _ := answering(t, http.StatusOK, "application/fhir+json",
		`{"resourceType":"Bundle","type":"searchset","total":3,"entry":[`+strings.Join(entries, ",")+`]}`)
	got := search(t, c, nrl.Query{Patient: patient})
	if len(got.ids) != 1 || got.problems != nil || got.err != nil {
		t.Errorf("got %+v, want the current one and no problem", got)
	}
}

func TestSearchStopsWhenTheLoopBreaks(t *testing.T) {
	t.Parallel()
	sp, c, _ := mocked(t)
	for range 3 {
		sp.AddPointer(mocks.Pointer{Patient: patient})
	}
	sp.AddRawEntry(patient, `{}`)
	n := 0
	for _, err := range c.Search(t.Context(), requester, nrl.Query{Patient: patient}) {
		if n++; err != nil {
			t.Error(err)
		}
		break
	}
	if n != 1 {
		t.Errorf("%d turns, want 1", n)
	}
	pull := c.Search(t.Context(), requester, nrl.Query{Patient: patient})
	before := len(sp.Requests())
	for range 2 {
		for p, err := range pull {
			if n++; (err == nil) == (p.ID == "") {
				t.Errorf("turn %d gave %v and %v", n, p, err)
			}
		}
	}
	if got := len(sp.Requests()) - before; got != 2 || n != 9 {
		t.Errorf("two loops made %d requests and %d turns, want 2 and 9", got, n)
	}
}

func TestNoneIsNoError(t *testing.T) {
	t.Parallel()
	sp, c, _ := mocked(t)
	if got := search(t, c, nrl.Query{Patient: patient}); got.ids != nil || got.err != nil || got.problems != nil {
		t.Errorf("a patient unknown to the locator: %+v", got)
	}
	sp.AddPatient(patient)
	if got := search(t, c, nrl.Query{Patient: patient}); got.ids != nil || got.err != nil || got.problems != nil {
		t.Errorf("a patient without pointers: %+v", got)
	}
}

// bundle is a searchset with entries.
func bundle(total int, rest string) string {
	return fmt.Sprintf(`{"resourceType":"Bundle","type":"searchset","total":%d%s}`, total, rest)
}

func TestAnswersThatAreNoSearchset(t *testing.T) {
	t.Parallel()
	const fhirJSON, fhirXML = "application/fhir+json", "application/fhir+xml"
	for _, tt := range []struct {
		name        string
		status      int
		contentType string
		body        string
		code        spine.Code
		is          error
	}{
		{"a login page", 200, "text/html", "<html>Sign in</html>", spine.CodeUnexpected, nrl.ErrContentType},
		{"a login page that says it is FHIR", 200, fhirXML, "<html><body>Sign in</body></html>", spine.CodeUnexpected, nrl.ErrUnexpectedResource},
		{"JSON that says it is XML", 200, fhirXML, bundle(0, ""), spine.CodeUnexpected, nrl.ErrContentType},
		{"no content type", 200, "", bundle(0, ""), spine.CodeUnexpected, nrl.ErrContentType},
		{"an empty body", 200, fhirJSON, "", spine.CodeUnexpected, nrl.ErrUnexpectedResource},
		{"null", 200, fhirJSON, "null", spine.CodeUnexpected, nrl.ErrUnexpectedResource},
		{"an empty object", 200, fhirJSON, "{}", spine.CodeUnexpected, nrl.ErrUnexpectedResource},
		{"a patient", 200, fhirJSON, `{"resourceType":"Patient"}`, spine.CodeUnexpected, nrl.ErrUnexpectedResource},
		{"another kind of bundle", 200, fhirJSON, `{"resourceType":"Bundle","type":"collection","total":0}`, spine.CodeUnexpected, nrl.ErrUnexpectedResource},
		{"no total", 200, fhirJSON, `{"resourceType":"Bundle","type":"searchset"}`, spine.CodeUnexpected, nrl.ErrMalformed},
		{"a total in quotes", 200, fhirJSON, `{"resourceType":"Bundle","type":"searchset","total":"0"}`, spine.CodeUnexpected, nrl.ErrMalformed},
		{"a negative total", 200, fhirJSON, bundle(-1, ""), spine.CodeUnexpected, nrl.ErrMalformed},
		{"a member twice", 200, fhirJSON, bundle(0, `,"total":0`), spine.CodeUnexpected, nrl.ErrUnexpectedResource},
		{"a second document", 200, fhirJSON, bundle(0, "") + bundle(0, ""), spine.CodeUnexpected, nrl.ErrUnexpectedResource},
		{"no content", 204, fhirJSON, "", spine.CodeUnexpected, spine.ErrStatus},
		{"a 404 that is none of the locator's", 404, "text/html", "<html>no such page</html>", spine.CodeUnexpected, spine.ErrStatus},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, audit := answering(t, tt.status, tt.contentType, tt.body)
			got := search(t, c, nrl.Query{Patient: patient})
			if spine.CodeOf(got.err) != tt.code || !errors.Is(got.err, tt.is) || got.ids != nil || got.problems != nil {
				t.Errorf("got %+v, want code %s wrapping %v", got, tt.code, tt.is)
			}
			if _, err := c.Count(t.Context(), requester, nrl.Query{Patient: patient}); spine.CodeOf(err) != tt.code || !errors.Is(err, tt.is) {
				t.Errorf("count: %v", err)
			}
			if audit.outcome() == "ok" {
				t.Error("the audit trail ends with ok")
			}
		})
	}
}

func TestOutcomeWithStatus200KeepsItsCode(t *testing.T) {
	t.Parallel()
	c, _ := answering(t, http.StatusOK, "application/fhir+json",
		`{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"forbidden","details":{"coding":[{"code":"ACCESS DENIED"}]}}]}`)
	got := search(t, c, nrl.Query{Patient: patient})
	e, ok := errors.AsType[*spine.Error](got.err)
	if !ok || e.Code != spine.CodeUnexpected || e.SpineCode != "ACCESS_DENIED" || e.Status != http.StatusOK {
		t.Errorf("got %v", got.err)
	}
}

func TestListsThatMayNotBeWhole(t *testing.T) {
	t.Parallel()
	entry := `,"entry":[{"resource":` + string(testdata(t, "pointer.json")) + `}]`
	next := `,"link":[{"relation":"self","url":"x"},{"relation":"next","url":"https://spine.example/next"}]`
	for _, tt := range []struct {
		name, body string
		is         error
	}{
		{"more announced than there are", bundle(2, entry), nrl.ErrTotal},
		{"fewer announced than there are", bundle(0, entry), nrl.ErrTotal},
		{"a next page", bundle(1, entry+next), nrl.ErrMorePages},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, _ := answering(t, http.StatusOK, "application/fhir+json", tt.body)
			got := search(t, c, nrl.Query{Patient: patient})
			if len(got.ids) != 1 || len(got.problems) != 1 || !errors.Is(got.problems[0], tt.is) || got.err != nil {
				t.Errorf("got %+v, want one pointer and %v", got, tt.is)
			}
		})
	}
}

func TestSearchByIDShowsNoOther(t *testing.T) {
	t.Parallel()
	c, _ := answering(t, http.StatusOK, "application/fhir+json", bundle(1, `,"entry":[{"resource":`+string(testdata(t, "pointer.json"))+`}]`))
	got := search(t, c, nrl.Query{ID: "another"})
	if len(got.ids) != 0 || len(got.problems) != 1 || !errors.Is(got.problems[0], nrl.ErrUnexpectedResource) {
		t.Errorf("got %+v, want the pointer withheld", got)
	}
}

func TestPublishedSearchsets(t *testing.T) {
	t.Parallel()
	valid, invalid := nhs.MustParseNumber("9876543210"), nhs.MustParseNumber(patientDigits)
	for _, tt := range []struct {
		file     string
		patient  nhs.Number
		pointers int
		problems int
		is       error
	}{
		{"search_response_single_pointer.xml", valid, 1, 0, nil},
		{"search_response_single_pointer.xml", invalid, 0, 1, nrl.ErrWrongPatient},
		{"search_response_empty.xml", valid, 0, 0, nil},
		// Its patient's number fails the check digit in both entries.
		{"search_response_multiple_pointers.xml", valid, 0, 2, nrl.ErrMalformed},
	} {
		t.Run(tt.file, func(t *testing.T) {
			t.Parallel()
			c, _ := answering(t, http.StatusOK, "application/fhir+xml", string(fixture(t, tt.file)))
			got := search(t, c, nrl.Query{Patient: tt.patient})
			if len(got.ids) != tt.pointers || len(got.problems) != tt.problems || got.err != nil {
				t.Fatalf("got %+v", got)
			}
			for _, p := range got.problems {
				if _, ok := errors.AsType[*nrl.EntryError](p); !ok || !errors.Is(p, tt.is) {
					t.Errorf("got %v, want an entry error wrapping %v", p, tt.is)
				}
			}
		})
	}
	for file, want := range map[string]int{"search_response_summary_count0.xml": 0, "search_response_summary_count3.xml": 3} {
		c, _ := answering(t, http.StatusOK, "application/fhir+xml", string(fixture(t, file)))
		if n, err := c.Count(t.Context(), requester, nrl.Query{Patient: valid}); n != want || err != nil {
			t.Errorf("%s: got %d, %v", file, n, err)
		}
	}
}
