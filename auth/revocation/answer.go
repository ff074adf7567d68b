package revocation

import (
	"bytes"
	"crypto/sha1" // names of issuers and keys in OCSP: it secures nothing
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"time"
)

// undated is how long an answer without nextUpdate counts: its responder says
// that newer ones are always to be had.
const undated = time.Hour

// answer is a verified OCSP answer about one certificate. It does not change.
type answer struct {
	from, to time.Time
	status   certStatus
	at       time.Time // of a revocation
	reason   Reason
	signer   *x509.Certificate // a delegated responder, else nil
	source   string            // host; "" for a staple
	raw      [sha256.Size]byte // hash of the response
}

type certStatus int

// In the order in which one outweighs another.
const (
	statusGood certStatus = iota
	statusUnknown
	statusRevoked
)

func (a *answer) span() (from, to time.Time) { return a.from, a.to }

// proves says whether the answer still counts at that time. Like a list, one
// that is out of date still proves a revocation.
func (a *answer) proves(now time.Time) error {
	err := dated(a.from, a.to, now)
	switch {
	case a.status == statusRevoked && forEver(a.reason, a.from, now):
		return nil
	case err == nil && a.status == statusUnknown:
		return ErrNotKnown
	}
	return err
}

// response is an OCSPResponse as read; nothing in it is verified.
type response struct {
	parts     signed
	byName    []byte // Name of the responder, or
	byKey     []byte // SHA-1 of its key
	singles   []single
	nonce     []byte
	certs     [][]byte
	unhandled bool // a critical extension of the whole
}

// single is a SingleResponse.
type single struct {
	hash                   string // object identifier
	issuer, key, serial    []byte
	status                 certStatus
	reason                 Reason
	at, thisUpd, nextUpd   time.Time
	unhandled, hasNextDate bool
}

// readResponse reads an OCSPResponse (RFC 6960, 4.2.1). The error is a
// ResponseStatus or wraps ErrMalformed.
func readResponse(der []byte) (*response, error) {
	whole := read(der)
	outer := whole.in(tagSequence)
	status := ResponseStatus(outer.small(tagEnumerated))
	if !*outer.bad && status != 0 {
		return nil, status
	}
	content := outer.in(explicit(0))
	outer.end()
	whole.end()
	envelope := content.in(tagSequence)
	content.end()
	basic := string(envelope.take(tagOID)) == oidBasicOCSP
	body := reader{envelope.take(tagOctets), envelope.bad}
	envelope.end()
	if !*whole.bad && !basic {
		return nil, fmt.Errorf("%w: an OCSP response of an unknown type", ErrMalformed)
	}
	p := &response{}
	parts, rest := signedParts(&body)
	p.parts = parts
	if rest.next(explicit(0)) {
		list := rest.in(explicit(0))
		certs := list.in(tagSequence)
		list.end()
		for certs.more() && len(p.certs) < 8 {
			p.certs = append(p.certs, certs.sequence())
		}
		certs.end()
	}
	rest.end()
	body.end()
	p.readBody(reader{parts.body, whole.bad})
	return p, whole.err("an OCSP response")
}

// readBody reads ResponseData.
func (p *response) readBody(whole reader) {
	r := whole.in(tagSequence)
	if r.next(explicit(0)) {
		version := r.in(explicit(0))
		if version.small(tagInteger) != 0 {
			version.fail()
		}
		version.end()
	}
	if r.next(explicit(1)) {
		name := r.in(explicit(1))
		p.byName = name.sequence()
		name.end()
	} else {
		key := r.in(explicit(2))
		p.byKey = key.take(tagOctets)
		key.end()
	}
	r.time() // producedAt: thisUpdate is what counts
	singles := r.in(tagSequence)
	for singles.more() {
		p.singles = append(p.singles, readSingle(&singles))
	}
	if r.next(explicit(1)) {
		outer := r.in(explicit(1))
		outer.extensions(func(oid []byte, critical bool, value []byte) {
			switch {
			case string(oid) == oidNonce:
				// An OCTET STRING; some responders leave that out.
				p.nonce = value
				in := read(value)
				if n := in.take(tagOctets); !*in.bad && len(in.rest) == 0 {
					p.nonce = n
				}
			case critical:
				p.unhandled = true
			}
		})
		outer.end()
	}
	r.end()
	whole.end()
}

func readSingle(r *reader) single {
	one := r.in(tagSequence)
	var s single
	id := one.in(tagSequence)
	algorithm := id.in(tagSequence)
	s.hash = string(algorithm.take(tagOID))
	if algorithm.next(tagNull) && len(algorithm.take(tagNull)) > 0 {
		algorithm.fail()
	}
	algorithm.end()
	s.issuer, s.key, s.serial = id.take(tagOctets), id.take(tagOctets), id.integer()
	id.end()
	switch {
	case one.next(implicit(0)):
		s.status = statusGood
		if len(one.take(implicit(0))) > 0 {
			one.fail()
		}
	case one.next(explicit(1)):
		s.status = statusRevoked
		info := one.in(explicit(1))
		s.at = info.time()
		if info.next(explicit(0)) {
			reason := info.in(explicit(0))
			s.reason = Reason(reason.small(tagEnumerated))
			reason.end()
		}
		info.end()
	default:
		s.status = statusUnknown
		one.take(implicit(2))
	}
	s.thisUpd = one.time()
	if one.next(explicit(0)) {
		next := one.in(explicit(0))
		s.nextUpd, s.hasNextDate = next.time(), true
		next.end()
	}
	if one.next(explicit(1)) {
		outer := one.in(explicit(1))
		outer.extensions(func(_ []byte, critical bool, _ []byte) { s.unhandled = s.unhandled || critical })
		outer.end()
	}
	one.end()
	return s
}

// about says whether the single response is about that certificate: serial
// number, issuer's name and issuer's key.
func (s *single) about(q *subject) bool {
	if !bytes.Equal(s.serial, q.serial) {
		return false
	}
	key := keyBits(q.issuer)
	switch s.hash {
	case oidSHA1:
		name, bits := sha1.Sum(q.issuer.RawSubject), sha1.Sum(key)
		return bytes.Equal(s.issuer, name[:]) && bytes.Equal(s.key, bits[:])
	case oidSHA256:
		name, bits := sha256.Sum256(q.issuer.RawSubject), sha256.Sum256(key)
		return bytes.Equal(s.issuer, name[:]) && bytes.Equal(s.key, bits[:])
	}
	return false
}

// keyBits is the content of the subjectPublicKey of a certificate.
func keyBits(c *x509.Certificate) []byte {
	r := read(c.RawSubjectPublicKeyInfo)
	info := r.in(tagSequence)
	info.take(tagSequence)
	return info.bits()
}
