package auth

import (
	"crypto/x509"
	"slices"
	"sync"
	"time"
)

// expiryWarning is how long ahead of the end [ExpiresSoon] is said.
const expiryWarning = 30 * 24 * time.Hour

// NoticeKind is what a [Notice] is about.
type NoticeKind int

// The kinds.
const (
	// Reloaded: the files changed, and what they hold serves from now on.
	Reloaded NoticeKind = iota + 1
	// ReloadFailed: the files changed to something that cannot be used; what
	// served before still does. Said once for each change.
	ReloadFailed
	// ExpiresSoon: our certificate ends within 30 days. Said once a day, at a
	// handshake.
	ExpiresSoon
	// Expired: our certificate has ended, and no handshake is made. Said once a
	// day, when one was wanted.
	Expired
)

// String is a word or two.
func (k NoticeKind) String() string {
	switch k {
	case Reloaded:
		return "reloaded"
	case ReloadFailed:
		return "reload failed"
	case ExpiresSoon:
		return "expires soon"
	case Expired:
		return "expired"
	}
	return "notice"
}

// Notice says what became of certificates while they served.
type Notice struct {
	Kind NoticeKind
	// FQDN and Expires are those of the certificate that serves now; zero
	// where the notice is about CA certificates.
	FQDN    string
	Expires time.Time
	// Err is why a reload failed.
	Err error
}

// notices are who hears of them. Safe for concurrent use.
type notices struct {
	mu    sync.Mutex
	hooks []*func(Notice)
	// soon and ended are when ExpiresSoon and Expired were last said.
	soon, ended time.Time
}

// add registers a hook; stop takes it away.
func (n *notices) add(hook func(Notice)) (stop func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hooks = append(n.hooks, &hook)
	return func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.hooks = slices.DeleteFunc(n.hooks, func(h *func(Notice)) bool { return h == &hook })
	}
}

// say calls the hooks one after the other.
func (n *notices) say(notice Notice) {
	n.mu.Lock()
	hooks := slices.Clone(n.hooks)
	n.mu.Unlock()
	for _, h := range hooks {
		(*h)(notice)
	}
}

// expiry tells of a certificate's end, once a day where somebody listens.
func (n *notices) expiry(leaf *x509.Certificate, now time.Time) {
	left := leaf.NotAfter.Sub(now)
	if left > expiryWarning {
		return
	}
	kind, last := ExpiresSoon, &n.soon
	if left < 0 {
		kind, last = Expired, &n.ended
	}
	n.mu.Lock()
	due := len(n.hooks) > 0 && now.Sub(*last) >= 24*time.Hour
	if due {
		*last = now
	}
	n.mu.Unlock()
	if due {
		n.say(Notice{Kind: kind, FQDN: fqdn(leaf), Expires: leaf.NotAfter})
	}
}

// OnNotice calls hook when the files of the credentials were read again, from
// 30 days ahead of the certificate's end, and after it, until stop is called. It is called
// in the handshake that noticed, must return soon, and be safe for concurrent
// use.
func (c *Credentials) OnNotice(hook func(Notice)) (stop func()) {
	if c == nil || c.notices == nil {
		return func() {}
	}
	return c.notices.add(hook)
}
