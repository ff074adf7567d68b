package mocks

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"strconv"
	"time"
)

// Truncate declares the whole length and ends the connection properly (with
// close_notify) after n bytes of the body.
func Truncate(n int64) Fault {
	return Fault{name: "truncate", cuts: true, serve: func(e *exchange) { e.raw(n, e.declared(), (*conn).end) }}
}

// TruncateChunked sends n bytes of the body in a chunk (all of it when n is
// negative) and ends the connection properly without the last chunk.
func TruncateChunked(n int64) Fault {
	return Fault{name: "truncate-chunked", cuts: true, serve: func(e *exchange) { e.chunked(n, "") }}
}

// BrokenChunk sends n bytes of the body in a chunk, then a chunk size that is
// no number.
func BrokenChunk(n int64) Fault {
	return Fault{name: "broken-chunk", cuts: true, serve: func(e *exchange) { e.chunked(n, "zz\r\nzz\r\n0\r\n\r\n") }}
}

// BareFIN declares no length and ends the connection after n bytes of the
// body by a FIN without close_notify: a cut that crypto/tls cannot tell from
// the end. Negative n sends the whole body.
func BareFIN(n int64) Fault {
	return Fault{name: "bare-fin", cuts: true, serve: func(e *exchange) { e.raw(n, nil, (*conn).fin) }}
}

// CloseDelimited declares no length, sends the whole body and ends the
// connection properly.
func CloseDelimited() Fault {
	return Fault{name: "close-delimited", serve: func(e *exchange) { e.raw(-1, nil, (*conn).end) }}
}

// Reset resets the connection without an answer.
func Reset() Fault {
	return Fault{name: "reset", code: -1, serve: func(e *exchange) { e.hijack((*conn).reset) }}
}

// ResetAfter resets the connection after n bytes of the body; negative n
// after the whole body, so that the next request meets the reset.
func ResetAfter(n int64) Fault {
	return Fault{name: "reset-after", cuts: true, serve: func(e *exchange) { e.raw(n, e.declared(), (*conn).reset) }}
}

// Hangup ends the connection properly without an answer.
func Hangup() Fault {
	return Fault{name: "hangup", code: -1, serve: func(e *exchange) { e.hijack((*conn).end) }}
}

// Stall answers nothing until the client leaves or the mock closes.
func Stall() Fault {
	return Fault{name: "stall", code: -1, serve: func(e *exchange) { e.stall() }}
}

// StallAfter answers n bytes of the body, then nothing until the client
// leaves or the mock closes.
func StallAfter(n int64) Fault {
	return Fault{name: "stall-after", cuts: true, serve: func(e *exchange) {
		e.head(e.answer.length)
		_, _ = io.CopyN(e.w, e.answer.reader(), n)
		e.flush()
		e.stall()
	}}
}

// stall waits until the client leaves or the mock closes, then drops the
// connection: to return would answer 200.
func (e *exchange) stall() {
	<-e.r.Context().Done()
	panic(http.ErrAbortHandler)
}

func (e *exchange) flush() { _ = http.NewResponseController(e.w).Flush() }

// pause waits; false when the client left or the mock closes.
func (e *exchange) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-e.r.Context().Done():
		return false
	}
}

// Delay answers after that time.
func Delay(d time.Duration) Fault {
	return Fault{name: "delay", serve: func(e *exchange) {
		if !e.pause(d) {
			panic(http.ErrAbortHandler)
		}
		e.send()
	}}
}

// SlowHead sends the head of the answer byte by byte, with that pause after
// each, then the body at once.
func SlowHead(pause time.Duration) Fault {
	return Fault{name: "slow-head", serve: func(e *exchange) {
		e.hijack(func(c *conn) {
			for _, b := range e.rawHead(e.declared()) {
				if _, err := c.Write([]byte{b}); err != nil || !e.pause(pause) {
					return
				}
			}
			_, _ = io.Copy(c.Conn, e.answer.reader())
			c.end()
		})
	}}
}

// Drip sends the body n bytes at a time (1 when n is less), with that pause
// after each.
func Drip(n int64, pause time.Duration) Fault {
	return Fault{name: "drip", serve: func(e *exchange) {
		e.head(e.answer.length)
		body := e.answer.reader()
		for {
			sent, err := io.CopyN(e.w, body, max(n, 1))
			e.flush()
			if err != nil || sent == 0 {
				return
			}
			if !e.pause(pause) {
				panic(http.ErrAbortHandler)
			}
		}
	}}
}

