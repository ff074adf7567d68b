package auth_test

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"net"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/nrlgo/nrlgo/auth"
	"github.com/nrlgo/nrlgo/mocks/pki"
)

type edit = func(*x509.Certificate)

// under is a good server's certificate below a sub CA of its own, which
// change makes, sent with that sub CA.
func (k *kit) under(tb testing.TB, change edit, options ...pki.KeyOption) []*x509.Certificate {
	tb.Helper()
	ca := must[*pki.CA](tb)(k.pki.Root.IssueCA("Another Authentication", change, append([]pki.KeyOption{pki.Named("another")}, options...)...))
	leaf := must[*pki.Leaf](tb)(ca.Issue("localhost", local()))
	return []*x509.Certificate{leaf.Cert, ca.Cert}
}

// TestVerifyChain: what no TLS peer can show; the rest is in TestChains.
func TestVerifyChain(t *testing.T) {
	t.Parallel()
	k := assets(t)
	for _, tt := range []struct {
		name   string
		chain  []*x509.Certificate
		trust  *auth.Trust // nil: the usual one
		stage  auth.Stage
		reason string
	}{
		{name: "leaf and sub CA in the wrong order", chain: []*x509.Certificate{k.pki.Sub.Cert, k.chain(t)[0]}, stage: auth.StageChain, reason: "is a CA certificate"},
		{name: "no certificate", stage: auth.StageChain, reason: "no certificate"},
		{name: "a certificate that was not parsed", chain: []*x509.Certificate{nil}, stage: auth.StageChain, reason: "no certificate"},
		{name: "a key that takes for ever to verify with", chain: append(k.chain(t), k.huge(t)), stage: auth.StageKey, reason: "more than 8192"},
		{name: "a trust without a root", chain: k.chain(t), trust: new(auth.Trust), stage: auth.StageChain, reason: "no usable trust anchor"},
		{name: "a trust without a checker", chain: k.chain(t), trust: k.trust.WithRevocation(nil), stage: auth.StageRevocation, reason: "no checker was made"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			trust := tt.trust
			if trust == nil {
				trust = k.off()
			}
			p, err := trust.Verify(t.Context(), "localhost", tt.chain, nil)
			verdict(t, p, err, tt.stage, tt.reason)
		})
	}
}

func verdict(t *testing.T, p auth.Peer, err error, stage auth.Stage, reason string) {
	t.Helper()
	if stage == "" {
		if err != nil {
			t.Errorf("refused: %v", err)
		}
		return
	}
	if err == nil {
		t.Fatal("accepted")
	}
	judge(t, err, stage, nil)
	if !strings.Contains(err.Error(), reason) {
		t.Errorf("the error is %q, want %q in it", err, reason)
	}
	if p.Chain != nil || p.Host != "" {
		t.Error("a refused server is a peer")
	}
}

// root is the root in PEM, signed anew by its own key after an edit.
func (k *kit) root(tb testing.TB, change edit) []byte {
	tb.Helper()
	template := *k.pki.Root.Cert
	change(&template)
	return block("CERTIFICATE", must[[]byte](tb)(x509.CreateCertificate(rand.Reader, &template, &template, k.pki.Root.Key.Public(), k.pki.Root.Key)))
}

func expired(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }

func certPEM(c *x509.Certificate) []byte { return block("CERTIFICATE", c.Raw) }

func (k *kit) sent(tb testing.TB, change edit, options ...pki.KeyOption) []*x509.Certificate {
	tb.Helper()
	return parsed(tb, k.server(tb, change, options...))
}

func (k *kit) huge(tb testing.TB) *x509.Certificate {
	tb.Helper()
	template := *k.pki.Sub.Cert
	der := must[[]byte](tb)(x509.CreateCertificate(rand.Reader, &template, k.pki.Root.Cert, hugeKey(tb, 1<<17), k.pki.Root.Key))
	return must[*x509.Certificate](tb)(x509.ParseCertificate(der))
}

