package mockstest

import (
	"context"
	"fmt"
	"iter"
	"sync"

	"github.com/nrlgo/nrlgo/auth/nhs"
	"github.com/nrlgo/nrlgo/client"
	"github.com/nrlgo/nrlgo/client/spine"
	"github.com/nrlgo/nrlgo/mocks"
	"github.com/nrlgo/nrlgo/nrl"
	"github.com/nrlgo/nrlgo/ssp"
)

// Consumer is what [client.Client.As] gives: the calls of one requester. Code
// that takes it, or an interface of its own with some of the methods, can be
// given a [Fake] in its tests.
type Consumer interface {
	Search(ctx context.Context, q nrl.Query) iter.Seq2[nrl.Pointer, error]
	Read(ctx context.Context, id string, expect nhs.Number) (nrl.Pointer, error)
	Count(ctx context.Context, q nrl.Query) (int, error)
	Retrieve(ctx context.Context, p nrl.Pointer, opts ...ssp.Option) (*ssp.Record, error)
}

var (
	_ Consumer = (*client.Session)(nil)
	_ Consumer = (*Fake)(nil)
)

// Fake is a Consumer without a network, for unit tests: it finds the pointers
// and serves the records that it was given, and fails as it is told. Its errors
// are those of the client: [*client.Error], read by [client.CodeOf], around the
// sentinels of nrl and ssp. Records are real ones, so a caller that reads them
// wrongly fails as it would on the wire; only pages of contact details come
// over a listener on the loopback.
//
// It checks nothing that a server checks, such as permissions: for that there
// is a mock Spine. Safe for concurrent use.
type Fake struct {
	t mocks.T

	mu       sync.Mutex
	pointers []nrl.Pointer
	problems map[nhs.Number][]error
	records  map[string]document
	failures map[spine.Op][]error
	calls    []Call
	network  *network // nil until a record is retrieved
}

// document is what a URL has.
type document struct {
	contentType string
	body        []byte
}

// Call is one that was made to a [Fake].
type Call struct {
	// Op says which: [spine.OpSearch], [spine.OpRead], [spine.OpCount] or
	// [spine.OpRetrieve].
	Op spine.Op
	// Query is that of a search or count.
	Query nrl.Query
	// ID and Expect are those of a read.
	ID     string
	Expect nhs.Number
	// Pointer and Options are those of a retrieval.
	Pointer nrl.Pointer
	Options []ssp.Option
}

// NewFake makes a Fake that knows nothing. What it opens is closed at the end
// of the test.
func NewFake(t mocks.T) *Fake {
	return &Fake{t: t, problems: map[nhs.Number][]error{}, records: map[string]document{}, failures: map[spine.Op][]error{}}
}

// Add adds pointers: searches find the current ones of a patient, reads find
// any by its id.
func (f *Fake) Add(pointers ...nrl.Pointer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pointers = append(f.pointers, pointers...)
}

// AddProblem makes searches of the patient yield these errors after the
// pointers, inside a [*client.Error] with CodeIncomplete: a [*nrl.EntryError],
// say, or [nrl.ErrMorePages].
func (f *Fake) AddProblem(patient nhs.Number, errs ...error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.problems[patient] = append(f.problems[patient], errs...)
}

// Serve serves a document at the URL that a content of a pointer names.
func (f *Fake) Serve(url, contentType string, body []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.records[url] = document{contentType, append([]byte(nil), body...)}
}

// Fail makes the next calls of op fail, the first with the first error. See
// [NewError]; a nil error lets a call pass.
func (f *Fake) Fail(op spine.Op, errs ...error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failures[op] = append(f.failures[op], errs...)
}

// Calls are those made so far, oldest first. A search is made when the loop
// over it begins.
func (f *Fake) Calls() []Call {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]Call(nil), f.calls...)
}

// called notes a call and says how it fails, nil when it does not.
func (f *Fake) called(ctx context.Context, c Call) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, c)
	if err := ctx.Err(); err != nil {
		return &client.Error{Op: c.Op, Code: client.CodeOf(err), Origin: spine.OriginLocal, Err: err}
	}
	planned := f.failures[c.Op]
	if len(planned) == 0 {
		return nil
	}
	f.failures[c.Op] = planned[1:]
	return planned[0]
}