// Length answers with that Content-Length instead of the true one, and ends
// the connection properly after the body.
func Length(n int64) Fault {
	return Fault{name: "length", cuts: true, serve: func(e *exchange) {
		e.answer.length = n
		e.raw(-1, e.declared(), (*conn).end)
	}}
}

// Lengths answers with a Content-Length field for each of these values, to the
// letter: two that differ, a negative one, none that is a number.
func Lengths(values ...string) Fault {
	return Fault{name: "lengths", cuts: true, serve: func(e *exchange) {
		var fields []Field
		for _, value := range values {
			fields = append(fields, Field{"Content-Length", value})
		}
		e.raw(-1, fields, (*conn).end)
	}}
}

// ChunkedWithLength answers in chunks beside a Content-Length, which HTTP
// forbids (RFC 9112, section 6.2).
func ChunkedWithLength() Fault {
	return Fault{name: "chunked-with-length", cuts: true, serve: func(e *exchange) { e.chunked(-1, "0\r\n\r\n", e.declared()...) }}
}

// Trailing answers, and sends these bytes behind the body.
func Trailing(text string) Fault {
	return Fault{name: "trailing", serve: func(e *exchange) {
		e.raw(-1, e.declared(), func(c *conn) {
			_, _ = io.WriteString(c, text)
			c.end()
		})
	}}
}

// Raw answers these bytes as they are, status line and all, and ends the
// connection properly.
func Raw(text string) Fault {
	return Fault{name: "raw", code: -1, serve: func(e *exchange) {
		e.hijack(func(c *conn) {
			_, _ = io.WriteString(c, text)
			c.end()
		})
	}}
}

// hijack takes the connection from net/http and gives it back when f ends.
func (e *exchange) hijack(f func(*conn)) {
	if _, _, err := http.NewResponseController(e.w).Hijack(); err != nil {
		panic(http.ErrAbortHandler) // to return would answer 200
	}
	defer e.spine.handling.Done()
	f(e.conn)
	_ = e.conn.tcp.Close()
}

// declared is the field of the body's length.
func (e *exchange) declared() []Field {
	return []Field{{"Content-Length", strconv.FormatInt(e.answer.length, 10)}}
}

// rawHead is the head of the answer with these fields for the framing.
func (e *exchange) rawHead(framing []Field) []byte {
	var head bytes.Buffer
	status := e.answer.statusOrOK()
	head.WriteString("HTTP/1.1 " + strconv.Itoa(status) + " " + http.StatusText(status) + "\r\n")
	for _, fields := range [][]Field{e.answer.fields(), framing} {
		for _, f := range fields {
			head.WriteString(f.Name + ": " + f.Value + "\r\n")
		}
	}
	head.WriteString("Connection: close\r\n\r\n")
	return head.Bytes()
}

// raw writes the answer by hand, n bytes of its body (all when negative), and
// ends the connection with f.
func (e *exchange) raw(n int64, framing []Field, end func(*conn)) {
	e.hijack(func(c *conn) {
		body := e.answer.reader()
		if n >= 0 {
			body = io.LimitReader(body, n)
		}
		_, _ = io.Copy(c.Conn, io.MultiReader(bytes.NewReader(e.rawHead(framing)), body))
		end(c)
	})
}

// chunked writes n bytes of the body (all when negative) in chunks, then these
// bytes, and ends the connection properly.
func (e *exchange) chunked(n int64, then string, framing ...Field) {
	e.hijack(func(c *conn) {
		body := e.answer.reader()
		if n >= 0 {
			body = io.LimitReader(body, n)
		}
		_, _ = c.Write(e.rawHead(append(framing, Field{"Transfer-Encoding", "chunked"})))
		_, _ = io.Copy(httputil.NewChunkedWriter(c.Conn), body)
		_, _ = io.WriteString(c, then)
		c.end()
	})
}

// end closes with close_notify.
func (c *conn) end() { _ = c.Close() }

// fin closes without close_notify.
func (c *conn) fin() { _ = c.tcp.closeWrite() }

// reset closes with RST.
func (c *conn) reset() {
	if t, ok := c.tcp.Conn.(*net.TCPConn); ok {
		_ = t.SetLinger(0)
	}
}
