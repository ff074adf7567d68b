package auth_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nrlgo/nrlgo/auth"
)

func link(tb testing.TB, s string) *url.URL {
	tb.Helper()
	return must[*url.URL](tb)(url.Parse(s))
}

// through is a dialer over the proxy at addr.
func (k *kit) through(tb testing.TB, addr string, timeout time.Duration) auth.Dialer {
	tb.Helper()
	d := must[auth.Dialer](tb)(auth.NewGoEngine(auth.TLSPolicy{
		Credentials: k.creds, Trust: k.off(), DialTimeout: timeout, Proxy: link(tb, "http://user:pass%20word@"+addr),
	}))
	tb.Cleanup(func() { _ = d.Close() })
	return d
}

// asked is the head of a request, as sent.
func asked(c net.Conn) (string, *bufio.Reader) {
	br := bufio.NewReader(c)
	var head strings.Builder
	for {
		line, err := br.ReadString('\n')
		head.WriteString(line)
		if err != nil || line == "\r\n" {
			return head.String(), br
		}
	}
}

func TestProxyTunnels(t *testing.T) {
	t.Parallel()
	k := assets(t)
	p := serve(t, k.serverConfig(t))
	_, port, _ := net.SplitHostPort(p.addr)
	for name, answer := range map[string]string{
		"plain answer":                      "HTTP/1.1 200 Connection established\r\n\r\n",
		"HTTP/1.0":                          "HTTP/1.0 200 OK\r\nVia: x\r\n\r\n",
		"a length, which means nothing":     "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
		"an encoding, which means nothing":  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
		"a connection that is not kept":     "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
		"headers as long as proxies send":   "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 8000) + "\r\n\r\n",
		"an empty body that is declared so": "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			heads := make(chan string, 1)
			addr := script(t, func(c net.Conn) {
				head, br := asked(c)
				heads <- head
				target, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", "127.0.0.1:"+port)
				if err != nil {
					return
				}
				defer func() { _ = target.Close() }()
				_, _ = io.WriteString(c, answer)
				go func() { _, _ = io.Copy(target, br) }()
				_, _ = io.Copy(c, target)
			})
			conn, err := k.through(t, addr, 0).DialTLSContext(t.Context(), "tcp", "localhost:"+port)
			if err != nil {
				t.Fatal(err)
			}
			if s := conn.(auth.Conn).ConnState(); s.CipherSuite != tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 || s.Peer.Host != "localhost" {
				t.Errorf("state %+v", s)
			}
			_ = conn.Close()
			want := "CONNECT localhost:" + port + " HTTP/1.1\r\nHost: localhost:" + port + "\r\nProxy-Authorization: Basic dXNlcjpwYXNzIHdvcmQ=\r\n\r\n"
			if diff := cmp.Diff(want, <-heads); diff != "" {
				t.Errorf("the request (-want +got):\n%s", diff)
			}
		})
	}
}

// TestProxyRefuses: the error says that it was the proxy and nothing that the
// proxy or the user's configuration said; the connection is closed.
func TestProxyRefuses(t *testing.T) {
	t.Parallel()
	k := assets(t)
	for _, tt := range []struct {
		name, answer, want string
	}{
		{"wrong password", "HTTP/1.1 407 secret reason\r\nContent-Length: 5000\r\n\r\nsecret", "status 407"},
		{"no such host", "HTTP/1.1 502 secret\r\n\r\nsecret", "status 502"},
		{"redirect", "HTTP/1.1 302 secret\r\nLocation: http://secret/\r\n\r\n", "status 302"},
		{"an answer before the answer", "HTTP/1.1 100 Continue\r\n\r\n", "status 100"},
		{"garbage", "secret secret\r\n\r\n", "no HTTP or was cut"},
		{"TLS", "\x15\x03\x03\x00\x02\x02\x28", "no HTTP or was cut"},
		{"nothing", "", "no HTTP or was cut"},
		{"a head without end", "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("secret", 4000), "no HTTP or was cut"},
		{"data before ours", "HTTP/1.1 200 OK\r\n\r\nsecret", "before the tunnel was used"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			closed := make(chan bool, 1)
			addr := script(t, func(c net.Conn) {
				_, br := asked(c)
				_, _ = io.WriteString(c, tt.answer)
				_ = c.(*net.TCPConn).CloseWrite()
				gone(t, br)
				closed <- true
			})
			_, err := k.through(t, addr, 0).DialTLSContext(t.Context(), "tcp", "localhost:1")
			if !errors.Is(err, auth.ErrProxy) || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %v, want ErrProxy and %q", err, tt.want)
			}
			for _, secret := range []string{"secret", "user", "pass", "dXNlcj"} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("the error holds %q: %v", secret, err)
				}
			}
			<-closed
		})
	}
}

func TestProxyIsBoundedInTime(t *testing.T) {
	t.Parallel()
	k := assets(t)
	begun := make(chan bool, 1)
	silent := func(c net.Conn) { // never answers
		asked(c)
		_, _ = io.Copy(io.Discard, c)
	}
	t.Run("by DialTimeout", func(t *testing.T) {
		t.Parallel()
		_, err := k.through(t, script(t, silent), 50*time.Millisecond).DialTLSContext(context.Background(), "tcp", "localhost:1")
		if ne, ok := errors.AsType[net.Error](err); !ok || !ne.Timeout() || strings.Contains(err.Error(), "user") {
			t.Errorf("got %v, want a timeout", err)
		}
	})
	t.Run("by Close", func(t *testing.T) {
		t.Parallel()
		d := k.through(t, script(t, func(c net.Conn) { begun <- true; silent(c) }), time.Minute)
		go func() { <-begun; _ = d.Close() }()
		if _, err := d.DialTLSContext(context.Background(), "tcp", "localhost:1"); !errors.Is(err, auth.ErrClosed) {
			t.Errorf("got %v, want ErrClosed", err)
		}
	})
}

func TestProxyThatIsNotThere(t *testing.T) {
	t.Parallel()
	k := assets(t)
	l := listen(t)
	_ = l.Close()
	_, err := k.through(t, l.Addr().String(), 0).DialTLSContext(t.Context(), "tcp", "localhost:1")
	if op, ok := errors.AsType[*net.OpError](err); !ok || op.Op != "dial" || strings.Contains(err.Error(), "pass") {
		t.Errorf("got %v, want an error of dialling without the password", err)
	}
}
