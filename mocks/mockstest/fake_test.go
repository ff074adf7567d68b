package mockstest_test

import (
	"context"
	"errors"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nrlgo/nrlgo/auth/nhs"
	"github.com/nrlgo/nrlgo/client"
	"github.com/nrlgo/nrlgo/client/spine"
	"github.com/nrlgo/nrlgo/mocks"
	"github.com/nrlgo/nrlgo/mocks/mockstest"
	"github.com/nrlgo/nrlgo/nrl"
	"github.com/nrlgo/nrlgo/ssp"
)

const recordURL = "https://p1.nhs.uk/my doc?id=1"

var (
	patient  = nhs.MustParseNumber("9462205957")
	stranger = nhs.MustParseNumber("9462206031")
	careplan = mocks.Coding{Code: "736373009", Display: "End of life care plan"}
)

// world is the same for a mock and for a fake: what a test can tell apart is
// a difference between them.
func world(t *testing.T) map[string]mockstest.Consumer {
	t.Helper()
	pointers := []mocks.Pointer{
		{ID: "plan", Patient: patient, Contents: []mocks.Content{{URL: recordURL}}},
		{ID: "care", Patient: patient, Custodian: "RGD", Type: careplan, Contents: []mocks.Content{{URL: "https://p1.nhs.uk/none"}}},
		{ID: "old", Patient: patient, Status: "superseded"},
		{ID: "theirs", Patient: stranger, Contents: []mocks.Content{{URL: recordURL, ContentType: "text/html"}}},
	}
	sp, fake := mocks.Run(t), mockstest.NewFake(t)
	for _, p := range pointers {
		sp.AddPointer(p)
		fake.Add(mockstest.Pointer(t, p))
	}
	sp.Serve(mocks.Record{URL: recordURL, Body: []byte("%PDF")})
	fake.Serve(recordURL, "application/pdf", []byte("%PDF"))
	return map[string]mockstest.Consumer{"mock": mockstest.Session(t, sp), "fake": fake}
}

// answer is what a call came to, in words.
type answer struct {
	IDs    []string
	Total  int
	Body   string
	Codes  []client.Code
	Spine  string
	Status int
	Is     []string // sentinels
}

func (a *answer) failed(err error) {
	if err == nil {
		return
	}
	a.Codes = append(a.Codes, client.CodeOf(err))
	if e, ok := errors.AsType[*client.Error](err); ok {
		a.Spine, a.Status = e.SpineCode, e.Status
	}
	for name, sentinel := range map[string]error{
		"ErrQuery": nrl.ErrQuery, "ErrWrongPatient": nrl.ErrWrongPatient, "ErrContentType": ssp.ErrContentType, "ErrNotCurrent": ssp.ErrNotCurrent,
	} {
		if errors.Is(err, sentinel) {
			a.Is = append(a.Is, name)
		}
	}
}

