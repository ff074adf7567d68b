package mocks_test

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"net"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nrlgo/nrlgo/mocks"
)

func TestThrottleKnowsEachFormOfRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2030, 3, 4, 5, 6, 7, 0, time.UTC)
	sp := mocks.Run(t, mocks.WithClock(func() time.Time { return now }))
	page := sp.AddPlainPage("/p", "text/html", "x")
	want := map[mocks.RetryForm]string{
		mocks.RetrySeconds: "1", mocks.RetryDate: "Mon, 04 Mar 2030 05:06:09 GMT", mocks.RetryRFC850: "Monday, 04-Mar-30 05:06:09 GMT",
		mocks.RetryANSIC: "Mon Mar  4 05:06:09 2030", mocks.RetryZero: "0", mocks.RetryPast: "Mon, 04 Mar 2030 04:06:07 GMT",
		mocks.RetryNegative: "-5", mocks.RetryFraction: "1.5", mocks.RetryJunk: "soon", mocks.RetryDay: "86400", mocks.RetryOverflow: "9999999999999",
	}
	c := connect(t, sp, nil)
	got := map[mocks.RetryForm]string{}
	for _, form := range mocks.RetryForms() {
		sp.Fault(mocks.Once(mocks.Throttle(form)))
		r := c.send(t, ask{method: "GET", base: strings.TrimSuffix(page, "/p"), target: "/p"})
		if r.status != 429 {
			t.Errorf("%s: status %d", form, r.status)
		}
		got[form] = r.header.Get("Retry-After")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// TestFaultsOnTheWire compares every byte of an answer.
func TestFaultsOnTheWire(t *testing.T) {
	t.Parallel()
	const head = "HTTP/1.1 200 OK\r\nContent-Type: application/pdf\r\n"
	for _, tt := range []struct {
		name  string
		fault mocks.Fault
		want  string
		err   string // of the end; "" is a proper one
	}{
		{"length, then a cut", mocks.Truncate(4), head + "Content-Length: 10\r\nConnection: close\r\n\r\n0123", ""},
		{"a chunk without the last one", mocks.TruncateChunked(4), head + "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n4\r\n0123\r\n", ""},
		{"all in a chunk without the last one", mocks.TruncateChunked(-1), head + "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\na\r\n0123456789\r\n", ""},
		{"a chunk size that is no number", mocks.BrokenChunk(2), head + "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n2\r\n01\r\nzz\r\nzz\r\n0\r\n\r\n", ""},
		{"chunks beside a length", mocks.ChunkedWithLength(), head + "Content-Length: 10\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\na\r\n0123456789\r\n0\r\n\r\n", ""},
		{"lengths of any form", mocks.Lengths("10", "11", "-1", "ten"), head + "Content-Length: 10\r\nContent-Length: 11\r\nContent-Length: -1\r\nContent-Length: ten\r\nConnection: close\r\n\r\n0123456789", ""},
		{"another length", mocks.Length(99), head + "Content-Length: 99\r\nConnection: close\r\n\r\n0123456789", ""},
		{"bytes behind the body", mocks.Trailing("HTTP/1.1 200 OK\r\n\r\n"), head + "Content-Length: 10\r\nConnection: close\r\n\r\n0123456789HTTP/1.1 200 OK\r\n\r\n", ""},
		{"the head byte by byte", mocks.SlowHead(0), head + "Content-Length: 10\r\nConnection: close\r\n\r\n0123456789", ""},
		{"reset after the whole body", mocks.ResetAfter(-1), head + "Content-Length: 10\r\nConnection: close\r\n\r\n0123456789", "reset"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			sp, c := withRecord(t)
			sp.Fault(tt.fault)
			got, err := c.wire(t, c.retrieve(doc))
			if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
				t.Errorf("the end: %v, want %q", err, tt.err)
			}
			// How much of it the kernel hands out before a reset is open.
			if diff := cmp.Diff(tt.want, got); diff != "" && tt.err == "" {
				t.Errorf("-want +got\n%s", diff)
			}
			if r := sp.Requests()[0]; r.Fault != tt.fault.String() || r.Fault == "" {
				t.Errorf("the request was answered by the fault %q, want %q", r.Fault, tt.fault)
			}
		})
	}
}

