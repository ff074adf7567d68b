package spine_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/nrlgo/nrlgo/auth"
	"github.com/nrlgo/nrlgo/client/spine"
	"github.com/nrlgo/nrlgo/mocks"
)

func parseURL(s string) *url.URL {
	u, err := url.Parse(s)
	if err != nil {
		panic(err)
	}
	return u
}

// outcome is an OperationOutcome with one coding, and what must not be shown.
func outcome(code string) string {
	return `{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"invalid","details":{"coding":[{"system":"https://fhir.nhs.uk/STU3/ValueSet/x","code":"` +
		code + `","display":"` + canary + `"}]},"diagnostics":"` + canary + " " + patient + `"}]}`
}

// TestFaults is the table of an exchange's faults, by their numbers in the
// fault list; the server acts the same for each attempt.
func TestFaults(t *testing.T) {
	t.Parallel()
	short := spine.Limits{FirstByte: moment, Idle: moment, Retries: 1}
	const fhir = "application/fhir+json"
	for _, tt := range []struct {
		name   string
		fault  mocks.Fault
		record bool // a Stream through the proxy, else a Fetch of the locator
		limits spine.Limits
		want   want
	}{
		{name: "10 reset after the request", fault: mocks.Reset(), want: want{code: spine.CodeUnavailable, is: syscall.ECONNRESET, attempts: 4, origin: spine.OriginLocal}},
		{name: "10 closed after the request", fault: mocks.Hangup(), want: want{code: spine.CodeUnavailable, is: spine.ErrConnection, attempts: 4, origin: spine.OriginLocal}},
		{name: "11 no answer", fault: mocks.Stall(), limits: short, want: want{code: spine.CodeTimeout, is: context.DeadlineExceeded, attempts: 2, origin: spine.OriginNRL}},
		{name: "12 a body that stalls", fault: mocks.StallAfter(4), limits: short, want: want{code: spine.CodeTimeout, is: context.DeadlineExceeded, attempts: 2, origin: spine.OriginNRL}},
		{name: "12 a record that stalls", fault: mocks.StallAfter(4), record: true, limits: short, want: want{code: spine.CodeTimeout, is: context.DeadlineExceeded, attempts: 1, origin: spine.OriginUnknown}},
		{name: "13 a body shorter than its length", fault: mocks.Truncate(4), want: want{code: spine.CodeIntegrity, is: spine.ErrCut, attempts: 4, origin: spine.OriginNRL}},
		{name: "13 a record shorter than its length", fault: mocks.Length(99), record: true, want: want{code: spine.CodeIntegrity, is: io.ErrUnexpectedEOF, attempts: 1}},
		{name: "13 a record that is reset", fault: mocks.ResetAfter(4), record: true, want: want{code: spine.CodeIntegrity, is: syscall.ECONNRESET, attempts: 1}},
		{name: "13 chunks that are broken", fault: mocks.Raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n" + canary), record: true, want: want{code: spine.CodeIntegrity, is: spine.ErrCut, attempts: 1}},
		{name: "13 chunks without an end", fault: mocks.Raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n0123\r\n"), record: true, want: want{code: spine.CodeIntegrity, is: io.ErrUnexpectedEOF, attempts: 1}},
		{name: "14 a record cut by a bare FIN", fault: mocks.BareFIN(4), record: true, want: want{code: spine.CodeIntegrity, is: auth.ErrTruncated, attempts: 1}},
		{name: "14 a whole record ended by a bare FIN", fault: mocks.BareFIN(-1), record: true, want: want{code: spine.CodeIntegrity, is: auth.ErrTruncated, attempts: 1}},
		{name: "14 a body ended by a bare FIN", fault: mocks.BareFIN(-1), limits: short, want: want{code: spine.CodeIntegrity, is: auth.ErrTruncated, attempts: 2, origin: spine.OriginNRL}},
		{name: "18 503 for ever", fault: mocks.Status(503), want: want{code: spine.CodeUnavailable, is: spine.ErrStatus, status: 503, attempts: 4, spine: "INTERNAL_SERVER_ERROR", origin: spine.OriginNRL}},
		{name: "17 502", fault: mocks.Status(502), limits: short, want: want{code: spine.CodeUnavailable, is: spine.ErrStatus, status: 502, attempts: 2, spine: "INTERNAL_SERVER_ERROR", origin: spine.OriginNRL}},
		{name: "17 504 of a record", fault: mocks.Status(504), record: true, limits: short, want: want{code: spine.CodeUnavailable, is: spine.ErrStatus, status: 504, attempts: 2, spine: "INTERNAL_SERVER_ERROR", origin: spine.OriginProvider}},
		{name: "18 500 in HTML", fault: mocks.HTML500(), want: want{code: spine.CodeUnavailable, is: spine.ErrStatus, status: 500, attempts: 1, origin: spine.OriginNRL}},
		{name: "444", fault: mocks.Status(444), record: true, want: want{code: spine.CodeUnavailable, is: spine.ErrStatus, status: 444, attempts: 1, spine: "INTERNAL_SERVER_ERROR", origin: spine.OriginProxy}},
		{name: "400 of nginx in place of 495", fault: mocks.Body(400, "text/html", "<html>400 The SSL certificate error</html>"), want: want{code: spine.CodeCertificate, is: auth.ErrRefused, status: 400, attempts: 1, origin: spine.OriginNRL}},
		{name: "495", fault: mocks.Status(495), record: true, want: want{code: spine.CodeCertificate, is: auth.ErrRefused, status: 495, attempts: 1, spine: "INTERNAL_SERVER_ERROR", origin: spine.OriginProxy}},
		{name: "599", fault: mocks.Body(599, "", ""), record: true, want: want{code: spine.CodeUnavailable, is: spine.ErrStatus, status: 599, attempts: 1, origin: spine.OriginProxy}},
		{name: "21 400", fault: mocks.Body(400, fhir, outcome("INVALID_NHS_NUMBER")), want: want{code: spine.CodeInvalid, is: spine.ErrStatus, status: 400, attempts: 1, spine: "INVALID_NHS_NUMBER", origin: spine.OriginNRL}},
		{name: "21 401", fault: mocks.Body(401, fhir, outcome("ACCESS_DENIED")), want: want{code: spine.CodeDenied, is: spine.ErrStatus, status: 401, attempts: 1, spine: "ACCESS_DENIED", origin: spine.OriginNRL}},
		{name: "21 403, spelled with a blank", fault: mocks.Body(403, fhir, outcome("ACCESS DENIED")), want: want{code: spine.CodeDenied, is: spine.ErrStatus, status: 403, attempts: 1, spine: "ACCESS_DENIED", origin: spine.OriginNRL}},
		{name: "21 404", fault: mocks.Body(404, fhir, outcome("NO_RECORD_FOUND")), want: want{code: spine.CodeNoRecord, is: spine.ErrStatus, status: 404, attempts: 1, spine: "NO_RECORD_FOUND", origin: spine.OriginNRL}},
		{name: "21 404 of a resource", fault: mocks.Body(404, fhir, outcome("RESOURCE_NOT_FOUND")), want: want{code: spine.CodeNoRecord, is: spine.ErrStatus, status: 404, attempts: 1, spine: "RESOURCE_NOT_FOUND", origin: spine.OriginNRL}},
		{name: "21 410 of a record", fault: mocks.Body(410, fhir, outcome("GONE")), record: true, want: want{code: spine.CodeNoRecord, is: spine.ErrStatus, status: 410, attempts: 1, spine: "GONE", origin: spine.OriginProvider}},
		{name: "21 415", fault: mocks.Body(415, fhir, outcome("UNSUPPORTED_MEDIA_TYPE")), want: want{code: spine.CodeInvalid, is: spine.ErrStatus, status: 415, attempts: 1, spine: "UNSUPPORTED_MEDIA_TYPE", origin: spine.OriginNRL}},
		{
			name: "21 403 in the words of the proxy", record: true, fault: mocks.Body(403, "application/fhir+xml", outcomeXML("error", "forbidden", sspSystem, "403", "x", "ASID_CHECK_FAILED_MESSAGESENDER_"+mocks.ConsumerASID)),
			want: want{code: spine.CodeDenied, is: spine.ErrStatus, status: 403, attempts: 1, spine: "ASID_CHECK_FAILED_MESSAGESENDER", origin: spine.OriginProxy},
		},
		{
			name: "21 400 in the words of the proxy, without a code", record: true, fault: mocks.Body(400, "", outcomeXML("error", "x", "", "", "", "ENDPOINT_"+recordURL)),
			want: want{code: spine.CodeInvalid, is: spine.ErrStatus, status: 400, attempts: 1, spine: "ENDPOINT_VARIES_FROM_TARGETURL", origin: spine.OriginProxy},
		},
		{name: "21 422", fault: mocks.Body(422, fhir, outcome("INVALID_RESOURCE")), record: true, want: want{code: spine.CodeInvalid, is: spine.ErrStatus, status: 422, attempts: 1, spine: "INVALID_RESOURCE", origin: spine.OriginProvider}},
		{name: "23 404 without a code", fault: mocks.Body(404, "text/html", "<html>"+canary), want: want{code: spine.CodeUnexpected, is: spine.ErrStatus, status: 404, attempts: 1, origin: spine.OriginNRL}},
		{name: "23 404 of a record without a code", fault: mocks.Body(404, "text/html", "<html>"+canary), record: true, want: want{code: spine.CodeNoRecord, is: spine.ErrStatus, status: 404, attempts: 1}},
		{name: "23 204", fault: mocks.Status(204), want: want{code: spine.CodeUnexpected, is: spine.ErrStatus, status: 204, attempts: 1, origin: spine.OriginNRL}},
		{name: "23 206", fault: mocks.Body(206, "application/pdf", "0123"), record: true, want: want{code: spine.CodeUnexpected, is: spine.ErrStatus, status: 206, attempts: 1}},
		{name: "26 a length over the limit", fault: mocks.Body(200, fhir, strings.Repeat(canary, 600)), limits: spine.Limits{Body: 8 << 10}, want: want{code: spine.CodeUnexpected, is: spine.ErrTooLarge, attempts: 1, origin: spine.OriginNRL}},
		{
			name: "26 chunks over the limit", fault: mocks.Raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4000\r\n" + strings.Repeat("x", 16384) + "\r\n0\r\n\r\n"),
			limits: spine.Limits{Body: 8 << 10}, want: want{code: spine.CodeUnexpected, is: spine.ErrTooLarge, attempts: 1, origin: spine.OriginNRL},
		},
		{name: "26 gzip", fault: mocks.Raw("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n0123"), want: want{code: spine.CodeUnexpected, is: spine.ErrEncoding, attempts: 1, origin: spine.OriginNRL}},
		{
			name: "26 a second coding", fault: mocks.Raw("HTTP/1.1 200 OK\r\nContent-Encoding: identity\r\nContent-Encoding: br\r\nContent-Length: 4\r\n\r\n0123"), record: true,
			want: want{code: spine.CodeUnexpected, is: spine.ErrEncoding, attempts: 1},
		},
		{
			name: "27 a head over the limit", fault: mocks.Raw("HTTP/1.1 200 OK\r\nX: " + strings.Repeat(canary, 8000) + "\r\n\r\n"),
			want: want{code: spine.CodeUnexpected, is: spine.ErrHTTP, attempts: 1, origin: spine.OriginNRL},
		},
		{
			name: "27 a flood of interim answers", fault: mocks.Raw(strings.Repeat("HTTP/1.1 103 Early Hints\r\nX: "+canary+"\r\n\r\n", 4000)),
			want: want{code: spine.CodeUnexpected, is: spine.ErrHTTP, attempts: 1, origin: spine.OriginNRL},
		},
		{name: "malformed HTTP", fault: mocks.Raw(canary + " " + patient + "\r\n\r\n"), want: want{code: spine.CodeUnexpected, is: spine.ErrHTTP, attempts: 1, origin: spine.OriginNRL}},
		{name: "a malformed field", fault: mocks.Raw("HTTP/1.1 200 OK\r\n" + canary + "\r\n\r\n"), want: want{code: spine.CodeUnexpected, is: spine.ErrHTTP, attempts: 1, origin: spine.OriginNRL}},
		{name: "an unknown transfer coding", fault: mocks.Raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: " + canary + "\r\n\r\n"), want: want{code: spine.CodeUnexpected, is: spine.ErrHTTP, attempts: 1, origin: spine.OriginNRL}},
		{name: "another protocol", fault: mocks.Raw("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"), want: want{code: spine.CodeUnexpected, is: spine.ErrStatus, status: 101, attempts: 1, origin: spine.OriginNRL}},
		{name: "29 a redirect to another host", fault: mocks.Redirect("https://elsewhere.example/" + canary), want: want{code: spine.CodeUnexpected, is: spine.ErrRedirect, status: 302, attempts: 1, origin: spine.OriginNRL}},
		{name: "29 a redirect to a file", fault: mocks.Raw("HTTP/1.1 307 X\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n"), record: true, want: want{code: spine.CodeUnexpected, is: spine.ErrRedirect, status: 307, attempts: 1}},
		{name: "304 is no redirect", fault: mocks.Status(304), want: want{code: spine.CodeUnexpected, is: spine.ErrStatus, status: 304, attempts: 1, origin: spine.OriginNRL}},
		{name: "15 a length beside chunks", fault: mocks.Raw("HTTP/1.1 200 OK\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n0123\r\n0\r\n\r\n"), want: want{code: spine.CodeUnexpected, is: spine.ErrHTTP, attempts: 1, origin: spine.OriginNRL}},
		{name: "15 two lengths", fault: mocks.Raw("HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\n01234"), record: true, want: want{code: spine.CodeUnexpected, is: spine.ErrHTTP, attempts: 1}},
		{name: "15 bytes behind the body", fault: mocks.Raw("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n0123" + canary), want: want{code: spine.CodeUnexpected, is: spine.ErrHTTP, attempts: 1, origin: spine.OriginNRL}},
		{name: "15 bytes behind a record", fault: mocks.Raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n0123\r\n0\r\n\r\n" + canary), record: true, want: want{code: spine.CodeUnexpected, is: spine.ErrHTTP, attempts: 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, limits(tt.limits))
			b.Fault(tt.fault)
			var err error
			if tt.record {
				_, err = b.stream(t, b.retrieve())
			} else {
				_, err = b.fetch(t, b.search())
			}
			tt.want.check(t, err)
			if n := len(b.Requests()); n != tt.want.attempts {
				t.Errorf("the server saw %d requests, want %d", n, tt.want.attempts)
			}
			ends := 0
			for _, e := range b.sink.all() {
				b.discreet(t, e.Outcome)
				if e.Kind == spine.AuditEnd {
					if ends++; err == nil || e.Outcome != err.Error() || e.Attempt != tt.want.attempts {
						t.Errorf("the end line says %q after %d attempts", e.Outcome, e.Attempt)
					}
				}
			}
			if lines := 2*tt.want.attempts + 1; ends != 1 || len(b.sink.all()) != lines {
				t.Errorf("want %d lines, got %s", lines, b.sink.kinds())
			}
			b.ClearFaults()
			if _, err := b.fetch(t, b.search()); err != nil {
				t.Errorf("the next call: %v", err)
			}
		})
	}
}

func TestTransientFaultsAreOvercome(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]mocks.Fault{
		"10 reset": mocks.Reset(), "13 cut": mocks.Truncate(9), "14 bare FIN": mocks.BareFIN(9), "17 502": mocks.Status(502), "17 503": mocks.Status(503), "17 504": mocks.Status(504), "429": mocks.Status(429),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.Fault(mocks.Once(fault))
			a, err := b.fetch(t, b.search())
			if err != nil || a.Attempts != 2 || a.Status != 200 || a.ContentType != "application/fhir+json" || int64(len(a.Body)) != a.Length {
				t.Fatalf("%v, %+v", err, a)
			}
			if got, want := b.sink.kinds(), "request 1 response 1 request 2 response 2 end 2"; got != want {
				t.Errorf("lines %s, want %s", got, want)
			}
		})
	}
}

