package spine

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/nrlgo/nrlgo/auth"
)

// Lines of what has happened are written even when the context has ended.
const (
	endTime  = 5 * time.Second        // how long the last line is waited for
	lateTime = 500 * time.Millisecond // and any line after the context's end
	sinkTime = 30 * time.Second       // what the sink itself is given
)

// entry is what all lines of a call have.
func (a *call) entry(kind AuditKind) AuditEntry {
	r := &a.request
	e := AuditEntry{
		Kind: kind, CallID: a.id, Attempt: a.attempts, Time: a.client.config.Now(), Op: r.Op, Service: r.Service,
		Action: action(r.Op), Requester: r.Requester, Verb: http.MethodGet, URL: wireURL(r), RecordURL: r.RecordURL,
		Patient: r.Patient, PointerID: r.PointerID, TraceID: a.trace,
	}
	switch r.Service {
	case NRL:
		e.To = a.client.config.SpineASID
	case SSP:
		e.To = r.To
	}
	return e
}

// action is the consumer guidance's word for an operation.
func action(op Op) string {
	switch op {
	case OpRetrieve:
		return "view record"
	case OpContact:
		return "view contact details"
	}
	return "view pointer"
}

// wireURL is the URL as it is sent.
func wireURL(r *Request) string { return r.URL.Scheme + "://" + r.URL.Host + r.URL.RequestURI() }

func (a *call) requestEntry() AuditEntry {
	e := a.entry(AuditRequest)
	e.Note = a.client.config.AuditNote
	return e
}

// responseEntry holds the body of an answer of the NRL, and of a failed one
// of the SSP (NRL audit page).
func (x *exchange) responseEntry(status int, body []byte, fault *Error) AuditEntry {
	a := x.call
	e := a.entry(AuditResponse)
	e.Status, e.Body, e.Outcome = status, body, "ok"
	e.Engine = x.state.Engine
	if x.state.Version != 0 {
		e.TLSVersion, e.CipherSuite = tls.VersionName(x.state.Version), auth.SuiteName(x.state.CipherSuite)
	}
	e.Note = strings.Join(x.state.Peer.Revocation.Notices(), "; ")
	if fault != nil {
		e.Outcome = fault.Error()
	}
	if a.request.Subject != nil && e.Patient.IsZero() && body != nil && status == http.StatusOK {
		e.Patient = a.request.Subject(body)
	}
	return e
}

// audited writes the response line of an attempt. A line that cannot be
// written is what went wrong, whatever else did.
func (a *call) audited(e AuditEntry, fault *Error) *Error {
	if err := a.keep(a.ctx, e); err != nil {
		a.transient, a.ended = false, false
		return a.failed(CodeAudit, OriginLocal, err)
	}
	return fault
}

// record writes a line before its request, and does not wait past ctx.
func (a *call) record(ctx context.Context, e AuditEntry) error {
	return a.await(ctx, a.write(ctx, func() {}, e), 0)
}

// keep writes a line of what has happened: also after the end of ctx, when it
// waits for a moment yet.
func (a *call) keep(ctx context.Context, e AuditEntry) error {
	own, cancel := context.WithTimeout(context.WithoutCancel(ctx), sinkTime)
	return a.await(ctx, a.write(own, cancel, e), lateTime)
}

// write hands a line to the sink, and lets neither a panic nor a Goexit of it
// through. The sink may outlast the call.
func (a *call) write(ctx context.Context, release func(), e AuditEntry) <-chan error {
	done := make(chan error, 1)
	go func() {
		err := errors.New("the sink panicked")
		defer func() {
			_ = recover()
			release()
			done <- err
		}()
		err = a.client.config.Audit.WriteAudit(ctx, e)
	}()
	return done
}

// await waits until the line is written, ctx has ended and some time more has
// passed. A sink that was too slow once in a call is not waited for again.
func (a *call) await(ctx context.Context, done <-chan error, late time.Duration) error {
	if a.stuck {
		late = 0
	} else {
		select {
		case err := <-done:
			return unwritten(err)
		case <-ctx.Done():
		}
	}
	timer := time.NewTimer(late)
	defer timer.Stop()
	select {
	case err := <-done:
		return unwritten(err)
	case <-timer.C:
	}
	err := cmp.Or(ctx.Err(), context.DeadlineExceeded)
	a.stuck = a.stuck || late > 0 || errors.Is(err, context.DeadlineExceeded) // not for a caller who left
	return unwritten(err)
}

func unwritten(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrAudit, err)
}

// end writes the last line of the call, once, and gives err or its own fault.
func (a *call) end(err error) error {
	a.once.Do(func() {
		a.client.quota.earn()
		a.done = err
		ctx := a.ctx // a call that failed keeps to its budget
		if a.handed {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(a.caller, endTime)
			defer cancel()
		}
		if fault := a.keep(ctx, a.endEntry(err)); fault != nil && CodeOf(err) != CodeAudit {
			if err != nil {
				fault = fmt.Errorf("%w; before that: %w", fault, err)
			}
			a.done = a.failed(CodeAudit, OriginLocal, fault)
		}
	})
	return a.done
}

func (a *call) endEntry(err error) AuditEntry {
	e := a.entry(AuditEnd)
	e.Outcome = "ok"
	if a.handed {
		e.Status, e.Bytes = a.response.Status, int64(len(a.response.Body))
		if a.body != nil {
			e.Bytes = a.body.n
			if a.body.err == nil {
				e.Outcome = "ended early"
			}
		}
	}
	if err != nil {
		e.Outcome = CodeOf(err).String()
		if known, ok := errors.AsType[*Error](err); ok {
			e.Outcome, e.Status = known.Error(), cmp.Or(known.Status, e.Status)
		}
	}
	return e
}

// origin guesses who an answer comes from: what the SSP says itself has
// codings of its own or certain statuses, the rest is the provider's (SSP page).
func (a *call) origin(o *Outcome, status int) Origin {
	switch a.request.Service {
	case NRL:
		return OriginNRL
	case Public:
		return OriginProvider
	}
	switch {
	case status == 444 || status >= 495 && status <= 497 || status == 599:
		return OriginProxy
	case o == nil:
		return OriginUnknown
	}
	for _, i := range o.Issues {
		if i.sspCode() != "" || strings.Contains(i.System, "gpconnect-schedule-response-code") || strings.Contains(i.System, "StructureDefinition/spine-operationoutcome") {
			return OriginProxy
		}
	}
	return OriginProvider
}
