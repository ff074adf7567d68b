//go:build cgo && linux

package openssl_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nrlgo/nrlgo/auth"
	"github.com/nrlgo/nrlgo/mocks/pki"
)

// resumed dials and says whether the session was resumed; it reads a byte
// first, so that the server is done with the connection.
func resumed(tb testing.TB, d auth.Dialer, addr string) bool {
	tb.Helper()
	c := dial(tb, d, addr)
	if _, err := c.Write([]byte("x")); err != nil {
		tb.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 1)); err != nil {
		tb.Fatal(err)
	}
	if s := c.ConnState(); s.Peer.Host == "" || len(s.Peer.Chain) != 3 {
		tb.Errorf("the peer is %+v", s.Peer)
	}
	_ = c.Close()
	return c.ConnState().Resumed
}

func TestSessionsAreResumed(t *testing.T) {
	t.Parallel()
	k := assets(t)
	for name, args := range map[string][]string{
		"by ticket": {"-no_cache"},
		"by id":     {"-no_ticket"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := k.serve(t, append([]string{"-rev"}, args...)...)
			d := engine(t, k.policy)
			var got []bool
			for range 3 {
				c := dial(t, d, s.Addr)
				got = append(got, c.ConnState().Resumed)
				_ = c.Close()
			}
			if diff := cmp.Diff([]bool{false, true, true}, got); diff != "" {
				t.Errorf("resumed (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("never, where the server does neither", func(t *testing.T) {
		t.Parallel()
		s := k.serve(t, "-rev", "-no_ticket", "-no_cache")
		d := engine(t, k.policy)
		for range 2 {
			c := dial(t, d, s.Addr)
			if c.ConnState().Resumed {
				t.Error("resumed")
			}
			_ = c.Close()
		}
	})
}

// TestSessionsAreKeptApart by address, and by own certificate: a renewed
// certificate is used from the next handshake on, and never resumes what the
// old one had made.
func TestSessionsAreKeptApart(t *testing.T) {
	t.Parallel()
	k := assets(t)
	creds := *k.policy.Credentials
	k.policy.Credentials = &creds
	d := engine(t, k.policy)
	serials := make(chan string, 8)
	config := k.config(t)
	config.VerifyConnection = func(s tls.ConnectionState) error {
		serials <- s.PeerCertificates[0].SerialNumber.String()
		return nil
	}
	a, b := echo(t, config), echo(t, config)
	renewed := must[*pki.Leaf](t)(k.pki.Issue("consumer.example.nhs.uk", nil, pki.Named("client")))
	old := k.client.Cert.SerialNumber.String()
	for i, step := range []struct {
		addr    string
		renew   bool
		resumed bool
		serial  string
	}{
		{addr: a, serial: old},
		{addr: a, resumed: true, serial: old},
		{addr: b, serial: old}, // the ticket of a would do there
		{addr: a, renew: true, serial: renewed.Cert.SerialNumber.String()},
		{addr: a, resumed: true, serial: renewed.Cert.SerialNumber.String()},
	} {
		if step.renew {
			creds = *must[*auth.Credentials](t)(auth.ParseCredentials(renewed.ChainPEM(), renewed.KeyPEM()))
		}
		if got := resumed(t, d, step.addr); got != step.resumed {
			t.Errorf("handshake %d: resumed %v, want %v", i, got, step.resumed)
		}
		if got := <-serials; got != step.serial {
			t.Errorf("handshake %d: the server saw another certificate of ours", i)
		}
	}
}

// TestResumedSessionIsJudgedAgain: the clock moves past the end of the
// server's certificate. The session is not offered any more, and the full
// handshake that follows brings the verdict.
func TestResumedSessionIsJudgedAgain(t *testing.T) {
	t.Parallel()
	k := assets(t)
	var ahead atomic.Int64
	k.policy.Trust = k.policy.Trust.WithClock(func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) })
	offers := make(chan bool, 8)
	config := k.config(t)
	config.UnwrapSession = func(identity []byte, s tls.ConnectionState) (*tls.SessionState, error) {
		if len(identity) > 0 { // else there is none
			offers <- true
		}
		return config.DecryptTicket(identity, s)
	}
	addr := echo(t, config)
	d := engine(t, k.policy)
	if resumed(t, d, addr) || !resumed(t, d, addr) {
		t.Fatal("the second handshake, and only that, resumes")
	}
	<-offers
	ahead.Store(int64(10 * 365 * 24 * time.Hour))
	_, err := d.DialTLSContext(t.Context(), "tcp", addr)
	if ve, ok := errors.AsType[*auth.VerifyError](err); !ok || ve.Stage != auth.StageValidity {
		t.Errorf("got %v, want a VerifyError of stage validity", err)
	}
	ahead.Store(0)
	if resumed(t, d, addr) {
		t.Error("a session outlived the refusal of its server")
	}
	if len(offers) != 0 {
		t.Error("a session of a refused server was offered")
	}
}

