//go:build cgo && linux

package openssl

import (
	"container/list"
	"context"
	"errors"
	"net"
	"net/netip"
	"runtime"
	"strings"

	"github.com/nrlgo/nrlgo/auth"
)

// engineName is what auth.ConnState and auth.HandshakeError say.
const engineName = "openssl"

// NewEngine makes a Dialer on the system's OpenSSL: the eight cipher suites in
// the documented order, TLS 1.2 exactly, no renegotiation, no compression,
// sessions resumed by ticket and by id. The library is opened at the first
// call.
//
// The error is that of [auth.TLSPolicy.Check], or wraps [ErrNotAvailable] when
// libssl is missing, too old, or cannot offer exactly those suites. Our
// certificate is asked for at each handshake and what is wrong with it is an
// error of the dial: it wraps [auth.ErrCredentials], and [ErrKey] for a key
// that is not in memory.
func NewEngine(p auth.TLSPolicy, opts ...Option) (auth.Dialer, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	if err := load(settle(opts).folder); err != nil {
		return nil, err
	}
	trial, err := policyContext(version())
	if err != nil {
		return nil, err
	}
	trial.free()
	d := &dialer{policy: p.WithDefaults(), live: auth.NewLive(p), store: &store{byKey: map[sessionKey]*list.Element{}}}
	d.life, d.end = context.WithCancel(context.Background())
	runtime.AddCleanup(d, (*store).close, d.store)
	return d, nil
}

// Version opens the library and gives OpenSSL's name for itself, such as
// "OpenSSL 3.0.2 15 Mar 2022". The error wraps [ErrNotAvailable].
func Version(opts ...Option) (string, error) {
	if err := load(settle(opts).folder); err != nil {
		return "", err
	}
	return versionText(), nil
}

type dialer struct {
	policy auth.TLSPolicy
	store  *store
	live   *auth.Live
	life   context.Context // ends with Close
	end    context.CancelFunc
}

func (d *dialer) Engine() string { return engineName }

// Close ends dials under way and frees contexts and sessions.
func (d *dialer) Close() error {
	d.end()
	d.live.Close()
	d.store.close()
	return nil
}

// DialTLSContext connects and verifies the server.
func (d *dialer) DialTLSContext(ctx context.Context, network, addr string) (net.Conn, error) {
	host, err := auth.SplitAddress(addr)
	if err != nil {
		return nil, fault("server", err)
	}
	if d.life.Err() != nil { // AfterFunc would say so too late
		return nil, fault(host, auth.ErrClosed)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(d.life, cancel)() //nolint:contextcheck // Close ends a dial whatever its own context says
	c, err := d.dial(ctx, network, addr, host)
	switch {
	case err == nil:
		return d.live.Guard(c), nil
	case d.life.Err() != nil:
		return nil, fault(host, auth.ErrClosed)
	}
	return nil, err
}

func (d *dialer) dial(ctx context.Context, network, addr, host string) (*conn, error) {
	cert, err := d.policy.Credentials.Certificate(d.policy.Now())
	if err != nil {
		return nil, fault(host, err)
	}
	id := identify(cert)
	if err := d.store.ready(id); err != nil { // noticed before dialling
		return nil, fault(host, err)
	}
	raw, err := d.policy.Connect(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, d.policy.HandshakeTimeout)
	defer cancel()
	c, err := d.secure(ctx, raw, id, addr, host)
	if err != nil {
		_ = raw.Close()
		if _, decided := errors.AsType[*auth.VerifyError](err); !decided && ctx.Err() != nil {
			err = fault(host, ctx.Err())
		}
		return nil, err
	}
	return c, nil
}

// secure makes the handshake on raw, resuming a session where there is one.
func (d *dialer) secure(ctx context.Context, raw net.Conn, id identity, addr, host string) (*conn, error) {
	h := &handshake{
		raw: raw, host: host, trust: d.policy.Trust, in: make([]byte, smallBuffer),
		session: session{key: sessionKey{addr, id.sum}, born: d.policy.Now()},
	}
	if offer, ok := d.store.session(h.session.key, h.session.born); ok {
		defer offer.tls.free()
		// What the server proved then is judged by today's rules and clock;
		// where it does not stand any more, a full handshake may.
		if peer, err := h.trust.Verify(ctx, host, offer.chain, offer.staple); err == nil {
			h.offered, h.offer, h.offerPeer = true, offer, peer
		}
	}
	var err error
	if h.link, err = d.store.link(id, serverName(host), h.offer.tls); err != nil {
		return nil, fault(host, err)
	}
	interrupted := context.AfterFunc(ctx, func() { _ = raw.SetDeadline(past) })
	err = h.run(ctx)
	if !interrupted() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		d.store.forget(h.session.key) // the session may be the reason
		h.link.free()
		return nil, err
	}
	c := h.conn()
	h.session.tls = h.link.session()
	d.store.put(h.session)
	return c, nil
}

// serverName is what SNI says: never an address (RFC 6066), no trailing dot.
func serverName(host string) string {
	if _, err := netip.ParseAddr(host); err == nil {
		return ""
	}
	return strings.TrimSuffix(host, ".")
}

func fault(host string, err error) error {
	return &auth.HandshakeError{Host: host, Engine: engineName, Err: err}
}
