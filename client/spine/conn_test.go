package spine_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nrlgo/nrlgo/auth"
	"github.com/nrlgo/nrlgo/client/spine"
	"github.com/nrlgo/nrlgo/mocks"
	"github.com/nrlgo/nrlgo/mocks/mockstest"
)

// A GET carries no body, whatever keeps net/http from sending it twice.
func TestRequestHasNoBody(t *testing.T) {
	t.Parallel()
	b := setup(t)
	heads := make(chan http.Header, 1)
	origin := b.rawServer(t, func(_ int, c *rawConn) {
		if r := c.next(); r != nil {
			if len(r.TransferEncoding) > 0 || r.ContentLength != 0 || c.in.Buffered() > 0 {
				t.Errorf("codings %v, length %d, %d bytes behind", r.TransferEncoding, r.ContentLength, c.in.Buffered())
			}
			heads <- r.Header
			c.send(answer("{}"))
			c.stay()
		}
	})
	if _, err := b.fetch(t, search(origin)); err != nil {
		t.Fatal(err)
	}
	if h := <-heads; h.Get("Content-Length") != "" {
		t.Error("a Content-Length was sent")
	}
}

// Fault 9: connections that died in the pool. net/http would send the request
// again by itself, with the same token and no audit line.
func TestStaleConnectionsCostOneAttemptEach(t *testing.T) {
	t.Parallel()
	const pooled = 4
	for name, die := range map[string]func(c *rawConn){
		"reset":          func(c *rawConn) { c.reset() },
		"closed":         func(c *rawConn) { _ = c.Close() },
		"closed by FIN":  func(c *rawConn) { _ = c.tcp.Close() },
		"never answered": func(c *rawConn) { c.stay() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, limits(spine.Limits{FirstByte: 200 * time.Millisecond}))
			var full sync.WaitGroup
			full.Add(pooled)
			var requests, conns atomic.Int32
			origin := b.rawServer(t, func(n int, c *rawConn) {
				conns.Store(int32(n))
				if c.next() == nil {
					return
				}
				requests.Add(1)
				if n <= pooled { // answered when all are there, so that each has its own
					full.Done()
					full.Wait()
				}
				c.send(answer("{}"))
				if c.next() != nil {
					requests.Add(1)
					die(c)
				}
			})
			var calls sync.WaitGroup
			for range pooled {
				calls.Go(func() {
					if _, err := b.fetch(t, search(origin)); err != nil {
						t.Error(err)
					}
				})
			}
			calls.Wait()
			a, err := b.fetch(t, search(origin))
			if err != nil || a.Attempts != 2 {
				t.Fatalf("%v after %+v, want the second attempt on a new connection", err, a)
			}
			lines := 0
			for _, e := range b.sink.all() {
				if e.Kind == spine.AuditRequest {
					lines++
				}
			}
			if n := int(requests.Load()); n != pooled+2 || lines != n || conns.Load() != pooled+1 {
				t.Errorf("%d requests arrived on %d connections, %d are on record", n, conns.Load(), lines)
			}
		})
	}
}

// Fault 15: what follows an answer is not the answer to the next request, and
// net/http does not print it to the standard logger.
func TestBytesBehindAnAnswerAreNobodys(t *testing.T) {
	var printed syncBuffer
	log.SetOutput(&printed)        //nolint:forbidigo // it is where net/http prints
	defer log.SetOutput(os.Stderr) //nolint:forbidigo // and as it was
	b := setup(t)
	resting, closed := make(chan struct{}), make(chan struct{}, 1)
	origin := b.rawServer(t, func(n int, c *rawConn) {
		for c.next() != nil {
			c.send(answer("{}"))
			if n == 1 {
				<-resting
				c.send(answer(`{"of":"` + canary + `"}`))
			}
		}
		if n == 1 {
			closed <- struct{}{}
		}
	})
	_, err := b.fetch(t, search(origin))
	close(resting)
	if err != nil {
		t.Fatal(err)
	}
	<-closed // by the client, which has noticed
	a, err := b.fetch(t, search(origin))
	if err != nil {
		t.Fatal(err)
	}
	if string(a.Body) != "{}" || a.Attempts != 1 {
		t.Errorf("after %d attempts: %s", a.Attempts, a.Body)
	}
	b.discreet(t, printed.String())
}

func TestConnectionsAreReused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var conns atomic.Int32
	origin := b.rawServer(t, func(n int, c *rawConn) {
		conns.Store(int32(n))
		for i := 0; c.next() != nil; i++ {
			c.send([]string{
				answer("{}"), "HTTP/1.1 404 X\r\nContent-Length: 2\r\n\r\nno", "HTTP/1.1 204 X\r\n\r\n",
				"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n2;a=b\r\nxy\r\n0\r\nTrailer: a\r\n\r\n",
				"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nxy", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
			}[i%6])
		}
	})
	var got []int
	for range 12 {
		_, err := b.fetch(t, search(origin))
		if e, ok := errors.AsType[*spine.Error](err); ok {
			got = append(got, e.Status)
		} else {
			got = append(got, 200)
		}
	}
	if diff := cmp.Diff([]int{200, 404, 204, 200, 200, 200, 200, 404, 204, 200, 200, 200}, got); diff != "" || conns.Load() != 1 {
		t.Errorf("%d connections, statuses -want +got\n%s", conns.Load(), diff)
	}
}

