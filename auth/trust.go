package auth

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/nrlgo/nrlgo/auth/revocation"
)

// minRSABits is the least RSA key that is accepted anywhere in a chain, ours
// included. x509.Certificate.Verify alone accepts 512 bits.
const minRSABits = 2048

// ErrNoAnchor is wrapped by the error for a CA bundle without a usable root:
// none that is self-signed, or all of them expired.
var ErrNoAnchor = errors.New("no usable trust anchor")

// Trust decides whether a server is who it should be. The anchors are only
// the roots it was given; sub CAs are intermediates, which servers may leave
// out, and never anchors by themselves. Safe for concurrent use; the With
// methods give changed copies.
type Trust struct {
	anchors    []*x509.Certificate
	roots      *x509.CertPool
	subs       []*x509.Certificate
	cnHosts    map[string]bool
	revocation revocation.Policy
	now        func() time.Time
}

// LoadTrust reads the Spine CA certificates, roots and sub CAs, from PEM
// files in any order. The error wraps [ErrNoAnchor] when no certificate is a
// self-signed CA, and names the file that is malformed or holds anything but
// CA certificates.
//
// Revocation is hard unless WithRevocation says otherwise.
func LoadTrust(files ...string) (*Trust, error) {
	src, err := readSources(files)
	if err != nil {
		return nil, fmt.Errorf("auth: CA certificates: %w", err)
	}
	return newTrust(src)
}

// ParseTrust is LoadTrust for PEM texts in memory.
func ParseTrust(pems ...[]byte) (*Trust, error) { return newTrust(memorySources(pems)) }

func newTrust(src []source) (*Trust, error) {
	var b bundle
	for _, s := range src {
		if err := b.parse(s); err != nil {
			return nil, fmt.Errorf("auth: CA certificates: %w", err)
		}
	}
	if len(b.keys) > 0 {
		return nil, errors.New("auth: CA certificates: a private key is among them")
	}
	t := &Trust{roots: x509.NewCertPool(), now: time.Now}
	for i, c := range b.certs {
		if !c.BasicConstraintsValid || !c.IsCA {
			return nil, fmt.Errorf("auth: CA certificates: file %q holds a certificate that is not a CA's", b.from[i])
		}
		if anchor(c) {
			t.anchors = append(t.anchors, c)
			t.roots.AddCert(c)
		} else {
			t.subs = append(t.subs, c)
		}
	}
	if len(t.anchors) == 0 {
		return nil, fmt.Errorf("auth: CA certificates: %w: none is a self-signed root; a sub CA is no anchor", ErrNoAnchor)
	}
	return t, nil
}

// anchor reports whether c is self-signed. SHA-1 counts here and nowhere
// else: the G1 roots have it, and an anchor's own signature proves nothing.
func anchor(c *x509.Certificate) bool {
	if !bytes.Equal(c.RawIssuer, c.RawSubject) {
		return false
	}
	err := c.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature)
	_, old := errors.AsType[x509.InsecureAlgorithmError](err)
	return err == nil || old
}

// WithCNHosts is t with hosts whose certificate may carry the FQDN in the
// common name only, as those of HSCN hosts do (Spine PKI). It is looked at
// only where the certificate has no subjectAltName.
func (t *Trust) WithCNHosts(hosts ...string) *Trust {
	u := *t
	u.cnHosts = maps.Clone(t.cnHosts)
	if u.cnHosts == nil {
		u.cnHosts = map[string]bool{}
	}
	for _, h := range hosts {
		u.cnHosts[strings.ToLower(h)] = true
	}
	return &u
}

// WithRevocation is t with another revocation policy.
func (t *Trust) WithRevocation(p revocation.Policy) *Trust {
	u := *t
	u.revocation = p
	return &u
}

// WithClock is t with another clock, for tests.
func (t *Trust) WithClock(now func() time.Time) *Trust {
	u := *t
	u.now = now
	return &u
}

// Revocation is the policy in force.
func (t *Trust) Revocation() revocation.Policy { return t.revocation }

// Anchors are the roots, and SubCAs the intermediates, for display. The
// certificates must not be changed.
func (t *Trust) Anchors() []*x509.Certificate { return slices.Clone(t.anchors) }

// SubCAs are the intermediates that were given.
func (t *Trust) SubCAs() []*x509.Certificate { return slices.Clone(t.subs) }

// Usable reports why no server can be verified at all, nil when one can: the
// error wraps [ErrNoAnchor] when every root is expired, not yet valid or has
// a short key, or is that of the revocation policy.
func (t *Trust) Usable() error {
	now := t.now()
	good := slices.ContainsFunc(t.anchors, func(c *x509.Certificate) bool {
		pub, ok := c.PublicKey.(*rsa.PublicKey)
		return ok && pub.N.BitLen() >= minRSABits && !now.Before(c.NotBefore) && !now.After(c.NotAfter)
	})
	if !good {
		return fmt.Errorf("auth: CA certificates: %w: every root is expired, not yet valid or has a short key", ErrNoAnchor)
	}
	if err := t.revocation.Usable(); err != nil {
		return fmt.Errorf("auth: %w", err)
	}
	return nil
}
