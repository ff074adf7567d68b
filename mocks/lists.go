package mocks

import (
	"crypto/x509"
	"io"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/nrlgo/nrlgo/mocks/pki"
)

// Paths on the plain listener.
const (
	crlPath     = "/crl/sub.crl"
	rootCRLPath = "/crl/root.crl"
	ocspPath    = "/ocsp"
)

// CRLURL is where the sub CA's list is, http://127.0.0.1:PORT/crl/sub.crl: the
// one that covers server and client certificates.
func (s *Spine) CRLURL() string { return s.PlainURL() + crlPath }

// RootCRLURL is where the root's list is, which covers the sub CA.
func (s *Spine) RootCRLURL() string { return s.PlainURL() + rootCRLPath }

// OCSPURL is the responder, http://127.0.0.1:PORT/ocsp. It speaks for the root
// and the sub CA, each signing its own answers.
func (s *Spine) OCSPURL() string { return s.PlainURL() + ocspPath }

// listValidity is how long a list or an OCSP answer holds by default.
const listValidity = 24 * time.Hour

func (s *Spine) pkiOptions() pki.Options {
	o := pki.Options{}
	if s.options.clock {
		o.Now = s.options.now
	}
	if s.options.lists != 0 {
		o.Root = pki.Published{CRL: s.RootCRLURL(), OCSP: s.OCSPURL()}
		o.Sub = pki.Published{CRL: s.CRLURL(), OCSP: s.OCSPURL()}
	}
	return o
}

// Revoke revokes a certificate of the mock's PKI from now on. A client's is
// refused, at handshakes and at requests on connections that are open; every
// one is on the CRL and in the OCSP answers that follow.
func (s *Spine) Revoke(cert *x509.Certificate) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.revoked[revokedKey(cert.RawIssuer, cert.SerialNumber)] = s.options.now()
}

// ServerCertificate is the one that the NRL and the SSP present; nil when an
// option gave another.
func (s *Spine) ServerCertificate() *x509.Certificate { return s.server }

func revokedKey(rawIssuer []byte, serial *big.Int) string { return string(rawIssuer) + serial.String() }

func (s *Spine) isRevoked(leaf *x509.Certificate) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, revoked := s.revoked[revokedKey(leaf.RawIssuer, leaf.SerialNumber)]
	return revoked
}

// CRL is the sub CA's list as it is now, in DER.
func (s *Spine) CRL() ([]byte, error) { return s.list(s.pki.Sub) }

// RootCRL is the root's list as it is now, in DER.
func (s *Spine) RootCRL() ([]byte, error) { return s.list(s.pki.Root) }

// list is what a CA has revoked.
func (s *Spine) list(ca *pki.CA) ([]byte, error) {
	var revoked []x509.RevocationListEntry
	s.mu.Lock()
	for key, at := range s.revoked {
		if serial, ok := strings.CutPrefix(key, string(ca.Cert.RawSubject)); ok {
			n, _ := new(big.Int).SetString(serial, 10) // made by String
			revoked = append(revoked, x509.RevocationListEntry{SerialNumber: n, RevocationTime: at})
		}
	}
	s.mu.Unlock()
	slices.SortFunc(revoked, func(a, b x509.RevocationListEntry) int { return a.SerialNumber.Cmp(b.SerialNumber) })
	return ca.CRL(s.due(), func(list *x509.RevocationList) { list.RevokedCertificateEntries = revoked })
}

// due is when a list or answer of now is to be renewed.
func (s *Spine) due() time.Time {
	validity := s.options.lists
	if validity == 0 {
		validity = listValidity
	}
	return s.options.now().Add(validity)
}

func isRevocation(path string) bool {
	return path == crlPath || path == rootCRLPath || path == ocspPath || strings.HasPrefix(path, ocspPath+"/")
}

// maxOCSPRequest is far more than a request for one certificate has.
const maxOCSPRequest = 64 << 10

// serveRevocation serves the lists and the responder.
func (s *Spine) serveRevocation(e *exchange) answer {
	var der []byte
	var err error
	contentType := "application/pkix-crl"
	switch e.r.URL.Path {
	case crlPath:
		der, err = s.CRL()
	case rootCRLPath:
		der, err = s.RootCRL()
	default:
		contentType = "application/ocsp-response"
		der, err = s.ocsp(e)
	}
	if err != nil {
		return answer{status: http.StatusInternalServerError}
	}
	return answer{contentType: contentType, body: stringBody(string(der)), length: int64(len(der))}
}

// ocsp answers by POST or by GET (RFC 6960, appendix A).
func (s *Spine) ocsp(e *exchange) ([]byte, error) {
	request, err := pki.OCSPFromPath(strings.TrimPrefix(e.r.URL.EscapedPath(), ocspPath))
	if e.r.Method == http.MethodPost {
		request, err = io.ReadAll(io.LimitReader(e.r.Body, maxOCSPRequest))
	}
	if err != nil {
		return nil, err
	}
	revokedAt := func(ca *pki.CA, serial *big.Int) time.Time {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.revoked[revokedKey(ca.Cert.RawSubject, serial)]
	}
	return pki.OCSP(request, s.due(), revokedAt, s.pki.Sub, s.pki.Root)
}
