package auth

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/sha1"
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
	revocation *revocation.Checker
	now        func() time.Time
}

// LoadTrust reads the Spine CA certificates, roots and sub CAs, from PEM
// files in any order. The error wraps [ErrNoAnchor] when no certificate is a
// self-signed CA, and names the file that is malformed or holds anything but
// CA certificates.
//
// Revocation is hard, by what certificates name on the hosts of NHS, unless
// WithRevocation says otherwise.
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
	t := &Trust{roots: x509.NewCertPool(), revocation: revocation.Hard()}
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

// WithCNHosts is t with hosts whose certificate may carry the FQDN in the
// common name only, as those of HSCN hosts do (Spine PKI). It is looked at
// only where the certificate has no subjectAltName. Hosts are names without a
// port; no address, wildcard or name outside ASCII matches.
func (t *Trust) WithCNHosts(hosts ...string) *Trust {
	u := *t
	u.cnHosts = maps.Clone(t.cnHosts)
	if u.cnHosts == nil {
		u.cnHosts = map[string]bool{}
	}
	for _, h := range hosts {
		if name, ok := hostName(strings.TrimSuffix(h, ".")); ok {
			u.cnHosts[name] = true
		}
	}
	return &u
}

// WithRevocation is t with another checker, which the caller closes: one of
// revocation.New, or revocation.Off(reason).
func (t *Trust) WithRevocation(k *revocation.Checker) *Trust {
	u := *t
	u.revocation = k
	return &u
}

// WithClock is t with another clock, for tests; nil means time.Now.
func (t *Trust) WithClock(now func() time.Time) *Trust {
	u := *t
	u.now = now
	return &u
}

func (t *Trust) clock() time.Time {
	if t.now == nil {
		return time.Now()
	}
	return t.now()
}

// Revocation is the checker in force.
func (t *Trust) Revocation() *revocation.Checker { return t.revocation }

// Anchors are the roots, and SubCAs the intermediates, for display. The
// certificates must not be changed.
func (t *Trust) Anchors() []*x509.Certificate { return slices.Clone(t.anchors) }

// SubCAs are the intermediates that were given.
func (t *Trust) SubCAs() []*x509.Certificate { return slices.Clone(t.subs) }

// Usable reports why no server can be verified at all, nil when one can: the
// error wraps [ErrNoAnchor] when every root is expired, not yet valid or has
// a short key, or revocation.ErrReason.
func (t *Trust) Usable() error {
	now := t.clock()
	good := slices.ContainsFunc(t.anchors, func(c *x509.Certificate) bool {
		return weakKey(c) == "" && outOfDate(c, now) == ""
	})
	if !good {
		return fmt.Errorf("auth: CA certificates: %w: every root is expired, not yet valid or has a short key", ErrNoAnchor)
	}
	if reason, off := t.revocation.IsOff(); off && reason == "" {
		return fmt.Errorf("auth: %w", revocation.ErrReason)
	}
	return nil
}
