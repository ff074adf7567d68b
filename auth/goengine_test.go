package auth_test

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nrlgo/nrlgo/auth"
	"github.com/nrlgo/nrlgo/auth/revocation"
)

// listen is a listener on loopback that ends with the test.
func listen(tb testing.TB) net.Listener {
	tb.Helper()
	l := must[net.Listener](tb)((&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0"))
	tb.Cleanup(func() { _ = l.Close() })
	return l
}

// script is a server that does the same with every connection, then closes it.
func script(tb testing.TB, talk func(net.Conn)) string {
	tb.Helper()
	l := listen(tb)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
				talk(conn)
			}()
		}
	}()
	return l.Addr().String()
}

// gone waits until the client has closed the connection: a dial that failed
// must not leave it open.
func gone(tb testing.TB, r io.Reader) {
	tb.Helper()
	if _, err := io.Copy(io.Discard, r); errors.Is(err, os.ErrDeadlineExceeded) {
		tb.Error("the client left its connection open")
	}
}

// hellos is what each ClientHello that a server saw had offered.
type hellos struct {
	mu  sync.Mutex
	got []offer
}

type offer struct {
	Suites, Versions []uint16
	Name             string
}

func (h *hellos) note(i *tls.ClientHelloInfo) (*tls.Config, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.got = append(h.got, offer{i.CipherSuites, i.SupportedVersions, i.ServerName})
	return nil, nil
}

// TestOffers: the order of the list, and nothing outside it.
func TestOffers(t *testing.T) {
	t.Parallel()
	k := assets(t)
	var seen hellos
	config := k.serverConfig(t)
	config.CipherSuites, config.GetConfigForClient = []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA}, seen.note
	_, err := dialer(t, k.trust, k.creds).DialTLSContext(t.Context(), "tcp", serve(t, config).addr)
	if !errors.Is(err, auth.ErrNoSuite) {
		t.Errorf("got %v, want ErrNoSuite", err)
	}
	versions := []uint16{tls.VersionTLS12}
	want := []offer{
		{[]uint16{tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384}, versions, "localhost"},
		{[]uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA}, versions, "localhost"},
	}
	if diff := cmp.Diff(want, seen.got); diff != "" {
		t.Errorf("offers (-want +got):\n%s", diff)
	}
}

// plain is a TLS record in the clear.
func plain(kind byte, body ...byte) []byte {
	return append([]byte{kind, 3, 3, byte(len(body) >> 8), byte(len(body))}, body...)
}

// hello reads one record, the ClientHello.
func hello(c net.Conn) {
	var head [5]byte
	if _, err := io.ReadFull(c, head[:]); err == nil {
		_, _ = io.CopyN(io.Discard, c, int64(head[3])<<8|int64(head[4]))
	}
}

