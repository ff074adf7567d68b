package auth

import (
	"bytes"
	"cmp"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// maxPath bounds a walk over CA certificates, and maxPaths how many paths of
// one certificate are judged.
const (
	maxPath  = 8
	maxPaths = 4
)

// paths are the ways from chain[0] to an anchor that keep every rule but name
// and revocation; without an error there is one at least.
func (v *verification) paths(chain []*x509.Certificate) ([][]*x509.Certificate, error) {
	if len(chain) == 0 || slices.Contains(chain, nil) {
		return nil, v.refuse(StageChain, v.unsent(), nil)
	}
	for _, c := range chain { // before any signature is verified with it
		if pub, ok := c.PublicKey.(*rsa.PublicKey); ok && pub.N.BitLen() > maxRSABits {
			return nil, v.refuse(StageKey, fmt.Sprintf("%s has an RSA key of more than %d bits", name(c), maxRSABits), nil)
		}
	}
	leaf := chain[0]
	if err := v.leaf(leaf); err != nil {
		return nil, err
	}
	return v.build(leaf, chain[1:])
}

// leaf judges the peer's own certificate before a path is built, because the
// reasons are clearer than those of a failed path.
func (v *verification) leaf(c *x509.Certificate) error {
	if c.IsCA {
		return v.refuse(StageChain, "the "+v.role.name+"'s certificate is a CA certificate", nil)
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
	if asked := v.trust.policies; len(asked) > 0 && !slices.ContainsFunc(c.Policies, func(p x509.OID) bool {
		return slices.ContainsFunc(asked, p.Equal)
	}) {
		return v.refuse(StagePolicy, "it was issued under none of the certificate policies that are asked for", nil)
	}
	return nil
}

// build finds the paths to an anchor in which every certificate is strong
// enough.
func (v *verification) build(leaf *x509.Certificate, sent []*x509.Certificate) ([][]*x509.Certificate, error) {
	if len(v.cas.anchors) == 0 { // without a pool x509 would take the system's roots
		return nil, v.refuse(StageChain, ErrNoAnchor.Error(), ErrNoAnchor)
	}
	inter := x509.NewCertPool()
	cas := slices.Concat(v.cas.subs, sent)
	for _, c := range cas {
		inter.AddCert(c)
	}
	paths, err := leaf.Verify(x509.VerifyOptions{
		Roots: v.cas.roots, Intermediates: inter, CurrentTime: v.now,
		KeyUsages: []x509.ExtKeyUsage{v.role.usage},
	})
	if err != nil {
		if why := v.broken(leaf, slices.Concat(cas, v.cas.anchors)); why != nil {
			return nil, why
		}
		return nil, v.pathError(err)
	}
	var first error
	good := slices.DeleteFunc(paths, func(path []*x509.Certificate) bool {
		err := v.strong(path)
		first = cmp.Or(first, err)
		return err != nil
	})
	if len(good) == 0 {
		return nil, first
	}
	return good[:min(len(good), maxPaths)], nil
}

// strong applies what crypto/x509 does not look at.
func (v *verification) strong(path []*x509.Certificate) error {
	if why := weakPath(path); why != "" {
		return v.refuse(StageKey, why, nil)
	}
	leaf := path[0]
	for _, ca := range path[1:] {
		// Of constraints on mail addresses and URIs crypto/x509 takes a host for
		// a domain; certificates of Spine have neither.
		if has(ca, oidConstraints) && len(leaf.EmailAddresses)+len(leaf.URIs) > 0 {
			return v.refuse(StageName, "its mail addresses and URIs cannot be judged by the name constraints of "+name(ca), nil)
		}
	}
	return nil
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

// anchored reports whether a path ends at a root that is still given.
func (v *verification) anchored(path []*x509.Certificate) bool {
	return slices.ContainsFunc(v.cas.anchors, path[len(path)-1].Equal)
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
