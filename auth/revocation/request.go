package revocation

import (
	"crypto/rand"
	"fmt"

	"golang.org/x/crypto/ocsp"
)

// nonceBytes is the length that every responder must take (RFC 8954, 2.1).
const nonceBytes = 32

// newRequest is an OCSPRequest about q, with a nonce. x/crypto/ocsp makes the
// CertID (with SHA-1, the one hash that all responders know; it is a name here
// and secures nothing) and has no nonce, so the request around it is our own.
func newRequest(q *subject) (der, nonce []byte, err error) {
	plain, err := ocsp.CreateRequest(q.cert, q.issuer, nil)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: the issuer's key", ErrMalformed)
	}
	r := read(plain)
	outer := r.in(tagSequence)
	body := outer.in(tagSequence)
	list := body.sequence()
	if err := r.err("an OCSP request"); err != nil {
		return nil, nil, err
	}
	nonce = make([]byte, nonceBytes)
	_, _ = rand.Read(nonce) // never fails
	extension := wrap(tagSequence, wrap(tagOID, []byte(oidNonce)), wrap(tagOctets, wrap(tagOctets, nonce)))
	extensions := wrap(explicit(2), wrap(tagSequence, extension))
	return wrap(tagSequence, wrap(tagSequence, list, extensions)), nonce, nil
}
