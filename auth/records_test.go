package auth

import (
	"bytes"
	"errors"
	"io"
	"net"
	"slices"
	"testing"
	"testing/iotest"
	"time"
)

// feed is a transport that gives what a reader has and notes deadlines.
type feed struct {
	net.Conn
	io.Reader
	deadline time.Time
}

func (f *feed) Read(p []byte) (int, error)         { return f.Reader.Read(p) }
func (f *feed) SetWriteDeadline(t time.Time) error { f.deadline = t; return nil }

func record(kind byte, body ...byte) []byte {
	return append([]byte{kind, 3, 3, byte(len(body) >> 8), byte(len(body))}, body...)
}

// TestRecordsInAnyPieces: how the network cuts the stream changes nothing.
func TestRecordsInAnyPieces(t *testing.T) {
	t.Parallel()
	hello, secret := record(recordHandshake, make([]byte, 300)...), record(recordHandshake, 21, 3, 3, 0, 2, 2, 40)
	for _, tt := range []struct {
		name     string
		stream   [][]byte
		alert    uint8
		answered bool
	}{
		{"an alert", [][]byte{record(21, 2, 40)}, 40, false},
		{"an alert after the hello", [][]byte{hello, record(21, 2, 42)}, 42, true},
		{"a warning is no alert", [][]byte{record(21, 1, 112)}, 0, false},
		{"a warning before the alert", [][]byte{record(21, 1, 112), hello, record(21, 2, 40)}, 40, true},
		{"an alert with one byte", [][]byte{record(21, 2)}, 0, false},
		{"an alert without a byte", [][]byte{record(21), record(21, 2, 40)}, 40, false},
		{"an alert with three bytes", [][]byte{record(21, 2, 40, 0)}, 0, false},
		{"two alerts in one record", [][]byte{record(21, 2, 40, 2, 42)}, 0, false},
		{"an alert that was cut", [][]byte{record(21, 2, 40)[:6]}, 0, false},
		{"bytes of a message that look like an alert", [][]byte{secret}, 0, true},
		{"an encrypted alert of TLS 1.2", [][]byte{hello, record(20, 1), record(21, 2, 40)}, 0, true},
		{"an encrypted alert of TLS 1.3", [][]byte{hello, record(23, make([]byte, 19)...), record(21, 2, 40)}, 0, true},
		{"plain HTTP", [][]byte{[]byte("HTTP/1.1 400 Bad Request\r\n\r\n")}, 0, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			stream := bytes.Join(tt.stream, nil)
			for name, reader := range map[string]io.Reader{
				"at once":                 bytes.NewReader(stream),
				"byte by byte":            iotest.OneByteReader(bytes.NewReader(stream)),
				"in halves":               iotest.HalfReader(bytes.NewReader(stream)),
				"end with the last bytes": iotest.DataErrReader(bytes.NewReader(stream)),
			} {
				r := &records{Conn: &feed{Reader: reader}}
				got, err := io.ReadAll(r)
				if err != nil || !bytes.Equal(got, stream) {
					t.Errorf("%s: the bytes changed on their way, or %v", name, err)
				}
				if r.alert != tt.alert || r.answered != tt.answered || !r.truncated() {
					t.Errorf("%s: alert %d, answered %v, want %d and %v", name, r.alert, r.answered, tt.alert, tt.answered)
				}
			}
		})
	}
}

// TestOnlyTheEndOfTheTransportTruncates: any other error passes.
func TestOnlyTheEndOfTheTransportTruncates(t *testing.T) {
	t.Parallel()
	r := &records{Conn: &feed{Reader: iotest.TimeoutReader(iotest.OneByteReader(bytes.NewReader(record(21, 1, 0))))}}
	var errs []bool
	for range 2 {
		_, err := r.Read(make([]byte, 9))
		errs = append(errs, errors.Is(err, iotest.ErrTimeout))
	}
	if !slices.Equal(errs, []bool{false, true}) || r.truncated() {
		t.Errorf("timeouts %v, truncated %v", errs, r.truncated())
	}
}

func TestCloseShortensTheLastWrite(t *testing.T) {
	t.Parallel()
	f := &feed{}
	r := &records{Conn: f}
	far := time.Now().Add(5 * time.Second)
	_ = r.SetWriteDeadline(far)
	if !f.deadline.Equal(far) {
		t.Error("a deadline was changed before Close")
	}
	r.closing.Store(true)
	_ = r.SetWriteDeadline(far)
	if left := time.Until(f.deadline); left > lastWrite {
		t.Errorf("a close_notify may take %v, want at most %v", left, lastWrite)
	}
	past := time.Now().Add(-time.Second)
	_ = r.SetWriteDeadline(past)
	if !f.deadline.Equal(past) {
		t.Error("a deadline in the past was changed")
	}
}
