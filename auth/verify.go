package auth

import (
	"cmp"
	"context"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nrlgo/nrlgo/auth/revocation"
)

// maxRSABits is the longest RSA key that a peer may send: signatures of
// longer ones cost more time than a handshake has.
const maxRSABits = 8192

// Peer is a verified server, or client.
type Peer struct {
	// Host is the name that was verified.
	Host string
	// Client says that it is a client, verified by VerifyClient.
	Client bool
	// ByCommonName says that the name was found in the common name.
	ByCommonName bool
	// Chain leads from the peer's certificate to the anchor. The certificates
	// must not be changed.
	Chain []*x509.Certificate
	// Expires is when the first certificate of the chain does.
	Expires time.Time
	// Revocation is how revocation was established and when, or why it was not.
	Revocation revocation.Result
}

// Verify decides whether chain, leaf first, proves the server to be host; it
// is called for every handshake, resumed sessions included. staple is the
// OCSP answer that came with it, if any. The error is a [*VerifyError].
//
// The rules (NRL security guidance): a path over CA certificates, each with
// the right to sign certificates and within its path length and name
// constraints, to a given root, sub CAs added where the server left them out;
// every certificate within its dates; RSA of at least 2048 bits and SHA-2
// signatures all through, the anchor's own signature apart; serverAuth wherever
// a certificate limits its extended key usage; one of the policies of
// WithPolicies, if any are asked for; the host in the subjectAltName, or, for
// hosts of WithCNHosts and without a subjectAltName, in the common name;
// revocation by the policy. Of several paths one that keeps every rule is
// enough.
func (t *Trust) Verify(ctx context.Context, host string, chain []*x509.Certificate, staple []byte) (Peer, error) {
	return t.verification(host, asServer).verify(ctx, chain, staple)
}

// Recheck judges a peer that was verified again, by what is known now: dates,
// anchors, the name, and revocation as far as it is at hand. It never waits.
// The error is a [*VerifyError]; under the hard policy one that wraps
// revocation.ErrUnknown only says that a new Verify is needed, which may wait
// for a list.
func (t *Trust) Recheck(p Peer) error {
	v := t.verification(p.Host, asServer)
	if p.Client {
		v.role = asClient
	}
	if len(p.Chain) == 0 || slices.Contains(p.Chain, nil) {
		return v.refuse(StageChain, v.unsent(), nil)
	}
	path := p.Chain
	if !v.anchored(path) {
		paths, err := v.paths(path)
		if err != nil {
			return err
		}
		path = paths[0]
	}
	for i, c := range path {
		if why := outOfDate(c, v.now); why != "" {
			if i > 0 {
				why = name(c) + " " + why
			}
			return v.refuse(StageValidity, why, nil)
		}
	}
	if _, err := v.name(path[0], path); err != nil {
		return err
	}
	if err := t.revocation.Recheck(path); err != nil {
		return v.unproven(err)
	}
	return nil
}

// role is whose certificate is judged.
type role struct {
	name   string
	usage  x509.ExtKeyUsage
	client bool
}

var (
	asServer = role{name: "server", usage: x509.ExtKeyUsageServerAuth}
	asClient = role{name: "client", usage: x509.ExtKeyUsageClientAuth, client: true}
)

// verification is one decision, by one state of the trust.
type verification struct {
	trust *Trust
	cas   *authorities
	host  string
	now   time.Time
	role  role
}

func (t *Trust) verification(host string, r role) *verification {
	return &verification{trust: t, cas: t.authorities(), host: host, now: t.clock(), role: r}
}

func (v *verification) refuse(s Stage, reason string, err error) error {
	return &VerifyError{Stage: s, Host: v.host, Reason: reason, Err: err, Client: v.role.client}
}

func (v *verification) unsent() string { return "the " + v.role.name + " sent no certificate" }

// verify applies every rule. The error is that of the first path.
func (v *verification) verify(ctx context.Context, chain []*x509.Certificate, staple []byte) (Peer, error) {
	paths, err := v.paths(chain)
	if err != nil {
		return Peer{}, err
	}
	var first error
	for _, path := range paths {
		byCN, err := v.name(path[0], path)
		if err == nil {
			var how revocation.Result
			if how, err = v.revocation(ctx, path, staple); err == nil {
				return v.peer(path, byCN, how), nil
			}
		}
		first = cmp.Or(first, err)
	}
	return Peer{}, first
}

func (v *verification) peer(path []*x509.Certificate, byCN bool, how revocation.Result) Peer {
	p := Peer{Host: v.host, Client: v.role.client, ByCommonName: byCN, Chain: path, Expires: path[0].NotAfter, Revocation: how}
	for _, c := range path {
		if c.NotAfter.Before(p.Expires) {
			p.Expires = c.NotAfter
		}
	}
	return p
}

// revocation asks the checker about every certificate but the anchor.
func (v *verification) revocation(ctx context.Context, path []*x509.Certificate, staple []byte) (revocation.Result, error) {
	r, err := v.trust.revocation.Check(ctx, path, staple)
	if err != nil {
		return r, v.unproven(err)
	}
	return r, nil
}

// unproven is the error for what the checker says.
func (v *verification) unproven(err error) error {
	return v.refuse(StageRevocation, strings.TrimPrefix(err.Error(), "revocation: "), err)
}

// outOfDate says why c is not valid at a time, "" when it is.
func outOfDate(c *x509.Certificate, now time.Time) string {
	switch {
	case now.Before(c.NotBefore):
		return "is not valid before " + day(c.NotBefore)
	case now.After(c.NotAfter):
		return "expired on " + day(c.NotAfter)
	}
	return ""
}

// weakKey says why a key is refused, "" when it is not. The eight suites
// authenticate with RSA, and the Spine PKI has nothing else.
func weakKey(c *x509.Certificate) string {
	pub, ok := c.PublicKey.(*rsa.PublicKey)
	switch {
	case !ok:
		return name(c) + " has a key that is not RSA"
	case pub.N.BitLen() < minRSABits:
		return fmt.Sprintf("%s has an RSA key of %d bits, less than %d", name(c), pub.N.BitLen(), minRSABits)
	}
	return ""
}

// weakSignature says why the signature on a certificate is refused, "" when it
// is not. It is not asked of an anchor, whose own signature proves nothing.
func weakSignature(c *x509.Certificate) string {
	switch c.SignatureAlgorithm {
	case x509.SHA256WithRSA, x509.SHA384WithRSA, x509.SHA512WithRSA,
		x509.SHA256WithRSAPSS, x509.SHA384WithRSAPSS, x509.SHA512WithRSAPSS:
		return ""
	}
	return fmt.Sprintf("%s is signed with %s, not RSA and SHA-2", name(c), c.SignatureAlgorithm)
}

// name is how errors call a certificate.
func name(c *x509.Certificate) string { return `"` + printable(c.Subject.CommonName, 80) + `"` }

// printable is text of a certificate for an error: at most limit characters,
// and nothing but printable ASCII.
func printable(s string, limit int) string {
	tail := ""
	if len(s) > limit {
		s, tail = s[:limit], "..."
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s) + tail
}
