package pki_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nrlgo/nrlgo/mocks/pki"
)

func setup(t *testing.T, o pki.Options) *pki.PKI {
	t.Helper()
	p, err := pki.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func must[V any](t *testing.T) func(V, error) V {
	t.Helper()
	return func(v V, err error) V {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestShapeOfTheCertificates(t *testing.T) {
	t.Parallel()
	p := setup(t, pki.Options{})
	server := must[*pki.Leaf](t)(p.Server("localhost", "127.0.0.1"))
	client := must[*pki.Leaf](t)(p.Client("nrl-a1.supplier.thirdparty.nhs.uk"))
	type shape struct {
		Subject, Issuer, Policy string
		DNS, IP                 int
		CA                      bool
		PathLen, Bits           int
		Usage                   x509.KeyUsage
		Extended                []x509.ExtKeyUsage
		Algorithm               x509.SignatureAlgorithm
	}
	of := func(c *x509.Certificate) shape {
		s := shape{
			Subject: c.Subject.String(), Issuer: c.Issuer.CommonName, DNS: len(c.DNSNames), IP: len(c.IPAddresses), CA: c.IsCA,
			PathLen: c.MaxPathLen, Bits: c.PublicKey.(*rsa.PublicKey).N.BitLen(), Usage: c.KeyUsage, Extended: c.ExtKeyUsage, Algorithm: c.SignatureAlgorithm,
		}
		for _, oid := range c.Policies {
			s.Policy += oid.String()
		}
		return s
	}
	both := []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	const leafUsage = x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment
	const caUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	want := []shape{
		{"CN=NHS Test Root Authority,O=NHS,C=GB", "NHS Test Root Authority", "", 0, 0, true, -1, 2048, caUsage, nil, x509.SHA384WithRSA},
		{"CN=NHS Test Authentication,O=NHS,C=GB", "NHS Test Root Authority", "", 0, 0, true, 1, 2048, caUsage, nil, x509.SHA256WithRSA},
		{"CN=localhost,OU=Devices,O=nhs", "NHS Test Authentication", pki.PolicyOID, 1, 1, false, 0, 2048, leafUsage, both, x509.SHA256WithRSA},
		{"CN=nrl-a1.supplier.thirdparty.nhs.uk,OU=Devices,O=nhs", "NHS Test Authentication", pki.PolicyOID, 0, 0, false, 0, 2048, leafUsage, both, x509.SHA256WithRSA},
	}
	got := []shape{of(p.Root.Cert), of(p.Sub.Cert), of(server.Cert), of(client.Cert)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// TestEditsMakeCertificatesToRefuse verifies with crypto/x509 as a plain
// reader would.
func TestEditsMakeCertificatesToRefuse(t *testing.T) {
	t.Parallel()
	p := setup(t, pki.Options{})
	other := setup(t, pki.Options{KeySet: "other"})
	for _, tt := range []struct {
		name string
		ca   *pki.CA
		edit func(*x509.Certificate)
		key  []pki.KeyOption
		want string // part of the error of x509; "" accepts
	}{
		{name: "as issued", ca: p.Sub, edit: pki.Hosts("localhost")},
		{name: "expired", ca: p.Sub, edit: func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }, want: "expired"},
		{name: "not yet valid", ca: p.Sub, edit: func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Hour) }, want: "not yet valid"},
		{name: "another host", ca: p.Sub, edit: pki.Hosts("other.nhs.uk"), want: "not localhost"},
		{name: "common name only", ca: p.Sub, want: "legacy Common Name"},
		{
			name: "client only", ca: p.Sub, want: "incompatible key usage",
			edit: func(c *x509.Certificate) {
				c.DNSNames, c.ExtKeyUsage = []string{"localhost"}, []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
			},
		},
		{name: "SHA-1", ca: p.Sub, edit: func(c *x509.Certificate) {
			c.DNSNames, c.SignatureAlgorithm = []string{"localhost"}, x509.SHA1WithRSA
		}, want: "insecure algorithm"},
		{name: "issued by the root", ca: p.Root, edit: pki.Hosts("localhost")},
		{name: "another root with equal names", ca: other.Sub, edit: pki.Hosts("localhost"), want: "unknown authority"},
		{name: "RSA 1024 (x509 accepts it)", ca: p.Sub, edit: pki.Hosts("localhost"), key: []pki.KeyOption{pki.RSA(1024)}},
		{
			name: "a CA as a leaf (x509 accepts it)", ca: p.Sub,
			edit: func(c *x509.Certificate) {
				c.IsCA, c.BasicConstraintsValid, c.DNSNames = true, true, []string{"localhost"}
			},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			leaf := must[*pki.Leaf](t)(tt.ca.Issue("localhost", tt.edit, tt.key...))
			roots, subs := p.Pools()
			_, err := leaf.Cert.Verify(x509.VerifyOptions{DNSName: "localhost", Roots: roots, Intermediates: subs})
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("got %v, want %q in it", err, tt.want)
			}
		})
	}
}

func TestSelfSignedLeafIsItsOwnIssuer(t *testing.T) {
	t.Parallel()
	leaf := must[*pki.Leaf](t)(pki.SelfSigned("localhost", pki.Hosts("localhost")))
	if err := leaf.Cert.CheckSignature(leaf.Cert.SignatureAlgorithm, leaf.Cert.RawTBSCertificate, leaf.Cert.Signature); err != nil {
		t.Error(err)
	}
	if got := len(leaf.TLS().Certificate); got != 1 {
		t.Errorf("%d certificates in the chain, want 1", got)
	}
}

