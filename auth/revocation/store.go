package revocation

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"sync"
	"time"
)

// How long a failure is remembered, so that an outage is not hammered: shorter
// where nothing is at hand.
const (
	retryMissing = 10 * time.Second
	retryRefresh = time.Minute
)

// maxEntries bounds a store. Only verified certificates lead to entries.
const maxEntries = 4096

// issuerID stands for an issuer: its name and key.
type issuerID [sha256.Size]byte

func idOf(c *x509.Certificate) issuerID {
	if len(c.RawSubjectPublicKeyInfo)+len(c.RawSubject) <= 1024 {
		var room [1024]byte
		return sha256.Sum256(append(append(room[:0], c.RawSubjectPublicKeyInfo...), c.RawSubject...))
	}
	return sha256.Sum256(append(append([]byte{}, c.RawSubjectPublicKeyInfo...), c.RawSubject...))
}

// key is what a stored thing is about. A list has no serial; a staple no URL.
type key struct {
	url    string
	issuer issuerID
	serial string
}

// item is a verified list or answer.
type item interface {
	comparable
	span() (from, to time.Time)
}

// origin is where an item comes from.
type origin[V item] struct {
	// saved is what an earlier process left on disk, and when; the zero V is
	// nothing.
	saved func() (V, time.Time)
	// load asks the host, verifies and saves. Beside an error it may give
	// something out of date, which can still prove a revocation.
	load func(ctx context.Context) (V, error)
}

// store keeps items until newer ones replace them, and fetches each once for
// all who wait. Safe for concurrent use.
type store[V item] struct {
	life    *life
	refresh time.Duration

	mu      sync.Mutex
	entries map[key]*entry[V]
}

type entry[V item] struct {
	v       V
	got     time.Time     // when v was fetched
	err     error         // of the last fetch, until retry
	retry   time.Time     // not before
	flight  chan struct{} // closed when the fetch ends; nil: none
	visited bool          // the disk was looked at
}

func newStore[V item](l *life, refresh time.Duration) *store[V] {
	return &store[V]{life: l, refresh: refresh, entries: map[key]*entry[V]{}}
}

// atHand gives what is there without waiting; the zero V is nothing. A newer
// one is asked for in the background when it is time, so that an item that is
// in use is replaced before its next update.
func (s *store[V]) atHand(k key, o origin[V]) V {
	s.mu.Lock()
	defer s.mu.Unlock()
	var none V
	e := s.entries[k]
	if e == nil || e.v == none {
		return none
	}
	if now := s.life.now(); o.load != nil && e.flight == nil && !now.Before(e.retry) && s.due(e, now) {
		s.start(e, o)
	}
	return e.v
}

// begin starts to fetch what is not at hand, and does not wait.
func (s *store[V]) begin(k key, o origin[V]) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entry(k)
	if now := s.life.now(); e.flight == nil && !now.Before(e.retry) && !s.fresh(e, now) {
		s.start(e, o)
	}
}

// fetch gives an item that is within its dates, waiting for it when none is at
// hand. Beside an error it may give one that is out of date. When ctx ends the caller leaves, and the fetch goes on for the others.
func (s *store[V]) fetch(ctx context.Context, k key, o origin[V]) (V, error) {
	var none V
	s.mu.Lock()
	e, now := s.entry(k), s.life.now()
	if s.fresh(e, now) {
		defer s.mu.Unlock()
		return e.v, nil
	}
	if e.flight == nil {
		if e.err != nil && now.Before(e.retry) {
			defer s.mu.Unlock()
			return e.v, e.err
		}
		s.start(e, o)
	}
	flight := e.flight
	s.mu.Unlock()
	if flight == nil {
		return none, ErrClosed
	}
	select {
	case <-flight:
	case <-ctx.Done():
		return none, fmt.Errorf("%w: it took too long", ErrFetch)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fresh(e, s.life.now()) {
		return e.v, nil
	}
	return e.v, e.err
}

// put keeps an item that came unasked, unless a newer one is there.
func (s *store[V]) put(k key, v V) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.replace(s.entry(k), v, s.life.now())
}

