//go:build cgo && linux

package openssl

import (
	"container/list"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"sync"
	"time"

	"github.com/nrlgo/nrlgo/auth"
)

const (
	// maxSessions bounds the sessions of a dialer.
	maxSessions = 64
	// sessionLife is the upper limit that RFC 5246 suggests for a session.
	sessionLife = 24 * time.Hour
)

// identity is our certificate, and what tells it from another.
type identity struct {
	sum  [sha256.Size]byte
	cert *tls.Certificate
}

func identify(cert *tls.Certificate) identity {
	h := sha256.New()
	for _, der := range cert.Certificate { // DER says how long it is: no separator is needed
		_, _ = h.Write(der)
	}
	id := identity{cert: cert}
	h.Sum(id.sum[:0])
	return id
}

// sessionKey keeps sessions apart by server and own certificate.
type sessionKey struct {
	addr string // host:port, as dialled
	own  [sha256.Size]byte
}

// session is what a later handshake can resume, with the proof that the
// server gave in the full one.
type session struct {
	key    sessionKey
	tls    tlsSession
	chain  []*x509.Certificate
	staple []byte
	born   time.Time // time of the full handshake
}

// store is what a dialer keeps in C memory: the context of its latest own
// certificate, and sessions. It does not point to the dialer, so that one
// that is dropped without Close can be cleaned up.
type store struct {
	mu       sync.Mutex
	closed   bool
	own      identity
	context  tlsContext
	sessions list.List // of *session, the latest first
	byKey    map[sessionKey]*list.Element
}

// ready makes id the own certificate, if it is not.
func (s *store) ready(id identity) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.readyLocked(id)
}

func (s *store) readyLocked(id identity) error {
	switch {
	case s.closed:
		return auth.ErrClosed
	case s.context.p != nil && s.own.sum == id.sum:
		return nil
	}
	c, err := ownContext(id.cert)
	if err != nil {
		return err
	}
	s.dropContext()
	s.context, s.own = c, id
	return nil
}

// dropContext lets go of the context; connections hold on to it.
func (s *store) dropContext() {
	if s.context.p != nil {
		s.context.free()
	}
	s.context = tlsContext{}
}

// link starts a connection as id, offering a session.
func (s *store) link(id identity, name string, offered tlsSession) (link, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.readyLocked(id); err != nil {
		return link{}, err
	}
	l, ok := s.context.newLink(name, offered)
	if !ok {
		return link{}, errNoLink
	}
	return l, nil
}

// session finds one to resume. The caller frees its tls.
func (s *store) session(key sessionKey, now time.Time) (session, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.byKey[key]
	if !ok {
		return session{}, false
	}
	found := e.Value.(*session)
	if age := now.Sub(found.born); age < 0 || age >= sessionLife || !found.tls.usable() {
		s.remove(e)
		return session{}, false
	}
	s.sessions.MoveToFront(e)
	out := *found
	out.tls = found.tls.another()
	return out, true
}

// put keeps a session, whose tls it takes over.
func (s *store) put(n session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n.tls.p == nil {
		return
	}
	if s.closed || !n.tls.usable() {
		n.tls.free()
		return
	}
	if e, ok := s.byKey[n.key]; ok {
		s.remove(e)
	}
	s.byKey[n.key] = s.sessions.PushFront(&n)
	if s.sessions.Len() > maxSessions {
		s.remove(s.sessions.Back())
	}
}

// forget drops the session of key, if there is one.
func (s *store) forget(key sessionKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e, ok := s.byKey[key]; ok {
		s.remove(e)
	}
}

func (s *store) remove(e *list.Element) {
	old := s.sessions.Remove(e).(*session)
	delete(s.byKey, old.key)
	old.tls.free()
}

// close frees everything; connections live on.
func (s *store) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.dropContext()
	for s.sessions.Len() > 0 {
		s.remove(s.sessions.Front())
	}
}
