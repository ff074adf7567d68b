package auth_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nrlgo/nrlgo/auth"
	"github.com/nrlgo/nrlgo/auth/revocation"
)

// peer is a TLS server for one test. It notes how each handshake ended on its
// side, and every byte of application data that a client sent.
type peer struct {
	addr string
	ends chan error
	data chan int
}

// serve starts a server with a configuration of crypto/tls.
func serve(t *testing.T, config *tls.Config) *peer {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	_, port, _ := net.SplitHostPort(l.Addr().String())
	p := &peer{addr: "localhost:" + port, ends: make(chan error, 8), data: make(chan int, 8)}
	go func() {
		for {
			raw, err := l.Accept()
			if err != nil {
				return
			}
			go p.talk(tls.Server(raw, config))
		}
	}()
	return p
}

func (p *peer) talk(conn *tls.Conn) {
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	err := conn.HandshakeContext(context.Background())
	n := 0
	if err == nil {
		n, err = conn.Read(make([]byte, 1024))
		if errors.Is(err, io.EOF) {
			err = nil
		}
	}
	p.data <- n
	p.ends <- err
}

// end is how the server saw the handshake.
func (p *peer) end(t *testing.T) error {
	t.Helper()
	select {
	case err := <-p.ends:
		if n := <-p.data; n != 0 {
			t.Errorf("%d bytes of a request reached the server", n)
		}
		return err
	case <-time.After(10 * time.Second):
		t.Fatal("the server saw no handshake")
		return nil
	}
}

// dialer is the Go engine with the test's assets.
func dialer(t *testing.T, trust *auth.Trust, creds *auth.Credentials) auth.Dialer {
	t.Helper()
	d, err := auth.NewGoEngine(auth.TLSPolicy{Credentials: creds, Trust: trust.WithRevocation(revocation.Off("test"))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// TestRefusedServers is the table of servers that no request may reach for
// another reason than their certificate, with the error text at both ends.
func TestRefusedServers(t *testing.T) {
	t.Parallel()
	a := assets(t)
	for _, tt := range []struct {
		name   string
		server func(*tls.Config)
		is     error
		client string // part of our error
		far    string // part of the server's
	}{
		{
			name:   "TLS 1.1",
			server: func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 },
			is:     auth.ErrNoVersion, client: "does not speak TLS 1.2", far: "unsupported versions",
		},
		{
			name:   "TLS 1.3 only",
			server: func(c *tls.Config) { c.MinVersion = tls.VersionTLS13 },
			is:     auth.ErrNoVersion, client: "does not speak TLS 1.2", far: "unsupported versions",
		},
		{
			name:   "a suite outside the list only",
			server: func(c *tls.Config) { c.CipherSuites = []uint16{tls.TLS_RSA_WITH_AES_256_GCM_SHA384} },
			is:     auth.ErrNoSuite, client: "no common cipher suite", far: "no cipher suite supported by both",
		},
		{
			name: "our certificate refused",
			server: func(c *tls.Config) {
				c.VerifyPeerCertificate = func([][]byte, [][]*x509.Certificate) error { return errors.New("not on the list") }
			},
			is: auth.ErrRefused, client: "refused our certificate", far: "not on the list",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			config := a.serverConfig(t)
			tt.server(config)
			p := serve(t, config)
			conn, err := dialer(t, a.trust, a.creds).DialTLSContext(t.Context(), "tcp", p.addr)
			if err == nil {
				_ = conn.Close()
				t.Fatal("the connection was made")
			}
			judge(t, err, "", tt.is)
			if !strings.Contains(err.Error(), tt.client) {
				t.Errorf("our error is %q, want %q in it", err, tt.client)
			}
			if far := p.end(t); far == nil || !strings.Contains(far.Error(), tt.far) {
				t.Errorf("the server's error is %v, want %q in it", far, tt.far)
			}
		})
	}
}

func judge(t *testing.T, err error, stage auth.Stage, is error) {
	t.Helper()
	if is != nil {
		if !errors.Is(err, is) {
			t.Errorf("got %v, want an error wrapping %v", err, is)
		}
		return
	}
	ve, ok := errors.AsType[*auth.VerifyError](err)
	if !ok || !errors.Is(err, auth.ErrUntrusted) {
		t.Fatalf("got %v, want a VerifyError", err)
	}
	if ve.Stage != stage {
		t.Errorf("stage %q, want %q", ve.Stage, stage)
	}
}

// TestAcceptedServers is the other side of the table: what must be accepted.
func TestAcceptedServers(t *testing.T) {
	t.Parallel()
	a := assets(t)
	for _, tt := range []struct {
		name   string
		server func(*tls.Config)
		trust  *auth.Trust
		suite  uint16
		byCN   bool
	}{
		{name: "AES-256 is chosen though the server prefers AES-128", suite: tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384},
		{
			name: "AES-128 only: suite 2 in the second offer", suite: tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
			server: func(c *tls.Config) { c.CipherSuites = []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256} },
		},
		{
			name: "CBC only: suite 8 in the second offer", suite: tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA,
			server: func(c *tls.Config) { c.CipherSuites = []uint16{tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA} },
		},
		{
			name: "the server sends no sub CA", suite: tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
			server: func(c *tls.Config) {
				leaf := a.server(t, nil)
				leaf.Certificate = leaf.Certificate[:1]
				c.Certificates = []tls.Certificate{leaf}
			},
		},
		{
			name: "the common name of a listed host", suite: tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, byCN: true,
			trust: a.trust.WithCNHosts("LOCALHOST"),
			server: func(c *tls.Config) {
				c.Certificates = []tls.Certificate{a.server(t, func(c *x509.Certificate) {
					c.DNSNames, c.IPAddresses, c.Subject.CommonName = nil, nil, "localhost"
				})}
			},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			config := a.serverConfig(t)
			if tt.server != nil {
				tt.server(config)
			}
			p := serve(t, config)
			trust := a.trust
			if tt.trust != nil {
				trust = tt.trust
			}
			d := dialer(t, trust, a.creds)
			for _, resumed := range []bool{false, true} {
				conn, err := d.DialTLSContext(t.Context(), "tcp", p.addr)
				if err != nil {
					t.Fatal(err)
				}
				s := conn.(auth.Conn).ConnState()
				_ = conn.Close()
				if s.Version != tls.VersionTLS12 || s.CipherSuite != tt.suite || s.Resumed != resumed {
					t.Errorf("version %x, suite %s, resumed %v; want TLS 1.2, %s, %v",
						s.Version, auth.SuiteName(s.CipherSuite), s.Resumed, auth.SuiteName(tt.suite), resumed)
				}
				if s.Peer.ByCommonName != tt.byCN || len(s.Peer.Chain) != 3 || s.Peer.Host != "localhost" {
					t.Errorf("peer %q by common name %v over %d certificates", s.Peer.Host, s.Peer.ByCommonName, len(s.Peer.Chain))
				}
			}
		})
	}
}

