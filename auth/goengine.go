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
)

// goOffers are the suites of the list that crypto/tls has, in two offers: it
// ignores the order of Config.CipherSuites and would put AES-128 before
// AES-256, so the first suite is offered alone and the others only after a
// handshake_failure.
var goOffers = [][]uint16{
	{tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384},
	{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA},
}

// NewGoEngine makes a Dialer on crypto/tls. It has three of the eight suites
// (numbers 1, 2 and 8) and offers them in the documented order; a server that
// has none of them is an error wrapping [ErrNoSuite]. TLS 1.2 exactly, no
// renegotiation. The second offer is a new connection with times of its own,
// and whoever can forge an alert on the way can bring it about: then AES-128
// may be agreed where the server has AES-256, but nothing outside the list.
//
// The error of NewGoEngine is that of [TLSPolicy.Check].
func NewGoEngine(p TLSPolicy) (Dialer, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	d := &goDialer{policy: p.withDefaults(), sessions: tls.NewLRUClientSessionCache(64), live: NewLive(p)}
	d.life, d.end = context.WithCancel(context.Background())
	return d, nil
}

type goDialer struct {
	policy   TLSPolicy
	sessions tls.ClientSessionCache
	live     *Live
	life     context.Context // ends with Close
	end      context.CancelFunc
}

func (d *goDialer) Engine() string { return "go" }

func (d *goDialer) Close() error {
	d.end()
	d.live.Close()
	return nil
}

// DialTLSContext connects, offering the suites in order.
func (d *goDialer) DialTLSContext(ctx context.Context, network, addr string) (net.Conn, error) {
	host, err := splitAddress(addr)
	if err != nil {
		return nil, &HandshakeError{Host: "server", Engine: d.Engine(), Err: err}
	}
	closed := &HandshakeError{Host: host, Engine: d.Engine(), Err: ErrClosed}
	if d.life.Err() != nil { // AfterFunc would say so too late
		return nil, closed
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(d.life, cancel)() //nolint:contextcheck // Close ends a dial whatever its own context says
	for i, offer := range goOffers {
		conn, err := d.dial(ctx, network, addr, host, offer)
		if err == nil {
			return conn, nil
		}
		if d.life.Err() != nil {
			return nil, closed
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
	raw, err := d.policy.Connect(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	hctx, cancel := context.WithTimeout(ctx, d.policy.HandshakeTimeout)
	defer cancel()
	wire := &records{Conn: raw}
	var v verdict
	conn := tls.Client(wire, d.config(hctx, cert, addr, host, offer, &v))
	if err := conn.HandshakeContext(hctx); err != nil {
		_ = raw.Close()
		if v.err != nil { // what was decided in time stands, also when it took all the time there was
			return nil, v.err
		}
		return nil, d.handshakeError(host, wire, err)
	}
	s := conn.ConnectionState()
	return d.live.Guard(&goConn{Conn: conn, wire: wire, state: ConnState{
		Engine: d.Engine(), Version: s.Version, CipherSuite: s.CipherSuite, Resumed: s.DidResume, Peer: v.peer,
	}}), nil
}

// verdict is what Trust.Verify said in a handshake.
type verdict struct {
	peer Peer
	err  error
}

// config is the one place where crypto/tls's own verification is switched
// off: it cannot take a common name, and VerifyConnection, which runs on
// resumed sessions too (VerifyPeerCertificate does not), calls Trust.Verify
// in its place.
func (d *goDialer) config(ctx context.Context, cert *tls.Certificate, addr, host string, offer []uint16, v *verdict) *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		MaxVersion:         tls.VersionTLS12,
		CipherSuites:       offer,
		ServerName:         host,
		InsecureSkipVerify: true,
		VerifyConnection: func(s tls.ConnectionState) error {
			v.peer, v.err = d.policy.Trust.Verify(ctx, host, s.PeerCertificates, s.OCSPResponse)
			return v.err
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
	if ve := unreadable(host, err); ve != nil {
		return ve
	}
	he := &HandshakeError{Host: host, Engine: d.Engine(), Alert: wire.alert, Err: err}
	switch meaning := AlertError(he.Alert); {
	case errors.Is(meaning, ErrNoSuite) && wire.answered: // a suite was agreed: what came since is our certificate
		he.Err = ErrRefused
	case errors.Is(meaning, ErrNoSuite):
		he.Err = fmt.Errorf("%w: the Go engine has suites 1, 2 and 8 of the eight, the OpenSSL engine has all", ErrNoSuite)
	case meaning != nil:
		he.Err = meaning
	case strings.Contains(err.Error(), "unconfigured cipher suite"):
		he.Err = ErrNoSuite
	default:
		he.Err = notSpoken(err)
	}
	return he
}

// notSpoken is the sentinel for a server that speaks no TLS or another
// version, else err. crypto/tls has no type for the version.
func notSpoken(err error) error {
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return ErrNotTLS
	}
	if strings.Contains(err.Error(), "unsupported protocol version") {
		return ErrNoVersion
	}
	return err
}

// unreadable is the error for certificates that crypto/tls refuses before it
// asks for a verdict, nil for another error. Its texts, for which it has no
// types, may quote the certificate.
func unreadable(host string, err error) error {
	switch text := err.Error(); {
	case strings.Contains(text, "failed to parse certificate"):
		return &VerifyError{Stage: StageChain, Host: host, Reason: "a certificate is malformed"}
	case strings.Contains(text, "RSA key larger than"):
		return &VerifyError{Stage: StageKey, Host: host, Reason: fmt.Sprintf("an RSA key of more than %d bits", maxRSABits)}
	case strings.Contains(text, "unsupported type of public key"):
		return &VerifyError{Stage: StageKey, Host: host, Reason: "a key that is not RSA"}
	}
	return nil
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
	if c.wire.truncated() && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)) {
		err = fmt.Errorf("%w: %w", ErrTruncated, io.ErrUnexpectedEOF)
	}
	return n, err
}

// Close sends a close_notify, for at most a second.
func (c *goConn) Close() error {
	c.wire.closing.Store(true)
	return c.Conn.Close()
}
