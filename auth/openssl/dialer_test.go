//go:build cgo && linux

package openssl_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nrlgo/nrlgo/auth"
	"github.com/nrlgo/nrlgo/auth/openssl"
)

// record is a TLS record in the clear.
func record(kind byte, body ...byte) []byte {
	return append([]byte{kind, 3, 3, byte(len(body) >> 8), byte(len(body))}, body...)
}

// serverHello is one of that version and suite, without extensions but
// renegotiation_info.
func serverHello(minor byte, suite uint16) []byte {
	body := append([]byte{3, minor}, make([]byte, 32+1)...) // random, no session id
	body = append(body, byte(suite>>8), byte(suite), 0, 0, 5, 0xff, 1, 0, 1, 0)
	b := record(22, append([]byte{2, 0, 0, byte(len(body))}, body...)...)
	b[2] = minor
	return b
}

// TestHandshakeErrors: what a server's first bytes come to.
func TestHandshakeErrors(t *testing.T) {
	t.Parallel()
	k := assets(t)
	d := engine(t, k.policy)
	agreed := serverHello(3, 0xC030)
	for _, tt := range []struct {
		name   string
		answer []byte
		want   error
		alert  uint8
	}{
		{"plain HTTP", []byte("HTTP/1.1 400 Bad Request\r\n\r\n"), auth.ErrNotTLS, 0},
		{"a byte that begins no record", []byte{0x80}, io.ErrUnexpectedEOF, 0},
		{"SSH", []byte("SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"), auth.ErrNotTLS, 0},
		{"handshake_failure", record(21, 2, 40), auth.ErrNoSuite, 40},
		{"handshake_failure once a suite was agreed", slices.Concat(agreed, record(21, 2, 40)), auth.ErrRefused, 40},
		{"insufficient_security", record(21, 2, 71), auth.ErrNoSuite, 71},
		{"protocol_version", record(21, 2, 70), auth.ErrNoVersion, 70},
		{"unknown_ca", slices.Concat(agreed, record(21, 2, 48)), auth.ErrRefused, 48},
		{"internal_error", record(21, 2, 80), tls.AlertError(80), 80},
		{"a ServerHello of TLS 1.1", serverHello(2, 0xC014), auth.ErrNoVersion, 0},
		{"a suite of TLS 1.3", serverHello(3, 0x1301), auth.ErrNoSuite, 0},
		{"a suite outside the list", serverHello(3, 0x009D), auth.ErrNoSuite, 0},
		{"nothing", nil, io.ErrUnexpectedEOF, 0},
		{"half a ServerHello", agreed[:20], io.ErrUnexpectedEOF, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			addr := listen(t, func(raw net.Conn) {
				_, _ = raw.Read(make([]byte, 4096))
				_, _ = raw.Write(tt.answer)
				_ = raw.(*net.TCPConn).CloseWrite()
				_, _ = io.Copy(io.Discard, raw)
				_ = raw.Close()
			})
			_, err := d.DialTLSContext(t.Context(), "tcp", addr)
			he, ok := errors.AsType[*auth.HandshakeError](err)
			if !ok || !errors.Is(err, tt.want) || he.Alert != tt.alert || he.Engine != "openssl" || he.Host != "localhost" {
				t.Errorf("got %v, want a HandshakeError of alert %d wrapping %v", err, tt.alert, tt.want)
			}
			if strings.Contains(err.Error(), "Bad Request") || strings.Contains(err.Error(), "OpenSSH") {
				t.Errorf("the error quotes the server: %v", err)
			}
		})
	}
}

// TestUnreadableCertificate: OpenSSL reads what crypto/x509 does not, a
// negative serial number for one. It is refused.
func TestUnreadableCertificate(t *testing.T) {
	t.Parallel()
	k := assets(t)
	config := k.config(t)
	leaf := k.server(t, func(c *x509.Certificate) { c.SerialNumber = big.NewInt(0x7f0203040506) })
	der := append([]byte(nil), leaf.Certificate[0]...)
	at := strings.Index(string(der), string(leaf.Leaf.SerialNumber.Bytes()))
	der[at] |= 0x80
	leaf.Certificate, leaf.Leaf = [][]byte{der}, nil
	config.Certificates = []tls.Certificate{leaf}
	_, err := engine(t, k.policy).DialTLSContext(t.Context(), "tcp", echo(t, config))
	if ve, ok := errors.AsType[*auth.VerifyError](err); !ok || ve.Stage != auth.StageChain || !strings.Contains(err.Error(), "malformed") {
		t.Errorf("got %v, want a VerifyError of stage chain", err)
	}
}