// Fault 7: connections are given up at an age.
func TestPooledConnectionsAge(t *testing.T) {
	t.Parallel()
	b := setup(t, limits(spine.Limits{Age: 1}))
	var conns atomic.Int32
	origin := b.rawServer(t, func(n int, c *rawConn) {
		conns.Store(int32(n))
		for c.next() != nil {
			c.send(answer("{}"))
		}
	})
	for range 3 {
		if _, err := b.fetch(t, search(origin)); err != nil {
			t.Fatal(err)
		}
	}
	if conns.Load() != 3 {
		t.Errorf("%d connections for 3 calls a nanosecond's age apart", conns.Load())
	}
}

func TestClose(t *testing.T) {
	t.Parallel()
	b := setup(t)
	s, err := b.client.Stream(t.Context(), b.retrieve())
	if err != nil {
		t.Fatal(err)
	}
	if err := b.client.Close(); err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(s) // lives on
	if err != nil || string(body) != document {
		t.Errorf("%v: %q", err, body)
	}
	if err := s.End(nil); err != nil {
		t.Error(err)
	}
	seen, lines := len(b.Requests()), b.sink.kinds()
	_, err = b.fetch(t, b.search())
	want{code: spine.CodeInvalid, is: spine.ErrClosed, origin: spine.OriginLocal}.check(t, err)
	if len(b.Requests()) != seen || b.sink.kinds() != lines {
		t.Error("a call was made after Close")
	}
}

func TestCloseEndsTheAttemptsOfACall(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Fault(mocks.Status(503))
	var once sync.Once
	b.sink.hook = func(_ context.Context, e spine.AuditEntry) error {
		if e.Kind == spine.AuditResponse {
			once.Do(func() { _ = b.client.Close() })
		}
		return nil
	}
	_, err := b.fetch(t, b.search())
	want{code: spine.CodeInvalid, is: spine.ErrClosed, attempts: 1, origin: spine.OriginLocal}.check(t, err)
}

// Not parallel, as it counts all goroutines.
func TestGoroutinesReturn(t *testing.T) {
	warm := setup(t)
	_, _ = warm.fetch(t, warm.search())
	_ = warm.client.Close()
	_ = warm.Close()
	before := settled(0)
	func() {
		b := setup(t, limits(spine.Limits{FirstByte: moment, Idle: moment, Retries: 1}))
		defer func() { _ = b.Close() }()
		defer func() { _ = b.client.Close() }()
		for _, f := range []mocks.Fault{
			mocks.Status(503), mocks.Stall(), mocks.StallAfter(4), mocks.Reset(), mocks.BareFIN(4), mocks.Truncate(2), mocks.HTML500(),
			mocks.Redirect("https://x/"), mocks.Raw("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxyz"), mocks.Raw("HTTP/1.1 101 X\r\n\r\n"), mocks.CloseDelimited(),
		} {
			b.ClearFaults()
			b.Fault(f)
			_, _ = b.fetch(t, b.search())
			_, _ = b.stream(t, b.retrieve())
		}
		b.ClearFaults()
		if s, err := b.client.Stream(t.Context(), b.retrieve()); err == nil {
			_ = s.End(context.Canceled) // unread
		}
	}()
	if after := settled(before); after > before {
		stacks := make([]byte, 1<<20)
		t.Errorf("%d goroutines, %d before:\n%s", after, before, stacks[:runtime.Stack(stacks, true)])
	}
}

// settled waits until at most so many goroutines are left, or no fewer come
// for a while.
func settled(most int) int {
	for range 200_000 {
		if runtime.NumGoroutine() <= most {
			break
		}
		runtime.Gosched()
	}
	return runtime.NumGoroutine()
}

// Fault 34, as far as it is the exchange's.
func TestConcurrentCalls(t *testing.T) {
	t.Parallel()
	b := setup(t, limits(spine.Limits{Age: time.Millisecond}))
	b.Fault(mocks.Times(8, mocks.Reset()))
	b.Fault(mocks.Times(8, mocks.Status(503)))
	var calls sync.WaitGroup
	for i := range 64 {
		calls.Go(func() {
			var err error
			if i%2 == 0 {
				_, err = b.fetch(t, b.search())
			} else {
				_, err = b.stream(t, b.retrieve())
			}
			if err != nil && spine.CodeOf(err) != spine.CodeUnavailable { // one call may meet four faults
				t.Error(err)
			}
		})
	}
	calls.Wait()
	if v := b.Violations(); len(v) > 0 {
		t.Error(v)
	}
}

