// Package openssl is the TLS engine that speaks all eight cipher suites of
// the governing document, in its order (NRL security guidance); crypto/tls
// has three of them.
//
//	dialer, err := openssl.NewEngine(auth.TLSPolicy{Credentials: creds, Trust: trust})
//	if errors.Is(err, openssl.ErrNotAvailable) {
//		dialer, err = auth.NewGoEngine(…) // three suites of the eight
//	}
//
// It stands on the system's OpenSSL, version 3.0.2 or later of 3, and opens
// libssl.so.3 when the first engine is made. Building needs cgo and a C
// compiler, no headers of OpenSSL. Built without cgo, or for another system
// than Linux, NewEngine gives [ErrNotAvailable].
//
// OpenSSL does the protocol, and decides nothing about the server: its chain
// is judged by [auth.Trust.Verify] alone, also where a session is resumed.
// Until the verdict is there, nothing but the ClientHello leaves this side, so
// neither our certificate nor a byte of a request reaches a server that is
// refused.
//
// openssl.cnf of the system is read as every program on OpenSSL does, its
// providers included; versions, suites, groups, signature algorithms and
// options are set over it and the offer is read back. The own key must be an
// RSA key in memory.
package openssl

import "errors"

// ErrNotAvailable is wrapped by the error of [NewEngine] where this build or
// this system cannot run the engine.
var ErrNotAvailable = errors.New("engine not available")

// ErrKey is wrapped by the error of a dial where the own private key is not an
// *rsa.PrivateKey: one in a device, for example.
var ErrKey = errors.New("the OpenSSL engine needs an RSA key in memory")

// Option is a setting of [NewEngine] and [Version].
type Option func(*options)

type options struct{ folder string }

// Folder takes libssl.so.3 and libcrypto.so.3 from a folder in place of where
// the system looks. A process opens one library: with another folder later,
// the error is [ErrNotAvailable].
func Folder(path string) Option { return func(o *options) { o.folder = path } }

func settle(opts []Option) options {
	var o options
	for _, set := range opts {
		set(&o)
	}
	return o
}
