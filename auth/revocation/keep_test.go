package revocation_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nrlgo/nrlgo/auth/revocation"
	"github.com/nrlgo/nrlgo/mocks/pki"
)

// withPoint makes a certificate name a list. crypto/x509 verified it before.
func withPoint(t *testing.T, c *x509.Certificate, u string) {
	t.Helper()
	c.Extensions = append(c.Extensions, extension(t, oidDP, false, []idp{{Name: uri(u)}}))
}

// publisher is a host with the list of the sub CA, which changes.
type publisher struct {
	*server
	w       *world
	leaf    *pki.Leaf
	revoked []*x509.Certificate
	edit    func(*tbsList)
}

func newPublisher(w *world) *publisher {
	w.t.Helper()
	p := &publisher{w: w}
	p.server = serve(w.t, bytesOf(func() []byte { return w.crl(w.Sub, p.edit, p.revoked...) }))
	p.leaf = w.leaf("leaf.nhs.uk", named(p.URL, ""))
	return p
}

func (p *publisher) config() revocation.Config { return revocation.Config{Hosts: []string{p.host}} }

func (p *publisher) check(k *revocation.Checker, want error) {
	p.w.t.Helper()
	_, err := k.Check(p.w.t.Context(), p.w.chain(p.leaf), nil)
	wantErr(p.w.t, err, want)
}

func (p *publisher) recheck(k *revocation.Checker, want error) {
	p.w.t.Helper()
	wantErr(p.w.t, k.Recheck(p.w.chain(p.leaf)), want)
}

// TestListIsKeptAndRenewed follows a list of a day through its life.
func TestListIsKeptAndRenewed(t *testing.T) {
	t.Parallel()
	w := setup(t)
	p := newPublisher(w)
	k := w.checker(p.config())
	p.recheck(k, revocation.ErrNotAtHand) // and begins to fetch
	p.check(k, nil)
	w.advance(12*time.Hour - time.Second)
	p.check(k, nil)
	if got := p.hits.Load(); got != 1 {
		t.Fatalf("%d fetches before it was time, want 1", got)
	}
	p.revoked = []*x509.Certificate{p.leaf.Cert}
	w.advance(time.Second)
	p.recheck(k, nil) // what is at hand is good; a newer one is fetched
	k.Settle()
	if got := p.hits.Load(); got != 2 {
		t.Fatalf("%d fetches, want 2", got)
	}
	p.recheck(k, revocation.ErrRevoked)
	p.check(k, revocation.ErrRevoked)
}

// TestRefreshSetting asks earlier than by default.
func TestRefreshSetting(t *testing.T) {
	t.Parallel()
	w := setup(t)
	p := newPublisher(w)
	c := p.config()
	c.Refresh = time.Hour
	k := w.checker(c)
	p.check(k, nil)
	w.advance(time.Hour)
	p.recheck(k, nil)
	k.Settle()
	if got := p.hits.Load(); got != 2 {
		t.Errorf("%d fetches, want 2", got)
	}
}

// TestOutage keeps a list in use until its next update, and asks once a minute.
func TestOutage(t *testing.T) {
	t.Parallel()
	w := setup(t)
	p := newPublisher(w)
	k := w.checker(p.config())
	p.check(k, nil)
	p.Close()
	w.advance(24*time.Hour - time.Second)
	p.check(k, nil)
	p.recheck(k, nil)
	w.advance(time.Second)
	p.check(k, revocation.ErrFetch)
	p.recheck(k, revocation.ErrUnknown)
}

// TestFailedRefreshIsNotHammered asks once a minute while a list is in use.
func TestFailedRefreshIsNotHammered(t *testing.T) {
	t.Parallel()
	w := setup(t)
	p := newPublisher(w)
	k := w.checker(p.config())
	p.check(k, nil)
	p.edit = func(l *tbsList) { l.Version = 7 }
	w.advance(20 * time.Hour)
	for range 3 {
		p.check(k, nil)
		k.Settle()
		w.advance(29 * time.Second)
	}
	if got := p.hits.Load(); got != 2 {
		t.Errorf("%d requests, want the first and one within a minute", got)
	}
	w.advance(time.Minute)
	p.check(k, nil)
	k.Settle()
	if got := p.hits.Load(); got != 3 {
		t.Errorf("%d requests after a minute, want 3", got)
	}
}

