package revocation_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nrlgo/nrlgo/auth/revocation"
)

// TestFetchFaults is a host that does not give the list: refused under the
// hard policy, and let pass with a notice under the soft one. No text of the
// host is in the error.
func TestFetchFaults(t *testing.T) {
	t.Parallel()
	w := setup(t)
	const secret = "s3cret"
	for _, tt := range []struct {
		name string
		do   http.HandlerFunc
		want error
		text string
	}{
		{name: "404", do: func(w http.ResponseWriter, _ *http.Request) { http.Error(w, secret, http.StatusNotFound) }, want: revocation.ErrFetch, text: "HTTP status 404"},
		{name: "503", do: func(w http.ResponseWriter, _ *http.Request) { http.Error(w, secret, http.StatusServiceUnavailable) }, want: revocation.ErrFetch, text: "HTTP status 503"},
		{name: "another 2xx", do: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) }, want: revocation.ErrFetch, text: "HTTP status 202"},
		{name: "a redirect", do: func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/"+secret, http.StatusFound) }, want: revocation.ErrFetch, text: "HTTP status 302"},
		{name: "a page", do: func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>" + secret)) }, want: revocation.ErrMalformed, text: "no CRL in DER or PEM"},
		{name: "nothing", do: func(http.ResponseWriter, *http.Request) {}, want: revocation.ErrMalformed, text: "no CRL in DER or PEM"},
		{name: "too many bytes", do: func(w http.ResponseWriter, _ *http.Request) {
			for range 21 {
				_, _ = w.Write(make([]byte, 1<<20))
			}
		}, want: revocation.ErrFetch, text: "more than 20971520 bytes"},
		{name: "cut short", do: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte(secret))
		}, want: revocation.ErrFetch, text: "cut short"},
		{name: "broken off", do: func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, want: revocation.ErrFetch, text: "no connection"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := w.in(t)
			s := serve(t, tt.do)
			leaf := w.leaf("leaf.nhs.uk", named(s.URL+"/"+secret, ""))
			var logged bytes.Buffer
			k := w.checker(revocation.Config{Hosts: []string{s.host}, Logger: slog.New(slog.NewTextHandler(&logged, nil))})
			_, err := k.Check(t.Context(), w.chain(leaf), nil)
			wantErr(t, err, tt.want)
			wantErr(t, err, revocation.ErrUnknown)
			if !strings.Contains(err.Error(), tt.text) || !strings.Contains(err.Error(), s.host) || strings.Contains(err.Error()+logged.String(), secret) {
				t.Errorf("the text is %q, the log %q", err, logged.String())
			}
			if got := s.hits.Load(); got != 1 {
				t.Errorf("%d requests, want 1", got)
			}
			r, err := w.checker(revocation.Config{Soft: true, Hosts: []string{s.host}}).Check(t.Context(), w.chain(leaf), nil)
			wantErr(t, err, nil)
			if got := len(r.Notices()); got != 1 || !errors.Is(r.Certs[0].Unknown, tt.want) {
				t.Errorf("%d notices, of %v", got, r.Certs[0].Unknown)
			}
		})
	}
}

// TestAnswersAreCapped is a responder that sends more than an answer can need.
func TestAnswersAreCapped(t *testing.T) {
	t.Parallel()
	w := setup(t)
	s := serve(t, bytesOf(func() []byte { return make([]byte, 64<<10+1) }))
	leaf := w.leaf("leaf.nhs.uk", named("", s.URL))
	_, err := w.checker(revocation.Config{Hosts: []string{s.host}}).Check(t.Context(), w.chain(leaf), nil)
	wantErr(t, err, revocation.ErrFetch)
	if !strings.Contains(err.Error(), "more than 65536 bytes") {
		t.Error(err)
	}
}

// TestAllowList holds which addresses are asked at all. The proxy sees every
// request that is made.
func TestAllowList(t *testing.T) {
	t.Parallel()
	w := setup(t)
	for _, tt := range []struct {
		address string
		ask     bool
	}{
		{"http://crl.nhs.uk/int/1c/crlc7.crl", true},
		{"http://CRL.nhs.uk/int/1c/crlc7.crl", true},
		{"http://crl.nhs.uk:80/int/1c/crlc7.crl", true},
		{"http://ocsp.nhs.uk/a.crl", true},
		{"http://extra.test/a.crl", true},
		{"http://port.test:8080/a.crl", true},
		{"http://port.test/a.crl", false},
		{"http://extra.test:8080/a.crl", false},
		{"http://crl.nhs.uk:443/a.crl", false},
		{"http://crl.nhs.uk./a.crl", false},
		{"http://crl.nhs.uk.evil.test/a.crl", false},
		{"http://evil.test/crl.nhs.uk", false},
		{"http://evil@crl.nhs.uk/a.crl", false},
		{"http://127.0.0.1/a.crl", false},
		{"ldap://crl.nhs.uk/cn=crl", false},
		{"file:///etc/passwd", false},
		{"http:///a.crl", false},
		{"crl.nhs.uk/a.crl", false},
	} {
		t.Run(tt.address, func(t *testing.T) {
			t.Parallel()
			w := w.in(t)
			proxy := serve(t, bytesOf(func() []byte { return w.crl(w.Sub, nil) }))
			k := w.checker(revocation.Config{Hosts: []string{"extra.test", "port.test:8080"}, Proxy: parse(t, proxy.URL)})
			leaf := w.leaf("leaf.nhs.uk", named(tt.address, ""))
			_, err := k.Check(t.Context(), w.chain(leaf), nil)
			var want error
			if !tt.ask {
				want = revocation.ErrNotAllowed
			}
			wantErr(t, err, want)
			if got := proxy.hits.Load() > 0; got != tt.ask {
				t.Errorf("asked %v, want %v", got, tt.ask)
			}
		})
	}
}

