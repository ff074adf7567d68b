package ssp_test

import (
	"bytes"
	"context"
	"crypto/sha1" // attachment.hash is SHA-1 by definition (FHIR Attachment)
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nrlgo/nrlgo/client/spine"
	"github.com/nrlgo/nrlgo/mocks"
	"github.com/nrlgo/nrlgo/nrl"
	"github.com/nrlgo/nrlgo/ssp"
)

// described is a content of that stability with size and hash of body.
func described(stability nrl.Stability, size int64, body []byte) nrl.Content {
	c := pdf(recordURL)
	sum := sha1.Sum(body)
	c.Stability, c.Size, c.Hash = stability, size, sum[:]
	return c
}

// What the head of an answer gives away is refused before anything is handed
// out.
func TestHeadIsJudged(t *testing.T) {
	t.Parallel()
	static := func(edit func(*nrl.Content)) nrl.Content {
		c := described(nrl.StabilityStatic, int64(len(document)), document)
		edit(&c)
		return c
	}
	for _, tt := range []struct {
		name    string
		served  string
		fault   mocks.Fault
		content nrl.Content
		opts    []ssp.Option
		code    spine.Code
		err     error
		not     error
	}{
		{
			name: "a login page", fault: mocks.Body(200, "text/html", "<form>"), content: pdf(recordURL),
			code: spine.CodeUnexpected, err: ssp.ErrContentType, not: ssp.ErrWrapped,
		},
		{name: "no content type", served: mocks.Omit, content: pdf(recordURL), code: spine.CodeUnexpected, err: ssp.ErrContentType},
		{name: "a Binary in JSON", served: "application/fhir+json", content: pdf(recordURL), code: spine.CodeUnexpected, err: ssp.ErrWrapped},
		{
			name: "a Binary in XML", served: "application/xml+fhir; charset=utf-8", content: pdf(recordURL),
			code: spine.CodeUnexpected, err: ssp.ErrContentType,
		},
		{
			name: "FHIR in the other syntax", served: "application/fhir+json",
			content: static(func(c *nrl.Content) { c.ContentType = "application/fhir+xml" }),
			code:    spine.CodeUnexpected, err: ssp.ErrContentType, not: ssp.ErrWrapped,
		},
		{name: "larger than the limit", content: pdf(recordURL), opts: []ssp.Option{ssp.MaxBytes(int64(len(document)) - 1)}, code: spine.CodeUnexpected, err: ssp.ErrTooLarge},
		{name: "static, of another length", content: static(func(c *nrl.Content) { c.Size++ }), code: spine.CodeIntegrity, err: ssp.ErrIntegrity},
		{name: "static, with a hash that is no SHA-1", content: static(func(c *nrl.Content) { c.Hash = make([]byte, 32) }), code: spine.CodeIntegrity, err: ssp.ErrIntegrity},
		{name: "empty", fault: mocks.Body(200, "application/pdf", ""), content: pdf(recordURL), code: spine.CodeIntegrity, err: ssp.ErrIntegrity},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, settings{limits: spine.Limits{Retries: 3}})
			b.sp.Serve(mocks.Record{URL: recordURL, Body: document, ServedType: tt.served})
			b.sp.Fault(tt.fault)
			rec, err := b.get(t.Context(), pointer(tt.content), tt.opts...)
			e, ok := errors.AsType[*spine.Error](err)
			if !ok || rec != nil || !errors.Is(err, tt.err) || e.Code != tt.code || e.Attempts != 1 || e.TraceID == "" {
				t.Fatalf("%v, want %v with code %q after one attempt", err, tt.err, tt.code)
			}
			if tt.not != nil && errors.Is(err, tt.not) {
				t.Errorf("%v wraps %v", err, tt.not)
			}
			if end := b.trail.end(t); end.Bytes != 0 || end.Outcome != err.Error() {
				t.Errorf("audit: %d bytes, %s", end.Bytes, end.Outcome)
			}
		})
	}
}