// TestVerifyName: which host a certificate is for.
func TestVerifyName(t *testing.T) {
	t.Parallel()
	k := assets(t)
	san := func(hosts ...string) []*x509.Certificate {
		return parsed(t, must[*pki.Leaf](t)(k.pki.Issue("localhost", pki.Hosts(hosts...))).TLS())
	}
	cn := func(names ...string) []*x509.Certificate {
		return parsed(t, must[*pki.Leaf](t)(k.pki.Issue("", subject(names))).TLS())
	}
	for _, tt := range []struct {
		name   string
		chain  []*x509.Certificate
		host   string
		listed string // host of WithCNHosts
		stage  auth.Stage
		reason string
		byCN   bool
	}{
		{name: "a host in another case", chain: san("a.nhs.uk"), host: "A.NHS.UK"},
		{name: "a host with the dot of the root", chain: san("a.nhs.uk"), host: "a.nhs.uk."},
		{name: "the second of two names", chain: san("b.nhs.uk", "a.nhs.uk"), host: "a.nhs.uk"},
		{name: "a wildcard for one label", chain: san("*.nhs.uk"), host: "a.nhs.uk"},
		{name: "a wildcard for two labels", chain: san("*.nhs.uk"), host: "b.a.nhs.uk", stage: auth.StageName},
		{name: "a wildcard for the bare domain", chain: san("*.nhs.uk"), host: "nhs.uk", stage: auth.StageName},
		{name: "a wildcard within a label", chain: san("a*.nhs.uk"), host: "ab.nhs.uk", stage: auth.StageName},
		{name: "an IPv6 address written otherwise", chain: san("::1"), host: "0:0::1"},
		{name: "an address as a DNS name", chain: k.sent(t, func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = []string{"127.0.0.1"}, nil }), host: "127.0.0.1", stage: auth.StageName},
		{name: "a host with a port", chain: san("a.nhs.uk"), host: "a.nhs.uk:443", stage: auth.StageName},
		{name: "no host", chain: san("a.nhs.uk"), stage: auth.StageName},
		{name: "a host with a NUL", chain: san("a.nhs.uk"), host: "a.nhs.uk\x00.example", stage: auth.StageName},
		{name: "a host outside ASCII", chain: san("xn--bcher-kva.example"), host: "bücher.example", stage: auth.StageName},
		{name: "a host as IDNA has it", chain: san("xn--bcher-kva.example"), host: "xn--bcher-kva.example"},

		{name: "common name, cases differ", chain: cn("A.nhs.uk"), host: "a.NHS.uk", listed: "a.nhs.UK", byCN: true},
		{name: "common name, dot of the root", chain: cn("a.nhs.uk"), host: "a.nhs.uk.", listed: "a.nhs.uk", byCN: true},
		{name: "a wildcard as common name and host", chain: cn("*.nhs.uk"), host: "*.nhs.uk", listed: "*.nhs.uk", stage: auth.StageName},
		{name: "an address as common name", chain: cn("127.0.0.1"), host: "127.0.0.1", listed: "127.0.0.1", stage: auth.StageName},
		{name: "no common name", chain: cn(), host: "a.nhs.uk", listed: "a.nhs.uk", stage: auth.StageName},
		{name: "no common name and no host", chain: cn(), host: "", listed: "", stage: auth.StageName},
		{name: "a common name that folds to the host", chain: cn("\u017fpine2.nhs.uk"), host: "spine2.nhs.uk", listed: "spine2.nhs.uk", stage: auth.StageName},
		{name: "a host that folds to the common name", chain: cn("k.nhs.uk"), host: "\u212a.nhs.uk", listed: "k.nhs.uk", stage: auth.StageName},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			trust := k.off()
			if tt.listed != "" || tt.host == "" {
				trust = trust.WithCNHosts(tt.listed)
			}
			p, err := trust.Verify(t.Context(), tt.host, tt.chain, nil)
			verdict(t, p, err, tt.stage, tt.reason)
			if err == nil && p.ByCommonName != tt.byCN {
				t.Errorf("by common name %v, want %v", p.ByCommonName, tt.byCN)
			}
		})
	}
}

// subject is an edit that sets exactly these common names, each in an RDN of
// its own, and no subjectAltName.
func subject(names []string) edit {
	return func(c *x509.Certificate) {
		var rdn pkix.RDNSequence
		for _, n := range names {
			rdn = append(rdn, pkix.RelativeDistinguishedNameSET{{Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: n}})
		}
		c.RawSubject, _ = asn1.Marshal(rdn)
	}
}

