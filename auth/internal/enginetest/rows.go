package enginetest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"slices"
	"time"

	"github.com/nrlgo/nrlgo/auth"
	"github.com/nrlgo/nrlgo/mocks/pki"
)

// row is a chain and what each side must say of it.
type row struct {
	name  string
	chain makeChain
	want  want
	trust makeTrust // nil: the usual one
	// clientOnly is for keys with which no suite of the list has servers.
	clientOnly bool
}

// want is the verdict on the chain as that of a server and of a client.
type want struct{ server, client verdict }

// verdict is a refusal at a stage for a reason, which is a part of the text;
// the zero verdict accepts.
type verdict struct {
	stage  auth.Stage
	reason string
}

func refused(s auth.Stage, reason string) want {
	return want{verdict{stage: s, reason: reason}, verdict{stage: s, reason: reason}}
}

// asClient and asServer are a verdict where the other side accepts.
func asClient(s auth.Stage, reason string) want { return want{client: refused(s, reason).client} }
func asServer(s auth.Stage, reason string) want { return want{server: refused(s, reason).server} }

// rows is the table.
func rows() []row {
	return slices.Concat(dates(), keys(), paths(), constraints(), usages(), policies(), names(), revocations())
}

func dates() []row {
	behind := func(m *maker) *auth.Trust {
		return usual(m).WithClock(func() time.Time { return time.Now().Add(-30 * time.Minute) })
	}
	ahead := func(m *maker) *auth.Trust {
		return usual(m).WithClock(func() time.Time { return time.Now().AddDate(11, 0, 0) })
	}
	return []row{
		{name: "a good chain", chain: leaf(nil)},
		{name: "expired", chain: leaf(expired), want: refused(auth.StageValidity, "expired on")},
		{name: "not yet valid", chain: leaf(tomorrow), want: refused(auth.StageValidity, "is not valid before")},
		{name: "expired, while the clock of the trust is behind", chain: leaf(expired), trust: behind},
		{name: "sub CA expired", chain: under(expired), want: refused(auth.StageValidity, `"Another Authentication" expired on`)},
		{name: "sub CA not yet valid", chain: under(tomorrow), want: refused(auth.StageValidity, `"Another Authentication" is not valid before`)},
		{name: "sub CA expired by the clock of the trust", chain: leaf(lasting), trust: ahead, want: refused(auth.StageValidity, `"NHS Test Authentication" expired on`)},
		{
			name: "root expired", chain: leaf(nil), want: refused(auth.StageValidity, `"NHS Test Root Authority" expired on`),
			trust: func(m *maker) *auth.Trust {
				return m.trusting(m.root(expired), m.root(tomorrow), m.pki.Sub.PEM(), m.stranger().Root.PEM())
			},
		},
		{
			name: "an expired root beside its successor with the same key", chain: leaf(nil),
			trust: func(m *maker) *auth.Trust { return m.trusting(m.root(expired), m.pki.BundlePEM()) },
		},
	}
}

func keys() []row {
	ec, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	algorithm := func(a x509.SignatureAlgorithm) edit {
		return func(c *x509.Certificate) { c.SignatureAlgorithm = a }
	}
	return []row{
		{name: "RSA 1024", chain: leaf(nil, pki.RSA(1024)), want: refused(auth.StageKey, "RSA key of 1024 bits, less than 2048")},
		{name: "RSA 3072", chain: leaf(nil, pki.RSA(3072))},
		{name: "an elliptic-curve key", clientOnly: true, chain: leaf(nil, pki.Key(ec)), want: refused(auth.StageKey, "not RSA")},
		{name: "an Ed25519 key", clientOnly: true, chain: leaf(nil, pki.Key(ed)), want: refused(auth.StageKey, "not RSA")},
		{name: "signed with SHA-1", chain: leaf(sha1), want: refused(auth.StageKey, "signed with SHA1-RSA")},
		{name: "signed with SHA-512", chain: leaf(algorithm(x509.SHA512WithRSA))},
		{name: "signed with RSA-PSS", chain: leaf(algorithm(x509.SHA256WithRSAPSS))},
		{name: "sub CA with RSA 1024", chain: under(nil, pki.RSA(1024)), want: refused(auth.StageKey, `"Another Authentication" has an RSA key of 1024 bits`)},
		{name: "sub CA with an elliptic-curve key", chain: under(nil, pki.Key(ec)), want: refused(auth.StageKey, "not RSA and SHA-2")},
		{name: "sub CA signed with SHA-1", chain: under(sha1), want: refused(auth.StageKey, `"Another Authentication" is signed with SHA1-RSA`)},
		{
			name: "root signed with SHA-1, as those of G1 are", chain: leaf(nil),
			trust: func(m *maker) *auth.Trust { return m.trusting(m.root(sha1), m.pki.Sub.PEM()) },
		},
	}
}

// paths are about the way to a root.
func paths() []row {
	given := func(m *maker) *auth.Trust { return m.trusting(m.pki.BundlePEM(), m.sub(nil).PEM()) }
	return []row{
		{name: "sub CA not sent, but given", chain: alone(leaf(nil))},
		{name: "another sub CA of the root, sent", chain: under(nil)},
		{name: "another sub CA of the root, not sent", chain: alone(under(nil)), want: refused(auth.StageChain, "unknown authority")},
		{name: "another sub CA of the root, not sent, but given", chain: alone(under(nil)), trust: given},
		{
			name: "a sub CA that is given without its root", chain: leaf(nil), want: refused(auth.StageChain, "unknown authority"),
			trust: func(m *maker) *auth.Trust { return m.trusting(m.stranger().Root.PEM(), m.pki.Sub.PEM()) },
		},
		{
			name: "another root with equal names", want: refused(auth.StageChain, "unknown authority"),
			chain: func(m *maker) tls.Certificate { return m.issue(m.stranger().Sub, nil) },
		},
		{
			name: "another root with equal names, sent too", want: refused(auth.StageChain, "unknown authority"),
			chain: func(m *maker) tls.Certificate {
				c := m.issue(m.stranger().Sub, nil)
				c.Certificate = append(c.Certificate, m.stranger().Root.Cert.Raw)
				return c
			},
		},
		{
			name: "self-signed", want: refused(auth.StageChain, "unknown authority"),
			chain: func(m *maker) tls.Certificate { return must[*pki.Leaf](m.tb)(pki.SelfSigned(fqdn, good)).TLS() },
		},
		{
			name: "foreign certificates beside a good path",
			chain: func(m *maker) tls.Certificate {
				c := m.issue(m.pki.Sub, nil)
				c.Certificate = append(c.Certificate, m.issue(m.stranger().Sub, nil).Certificate...)
				return c
			},
		},
		{
			name: "a damaged signature", want: refused(auth.StageChain, "unknown authority"),
			chain: func(m *maker) tls.Certificate {
				c := m.issue(m.pki.Sub, nil)
				der := bytes.Clone(c.Certificate[0])
				der[len(der)-1] ^= 1
				c.Certificate[0], c.Leaf = der, nil
				return c
			},
		},
		{
			name: "an expired cross certificate beside a good one", chain: under(nil),
			trust: func(m *maker) *auth.Trust { return m.trusting(m.sub(expired).PEM(), m.pki.BundlePEM()) },
		},
		{
			name: "a CA certificate as the peer's own", want: refused(auth.StageChain, "is a CA certificate"),
			chain: leaf(func(c *x509.Certificate) { c.IsCA, c.BasicConstraintsValid = true, true }),
		},
	}
}
