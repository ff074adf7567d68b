package revocation

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"sync"
	"time"
)

// skew is how far our clock may lag behind that of an issuer.
const skew = 5 * time.Minute

// list is a CRL: a complete one of one issuer, with an index of what it
// revokes. It does not change, apart from what is remembered of its signature.
type list struct {
	source   string // host or base name of the file
	issuer   []byte // Name
	from, to time.Time
	point    *issuingPoint // nil: for all certificates of the issuer
	revoked  map[string]revocation

	mu     sync.Mutex
	parts  signed // empty once it was verified and the bytes let go
	checks []signatureCheck
}

// revocation is an entry of a list; the key is the serial number's octets.
type revocation struct {
	at     int64 // Unix time
	reason Reason
}

type signatureCheck struct {
	key []byte // SubjectPublicKeyInfo
	err error
}

// readLists reads one list in DER, or any number in PEM. What it can never
// judge is an error that wraps ErrMalformed or ErrUnsupported.
func readLists(data []byte) ([]*list, error) {
	ders, err := listsIn(data)
	if err != nil {
		return nil, err
	}
	var lists []*list
	for _, der := range ders {
		parts, err := listParts(der)
		if err != nil {
			return nil, err
		}
		l, err := readList(parts)
		if err != nil {
			return nil, err
		}
		lists = append(lists, l)
	}
	return lists, nil
}

// readSignedList reads one list of that issuer. Nothing in it is looked at
// before its signature is verified: it came over plain HTTP.
func readSignedList(data []byte, issuer *x509.Certificate) (*list, error) {
	ders, err := listsIn(data)
	if err != nil {
		return nil, err
	}
	if len(ders) != 1 {
		return nil, fmt.Errorf("%w: more than one list", ErrMalformed)
	}
	parts, err := listParts(ders[0])
	if err != nil {
		return nil, err
	}
	if err := parts.by(issuer); err != nil {
		return nil, err
	}
	l, err := readList(parts)
	if err != nil {
		return nil, err
	}
	l.checks = []signatureCheck{{key: issuer.RawSubjectPublicKeyInfo}}
	l.parts = signed{}
	return l, l.signedBy(issuer)
}

var pemStart = []byte("-----BEGIN ")

func listsIn(data []byte) ([][]byte, error) {
	if len(data) > 0 && data[0] == tagSequence {
		return [][]byte{data}, nil
	}
	var ders [][]byte
	for bytes.Contains(data, pemStart) {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			break
		}
		if block.Type != "X509 CRL" {
			return nil, fmt.Errorf("%w: a PEM block that is no CRL", ErrMalformed)
		}
		ders = append(ders, block.Bytes)
	}
	if len(ders) == 0 {
		return nil, fmt.Errorf("%w: no CRL in DER or PEM", ErrMalformed)
	}
	return ders, nil
}

func listParts(der []byte) (signed, error) {
	r := read(der)
	parts, inner := signedParts(&r)
	inner.end()
	r.end()
	return parts, r.err("not a CRL")
}

// readList reads a TBSCertList (RFC 5280, 5.1).
func readList(parts signed) (*list, error) {
	whole := read(parts.body)
	r := whole.in(tagSequence)
	if !r.next(tagInteger) || r.small(tagInteger) != 1 {
		return nil, fmt.Errorf("%w: a CRL that is not of version 2", ErrMalformed)
	}
	if !bytes.Equal(r.sequence(), parts.algorithm) {
		r.fail()
	}
	l := &list{issuer: bytes.Clone(r.sequence()), from: r.time(), parts: parts}
	if !*r.bad && !r.next(tagUTCTime) && !r.next(tagGeneralTime) {
		// Such a list would never grow stale.
		return nil, fmt.Errorf("%w: a CRL without nextUpdate", ErrMalformed)
	}
	l.to = r.time()
	unknown := ""
	if r.next(tagSequence) {
		unknown = l.readEntries(r.in(tagSequence))
	}
	if r.next(explicit(0)) {
		outer := r.in(explicit(0))
		if u := l.readExtensions(&outer); unknown == "" {
			unknown = u
		}
		outer.end()
	}
	r.end()
	whole.end()
	switch err := r.err("a CRL"); {
	case err != nil:
		return nil, err
	case !l.to.After(l.from):
		return nil, fmt.Errorf("%w: a CRL that is due before it was issued", ErrMalformed)
	case unknown != "":
		return nil, fmt.Errorf("%w: %s", ErrUnsupported, unknown)
	}
	return l, nil
}

