package mocks_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nrlgo/nrlgo/mocks"
)

const doc = "https://p1.nhs.uk/doc"

// withRecord starts a mock that serves ten bytes at doc.
func withRecord(t *testing.T) (*mocks.Spine, *consumer) {
	t.Helper()
	sp, c := setup(t)
	sp.AddRecord(number, mocks.Record{URL: doc, Body: []byte("0123456789")})
	return sp, c
}

func TestFaultsThatAnswer(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name        string
		fault       mocks.Fault
		status      int
		contentType string
		body        string // "" is not compared
		header      mocks.Field
	}{
		{name: "a status with an OperationOutcome", fault: mocks.Status(503), status: 503, contentType: "application/fhir+xml"},
		{
			name: "a status with a field", fault: mocks.Status(429, mocks.Field{Name: "Retry-After", Value: "7"}), status: 429,
			contentType: "application/fhir+xml", header: mocks.Field{Name: "Retry-After", Value: "7"},
		},
		{
			name: "Retry-After to the letter", fault: mocks.RetryAfter(503, "soon"), status: 503,
			contentType: "application/fhir+xml", header: mocks.Field{Name: "Retry-After", Value: "soon"},
		},
		{name: "a status without a body", fault: mocks.Status(204), status: 204, contentType: "application/fhir+xml"},
		{name: "a status that is none", fault: mocks.Status(7), status: 500, contentType: "application/fhir+xml"},
		{name: "an unregistered status", fault: mocks.Status(599), status: 599, contentType: "application/fhir+xml"},
		{
			name: "500 in HTML", fault: mocks.HTML500(), status: 500, contentType: "text/html",
			body: "<html><title>500: Internal Server Error</title><body>500: Internal Server Error</body></html>",
		},
		{name: "a body verbatim", fault: mocks.Body(200, "application/fhir+json", "null"), status: 200, contentType: "application/fhir+json", body: "null"},
		{name: "a body without a type", fault: mocks.Body(200, "", "<html>"), status: 200, body: "<html>"},
		{name: "a redirect", fault: mocks.Redirect("https://elsewhere.example/"), status: 302, header: mocks.Field{Name: "Location", Value: "https://elsewhere.example/"}},
		{
			name: "bytes as they are", fault: mocks.Raw("HTTP/1.1 200 OK\r\nX-A: b\r\nContent-Length: 2\r\n\r\nok"), status: 200, body: "ok",
			header: mocks.Field{Name: "X-A", Value: "b"},
		},
		{name: "no length and a proper end", fault: mocks.CloseDelimited(), status: 200, contentType: "application/pdf", body: "0123456789"},
		{name: "a shorter length", fault: mocks.Length(4), status: 200, contentType: "application/pdf", body: "0123"},
		{name: "cut by a bare FIN: crypto/tls sees an end", fault: mocks.BareFIN(3), status: 200, contentType: "application/pdf", body: "012"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			sp, c := withRecord(t)
			sp.Fault(mocks.Once(tt.fault))
			r := c.send(t, c.retrieve(doc))
			if r.err != nil || r.status != tt.status || r.contentType != tt.contentType || (tt.body != "" && r.body != tt.body) {
				t.Errorf("%v, status %d, %q: %q", r.err, r.status, r.contentType, r.body)
			}
			if tt.header.Name != "" && r.header.Get(tt.header.Name) != tt.header.Value {
				t.Errorf("header %v, want %v", r.header, tt.header)
			}
			if r := c.send(t, c.retrieve(doc)); r.status != 200 || r.body != "0123456789" {
				t.Errorf("the fault came twice: status %d: %s", r.status, r.body)
			}
		})
	}
}

func TestFaultsThatBreak(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		fault mocks.Fault
		body  string // what came before the break
		want  string // part of the error
	}{
		{"the whole length declared, cut after 4 bytes", mocks.Truncate(4), "0123", "unexpected EOF"},
		{"a longer length", mocks.Length(99), "0123456789", "unexpected EOF"},
		{"reset without an answer", mocks.Reset(), "", "reset"},
		{"reset after 4 bytes", mocks.ResetAfter(4), "", "reset"}, // how many bytes the kernel hands out before is open
		{"closed without an answer", mocks.Hangup(), "", "EOF"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			sp, c := withRecord(t)
			sp.Fault(mocks.Once(tt.fault))
			r := c.send(t, c.retrieve(doc))
			if r.err == nil || !strings.Contains(r.err.Error(), tt.want) {
				t.Errorf("got %v, want %q in it", r.err, tt.want)
			}
			if tt.body != "" && r.body != tt.body {
				t.Errorf("read %q, want %q", r.body, tt.body)
			}
		})
	}
}

// TestBareFINHasNoCloseNotify reads the records of the connection: the last
// of a proper end is an alert (21).
func TestBareFINHasNoCloseNotify(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		fault mocks.Fault
		alert bool
	}{"BareFIN": {mocks.BareFIN(-1), false}, "CloseDelimited": {mocks.CloseDelimited(), true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sp, c := withRecord(t)
			sp.Fault(tt.fault)
			var wire *recording
			dialed := dialThrough(t, c, func(conn net.Conn) net.Conn {
				wire = &recording{Conn: conn}
				return wire
			})
			r := dialed.send(t, c.retrieve(doc))
			if r.err != nil || r.body != "0123456789" {
				t.Fatalf("%v: %q", r.err, r.body)
			}
			if got := wire.lastType() == 21; got != tt.alert {
				t.Errorf("an alert at the end: %v, want %v", got, tt.alert)
			}
		})
	}
}

