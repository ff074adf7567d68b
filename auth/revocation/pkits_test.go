package revocation_test

import (
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nrlgo/nrlgo/auth/revocation"
)

// pkits is where Debian's python3-cryptography-vectors puts NIST's Public Key
// Interoperability Test Suite.
const pkits = "/usr/lib/python3/dist-packages/cryptography_vectors/x509/PKITS_data"

// pkitsLists are the lists of the suite that are refused when they are loaded.
var pkitsLists = map[string]error{
	"BadCRLSignatureCACRL.crl":          revocation.ErrMalformed, // its BIT STRING has odd bits
	"UnknownCRLEntryExtensionCACRL.crl": revocation.ErrUnsupported,
	"UnknownCRLExtensionCACRL.crl":      revocation.ErrUnsupported,
	"deltaCRLCA1deltaCRL.crl":           revocation.ErrUnsupported,
	"deltaCRLCA2deltaCRL.crl":           revocation.ErrUnsupported,
	"deltaCRLCA3deltaCRL.crl":           revocation.ErrUnsupported,
	"deltaCRLIndicatorNoBaseCACRL.crl":  revocation.ErrUnsupported,
	"indirectCRLCA5CRL.crl":             revocation.ErrUnsupported,
}

// pkitsStricter are the certificates that the suite says are good and that are
// refused here, with the reason.
var pkitsStricter = map[string]string{
	"ValidSeparateCertificateandCRLKeysTest19": "a list counts only when it is signed by the key that signed the certificate",
	"ValidIDPwithindirectCRLTest24":            "lists of other issuers are not judged",
	"ValidIDPwithindirectCRLTest25":            "lists of other issuers are not judged",
	"ValidcRLIssuerTest28":                     "lists of other issuers are not judged",
	"ValidcRLIssuerTest29":                     "crypto/x509 reads no certificate with a name relative to the CRL issuer",
	"ValidcRLIssuerTest30":                     "lists of other issuers are not judged",
	"ValidcRLIssuerTest33":                     "lists of other issuers are not judged",
	"ValiddistributionPointTest4":              "crypto/x509 reads no certificate with a name relative to the CRL issuer",
	"ValiddistributionPointTest5":              "crypto/x509 reads no certificate with a name relative to the CRL issuer",
	"ValiddeltaCRLTest2":                       "delta lists are refused",
	"ValiddeltaCRLTest5":                       "delta lists are refused",
	"ValiddeltaCRLTest7":                       "delta lists are refused",
	"ValiddeltaCRLTest8":                       "delta lists are refused",
}

// TestPKITS runs sections 4.4 (basic lists), 4.14 (distribution points) and
// 4.15 (delta lists). Whatever must be refused is; what must be accepted and is
// not stands in pkitsStricter.
func TestPKITS(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat(pkits); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("the Debian package python3-cryptography-vectors is missing")
		}
		t.Skip("the Debian package python3-cryptography-vectors is not installed")
	}
	s := newSuite(t)
	t.Run("lists refused when loaded", s.lists)
	stricter := map[string]string{}
	for _, name := range slices.Concat(
		s.section("MissingCRL", "RevokedCA", "RevokedEE", "BadCRL", "WrongCRL", "TwoCRLs", "UnknownCRL", "OldCRL", "pre2000CRL",
			"GeneralizedTimeCRL", "NegativeSerial", "LongSerial", "SeparateCertificate"),
		s.section("distributionPoint", "NoissuingDistributionPoint", "onlyContains", "onlySomeReasons", "IDPwithindirect", "cRLIssuer"),
		s.section("deltaCRL"),
	) {
		ok, why := s.run(t, name)
		switch {
		case strings.HasPrefix(name, "Invalid") && ok:
			t.Errorf("%s must be refused and is accepted", name)
		case strings.HasPrefix(name, "Valid") && !ok:
			stricter[name] = pkitsStricter[name]
			if stricter[name] == "" {
				t.Errorf("%s must be accepted: %v", name, why)
			}
		}
		t.Logf("%-45s accepted %-5v %v", name, ok, why)
	}
	if diff := cmp.Diff(pkitsStricter, stricter); diff != "" {
		t.Errorf("refused for stricter rules: -want +got\n%s", diff)
	}
}