// TestRefusalShowsNoRawText: a stranger's certificate may hold anything.
func TestRefusalShowsNoRawText(t *testing.T) {
	t.Parallel()
	k := assets(t)
	long := strings.Repeat("x", 60) + "." + strings.Repeat("y", 60)
	var many []string
	for range 40 {
		many = append(many, long)
	}
	stranger := must[*pki.PKI](t)(pki.New(pki.Options{Name: "evil\n2026 ok", KeySet: "foreign"}))
	for name, chain := range map[string][]*x509.Certificate{
		"names":       k.sent(t, func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = append([]string{"a\nb\x1b[31m"}, many...), nil }),
		"common name": k.sent(t, func(c *x509.Certificate) { c.Subject.CommonName = "a\nb" + strings.Repeat(long, 40) }, pki.RSA(1024)),
		"issuer":      parsed(t, must[*pki.Leaf](t)(stranger.Issue("localhost", local())).TLS()),
	} {
		_, err := k.off().Verify(t.Context(), "localhost", chain, nil)
		if err == nil {
			t.Errorf("%s: accepted", name)
			continue
		}
		if text := err.Error(); len(text) > 500 || strings.ContainsFunc(text, unicode.IsControl) {
			t.Errorf("%s: an error of %d bytes: %q", name, len(text), text)
		}
	}
}

// TestPeerSaysWhatWasVerified: what the audit trail and doctor show.
func TestPeerSaysWhatWasVerified(t *testing.T) {
	t.Parallel()
	k := assets(t)
	soon := time.Now().Add(time.Hour).Truncate(time.Second)
	chain := k.under(t, func(c *x509.Certificate) { c.NotAfter = soon })
	p := must[auth.Peer](t)(k.off().Verify(context.Background(), "localhost", chain, nil))
	if !p.Expires.Equal(soon) {
		t.Errorf("expires %v, want that of the sub CA %v", p.Expires, soon)
	}
	if len(p.Chain) != 3 || !p.Chain[0].Equal(chain[0]) || !p.Chain[2].Equal(k.pki.Root.Cert) {
		t.Errorf("a chain of %d certificates, want leaf, sub CA, root", len(p.Chain))
	}
	if p.Host != "localhost" || p.ByCommonName || p.Revocation.String() != "off (test)" {
		t.Errorf("peer %+v", p)
	}
}

// selfIssued is a CA certificate that names itself as issuer and is signed by
// another key, as a root's new key is introduced by its old one.
func (k *kit) selfIssued(tb testing.TB, alg x509.SignatureAlgorithm) []byte {
	tb.Helper()
	template := *k.pki.Root.Cert
	template.SignatureAlgorithm = alg
	parent := template
	parent.PublicKey = k.client.Key.Public()
	der := must[[]byte](tb)(x509.CreateCertificate(rand.Reader, &template, &parent, k.pki.Root.Key.Public(), k.client.Key))
	return block("CERTIFICATE", der)
}

// TestOnlySelfSignedCertificatesAreAnchors: a name alone makes no root.
func TestOnlySelfSignedCertificatesAreAnchors(t *testing.T) {
	t.Parallel()
	k := assets(t)
	for _, tt := range []struct {
		name   string
		pem    []byte
		anchor bool
	}{
		{"self-signed with SHA-2", k.pki.Root.PEM(), true},
		{"self-signed with SHA-1, as the G1 roots are", k.root(t, func(c *x509.Certificate) { c.SignatureAlgorithm = x509.SHA1WithRSA }), true},
		{"self-issued, signed by another key with SHA-2", k.selfIssued(t, x509.SHA256WithRSA), false},
		{"self-issued, signed by another key with SHA-1", k.selfIssued(t, x509.SHA1WithRSA), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			trust, err := auth.ParseTrust(tt.pem)
			if !tt.anchor {
				if !errors.Is(err, auth.ErrNoAnchor) {
					t.Errorf("got %v, want ErrNoAnchor", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			k := *k
			k.trust = trust
			if _, err := k.off().Verify(t.Context(), net.IPv4(127, 0, 0, 1).String(), k.chain(t), nil); err != nil {
				t.Errorf("the root anchors nothing: %v", err)
			}
		})
	}
}