// TestUnknownIsAskedAgain after ten seconds: a certificate may be new.
func TestUnknownIsAskedAgain(t *testing.T) {
	t.Parallel()
	w := setup(t)
	var answer []byte
	o := responder(t, func([]byte) []byte { return answer })
	leaf := w.leaf("leaf.nhs.uk", named("", o.URL))
	r := w.goodReply(w.Sub, leaf.Cert)
	ok := r.der(t)
	r.Singles[0].Status = unknown
	answer = r.der(t)
	k := w.checker(revocation.Config{Hosts: []string{o.host}})
	_, err := k.Check(t.Context(), w.chain(leaf), nil)
	wantErr(t, err, revocation.ErrNotKnown)
	answer = ok
	w.advance(10 * time.Second)
	_, err = k.Check(t.Context(), w.chain(leaf), nil)
	wantErr(t, err, nil)
}

// TestAnswerEndsWithItsResponder counts no longer than the certificate of the
// responder that signed it.
func TestAnswerEndsWithItsResponder(t *testing.T) {
	t.Parallel()
	w := setup(t)
	leaf := w.leaf("leaf.nhs.uk", nil)
	signer := w.delegate(func(c *x509.Certificate) { c.NotAfter = start.Add(time.Hour) })
	r := w.goodReply(w.Sub, leaf.Cert)
	signedBy(signer)(r)
	k := w.checker(revocation.Config{})
	_, err := k.Check(t.Context(), w.chain(leaf), r.der(t))
	wantErr(t, err, nil)
	w.advance(time.Hour - time.Second)
	wantErr(t, k.Recheck(w.chain(leaf)), nil)
	w.advance(time.Second)
	wantErr(t, k.Recheck(w.chain(leaf)), revocation.ErrStale)
}

// TestOldListDoesNotUndoARevocation is a replay: older, but within its dates.
func TestOldListDoesNotUndoARevocation(t *testing.T) {
	t.Parallel()
	w := setup(t)
	p := newPublisher(w)
	p.revoked = []*x509.Certificate{p.leaf.Cert}
	k := w.checker(p.config())
	p.check(k, revocation.ErrRevoked)
	p.revoked = nil
	p.edit = func(l *tbsList) {
		l.ThisUpdate, l.NextUpdate = start.Add(-2*time.Hour), start.Add(100*time.Hour)
	}
	w.advance(13 * time.Hour)
	p.check(k, revocation.ErrRevoked)
	k.Settle()
	if got := p.hits.Load(); got != 2 {
		t.Fatalf("%d fetches, want 2", got)
	}
	p.check(k, revocation.ErrRevoked)
}

// TestFutureListDoesNotDisplaceOneInUse is one that its issuer dated wrongly.
func TestFutureListDoesNotDisplaceOneInUse(t *testing.T) {
	t.Parallel()
	w := setup(t)
	p := newPublisher(w)
	k := w.checker(p.config())
	p.check(k, nil)
	p.edit = func(l *tbsList) {
		l.ThisUpdate, l.NextUpdate = start.Add(100*time.Hour), start.Add(200*time.Hour)
	}
	w.advance(20 * time.Hour)
	p.check(k, nil)
	k.Settle()
	if got := p.hits.Load(); got != 2 {
		t.Fatalf("%d fetches, want 2", got)
	}
	p.check(k, nil)
}

// TestStaleListIsNotKeptOnDisk fetches one.
func TestStaleListIsNotKeptOnDisk(t *testing.T) {
	t.Parallel()
	w := setup(t)
	p := newPublisher(w)
	p.edit = func(l *tbsList) { l.NextUpdate = start }
	c := p.config()
	c.CacheDir = filepath.Join(w.dir, "cache")
	p.check(w.checker(c), revocation.ErrStale)
	if files := must[[]string](t)(filepath.Glob(filepath.Join(c.CacheDir, "*"))); len(files) > 0 {
		t.Errorf("%d files, want none", len(files))
	}
}

