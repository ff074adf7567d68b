package revocation

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"github.com/nrlgo/nrlgo/mocks/pki"
)

// fixture is a certificate of a throw-away CA.
func fixture(f *testing.F) (*pki.PKI, *subject) {
	f.Helper()
	p, err := pki.New(pki.Options{})
	if err != nil {
		f.Fatal(err)
	}
	leaf, err := p.Client("leaf.nhs.uk")
	if err != nil {
		f.Fatal(err)
	}
	return p, newSubject(leaf.Cert, p.Sub.Cert)
}

// fixed fails when the text of an error is not one of the program's own: they
// are short, in ASCII, and begin with what the error is.
func fixed(t *testing.T, err error, kinds ...error) {
	t.Helper()
	known := map[string]bool{
		"": true, ": more than one list": true, ": a PEM block that is no CRL": true, ": no CRL in DER or PEM": true,
		": not a CRL": true, ": a CRL": true, ": a CRL that is not of version 2": true, ": a CRL without nextUpdate": true,
		": a CRL that is due before it was issued": true, ": a delta CRL": true,
		": an indirect CRL, with certificates of other issuers": true, ": an entry with an unknown critical extension": true,
		": a CRL with an unknown critical extension": true, ": an OCSP response": true,
		": an OCSP response of an unknown type": true, ": a response about other certificates": true,
		": a response with an unknown critical extension": true, ": neither RSA nor ECDSA with SHA-2": true,
		": not by the key of its signer": true, ": a CRL of another issuer": true,
		": signed by someone whose certificate is not there": true, ": its certificate has another issuer": true,
		": its certificate is not for OCSPSigning": true,
	}
	if status, ok := errors.AsType[ResponseStatus](err); ok {
		if len(status.Error()) > 60 {
			t.Errorf("the text is %q", err)
		}
		return
	}
	for _, k := range kinds {
		if rest, ok := strings.CutPrefix(err.Error(), k.Error()); ok && errors.Is(err, k) && known[rest] {
			return
		}
	}
	t.Errorf("the text is %q", err)
}

// FuzzList reads lists. What is accepted, crypto/x509 reads alike, and nothing
// is taken for signed that it would not take.
func FuzzList(f *testing.F) {
	p, s := fixture(f)
	for _, edit := range []func(*x509.RevocationList){
		nil,
		func(l *x509.RevocationList) {
			l.RevokedCertificateEntries = []x509.RevocationListEntry{{SerialNumber: s.cert.SerialNumber, RevocationTime: time.Now(), ReasonCode: 1}}
		},
		func(l *x509.RevocationList) {
			l.ExtraExtensions = []pkix.Extension{{
				Id: []int{2, 5, 29, 28}, Critical: true,
				Value: wrap(tagSequence, wrap(explicit(0), wrap(explicit(0), wrap(implicit(6), []byte("http://crl.test/a.crl"))))),
			}}
		},
	} {
		der, err := p.Sub.CRL(time.Now().Add(time.Hour), edit)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(der)
	}
	f.Add([]byte("-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		lists, err := readLists(data)
		if err != nil {
			fixed(t, err, ErrMalformed, ErrUnsupported)
		}
		for _, l := range lists {
			theirs, err := x509.ParseRevocationList(data)
			if err != nil {
				continue // PEM, or stricter about what is not used here
			}
			if !theirs.ThisUpdate.Equal(l.from) || !theirs.NextUpdate.Equal(l.to) || !bytes.Equal(theirs.RawIssuer, l.issuer) {
				t.Error("other dates or another issuer than crypto/x509 reads")
			}
			for _, e := range theirs.RevokedCertificateEntries {
				if _, ok := l.revoked[string(integerOctets(e.SerialNumber))]; !ok && e.SerialNumber.Sign() >= 0 {
					t.Error("an entry is missing")
				}
			}
			if l.signedBy(s.issuer) == nil && theirs.CheckSignatureFrom(s.issuer) != nil {
				t.Error("a signature that crypto/x509 refuses")
			}
			_, _, _ = l.judge(s, time.Now())
		}
		if _, err := readSignedList(data, s.issuer); err != nil {
			fixed(t, err, ErrMalformed, ErrUnsupported, ErrSignature)
		}
	})
}

// FuzzAnswer reads OCSP responses. What is accepted, x/crypto/ocsp accepts.
func FuzzAnswer(f *testing.F) {
	p, s := fixture(f)
	server, err := p.Server("localhost")
	if err != nil {
		f.Fatal(err)
	}
	for _, status := range []int{ocsp.Good, ocsp.Revoked, ocsp.Unknown} {
		template := ocsp.Response{
			Status: status, SerialNumber: s.cert.SerialNumber, ThisUpdate: time.Now().Add(-time.Minute), NextUpdate: time.Now().Add(time.Hour),
			RevokedAt: time.Now().Add(-time.Hour), RevocationReason: ocsp.KeyCompromise, IssuerHash: crypto.SHA1,
		}
		der, err := ocsp.CreateResponse(p.Sub.Cert, p.Sub.Cert, template, p.Sub.Key)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(der)
		template.Certificate = server.Cert
		if der, err = ocsp.CreateResponse(p.Sub.Cert, server.Cert, template, server.Key); err != nil {
			f.Fatal(err)
		}
		f.Add(der)
	}
	f.Add(ocsp.TryLaterErrorResponse)
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := readAnswer(data, s, nil, time.Now())
		if err != nil {
			fixed(t, err, ErrMalformed, ErrUnsupported, ErrSignature, ErrResponder, ErrNonce)
			return
		}
		theirs, err := ocsp.ParseResponseForCert(data, s.cert, s.issuer)
		if err != nil {
			t.Fatalf("x/crypto/ocsp refuses it: %v", err)
		}
		if want := map[int]certStatus{ocsp.Good: statusGood, ocsp.Revoked: statusRevoked, ocsp.Unknown: statusUnknown}[theirs.Status]; a.status != want || !a.from.Equal(theirs.ThisUpdate) {
			t.Errorf("status %d from %v, x/crypto/ocsp reads %d from %v", a.status, a.from, theirs.Status, theirs.ThisUpdate)
		}
	})
}

// FuzzPoints reads the distribution points of certificates.
func FuzzPoints(f *testing.F) {
	p, s := fixture(f)
	name := wrap(explicit(0), wrap(explicit(0), wrap(implicit(6), []byte("http://crl.test/a.crl"))))
	f.Add(wrap(tagSequence, wrap(tagSequence, name, wrap(implicit(1), []byte{1, 0x7e}))))
	f.Add(wrap(tagSequence, wrap(tagSequence, wrap(explicit(0), wrap(explicit(1), wrap(tagSequence))))))
	f.Fuzz(func(t *testing.T, data []byte) {
		points, err := readPoints(data, p.Sub.Cert.RawSubject)
		if err != nil && err.Error() != "malformed: the certificate's distribution points" {
			t.Errorf("the text is %q", err)
		}
		q := *s
		q.points = points
		_, _ = (&issuingPoint{reasons: allReasons, names: [][]byte{name}}).covers(&q)
		r := read(data)
		readIssuingPoint(r, p.Sub.Cert.RawSubject)
	})
}
