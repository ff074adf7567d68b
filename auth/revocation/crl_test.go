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

// listRule is one list, fetched from the address that the certificate names.
type listRule struct {
	name  string
	ca    *pki.CA // nil: the sub CA
	edit  func(*tbsList)
	lists bool // the certificate is listed as revoked
	want  error
}

// hold gives Check each list in turn.
func (w *world) hold(t *testing.T, rules []listRule) {
	t.Helper()
	for _, tt := range rules {
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
			if tt.want != nil && !errors.Is(tt.want, revocation.ErrRevoked) {
				wantErr(t, err, revocation.ErrUnknown)
			}
		})
	}
}

// edits makes one edit of several.
func edits(all ...func(*tbsList)) func(*tbsList) {
	return func(l *tbsList) {
		for _, edit := range all {
			edit(l)
		}
	}
}

// with adds an extension to a list, within to its first entry.
func with(t *testing.T, id asn1.ObjectIdentifier, critical bool, v any) func(*tbsList) {
	t.Helper()
	e := extension(t, id, critical, v)
	return func(l *tbsList) { l.Extensions = append(l.Extensions, e) }
}

func within(t *testing.T, id asn1.ObjectIdentifier, critical bool, v any) func(*tbsList) {
	t.Helper()
	e := extension(t, id, critical, v)
	return func(l *tbsList) { l.Revoked[0].Extensions = []pkix.Extension{e} }
}

func because(t *testing.T, reason int) func(*tbsList) {
	t.Helper()
	return within(t, oidReason, false, asn1.Enumerated(reason))
}

func TestRevokedByAList(t *testing.T) {
	t.Parallel()
	setup(t).hold(t, []listRule{
		{name: "a complete list"},
		{name: "listed", lists: true, want: revocation.ErrRevoked},
		{name: "listed with an unknown reason code", edit: because(t, 42), lists: true, want: revocation.ErrRevoked},
		{name: "on hold", edit: because(t, 6), lists: true, want: revocation.ErrRevoked},
		{name: "removeFromCRL in a complete list", edit: because(t, 8), lists: true, want: revocation.ErrRevoked},
	})
}

func TestSignerOfAList(t *testing.T) {
	t.Parallel()
	w := setup(t)
	ca := func(cn string, edit func(*x509.Certificate), key pki.KeyOption) *pki.CA {
		return must[*pki.CA](t)(w.Root.IssueCA(cn, edit, key))
	}
	usage := func(u x509.KeyUsage) func(*x509.Certificate) { return func(c *x509.Certificate) { c.KeyUsage = u } }
	other := must[*pki.PKI](t)(pki.New(pki.Options{KeySet: "other", Now: w.now}))
	algorithm := func(der string) func(*tbsList) {
		return func(l *tbsList) {
			l.Signature = asn1.RawValue{FullBytes: []byte(der)}
			l.alg = l.Signature
		}
	}
	const sha1RSA, md5RSA = "\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05\x05\x00", "\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x04\x05\x00"
	const sha256ECDSA = "\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02"
	curve := pki.Key(must[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)))
	short := pki.Key(must[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P224(), rand.Reader)))
	w.hold(t, []listRule{
		{name: "signed by another key", edit: func(l *tbsList) { l.key = other.Sub.Key }, want: revocation.ErrSignature},
		{name: "in another name", edit: func(l *tbsList) { l.Issuer = asn1.RawValue{FullBytes: w.Root.Cert.RawSubject} }, want: revocation.ErrSignature},
		{name: "an issuer without cRLSign", ca: ca("Mute", usage(x509.KeyUsageCertSign), pki.Named("mute")), want: revocation.ErrSignature},
		{name: "an issuer without key usage", ca: ca("Bare", usage(0), pki.Named("bare"))},
		{name: "an issuer with RSA 1024", ca: ca("Short", nil, pki.RSA(1024)), want: revocation.ErrSignature},
		{name: "ECDSA", ca: ca("Curve", nil, curve), edit: algorithm(sha256ECDSA)},
		{name: "ECDSA with 224 bits", ca: ca("Short curve", nil, short), edit: algorithm(sha256ECDSA), want: revocation.ErrSignature},
		{name: "SHA-1", edit: algorithm(sha1RSA), want: revocation.ErrSignature},
		{name: "MD5", edit: algorithm(md5RSA), want: revocation.ErrSignature},
		{name: "another algorithm inside than outside", edit: edits(algorithm(sha1RSA), func(l *tbsList) { l.alg = sha256RSA }), want: revocation.ErrMalformed},
	})
}

