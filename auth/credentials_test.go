package auth_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nrlgo/nrlgo/auth"
	"github.com/nrlgo/nrlgo/auth/revocation"
	"github.com/nrlgo/nrlgo/mocks/pki"
)

// write puts files into a fresh folder and gives their paths.
func write(t *testing.T, files ...[]byte) []string {
	t.Helper()
	dir := t.TempDir()
	var paths []string
	for i, data := range files {
		p := filepath.Join(dir, fmt.Sprintf("f%d.pem", i))
		if err := os.WriteFile(p, data, 0o600); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, p)
	}
	return paths
}

func TestLoadCredentials(t *testing.T) {
	t.Parallel()
	a := assets(t)
	leaf, sub, root := a.client.CertPEM(), a.pki.Sub.PEM(), a.pki.Root.PEM()
	before := must[*pki.Leaf](t)(a.pki.Issue("consumer.example.nhs.uk", expired, pki.Key(a.client.Key)))
	for _, tt := range []struct {
		name  string
		files [][]byte
		chain int
	}{
		{"certificate and PKCS#8 key in two files", [][]byte{leaf, a.client.KeyPEM()}, 1},
		{"certificate and PKCS#1 key", [][]byte{leaf, a.client.PKCS1PEM()}, 1},
		{"key before certificate", [][]byte{a.client.KeyPEM(), leaf}, 1},
		{"four files: certificate, key, root, sub CA", [][]byte{leaf, a.client.KeyPEM(), root, sub}, 2},
		{"one file with everything, the certificate last", [][]byte{bytes.Join([][]byte{root, sub, a.client.KeyPEM(), leaf}, nil)}, 2},
		{"a file that begins with a byte order mark", [][]byte{append([]byte("\ufeff"), leaf...), a.client.KeyPEM()}, 1},
		{"lines that end as in Windows", [][]byte{bytes.ReplaceAll(leaf, []byte("\n"), []byte("\r\n")), a.client.KeyPEM()}, 1},
		{"a renewed certificate behind the expired one of the same key", [][]byte{before.CertPEM(), leaf, a.client.KeyPEM()}, 1},
		{"a renewed certificate before the expired one of the same key", [][]byte{leaf, before.CertPEM(), a.client.KeyPEM()}, 1},
		{"text between the blocks", [][]byte{append([]byte("issued for us\n"), leaf...), a.client.KeyPEM()}, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, err := auth.LoadCredentials(write(t, tt.files...)...)
			if err != nil {
				t.Fatal(err)
			}
			pair, err := c.Certificate(daysAhead(0))
			if err != nil {
				t.Fatal(err)
			}
			if len(pair.Certificate) != tt.chain || !bytes.Equal(pair.Certificate[0], a.client.Cert.Raw) {
				t.Errorf("%d certificates are sent, want %d, ours first", len(pair.Certificate), tt.chain)
			}
			if c.FQDN() != "consumer.example.nhs.uk" {
				t.Errorf("FQDN %q", c.FQDN())
			}
		})
	}
}