func TestRedirectIsNotFollowed(t *testing.T) {
	t.Parallel()
	b, other := setup(t), setup(t)
	b.Fault(mocks.Redirect(other.NRLURL() + "/DocumentReference"))
	_, err := b.fetch(t, b.search())
	want{code: spine.CodeUnexpected, is: spine.ErrRedirect, status: 302, attempts: 1, origin: spine.OriginNRL}.check(t, err)
	if n := len(other.Requests()); n != 0 {
		t.Errorf("%d requests were sent to the other host", n)
	}
}

// dialFunc is a Dialer that the tests make fail.
type dialFunc func(ctx context.Context, addr string) (net.Conn, error)

func (f dialFunc) DialTLSContext(ctx context.Context, _, addr string) (net.Conn, error) {
	return f(ctx, addr)
}
func (dialFunc) Engine() string { return "test" }
func (dialFunc) Close() error   { return nil }

func TestFaultsOfDialling(t *testing.T) {
	t.Parallel()
	dialError := func(err error) error { return &net.OpError{Op: "dial", Net: "tcp", Err: err} }
	shake := func(err error, alert uint8) error {
		return &auth.HandshakeError{Host: "spine", Engine: "test", Alert: alert, Err: err}
	}
	for _, tt := range []struct {
		name string
		err  error
		want want
	}{
		{"1 no such host", dialError(&net.DNSError{Err: canary, Name: canary, IsNotFound: true}), want{code: spine.CodeUnavailable, is: spine.ErrConnection, attempts: 1}},
		{"1 the resolver failed", dialError(&net.DNSError{Err: canary, Name: canary, IsTemporary: true}), want{code: spine.CodeUnavailable, is: spine.ErrConnection, attempts: 4}},
		{"1 the resolver did not answer", dialError(&net.DNSError{Err: canary, Name: canary, IsTimeout: true}), want{code: spine.CodeUnavailable, is: spine.ErrConnection, attempts: 4}},
		{"2 refused", dialError(syscall.ECONNREFUSED), want{code: spine.CodeUnavailable, is: syscall.ECONNREFUSED, attempts: 4}},
		{"3 a black hole", dialError(context.DeadlineExceeded), want{code: spine.CodeTimeout, is: context.DeadlineExceeded, attempts: 4}},
		{"4 a handshake without an answer", shake(context.DeadlineExceeded, 0), want{code: spine.CodeTimeout, is: context.DeadlineExceeded, attempts: 2}},
		{"5 dropped in the handshake", shake(io.EOF, 0), want{code: spine.CodeUnavailable, is: io.EOF, attempts: 4}},
		{"5 reset in the handshake", shake(dialError(syscall.ECONNRESET), 0), want{code: spine.CodeUnavailable, is: syscall.ECONNRESET, attempts: 4}},
		{"6 our certificate refused", shake(auth.ErrRefused, 42), want{code: spine.CodeCertificate, is: auth.ErrRefused, attempts: 1}},
		{"6 no common suite", shake(auth.ErrNoSuite, 40), want{code: spine.CodeCertificate, is: auth.ErrNoSuite, attempts: 1}},
		{"6 no common version", shake(auth.ErrNoVersion, 70), want{code: spine.CodeCertificate, is: auth.ErrNoVersion, attempts: 1}},
		{"6 another alert", shake(errors.New("alert"), 80), want{code: spine.CodeUnavailable, attempts: 1}},
		{"6 not TLS", shake(auth.ErrNotTLS, 0), want{code: spine.CodeUnavailable, is: auth.ErrNotTLS, attempts: 1}},
		{"6 garbage", shake(errors.New("tls: unexpected message"), 0), want{code: spine.CodeUnavailable, attempts: 1}},
		{"7 the server's certificate", &auth.VerifyError{Stage: auth.StageRevocation, Host: "spine", Reason: "revoked"}, want{code: spine.CodeCertificate, is: auth.ErrUntrusted, attempts: 1}},
		{"8 our own certificate", shake(auth.ErrCredentials, 0), want{code: spine.CodeCertificate, is: auth.ErrCredentials, attempts: 1}},
		{"the proxy", fmt.Errorf("%w: status 407", auth.ErrProxy), want{code: spine.CodeUnavailable, is: auth.ErrProxy, attempts: 1}},
		{"35 out of file descriptors", dialError(syscall.EMFILE), want{code: spine.CodeUnavailable, is: syscall.EMFILE, attempts: 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var dials atomic.Int32
			var healthy atomic.Bool
			b := setup(t, func(c *spine.Config) {
				good := c.Dialer
				c.Dialer = dialFunc(func(ctx context.Context, addr string) (net.Conn, error) {
					if healthy.Load() {
						return good.DialTLSContext(ctx, "tcp", addr)
					}
					dials.Add(1)
					return nil, tt.err
				})
			})
			_, err := b.fetch(t, b.search())
			tt.want.origin = spine.OriginLocal
			tt.want.check(t, err)
			if n := int(dials.Load()); n != tt.want.attempts {
				t.Errorf("%d dials", n)
			}
			healthy.Store(true)
			if _, err := b.fetch(t, b.search()); err != nil {
				t.Errorf("the next call: %v", err)
			}
		})
	}
}

