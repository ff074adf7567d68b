package nrl_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nrlgo/nrlgo/auth/nhs"
	"github.com/nrlgo/nrlgo/client/spine"
	"github.com/nrlgo/nrlgo/mocks"
	"github.com/nrlgo/nrlgo/nrl"
)

func TestNewReportsEveryFault(t *testing.T) {
	t.Parallel()
	_, err := nrl.New(nrl.Config{Base: &url.URL{Scheme: "http", Host: "spine.example"}})
	if err == nil {
		t.Fatal("an empty Config made a Client")
	}
	for _, want := range []string{"Exchange is missing", "Base is not an https URL", "Audience is missing"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %q", want, err)
		}
	}
}

func TestRead(t *testing.T) {
	t.Parallel()
	other := nhs.MustParseNumber("9462205965")
	sp, c, audit := mocked(t)
	sp.AddPointer(mocks.Pointer{Patient: patient, ID: "with/slash|and%"})
	sp.AddPointer(mocks.Pointer{Patient: patient, ID: "old", Status: "superseded"})
	for _, tt := range []struct {
		name, id string
		expect   nhs.Number
		code     spine.Code
		is       error
	}{
		{"the expected patient's", "with/slash|and%", patient, 0, nil},
		{"any patient's", "with/slash|and%", nhs.Number{}, 0, nil},
		{"another patient's", "with/slash|and%", other, spine.CodeIncomplete, nrl.ErrWrongPatient},
		{"no such pointer", "nowhere", patient, spine.CodeNoRecord, spine.ErrStatus},
		{"one that is not current", "old", patient, spine.CodeInvalid, spine.ErrStatus},
		{"no id", "", patient, spine.CodeInvalid, nrl.ErrQuery},
		{"an id that a path loses", "..", patient, spine.CodeInvalid, nrl.ErrQuery},
	} {
		p, err := c.Read(t.Context(), requester, tt.id, tt.expect)
		noLeak(t, err)
		if tt.is == nil {
			if err != nil || p.ID != tt.id || p.Patient != patient {
				t.Errorf("%s: got %v, %v", tt.name, p, err)
			}
			continue
		}
		if spine.CodeOf(err) != tt.code || !errors.Is(err, tt.is) {
			t.Errorf("%s: got %v, want code %s wrapping %v", tt.name, err, tt.code, tt.is)
		}
		if diff := cmp.Diff(nrl.Pointer{}, p, valuesOnly); diff != "" {
			t.Errorf("%s: a pointer came with the error", tt.name)
		}
	}
	if got := sp.Requests()[0].URI; got != "/STU3/DocumentReference/with%2Fslash%7Cand%25" {
		t.Errorf("request target %s", got)
	}
	audit.mu.Lock()
	defer audit.mu.Unlock()
	for _, e := range audit.entries { // the second Read named no patient
		if e.Kind == spine.AuditResponse && e.PointerID == "with/slash|and%" && e.Patient.IsZero() {
			t.Error("the line of a response does not name the returned patient")
		}
	}
}

func TestReadRefusesAnotherAnswer(t *testing.T) {
	t.Parallel()
	pointer := string(testdata(t, "pointer.json"))
	const id = "da2b6e8a-3c8f-11e8-baae-6c3be5a609f5-584d385036514c383142"
	for _, tt := range []struct {
		name, id, body string
		code           spine.Code
		is             error
	}{
		{"another id", "another", pointer, spine.CodeUnexpected, nrl.ErrUnexpectedResource},
		{"not current, by a locator that shows it", id, strings.Replace(pointer, `"current"`, `"superseded"`, 1), spine.CodeIncomplete, nrl.ErrNotCurrent},
		{"a searchset", id, bundle(0, ""), spine.CodeUnexpected, nrl.ErrUnexpectedResource},
		{"a patient", id, `{"resourceType":"Patient","id":"` + id + `"}`, spine.CodeUnexpected, nrl.ErrUnexpectedResource},
		{"nothing", id, "null", spine.CodeUnexpected, nrl.ErrUnexpectedResource},
		{"without a status", id, strings.Replace(pointer, `"status": "current",`, "", 1), spine.CodeUnexpected, nrl.ErrMalformed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, _ := answering(t, http.StatusOK, "application/fhir+json", tt.body)
			p, err := c.Read(t.Context(), requester, tt.id, nhs.Number{})
			noLeak(t, err)
			if spine.CodeOf(err) != tt.code || !errors.Is(err, tt.is) || p.ID != "" {
				t.Errorf("got %v, %v, want code %s wrapping %v", p, err, tt.code, tt.is)
			}
		})
	}
}

