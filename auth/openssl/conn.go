//go:build cgo && linux

package openssl

import (
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nrlgo/nrlgo/auth"
)

const (
	// A buffer of the network is small until one read fills it: then it takes
	// several full records, of 16 KiB and what protects them, at once.
	smallBuffer, largeBuffer = 8 << 10, 64 << 10
	// maxRecord is the most that a record carries.
	maxRecord = 16 << 10
	// closeTime is for close_notify: a peer that does not read must not hold
	// the caller.
	closeTime = time.Second
)

// conn is a verified connection. Locks are taken in the order reading,
// writing, linked; none of OpenSSL's work waits for the network.
type conn struct {
	net.Conn // the network: addresses and deadlines
	state    auth.ConnState
	cleanup  runtime.Cleanup
	closed   atomic.Bool

	reading sync.Mutex
	in      []byte // buffer of the network
	full    bool   // it was filled, and is to be a large one
	rest    []byte // part of in that OpenSSL has not taken
	drained bool   // OpenSSL has nothing to give until more comes from the network
	readErr error  // why nothing can be read any more

	writing  sync.Mutex // held until the bytes are on the network, for their order
	writeErr error      // why nothing can be written any more

	linked sync.Mutex
	link   link
	freed  bool
}

func newConn(raw net.Conn, l link, in, rest []byte, state auth.ConnState) *conn {
	c := &conn{Conn: raw, link: l, in: in, rest: rest, state: state}
	c.cleanup = runtime.AddCleanup(c, link.free, l) // for one that is dropped without Close
	return c
}

// ConnState says how the connection is secured.
func (c *conn) ConnState() auth.ConnState { return c.state }

// Read gives io.EOF after a close_notify, and an error wrapping
// auth.ErrTruncated where the stream ends without.
func (c *conn) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	c.reading.Lock()
	defer c.reading.Unlock()
	for c.readErr == nil {
		if c.drained && len(c.rest) == 0 {
			if err := c.fill(); err != nil {
				return 0, err
			}
		}
		c.linked.Lock()
		if c.freed {
			c.linked.Unlock()
			return 0, net.ErrClosed
		}
		s := c.link.read(c.rest, p)
		c.linked.Unlock()
		c.rest = c.rest[s.used:]
		// With all input taken and room left, OpenSSL holds no data: asking it
		// once more would cost a call to hear so.
		c.drained = s.err == wantRead || s.n > 0 && s.n < len(p) && len(c.rest) == 0
		if s.pending > 0 {
			c.flush()
		}
		c.readErr = ending(s)
		if s.n > 0 {
			return s.n, nil
		}
	}
	return 0, c.readErr
}

// ending is what a step means for those that follow it.
func ending(s step) error {
	switch {
	case s.err == zeroReturn:
		return io.EOF
	case s.err != wantNothing && s.err != wantRead:
		return broken(s.code)
	case s.pending > 0: // the one alert that OpenSSL sends and goes on: no_renegotiation
		return errRenegotiation
	}
	return nil
}

// fill reads from the network; reading is held.
func (c *conn) fill() error {
	if c.full {
		c.in, c.full = make([]byte, largeBuffer), false
	}
	n, err := c.Conn.Read(c.in)
	if n == 0 && err != nil {
		if errors.Is(err, io.EOF) {
			err = fmt.Errorf("%w: %w", auth.ErrTruncated, io.ErrUnexpectedEOF)
		}
		if ne, ok := errors.AsType[net.Error](err); !ok || !ne.Timeout() {
			c.readErr = err // a deadline can be moved, all else is final
		}
		return err
	}
	c.rest = c.in[:n]
	c.full = n == smallBuffer && len(c.in) == smallBuffer
	return nil
}

// flush sends what OpenSSL answers while it reads: alerts. Where a Write is
// under way it is left to the next one, or to Close, so that reading never
// waits for writing.
func (c *conn) flush() {
	if !c.writing.TryLock() {
		return
	}
	defer c.writing.Unlock()
	if c.writeErr != nil {
		return
	}
	c.linked.Lock()
	if c.freed {
		c.linked.Unlock()
		return
	}
	out := c.link.take()
	c.linked.Unlock()
	_, c.writeErr = c.Conn.Write(out)
}

// Write sends p. After an error, a deadline's too, nothing can be written any
// more: a record may have been torn.
func (c *conn) Write(p []byte) (int, error) {
	c.writing.Lock()
	defer c.writing.Unlock()
	sent := 0
	for len(p) > 0 && c.writeErr == nil {
		c.linked.Lock()
		if c.freed {
			c.linked.Unlock()
			return sent, net.ErrClosed
		}
		s, out := c.link.write(p[:min(len(p), maxRecord)]) // out stays while writing is held
		c.linked.Unlock()
		if s.err != wantNothing {
			c.writeErr = broken(s.code)
			if s.err == wantRead { // a part of the message that asks for it has arrived
				c.writeErr = errRenegotiation
			}
			break
		}
		if _, err := c.Conn.Write(out); err != nil {
			c.writeErr = err
			break
		}
		p, sent = p[s.n:], sent+s.n
	}
	return sent, c.writeErr
}

// Close sends a close_notify, unless a Write is under way, and closes the
// connection. A second call gives net.ErrClosed.
func (c *conn) Close() error {
	if c.closed.Swap(true) {
		return net.ErrClosed
	}
	c.cleanup.Stop()
	if c.writing.TryLock() {
		if c.writeErr == nil {
			_ = c.SetWriteDeadline(time.Now().Add(closeTime))
			c.linked.Lock()
			c.link.closeNotify()
			out := c.link.take()
			c.linked.Unlock()
			_, _ = c.Conn.Write(out)
			c.writeErr = net.ErrClosed
		}
		c.writing.Unlock()
	}
	err := c.Conn.Close()
	c.writing.Lock() // a Write that was under way has let go of OpenSSL's buffer
	defer c.writing.Unlock()
	c.linked.Lock()
	defer c.linked.Unlock()
	c.freed = true
	c.link.free()
	return err
}
