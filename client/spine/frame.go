package spine

import (
	"bytes"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"

	"github.com/nrlgo/nrlgo/auth"
)

var (
	errFrame  = fmt.Errorf("%w: where it ends cannot be told", ErrHTTP)
	errExcess = fmt.Errorf("%w: bytes came that belong to no answer", ErrHTTP)
)

// wire is a connection that knows where an answer ends. Of what follows one,
// net/http prints the beginning to the standard logger, or takes it for the
// answer to the next request, which may be about another patient; and it hides
// a Content-Length beside chunks. net/http reads and writes from two
// goroutines.
type wire struct {
	net.Conn

	mu    sync.Mutex
	frame frame
	bad   error // what came that must not: the connection is finished
}

// state says how the connection is secured; zero for plain http.
func (w *wire) state() auth.ConnState {
	if c, ok := w.Conn.(auth.Conn); ok {
		return c.ConnState()
	}
	return auth.ConnState{}
}

// fault is what came that must not, nil for nothing.
func (w *wire) fault() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.bad
}

// Write begins a request: an answer is expected from now on.
func (w *wire) Write(p []byte) (int, error) {
	w.mu.Lock()
	bad := w.bad
	if w.frame.at == atRest {
		w.frame = frame{at: atStatus}
	}
	w.mu.Unlock()
	if bad != nil {
		return 0, bad
	}
	return w.Conn.Write(p)
}

// Read reads no further than to the end of an answer.
func (w *wire) Read(p []byte) (int, error) {
	if err := w.fault(); err != nil {
		return 0, err
	}
	n, err := w.Conn.Read(p)
	w.mu.Lock()
	defer w.mu.Unlock()
	k, contradiction := w.frame.take(p[:n])
	switch {
	case contradiction != nil:
		w.bad = contradiction
		return 0, contradiction
	case k < n:
		w.bad = errExcess
		if k == 0 {
			return 0, errExcess
		}
		return k, nil
	}
	return n, err
}

// place is where in an answer the next byte belongs.
type place uint8

const (
	atRest place = iota // no answer is expected
	atStatus
	atField
	inBody // by Content-Length
	atChunkSize
	inChunk
	atChunkEnd
	atTrailer
	toTheEnd // of the connection: no length, or chunks that net/http refuses
)

// frame follows an answer (RFC 9112, section 6). What else is malformed is left
// to net/http to refuse.
type frame struct {
	at      place
	line    []byte // as far as it has come
	left    int64  // bytes of the body or chunk that are still to come
	status  int
	old     bool // HTTP/1.0
	chunked bool
	length  int64 // Content-Length, -1 for none
	framing bool  // the last field said how long the body is
}

// take says how many bytes of b belong to the answer.
func (f *frame) take(b []byte) (n int, err error) {
	for n < len(b) {
		switch f.at {
		case atRest:
			return n, nil
		case toTheEnd:
			return len(b), nil
		case inBody, inChunk, atChunkEnd:
			k := min(f.left, int64(len(b)-n))
			n, f.left = n+int(k), f.left-k
			if f.left == 0 {
				f.passed()
			}
		default:
			i := bytes.IndexByte(b[n:], '\n')
			if i < 0 {
				f.line = append(f.line, b[n:]...)
				return len(b), nil
			}
			f.line = append(f.line, b[n:n+i]...)
			line := bytes.TrimSuffix(f.line, []byte("\r"))
			f.line, n = f.line[:0], n+i+1
			if err := f.ended(string(line)); err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

// passed is where to go from the end of a body, a chunk or its CRLF.
func (f *frame) passed() {
	switch f.at {
	case inBody:
		f.at = atRest
	case inChunk:
		f.at, f.left = atChunkEnd, int64(len("\r\n"))
	default:
		f.at = atChunkSize
	}
}

// ended reads a line.
func (f *frame) ended(line string) error {
	switch f.at {
	case atStatus:
		return f.statusLine(line)
	case atField:
		if line == "" {
			return f.headEnded()
		}
		return f.field(line)
	case atChunkSize:
		size, _, _ := strings.Cut(line, ";")
		n, err := strconv.ParseInt(strings.TrimRight(size, " \t"), 16, 64)
		switch {
		case err != nil || n < 0:
			f.at = toTheEnd
		case n == 0:
			f.at = atTrailer
		default:
			f.at, f.left = inChunk, n
		}
	default: // a trailer
		if line == "" {
			f.at = atRest
		}
	}
	return nil
}

func (f *frame) statusLine(line string) error {
	version, rest, _ := strings.Cut(line, " ")
	code, _, _ := strings.Cut(strings.TrimLeft(rest, " "), " ")
	status, err := strconv.ParseUint(code, 10, 16)
	if err != nil || len(code) != 3 || version != "HTTP/1.1" && version != "HTTP/1.0" {
		return errFrame
	}
	*f = frame{at: atField, line: f.line, status: int(status), old: version == "HTTP/1.0", length: -1}
	return nil
}

// field reads a field of the head.
func (f *frame) field(line string) error {
	if line[0] == ' ' || line[0] == '\t' { // continues the last one
		if f.framing {
			return errFrame
		}
		return nil
	}
	name, value, _ := strings.Cut(line, ":")
	value = strings.Trim(value, " \t")
	switch strings.ToLower(name) {
	case "content-length":
		n, err := strconv.ParseUint(value, 10, 63)
		if err != nil || f.length >= 0 && f.length != int64(n) {
			return errFrame
		}
		f.length, f.framing = int64(n), true
	case "transfer-encoding":
		if f.chunked || f.old || !strings.EqualFold(value, "chunked") {
			return errFrame
		}
		f.chunked, f.framing = true, true
	default:
		f.framing = false
	}
	return nil
}

// headEnded is where to go from the end of a head.
func (f *frame) headEnded() error {
	if f.chunked && f.length >= 0 {
		return errFrame
	}
	switch {
	case f.status == 101:
		f.at = toTheEnd
	case f.status < 200: // interim: the answer is still to come
		f.at = atStatus
	case f.status == 204, f.status == 304, f.length == 0:
		f.at = atRest
	case f.chunked:
		f.at = atChunkSize
	case f.length > 0:
		f.at, f.left = inBody, f.length
	default:
		f.at = toTheEnd
	}
	return nil
}