func TestLoadCredentialsRefused(t *testing.T) {
	t.Parallel()
	a := assets(t)
	cert, key := a.client.CertPEM(), a.client.KeyPEM()
	other := a.leaf(t, nil)
	old := a.leaf(t, func(c *x509.Certificate) { c.NotBefore, c.NotAfter = daysAhead(-9), daysAhead(-1) })
	weak := must[*pki.Leaf](t)(a.pki.Issue("x", nil, pki.RSA(1024)))
	caKey := (&pki.Leaf{Key: a.pki.Sub.Key}).KeyPEM()
	old1 := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-256-CBC,00"}, Bytes: []byte("junk")})
	early := a.leaf(t, func(c *x509.Certificate) { c.NotBefore = daysAhead(1) })
	for _, tt := range []struct {
		name  string
		files [][]byte
		want  string
	}{
		{"no key", [][]byte{cert}, "no private key"},
		{"no certificate", [][]byte{key}, "no certificate"},
		{"two keys", [][]byte{cert, key, key}, `more than one private key was given: in "f1.pem" and in "f2.pem"`},
		{"the key of another certificate", [][]byte{a.pki.Sub.PEM(), key}, `file "f1.pem": the private key belongs to none`},
		{"expired", [][]byte{old.CertPEM(), old.KeyPEM()}, "expired on"},
		{"not yet valid", [][]byte{early.CertPEM(), early.KeyPEM()}, "not valid before"},
		{"empty file", [][]byte{cert, {}}, `"f1.pem": no PEM block`},
		{"a DER certificate without its key", [][]byte{other.TLS().Certificate[0]}, "no private key was given"},
		{"DER that is cut", [][]byte{other.TLS().Certificate[0][:100], key}, `"f0.pem": it is neither PEM nor a certificate`},
		{"block cut in the middle", [][]byte{cert, key[:len(key)/2]}, `"f1.pem"`},
		{"malformed certificate", [][]byte{block("CERTIFICATE", []byte("junk")), key}, `"f0.pem": a certificate in it is malformed`},
		{"malformed key", [][]byte{cert, block("PRIVATE KEY", []byte("junk"))}, `"f1.pem": the private key in it is malformed`},
		{"malformed PKCS#1 key", [][]byte{cert, block("RSA PRIVATE KEY", []byte("junk"))}, `"f1.pem": the private key in it is malformed`},
		{"malformed encrypted key", [][]byte{cert, block("ENCRYPTED PRIVATE KEY", []byte("junk"))}, `"f1.pem": the private key in it is malformed`},
		{"encrypted key as OpenSSL 1 wrote it", [][]byte{cert, old1}, "encrypted"},
		{"a PKCS#8 key that is no RSA key", [][]byte{cert, ecPEM(t)}, "is not RSA"},
		{"RSA 1024", [][]byte{weak.CertPEM(), weak.KeyPEM()}, "not RSA of at least 2048 bits"},
		{"the key of a CA", [][]byte{a.pki.Sub.PEM(), caKey}, "is a CA certificate"},
		{"a damaged block before a good one", [][]byte{append(damaged(cert), cert...), key}, `"f0.pem": a PEM block is damaged`},
		{"a request in place of the certificate", [][]byte{block("CERTIFICATE REQUEST", []byte("junk")), key}, `"f0.pem": a certificate request`},
		{"a certificate with OpenSSL's trust settings", [][]byte{block("TRUSTED CERTIFICATE", []byte("junk")), key}, "trust settings"},
		{"a block of another kind", [][]byte{cert, key, block("OPENSSH PRIVATE KEY", []byte("junk"))}, `"f2.pem": a PEM block that is neither`},
		{"longer than 1 MiB", [][]byte{cert, make([]byte, 1<<20+1)}, `"f1.pem": longer than 1 MiB`},
		{"elliptic-curve key", [][]byte{cert, block("EC PRIVATE KEY", []byte("junk"))}, "RSA"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := auth.LoadCredentials(write(t, tt.files...)...)
			if !errors.Is(err, auth.ErrCredentials) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want ErrCredentials and %q", err, tt.want)
			}
			if err != nil && (strings.Contains(err.Error(), "junk") || strings.Contains(err.Error(), string(os.PathSeparator)+"f")) {
				t.Errorf("the error holds content or a path: %v", err)
			}
		})
	}
	t.Run("missing file", func(t *testing.T) {
		t.Parallel()
		_, err := auth.LoadCredentials(filepath.Join(t.TempDir(), "absent.pem"))
		if !errors.Is(err, auth.ErrCredentials) || !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), `"absent.pem"`) {
			t.Errorf("got %v", err)
		}
	})
}

// damaged is a PEM text with one character that base64 has not.
func damaged(p []byte) []byte {
	out := bytes.Clone(p)
	out[len(out)/2] = '!'
	return out
}

func ecPEM(t *testing.T) []byte {
	t.Helper()
	return (&pki.Leaf{Key: must[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))}).KeyPEM()
}

func block(kind string, data []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: data})
}

func TestCredentialsPrintNoKey(t *testing.T) {
	t.Parallel()
	a := assets(t)
	secrets := a.secrets(t)
	holder := struct {
		Pointer *auth.Credentials
		hidden  *auth.Credentials
		Value   auth.Credentials
	}{a.creds, a.creds, *a.creds}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d", "%x", "%q"} {
		for _, v := range []any{a.creds, *a.creds, holder, &holder, []any{a.creds}} {
			if leaks(fmt.Sprintf(verb, v), secrets) {
				t.Errorf("%s of %T prints the key", verb, v)
			}
		}
	}
	out, err := json.Marshal(holder)
	if err != nil || leaks(string(out), secrets) {
		t.Errorf("encoding/json prints the key, or fails: %v", err)
	}
	var logged strings.Builder
	slog.New(slog.NewTextHandler(&logged, nil)).Info("x", "creds", a.creds)
	want := "credentials of consumer.example.nhs.uk until " + a.client.Cert.NotAfter.UTC().Format("2006-01-02 15:04 MST")
	for _, text := range []string{fmt.Sprintf("%+v", a.creds), fmt.Sprintf("%#v", a.creds), string(out), logged.String()} {
		if !strings.Contains(text, want) {
			t.Errorf("prints as %q, want %q", text, want)
		}
	}
	for name, text := range map[string]string{"fmt": fmt.Sprintf("%+v", a.client.Key), "fmt in hexadecimal": fmt.Sprintf("%x", a.client.Key)} {
		if !leaks(text, secrets) {
			t.Errorf("%s of a bare key holds none of the secrets: the test sees nothing", name)
		}
	}
}

