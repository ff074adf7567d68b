package auth_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/nrlgo/nrlgo/auth"
	"github.com/nrlgo/nrlgo/auth/revocation"
	"github.com/nrlgo/nrlgo/mocks/pki"
)

// kit is what every test starts from: a PKI like that of Spine, our
// certificate and the trust in its root.
type kit struct {
	pki    *pki.PKI
	client *pki.Leaf
	creds  *auth.Credentials
	trust  *auth.Trust // revocation is hard, as from LoadTrust
}

func assets(tb testing.TB) *kit {
	tb.Helper()
	p := must[*pki.PKI](tb)(pki.New(pki.Options{}))
	client := must[*pki.Leaf](tb)(p.Client("consumer.example.nhs.uk"))
	return &kit{
		pki: p, client: client,
		creds: must[*auth.Credentials](tb)(auth.ParseCredentials(client.ChainPEM(), client.KeyPEM())),
		trust: must[*auth.Trust](tb)(auth.ParseTrust(p.BundlePEM())),
	}
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

// off is the trust with the only revocation policy that connects.
func (k *kit) off() *auth.Trust { return k.trust.WithRevocation(revocation.Off("test")) }

// local is the edit for a server on this host, with more edits behind it.
func local(edits ...func(*x509.Certificate)) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		pki.Hosts("localhost", "127.0.0.1")(c)
		for _, edit := range edits {
			if edit != nil {
				edit(c)
			}
		}
	}
}

// server is a server's certificate for localhost with its sub CA.
func (k *kit) server(tb testing.TB, edit func(*x509.Certificate), options ...pki.KeyOption) tls.Certificate {
	tb.Helper()
	return must[*pki.Leaf](tb)(k.pki.Issue("localhost", local(edit), options...)).TLS()
}

// leaf is an end entity of our own kind with a key of its own.
func (k *kit) leaf(tb testing.TB, edit func(*x509.Certificate)) *pki.Leaf {
	tb.Helper()
	return must[*pki.Leaf](tb)(k.pki.Issue("consumer.example.nhs.uk", edit, pki.Named("other leaf")))
}

// chain is what a good server sends.
func (k *kit) chain(tb testing.TB) []*x509.Certificate {
	tb.Helper()
	return parsed(tb, k.server(tb, nil))
}

func parsed(tb testing.TB, c tls.Certificate) []*x509.Certificate {
	tb.Helper()
	out := make([]*x509.Certificate, 0, len(c.Certificate))
	for _, der := range c.Certificate {
		out = append(out, must[*x509.Certificate](tb)(x509.ParseCertificate(der)))
	}
	return out
}

// foreign is a good certificate of an unrelated PKI with equal names.
func (k *kit) foreign(tb testing.TB) tls.Certificate {
	tb.Helper()
	other := must[*pki.PKI](tb)(pki.New(pki.Options{KeySet: "foreign"}))
	return must[*pki.Leaf](tb)(other.Server("localhost", "127.0.0.1")).TLS()
}

func (k *kit) selfSigned(tb testing.TB) tls.Certificate {
	tb.Helper()
	return must[*pki.Leaf](tb)(pki.SelfSigned("localhost", local())).TLS()
}

// serverConfig asks for our certificate. It would also speak TLS 1.3, and has
// suites 1, 2 and 8, of which crypto/tls prefers number 2.
func (k *kit) serverConfig(tb testing.TB) *tls.Config {
	tb.Helper()
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		CipherSuites: []uint16{
			tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA,
		},
		Certificates: []tls.Certificate{k.server(tb, nil)},
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ClientCAs:    k.pki.Root.Pool(),
	}
}

// secrets are the forms in which fmt or encoding/json would print our key:
// the private exponent and the first prime as numbers, and their words.
func (k *kit) secrets(tb testing.TB) []string {
	tb.Helper()
	key, ok := k.client.Key.(*rsa.PrivateKey)
	if !ok {
		tb.Fatal("the key is not RSA")
	}
	out := []string{key.D.String(), key.D.Text(16), key.Primes[0].String(), key.Primes[0].Text(16)}
	for _, w := range key.D.Bits()[:2] {
		out = append(out, fmt.Sprintf("%d", w), fmt.Sprintf("%x", w))
	}
	return out
}

// hugeKey is a public key of more bits than anyone signs with; nobody has
// the private one.
func hugeKey(tb testing.TB, bits int) *rsa.PublicKey {
	tb.Helper()
	n := make([]byte, bits/8)
	_, _ = rand.Read(n)
	n[0] |= 0x80
	n[len(n)-1] |= 1
	return &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: 65537}
}

func daysAhead(n int) time.Time { return time.Now().AddDate(0, 0, n) }

// inYears is a clock that many years ahead.
func inYears(n int) func() time.Time {
	return func() time.Time { return time.Now().AddDate(n, 0, 0) }
}

// serveMany shakes hands with whoever comes.
func serveMany(tb testing.TB, config *tls.Config) (addr string) {
	tb.Helper()
	l := must[net.Listener](tb)(new(net.ListenConfig).Listen(tb.Context(), "tcp", "127.0.0.1:0"))
	tb.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			raw, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				conn := tls.Server(raw, config)
				_ = conn.HandshakeContext(tb.Context())
				_, _ = conn.Read(make([]byte, 1)) // until the client leaves
				_ = conn.Close()
			}()
		}
	}()
	return l.Addr().String()
}
