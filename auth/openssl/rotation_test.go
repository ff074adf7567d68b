//go:build cgo && linux

package openssl_test

import (
	"testing"

	"github.com/nrlgo/nrlgo/auth/internal/enginetest"
)

func TestRotation(t *testing.T) {
	t.Parallel()
	enginetest.Rotation(t, engines["openssl"])
}
