package revocation_test

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nrlgo/nrlgo/auth/revocation"
	"github.com/nrlgo/nrlgo/mocks/pki"
)

// start is when the tests take place.
var start = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// world is a PKI with a clock and a folder.
type world struct {
	*pki.PKI
	t     testing.TB
	dir   string
	root  string        // a file with a list of the root that revokes nothing
	ahead *atomic.Int64 // how far the clock went
}

func setup(tb testing.TB) *world {
	tb.Helper()
	return setupAt(tb, start)
}

func setupAt(tb testing.TB, now time.Time) *world {
	tb.Helper()
	w := &world{t: tb, dir: tb.TempDir(), ahead: &atomic.Int64{}}
	w.advance(now.Sub(start))
	w.PKI = must[*pki.PKI](tb)(pki.New(pki.Options{Now: w.now}))
	w.root = w.file("root.crl", w.crl(w.Root, func(l *tbsList) { l.NextUpdate = now.AddDate(1, 0, 0) }))
	return w
}

// in is the same PKI and clock for a part of the test.
func (w *world) in(tb testing.TB) *world {
	tb.Helper()
	v := *w
	v.t, v.dir = tb, tb.TempDir()
	return &v
}

func (w *world) now() time.Time          { return start.Add(time.Duration(w.ahead.Load())) }
func (w *world) advance(d time.Duration) { w.ahead.Add(int64(d)) }

func must[V any](tb testing.TB) func(V, error) V {
	tb.Helper()
	return func(v V, err error) V {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
		return v
	}
}

// leaf is a certificate of the sub CA.
func (w *world) leaf(cn string, edit func(*x509.Certificate)) *pki.Leaf {
	w.t.Helper()
	return must[*pki.Leaf](w.t)(w.Issue(cn, edit))
}

// named puts the addresses of sources into a certificate.
func named(crl, responder string) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		if crl != "" {
			c.CRLDistributionPoints = []string{crl}
		}
		if responder != "" {
			c.OCSPServer = []string{responder}
		}
	}
}

func (w *world) chain(l *pki.Leaf) []*x509.Certificate {
	return []*x509.Certificate{l.Cert, w.Sub.Cert, w.Root.Cert}
}

// file writes a file into the folder of the test.
func (w *world) file(name string, data []byte) string {
	w.t.Helper()
	path := filepath.Join(w.dir, name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		w.t.Fatal(err)
	}
	return path
}

// checker is New with the clock of the test and the list of the root.
func (w *world) checker(c revocation.Config) *revocation.Checker {
	w.t.Helper()
	c.Now = w.now
	c.Lists = append(c.Lists, w.root)
	k, err := revocation.New(c)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(k.Close)
	return k
}

// tbsList is a TBSCertList that can be wrong in every way.
type tbsList struct {
	Version    int `asn1:"optional,default:0"`
	Signature  asn1.RawValue
	Issuer     asn1.RawValue
	ThisUpdate time.Time
	NextUpdate time.Time        `asn1:"optional"`
	Revoked    []tbsEntry       `asn1:"optional"`
	Extensions []pkix.Extension `asn1:"optional,explicit,tag:0"`

	key crypto.Signer // signs; not part of it
	alg asn1.RawValue // outside; not part of it
}

type tbsEntry struct {
	Serial     *big.Int
	At         time.Time
	Extensions []pkix.Extension `asn1:"optional"`
}

type listShape struct {
	Version    int `asn1:"optional,default:0"`
	Signature  asn1.RawValue
	Issuer     asn1.RawValue
	ThisUpdate time.Time
	NextUpdate time.Time        `asn1:"optional"`
	Revoked    []tbsEntry       `asn1:"optional"`
	Extensions []pkix.Extension `asn1:"optional,explicit,tag:0"`
}

var sha256RSA = asn1.RawValue{FullBytes: []byte("\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b\x05\x00")}

// crl is a list that was issued an hour ago and is due in a day.
func (w *world) crl(ca *pki.CA, edit func(*tbsList), revoked ...*x509.Certificate) []byte {
	w.t.Helper()
	l := &tbsList{
		Version: 1, Signature: sha256RSA, Issuer: asn1.RawValue{FullBytes: ca.Cert.RawSubject},
		ThisUpdate: w.now().Add(-time.Hour), NextUpdate: w.now().Add(24 * time.Hour),
		key: ca.Key, alg: sha256RSA,
	}
	for _, c := range revoked {
		l.Revoked = append(l.Revoked, tbsEntry{Serial: c.SerialNumber, At: start.Add(-2 * time.Hour)})
	}
	if edit != nil {
		edit(l)
	}
	body := must[[]byte](w.t)(asn1.Marshal(listShape{l.Version, l.Signature, l.Issuer, l.ThisUpdate, l.NextUpdate, l.Revoked, l.Extensions}))
	return signature(w.t, l.key, body, l.alg)
}

