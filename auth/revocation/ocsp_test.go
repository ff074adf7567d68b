package revocation_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nrlgo/nrlgo/auth/revocation"
	"github.com/nrlgo/nrlgo/mocks/pki"
)

// delegate is a responder's certificate, with what makes it one.
func (w *world) delegate(edit func(*x509.Certificate), options ...pki.KeyOption) *pki.Leaf {
	w.t.Helper()
	return must[*pki.Leaf](w.t)(w.Issue("responder.nhs.uk", func(c *x509.Certificate) {
		c.ExtKeyUsage, c.KeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}, x509.KeyUsageDigitalSignature
		c.ExtraExtensions = []pkix.Extension{{Id: oidNoCheck, Value: []byte{5, 0}}}
		if edit != nil {
			edit(c)
		}
	}, append([]pki.KeyOption{pki.Named("responder")}, options...)...))
}

// signedBy makes a reply that of a delegated responder.
func signedBy(l *pki.Leaf) func(*reply) {
	return func(r *reply) { r.Signer, r.By, r.Certs = l.Key, l.Cert, []*x509.Certificate{l.Cert} }
}

// answerRule is one answer.
type answerRule struct {
	name string
	edit func(*reply) // nil: good, by the issuer
	want error
}

// answers gives Check each answer in turn, as a staple and as the answer of a
// responder.
func (w *world) answers(t *testing.T, leaf *pki.Leaf, rules []answerRule) {
	t.Helper()
	for _, tt := range rules {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := w.in(t)
			r := w.goodReply(w.Sub, leaf.Cert)
			if tt.edit != nil {
				tt.edit(r)
			}
			der := r.der(t)
			_, err := w.checker(revocation.Config{}).Check(t.Context(), w.chain(leaf), der)
			wantErr(t, err, tt.want)

			s := responder(t, func([]byte) []byte { return der })
			asking := *leaf.Cert
			asking.OCSPServer = []string{s.URL}
			_, err = w.checker(revocation.Config{Hosts: []string{s.host}}).Check(t.Context(), []*x509.Certificate{&asking, w.Sub.Cert, w.Root.Cert}, nil)
			wantErr(t, err, tt.want)
		})
	}
}

// changes makes one edit of several.
func changes(all ...func(*reply)) func(*reply) {
	return func(r *reply) {
		for _, edit := range all {
			edit(r)
		}
	}
}

func status(v asn1.RawValue) func(*reply) { return func(r *reply) { r.Singles[0].Status = v } }

func TestStatusOfAnAnswer(t *testing.T) {
	t.Parallel()
	w := setup(t)
	fails := func(n int) func(*reply) { return func(r *reply) { r.Status = n } }
	w.answers(t, w.leaf("leaf.nhs.uk", nil), []answerRule{
		{name: "good"},
		{name: "revoked", edit: status(revokedFor(t, 1)), want: revocation.ErrRevoked},
		{name: "on hold", edit: status(revokedFor(t, 6)), want: revocation.ErrRevoked},
		{name: "unknown", edit: status(unknown), want: revocation.ErrNotKnown},
		{name: "no status at all", edit: status(asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 3}), want: revocation.ErrMalformed},
		{name: "malformedRequest", edit: fails(1), want: revocation.MalformedRequest},
		{name: "internalError", edit: fails(2), want: revocation.InternalError},
		{name: "tryLater", edit: fails(3), want: revocation.TryLater},
		{name: "sigRequired", edit: fails(5), want: revocation.SigRequired},
		{name: "unauthorized", edit: fails(6), want: revocation.Unauthorized},
		{name: "a status that is none", edit: fails(77), want: revocation.ResponseStatus(77)},
		{name: "another kind of response", edit: func(r *reply) { r.Type = oidForeign }, want: revocation.ErrMalformed},
	})
}

func TestSignerOfAnAnswer(t *testing.T) {
	t.Parallel()
	w := setup(t)
	leaf, server := w.leaf("leaf.nhs.uk", nil), must[*pki.Leaf](t)(w.Server("server.nhs.uk"))
	other := must[*pki.PKI](t)(pki.New(pki.Options{KeySet: "other", Now: w.now}))
	sha1RSA := asn1.RawValue{FullBytes: []byte("\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05\x05\x00")}
	w.answers(t, leaf, []answerRule{
		{name: "the issuer, named by its key", edit: func(r *reply) { r.ByKey = true }},
		{name: "another key in the issuer's name", edit: func(r *reply) { r.Signer = other.Sub.Key }, want: revocation.ErrSignature},
		{name: "SHA-1", edit: func(r *reply) { r.Alg = sha1RSA }, want: revocation.ErrSignature},
		{name: "the root", edit: func(r *reply) {
			r.Signer, r.By, r.Certs = w.Root.Key, w.Root.Cert, []*x509.Certificate{w.Root.Cert}
		}, want: revocation.ErrResponder},
		{name: "someone who is not enclosed", edit: func(r *reply) { r.Signer, r.By = server.Key, server.Cert }, want: revocation.ErrResponder},
		{name: "an ordinary server of the issuer", edit: signedBy(server), want: revocation.ErrResponder},
		{name: "the certificate itself", edit: signedBy(leaf), want: revocation.ErrResponder},
	})
}

