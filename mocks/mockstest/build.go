package mockstest

import (
	"context"
	"errors"

	"github.com/nrlgo/nrlgo/auth/nhs"
	"github.com/nrlgo/nrlgo/client"
	"github.com/nrlgo/nrlgo/client/spine"
	"github.com/nrlgo/nrlgo/mocks"
	"github.com/nrlgo/nrlgo/nrl"
	"github.com/nrlgo/nrlgo/ssp"
)

// Pointer is a pointer as a client would have read it from a mock that holds p.
// It fails the test when p cannot be read, such as one without a patient.
func Pointer(t mocks.T, p mocks.Pointer) nrl.Pointer {
	t.Helper()
	out, err := nrl.ParsePointer(p.JSON())
	if err != nil {
		t.Fatalf("mockstest: %v", err)
	}
	return out
}

// recordURL is that of a record which [Record] makes.
const recordURL = "https://p1.nhs.uk/record"

// Record is a record on its way, unread, with that content type and body. The
// caller closes it.
func Record(t mocks.T, contentType string, body []byte) *ssp.Record {
	t.Helper()
	f := NewFake(t)
	f.Serve(recordURL, contentType, body)
	p := Pointer(t, mocks.Pointer{
		Patient: nhs.MustParseNumber("9462205957"), Contents: []mocks.Content{{URL: recordURL, ContentType: contentType}},
	})
	r, err := f.Retrieve(context.Background(), p, ssp.ContentType(contentType))
	if err != nil {
		t.Fatalf("mockstest: %v", err)
	}
	return r
}

// ErrFake is the cause of an error for which [NewError] was given none.
var ErrFake = errors.New("made by a fake")

// shapes are what errors of a code look like as a rule.
var shapes = map[client.Code]struct {
	status    int
	spineCode string
	local     bool // nothing was answered
}{
	client.CodeInvalid:     {status: 400, spineCode: "INVALID_PARAMETER"},
	client.CodeNoRecord:    {status: 404, spineCode: "NO_RECORD_FOUND"},
	client.CodeDenied:      {status: 403, spineCode: "ACCESS_DENIED"},
	client.CodeUnavailable: {status: 503},
	client.CodeTimeout:     {local: true},
	client.CodeCanceled:    {local: true},
	client.CodeCertificate: {local: true},
	client.CodeAudit:       {local: true},
	client.CodeConfig:      {local: true},
}

// NewError is an error as the client gives it: of that call and class, with the
// status, Spine code and origin that such an error has as a rule, which the
// caller may change. cause is what it wraps; nil means [ErrFake], or the error
// of the context for CodeTimeout and CodeCanceled.
func NewError(op spine.Op, code client.Code, cause error) *client.Error {
	shape := shapes[code]
	e := &client.Error{Op: op, Code: code, Status: shape.status, SpineCode: shape.spineCode, Origin: spine.OriginNRL, Attempts: 1, Err: cause}
	switch {
	case shape.local:
		e.Origin = spine.OriginLocal
	case op == spine.OpRetrieve:
		e.Origin = spine.OriginProvider
	}
	if cause == nil {
		e.Err = ErrFake
		if bare := map[client.Code]error{client.CodeTimeout: context.DeadlineExceeded, client.CodeCanceled: context.Canceled}[code]; bare != nil {
			e.Err = bare
		}
	}
	return e
}