// TestEnvironmentProxyIsIgnored cannot run beside others: it sets variables.
func TestEnvironmentProxyIsIgnored(t *testing.T) {
	w := setup(t)
	proxy := serve(t, bytesOf(func() []byte { return nil }))
	t.Setenv("HTTP_PROXY", proxy.URL)
	t.Setenv("http_proxy", proxy.URL)
	k := w.checker(revocation.Config{Hosts: []string{"crl.invalid"}})
	_, err := k.Check(t.Context(), w.chain(w.leaf("leaf.nhs.uk", named("http://crl.invalid/a.crl", ""))), nil)
	wantErr(t, err, revocation.ErrFetch)
	if proxy.hits.Load() != 0 {
		t.Error("the environment's proxy was asked")
	}
}

// gate is a host that answers when the test says so.
type gate struct {
	*server
	arrived chan struct{}
	open    chan struct{}
}

func newGate(t *testing.T, data func() []byte) *gate {
	t.Helper()
	g := &gate{arrived: make(chan struct{}, 100), open: make(chan struct{})}
	g.server = serve(t, func(w http.ResponseWriter, r *http.Request) {
		g.arrived <- struct{}{}
		select {
		case <-g.open:
			_, _ = w.Write(data())
		case <-r.Context().Done():
		}
	})
	return g
}

// TestOneFetchForAll lets 64 callers wait for one list, of whom one leaves.
func TestOneFetchForAll(t *testing.T) {
	t.Parallel()
	w := setup(t)
	g := newGate(t, func() []byte { return w.crl(w.Sub, nil) })
	leaf := w.leaf("leaf.nhs.uk", named(g.URL, ""))
	k := w.checker(revocation.Config{Hosts: []string{g.host}})
	ctx, leave := context.WithCancel(t.Context())
	left := make(chan error, 1)
	go func() {
		_, err := k.Check(ctx, w.chain(leaf), nil)
		left <- err
	}()
	<-g.arrived // the fetch was begun by the one who leaves
	var group sync.WaitGroup
	errs := make(chan error, 64)
	for range 64 {
		group.Go(func() {
			_, err := k.Check(t.Context(), w.chain(leaf), nil)
			errs <- err
		})
	}
	leave()
	wantErr(t, <-left, context.Canceled)
	close(g.open)
	group.Wait()
	for range 64 {
		wantErr(t, <-errs, nil)
	}
	if got := g.hits.Load(); got != 1 {
		t.Errorf("%d fetches, want 1", got)
	}
}

