package spine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nrlgo/nrlgo/auth"
	"github.com/nrlgo/nrlgo/auth/nhs"
	"github.com/nrlgo/nrlgo/client/spine"
	"github.com/nrlgo/nrlgo/mocks"
	"github.com/nrlgo/nrlgo/mocks/mockstest"
)

func TestLinesOfASearch(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *spine.Config) { c.AuditNote = "revocation off: test" })
	r := b.search()
	a, err := b.client.Fetch(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.End(nil); err != nil {
		t.Fatal(err)
	}
	line := spine.AuditEntry{
		CallID: a.CallID, Attempt: 1, Op: spine.OpSearch, Service: spine.NRL, Action: "view pointer", Requester: requester,
		To: nhs.MustParseASID(mocks.SpineASID), Verb: "GET", URL: b.NRLURL() + "/DocumentReference?" + r.URL.RawQuery,
		Patient: nhs.MustParseNumber(patient), TraceID: a.TraceID,
	}
	request, response, end := line, line, line
	request.Kind, request.Note = spine.AuditRequest, "revocation off: test"
	response.Kind, response.Status, response.Body, response.Outcome = spine.AuditResponse, 200, a.Body, "ok"
	response.Engine, response.TLSVersion, response.CipherSuite = mockstest.EngineName(), "TLS 1.2", auth.SuiteName(b.Requests()[0].CipherSuite)
	end.Kind, end.Status, end.Bytes, end.Outcome = spine.AuditEnd, 200, int64(len(a.Body)), "ok"
	got := b.sink.all()
	for i := range got {
		if age := time.Since(got[i].Time); age < 0 || age > time.Minute || i == 1 && !got[i].Time.Equal(a.Received) {
			t.Errorf("line %d has time %s", i, got[i].Time)
		}
		got[i].Time = time.Time{}
	}
	if diff := cmp.Diff([]spine.AuditEntry{request, response, end}, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestLinesOfARetrieval(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Fault(mocks.Once(mocks.Status(503)))
	if body, err := b.stream(t, b.retrieve()); err != nil || body != document {
		t.Fatalf("%v: %q", err, body)
	}
	got := b.sink.all()
	var traces []string
	for i, e := range got {
		if e.CallID != got[0].CallID || e.RecordURL != recordURL || e.PointerID != pointerID || e.To != nhs.MustParseASID(mocks.ProviderASID) || e.Action != "view record" {
			t.Errorf("line %d: another call, record, pointer, provider or action", i)
		}
		traces = append(traces, e.TraceID)
	}
	if traces[0] != traces[1] || traces[2] != traces[3] || traces[0] == traces[2] || traces[4] != traces[3] {
		t.Errorf("trace ids %v", traces)
	}
	type part struct {
		Line   string
		Status int
		Body   bool
		Bytes  int64
		OK     bool
	}
	var parts []part
	for _, e := range got {
		parts = append(parts, part{fmt.Sprintf("%s %d", e.Kind, e.Attempt), e.Status, len(e.Body) > 0, e.Bytes, e.Outcome == "ok"})
	}
	want := []part{
		{Line: "request 1"},
		{Line: "response 1", Status: 503, Body: true},
		{Line: "request 2"},
		{Line: "response 2", Status: 200, OK: true},
		{Line: "end 2", Status: 200, Bytes: int64(len(document)), OK: true},
	}
	if diff := cmp.Diff(want, parts); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// Nothing is sent before its line is written, and nothing handed out.
func TestLinesComeFirst(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var order []string
	b.sink.hook = func(_ context.Context, e spine.AuditEntry) error {
		order = append(order, fmt.Sprintf("%s, %d arrived", e.Kind, len(b.Requests())))
		return nil
	}
	s, err := b.client.Stream(t.Context(), b.retrieve())
	order = append(order, "handed out")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.End(errors.New("ended")); err == nil || err.Error() != "ended" {
		t.Errorf("End gave %v", err)
	}
	if diff := cmp.Diff([]string{"request, 0 arrived", "response, 1 arrived", "handed out", "end, 1 arrived"}, order); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestReturnedSubjectIsOnRecord(t *testing.T) {
	t.Parallel()
	b := setup(t)
	r := b.search()
	r.Patient = nhs.Number{}
	r.Subject = func(body []byte) nhs.Number {
		if !strings.Contains(string(body), patient) {
			return nhs.Number{}
		}
		return nhs.MustParseNumber(patient)
	}
	if _, err := b.fetch(t, r); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range b.sink.all() {
		got = append(got, e.Patient.Digits())
	}
	if diff := cmp.Diff([]string{"", patient, ""}, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestOutcomesOnTheEndLine(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		call  func(t *testing.T, b *bed)
		want  string
		bytes int64
	}{
		{"a fault that the caller found", func(t *testing.T, b *bed) {
			t.Helper()
			a, err := b.client.Fetch(t.Context(), b.search())
			if err != nil {
				t.Fatal(err)
			}
			fault := a.Fail(spine.CodeIncomplete, spine.OriginNRL, errors.New("another patient"))
			if err := a.End(fault); !errors.Is(err, fault) || a.End(nil) == nil {
				t.Errorf("End gave %v", err)
			}
		}, "nrlgo: search: incomplete from the NRL: another patient (attempts 1, trace TRACE)", -1},
		{"an error of another kind shows its class only", func(t *testing.T, b *bed) {
			t.Helper()
			a, err := b.client.Fetch(t.Context(), b.search())
			if err != nil {
				t.Fatal(err)
			}
			_ = a.End(errors.New(patient))
		}, "unknown", -1},
		{"a fault that Check found: nothing was handed out", func(t *testing.T, b *bed) {
			t.Helper()
			r := b.search()
			r.Check = func(*spine.Response) error { return errors.New("no searchset") }
			_, err := b.fetch(t, r)
			want{code: spine.CodeUnexpected, attempts: 1, origin: spine.OriginNRL}.check(t, err)
		}, "nrlgo: search: unexpected answer from the NRL: no searchset (attempts 1, trace TRACE)", 0},
		{"a record that was ended early", func(t *testing.T, b *bed) {
			t.Helper()
			s, err := b.client.Stream(t.Context(), b.retrieve())
			if err != nil {
				t.Fatal(err)
			}
			_, _ = s.Read(make([]byte, 4))
			if err := s.End(nil); err != nil {
				t.Error(err)
			}
		}, "ended early", 4},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			tt.call(t, b)
			all := b.sink.all()
			end := all[len(all)-1]
			if tt.bytes < 0 {
				tt.bytes = int64(len(all[1].Body))
			}
			if got := strings.ReplaceAll(end.Outcome, end.TraceID, "TRACE"); end.Kind != spine.AuditEnd || got != tt.want || end.Bytes != tt.bytes || len(all) != 3 {
				t.Errorf("the end says %q and %d bytes, want %q and %d; %s", got, end.Bytes, tt.want, tt.bytes, b.sink.kinds())
			}
		})
	}
}

// Fault 36: a line that cannot be written ends the call; nothing is sent
// without its request line, and nothing handed out without its response line.
func TestSinkThatFails(t *testing.T) {
	t.Parallel()
	errDisk := errors.New("no space left on device")
	ways := map[string]func() error{
		"an error": func() error { return errDisk },
		"a panic":  func() error { panic(canary) },
		"a Goexit": func() error { runtime.Goexit(); return nil },
	}
	for _, tt := range []struct {
		kind           spine.AuditKind
		sent, attempts int
	}{{spine.AuditRequest, 0, 0}, {spine.AuditResponse, 1, 1}, {spine.AuditEnd, 1, 1}} {
		for name, way := range ways {
			t.Run(name+" at the "+string(tt.kind), func(t *testing.T) {
				t.Parallel()
				b := setup(t)
				b.sink.hook = func(_ context.Context, e spine.AuditEntry) error {
					if e.Kind == tt.kind {
						return way()
					}
					return nil
				}
				want := want{code: spine.CodeAudit, is: spine.ErrAudit, attempts: tt.attempts, origin: spine.OriginLocal}
				_, err := b.fetch(t, b.search())
				want.check(t, err)
				if name == "an error" && !errors.Is(err, errDisk) {
					t.Errorf("%v hides the sink's error", err)
				}
				body, err := b.stream(t, b.retrieve())
				want.check(t, err)
				if n := len(b.Requests()); n != 2*tt.sent || tt.kind != spine.AuditEnd && body != "" {
					t.Errorf("%d requests arrived, %q was handed out", n, body)
				}
			})
		}
	}
}

func TestAuditFaultOutranksOthers(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Fault(mocks.Status(503))
	b.sink.hook = func(_ context.Context, e spine.AuditEntry) error {
		if e.Kind == spine.AuditResponse {
			return errors.New("full")
		}
		return nil
	}
	_, err := b.fetch(t, b.search())
	want{code: spine.CodeAudit, is: spine.ErrAudit, attempts: 1, origin: spine.OriginLocal}.check(t, err) // no retry
	b.sink.hook = func(_ context.Context, e spine.AuditEntry) error {
		if e.Kind == spine.AuditEnd {
			return errors.New("full")
		}
		return nil
	}
	_, err = b.fetch(t, b.search())
	want{code: spine.CodeAudit, is: spine.ErrStatus, attempts: 4, origin: spine.OriginLocal}.check(t, err) // and what was before
}

// A sink that does not return holds a call to its deadline, and no longer.
func TestSinkThatIsStuck(t *testing.T) {
	good := func(_ int, c net.Conn) bool { return send(c, answer("{}")) }
	const everyLine = "*"
	for _, tt := range []struct {
		kind     spine.AuditKind
		deadline time.Duration // of the caller; 0 for none
		lo, hi   time.Duration
		is       error
	}{
		{spine.AuditRequest, 3 * time.Second, 3 * time.Second, 3 * time.Second, context.DeadlineExceeded},
		{spine.AuditRequest, 0, 20 * time.Second, 20 * time.Second, context.DeadlineExceeded}, // the budget
		{spine.AuditResponse, 3 * time.Second, 3 * time.Second, 3500 * time.Millisecond, context.DeadlineExceeded},
		{spine.AuditEnd, 3 * time.Second, 3 * time.Second, 3500 * time.Millisecond, context.DeadlineExceeded},
		{everyLine, 3 * time.Second, 3 * time.Second, 3 * time.Second, context.DeadlineExceeded},
		{spine.AuditEnd, 0, 5 * time.Second, 5500 * time.Millisecond, context.DeadlineExceeded},
	} {
		t.Run(fmt.Sprintf("at the %s, deadline %s", tt.kind, tt.deadline), func(t *testing.T) {
			inLab(t, spine.Limits{Budget: 20 * time.Second}, good, func(t *testing.T, b *lab) {
				t.Helper()
				late := make(chan error, 9)
				b.sink.hook = func(ctx context.Context, e spine.AuditEntry) error {
					if e.Kind == tt.kind || tt.kind == everyLine {
						<-time.After(25 * time.Second)
						late <- ctx.Err()
					}
					return nil
				}
				ctx := t.Context()
				if tt.deadline > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, tt.deadline)
					defer cancel()
				}
				a, err := b.client.Fetch(ctx, search("https://spine/"))
				if err == nil {
					err = a.End(nil)
				}
				b.checkError(t, err)
				b.took(t, tt.lo, tt.hi)
				if spine.CodeOf(err) != spine.CodeAudit || !errors.Is(err, spine.ErrAudit) || !errors.Is(err, tt.is) {
					t.Errorf("got %v", err)
				}
				<-time.After(time.Minute)
				if (tt.kind == spine.AuditRequest || tt.kind == everyLine) && len(b.requests()) > 0 {
					t.Error("a request was sent")
				}
				if kinds := b.sink.kinds(); !strings.Contains(kinds, strings.Trim(string(tt.kind), "*")) || !strings.Contains(kinds, "end") {
					t.Errorf("lines were lost: %s", kinds)
				}
				if tt.kind != spine.AuditRequest && tt.kind != everyLine {
					if err := <-late; err != nil {
						t.Errorf("the sink's own context ended with the call: %v", err)
					}
				}
			})
		})
	}
}

func TestCancelWhileTheSinkWrites(t *testing.T) {
	inLab(t, spine.Limits{}, silent, func(t *testing.T, b *lab) {
		t.Helper()
		ctx, cancel := context.WithCancel(t.Context())
		b.sink.hook = func(ctx context.Context, e spine.AuditEntry) error {
			if e.Kind != spine.AuditRequest {
				return nil
			}
			cancel()
			<-ctx.Done()
			return ctx.Err()
		}
		_, err := b.client.Fetch(ctx, search("https://spine/"))
		b.checkError(t, err)
		want{code: spine.CodeCanceled, is: context.Canceled, origin: spine.OriginLocal}.check(t, err)
		if !errors.Is(err, spine.ErrAudit) || b.sink.kinds() != "end 0" {
			t.Errorf("%v, lines %s", err, b.sink.kinds())
		}
		b.took(t, 0, 0)
	})
}

// The lines after the caller has left are written all the same.
func TestLinesOfACanceledCall(t *testing.T) {
	inLab(t, spine.Limits{}, silent, func(t *testing.T, b *lab) {
		t.Helper()
		b.sink.hook = func(ctx context.Context, _ spine.AuditEntry) error { return ctx.Err() }
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := b.client.Fetch(ctx, search("https://spine/"))
		want{code: spine.CodeTimeout, is: context.DeadlineExceeded, attempts: 1, origin: spine.OriginLocal}.check(t, err)
		if got := b.sink.kinds(); got != "request 1 response 1 end 1" {
			t.Errorf("lines %s", got)
		}
		b.took(t, time.Second, time.Second)
	})
}

// Fault 33: a Stream that nobody ends.
func TestDroppedStreams(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ended := make(chan spine.AuditEntry, 2)
	b.sink.hook = func(_ context.Context, e spine.AuditEntry) error {
		if e.Kind == spine.AuditEnd {
			ended <- e
		}
		return nil
	}
	for range 2 {
		if _, err := b.client.Stream(t.Context(), b.retrieve()); err != nil {
			t.Fatal(err)
		}
	}
	for found := 0; found < 2; {
		runtime.GC()
		select {
		case e := <-ended:
			found++
			if !strings.Contains(e.Outcome, spine.ErrAbandoned.Error()) {
				t.Errorf("outcome %q", e.Outcome)
			}
		case <-t.Context().Done():
			t.Fatal("the dropped streams were not found")
		default:
			runtime.Gosched()
		}
	}
	if n := strings.Count(b.log.String(), "dropped without being closed"); n != 1 {
		t.Errorf("it was logged %d times", n)
	}
}

func TestMasks(t *testing.T) {
	t.Parallel()
	b := setup(t)
	a, err := b.fetch(t, b.search())
	if err != nil {
		t.Fatal(err)
	}
	s, err := b.client.Stream(t.Context(), b.retrieve())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.End(nil) }()
	for _, v := range []any{b.search(), a, *a, s, b.sink.all()[1], &b.sink.all()[1]} {
		text, err := json.Marshal(v)
		if err != nil {
			t.Error(err)
		}
		b.discreet(t, string(text))
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			b.discreet(t, fmt.Sprintf(verb, v), fmt.Sprintf(verb, []any{v}), fmt.Sprintf(verb, struct{ V any }{v}))
		}
		if r, ok := v.(interface{ String() string }); !ok || !strings.Contains(r.String(), "hidden") {
			t.Errorf("%T has no mask", v)
		}
	}
}
