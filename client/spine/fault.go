package spine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/nrlgo/nrlgo/auth"
)

// Sentinels of an exchange that brought no usable answer.
var (
	// ErrStatus: the server answered with an error; see Error.Status.
	ErrStatus = errors.New("the server answered with another status than 200")
	// ErrRedirect: the server sent elsewhere, where nothing was sent.
	ErrRedirect = errors.New("the server redirected, which is not followed")
	// ErrEncoding: the body is compressed though identity was asked for.
	ErrEncoding = errors.New("the answer is compressed, which was not asked for")
	// ErrTooLarge: the body is over its limit.
	ErrTooLarge = errors.New("the answer is larger than its limit")
	// ErrCut: the body is not whole.
	ErrCut = errors.New("the answer was cut short or broken")
	// ErrHTTP: what came is not well-formed HTTP.
	ErrHTTP = errors.New("the answer is not well-formed HTTP")
	// ErrConnection: the connection failed before an answer came.
	ErrConnection = errors.New("the connection failed")
	// ErrAddress: PublicPages.Allow refused the address of a contact page.
	ErrAddress = errors.New("the address is not allowed")
	// ErrClock: the JWT was refused, and the server's Date differs from our
	// clock by more than five seconds.
	ErrClock = errors.New("the clocks differ")
	// ErrAbandoned: a Stream was dropped without End. In the audit trail only.
	ErrAbandoned = errors.New("the answer was dropped without being ended")

	errBudget  = fmt.Errorf("the time for this call is used up: %w", context.DeadlineExceeded)
	errAttempt = fmt.Errorf("the time for one attempt is used up: %w", context.DeadlineExceeded)
	errSlow    = fmt.Errorf("the server sent too slowly: %w", context.DeadlineExceeded)
	errIdle    = fmt.Errorf("the server stopped sending: %w", context.DeadlineExceeded)
	errHead    = fmt.Errorf("no answer came in time: %w", context.DeadlineExceeded)
	errDial    = fmt.Errorf("the connection was not made in time: %w", context.DeadlineExceeded)
	errLoop    = errors.New("the exchange could not be started")
)

// failed is an *Error of this call.
func (a *call) failed(code Code, origin Origin, err error) *Error {
	return &Error{Op: a.request.Op, Code: code, Origin: origin, TraceID: a.trace, Attempts: a.attempts, Err: err}
}

// interrupted is the error of a call whose context ended: the context's error
// and the cause that the last attempt had.
func (a *call) interrupted() *Error {
	before := a.last
	if a.ended {
		before = a.previous
	}
	e := a.interruption(a.ctx)
	if before != nil {
		e.Status, e.SpineCode, e.Origin, e.Outcome, e.RetryAfter = before.Status, before.SpineCode, before.Origin, before.Outcome, before.RetryAfter
		e.Err = fmt.Errorf("%w; before that: %w", e.Err, before.Err)
	}
	return e
}

// interruption says which limit or whose wish ended ctx. A cause that is not
// one of this package is not shown.
func (a *call) interruption(ctx context.Context) *Error {
	a.ended = a.ctx.Err() != nil
	switch why := context.Cause(ctx); {
	case errors.Is(why, errIdle), errors.Is(why, errSlow), errors.Is(why, errAttempt):
		a.transient = a.whole
		return a.failed(CodeTimeout, a.origin(nil, 0), why)
	case errors.Is(why, errBudget):
		return a.failed(CodeTimeout, OriginLocal, why)
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return a.failed(CodeTimeout, OriginLocal, context.DeadlineExceeded)
	}
	return a.failed(CodeCanceled, OriginLocal, context.Canceled)
}

// transportFault says what an exchange without an answer means.
func (x *exchange) transportFault(ctx context.Context, err error) *Error {
	a := x.call
	if ctx.Err() != nil {
		return a.interruption(ctx)
	}
	if ve, ok := errors.AsType[*auth.VerifyError](err); ok {
		return a.failed(CodeCertificate, OriginLocal, ve)
	}
	if he, ok := errors.AsType[*auth.HandshakeError](err); ok {
		return a.handshakeFault(he)
	}
	if errors.Is(err, ErrAddress) {
		return a.failed(CodeInvalid, OriginLocal, ErrAddress)
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		a.transient = !dns.IsNotFound
		return a.failed(CodeUnavailable, OriginLocal, fmt.Errorf("%w: the host name was not resolved", ErrConnection))
	}
	if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() {
		a.transient = true
		if x.wire == nil {
			return a.failed(CodeTimeout, OriginLocal, errDial)
		}
		x.stale()
		return a.failed(CodeTimeout, a.origin(nil, 0), errHead)
	}
	if errors.Is(err, errFrame) || errors.Is(err, errExcess) && !x.reused || x.answered.Load() && !lost(err) {
		return a.failed(CodeUnexpected, a.origin(nil, 0), ErrHTTP)
	}
	a.transient = lost(err) || errors.Is(err, syscall.ECONNREFUSED) // SSP page: refused or reset
	if x.stale() {
		a.transient, a.wait = true, -1 // at once
	}
	return a.failed(CodeUnavailable, OriginLocal, cause(err, ErrConnection))
}

