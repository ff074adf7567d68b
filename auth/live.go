package auth

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"weak"

	"github.com/nrlgo/nrlgo/auth/revocation"
)

// ErrWithdrawn is wrapped by what Read and Write of a connection return after
// it was closed because its peer does not pass any more: revoked since, expired,
// or its anchor is gone from the trust. The error wraps the [*VerifyError] too.
var ErrWithdrawn = errors.New("the connection was closed, because the peer is not trusted any more")

// Live judges connections again while they are open, every RecheckInterval of
// the policy and whenever the trust was read again, and closes those whose
// peer does not pass. It is for TLS engines: a dialer has one, guards what it
// hands out and closes it with itself. It keeps no connection alive, and
// nothing runs while there is none. Safe for concurrent use.
type Live struct {
	policy TLSPolicy
	life   context.Context // ends with Close
	end    context.CancelFunc
	group  sync.WaitGroup
	deaf   func() // ends what it hears of the trust

	mu      sync.Mutex
	closed  bool
	conns   map[weak.Pointer[guarded]]struct{}
	timer   *time.Timer // of the next pass; nil before the first connection
	passing bool
	again   bool // a pass was asked for during a pass
}

// NewLive makes one for a dialer.
func NewLive(p TLSPolicy) *Live {
	l := &Live{policy: p.withDefaults(), conns: map[weak.Pointer[guarded]]struct{}{}}
	l.life, l.end = context.WithCancel(context.Background())
	weakly := weak.Make(l)
	l.deaf = p.Trust.OnNotice(func(n Notice) {
		if l := weakly.Value(); l != nil && n.Kind == Reloaded {
			l.hurry()
		}
	})
	runtime.AddCleanup(l, func(deaf func()) { deaf() }, l.deaf)
	return l
}

// Guard is c, watched until it is closed, dropped or withdrawn.
func (l *Live) Guard(c Conn) Conn {
	g := &guarded{Conn: c, live: l}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return g
	}
	l.conns[weak.Make(g)] = struct{}{}
	if len(l.conns) == 1 && !l.passing {
		l.arm(l.policy.RecheckInterval)
	}
	return g
}

// Close ends the watch and waits for what is under way; connections live on.
func (l *Live) Close() {
	l.mu.Lock()
	l.closed = true
	if l.timer != nil {
		l.timer.Stop()
	}
	l.mu.Unlock()
	l.deaf()
	l.end()
	l.group.Wait()
}

// arm plans the next pass; mu is held.
func (l *Live) arm(d time.Duration) {
	if l.timer == nil {
		l.timer = time.AfterFunc(d, l.pass)
	} else {
		l.timer.Reset(d)
	}
}

// hurry plans a pass at once: the trust has changed.
func (l *Live) hurry() {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed || len(l.conns) == 0:
	case l.passing:
		l.again = true
	default:
		l.arm(0)
	}
}

// begin runs f unless Live is closed; Close waits for it.
func (l *Live) begin(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.group.Go(f)
	}
}

// pass judges every connection once.
func (l *Live) pass() {
	l.mu.Lock()
	if l.closed || l.passing {
		l.again = l.passing
		l.mu.Unlock()
		return
	}
	l.passing = true
	l.group.Add(1)
	defer l.group.Done()
	all := slices.Collect(maps.Keys(l.conns))
	l.mu.Unlock()
	for _, p := range all {
		if g := p.Value(); g != nil {
			l.judge(g)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	maps.DeleteFunc(l.conns, func(p weak.Pointer[guarded], _ struct{}) bool { return p.Value() == nil })
	again := l.again
	l.passing, l.again = false, false
	switch {
	case l.closed || len(l.conns) == 0:
	case again:
		l.arm(0)
	default:
		l.arm(l.policy.RecheckInterval)
	}
}

func (l *Live) judge(g *guarded) {
	err := l.policy.Trust.Recheck(g.ConnState().Peer)
	switch {
	case err == nil:
	case errors.Is(err, revocation.ErrUnknown): // what was at hand is out of date: ask before closing
		l.ask(g)
	default:
		l.withdraw(g, err)
	}
}

// ask verifies the peer anew in the background.
func (l *Live) ask(g *guarded) {
	if !g.asking.CompareAndSwap(false, true) {
		return
	}
	l.begin(func() {
		defer g.asking.Store(false)
		ctx, cancel := context.WithTimeout(l.life, l.policy.HandshakeTimeout)
		defer cancel()
		p := g.ConnState().Peer
		if _, err := l.policy.Trust.Verify(ctx, p.Host, p.Chain, nil); err != nil && l.life.Err() == nil {
			l.withdraw(g, err)
		}
	})
}

// withdraw closes a connection; a close_notify may take its time.
func (l *Live) withdraw(g *guarded, err error) {
	l.begin(func() {
		if g.cause.CompareAndSwap(nil, &withdrawn{err}) {
			_ = g.Close()
		}
	})
}

func (l *Live) forget(g *guarded) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.conns, weak.Make(g))
}

// guarded is a connection that says why it was closed.
type guarded struct {
	Conn
	live   *Live
	asking atomic.Bool
	cause  atomic.Pointer[withdrawn]
}

type withdrawn struct{ err error }

// because is the cause in place of err, once there is one.
func (g *guarded) because(err error) error {
	if w := g.cause.Load(); w != nil {
		return fmt.Errorf("auth: %w: %w", ErrWithdrawn, w.err)
	}
	return err
}

func (g *guarded) Read(p []byte) (int, error) {
	if err := g.because(nil); err != nil {
		return 0, err
	}
	n, err := g.Conn.Read(p)
	if err != nil {
		err = g.because(err)
	}
	return n, err
}

func (g *guarded) Write(p []byte) (int, error) {
	if err := g.because(nil); err != nil {
		return 0, err
	}
	n, err := g.Conn.Write(p)
	if err != nil {
		err = g.because(err)
	}
	return n, err
}

// Close closes the connection and ends the watch over it.
func (g *guarded) Close() error {
	g.live.forget(g)
	return g.Conn.Close()
}

// CloseWrite is that of the connection, where it has one.
func (g *guarded) CloseWrite() error {
	if half, ok := g.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}
