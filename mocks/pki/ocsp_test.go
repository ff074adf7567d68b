package pki_test

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nrlgo/nrlgo/mocks/pki"
)

func TestCertificatesNameWhereTheirIssuerPublishes(t *testing.T) {
	t.Parallel()
	p := setup(t, pki.Options{
		Root: pki.Published{CRL: "http://crl.test/root.crl"},
		Sub:  pki.Published{CRL: "http://crl.test/sub.crl", OCSP: "http://ocsp.test/"},
	})
	leaf := must[*pki.Leaf](t)(p.Client("a1.nhs.uk"))
	edited := must[*pki.Leaf](t)(p.Issue("a1.nhs.uk", func(c *x509.Certificate) { c.CRLDistributionPoints, c.OCSPServer = nil, nil }))
	sub := must[*pki.CA](t)(p.Root.IssueCA("another", nil))
	got := map[string]string{}
	for name, c := range map[string]*x509.Certificate{"root": p.Root.Cert, "sub": p.Sub.Cert, "leaf": leaf.Cert, "edited": edited.Cert, "another sub": sub.Cert} {
		got[name] = strings.Join(append(c.CRLDistributionPoints, c.OCSPServer...), " ")
	}
	want := map[string]string{
		"root": "", "sub": "http://crl.test/root.crl", "leaf": "http://crl.test/sub.crl http://ocsp.test/", "edited": "", "another sub": "http://crl.test/root.crl",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// ocspStatus is the responseStatus of an answer (RFC 6960, section 4.2.1).
func ocspStatus(t *testing.T, der []byte) int {
	t.Helper()
	var answer struct {
		Status asn1.Enumerated
		Bytes  asn1.RawValue `asn1:"explicit,tag:0,optional"`
	}
	if rest, err := asn1.Unmarshal(der, &answer); err != nil || len(rest) > 0 {
		t.Fatalf("no OCSP answer: %v", err)
	}
	return int(answer.Status)
}

// request asks for a serial number of a CA that no test has, or of p's sub CA.
func request(t *testing.T, nameHash, keyHash []byte) []byte {
	t.Helper()
	type id struct {
		Algorithm struct{ OID asn1.ObjectIdentifier }
		Name, Key []byte
		Serial    *big.Int
	}
	one := id{Name: nameHash, Key: keyHash, Serial: big.NewInt(7)}
	one.Algorithm.OID = asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26}
	der, err := asn1.Marshal(struct {
		TBS struct{ List []struct{ ID id } }
	}{struct{ List []struct{ ID id } }{[]struct{ ID id }{{one}}}})
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func TestOCSPAnswersOnlyForItsCAs(t *testing.T) {
	t.Parallel()
	p := setup(t, pki.Options{})
	never := func(*pki.CA, *big.Int) time.Time { return time.Time{} }
	foreign := request(t, bytes.Repeat([]byte{1}, 20), bytes.Repeat([]byte{2}, 20))
	der := must[[]byte](t)(pki.OCSP(foreign, time.Now().Add(time.Hour), never, p.Sub, p.Root))
	if got := ocspStatus(t, der); got != 6 {
		t.Errorf("another CA's certificate: status %d, want 6 (unauthorized)", got)
	}
	for name, bad := range map[string][]byte{"empty": nil, "no DER": []byte("hello"), "no certificate": {0x30, 0x04, 0x30, 0x02, 0x30, 0x00}, "more behind": append(bytes.Clone(foreign), 0)} {
		if _, err := pki.OCSP(bad, time.Now(), never, p.Sub); !errors.Is(err, pki.ErrOCSP) {
			t.Errorf("%s: got %v, want ErrOCSP", name, err)
		}
	}
}

func TestOCSPRequestInAPath(t *testing.T) {
	t.Parallel()
	der := []byte{0x30, 0xfb, 0xff, 0x3e}
	text := base64.StdEncoding.EncodeToString(der) // has "+" and "/"
	for _, path := range []string{"/" + text, "/" + strings.NewReplacer("+", "%2B", "/", "%2F", "=", "%3D").Replace(text)} {
		if diff := cmp.Diff(der, must[[]byte](t)(pki.OCSPFromPath(path))); diff != "" {
			t.Errorf("%s: -want +got\n%s", path, diff)
		}
	}
	for _, path := range []string{"/%zz", "/***"} {
		if _, err := pki.OCSPFromPath(path); !errors.Is(err, pki.ErrOCSP) {
			t.Errorf("%s: got %v, want ErrOCSP", path, err)
		}
	}
}