func TestHandshakeWithAnRSA1024Server(t *testing.T) {
	t.Parallel()
	p := setup(t, pki.Options{})
	weak := must[*pki.Leaf](t)(p.Issue("localhost", pki.Hosts("localhost"), pki.RSA(1024)))
	near, far := net.Pipe()
	server := tls.Server(far, &tls.Config{MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12, Certificates: []tls.Certificate{weak.TLS()}})
	done := make(chan error, 1)
	go func() { done <- server.HandshakeContext(context.WithoutCancel(t.Context())) }()
	roots, _ := p.Pools()
	client := tls.Client(near, &tls.Config{MinVersion: tls.VersionTLS12, ServerName: "localhost", RootCAs: roots})
	if err := errors.Join(client.HandshakeContext(t.Context()), <-done); err != nil {
		t.Error(err)
	}
}

func TestPEMFormsFitTogether(t *testing.T) {
	t.Parallel()
	p := setup(t, pki.Options{})
	leaf := must[*pki.Leaf](t)(p.Client("a1.nhs.uk"))
	for name, key := range map[string][]byte{"PRIVATE KEY": leaf.KeyPEM(), "RSA PRIVATE KEY": leaf.PKCS1PEM()} {
		if _, err := tls.X509KeyPair(leaf.ChainPEM(), key); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if block, _ := pem.Decode(key); block == nil || block.Type != name {
			t.Errorf("no block of type %s", name)
		}
	}
	if !strings.HasPrefix(string(leaf.ChainPEM()), string(leaf.CertPEM())) ||
		!strings.HasSuffix(string(leaf.ChainPEM()), string(p.Sub.PEM())) {
		t.Error("the chain is not leaf, sub CA")
	}
	if want, got := string(p.Sub.PEM())+string(p.Root.PEM()), string(p.BundlePEM()); want != got {
		t.Error("the bundle is not sub CA, root")
	}
	own := must[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	ec := must[*pki.Leaf](t)(p.Issue("a1.nhs.uk", nil, pki.Key(own)))
	if ec.PKCS1PEM() != nil || ec.KeyPEM() == nil {
		t.Error("an ECDSA key has PKCS#8 and no PKCS#1")
	}
}

func TestKeysAreSharedByNameAndSet(t *testing.T) {
	t.Parallel()
	a, b, c := setup(t, pki.Options{}), setup(t, pki.Options{}), setup(t, pki.Options{KeySet: "third"})
	if a.Root.Key != b.Root.Key || a.Root.Key == c.Root.Key || a.Root.Key == a.Sub.Key {
		t.Error("one key for a name and set, and no other")
	}
	one := must[*pki.Leaf](t)(a.Issue("x", nil))
	two := must[*pki.Leaf](t)(a.Issue("x", nil, pki.Named("second")))
	if one.Key == two.Key || one.Cert.SerialNumber.Cmp(two.Cert.SerialNumber) == 0 {
		t.Error("another name is another key, and no serial number comes twice")
	}
}

func TestCRLNamesTheRevoked(t *testing.T) {
	t.Parallel()
	p := setup(t, pki.Options{})
	good, bad := must[*pki.Leaf](t)(p.Client("good")), must[*pki.Leaf](t)(p.Client("bad"))
	due := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	der := must[[]byte](t)(p.Sub.CRL(due, nil, bad.Cert))
	list := must[*x509.RevocationList](t)(x509.ParseRevocationList(der))
	if err := list.CheckSignatureFrom(p.Sub.Cert); err != nil {
		t.Error(err)
	}
	if len(list.RevokedCertificateEntries) != 1 || list.RevokedCertificateEntries[0].SerialNumber.Cmp(bad.Cert.SerialNumber) != 0 ||
		bad.Cert.SerialNumber.Cmp(good.Cert.SerialNumber) == 0 {
		t.Error("the list does not name exactly the revoked certificate")
	}
	if !list.NextUpdate.Equal(due) {
		t.Errorf("next update %v, want %v", list.NextUpdate, due)
	}
}

func TestBadInputIsAnErrorOfItsKind(t *testing.T) {
	t.Parallel()
	p := setup(t, pki.Options{})
	for _, tt := range []struct {
		name string
		call func() error
		want error
	}{
		{"an RSA key of 100 bits", func() error { _, err := p.Issue("x", nil, pki.RSA(100)); return err }, pki.ErrBits},
		{"an RSA key of 10,000 bits", func() error { _, err := p.Sub.IssueCA("x", nil, pki.RSA(10000)); return err }, pki.ErrBits},
		{"a serial number below zero", func() error {
			_, err := p.Issue("x", func(c *x509.Certificate) { c.SerialNumber = big.NewInt(-1) })
			return err
		}, pki.ErrTemplate},
		{"a host name outside ASCII", func() error { _, err := p.Server("höst"); return err }, pki.ErrTemplate},
		{"a list due before it was issued", func() error {
			_, err := p.Sub.CRL(time.Now().AddDate(0, 0, -1), nil)
			return err
		}, pki.ErrTemplate},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if err := tt.call(); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

func TestClockOfThePKI(t *testing.T) {
	t.Parallel()
	past := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	p := setup(t, pki.Options{Now: func() time.Time { return past }})
	leaf := must[*pki.Leaf](t)(p.Server("localhost"))
	if diff := cmp.Diff([]time.Time{past.Add(-time.Hour), past.AddDate(2, 0, 0)}, []time.Time{leaf.Cert.NotBefore, leaf.Cert.NotAfter}); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
