package auth

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"time"
)

// ErrCredentials is wrapped by every error about our own certificate or key.
var ErrCredentials = errors.New("own certificate or key unusable")

// Credentials are the certificate that the DIR team issued for our FQDN and
// its private key: one set of assets for search and retrieval (NRL security
// guidance). Loaded from files, they are those of now: a pair that is replaced
// serves the next handshake, and one that is broken or half written leaves the
// old one in force ([Credentials.OnNotice] hears of it). Safe for concurrent
// use. They print as the FQDN, never the key.
type Credentials struct {
	pairs   *reread[pairs] // behind a pointer: fmt of a copied value must not open the key
	notices *notices
	now     func() time.Time
}

// LoadCredentials reads files: the certificate, its key and any CA
// certificates, in one file or several, in any order; PEM or DER, the key as
// PKCS#8 or PKCS#1, or all in a PKCS#12 bundle without a password. Of several
// certificates of the key each handshake takes one that is valid, and of those
// the one that expires last; its issuers are sent behind it, self-signed ones
// left out. [CredentialsSource] has more to say, such as a password.
//
// The error wraps [ErrCredentials], and names the file where there is one to
// blame: unreadable or malformed; no or several keys; key and certificate that
// do not match; RSA under 2048 bits; expired or not yet valid.
func LoadCredentials(files ...string) (*Credentials, error) {
	return CredentialsSource{Files: files}.Load()
}

// ParseCredentials is LoadCredentials for texts in memory, which never change.
func ParseCredentials(texts ...[]byte) (*Credentials, error) {
	return CredentialsSource{Data: texts}.Load()
}

func memorySources(pems [][]byte) []source {
	src := make([]source, len(pems))
	for i, p := range pems {
		src[i] = source{fmt.Sprintf("argument %d", i+1), p}
	}
	return src
}

// pairs are the one key with each of its certificates, at least one: a renewed
// certificate may stand beside its predecessor before it is valid.
type pairs []*tls.Certificate

// at is the pair for a time.
func (p pairs) at(now time.Time) *tls.Certificate {
	best := p[0]
	for _, c := range p[1:] {
		if preferred(c.Leaf, best.Leaf, now) {
			best = c
		}
	}
	return best
}

// pairs finds the certificates of the one key and orders the issuers of each
// behind it.
func (b *bundle) pairs() (pairs, error) {
	switch {
	case len(b.keys) == 0:
		return nil, errors.New("no private key was given")
	case len(b.keys) > 1:
		return nil, fmt.Errorf("more than one private key was given: in %s and in %s", b.keyIn(0), b.keyIn(1))
	case len(b.certs) == 0:
		return nil, errors.New("no certificate was given")
	}
	leaves, err := b.leavesOf(b.keys[0])
	switch {
	case err != nil && b.kept[0] == "":
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("file %q: %w", b.kept[0], err)
	}
	out := make(pairs, len(leaves))
	for i, leaf := range leaves {
		out[i] = b.pair(b.keys[0], leaf)
	}
	return out, nil
}

func (b *bundle) pair(key crypto.Signer, leaf *x509.Certificate) *tls.Certificate {
	out := &tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key, Leaf: leaf}
	for cur, n := leaf, 0; n < len(b.certs); n++ {
		next := b.issuerOf(cur)
		if next == nil {
			break
		}
		out.Certificate, cur = append(out.Certificate, next.Raw), next
	}
	return out
}

// keyIn says where a key is from.
func (b *bundle) keyIn(i int) string {
	if b.kept[i] == "" {
		return "the signer"
	}
	return strconv.Quote(b.kept[i])
}

// leavesOf are the certificates of a key.
func (b *bundle) leavesOf(key crypto.Signer) ([]*x509.Certificate, error) {
	var leaves []*x509.Certificate
	ca := false
	for _, c := range b.certs {
		pub, ok := c.PublicKey.(interface{ Equal(crypto.PublicKey) bool })
		if !ok || !pub.Equal(key.Public()) {
			continue
		}
		if c.IsCA {
			ca = true
			continue
		}
		leaves = append(leaves, c)
	}
	switch {
	case len(leaves) > 0:
		return leaves, nil
	case ca:
		return nil, errors.New("the certificate of the key is a CA certificate")
	}
	return nil, errors.New("the private key belongs to none of the certificates")
}

