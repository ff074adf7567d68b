package auth_test

import (
	"crypto/x509"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nrlgo/nrlgo/auth"
	"github.com/nrlgo/nrlgo/auth/revocation"
)

// pkits is where Debian's python3-cryptography-vectors puts NIST's Public Key
// Interoperability Test Suite.
const pkits = "/usr/lib/python3/dist-packages/cryptography_vectors/x509/PKITS_data"

// pkitsValid are the certificates that are good, by the suite's document, when
// no policy is asked for, and do not say so by their file's name.
var pkitsValid = []string{
	"AllCertificatesNoPoliciesTest2", "DifferentPoliciesTest3", "OverlappingPoliciesTest6", "AllCertificatesSamePoliciesTest10",
	"AllCertificatesanyPolicyTest11", "AllCertificatesSamePoliciesTest13", "AnyPolicyTest14", "UserNoticeQualifierTest15",
	"UserNoticeQualifierTest16", "UserNoticeQualifierTest17", "UserNoticeQualifierTest18", "UserNoticeQualifierTest19",
	"CPSPointerQualifierTest20", "inhibitAnyPolicyTest3",
}

type stricter struct {
	why, text string
	names     []string
}

// pkitsRefused are good certificates that are refused here, by the text of the
// refusal.
var pkitsRefused = []stricter{
	{"the suites of Spine need RSA keys", "not RSA", []string{"ValidDSASignaturesTest4"}},
	{"crypto/x509 does not read it", "does not read it", []string{"ValidDSAParameterInheritanceTest5"}},
	{"names of issuers are compared octet by octet", "unknown authority", []string{
		"ValidNameChainingWhitespaceTest3", "ValidNameChainingWhitespaceTest4", "ValidNameChainingCapitalizationTest5",
		"ValidRolloverfromPrintableStringtoUTF8StringTest10", "ValidUTF8StringCaseInsensitiveMatchTest11",
	}},
	{"a list counts only when the key that signed the certificate has signed it", "not signed as it must be", []string{
		"ValidBasicSelfIssuedOldWithNewTest1", "ValidBasicSelfIssuedNewWithOldTest4", "ValidBasicSelfIssuedCRLSigningKeyTest6",
		"ValidSelfIssuedinhibitAnyPolicyTest7", "ValidSelfIssuedinhibitAnyPolicyTest9", "ValidSelfIssuedinhibitPolicyMappingTest7",
		"ValidSelfIssuedrequireExplicitPolicyTest6", "ValidSeparateCertificateandCRLKeysTest19",
	}},
	{"a CA certificate is no peer's own", "is a CA certificate", []string{"ValidpathLenConstraintTest8", "ValidpathLenConstraintTest14", "OverlappingPoliciesTest6"}},
	{"crypto/x509 counts a certificate that a CA issued to itself in a path's length", "too many intermediates", []string{
		"ValidSelfIssuedpathLenConstraintTest15", "ValidSelfIssuedpathLenConstraintTest17",
	}},
	{"crypto/x509 knows no constraints on directory names", "unhandled critical extension", []string{
		"ValidDNnameConstraintsTest1", "ValidDNnameConstraintsTest4", "ValidDNnameConstraintsTest5", "ValidDNnameConstraintsTest6",
		"ValidDNnameConstraintsTest11", "ValidDNnameConstraintsTest14", "ValidDNnameConstraintsTest18", "ValidDNnameConstraintsTest19",
		"ValidDNandRFC822nameConstraintsTest27",
	}},
	{"constraints on mail addresses and URIs are not judged", "cannot be judged by the name constraints", []string{
		"ValidRFC822nameConstraintsTest21", "ValidRFC822nameConstraintsTest23", "ValidURInameConstraintsTest34",
	}},
	{"crypto/x509 takes a constraint on a host for one on a domain", "is excluded by constraint", []string{
		"ValidRFC822nameConstraintsTest25", "ValidURInameConstraintsTest36",
	}},
}

