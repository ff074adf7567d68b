package revocation_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nrlgo/nrlgo/auth/revocation"
	"github.com/nrlgo/nrlgo/mocks/pki"
)

const pointURL = "http://crl.test/1c/crlc7.crl"

// TestListRules gives Check one list, fetched from the address that the
// certificate names: every rule, to accept and to refuse.
func TestListRules(t *testing.T) {
	t.Parallel()
	w := setup(t)
	rsa1024 := must[*pki.CA](t)(w.Root.IssueCA("Short", nil, pki.RSA(1024)))
	noSign := must[*pki.CA](t)(w.Root.IssueCA("Mute", func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCertSign }, pki.Named("mute")))
	noUsage := must[*pki.CA](t)(w.Root.IssueCA("Bare", func(c *x509.Certificate) { c.KeyUsage = 0 }, pki.Named("bare")))
	curve := must[*pki.CA](t)(w.Root.IssueCA("Curve", nil, pki.Key(must[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)))))
	other := must[*pki.PKI](t)(pki.New(pki.Options{KeySet: "other", Now: w.now}))
	ext := func(id asn1.ObjectIdentifier, critical bool, v any) func(*tbsList) {
		e := extension(t, id, critical, v)
		return func(l *tbsList) { l.Extensions = append(l.Extensions, e) }
	}
	entry := func(id asn1.ObjectIdentifier, critical bool, v any) func(*tbsList) {
		e := extension(t, id, critical, v)
		return func(l *tbsList) { l.Revoked[0].Extensions = []pkix.Extension{e} }
	}
	reason := func(n int) func(*tbsList) { return entry(oidReason, false, asn1.Enumerated(n)) }
	bits := func(b byte) asn1.BitString { return asn1.BitString{Bytes: []byte{b, 0}, BitLength: 9} }
	stale := func(l *tbsList) { l.NextUpdate = start.Add(-time.Second) }
	both := func(a, b func(*tbsList)) func(*tbsList) { return func(l *tbsList) { a(l); b(l) } }
	self := func(l *tbsList) {}
	sha1RSA := asn1.RawValue{FullBytes: []byte("\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05\x05\x00")}
	md5RSA := asn1.RawValue{FullBytes: []byte("\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x04\x05\x00")}

	for _, tt := range []struct {
		name  string
		ca    *pki.CA // nil: the sub CA
		edit  func(*tbsList)
		lists bool // the certificate is listed as revoked
		want  error
	}{
		{name: "a complete list", edit: self},
		{name: "listed", edit: self, lists: true, want: revocation.ErrRevoked},
		{name: "listed with an unknown reason code", edit: reason(42), lists: true, want: revocation.ErrRevoked},
		{name: "on hold", edit: reason(6), lists: true, want: revocation.ErrRevoked},
		{name: "removeFromCRL in a complete list", edit: reason(8), lists: true, want: revocation.ErrRevoked},
		{name: "ECDSA", ca: curve, edit: func(l *tbsList) {
			l.Signature = asn1.RawValue{FullBytes: []byte("\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02")}
			l.alg = l.Signature
		}},

		{name: "signed by another key", edit: func(l *tbsList) { l.key = other.Sub.Key }, want: revocation.ErrSignature},
		{name: "in another name", edit: func(l *tbsList) { l.Issuer = asn1.RawValue{FullBytes: w.Root.Cert.RawSubject} }, want: revocation.ErrSignature},
		{name: "an issuer without cRLSign", ca: noSign, edit: self, want: revocation.ErrSignature},
		{name: "an issuer without key usage", ca: noUsage, edit: self},
		{name: "an issuer with RSA 1024", ca: rsa1024, edit: self, want: revocation.ErrSignature},
		{name: "SHA-1", edit: func(l *tbsList) { l.Signature, l.alg = sha1RSA, sha1RSA }, want: revocation.ErrSignature},
		{name: "MD5", edit: func(l *tbsList) { l.Signature, l.alg = md5RSA, md5RSA }, want: revocation.ErrSignature},
		{name: "another algorithm inside than outside", edit: func(l *tbsList) { l.Signature = sha1RSA }, want: revocation.ErrMalformed},

		{name: "issued five minutes ahead of our clock", edit: func(l *tbsList) { l.ThisUpdate = start.Add(5 * time.Minute) }},
		{name: "issued in the future", edit: func(l *tbsList) { l.ThisUpdate = start.Add(5*time.Minute + time.Second) }, want: revocation.ErrStale},
		{name: "due in a second", edit: func(l *tbsList) { l.NextUpdate = start.Add(time.Second) }},
		{name: "due now", edit: func(l *tbsList) { l.NextUpdate = start }, want: revocation.ErrStale},
		{name: "without nextUpdate", edit: func(l *tbsList) { l.NextUpdate = time.Time{} }, want: revocation.ErrMalformed},
		{name: "due before it was issued", edit: func(l *tbsList) { l.NextUpdate = l.ThisUpdate.Add(-time.Hour) }, want: revocation.ErrMalformed},
		{name: "stale and listed: revoked is for ever", edit: stale, lists: true, want: revocation.ErrRevoked},
		{name: "stale and on hold: it may have ended", edit: both(stale, reason(6)), lists: true, want: revocation.ErrStale},
		{name: "of version 1", edit: func(l *tbsList) { l.Version = 0 }, want: revocation.ErrMalformed},

		{name: "an unknown extension", edit: ext(oidForeign, false, 1)},
		{name: "an unknown critical extension", edit: ext(oidForeign, true, 1), want: revocation.ErrUnsupported},
		{name: "an extension twice", edit: both(ext(oidForeign, false, 1), ext(oidForeign, false, 1)), want: revocation.ErrMalformed},
		{name: "a delta list", edit: ext(asn1.ObjectIdentifier{2, 5, 29, 27}, true, 1), want: revocation.ErrUnsupported},
		{name: "a delta list whose indicator is not critical", edit: ext(asn1.ObjectIdentifier{2, 5, 29, 27}, false, 1), want: revocation.ErrUnsupported},
		{name: "where delta lists are: ignored", edit: ext(asn1.ObjectIdentifier{2, 5, 29, 46}, false, []idp{})},
		{name: "an entry with an unknown critical extension", edit: func(l *tbsList) {
			l.Revoked = []tbsEntry{{Serial: w.Root.Cert.SerialNumber, At: start, Extensions: []pkix.Extension{extension(t, oidForeign, true, 1)}}}
		}, want: revocation.ErrUnsupported},
		{name: "an entry with an unknown extension", edit: entry(oidForeign, false, 1), lists: true, want: revocation.ErrRevoked},
		{name: "an entry of another issuer", edit: entry(asn1.ObjectIdentifier{2, 5, 29, 29}, true, []asn1.RawValue{}), lists: true, want: revocation.ErrUnsupported},

		{name: "the partition that the certificate names", edit: ext(oidIDP, true, idp{Name: uri(pointURL)})},
		{name: "the partition, and listed", edit: ext(oidIDP, true, idp{Name: uri(pointURL)}), lists: true, want: revocation.ErrRevoked},
		{name: "another partition", edit: ext(oidIDP, true, idp{Name: uri("http://crl.test/1c/crlc8.crl")}), want: revocation.ErrScope},
		{name: "another partition in an extension that is not critical", edit: ext(oidIDP, false, idp{Name: uri("http://crl.test/1c/crlc8.crl")}), want: revocation.ErrScope},
		{name: "the point of the issuer's own name", edit: ext(oidIDP, true, idp{Name: pointName{Full: []asn1.RawValue{
			{Class: asn1.ClassContextSpecific, Tag: 4, IsCompound: true, Bytes: w.Sub.Cert.RawSubject},
		}}})},
		{name: "for users' certificates", edit: ext(oidIDP, true, idp{Users: true})},
		{name: "for CA certificates", edit: ext(oidIDP, true, idp{CAs: true}), want: revocation.ErrScope},
		{name: "for attribute certificates", edit: ext(oidIDP, true, idp{Att: true}), want: revocation.ErrScope},
		{name: "for some reasons only", edit: ext(oidIDP, true, idp{Reasons: bits(0x7f)}), want: revocation.ErrUnknown},
		{name: "for some reasons only, and listed", edit: ext(oidIDP, true, idp{Reasons: bits(0x40)}), lists: true, want: revocation.ErrRevoked},
		{name: "for all reasons by name", edit: ext(oidIDP, true, idp{Reasons: asn1.BitString{Bytes: []byte{0x7f, 0x80}, BitLength: 9}})},
		{name: "marked as indirect, about its own certificates only", edit: ext(oidIDP, true, idp{Indirect: true})},
		{name: "a malformed point", edit: ext(oidIDP, true, 7), want: revocation.ErrMalformed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := w.in(t)
			ca := tt.ca
			if ca == nil {
				ca = w.Sub
			}
			var der []byte
			s := serve(t, bytesOf(func() []byte { return der }))
			// The proxy stands for the host of the address that the lists name.
			leaf := must[*pki.Leaf](t)(ca.Issue("leaf.nhs.uk", named(pointURL, "")))
			var revoked []*x509.Certificate
			if tt.lists {
				revoked = append(revoked, leaf.Cert)
			}
			der = w.crl(ca, tt.edit, revoked...)
			k := w.checker(revocation.Config{Hosts: []string{"crl.test"}, Proxy: parse(t, s.URL)})
			_, err := k.Check(t.Context(), []*x509.Certificate{leaf.Cert, ca.Cert, w.Root.Cert}, nil)
			wantErr(t, err, tt.want)
			if tt.want != nil && tt.want != revocation.ErrRevoked {
				wantErr(t, err, revocation.ErrUnknown)
			}
		})
	}
}

