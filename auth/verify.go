package auth

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"
)

// ErrUntrusted is wrapped by every [*VerifyError].
var ErrUntrusted = errors.New("the server's certificate is refused")

// Stage is the rule that a certificate broke.
type Stage string

// The stages, in the order in which they are judged.
const (
	StageChain      Stage = "chain"      // no certificate, malformed, a CA as leaf, no path to an anchor
	StageValidity   Stage = "validity"   // expired or not yet valid
	StageKey        Stage = "key"        // RSA under 2048 bits, another key type, a signature without SHA-2
	StageUsage      Stage = "usage"      // not for a TLS server
	StageName       Stage = "name"       // another host
	StageRevocation Stage = "revocation" // revoked, or its status cannot be established
)

// VerifyError says which rule a server's certificate broke. Its text names
// hosts and certificates, nothing of a request.
type VerifyError struct {
	Stage  Stage
	Host   string
	Reason string
	Err    error // the cause, where there is one beyond Reason
}

// Error is one line.
func (e *VerifyError) Error() string {
	return fmt.Sprintf("auth: %s: %s: %s: %s", ErrUntrusted, e.Host, e.Stage, e.Reason)
}

// Unwrap gives ErrUntrusted and the cause.
func (e *VerifyError) Unwrap() []error {
	if e.Err == nil {
		return []error{ErrUntrusted}
	}
	return []error{ErrUntrusted, e.Err}
}

// Peer is a verified server.
type Peer struct {
	// Host is the name that was verified.
	Host string
	// ByCommonName says that the name was found in the common name.
	ByCommonName bool
	// Chain leads from the server's certificate to the anchor. The
	// certificates must not be changed.
	Chain []*x509.Certificate
	// Expires is when the first certificate of the chain does.
	Expires time.Time
	// Revocation is how revocation was established, or why it was not.
	Revocation string
}

// Verify decides whether chain, leaf first, proves the server to be host; it
// is called for every handshake, resumed sessions included. staple is the
// OCSP answer that came with it, if any. The error is a [*VerifyError].
//
// The rules (NRL security guidance): a path over CA certificates to a given
// root, sub CAs added where the server left them out; every certificate
// within its dates; RSA of at least 2048 bits and SHA-2 signatures all
// through, the anchor's own signature apart; extended key usage serverAuth;
// the host in the subjectAltName, or, for hosts of WithCNHosts and without a
// subjectAltName, in the common name; revocation by the policy.
func (t *Trust) Verify(ctx context.Context, host string, chain []*x509.Certificate, staple []byte) (Peer, error) {
	v := verification{trust: t, host: host, now: t.now()}
	if len(chain) == 0 {
		return Peer{}, v.refuse(StageChain, "the server sent no certificate", nil)
	}
	leaf := chain[0]
	if err := v.leaf(leaf); err != nil {
		return Peer{}, err
	}
	path, err := v.path(leaf, chain[1:])
	if err != nil {
		return Peer{}, err
	}
	byCN, err := v.name(leaf, path)
	if err != nil {
		return Peer{}, err
	}
	how, err := v.revocation(ctx, path, staple)
	if err != nil {
		return Peer{}, err
	}
	p := Peer{Host: host, ByCommonName: byCN, Chain: path, Expires: leaf.NotAfter, Revocation: how}
	for _, c := range path {
		if c.NotAfter.Before(p.Expires) {
			p.Expires = c.NotAfter
		}
	}
	return p, nil
}

type verification struct {
	trust *Trust
	host  string
	now   time.Time
}

func (v *verification) refuse(s Stage, reason string, err error) error {
	return &VerifyError{Stage: s, Host: v.host, Reason: reason, Err: err}
}

// leaf judges the server's own certificate before a path is built, because
// the reasons are clearer than those of a failed path.
func (v *verification) leaf(c *x509.Certificate) error {
	switch {
	case c.IsCA:
		return v.refuse(StageChain, "the server's certificate is a CA certificate", nil)
	case v.now.Before(c.NotBefore):
		return v.refuse(StageValidity, "not valid before "+day(c.NotBefore), nil)
	case v.now.After(c.NotAfter):
		return v.refuse(StageValidity, "expired on "+day(c.NotAfter), nil)
	}
	if why := weakKey(c); why != "" {
		return v.refuse(StageKey, why, nil)
	}
	if c.KeyUsage != 0 && c.KeyUsage&x509.KeyUsageDigitalSignature == 0 {
		return v.refuse(StageUsage, "its key is not for signatures, which every suite of the list needs", nil)
	}
	return nil
}

