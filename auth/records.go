package auth

import (
	"crypto/tls"
	"net"
	"sync/atomic"
)

// TLS record and message numbers (RFC 5246).
const (
	recordChangeCipherSpec = 20
	recordAlert            = 21
	recordData             = 23
	recordHeader           = 5
	// sealedAlert is the length of an encrypted TLS 1.3 alert (RFC 8446): two
	// bytes, the inner type and the tag.
	sealedAlert = 2 + 1 + 16
)

// records watches the TLS records that arrive on a connection. crypto/tls
// gives io.EOF with or without a close_notify, and hides the number of an
// alert; the framing shows both. Reads come from one goroutine at a time.
type records struct {
	net.Conn
	header  [recordHeader]byte
	have    int // bytes of header that have arrived
	left    int // bytes of the record's body still to come
	clear   []byte
	ciphers bool // ChangeCipherSpec was seen: alerts are encrypted from here on

	last  atomic.Int32 // type of the last whole or begun record
	size  atomic.Int32 // its announced length
	alert atomic.Int32 // number of an alert sent in the clear
}

// Read passes bytes on as they are.
func (r *records) Read(p []byte) (int, error) {
	n, err := r.Conn.Read(p)
	r.see(p[:n])
	return n, err
}

func (r *records) see(b []byte) {
	for len(b) > 0 {
		if r.have < recordHeader {
			n := copy(r.header[r.have:], b)
			r.have, b = r.have+n, b[n:]
			if r.have < recordHeader {
				return
			}
			r.left = int(r.header[3])<<8 | int(r.header[4])
			r.clear = r.clear[:0]
			r.last.Store(int32(r.header[0]))
			r.size.Store(int32(r.left))
		}
		n := min(r.left, len(b))
		if r.header[0] == recordAlert && !r.ciphers && len(r.clear) < 2 {
			r.clear = append(r.clear, b[:min(n, 2-len(r.clear))]...)
		}
		r.left, b = r.left-n, b[n:]
		if r.left == 0 {
			r.whole()
		}
	}
}

// whole notes a record that has arrived in full.
func (r *records) whole() {
	r.have = 0
	switch r.header[0] {
	case recordChangeCipherSpec:
		r.ciphers = true
	case recordAlert:
		if !r.ciphers && len(r.clear) == 2 {
			r.alert.Store(int32(r.clear[1]))
		}
	}
}

// closed reports whether the last record was an alert. After a clean end of
// the stream (io.EOF from the engine, which reports every other alert as an
// error) that alert was close_notify. TLS 1.3, which public pages may speak,
// hides the type; there the length of an alert tells, which a record of two
// bytes of data shares.
func (r *records) closed(version uint16) bool {
	if version < tls.VersionTLS13 {
		return r.last.Load() == recordAlert
	}
	return r.last.Load() == recordData && r.size.Load() == sealedAlert
}
