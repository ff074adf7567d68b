package enginetest

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"time"

	"github.com/nrlgo/nrlgo/auth"
	"github.com/nrlgo/nrlgo/mocks/pki"
)

// lists are the CRLs of a trust, made for the chain that is shown.
type lists func(m *maker) [][]byte

func hard(l lists) makeTrust { return func(m *maker) *auth.Trust { return m.checking(false, l(m)...) } }

func soft(l lists) makeTrust { return func(m *maker) *auth.Trust { return m.checking(true, l(m)...) } }

// crl is a list of ca for a day.
func (m *maker) crl(ca *pki.CA, e func(*x509.RevocationList), revoked ...*x509.Certificate) []byte {
	m.tb.Helper()
	return must[[]byte](m.tb)(ca.CRL(time.Now().AddDate(0, 0, 1), e, revoked...))
}

// clean are lists of both CAs that revoke nothing of the chain.
func clean(m *maker) [][]byte {
	other := &x509.Certificate{SerialNumber: big.NewInt(99)}
	return [][]byte{m.crl(m.pki.Root, nil, other), m.crl(m.pki.Sub, nil, other)}
}

// subList is the root's clean list and this one of the sub CA, in which the
// peer stands when it is revoked.
func subList(e func(*x509.RevocationList), revoked bool) lists {
	return func(m *maker) [][]byte {
		var all []*x509.Certificate
		if revoked {
			all = append(all, m.shown.Leaf)
		}
		return [][]byte{m.crl(m.pki.Root, nil), m.crl(m.pki.Sub, e, all...)}
	}
}

// reason gives all entries a reason; hold is certificateHold (RFC 5280).
func reason(n int) func(*x509.RevocationList) {
	return func(l *x509.RevocationList) {
		for i := range l.RevokedCertificateEntries {
			l.RevokedCertificateEntries[i].ReasonCode = n
		}
	}
}

// partition is an issuing distribution point with that URL (RFC 5280, 5.2.5).
func partition(url string) func(*x509.RevocationList) {
	return func(l *x509.RevocationList) {
		part := func(tag int, compound bool, b []byte) []byte {
			der, _ := asn1.Marshal(asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: tag, IsCompound: compound, Bytes: b})
			return der
		}
		point, _ := asn1.Marshal(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: part(0, true, part(0, true, part(6, false, []byte(url))))})
		l.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 28}, Critical: true, Value: point}}
	}
}

func naming(url string) edit {
	return func(c *x509.Certificate) { c.CRLDistributionPoints = []string{url} }
}

func revocations() []row {
	const hold = 6
	const c7, c8 = "http://crl.nhs.uk/int/1c/crlc7.crl", "http://crl.nhs.uk/int/1c/crlc8.crl"
	stale := func(l *x509.RevocationList) { l.NextUpdate = time.Now().Add(-time.Minute) }
	revokedSub := func(m *maker) [][]byte {
		return [][]byte{m.crl(m.pki.Root, nil, m.pki.Sub.Cert), m.crl(m.pki.Sub, nil)}
	}
	none := func(*maker) [][]byte { return nil }
	revoked := func(s string) want { return refused(auth.StageRevocation, s) }
	unknown := revoked("revocation status unknown")
	return []row{
		{name: "lists that do not name it", chain: leaf(nil), trust: hard(clean)},
		{name: "revoked", chain: leaf(nil), trust: hard(subList(nil, true)), want: revoked(": revoked on")},
		{name: "revoked for a compromised key", chain: leaf(nil), trust: hard(subList(reason(1), true)), want: revoked("keyCompromise")},
		{name: "on hold", chain: leaf(nil), trust: hard(subList(reason(hold), true)), want: revoked("certificateHold")},
		{name: "revoked, under the soft policy", chain: leaf(nil), trust: soft(subList(nil, true)), want: revoked(": revoked on")},
		{name: "revoked by a list that is out of date", chain: leaf(nil), trust: hard(subList(stale, true)), want: revoked(": revoked on")},
		{name: "sub CA revoked", chain: leaf(nil), trust: hard(revokedSub), want: revoked(`"NHS Test Authentication": revoked on`)},
		{name: "sub CA revoked, but issued again for the same key", chain: leaf(nil), trust: issuedAgain},
		{name: "no list and no source", chain: leaf(nil), trust: hard(none), want: revoked("it names neither a CRL nor a responder")},
		{name: "no list and no source, under the soft policy", chain: leaf(nil), trust: soft(none)},
		{name: "a list of the sub CA only", chain: leaf(nil), trust: hard(func(m *maker) [][]byte { return clean(m)[1:] }), want: revoked(`"NHS Test Authentication": revocation status unknown`)},
		{name: "a list of the root only", chain: leaf(nil), trust: hard(func(m *maker) [][]byte { return clean(m)[:1] }), want: revoked(`"` + fqdn + `": revocation status unknown`)},
		{name: "a list that is out of date", chain: leaf(nil), trust: hard(subList(stale, false)), want: revoked("not within its dates")},
		{name: "a list that is out of date, under the soft policy", chain: leaf(nil), trust: soft(subList(stale, false))},
		{name: "a list of another CA of the same name", chain: leaf(nil), trust: hard(strangersList), want: revoked("not signed as it must be")},
		{name: "a list of its partition", chain: leaf(naming(c7)), trust: hard(subList(partition(c7), false))},
		{name: "revoked by the list of its partition", chain: leaf(naming(c7)), trust: hard(subList(partition(c7), true)), want: revoked(": revoked on")},
		{name: "a list of another partition", chain: leaf(naming("http://elsewhere.test/a.crl")), trust: hard(subList(partition(c8), false)), want: revoked("not on the allow-list")},
		{name: "a list of a partition, where it names none", chain: leaf(nil), trust: hard(subList(partition(c8), false)), want: unknown},
		{
			name: "a list on a host that is not allowed", chain: leaf(naming("http://elsewhere.test/a.crl")), want: revoked("not on the allow-list"),
			trust: hard(func(m *maker) [][]byte { return clean(m)[:1] }),
		},
	}
}

// issuedAgain trusts the sub CA that was revoked and its successor; of the two
// paths one stands.
func issuedAgain(m *maker) *auth.Trust {
	again := must[*pki.CA](m.tb)(m.pki.Root.IssueCA(m.pki.Sub.Cert.Subject.CommonName, nil, pki.Named("sub")))
	both := m.trusting(m.pki.BundlePEM(), again.PEM())
	return both.WithRevocation(m.checking(false, m.crl(m.pki.Root, nil, m.pki.Sub.Cert), m.crl(m.pki.Sub, nil)).Revocation())
}

func strangersList(m *maker) [][]byte {
	return [][]byte{m.crl(m.pki.Root, nil), m.crl(m.stranger().Sub, nil)}
}