// signature puts body, algorithm and signature together.
func signature(tb testing.TB, key crypto.Signer, body []byte, alg asn1.RawValue, rest ...asn1.RawValue) []byte {
	tb.Helper()
	digest := sha256.Sum256(body)
	sig := must[[]byte](tb)(key.Sign(rand.Reader, digest[:], crypto.SHA256))
	parts := []any{asn1.RawValue{FullBytes: body}, alg, asn1.BitString{Bytes: sig, BitLength: 8 * len(sig)}}
	for _, r := range rest {
		parts = append(parts, r)
	}
	return sequence(tb, parts...)
}

// sequence is a SEQUENCE of these.
func sequence(tb testing.TB, parts ...any) []byte {
	tb.Helper()
	var content []byte
	for _, p := range parts {
		content = append(content, must[[]byte](tb)(asn1.Marshal(p))...)
	}
	return must[[]byte](tb)(asn1.Marshal(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: content}))
}

func pemList(ders ...[]byte) []byte {
	var out []byte
	for _, der := range ders {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der})...)
	}
	return out
}

// Extensions.
var (
	oidIDP       = asn1.ObjectIdentifier{2, 5, 29, 28}
	oidDP        = asn1.ObjectIdentifier{2, 5, 29, 31}
	oidReason    = asn1.ObjectIdentifier{2, 5, 29, 21}
	oidForeign   = asn1.ObjectIdentifier{1, 2, 3, 4}
	oidNonce     = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 2}
	oidNoCheck   = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 5}
	oidBasicOCSP = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 1}
)

// idp is an Issuing Distribution Point or a distribution point's name.
type idp struct {
	Name     pointName      `asn1:"optional,tag:0"`
	Users    bool           `asn1:"optional,tag:1"`
	CAs      bool           `asn1:"optional,tag:2"`
	Reasons  asn1.BitString `asn1:"optional,tag:3"`
	Indirect bool           `asn1:"optional,tag:4"`
	Att      bool           `asn1:"optional,tag:5"`
}

type pointName struct {
	Full []asn1.RawValue `asn1:"optional,tag:0"`
}

func uri(u string) pointName {
	return pointName{Full: []asn1.RawValue{{Class: asn1.ClassContextSpecific, Tag: 6, Bytes: []byte(u)}}}
}

func extension(tb testing.TB, id asn1.ObjectIdentifier, critical bool, v any) pkix.Extension {
	tb.Helper()
	return pkix.Extension{Id: id, Critical: critical, Value: must[[]byte](tb)(asn1.Marshal(v))}
}

// server is an HTTP server whose host may be allow-listed.
type server struct {
	*httptest.Server
	host string
	hits atomic.Int64
}

func serve(tb testing.TB, h http.HandlerFunc) *server {
	tb.Helper()
	s := &server{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.hits.Add(1)
		h(w, r)
	}))
	tb.Cleanup(s.Close)
	s.host = strings.TrimPrefix(s.URL, "http://")
	return s
}

func parse(tb testing.TB, u string) *url.URL {
	tb.Helper()
	return must[*url.URL](tb)(url.Parse(u))
}

// bytesOf serves what the function gives.
func bytesOf(data func() []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(data()) }
}

// wantErr compares an error with the sentinel that it must wrap; nil is none.
func wantErr(tb testing.TB, got, want error) {
	tb.Helper()
	switch {
	case want == nil && got != nil:
		tb.Fatalf("refused: %v", got)
	case want != nil && !errors.Is(got, want):
		tb.Fatalf("got %v, want %v", got, want)
	}
}

// manyEntries fills a list with serial numbers of 16 octets.
func manyEntries(n int) func(*tbsList) {
	return func(l *tbsList) {
		for i := range n {
			serial := new(big.Int).Lsh(big.NewInt(int64(i+1)), 100)
			l.Revoked = append(l.Revoked, tbsEntry{Serial: serial, At: start.Add(-time.Hour)})
		}
	}
}
