//go:build !cgo || !linux

package openssl_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/nrlgo/nrlgo/auth"
	"github.com/nrlgo/nrlgo/auth/openssl"
	"github.com/nrlgo/nrlgo/auth/revocation"
	"github.com/nrlgo/nrlgo/mocks/pki"
)

func TestWithoutTheEngine(t *testing.T) {
	t.Parallel()
	p, err := pki.New(pki.Options{})
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := p.Client("consumer.example.nhs.uk")
	if err != nil {
		t.Fatal(err)
	}
	creds, err := auth.ParseCredentials(leaf.ChainPEM(), leaf.KeyPEM())
	if err != nil {
		t.Fatal(err)
	}
	trust, err := auth.ParseTrust(p.BundlePEM())
	if err != nil {
		t.Fatal(err)
	}
	policy := auth.TLSPolicy{Credentials: creds, Trust: trust.WithRevocation(revocation.Off("test"))}
	if d, err := openssl.NewEngine(policy, openssl.Folder("/usr/lib")); d != nil || !errors.Is(err, openssl.ErrNotAvailable) {
		t.Errorf("got %v, %v, want ErrNotAvailable", d, err)
	}
	if _, err := openssl.NewEngine(auth.TLSPolicy{}); err == nil || !strings.Contains(err.Error(), "Credentials is missing") {
		t.Errorf("a policy without credentials: got %v", err)
	}
	if _, err := openssl.Version(); !errors.Is(err, openssl.ErrNotAvailable) {
		t.Errorf("got %v, want ErrNotAvailable", err)
	}
}