func TestConnIsReported(t *testing.T) {
	t.Parallel()
	b := setup(t)
	a, err := b.fetch(t, b.search())
	if err != nil {
		t.Fatal(err)
	}
	seen := b.Requests()[0].CipherSuite // by the server
	if a.Conn.Engine != mockstest.EngineName() || a.Conn.CipherSuite != seen || a.Conn.Peer.Host != "127.0.0.1" {
		t.Errorf("%+v", a.Conn)
	}
	e := b.sink.all()[1]
	if got := []string{e.Engine, e.TLSVersion, e.CipherSuite}; !slices.Equal(got, []string{mockstest.EngineName(), "TLS 1.2", auth.SuiteName(seen)}) {
		t.Errorf("on record: %v", got)
	}
}

// Fault 38: an answer that is cut anywhere is an error or the same content.
func TestCutAnywhere(t *testing.T) {
	t.Parallel()
	b := setup(t, limits(spine.Limits{Retries: -1}))
	for name, whole := range map[string]string{
		"length":          answer(document),
		"chunks":          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n0123\r\n6\r\n456789\r\n0\r\n\r\n",
		"close-delimited": "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n" + document,
	} {
		var cut atomic.Int32
		origin := b.rawServer(t, func(_ int, c *rawConn) {
			if c.next() != nil {
				c.send(whole[:cut.Load()])
				_ = c.tcp.Close() // a bare FIN
			}
		})
		for n := range len(whole) {
			cut.Store(int32(n))
			a, err := b.fetch(t, search(origin))
			if err == nil && string(a.Body) != document {
				t.Errorf("%s: cut after %d bytes: %q, no error", name, n, a.Body)
			}
			if name == "close-delimited" && err == nil {
				t.Errorf("%s: cut after %d bytes, no error", name, n)
			}
		}
	}
}

// Fault 31: a refused token, and a clock that may be why.
func TestClockIsBlamedForARefusedToken(t *testing.T) {
	t.Parallel()
	at := func(ahead time.Duration) func() string {
		return func() string { return time.Now().Add(ahead).UTC().Format(http.TimeFormat) }
	}
	reply := func(status string, date func() string, body string) func() string {
		return func() string {
			return "HTTP/1.1 " + status + " X\r\nDate: " + date() + "\r\nContent-Length: " + itoa(len(body)) + "\r\n\r\n" + body
		}
	}
	junk := func() string { return canary }
	header := outcome("MISSING_OR_INVALID_HEADER")
	for _, tt := range []struct {
		name   string
		answer func() string
		blamed string
	}{
		{"401, we are ahead", reply("401", at(-10*time.Minute), ""), "ahead of"},
		{"401, we are behind", reply("401", at(10*time.Minute), ""), "behind"},
		{"400 for the header", reply("400", at(10*time.Minute), header), "behind"},
		{"400 for something else", reply("400", at(10*time.Minute), outcome("INVALID_PARAMETER")), ""},
		{"401, the clocks agree", reply("401", at(0), ""), ""},
		{"401, no date", func() string { return "HTTP/1.1 401 X\r\nContent-Length: 0\r\n\r\n" }, ""},
		{"401, no date that can be read", reply("401", junk, ""), ""},
		{"403", reply("403", at(10*time.Minute), ""), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			origin := b.rawServer(t, func(_ int, c *rawConn) {
				if c.next() != nil {
					c.send(tt.answer())
					c.stay()
				}
			})
			_, err := b.fetch(t, search(origin))
			if errors.Is(err, spine.ErrClock) != (tt.blamed != "") || !errors.Is(err, spine.ErrStatus) || !strings.Contains(err.Error(), tt.blamed) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// Fault 26: the memory that a record takes does not grow with it. Not
// parallel, as it measures.
func TestStreamIsNotGathered(t *testing.T) {
	const size = 64 << 20
	b := setup(t)
	block := bytes.Repeat([]byte("x"), 1<<16)
	origin := b.rawServer(t, func(_ int, c *rawConn) {
		if c.next() != nil {
			c.send("HTTP/1.1 200 OK\r\nContent-Length: " + itoa(size) + "\r\n\r\n")
			for range size / len(block) {
				_, _ = c.Write(block)
			}
			c.stay()
		}
	})
	r := b.retrieve()
	r.URL.Host = strings.TrimPrefix(origin, "https://")
	s, err := b.client.Stream(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	n, err := io.Copy(io.Discard, s)
	runtime.ReadMemStats(&after)
	if err := s.End(err); err != nil || n != size {
		t.Errorf("%v after %d bytes", err, n)
	}
	if taken := after.TotalAlloc - before.TotalAlloc; taken > size/8 {
		t.Errorf("%d bytes were allocated for %d", taken, size)
	}
	if e := b.sink.all(); e[len(e)-1].Bytes != size {
		t.Errorf("the end line says %d bytes", e[len(e)-1].Bytes)
	}
}
