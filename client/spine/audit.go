package spine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/nrlgo/nrlgo/auth"
	"github.com/nrlgo/nrlgo/auth/nhs"
)

// ErrAudit is wrapped by the error of a call whose audit line could not be
// written. Nothing is handed out then.
var ErrAudit = errors.New("the audit line could not be written")

// AuditSink keeps the audit trail, which a consumer MUST keep (NRL audit
// page). It is a sink of its own, never the log.
//
// WriteAudit returns when the entry is durable: the request is sent after its
// entry, and the answer handed out after its entry, so an error ends the call,
// and so does a panic or a write that outlasts the call's deadline. Its error
// becomes part of the call's, and so must hold nothing of the entry. It must
// be safe for concurrent use and should honour ctx, which outlasts the call's
// by some seconds except for a request line. e.Body must not be changed, nor
// kept without a copy.
type AuditSink interface {
	WriteAudit(ctx context.Context, e AuditEntry) error
}

// AuditKind says which of the three lines of a call an entry is.
type AuditKind string

// The kinds: a request and a response for each attempt, one end for each call.
const (
	AuditRequest  AuditKind = "request"
	AuditResponse AuditKind = "response"
	AuditEnd      AuditKind = "end"
)

// AuditEntry is one line of the audit trail. Lines of one call have the same
// CallID. It holds patients' identifiers: fmt, slog and encoding/json show a
// mask, so that a sink decides by itself how it is kept.
type AuditEntry struct {
	Kind    AuditKind
	CallID  string
	Attempt int // 1 for the first; on an end line, how many there were
	// Time is when a request or end line was written, and when the response
	// was received.
	Time    time.Time
	Op      Op
	Service Service
	// Action is the consumer guidance's word for it, "view pointer" or "view record".
	Action    string
	Requester auth.Requester
	// To is the ASID the request is sent to: the Spine's or the provider's.
	To nhs.ASID
	// Verb is the HTTP method.
	Verb string
	// URL is the whole URL of the request; RecordURL the pointer's.
	URL, RecordURL string
	// Patient is the patient concerned; on the response line of a read, the
	// returned subject.
	Patient   nhs.Number
	PointerID string
	TraceID   string
	// Engine, TLSVersion and CipherSuite say how the response came, "" before.
	Engine, TLSVersion, CipherSuite string
	// Note holds decisions worth keeping: revocation switched off, on a request;
	// what only the soft policy let pass, on a response.
	Note string
	// Status is the HTTP status of a response; 0 when none came.
	Status int
	// Body is the answer of the NRL, or a failed answer of the SSP.
	Body []byte
	// Bytes counts body bytes handed out, on an end line.
	Bytes int64
	// Outcome is "ok" or the error's text (which holds nothing sensitive), on
	// every response and end line; "ended early" for a record that was ended
	// without an error before its last byte.
	Outcome string
}

// String is a mask that says which line it is.
func (e AuditEntry) String() string {
	return fmt.Sprintf("audit %s of %s %s (contents hidden)", e.Kind, e.Op, e.CallID)
}

// Format writes the mask for every verb.
func (e AuditEntry) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, e.String()) }

// LogValue is the mask.
func (e AuditEntry) LogValue() slog.Value { return slog.StringValue(e.String()) }

// MarshalJSON writes the mask: a sink encodes the fields it keeps.
func (e AuditEntry) MarshalJSON() ([]byte, error) { return json.Marshal(e.String()) }

// NoAudit is a sink that keeps nothing, and the reason why. Make one with a
// reason for the reviewer; the zero value is refused by client.New.
type NoAudit struct{ Reason string }

// WriteAudit drops the entry.
func (NoAudit) WriteAudit(context.Context, AuditEntry) error { return nil }
