package enginetest

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nrlgo/nrlgo/auth"
	"github.com/nrlgo/nrlgo/auth/revocation"
	"github.com/nrlgo/nrlgo/mocks/pki"
)

// fqdn is whom the peer should be; a client may also be another.
const (
	fqdn    = "proxy.int.spine2.ncrs.nhs.uk"
	another = "spine-proxy.int.spine2.ncrs.nhs.uk"
)

// maker makes chains and trusts for one row.
type maker struct {
	tb    testing.TB
	pki   *pki.PKI
	shown tls.Certificate // the chain, once it is made
}

func newMaker(tb testing.TB) *maker {
	tb.Helper()
	return &maker{tb: tb, pki: must[*pki.PKI](tb)(pki.New(pki.Options{}))}
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

type (
	edit      = func(*x509.Certificate)
	makeChain = func(*maker) tls.Certificate
	makeTrust = func(*maker) *auth.Trust
)

// all are several edits in one.
func all(edits ...edit) edit {
	return func(c *x509.Certificate) {
		for _, e := range edits {
			if e != nil {
				e(c)
			}
		}
	}
}

// good is an edit for the name that is expected.
var good = pki.Hosts(fqdn)

// leaf is a good certificate below the sub CA, after an edit, sent with it.
func leaf(e edit, options ...pki.KeyOption) makeChain {
	return func(m *maker) tls.Certificate { return m.issue(m.pki.Sub, e, options...) }
}

func (m *maker) issue(ca *pki.CA, e edit, options ...pki.KeyOption) tls.Certificate {
	m.tb.Helper()
	return must[*pki.Leaf](m.tb)(ca.Issue(fqdn, all(good, e), options...)).TLS()
}

// under is a good certificate below another sub CA, which an edit makes.
func under(e edit, options ...pki.KeyOption) makeChain {
	return func(m *maker) tls.Certificate { return m.issue(m.sub(e, options...), nil) }
}

func (m *maker) sub(e edit, options ...pki.KeyOption) *pki.CA {
	m.tb.Helper()
	return must[*pki.CA](m.tb)(m.pki.Root.IssueCA("Another Authentication", e, append([]pki.KeyOption{pki.Named("another")}, options...)...))
}

// underBoth is under with an edit of the certificate too.
func underBoth(ca, e edit) makeChain {
	return func(m *maker) tls.Certificate { return m.issue(m.sub(ca), e) }
}

// alone is a chain without the sub CAs.
func alone(chain makeChain) makeChain {
	return func(m *maker) tls.Certificate {
		c := chain(m)
		c.Certificate = c.Certificate[:1]
		return c
	}
}

// deep is a good certificate below n CAs below the sub CA.
func deep(n int) makeChain {
	return func(m *maker) tls.Certificate {
		ca := m.pki.Sub
		for i := range n {
			ca = must[*pki.CA](m.tb)(ca.IssueCA(strings.Repeat("Deeper ", i+1), func(c *x509.Certificate) { c.MaxPathLen, c.MaxPathLenZero = -1, false }, pki.Named("another")))
		}
		return m.issue(ca, nil)
	}
}

// below is a good certificate that another end entity, made by an edit, has
// issued.
func below(e edit) makeChain {
	return func(m *maker) tls.Certificate {
		middle := must[*pki.Leaf](m.tb)(m.pki.Issue("middle", e, pki.Named("middle")))
		c := m.issue(m.pki.Sub, nil)
		template := *c.Leaf
		der := must[[]byte](m.tb)(x509.CreateCertificate(rand.Reader, &template, middle.Cert, c.Leaf.PublicKey, middle.Key))
		c.Certificate = [][]byte{der, middle.Cert.Raw, m.pki.Sub.Cert.Raw}
		c.Leaf = nil
		return c
	}
}

// stranger is a PKI with equal names and other keys.
func (m *maker) stranger() *pki.PKI {
	m.tb.Helper()
	return must[*pki.PKI](m.tb)(pki.New(pki.Options{KeySet: "foreign"}))
}

// common is an edit that leaves these common names and no subjectAltName.
func common(names ...string) edit {
	return func(c *x509.Certificate) {
		c.DNSNames = nil
		var rdn pkix.RDNSequence
		for _, n := range names {
			rdn = append(rdn, pkix.RelativeDistinguishedNameSET{{Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: n}})
		}
		c.RawSubject, _ = asn1.Marshal(rdn)
	}
}

// critical is an edit that adds a critical extension that nobody knows.
func critical(c *x509.Certificate) {
	c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3, 4}, Critical: true, Value: []byte{5, 0}}}
}

func expired(c *x509.Certificate)  { c.NotAfter = time.Now().Add(-time.Minute) }
func tomorrow(c *x509.Certificate) { c.NotBefore = time.Now().Add(24 * time.Hour) }
func lasting(c *x509.Certificate)  { c.NotAfter = time.Now().AddDate(15, 0, 0) }
func sha1(c *x509.Certificate)     { c.SignatureAlgorithm = x509.SHA1WithRSA }

// keyUsage and extended are edits of what the key is for.
func keyUsage(u x509.KeyUsage) edit { return func(c *x509.Certificate) { c.KeyUsage = u } }

func extended(u ...x509.ExtKeyUsage) edit { return func(c *x509.Certificate) { c.ExtKeyUsage = u } }

// usual is the trust in the PKI, with revocation off.
func usual(m *maker) *auth.Trust { return m.trusting(m.pki.BundlePEM()) }

func (m *maker) trusting(pems ...[]byte) *auth.Trust {
	m.tb.Helper()
	return must[*auth.Trust](m.tb)(auth.ParseTrust(pems...)).WithRevocation(revocation.Off("test"))
}

// listed is the usual trust, in which the common name counts.
func listed(m *maker) *auth.Trust { return usual(m).WithCNHosts(fqdn, another) }

// root is the root in PEM, signed anew by its own key after an edit.
func (m *maker) root(e edit) []byte {
	m.tb.Helper()
	template := *m.pki.Root.Cert
	e(&template)
	return certPEM(must[[]byte](m.tb)(x509.CreateCertificate(rand.Reader, &template, &template, m.pki.Root.Key.Public(), m.pki.Root.Key)))
}

func certPEM(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// checking is the trust with a checker over these lists, in DER.
func (m *maker) checking(soft bool, lists ...[]byte) *auth.Trust {
	m.tb.Helper()
	dir := m.tb.TempDir()
	c := revocation.Config{Soft: soft}
	for i, list := range lists {
		name := filepath.Join(dir, string(rune('a'+i))+".crl")
		if err := os.WriteFile(name, list, 0o600); err != nil {
			m.tb.Fatal(err)
		}
		c.Lists = append(c.Lists, name)
	}
	k := must[*revocation.Checker](m.tb)(revocation.New(c))
	m.tb.Cleanup(k.Close)
	return usual(m).WithRevocation(k)
}