// TestSlowHostLeavesTimeForAnother has a list that hangs and a responder.
func TestSlowHostLeavesTimeForAnother(t *testing.T) {
	t.Parallel()
	w := setup(t)
	g := newGate(t, nil)
	var answer []byte
	o := responder(t, func([]byte) []byte { return answer })
	leaf := w.leaf("leaf.nhs.uk", named(g.URL, o.URL))
	answer = w.goodReply(w.Sub, leaf.Cert).der(t)
	k := w.checker(revocation.Config{Hosts: []string{g.host, o.host}})
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	r, err := k.Check(ctx, w.chain(leaf), nil)
	wantErr(t, err, nil)
	if diff := cmp.Diff(revocation.ByOCSP, r.Certs[0].By); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// TestTimeout ends a fetch by itself, for callers without a deadline.
func TestTimeout(t *testing.T) {
	t.Parallel()
	w := setup(t)
	g := newGate(t, nil)
	k := w.checker(revocation.Config{Hosts: []string{g.host}, Timeout: 50 * time.Millisecond})
	_, err := k.Check(t.Context(), w.chain(w.leaf("leaf.nhs.uk", named(g.URL, ""))), nil)
	wantErr(t, err, revocation.ErrFetch)
	if !strings.Contains(err.Error(), "too long") {
		t.Error(err)
	}
}

// TestCloseEndsFetches does not wait for a host that hangs.
func TestCloseEndsFetches(t *testing.T) {
	t.Parallel()
	w := setup(t)
	g := newGate(t, nil)
	leaf := w.leaf("leaf.nhs.uk", named(g.URL, ""))
	k := w.checker(revocation.Config{Hosts: []string{g.host}, Timeout: time.Hour})
	done := make(chan error, 1)
	go func() {
		_, err := k.Check(t.Context(), w.chain(leaf), nil)
		done <- err
	}()
	<-g.arrived
	k.Close()
	wantErr(t, <-done, revocation.ErrFetch)
	w.advance(time.Minute)
	_, err := k.Check(t.Context(), w.chain(leaf), nil)
	wantErr(t, err, revocation.ErrClosed)
}

// TestFailureIsRemembered for ten seconds, and not longer.
func TestFailureIsRemembered(t *testing.T) {
	t.Parallel()
	w := setup(t)
	up := false
	s := serve(t, func(rw http.ResponseWriter, _ *http.Request) {
		if !up {
			rw.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_, _ = rw.Write(w.crl(w.Sub, nil))
	})
	leaf := w.leaf("leaf.nhs.uk", named(s.URL, ""))
	k := w.checker(revocation.Config{Hosts: []string{s.host}})
	for range 3 {
		_, err := k.Check(t.Context(), w.chain(leaf), nil)
		wantErr(t, err, revocation.ErrFetch)
		w.advance(3 * time.Second)
	}
	if got := s.hits.Load(); got != 1 {
		t.Errorf("%d requests within nine seconds, want 1", got)
	}
	up = true
	w.advance(time.Second)
	_, err := k.Check(t.Context(), w.chain(leaf), nil)
	wantErr(t, err, nil)
}

// TestOrder holds which source is asked first, and that the other follows.
func TestOrder(t *testing.T) {
	t.Parallel()
	w := setup(t)
	for _, tt := range []struct {
		name                string
		ocspFirst           bool
		listDown, ocspDown  bool
		want                revocation.Method
		listAsked, ocspsAsk int64
	}{
		{name: "the list by default", want: revocation.ByCRL, listAsked: 1},
		{name: "the responder when set", ocspFirst: true, want: revocation.ByOCSP, ocspsAsk: 1},
		{name: "the responder after the list", listDown: true, want: revocation.ByOCSP, listAsked: 1, ocspsAsk: 1},
		{name: "the list after the responder", ocspFirst: true, ocspDown: true, want: revocation.ByCRL, listAsked: 1, ocspsAsk: 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := w.in(t)
			var list, answer []byte
			c := serve(t, bytesOf(func() []byte { return list }))
			o := responder(t, func([]byte) []byte { return answer })
			leaf := w.leaf("leaf.nhs.uk", named(c.URL, o.URL))
			if !tt.listDown {
				list = w.crl(w.Sub, nil)
			}
			if !tt.ocspDown {
				answer = w.goodReply(w.Sub, leaf.Cert).der(t)
			}
			k := w.checker(revocation.Config{OCSPFirst: tt.ocspFirst, Hosts: []string{c.host, o.host}})
			r, err := k.Check(t.Context(), w.chain(leaf), nil)
			wantErr(t, err, nil)
			want := []any{tt.want, tt.listAsked, tt.ocspsAsk}
			if diff := cmp.Diff(want, []any{r.Certs[0].By, c.hits.Load(), o.hits.Load()}); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// TestWholeChainIsFetchedAtOnce lets the list of the leaf's issuer arrive only
// after that of the sub CA's issuer was asked for.
func TestWholeChainIsFetchedAtOnce(t *testing.T) {
	t.Parallel()
	w := setup(t)
	subs := newGate(t, func() []byte { return w.crl(w.Root, nil) })
	close(subs.open)
	s := serve(t, func(rw http.ResponseWriter, r *http.Request) {
		select {
		case <-subs.arrived:
			_, _ = rw.Write(w.crl(w.Sub, nil))
		case <-r.Context().Done():
		}
	})
	leaf := w.leaf("leaf.nhs.uk", named(s.URL, ""))
	sub := *w.Sub.Cert
	withPoint(t, &sub, subs.URL)
	k, err := revocation.New(revocation.Config{Hosts: []string{s.host, subs.host}, Now: w.now})
	wantErr(t, err, nil)
	defer k.Close()
	chain := w.chain(leaf)
	chain[1] = &sub
	_, err = k.Check(t.Context(), chain, nil)
	wantErr(t, err, nil)
}

// TestDeadHost is an address that nobody listens on.
func TestDeadHost(t *testing.T) {
	t.Parallel()
	w := setup(t)
	l := must[net.Listener](t)((&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0"))
	host := l.Addr().String()
	_ = l.Close()
	leaf := w.leaf("leaf.nhs.uk", named("http://"+host+"/a.crl", ""))
	_, err := w.checker(revocation.Config{Hosts: []string{host}}).Check(t.Context(), w.chain(leaf), nil)
	wantErr(t, err, revocation.ErrFetch)
}
