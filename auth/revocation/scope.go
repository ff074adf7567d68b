package revocation

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"math/big"
)

// reasonSet are the reasons that lists cover, bit n for reason n of
// ReasonFlags (RFC 5280, 4.2.1.13).
type reasonSet uint16

const allReasons reasonSet = 0x1fe // bit 0 is unused

// readReasons reads the content of a ReasonFlags bit string.
func readReasons(r *reader, content []byte) reasonSet {
	if len(content) < 1 || len(content) > 3 || content[0] > 7 {
		r.fail()
		return 0
	}
	var set reasonSet
	for n := range 8 * (len(content) - 1) {
		if content[1+n/8]&(0x80>>(n%8)) != 0 {
			set |= 1 << n
		}
	}
	return set & allReasons
}

// subject is a certificate in question.
type subject struct {
	cert, issuer *x509.Certificate
	key          issuerID
	serial       []byte // the octets of the INTEGER
	points       []point
	fault        error // in its list of points
}

// point is a distribution point: where the certificate says that its list is.
type point struct {
	names   [][]byte // GeneralName
	urls    []string
	reasons reasonSet
}

// newSubject reads what matters of a certificate.
func newSubject(cert, issuer *x509.Certificate) *subject {
	s := &subject{cert: cert, issuer: issuer, key: idOf(issuer), serial: integerOctets(cert.SerialNumber)}
	for i := range cert.Extensions {
		if e := &cert.Extensions[i]; e.Id.Equal(oidCRLPoints) {
			s.points, s.fault = readPoints(e.Value, cert.RawIssuer)
		}
	}
	return s
}

var oidCRLPoints = asn1.ObjectIdentifier{2, 5, 29, 31}

// integerOctets are those that DER has for a number, which is not below zero
// in a certificate that crypto/x509 read.
func integerOctets(n *big.Int) []byte {
	b := n.Bytes()
	if len(b) == 0 || b[0] >= 0x80 {
		return append([]byte{0}, b...)
	}
	return b
}

// readPoints reads a CRLDistributionPoints extension. A point whose list
// another authority issues (cRLIssuer) is left out: indirect lists are not
// judged.
func readPoints(der, issuer []byte) ([]point, error) {
	whole := read(der)
	all := whole.in(tagSequence)
	var points []point
	for all.more() {
		one := all.in(tagSequence)
		p := point{reasons: allReasons}
		if one.next(explicit(0)) {
			name := one.in(explicit(0))
			p.names = readPointName(&name, issuer)
			name.end()
		}
		if one.next(implicit(1)) {
			p.reasons = readReasons(&one, one.take(implicit(1)))
		}
		indirect := one.next(explicit(2))
		if indirect {
			one.take(explicit(2))
		}
		one.end()
		if indirect {
			continue
		}
		for _, n := range p.names {
			if n[0] == implicit(6) {
				in := reader{n, one.bad}
				p.urls = append(p.urls, string(in.take(implicit(6))))
			}
		}
		points = append(points, p)
	}
	whole.end()
	return points, whole.err("the certificate's distribution points")
}

// readPointName reads a DistributionPointName as GeneralNames. A name that is
// given relative to the issuer's is completed, so that names compare by octets.
func readPointName(r *reader, issuer []byte) [][]byte {
	if r.next(explicit(1)) {
		return [][]byte{directoryName(issuer, r.take(explicit(1)))}
	}
	full := r.in(explicit(0))
	var names [][]byte
	for full.more() {
		whole, _ := full.element()
		if !*full.bad {
			names = append(names, whole)
		}
	}
	return names
}

// directoryName is the GeneralName of a Name, with one more
// RelativeDistinguishedName (the content of a SET) when there is one.
func directoryName(name, relative []byte) []byte {
	if len(relative) == 0 {
		return wrap(explicit(4), name)
	}
	r := read(name)
	return wrap(explicit(4), wrap(tagSequence, r.take(tagSequence), wrap(tagSet, relative)))
}

// wrap gives content a header in DER.
func wrap(tag byte, content ...[]byte) []byte {
	n := 0
	for _, c := range content {
		n += len(c)
	}
	out := append(make([]byte, 0, n+5), tag)
	switch {
	case n < 0x80:
		out = append(out, byte(n))
	case n < 0x100:
		out = append(out, 0x81, byte(n))
	case n < 0x10000:
		out = append(out, 0x82, byte(n>>8), byte(n))
	default:
		out = append(out, 0x83, byte(n>>16), byte(n>>8), byte(n))
	}
	for _, c := range content {
		out = append(out, c...)
	}
	return out
}

// issuingPoint is the Issuing Distribution Point of a list: which certificates
// of its issuer it is for (RFC 5280, 5.2.5).
type issuingPoint struct {
	names           [][]byte // none: any
	users, cas, att bool
	reasons         reasonSet
}

func readIssuingPoint(whole reader, issuer []byte) *issuingPoint {
	r := whole.in(tagSequence)
	p := &issuingPoint{reasons: allReasons}
	if r.next(explicit(0)) {
		name := r.in(explicit(0))
		p.names = readPointName(&name, issuer)
		name.end()
		if len(p.names) == 0 {
			r.fail()
		}
	}
	flag := func(n byte) bool { return r.next(implicit(n)) && r.flag(r.take(implicit(n))) }
	p.users, p.cas = flag(1), flag(2)
	if r.next(implicit(3)) {
		p.reasons = readReasons(&r, r.take(implicit(3)))
	}
	// indirectCRL by itself changes nothing for the issuer's own certificates:
	// entries of other issuers are what makes a list one that is not judged.
	_ = flag(4)
	p.att = flag(5)
	r.end()
	whole.end()
	// The names outlive the bytes of the list.
	for i, n := range p.names {
		p.names[i] = bytes.Clone(n)
	}
	return p
}

// covers says for which reasons the list speaks of the certificate. A list
// for one point speaks only of certificates that name that point; a point by
// the issuer's own name is that of every certificate (RFC 5280, 6.3.3).
func (p *issuingPoint) covers(s *subject) (reasonSet, error) {
	if p == nil {
		return allReasons, nil
	}
	if p.users && s.cert.IsCA || p.cas && !s.cert.IsCA || p.att {
		return 0, fmt.Errorf("%w: a CRL for certificates of another kind", ErrScope)
	}
	if len(p.names) == 0 {
		return p.reasons, nil
	}
	var set reasonSet
	for _, own := range s.points {
		if share(p.names, own.names) {
			set |= own.reasons
		}
	}
	if set != allReasons && share(p.names, [][]byte{directoryName(s.cert.RawIssuer, nil)}) {
		set = allReasons
	}
	if set &= p.reasons; set == 0 {
		return 0, fmt.Errorf("%w: a CRL for another distribution point", ErrScope)
	}
	return set, nil
}

func share(a, b [][]byte) bool {
	for _, x := range a {
		for _, y := range b {
			if bytes.Equal(x, y) {
				return true
			}
		}
	}
	return false
}