// TestFaultsInPieces counts the TLS records of an answer.
func TestFaultsInPieces(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		fault mocks.Fault
		least int
	}{
		"the head byte by byte":         {mocks.SlowHead(time.Microsecond), 90},
		"the body two bytes at a time":  {mocks.Drip(2, time.Microsecond), 5},
		"the body a byte at a time":     {mocks.Drip(0, 0), 10},
		"one piece without such faults": {mocks.Delay(time.Millisecond), 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sp, c := withRecord(t)
			sp.Fault(tt.fault)
			var wire *recording
			r := dialThrough(t, c, func(conn net.Conn) net.Conn {
				wire = &recording{Conn: conn}
				return wire
			}).send(t, c.retrieve(doc))
			if r.err != nil || r.body != "0123456789" {
				t.Fatalf("%v: %q", r.err, r.body)
			}
			if got := wire.count(23); got < tt.least || tt.least == 1 && got > 2 {
				t.Errorf("%d records of data, want %d at least", got, tt.least)
			}
		})
	}
}

// pauses end when the client leaves and when the mock closes.
func TestPausesEnd(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]mocks.Fault{
		"delay": mocks.Delay(time.Hour), "drip": mocks.Drip(1, time.Hour), "slow head": mocks.SlowHead(time.Hour),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sp, c := withRecord(t)
			sp.Fault(fault)
			done := make(chan reply, 1)
			go func() { done <- c.send(t, c.retrieve(doc)) }()
			awaitRequest(sp)
			if err := sp.Close(); err != nil {
				t.Error(err)
			}
			if r := <-done; r.err == nil {
				t.Errorf("status %d, %d bytes", r.status, len(r.body))
			}
		})
	}
}

func TestFaultsOfSize(t *testing.T) {
	t.Parallel()
	sp, c := withRecord(t)
	const n = 3 << 20
	for _, tt := range []struct {
		name  string
		fault mocks.Fault
		check func(t *testing.T, r reply)
	}{
		{"a body padded with spaces", mocks.Huge(n), func(t *testing.T, r reply) {
			t.Helper()
			if r.body != "0123456789"+strings.Repeat(" ", n-10) || r.header.Get("Content-Length") != "3145728" {
				t.Errorf("%d bytes, Content-Length %s", len(r.body), r.header.Get("Content-Length"))
			}
		}},
		{"a gzip bomb", mocks.GzipBomb(n), func(t *testing.T, r reply) {
			t.Helper()
			gz, err := gzip.NewReader(strings.NewReader(r.body))
			if err != nil {
				t.Fatal(err)
			}
			decoded, err := io.ReadAll(gz)
			if err != nil || string(decoded) != "0123456789"+strings.Repeat(" ", n-10) || len(r.body) > n/500 || r.header.Get("Content-Encoding") != "gzip" {
				t.Errorf("%v: %d bytes of %d on the wire, %q", err, len(decoded), len(r.body), r.header.Get("Content-Encoding"))
			}
		}},
		{"a huge head", mocks.HugeHead(300 << 10), func(t *testing.T, r reply) {
			t.Helper()
			if got := len(r.header.Get("X-Padding")); got != 300<<10 {
				t.Errorf("a field of %d bytes", got)
			}
		}},
		{"nested arrays", mocks.DeepJSON(5000), func(t *testing.T, r reply) {
			t.Helper()
			if !json.Valid([]byte(r.body)) || !strings.Contains(r.body, strings.Repeat("[", 5000)+strings.Repeat("]", 5000)) || r.contentType != "application/fhir+json" {
				t.Errorf("%s, %d bytes", r.contentType, len(r.body))
			}
		}},
		{"another content type", mocks.ContentType("text/html"), func(t *testing.T, r reply) {
			t.Helper()
			if r.contentType != "text/html" || r.body != "0123456789" {
				t.Errorf("%s: %s", r.contentType, r.body)
			}
		}},
		{"a redirect to the mock itself", mocks.Redirect(""), func(t *testing.T, r reply) {
			t.Helper()
			if !strings.HasPrefix(r.header.Get("Location"), sp.PublicURL()+"/redirected/") {
				t.Errorf("Location %q", r.header.Get("Location"))
			}
		}},
		{"a token that expired on its way", mocks.TokenExpired(), func(t *testing.T, r reply) {
			t.Helper()
			if o := readOutcome(t, r); r.status != 400 || o.Code != "400" || !strings.Contains(o.Diagnostics, "exp in the JWT has passed") {
				t.Errorf("status %d, %+v", r.status, o)
			}
		}},
	} {
		sp.Fault(mocks.Once(tt.fault))
		r := c.send(t, c.retrieve(doc))
		if r.err != nil {
			t.Fatalf("%s: %v", tt.name, r.err)
		}
		t.Run(tt.name, func(t *testing.T) { tt.check(t, r) })
	}
}

