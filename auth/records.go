package auth

import (
	"errors"
	"io"
	"net"
	"sync/atomic"
	"time"
)

// TLS record and alert numbers (RFC 5246).
const (
	recordChangeCipherSpec = 20
	recordAlert            = 21
	recordHandshake        = 22
	recordData             = 23
	recordHeader           = 5
	alertFatal             = 2
)

// records watches what arrives on a connection. crypto/tls gives io.EOF with
// or without a close_notify, and hides the number of an alert; the transport
// shows both. Reads come from one goroutine at a time.
type records struct {
	net.Conn
	header [recordHeader]byte
	have   int    // bytes of header that have arrived
	left   int    // bytes of the record's body still to come
	body   []byte // of an alert
	opaque bool   // what follows is encrypted

	answered bool  // a handshake message has arrived
	alert    uint8 // number of a fatal alert that was sent in the clear

	ended   atomic.Bool // the peer closed the transport and we have read so far
	closing atomic.Bool // deadlines for writing are short
}

// Read passes bytes on as they are.
func (r *records) Read(p []byte) (int, error) {
	n, err := r.Conn.Read(p)
	r.see(p[:n])
	if errors.Is(err, io.EOF) {
		r.ended.Store(true)
	}
	return n, err
}

// truncated reports whether an io.EOF of crypto/tls was made of the end of the
// transport. After a close_notify it reads no further, so that it never sees
// the end that follows.
func (r *records) truncated() bool { return r.ended.Load() }

// lastWrite is how long a close_notify may take: a peer that does not read
// must not hold the caller.
const lastWrite = time.Second

// SetWriteDeadline is that of the transport; when closing, crypto/tls's own
// five seconds are cut to lastWrite.
func (r *records) SetWriteDeadline(t time.Time) error {
	if latest := time.Now().Add(lastWrite); r.closing.Load() && t.After(latest) {
		t = latest
	}
	return r.Conn.SetWriteDeadline(t)
}

func (r *records) see(b []byte) {
	for len(b) > 0 && !r.opaque {
		if r.have < recordHeader {
			n := copy(r.header[r.have:], b)
			r.have, b = r.have+n, b[n:]
			if r.have < recordHeader {
				return
			}
			r.left = int(r.header[3])<<8 | int(r.header[4])
			r.body = r.body[:0]
		}
		n := min(r.left, len(b))
		if r.header[0] == recordAlert && len(r.body) <= 2 {
			r.body = append(r.body, b[:min(n, 3)]...)
		}
		r.left, b = r.left-n, b[n:]
		if r.left == 0 {
			r.whole()
		}
	}
}

// whole notes a record that has arrived in full. A warning is no alert that
// ends a handshake.
func (r *records) whole() {
	r.have = 0
	switch r.header[0] {
	case recordChangeCipherSpec, recordData:
		r.opaque = true
	case recordHandshake:
		r.answered = true
	case recordAlert:
		if len(r.body) == 2 && r.body[0] == alertFatal {
			r.alert = r.body[1]
		}
	}
}
