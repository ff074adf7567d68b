package auth_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nrlgo/nrlgo/auth"
	"github.com/nrlgo/nrlgo/mocks/pki"
)

// sserver is a running `openssl s_server`: mutual TLS as another
// implementation does it.
type sserver struct {
	addr  string
	stdin io.WriteCloser
	ended chan struct{}

	mu  sync.Mutex
	out bytes.Buffer
}

// sserve starts a server with that certificate, which accepts so many
// connections, verifies the client and ends.
func (k *kit) sserve(t *testing.T, leaf *pki.Leaf, connections string, args ...string) *sserver {
	t.Helper()
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("the program openssl is not installed: these tests need it (apt-get install openssl)")
		}
		t.Skip("the program openssl is not installed")
	}
	files := write(t, leaf.CertPEM(), leaf.ChainPEM(), leaf.KeyPEM(), k.pki.BundlePEM())
	args = append([]string{
		"s_server", "-accept", "127.0.0.1:0", "-naccept", connections,
		"-cert", files[0], "-cert_chain", files[1], "-key", files[2],
		"-CAfile", files[3], "-Verify", "1", "-verify_return_error",
	}, args...)
	cmd := exec.Command(openssl, args...) //nolint:noctx // ended by its count of connections or the cleanup
	cmd.Env = []string{"OPENSSL_CONF=" + filepath.Join(t.TempDir(), "none")}
	s := &sserver{ended: make(chan struct{})}
	s.stdin = must[io.WriteCloser](t)(cmd.StdinPipe())
	stdout := must[io.ReadCloser](t)(cmd.StdoutPipe())
	stderr := must[io.ReadCloser](t)(cmd.StderrPipe())
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ready := make(chan string, 1)
	var group sync.WaitGroup
	group.Go(func() { s.keep(stdout, ready) })
	group.Go(func() { s.keep(stderr, nil) })
	go func() {
		group.Wait()
		_ = cmd.Wait()
		close(s.ended)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-s.ended
	})
	select {
	case s.addr = <-ready:
	case <-s.ended:
		t.Fatalf("openssl s_server did not start: %s", s.log())
	case <-time.After(20 * time.Second):
		t.Fatalf("openssl s_server was not ready in time: %s", s.log())
	}
	_, port, _ := net.SplitHostPort(s.addr)
	s.addr = "localhost:" + port
	return s
}

// keep keeps what the server prints; its line ACCEPT says where it listens.
func (s *sserver) keep(r io.Reader, ready chan<- string) {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		s.mu.Lock()
		s.out.WriteString(lines.Text() + "\n")
		s.mu.Unlock()
		if addr, ok := strings.CutPrefix(lines.Text(), "ACCEPT "); ok && ready != nil {
			ready <- addr
			ready = nil
		}
	}
}

func (s *sserver) log() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.String()
}

// end is all that the server printed until it ended.
func (s *sserver) end(t *testing.T) string {
	t.Helper()
	select {
	case <-s.ended:
	case <-time.After(20 * time.Second):
		t.Fatalf("openssl s_server did not end: %s", s.log())
	}
	return s.log()
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
			conn, err := dialer(t, k.trust, k.creds).DialTLSContext(t.Context(), "tcp", s.addr)
			if !suite.Go {
				if !errors.Is(err, auth.ErrNoSuite) || !strings.Contains(err.Error(), "the OpenSSL engine has all") {
					t.Errorf("got %v, want ErrNoSuite and the engine that has it", err)
				}
				if log := s.end(t); strings.Count(log, "no shared cipher") != 2 {
					t.Errorf("the server's log is %q, want two refusals for want of a shared cipher", log)
				}
				return
			}
			if err != nil {
				t.Fatalf("%v; the server says %s", err, s.log())
			}
			if state := conn.(auth.Conn).ConnState(); state.Version != tls.VersionTLS12 || state.CipherSuite != suite.ID || len(state.Peer.Chain) != 3 {
				t.Errorf("state %+v, want TLS 1.2 and %s", state, suite.IANA)
			}
			_ = conn.Close()
			log := s.end(t)
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
			_, err := dialer(t, k.trust, k.creds).DialTLSContext(t.Context(), "tcp", s.addr)
			if err == nil {
				t.Fatal("the connection was made")
			}
			judge(t, err, tt.stage, tt.is)
			if log := s.end(t); !strings.Contains(log, tt.far) || strings.Contains(log, "consumer.example.nhs.uk") {
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
			_, err := dialer(t, k.trust, tt.creds).DialTLSContext(t.Context(), "tcp", s.addr)
			if !errors.Is(err, auth.ErrRefused) {
				t.Errorf("got %v, want ErrRefused", err)
			}
			if log := s.end(t); !strings.Contains(log, tt.far) {
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
	conn := must[net.Conn](t)(dialer(t, k.trust, k.creds).DialTLSContext(context.Background(), "tcp", s.addr))
	defer func() { _ = conn.Close() }()
	_, _ = io.WriteString(s.stdin, "R\n")
	_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	if _, err := conn.Read(make([]byte, 1)); err == nil || !strings.Contains(err.Error(), "no renegotiation") {
		t.Errorf("got %v, want that renegotiation is refused", err)
	}
	_ = conn.Close()
	if log := s.end(t); !strings.Contains(log, "SSL_do_handshake -> ") || !strings.Contains(log, "no renegotiation") {
		t.Errorf("the server's log is %q", log)
	}
}
