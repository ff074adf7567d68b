package spine

import (
	"bytes"
	"context"
	"errors"
	"io"
	"time"
)

// body reads an answer, at most Limits.Idle between two reads, and says what
// an end means. One goroutine at a time.
type body struct {
	call    *call
	ctx     context.Context
	rc      io.ReadCloser
	cancel  context.CancelCauseFunc
	release context.CancelCauseFunc // of a Stream
	idle    *time.Timer
	n       int64
	err     error
}

func (b *body) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	wait := b.call.client.config.Limits.Idle
	if b.idle == nil {
		b.idle = time.AfterFunc(wait, func() { b.cancel(errIdle) })
	} else {
		b.idle.Reset(wait)
	}
	n, err := b.rc.Read(p)
	b.idle.Stop()
	b.n += int64(n)
	if err != nil && err != io.EOF {
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
	a.transient = a.whole
	return a.failed(CodeIntegrity, a.origin(nil, 0), cause(err, ErrCut))
}

// all reads the whole body, up to a limit.
func (b *body) all(length, limit int64) ([]byte, *Error) {
	if length > limit {
		return nil, b.call.failed(CodeUnexpected, b.call.origin(nil, 0), ErrTooLarge)
	}
	var buf bytes.Buffer
	if length > 0 {
		buf.Grow(int(length) + bytes.MinRead)
	}
	_, err := buf.ReadFrom(io.LimitReader(b, limit+1))
	if err != nil {
		fault, _ := errors.AsType[*Error](err)
		return nil, fault
	}
	if int64(buf.Len()) > limit {
		return nil, b.call.failed(CodeUnexpected, b.call.origin(nil, 0), ErrTooLarge)
	}
	return buf.Bytes(), nil
}

func (b *body) close() {
	_ = b.rc.Close()
	b.cancel(nil)
	if b.release != nil {
		b.release(nil)
	}
}

// Stream is a body on its way: read it to io.EOF, then call End. One
// goroutine at a time.
type Stream struct {
	*Response
	body *body
}

// Read reads the body. It gives io.EOF only when the body is whole as far as
// HTTP and TLS can tell (Content-Length, chunks, close_notify), else an
// [*Error].
func (s *Stream) Read(p []byte) (int, error) { return s.body.Read(p) }

// End ends the call: it releases the connection and writes the last audit
// line, with the bytes read and err as the outcome (nil: done). It returns
// err, or the error of the line. Only the first call does something.
func (s *Stream) End(err error) error {
	s.body.close()
	return s.Response.End(err)
}
