package auth_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/nrlgo/nrlgo/auth"
	"github.com/nrlgo/nrlgo/auth/internal/enginetest"
	"github.com/nrlgo/nrlgo/mocks/pki"
)

// sserve starts `openssl s_server` with that certificate; it accepts so many
// connections, verifies the client and ends.
func (k *kit) sserve(t *testing.T, leaf *pki.Leaf, connections string, args ...string) *enginetest.SServer {
	t.Helper()
	return enginetest.ServeOpenSSL(t, k.pki, leaf, append([]string{"-naccept", connections}, args...)...)
}

// TestOpenSSLServerOfEachSuite: what the Go engine has is spoken, with our
// certificate; what it has not is said.
func TestOpenSSLServerOfEachSuite(t *testing.T) {
	t.Parallel()
	k := assets(t)
	leaf := must[*pki.Leaf](t)(k.pki.Server("localhost", "127.0.0.1"))
	for i, suite := range auth.Suites() {
		t.Run(suite.OpenSSL, func(t *testing.T) {
			t.Parallel()
			connections := "1"
			if i > 0 {
				connections = "2" // the first offer is suite 1 alone
			}
			s := k.sserve(t, leaf, connections, "-tls1_2", "-cipher", suite.OpenSSL+":@SECLEVEL=2")
			conn, err := dialer(t, k.trust, k.creds).DialTLSContext(t.Context(), "tcp", s.Addr)
			if !suite.Go {
				if !errors.Is(err, auth.ErrNoSuite) || !strings.Contains(err.Error(), "the OpenSSL engine has all") {
					t.Errorf("got %v, want ErrNoSuite and the engine that has it", err)
				}
				if log := s.End(t); strings.Count(log, "no shared cipher") != 2 {
					t.Errorf("the server's log is %q, want two refusals for want of a shared cipher", log)
				}
				return
			}
			if err != nil {
				t.Fatalf("%v; the server says %s", err, s.Log())
			}
			if state := conn.(auth.Conn).ConnState(); state.Version != tls.VersionTLS12 || state.CipherSuite != suite.ID || len(state.Peer.Chain) != 3 {
				t.Errorf("state %+v, want TLS 1.2 and %s", state, suite.IANA)
			}
			_ = conn.Close()
			log := s.End(t)
			for _, want := range []string{"CIPHER is " + suite.OpenSSL, "subject=O = nhs, OU = Devices, CN = consumer.example.nhs.uk", "depth=2 C = GB, O = NHS, CN = NHS Test Root Authority"} {
				if !strings.Contains(log, want) {
					t.Errorf("the server's log is %q, want %q in it", log, want)
				}
			}
		})
	}
}

// TestOpenSSLServerThatIsRefused has both ends' view.
func TestOpenSSLServerThatIsRefused(t *testing.T) {
	t.Parallel()
	k := assets(t)
	issue := func(edit func(*x509.Certificate)) *pki.Leaf {
		return must[*pki.Leaf](t)(k.pki.Issue("localhost", local(edit)))
	}
	for _, tt := range []struct {
		name  string
		leaf  *pki.Leaf
		args  []string
		stage auth.Stage
		is    error
		far   string
	}{
		{"TLS 1.3 only", issue(nil), []string{"-tls1_3"}, "", auth.ErrNoVersion, "unsupported protocol"},
		{"expired", issue(expired), []string{"-tls1_2"}, auth.StageValidity, nil, "alert bad certificate"},
		{"another host", issue(func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = []string{"other.nhs.uk"}, nil }), []string{"-tls1_2"}, auth.StageName, nil, "alert bad certificate"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := k.sserve(t, tt.leaf, "1", tt.args...)
			_, err := dialer(t, k.trust, k.creds).DialTLSContext(t.Context(), "tcp", s.Addr)
			if err == nil {
				t.Fatal("the connection was made")
			}
			judge(t, err, tt.stage, tt.is)
			if log := s.End(t); !strings.Contains(log, tt.far) || strings.Contains(log, "consumer.example.nhs.uk") {
				t.Errorf("the server's log is %q, want %q in it and nothing of our certificate", log, tt.far)
			}
		})
	}
}

// TestOpenSSLServerRefusesUs: what -verify_return_error answers is understood.
func TestOpenSSLServerRefusesUs(t *testing.T) {
	t.Parallel()
	k := assets(t)
	leaf := must[*pki.Leaf](t)(k.pki.Server("localhost", "127.0.0.1"))
	client := func(edit func(*x509.Certificate)) *auth.Credentials {
		c := k.leaf(t, edit)
		return must[*auth.Credentials](t)(auth.ParseCredentials(c.ChainPEM(), c.KeyPEM()))
	}
	stranger := must[*pki.Leaf](t)(must[*pki.PKI](t)(pki.New(pki.Options{KeySet: "foreign", Name: "Foreign"})).Client("stranger.nhs.uk"))
	for name, tt := range map[string]struct {
		creds *auth.Credentials
		far   string
	}{
		"for servers only": {client(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }), "unsuitable certificate purpose"},
		"of another root":  {must[*auth.Credentials](t)(auth.ParseCredentials(stranger.ChainPEM(), stranger.KeyPEM())), "unable to get local issuer certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := k.sserve(t, leaf, "1", "-tls1_2")
			_, err := dialer(t, k.trust, tt.creds).DialTLSContext(t.Context(), "tcp", s.Addr)
			if !errors.Is(err, auth.ErrRefused) {
				t.Errorf("got %v, want ErrRefused", err)
			}
			if log := s.End(t); !strings.Contains(log, tt.far) {
				t.Errorf("the server's log is %q, want %q in it", log, tt.far)
			}
		})
	}
}

// TestRenegotiationIsRefused: the server asks for our certificate again, as
// per-location client certificates would.
func TestRenegotiationIsRefused(t *testing.T) {
	t.Parallel()
	k := assets(t)
	s := k.sserve(t, must[*pki.Leaf](t)(k.pki.Server("localhost", "127.0.0.1")), "1", "-tls1_2")
	conn := must[net.Conn](t)(dialer(t, k.trust, k.creds).DialTLSContext(context.Background(), "tcp", s.Addr))
	defer func() { _ = conn.Close() }()
	_, _ = io.WriteString(s.Stdin, "R\n")
	_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	if _, err := conn.Read(make([]byte, 1)); err == nil || !strings.Contains(err.Error(), "no renegotiation") {
		t.Errorf("got %v, want that renegotiation is refused", err)
	}
	_ = conn.Close()
	if log := s.End(t); !strings.Contains(log, "SSL_do_handshake -> ") || !strings.Contains(log, "no renegotiation") {
		t.Errorf("the server's log is %q", log)
	}
}
