package revocation_test

import (
	"bytes"
	"crypto"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"io"
	"math/big"
	"net/http"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"github.com/nrlgo/nrlgo/mocks/pki"
)

// reply is an OCSP response that can be wrong in every way.
type reply struct {
	Status     int
	Singles    []singleShape
	Produced   time.Time
	Extensions []pkix.Extension

	Signer crypto.Signer
	By     *x509.Certificate   // the ResponderID
	ByKey  bool                // by its key, not its name
	Certs  []*x509.Certificate // enclosed
	Alg    asn1.RawValue
	Type   asn1.ObjectIdentifier
}

type singleShape struct {
	ID         certID
	Status     asn1.RawValue
	ThisUpdate time.Time        `asn1:"generalized"`
	NextUpdate time.Time        `asn1:"generalized,explicit,tag:0,optional"`
	Extensions []pkix.Extension `asn1:"explicit,tag:1,optional"`
}

type certID struct {
	Hash      pkix.AlgorithmIdentifier
	Name, Key []byte
	Serial    *big.Int
}

var (
	algSHA1   = pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26}, Parameters: asn1.NullRawValue}
	algSHA256 = pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}, Parameters: asn1.NullRawValue}

	good    = asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0}
	unknown = asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 2}
)

// revokedFor is the status revoked, two hours ago.
func revokedFor(tb testing.TB, reason int) asn1.RawValue {
	tb.Helper()
	at := must[[]byte](tb)(asn1.MarshalWithParams(start.Add(-2*time.Hour), "generalized"))
	why := must[[]byte](tb)(asn1.MarshalWithParams(asn1.Enumerated(reason), "explicit,tag:0"))
	return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 1, IsCompound: true, Bytes: append(at, why...)}
}

func keyBits(tb testing.TB, c *x509.Certificate) []byte {
	tb.Helper()
	var info struct {
		Alg pkix.AlgorithmIdentifier
		Key asn1.BitString
	}
	if _, err := asn1.Unmarshal(c.RawSubjectPublicKeyInfo, &info); err != nil {
		tb.Fatal(err)
	}
	return info.Key.Bytes
}

// idBySHA1 names a certificate as most requests do.
func idBySHA1(tb testing.TB, c, issuer *x509.Certificate) certID {
	tb.Helper()
	name, key := sha1.Sum(issuer.RawSubject), sha1.Sum(keyBits(tb, issuer))
	return certID{algSHA1, name[:], key[:], c.SerialNumber}
}

func idBySHA256(tb testing.TB, c, issuer *x509.Certificate) certID {
	tb.Helper()
	name, key := sha256.Sum256(issuer.RawSubject), sha256.Sum256(keyBits(tb, issuer))
	return certID{algSHA256, name[:], key[:], c.SerialNumber}
}

// goodReply is one of the CA itself: good, issued an hour ago, due in a day.
func (w *world) goodReply(ca *pki.CA, c *x509.Certificate) *reply {
	w.t.Helper()
	return &reply{
		Singles: []singleShape{{
			ID: idBySHA1(w.t, c, ca.Cert), Status: good,
			ThisUpdate: w.now().Add(-time.Hour), NextUpdate: w.now().Add(24 * time.Hour),
		}},
		Produced: w.now().Add(-time.Hour), Signer: ca.Key, By: ca.Cert, Alg: sha256RSA, Type: oidBasicOCSP,
	}
}

// der is the response.
func (r *reply) der(tb testing.TB) []byte {
	tb.Helper()
	if r.Status != 0 {
		return sequence(tb, asn1.Enumerated(r.Status))
	}
	by := asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 1, IsCompound: true, Bytes: r.By.RawSubject}
	if r.ByKey {
		key := sha1.Sum(keyBits(tb, r.By))
		by.Tag, by.Bytes = 2, must[[]byte](tb)(asn1.Marshal(key[:]))
	}
	produced := must[[]byte](tb)(asn1.MarshalWithParams(r.Produced, "generalized"))
	parts := []any{by, asn1.RawValue{FullBytes: produced}, r.Singles}
	if len(r.Extensions) > 0 {
		parts = append(parts, asn1.RawValue{FullBytes: must[[]byte](tb)(asn1.MarshalWithParams(r.Extensions, "explicit,tag:1"))})
	}
	var rest []asn1.RawValue
	if len(r.Certs) > 0 {
		var raw []asn1.RawValue
		for _, c := range r.Certs {
			raw = append(raw, asn1.RawValue{FullBytes: c.Raw})
		}
		rest = append(rest, asn1.RawValue{FullBytes: must[[]byte](tb)(asn1.MarshalWithParams(raw, "explicit,tag:0"))})
	}
	basic := signature(tb, r.Signer, sequence(tb, parts...), r.Alg, rest...)
	envelope := asn1.RawValue{
		Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true,
		Bytes: sequence(tb, r.Type, basic),
	}
	return sequence(tb, asn1.Enumerated(0), envelope)
}

// nonceOf is the nonce extension of a request, nil when there is none.
func nonceOf(tb testing.TB, request []byte) []byte {
	tb.Helper()
	var shape struct {
		TBS struct {
			List       asn1.RawValue
			Extensions []pkix.Extension `asn1:"explicit,tag:2,optional"`
		}
	}
	if rest, err := asn1.Unmarshal(request, &shape); err != nil || len(rest) > 0 {
		tb.Errorf("the request: %v, %d bytes too many", err, len(rest))
	}
	for _, e := range shape.TBS.Extensions {
		if e.Id.Equal(oidNonce) {
			return e.Value
		}
	}
	return nil
}

// responder answers every request with what the function makes of it.
func responder(tb testing.TB, answer func(nonce []byte) []byte) *server {
	tb.Helper()
	return serve(tb, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if _, e := ocsp.ParseRequest(body); err != nil || e != nil || r.Method != http.MethodPost {
			tb.Errorf("no request: %v, %v", err, e)
		}
		if got := r.Header.Get("Content-Type"); got != "application/ocsp-request" {
			tb.Errorf("content type %q", got)
		}
		_, _ = io.Copy(w, bytes.NewReader(answer(nonceOf(tb, body))))
	})
}
