package audit

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nrlgo/nrlgo/auth"
	"github.com/nrlgo/nrlgo/auth/nhs"
	"github.com/nrlgo/nrlgo/client/spine"
)

// secrets are what a full entry holds and no error may.
var secrets = []string{"9434765919", "9876543210", "200000000117", "999999999999", "RXQ72", "555254242106", "clinicals", "p1.nhs.uk", "0a1b2c", "secret"}

// full is an entry with each field set.
func full() spine.AuditEntry {
	return spine.AuditEntry{
		Kind: spine.AuditResponse, CallID: "call-1", Attempt: 2, Time: time.Date(2026, 3, 4, 5, 6, 7, 89, time.UTC),
		Op: spine.OpRetrieve, Service: spine.SSP, Action: "view record",
		Requester: auth.Requester{
			Organisation: nhs.MustParseODSCode("RXQ72"), ASID: nhs.MustParseASID("200000000117"),
			User: auth.Professional(nhs.MustParseRoleProfileID("555254242106")),
		},
		To: nhs.MustParseASID("999999999999"), Verb: "GET",
		URL: "https://clinicals.nhs.uk/https%3A%2F%2Fp1.nhs.uk?a=<b>&c", RecordURL: "https://p1.nhs.uk",
		Patient: nhs.MustParseNumber("9434765919"), PointerID: "0a1b2c", TraceID: "trace-1",
		Engine: "openssl", TLSVersion: "TLS 1.2", CipherSuite: "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
		Note: "revocation: off: test", Status: 404, Body: []byte(`{"secret":"é \u2028"}` + "\n\x00\u2028"), Bytes: 1 << 40, Outcome: "ok",
	}
}

// least is an entry with as little as can be.
func least() spine.AuditEntry {
	return spine.AuditEntry{Kind: spine.AuditEnd, CallID: "c", Service: spine.NRL, Time: time.Unix(0, 0).UTC()}
}

// changed is full with a change.
func changed(change func(*spine.AuditEntry)) spine.AuditEntry {
	e := full()
	change(&e)
	return e
}

// open opens a file in a folder of its own.
func open(t *testing.T) (*File, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	return reopen(t, path), path
}

func reopen(t *testing.T, path string) *File {
	t.Helper()
	f, err := OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func write1(t *testing.T, s spine.AuditSink, e spine.AuditEntry) {
	t.Helper()
	if err := s.WriteAudit(t.Context(), e); err != nil {
		t.Fatal(err)
	}
}

// trail reads a file back: entries, and the numbers of damaged lines.
func trail(t *testing.T, path string) (entries []spine.AuditEntry, damaged []int) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	return readAll(t, f)
}

// ended is a context that has ended.
func ended(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}