// TestRestartOffline starts a second process with what the first left on disk.
func TestRestartOffline(t *testing.T) {
	t.Parallel()
	w := setup(t)
	other := must[*pki.PKI](t)(pki.New(pki.Options{KeySet: "other", Now: w.now}))
	for _, tt := range []struct {
		name  string
		spoil func(t *testing.T, w *world, file string)
		after time.Duration
		want  error
	}{
		{name: "a fresh list"},
		{name: "a list that is out of date", after: 25 * time.Hour, want: revocation.ErrFetch},
		{name: "a file cut in half", want: revocation.ErrFetch, spoil: func(t *testing.T, _ *world, file string) {
			t.Helper()
			wantErr(t, os.Truncate(file, 100), nil)
		}},
		{name: "a file with a list of another key", want: revocation.ErrFetch, spoil: func(t *testing.T, w *world, file string) {
			t.Helper()
			wantErr(t, os.WriteFile(file, w.crl(other.Sub, nil), 0o600), nil)
		}},
		{name: "a file with more than a list can need", want: revocation.ErrFetch, spoil: func(t *testing.T, _ *world, file string) {
			t.Helper()
			wantErr(t, os.Truncate(file, 21<<20), nil)
		}},
		{name: "a folder in its place", want: revocation.ErrFetch, spoil: func(t *testing.T, _ *world, file string) {
			t.Helper()
			wantErr(t, os.Remove(file), nil)
			wantErr(t, os.Mkdir(file, 0o700), nil)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := w.in(t)
			clock := *w
			p := newPublisher(w)
			c := p.config()
			c.CacheDir = filepath.Join(w.dir, "cache")
			first := w.checker(c)
			p.check(first, nil)
			first.Close()
			p.Close()
			files := must[[]string](t)(filepath.Glob(filepath.Join(c.CacheDir, "*")))
			if len(files) != 1 {
				t.Fatalf("%d files, want 1", len(files))
			}
			private(t, c.CacheDir, files[0])
			if tt.spoil != nil {
				tt.spoil(t, w, files[0])
			}
			now := func() time.Time { return clock.now().Add(tt.after) }
			second, err := revocation.New(revocation.Config{Hosts: c.Hosts, CacheDir: c.CacheDir, Lists: []string{w.root}, Now: now})
			wantErr(t, err, nil)
			defer second.Close()
			p.check(second, tt.want)
		})
	}
}

// private holds that nobody else reads the folder and the file.
func private(t *testing.T, folder, file string) {
	t.Helper()
	for path, want := range map[string]os.FileMode{folder: 0o700, file: 0o600} {
		if got := must[os.FileInfo](t)(os.Stat(path)).Mode().Perm(); got != want {
			t.Errorf("%s has mode %v, want %v", filepath.Base(path), got, want)
		}
	}
}

// TestAnswersAreKeptOnDisk does the same for an answer of a responder.
func TestAnswersAreKeptOnDisk(t *testing.T) {
	t.Parallel()
	w := setup(t)
	var answer []byte
	o := responder(t, func([]byte) []byte { return answer })
	leaf := w.leaf("leaf.nhs.uk", named("", o.URL))
	answer = w.goodReply(w.Sub, leaf.Cert).der(t)
	c := revocation.Config{Hosts: []string{o.host}, CacheDir: filepath.Join(w.dir, "cache")}
	_, err := w.checker(c).Check(t.Context(), w.chain(leaf), nil)
	wantErr(t, err, nil)
	o.Close()
	_, err = w.checker(c).Check(t.Context(), w.chain(leaf), nil)
	wantErr(t, err, nil)
}

// TestStaleListOnDiskStillRevokes under the soft policy, which would else let
// the certificate pass.
func TestStaleListOnDiskStillRevokes(t *testing.T) {
	t.Parallel()
	w := setup(t)
	p := newPublisher(w)
	p.revoked = []*x509.Certificate{p.leaf.Cert}
	c := p.config()
	c.CacheDir, c.Soft = filepath.Join(w.dir, "cache"), true
	p.check(w.checker(c), revocation.ErrRevoked)
	p.Close()
	w.advance(25 * time.Hour)
	p.check(w.checker(c), revocation.ErrRevoked)
}

// TestListFilesAreReadAgain when they change.
func TestListFilesAreReadAgain(t *testing.T) {
	t.Parallel()
	w := setup(t)
	leaf := w.leaf("leaf.nhs.uk", nil)
	folder := filepath.Join(w.dir, "lists")
	wantErr(t, os.Mkdir(folder, 0o700), nil)
	w.file("lists/readme.txt", []byte("not a list, and not named like one"))
	w.file("lists/sub.PEM", pemList(w.crl(w.Root, nil), w.crl(w.Sub, nil)))
	k := w.checker(revocation.Config{Lists: []string{folder}})
	check := func(want error) {
		t.Helper()
		_, err := k.Check(t.Context(), w.chain(leaf), nil)
		wantErr(t, err, want)
	}
	check(nil)
	w.file("lists/sub.PEM", []byte("half a fi"))
	w.advance(time.Minute)
	check(nil) // what it held stays
	w.file("lists/new.crl", w.crl(w.Sub, nil, leaf.Cert))
	check(nil) // not looked at again yet
	w.advance(time.Minute)
	check(revocation.ErrRevoked)
	wantErr(t, os.Remove(filepath.Join(folder, "new.crl")), nil)
	w.advance(time.Minute)
	check(nil)
	w.advance(24 * time.Hour)
	check(revocation.ErrStale)
}