func TestWholeRecordIsAccepted(t *testing.T) {
	t.Parallel()
	n := int64(len(document))
	for _, tt := range []struct {
		name    string
		fault   mocks.Fault
		content nrl.Content
		opts    []ssp.Option
	}{
		{name: "static, as described", content: described(nrl.StabilityStatic, n, document)},
		{name: "static, no size", content: described(nrl.StabilityStatic, 0, document)},
		{name: "static, no length announced", fault: mocks.CloseDelimited(), content: described(nrl.StabilityStatic, n, document)},
		{name: "dynamic, of another day", content: described(nrl.StabilityDynamic, n+1, nil)},
		{name: "of no stability", content: described("", n-1, nil)},
		{name: "exactly the limit", content: pdf(recordURL), opts: []ssp.Option{ssp.MaxBytes(n)}},
		{name: "exactly the limit, no length announced", fault: mocks.CloseDelimited(), content: pdf(recordURL), opts: []ssp.Option{ssp.MaxBytes(n)}},
		{name: "in chunks", fault: mocks.Raw(chunked(document)), content: described(nrl.StabilityStatic, n, document)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, settings{})
			b.sp.Serve(mocks.Record{URL: recordURL, Body: document})
			b.sp.Fault(tt.fault)
			rec := b.mustGet(t, pointer(tt.content), tt.opts...)
			var got bytes.Buffer
			copied, err := rec.WriteTo(&got)
			if err != nil || copied != n || !bytes.Equal(got.Bytes(), document) {
				t.Fatalf("%d bytes, %v", copied, err)
			}
			if _, err := rec.Read(make([]byte, 1)); err != io.EOF { //nolint:errorlint // nothing that wraps it
				t.Errorf("after the end: %v", err)
			}
			if end := b.trail.end(t); end.Outcome != "ok" || end.Bytes != n || end.CallID != rec.CallID() || end.TraceID != rec.TraceID() {
				t.Errorf("audit: %d bytes, %s", end.Bytes, end.Outcome)
			}
			if err := rec.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// chunked is an answer of body in chunks of 100 bytes.
func chunked(body []byte) string {
	var b strings.Builder
	b.WriteString("HTTP/1.1 200 OK\r\nContent-Type: application/pdf\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n")
	for len(body) > 0 {
		n := min(100, len(body))
		fmt.Fprintf(&b, "%x\r\n%s\r\n", n, body[:n])
		body = body[n:]
	}
	b.WriteString("0\r\n\r\n")
	return b.String()
}

func TestBrokenBodyIsNeverARecord(t *testing.T) {
	t.Parallel()
	n := int64(len(document))
	for _, tt := range []struct {
		name    string
		fault   mocks.Fault
		content nrl.Content
		opts    []ssp.Option
		code    spine.Code
		err     error
		read    int64 // -1: what the kernel hands out
	}{
		{"cut", mocks.Truncate(100), pdf(recordURL), nil, spine.CodeIntegrity, ssp.ErrIntegrity, 100},
		{"cut before the first byte", mocks.Truncate(0), pdf(recordURL), nil, spine.CodeIntegrity, ssp.ErrIntegrity, 0},
		{"a longer length announced", mocks.Length(n + 1), pdf(recordURL), nil, spine.CodeIntegrity, ssp.ErrIntegrity, n},
		{"reset", mocks.ResetAfter(100), pdf(recordURL), nil, spine.CodeIntegrity, ssp.ErrIntegrity, -1},
		{"cut by a bare FIN", mocks.BareFIN(100), pdf(recordURL), nil, spine.CodeIntegrity, ssp.ErrIntegrity, 100},
		{"whole as it seems, and a bare FIN", mocks.BareFIN(-1), pdf(recordURL), nil, spine.CodeIntegrity, ssp.ErrIntegrity, n},
		{"chunks without an end", mocks.Raw(strings.TrimSuffix(chunked(document), "0\r\n\r\n")), pdf(recordURL), nil, spine.CodeIntegrity, ssp.ErrIntegrity, n},
		{"a chunk of no length", mocks.Raw(strings.Replace(chunked(document), "64\r\n0", "xx\r\n0", 1)), pdf(recordURL), nil, spine.CodeIntegrity, ssp.ErrIntegrity, -1},
		{"stalled", mocks.StallAfter(100), pdf(recordURL), nil, spine.CodeTimeout, context.DeadlineExceeded, 100},
		{"empty, no length announced", mocks.Raw("HTTP/1.1 200 OK\r\nContent-Type: application/pdf\r\nConnection: close\r\n\r\n"), pdf(recordURL), nil, spine.CodeIntegrity, ssp.ErrIntegrity, 0},
		{"static, another hash", mocks.CloseDelimited(), described(nrl.StabilityStatic, n, []byte("x")), nil, spine.CodeIntegrity, ssp.ErrIntegrity, n},
		{"static, another hash and no size", mocks.Fault{}, described(nrl.StabilityStatic, 0, []byte("x")), nil, spine.CodeIntegrity, ssp.ErrIntegrity, n},
		{"static, shorter", mocks.CloseDelimited(), described(nrl.StabilityStatic, n+1, document), nil, spine.CodeIntegrity, ssp.ErrIntegrity, n},
		{"static, longer", mocks.CloseDelimited(), described(nrl.StabilityStatic, n-1, document), nil, spine.CodeIntegrity, ssp.ErrIntegrity, n},
		{"larger than the limit", mocks.CloseDelimited(), pdf(recordURL), []ssp.Option{ssp.MaxBytes(n - 1)}, spine.CodeUnexpected, ssp.ErrTooLarge, n - 1},
		{"larger than the limit in its first byte", mocks.CloseDelimited(), pdf(recordURL), []ssp.Option{ssp.MaxBytes(1)}, spine.CodeUnexpected, ssp.ErrTooLarge, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, settings{limits: impatient(tt.code)})
			b.sp.Serve(mocks.Record{URL: recordURL, Body: document})
			b.sp.Fault(tt.fault)
			rec := b.mustGet(t, pointer(tt.content), tt.opts...)
			got, err := io.ReadAll(rec)
			e, ok := errors.AsType[*spine.Error](err)
			if !ok || !errors.Is(err, tt.err) || e.Code != tt.code || e.TraceID != rec.TraceID() || errors.Is(err, io.EOF) {
				t.Fatalf("%v, want %v with code %q", err, tt.err, tt.code)
			}
			if tt.code == spine.CodeTimeout && errors.Is(err, ssp.ErrIntegrity) {
				t.Error("a timeout is not a matter of integrity")
			}
			if !bytes.HasPrefix(document, got) || rec.BytesRead() != int64(len(got)) || tt.read >= 0 && rec.BytesRead() != tt.read {
				t.Errorf("%d bytes, want %d", rec.BytesRead(), tt.read)
			}
			for range 2 {
				if n, again := rec.Read(make([]byte, 10)); n != 0 || again != err { //nolint:errorlint // the very same
					t.Errorf("read again: %d bytes, %v", n, again)
				}
			}
			if end := b.trail.end(t); end.Outcome != err.Error() {
				t.Errorf("audit: %s, want %v", end.Outcome, err)
			}
			if closing := rec.Close(); closing != nil {
				t.Errorf("Close: %v", closing)
			}
			if v := len(b.sp.Requests()); v != 1 {
				t.Errorf("%d requests: nothing is retried after the head", v)
			}
		})
	}
}

