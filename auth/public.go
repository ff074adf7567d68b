package auth

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/netip"
	"syscall"
	"time"

	"github.com/nrlgo/nrlgo/auth/revocation"
)

// PublicPolicy is for connections to public pages: no client certificate, the
// system's roots, TLS 1.2 or newer.
type PublicPolicy struct {
	// Roots are the trust anchors; nil means the system's.
	Roots *x509.CertPool
	// Allow judges every address that is dialled, after name resolution; nil
	// allows all.
	Allow func(netip.Addr) error
	// DialTimeout and HandshakeTimeout are as in TLSPolicy.
	DialTimeout, HandshakeTimeout time.Duration
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// PublicDialer connects to public pages. Safe for concurrent use.
type PublicDialer struct {
	tcp       net.Dialer
	config    *tls.Config
	handshake time.Duration
}

// NewPublicDialer makes a dialer that presents no client certificate.
func NewPublicDialer(p PublicPolicy) *PublicDialer {
	times := TLSPolicy{DialTimeout: p.DialTimeout, HandshakeTimeout: p.HandshakeTimeout, Now: p.Now}.withDefaults()
	d := &PublicDialer{
		tcp:       net.Dialer{Timeout: times.DialTimeout},
		config:    &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: p.Roots, Time: times.Now},
		handshake: times.HandshakeTimeout,
	}
	if p.Allow != nil {
		d.tcp.Control = func(_, address string, _ syscall.RawConn) error {
			ap, err := netip.ParseAddrPort(address)
			if err != nil {
				return err
			}
			return p.Allow(ap.Addr().Unmap())
		}
	}
	return d
}

// DialContext connects without TLS, for http pages.
func (d *PublicDialer) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	return d.tcp.DialContext(ctx, network, addr)
}

// DialTLSContext connects with TLS; the connection is a [Conn], which tells a
// close_notify from a bare FIN. A certificate that is refused is a
// [*VerifyError]; its revocation is not checked.
func (d *PublicDialer) DialTLSContext(ctx context.Context, network, addr string) (net.Conn, error) {
	host, err := splitAddress(addr)
	if err != nil {
		return nil, &HandshakeError{Host: "server", Engine: "go", Err: err}
	}
	raw, err := d.tcp.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	config := d.config.Clone()
	config.ServerName = host
	wire := &records{Conn: raw}
	conn := tls.Client(wire, config)
	ctx, cancel := context.WithTimeout(ctx, d.handshake)
	defer cancel()
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = raw.Close()
		return nil, publicError(host, wire, err)
	}
	s := conn.ConnectionState()
	return &goConn{Conn: conn, wire: wire, state: ConnState{
		Engine: "go", Version: s.Version, CipherSuite: s.CipherSuite, Resumed: s.DidResume,
		Peer: Peer{Host: host, Chain: s.VerifiedChains[0], Expires: s.PeerCertificates[0].NotAfter, Revocation: revocation.Result{Off: "public page"}},
	}}, nil
}

// publicError says what a failed handshake means.
func publicError(host string, wire *records, err error) error {
	if bad, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return (&verification{host: host}).pathError(bad.Err)
	}
	if ve := unreadable(host, err); ve != nil {
		return ve
	}
	he := &HandshakeError{Host: host, Engine: "go", Alert: wire.alert, Err: notSpoken(err)}
	if errors.Is(AlertError(he.Alert), ErrNoVersion) {
		he.Err = ErrNoVersion
	}
	return he
}
