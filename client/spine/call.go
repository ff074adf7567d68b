package spine

import (
	"context"
	"errors"
	"log/slog"
	"mime"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/nrlgo/nrlgo/auth"
)

// call is one exchange with its attempts. One goroutine at a time.
type call struct {
	client   *Client
	request  Request
	whole    bool // a Fetch
	id       string
	caller   context.Context // as it was given
	ctx      context.Context // and with the budget
	deadline time.Time       // of the budget

	attempts  int
	trace     string
	last      *Error // what the last attempt failed with
	transient bool   // and whether another one may help
	ended     bool   // and whether that was the end of ctx
	previous  *Error // what the attempt before it failed with
	wait      time.Duration
	stuck     bool // the sink did not return in time
	response  Response
	body      *body // of a Stream
	handed    bool  // the caller has the answer

	once sync.Once // end
	done error
}

// run makes attempts until one succeeds. go-retryablehttp drives the loop and
// waits; what counts as transient, how long to wait and what is left after
// the last attempt is decided here, because its defaults retry certificate
// errors, obey any Retry-After and print whole URLs.
func (a *call) run() error {
	rc := retryablehttp.Client{
		HTTPClient: &http.Client{
			Transport:     a,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		RetryMax:     a.client.config.Limits.Retries,
		CheckRetry:   a.again,
		Backoff:      func(_, _ time.Duration, _ int, _ *http.Response) time.Duration { return a.wait },
		ErrorHandler: retryablehttp.PassthroughErrorHandler,
	}
	shell := (&http.Request{Method: http.MethodGet, URL: &url.URL{Scheme: "https", Host: "spine"}, Header: http.Header{}}).WithContext(a.ctx)
	req, err := retryablehttp.FromRequest(shell)
	if err != nil {
		return a.failed(CodeUnknown, OriginLocal, errLoop)
	}
	resp, err := rc.Do(req)
	if resp != nil {
		_ = resp.Body.Close()
	}
	switch {
	case a.last == nil && err == nil:
		return nil
	case a.last == nil:
		return a.failed(CodeUnknown, OriginLocal, errLoop)
	case a.ended, a.transient && a.ctx.Err() != nil:
		return a.interrupted()
	}
	return a.last
}

// RoundTrip is one attempt, called by go-retryablehttp. Whatever went wrong
// is in a.last; a successful answer is in a.response.
func (a *call) RoundTrip(*http.Request) (*http.Response, error) {
	a.last, a.previous, a.transient, a.ended, a.wait = nil, a.last, false, false, 0
	if err := a.attempt(); err != nil {
		a.last = err
		return nil, err
	}
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody}, nil
}

func (a *call) attempt() *Error {
	if a.ctx.Err() != nil {
		return a.interruption(a.ctx)
	}
	started := time.Now()
	ctx, cancel := context.WithCancelCause(a.ctx)
	req, fault := a.announce(ctx)
	if fault != nil {
		cancel(nil)
		return fault
	}
	ex := &exchange{call: a, req: req, cancel: cancel}
	fault = ex.do(ctx)
	if fault != nil || a.whole {
		cancel(nil)
	}
	a.log(started, fault, ex.state.Peer.Revocation.Notices())
	return fault
}

// announce makes the request of an attempt and puts it on record. Where that
// fails nothing is sent, and the attempt does not count.
func (a *call) announce(ctx context.Context) (req *http.Request, fault *Error) {
	before := a.trace
	a.attempts, a.trace = a.attempts+1, newUUID()
	defer func() {
		if fault != nil {
			a.attempts, a.trace = a.attempts-1, before
			fault.Attempts, fault.TraceID = a.attempts, a.trace
		}
	}()
	if a.client.closed.Load() {
		return nil, a.failed(CodeInvalid, OriginLocal, ErrClosed)
	}
	req, err := a.httpRequest(ctx)
	if err != nil {
		return nil, a.failed(CodeInvalid, OriginLocal, err)
	}
	if err := a.record(ctx, a.requestEntry()); err != nil {
		if a.caller.Err() != nil && errors.Is(err, context.Canceled) { // while the sink had it
			return nil, a.failed(CodeCanceled, OriginLocal, err)
		}
		return nil, a.failed(CodeAudit, OriginLocal, err)
	}
	return req, nil
}

