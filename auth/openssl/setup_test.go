//go:build cgo && linux

package openssl_test

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nrlgo/nrlgo/auth"
	"github.com/nrlgo/nrlgo/auth/openssl"
	"github.com/nrlgo/nrlgo/auth/revocation"
	"github.com/nrlgo/nrlgo/mocks/pki"
)

// limit ends what would hang.
const limit = 20 * time.Second

// kit is a PKI like that of Spine, our certificate and the policy with it.
type kit struct {
	pki    *pki.PKI
	client *pki.Leaf
	policy auth.TLSPolicy
}

func assets(t testing.TB) *kit {
	t.Helper()
	p := must[*pki.PKI](t)(pki.New(pki.Options{}))
	client := must[*pki.Leaf](t)(p.Client("consumer.example.nhs.uk"))
	return &kit{pki: p, client: client, policy: auth.TLSPolicy{
		Credentials: must[*auth.Credentials](t)(auth.ParseCredentials(client.ChainPEM(), p.BundlePEM(), client.KeyPEM())),
		Trust:       must[*auth.Trust](t)(auth.ParseTrust(p.BundlePEM())).WithRevocation(revocation.Off("test")),
	}}
}

func must[V any](t testing.TB) func(V, error) V {
	t.Helper()
	return func(v V, err error) V {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// engines are both engines: what they decide must not differ.
var engines = map[string]func(auth.TLSPolicy) (auth.Dialer, error){
	"go":      auth.NewGoEngine,
	"openssl": func(p auth.TLSPolicy) (auth.Dialer, error) { return openssl.NewEngine(p) },
}

// engine is the OpenSSL engine.
func engine(t testing.TB, p auth.TLSPolicy) auth.Dialer {
	t.Helper()
	d := must[auth.Dialer](t)(openssl.NewEngine(p))
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// dial connects and fails the test when that fails.
func dial(t testing.TB, d auth.Dialer, addr string) auth.Conn {
	t.Helper()
	raw, err := d.DialTLSContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = raw.Close() })
	c, ok := raw.(auth.Conn)
	if !ok {
		t.Fatalf("%T is no auth.Conn", raw)
	}
	return c
}

// local is the edit for a server on this host, with another behind it.
func local(edit func(*x509.Certificate)) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		pki.Hosts("localhost", "127.0.0.1")(c)
		if edit != nil {
			edit(c)
		}
	}
}

func (k *kit) server(t testing.TB, edit func(*x509.Certificate), options ...pki.KeyOption) tls.Certificate {
	t.Helper()
	return must[*pki.Leaf](t)(k.pki.Issue("localhost", local(edit), options...)).TLS()
}

// config is for a server of crypto/tls that asks for our certificate.
func (k *kit) config(t testing.TB) *tls.Config {
	t.Helper()
	return &tls.Config{
		MinVersion:   tls.VersionTLS12,
		CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384},
		Certificates: []tls.Certificate{k.server(t, nil)},
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ClientCAs:    k.pki.Root.Pool(),
	}
}

// listen hands every connection to talk, which closes it, and gives the
// address with the name localhost.
func listen(t testing.TB, talk func(net.Conn)) (addr string) {
	t.Helper()
	return listenOn(t, "127.0.0.1:0", talk)
}

func listenOn(t testing.TB, on string, talk func(net.Conn)) (addr string) {
	t.Helper()
	l := must[net.Listener](t)(net.Listen("tcp", on))
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_ = c.SetDeadline(time.Now().Add(limit))
			go talk(c)
		}
	}()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return net.JoinHostPort("localhost", port)
}

// files are certificate, key and CA bundle of a server as PEM files.
func (k *kit) files(t testing.TB) (cert, key, ca string) {
	t.Helper()
	leaf := must[*pki.Leaf](t)(k.pki.Server("localhost", "127.0.0.1"))
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return write("cert.pem", leaf.ChainPEM()), write("key.pem", leaf.KeyPEM()), write("ca.pem", k.pki.BundlePEM())
}

// sserver is a running "openssl s_server" with mutual TLS.
type sserver struct {
	addr  string
	stdin io.Writer
	lines chan string // what it prints, both streams
}

// serve starts one; args come behind those for mutual TLS.
func (k *kit) serve(t testing.TB, args ...string) *sserver {
	t.Helper()
	cert, key, ca := k.files(t)
	cmd := exec.CommandContext(t.Context(), "openssl", append([]string{
		"s_server", "-accept", "127.0.0.1:0", "-cert", cert, "-cert_chain", cert, "-key", key,
		"-CAfile", ca, "-Verify", "3", "-verify_return_error",
	}, args...)...)
	stdin := must[io.WriteCloser](t)(cmd.StdinPipe())
	r, w := io.Pipe()
	cmd.Stdout, cmd.Stderr = w, w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s := &sserver{stdin: stdin, lines: make(chan string, 1000)}
	go func() {
		for lines := bufio.NewScanner(r); lines.Scan(); {
			select {
			case s.lines <- lines.Text():
			default: // nobody is waiting
			}
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = w.Close()
	})
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(s.line(t, "ACCEPT "), "ACCEPT "))
	s.addr = net.JoinHostPort("localhost", port)
	return s
}

// line waits for a line that holds text.
func (s *sserver) line(t testing.TB, text string) string {
	t.Helper()
	end := time.After(limit)
	for {
		select {
		case l := <-s.lines:
			if strings.Contains(l, text) {
				return l
			}
		case <-end:
			t.Fatalf("openssl s_server did not print %q", text)
		}
	}
}
