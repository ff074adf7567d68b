package mocks

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
)

// Fault is a way to answer wrongly. It acts on every request to every service
// until [Once], [Times] or [On] narrow it.
type Fault struct {
	on    Service
	times int // 0: always
	code  int // status that is answered; 0: that of the answer, -1: none
	serve func(e *exchange)
}

// status is what the client is told, given that of the undisturbed answer.
func (f *Fault) status(undisturbed int) int {
	switch f.code {
	case 0:
		return undisturbed
	case -1:
		return 0
	default:
		return f.code
	}
}

// Fault adds a fault. Of several that fit a request, the one added first acts
// and, when it is bounded, is used up by it; so faults play out in order.
func (s *Spine) Fault(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &f)
}

// ClearFaults drops every fault.
func (s *Spine) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// fault is the one for the next request of a service, nil for none.
func (s *Spine) fault(service Service) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.faults, func(f *Fault) bool { return f.serve != nil && (f.on == 0 || f.on == service) })
	if i < 0 {
		return nil
	}
	f := s.faults[i]
	if f.times == 1 {
		s.faults = slices.Delete(s.faults, i, i+1)
	} else if f.times > 1 {
		f.times--
	}
	return f
}

// Once acts on one request.
func Once(f Fault) Fault { return Times(1, f) }

// Times acts on n requests; n below 1 acts on none.
func Times(n int, f Fault) Fault {
	f.times = n
	if n < 1 {
		f.serve = nil
	}
	return f
}

// On acts on the requests of one service.
func On(service Service, f Fault) Fault {
	f.on = service
	return f
}

// Status answers with that status (200 to 999, any other is 500), these fields,
// and an OperationOutcome in the syntax asked for; 204 and 304 have no body.
func Status(code int, header ...Field) Fault {
	return Fault{code: code, serve: func(e *exchange) {
		e.answer = e.outcome(code, issue{code: "processing", spine: "INTERNAL_SERVER_ERROR", display: http.StatusText(code), diagnostics: "A fault of the mock"})
		e.answer.header = append(e.answer.header, header...)
		e.send()
	}}
}

// RetryAfter is [Status] with a Retry-After field of that value, to the letter.
func RetryAfter(code int, value string) Fault { return Status(code, Field{"Retry-After", value}) }

// HTML500 answers 500 with a page of HTML, as the NRL does (NRL error page).
func HTML500() Fault {
	return Body(500, "text/html", "<html><title>500: Internal Server Error</title><body>500: Internal Server Error</body></html>")
}

// Body answers with that status, content type ("" sends none) and body.
func Body(code int, contentType, body string) Fault {
	return Fault{code: code, serve: func(e *exchange) {
		e.answer = answer{status: code, contentType: contentType, body: stringBody(body), length: int64(len(body))}
		e.send()
	}}
}

// Redirect answers 302 to that URL.
func Redirect(url string) Fault {
	return Fault{code: 302, serve: func(e *exchange) {
		e.answer = answer{status: 302, header: []Field{{"Location", url}}}
		e.send()
	}}
}

// Truncate declares the whole length and ends the connection properly (with
// close_notify) after n bytes of the body.
func Truncate(n int64) Fault { return Fault{serve: func(e *exchange) { e.raw(n, true, (*conn).end) }} }

// BareFIN declares no length and ends the connection after n bytes of the
// body by a FIN without close_notify: a cut that crypto/tls cannot tell from
// the end. Negative n sends the whole body.
func BareFIN(n int64) Fault { return Fault{serve: func(e *exchange) { e.raw(n, false, (*conn).fin) }} }

// CloseDelimited declares no length, sends the whole body and ends the
// connection properly.
func CloseDelimited() Fault { return Fault{serve: func(e *exchange) { e.raw(-1, false, (*conn).end) }} }

// Reset resets the connection without an answer.
func Reset() Fault {
	return Fault{code: -1, serve: func(e *exchange) { e.hijack((*conn).reset) }}
}

// ResetAfter resets the connection after n bytes of the body.
func ResetAfter(n int64) Fault {
	return Fault{serve: func(e *exchange) { e.raw(n, true, (*conn).reset) }}
}

// Hangup ends the connection properly without an answer.
func Hangup() Fault {
	return Fault{code: -1, serve: func(e *exchange) { e.hijack((*conn).end) }}
}

// Stall answers nothing until the client leaves or the mock closes.
func Stall() Fault {
	return Fault{code: -1, serve: func(e *exchange) { e.stall() }}
}

// StallAfter answers n bytes of the body, then nothing until the client
// leaves or the mock closes.
func StallAfter(n int64) Fault {
	return Fault{serve: func(e *exchange) {
		e.head(e.answer.length)
		if e.answer.body != nil {
			_, _ = io.CopyN(e.w, e.answer.body(), n)
		}
		_ = http.NewResponseController(e.w).Flush()
		e.stall()
	}}
}

// stall waits until the client leaves or the mock closes, then drops the
// connection: to return would answer 200.
func (e *exchange) stall() {
	<-e.r.Context().Done()
	panic(http.ErrAbortHandler)
}

// Length answers with that Content-Length instead of the true one, and ends
// the connection properly after the body.
func Length(n int64) Fault {
	return Fault{serve: func(e *exchange) {
		e.answer.length = n
		e.raw(-1, true, (*conn).end)
	}}
}

// Raw answers these bytes as they are, status line and all, and ends the
// connection properly.
func Raw(text string) Fault {
	return Fault{code: -1, serve: func(e *exchange) {
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

// raw writes the answer by hand, n bytes of its body (all when negative), and
// ends the connection with f.
func (e *exchange) raw(n int64, declare bool, end func(*conn)) {
	e.hijack(func(c *conn) {
		var head bytes.Buffer
		status := e.answer.statusOrOK()
		head.WriteString("HTTP/1.1 " + strconv.Itoa(status) + " " + http.StatusText(status) + "\r\n")
		for _, f := range e.answer.fields() {
			head.WriteString(f.Name + ": " + f.Value + "\r\n")
		}
		if declare {
			head.WriteString("Content-Length: " + strconv.FormatInt(e.answer.length, 10) + "\r\n")
		}
		head.WriteString("Connection: close\r\n\r\n")
		body := io.Reader(http.NoBody)
		if e.answer.body != nil {
			body = e.answer.body()
		}
		if n >= 0 {
			body = io.LimitReader(body, n)
		}
		_, _ = io.Copy(c.Conn, io.MultiReader(&head, body))
		end(c)
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