// Search finds pointers as [client.Session.Search] does.
func (f *Fake) Search(ctx context.Context, q nrl.Query) iter.Seq2[nrl.Pointer, error] {
	return func(yield func(nrl.Pointer, error) bool) {
		if err := f.called(ctx, Call{Op: spine.OpSearch, Query: q}); err != nil {
			yield(nrl.Pointer{}, err)
			return
		}
		pointers, problems, err := f.find(q)
		if err != nil {
			yield(nrl.Pointer{}, err)
			return
		}
		for _, p := range pointers {
			if !yield(p, nil) {
				return
			}
		}
		for _, problem := range problems {
			if !yield(nrl.Pointer{}, &client.Error{Op: spine.OpSearch, Code: client.CodeIncomplete, Origin: spine.OriginNRL, Attempts: 1, Err: problem}) {
				return
			}
		}
	}
}

// find is what a search finds.
func (f *Fake) find(q nrl.Query) (pointers []nrl.Pointer, problems []error, err error) {
	byID := q.ID != ""
	switch {
	case byID && (!q.Custodian.IsZero() || q.Type != (nrl.Coding{})):
		return nil, nil, refused(spine.OpSearch, "an id is searched for alone")
	case !byID && q.Patient.IsZero():
		return nil, nil, refused(spine.OpSearch, "no patient is named")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, p := range f.pointers {
		switch {
		case !p.Current() || byID && p.ID != q.ID:
		case byID && !q.Patient.IsZero() && p.Patient != q.Patient:
			problems = append(problems, &nrl.EntryError{Index: i, ID: p.ID, Raw: p.Raw(), Err: nrl.ErrWrongPatient})
		case !byID && p.Patient != q.Patient, !q.Custodian.IsZero() && p.Custodian != q.Custodian:
		case q.Type != (nrl.Coding{}) && (p.Type.System != q.Type.System || p.Type.Code != q.Type.Code):
		default:
			pointers = append(pointers, p)
		}
	}
	return pointers, append(problems, f.problems[q.Patient]...), nil
}

func refused(op spine.Op, reason string) error {
	return &client.Error{Op: op, Code: client.CodeInvalid, Origin: spine.OriginLocal, Err: fmt.Errorf("%w: %s", nrl.ErrQuery, reason)}
}

// Read reads a pointer as [client.Session.Read] does.
func (f *Fake) Read(ctx context.Context, id string, expect nhs.Number) (nrl.Pointer, error) {
	if err := f.called(ctx, Call{Op: spine.OpRead, ID: id, Expect: expect}); err != nil {
		return nrl.Pointer{}, err
	}
	if id == "" {
		return nrl.Pointer{}, refused(spine.OpRead, "an id is missing")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range f.pointers {
		switch {
		case p.ID != id:
		case !p.Current():
			e := NewError(spine.OpRead, client.CodeInvalid, nil)
			e.SpineCode = "BAD_REQUEST"
			return nrl.Pointer{}, e
		case !expect.IsZero() && p.Patient != expect:
			return nrl.Pointer{}, NewError(spine.OpRead, client.CodeIncomplete, nrl.ErrWrongPatient)
		default:
			return p, nil
		}
	}
	return nrl.Pointer{}, NewError(spine.OpRead, client.CodeNoRecord, nil)
}

// Count counts the current pointers of a patient as [client.Session.Count]
// does.
func (f *Fake) Count(ctx context.Context, q nrl.Query) (int, error) {
	if err := f.called(ctx, Call{Op: spine.OpCount, Query: q}); err != nil {
		return 0, err
	}
	if q.Patient.IsZero() || q != (nrl.Query{Patient: q.Patient}) {
		return 0, refused(spine.OpCount, "pointers are counted by patient only")
	}
	pointers, _, err := f.find(q)
	return len(pointers), err
}

// Retrieve opens a record as [client.Session.Retrieve] does: what [Fake.Serve]
// has at the content's URL, else CodeNoRecord. The caller closes it.
func (f *Fake) Retrieve(ctx context.Context, p nrl.Pointer, opts ...ssp.Option) (*ssp.Record, error) {
	if err := f.called(ctx, Call{Op: spine.OpRetrieve, Pointer: p, Options: opts}); err != nil {
		return nil, err
	}
	n, err := f.connect(ctx)
	if err != nil {
		return nil, &client.Error{Op: spine.OpRetrieve, Code: client.CodeUnknown, Origin: spine.OriginLocal, Err: err}
	}
	return n.records.Retrieve(ctx, Requester(), n.reachable(p), opts...)
}