// preferred says that c is valid where the other is not, or else expires last.
func preferred(c, to *x509.Certificate, now time.Time) bool {
	valid, was := outOfDate(c, now) == "", outOfDate(to, now) == ""
	return valid && !was || valid == was && c.NotAfter.After(to.NotAfter)
}

// issuerOf is the CA certificate that signed c, nil for none or a root.
func (b *bundle) issuerOf(c *x509.Certificate) *x509.Certificate {
	for _, i := range b.certs {
		if i.IsCA && bytes.Equal(c.RawIssuer, i.RawSubject) && !bytes.Equal(i.RawIssuer, i.RawSubject) &&
			c.CheckSignatureFrom(i) == nil {
			return i
		}
	}
	return nil
}

// usable judges key size and validity at a time; the error wraps
// ErrCredentials.
func usable(leaf *x509.Certificate, now time.Time) error {
	if pub, ok := leaf.PublicKey.(*rsa.PublicKey); !ok || pub.N.BitLen() < minRSABits {
		return fmt.Errorf("%w: the key is not RSA of at least %d bits", ErrCredentials, minRSABits)
	}
	if why := outOfDate(leaf, now); why != "" {
		return fmt.Errorf("%w: the certificate %s", ErrCredentials, why)
	}
	return nil
}

func day(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 MST") }

// pair is the certificate and key of now, nil for credentials that were not
// loaded.
func (c *Credentials) pair() *tls.Certificate {
	if c == nil || c.pairs == nil {
		return nil
	}
	return c.pairs.get().at(c.now())
}

// Certificate is what a handshake at that time uses. It is asked for each
// handshake. The error wraps [ErrCredentials]: expired, not yet valid. It holds
// the key and must not be printed or changed.
func (c *Credentials) Certificate(now time.Time) (*tls.Certificate, error) {
	if c == nil || c.pairs == nil {
		return nil, fmt.Errorf("%w: they were not loaded", ErrCredentials)
	}
	pair := c.pairs.get().at(now)
	c.notices.expiry(pair.Leaf, now)
	if err := usable(pair.Leaf, now); err != nil {
		return nil, err
	}
	return pair, nil
}

// Leaf is our certificate, nil for credentials that were not loaded. It must
// not be changed.
func (c *Credentials) Leaf() *x509.Certificate {
	if pair := c.pair(); pair != nil {
		return pair.Leaf
	}
	return nil
}

// Expires is when our certificate does.
func (c *Credentials) Expires() time.Time {
	if leaf := c.Leaf(); leaf != nil {
		return leaf.NotAfter
	}
	return time.Time{}
}

// FQDN is the name that the certificate was issued for: the first DNS name,
// or the common name where there is none, as in Spine certificates.
func (c *Credentials) FQDN() string {
	if leaf := c.Leaf(); leaf != nil {
		return fqdn(leaf)
	}
	return ""
}

func fqdn(leaf *x509.Certificate) string {
	if len(leaf.DNSNames) > 0 {
		return leaf.DNSNames[0]
	}
	return leaf.Subject.CommonName
}

// String names the certificate; it never holds the key.
func (c *Credentials) String() string {
	leaf := c.Leaf()
	if leaf == nil {
		return "no credentials"
	}
	return fmt.Sprintf("credentials of %s until %s", fqdn(leaf), day(leaf.NotAfter))
}

// Format writes String() for every verb: %+v of a struct would open the key.
func (c *Credentials) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.String()) }

// LogValue is String().
func (c *Credentials) LogValue() slog.Value { return slog.StringValue(c.String()) }

// MarshalJSON writes String(): encoding/json would print the key.
func (c *Credentials) MarshalJSON() ([]byte, error) { return json.Marshal(c.String()) }