// TestHandshakeErrors: what a server that is none, or none of ours, means.
func TestHandshakeErrors(t *testing.T) {
	t.Parallel()
	k := assets(t)
	answer := func(b []byte) func(net.Conn) {
		return func(c net.Conn) {
			hello(c)
			_, _ = c.Write(b)
			gone(t, c)
		}
	}
	for _, tt := range []struct {
		name  string
		talk  func(net.Conn)
		is    error
		alert uint8
		dials int
	}{
		{"plain HTTP", answer([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")), auth.ErrNotTLS, 0, 1},
		{"SSLv2", answer([]byte("\x80\x1a\x01\x03\x01\x00\x12\x00\x00\x00\x10")), auth.ErrNotTLS, 0, 1},
		{"closed without an answer", hello, io.EOF, 0, 1},
		{"reset", func(c net.Conn) { hello(c); _ = c.(*net.TCPConn).SetLinger(0) }, syscall.ECONNRESET, 0, 1},
		{"cut within a record", func(c net.Conn) { hello(c); _, _ = c.Write([]byte{22, 3, 3, 0, 90, 2}) }, io.ErrUnexpectedEOF, 0, 1},
		{"alert handshake_failure", answer(plain(21, 2, 40)), auth.ErrNoSuite, 40, 2},
		{"alert insufficient_security", answer(plain(21, 2, 71)), auth.ErrNoSuite, 71, 2},
		{"a warning before the alert", answer(append(plain(21, 1, 112), plain(21, 2, 40)...)), auth.ErrNoSuite, 40, 2},
		{"alert protocol_version", answer(plain(21, 2, 70)), auth.ErrNoVersion, 70, 1},
		{"alert certificate_revoked", answer(plain(21, 2, 44)), auth.ErrRefused, 44, 1},
		{"alert unknown_ca", answer(plain(21, 2, 48)), auth.ErrRefused, 48, 1},
		{"alert access_denied", answer(plain(21, 2, 49)), auth.ErrRefused, 49, 1},
		{"alert internal_error", answer(plain(21, 2, 80)), nil, 80, 1},
		{"only warnings, then the end", func(c net.Conn) { hello(c); _, _ = c.Write(plain(21, 1, 40)) }, io.EOF, 0, 1},
		{"a suite that was not offered", answer(serverHello(0x0303, 0x003C)), auth.ErrNoSuite, 0, 2},
		{"a version that was not offered", answer(serverHello(0x0302, 0xC014)), auth.ErrNoVersion, 0, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dials := make(chan bool, 8)
			addr := script(t, func(c net.Conn) { tt.talk(c); dials <- true })
			_, err := dialer(t, k.trust, k.creds).DialTLSContext(t.Context(), "tcp", addr)
			he, ok := errors.AsType[*auth.HandshakeError](err)
			if !ok || he.Host != "127.0.0.1" || he.Engine != "go" || he.Alert != tt.alert {
				t.Fatalf("got %#v (%v), want alert %d", err, err, tt.alert)
			}
			if tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("got %v, want %v", err, tt.is)
			}
			for range tt.dials { // each has ended
				<-dials
			}
			if len(dials) != 0 {
				t.Errorf("dialled again, want %d times", tt.dials)
			}
		})
	}
}

// serverHello is one for a version and suite without extensions.
func serverHello(version, suite uint16) []byte {
	body := []byte{byte(version >> 8), byte(version)}
	body = append(body, make([]byte, 33)...) // random, and no session
	body = append(body, byte(suite>>8), byte(suite), 0)
	return plain(22, append([]byte{2, 0, 0, byte(len(body))}, body...)...)
}

// refuser answers our certificate with handshake_failure.
type refuser struct {
	net.Conn
	wrote bool
}

func (r *refuser) Write(p []byte) (int, error) { r.wrote = true; return r.Conn.Write(p) }

func (r *refuser) Read(p []byte) (int, error) {
	if !r.wrote {
		return r.Conn.Read(p)
	}
	n, err := r.Conn.Read(p)
	_, _ = r.Conn.Write(plain(21, 2, 40))
	return n, errors.Join(err, io.EOF)
}

// TestHandshakeFailureAfterTheSuite: once a suite is agreed, a second offer
// would be pointless and the text about suites wrong.
func TestHandshakeFailureAfterTheSuite(t *testing.T) {
	t.Parallel()
	k := assets(t)
	config := k.serverConfig(t)
	dials := make(chan bool, 8)
	addr := script(t, func(c net.Conn) {
		dials <- true
		_ = tls.Server(&refuser{Conn: c}, config).HandshakeContext(context.Background())
		_, _ = io.Copy(io.Discard, c)
	})
	_, err := dialer(t, k.trust, k.creds).DialTLSContext(t.Context(), "tcp", addr)
	if !errors.Is(err, auth.ErrRefused) || errors.Is(err, auth.ErrNoSuite) {
		t.Errorf("got %v, want ErrRefused alone", err)
	}
	if len(dials) != 1 {
		t.Errorf("%d dials, want 1", len(dials))
	}
}

// TestUnreadableCertificates: what crypto/tls refuses by itself is a decision
// about the server's certificate all the same.
func TestUnreadableCertificates(t *testing.T) {
	t.Parallel()
	k := assets(t)
	huge := *k.chain(t)[0]
	der := must[[]byte](t)(x509.CreateCertificate(rand.Reader, &huge, k.pki.Sub.Cert, hugeKey(t, 8200), k.pki.Sub.Key))
	for _, tt := range []struct {
		name  string
		der   []byte
		stage auth.Stage
	}{
		{"malformed", []byte("no DER, but 9462205957"), auth.StageChain},
		{"RSA key of 8,200 bits", der, auth.StageKey},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			config := k.serverConfig(t)
			config.Certificates[0].Certificate = [][]byte{tt.der}
			config.Certificates[0].Leaf = nil
			_, err := dialer(t, k.trust, k.creds).DialTLSContext(t.Context(), "tcp", serve(t, config).addr)
			judge(t, err, tt.stage, nil)
			if strings.Contains(err.Error(), "9462205957") {
				t.Errorf("the error quotes the certificate: %v", err)
			}
		})
	}
}