type suite struct {
	roots, subs *x509.CertPool
	stems       map[string]string // of a CA's file, by its certificate
	leaves      []string
	crls        []string
}

func names(t *testing.T, dir string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(pkits, dir))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func newSuite(t *testing.T) *suite {
	t.Helper()
	s := &suite{roots: x509.NewCertPool(), subs: x509.NewCertPool(), stems: map[string]string{}, crls: names(t, "crls")}
	for _, name := range names(t, "certs") {
		if stem, ok := strings.CutSuffix(name, "EE.crt"); ok {
			s.leaves = append(s.leaves, stem)
			continue
		}
		c := s.cert(name)
		if c == nil {
			continue // some certificates of other sections
		}
		stem := strings.TrimSuffix(strings.TrimSuffix(name, "Cert.crt"), "CertificateSigningCA")
		if name == "TrustAnchorRootCertificate.crt" {
			stem = "TrustAnchorRoot"
			s.roots.AddCert(c)
		} else {
			s.subs.AddCert(c)
		}
		s.stems[string(c.Raw)] = stem
	}
	return s
}

func (s *suite) cert(name string) *x509.Certificate {
	der, err := os.ReadFile(filepath.Join(pkits, "certs", name))
	if err != nil {
		return nil
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil
	}
	return c
}

func (s *suite) section(words ...string) (stems []string) {
	for _, leaf := range s.leaves {
		rest := strings.TrimPrefix(strings.TrimPrefix(leaf, "Invalid"), "Valid")
		if slices.ContainsFunc(words, func(w string) bool { return strings.HasPrefix(rest, w) }) {
			stems = append(stems, leaf)
		}
	}
	return stems
}

func (s *suite) checker(lists ...string) (*revocation.Checker, error) {
	paths := make([]string, len(lists))
	for i, l := range lists {
		paths[i] = filepath.Join(pkits, "crls", l)
	}
	return revocation.New(revocation.Config{
		Lists: paths,
		Now:   func() time.Time { return time.Date(2020, 6, 1, 12, 0, 0, 0, time.UTC) },
	})
}

func (s *suite) lists(t *testing.T) {
	got := map[string]error{}
	for _, name := range s.crls {
		k, err := s.checker(name)
		if err == nil {
			k.Close()
			continue
		}
		got[name] = err
		if want := pkitsLists[name]; want != nil && errors.Is(err, want) {
			got[name] = want
		}
	}
	if diff := cmp.Diff(pkitsLists, got, cmp.Comparer(func(a, b error) bool { return errors.Is(b, a) || errors.Is(a, b) })); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// run verifies the certificate and gives Check the lists of every CA on the
// way, and of its name's relations.
func (s *suite) run(t *testing.T, name string) (accepted bool, why error) {
	t.Helper()
	leaf := s.cert(name + "EE.crt")
	if leaf == nil {
		return false, errors.New("crypto/x509 does not read it")
	}
	chains, err := leaf.Verify(x509.VerifyOptions{
		Roots: s.roots, Intermediates: s.subs, CurrentTime: time.Date(2020, 6, 1, 12, 0, 0, 0, time.UTC),
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	if err != nil {
		t.Errorf("%s: no chain: %v", name, err)
	}
	for _, chain := range chains {
		var lists []string
		for _, crl := range s.crls {
			for _, ca := range chain[1:] {
				stem := s.stems[string(ca.Raw)]
				related := strings.HasPrefix(crl, stem) || strings.HasPrefix(stem, "indirectCRL") && strings.HasPrefix(crl, "indirectCRL")
				unusable := pkitsLists[crl] != nil && !strings.HasPrefix(crl, "delta")
				if related && !unusable && !slices.Contains(lists, crl) {
					lists = append(lists, crl)
				}
			}
		}
		k, err := s.checker(lists...)
		if err == nil {
			_, err = k.Check(t.Context(), chain, nil)
			k.Close()
		}
		if err == nil {
			return true, nil
		}
		why = err
	}
	return false, why
}
