package client_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/nrlgo/nrlgo/auth"
	"github.com/nrlgo/nrlgo/auth/nhs"
	"github.com/nrlgo/nrlgo/client"
	"github.com/nrlgo/nrlgo/mocks"
	"github.com/nrlgo/nrlgo/mocks/mockstest"
	"github.com/nrlgo/nrlgo/nrl"
	"github.com/nrlgo/nrlgo/ssp"
)

// sink is a writer for many goroutines.
type sink struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *sink) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *sink) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// canaries are what must appear in no error and no log.
var canaries = []string{
	patientDigits, "9462205965", mocks.ConsumerASID, mocks.ProviderASID, mocks.ConsumerODS, "4387293874928",
	"eyJ",                        // a JWT
	"secret-path", "secret-body", // of a URL, of a body
	"PRIVATE KEY", "canary-message", // of a server
}

func leaks(t *testing.T, where, text string) {
	t.Helper()
	for _, c := range canaries {
		if strings.Contains(text, c) {
			t.Errorf("%s: %q leaks:\n%s", where, c, text)
		}
	}
}

func everyVerb(v any) string { return fmt.Sprintf("%v %+v %#v %s %q", v, v, v, v, v) }

// TestNothingLeaks puts canaries into every input, provokes every kind of
// error, and looks for them in errors and logs.
func TestNothingLeaks(t *testing.T) {
	t.Parallel()
	const outcome = `{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"invalid","details":{"coding":[{"system":"x","code":"%s","display":"canary-message 9462205957"}]},"diagnostics":"canary-message 9462205957 https://secret-path"}]}`
	json := "application/fhir+json"
	faults := map[string]mocks.Fault{
		"none":                      {},
		"400":                       mocks.Body(400, json, fmt.Sprintf(outcome, "INVALID_PARAMETER")),
		"403 with a code in it":     mocks.Body(403, json, fmt.Sprintf(outcome, "ASID_CHECK_FAILED_MESSAGESENDER_"+mocks.ConsumerASID)),
		"404":                       mocks.Body(404, json, fmt.Sprintf(outcome, "NO_RECORD_FOUND")),
		"500 HTML":                  mocks.Body(500, "text/html", "<html>canary-message 9462205957</html>"),
		"503":                       mocks.RetryAfter(503, "9462205957"),
		"redirect":                  mocks.Redirect("https://secret-path/9462205957"),
		"junk in place of HTTP":     mocks.Raw("canary-message 9462205957\r\n\r\n"),
		"a header that is none":     mocks.Raw("HTTP/1.1 200 OK\r\nContent-Length: 9462205957x\r\ncanary-message\r\n\r\nsecret-body"),
		"JSON that is none":         mocks.Body(200, json, `{"canary-message": 9462205957`),
		"a patient":                 mocks.Body(200, json, `{"resourceType":"Patient","id":"canary-message"}`),
		"a pointer that is none":    mocks.Body(200, json, `{"resourceType":"Bundle","type":"searchset","total":1,"entry":[{"resource":{"resourceType":"DocumentReference","id":"canary-message","status":"9462205957"}}]}`),
		"another content type":      mocks.Body(200, "canary-message/9462205957", "secret-body"),
		"cut":                       mocks.Truncate(20),
		"cut by a bare FIN":         mocks.BareFIN(20),
		"reset":                     mocks.Reset(),
		"reset in the body":         mocks.ResetAfter(20),
		"bytes behind an answer":    mocks.Raw("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: application/fhir+json\r\n\r\n{}canary-message 9462205957"),
		"a content encoding":        mocks.Raw("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Encoding: canary-message\r\n\r\n{}"),
		"an informational response": mocks.Raw("HTTP/1.1 199 canary-message\r\nX: 9462205957\r\n\r\n"),
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sp := mocks.Run(t)
			id := sp.AddRecord(patient, mocks.Record{URL: "https://p1.nhs.uk/secret-path/9462205957?nhs=9462205965", Body: []byte("secret-body 9462205957")})
			sp.AddContact(patient, "text/html", "secret-body")
			logged := new(sink)
			s := mockstest.Session(t, sp, func(c *client.Config) {
				c.Logger = slog.New(slog.NewTextHandler(logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
				c.Limits.Retries = 1
			})
			p, err := s.Read(t.Context(), string(id), patient) // before the fault
			if err != nil {
				t.Fatal(err)
			}
			sp.Fault(fault)
			failed := everyCall(t, s, p)
			if name != "none" && len(failed) == 0 {
				t.Error("the fault provoked no error")
			}
			for _, err := range failed {
				leaks(t, "error", everyVerb(err))
				for e := err; e != nil; e = errors.Unwrap(e) {
					leaks(t, fmt.Sprintf("%T", e), everyVerb(e))
				}
			}
			if !strings.Contains(logged.String(), "op=search") {
				t.Error("the log is empty")
			}
			leaks(t, "log", logged.String())
		})
	}
}

// everyCall makes each call and gives the errors.
func everyCall(t *testing.T, s *client.Session, p nrl.Pointer) []error {
	t.Helper()
	var failed []error
	note := func(err error) {
		if err != nil {
			failed = append(failed, err)
		}
	}
	for _, q := range []nrl.Query{{Patient: patient}, {ID: "9462205957\n"}, {Patient: patient, Type: nrl.Coding{Code: "canary-message"}}} {
		for _, err := range s.Search(t.Context(), q) {
			note(err)
		}
	}
	_, err := s.Read(t.Context(), p.ID, nhs.MustParseNumber("9462205965"))
	note(err)
	_, err = s.Count(t.Context(), nrl.Query{Patient: patient})
	note(err)
	for _, opt := range []ssp.Option{ssp.Any, ssp.Contact, ssp.ContentType("canary-message/x"), ssp.MaxBytes(4)} {
		rec, err := s.Retrieve(t.Context(), p, opt)
		if note(err); err != nil {
			continue
		}
		_, err = io.Copy(io.Discard, rec)
		note(err)
		note(rec.Close())
	}
	hostile := p
	hostile.Contents = []nrl.Content{{ContentType: "application/pdf", URL: "https://secret-path:canary-message@p1.nhs.uk/9462205957\x00"}}
	_, err = s.Retrieve(t.Context(), hostile)
	note(err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range s.Search(ctx, nrl.Query{Patient: patient}) {
		note(err)
	}
	return failed
}

func TestSettingsDoNotPrintWhatMustNotLeak(t *testing.T) {
	t.Parallel()
	c := config(t)
	r := auth.Requester{
		Organisation: nhs.MustParseODSCode(mocks.ConsumerODS), ASID: nhs.MustParseASID(mocks.ConsumerASID),
		User: auth.CitizenDelegate(patient, nhs.MustParseNumber("9462205965")),
	}
	for _, v := range []any{c.Credentials, c.Trust, r, &r, struct{ R auth.Requester }{r}, nrl.Query{Patient: patient, Custodian: r.Organisation}} {
		leaks(t, fmt.Sprintf("%T", v), everyVerb(v))
	}
}
