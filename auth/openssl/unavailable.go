//go:build !cgo || !linux

package openssl

import (
	"fmt"

	"github.com/nrlgo/nrlgo/auth"
)

// NewEngine gives the error of [auth.TLSPolicy.Check], or one that wraps
// [ErrNotAvailable]: this build has no OpenSSL engine.
func NewEngine(p auth.TLSPolicy, opts ...Option) (auth.Dialer, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	_, err := Version(opts...)
	return nil, err
}

// Version gives an error that wraps [ErrNotAvailable].
func Version(opts ...Option) (string, error) {
	_ = settle(opts)
	return "", fmt.Errorf("openssl: %w: it needs cgo and Linux", ErrNotAvailable)
}