// TestSessionsEndWithTheDay: RFC 5246 suggests 24 hours at most.
func TestSessionsEndWithTheDay(t *testing.T) {
	t.Parallel()
	k := assets(t)
	var ahead atomic.Int64
	k.policy.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	addr := echo(t, k.config(t))
	d := engine(t, k.policy)
	_ = resumed(t, d, addr)
	ahead.Store(int64(20 * time.Hour))
	if !resumed(t, d, addr) {
		t.Error("not resumed after 20 hours")
	}
	ahead.Store(int64(25 * time.Hour))
	if resumed(t, d, addr) {
		t.Error("resumed 25 hours after the full handshake")
	}
}

// TestSessionsAreBounded: of 65 servers, the first one's session went.
func TestSessionsAreBounded(t *testing.T) {
	t.Parallel()
	k := assets(t)
	hosts := loopbacks(65)
	config := k.config(t)
	config.Certificates = []tls.Certificate{must[*pki.Leaf](t)(k.pki.Server(hosts...)).TLS()}
	_, port, _ := net.SplitHostPort(listenOn(t, "0.0.0.0:0", echoing(config)))
	d := engine(t, k.policy)
	for _, host := range hosts {
		if resumed(t, d, net.JoinHostPort(host, port)) {
			t.Fatalf("%s: resumed at once", host)
		}
	}
	if !resumed(t, d, net.JoinHostPort(hosts[1], port)) {
		t.Error("the 64th session from the end is lost")
	}
	if resumed(t, d, net.JoinHostPort(hosts[0], port)) {
		t.Error("65 sessions are kept")
	}
}

// TestBrokenSessionIsForgotten: after a failed resumption the next handshake
// is a full one.
func TestBrokenSessionIsForgotten(t *testing.T) {
	t.Parallel()
	k := assets(t)
	config := k.config(t)
	var broken atomic.Bool
	config.UnwrapSession = func(identity []byte, s tls.ConnectionState) (*tls.SessionState, error) {
		if broken.Load() && len(identity) > 0 {
			return nil, context.Canceled
		}
		return config.DecryptTicket(identity, s)
	}
	addr := echo(t, config)
	d := engine(t, k.policy)
	_ = resumed(t, d, addr)
	broken.Store(true)
	if _, err := d.DialTLSContext(t.Context(), "tcp", addr); err == nil {
		t.Fatal("the server let a broken session pass")
	}
	if resumed(t, d, addr) {
		t.Error("resumed")
	}
}

// TestTornConnectionLeavesItsSession: SSL_free would make it unusable for the
// connections that follow.
func TestTornConnectionLeavesItsSession(t *testing.T) {
	t.Parallel()
	k := assets(t)
	addr := echo(t, k.config(t))
	d := engine(t, k.policy)
	c := dial(t, d, addr)
	_ = c.SetWriteDeadline(time.Now().Add(-time.Second))
	if _, err := c.Write([]byte("x")); !timeout(err) {
		t.Fatalf("Write ended with %v", err)
	}
	_ = c.Close() // without a close_notify
	if !resumed(t, d, addr) {
		t.Error("not resumed")
	}
}

// loopbacks are the first n addresses of 127.0.0.0/8.
func loopbacks(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = "127.0.0." + strconv.Itoa(i+1)
	}
	return out
}