// readEntries fills the index, and says what in the entries makes the whole
// list one that must not be used (RFC 5280, 5.3).
func (l *list) readEntries(entries reader) (unknown string) {
	l.revoked = map[string]revocation{}
	for entries.more() {
		e := entries.in(tagSequence)
		serial, at := e.integer(), e.time()
		entry := revocation{at: at.Unix()}
		if e.more() {
			e.extensions(func(oid []byte, critical bool, value []byte) {
				switch string(oid) {
				case oidReason:
					in := reader{value, e.bad}
					entry.reason = Reason(in.small(tagEnumerated))
					in.end()
				case oidInvalidity: // when the key was lost, for those who judge old signatures
				case oidEntryIssuer:
					unknown = "an indirect CRL, with certificates of other issuers"
				default:
					if critical {
						unknown = "an entry with an unknown critical extension"
					}
				}
			})
		}
		e.end()
		if *e.bad {
			return ""
		}
		if _, twice := l.revoked[string(serial)]; !twice {
			l.revoked[string(serial)] = entry
		}
	}
	return unknown
}

func (l *list) readExtensions(r *reader) (unknown string) {
	r.extensions(func(oid []byte, critical bool, value []byte) {
		switch string(oid) {
		case oidCRLNumber, oidAuthorityKeyID: // the dates and the signature say as much
		case oidDelta:
			unknown = "a delta CRL"
		case oidIssuingPoint:
			l.point = readIssuingPoint(reader{value, r.bad}, l.issuer)
		default: // freshestCRL among them: delta lists are not asked for
			if critical {
				unknown = "a CRL with an unknown critical extension"
			}
		}
	})
	return unknown
}

// signedBy reports whether that CA signed the list and may. Each key is tried
// once.
func (l *list) signedBy(issuer *x509.Certificate) error {
	switch {
	case !bytes.Equal(l.issuer, issuer.RawSubject):
		return fmt.Errorf("%w: a CRL of another issuer", ErrSignature)
	case issuer.KeyUsage != 0 && issuer.KeyUsage&x509.KeyUsageCRLSign == 0:
		return fmt.Errorf("%w: the issuer may sign no CRL", ErrSignature)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.checks {
		if bytes.Equal(c.key, issuer.RawSubjectPublicKeyInfo) {
			return c.err
		}
	}
	c := signatureCheck{key: issuer.RawSubjectPublicKeyInfo, err: l.parts.by(issuer)}
	if len(l.checks) < 8 {
		l.checks = append(l.checks, c)
	}
	return c.err
}

// span is from when to when the list counts.
func (l *list) span() (from, to time.Time) { return l.from, l.to }

// judge says what the list says of a certificate: revoked, or good for the
// reasons in covered. A list that is out of date still proves that a
// certificate was revoked, which is for ever, unless it was only held.
func (l *list) judge(s *subject, now time.Time) (revoked *revocation, covered reasonSet, err error) {
	if err := l.signedBy(s.issuer); err != nil {
		return nil, 0, err
	}
	if covered, err = l.point.covers(s); err != nil {
		return nil, 0, err
	}
	entry, listed := l.revoked[string(s.serial)]
	err = dated(l.from, l.to, now)
	if listed && (err == nil || forEver(entry.reason, l.from, now)) {
		return &entry, covered, nil
	}
	return nil, covered, err
}

// forEver says whether a revocation stands although its list or answer may be
// out of date: one from the future says nothing, and a hold may have ended.
func forEver(r Reason, from, now time.Time) bool {
	return r != CertificateHold && !from.After(now.Add(skew))
}