// log says how an attempt went, and what of the server's revocation only the
// soft policy let pass.
func (a *call) log(started time.Time, fault *Error, notices []string) {
	attrs := []slog.Attr{
		slog.String("op", string(a.request.Op)), slog.String("call", a.id), slog.String("trace_id", a.trace),
		slog.Int("attempt", a.attempts), slog.Duration("took", time.Since(started)),
	}
	if len(notices) > 0 {
		a.client.config.Logger.LogAttrs(a.ctx, slog.LevelWarn, "revocation not established",
			slog.String("call", a.id), slog.String("notice", strings.Join(notices, "; ")))
	}
	if fault != nil {
		attrs = append(attrs, slog.Any("error", fault))
		a.client.config.Logger.LogAttrs(a.ctx, slog.LevelWarn, "attempt failed", attrs...)
		return
	}
	a.client.config.Logger.LogAttrs(a.ctx, slog.LevelDebug, "attempt done", attrs...)
}

// exchange is one request and its answer on the wire.
type exchange struct {
	call     *call
	req      *http.Request
	cancel   context.CancelCauseFunc
	pool     *pool
	reused   bool
	wire     *wire // nil until there is a connection
	state    auth.ConnState
	answered atomic.Bool // the first byte of an answer came
}

func (x *exchange) do(ctx context.Context) *Error {
	a := x.call
	if a.whole {
		defer time.AfterFunc(a.client.config.Limits.Attempt, func() { x.cancel(errAttempt) }).Stop()
	}
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) { // in this goroutine
			x.reused = info.Reused || info.WasIdle
			if w, ok := info.Conn.(*wire); ok {
				x.wire, x.state = w, w.state()
			}
		},
		GotFirstResponseByte: func() { x.answered.Store(true) },
	})
	x.pool = a.client.spine
	if a.request.Service == Public {
		x.pool = a.client.public
	}
	resp, err := x.pool.transport().RoundTrip(x.req.WithContext(ctx)) //nolint:bodyclose // answer and refusal close it
	if err != nil {
		fault := x.transportFault(ctx, err)
		return a.audited(x.responseEntry(0, nil, fault), fault)
	}
	return x.answer(ctx, resp)
}

// answer judges the head of an answer, and the body of a Fetch.
func (x *exchange) answer(ctx context.Context, resp *http.Response) *Error {
	a := x.call
	received := a.client.config.Now()
	if resp.StatusCode != http.StatusOK {
		return x.refusal(resp, received)
	}
	a.response = Response{
		Status: resp.StatusCode, ContentType: mediaType(resp.Header["Content-Type"]), Length: resp.ContentLength,
		TraceID: a.trace, CallID: a.id, Attempts: a.attempts, Received: received, Conn: x.state, call: a,
	}
	b := &body{call: a, ctx: ctx, rc: resp.Body, wire: x.wire, cancel: x.cancel}
	var fault *Error
	if encoded(resp.Header["Content-Encoding"]) {
		fault = a.failed(CodeUnexpected, a.origin(nil, 0), ErrEncoding)
	}
	if fault == nil && a.whole {
		a.response.Body, fault = b.all(resp.ContentLength, a.client.config.Limits.Body)
	}
	if fault == nil && a.request.Check != nil {
		if err := a.request.Check(&a.response); err != nil {
			fault = a.found(err)
		}
	}
	entry := x.responseEntry(resp.StatusCode, a.response.Body, fault)
	entry.Time = received
	fault = a.audited(entry, fault)
	if fault != nil || a.whole {
		b.close()
	}
	if fault == nil && !a.whole {
		a.body = b
	}
	return fault
}

// found turns what a Check found into an *Error of this call.
func (a *call) found(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return a.failed(CodeUnexpected, a.origin(nil, 0), err)
}

// encoded reports any content coding but identity.
func encoded(fields []string) bool {
	return slices.ContainsFunc(fields, func(s string) bool { return s != "" && !strings.EqualFold(s, "identity") })
}

// mediaType is that of the one Content-Type: of several, none can be believed.
func mediaType(fields []string) string {
	if len(fields) != 1 {
		return ""
	}
	mt, _, err := mime.ParseMediaType(fields[0])
	if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) { // a faulty parameter leaves the type
		return ""
	}
	return mt
}
