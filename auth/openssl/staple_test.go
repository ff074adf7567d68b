//go:build cgo && linux

package openssl_test

import (
	"crypto"
	"crypto/x509"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"github.com/nrlgo/nrlgo/auth/revocation"
	"github.com/nrlgo/nrlgo/mocks/pki"
)

// staple is an OCSP answer that a server's certificate is good.
func (k *kit) staple(tb testing.TB, leaf *x509.Certificate) []byte {
	tb.Helper()
	request := must[[]byte](tb)(ocsp.CreateRequest(leaf, k.pki.Sub.Cert, &ocsp.RequestOptions{Hash: crypto.SHA1}))
	good := func(*pki.CA, *big.Int) time.Time { return time.Time{} }
	return must[[]byte](tb)(pki.OCSP(request, time.Now().Add(time.Hour), good, k.pki.Sub))
}

// hard is a check that knows of the sub CA from a file, and of a server only
// what it staples.
func (k *kit) hard(tb testing.TB) *revocation.Checker {
	tb.Helper()
	list := must[[]byte](tb)(k.pki.Root.CRL(time.Now().Add(time.Hour), nil))
	path := filepath.Join(tb.TempDir(), "root.crl")
	if err := os.WriteFile(path, list, 0o600); err != nil {
		tb.Fatal(err)
	}
	c := must[*revocation.Checker](tb)(revocation.New(revocation.Config{Lists: []string{path}}))
	tb.Cleanup(c.Close)
	return c
}