func TestInterimAnswersComeFirst(t *testing.T) {
	t.Parallel()
	sp, c := withRecord(t)
	sp.Fault(mocks.Interim(3))
	var got []int
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{Got1xxResponse: func(code int, _ textproto.MIMEHeader) error {
		got = append(got, code)
		return nil
	}})
	response, err := c.open(ctx, t, c.retrieve(doc))
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if diff := cmp.Diff([]int{103, 103, 103}, got); diff != "" || response.StatusCode != 200 {
		t.Errorf("status %d: -want +got\n%s", response.StatusCode, diff)
	}
}

func TestTokenExpiredIsTheNRLsRefusalThere(t *testing.T) {
	t.Parallel()
	sp, c := setup(t)
	sp.AddPatient(number)
	sp.Fault(mocks.TokenExpired())
	if o := readOutcome(t, c.send(t, c.search())); o.Code != "MISSING_OR_INVALID_HEADER" || o.Issue != "structure" {
		t.Errorf("%+v", o)
	}
}

func TestFaultsOfJSON(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		fault   mocks.Fault
		rewrite func(clean string) string
	}{
		{"a member twice", mocks.DuplicateKey(), func(s string) string { return `{"resourceType":"Patient",` + s[1:] }},
		{"a member in another case", mocks.CaseVariantKey(), func(s string) string { return `{"ResourceType":"Patient",` + s[1:] }},
		{"no UTF-8", mocks.InvalidUTF8(), func(s string) string { return "{\"language\":\"\xff\"," + s[1:] }},
		{"a byte order mark", mocks.BOM(), func(s string) string { return "\xef\xbb\xbf" + s }},
		{"two documents", mocks.SecondDocument(), func(s string) string { return s + s }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			sp, c := setup(t)
			id := sp.AddPointer(mocks.Pointer{Patient: number})
			read := c.toNRL("/STU3/DocumentReference/" + string(id))
			clean := c.send(t, read).body
			sp.Fault(mocks.Once(tt.fault))
			inXML := read
			inXML.header = inXML.header.Clone()
			inXML.header["Accept"] = []string{"application/fhir+xml"}
			if r := c.send(t, inXML); r.status != 200 || !strings.HasPrefix(r.body, "<DocumentReference ") {
				t.Errorf("XML was touched: %s", r.body)
			}
			r := c.send(t, read)
			if diff := cmp.Diff(tt.rewrite(clean), r.body); diff != "" || r.status != 200 || r.contentType != "application/fhir+json" {
				t.Errorf("status %d, %s: -want +got\n%s", r.status, r.contentType, diff)
			}
		})
	}
}
