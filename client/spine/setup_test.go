package spine_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nrlgo/nrlgo/auth"
	"github.com/nrlgo/nrlgo/auth/nhs"
	"github.com/nrlgo/nrlgo/auth/revocation"
	"github.com/nrlgo/nrlgo/client/spine"
	"github.com/nrlgo/nrlgo/mocks"
	"github.com/nrlgo/nrlgo/mocks/mockstest"
)

const (
	patient   = "9462205957"
	role      = "4387293874928"
	recordURL = "https://p1.nhs.uk/crisis/da2b6e8a.pdf"
	document  = "0123456789"
	pointerID = "c037a0cb-ab12-4976-83a1-a5d2703e6aa3"
)

var requester = auth.Requester{
	Organisation: nhs.MustParseODSCode(mocks.ConsumerODS), ASID: nhs.MustParseASID(mocks.ConsumerASID),
	User: auth.Professional(nhs.MustParseRoleProfileID(role)),
}

// bed is a client beside a mock.
type bed struct {
	*mocks.Spine
	client *spine.Client
	sink   *sink
	log    *syncBuffer
}

// setup starts a mock with a record and a client of it, whose waits are short.
func setup(t *testing.T, edits ...func(*spine.Config)) *bed {
	t.Helper()
	return newBed(t, mocks.Run(t), edits...)
}