func TestDatesOfAList(t *testing.T) {
	t.Parallel()
	from := func(d time.Duration) func(*tbsList) { return func(l *tbsList) { l.ThisUpdate = start.Add(d) } }
	to := func(d time.Duration) func(*tbsList) { return func(l *tbsList) { l.NextUpdate = start.Add(d) } }
	setup(t).hold(t, []listRule{
		{name: "issued five minutes ahead of our clock", edit: from(5 * time.Minute)},
		{name: "issued in the future", edit: from(5*time.Minute + time.Second), want: revocation.ErrStale},
		{name: "issued in the future, and listed", edit: from(5*time.Minute + time.Second), lists: true, want: revocation.ErrStale},
		{name: "due in a second", edit: to(time.Second)},
		{name: "due now", edit: to(0), want: revocation.ErrStale},
		{name: "without nextUpdate", edit: func(l *tbsList) { l.NextUpdate = time.Time{} }, want: revocation.ErrMalformed},
		{name: "due before it was issued", edit: to(-2 * time.Hour), want: revocation.ErrMalformed},
		{name: "stale and listed: revoked is for ever", edit: to(-time.Second), lists: true, want: revocation.ErrRevoked},
		{name: "stale and on hold: it may have ended", edit: edits(to(-time.Second), because(t, 6)), lists: true, want: revocation.ErrStale},
	})
}

func TestFormOfAList(t *testing.T) {
	t.Parallel()
	w := setup(t)
	delta := asn1.ObjectIdentifier{2, 5, 29, 27}
	elsewhere := func(l *tbsList) {
		l.Revoked = []tbsEntry{{Serial: w.Root.Cert.SerialNumber, At: start, Extensions: []pkix.Extension{extension(t, oidForeign, true, 1)}}}
	}
	w.hold(t, []listRule{
		{name: "of version 1", edit: func(l *tbsList) { l.Version = 0 }, want: revocation.ErrMalformed},
		{name: "of version 3", edit: func(l *tbsList) { l.Version = 2 }, want: revocation.ErrMalformed},
		{name: "an unknown extension", edit: with(t, oidForeign, false, 1)},
		{name: "an unknown critical extension", edit: with(t, oidForeign, true, 1), want: revocation.ErrUnsupported},
		{name: "an extension twice", edit: edits(with(t, oidForeign, false, 1), with(t, oidForeign, false, 1)), want: revocation.ErrMalformed},
		{name: "a delta list", edit: with(t, delta, true, 1), want: revocation.ErrUnsupported},
		{name: "a delta list whose indicator is not critical", edit: with(t, delta, false, 1), want: revocation.ErrUnsupported},
		{name: "where delta lists are: ignored", edit: with(t, asn1.ObjectIdentifier{2, 5, 29, 46}, false, []idp{})},
		{name: "another's entry with an unknown critical extension", edit: elsewhere, want: revocation.ErrUnsupported},
		{name: "an entry with an unknown extension", edit: within(t, oidForeign, false, 1), lists: true, want: revocation.ErrRevoked},
		{name: "an entry of another issuer", edit: within(t, asn1.ObjectIdentifier{2, 5, 29, 29}, true, []asn1.RawValue{}), lists: true, want: revocation.ErrUnsupported},
	})
}

