package client

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/nrlgo/nrlgo/auth"
	"github.com/nrlgo/nrlgo/auth/openssl"
)

// Engine is a TLS engine.
type Engine int

// The engines.
const (
	// EngineOpenSSL, the zero value, requires all eight cipher suites of the
	// governing document and so the system's OpenSSL, version 3.0.2 or later
	// of 3, and a build with cgo. Without them New fails and says so.
	EngineOpenSSL Engine = iota
	// EnginePreferOpenSSL takes OpenSSL where it is there; else it is EngineGo
	// and logs a warning.
	EnginePreferOpenSSL
	// EngineGo is crypto/tls, which has suites 1, 2 and 8 of the eight.
	EngineGo
)

// dialer makes the engine that was chosen.
func (s *settled) dialer() (auth.Dialer, error) {
	p := auth.TLSPolicy{Credentials: s.Credentials, Trust: s.trust, Proxy: s.Proxy, Now: s.Now}
	if s.Engine == EngineGo {
		return auth.NewGoEngine(p)
	}
	d, err := openssl.NewEngine(p, openssl.Folder(s.OpenSSLFolder))
	switch {
	case err == nil || !errors.Is(err, openssl.ErrNotAvailable):
		return d, err
	case s.Engine == EnginePreferOpenSSL:
		if s.Logger != nil {
			s.Logger.Warn("OpenSSL is not available: the Go engine has three of the eight cipher suites", slog.Any("error", err))
		}
		return auth.NewGoEngine(p)
	}
	return nil, fmt.Errorf("Engine: the zero value requires all eight cipher suites: %w: install OpenSSL 3 (libssl.so.3, Debian's package libssl3) "+
		"and build with cgo, or accept three of the eight with client.EngineGo", err)
}
