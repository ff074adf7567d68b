package mocks

import (
	"bytes"
	"context"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
)

// suites are those of the governing document that crypto/tls has (security page).
var suites = []uint16{
	tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA,
}

// permitted are all that a client may offer (security page), with the
// renegotiation SCSV, which is no suite.
var permitted = []uint16{0xC030, 0xC02F, 0x009F, 0x009E, 0xC028, 0x006B, 0x0039, 0xC014, 0x00FF}

// tlsConfigs are those of the Spine listeners and of the public pages.
func (s *Spine) tlsConfigs() (spine, public *tls.Config, err error) {
	server := s.options.server
	if server == nil {
		leaf, err := s.pki.Server(hosts...)
		if err != nil {
			return nil, nil, err
		}
		server, s.server = new(leaf.TLS()), leaf.Cert
	}
	leaf, err := s.public.Server(hosts...)
	if err != nil {
		return nil, nil, err
	}
	authorities := s.pki.Root.Pool()
	authorities.AddCert(s.pki.Sub.Cert)
	spine = &tls.Config{
		MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12, CipherSuites: suites, Time: s.options.now,
		Certificates: []tls.Certificate{*server},
		// The pool is for the CertificateRequest only: crypto/tls would make
		// the sub CA an anchor, so VerifyConnection judges instead, which
		// also runs on resumed sessions.
		ClientAuth: tls.RequireAnyClientCert, ClientCAs: authorities,
		VerifyConnection: s.verifyClient,
	}
	if s.options.certStatus {
		spine.ClientAuth, spine.VerifyConnection = tls.RequestClientCert, nil
	}
	public = &tls.Config{
		MinVersion: tls.VersionTLS12, Time: s.options.now, Certificates: []tls.Certificate{leaf.TLS()},
		ClientAuth: tls.RequestClientCert, // to notice one that is presented
	}
	for _, edit := range s.options.spineTLS {
		edit(spine)
	}
	for _, edit := range s.options.publicTLS {
		edit(public)
	}
	for _, config := range []*tls.Config{spine, public} {
		noteHellos(config)
	}
	return spine, public, nil
}

// noteHellos keeps what ClientHellos offer, and presents the certificate of a
// fault. A GetConfigForClient that an option has set acts otherwise.
func noteHellos(config *tls.Config) {
	theirs, base := config.GetConfigForClient, config.Clone()
	config.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		c, ok := hello.Conn.(*tcp)
		if ok {
			c.suites, c.versions = hello.CipherSuites, hello.SupportedVersions
		}
		switch {
		case ok && c.present != nil:
			other := base.Clone()
			other.Certificates, other.GetCertificate, other.SessionTicketsDisabled = []tls.Certificate{*c.present}, nil, true
			return other, nil
		case theirs != nil:
			return theirs(hello)
		}
		return nil, nil // no other configuration
	}
}

var (
	errNoClientCert = errors.New("no client certificate")
	errRevoked      = errors.New("the client certificate is revoked")
	errClientCA     = errors.New("the client certificate is that of a CA")
	errClientKey    = errors.New("the client certificate's key is too short")
)

// verifyClient accepts only a client certificate with the Spine chain, not
// expired and not revoked (security page, rule 3).
func (s *Spine) verifyClient(state tls.ConnectionState) error {
	if len(state.PeerCertificates) == 0 {
		return errNoClientCert
	}
	roots, intermediates := s.pki.Pools()
	for _, c := range state.PeerCertificates[1:] {
		intermediates.AddCert(c)
	}
	leaf := state.PeerCertificates[0]
	switch k, isRSA := leaf.PublicKey.(*rsa.PublicKey); {
	case leaf.IsCA:
		return errClientCA
	case isRSA && k.N.BitLen() < 2048:
		return errClientKey
	}
	_, err := leaf.Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: intermediates, CurrentTime: s.options.now(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		return err
	}
	if s.isRevoked(leaf) || s.isRevoked(s.pki.Sub.Cert) && slices.Equal(leaf.RawIssuer, s.pki.Sub.Cert.RawSubject) {
		return errRevoked
	}
	return nil
}

// listener makes a [conn] of every connection.
type listener struct {
	net.Listener
	config  *tls.Config // nil: no TLS
	spine   *Spine
	service Service
}

func (l *listener) Accept() (net.Conn, error) {
	accepted, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &conn{tcp: &tcp{Conn: accepted}, spine: l.spine, service: l.service}
	c.Conn = c.tcp
	if l.config != nil {
		c.tls = tls.Server(c.tcp, l.config)
		c.Conn = c.tls
	}
	return c, nil
}

// tcp is the connection below TLS; it carries what the ClientHello offered and
// what a fault presents.
type tcp struct {
	net.Conn
	peeked           []byte
	suites, versions []uint16
	present          *tls.Certificate
	bait             duty // broken by a client that accepts what is presented
}

