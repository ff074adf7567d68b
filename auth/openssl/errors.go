//go:build cgo && linux

package openssl

import (
	"crypto/tls"
	"errors"
	"fmt"

	"github.com/nrlgo/nrlgo/auth"
)

// errRenegotiation: crypto/tls, told to refuse it, ends the connection too.
var errRenegotiation = errors.New("openssl: the server asked to renegotiate, which is refused")

// errMalformed stands for a certificate that cannot be read.
var errMalformed = errors.New("a certificate is malformed")

// split gives the alert that the server sent, 0 for none, and otherwise the
// reason of libssl, 0 for an error of libcrypto.
func split(code uint) (alert uint8, r uint) {
	if code>>libOffset&libMask != libSSL {
		return 0, 0
	}
	r = code & reasonMask
	if r >= alertOffset && r <= alertOffset+255 {
		return uint8(r - alertOffset), 0
	}
	return 0, r
}

// plain is an error code without what it means in a handshake. Its text holds
// nothing of the server's.
func plain(code uint) error {
	if alert, _ := split(code); alert != 0 {
		return fmt.Errorf("the server ended it: %w", tls.AlertError(alert))
	}
	return errors.New("OpenSSL: " + reason(code))
}

// reading says what an error code means in a handshake.
func reading(code uint) (alert uint8, err error) {
	alert, r := split(code)
	if err := auth.AlertError(alert); err != nil {
		return alert, err
	}
	switch r {
	case unknownCipher, wrongCipher:
		return 0, auth.ErrNoSuite
	case unsupportedProtocol, unknownVersion, wrongVersion, wrongRecordVersion:
		return 0, auth.ErrNoVersion
	case asn1, certLength:
		return 0, errMalformed
	}
	return alert, plain(code)
}

// broken is an error code on a finished connection.
func broken(code uint) error {
	return fmt.Errorf("openssl: the connection broke: %w", plain(code))
}
