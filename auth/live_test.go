package auth_test

import (
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nrlgo/nrlgo/auth"
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
