package auth_test

import (
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/nrlgo/nrlgo/auth"
)

// password is the one that the tests' keys are encrypted with.
const password = "correct horse"

func known(text string) func() ([]byte, error) {
	return func() ([]byte, error) { return []byte(text), nil }
}

// openssl runs the command in a folder.
func openssl(tb testing.TB, dir string, args ...string) {
	tb.Helper()
	path, err := exec.LookPath("openssl")
	if err != nil {
		if os.Getenv("CI") != "" {
			tb.Fatal("the openssl command is missing")
		}
		tb.Skip("the openssl command, which makes the files, is missing")
	}
	cmd := exec.CommandContext(tb.Context(), path, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("openssl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// forms are the files that openssl makes of our certificate and key.
func forms(tb testing.TB) (dir string) {
	tb.Helper()
	k := assets(tb)
	dir = tb.TempDir()
	for name, text := range map[string][]byte{"cert.pem": k.client.CertPEM(), "key.pem": k.client.KeyPEM(), "sub.pem": k.pki.Sub.PEM()} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	pass := "pass:" + password
	export := []string{"pkcs12", "-export", "-inkey", "key.pem", "-in", "cert.pem", "-certfile", "sub.pem"}
	for _, args := range [][]string{
		append(export, "-passout", pass, "-out", "modern.p12"),
		append(export, "-passout", pass, "-legacy", "-out", "legacy.p12"),
		append(export, "-passout", "pass:", "-out", "open.p12"),
		append(export, "-passout", pass, "-iter", "1", "-macalg", "sha384", "-out", "mac.p12"),
		{"ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out", "ec.key"},
		{"pkcs8", "-topk8", "-in", "ec.key", "-v2", "aes-256-cbc", "-passout", pass, "-out", "ec.pem"},
		{"pkcs12", "-export", "-nokeys", "-in", "cert.pem", "-passout", pass, "-out", "nokey.p12"},
		{"pkcs8", "-topk8", "-in", "key.pem", "-v2", "aes-256-cbc", "-passout", pass, "-out", "aes.pem"},
		{"pkcs8", "-topk8", "-in", "key.pem", "-v2", "aes-128-cbc", "-v2prf", "hmacWithSHA512", "-passout", pass, "-out", "aes128.pem"},
		{"pkcs8", "-topk8", "-in", "key.pem", "-v2", "des3", "-v2prf", "hmacWithSHA1", "-passout", pass, "-out", "des3.pem"},
		{"pkcs8", "-topk8", "-in", "key.pem", "-v2", "aes-256-cbc", "-passout", pass, "-outform", "DER", "-out", "aes.der"},
		{"pkcs8", "-topk8", "-in", "key.pem", "-v1", "PBE-SHA1-3DES", "-passout", pass, "-out", "pbes1.pem"},
		{"pkcs8", "-topk8", "-in", "key.pem", "-scrypt", "-passout", pass, "-out", "scrypt.pem"},
		{"rsa", "-in", "key.pem", "-traditional", "-out", "pkcs1.pem"},
		{"rsa", "-in", "key.pem", "-traditional", "-aes256", "-passout", pass, "-out", "dek.pem"},
		{"rsa", "-in", "key.pem", "-traditional", "-outform", "DER", "-out", "pkcs1.der"},
		{"pkcs8", "-topk8", "-nocrypt", "-in", "key.pem", "-outform", "DER", "-out", "pkcs8.der"},
		{"x509", "-in", "cert.pem", "-outform", "DER", "-out", "cert.der"},
	} {
		openssl(tb, dir, args...)
	}
	return dir
}

func TestEveryFormOfCredentials(t *testing.T) {
	t.Parallel()
	dir := forms(t)
	for _, tt := range []struct {
		name  string
		files []string
		chain int
	}{
		{"PEM certificate and PKCS#1", []string{"cert.pem", "pkcs1.pem"}, 1},
		{"DER certificate and DER PKCS#8", []string{"cert.der", "pkcs8.der"}, 1},
		{"DER certificate and DER PKCS#1, PEM sub CA", []string{"cert.der", "pkcs1.der", "sub.pem"}, 2},
		{"PKCS#12 of OpenSSL 3", []string{"modern.p12"}, 2},
		{"PKCS#12 of older ones", []string{"legacy.p12"}, 2},
		{"PKCS#8 with AES-256", []string{"cert.pem", "aes.pem"}, 1},
		{"PKCS#8 with AES-128 and SHA-512", []string{"cert.pem", "aes128.pem"}, 1},
		{"PKCS#8 with Triple DES and SHA-1", []string{"cert.pem", "des3.pem"}, 1},
		{"PKCS#8 with AES-256 in DER", []string{"cert.pem", "aes.der"}, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var paths []string
			fsys := fstest.MapFS{}
			var data [][]byte
			for _, f := range tt.files {
				text, err := os.ReadFile(filepath.Join(dir, f))
				if err != nil {
					t.Fatal(err)
				}
				paths, fsys[f], data = append(paths, filepath.Join(dir, f)), &fstest.MapFile{Data: text}, append(data, text)
			}
			for kind, s := range map[string]auth.CredentialsSource{
				"files": {Files: paths}, "a file system": {Files: tt.files, FS: fsys}, "memory": {Data: data},
			} {
				s.Password = known(password)
				c, err := s.Load()
				if err != nil {
					t.Errorf("%s: %v", kind, err)
					continue
				}
				pair, err := c.Certificate(daysAhead(0))
				if err != nil || len(pair.Certificate) != tt.chain || c.FQDN() != "consumer.example.nhs.uk" {
					t.Errorf("%s: %v, %v", kind, c, err)
				}
				connects(t, c)
			}
		})
	}
	t.Run("PKCS#12 without a password", func(t *testing.T) {
		t.Parallel()
		c, err := auth.LoadCredentials(filepath.Join(dir, "open.p12"))
		if err != nil {
			t.Fatal(err)
		}
		connects(t, c)
	})
}

// connects shakes hands once with these credentials.
func connects(t *testing.T, c *auth.Credentials) {
	t.Helper()
	k := assets(t)
	config := k.serverConfig(t)
	config.ClientCAs.AddCert(k.pki.Sub.Cert) // some forms hold no sub CA
	conn, err := dialer(t, k.trust, c).DialTLSContext(t.Context(), "tcp", serveMany(t, config))
	if err != nil {
		t.Error(err)
		return
	}
	_ = conn.Close()
}

func TestCredentialsInVariables(t *testing.T) {
	k := assets(t)
	p12, err := os.ReadFile(filepath.Join(forms(t), "modern.p12"))
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("TEST_CERT", string(k.client.CertPEM()))
	t.Setenv("TEST_KEY", string(k.client.KeyPEM()))
	t.Setenv("TEST_P12", base64.StdEncoding.EncodeToString(p12))
	t.Setenv("TEST_JUNK", "junk, not base64")
	for _, env := range [][]string{{"TEST_CERT", "TEST_KEY"}, {"TEST_P12"}} {
		if _, err := (auth.CredentialsSource{Env: env, Password: known(password)}).Load(); err != nil {
			t.Errorf("%v: %v", env, err)
		}
	}
	t.Setenv("TEST_NONE", base64.StdEncoding.EncodeToString([]byte("junk, but base64")))
	for name, want := range map[string]string{"TEST_ABSENT": "is not set", "TEST_JUNK": "neither PEM nor base64", "TEST_NONE": `"$TEST_NONE": no PEM block`} {
		_, err := (auth.CredentialsSource{Env: []string{name}}).Load()
		if !errors.Is(err, auth.ErrCredentials) || !strings.Contains(fmt.Sprint(err), want) || strings.Contains(fmt.Sprint(err), "junk,") {
			t.Errorf("%s: got %v, want %q", name, err, want)
		}
	}
}

// hours is a bundle whose MAC has an iteration count beyond reason.
func hours(t *testing.T, p12 []byte) []byte {
	t.Helper()
	var pfx struct {
		Version int
		Content asn1.RawValue
		MAC     struct {
			Digest     asn1.RawValue
			Salt       []byte
			Iterations int
		}
	}
	if _, err := asn1.Unmarshal(p12, &pfx); err != nil {
		t.Fatal(err)
	}
	pfx.MAC.Iterations = math.MaxInt32
	return must[[]byte](t)(asn1.Marshal(pfx))
}

func TestFormsThatAreRefused(t *testing.T) {
	t.Parallel()
	dir := forms(t)
	modern := must[[]byte](t)(os.ReadFile(filepath.Join(dir, "modern.p12")))
	if err := os.WriteFile(filepath.Join(dir, "hours.p12"), hours(t, modern), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, file string
		password   func() ([]byte, error)
		want       string
	}{
		{"PKCS#12 without its password", "modern.p12", nil, "no password was given"},
		{"PKCS#12 with another password", "modern.p12", known("battery staple"), "does not open"},
		{"PKCS#12 without a key", "nokey.p12", known(password), "malformed, or has not exactly one key"},
		{"PKCS#8 without its password", "aes.pem", nil, "no password was given"},
		{"PKCS#8 with another password", "aes.pem", known("battery staple"), "does not open"},
		{"DER PKCS#8 with another password", "aes.der", known("battery staple"), "does not open"},
		{"a password that cannot be had", "aes.pem", func() ([]byte, error) { return nil, errors.New(password) }, "no password was given"},
		{"PBES1", "pbes1.pem", known(password), "not supported: convert it first"},
		{"scrypt", "scrypt.pem", known(password), "not supported: convert it first"},
		{"PKCS#12 with a MAC that nobody uses", "mac.p12", known(password), "way that is not supported: export it again"},
		{"PKCS#12 that takes hours to open", "hours.p12", known(password), "way that is not supported: export it again"},
		{"an elliptic-curve key behind a password", "ec.pem", known(password), "the private key is not RSA"},
		{"a traditional encrypted key", "dek.pem", known(password), "traditional way, which is not supported: convert it"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := auth.CredentialsSource{Files: []string{filepath.Join(dir, "cert.pem"), filepath.Join(dir, tt.file)}, Password: tt.password}.Load()
			text := fmt.Sprintf("%v %+v %#v", err, err, err)
			if !errors.Is(err, auth.ErrCredentials) || !strings.Contains(text, tt.want) || !strings.Contains(text, tt.file) {
				t.Errorf("got %v, want %q and %q", err, tt.want, tt.file)
			}
			if strings.Contains(text, password) || strings.Contains(text, "battery") || strings.Contains(text, dir) {
				t.Errorf("the error says too much: %s", text)
			}
		})
	}
}

func TestSignerStandsForTheKey(t *testing.T) {
	t.Parallel()
	k := assets(t)
	c, err := auth.CredentialsSource{Data: [][]byte{k.client.CertPEM()}, Signer: k.client.Key}.Load()
	if err != nil {
		t.Fatal(err)
	}
	connects(t, c)
	for want, data := range map[string][][]byte{
		`more than one private key was given: in "argument 2" and in the signer`: {k.client.CertPEM(), k.client.KeyPEM()},
		"unusable: the private key belongs to none":                              {k.leaf(t, nil).CertPEM()},
	} {
		_, err := (auth.CredentialsSource{Data: data, Signer: k.client.Key}).Load()
		if !errors.Is(err, auth.ErrCredentials) || !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestSourceIsMasked(t *testing.T) {
	t.Parallel()
	k := assets(t)
	s := auth.CredentialsSource{Files: []string{"client.pem"}, Data: [][]byte{k.client.KeyPEM()}, Password: known(password)}
	text := fmt.Sprintf("%v %+v %#v %s", s, s, struct{ S auth.CredentialsSource }{s}, s.LogValue())
	text += string(must[[]byte](t)(json.Marshal(s)))
	if strings.Contains(text, "PRIVATE") || strings.Contains(text, "LS0t") || strings.Contains(text, "45 45 45") || strings.Contains(text, "client.pem") {
		t.Errorf("it shows %s", text)
	}
}

// TestSourceHasAClock: a certificate is judged by it when it is read.
func TestSourceHasAClock(t *testing.T) {
	t.Parallel()
	k := assets(t)
	then := k.client.Cert.NotAfter.AddDate(0, 0, 1)
	_, err := auth.CredentialsSource{Data: [][]byte{k.client.CertPEM(), k.client.KeyPEM()}, Now: func() time.Time { return then }}.Load()
	if !errors.Is(err, auth.ErrCredentials) || !strings.Contains(err.Error(), "expired on") {
		t.Errorf("got %v, want that it is expired", err)
	}
}

// FuzzCredentials: no panic, and no error that holds any of the input.
func FuzzCredentials(f *testing.F) {
	k := assets(f)
	f.Add(k.client.KeyPEM())
	f.Add(k.client.Cert.Raw)
	f.Add([]byte("0\x82\x01\x00\x02\x01\x03"))
	dir := forms(f)
	for _, name := range []string{"modern.p12", "legacy.p12", "mac.p12", "aes.der", "des3.pem", "pbes1.pem", "pkcs1.der"} {
		f.Add(must[[]byte](f)(os.ReadFile(filepath.Join(dir, name))))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := auth.CredentialsSource{Data: [][]byte{k.client.CertPEM(), data}, Password: known(password)}.Load()
		switch {
		case err == nil && c.FQDN() == "":
			t.Error("credentials without a name")
		case err != nil && !errors.Is(err, auth.ErrCredentials):
			t.Errorf("an error of another kind: %v", err)
		}
		const enough = 16
		for i := 0; err != nil && i+enough <= len(data); i++ {
			if strings.Contains(err.Error(), string(data[i:i+enough])) {
				t.Fatalf("the error %q holds the input %q", err, data[i:i+enough])
			}
		}
	})
}
