package ssp

import (
	"errors"
	"fmt"
	"io"

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
	// format ([*ConflictError]), means a browser ([*InContextError]), is unknown
	// or not configured.
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
	// ErrDirectory: a directory answered with what is no list of systems, or
	// one that is not whole. CodeUnexpected, from packages sds and sds/ldap.
	ErrDirectory = errors.New("the directory's answer cannot be used")
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

// ConflictError is a content whose retrieval mechanism contradicts what else
// is said of it. Nothing was sent. It wraps [ErrMechanism].
type ConflictError struct {
	// Mechanism is the code, such as SSP.
	Mechanism string
	// With is what it contradicts, for people: the kind of URL, or the format.
	With string
}

// Error names both.
func (e *ConflictError) Error() string {
	return fmt.Sprintf("%v: mechanism %s contradicts %s", ErrMechanism, e.Mechanism, e.With)
}

// Unwrap is ErrMechanism.
func (e *ConflictError) Unwrap() error { return ErrMechanism }

// InContextError is a record that opens in a browser, in the user's own
// session with the provider (mechanism InContext): it is not a download, and
// nothing was sent. It wraps [ErrMechanism].
type InContextError struct{ url string }

// URL is the page to open, https. It may name the patient: hand it to the
// browser, and to no log.
func (e *InContextError) URL() string { return e.url }

// Error does not show the URL.
func (e *InContextError) Error() string {
	return ErrMechanism.Error() + ": the record opens in a browser and is not a download"
}

// Format writes Error() for every verb.
func (e *InContextError) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, e.Error()) }

// Unwrap is ErrMechanism.
func (e *InContextError) Unwrap() error { return ErrMechanism }

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
