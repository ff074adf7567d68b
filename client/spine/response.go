package spine

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/nrlgo/nrlgo/auth"
)

// Response is what a call brought. A Fetch fills Body, a Stream does not. It
// prints as a mask.
type Response struct {
	// Status is the HTTP status, always 200: every other is an error.
	Status int
	// ContentType is the media type, lower case, without parameters; "" when
	// none was sent or it is malformed.
	ContentType string
	// Length is the Content-Length, -1 when the server named none.
	Length int64
	// Body is the whole body of a Fetch.
	Body []byte
	// TraceID is the fresh UUID of the attempt that brought the answer.
	TraceID string
	// CallID joins the audit lines of this call.
	CallID string
	// Attempts counts the requests made, 1 to 4.
	Attempts int
	// Received is when the head of the answer had arrived.
	Received time.Time
	// Conn says how the connection was secured; zero for a plain http page.
	Conn auth.ConnState

	call *call
}

// End ends the call: it writes its last audit line, with err as the outcome
// (nil: done), and returns err, or the error of the line.
func (r *Response) End(err error) error {
	if r.call == nil {
		return err
	}
	return r.call.end(err)
}

// Fail is an [*Error] of this call, for what the caller finds in its answer.
func (r *Response) Fail(code Code, origin Origin, err error) *Error {
	if r.call == nil {
		return &Error{Code: code, Origin: origin, Err: err}
	}
	return r.call.failed(code, origin, err)
}

// String is a mask that says which answer it is.
func (r Response) String() string {
	return fmt.Sprintf("answer of call %s: status %d (contents hidden)", r.CallID, r.Status)
}

// Format writes the mask for every verb.
func (r Response) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, r.String()) }

// LogValue is the mask.
func (r Response) LogValue() slog.Value { return slog.StringValue(r.String()) }

// MarshalJSON writes the mask.
func (r Response) MarshalJSON() ([]byte, error) { return json.Marshal(r.String()) }