// ended is the error of a dial, which must not wait for the server.
func ended(ctx context.Context, t *testing.T, d auth.Dialer, addr string) error {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		_, err := d.DialTLSContext(ctx, "tcp", addr)
		done <- err
	}()
	select {
	case err := <-done:
		return err
	case <-time.After(limit):
		t.Fatal("the dial goes on")
		return nil
	}
}

// TestDialsEnd in time, by their context, by Close, and by the handshake's
// own limit; a server that says nothing more does not hold them.
func TestDialsEnd(t *testing.T) {
	t.Parallel()
	k := assets(t)
	arrived := make(chan bool, 8)
	over := make(chan bool)
	t.Cleanup(func() { close(over) })
	silent := func(answer []byte) string {
		return listen(t, func(raw net.Conn) {
			_, _ = raw.Read(make([]byte, 4096))
			_, _ = raw.Write(answer)
			arrived <- true
			<-over
			_ = raw.Close()
		})
	}
	half := serverHello(3, 0xC030)
	t.Run("by the context", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-arrived
			cancel()
		}()
		if err := ended(ctx, t, engine(t, k.policy), silent(half)); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want context.Canceled", err)
		}
	})
	t.Run("by Close", func(t *testing.T) {
		p := k.policy
		p.HandshakeTimeout = time.Hour
		d := engine(t, p)
		go func() {
			<-arrived
			_ = d.Close()
		}()
		addr := silent(half)
		if err := ended(t.Context(), t, d, addr); !errors.Is(err, auth.ErrClosed) {
			t.Errorf("got %v, want ErrClosed", err)
		}
		if err := ended(t.Context(), t, d, addr); !errors.Is(err, auth.ErrClosed) {
			t.Errorf("a dial after Close: got %v, want ErrClosed", err)
		}
	})
	t.Run("by the limit of the handshake", func(t *testing.T) {
		p := k.policy
		p.HandshakeTimeout = 50 * time.Millisecond
		err := ended(t.Context(), t, engine(t, p), silent(nil))
		<-arrived
		if he, ok := errors.AsType[*auth.HandshakeError](err); !ok || !errors.Is(he, context.DeadlineExceeded) {
			t.Errorf("got %v, want a HandshakeError over a deadline", err)
		}
	})
}

// TestConnectionsOutliveTheDialer.
func TestConnectionsOutliveTheDialer(t *testing.T) {
	t.Parallel()
	k := assets(t)
	d := engine(t, k.policy)
	c := dial(t, d, echo(t, k.config(t)))
	if err := errors.Join(d.Close(), d.Close()); err != nil {
		t.Error(err)
	}
	exchange(t, c, 100)
}

// TestOwnCertificate: one that is out of date is not dialled with.
func TestOwnCertificate(t *testing.T) {
	t.Parallel()
	k := assets(t)
	k.policy.Now = func() time.Time { return time.Now().AddDate(3, 0, 0) }
	_, err := engine(t, k.policy).DialTLSContext(t.Context(), "tcp", "localhost:1")
	if he, ok := errors.AsType[*auth.HandshakeError](err); !ok || !errors.Is(he, auth.ErrCredentials) {
		t.Errorf("got %v, want a HandshakeError wrapping ErrCredentials", err)
	}
}

func TestPolicyIsChecked(t *testing.T) {
	t.Parallel()
	if d, err := openssl.NewEngine(auth.TLSPolicy{}); err == nil || d != nil || !strings.Contains(err.Error(), "Credentials is missing") {
		t.Errorf("got %v", err)
	}
}