func TestAnswersAreTakenInBothSyntaxes(t *testing.T) {
	t.Parallel()
	for contentType, file := range map[string]string{
		"application/fhir+json; charset=utf-8": "pointer.json", "application/json+fhir": "pointer.json", "text/json": "pointer.json",
		"application/fhir+xml": "pointer.xml", "application/xml+fhir;charset=UTF-8": "pointer.xml", "application/xml": "pointer.xml",
	} {
		for _, mark := range []string{"", "\ufeff"} {
			c, _ := answering(t, http.StatusOK, contentType, mark+string(testdata(t, file)))
			p, err := c.Read(t.Context(), requester, wholePointer(t).ID, patient)
			if err != nil {
				t.Errorf("%s: %v", contentType, err)
				continue
			}
			if diff := cmp.Diff(wholePointer(t), p, valuesOnly); diff != "" {
				t.Errorf("%s (-want +got):\n%s", contentType, diff)
			}
		}
	}
}

func TestCount(t *testing.T) {
	t.Parallel()
	sp, c, _ := mocked(t)
	count := func(want int) {
		t.Helper()
		if n, err := c.Count(t.Context(), requester, nrl.Query{Patient: patient}); n != want || err != nil {
			t.Errorf("got %d, %v, want %d", n, err, want)
		}
	}
	count(0) // unknown to the locator
	sp.AddPatient(patient)
	count(0)
	for range 3 {
		sp.AddPointer(mocks.Pointer{Patient: patient})
	}
	count(3)
	const want = "/STU3/DocumentReference?subject=https%3A%2F%2Fdemographics.spineservices.nhs.uk%2FSTU3%2FPatient%2F9462205957&_summary=count"
	r := sp.Requests()
	if diff := cmp.Diff(want, r[len(r)-1].URI); diff != "" {
		t.Errorf("request target (-want +got):\n%s", diff)
	}
	for name, q := range map[string]nrl.Query{
		"no patient": {}, "an id": {ID: "x"}, "an owner": {Patient: patient, Custodian: nhs.MustParseODSCode("RR8")},
		"a type": {Patient: patient, Type: nrl.MentalHealthCrisisPlan},
	} {
		if _, err := c.Count(t.Context(), requester, q); spine.CodeOf(err) != spine.CodeInvalid || !errors.Is(err, nrl.ErrQuery) {
			t.Errorf("%s: got %v, want an invalid query", name, err)
		}
	}
	if len(sp.Requests()) != len(r) {
		t.Error("a refused query was sent")
	}
}

// The triggers of the national test bench.
func TestDocumentedRefusals(t *testing.T) {
	t.Parallel()
	_, c, _ := mocked(t, mocks.WithTestBench())
	for digits, want := range map[string]struct {
		code  spine.Code
		spine string
	}{
		"9462205655": {spine.CodeInvalid, "INVALID_NHS_NUMBER"},
		"9462205671": {spine.CodeInvalid, "INVALID_PARAMETER"},
		"9462205833": {spine.CodeInvalid, "MISSING_OR_INVALID_HEADER"},
		"9462205841": {spine.CodeInvalid, "UNSUPPORTED_MEDIA_TYPE"},
	} {
		got := search(t, c, nrl.Query{Patient: nhs.MustParseNumber(digits)})
		e, ok := errors.AsType[*spine.Error](got.err)
		if !ok || e.Code != want.code || e.SpineCode != want.spine || e.Origin != spine.OriginNRL || e.Outcome == nil || e.Attempts != 1 {
			t.Errorf("%s: got %v, want %s", want.spine, got.err, want.code)
		}
	}
	for digits, want := range map[string]int{"9462205957": 2, "9462206031": 2, "9462205965": 0, "9462205701": 0} {
		got := search(t, c, nrl.Query{Patient: nhs.MustParseNumber(digits)})
		if len(got.ids) != want || got.err != nil || got.problems != nil {
			t.Errorf("%s: got %+v, want %d pointers", digits, got, want)
		}
	}
}
