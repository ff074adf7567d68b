package auth_test

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nrlgo/nrlgo/auth"
	"github.com/nrlgo/nrlgo/mocks/pki"
)

// heard collects notices.
type heard struct {
	mu  sync.Mutex
	all []auth.Notice
}

func (h *heard) hear(n auth.Notice) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all = append(h.all, n)
}

func (h *heard) kinds() []auth.NoticeKind {
	h.mu.Lock()
	defer h.mu.Unlock()
	var kinds []auth.NoticeKind
	for _, n := range h.all {
		kinds = append(kinds, n.Kind)
	}
	return kinds
}

// pairFiles are a certificate and its key in a folder, to be replaced.
type pairFiles struct {
	t         *testing.T
	cert, key string
}

func newPairFiles(t *testing.T, l *pki.Leaf) pairFiles {
	t.Helper()
	dir := t.TempDir()
	f := pairFiles{t, filepath.Join(dir, "client.pem"), filepath.Join(dir, "client.key")}
	f.put(f.cert, l.ChainPEM())
	f.put(f.key, l.KeyPEM())
	return f
}

// put writes in place, long ago by the clock of the file system: what a
// broken file says is then final.
func (f pairFiles) put(path string, text []byte) {
	f.t.Helper()
	if err := os.WriteFile(path, text, 0o600); err != nil {
		f.t.Fatal(err)
	}
	f.age(path)
}

var aged struct {
	sync.Mutex
	at time.Time
}

// age dates a file back, each time a second later than before.
func (f pairFiles) age(path string) {
	f.t.Helper()
	aged.Lock()
	if aged.at.IsZero() {
		aged.at = time.Now().Add(-24 * time.Hour)
	}
	aged.at = aged.at.Add(time.Second)
	at := aged.at
	aged.Unlock()
	if err := os.Chtimes(path, at, at); err != nil {
		f.t.Fatal(err)
	}
}

// swap replaces a file by renaming another over it.
func (f pairFiles) swap(path string, text []byte) {
	f.t.Helper()
	f.put(path+".new", text)
	if err := os.Rename(path+".new", path); err != nil {
		f.t.Fatal(err)
	}
}

