//go:build cgo && linux

package openssl_test

import (
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nrlgo/nrlgo/auth"
)

// TestEndOfStream: a close_notify is an end, a bare FIN is a cut, a reset is
// neither.
func TestEndOfStream(t *testing.T) {
	t.Parallel()
	k := assets(t)
	for name, tt := range map[string]struct {
		end  func(*tls.Conn, *net.TCPConn)
		want func(error) bool
	}{
		"close_notify": {
			func(c *tls.Conn, _ *net.TCPConn) { _ = c.Close() },
			func(err error) bool { return err == nil }, // io.ReadAll takes io.EOF for the end
		},
		"bare FIN": {
			func(_ *tls.Conn, raw *net.TCPConn) { _ = raw.Close() },
			func(err error) bool { return errors.Is(err, auth.ErrTruncated) && errors.Is(err, io.ErrUnexpectedEOF) },
		},
		"FIN in the middle of a record": {
			func(_ *tls.Conn, raw *net.TCPConn) {
				_, _ = raw.Write([]byte{23, 3, 3, 1, 0, 42})
				_ = raw.Close()
			},
			func(err error) bool { return errors.Is(err, auth.ErrTruncated) && errors.Is(err, io.ErrUnexpectedEOF) },
		},
		"reset": {
			func(_ *tls.Conn, raw *net.TCPConn) {
				_ = raw.SetLinger(0)
				_ = raw.Close()
			},
			func(err error) bool { return err != nil && !errors.Is(err, auth.ErrTruncated) },
		},
		"garbage": {
			func(_ *tls.Conn, raw *net.TCPConn) {
				_, _ = raw.Write([]byte("HTTP/1.1 200 OK\r\n"))
				_ = raw.Close()
			},
			func(err error) bool { // what the bytes would mean in a handshake they do not mean here
				return err != nil && !errors.Is(err, auth.ErrTruncated) && !errors.Is(err, auth.ErrNoVersion)
			},
		},
		"a record that was changed on the way": {
			func(_ *tls.Conn, raw *net.TCPConn) {
				_, _ = raw.Write(append([]byte{23, 3, 3, 0, 64}, make([]byte, 64)...))
				_ = raw.Close()
			},
			func(err error) bool { return err != nil && !errors.Is(err, auth.ErrTruncated) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			read := make(chan bool)
			config := k.config(t)
			addr := listen(t, func(raw net.Conn) {
				server := tls.Server(raw, config)
				_, _ = server.Write([]byte("half a record"))
				<-read
				tt.end(server, raw.(*net.TCPConn))
			})
			c := dial(t, engine(t, k.policy), addr)
			got := make([]byte, 13)
			if _, err := io.ReadFull(c, got); err != nil || string(got) != "half a record" {
				t.Fatalf("read %q, %v", got, err)
			}
			close(read)
			_, err := io.ReadAll(c)
			if !tt.want(err) {
				t.Errorf("the stream ends with %v", err)
			}
			if _, again := c.Read(got); err != nil && (again == nil || again.Error() != err.Error()) {
				t.Errorf("a second Read ends with %v, the first with %v", again, err)
			}
		})
	}
}

// TestCloseSendsCloseNotify: crypto/tls gives io.EOF either way, so the bytes
// tell.
func TestCloseSendsCloseNotify(t *testing.T) {
	t.Parallel()
	k := assets(t)
	config := k.config(t)
	last := make(chan []byte, 1)
	addr := listen(t, func(raw net.Conn) {
		seen := &recorder{Conn: raw}
		server := tls.Server(seen, config)
		_ = server.HandshakeContext(t.Context())
		n := len(seen.bytes)
		_, _ = io.Copy(io.Discard, server)
		last <- seen.bytes[n:]
		_ = raw.Close()
	})
	c := dial(t, engine(t, k.policy), addr)
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if b := <-last; len(b) < 5 || b[0] != 21 {
		t.Errorf("the last record is %x, want an alert", b)
	}
	if err := c.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a second Close gives %v", err)
	}
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Read after Close gives %v", err)
	}
	if _, err := c.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Write after Close gives %v", err)
	}
}

// TestRenegotiationIsRefused: s_server asks for it, and is told
// no_renegotiation; the error at this end says so too.
func TestRenegotiationIsRefused(t *testing.T) {
	t.Parallel()
	k := assets(t)
	s := k.serve(t, "-msg", "-naccept", "1")
	c := dial(t, engine(t, k.policy), s.Addr)
	if _, err := io.WriteString(s.Stdin, "R\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 1)); err == nil || !strings.Contains(err.Error(), "asked to renegotiate, which is refused") {
		t.Errorf("Read ends with %v", err)
	}
	_ = c.Close()
	log := s.End(t)
	for _, want := range []string{"HelloRequest", "no_renegotiation"} {
		if !strings.Contains(log, want) {
			t.Errorf("the server saw no %s:\n%s", want, log)
		}
	}
}

// slow hands on a byte at a time, in both directions.
type slow struct{ net.Conn }

func (s slow) Write(p []byte) (int, error) {
	for i := range p {
		if _, err := s.Conn.Write(p[i : i+1]); err != nil {
			return i, err
		}
	}
	return len(p), nil
}

