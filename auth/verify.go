package auth

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/nrlgo/nrlgo/auth/revocation"
)

// maxRSABits is the longest RSA key that a server may send: signatures of
// longer ones cost more time than a handshake has. maxPath bounds a walk over
// CA certificates.
const (
	maxRSABits = 8192
	maxPath    = 8
)

// ErrUntrusted is wrapped by every [*VerifyError].
var ErrUntrusted = errors.New("the server's certificate is refused")

// Stage is the rule that a certificate broke.
type Stage string

// The stages. The server's own certificate is judged first, then the path to
// an anchor, the name, and revocation.
const (
	StageChain      Stage = "chain"      // no certificate, malformed, a CA as leaf, no path to an anchor
	StageValidity   Stage = "validity"   // expired or not yet valid
	StageKey        Stage = "key"        // RSA under 2048 bits, another key type, a signature without SHA-2
	StageUsage      Stage = "usage"      // not for a TLS server
	StageName       Stage = "name"       // another host
	StageRevocation Stage = "revocation" // revoked, or its status cannot be established
)

// VerifyError says which rule a server's certificate broke. Its text names
// hosts and certificates, nothing of a request; what a certificate says of
// itself is cut short and made printable.
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
	// Revocation is how revocation was established and when, or why it was not.
	Revocation revocation.Result
}

