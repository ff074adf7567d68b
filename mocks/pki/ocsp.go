package pki

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/sha1" // CertID is made of SHA-1 by default (RFC 6960)
	"crypto/sha256"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"strings"
	"time"
)

// ErrOCSP is wrapped when a request for a certificate's status is malformed.
var ErrOCSP = errors.New("no OCSP request")

// The forms of RFC 6960, section 4.1 and 4.2.
type (
	certID struct {
		Algorithm         pkix.AlgorithmIdentifier
		NameHash, KeyHash []byte
		Serial            *big.Int
	}
	ocspRequest struct {
		TBS struct {
			Version    int           `asn1:"explicit,tag:0,default:0,optional"`
			Name       asn1.RawValue `asn1:"explicit,tag:1,optional"`
			List       []ocspAsk
			Extensions []pkix.Extension `asn1:"explicit,tag:2,optional"`
		}
		Signature asn1.RawValue `asn1:"explicit,tag:0,optional"`
	}
	ocspAsk struct {
		ID         certID
		Extensions []pkix.Extension `asn1:"explicit,tag:0,optional"`
	}
	singleResponse struct {
		ID         certID
		Status     asn1.RawValue
		ThisUpdate time.Time `asn1:"generalized"`
		NextUpdate time.Time `asn1:"generalized,explicit,tag:0"`
	}
	responseData struct {
		KeyHash    []byte    `asn1:"explicit,tag:2"` // the responder, by its key
		ProducedAt time.Time `asn1:"generalized"`
		Responses  []singleResponse
		Extensions []pkix.Extension `asn1:"explicit,tag:1,optional,omitempty"`
	}
	basicResponse struct {
		TBS       asn1.RawValue
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
	}
	ocspResponse struct {
		Status asn1.Enumerated
		Bytes  responseBytes `asn1:"explicit,tag:0,optional"`
	}
	responseBytes struct {
		Type     asn1.ObjectIdentifier
		Response []byte
	}
)

var (
	oidBasic     = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 1}
	oidNonce     = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 2}
	oidSHA1      = asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26}
	oidSHA256    = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}
	oidRSASHA256 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 11}
)

// OCSPFromPath decodes the request in the path of a GET, "/" and base64 (RFC
// 6960, appendix A). An error wraps [ErrOCSP].
func OCSPFromPath(path string) ([]byte, error) {
	text, err := url.PathUnescape(strings.TrimPrefix(path, "/"))
	if err != nil {
		return nil, fmt.Errorf("pki: %w", ErrOCSP)
	}
	der, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("pki: %w", ErrOCSP)
	}
	return der, nil
}

// OCSP answers a request about certificates of one of these CAs, in DER and
// signed by that CA with SHA-256, valid from an hour ago to nextUpdate; a nonce
// is repeated. revokedAt says when a CA revoked a serial number, zero for not
// at all: such a certificate is good. A certificate of another CA, and one
// named by other hashes than SHA-1 and SHA-256, is unauthorized. An error wraps
// [ErrOCSP] or [ErrTemplate].
func OCSP(request []byte, nextUpdate time.Time, revokedAt func(ca *CA, serial *big.Int) time.Time, cas ...*CA) ([]byte, error) {
	var asked ocspRequest
	if rest, err := asn1.Unmarshal(request, &asked); err != nil || len(rest) > 0 || len(asked.TBS.List) == 0 {
		return nil, fmt.Errorf("pki: %w", ErrOCSP)
	}
	first := asked.TBS.List[0].ID
	for _, ca := range cas {
		if !ca.isNamedBy(first) {
			continue
		}
		now := ca.now()
		data := responseData{KeyHash: ca.keyHash(sha1sum), ProducedAt: now.UTC().Truncate(time.Second)}
		for _, one := range asked.TBS.List {
			if !ca.isNamedBy(one.ID) {
				return unauthorized()
			}
			data.Responses = append(data.Responses, singleResponse{
				ID: one.ID, Status: status(revokedAt(ca, one.ID.Serial)),
				ThisUpdate: now.Add(-time.Hour).UTC().Truncate(time.Second), NextUpdate: nextUpdate.UTC().Truncate(time.Second),
			})
		}
		for _, extension := range asked.TBS.Extensions {
			if extension.Id.Equal(oidNonce) {
				data.Extensions = append(data.Extensions, extension)
			}
		}
		return ca.answer(data)
	}
	return unauthorized()
}

// unauthorized is an answer that says nothing (RFC 6960, section 2.3).
func unauthorized() ([]byte, error) { return asn1.Marshal(struct{ Status asn1.Enumerated }{6}) }

// status is good for the zero time.
func status(revokedAt time.Time) asn1.RawValue {
	if revokedAt.IsZero() {
		return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0}
	}
	at, _ := asn1.MarshalWithParams(revokedAt.UTC().Truncate(time.Second), "generalized") // of years that X.509 has
	return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 1, IsCompound: true, Bytes: at}
}

// answer signs.
func (c *CA) answer(data responseData) ([]byte, error) {
	tbs, err := asn1.Marshal(data)
	if err != nil {
		return nil, fmt.Errorf("pki: an OCSP answer: %w: %w", ErrTemplate, err)
	}
	digest := sha256.Sum256(tbs)
	signature, err := c.Key.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("pki: an OCSP answer: %w: %w", ErrTemplate, err)
	}
	basic, err := asn1.Marshal(basicResponse{
		TBS: asn1.RawValue{FullBytes: tbs}, Algorithm: pkix.AlgorithmIdentifier{Algorithm: oidRSASHA256, Parameters: asn1.NullRawValue},
		Signature: asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)},
	})
	if err != nil {
		return nil, fmt.Errorf("pki: an OCSP answer: %w: %w", ErrTemplate, err)
	}
	return asn1.Marshal(ocspResponse{Bytes: responseBytes{oidBasic, basic}})
}

// isNamedBy reports whether the id is that of a certificate of this CA.
func (c *CA) isNamedBy(id certID) bool {
	sum := map[string]func([]byte) []byte{oidSHA1.String(): sha1sum, oidSHA256.String(): sha256sum}[id.Algorithm.Algorithm.String()]
	return sum != nil && bytes.Equal(id.NameHash, sum(c.Cert.RawSubject)) && bytes.Equal(id.KeyHash, c.keyHash(sum))
}

// keyHash is that of the bits of its public key.
func (c *CA) keyHash(sum func([]byte) []byte) []byte {
	var info struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}
	if _, err := asn1.Unmarshal(c.Cert.RawSubjectPublicKeyInfo, &info); err != nil {
		return nil // crypto/x509 has parsed it
	}
	return sum(info.Key.RightAlign())
}

func sha1sum(b []byte) []byte {
	sum := sha1.Sum(b)
	return sum[:]
}

func sha256sum(b []byte) []byte {
	sum := sha256.Sum256(b)
	return sum[:]
}