func TestDelegatedResponder(t *testing.T) {
	t.Parallel()
	w := setup(t)
	leaf, server := w.leaf("leaf.nhs.uk", nil), must[*pki.Leaf](t)(w.Server("server.nhs.uk"))
	other := must[*pki.PKI](t)(pki.New(pki.Options{KeySet: "other", Now: w.now}))
	renamed := must[*pki.CA](t)(w.Root.IssueCA("Another", nil, pki.Named("sub")))
	curve := must[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	ecdsaSHA256 := asn1.RawValue{FullBytes: []byte("\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02")}
	by := func(edit func(*x509.Certificate), options ...pki.KeyOption) func(*reply) {
		return signedBy(w.delegate(edit, options...))
	}
	of := func(ca *pki.CA) func(*reply) {
		return signedBy(must[*pki.Leaf](t)(ca.Issue("responder.nhs.uk", func(c *x509.Certificate) {
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}
			c.ExtraExtensions = []pkix.Extension{{Id: oidNoCheck, Value: []byte{5, 0}}}
		})))
	}
	w.answers(t, leaf, []answerRule{
		{name: "with all it needs", edit: by(nil)},
		{name: "named by its key", edit: changes(by(nil), func(r *reply) { r.ByKey = true })},
		{name: "behind another certificate", edit: changes(by(nil), func(r *reply) { r.Certs = append([]*x509.Certificate{server.Cert}, r.Certs...) })},
		{name: "with ECDSA", edit: changes(by(nil, pki.Key(curve)), func(r *reply) { r.Alg = ecdsaSHA256 })},
		{name: "whose key did not sign", edit: changes(by(nil), func(r *reply) { r.Signer = other.Sub.Key }), want: revocation.ErrSignature},
		{name: "for any purpose", edit: by(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageAny} }), want: revocation.ErrResponder},
		{name: "whose key is not for signatures", edit: by(func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment }), want: revocation.ErrResponder},
		{name: "expired", edit: by(func(c *x509.Certificate) { c.NotAfter = start.Add(-time.Second) }), want: revocation.ErrResponder},
		{name: "not valid yet", edit: by(func(c *x509.Certificate) { c.NotBefore = start.Add(time.Second) }), want: revocation.ErrResponder},
		{name: "with RSA 1024", edit: by(nil, pki.RSA(1024)), want: revocation.ErrSignature},
		{name: "whose certificate is signed with SHA-1", edit: by(func(c *x509.Certificate) { c.SignatureAlgorithm = x509.SHA1WithRSA }), want: revocation.ErrResponder},
		{name: "with an unknown critical extension", edit: by(func(c *x509.Certificate) {
			c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: oidForeign, Critical: true, Value: []byte{5, 0}})
		}), want: revocation.ErrResponder},
		{name: "of the root", edit: of(w.Root), want: revocation.ErrResponder},
		{name: "of another name with the issuer's key", edit: of(renamed), want: revocation.ErrResponder},
		{name: "of another CA of the same name", edit: of(other.Sub), want: revocation.ErrResponder},
		{name: "of the issuer", edit: of(w.Sub)},
		{name: "without nocheck, and no list speaks of it", edit: by(func(c *x509.Certificate) { c.ExtraExtensions = nil }), want: revocation.ErrResponder},
	})
}

