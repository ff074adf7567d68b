//go:build cgo && linux

package openssl

import (
	"crypto/tls"
	"errors"
	"fmt"

	"github.com/nrlgo/nrlgo/auth"
)

// reading says what an error code of OpenSSL means: the alert that the server
// sent, 0 for none, and an error, whose text holds nothing of the server's.
func reading(code uint) (alert uint8, err error) {
	r := code & reasonMask
	if code>>libOffset&libMask != libSSL {
		return 0, errors.New("OpenSSL: " + reason(code))
	}
	if r >= alertOffset && r <= alertOffset+255 {
		alert = uint8(r - alertOffset)
		if err := auth.AlertError(alert); err != nil {
			return alert, err
		}
		return alert, fmt.Errorf("the server ended it: %w", tls.AlertError(alert))
	}
	switch r {
	case unknownCipher, wrongCipher:
		return 0, auth.ErrNoSuite
	case unsupportedProtocol, unknownVersion, wrongVersion, wrongRecordVersion:
		return 0, auth.ErrNoVersion
	}
	return 0, errors.New("OpenSSL: " + reason(code))
}