// impatient are limits that end a stalled body soon, where that is expected.
func impatient(expected spine.Code) spine.Limits {
	if expected == spine.CodeTimeout {
		return spine.Limits{Idle: 200 * time.Millisecond}
	}
	return spine.Limits{}
}

// An answer cut anywhere is the whole record or an error.
func TestAnswerCutAtEveryByte(t *testing.T) {
	t.Parallel()
	b := setup(t, settings{})
	body := document[:30]
	b.sp.Serve(mocks.Record{URL: recordURL, Body: body})
	for _, whole := range []string{
		fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: application/pdf\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", len(body), body), chunked(body),
	} {
		for cut := range len(whole) + 1 {
			b.sp.Fault(mocks.Once(mocks.Raw(whole[:cut])))
			rec, err := b.get(t.Context(), pointer(pdf(recordURL)))
			if err == nil {
				var got []byte
				if got, err = io.ReadAll(rec); err == nil && !bytes.Equal(got, body) {
					t.Fatalf("cut at %d of %d: %d bytes for a record", cut, len(whole), len(got))
				}
				_ = rec.Close()
			}
			if cut == len(whole) && err != nil {
				t.Errorf("the whole answer: %v", err)
			}
		}
	}
	for cut := range int64(len(body)) + 1 { // the connection's end is all that ends it
		b.sp.Fault(mocks.Once(mocks.BareFIN(cut)))
		if _, err := io.Copy(io.Discard, b.mustGet(t, pointer(pdf(recordURL)))); !errors.Is(err, ssp.ErrIntegrity) {
			t.Fatalf("bare FIN after %d bytes: %v", cut, err)
		}
	}
}

