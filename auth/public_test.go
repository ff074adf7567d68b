package auth_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/nrlgo/nrlgo/auth"
)

func TestPublicDialer(t *testing.T) {
	t.Parallel()
	k := assets(t)
	for name, version := range map[string]uint16{"TLS 1.2": tls.VersionTLS12, "TLS 1.3": tls.VersionTLS13} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := k.serverConfig(t)
			config.CipherSuites, config.MaxVersion, config.ClientAuth = nil, version, tls.RequestClientCert
			sent := make(chan int, 1)
			config.VerifyConnection = func(s tls.ConnectionState) error { sent <- len(s.PeerCertificates); return nil }
			p := serve(t, config)
			conn := must[net.Conn](t)(auth.NewPublicDialer(auth.PublicPolicy{Roots: k.pki.Root.Pool()}).DialTLSContext(t.Context(), "tcp", p.addr))
			defer func() { _ = conn.Close() }()
			s := conn.(auth.Conn).ConnState()
			if s.Version != version || s.Engine != "go" || s.Peer.Host != "localhost" || len(s.Peer.Chain) != 3 || s.Peer.Revocation.Off != "public page" {
				t.Errorf("state %+v", s)
			}
			if n := <-sent; n != 0 {
				t.Errorf("%d client certificates were sent to a page that asked for one", n)
			}
		})
	}
}

// TestPublicDialerRefuses: the same errors as on the way to Spine.
func TestPublicDialerRefuses(t *testing.T) {
	t.Parallel()
	k := assets(t)
	own := func(edit func(*x509.Certificate)) func(*tls.Config) {
		return func(c *tls.Config) { c.Certificates = []tls.Certificate{k.server(t, edit)} }
	}
	for _, tt := range []struct {
		name   string
		server func(*tls.Config)
		stage  auth.Stage
		is     error
		want   string
	}{
		{"another host", own(func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = []string{"a\nb.example"}, nil }), auth.StageName, nil, "is for a?b.example"},
		{"a common name only", own(func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = nil, nil }), auth.StageName, nil, "is for no host"},
		{"expired", own(expired), auth.StageValidity, nil, "expired"},
		{"for clients only", own(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }), auth.StageUsage, nil, "incompatible key usage"},
		{"another root", func(c *tls.Config) { c.Certificates = []tls.Certificate{k.foreign(t)} }, auth.StageChain, nil, "unknown authority"},
		{"malformed", func(c *tls.Config) {
			c.Certificates = []tls.Certificate{{Certificate: [][]byte{{1}}, PrivateKey: k.client.Key}}
		}, auth.StageChain, nil, "malformed"},
		{"TLS 1.1", func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }, "", auth.ErrNoVersion, "alert"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			config := k.serverConfig(t)
			config.ClientAuth = tls.NoClientCert
			tt.server(config)
			p := serve(t, config)
			_, err := auth.NewPublicDialer(auth.PublicPolicy{Roots: k.pki.Root.Pool()}).DialTLSContext(t.Context(), "tcp", p.addr)
			if err == nil {
				t.Fatal("the connection was made")
			}
			judge(t, err, tt.stage, tt.is)
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q in it", err, tt.want)
			}
			_ = p.end(t)
		})
	}
	t.Run("plain HTTP", func(t *testing.T) {
		t.Parallel()
		addr := script(t, func(c net.Conn) { hello(c); _, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n") })
		if _, err := auth.NewPublicDialer(auth.PublicPolicy{}).DialTLSContext(t.Context(), "tcp", addr); !errors.Is(err, auth.ErrNotTLS) {
			t.Errorf("got %v, want ErrNotTLS", err)
		}
	})
	t.Run("silence", func(t *testing.T) {
		t.Parallel()
		addr := script(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
		d := auth.NewPublicDialer(auth.PublicPolicy{HandshakeTimeout: 50 * time.Millisecond})
		if _, err := d.DialTLSContext(context.Background(), "tcp", addr); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want a deadline exceeded", err)
		}
	})
}

// TestAllowJudgesTheAddress: after the name was resolved, so that no name
// leads to a forbidden address.
func TestAllowJudgesTheAddress(t *testing.T) {
	t.Parallel()
	forbidden := errors.New("forbidden")
	l := listen(t)
	_, port, _ := net.SplitHostPort(l.Addr().String())
	seen := make(chan netip.Addr, 8)
	d := auth.NewPublicDialer(auth.PublicPolicy{HandshakeTimeout: time.Second, Allow: func(a netip.Addr) error {
		seen <- a
		if a.IsLoopback() {
			return forbidden
		}
		return nil
	}})
	for _, host := range []string{"localhost", "127.0.0.1", "::ffff:127.0.0.1"} {
		addr := net.JoinHostPort(host, port)
		for name, dial := range map[string]func(context.Context, string, string) (net.Conn, error){"TLS": d.DialTLSContext, "plain": d.DialContext} {
			if _, err := dial(t.Context(), "tcp4", addr); !errors.Is(err, forbidden) {
				t.Fatalf("%s to %s: got %v, want that of Allow", name, host, err)
			}
			if a := <-seen; a != netip.AddrFrom4([4]byte{127, 0, 0, 1}) {
				t.Errorf("Allow was asked about %v", a)
			}
		}
	}
}
