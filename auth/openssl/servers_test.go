//go:build cgo && linux

package openssl_test

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/nrlgo/nrlgo/auth"
)

// refusal is a server that no request may reach, whichever engine dials. What
// is wrong with a chain is shown by TestChains.
type refusal struct {
	name   string
	leaf   func(*x509.Certificate)             // edits the server's certificate
	server func(testing.TB, *kit, *tls.Config) // edits the rest
	stage  auth.Stage                          // of a VerifyError
	is     error                               // of a HandshakeError
	client string                              // part of our error
	far    string                              // part of the server's; "" is "bad certificate"
	farTLS string                              // the same with OpenSSL, where it differs
}

func otherName(c *x509.Certificate) { c.DNSNames, c.IPAddresses = []string{"other.nhs.uk"}, nil }

// sends replaces what a server sends as its certificate.
func sends(der []byte) func(testing.TB, *kit, *tls.Config) {
	return func(_ testing.TB, _ *kit, c *tls.Config) {
		c.Certificates = []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: c.Certificates[0].PrivateKey, Leaf: c.Certificates[0].Leaf}}
	}
}

var refusals = []refusal{
	{
		name: "another host", leaf: otherName,
		stage: auth.StageName, client: "is for other.nhs.uk",
	},
	{
		name:   "a certificate that is none",
		server: sends([]byte("no DER, but 9462205957")),
		stage:  auth.StageChain, client: "a certificate is malformed", far: "error decoding message", farTLS: "bad certificate",
	},
	{
		name: "bytes behind a certificate",
		server: func(tb testing.TB, k *kit, c *tls.Config) {
			tb.Helper()
			sends(append(k.server(tb, nil).Certificate[0], 0))(tb, k, c)
		},
		stage: auth.StageChain, client: "a certificate is malformed", far: "error decoding message",
	},
	{
		name: "another host, which asks for no certificate", leaf: otherName,
		server: func(_ testing.TB, _ *kit, c *tls.Config) {
			c.ClientAuth = tls.NoClientCert
		},
		stage: auth.StageName, client: "is for other.nhs.uk",
	},
	{
		name: "TLS 1.1",
		server: func(_ testing.TB, _ *kit, c *tls.Config) {
			c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
			c.CipherSuites = []uint16{tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA}
		},
		is: auth.ErrNoVersion, client: "does not speak TLS 1.2", far: "unsupported versions", farTLS: "version 303",
	},
	{
		name:   "TLS 1.3 only",
		server: func(_ testing.TB, _ *kit, c *tls.Config) { c.MinVersion = tls.VersionTLS13 },
		is:     auth.ErrNoVersion, client: "does not speak TLS 1.2", far: "unsupported versions",
	},
	{
		name: "a suite outside the list only",
		server: func(_ testing.TB, _ *kit, c *tls.Config) {
			c.CipherSuites = []uint16{tls.TLS_RSA_WITH_AES_256_GCM_SHA384}
		},
		is: auth.ErrNoSuite, client: "no common cipher suite", far: "no cipher suite supported by both",
	},
	{
		name: "our certificate refused",
		server: func(_ testing.TB, _ *kit, c *tls.Config) {
			c.VerifyPeerCertificate = func([][]byte, [][]*x509.Certificate) error { return errors.New("not on the list") }
		},
		is: auth.ErrRefused, client: "refused our certificate", far: "not on the list",
	},
}

// TestRefusedServers: both engines refuse alike, the error says why at both
// ends, and neither our certificate nor a byte of a request has left.
func TestRefusedServers(t *testing.T) {
	t.Parallel()
	k := assets(t)
	for name, make := range engines {
		for _, tt := range refusals {
			t.Run(name+"/"+tt.name, func(t *testing.T) {
				t.Parallel()
				config := k.config(t)
				config.Certificates = []tls.Certificate{k.server(t, tt.leaf)}
				if tt.server != nil {
					tt.server(t, k, config)
				}
				addr, far := watched(t, config)
				d := must[auth.Dialer](t)(make(k.policy))
				conn, err := d.DialTLSContext(t.Context(), "tcp", addr)
				if err == nil {
					_ = conn.Close()
					t.Fatal("the connection was made")
				}
				tt.judge(t, name, err)
				want := cmp.Or(tt.far, "bad certificate")
				if name == "openssl" {
					want = cmp.Or(tt.farTLS, want)
				}
				if err := <-far; err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("the server's error is %v, want %q in it", err, want)
				}
			})
		}
	}
}