func TestSubjectOfAnAnswer(t *testing.T) {
	t.Parallel()
	w := setup(t)
	leaf := w.leaf("leaf.nhs.uk", nil)
	own := idBySHA1(t, leaf.Cert, w.Sub.Cert)
	otherCert := certID{own.Hash, own.Name, own.Key, big.NewInt(7)}
	id := func(edit func(*certID)) func(*reply) { return func(r *reply) { edit(&r.Singles[0].ID) } }
	besides := func(c certID, v asn1.RawValue) func(*reply) {
		return func(r *reply) {
			s := r.Singles[0]
			s.ID, s.Status = c, v
			r.Singles = append(r.Singles, s)
		}
	}
	w.answers(t, leaf, []answerRule{
		{name: "issuer named with SHA-256", edit: id(func(c *certID) { *c = idBySHA256(t, leaf.Cert, w.Sub.Cert) })},
		{name: "issuer named with an unknown hash", edit: id(func(c *certID) { c.Hash.Algorithm = oidForeign }), want: revocation.ErrNonce},
		{name: "another issuer's name", edit: id(func(c *certID) { c.Name = idBySHA1(t, leaf.Cert, leaf.Cert).Name }), want: revocation.ErrNonce},
		{name: "another issuer's key", edit: id(func(c *certID) { c.Key = idBySHA1(t, leaf.Cert, w.Root.Cert).Key }), want: revocation.ErrNonce},
		{name: "another serial number", edit: id(func(c *certID) { *c = otherCert }), want: revocation.ErrNonce},
		{name: "another certificate besides, revoked", edit: besides(otherCert, revokedFor(t, 1))},
		{name: "the certificate twice, once revoked", edit: besides(own, revokedFor(t, 1)), want: revocation.ErrRevoked},
		{name: "about no certificate", edit: func(r *reply) { r.Singles = []singleShape{} }, want: revocation.ErrNonce},
	})
}

func TestDatesAndExtensionsOfAnAnswer(t *testing.T) {
	t.Parallel()
	w := setup(t)
	dates := func(from, to time.Duration) func(*reply) {
		return func(r *reply) {
			r.Singles[0].ThisUpdate, r.Singles[0].NextUpdate = start.Add(from), start.Add(to)
		}
	}
	undated := func(from time.Duration) func(*reply) {
		return func(r *reply) { r.Singles[0].ThisUpdate, r.Singles[0].NextUpdate = start.Add(from), time.Time{} }
	}
	plain := []pkix.Extension{{Id: oidForeign, Value: []byte{5, 0}}}
	critical := []pkix.Extension{{Id: oidForeign, Critical: true, Value: []byte{5, 0}}}
	w.answers(t, w.leaf("leaf.nhs.uk", nil), []answerRule{
		{name: "issued five minutes ahead of our clock", edit: dates(5*time.Minute, time.Hour)},
		{name: "issued in the future", edit: dates(5*time.Minute+time.Second, time.Hour), want: revocation.ErrStale},
		{name: "due in a second", edit: dates(-time.Hour, time.Second)},
		{name: "due now", edit: dates(-time.Hour, 0), want: revocation.ErrStale},
		{name: "without nextUpdate, 59 minutes old", edit: undated(-59 * time.Minute)},
		{name: "without nextUpdate, an hour old", edit: undated(-time.Hour), want: revocation.ErrStale},
		{name: "stale and revoked: revoked is for ever", edit: changes(dates(-2*time.Hour, -time.Hour), status(revokedFor(t, 4))), want: revocation.ErrRevoked},
		{name: "stale and on hold: it may have ended", edit: changes(dates(-2*time.Hour, -time.Hour), status(revokedFor(t, 6))), want: revocation.ErrStale},
		{name: "an unknown extension", edit: func(r *reply) { r.Extensions = plain }},
		{name: "an unknown critical extension", edit: func(r *reply) { r.Extensions = critical }, want: revocation.ErrUnsupported},
		{name: "an unknown extension about the certificate", edit: func(r *reply) { r.Singles[0].Extensions = plain }},
		{name: "an unknown critical extension about the certificate", edit: func(r *reply) { r.Singles[0].Extensions = critical }, want: revocation.ErrUnsupported},
	})
}

// TestNonce asks a responder that answers with several nonces.
func TestNonce(t *testing.T) {
	t.Parallel()
	w := setup(t)
	for _, tt := range []struct {
		name string
		with func(sent []byte) []byte // nil: no extension
		want error
	}{
		{name: "the one that was sent", with: func(sent []byte) []byte { return sent }},
		{name: "none, as answers made in advance"},
		{name: "another", with: func([]byte) []byte { return []byte{4, 2, 1, 2} }, want: revocation.ErrNonce},
		{name: "an empty one", with: func([]byte) []byte { return []byte{4, 0} }, want: revocation.ErrNonce},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := w.in(t)
			var leaf *pki.Leaf
			s := responder(t, func(sent []byte) []byte {
				if len(sent) != 34 {
					t.Errorf("a nonce of %d bytes with its header, want 34", len(sent))
				}
				r := w.goodReply(w.Sub, leaf.Cert)
				if tt.with != nil {
					r.Extensions = []pkix.Extension{{Id: oidNonce, Value: tt.with(sent)}}
				}
				return r.der(t)
			})
			leaf = w.leaf("leaf.nhs.uk", named("", s.URL))
			_, err := w.checker(revocation.Config{Hosts: []string{s.host}}).Check(t.Context(), w.chain(leaf), nil)
			wantErr(t, err, tt.want)
		})
	}
}