func TestStallLastsUntilTheClientLeaves(t *testing.T) {
	t.Parallel()
	t.Run("before the answer", func(t *testing.T) {
		t.Parallel()
		sp, c := withRecord(t)
		sp.Fault(mocks.Stall())
		ctx, leave := context.WithCancel(t.Context())
		go func() {
			awaitRequest(sp)
			leave()
		}()
		response, err := c.open(ctx, t, c.retrieve(doc))
		if err == nil {
			_ = response.Body.Close()
		}
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want the client's own cancel", err)
		}
	})
	t.Run("in the body", func(t *testing.T) {
		t.Parallel()
		sp, c := withRecord(t)
		sp.Fault(mocks.StallAfter(4))
		ctx, leave := context.WithCancel(t.Context())
		response, err := c.open(ctx, t, c.retrieve(doc))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = response.Body.Close() }()
		body := make([]byte, 4)
		if _, err := io.ReadFull(response.Body, body); err != nil || string(body) != "0123" || response.ContentLength != 10 {
			t.Errorf("%v: %q of %d", err, body, response.ContentLength)
		}
		leave()
		if _, err := response.Body.Read(body); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want the client's own cancel", err)
		}
	})
}

// awaitRequest returns when a request has arrived.
func awaitRequest(sp *mocks.Spine) {
	for len(sp.Requests()) == 0 {
		runtime.Gosched()
	}
}

func TestCloseEndsAStall(t *testing.T) {
	t.Parallel()
	sp, c := withRecord(t)
	sp.Fault(mocks.Stall())
	done := make(chan reply, 1)
	go func() { done <- c.send(t, c.retrieve(doc)) }()
	awaitRequest(sp)
	if err := sp.Close(); err != nil {
		t.Error(err)
	}
	if r := <-done; r.err == nil {
		t.Errorf("a stall answered %d", r.status)
	}
}

func TestFaultsAreBoundedAndOrdered(t *testing.T) {
	t.Parallel()
	sp, c := withRecord(t)
	statuses := func(n int, a func() ask) (got []int) {
		for range n {
			got = append(got, c.send(t, a()).status)
		}
		return got
	}
	record := func() ask { return c.retrieve(doc) }
	sp.Fault(mocks.Times(2, mocks.Status(503)))
	sp.Fault(mocks.On(mocks.SSP, mocks.Once(mocks.Status(504))))
	sp.Fault(mocks.Times(0, mocks.Status(418)))
	if diff := cmp.Diff([]int{503, 503, 504, 200}, statuses(4, record)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	sp.Fault(mocks.On(mocks.SSP, mocks.Status(502)))
	if diff := cmp.Diff([]int{200, 200}, statuses(2, c.search)); diff != "" {
		t.Errorf("another service: -want +got\n%s", diff)
	}
	if diff := cmp.Diff([]int{502, 502, 502}, statuses(3, record)); diff != "" {
		t.Errorf("unbounded: -want +got\n%s", diff)
	}
	sp.ClearFaults()
	if diff := cmp.Diff([]int{200}, statuses(1, record)); diff != "" {
		t.Errorf("cleared: -want +got\n%s", diff)
	}
	var noted []int
	for _, r := range sp.Requests() {
		noted = append(noted, r.Status)
	}
	if diff := cmp.Diff([]int{503, 503, 504, 200, 200, 200, 502, 502, 502, 200}, noted); diff != "" {
		t.Errorf("noted: -want +got\n%s", diff)
	}
}

// recording notes the type of each TLS record that is read.
type recording struct {
	net.Conn
	seen []byte
}

func (r *recording) Read(p []byte) (int, error) {
	n, err := r.Conn.Read(p)
	r.seen = append(r.seen, p[:n]...)
	return n, err
}

// types are those of the records in their order.
func (r *recording) types() (types []byte) {
	for at := 0; at+5 <= len(r.seen); at += 5 + int(r.seen[at+3])<<8 + int(r.seen[at+4]) {
		types = append(types, r.seen[at])
	}
	return types
}

func (r *recording) lastType() byte {
	types := r.types()
	return types[len(types)-1]
}

func (r *recording) count(kind byte) int { return bytes.Count(r.types(), []byte{kind}) }

// dialThrough is a consumer whose connections pass through wrap below TLS.
func dialThrough(t *testing.T, c *consumer, wrap func(net.Conn) net.Conn) *consumer {
	t.Helper()
	transport := c.http.Transport.(*http.Transport).Clone()
	config := transport.TLSClientConfig
	transport.DialTLSContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		own := config.Clone()
		own.ServerName = "localhost"
		return tls.Client(wrap(conn), own), nil
	}
	t.Cleanup(transport.CloseIdleConnections)
	other := *c.http
	other.Transport = transport
	return &consumer{sp: c.sp, http: &other}
}
