package auth

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
)

// bundle is what a set of sources holds.
type bundle struct {
	certs []*x509.Certificate
	from  []string // the source of each certificate
	keys  []crypto.Signer
	kept  []string // the source of each key, "" for a device
	// password opens an encrypted key; nil when none was given.
	password func() ([]byte, error)
}

var errMalformedKey = errors.New("the private key in it is malformed")

// begin starts a PEM block.
var begin = []byte("-----BEGIN")

// parse reads s, DER or PKCS#12 or every PEM block. pem.Decode passes over a
// block that is damaged; here that is an error, because it may be the one that
// counts. No error holds anything of the content.
func (b *bundle) parse(s source) error {
	if len(s.data) > 0 && s.data[0] == asn1Sequence && !bytes.Contains(s.data, begin) {
		if err := b.parseDER(s); err != nil {
			return fmt.Errorf("file %q: %w", s.name, err)
		}
		return nil
	}
	rest, found := bytes.TrimPrefix(s.data, []byte("\ufeff")), false
	for {
		block, after := pem.Decode(rest)
		if bytes.Count(rest[:len(rest)-len(after)], begin) > 1 || block == nil && bytes.Contains(rest, begin) {
			return fmt.Errorf("file %q: a PEM block is damaged or not closed", s.name)
		}
		if block == nil {
			break
		}
		rest, found = after, true
		if err := b.add(s.name, block); err != nil {
			return fmt.Errorf("file %q: %w", s.name, err)
		}
	}
	if !found {
		return fmt.Errorf("file %q: no PEM block in it", s.name)
	}
	return nil
}

func (b *bundle) add(name string, block *pem.Block) error {
	switch block.Type {
	case "CERTIFICATE", "X509 CERTIFICATE":
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return errors.New("a certificate in it is malformed")
		}
		b.certs, b.from = append(b.certs, c), append(b.from, name)
	case "PRIVATE KEY", "RSA PRIVATE KEY":
		if block.Headers["DEK-Info"] != "" {
			return errors.New("the private key is encrypted in the traditional way, which is not supported: convert it first (openssl pkcs8 -topk8)")
		}
		return b.addKey(name, block.Bytes)
	case "ENCRYPTED PRIVATE KEY":
		k, ok := readEncrypted(block.Bytes)
		if !ok {
			return errMalformedKey
		}
		return b.addEncrypted(name, k)
	case "EC PARAMETERS", "EC PRIVATE KEY":
		return errors.New("an elliptic-curve key: Spine certificates have RSA keys")
	case "TRUSTED CERTIFICATE":
		return errors.New("a certificate with OpenSSL's trust settings, which are not supported: convert it first (openssl x509)")
	case "CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST":
		return errors.New("a certificate request: the certificate that was issued for it is needed")
	default: // passing over it could leave out what its owner believes is in force, such as a CRL
		return errors.New("a PEM block that is neither a certificate nor a private key")
	}
	return nil
}

// asn1Sequence begins every DER text that is read here.
const asn1Sequence = 0x30

// parseDER reads a certificate, a key or a PKCS#12 bundle.
func (b *bundle) parseDER(s source) error {
	if certs, err := x509.ParseCertificates(s.data); err == nil {
		for _, c := range certs {
			b.certs, b.from = append(b.certs, c), append(b.from, s.name)
		}
		return nil
	}
	if k, ok := readEncrypted(s.data); ok {
		return b.addEncrypted(s.name, k)
	}
	var pfx struct {
		Version int
		Content asn1.RawValue
		MAC     asn1.RawValue `asn1:"optional"`
	}
	if whole(s.data, &pfx) && pfx.Version == 3 {
		return b.addPKCS12(s)
	}
	if err := b.addKey(s.name, s.data); !errors.Is(err, errMalformedKey) {
		return err
	}
	return errors.New("it is neither PEM nor a certificate, key or PKCS#12 bundle in DER")
}

// addEncrypted opens a key with the password.
func (b *bundle) addEncrypted(name string, k encryptedKey) error {
	if b.password == nil {
		return errNoPassword
	}
	password, err := b.password()
	if err != nil {
		return errNoPassword
	}
	defer clear(password)
	der, err := k.open(password)
	if err != nil {
		return err
	}
	defer clear(der)
	if err = b.addKey(name, der); errors.Is(err, errMalformedKey) { // padding that fits by chance
		return errPassword
	}
	return err
}

// addKey reads an RSA key in PKCS#8 or PKCS#1. The errors of crypto/x509 are
// dropped: some of them quote their input.
func (b *bundle) addKey(name string, der []byte) error {
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		if key, err = x509.ParsePKCS1PrivateKey(der); err != nil {
			return errMalformedKey
		}
	}
	k, err := rsaKey(key)
	if err == nil {
		b.keys, b.kept = append(b.keys, k), append(b.kept, name)
	}
	return err
}

func rsaKey(key any) (*rsa.PrivateKey, error) {
	k, ok := key.(*rsa.PrivateKey)
	if !ok {
		return nil, errors.New("the private key is not RSA: Spine certificates have RSA keys")
	}
	if err := k.Validate(); err != nil {
		return nil, errors.New("the private key in it is inconsistent")
	}
	return k, nil
}