// TestRevokedResponder looks a delegated responder up in the issuer's lists.
func TestRevokedResponder(t *testing.T) {
	t.Parallel()
	w := setup(t)
	leaf := w.leaf("leaf.nhs.uk", nil)
	scope := extension(t, oidIDP, true, idp{Name: uri(pointURL)}) // the leaf names no point: this list is not about it
	for _, tt := range []struct {
		name             string
		nocheck, revoked bool
		status           asn1.RawValue
		want             error
	}{
		{name: "nocheck", nocheck: true, status: good},
		{name: "nocheck and revoked by a list at hand", nocheck: true, revoked: true, status: good, want: revocation.ErrResponder},
		{name: "without nocheck, a list says it is good", status: good},
		{name: "without nocheck, revoked", revoked: true, status: good, want: revocation.ErrResponder},
		{name: "a revoked responder revokes nothing", revoked: true, status: revokedFor(t, 1), want: revocation.ErrResponder},
		{name: "a good one does", status: revokedFor(t, 1), want: revocation.ErrRevoked},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := w.in(t)
			var list []byte
			crl := serve(t, bytesOf(func() []byte { return list }))
			signer := w.delegate(func(c *x509.Certificate) {
				c.CRLDistributionPoints = []string{pointURL}
				if !tt.nocheck {
					c.ExtraExtensions = nil
				}
			})
			var revoked []*x509.Certificate
			if tt.revoked {
				revoked = append(revoked, signer.Cert)
			}
			list = w.crl(w.Sub, func(l *tbsList) { l.Extensions = []pkix.Extension{scope} }, revoked...)
			r := w.goodReply(w.Sub, leaf.Cert)
			signedBy(signer)(r)
			r.Singles[0].Status = tt.status
			for _, c := range []revocation.Config{
				{Lists: []string{w.file("list.crl", list)}},
				{Hosts: []string{"crl.test"}, Proxy: parse(t, crl.URL)},
			} {
				if c.Proxy != nil && tt.nocheck {
					continue // its list is not asked for
				}
				k := w.checker(c)
				_, err := k.Check(t.Context(), w.chain(leaf), r.der(t))
				want := tt.want
				if c.Proxy != nil && tt.status.Tag == 1 {
					want = revocation.ErrRevoked // nobody asks before believing the worse
				}
				wantErr(t, err, want)
			}
		})
	}
}

// TestStaple holds what is done with a staple beside other sources.
func TestStaple(t *testing.T) {
	t.Parallel()
	w := setup(t)
	var leaf *pki.Leaf
	list := serve(t, bytesOf(func() []byte { return w.crl(w.Sub, nil) }))
	leaf = w.leaf("leaf.nhs.uk", named(list.URL, ""))
	ok := w.goodReply(w.Sub, leaf.Cert).der(t)
	bad := w.goodReply(w.Sub, leaf.Cert)
	bad.Singles[0].Status = revokedFor(t, 1)
	large := w.goodReply(w.Sub, leaf.Cert)
	large.Extensions = []pkix.Extension{{Id: oidForeign, Value: make([]byte, 64<<10)}}
	revoked := w.file("revoked.crl", w.crl(w.Sub, nil, leaf.Cert))
	for _, tt := range []struct {
		name   string
		staple []byte
		lists  []string
		by     revocation.Method
		want   error
		hits   int64
	}{
		{name: "a good one spares the fetch", staple: ok, by: revocation.ByStaple},
		{name: "a bad one is passed over", staple: []byte("no answer"), by: revocation.ByCRL, hits: 1},
		{name: "too many bytes are passed over", staple: large.der(t), by: revocation.ByCRL, hits: 1},
		{name: "a revoked one is believed", staple: bad.der(t), want: revocation.ErrRevoked},
		{name: "a list that revokes outweighs a good one", staple: ok, lists: []string{revoked}, want: revocation.ErrRevoked},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := w.in(t)
			before := list.hits.Load()
			k := w.checker(revocation.Config{Hosts: []string{list.host}, Lists: tt.lists})
			r, err := k.Check(t.Context(), w.chain(leaf), tt.staple)
			wantErr(t, err, tt.want)
			if err == nil {
				if diff := cmp.Diff(tt.by, r.Certs[0].By); diff != "" {
					t.Errorf("-want +got\n%s", diff)
				}
			}
			if got := list.hits.Load() - before; got != tt.hits {
				t.Errorf("%d fetches, want %d", got, tt.hits)
			}
		})
	}
}
