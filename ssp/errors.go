package ssp

import (
	"errors"
	"fmt"

	"github.com/nrlgo/nrlgo/client/spine"
)

// Sentinels of a request that was not sent. All come from [Client.Retrieve],
// inside a [*spine.Error] with CodeInvalid unless another code is named.
var (
	// ErrNotCurrent: the pointer's status is not current, or it is superseded.
	ErrNotCurrent = errors.New("the pointer is not current")
	// ErrPointer: the pointer has no logical id or names no patient, which the
	// audit trail must hold.
	ErrPointer = errors.New("the pointer is incomplete")
	// ErrOption: an option has a value that makes no sense.
	ErrOption = errors.New("an option is not valid")
	// ErrNoContent: the pointer has no content of the kind that was asked for.
	ErrNoContent = errors.New("the pointer has no such content")
	// ErrURL: the content's URL is malformed, or hostile, or names the SSP
	// twice.
	ErrURL = errors.New("the content's URL is refused")
	// ErrMechanism: the content's retrieval mechanism contradicts its URL or
	// format, or is none that this package carries out.
	ErrMechanism = errors.New("the content's retrieval mechanism is refused")
	// ErrAddress: a page that is called directly is on an address that is not
	// public. It comes with ErrURL for an address in the URL, and without for
	// one that the name resolved to, which the dialer found by [PublicAddress].
	ErrAddress = spine.ErrAddress
	// ErrNoASID: the provider's ASID is neither in the pointer nor known to the
	// directory, or the directory knows several and none by the record's host.
	// Also given by [Choose] and [Directory] implementations. CodeConfig where
	// there is no directory.
	ErrNoASID = errors.New("the provider's ASID is not known")
)

// Sentinels of an answer or its body.
var (
	// ErrContentType: the answer has another content type than the pointer's
	// content, such as a login page. From Retrieve, CodeUnexpected; nothing was
	// handed out.
	ErrContentType = errors.New("the answer has another content type than the pointer says")
	// ErrWrapped: a FHIR resource came in place of the document, such as a
	// Binary that wraps it, which is not allowed (NRL retrieval page). It comes
	// with ErrContentType.
	ErrWrapped = errors.New("a FHIR resource came in place of the document, perhaps a Binary that wraps it")
	// ErrTooLarge: the record is larger than the limit. From Retrieve when the
	// answer says so, else from Read, WriteTo and Save; CodeUnexpected.
	ErrTooLarge = errors.New("the record is larger than the limit")
	// ErrIntegrity: the record is not whole, or of static content another than
	// the pointer describes. From Read, WriteTo and Save, CodeIntegrity, and
	// from Retrieve when the announced length already contradicts the pointer.
	ErrIntegrity = errors.New("the record is not whole or not what the pointer describes")
	// ErrClosed: the record was closed before its end. From Read, WriteTo and
	// Save after Close, CodeCanceled.
	ErrClosed = errors.New("the record was closed early")
)

// Sentinels of saving, from [Record.Save].
var (
	// ErrExists: the folder has a file of that name, which was left alone.
	ErrExists = errors.New("a file of that name exists")
	// ErrPartRead: part of the record was read before Save.
	ErrPartRead = errors.New("part of the record was read already")
)

// NoRecordError is wrapped by the errors of a retrieval whose pointer also
// has contact details, to which a user can turn (clinical safety: hazards
// NRL03 and NRL10). Retrieve them with the option [Contact], or list them with
// [Contacts].
type NoRecordError struct {
	// Contacts is how many contents of the pointer are contact details, never 0.
	Contacts int
	// Err is why there is no record.
	Err error
}

// Error is the text of Err and the offer.
func (e *NoRecordError) Error() string { return e.Err.Error() + "; the pointer has contact details" }

// Unwrap is Err.
func (e *NoRecordError) Unwrap() error { return e.Err }

// offer says in an error that there are contact details, unless the caller
// gave up.
func offer(err error, contacts int) error {
	e, ok := errors.AsType[*spine.Error](err)
	if !ok || contacts == 0 || e.Code == spine.CodeCanceled {
		return err
	}
	offered := *e
	offered.Err = &NoRecordError{Contacts: contacts, Err: e.Err}
	return &offered
}

// because adds a reason, which is always a text of this package.
func because(sentinel error, reason string) error { return fmt.Errorf("%w: %s", sentinel, reason) }
