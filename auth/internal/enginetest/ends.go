package enginetest

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/url"
	"testing"
	"time"
)

// server is a TLS server behind an HTTP proxy, so that it can have any name.
type server struct {
	proxy *url.URL
	ends  chan error
}

// serve starts a server for one connection: it answers "ping" with "pong".
func serve(t *testing.T, config *tls.Config) *server {
	t.Helper()
	s := &server{ends: make(chan error, 1)}
	s.proxy = listen(t, func(raw net.Conn) { s.ends <- answer(tls.Server(raw, config)) })
	return s
}

// listen takes one connection as an HTTP proxy and hands it to talk, as if it
// were tunnelled.
func listen(tb testing.TB, talk func(net.Conn)) *url.URL {
	tb.Helper()
	l := must[net.Listener](tb)((&net.ListenConfig{}).Listen(tb.Context(), "tcp", "127.0.0.1:0"))
	tb.Cleanup(func() { _ = l.Close() })
	go func() {
		raw, err := l.Accept()
		if err != nil {
			return
		}
		defer func() { _ = raw.Close() }()
		_ = raw.SetDeadline(time.Now().Add(limit))
		if _, err := http.ReadRequest(bufio.NewReader(raw)); err != nil {
			tb.Errorf("the proxy got no request: %v", err)
			return
		}
		_, _ = io.WriteString(raw, "HTTP/1.1 200 OK\r\n\r\n")
		talk(raw)
	}()
	return &url.URL{Scheme: "http", Host: l.Addr().String()}
}

func answer(conn *tls.Conn) error {
	if err := conn.HandshakeContext(context.Background()); err != nil {
		return err
	}
	if _, err := io.ReadFull(conn, make([]byte, 4)); err != nil {
		return err
	}
	if _, err := io.WriteString(conn, "pong"); err != nil {
		return err
	}
	return conn.Close()
}

// after is when the limit has passed.
func after() <-chan time.Time { return time.After(limit) }

// of is how the server saw it.
func (s *server) of(t *testing.T) error {
	t.Helper()
	select {
	case err := <-s.ends:
		return err
	case <-after():
		t.Fatal("the server saw no end of a connection")
		return nil
	}
}

// talk asks the server and closes the connection.
func talk(conn net.Conn) error {
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(limit))
	if _, err := io.WriteString(conn, "ping"); err != nil {
		return err
	}
	_, err := io.ReadAll(conn)
	return err
}

// plainly is the chain shown by crypto/tls, which sends anything.
func plainly(t *testing.T, m *maker, proxy, host string) error {
	t.Helper()
	raw := must[net.Conn](t)((&net.Dialer{}).DialContext(t.Context(), "tcp", proxy))
	defer func() { _ = raw.Close() }()
	_ = raw.SetDeadline(time.Now().Add(limit))
	_, _ = io.WriteString(raw, "CONNECT "+host+":443 HTTP/1.1\r\nHost: "+host+":443\r\n\r\n")
	in := bufio.NewReader(raw)
	response, err := http.ReadResponse(in, &http.Request{Method: http.MethodConnect})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	config := &tls.Config{
		MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12, RootCAs: m.pki.Root.Pool(), ServerName: host,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &m.shown, nil },
	}
	conn := tls.Client(raw, config)
	if err := conn.HandshakeContext(t.Context()); err != nil {
		return err
	}
	return talk(conn)
}