// TestResumedSessionIsJudgedAgain: VerifyPeerCertificate would be skipped.
func TestResumedSessionIsJudgedAgain(t *testing.T) {
	t.Parallel()
	a := assets(t)
	config := a.serverConfig(t)
	resumed := make(chan bool, 2)
	config.VerifyConnection = func(s tls.ConnectionState) error { resumed <- s.DidResume; return nil }
	p := serve(t, config)
	ahead := time.Duration(0)
	now := func() time.Time { return time.Now().Add(ahead) }
	d := dialer(t, a.trust.WithClock(now), a.creds)
	conn, err := d.DialTLSContext(t.Context(), "tcp", p.addr)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	ahead = 20 * 365 * 24 * time.Hour
	conn, err = d.DialTLSContext(t.Context(), "tcp", p.addr)
	if err == nil {
		_ = conn.Close()
		t.Fatal("a session of an expired server was resumed")
	}
	judge(t, err, auth.StageValidity, nil)
	if <-resumed || !<-resumed {
		t.Error("the second handshake resumed no session: nothing was shown")
	}
}

// TestBareFINIsNotAnEnd: crypto/tls gives io.EOF for both. The versions have
// other records; public pages have either.
func TestBareFINIsNotAnEnd(t *testing.T) {
	t.Parallel()
	a := assets(t)
	spine := func(t *testing.T, addr string) (net.Conn, error) {
		t.Helper()
		return dialer(t, a.trust, a.creds).DialTLSContext(t.Context(), "tcp", addr)
	}
	public := func(t *testing.T, addr string) (net.Conn, error) {
		t.Helper()
		return auth.NewPublicDialer(auth.PublicPolicy{Roots: a.pki.Root.Pool()}).DialTLSContext(t.Context(), "tcp", addr)
	}
	for _, tt := range []struct {
		name    string
		version uint16
		dial    func(*testing.T, string) (net.Conn, error)
	}{
		{"Spine, TLS 1.2", tls.VersionTLS12, spine},
		{"public page, TLS 1.2", tls.VersionTLS12, public},
		{"public page, TLS 1.3", tls.VersionTLS13, public},
	} {
		for _, end := range []struct {
			name string
			data string
			end  func(net.Conn, *tls.Conn)
			cut  bool
		}{
			{"close_notify", "half a record", func(_ net.Conn, c *tls.Conn) { _ = c.Close() }, false},
			{"close_notify after nothing", "", func(_ net.Conn, c *tls.Conn) { _ = c.Close() }, false},
			{"close_notify, the end later", "data", func(raw net.Conn, c *tls.Conn) { _ = c.CloseWrite(); _, _ = io.Copy(io.Discard, raw) }, false},
			{"bare FIN", "half a record", func(raw net.Conn, _ *tls.Conn) { _ = raw.Close() }, true},
			{"bare FIN after nothing", "", func(raw net.Conn, _ *tls.Conn) { _ = raw.Close() }, true},
			{"bare FIN after two bytes, a record as long as an alert", "ok", func(raw net.Conn, _ *tls.Conn) { _ = raw.Close() }, true},
			{"FIN within a record", "data", func(raw net.Conn, _ *tls.Conn) { _, _ = raw.Write(plain(23, 1, 2, 3)[:6]); _ = raw.Close() }, true},
			{"FIN within the header of an alert", "data", func(raw net.Conn, _ *tls.Conn) { _, _ = raw.Write(plain(21, 1, 2)[:4]); _ = raw.Close() }, true},
		} {
			t.Run(tt.name+"/"+end.name, func(t *testing.T) {
				t.Parallel()
				config := a.serverConfig(t)
				config.MaxVersion, config.ClientAuth = tt.version, tls.RequestClientCert
				addr := script(t, func(raw net.Conn) {
					conn := tls.Server(raw, config)
					if conn.HandshakeContext(context.Background()) == nil {
						_, _ = conn.Read(make([]byte, 1)) // the client is ready for what follows
						_, _ = io.WriteString(conn, end.data)
						end.end(raw, conn)
					}
				})
				conn := must[net.Conn](t)(tt.dial(t, addr))
				defer func() { _ = conn.Close() }()
				if got := conn.(auth.Conn).ConnState().Version; got != tt.version {
					t.Fatalf("version %x, want %x", got, tt.version)
				}
				_, _ = io.WriteString(conn, "x")
				got, err := io.ReadAll(conn)
				if string(got) != end.data {
					t.Errorf("read %q, want %q", got, end.data)
				}
				if cut := errors.Is(err, auth.ErrTruncated) && errors.Is(err, io.ErrUnexpectedEOF); cut != end.cut || !end.cut && err != nil {
					t.Errorf("the error is %v, want ErrTruncated: %v", err, end.cut)
				}
				_ = conn.(interface{ CloseWrite() error }).CloseWrite()
			})
		}
	}
}

