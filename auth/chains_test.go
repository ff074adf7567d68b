package auth_test

import (
	"testing"

	"github.com/nrlgo/nrlgo/auth"
	"github.com/nrlgo/nrlgo/auth/internal/enginetest"
)

// TestChains is the table of certificates that must be refused or accepted, in
// both directions, with the error at both ends.
func TestChains(t *testing.T) {
	t.Parallel()
	enginetest.Chains(t, auth.NewGoEngine)
}

// TestRevocation has servers of OpenSSL.
func TestRevocation(t *testing.T) {
	t.Parallel()
	enginetest.Revocation(t, auth.NewGoEngine)
}

// TestRotation replaces our certificate under load.
func TestRotation(t *testing.T) {
	t.Parallel()
	enginetest.Rotation(t, auth.NewGoEngine)
}

// TestLive: open connections are judged again.
func TestLive(t *testing.T) {
	t.Parallel()
	enginetest.Live(t, auth.NewGoEngine)
}
