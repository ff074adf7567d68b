package enginetest

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nrlgo/nrlgo/auth"
	"github.com/nrlgo/nrlgo/auth/revocation"
	"github.com/nrlgo/nrlgo/mocks/pki"
)

// Live shows that open connections of an engine are judged again: each is
// closed when its server does not pass any more, and says why.
func Live(t *testing.T, engine func(auth.TLSPolicy) (auth.Dialer, error)) {
	t.Helper()
	for _, tt := range []struct {
		name    string
		change  func(*living)
		stage   auth.Stage // "" keeps the connection
		cause   error
		closed  bool // nobody judges any more
		refresh time.Duration
	}{
		{name: "nothing", change: func(*living) {}},
		{name: "expired", change: func(l *living) { l.ahead.Store(int64(3 * 365 * 24 * time.Hour)) }, stage: auth.StageValidity},
		{name: "a newer list revokes it", refresh: time.Millisecond, change: func(l *living) { l.revoked.Store(true) }, stage: auth.StageRevocation, cause: revocation.ErrRevoked},
		{name: "the list is out of date, the next one is fetched", change: func(l *living) { l.ahead.Store(int64(30 * time.Hour)) }},
		{
			name: "the list is out of date, and the host is down", stage: auth.StageRevocation, cause: revocation.ErrFetch,
			change: func(l *living) { l.down.Store(true); l.ahead.Store(int64(30 * time.Hour)) },
		},
		{name: "the bundle has another root only", change: func(l *living) { l.bundle(l.stranger().BundlePEM()) }, stage: auth.StageChain},
		{name: "the bundle is damaged", change: func(l *living) { l.bundle(l.pki.BundlePEM()[:900]) }},
		{name: "the bundle is gone", change: func(l *living) { l.bundle(nil) }},
		{name: "the dialer is closed", closed: true, change: func(l *living) { _ = l.dialer.Close(); l.revoked.Store(true) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := newLiving(t, engine, tt.refresh)
			l.ping(t)
			tt.change(l)
			if tt.stage == "" {
				if !tt.closed {
					l.later(t)
				}
				l.ping(t)
				return
			}
			_ = l.conn.SetReadDeadline(time.Now().Add(limit))
			_, err := l.conn.Read(make([]byte, 1))
			ve, ok := errors.AsType[*auth.VerifyError](err)
			if !errors.Is(err, auth.ErrWithdrawn) || !ok || ve.Stage != tt.stage || tt.cause != nil && !errors.Is(err, tt.cause) {
				t.Errorf("reading gives %v, want ErrWithdrawn at stage %q", err, tt.stage)
			}
			if _, err := io.WriteString(l.conn, "x"); !errors.Is(err, auth.ErrWithdrawn) {
				t.Errorf("writing gives %v, want ErrWithdrawn", err)
			}
			select {
			case end := <-l.ends:
				if end != nil {
					t.Errorf("the server saw %v, want a close_notify", end)
				}
			case <-after():
				t.Error("the server saw no end")
			}
		})
	}
}

// living is a connection, and what it stands on.
type living struct {
	*maker
	file   string // of the bundle
	dialer auth.Dialer
	conn   net.Conn
	ends   chan error

	ahead   atomic.Int64 // of the clock
	down    atomic.Bool  // the host of the lists
	revoked atomic.Bool  // the peer
	asked   atomic.Int64 // how often a decision was made
}

func newLiving(t *testing.T, engine func(auth.TLSPolicy) (auth.Dialer, error), refresh time.Duration) *living {
	t.Helper()
	l := &living{ends: make(chan error, 1)}
	web := httptest.NewServer(l)
	t.Cleanup(web.Close)
	l.maker = &maker{tb: t, pki: must[*pki.PKI](t)(pki.New(pki.Options{
		Root: pki.Published{CRL: web.URL + "/root.crl"}, Sub: pki.Published{CRL: web.URL + "/sub.crl"},
	}))}
	l.file = write(t, t.TempDir(), "spine-ca.pem", l.pki.BundlePEM())
	k := must[*revocation.Checker](t)(revocation.New(revocation.Config{Hosts: []string{web.Listener.Addr().String()}, Refresh: refresh, Now: l.now}))
	t.Cleanup(k.Close)
	us := must[*pki.Leaf](t)(l.pki.Client("consumer.example.nhs.uk"))
	l.dialer = must[auth.Dialer](t)(engine(auth.TLSPolicy{
		Credentials: must[*auth.Credentials](t)(auth.ParseCredentials(us.ChainPEM(), us.KeyPEM())),
		Trust:       must[*auth.Trust](t)(auth.LoadTrust(l.file)).WithRevocation(k).WithClock(l.now),
		Proxy:       l.serve(), RecheckInterval: time.Millisecond,
	}))
	t.Cleanup(func() { _ = l.dialer.Close() })
	l.conn = must[net.Conn](t)(l.dialer.DialTLSContext(t.Context(), "tcp", fqdn+":443"))
	t.Cleanup(func() { _ = l.conn.Close() })
	return l
}

// now is the clock of trust and revocation.
func (l *living) now() time.Time {
	l.asked.Add(1)
	return time.Now().Add(time.Duration(l.ahead.Load()))
}

// ServeHTTP gives the lists of both CAs, each for a day.
func (l *living) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ca := l.pki.Root
	var all []*x509.Certificate
	if r.URL.Path == "/sub.crl" {
		ca = l.pki.Sub
		if l.revoked.Load() {
			all = append(all, l.shown.Leaf)
		}
	}
	list, err := ca.CRL(l.now().AddDate(0, 0, 1), nil, all...)
	if err != nil || l.down.Load() {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	_, _ = w.Write(list)
}

// serve starts the server, which sends back what it gets.
func (l *living) serve() *url.URL {
	l.tb.Helper()
	l.shown = l.issue(l.pki.Sub, nil)
	return listen(l.tb, func(raw net.Conn) {
		conn := tls.Server(raw, &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{l.shown}, ClientAuth: tls.RequireAnyClientCert})
		_, err := io.Copy(conn, conn)
		l.ends <- err
	})
}

// ping asks the server over the connection.
func (l *living) ping(t *testing.T) {
	t.Helper()
	_ = l.conn.SetDeadline(time.Now().Add(limit))
	got := make([]byte, 4)
	_, err := io.WriteString(l.conn, "ping")
	if err == nil {
		_, err = io.ReadFull(l.conn, got)
	}
	if err != nil || string(got) != "ping" {
		t.Fatalf("got %q and %v, want an open connection", got, err)
	}
}

// later waits until many decisions have been made.
func (l *living) later(t *testing.T) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	end := after()
	for enough := l.asked.Load() + 50; l.asked.Load() < enough; {
		select {
		case <-tick.C:
		case <-end:
			t.Fatal("nobody judges the connection")
		}
	}
}

// bundle replaces the file of the trust, some time ago; nil removes it.
func (l *living) bundle(pem []byte) {
	l.tb.Helper()
	err := os.Remove(l.file)
	if pem != nil {
		then := time.Now().Add(-time.Minute)
		err = errors.Join(os.WriteFile(l.file+".new", pem, 0o600), os.Chtimes(l.file+".new", then, then), os.Rename(l.file+".new", l.file))
	}
	if err != nil {
		l.tb.Fatal(err)
	}
}