// TestFakeAnswersAsAClientOfAMock makes the same calls to both.
func TestFakeAnswersAsAClientOfAMock(t *testing.T) {
	t.Parallel()
	search := func(q nrl.Query) func(*testing.T, mockstest.Consumer) answer {
		return func(t *testing.T, c mockstest.Consumer) (a answer) {
			t.Helper()
			for p, err := range c.Search(t.Context(), q) {
				if err == nil {
					a.IDs = append(a.IDs, p.ID)
				}
				a.failed(err)
			}
			return a
		}
	}
	read := func(id string, expect nhs.Number) func(*testing.T, mockstest.Consumer) answer {
		return func(t *testing.T, c mockstest.Consumer) (a answer) {
			t.Helper()
			p, err := c.Read(t.Context(), id, expect)
			if err == nil {
				a.IDs = []string{p.ID}
			}
			a.failed(err)
			return a
		}
	}
	count := func(q nrl.Query) func(*testing.T, mockstest.Consumer) answer {
		return func(t *testing.T, c mockstest.Consumer) (a answer) {
			t.Helper()
			total, err := c.Count(t.Context(), q)
			a.Total = total
			a.failed(err)
			return a
		}
	}
	retrieve := func(id string, opts ...ssp.Option) func(*testing.T, mockstest.Consumer) answer {
		return func(t *testing.T, c mockstest.Consumer) (a answer) {
			t.Helper()
			p, err := c.Read(t.Context(), id, nhs.Number{})
			if err != nil {
				t.Fatal(err)
			}
			r, err := c.Retrieve(t.Context(), p, opts...)
			a.failed(err)
			if err != nil {
				return a
			}
			body, err := io.ReadAll(r)
			a.failed(errors.Join(err, r.Close()))
			a.Body = r.Kind().String() + " " + r.ContentType() + " " + string(body)
			return a
		}
	}
	id := func(id string) nrl.Query { return nrl.Query{ID: id} }
	both := world(t)
	for name, call := range map[string]func(*testing.T, mockstest.Consumer) answer{
		"search by patient":                     search(nrl.Query{Patient: patient}),
		"search by custodian":                   search(nrl.Query{Patient: patient, Custodian: nhs.MustParseODSCode("RGD")}),
		"search by type":                        search(nrl.Query{Patient: patient, Type: nrl.Coding{System: "http://snomed.info/sct", Code: careplan.Code}}),
		"search by id":                          search(id("care")),
		"search by id of another patient":       search(nrl.Query{ID: "care", Patient: stranger}),
		"search by id of one that is not there": search(id("none")),
		"search for nobody":                     search(nrl.Query{}),
		"search by id and custodian":            search(nrl.Query{ID: "care", Custodian: nhs.MustParseODSCode("RGD")}),
		"search for an unknown patient":         search(nrl.Query{Patient: nhs.MustParseNumber("9462205965")}),
		"read":                                  read("plan", patient),
		"read another patient's":                read("theirs", patient),
		"read one that is not current":          read("old", patient),
		"read one that is not there":            read("none", nhs.Number{}),
		"read without an id":                    read("", patient),
		"count":                                 count(nrl.Query{Patient: patient}),
		"count by type":                         count(nrl.Query{Patient: patient, Type: nrl.MentalHealthCrisisPlan}),
		"count nobody":                          count(nrl.Query{}),
		"retrieve":                              retrieve("plan"),
		"retrieve one that nobody serves":       retrieve("care"),
		"retrieve one of another content type":  retrieve("theirs"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := call(t, both["mock"])
			if len(want.IDs)+len(want.Codes)+len(want.Body)+want.Total == 0 && name != "search for an unknown patient" && name != "search by id of one that is not there" {
				t.Fatal("the mock answered nothing: the comparison shows nothing")
			}
			if diff := cmp.Diff(want, call(t, both["fake"])); diff != "" {
				t.Errorf("-mock +fake\n%s", diff)
			}
		})
	}
}

