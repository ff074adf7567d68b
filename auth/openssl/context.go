//go:build cgo && linux

package openssl

import (
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/nrlgo/nrlgo/auth"
)

const (
	groups = "P-256:X25519:P-384:P-521"
	// sigalgs have no SHA-1, SHA-224 or DSA. PKCS#1 comes first: it is what
	// every server of TLS 1.2 has.
	sigalgs = "RSA+SHA256:RSA+SHA384:RSA+SHA512:RSA-PSS+SHA256:RSA-PSS+SHA384:RSA-PSS+SHA512"
	// keylogVersion is the first OpenSSL that can be built to write session
	// keys to the file that SSLKEYLOGFILE names.
	keylogVersion = 0x30500000
)

var errNoLink = errors.New("OpenSSL made no connection object: no memory, or the name of the host is unusable")

// ciphers is the list for OpenSSL. Its security level, which openssl.cnf may
// raise, is that which takes RSA and DH of 2048 bits and no SHA-1.
func ciphers() string {
	var names []string
	for _, s := range auth.Suites() {
		names = append(names, s.OpenSSL)
	}
	return strings.Join(names, ":") + ":@SECLEVEL=2"
}

// policyContext makes a context that offers what the governing document says
// and nothing else. Its error wraps ErrNotAvailable.
func policyContext(version uint) (tlsContext, error) {
	if version >= keylogVersion && os.Getenv("SSLKEYLOGFILE") != "" {
		return tlsContext{}, fmt.Errorf("openssl: %w: SSLKEYLOGFILE is set, and this OpenSSL may write session keys there", ErrNotAvailable)
	}
	c, err := newContext(ciphers(), groups, sigalgs, auth.Suites())
	if err != nil {
		return tlsContext{}, fmt.Errorf("openssl: %w: this OpenSSL cannot carry out the policy: %w", ErrNotAvailable, err)
	}
	return c, nil
}

// ownContext is a context with our certificate. What is wrong with that wraps
// auth.ErrCredentials.
func ownContext(cert *tls.Certificate) (tlsContext, error) {
	key, ok := cert.PrivateKey.(*rsa.PrivateKey)
	if !ok {
		return tlsContext{}, fmt.Errorf("%w: %w", auth.ErrCredentials, ErrKey)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return tlsContext{}, fmt.Errorf("%w: the key is damaged", auth.ErrCredentials)
	}
	defer clear(der)
	c, err := policyContext(version())
	if err != nil {
		return tlsContext{}, err
	}
	if err := c.own(cert.Certificate, der); err != nil {
		c.free()
		return tlsContext{}, fmt.Errorf("%w: OpenSSL refuses it: %w", auth.ErrCredentials, err)
	}
	return c, nil
}
