package auth

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// goOffers are the suites of the list that crypto/tls has, in two offers: it
// ignores the order of Config.CipherSuites and would put AES-128 before
// AES-256, so the first suite is offered alone and the others only after a
// handshake_failure.
var goOffers = [][]uint16{
	{tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384},
	{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA},
}

// TLS alerts (RFC 5246).
const (
	alertHandshakeFailure = 40
	alertBadCertificate   = 42
	alertUnknownCA        = 48
	alertAccessDenied     = 49
	alertProtocolVersion  = 70
	alertInsufficient     = 71
)

// NewGoEngine makes a Dialer on crypto/tls. It has three of the eight suites
// (numbers 1, 2 and 8) and offers them in the documented order; a server that
// has none of them is an error wrapping [ErrNoSuite]. TLS 1.2 exactly, no
// renegotiation. The error of NewGoEngine is that of [TLSPolicy.Check].
func NewGoEngine(p TLSPolicy) (Dialer, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	d := &goDialer{policy: p.withDefaults(), sessions: tls.NewLRUClientSessionCache(64)}
	d.life, d.end = context.WithCancel(context.Background())
	return d, nil
}

type goDialer struct {
	policy   TLSPolicy
	sessions tls.ClientSessionCache
	life     context.Context // ends with Close
	end      context.CancelFunc
}

func (d *goDialer) Engine() string { return "go" }

func (d *goDialer) Close() error {
	d.end()
	return nil
}

// DialTLSContext connects, offering the suites in order.
func (d *goDialer) DialTLSContext(ctx context.Context, network, addr string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, &HandshakeError{Host: "server", Engine: d.Engine(), Err: errors.New("the address is not host:port")}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(d.life, cancel)()
	for i, offer := range goOffers {
		conn, err := d.dial(ctx, network, addr, host, offer)
		if err == nil {
			return conn, nil
		}
		if d.life.Err() != nil {
			err = &HandshakeError{Host: host, Engine: d.Engine(), Err: ErrClosed}
		}
		if last := i == len(goOffers)-1; last || !errors.Is(err, ErrNoSuite) {
			return nil, err
		}
	}
	panic("unreachable")
}

func (d *goDialer) dial(ctx context.Context, network, addr, host string, offer []uint16) (net.Conn, error) {
	cert, err := d.policy.Credentials.Certificate(d.policy.Now())
	if err != nil { // noticed before dialling
		return nil, &HandshakeError{Host: host, Engine: d.Engine(), Err: err}
	}
	dctx, cancel := context.WithTimeout(ctx, d.policy.DialTimeout)
	defer cancel()
	raw, err := connect(dctx, network, addr, d.policy.Proxy)
	if err != nil {
		return nil, err
	}
	hctx, cancel := context.WithTimeout(ctx, d.policy.HandshakeTimeout)
	defer cancel()
	wire := &records{Conn: raw}
	var peer Peer
	conn := tls.Client(wire, d.config(hctx, cert, addr, host, offer, &peer))
	if err := conn.HandshakeContext(hctx); err != nil {
		_ = raw.Close()
		if hctx.Err() != nil {
			err = hctx.Err()
		}
		return nil, d.handshakeError(host, wire, err)
	}
	s := conn.ConnectionState()
	return &goConn{Conn: conn, wire: wire, state: ConnState{
		Engine: d.Engine(), Version: s.Version, CipherSuite: s.CipherSuite, Resumed: s.DidResume, Peer: peer,
	}}, nil
}

// config is the one place where crypto/tls's own verification is switched
// off: it cannot take a common name, and VerifyConnection, which runs on
// resumed sessions too (VerifyPeerCertificate does not), calls Trust.Verify
// in its place.
func (d *goDialer) config(ctx context.Context, cert *tls.Certificate, addr, host string, offer []uint16, peer *Peer) *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		MaxVersion:         tls.VersionTLS12,
		CipherSuites:       offer,
		ServerName:         host,
		InsecureSkipVerify: true,
		VerifyConnection: func(s tls.ConnectionState) error {
			verified, err := d.policy.Trust.Verify(ctx, host, s.PeerCertificates, s.OCSPResponse)
			*peer = verified
			return err
		},
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return cert, nil },
		Renegotiation:        tls.RenegotiateNever,
		ClientSessionCache:   sessionScope{d.sessions, addr + fmt.Sprintf(" %x", sha256.Sum256(cert.Certificate[0]))},
		Time:                 d.policy.Now,
	}
}

// sessionScope keeps sessions apart by address and own certificate:
// crypto/tls keys them by server name alone.
type sessionScope struct {
	cache tls.ClientSessionCache
	scope string
}

func (s sessionScope) Get(key string) (*tls.ClientSessionState, bool) {
	return s.cache.Get(s.scope + " " + key)
}

func (s sessionScope) Put(key string, cs *tls.ClientSessionState) {
	s.cache.Put(s.scope+" "+key, cs)
}

// handshakeError says what a failed handshake means.
func (d *goDialer) handshakeError(host string, wire *records, err error) error {
	if ve, ok := errors.AsType[*VerifyError](err); ok {
		return ve
	}
	he := &HandshakeError{Host: host, Engine: d.Engine(), Alert: uint8(wire.alert.Load()), Err: err}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		he.Err = ErrNotTLS
		return he
	}
	switch a := he.Alert; {
	case a == alertHandshakeFailure || a == alertInsufficient:
		he.Err = fmt.Errorf("%w: the Go engine has suites 1, 2 and 8 of the eight, the OpenSSL engine has all", ErrNoSuite)
	case a == alertProtocolVersion:
		he.Err = ErrNoVersion
	case a >= alertBadCertificate && a <= 46 || a == alertUnknownCA || a == alertAccessDenied:
		he.Err = ErrRefused
	case strings.Contains(err.Error(), "unsupported protocol version"): // crypto/tls has no type for it
		he.Err = ErrNoVersion
	case strings.Contains(err.Error(), "unconfigured cipher suite"):
		he.Err = ErrNoSuite
	}
	return he
}

// goConn tells a close_notify from a bare FIN.
type goConn struct {
	*tls.Conn
	wire  *records
	state ConnState
}

func (c *goConn) ConnState() ConnState { return c.state }

func (c *goConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err == io.EOF && !c.wire.closed(c.state.Version) {
		err = fmt.Errorf("%w: %w", ErrTruncated, io.ErrUnexpectedEOF)
	}
	return n, err
}

// Close sends a close_notify, for at most a second: a peer that does not read
// must not hold the caller.
func (c *goConn) Close() error {
	_ = c.SetWriteDeadline(time.Now().Add(time.Second))
	return c.Conn.Close()
}
