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

// TestAnswerRules gives Check one answer, as a staple and as the answer of a
// responder: every rule, to accept and to refuse.
func TestAnswerRules(t *testing.T) {
	t.Parallel()
	w := setup(t)
	other := must[*pki.PKI](t)(pki.New(pki.Options{KeySet: "other", Now: w.now}))
	curve := must[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	ecdsaRSA := asn1.RawValue{FullBytes: []byte("\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02")}
	sha1RSA := asn1.RawValue{FullBytes: []byte("\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05\x05\x00")}
	status := func(v asn1.RawValue) func(*reply) { return func(r *reply) { r.Singles[0].Status = v } }
	dates := func(from, to time.Duration) func(*reply) {
		return func(r *reply) {
			r.Singles[0].ThisUpdate, r.Singles[0].NextUpdate = start.Add(from), start.Add(to)
		}
	}
	undated := func(from time.Duration) func(*reply) {
		return func(r *reply) { r.Singles[0].ThisUpdate, r.Singles[0].NextUpdate = start.Add(from), time.Time{} }
	}
	both := func(a, b func(*reply)) func(*reply) { return func(r *reply) { a(r); b(r) } }
	id := func(edit func(*certID)) func(*reply) { return func(r *reply) { edit(&r.Singles[0].ID) } }
	critical := pkix.Extension{Id: oidForeign, Critical: true, Value: []byte{5, 0}}
	plain := pkix.Extension{Id: oidForeign, Value: []byte{5, 0}}
	fails := func(n int) func(*reply) { return func(r *reply) { r.Status = n } }
	leaf := w.leaf("leaf.nhs.uk", nil)
	second := func(c certID, v asn1.RawValue) func(*reply) {
		return func(r *reply) {
			s := r.Singles[0]
			s.ID, s.Status = c, v
			r.Singles = append([]singleShape{s}, r.Singles...)
		}
	}
	otherCert := certID{algSHA1, idBySHA1(t, leaf.Cert, w.Sub.Cert).Name, idBySHA1(t, leaf.Cert, w.Sub.Cert).Key, big.NewInt(7)}
	server := must[*pki.Leaf](t)(w.Server("server.nhs.uk"))

	for _, tt := range []struct {
		name string
		edit func(*reply)
		want error
	}{
		{name: "good, by the issuer", edit: func(*reply) {}},
		{name: "good, by the issuer, named by its key", edit: func(r *reply) { r.ByKey = true }},
		{name: "revoked", edit: status(revokedFor(t, 1)), want: revocation.ErrRevoked},
		{name: "on hold", edit: status(revokedFor(t, 6)), want: revocation.ErrRevoked},
		{name: "unknown", edit: status(unknown), want: revocation.ErrNotKnown},
		{name: "no status at all", edit: status(asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 3}), want: revocation.ErrMalformed},
		{name: "malformedRequest", edit: fails(1), want: revocation.MalformedRequest},
		{name: "internalError", edit: fails(2), want: revocation.InternalError},
		{name: "tryLater", edit: fails(3), want: revocation.TryLater},
		{name: "sigRequired", edit: fails(5), want: revocation.SigRequired},
		{name: "unauthorized", edit: fails(6), want: revocation.Unauthorized},
		{name: "another kind of response", edit: func(r *reply) { r.Type = oidForeign }, want: revocation.ErrMalformed},

		{name: "signed by another key in the issuer's name", edit: func(r *reply) { r.Signer = other.Sub.Key }, want: revocation.ErrSignature},
		{name: "SHA-1", edit: func(r *reply) { r.Alg = sha1RSA }, want: revocation.ErrSignature},
		{name: "signed by the root", edit: func(r *reply) {
			r.Signer, r.By, r.Certs = w.Root.Key, w.Root.Cert, []*x509.Certificate{w.Root.Cert}
		}, want: revocation.ErrResponder},
		{name: "signed by someone who is not enclosed", edit: func(r *reply) { r.Signer, r.By = server.Key, server.Cert }, want: revocation.ErrResponder},
		{name: "signed by an ordinary server of the issuer", edit: signedBy(server), want: revocation.ErrResponder},
		{name: "signed by the certificate itself", edit: signedBy(leaf), want: revocation.ErrResponder},

		{name: "a delegated responder", edit: signedBy(w.delegate(nil))},
		{name: "a delegated responder, named by its key", edit: both(signedBy(w.delegate(nil)), func(r *reply) { r.ByKey = true })},
		{name: "a delegated responder behind another certificate", edit: func(r *reply) {
			signedBy(w.delegate(nil))(r)
			r.Certs = append([]*x509.Certificate{server.Cert}, r.Certs...)
		}},
		{name: "a delegated responder with ECDSA", edit: both(signedBy(w.delegate(nil, pki.Key(curve))), func(r *reply) { r.Alg = ecdsaRSA })},
		{name: "a delegate whose key did not sign", edit: both(signedBy(w.delegate(nil)), func(r *reply) { r.Signer = other.Sub.Key }), want: revocation.ErrSignature},
		{name: "a delegate for any purpose", edit: signedBy(w.delegate(func(c *x509.Certificate) {
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageAny}
		})), want: revocation.ErrResponder},
		{name: "a delegate whose key is not for signatures", edit: signedBy(w.delegate(func(c *x509.Certificate) {
			c.KeyUsage = x509.KeyUsageKeyEncipherment
		})), want: revocation.ErrResponder},
		{name: "a delegate that is expired", edit: signedBy(w.delegate(func(c *x509.Certificate) { c.NotAfter = start.Add(-time.Second) })), want: revocation.ErrResponder},
		{name: "a delegate that is not valid yet", edit: signedBy(w.delegate(func(c *x509.Certificate) { c.NotBefore = start.Add(time.Second) })), want: revocation.ErrResponder},
		{name: "a delegate with RSA 1024", edit: signedBy(w.delegate(nil, pki.RSA(1024))), want: revocation.ErrSignature},
		{name: "a delegate whose certificate is signed with SHA-1", edit: signedBy(w.delegate(func(c *x509.Certificate) {
			c.SignatureAlgorithm = x509.SHA1WithRSA
		})), want: revocation.ErrResponder},
		{name: "a delegate with an unknown critical extension", edit: signedBy(w.delegate(func(c *x509.Certificate) {
			c.ExtraExtensions = append(c.ExtraExtensions, critical)
		})), want: revocation.ErrResponder},
		{name: "a delegate of the root", edit: signedBy(must[*pki.Leaf](t)(w.Root.Issue("r", func(c *x509.Certificate) {
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}
		}))), want: revocation.ErrResponder},
		{name: "a delegate of another CA of the same name", edit: signedBy(must[*pki.Leaf](t)(other.Sub.Issue("r", func(c *x509.Certificate) {
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}
		}))), want: revocation.ErrResponder},
		{name: "a delegate without nocheck that no list speaks of", edit: signedBy(w.delegate(func(c *x509.Certificate) { c.ExtraExtensions = nil })), want: revocation.ErrResponder},

		{name: "issuer named with SHA-256", edit: func(r *reply) { r.Singles[0].ID = idBySHA256(t, leaf.Cert, w.Sub.Cert) }},
		{name: "issuer named with an unknown hash", edit: id(func(c *certID) { c.Hash.Algorithm = oidForeign }), want: revocation.ErrNonce},
		{name: "another issuer's name", edit: id(func(c *certID) { c.Name = idBySHA1(t, leaf.Cert, server.Cert).Name }), want: revocation.ErrNonce},
		{name: "another issuer's key", edit: id(func(c *certID) { c.Key = idBySHA1(t, leaf.Cert, w.Root.Cert).Key }), want: revocation.ErrNonce},
		{name: "another serial number", edit: id(func(c *certID) { c.Serial = otherCert.Serial }), want: revocation.ErrNonce},
		{name: "another certificate besides, revoked", edit: second(otherCert, revokedFor(t, 1))},
		{name: "the certificate twice, once revoked", edit: second(idBySHA1(t, leaf.Cert, w.Sub.Cert), revokedFor(t, 1)), want: revocation.ErrRevoked},
		{name: "about no certificate", edit: func(r *reply) { r.Singles = []singleShape{} }, want: revocation.ErrNonce},

		{name: "issued five minutes ahead of our clock", edit: dates(5*time.Minute, time.Hour)},
		{name: "issued in the future", edit: dates(5*time.Minute+time.Second, time.Hour), want: revocation.ErrStale},
		{name: "due in a second", edit: dates(-time.Hour, time.Second)},
		{name: "due now", edit: dates(-time.Hour, 0), want: revocation.ErrStale},
		{name: "without nextUpdate, 59 minutes old", edit: undated(-59 * time.Minute)},
		{name: "without nextUpdate, an hour old", edit: undated(-time.Hour), want: revocation.ErrStale},
		{name: "stale and revoked: revoked is for ever", edit: both(dates(-2*time.Hour, -time.Hour), status(revokedFor(t, 4))), want: revocation.ErrRevoked},
		{name: "stale and on hold: it may have ended", edit: both(dates(-2*time.Hour, -time.Hour), status(revokedFor(t, 6))), want: revocation.ErrStale},

		{name: "an unknown extension", edit: func(r *reply) { r.Extensions = []pkix.Extension{plain} }},
		{name: "an unknown critical extension", edit: func(r *reply) { r.Extensions = []pkix.Extension{critical} }, want: revocation.ErrUnsupported},
		{name: "an unknown extension about the certificate", edit: func(r *reply) { r.Singles[0].Extensions = []pkix.Extension{plain} }},
		{name: "an unknown critical extension about the certificate", edit: func(r *reply) { r.Singles[0].Extensions = []pkix.Extension{critical} }, want: revocation.ErrUnsupported},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := w.in(t)
			r := w.goodReply(w.Sub, leaf.Cert)
			tt.edit(r)
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
		{name: "too many bytes are passed over", staple: make([]byte, 1<<20), by: revocation.ByCRL, hits: 1},
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