// TestPKITS runs sections 4.1 to 4.13: signatures, dates, names, lists, self-issued
// certificates, path lengths, key usage, policies, name constraints. All that
// must be refused is; pkitsRefused has what is refused beyond that. Sections
// 4.14 and 4.15 are those of auth/revocation. Names are not looked at: the
// suite's certificates have no hosts.
func TestPKITS(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat(pkits); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("the Debian package python3-cryptography-vectors is missing")
		}
		t.Skip("the Debian package python3-cryptography-vectors is not installed")
	}
	cas, leaves := suite(t)
	trust := suiteTrust(t)
	judged, good := 0, 0
	for _, name := range leaves {
		judged++
		err := "crypto/x509 does not read it"
		if leaf := readCert(t, name+"EE.crt"); leaf != nil {
			_, refusal := trust.VerifyUnnamed(t.Context(), append([]*x509.Certificate{leaf}, cas...))
			err = text(refusal)
		}
		valid := strings.HasPrefix(name, "Valid") || slices.Contains(pkitsValid, name)
		i := slices.IndexFunc(pkitsRefused, func(r stricter) bool { return slices.Contains(r.names, name) })
		switch {
		case i >= 0 && (!valid || !strings.Contains(err, pkitsRefused[i].text)):
			t.Errorf("%s is not refused because %s: %q", name, pkitsRefused[i].why, err)
		case i < 0 && valid && err != "":
			t.Errorf("%s must be accepted: %s", name, err)
		case !valid && err == "":
			t.Errorf("%s must be refused and is accepted", name)
		case err == "":
			good++
		}
	}
	if judged < 160 || good < 40 {
		t.Errorf("%d certificates were judged and %d accepted: the suite is not whole", judged, good)
	}
	t.Logf("%d certificates judged, %d accepted", judged, good)
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// suite are the CA certificates, as a peer might send them all, and the names
// of the end entities of the sections.
func suite(t *testing.T) (cas []*x509.Certificate, leaves []string) {
	t.Helper()
	for _, f := range must[[]string](t)(filepath.Glob(filepath.Join(pkits, "certs", "*.crt"))) {
		name := filepath.Base(f)
		leaf, isLeaf := strings.CutSuffix(name, "EE.crt")
		rest := strings.TrimPrefix(strings.TrimPrefix(leaf, "Invalid"), "Valid")
		switch {
		case isLeaf && !slices.ContainsFunc([]string{"distributionPoint", "NoissuingDistributionPoint", "onlyContains", "onlySome", "IDPwith", "cRLIssuer", "deltaCRL"},
			func(other string) bool { return strings.HasPrefix(rest, other) }):
			leaves = append(leaves, leaf)
		case !isLeaf:
			if c := readCert(t, name); c != nil {
				cas = append(cas, c)
			}
		}
	}
	return cas, leaves
}

// readCert is nil for a certificate that crypto/x509 does not read.
func readCert(t *testing.T, name string) *x509.Certificate {
	t.Helper()
	c, err := x509.ParseCertificate(must[[]byte](t)(os.ReadFile(filepath.Join(pkits, "certs", name))))
	if err != nil {
		return nil
	}
	return c
}

// suiteTrust anchors the suite's root, and has every list that loads.
func suiteTrust(t *testing.T) *auth.Trust {
	t.Helper()
	now := func() time.Time { return time.Date(2020, 6, 1, 12, 0, 0, 0, time.UTC) }
	var lists []string
	for _, f := range must[[]string](t)(filepath.Glob(filepath.Join(pkits, "crls", "*.crl"))) {
		if k, err := revocation.New(revocation.Config{Lists: []string{f}, Now: now}); err == nil {
			k.Close()
			lists = append(lists, f)
		}
	}
	k := must[*revocation.Checker](t)(revocation.New(revocation.Config{Lists: lists, Now: now}))
	t.Cleanup(k.Close)
	root := readCert(t, "TrustAnchorRootCertificate.crt")
	return must[*auth.Trust](t)(auth.ParseTrust(certPEM(root))).WithRevocation(k).WithClock(now)
}
