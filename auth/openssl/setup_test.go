//go:build cgo && linux

package openssl_test

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nrlgo/nrlgo/auth"
	"github.com/nrlgo/nrlgo/auth/internal/enginetest"
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

func assets(tb testing.TB) *kit {
	tb.Helper()
	p := must[*pki.PKI](tb)(pki.New(pki.Options{}))
	client := must[*pki.Leaf](tb)(p.Client("consumer.example.nhs.uk"))
	return &kit{pki: p, client: client, policy: auth.TLSPolicy{
		Credentials: must[*auth.Credentials](tb)(auth.ParseCredentials(client.ChainPEM(), p.BundlePEM(), client.KeyPEM())),
		Trust:       must[*auth.Trust](tb)(auth.ParseTrust(p.BundlePEM())).WithRevocation(revocation.Off("test")),
	}}
}

func must[V any](tb testing.TB) func(V, error) V {
	tb.Helper()
	return func(v V, err error) V {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
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
func engine(tb testing.TB, p auth.TLSPolicy) auth.Dialer {
	tb.Helper()
	d := must[auth.Dialer](tb)(openssl.NewEngine(p))
	tb.Cleanup(func() { _ = d.Close() })
	return d
}

// dial connects and fails the test when that fails.
func dial(tb testing.TB, d auth.Dialer, addr string) auth.Conn {
	tb.Helper()
	raw, err := d.DialTLSContext(tb.Context(), "tcp", addr)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = raw.Close() })
	c, ok := raw.(auth.Conn)
	if !ok {
		tb.Fatalf("%T is no auth.Conn", raw)
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

func (k *kit) server(tb testing.TB, edit func(*x509.Certificate)) tls.Certificate {
	tb.Helper()
	return must[*pki.Leaf](tb)(k.pki.Issue("localhost", local(edit))).TLS()
}

// config is for a server of crypto/tls that asks for our certificate.
func (k *kit) config(tb testing.TB) *tls.Config {
	tb.Helper()
	return &tls.Config{
		MinVersion:   tls.VersionTLS12,
		CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384},
		Certificates: []tls.Certificate{k.server(tb, nil)},
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ClientCAs:    k.pki.Root.Pool(),
	}
}

// listen hands every connection to talk, which closes it, and gives the
// address with the name localhost.
func listen(tb testing.TB, talk func(net.Conn)) (addr string) {
	tb.Helper()
	return listenOn(tb, "127.0.0.1:0", talk)
}

func listenOn(tb testing.TB, on string, talk func(net.Conn)) (addr string) {
	tb.Helper()
	l := listener(tb, on)
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

func listener(tb testing.TB, on string) net.Listener {
	tb.Helper()
	l := must[net.Listener](tb)((&net.ListenConfig{}).Listen(tb.Context(), "tcp", on))
	tb.Cleanup(func() { _ = l.Close() })
	return l
}

// files are certificate, key and CA bundle of a server as PEM files.
func (k *kit) files(tb testing.TB) (cert, key, ca string) {
	tb.Helper()
	leaf := must[*pki.Leaf](tb)(k.pki.Server("localhost", "127.0.0.1"))
	dir := tb.TempDir()
	write := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			tb.Fatal(err)
		}
		return path
	}
	return write("cert.pem", leaf.ChainPEM()), write("key.pem", leaf.KeyPEM()), write("ca.pem", k.pki.BundlePEM())
}

// serve starts "openssl s_server" with mutual TLS.
func (k *kit) serve(tb testing.TB, args ...string) *enginetest.SServer {
	tb.Helper()
	leaf := must[*pki.Leaf](tb)(k.pki.Server("localhost", "127.0.0.1"))
	return enginetest.ServeOpenSSL(tb, k.pki, leaf, append([]string{"-tls1_2"}, args...)...)
}
