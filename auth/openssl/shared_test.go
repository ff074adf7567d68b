//go:build cgo && linux

package openssl_test

import (
	"testing"

	"github.com/nrlgo/nrlgo/auth/internal/enginetest"
)

// TestChains is the table of certificates that must be refused or accepted, in
// both directions, with the error at both ends.
func TestChains(t *testing.T) {
	t.Parallel()
	enginetest.Chains(t, engines["openssl"])
}

// TestRevocation has servers of OpenSSL.
func TestRevocation(t *testing.T) {
	t.Parallel()
	enginetest.Revocation(t, engines["openssl"])
}

// TestLive: open connections are judged again.
func TestLive(t *testing.T) {
	t.Parallel()
	enginetest.Live(t, engines["openssl"])
}
