package nrl

import (
	"fmt"

	"github.com/nrlgo/nrlgo/client/spine"
	"github.com/nrlgo/nrlgo/client/spine/fhirtext"
)

// bundle is a searchset before its pointers are judged.
type bundle struct {
	total    int
	entries  []entry
	nextPage bool
}

// entry is a pointer, or why there is none.
type entry struct {
	pointer Pointer
	err     *EntryError
}

// readBundle reads a searchset. Its error wraps ErrUnexpectedResource or
// ErrMalformed: an entry that cannot be read is none of the whole.
func readBundle(text []byte) (bundle, error) {
	d, err := fhirtext.Parse(text)
	if err != nil {
		return bundle{}, fmt.Errorf("%w: %w", ErrUnexpectedResource, err)
	}
	root := d.Root()
	if root.Type() != "Bundle" {
		return bundle{}, fmt.Errorf("%w: it is no Bundle", ErrUnexpectedResource)
	}
	var r reader
	if r.text(root, "type") != "searchset" {
		return bundle{}, fmt.Errorf("%w: the Bundle is no searchset", ErrUnexpectedResource)
	}
	total, ok := r.single(root, "total").Int()
	if !ok || total < 0 || total > 1<<31-1 {
		r.fault("the searchset's total is missing or no number")
	}
	b := bundle{total: int(total)}
	for n := range root.All("link") {
		if r.text(n, "relation") == "next" {
			b.nextPage = true
		}
	}
	for n := range root.All("entry") {
		b.entries = append(b.entries, readEntry(len(b.entries), n))
	}
	return b, r.err
}

func readEntry(index int, n fhirtext.Node) entry {
	res := n.Child("resource")
	p, err := readPointer(res)
	if err == nil {
		return entry{pointer: p}
	}
	// A pointer that the server itself could not read.
	if o, oerr := spine.OutcomeOf(res); oerr == nil {
		err = fmt.Errorf("%w: the locator could not read it: %s", ErrUnexpectedResource, o.SpineCode())
	}
	id, _ := res.Child("id").Text()
	return entry{err: &EntryError{Index: index, ID: id, Raw: res.Raw(), Err: err}}
}

func withheld(index int, p Pointer, err error) *EntryError {
	return &EntryError{Index: index, ID: p.ID, Raw: p.Raw(), Err: err}
}

// judge withholds what must not be shown and reports what may be missing.
func judge(a *spine.Response, b bundle, q Query) result {
	var out result
	report := func(err error) {
		out.problems = append(out.problems, a.Fail(spine.CodeIncomplete, spine.OriginNRL, err))
	}
	for i, e := range b.entries {
		switch {
		case e.err != nil:
			report(e.err)
		case !q.Patient.IsZero() && e.pointer.Patient != q.Patient:
			report(withheld(i, e.pointer, ErrWrongPatient))
		case q.ID != "" && e.pointer.ID != q.ID:
			report(withheld(i, e.pointer, fmt.Errorf("%w: it has another id", ErrUnexpectedResource)))
		case e.pointer.Current():
			out.pointers = append(out.pointers, e.pointer)
		}
	}
	if b.total != len(b.entries) {
		report(fmt.Errorf("%w: %d of %d", ErrTotal, len(b.entries), b.total))
	}
	if b.nextPage {
		report(ErrMorePages)
	}
	return out
}