func (s *store[V]) fresh(e *entry[V], now time.Time) bool {
	var none V
	if e.v == none {
		return false
	}
	_, to := e.v.span()
	return now.Before(to)
}

// due says whether to look for a newer item: after three quarters of the time
// that was left when it came, and at the latest after the refresh time.
func (s *store[V]) due(e *entry[V], now time.Time) bool {
	_, to := e.v.span()
	after := min(to.Sub(e.got)/4*3, s.refresh)
	return !now.Before(e.got.Add(after))
}

func (s *store[V]) entry(k key) *entry[V] {
	e := s.entries[k]
	if e == nil {
		s.makeRoom()
		e = &entry[V]{}
		s.entries[k] = e
	}
	return e
}

// makeRoom drops what is out of date, or else anything that is not in flight.
func (s *store[V]) makeRoom() {
	now := s.life.now()
	for _, staleOnly := range []bool{true, false} {
		for k, e := range s.entries {
			if len(s.entries) < maxEntries {
				return
			}
			if e.flight == nil && (!staleOnly || !s.fresh(e, now)) {
				delete(s.entries, k)
			}
		}
	}
}

// replace keeps the newer of two: an old one that is sent again does not undo
// a revocation, and one from the future does not displace what counts now.
func (s *store[V]) replace(e *entry[V], v V, got time.Time) {
	var none V
	from, _ := v.span()
	if from.After(s.life.now().Add(skew)) {
		return
	}
	if e.v != none {
		if old, _ := e.v.span(); from.Before(old) {
			return
		}
	}
	e.v, e.got = v, got
}

// start begins a flight, with s.mu held; after Close it does nothing.
func (s *store[V]) start(e *entry[V], o origin[V]) {
	flight := make(chan struct{})
	began := s.life.begin(func(ctx context.Context) {
		defer close(flight)
		s.fly(ctx, e, o)
	})
	if began {
		e.flight = flight
	}
}

// fly looks on the disk once, and asks the host when nothing within its dates
// is there.
func (s *store[V]) fly(ctx context.Context, e *entry[V], o origin[V]) {
	var none V
	s.mu.Lock()
	look := e.v == none && !e.visited
	e.visited = true
	s.mu.Unlock()
	if look {
		if v, at := o.saved(); v != none {
			s.mu.Lock()
			s.replace(e, v, at)
			if s.fresh(e, s.life.now()) {
				e.flight, e.err = nil, nil
				s.mu.Unlock()
				return
			}
			s.mu.Unlock()
		}
	}
	v, err := o.load(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	e.flight, e.err = nil, err
	now := s.life.now()
	if v != none {
		s.replace(e, v, now)
	}
	if err == nil && !s.due(e, now) {
		return
	}
	e.retry = now.Add(retryRefresh)
	if !s.fresh(e, now) {
		e.retry = now.Add(retryMissing)
		if err == nil {
			e.err = fmt.Errorf("%w: what it gives is out of date", ErrStale)
		}
	}
}

// life bounds the goroutines of a Checker: each ends by itself after timeout,
// and all end with close.
type life struct {
	now     func() time.Time
	timeout time.Duration

	ctx    context.Context
	cancel context.CancelFunc
	mu     sync.Mutex
	closed bool
	group  sync.WaitGroup
}

func newLife(now func() time.Time, timeout time.Duration) *life {
	l := &life{now: now, timeout: timeout}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	return l
}

func (l *life) begin(f func(context.Context)) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	l.group.Go(func() {
		ctx, cancel := context.WithTimeout(l.ctx, l.timeout)
		defer cancel()
		f(ctx)
	})
	return true
}

func (l *life) close() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.cancel()
	l.group.Wait()
}
