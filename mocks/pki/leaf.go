package pki

import (
	"crypto"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
)

// Leaf is an end-entity certificate with its key. Safe for concurrent use.
type Leaf struct {
	// Cert is the certificate.
	Cert *x509.Certificate
	// Key is its private key.
	Key crypto.Signer

	issuer *CA // nil when self-signed
}

// TLS is the leaf with its sub CAs, as a server or client should send it.
func (l *Leaf) TLS() tls.Certificate {
	c := l.TLSAlone()
	for ca := l.issuer; ca != nil && ca.issuer != nil; ca = ca.issuer {
		c.Certificate = append(c.Certificate, ca.Cert.Raw)
	}
	return c
}

// TLSAlone is the leaf without its sub CAs: what some servers send.
func (l *Leaf) TLSAlone() tls.Certificate {
	return tls.Certificate{Certificate: [][]byte{l.Cert.Raw}, PrivateKey: l.Key, Leaf: l.Cert}
}

// CertPEM is the certificate in PEM.
func (l *Leaf) CertPEM() []byte { return certPEM(l.Cert.Raw) }

// ChainPEM is the certificate and its sub CAs in PEM, leaf first, no root.
func (l *Leaf) ChainPEM() []byte {
	var out []byte
	for _, der := range l.TLS().Certificate {
		out = append(out, certPEM(der)...)
	}
	return out
}

// KeyPEM is the key as PKCS#8 in PEM; nil for a key that cannot be written,
// such as one in a device.
func (l *Leaf) KeyPEM() []byte {
	der, err := x509.MarshalPKCS8PrivateKey(l.Key)
	if err != nil {
		return nil
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// PKCS1PEM is the key as PKCS#1 in PEM; nil when it is no RSA key.
func (l *Leaf) PKCS1PEM() []byte {
	k, ok := l.Key.(*rsa.PrivateKey)
	if !ok {
		return nil
	}
	return pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(k)})
}
