package revocation

import (
	"bytes"
	"crypto/sha1" // names of issuers and keys in OCSP: it secures nothing
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"slices"
	"time"
)

// readAnswer verifies an OCSP response as one about q: signed by the issuer or
// by a responder that the issuer authorised, and about this certificate of
// this issuer. nonce is what was sent; an answer with another is refused, one
// without any is taken by its dates, as answers made in advance are (RFC 5019,
// 4). Dates and status are left to [answer.proves].
func readAnswer(der []byte, q *subject, nonce []byte, now time.Time) (*answer, error) {
	p, err := readResponse(der)
	if err != nil {
		return nil, err
	}
	signer, err := p.signer(q.issuer, now)
	if err != nil {
		return nil, err
	}
	if p.unhandled {
		return nil, fmt.Errorf("%w: a response with an unknown critical extension", ErrUnsupported)
	}
	if nonce != nil && p.nonce != nil && !bytes.Equal(nonce, p.nonce) {
		return nil, ErrNonce
	}
	var s *single
	for i := range p.singles {
		if one := &p.singles[i]; one.about(q) && (s == nil || one.status > s.status) {
			s = one
		}
	}
	switch {
	case s == nil:
		return nil, fmt.Errorf("%w: a response about other certificates", ErrNonce)
	case s.unhandled:
		return nil, fmt.Errorf("%w: a response with an unknown critical extension", ErrUnsupported)
	}
	a := &answer{
		from: s.thisUpd, to: s.thisUpd.Add(undated), status: s.status,
		at: s.at, reason: s.reason, signer: signer, raw: sha256.Sum256(der),
	}
	if s.hasNextDate {
		a.to = s.nextUpd
	}
	if signer != nil && signer.NotAfter.Before(a.to) {
		a.to = signer.NotAfter
	}
	return a, nil
}

// signer verifies who signed the response: nil is the issuer itself, else the
// delegated responder.
func (p *response) signer(issuer *x509.Certificate, now time.Time) (*x509.Certificate, error) {
	if p.names(issuer) {
		return nil, p.parts.by(issuer)
	}
	for _, der := range p.certs {
		c, err := x509.ParseCertificate(der)
		if err != nil || !p.names(c) {
			continue
		}
		if err := authorised(c, issuer, now); err != nil {
			return nil, err
		}
		return c, p.parts.by(c)
	}
	return nil, fmt.Errorf("%w: signed by someone whose certificate is not there", ErrResponder)
}

// names says whether the ResponderID is that of c.
func (p *response) names(c *x509.Certificate) bool {
	if p.byKey != nil {
		key := sha1.Sum(keyBits(c))
		return bytes.Equal(p.byKey, key[:])
	}
	return bytes.Equal(p.byName, c.RawSubject)
}

// authorised holds the rules for a delegated responder (RFC 6960, 4.2.2.2):
// issued by the certificate's issuer itself and for OCSPSigning; within its
// dates, and with a signature and key like any other (signed.by sees to the
// key). A server's certificate is none.
func authorised(c, issuer *x509.Certificate, now time.Time) error {
	switch {
	case !bytes.Equal(c.RawIssuer, issuer.RawSubject):
		return fmt.Errorf("%w: its certificate has another issuer", ErrResponder)
	case !slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageOCSPSigning):
		return fmt.Errorf("%w: its certificate is not for OCSPSigning", ErrResponder)
	case c.KeyUsage != 0 && c.KeyUsage&(x509.KeyUsageDigitalSignature|x509.KeyUsageContentCommitment) == 0:
		return fmt.Errorf("%w: its key is not for signatures", ErrResponder)
	case len(c.UnhandledCriticalExtensions) > 0:
		return fmt.Errorf("%w: its certificate has an unknown critical extension", ErrResponder)
	case now.Before(c.NotBefore) || now.After(c.NotAfter):
		return fmt.Errorf("%w: its certificate is not within its dates", ErrResponder)
	}
	r := read(c.Raw)
	parts, _ := signedParts(&r)
	if err := parts.by(issuer); err != nil {
		return fmt.Errorf("%w: its certificate: %w", ErrResponder, err)
	}
	return nil
}

var oidNoCheck = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 5}

// unchecked says whether the issuer wants the responder's certificate to be
// trusted for its life (id-pkix-ocsp-nocheck; RFC 6960, 4.2.2.2.1).
func unchecked(c *x509.Certificate) bool {
	return slices.ContainsFunc(c.Extensions, func(e pkix.Extension) bool { return e.Id.Equal(oidNoCheck) })
}