func TestFaultsOfTheHandshake(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		policy auth.TLSPolicy
		server func(t *testing.T, b *bed) string // gives the origin
		want   want
	}{
		{"2 refused", auth.TLSPolicy{}, func(t *testing.T, _ *bed) string {
			t.Helper()
			l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = l.Close() }()
			return "https://" + l.Addr().String()
		}, want{code: spine.CodeUnavailable, is: syscall.ECONNREFUSED, attempts: 4}},
		{"4 never answered", auth.TLSPolicy{HandshakeTimeout: moment}, func(t *testing.T, _ *bed) string {
			t.Helper()
			return tcpServer(t, func(_ int, c net.Conn) { _, _ = io.Copy(io.Discard, c) })
		}, want{code: spine.CodeTimeout, is: context.DeadlineExceeded, attempts: 2}},
		{"5 dropped", auth.TLSPolicy{}, func(t *testing.T, _ *bed) string {
			t.Helper()
			return tcpServer(t, func(_ int, c net.Conn) { _, _ = c.Read(make([]byte, 1000)) })
		}, want{code: spine.CodeUnavailable, attempts: 4}},
		{"6 plain HTTP", auth.TLSPolicy{}, func(_ *testing.T, b *bed) string {
			return strings.Replace(b.AddPlainPage("/", "text/html", ""), "http://", "https://", 1)
		}, want{code: spine.CodeUnavailable, is: auth.ErrNotTLS, attempts: 1}},
		{"6 garbage", auth.TLSPolicy{}, func(t *testing.T, _ *bed) string {
			t.Helper()
			return tcpServer(t, func(_ int, c net.Conn) {
				_, _ = io.WriteString(c, strings.Repeat(canary, 9))
				_, _ = io.Copy(io.Discard, c)
			})
		}, want{code: spine.CodeUnavailable, is: auth.ErrNotTLS, attempts: 1}},
		{"6 our certificate is revoked", auth.TLSPolicy{}, func(_ *testing.T, b *bed) string {
			b.Revoke(b.Client().Cert)
			return b.NRLURL()
		}, want{code: spine.CodeCertificate, is: auth.ErrRefused, attempts: 1}},
		{"7 another PKI's server", auth.TLSPolicy{}, func(_ *testing.T, b *bed) string { return b.PublicURL() }, want{code: spine.CodeCertificate, is: auth.ErrUntrusted, attempts: 1}},
		{
			"8 our certificate has expired",
			auth.TLSPolicy{Now: func() time.Time { return time.Now().AddDate(50, 0, 0) }},
			func(_ *testing.T, b *bed) string { return b.NRLURL() },
			want{code: spine.CodeCertificate, is: auth.ErrCredentials, attempts: 1},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			sp := mocks.Run(t)
			b := newBed(t, sp, func(c *spine.Config) { c.Dialer = dialer(t, sp, tt.policy) })
			_, err := b.fetch(t, search(tt.server(t, b)))
			tt.want.origin = spine.OriginLocal
			tt.want.check(t, err)
			if n := len(b.Requests()); n != 0 {
				t.Errorf("%d requests arrived", n)
			}
		})
	}
}

func TestAddressOfAPublicPageIsJudged(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *spine.Config) {
		c.Public.Allow = func(netip.Addr) error { return errors.New("private") }
	})
	for _, page := range []string{b.AddPage("/a", "text/html", "x"), b.AddPlainPage("/b", "text/html", "x")} {
		r := b.search()
		r.Service, r.URL = spine.Public, parseURL(page)
		_, err := b.fetch(t, r)
		want{code: spine.CodeInvalid, is: spine.ErrAddress, attempts: 1, origin: spine.OriginLocal}.check(t, err)
	}
	if n := len(b.Requests()); n != 0 {
		t.Errorf("%d requests arrived", n)
	}
}

func TestUntrustedPublicPage(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *spine.Config) { c.Public.Roots = x509.NewCertPool() })
	r := b.search()
	r.Service, r.URL = spine.Public, parseURL(b.AddPage("/a", "text/html", "x"))
	_, err := b.fetch(t, r)
	want{code: spine.CodeCertificate, attempts: 1, origin: spine.OriginLocal}.check(t, err)
}