// path finds a path to an anchor in which every certificate is strong enough.
func (v *verification) path(leaf *x509.Certificate, sent []*x509.Certificate) ([]*x509.Certificate, error) {
	inter := x509.NewCertPool()
	for _, c := range v.trust.subs {
		inter.AddCert(c)
	}
	for _, c := range sent {
		inter.AddCert(c)
	}
	paths, err := leaf.Verify(x509.VerifyOptions{
		Roots: v.trust.roots, Intermediates: inter, CurrentTime: v.now,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	if err != nil {
		return nil, v.pathError(err)
	}
	var first error
	for _, p := range paths {
		why := weakPath(p)
		if why == "" {
			return p, nil
		}
		if first == nil {
			first = v.refuse(StageKey, why, nil)
		}
	}
	return nil, first
}

// pathError sorts the errors of crypto/x509 into stages. Their texts name
// certificates only.
func (v *verification) pathError(err error) error {
	stage := StageChain
	if inv, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		switch inv.Reason {
		case x509.Expired:
			stage = StageValidity
		case x509.IncompatibleUsage:
			stage = StageUsage
		case x509.CANotAuthorizedForThisName, x509.TooManyConstraints, x509.UnconstrainedName, x509.NameConstraintsWithoutSANs:
			stage = StageName
		}
	}
	if insecure, ok := errors.AsType[x509.InsecureAlgorithmError](err); ok {
		return v.refuse(StageKey, insecure.Error(), err)
	}
	return v.refuse(stage, strings.TrimPrefix(err.Error(), "x509: "), err)
}

// weakKey says why a key is refused, "" when it is not. The eight suites
// authenticate with RSA, and the Spine PKI has nothing else.
func weakKey(c *x509.Certificate) string {
	pub, ok := c.PublicKey.(*rsa.PublicKey)
	switch {
	case !ok:
		return fmt.Sprintf("%s has a key that is not RSA", name(c))
	case pub.N.BitLen() < minRSABits:
		return fmt.Sprintf("%s has an RSA key of %d bits, less than %d", name(c), pub.N.BitLen(), minRSABits)
	}
	return ""
}

func weakPath(path []*x509.Certificate) string {
	for i, c := range path {
		if why := weakKey(c); why != "" {
			return why
		}
		if i == len(path)-1 {
			return "" // the anchor's own signature proves nothing
		}
		switch c.SignatureAlgorithm {
		case x509.SHA256WithRSA, x509.SHA384WithRSA, x509.SHA512WithRSA,
			x509.SHA256WithRSAPSS, x509.SHA384WithRSAPSS, x509.SHA512WithRSAPSS:
		default:
			return fmt.Sprintf("%s is signed with %s, not RSA and SHA-2", name(c), c.SignatureAlgorithm)
		}
	}
	return ""
}

func name(c *x509.Certificate) string { return fmt.Sprintf("%q", c.Subject.CommonName) }

var oidSAN = asn1.ObjectIdentifier{2, 5, 29, 17}

func hasSAN(c *x509.Certificate) bool {
	for _, e := range c.Extensions {
		if e.Id.Equal(oidSAN) {
			return true
		}
	}
	return false
}

// name verifies the host and says whether the common name was taken.
func (v *verification) name(leaf *x509.Certificate, path []*x509.Certificate) (byCN bool, err error) {
	if hasSAN(leaf) {
		if err := leaf.VerifyHostname(v.host); err != nil {
			return false, v.refuse(StageName, "the certificate is for "+strings.Join(names(leaf), ", "), nil)
		}
		return false, nil
	}
	if !v.trust.cnHosts[strings.ToLower(v.host)] {
		return false, v.refuse(StageName, "the certificate has no subjectAltName, and the host is not listed as one whose common name counts", nil)
	}
	for _, ca := range path[1:] {
		if constrained(ca) {
			return false, v.refuse(StageName, "a common name cannot be judged by the name constraints of "+name(ca), nil)
		}
	}
	if cn, ok := commonName(leaf); !ok || !strings.EqualFold(cn, v.host) {
		return false, v.refuse(StageName, "the certificate's common name is that of another host", nil)
	}
	return true, nil
}

// names are what a certificate is for, at most three.
func names(c *x509.Certificate) []string {
	all := append([]string{}, c.DNSNames...)
	for _, ip := range c.IPAddresses {
		all = append(all, ip.String())
	}
	if len(all) == 0 {
		return []string{"no host"}
	}
	return all[:min(len(all), 3)]
}

func constrained(ca *x509.Certificate) bool {
	return len(ca.PermittedDNSDomains) > 0 || len(ca.ExcludedDNSDomains) > 0 ||
		len(ca.PermittedIPRanges) > 0 || len(ca.ExcludedIPRanges) > 0
}

// commonName is the one common name of a subject, if it is a host name: a
// second one, an address or a wildcard is not.
func commonName(c *x509.Certificate) (string, bool) {
	found := 0
	for _, n := range c.Subject.Names {
		if n.Type.Equal(asn1.ObjectIdentifier{2, 5, 4, 3}) {
			found++
		}
	}
	cn := c.Subject.CommonName
	return cn, found == 1 && cn != "" && !strings.ContainsAny(cn, "*/ \x00") && net.ParseIP(cn) == nil
}

// revocation applies the policy to every certificate but the anchor.
func (v *verification) revocation(_ context.Context, _ []*x509.Certificate, _ []byte) (string, error) {
	if err := v.trust.revocation.Usable(); err != nil {
		return "", v.refuse(StageRevocation, err.Error(), err)
	}
	return v.trust.revocation.String(), nil
}