func TestDialerOwnsItsTimeouts(t *testing.T) {
	t.Parallel()
	a := assets(t)
	begun, ended := make(chan bool, 4), make(chan bool, 4)
	addr := script(t, func(c net.Conn) { // never answers a handshake
		hello(c)
		begun <- true
		gone(t, c)
		ended <- true
	})
	silent := func(t *testing.T, timeout time.Duration) auth.Dialer {
		t.Helper()
		return must[auth.Dialer](t)(auth.NewGoEngine(auth.TLSPolicy{Credentials: a.creds, Trust: a.off(), HandshakeTimeout: timeout}))
	}
	for _, tt := range []struct {
		name    string
		timeout time.Duration
		end     func(auth.Dialer, context.CancelFunc) // once the handshake has begun
		want    error
	}{
		{"the handshake timeout", 50 * time.Millisecond, func(auth.Dialer, context.CancelFunc) {}, context.DeadlineExceeded},
		{"Close", time.Minute, func(d auth.Dialer, _ context.CancelFunc) { _ = d.Close() }, auth.ErrClosed},
		{"the context", time.Minute, func(_ auth.Dialer, cancel context.CancelFunc) { cancel() }, context.Canceled},
	} {
		t.Run(tt.name, func(t *testing.T) { // one after the other: they share the channels
			d := silent(t, tt.timeout)
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			go func() { <-begun; tt.end(d, cancel) }()
			if _, err := d.DialTLSContext(ctx, "tcp", addr); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			<-ended // the connection was closed
		})
	}
}

// TestTheSecondOfferEndsToo: what ends a dial also ends it between the offers.
func TestTheSecondOfferEndsToo(t *testing.T) {
	t.Parallel()
	a := assets(t)
	for name, want := range map[string]error{"Close": auth.ErrClosed, "the context": context.Canceled} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := must[auth.Dialer](t)(auth.NewGoEngine(auth.TLSPolicy{Credentials: a.creds, Trust: a.off(), HandshakeTimeout: time.Minute}))
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			var dials atomic.Int32
			addr := script(t, func(c net.Conn) {
				hello(c)
				if dials.Add(1) == 1 {
					_, _ = c.Write(plain(21, 2, 40))
					return
				}
				if errors.Is(want, auth.ErrClosed) {
					_ = d.Close()
				} else {
					cancel()
				}
				_, _ = io.Copy(io.Discard, c)
			})
			if _, err := d.DialTLSContext(ctx, "tcp", addr); !errors.Is(err, want) {
				t.Errorf("got %v, want %v", err, want)
			}
			if n := dials.Load(); n != 2 {
				t.Errorf("%d dials, want 2", n)
			}
		})
	}
}
