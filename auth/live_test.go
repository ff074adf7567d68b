package auth_test

import (
	"errors"
	"net"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/nrlgo/nrlgo/auth"
	"github.com/nrlgo/nrlgo/auth/revocation"
	"github.com/nrlgo/nrlgo/mocks/pki"
)

// TestLiveJudgesEachMinute and nobody else: the default interval, and nothing
// that runs while no connection is open.
func TestLiveJudgesEachMinute(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := assets(t)
		var asked atomic.Int64
		trust := k.off().WithClock(func() time.Time {
			asked.Add(1)
			return time.Now()
		})
		peer, err := trust.Verify(t.Context(), "localhost", k.chain(t), nil)
		if err != nil {
			t.Fatal(err)
		}
		live := auth.NewLive(auth.TLSPolicy{Credentials: k.creds, Trust: trust})
		near, far := net.Pipe()
		defer func() { _ = far.Close() }()
		conn := live.Guard(stillConn{near, peer})
		asked.Store(0)
		<-time.After(150 * time.Second)
		if n := asked.Load(); n != 2 {
			t.Errorf("judged %d times in two minutes and a half, want 2", n)
		}
		_ = conn.Close()
		<-time.After(time.Hour)
		if n := asked.Load(); n != 2 {
			t.Errorf("judged %d times after the connection was closed", n-2)
		}
		_ = live.Guard(stillConn{near, peer}) // dropped without Close
		runtime.GC()
		<-time.After(time.Hour)
		if n := asked.Load(); n != 2 {
			t.Errorf("judged %d times after the connection was dropped", n-2)
		}
		live.Close()
		if _, err := live.Guard(stillConn{near, peer}).Read(make([]byte, 1)); errors.Is(err, auth.ErrWithdrawn) {
			t.Errorf("a connection that nobody watches is withdrawn: %v", err)
		}
	})
}

// stillConn is a connection of an engine.
type stillConn struct {
	net.Conn
	peer auth.Peer
}

func (c stillConn) ConnState() auth.ConnState { return auth.ConnState{Peer: c.peer} }

// TestLiveHearsOfANewTrust long before the interval ends: whoever notices that
// the files have changed.
func TestLiveHearsOfANewTrust(t *testing.T) {
	t.Parallel()
	k := assets(t)
	other := must[*pki.PKI](t)(pki.New(pki.Options{KeySet: "foreign"}))
	long := time.Now().Add(-time.Minute)
	dir := fstest.MapFS{"ca.pem": {Data: k.pki.BundlePEM(), ModTime: long}}
	trust := must[*auth.Trust](t)(auth.LoadTrustFS(dir, "ca.pem")).WithRevocation(revocation.Off("test"))
	live := auth.NewLive(auth.TLSPolicy{Credentials: k.creds, Trust: trust, RecheckInterval: time.Hour})
	defer live.Close()
	near, far := net.Pipe()
	defer func() { _ = far.Close() }()
	conn := live.Guard(stillConn{near, must[auth.Peer](t)(trust.Verify(t.Context(), "localhost", k.chain(t), nil))})
	defer func() { _ = conn.Close() }()
	dir["ca.pem"] = &fstest.MapFile{Data: other.Root.PEM(), ModTime: long.Add(time.Second)}
	if _, err := trust.Verify(t.Context(), "localhost", k.chain(t), nil); err == nil {
		t.Fatal("the new trust is not in force")
	}
	_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, auth.ErrWithdrawn) || !errors.Is(err, auth.ErrUntrusted) {
		t.Errorf("got %v, want ErrWithdrawn", err)
	}
}
