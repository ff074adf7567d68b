package mocks_test

import (
	"crypto/x509"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nrlgo/nrlgo/mocks"
)

// get fetches a public address.
func get(t *testing.T, url string) []byte {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != 200 {
		t.Fatalf("%v, status %d", err, response.StatusCode)
	}
	return body
}

// serials are those on a list.
func serials(t *testing.T, url string) map[string]bool {
	t.Helper()
	list, err := x509.ParseRevocationList(get(t, url))
	if err != nil {
		t.Fatal(err)
	}
	on := map[string]bool{}
	for _, e := range list.RevokedCertificateEntries {
		on[e.SerialNumber.String()] = true
	}
	return on
}

func TestListsAreNamedAndFollowRevoke(t *testing.T) {
	t.Parallel()
	sp := mocks.Run(t, mocks.WithRevocationLists(time.Minute))
	sub := sp.PKI().Sub.Cert
	for name, tt := range map[string]struct {
		cert      *x509.Certificate
		list, not string
	}{
		"server": {sp.ServerCertificate(), sp.CRLURL(), sp.RootCRLURL()},
		"client": {sp.Client().Cert, sp.CRLURL(), sp.RootCRLURL()},
		"sub CA": {sub, sp.RootCRLURL(), sp.CRLURL()},
	} {
		if got := strings.Join(tt.cert.CRLDistributionPoints, " "); got != tt.list {
			t.Errorf("%s: it names the list %q, want %q", name, got, tt.list)
		}
		if got := strings.Join(tt.cert.OCSPServer, " "); got != sp.OCSPURL() {
			t.Errorf("%s: it names the responder %q", name, got)
		}
		serial := tt.cert.SerialNumber.String()
		if serials(t, tt.list)[serial] {
			t.Errorf("%s is on the list before it is revoked", name)
		}
		sp.Revoke(tt.cert)
		if !serials(t, tt.list)[serial] || serials(t, tt.not)[serial] {
			t.Errorf("%s is not on its own list alone", name)
		}
	}
	list, err := x509.ParseRevocationList(get(t, sp.CRLURL()))
	if err != nil || list.CheckSignatureFrom(sub) != nil || time.Until(list.NextUpdate) > time.Minute {
		t.Errorf("%v: due in %v", err, time.Until(list.NextUpdate))
	}
	if v := sp.Violations(); v != nil || sp.Requests()[0].Service != mocks.Revocation {
		t.Errorf("violations %q, service %v", v, sp.Requests()[0].Service)
	}
	plain := mocks.Run(t)
	if c := plain.ServerCertificate(); c.CRLDistributionPoints != nil || c.OCSPServer != nil {
		t.Error("a certificate names lists without being told")
	}
}

// TestOpenSSLReadsTheResponder asks by POST, as `openssl ocsp` does, which
// checks signature, issuer, nonce and times.
func TestOpenSSLReadsTheResponder(t *testing.T) {
	t.Parallel()
	program := need(t, "openssl")
	sp := mocks.Run(t, mocks.WithRevocationLists(0))
	dir := t.TempDir()
	for name, text := range map[string][]byte{"root.pem": sp.PKI().Root.PEM(), "sub.pem": sp.PKI().Sub.PEM(), "leaf.pem": sp.Client().CertPEM()} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ask := func(issuer, cert string, hash string) string {
		cmd := exec.CommandContext(t.Context(), program, "ocsp", hash, "-issuer", issuer, "-cert", cert, "-url", sp.OCSPURL(), "-CAfile", "root.pem",
			"-verify_other", "sub.pem", "-no_cert_verify")
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil || strings.Contains(string(out), "WARNING") { // a nonce that was not repeated, say
			t.Errorf("openssl ocsp: %v\n%s", err, out)
		}
		return string(out)
	}
	for _, hash := range []string{"-sha1", "-sha256"} {
		if out := ask("sub.pem", "leaf.pem", hash); !strings.Contains(out, "leaf.pem: good") || !strings.Contains(out, "Response verify OK") {
			t.Errorf("%s: %s", hash, out)
		}
	}
	if out := ask("root.pem", "sub.pem", "-sha1"); !strings.Contains(out, "sub.pem: good") {
		t.Errorf("of the sub CA: %s", out)
	}
	sp.Revoke(sp.Client().Cert)
	if out := ask("sub.pem", "leaf.pem", "-sha1"); !strings.Contains(out, "leaf.pem: revoked") || !strings.Contains(out, "Response verify OK") {
		t.Errorf("revoked: %s", out)
	}
}

// need is the path of a program, without which the test cannot run: it fails
// under CI, where the programs are installed.
func need(t *testing.T, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is missing", program)
		}
		t.Skipf("%s is missing", program)
	}
	return path
}

func TestFaultsReachTheLists(t *testing.T) {
	t.Parallel()
	sp, c := setup(t)
	sp.Fault(mocks.On(mocks.Revocation, mocks.Once(mocks.Status(404))))
	sp.AddPlainPage("/p", "text/html", "x")
	if got := string(get(t, sp.PlainURL()+"/p")); got != "x" {
		t.Errorf("a page met the lists' fault: %q", got)
	}
	if r := c.send(t, ask{method: http.MethodGet, base: sp.PlainURL(), target: "/crl/sub.crl"}); r.status != 404 {
		t.Errorf("status %d", r.status)
	}
	if r := c.send(t, ask{method: http.MethodGet, base: sp.PlainURL(), target: "/ocsp/bm8="}); r.status != 500 {
		t.Errorf("a request that is none: status %d", r.status)
	}
}