// Read gives what was peeked at first.
func (c *tcp) Read(p []byte) (int, error) {
	if len(c.peeked) > 0 {
		n := copy(p, c.peeked)
		c.peeked = c.peeked[n:]
		return n, nil
	}
	return c.Conn.Read(p)
}

// peek reads the first TLS record, or the first byte of what is none, and
// keeps it for Read. A fault of the handshake must leave nothing unread: the
// kernel would send a reset and drop what was answered.
func (c *tcp) peek() error {
	var head [5]byte
	for got, want := 0, 1; got < want; {
		n, err := io.ReadAtLeast(c.Conn, head[got:], want-got)
		c.peeked = append(c.peeked, head[got:got+n]...)
		if err != nil {
			return err
		}
		if got += n; head[0] == recordHandshake {
			want = len(head)
		}
	}
	if head[0] != recordHandshake {
		return nil
	}
	body := make([]byte, int(head[3])<<8+int(head[4]))
	n, err := io.ReadFull(c.Conn, body)
	c.peeked = append(c.peeked, body[:n]...)
	return err
}

const recordHandshake = 22

type connKey struct{}

// conn keeps the heads of requests as they were sent: net/http changes the
// spelling of header names. It is no *tls.Conn, so net/http neither shakes
// hands nor offers HTTP/2: the first Read shakes hands.
type conn struct {
	net.Conn
	tcp     *tcp
	tls     *tls.Conn // nil: no TLS
	spine   *Spine
	service Service
	shake   sync.Once
	err     error // of the handshake

	mu   sync.Mutex
	read []byte // not yet claimed by a request
}

const maxKept = 4 << 20

func (c *conn) Read(p []byte) (int, error) {
	if c.tls != nil {
		c.shake.Do(c.handshake)
		if c.err != nil {
			return 0, c.err
		}
	}
	n, err := c.Conn.Read(p)
	c.mu.Lock()
	if len(c.read)+n <= maxKept {
		c.read = append(c.read, p[:n]...)
	}
	c.mu.Unlock()
	return n, err
}

// Write refuses what net/http says of a failed handshake: it would shake hands
// after all.
func (c *conn) Write(p []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	return c.Conn.Write(p)
}

func (c *conn) handshake() {
	if c.err = c.tcp.peek(); c.err == nil && c.tcp.peeked[0] == recordHandshake {
		if f := c.spine.handshakeFault(c.service); f != nil {
			c.err = f.shake(c)
		}
	}
	if c.err == nil {
		c.err = c.tls.HandshakeContext(context.Background()) // Close ends it
	}
	c.spine.shaken(c)
	if c.err == nil {
		return
	}
	c.spine.log.add("http: TLS handshake error from " + c.RemoteAddr().String() + ": " + c.err.Error())
	if header, ok := errors.AsType[tls.RecordHeaderError](c.err); ok && header.Conn != nil && bytes.HasPrefix(header.RecordHeader[:], []byte("GET ")) {
		_, _ = header.Conn.Write([]byte("HTTP/1.1 497 HTTP Request Sent to HTTPS Port\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"))
	}
}

// CloseWrite lets net/http end an answer without a reset.
func (c *conn) CloseWrite() error {
	if c.tls != nil {
		return c.tls.CloseWrite()
	}
	return c.tcp.closeWrite()
}

func (c *tcp) closeWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// state is that of the TLS connection, zero without TLS.
func (c *conn) state() tls.ConnectionState {
	if c.tls == nil {
		return tls.ConnectionState{}
	}
	return c.tls.ConnectionState()
}

// head claims the fields of the request that starts with this line.
func (c *conn) head(method, target string) []Field {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, rest, found := bytes.Cut(c.read, []byte(method+" "+target+" "))
	text, rest, whole := bytes.Cut(rest, []byte("\r\n\r\n"))
	if !found || !whole {
		c.read = nil
		return nil
	}
	c.read = rest
	var fields []Field
	for line := range strings.SplitSeq(string(text), "\r\n") {
		if name, value, ok := strings.Cut(line, ":"); ok {
			fields = append(fields, Field{name, strings.TrimSpace(value)})
		}
	}
	return fields
}

// serverLog is a slog.Handler that keeps messages in memory.
type serverLog struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *serverLog) add(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.WriteString(strings.TrimSuffix(line, "\n") + "\n")
}

func (l *serverLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// Enabled takes every level.
func (*serverLog) Enabled(context.Context, slog.Level) bool { return true }

// Handle keeps the message.
func (l *serverLog) Handle(_ context.Context, r slog.Record) error {
	l.add(r.Message)
	return nil
}

// WithAttrs drops the attributes: net/http sets none.
func (l *serverLog) WithAttrs([]slog.Attr) slog.Handler { return l }

// WithGroup drops the group.
func (l *serverLog) WithGroup(string) slog.Handler { return l }
