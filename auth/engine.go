package auth

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/url"
	"time"
)

// Suite is a cipher suite of the governing document.
type Suite struct {
	ID      uint16
	IANA    string
	OpenSSL string
	// Go says that crypto/tls has it.
	Go bool
}

// suites is the list that MUST be supported, most preferred first (NRL
// security guidance). NRL 2.8: only these.
var suites = []Suite{
	{tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "ECDHE-RSA-AES256-GCM-SHA384", true},
	{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "ECDHE-RSA-AES128-GCM-SHA256", true},
	{0x009F, "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384", "DHE-RSA-AES256-GCM-SHA384", false},
	{0x009E, "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256", "DHE-RSA-AES128-GCM-SHA256", false},
	{0xC028, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384", "ECDHE-RSA-AES256-SHA384", false},
	{0x006B, "TLS_DHE_RSA_WITH_AES_256_CBC_SHA256", "DHE-RSA-AES256-SHA256", false},
	{0x0039, "TLS_DHE_RSA_WITH_AES_256_CBC_SHA", "DHE-RSA-AES256-SHA", false},
	{tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", "ECDHE-RSA-AES256-SHA", true},
}

// Suites are the eight cipher suites, most preferred first.
func Suites() []Suite { return append([]Suite(nil), suites...) }

// SuiteName is the IANA name of a suite; of one that neither the list nor
// crypto/tls knows, a hexadecimal number.
func SuiteName(id uint16) string {
	for _, s := range suites {
		if s.ID == id {
			return s.IANA
		}
	}
	return tls.CipherSuiteName(id)
}

// Errors of a connection that was not made. What a server's certificate broke
// is a [*VerifyError] instead.
var (
	// ErrRefused: the server refused our certificate, by a TLS alert; by
	// handshake_failure too, once a cipher suite was agreed.
	ErrRefused = errors.New("the server refused our certificate")
	// ErrNoSuite: no common cipher suite, or another reason for the alert
	// handshake_failure, which servers give for several.
	ErrNoSuite = errors.New("no common cipher suite")
	// ErrNoVersion: the server does not speak TLS 1.2.
	ErrNoVersion = errors.New("the server does not speak TLS 1.2")
	// ErrNotTLS: the answer is not TLS, plain HTTP for example.
	ErrNotTLS = errors.New("the server does not speak TLS on this port")
	// ErrTruncated: the connection ended without a close_notify, so the answer
	// may have been cut. Returned by Read in place of io.EOF; the error also
	// wraps io.ErrUnexpectedEOF.
	ErrTruncated = errors.New("the connection ended without a TLS close_notify")
	// ErrProxy: the configured HTTP proxy did not open a tunnel.
	ErrProxy = errors.New("the HTTP proxy refused the tunnel")
	// ErrClosed: the dialer was closed.
	ErrClosed = errors.New("the dialer is closed")
)

// TLSPolicy is all that a TLS engine needs.
type TLSPolicy struct {
	// Credentials are ours, asked at each handshake. Required.
	Credentials *Credentials
	// Trust verifies the server. Required.
	Trust *Trust
	// DialTimeout bounds name resolution and TCP connection, proxy included;
	// 0 means 5 s.
	DialTimeout time.Duration
	// HandshakeTimeout bounds the TLS handshake, revocation included; 0 means 10 s.
	HandshakeTimeout time.Duration
	// RecheckInterval is how often the servers of open connections are judged
	// again; those that do not pass any more are closed ([ErrWithdrawn]). 0
	// means a minute.
	RecheckInterval time.Duration
	// Proxy is an HTTP proxy (http://host:port, userinfo allowed) that tunnels
	// to the server; nil for none. The environment is never asked.
	Proxy *url.URL
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Check reports every fault of the policy at once.
func (p TLSPolicy) Check() error {
	var faults []error
	if p.Credentials == nil || p.Credentials.pair() == nil {
		faults = append(faults, errors.New("auth: TLSPolicy.Credentials is missing"))
	}
	if p.Trust == nil {
		faults = append(faults, errors.New("auth: TLSPolicy.Trust is missing"))
	} else if err := p.Trust.Usable(); err != nil {
		faults = append(faults, err)
	}
	if u := p.Proxy; u != nil && (u.Scheme != "http" || u.Hostname() == "" || u.Opaque != "" || u.Path != "" && u.Path != "/" || u.RawQuery != "") {
		faults = append(faults, errors.New("auth: TLSPolicy.Proxy is not of the form http://host:port"))
	}
	if p.DialTimeout < 0 || p.HandshakeTimeout < 0 || p.RecheckInterval < 0 {
		faults = append(faults, errors.New("auth: a time of TLSPolicy is negative"))
	}
	return errors.Join(faults...)
}

// withDefaults fills what zero stands for.
func (p TLSPolicy) withDefaults() TLSPolicy {
	if p.DialTimeout == 0 {
		p.DialTimeout = 5 * time.Second
	}
	if p.HandshakeTimeout == 0 {
		p.HandshakeTimeout = 10 * time.Second
	}
	if p.RecheckInterval == 0 {
		p.RecheckInterval = time.Minute
	}
	if p.Now == nil {
		p.Now = time.Now
	}
	return p
}

// Dialer makes verified connections, for http.Transport.DialTLSContext. Safe
// for concurrent use. Its timeouts are its own: net/http detaches the context
// of a dial from the request, so nothing of a requester may be read from it.
type Dialer interface {
	// DialTLSContext connects to addr (host:port) and verifies the server. The
	// connection is a [Conn].
	DialTLSContext(ctx context.Context, network, addr string) (net.Conn, error)
	// Engine is "go" or "openssl".
	Engine() string
	// Close ends dials under way and refuses new ones. Connections live on, and
	// are not judged again.
	Close() error
}

// Conn is a verified connection. Its Read gives an error wrapping
// [ErrTruncated] where the peer closed without a close_notify, and Read and
// Write one wrapping [ErrWithdrawn] once the peer does not pass any more.
type Conn interface {
	net.Conn
	// ConnState says how it is secured.
	ConnState() ConnState
}

// ConnState says how a connection is secured.
type ConnState struct {
	// Engine is the TLS engine that made it, "go" or "openssl".
	Engine string
	// Version and CipherSuite are the TLS code points.
	Version, CipherSuite uint16
	// Resumed says that the session was resumed; the peer was verified again.
	Resumed bool
	// Peer is the verified server.
	Peer Peer
}

// HandshakeError is a connection that was not made for another reason than
// the server's certificate. It wraps a sentinel of this package or the cause.
type HandshakeError struct {
	Host   string
	Engine string
	// Alert is the TLS alert that the server sent, 0 when it sent none.
	Alert uint8
	Err   error
}

// Error is one line; it names the host and nothing of a request.
func (e *HandshakeError) Error() string {
	s := "auth: TLS handshake with " + e.Host + ": " + e.Err.Error()
	if e.Alert != 0 {
		s += " (alert " + tls.AlertError(e.Alert).Error() + ")"
	}
	return s
}

// Unwrap is the cause.
func (e *HandshakeError) Unwrap() error { return e.Err }
