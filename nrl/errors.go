package nrl

import (
	"errors"
	"fmt"
)

// Sentinels of what an answer or a resource is not.
var (
	// ErrUnexpectedResource: it is another resource than the one asked for, or
	// no FHIR at all. The zero answers of lenient readers, `{}` and null, are
	// among them.
	ErrUnexpectedResource = errors.New("unexpected resource")
	// ErrMalformed: a mandatory element is missing, or an element has a value
	// that cannot be.
	ErrMalformed = errors.New("malformed pointer")
	// ErrWrongPatient: the pointer is of another patient than the one asked
	// for; it was withheld (clinical safety: hazard NRL08).
	ErrWrongPatient = errors.New("pointer of another patient withheld")
	// ErrNotCurrent: the pointer is superseded or was entered in error. From
	// [Client.Read] only: a search does not show such pointers.
	ErrNotCurrent = errors.New("the pointer is not current")
	// ErrTotal: the searchset announces another number of entries than it has.
	ErrTotal = errors.New("the answer has another number of entries than it announces")
	// ErrMorePages: the searchset names a next page, which NRL 2.x does not
	// document: there may be more pointers.
	ErrMorePages = errors.New("the answer has a next page, which was not read")
)

// EntryError is an entry of a searchset that is not shown: it is unreadable
// (ErrMalformed, ErrUnexpectedResource) or withheld (ErrWrongPatient). Its
// text holds nothing of the entry.
type EntryError struct {
	// Index is its place in the answer, 0 for the first.
	Index int
	// ID is the pointer's logical id for a report to the service desk, "" where
	// it could not be read.
	ID string
	// Raw is the entry's resource as it was received, for the same use.
	Raw []byte
	// Err is why it is not shown.
	Err error
}

// Error names the entry by its place.
func (e *EntryError) Error() string {
	return fmt.Sprintf("entry %d is not shown: %v", e.Index+1, e.Err)
}

// Unwrap is Err.
func (e *EntryError) Unwrap() error { return e.Err }

// String is Error().
func (e *EntryError) String() string { return e.Error() }

// GoString is Error(): the id and the text are not for logs.
func (e *EntryError) GoString() string { return e.Error() }