// TestCredentialsThatWereNotLoaded: the zero value is an error, not a panic.
func TestCredentialsThatWereNotLoaded(t *testing.T) {
	t.Parallel()
	var zero auth.Credentials
	if _, err := zero.Certificate(daysAhead(0)); !errors.Is(err, auth.ErrCredentials) {
		t.Errorf("got %v, want ErrCredentials", err)
	}
	if got := fmt.Sprint(&zero); got != "no credentials" {
		t.Errorf("prints as %q", got)
	}
}

func leaks(text string, secrets []string) bool {
	return slices.ContainsFunc(secrets, func(s string) bool { return strings.Contains(text, s) })
}

func TestLoadTrust(t *testing.T) {
	t.Parallel()
	a := assets(t)
	root, sub := a.pki.Root.PEM(), a.pki.Sub.PEM()
	for _, tt := range []struct {
		name  string
		files [][]byte
		is    error
		want  string
	}{
		{"sub CA as the only anchor", [][]byte{sub}, auth.ErrNoAnchor, "a sub CA is no anchor"},
		{"no file", nil, nil, "no file"},
		{"a server's certificate among them", [][]byte{root, a.client.CertPEM()}, nil, `"f1.pem" holds a certificate that is not a CA's`},
		{"a private key among them", [][]byte{root, a.client.KeyPEM()}, nil, "a private key"},
		{"malformed", [][]byte{root, block("CERTIFICATE", []byte("junk"))}, nil, `"f1.pem"`},
		{"a damaged root before a good sub CA", [][]byte{root, append(damaged(root), sub...)}, nil, `"f1.pem": a PEM block is damaged`},
		{"a list of revoked certificates, which would not be used", [][]byte{root, block("X509 CRL", []byte("junk"))}, nil, `"f1.pem": a PEM block that is neither`},
		{"a self-signed certificate that is not a CA's", [][]byte{root, block("CERTIFICATE", a.selfSigned(t).Certificate[0])}, nil, `"f1.pem" holds a certificate that is not a CA's`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := auth.LoadTrust(write(t, tt.files...)...)
			if err == nil || !strings.Contains(err.Error(), tt.want) || tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
	t.Run("root and sub CA in one file", func(t *testing.T) {
		t.Parallel()
		trust, err := auth.LoadTrust(write(t, append(sub, root...))...)
		if err != nil {
			t.Fatal(err)
		}
		if len(trust.Anchors()) != 1 || len(trust.SubCAs()) != 1 {
			t.Errorf("%d anchors and %d sub CAs, want one of each", len(trust.Anchors()), len(trust.SubCAs()))
		}
	})
}

func TestTrustIsUnusable(t *testing.T) {
	t.Parallel()
	a := assets(t)
	off := a.trust.WithRevocation(revocation.Off("test"))
	for _, tt := range []struct {
		name  string
		trust *auth.Trust
		want  error
	}{
		{"revocation by nobody", a.trust.WithRevocation(nil).WithClock(inYears(50)), auth.ErrNoAnchor},
		{"revocation off without a reason", a.trust.WithRevocation(revocation.Off(" ")), revocation.ErrReason},
		{"every root expired", off.WithClock(inYears(50)), auth.ErrNoAnchor},
		{"every root not yet valid", off.WithClock(inYears(-50)), auth.ErrNoAnchor},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if err := tt.trust.Usable(); !errors.Is(err, tt.want) {
				t.Errorf("Usable: got %v, want %v", err, tt.want)
			}
			if _, err := tt.trust.Verify(t.Context(), "localhost", a.chain(t), nil); err == nil {
				t.Error("Verify accepted a server")
			}
		})
	}
}

// TestPublishedAnchors reads the real Spine bundles.
func TestPublishedAnchors(t *testing.T) {
	t.Parallel()
	dir := os.Getenv("NRL_FIXTURES")
	if dir == "" {
		t.Skip("NRL_FIXTURES is not set: the published CA bundles are not part of the project")
	}
	for _, env := range []string{"live", "int", "dep"} {
		trust, err := auth.LoadTrust(filepath.Join(dir, "pki", "nhs-"+env+"-ca-bundle.pem"))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, c := range trust.Anchors() {
			got = append(got, c.Subject.CommonName)
		}
		want := []string{"NHS PTL Root Authority G2", "NHS PTL Root Authority"}
		if env == "live" {
			want = []string{"NHS Root Authority G2", "NHS Root Authority"}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s anchors (-want +got):\n%s", env, diff)
		}
		if len(trust.SubCAs()) != 2 {
			t.Errorf("%s: %d sub CAs, want 2", env, len(trust.SubCAs()))
		}
	}
}
