package auth

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/nrlgo/nrlgo/auth/revocation"
)

// minRSABits is the least RSA key that is accepted anywhere in a chain, ours
// included. x509.Certificate.Verify alone accepts 512 bits.
const minRSABits = 2048

// ErrNoAnchor is wrapped by the error for a CA bundle without a usable root:
// none that is self-signed, or all of them expired.
var ErrNoAnchor = errors.New("no usable trust anchor")

// Trust decides whether a server, or a client, is who it should be. The anchors are only
// the roots it was given; sub CAs are intermediates, which servers may leave
// out, and never anchors by themselves. Safe for concurrent use; the With
// methods give changed copies.
type Trust struct {
	cas        *reread[*authorities] // shared by all copies, as are the notices
	notices    *notices
	cnHosts    map[string]bool
	policies   []x509.OID
	revocation *revocation.Checker
	now        func() time.Time
}

// LoadTrust reads the Spine CA certificates, roots and sub CAs, from files in
// PEM or DER, in any order. The error wraps [ErrNoAnchor] when no certificate
// is a self-signed CA, and names the file that is malformed or holds anything
// but CA certificates.
//
// The files are read again when they change, two seconds after the last of it.
// What is broken then leaves the old certificates in force; [Trust.OnNotice]
// hears of either.
//
// Revocation is hard, by what certificates name on the hosts of NHS, unless
// WithRevocation says otherwise.
func LoadTrust(names ...string) (*Trust, error) { return loadTrust(files{names: names}) }

// LoadTrustFS is LoadTrust for files of fsys.
func LoadTrustFS(fsys fs.FS, names ...string) (*Trust, error) {
	return loadTrust(files{fsys, names})
}

func loadTrust(from files) (*Trust, error) {
	cas, err := newReread(from, parseAuthorities)
	if err != nil {
		return nil, fmt.Errorf("auth: CA certificates: %w", err)
	}
	t := newTrust(cas)
	cas.settle = true
	cas.changed = func(_ *authorities, err error) {
		n := Notice{Kind: Reloaded}
		if err != nil {
			n = Notice{Kind: ReloadFailed, Err: fmt.Errorf("auth: CA certificates: %w", err)}
		}
		t.notices.say(n)
	}
	return t, nil
}

// ParseTrust is LoadTrust for texts in memory, which never change.
func ParseTrust(texts ...[]byte) (*Trust, error) {
	cas, err := parseAuthorities(memorySources(texts))
	if err != nil {
		return nil, fmt.Errorf("auth: CA certificates: %w", err)
	}
	return newTrust(fixed(cas)), nil
}

func newTrust(cas *reread[*authorities]) *Trust {
	return &Trust{cas: cas, notices: &notices{}, revocation: revocation.Hard()}
}

// OnNotice calls hook when the files were read again, until stop is called: it
// is called by whoever noticed, a handshake for example, must return soon, and
// be safe for concurrent use. A Notice of a trust has neither FQDN nor Expires.
func (t *Trust) OnNotice(hook func(Notice)) (stop func()) {
	if t.notices == nil {
		return func() {}
	}
	return t.notices.add(hook)
}

// WithCNHosts is t with hosts whose certificate may carry the FQDN in the
// common name only, as those of HSCN hosts do (Spine PKI). It is looked at
// only where the certificate has no subjectAltName. Hosts are names without a
// port; no address, wildcard or name outside ASCII matches.
func (t *Trust) WithCNHosts(hosts ...string) *Trust {
	u := *t
	u.cnHosts = maps.Clone(t.cnHosts)
	if u.cnHosts == nil {
		u.cnHosts = map[string]bool{}
	}
	for _, h := range hosts {
		if name, ok := hostName(strings.TrimSuffix(h, ".")); ok {
			u.cnHosts[name] = true
		}
	}
	return &u
}

// WithRevocation is t with another checker, which the caller closes: one of
// revocation.New, or revocation.Off(reason).
func (t *Trust) WithRevocation(k *revocation.Checker) *Trust {
	u := *t
	u.revocation = k
	return &u
}

// WithPolicies is t, but the peer's certificate must carry one of these
// certificate policies; none asks for no policy, which is how a Trust begins.
// Only the certificate itself is looked at, because Spine's sub CAs name other
// policies than the certificates below them.
func (t *Trust) WithPolicies(policies ...x509.OID) *Trust {
	u := *t
	u.policies = slices.Clone(policies)
	return &u
}

// WithClock is t with another clock, for tests; nil means time.Now.
func (t *Trust) WithClock(now func() time.Time) *Trust {
	u := *t
	u.now = now
	return &u
}

func (t *Trust) clock() time.Time {
	if t.now == nil {
		return time.Now()
	}
	return t.now()
}

// Revocation is the checker in force.
func (t *Trust) Revocation() *revocation.Checker { return t.revocation }

// Anchors are the roots, and SubCAs the intermediates, for display. The
// certificates must not be changed.
func (t *Trust) Anchors() []*x509.Certificate { return slices.Clone(t.authorities().anchors) }

// SubCAs are the intermediates that were given.
func (t *Trust) SubCAs() []*x509.Certificate { return slices.Clone(t.authorities().subs) }

// Usable reports why no peer can be verified at all, nil when one can: the
// error wraps [ErrNoAnchor] when every root is expired, not yet valid or has
// a short key, or revocation.ErrReason.
func (t *Trust) Usable() error {
	now := t.clock()
	good := slices.ContainsFunc(t.authorities().anchors, func(c *x509.Certificate) bool {
		return weakKey(c) == "" && outOfDate(c, now) == ""
	})
	if !good {
		return fmt.Errorf("auth: CA certificates: %w: every root is expired, not yet valid or has a short key", ErrNoAnchor)
	}
	if reason, off := t.revocation.IsOff(); off && reason == "" {
		return fmt.Errorf("auth: %w", revocation.ErrReason)
	}
	return nil
}