func TestCloseEarly(t *testing.T) {
	t.Parallel()
	b := setup(t, settings{})
	b.sp.Serve(mocks.Record{URL: recordURL, Body: document})
	rec := b.mustGet(t, pointer(contact("https://p1.nhs.uk/c"), pdf(recordURL)))
	if _, err := io.ReadFull(rec, make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := rec.Close(); err != nil {
			t.Fatal(err)
		}
	}
	_, err := rec.Read(make([]byte, 5))
	_, err2 := rec.WriteTo(io.Discard)
	_, err3 := rec.Save(t.TempDir())
	for _, err := range []error{err, err2, err3} {
		if !errors.Is(err, ssp.ErrClosed) || spine.CodeOf(err) != spine.CodeCanceled {
			t.Errorf("after Close: %v", err)
		}
	}
	end := b.trail.end(t)
	if end.Bytes < 5 || !strings.Contains(end.Outcome, ssp.ErrClosed.Error()) || strings.Contains(end.Outcome, "contact") {
		t.Errorf("audit: %d bytes, %s", end.Bytes, end.Outcome)
	}
}

func TestCancelInTheBody(t *testing.T) {
	t.Parallel()
	b := setup(t, settings{})
	b.sp.Serve(mocks.Record{URL: recordURL, Body: document})
	b.sp.Fault(mocks.StallAfter(5))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	rec, err := b.get(ctx, pointer(contact("https://p1.nhs.uk/c"), pdf(recordURL)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(rec, make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	cancel()
	_, err = rec.Read(make([]byte, 5))
	if !errors.Is(err, context.Canceled) || spine.CodeOf(err) != spine.CodeCanceled {
		t.Errorf("after cancel: %v", err)
	}
	if _, ok := errors.AsType[*ssp.NoRecordError](err); ok {
		t.Errorf("who gave up is offered nothing: %v", err)
	}
	if end := b.trail.end(t); end.Bytes != 5 || end.Outcome != err.Error() {
		t.Errorf("audit: %d bytes, %s", end.Bytes, end.Outcome)
	}
}

// The last audit line comes before io.EOF, and a line that cannot be written
// takes its place.
func TestAuditOfTheEnd(t *testing.T) {
	t.Parallel()
	lost := errors.New("disk full")
	for _, early := range []bool{false, true} {
		t.Run(fmt.Sprintf("closed early: %t", early), func(t *testing.T) {
			t.Parallel()
			b := setup(t, settings{})
			b.trail.fail = func(e spine.AuditEntry) error {
				if e.Kind == spine.AuditEnd {
					return lost
				}
				return nil
			}
			b.sp.Serve(mocks.Record{URL: recordURL, Body: document})
			rec := b.mustGet(t, pointer(pdf(recordURL)))
			if !early {
				if n, err := io.Copy(io.Discard, rec); n != int64(len(document)) || spine.CodeOf(err) != spine.CodeAudit || !errors.Is(err, lost) {
					t.Errorf("%d bytes, %v", n, err)
				}
			}
			for range 2 {
				if err := rec.Close(); spine.CodeOf(err) != spine.CodeAudit || !errors.Is(err, lost) || !errors.Is(err, spine.ErrAudit) {
					t.Errorf("Close: %v", err)
				}
			}
			if _, err := rec.Read(make([]byte, 1)); !errors.Is(err, lost) || early && !errors.Is(err, ssp.ErrClosed) {
				t.Errorf("Read: %v", err)
			}
		})
	}
}

type brokenWriter struct{ err error }

func (w brokenWriter) Write([]byte) (int, error) { return 0, w.err }

func TestWriteToReportsTheWriter(t *testing.T) {
	t.Parallel()
	b := setup(t, settings{})
	b.sp.Serve(mocks.Record{URL: recordURL, Body: document})
	rec := b.mustGet(t, pointer(pdf(recordURL)))
	broken := errors.New("broken")
	if _, err := io.Copy(brokenWriter{broken}, rec); !errors.Is(err, broken) {
		t.Error(err)
	}
	if err := rec.Close(); err != nil {
		t.Error(err)
	}
}

func TestRecordPrintsNothingOfItsContents(t *testing.T) {
	t.Parallel()
	b := setup(t, settings{})
	b.sp.Serve(mocks.Record{URL: recordURL, Body: document})
	rec := b.mustGet(t, pointer(pdf(recordURL)))
	const want = `record of type "application/pdf", 0 bytes read (contents hidden)`
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d"} {
		if diff := cmp.Diff(want, fmt.Sprintf(verb, rec)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", verb, diff)
		}
	}
	if got := fmt.Sprintf("%+v", *rec); strings.Contains(got, "secret") || strings.Contains(got, patient.Digits()) { // without its methods
		t.Errorf("a copy prints %s", got)
	}
}