// TestListsForSomeReasonsAddUp needs two lists of the same certificate.
func TestListsForSomeReasonsAddUp(t *testing.T) {
	t.Parallel()
	w := setup(t)
	leaf := w.leaf("leaf.nhs.uk", nil)
	part := func(name string, a, b byte, due time.Duration) string {
		e := extension(t, oidIDP, true, idp{Reasons: asn1.BitString{Bytes: []byte{a, b}, BitLength: 9}})
		return w.file(name, w.crl(w.Sub, func(l *tbsList) {
			l.Extensions = []pkix.Extension{e}
			l.NextUpdate = start.Add(due)
		}))
	}
	one, two := part("one.crl", 0x60, 0, time.Hour), part("two.crl", 0x1f, 0x80, 2*time.Hour)
	_, err := w.checker(revocation.Config{Lists: []string{one}}).Check(t.Context(), w.chain(leaf), nil)
	wantErr(t, err, revocation.ErrNoSource)
	r, err := w.checker(revocation.Config{Lists: []string{one, two}}).Check(t.Context(), w.chain(leaf), nil)
	wantErr(t, err, nil)
	if diff := cmp.Diff(start.Add(time.Hour), r.Until()); diff != "" {
		t.Errorf("the first of both: -want +got\n%s", diff)
	}
}

