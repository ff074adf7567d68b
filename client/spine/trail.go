package spine

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/nrlgo/nrlgo/auth"
)

// endTime bounds the last audit line, which is written even when the
// caller's context has ended.
const endTime = 5 * time.Second

// entry is what all lines of a call have.
func (a *call) entry(kind AuditKind) AuditEntry {
	r := &a.request
	e := AuditEntry{
		Kind: kind, CallID: a.id, Attempt: a.attempts, Time: a.client.config.Now(), Op: r.Op, Service: r.Service,
		Action: "view pointer", Requester: r.Requester, Verb: http.MethodGet, URL: wireURL(r), RecordURL: r.RecordURL,
		Patient: r.Patient, PointerID: r.PointerID, TraceID: a.trace,
	}
	switch r.Service {
	case NRL:
		e.To = a.client.config.SpineASID
	case SSP:
		e.To, e.Action = r.To, "view record"
	case Public:
		e.Action = "view contact details"
	}
	return e
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
	if fault != nil {
		e.Outcome = fault.Error()
	}
	if a.request.Subject != nil && e.Patient.IsZero() && body != nil && status == http.StatusOK {
		e.Patient = a.request.Subject(body)
	}
	return e
}

// audited writes the line of an attempt. A line that cannot be written is
// what went wrong, whatever else did.
func (a *call) audited(e AuditEntry, fault *Error) *Error {
	ctx := a.ctx
	if ctx.Err() != nil { // the attempt is on record all the same
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), endTime)
		defer cancel()
	}
	if err := a.audit(ctx, e); err != nil {
		a.transient = false
		return a.failed(CodeAudit, OriginLocal, err)
	}
	return fault
}

// audit writes an entry, and neither waits past ctx nor lets a panic of the
// sink through.
func (a *call) audit(ctx context.Context, e AuditEntry) error {
	done := make(chan error, 1)
	go func() {
		defer func() {
			if recover() != nil {
				done <- errors.New("the sink panicked")
			}
		}()
		done <- a.client.config.Audit.WriteAudit(ctx, e)
	}()
	select {
	case err := <-done:
		if err != nil {
			return fmt.Errorf("%w: %w", ErrAudit, err)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrAudit, ctx.Err())
	}
}

// end writes the last line of the call, once, and gives err or its own fault.
func (a *call) end(err error) error {
	a.once.Do(func() {
		a.client.quota.earn()
		a.done = err
		e := a.entry(AuditEnd)
		e.Outcome = "ok"
		if err != nil {
			e.Outcome = CodeOf(err).String()
			if known, ok := errors.AsType[*Error](err); ok {
				e.Outcome, e.Status = known.Error(), known.Status
			}
		} else {
			e.Status = a.response.Status
		}
		if a.response.call != nil {
			e.Bytes = int64(len(a.response.Body))
		}
		if a.body != nil {
			e.Bytes = a.body.n
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(a.ctx), endTime)
		defer cancel()
		if fault := a.audit(ctx, e); fault != nil && CodeOf(err) != CodeAudit {
			if err != nil {
				fault = fmt.Errorf("%w; before that: %w", fault, err)
			}
			a.done = a.failed(CodeAudit, OriginLocal, fault)
		}
	})
	return a.done
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
		if strings.Contains(i.System, "gpconnect-schedule-response-code") || strings.Contains(i.System, "StructureDefinition/spine-operationoutcome") {
			return OriginProxy
		}
	}
	return OriginProvider
}