// stale reports an exchange that failed because its connection had died in
// the pool. Others beside it may have, so that they are given up: the next
// attempt gets a new one.
func (x *exchange) stale() bool {
	if !x.reused || x.answered.Load() {
		return false
	}
	x.pool.closeIdle()
	return true
}

// lost reports whether the other end went away, rather than talked nonsense.
func lost(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// handshakeFault: what a certificate, suite or version decided is final; a
// handshake that broke off is tried again, one that was never answered once.
func (a *call) handshakeFault(he *auth.HandshakeError) *Error {
	final := []error{auth.ErrRefused, auth.ErrNoSuite, auth.ErrNoVersion, auth.ErrCredentials}
	for _, f := range final {
		if errors.Is(he, f) {
			return a.failed(CodeCertificate, OriginLocal, he)
		}
	}
	switch {
	case errors.Is(he, auth.ErrNotTLS), errors.Is(he, auth.ErrClosed), he.Alert != 0:
		return a.failed(CodeUnavailable, OriginLocal, he)
	case errors.Is(he, context.DeadlineExceeded):
		a.transient = a.attempts < 2
		return a.failed(CodeTimeout, OriginLocal, he)
	case a.request.Service == Public && !lost(he):
		return a.failed(CodeCertificate, OriginLocal, he)
	}
	a.transient = lost(he)
	return a.failed(CodeUnavailable, OriginLocal, he)
}

// cause keeps of a transport's error what is safe to show, behind a sentinel:
// errors of this project and of the socket. net/http's own texts quote what
// the server sent.
func cause(err, sentinel error) error {
	for _, known := range []error{auth.ErrTruncated, auth.ErrProxy, io.ErrUnexpectedEOF, io.EOF} {
		if errors.Is(err, known) {
			return fmt.Errorf("%w: %w", sentinel, known)
		}
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return fmt.Errorf("%w: %w", sentinel, op)
	}
	return sentinel
}

// refusal is the error of any status but 200.
func (x *exchange) refusal(resp *http.Response, received time.Time) *Error {
	a := x.call
	text := x.errorBody(resp)
	e := a.failed(CodeUnexpected, OriginUnknown, ErrStatus)
	e.Status = resp.StatusCode
	if o, err := ParseOutcome(text); err == nil {
		e.Outcome, e.SpineCode = o, o.SpineCode()
	}
	e.Origin = a.origin(e.Outcome, e.Status)
	e.Code = a.classify(e.Status, e.SpineCode)
	switch e.Status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		e.Err = ErrRedirect
	case 495, 496: // SSP page
		e.Err = fmt.Errorf("%w: %w", ErrStatus, auth.ErrRefused)
	case http.StatusUnauthorized, http.StatusBadRequest: // a JWT of the future or the past may be why
		e.Err = clock(e, resp.Header.Get("Date"), received)
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		a.transient = true // SSP page: transient causes only
		e.RetryAfter = retryAfter(resp.Header.Get("Retry-After"), a.client.config.Now())
	}
	if e.Status == http.StatusBadRequest && e.Outcome == nil && bytes.Contains(text, []byte("SSL certificate")) {
		// nginx, which lets the handshake pass, answers so in place of 495 and 496.
		e.Code, e.Err = CodeCertificate, fmt.Errorf("%w: %w", ErrStatus, auth.ErrRefused)
	}
	entry := x.responseEntry(e.Status, text, e)
	entry.Time = received
	return a.audited(entry, e)
}

// clock adds to a refusal that the clocks differ, where they do: a JWT counts
// for five minutes and not before it is issued (Spine JWT page).
func clock(e *Error, date string, now time.Time) error {
	t, err := http.ParseTime(date)
	if err != nil || e.Status == http.StatusBadRequest && e.SpineCode != "MISSING_OR_INVALID_HEADER" {
		return e.Err
	}
	switch ahead := now.Sub(t).Truncate(time.Second); {
	case ahead > 5*time.Second:
		return fmt.Errorf("%w: %w: this one is %s ahead of the server's", e.Err, ErrClock, ahead)
	case ahead < -5*time.Second:
		return fmt.Errorf("%w: %w: this one is %s behind the server's", e.Err, ErrClock, -ahead)
	}
	return e.Err
}

// errorBody reads at most 64 KiB of a failed answer in at most five seconds.
func (x *exchange) errorBody(resp *http.Response) []byte {
	defer time.AfterFunc(errorBodyTime, func() { x.cancel(errIdle) }).Stop()
	text, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody)) // what came is enough: the status decides
	_ = resp.Body.Close()
	return text
}

// classify sorts a status. NO_RECORD_FOUND and RESOURCE_NOT_FOUND mean "no
// such pointer"; a 404 without them is no answer of the NRL (NRL error page).
func (a *call) classify(status int, spineCode string) Code {
	switch {
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return CodeDenied
	case status == http.StatusNotFound, status == http.StatusGone:
		if a.request.Service == NRL && spineCode != "NO_RECORD_FOUND" && spineCode != "RESOURCE_NOT_FOUND" {
			return CodeUnexpected
		}
		return CodeNoRecord
	case status == http.StatusTooManyRequests, status == 444, status >= 500:
		return CodeUnavailable
	case status >= 495 && status <= 497: // SSP page: certificate errors
		return CodeCertificate
	case status >= 400:
		return CodeInvalid
	}
	return CodeUnexpected
}