// TestListsOfCAs hold the sub CA's certificate against the root's list.
func TestListsOfCAs(t *testing.T) {
	t.Parallel()
	w := setup(t)
	leaf := w.leaf("leaf.nhs.uk", nil)
	sub := w.file("sub.crl", w.crl(w.Sub, nil))
	users, cas := extension(t, oidIDP, true, idp{Users: true}), extension(t, oidIDP, true, idp{CAs: true})
	for _, tt := range []struct {
		name    string
		idp     []pkix.Extension
		revoked bool
		want    error
	}{
		{name: "a list for users' certificates does not cover it", idp: []pkix.Extension{users}, want: revocation.ErrNoSource},
		{name: "a list for CAs does", idp: []pkix.Extension{cas}},
		{name: "a revoked sub CA", revoked: true, want: revocation.ErrRevoked},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var revoked []*x509.Certificate
			if tt.revoked {
				revoked = append(revoked, w.Sub.Cert)
			}
			v := w.in(t)
			root := v.file("r.crl", v.crl(w.Root, func(l *tbsList) { l.Extensions = tt.idp }, revoked...))
			k, err := revocation.New(revocation.Config{Lists: []string{sub, root}, Now: w.now})
			wantErr(t, err, nil)
			_, err = k.Check(t.Context(), w.chain(leaf), nil)
			wantErr(t, err, tt.want)
			if e, ok := errors.AsType[*revocation.Error](err); tt.want != nil && (!ok || e.Cert != w.Sub.Cert.Subject.CommonName) {
				t.Errorf("got %v, want an error about the sub CA", err)
			}
		})
	}
}

// TestSignatureAlgorithms verifies lists that crypto/x509 signed.
func TestSignatureAlgorithms(t *testing.T) {
	t.Parallel()
	w := setup(t)
	leaf := w.leaf("leaf.nhs.uk", nil)
	for _, alg := range []x509.SignatureAlgorithm{
		x509.SHA256WithRSA, x509.SHA384WithRSA, x509.SHA512WithRSA,
		x509.SHA256WithRSAPSS, x509.SHA384WithRSAPSS, x509.SHA512WithRSAPSS,
	} {
		t.Run(alg.String(), func(t *testing.T) {
			t.Parallel()
			v := w.in(t)
			der := must[[]byte](t)(w.Sub.CRL(start.Add(time.Hour), func(l *x509.RevocationList) { l.SignatureAlgorithm = alg }, w.Root.Cert))
			k := v.checker(revocation.Config{Lists: []string{v.file("sub.crl", der)}})
			_, err := k.Check(t.Context(), w.chain(leaf), nil)
			wantErr(t, err, nil)
		})
	}
}