func TestFakeFailsAsItIsTold(t *testing.T) {
	t.Parallel()
	f := mockstest.NewFake(t)
	p := mockstest.Pointer(t, mocks.Pointer{Patient: patient, Contents: []mocks.Content{{URL: recordURL}}})
	f.Add(p)
	f.Serve(recordURL, "application/pdf", []byte("%PDF"))
	unavailable := mockstest.NewError(spine.OpSearch, client.CodeUnavailable, nil)
	f.Fail(spine.OpSearch, unavailable, nil)
	f.Fail(spine.OpCount, mockstest.NewError(spine.OpCount, client.CodeDenied, nil))
	f.Fail(spine.OpRead, mockstest.NewError(spine.OpRead, client.CodeTimeout, nil))
	f.Fail(spine.OpRetrieve, mockstest.NewError(spine.OpRetrieve, client.CodeIntegrity, ssp.ErrIntegrity))
	first := func() (id string, err error) {
		for p, err := range f.Search(t.Context(), nrl.Query{Patient: patient}) {
			return p.ID, err
		}
		return "", nil
	}
	if _, err := first(); !errors.Is(err, unavailable) || !errors.Is(err, mockstest.ErrFake) || unavailable.Status != 503 || unavailable.Origin != spine.OriginNRL {
		t.Errorf("first search: %v", err)
	}
	for range 2 {
		if id, err := first(); id != p.ID || err != nil {
			t.Errorf("a later search: %q, %v", id, err)
		}
	}
	if _, err := f.Count(t.Context(), nrl.Query{Patient: patient}); client.CodeOf(err) != client.CodeDenied {
		t.Errorf("count: %v", err)
	}
	if _, err := f.Read(t.Context(), p.ID, patient); client.CodeOf(err) != client.CodeTimeout || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("read: %v", err)
	}
	if _, err := f.Retrieve(t.Context(), p); !errors.Is(err, ssp.ErrIntegrity) || client.CodeOf(err) != client.CodeIntegrity {
		t.Errorf("retrieve: %v", err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.Retrieve(gone, p); client.CodeOf(err) != client.CodeCanceled || !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	var ops []spine.Op
	for _, c := range f.Calls() {
		ops = append(ops, c.Op)
	}
	want := []spine.Op{spine.OpSearch, spine.OpSearch, spine.OpSearch, spine.OpCount, spine.OpRead, spine.OpRetrieve, spine.OpRetrieve}
	if diff := cmp.Diff(want, ops); diff != "" || f.Calls()[0].Query.Patient != patient || f.Calls()[5].Pointer.ID != p.ID || f.Calls()[4].ID != p.ID {
		t.Errorf("calls %+v: -want +got\n%s", f.Calls(), diff)
	}
}

func TestFakeYieldsProblemsLast(t *testing.T) {
	t.Parallel()
	f := mockstest.NewFake(t)
	f.Add(mockstest.Pointer(t, mocks.Pointer{Patient: patient}))
	f.AddProblem(patient, &nrl.EntryError{Index: 1, Err: nrl.ErrMalformed})
	var got []string
	for _, err := range f.Search(t.Context(), nrl.Query{Patient: patient}) {
		var bad *nrl.EntryError
		switch {
		case errors.As(err, &bad):
			got = append(got, "problem", client.CodeOf(err).String())
		case err == nil:
			got = append(got, "pointer")
		}
	}
	if diff := cmp.Diff([]string{"pointer", "problem", "incomplete"}, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	for p, err := range f.Search(t.Context(), nrl.Query{Patient: patient}) {
		if err != nil || p.Patient != patient {
			t.Errorf("first: %v", err)
		}
		break // a loop may end early
	}
}

// Contact details come directly, a record through the SSP, as the real client
// does it; a record that nobody closed does not keep the test from ending.
func TestFakeServesContactDetails(t *testing.T) {
	t.Parallel()
	const page = "https://p1.nhs.uk/call us?a=b%20c"
	f := mockstest.NewFake(t)
	p := mockstest.Pointer(t, mocks.Pointer{Patient: patient, Contents: []mocks.Content{
		{URL: recordURL}, {URL: page, ContentType: "text/html", Format: mocks.FormatContact},
	}})
	f.Serve(page, "text/html", []byte("<p>call us</p>"))
	_, err := f.Retrieve(t.Context(), p)
	var none *ssp.NoRecordError
	if !errors.As(err, &none) || none.Contacts != 1 || client.CodeOf(err) != client.CodeNoRecord {
		t.Errorf("the record: %v", err)
	}
	r, err := f.Retrieve(t.Context(), p, ssp.Contact)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil || string(body) != "<p>call us</p>" || r.Kind() != ssp.KindContact || r.Content() != 1 || r.PointerID() != p.ID {
		t.Errorf("%v: %s", err, body)
	}
	f.Serve(recordURL, "application/pdf", make([]byte, 1<<20))
	if _, err := f.Retrieve(t.Context(), p); err != nil {
		t.Error(err)
	}
}

func TestRecordIsARealOne(t *testing.T) {
	t.Parallel()
	r := mockstest.Record(t, "text/html", []byte("<p>plan</p>"))
	body, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil || string(body) != "<p>plan</p>" || r.ContentType() != "text/html" || r.Length() != 11 {
		t.Errorf("%v: %s of type %s, length %d", err, body, r.ContentType(), r.Length())
	}
	early := mockstest.Record(t, "application/pdf", []byte("%PDF"))
	_ = early.Close()
	if _, err := io.ReadAll(early); !errors.Is(err, ssp.ErrClosed) {
		t.Errorf("read after Close: %v", err)
	}
}

func TestNewErrorHasTheShapeOfItsClass(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		code   client.Code
		status int
		spine  string
		origin spine.Origin
	}{
		{client.CodeNoRecord, 404, "NO_RECORD_FOUND", spine.OriginProvider},
		{client.CodeDenied, 403, "ACCESS_DENIED", spine.OriginProvider},
		{client.CodeCertificate, 0, "", spine.OriginLocal},
		{client.CodeUnknown, 0, "", spine.OriginProvider},
	} {
		e := mockstest.NewError(spine.OpRetrieve, tt.code, nil)
		if e.Code != tt.code || e.Status != tt.status || e.SpineCode != tt.spine || e.Origin != tt.origin || e.Err == nil {
			t.Errorf("%v: %+v", tt.code, e)
		}
	}
	if e := mockstest.NewError(spine.OpSearch, client.CodeCanceled, nil); !errors.Is(e, context.Canceled) {
		t.Errorf("cancelled: %v", e)
	}
}

// telling is a T that keeps what it is told.
type telling struct {
	mocks.T
	fatal bool
}

func (t *telling) Fatalf(string, ...any) { t.fatal = true }

func TestPointerThatCannotBeReadFailsTheTest(t *testing.T) {
	t.Parallel()
	told := &telling{T: t}
	mockstest.Pointer(told, mocks.Pointer{})
	if !told.fatal {
		t.Error("a pointer without a patient was made")
	}
}
