package auth

import (
	"crypto/x509"
	"encoding/asn1"
	"errors"

	"software.sslmate.com/src/go-pkcs12"
)

// What is said of a PKCS#12 bundle.
var (
	errBundle       = errors.New("the PKCS#12 bundle is malformed, or has not exactly one key")
	errBundleScheme = errors.New("the PKCS#12 bundle is protected in a way that is not supported: export it again (openssl pkcs12 -export)")
)

// maxDepth bounds how deep a bundle is nested; certificates in one need some thirty.
const maxDepth = 100

// addPKCS12 reads a bundle of key, certificate and CA certificates. Without a
// password it is opened with the empty one.
func (b *bundle) addPKCS12(s source) error {
	if !countsFit(s.data, 0) {
		return errBundleScheme
	}
	var password []byte
	if b.password != nil {
		var err error
		if password, err = b.password(); err != nil {
			return errNoPassword
		}
		defer clear(password)
	}
	key, leaf, cas, err := pkcs12.DecodeChain(s.data, string(password))
	if err != nil { // the library's texts may quote the bundle
		_, scheme := errors.AsType[pkcs12.NotImplementedError](err)
		switch wrong := errors.Is(err, pkcs12.ErrIncorrectPassword); {
		case wrong && b.password == nil:
			return errNoPassword
		case wrong:
			return errPassword
		case scheme:
			return errBundleScheme
		}
		return errBundle
	}
	k, err := rsaKey(key)
	if err != nil {
		return err
	}
	b.keys, b.kept = append(b.keys, k), append(b.kept, s.name)
	for _, c := range append([]*x509.Certificate{leaf}, cas...) {
		b.certs, b.from = append(b.certs, c), append(b.from, s.name)
	}
	return nil
}

// countsFit reports whether no iteration count that lies open in a bundle is
// above maxIterations: the library would compute for hours. A count is an
// INTEGER behind an OCTET STRING, the salt (RFC 7292, RFC 8018).
func countsFit(der []byte, depth int) bool {
	if depth > maxDepth {
		return false
	}
	salt := false
	for len(der) > 0 {
		var v asn1.RawValue
		rest, err := asn1.Unmarshal(der, &v)
		if err != nil {
			return true // the library says what is wrong with it
		}
		octets := v.Class == asn1.ClassUniversal && v.Tag == asn1.TagOctetString
		number := v.Class == asn1.ClassUniversal && v.Tag == asn1.TagInteger
		switch nested := octets && len(v.Bytes) > 0 && v.Bytes[0] == asn1Sequence; {
		case (v.IsCompound || nested) && !countsFit(v.Bytes, depth+1):
			return false
		case salt && number:
			var n int
			if !whole(v.FullBytes, &n) || n > maxIterations {
				return false
			}
		}
		salt, der = octets, rest
	}
	return true
}
