//go:build cgo && linux

package openssl

import (
	"crypto"
	"crypto/rsa"
	"crypto/tls"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nrlgo/nrlgo/auth"
	"github.com/nrlgo/nrlgo/mocks/pki"
)

func loaded(t *testing.T) {
	t.Helper()
	if err := load(""); err != nil {
		t.Fatal(err)
	}
}

// TestTheOfferIsReadBack: OpenSSL takes a list with an unknown name, in
// another order, or with more than was asked for, and says nothing.
func TestTheOfferIsReadBack(t *testing.T) {
	t.Parallel()
	loaded(t)
	want := auth.Suites()
	names := make([]string, len(want))
	for i, s := range want {
		names[i] = s.OpenSSL
	}
	swapped := append([]string{names[1], names[0]}, names[2:]...)
	for name, tt := range map[string]struct {
		list []string
		ok   bool
	}{
		"as documented":    {names, true},
		"a name unknown":   {append([]string{"ECDHE-RSA-AES257-GCM-SHA384"}, names[1:]...), false},
		"one missing":      {names[:7], false},
		"one more":         {append(names[:8:8], "AES256-SHA"), false},
		"another order":    {swapped, false},
		"one in its place": {append([]string{"AES256-SHA"}, names[1:]...), false},
	} {
		c, err := newContext(strings.Join(tt.list, ":")+":@SECLEVEL=2", groups, sigalgs, want)
		if (err == nil) != tt.ok {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil {
			c.free()
		}
	}
	for name, args := range map[string][3]string{
		"no suite at all":      {"NONE", groups, sigalgs},
		"an unknown group":     {ciphers(), "P-257", sigalgs},
		"an unknown algorithm": {ciphers(), groups, "RSA+SHA257"},
	} {
		if _, err := newContext(args[0], args[1], args[2], want); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// signer is a key that does not leave its device.
type signer struct{ crypto.Signer }

func TestOwnContext(t *testing.T) {
	t.Parallel()
	loaded(t)
	p, err := pki.New(pki.Options{})
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := p.Client("consumer.example.nhs.uk")
	if err != nil {
		t.Fatal(err)
	}
	other, err := p.Server("localhost")
	if err != nil {
		t.Fatal(err)
	}
	good := leaf.TLS()
	for name, tt := range map[string]struct {
		chain [][]byte
		key   crypto.PrivateKey
		want  error
	}{
		"ours":                           {good.Certificate, leaf.Key, nil},
		"a key in a device":              {good.Certificate, signer{leaf.Key}, ErrKey},
		"the key of another":             {good.Certificate, other.Key, auth.ErrCredentials},
		"a malformed certificate":        {[][]byte{{0x30}}, leaf.Key, auth.ErrCredentials},
		"a malformed one in the chain":   {[][]byte{good.Certificate[0], {0x30}}, leaf.Key, auth.ErrCredentials},
		"an RSA key that is none at all": {good.Certificate, new(rsa.PrivateKey), auth.ErrCredentials},
	} {
		c, err := ownContext(&tls.Certificate{Certificate: tt.chain, PrivateKey: tt.key})
		if !errors.Is(err, tt.want) || tt.want != nil && !errors.Is(err, auth.ErrCredentials) {
			t.Errorf("%s: got %v, want %v", name, err, tt.want)
		}
		if err == nil {
			c.free()
		}
	}
}

func TestLoad(t *testing.T) {
	t.Parallel()
	loaded(t)
	if text, err := Version(); err != nil || !strings.HasPrefix(text, "OpenSSL 3.") {
		t.Errorf("got %q, %v", text, err)
	}
	if _, err := Version(Folder(t.TempDir())); !errors.Is(err, ErrNotAvailable) || !strings.Contains(err.Error(), "another folder") {
		t.Errorf("a second folder: got %v, want ErrNotAvailable", err)
	}
}

// TestOpen looks at libraries that are not to be used; what is loaded already
// stays as it was.
func TestOpen(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "libcrypto.so.3"), []byte("no library"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct{ folder, want string }{
		"nothing there":      {t.TempDir(), "cannot open shared object file"},
		"not a library":      {dir, "libcrypto.so.3"},
		"where we are":       {".", "cannot open shared object file"},
		"a folder not there": {filepath.Join(dir, "absent"), "cannot open shared object file"},
	} {
		err := open(tt.folder)
		if !errors.Is(err, ErrNotAvailable) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want ErrNotAvailable and %q", name, err, tt.want)
		}
	}
}

// TestKeyLogIsRefused where OpenSSL can write one; there is no call to turn it
// off.
func TestKeyLogIsRefused(t *testing.T) {
	loaded(t)
	t.Setenv("SSLKEYLOGFILE", filepath.Join(t.TempDir(), "keys"))
	if _, err := policyContext(keylogVersion); !errors.Is(err, ErrNotAvailable) || !strings.Contains(err.Error(), "SSLKEYLOGFILE") {
		t.Errorf("OpenSSL 3.5: got %v, want ErrNotAvailable", err)
	}
	c, err := policyContext(keylogVersion - 1)
	if err != nil {
		t.Fatalf("OpenSSL 3.4: %v", err)
	}
	c.free()
}
