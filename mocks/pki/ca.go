package pki

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"time"
)

// ErrTemplate is wrapped when crypto/x509 makes no certificate or list of what
// was asked for.
var ErrTemplate = errors.New("crypto/x509 refuses to make it")

// PolicyOID is the certificate policy that Spine's end entities carry
// (security page).
const PolicyOID = "1.2.826.0.1275.101.0.3.1.1"

// CA is a certificate authority. Safe for concurrent use.
type CA struct {
	// Cert is its own certificate.
	Cert *x509.Certificate
	// Key signs what it issues.
	Key crypto.Signer

	issuer *CA // nil for a root
	set    string
	now    func() time.Time

	published Published // named in what it issues
}

// PEM is its certificate in PEM.
func (c *CA) PEM() []byte { return certPEM(c.Cert.Raw) }

// Pool holds its certificate alone.
func (c *CA) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(c.Cert)
	return pool
}

// Issue makes a leaf shaped like those of DIR (security page): subject O=nhs,
// OU=Devices, CN=cn, no subjectAltName, key usage digitalSignature and
// keyEncipherment, extended key usage serverAuth and clientAuth, the policy
// [PolicyOID], valid from an hour ago for two years. edit, which may be nil,
// changes the template before it is signed. An error wraps [ErrTemplate] or
// [ErrBits].
func (c *CA) Issue(cn string, edit func(*x509.Certificate), options ...KeyOption) (*Leaf, error) {
	return c.issue("leaf", cn, edit, options)
}

func (c *CA) issue(keyName, cn string, edit func(*x509.Certificate), options []KeyOption) (*Leaf, error) {
	k, err := choose(c.set, keyName, options)
	if err != nil {
		return nil, err
	}
	template := leafTemplate(cn, c.now())
	c.published.in(template)
	if edit != nil {
		edit(template)
	}
	cert, err := sign(template, c.Cert, k, c.Key)
	if err != nil {
		return nil, err
	}
	return &Leaf{Cert: cert, Key: k, issuer: c}, nil
}

// IssueCA makes a sub CA: cn, path length 0, keyCertSign and cRLSign, valid
// from a day ago for ten years. edit, which may be nil, changes the template.
// An error wraps [ErrTemplate] or [ErrBits].
func (c *CA) IssueCA(cn string, edit func(*x509.Certificate), options ...KeyOption) (*CA, error) {
	k, err := choose(c.set, "ca "+cn, options)
	if err != nil {
		return nil, err
	}
	template := caTemplate(cn, c.now(), 10)
	template.MaxPathLen, template.MaxPathLenZero = 0, true
	c.published.in(template)
	if edit != nil {
		edit(template)
	}
	cert, err := sign(template, c.Cert, k, c.Key)
	if err != nil {
		return nil, err
	}
	return &CA{Cert: cert, Key: k, issuer: c, set: c.set, now: c.now}, nil
}

// CRL is a list of this CA in DER that revokes these certificates, issued an
// hour ago and due at nextUpdate. edit, which may be nil, changes the list
// before it is signed. An error wraps [ErrTemplate].
func (c *CA) CRL(nextUpdate time.Time, edit func(*x509.RevocationList), revoked ...*x509.Certificate) ([]byte, error) {
	issued := c.now().Add(-time.Hour)
	list := &x509.RevocationList{Number: serial(), ThisUpdate: issued, NextUpdate: nextUpdate}
	for _, cert := range revoked {
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries,
			x509.RevocationListEntry{SerialNumber: cert.SerialNumber, RevocationTime: issued})
	}
	if edit != nil {
		edit(list)
	}
	der, err := x509.CreateRevocationList(rand.Reader, list, c.Cert, c.Key)
	if err != nil {
		return nil, fmt.Errorf("pki: a list: %w: %w", ErrTemplate, err)
	}
	return der, nil
}

// SelfSigned makes a leaf as [CA.Issue] does, signed by its own key.
func SelfSigned(cn string, edit func(*x509.Certificate), options ...KeyOption) (*Leaf, error) {
	k, err := choose("", "leaf", options)
	if err != nil {
		return nil, err
	}
	template := leafTemplate(cn, time.Now())
	if edit != nil {
		edit(template)
	}
	cert, err := sign(template, template, k, k)
	if err != nil {
		return nil, err
	}
	return &Leaf{Cert: cert, Key: k}, nil
}

func leafTemplate(cn string, now time.Time) *x509.Certificate {
	template := &x509.Certificate{
		SerialNumber: serial(),
		Subject:      pkix.Name{Organization: []string{"nhs"}, OrganizationalUnit: []string{"Devices"}, CommonName: cn},
		NotBefore:    now.Add(-time.Hour), NotAfter: now.AddDate(2, 0, 0),
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if policy, err := x509.ParseOID(PolicyOID); err == nil {
		template.Policies = []x509.OID{policy}
	}
	return template
}

func caTemplate(cn string, now time.Time, years int) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: serial(),
		Subject:      pkix.Name{Country: []string{"GB"}, Organization: []string{"NHS"}, CommonName: cn},
		NotBefore:    now.AddDate(0, 0, -1), NotAfter: now.AddDate(years, 0, 0),
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, IsCA: true, BasicConstraintsValid: true,
	}
}

func sign(template, parent *x509.Certificate, subject, issuer crypto.Signer) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, subject.Public(), issuer)
	if err != nil {
		return nil, fmt.Errorf("pki: a certificate: %w: %w", ErrTemplate, err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("pki: a certificate: %w: %w", ErrTemplate, err)
	}
	return cert, nil
}

// serial is random, positive and never zero.
func serial() *big.Int {
	var b [15]byte
	_, _ = rand.Read(b[:]) // never fails
	n := new(big.Int).SetBytes(b[:])
	return n.Add(n, big.NewInt(1))
}

func certPEM(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}