// TestAddressesThatAreNotDialled as in the Go engine.
func TestAddressesThatAreNotDialled(t *testing.T) {
	t.Parallel()
	k := assets(t)
	_, err := engine(t, k.policy).DialTLSContext(t.Context(), "tcp", "a\r\nX-Y: z:443")
	if he, ok := errors.AsType[*auth.HandshakeError](err); !ok || he.Host != "server" {
		t.Errorf("got %v", err)
	}
}

// TestThroughAProxy: the tunnel leads to the server, whose name is verified.
func TestThroughAProxy(t *testing.T) {
	t.Parallel()
	k := assets(t)
	server := echo(t, k.config(t))
	asked := make(chan string, 1)
	proxy := listen(t, func(raw net.Conn) {
		head := make([]byte, 4096)
		n, _ := raw.Read(head)
		line, _, _ := strings.Cut(string(head[:n]), "\r\n")
		asked <- line
		_, _ = io.WriteString(raw, "HTTP/1.1 200 OK\r\n\r\n")
		up, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", server)
		if err != nil {
			return
		}
		go func() { _, _ = io.Copy(up, raw) }()
		_, _ = io.Copy(raw, up)
		_ = raw.Close()
	})
	k.policy.Proxy = &url.URL{Scheme: "http", Host: proxy}
	exchange(t, dial(t, engine(t, k.policy), server), 1000)
	if got, want := <-asked, "CONNECT "+server+" HTTP/1.1"; got != want {
		t.Errorf("the proxy was asked %q, want %q", got, want)
	}
}

// TestOneTransport: 64 goroutines share one pool, whose connections are the
// engine's.
func TestOneTransport(t *testing.T) {
	t.Parallel()
	k := assets(t)
	config := k.config(t)
	l := listener(t, "127.0.0.1:0")
	page := strings.Repeat("page ", 10_000)
	server := &http.Server{
		ReadHeaderTimeout: limit,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, r.URL.Path+page)
		}),
	}
	go func() { _ = server.Serve(tls.NewListener(l, config)) }()
	t.Cleanup(func() { _ = server.Close() })
	k.policy.DialTimeout, k.policy.HandshakeTimeout = time.Minute, time.Minute // of 64 at once on a busy machine
	transport := &http.Transport{DialTLSContext: engine(t, k.policy).DialTLSContext, MaxIdleConnsPerHost: 16}
	t.Cleanup(transport.CloseIdleConnections)
	var group sync.WaitGroup
	for i := range 64 {
		group.Go(func() {
			for range 5 {
				path := "/" + string(rune('a'+i%26))
				var made bool
				ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(g httptrace.GotConnInfo) {
					c, ok := g.Conn.(auth.Conn)
					made = ok && c.ConnState().Peer.Host == "127.0.0.1"
				}})
				req := must[*http.Request](t)(http.NewRequestWithContext(ctx, http.MethodGet, "https://"+l.Addr().String()+path, nil))
				resp, err := transport.RoundTrip(req)
				if err != nil {
					t.Error(err)
					return
				}
				body, err := io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				if err != nil || string(body) != path+page || !made {
					t.Errorf("%d bytes of %s, %v, connection of the engine: %v", len(body), path, err, made)
				}
			}
		})
	}
	group.Wait()
}

// TestSlowVerdictStands: refused when the time was over is refused, not late.
func TestSlowVerdictStands(t *testing.T) {
	t.Parallel()
	k := assets(t)
	p := k.policy
	p.HandshakeTimeout = 2 * time.Second
	first := true
	p.Trust = p.Trust.WithClock(func() time.Time {
		if first { // in Check
			first = false
			return time.Now()
		}
		<-time.After(p.HandshakeTimeout + 50*time.Millisecond)
		return time.Now().AddDate(5, 0, 0)
	})
	_, err := engine(t, p).DialTLSContext(t.Context(), "tcp", echo(t, k.config(t)))
	if ve, ok := errors.AsType[*auth.VerifyError](err); !ok || ve.Stage != auth.StageValidity {
		t.Errorf("got %v, want a VerifyError of stage validity", err)
	}
}
