package spine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"time"
)

// Code is the class of an error: what a caller branches on, by [CodeOf].
type Code int

// The codes. A new one may be added in a minor release.
const (
	// CodeUnknown is an error that is none of the others.
	CodeUnknown Code = iota
	// CodeInvalid is a request refused before it was sent, or by the server as
	// malformed (400, 405, 409, 415, 422 and other 4xx).
	CodeInvalid
	// CodeNoRecord is NO_RECORD_FOUND: no such pointer, or patient unknown to
	// the locator; for a record, 404 or 410 from the provider.
	CodeNoRecord
	// CodeDenied is 401 or 403.
	CodeDenied
	// CodeUnavailable is no connection, 429, any 5xx and 444.
	CodeUnavailable
	// CodeTimeout is a deadline passed: the caller's or a limit of the client.
	CodeTimeout
	// CodeCanceled is the caller's context canceled.
	CodeCanceled
	// CodeCertificate is a decision about a certificate, ours about theirs or
	// theirs about ours (TLS alert, 495, 496, 497), or no common suite or version.
	CodeCertificate
	// CodeIntegrity is a body that is not whole or not what was announced.
	CodeIntegrity
	// CodeUnexpected is an answer that is none: another content type, another
	// resource, malformed HTTP or FHIR, a redirect, a 2xx but 200, too large, a
	// 404 or 410 of the locator without NO_RECORD_FOUND or RESOURCE_NOT_FOUND.
	CodeUnexpected
	// CodeIncomplete is a list or entry that is withheld or unreadable.
	CodeIncomplete
	// CodeAudit is an audit line that could not be written; nothing was handed out.
	CodeAudit
	// CodeConfig is a configuration that cannot work.
	CodeConfig
)

var codeNames = map[Code]string{
	CodeUnknown: "unknown", CodeInvalid: "invalid request", CodeNoRecord: "no record",
	CodeDenied: "denied", CodeUnavailable: "unavailable", CodeTimeout: "timeout",
	CodeCanceled: "canceled", CodeCertificate: "certificate", CodeIntegrity: "integrity",
	CodeUnexpected: "unexpected answer", CodeIncomplete: "incomplete", CodeAudit: "audit",
	CodeConfig: "configuration",
}

// String is a word or two for people; programs compare the codes.
func (c Code) String() string {
	if s, ok := codeNames[c]; ok {
		return s
	}
	return "code " + strconv.Itoa(int(c))
}

// Origin is who an error comes from: a best guess for what the SSP passes on.
type Origin string

// The origins.
const (
	OriginUnknown  Origin = ""
	OriginLocal    Origin = "local"     // this library, before or after the wire
	OriginNRL      Origin = "NRL"       // the locator
	OriginProxy    Origin = "SSP"       // the Spine Secure Proxy itself
	OriginProvider Origin = "provider"  // the record's provider, or a contact page
	OriginToken    Origin = "token"     // the token endpoint
	OriginDir      Origin = "directory" // the Spine Directory Service
)

// Error is the error of every exchange. Its text, its log value and its JSON
// hold no URL, no body, no token and no identifier; what the server said is in
// Outcome, for those who may see it.
type Error struct {
	// Op is what was called.
	Op Op
	// Code is its class.
	Code Code
	// Status is the HTTP status, 0 when there was none.
	Status int
	// SpineCode is the code of the OperationOutcome, such as NO_RECORD_FOUND,
	// "" when there was none.
	SpineCode string
	// Origin is who said so.
	Origin Origin
	// TraceID is that of the last attempt, "" when nothing was sent.
	TraceID string
	// Attempts counts requests made, 0 when none was.
	Attempts int
	// RetryAfter is what the server asked to wait, 0 when it did not.
	RetryAfter time.Duration
	// Outcome is the server's OperationOutcome, nil when there was none.
	Outcome *Outcome
	// Err is the cause. Never nil; wraps the sentinel that applies.
	Err error
}

// Error is one line: operation, class, status, Spine code, cause, trace id.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("nrlgo: ")
	b.WriteString(string(e.Op))
	b.WriteString(": ")
	b.WriteString(e.Code.String())
	if e.Status != 0 {
		fmt.Fprintf(&b, ": status %d", e.Status)
	}
	if e.SpineCode != "" {
		b.WriteString(" " + e.SpineCode)
	}
	if e.Origin != OriginUnknown && e.Origin != OriginLocal {
		fmt.Fprintf(&b, " from the %s", e.Origin)
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	if e.RetryAfter > 0 {
		fmt.Fprintf(&b, " (retry after %s)", e.RetryAfter.Round(time.Second))
	}
	if e.Attempts > 0 {
		fmt.Fprintf(&b, " (attempts %d, trace %s)", e.Attempts, e.TraceID)
	}
	return b.String()
}

// Unwrap is the cause.
func (e *Error) Unwrap() error { return e.Err }

// Format writes Error() for every verb, so that no %+v opens the Outcome.
func (e *Error) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, e.Error()) }

// LogValue holds what is safe to log, as attributes.
func (e *Error) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("op", string(e.Op)), slog.String("code", e.Code.String()),
		slog.Int("status", e.Status), slog.String("spine_code", e.SpineCode),
		slog.String("origin", string(e.Origin)), slog.String("trace_id", e.TraceID),
		slog.Int("attempts", e.Attempts), slog.String("error", e.Error()),
	)
}

// MarshalJSON writes Error() as a JSON string.
func (e *Error) MarshalJSON() ([]byte, error) { return json.Marshal(e.Error()) }

// CodeOf is the class of err: that of the first [*Error] in its tree, or what
// a bare context error means, or CodeUnknown. CodeOf(nil) is CodeUnknown.
func CodeOf(err error) Code {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return CodeTimeout
	case errors.Is(err, context.Canceled):
		return CodeCanceled
	}
	return CodeUnknown
}