func (s slow) Read(p []byte) (int, error) { return s.Conn.Read(p[:min(len(p), 1)]) }

func TestByteAtATime(t *testing.T) {
	t.Parallel()
	k := assets(t)
	config := k.config(t)
	addr := listen(t, func(raw net.Conn) {
		server := tls.Server(slow{raw}, config)
		_, _ = io.Copy(server, server)
		_ = server.Close()
	})
	c := dial(t, engine(t, k.policy), addr)
	exchange(t, c, 40<<10)
}

// exchange sends n bytes and wants them back.
func exchange(tb testing.TB, c net.Conn, n int) {
	tb.Helper()
	sent := make([]byte, n)
	_, _ = rand.Read(sent)
	var group sync.WaitGroup
	group.Go(func() {
		if m, err := c.Write(sent); err != nil || m != n {
			tb.Errorf("wrote %d of %d: %v", m, n, err)
		}
	})
	got := make([]byte, n)
	_, err := io.ReadFull(c, got)
	group.Wait()
	if err != nil || !bytes.Equal(sent, got) {
		tb.Errorf("what came back differs, or %v", err)
	}
}

// TestSizes: records and buffers of every kind of length.
func TestSizes(t *testing.T) {
	t.Parallel()
	k := assets(t)
	d := engine(t, k.policy)
	addr := echo(t, k.config(t))
	for _, n := range []int{1, 5, 16<<10 - 1, 16 << 10, 16<<10 + 1, 1 << 20} {
		c := dial(t, d, addr)
		exchange(t, c, n)
		if m, err := c.Read(nil); m != 0 || err != nil {
			t.Errorf("an empty Read gives %d, %v", m, err)
		}
		if m, err := c.Write(nil); m != 0 || err != nil {
			t.Errorf("an empty Write gives %d, %v", m, err)
		}
		_ = c.Close()
	}
}

// TestDeadlines: a Read's can be moved, a Write's is final.
func TestDeadlines(t *testing.T) {
	t.Parallel()
	k := assets(t)
	config := k.config(t)
	speak := make(chan bool)
	addr := listen(t, func(raw net.Conn) {
		server := tls.Server(raw, config)
		_ = server.HandshakeContext(t.Context())
		<-speak
		_, _ = server.Write([]byte("late"))
		<-speak
		_ = raw.Close()
	})
	defer close(speak)
	c := dial(t, engine(t, k.policy), addr)
	_ = c.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	buf := make([]byte, 4)
	if _, err := c.Read(buf); !timeout(err) {
		t.Errorf("Read ended with %v, want a timeout", err)
	}
	_ = c.SetReadDeadline(time.Time{})
	speak <- true
	if _, err := io.ReadFull(c, buf); err != nil || string(buf) != "late" {
		t.Errorf("after the deadline was lifted: %q, %v", buf, err)
	}
	_ = c.SetWriteDeadline(time.Now().Add(20 * time.Millisecond))
	big := make([]byte, 64<<20) // more than two sockets hold
	n, err := c.Write(big)
	if !timeout(err) || n >= len(big) {
		t.Errorf("Write of %d bytes ended with %v, want a timeout", n, err)
	}
	_ = c.SetWriteDeadline(time.Time{})
	if _, err := c.Write([]byte("x")); !timeout(err) {
		t.Errorf("after a torn record Write ends with %v, want the same timeout", err)
	}
}

func timeout(err error) bool {
	ne, ok := errors.AsType[net.Error](err)
	return ok && ne.Timeout() && errors.Is(err, os.ErrDeadlineExceeded)
}

// TestCloseEndsReadAndWrite: both are under way, the peer does neither.
func TestCloseEndsReadAndWrite(t *testing.T) {
	t.Parallel()
	k := assets(t)
	config := k.config(t)
	hold := make(chan bool)
	t.Cleanup(func() { close(hold) })
	addr := listen(t, func(raw net.Conn) {
		_ = tls.Server(raw, config).HandshakeContext(t.Context())
		<-hold
		_ = raw.Close()
	})
	c := dial(t, engine(t, k.policy), addr)
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			if _, err := c.Read(make([]byte, 1)); err == nil {
				t.Error("Read gave data")
			}
		})
		group.Go(func() {
			if _, err := c.Write(make([]byte, 64<<20)); err == nil {
				t.Error("Write sent everything")
			}
		})
		group.Go(func() { _ = c.SetDeadline(time.Now().Add(limit)) })
	}
	group.Go(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	group.Wait()
}

// TestConcurrentUse: whole messages of many goroutines go both ways at once.
func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	k := assets(t)
	c := dial(t, engine(t, k.policy), echo(t, k.config(t)))
	const goroutines, each, size = 8, 50, 700
	var group sync.WaitGroup
	for i := range goroutines {
		group.Go(func() {
			for range each {
				if _, err := c.Write(bytes.Repeat([]byte{byte('a' + i)}, size)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	got := make([]byte, goroutines*each*size)
	if _, err := io.ReadFull(c, got); err != nil {
		t.Fatal(err)
	}
	group.Wait()
	for b := got; len(b) > 0; b = b[size:] { // a Write is not torn by another
		if !bytes.Equal(b[:size], bytes.Repeat(b[:1], size)) {
			t.Fatal("messages are mixed")
		}
	}
}
