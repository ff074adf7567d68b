package auth

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"errors"
	"fmt"
)

// authorities are the CA certificates of a moment.
type authorities struct {
	anchors []*x509.Certificate
	roots   *x509.CertPool // the anchors
	subs    []*x509.Certificate
}

// parseAuthorities reads CA certificates; the error is the cause of LoadTrust's.
func parseAuthorities(src []source) (*authorities, error) {
	var b bundle
	for _, s := range src {
		if err := b.parse(s); err != nil {
			return nil, err
		}
	}
	if len(b.keys) > 0 {
		return nil, errors.New("a private key is among them")
	}
	a := &authorities{roots: x509.NewCertPool()}
	for i, c := range b.certs {
		if !c.BasicConstraintsValid || !c.IsCA {
			return nil, fmt.Errorf("file %q holds a certificate that is not a CA's", b.from[i])
		}
		if anchor(c) {
			a.anchors = append(a.anchors, c)
			a.roots.AddCert(c)
		} else {
			a.subs = append(a.subs, c)
		}
	}
	if len(a.anchors) == 0 {
		return nil, fmt.Errorf("%w: none is a self-signed root; a sub CA is no anchor", ErrNoAnchor)
	}
	return a, nil
}

// anchor reports whether c is self-signed; that it names itself as issuer is
// not enough. SHA-1 counts here and nowhere else, because the G1 roots have it
// (Spine PKI).
func anchor(c *x509.Certificate) bool {
	return bytes.Equal(c.RawIssuer, c.RawSubject) && signed(c, c)
}

// signedSHA1 reports whether the key of ca signed c with SHA-1, which
// crypto/x509 does not verify any more.
func signedSHA1(c, ca *x509.Certificate) bool {
	pub, ok := ca.PublicKey.(*rsa.PublicKey)
	h := sha1.New()
	if _, err := h.Write(c.RawTBSCertificate); err != nil || !ok { // an error in FIPS 140-3 mode
		return false
	}
	return rsa.VerifyPKCS1v15(pub, crypto.SHA1, h.Sum(nil), c.Signature) == nil
}

// authorities are the CA certificates of now; none for a Trust that was not
// loaded.
func (t *Trust) authorities() *authorities {
	if t.cas == nil {
		return &authorities{}
	}
	return t.cas.get()
}