func serial(t *testing.T, c *auth.Credentials) string {
	t.Helper()
	pair, err := c.Certificate(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return pair.Leaf.SerialNumber.String()
}

func TestPairThatIsReplacedServesTheNextHandshake(t *testing.T) {
	t.Parallel()
	k := assets(t)
	first, second := k.client, k.leaf(t, nil)
	f := newPairFiles(t, first)
	c := must[*auth.Credentials](t)(auth.LoadCredentials(f.cert, f.key))
	var h heard
	stop := c.OnNotice(h.hear)
	is := func(want *pki.Leaf, notices ...auth.NoticeKind) {
		t.Helper()
		for range 2 { // what was said once is not said again
			if got := serial(t, c); got != want.Cert.SerialNumber.String() {
				t.Errorf("serial number %s, want %s", got, want.Cert.SerialNumber)
			}
		}
		got := h.kinds()
		if len(got) != len(notices) || len(got) > 0 && got[len(got)-1] != notices[len(notices)-1] {
			t.Errorf("notices %v, want %v", got, notices)
		}
	}
	is(first)
	f.swap(f.cert, second.ChainPEM()) // the pair does not fit together
	is(first, auth.ReloadFailed)
	f.swap(f.key, second.KeyPEM())
	is(second, auth.ReloadFailed, auth.Reloaded)
	f.put(f.cert, second.ChainPEM()[:200]) // half, in place
	is(second, auth.ReloadFailed, auth.Reloaded, auth.ReloadFailed)
	if err := os.Remove(f.key); err != nil {
		t.Fatal(err)
	}
	is(second, auth.ReloadFailed, auth.Reloaded, auth.ReloadFailed, auth.ReloadFailed)
	stop()
	f.put(f.key, first.KeyPEM())
	f.put(f.cert, first.ChainPEM())
	is(first, auth.ReloadFailed, auth.Reloaded, auth.ReloadFailed, auth.ReloadFailed)
	for _, n := range h.all {
		if n.FQDN != "consumer.example.nhs.uk" || n.Expires.IsZero() || (n.Kind == auth.ReloadFailed) != errors.Is(n.Err, auth.ErrCredentials) {
			t.Errorf("notice %+v", n)
		}
	}
}

// While files are being written, what does not fit together is not reported.
func TestYoungFilesAreGivenTime(t *testing.T) {
	t.Parallel()
	k := assets(t)
	f := newPairFiles(t, k.client)
	c := must[*auth.Credentials](t)(auth.LoadCredentials(f.cert, f.key))
	var h heard
	c.OnNotice(h.hear)
	second := k.leaf(t, nil)
	if err := os.WriteFile(f.cert, second.ChainPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	if serial(t, c) != k.client.Cert.SerialNumber.String() || len(h.kinds()) != 0 {
		t.Errorf("a young half: notices %v", h.kinds())
	}
	if err := os.WriteFile(f.key, second.KeyPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	if serial(t, c) != second.Cert.SerialNumber.String() || len(h.kinds()) != 1 {
		t.Errorf("the other half: notices %v", h.kinds())
	}
}

func TestExpiryIsSaidAheadOnceADay(t *testing.T) {
	t.Parallel()
	k := assets(t)
	l := k.leaf(t, nil)
	c := must[*auth.Credentials](t)(auth.ParseCredentials(l.ChainPEM(), l.KeyPEM()))
	if !c.Expires().Equal(l.Cert.NotAfter) {
		t.Errorf("expires %s", c.Expires())
	}
	var h heard
	c.OnNotice(h.hear)
	const hour = time.Hour
	for _, ahead := range []time.Duration{31 * 24 * hour, 29 * 24 * hour, 28*24*hour + hour, 27 * 24 * hour, hour, -hour, -2 * hour, -26 * hour} {
		if _, err := c.Certificate(l.Cert.NotAfter.Add(-ahead)); (err == nil) != (ahead > 0) {
			t.Fatalf("%s ahead: %v", ahead, err)
		}
	}
	want := []auth.NoticeKind{auth.ExpiresSoon, auth.ExpiresSoon, auth.ExpiresSoon, auth.Expired, auth.Expired}
	if diff := cmp.Diff(want, h.kinds()); diff != "" {
		t.Errorf("notices (-want +got):\n%s", diff)
	}
}

// A bundle of CA certificates is read again too.
func TestTrustThatIsReplaced(t *testing.T) {
	t.Parallel()
	k := assets(t)
	foreign := must[*pki.PKI](t)(pki.New(pki.Options{KeySet: "foreign"}))
	f := pairFiles{t: t, cert: filepath.Join(t.TempDir(), "ca.pem")}
	f.put(f.cert, k.pki.BundlePEM())
	loaded := must[*auth.Trust](t)(auth.LoadTrust(f.cert))
	var h heard
	loaded.OnNotice(h.hear)
	l := *k
	l.trust = loaded
	trust := l.off()
	verify := func(want bool) {
		t.Helper()
		if _, err := trust.Verify(t.Context(), "localhost", k.chain(t), nil); (err == nil) != want {
			t.Errorf("got %v, want accepted: %t", err, want)
		}
	}
	verify(true)
	f.put(f.cert, []byte("half"))
	verify(true)
	f.put(f.cert, k.pki.Sub.PEM()) // no anchor is left
	verify(true)
	f.swap(f.cert, foreign.BundlePEM())
	verify(false)
	f.swap(f.cert, append(foreign.BundlePEM(), k.pki.BundlePEM()...))
	verify(true)
	want := []auth.NoticeKind{auth.ReloadFailed, auth.ReloadFailed, auth.Reloaded, auth.Reloaded}
	if got := h.kinds(); len(got) != len(want) || got[0] != want[0] || got[2] != want[2] {
		t.Errorf("notices %v, want %v", got, want)
	}
}
