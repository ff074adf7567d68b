package spine

import (
	"bytes"
	"context"
	"errors"
	"io"
	"runtime"
	"time"

	"github.com/nrlgo/nrlgo/auth"
)

// body reads an answer, at most Limits.Idle between two reads and at least
// Limits.Rate, and says what an end means. One goroutine at a time.
type body struct {
	call    *call
	ctx     context.Context
	rc      io.ReadCloser
	wire    *wire // nil in tests
	cancel  context.CancelCauseFunc
	release context.CancelCauseFunc // of a Stream
	idle    *time.Timer
	waited  time.Duration // for the server; the caller's own time does not count
	n       int64
	err     error
}

func (b *body) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	limits := &b.call.client.config.Limits
	if b.idle == nil {
		b.idle = time.AfterFunc(limits.Idle, func() { b.cancel(errIdle) })
	} else {
		b.idle.Reset(limits.Idle)
	}
	began := time.Now()
	n, err := b.rc.Read(p)
	b.idle.Stop()
	b.n += int64(n)
	b.waited += time.Since(began)
	whole := err == io.EOF //nolint:errorlint // only io.EOF itself is an end, not what wraps it
	switch {
	case whole && b.wire != nil && b.wire.fault() != nil:
		err = b.call.failed(CodeUnexpected, b.call.origin(nil, 0), b.wire.fault())
	case err == nil && b.waited > limits.Idle && float64(b.n) < b.waited.Seconds()*float64(limits.Rate):
		b.cancel(errSlow)
		err = b.fault(errSlow)
	case err != nil && !whole:
		err = b.fault(err)
	}
	b.err = err
	return n, err
}

// fault says what broke a body. net/http's texts may quote what came.
func (b *body) fault(err error) *Error {
	a := b.call
	if b.ctx.Err() != nil {
		return a.interruption(b.ctx)
	}
	if ve, ok := errors.AsType[*auth.VerifyError](err); ok { // judged again, and no longer accepted
		return a.failed(CodeCertificate, OriginLocal, ve)
	}
	a.transient = a.whole
	return a.failed(CodeIntegrity, a.origin(nil, 0), cause(err, ErrCut))
}

// all reads the whole body, up to a limit.
func (b *body) all(length, limit int64) ([]byte, *Error) {
	tooLarge := func() *Error { return b.call.failed(CodeUnexpected, b.call.origin(nil, 0), ErrTooLarge) }
	if length > limit {
		return nil, tooLarge()
	}
	var buf bytes.Buffer
	if length > 0 {
		buf.Grow(int(length) + bytes.MinRead)
	}
	if _, err := buf.ReadFrom(io.LimitReader(b, limit+1)); err != nil {
		if fault, ok := errors.AsType[*Error](err); ok {
			return nil, fault
		}
		return nil, b.fault(err)
	}
	if int64(buf.Len()) > limit {
		return nil, tooLarge()
	}
	return buf.Bytes(), nil
}

func (b *body) close() {
	_ = b.rc.Close()
	if b.release != nil {
		b.release(nil)
	}
}

// Stream is a body on its way: read it to io.EOF, then call End. One
// goroutine at a time. A Stream that is dropped without End keeps its
// connection until the garbage collector finds it; the call is then ended with
// [ErrAbandoned], and the Logger told once.
type Stream struct {
	*Response
	body    *body
	dropped runtime.Cleanup
}

func newStream(a *call) *Stream {
	s := &Stream{Response: &a.response, body: a.body}
	s.dropped = runtime.AddCleanup(s, func(b *body) { go b.abandoned() }, a.body)
	return s
}

// abandoned ends a call whose Stream nobody holds any more.
func (b *body) abandoned() {
	a := b.call
	b.close()
	a.client.leak.Do(func() {
		a.client.config.Logger.WarnContext(context.WithoutCancel(a.caller), "a record was dropped without being closed; further ones are not reported", "op", string(a.request.Op), "call", a.id)
	})
	_ = a.end(a.failed(CodeCanceled, OriginLocal, ErrAbandoned))
}

// Read reads the body. It gives io.EOF only when the body is whole as far as
// HTTP and TLS can tell (Content-Length, chunks, close_notify), else an
// [*Error].
func (s *Stream) Read(p []byte) (int, error) {
	defer runtime.KeepAlive(s) // or it could be taken for dropped while it reads
	return s.body.Read(p)
}

// End ends the call: it releases the connection and writes the last audit
// line, with the bytes read and err as the outcome (nil: done, or "ended
// early" before io.EOF). It returns err, or the error of the line. Only the
// first call does something.
func (s *Stream) End(err error) error {
	defer runtime.KeepAlive(s)
	s.dropped.Stop()
	s.body.close()
	return s.Response.End(err)
}