func (tt refusal) judge(t *testing.T, name string, err error) {
	t.Helper()
	if !strings.Contains(err.Error(), tt.client) {
		t.Errorf("our error is %q, want %q in it", err, tt.client)
	}
	if strings.Contains(err.Error(), "9462205957") {
		t.Errorf("our error quotes the server: %v", err)
	}
	if tt.is != nil {
		if he, ok := errors.AsType[*auth.HandshakeError](err); !ok || he.Engine != name || he.Host != "localhost" || !errors.Is(err, tt.is) {
			t.Errorf("got %#v, want a HandshakeError of engine %s wrapping %v", err, name, tt.is)
		}
		return
	}
	if ve, ok := errors.AsType[*auth.VerifyError](err); !ok || ve.Stage != tt.stage || !errors.Is(err, auth.ErrUntrusted) {
		t.Errorf("got %v, want a VerifyError of stage %s", err, tt.stage)
	}
}

// watched is a server of crypto/tls that tells how its handshakes end. Our
// certificate must not have reached it where it wants to see "bad certificate".
func watched(tb testing.TB, config *tls.Config) (addr string, far chan error) {
	tb.Helper()
	far = make(chan error, 4)
	return listen(tb, func(raw net.Conn) {
		defer func() { _ = raw.Close() }()
		seen := &recorder{Conn: raw}
		server := tls.Server(seen, config)
		err := server.HandshakeContext(tb.Context())
		if err == nil {
			_, err = server.Read(make([]byte, 1))
		}
		if err != nil && strings.Contains(err.Error(), "bad certificate") {
			if n := len(afterHello(seen.bytes)); n != 7 { // the alert alone
				err = errors.New("more than an alert has arrived")
			}
		}
		far <- err
	}), far
}

// afterHello is what follows the first record.
func afterHello(b []byte) []byte {
	if len(b) < 5 {
		return nil
	}
	return b[min(len(b), 5+int(b[3])<<8+int(b[4])):]
}

// TestAcceptedServers is the other side: what must be accepted, and what both
// engines say of it.
func TestAcceptedServers(t *testing.T) {
	t.Parallel()
	k := assets(t)
	for _, tt := range []struct {
		name   string
		server func(*tls.Config)
		suite  uint16
	}{
		{name: "suite 1", suite: tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384},
		{
			name: "suite 8", suite: tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA,
			server: func(c *tls.Config) { c.CipherSuites = []uint16{tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA} },
		},
		{
			name: "a server that asks for no certificate", suite: tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
			server: func(c *tls.Config) { c.ClientAuth = tls.NoClientCert },
		},
	} {
		for name, make := range engines {
			t.Run(name+"/"+tt.name, func(t *testing.T) {
				t.Parallel()
				config := k.config(t)
				if tt.server != nil {
					tt.server(config)
				}
				d := must[auth.Dialer](t)(make(k.policy))
				s := dial(t, d, echo(t, config)).ConnState()
				if s.Engine != name || d.Engine() != name || s.Version != tls.VersionTLS12 || s.CipherSuite != tt.suite || s.Resumed {
					t.Errorf("connected with %+v", s)
				}
				if s.Peer.Host != "localhost" || len(s.Peer.Chain) != 3 {
					t.Errorf("peer %q over %d certificates", s.Peer.Host, len(s.Peer.Chain))
				}
			})
		}
	}
}

// echo is a server of crypto/tls that sends back what it gets.
func echo(tb testing.TB, config *tls.Config) (addr string) {
	tb.Helper()
	return listen(tb, echoing(config))
}

func echoing(config *tls.Config) func(net.Conn) {
	return func(raw net.Conn) {
		server := tls.Server(raw, config)
		_, _ = io.Copy(server, server)
		_ = server.Close()
	}
}
