package ssp

import (
	"crypto/sha1" // attachment.hash is SHA-1 by definition (FHIR Attachment)
	"errors"
	"fmt"
	"hash"
	"io"
	"time"

	"github.com/nrlgo/nrlgo/auth"
	"github.com/nrlgo/nrlgo/client/spine"
)

// Record is a record, or a page of contact details, on its way: a reader that
// checks itself at the end. One goroutine at a time.
//
// Read it to io.EOF, which means that it is whole: the length announced, the
// proper end of the connection, and of static content the size and SHA-1 of
// the pointer. After every other error it is not, however much was read, and
// each further Read gives the same error. The last line of the audit trail is
// written before io.EOF is handed out.
//
// Close it in any case: one that is neither read to its end nor closed holds
// its connection.
type Record struct {
	stream    *spine.Stream
	want      expectation
	sum       hash.Hash // nil: no hash to compare
	pointerID string
	index     int
	kind      Kind
	contacts  int // contact details to offer when it fails

	read  int64
	whole bool
	err   error // how it ended: io.EOF when whole
}

var _ interface {
	io.ReadCloser
	io.WriterTo
	fmt.Formatter
} = (*Record)(nil)

func newRecord(s *spine.Stream, want expectation, pointerID string, c candidate, contacts int) *Record {
	r := &Record{stream: s, want: want, pointerID: pointerID, index: c.index, kind: c.kind, contacts: contacts}
	if len(want.hash) != 0 {
		r.sum = sha1.New()
	}
	return r
}

// ContentType is the media type of the answer: the pointer's, but that JSON
// and XML may have another of their FHIR spellings. Lower case, no parameters.
func (r *Record) ContentType() string { return r.stream.ContentType }

// Kind says whether it is a record or contact details.
func (r *Record) Kind() Kind { return r.kind }

// Content is the index of the content in the pointer.
func (r *Record) Content() int { return r.index }

// PointerID is the logical id of the pointer.
func (r *Record) PointerID() string { return r.pointerID }

// Length is the announced length in bytes, -1 when none was.
func (r *Record) Length() int64 { return r.stream.Length }

// BytesRead is how many bytes were handed out so far.
func (r *Record) BytesRead() int64 { return r.read }

// Conn says how the connection was secured; zero for a plain http page.
func (r *Record) Conn() auth.ConnState { return r.stream.Conn }

// TraceID is the Ssp-TraceID of the request that brought it.
func (r *Record) TraceID() string { return r.stream.TraceID }

// CallID joins the audit lines of the retrieval.
func (r *Record) CallID() string { return r.stream.CallID }

// Received is when the head of the answer had arrived.
func (r *Record) Received() time.Time { return r.stream.Received }

// Read reads on. Its error is io.EOF when the record is whole, else a
// [*spine.Error]: CodeIntegrity with [ErrIntegrity], CodeUnexpected with
// [ErrTooLarge], CodeTimeout when the provider stopped sending, CodeCanceled
// when the context ended or with [ErrClosed] after an early Close, CodeAudit.
func (r *Record) Read(p []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	n, err := r.stream.Read(p)
	if room := r.want.limit - r.read; int64(n) > room {
		n, err = int(room), r.stream.Fail(spine.CodeUnexpected, r.want.origin, ErrTooLarge)
	}
	r.read += int64(n)
	if r.sum != nil {
		r.sum.Write(p[:n])
	}
	if err != nil {
		r.end(r.judge(err))
	}
	return n, r.err
}

// judge says what an end of the stream means, nil for a whole record.
func (r *Record) judge(err error) error {
	if err == io.EOF { //nolint:errorlint // an error that wraps it is no end
		var sum []byte
		if r.sum != nil {
			sum = r.sum.Sum(nil)
		}
		if err := r.want.whole(r.read, sum); err != nil {
			return r.stream.Fail(spine.CodeIntegrity, r.want.origin, err)
		}
		return nil
	}
	if e, ok := errors.AsType[*spine.Error](err); ok && e.Code == spine.CodeIntegrity {
		cut := *e
		cut.Err = fmt.Errorf("%w: %w", ErrIntegrity, e.Err)
		return &cut
	}
	return err
}

// end ends the call, with the error that it came to or nil.
func (r *Record) end(err error) {
	if err = r.stream.End(err); err == nil {
		r.whole, r.err = true, io.EOF
		return
	}
	r.err = offer(err, r.contacts)
}

// WriteTo writes the rest of the record to w, and reports an error as Read
// does, nil when the record is whole, or the error of w. What w was given
// before an error must not be used.
func (r *Record) WriteTo(w io.Writer) (int64, error) {
	return io.Copy(w, struct{ io.Reader }{r})
}

// Close ends the retrieval. Before the end of the record it says so in the
// audit trail, and the record must not be used. It returns nil unless the last
// line of the audit trail could not be written (CodeAudit); called again it
// does nothing and returns the same.
func (r *Record) Close() error {
	if r.err == nil {
		r.end(r.stream.Fail(spine.CodeCanceled, spine.OriginLocal, ErrClosed))
	}
	if spine.CodeOf(r.err) == spine.CodeAudit {
		return r.err
	}
	return nil
}

// String says what it is, and nothing of what is in it.
func (r *Record) String() string {
	return fmt.Sprintf("%s of type %q, %d bytes read (contents hidden)", r.kind, r.ContentType(), r.read)
}

// Format writes String() for every verb.
func (r *Record) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, r.String()) }