// Verify decides whether chain, leaf first, proves the server to be host; it
// is called for every handshake, resumed sessions included. staple is the
// OCSP answer that came with it, if any. The error is a [*VerifyError].
//
// The rules (NRL security guidance): a path over CA certificates to a given
// root, sub CAs added where the server left them out; every certificate
// within its dates; RSA of at least 2048 bits and SHA-2 signatures all
// through, the anchor's own signature apart; serverAuth wherever a certificate
// limits its extended key usage; the host in the subjectAltName, or, for hosts
// of WithCNHosts and without a subjectAltName, in the common name; revocation
// by the policy.
func (t *Trust) Verify(ctx context.Context, host string, chain []*x509.Certificate, staple []byte) (Peer, error) {
	v := verification{trust: t, host: host, now: t.clock()}
	if len(chain) == 0 || slices.Contains(chain, nil) {
		return Peer{}, v.refuse(StageChain, "the server sent no certificate", nil)
	}
	for _, c := range chain { // before any signature is verified with it
		if pub, ok := c.PublicKey.(*rsa.PublicKey); ok && pub.N.BitLen() > maxRSABits {
			return Peer{}, v.refuse(StageKey, fmt.Sprintf("%s has an RSA key of more than %d bits", name(c), maxRSABits), nil)
		}
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
	if c.IsCA {
		return v.refuse(StageChain, "the server's certificate is a CA certificate", nil)
	}
	if why := outOfDate(c, v.now); why != "" {
		return v.refuse(StageValidity, why, nil)
	}
	if why := cmp.Or(weakKey(c), weakSignature(c)); why != "" {
		return v.refuse(StageKey, why, nil)
	}
	if c.KeyUsage != 0 && c.KeyUsage&x509.KeyUsageDigitalSignature == 0 {
		return v.refuse(StageUsage, "its key is not for signatures, which every suite of the list needs", nil)
	}
	return nil
}

// path finds a path to an anchor in which every certificate is strong enough.
func (v *verification) path(leaf *x509.Certificate, sent []*x509.Certificate) ([]*x509.Certificate, error) {
	if len(v.trust.anchors) == 0 { // without a pool x509 would take the system's roots
		return nil, v.refuse(StageChain, ErrNoAnchor.Error(), ErrNoAnchor)
	}
	inter := x509.NewCertPool()
	cas := slices.Concat(v.trust.subs, sent)
	for _, c := range cas {
		inter.AddCert(c)
	}
	paths, err := leaf.Verify(x509.VerifyOptions{
		Roots: v.trust.roots, Intermediates: inter, CurrentTime: v.now,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	if err != nil {
		if why := v.broken(leaf, slices.Concat(cas, v.trust.anchors)); why != nil {
			return nil, why
		}
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

// broken looks for the certificate to blame where crypto/x509 found no path:
// it walks from leaf towards an anchor and stops at the first certificate that
// is out of date or weak. Nil when there is none.
func (v *verification) broken(leaf *x509.Certificate, cas []*x509.Certificate) error {
	cur := leaf
	for range maxPath {
		i := slices.IndexFunc(cas, func(ca *x509.Certificate) bool {
			return bytes.Equal(ca.RawSubject, cur.RawIssuer) && signed(cur, ca)
		})
		if i < 0 {
			return nil
		}
		ca := cas[i]
		if why := outOfDate(ca, v.now); why != "" {
			return v.refuse(StageValidity, name(ca)+" "+why, nil)
		}
		if why := weakKey(ca); why != "" {
			return v.refuse(StageKey, why, nil)
		}
		if bytes.Equal(ca.RawSubject, ca.RawIssuer) {
			return nil
		}
		if why := weakSignature(ca); why != "" {
			return v.refuse(StageKey, why, nil)
		}
		cur = ca
	}
	return nil
}

// signed reports whether the key of ca signed c, whatever else ca may do.
func signed(c, ca *x509.Certificate) bool {
	if c.SignatureAlgorithm == x509.SHA1WithRSA {
		return signedSHA1(c, ca)
	}
	return ca.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) == nil
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
	if host, ok := errors.AsType[x509.HostnameError](err); ok {
		return v.refuse(StageName, "the certificate is for "+names(host.Certificate), err)
	}
	return v.refuse(stage, printable(strings.TrimPrefix(err.Error(), "x509: "), 300), err)
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

func weakPath(path []*x509.Certificate) string {
	for i, c := range path {
		why := weakKey(c)
		if why == "" && i < len(path)-1 {
			why = weakSignature(c)
		}
		if why != "" {
			return why
		}
	}
	return ""
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

// Identifiers of RFC 5280.
var (
	oidCommonName  = asn1.ObjectIdentifier{2, 5, 4, 3}
	oidSAN         = asn1.ObjectIdentifier{2, 5, 29, 17}
	oidConstraints = asn1.ObjectIdentifier{2, 5, 29, 30}
)

func has(c *x509.Certificate, extension asn1.ObjectIdentifier) bool {
	return slices.ContainsFunc(c.Extensions, func(e pkix.Extension) bool { return e.Id.Equal(extension) })
}

// name verifies the host and says whether the common name was taken.
func (v *verification) name(leaf *x509.Certificate, path []*x509.Certificate) (byCN bool, err error) {
	if has(leaf, oidSAN) {
		if err := leaf.VerifyHostname(v.host); err != nil {
			return false, v.refuse(StageName, "the certificate is for "+names(leaf), nil)
		}
		return false, nil
	}
	host, ok := hostName(strings.TrimSuffix(v.host, "."))
	if !ok || !v.trust.cnHosts[host] {
		return false, v.refuse(StageName, "the certificate has no subjectAltName, and the host is not listed as one whose common name counts", nil)
	}
	for _, ca := range path[1:] {
		if has(ca, oidConstraints) {
			return false, v.refuse(StageName, "a common name cannot be judged by the name constraints of "+name(ca), nil)
		}
	}
	if cn, ok := commonName(leaf); !ok || cn != host {
		return false, v.refuse(StageName, "the certificate's common name is that of another host", nil)
	}
	return true, nil
}

// names are what a certificate is for, at most three.
func names(c *x509.Certificate) string {
	all := slices.Clone(c.DNSNames)
	for _, ip := range c.IPAddresses {
		all = append(all, ip.String())
	}
	if len(all) == 0 {
		return "no host"
	}
	all = all[:min(len(all), 3)]
	for i, n := range all {
		all[i] = printable(n, 80)
	}
	return strings.Join(all, ", ")
}

// commonName is the one common name of a subject, in lower case, if it is a
// host name; a second one beside it counts against it.
func commonName(c *x509.Certificate) (string, bool) {
	found := 0
	for _, n := range c.Subject.Names {
		if n.Type.Equal(oidCommonName) {
			found++
		}
	}
	cn, ok := hostName(c.Subject.CommonName)
	return cn, ok && found == 1
}

// hostName is a host name in lower case; false for what is none, such as an
// address, a wildcard or text outside ASCII, where folding of cases would make
// different names equal.
func hostName(s string) (string, bool) {
	if s == "" || net.ParseIP(s) != nil {
		return "", false
	}
	for i := range len(s) {
		switch b := s[i]; {
		case 'a' <= b && b <= 'z', 'A' <= b && b <= 'Z', '0' <= b && b <= '9', b == '-', b == '_', b == '.':
		default:
			return "", false
		}
	}
	return strings.ToLower(s), true
}

// revocation asks the checker about every certificate but the anchor.
func (v *verification) revocation(ctx context.Context, path []*x509.Certificate, staple []byte) (revocation.Result, error) {
	r, err := v.trust.revocation.Check(ctx, path, staple)
	if err != nil {
		return r, v.refuse(StageRevocation, strings.TrimPrefix(err.Error(), "revocation: "), err)
	}
	return r, nil
}