func TestAddressesThatAreNotDialled(t *testing.T) {
	t.Parallel()
	k := assets(t)
	d := dialer(t, k.trust, k.creds)
	public := auth.NewPublicDialer(auth.PublicPolicy{})
	for _, addr := range []string{"", "localhost", ":443", "localhost:", "localhost:https", "localhost:70000", "a b:443", "a\r\nX-Y: z:443", "a@b:443", "bücher:443", "[::1\n]:443", "[fe80::1%\r\n]:443"} {
		for name, dial := range map[string]func() (net.Conn, error){
			"Spine":  func() (net.Conn, error) { return d.DialTLSContext(t.Context(), "tcp", addr) },
			"public": func() (net.Conn, error) { return public.DialTLSContext(t.Context(), "tcp", addr) },
		} {
			_, err := dial()
			if he, ok := errors.AsType[*auth.HandshakeError](err); !ok || he.Host != "server" || !strings.Contains(err.Error(), "not host:port") {
				t.Errorf("%s, address %q: got %v", name, addr, err)
			}
		}
	}
}

func TestClosedDialerDialsNoMore(t *testing.T) {
	t.Parallel()
	k := assets(t)
	p := serve(t, k.serverConfig(t))
	d := dialer(t, k.trust, k.creds)
	conn := must[net.Conn](t)(d.DialTLSContext(t.Context(), "tcp", p.addr))
	if err := errors.Join(d.Close(), d.Close()); err != nil {
		t.Error(err)
	}
	if _, err := d.DialTLSContext(t.Context(), "tcp", p.addr); !errors.Is(err, auth.ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}
	if _, err := conn.Write([]byte("x")); err != nil {
		t.Errorf("an older connection: %v", err)
	}
	_ = conn.Close()
}

// TestExpiredCertificateIsNotDialledWith: the server would only say "bad
// certificate".
func TestExpiredCertificateIsNotDialledWith(t *testing.T) {
	t.Parallel()
	k := assets(t)
	l := listen(t)
	d := must[auth.Dialer](t)(auth.NewGoEngine(auth.TLSPolicy{Credentials: k.creds, Trust: k.off(), Now: inYears(3)}))
	_, err := d.DialTLSContext(t.Context(), "tcp", l.Addr().String())
	if !errors.Is(err, auth.ErrCredentials) || !strings.Contains(err.Error(), "expired on") {
		t.Errorf("got %v, want ErrCredentials", err)
	}
	own := must[net.Conn](t)((&net.Dialer{}).DialContext(t.Context(), "tcp", l.Addr().String()))
	defer func() { _ = own.Close() }()
	first := must[net.Conn](t)(l.Accept())
	defer func() { _ = first.Close() }()
	if first.RemoteAddr().String() != own.LocalAddr().String() {
		t.Error("the server was dialled")
	}
}

// TestSlowVerdictStands: a certificate that was refused when the time was over
// is refused, not late.
func TestSlowVerdictStands(t *testing.T) {
	t.Parallel()
	k := assets(t)
	const limit = 2 * time.Second // enough for the handshake up to the verdict
	first := true
	slow := k.off().WithClock(func() time.Time {
		if first { // in Check
			first = false
			return time.Now()
		}
		<-time.After(limit + 50*time.Millisecond)
		return time.Now().AddDate(5, 0, 0)
	})
	d := must[auth.Dialer](t)(auth.NewGoEngine(auth.TLSPolicy{Credentials: k.creds, Trust: slow, HandshakeTimeout: limit}))
	_, err := d.DialTLSContext(t.Context(), "tcp", serve(t, k.serverConfig(t)).addr)
	judge(t, err, auth.StageValidity, nil)
}