func TestScopeOfAList(t *testing.T) {
	t.Parallel()
	w := setup(t)
	only := func(p idp) func(*tbsList) { return with(t, oidIDP, true, p) }
	bits := func(a, b byte) asn1.BitString { return asn1.BitString{Bytes: []byte{a, b}, BitLength: 9} }
	const another = "http://crl.test/1c/crlc8.crl"
	w.hold(t, []listRule{
		{name: "the partition that the certificate names", edit: only(idp{Name: uri(pointURL)})},
		{name: "the partition, and listed", edit: only(idp{Name: uri(pointURL)}), lists: true, want: revocation.ErrRevoked},
		{name: "the partition, for some reasons only", edit: only(idp{Name: uri(pointURL), Reasons: bits(0x7f, 0)}), want: revocation.ErrUnknown},
		{name: "another partition", edit: only(idp{Name: uri(another)}), want: revocation.ErrScope},
		{name: "another partition in an extension that is not critical", edit: with(t, oidIDP, false, idp{Name: uri(another)}), want: revocation.ErrScope},
		{name: "the point of the issuer's own name", edit: only(idp{Name: pointName{Full: []asn1.RawValue{
			{Class: asn1.ClassContextSpecific, Tag: 4, IsCompound: true, Bytes: w.Sub.Cert.RawSubject},
		}}})},
		{name: "for users' certificates", edit: only(idp{Users: true})},
		{name: "for CA certificates", edit: only(idp{CAs: true}), want: revocation.ErrScope},
		{name: "for attribute certificates", edit: only(idp{Att: true}), want: revocation.ErrScope},
		{name: "for some reasons only", edit: only(idp{Reasons: bits(0x7f, 0)}), want: revocation.ErrUnknown},
		{name: "for some reasons only, and listed", edit: only(idp{Reasons: bits(0x40, 0)}), lists: true, want: revocation.ErrRevoked},
		{name: "for all reasons by name", edit: only(idp{Reasons: bits(0x7f, 0x80)})},
		{name: "marked as indirect, about its own certificates only", edit: only(idp{Indirect: true})},
		{name: "a malformed point", edit: with(t, oidIDP, true, 7), want: revocation.ErrMalformed},
	})
}

// TestTwoListsInOneAnswer are refused: one of them would go unseen.
func TestTwoListsInOneAnswer(t *testing.T) {
	t.Parallel()
	w := setup(t)
	s := serve(t, bytesOf(func() []byte { return pemList(w.crl(w.Sub, nil), w.crl(w.Sub, nil)) }))
	k := w.checker(revocation.Config{Hosts: []string{s.host}})
	_, err := k.Check(t.Context(), w.chain(w.leaf("leaf.nhs.uk", named(s.URL, ""))), nil)
	wantErr(t, err, revocation.ErrMalformed)
}

// TestPointOfAnotherIssuer is a certificate whose list another authority
// issues: it is not asked for.
func TestPointOfAnotherIssuer(t *testing.T) {
	t.Parallel()
	w := setup(t)
	s := serve(t, bytesOf(func() []byte { return w.crl(w.Sub, nil) }))
	point := struct {
		Name   pointName       `asn1:"optional,tag:0"`
		Issuer []asn1.RawValue `asn1:"optional,tag:2"`
	}{uri(s.URL), []asn1.RawValue{{Class: asn1.ClassContextSpecific, Tag: 4, IsCompound: true, Bytes: w.Root.Cert.RawSubject}}}
	leaf := w.leaf("leaf.nhs.uk", func(c *x509.Certificate) {
		c.ExtraExtensions = []pkix.Extension{extension(t, oidDP, false, []any{point})}
	})
	k := w.checker(revocation.Config{Hosts: []string{s.host}})
	_, err := k.Check(t.Context(), w.chain(leaf), nil)
	wantErr(t, err, revocation.ErrNoSource)
	if s.hits.Load() != 0 {
		t.Error("the list was asked for")
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