// TestPartitionsInAFolder finds the one list that covers the certificate.
func TestPartitionsInAFolder(t *testing.T) {
	t.Parallel()
	w := setup(t)
	leaf := w.leaf("leaf.nhs.uk", named("http://crl.nhs.uk/int/1c/crlc7.crl", ""))
	bad := w.leaf("bad.nhs.uk", named("http://crl.nhs.uk/int/1c/crlc7.crl", ""))
	part := func(n string, revoked ...*x509.Certificate) {
		e := extension(t, oidIDP, true, idp{Name: uri("http://crl.nhs.uk/int/1c/crlc" + n + ".crl")})
		w.file("crlc"+n+".crl", w.crl(w.Sub, func(l *tbsList) { l.Extensions = []pkix.Extension{e} }, revoked...))
	}
	own := pointName{Full: []asn1.RawValue{{Class: asn1.ClassContextSpecific, Tag: 4, IsCompound: true, Bytes: w.Sub.Cert.RawSubject}}}
	some := extension(t, oidIDP, true, idp{Name: own, Reasons: asn1.BitString{Bytes: []byte{0x40}, BitLength: 2}})
	w.file("own.crl", w.crl(w.Sub, func(l *tbsList) { l.Extensions = []pkix.Extension{some} }, bad.Cert))
	part("6", leaf.Cert) // of another partition: says nothing
	part("7")
	k := w.checker(revocation.Config{Lists: []string{w.dir}})
	r, err := k.Check(t.Context(), w.chain(leaf), nil)
	wantErr(t, err, nil)
	want := revocation.Status{
		Cert: "leaf.nhs.uk", By: revocation.ByFile, Source: "crlc7.crl",
		ThisUpdate: start.Add(-time.Hour), NextUpdate: start.Add(24 * time.Hour),
	}
	if diff := cmp.Diff(want, r.Certs[0]); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	_, err = k.Check(t.Context(), w.chain(bad), nil)
	wantErr(t, err, revocation.ErrRevoked) // by the list for the issuer's own name
}

// TestRecheckKnowsTheStaple that came with the handshake.
func TestRecheckKnowsTheStaple(t *testing.T) {
	t.Parallel()
	w := setup(t)
	leaf := w.leaf("leaf.nhs.uk", nil)
	k := w.checker(revocation.Config{})
	_, err := k.Check(t.Context(), w.chain(leaf), w.goodReply(w.Sub, leaf.Cert).der(t))
	wantErr(t, err, nil)
	wantErr(t, k.Recheck(w.chain(leaf)), nil)
	w.advance(24 * time.Hour)
	wantErr(t, k.Recheck(w.chain(leaf)), revocation.ErrStale)
}

// TestLaterStapleIsRead although an earlier one still counts.
func TestLaterStapleIsRead(t *testing.T) {
	t.Parallel()
	w := setup(t)
	leaf := w.leaf("leaf.nhs.uk", nil)
	k := w.checker(revocation.Config{})
	r := w.goodReply(w.Sub, leaf.Cert)
	old := r.der(t)
	_, err := k.Check(t.Context(), w.chain(leaf), old)
	wantErr(t, err, nil)
	r.Singles[0].Status, r.Singles[0].ThisUpdate = revokedFor(t, 1), start
	_, err = k.Check(t.Context(), w.chain(leaf), r.der(t))
	wantErr(t, err, revocation.ErrRevoked)
	_, err = k.Check(t.Context(), w.chain(leaf), old)
	wantErr(t, err, revocation.ErrRevoked)
	wantErr(t, k.Recheck(w.chain(leaf)), revocation.ErrRevoked)
}

// TestRecheckTellsTheWorst of a chain whose leaf is unknown and whose sub CA
// is revoked.
func TestRecheckTellsTheWorst(t *testing.T) {
	t.Parallel()
	w := setup(t)
	k := w.checker(revocation.Config{Lists: []string{w.file("bad.crl", w.crl(w.Root, nil, w.Sub.Cert))}})
	wantErr(t, k.Recheck(w.chain(w.leaf("leaf.nhs.uk", nil))), revocation.ErrRevoked)
}