// TestSessionsStayWithTheirServer: two servers of one name that share ticket
// keys are still two.
func TestSessionsStayWithTheirServer(t *testing.T) {
	t.Parallel()
	k := assets(t)
	config := k.serverConfig(t)
	config.SetSessionTicketKeys([][32]byte{{1}})
	one, two := serve(t, config), serve(t, config)
	d := dialer(t, k.trust, k.creds)
	var resumed []bool
	for _, addr := range []string{one.addr, two.addr, one.addr, two.addr} {
		conn := must[net.Conn](t)(d.DialTLSContext(t.Context(), "tcp", addr))
		resumed = append(resumed, conn.(auth.Conn).ConnState().Resumed)
		_ = conn.Close()
	}
	if diff := cmp.Diff([]bool{false, false, true, true}, resumed); diff != "" {
		t.Errorf("resumed (-want +got):\n%s", diff)
	}
}

// TestManyDialsAtOnce is for the race detector; each connection carries its
// own bytes.
func TestManyDialsAtOnce(t *testing.T) {
	t.Parallel()
	k := assets(t)
	config := k.serverConfig(t)
	addr := script(t, func(c net.Conn) {
		conn := tls.Server(c, config)
		_, _ = io.Copy(conn, io.LimitReader(conn, 9))
		_ = conn.Close()
	})
	d := dialer(t, k.trust, k.creds)
	var group sync.WaitGroup
	for i := range 64 {
		group.Go(func() {
			conn, err := d.DialTLSContext(t.Context(), "tcp", addr)
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = conn.Close() }()
			want := fmt.Sprintf("message%2d", i)
			_, _ = io.WriteString(conn, want)
			if got, err := io.ReadAll(conn); err != nil || string(got) != want {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
	group.Wait()
}

// TestNoKeyLog: SSLKEYLOGFILE would open every connection to its reader.
func TestNoKeyLog(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keys")
	t.Setenv("SSLKEYLOGFILE", file)
	k := assets(t)
	conn := must[net.Conn](t)(dialer(t, k.trust, k.creds).DialTLSContext(t.Context(), "tcp", serve(t, k.serverConfig(t)).addr))
	_ = conn.Close()
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the key log: %v", err)
	}
}

func TestPolicyFaults(t *testing.T) {
	t.Parallel()
	k := assets(t)
	for _, tt := range []struct {
		name string
		edit func(*auth.TLSPolicy)
		want string
	}{
		{"no credentials", func(p *auth.TLSPolicy) { p.Credentials = nil }, "Credentials is missing"},
		{"credentials that were not loaded", func(p *auth.TLSPolicy) { p.Credentials = new(auth.Credentials) }, "Credentials is missing"},
		{"no trust", func(p *auth.TLSPolicy) { p.Trust = nil }, "Trust is missing"},
		{"trust that was not loaded", func(p *auth.TLSPolicy) { p.Trust = new(auth.Trust) }, "no usable trust anchor"},
		{"revocation off without a reason", func(p *auth.TLSPolicy) { p.Trust = k.trust.WithRevocation(revocation.Off("")) }, "needs a reason"},
		{"an https proxy", func(p *auth.TLSPolicy) { p.Proxy = link(t, "https://proxy:3128") }, "http://host:port"},
		{"a proxy without a host", func(p *auth.TLSPolicy) { p.Proxy = link(t, "http://:3128") }, "http://host:port"},
		{"a proxy with a path", func(p *auth.TLSPolicy) { p.Proxy = link(t, "http://proxy:3128/x") }, "http://host:port"},
		{"a negative timeout", func(p *auth.TLSPolicy) { p.HandshakeTimeout = -1 }, "negative"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := auth.TLSPolicy{Credentials: k.creds, Trust: k.off()}
			tt.edit(&p)
			if d, err := auth.NewGoEngine(p); err == nil || d != nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
	err := auth.TLSPolicy{DialTimeout: -1}.Check()
	for _, want := range []string{"Credentials", "Trust", "negative"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want every fault at once, %q too", err, want)
		}
	}
}