// newBed is setup with a mock that is there.
func newBed(t *testing.T, sp *mocks.Spine, edits ...func(*spine.Config)) *bed {
	t.Helper()
	number := nhs.MustParseNumber(patient)
	sp.AddRecord(number, mocks.Record{URL: recordURL, Body: []byte(document)})
	b := &bed{Spine: sp, sink: new(sink), log: new(syncBuffer)}
	public := x509.NewCertPool()
	public.AppendCertsFromPEM(sp.PublicCAPEM())
	c := spine.Config{
		Dialer: dialer(t, sp, auth.TLSPolicy{}), SpineASID: nhs.MustParseASID(mocks.SpineASID), Issuer: "https://" + mocks.ConsumerFQDN,
		Audit: b.sink, Public: spine.PublicPages{Roots: public},
		Logger: slog.New(slog.NewJSONHandler(b.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, edit := range edits {
		edit(&c)
	}
	client, err := spine.New(c)
	if err != nil {
		t.Fatal(err)
	}
	b.client = client
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
		b.discreet(t, b.log.String())
	})
	return b
}

// dialer is the Go engine with the mock's certificates and p's other settings.
func dialer(tb testing.TB, sp *mocks.Spine, p auth.TLSPolicy) auth.Dialer {
	tb.Helper()
	creds, err := auth.ParseCredentials(sp.ClientCertPEM(), sp.ClientKeyPEM())
	if err != nil {
		tb.Fatal(err)
	}
	trust, err := auth.ParseTrust(sp.CAPEM())
	if err != nil {
		tb.Fatal(err)
	}
	p.Credentials, p.Trust = creds, trust.WithRevocation(revocation.Off("a mock publishes no list"))
	d, err := mockstest.Dialer(p)
	if err != nil {
		tb.Fatal(err)
	}
	return d
}

func limits(l spine.Limits) func(*spine.Config) { return func(c *spine.Config) { c.Limits = l } }

// search is a request to the locator at an origin.
func search(base string) spine.Request {
	u, err := url.Parse(base)
	if err != nil {
		panic(err)
	}
	return spine.Request{
		Op: spine.OpSearch, Service: spine.NRL, Accept: "application/fhir+json", Requester: requester, Patient: nhs.MustParseNumber(patient),
		Audience: "https://" + u.Host,
		URL: &url.URL{
			Scheme: "https", Host: u.Host, Opaque: "/STU3/DocumentReference",
			RawQuery: "subject=" + url.QueryEscape("https://demographics.spineservices.nhs.uk/STU3/Patient/"+patient),
		},
	}
}

func (b *bed) search() spine.Request { return search(b.NRLURL()) }

// retrieve is a request for the record through the proxy.
func (b *bed) retrieve() spine.Request {
	u, err := url.Parse(b.SSPURL())
	if err != nil {
		panic(err)
	}
	return spine.Request{
		Op: spine.OpRetrieve, Service: spine.SSP, Requester: requester, To: nhs.MustParseASID(mocks.ProviderASID), PointerID: pointerID,
		Audience: "https://p1.nhs.uk", RecordURL: recordURL, Patient: nhs.MustParseNumber(patient),
		URL: &url.URL{Scheme: "https", Host: u.Host, Opaque: "/" + url.QueryEscape(recordURL)},
	}
}

// fetch is Fetch and End; an error is checked for what it must not show.
func (b *bed) fetch(t *testing.T, r spine.Request) (*spine.Response, error) {
	t.Helper()
	a, err := b.client.Fetch(t.Context(), r)
	if err == nil {
		err = a.End(nil)
	}
	b.checkError(t, err)
	return a, err
}

// stream is Stream, reading all, and End.
func (b *bed) stream(t *testing.T, r spine.Request) (string, error) {
	t.Helper()
	s, err := b.client.Stream(t.Context(), r)
	if err != nil {
		b.checkError(t, err)
		return "", err
	}
	body, err := io.ReadAll(s)
	err = s.End(err)
	b.checkError(t, err)
	return string(body), err
}

// checkError is called with every error of a test: it is an *Error with a
// cause, and shows nothing that is a secret, by any way to print it.
func (b *bed) checkError(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	e, ok := errors.AsType[*spine.Error](err)
	if !ok || e.Err == nil {
		t.Errorf("not an *Error with a cause: %T", err)
		return
	}
	var lines bytes.Buffer
	slog.New(slog.NewTextHandler(&lines, nil)).Info("m", "error", e, "outcome", e.Outcome, "holder", struct{ E *spine.Error }{e})
	text, jerr := json.Marshal(map[string]any{"error": e, "outcome": e.Outcome, "value": struct{ E *spine.Error }{e}})
	if jerr != nil {
		t.Errorf("json: %v", jerr)
	}
	b.discreet(t, lines.String(), string(text), fmt.Sprintf("%v %+v %#v %s %q %x", err, err, err, err, err, err),
		fmt.Sprintf("%v %+v %#v", e.Outcome, e.Outcome, *e), fmt.Sprintf("%+v %#v", struct{ E *spine.Error }{e}, []any{e, *e}))
}

// discreet fails when a text holds a patient, user or system identifier, a
// URL, a token or a body.
func (*bed) discreet(t *testing.T, texts ...string) {
	t.Helper()
	for _, secret := range []string{
		patient, role, mocks.ConsumerASID, mocks.ProviderASID, mocks.SpineASID, pointerID, "Bearer", "eyJ", "/STU3", "DocumentReference?",
		"subject", "crisis", "p1.nhs.uk", "://", "%3A", document, canary, fmt.Sprintf("%x", patient),
	} {
		for _, text := range texts {
			if strings.Contains(text, secret) {
				t.Errorf("%q is shown: %s", secret, text)
			}
		}
	}
}

// canary is put into the answers of servers.
const canary = "CANARY-of-the-server"

// want is what an error must be.
type want struct {
	code     spine.Code
	is       error
	status   int
	attempts int
	spine    string
	origin   spine.Origin
}

func (w want) check(t *testing.T, err error) {
	t.Helper()
	_ = w.of(t, err)
}

// of is check, and gives the *Error.
func (w want) of(t *testing.T, err error) *spine.Error {
	t.Helper()
	e, ok := errors.AsType[*spine.Error](err)
	if !ok {
		t.Fatalf("got %v, want an *Error", err)
	}
	got := want{code: spine.CodeOf(err), status: e.Status, attempts: e.Attempts, spine: e.SpineCode, origin: e.Origin, is: w.is}
	if got != w || w.is != nil && !errors.Is(err, w.is) {
		t.Errorf("want %+v\n got %+v: %v", w, got, err)
	}
	if (e.TraceID != "") != (e.Attempts > 0) {
		t.Errorf("trace id %q after %d attempts", e.TraceID, e.Attempts)
	}
	return e
}

// sink keeps entries. Its hook may answer for it.
type sink struct {
	hook func(ctx context.Context, e spine.AuditEntry) error

	mu      sync.Mutex
	entries []spine.AuditEntry
}

func (s *sink) WriteAudit(ctx context.Context, e spine.AuditEntry) error {
	if s.hook != nil {
		if err := s.hook(ctx, e); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.entries = append(s.entries, e)
	return nil
}

func (s *sink) all() []spine.AuditEntry {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.entries)
}

// kinds are the lines so far, such as "request 1 response 1 end 1".
func (s *sink) kinds() string {
	var all []string
	for _, e := range s.all() {
		all = append(all, fmt.Sprintf("%s %d", e.Kind, e.Attempt))
	}
	return strings.Join(all, " ")
}

// syncBuffer is a buffer for a logger.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// rawServer serves TLS connections by hand, each in a goroutine that ends with
// the test, and is closed after serve returns. It gives the server's origin.
func (b *bed) rawServer(t *testing.T, serve func(n int, c *rawConn)) string {
	t.Helper()
	leaf, err := b.PKI().Server("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12, Certificates: []tls.Certificate{leaf.TLS()}, ClientAuth: tls.RequireAnyClientCert}
	return tcpServer(t, func(n int, c net.Conn) {
		secure := tls.Server(c, config)
		defer func() { _ = secure.Close() }()
		serve(n, &rawConn{Conn: secure, tcp: c, in: bufio.NewReader(secure)})
	})
}

// tcpServer is rawServer without TLS.
func tcpServer(t *testing.T, serve func(n int, c net.Conn)) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for n := 1; ; n++ {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				stop := context.AfterFunc(t.Context(), func() { _ = c.Close() })
				defer stop()
				defer func() { _ = c.Close() }()
				serve(n, c)
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		all.Wait()
	})
	return "https://" + l.Addr().String()
}

// rawConn is a connection of a rawServer.
type rawConn struct {
	net.Conn
	tcp net.Conn
	in  *bufio.Reader
}

// next reads a request, nil when there is none.
func (c *rawConn) next() *http.Request {
	r, err := http.ReadRequest(c.in)
	if err != nil {
		return nil
	}
	return r
}

// send writes text as it is, in one record where it fits.
func (c *rawConn) send(text string) { _, _ = io.WriteString(c.Conn, text) }

// reset ends the connection by RST.
func (c *rawConn) reset() {
	_ = c.tcp.(*net.TCPConn).SetLinger(0)
	_ = c.tcp.Close()
}

// stay waits until the client has left.
func (c *rawConn) stay() { _, _ = io.Copy(io.Discard, c.in) }

// answer is a good answer with a body.
func answer(body string) string {
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: application/fhir+json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

const moment = 30 * time.Millisecond // a limit that is to be reached

func itoa(n int) string { return strconv.Itoa(n) }
