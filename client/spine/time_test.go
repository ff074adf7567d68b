package spine_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nrlgo/nrlgo/auth/nhs"
	"github.com/nrlgo/nrlgo/client/spine"
	"github.com/nrlgo/nrlgo/mocks"
)

// lab is a client whose connections are pipes to serve, for tests in a bubble
// of testing/synctest, where time passes by itself.
type lab struct {
	bed
	began time.Time

	mu     sync.Mutex
	starts []time.Duration
	tokens map[string]bool
}

// requests are when each came.
func (b *lab) requests() []time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.starts)
}

// inLab runs a test in a bubble. serve answers request n, from 1 on, and
// returns whether the connection stays open.
func inLab(t *testing.T, l spine.Limits, serve func(n int, c net.Conn) bool, test func(t *testing.T, b *lab)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &lab{bed: bed{sink: new(sink)}, began: time.Now(), tokens: map[string]bool{}}
		var servers sync.WaitGroup
		dial := dialFunc(func(context.Context, string) (net.Conn, error) {
			client, server := net.Pipe()
			servers.Go(func() {
				defer func() { _ = server.Close() }()
				for in := bufio.NewReader(server); ; {
					r, err := http.ReadRequest(in)
					if err != nil {
						return
					}
					b.mu.Lock()
					b.starts = append(b.starts, time.Since(b.began))
					b.tokens[r.Header.Get("Authorization")] = true
					n := len(b.starts)
					b.mu.Unlock()
					if !serve(n, server) {
						return
					}
				}
			})
			return client, nil
		})
		var err error
		if b.client, err = spine.New(spine.Config{Dialer: dial, SpineASID: nhs.MustParseASID(mocks.SpineASID), Issuer: "https://x", Audit: b.sink, Limits: l}); err != nil {
			t.Fatal(err)
		}
		test(t, b)
		if err := b.client.Close(); err != nil {
			t.Error(err)
		}
		servers.Wait()
	})
}

func send(c net.Conn, text string) bool {
	_, err := io.WriteString(c, text)
	return err == nil
}

// silent waits until the client leaves.
func silent(_ int, c net.Conn) bool {
	_, _ = io.Copy(io.Discard, c)
	return false
}

func failing(status int, fields ...string) func(int, net.Conn) bool {
	return func(_ int, c net.Conn) bool {
		return send(c, fmt.Sprintf("HTTP/1.1 %d X\r\n%sContent-Length: 0\r\n\r\n", status, strings.Join(append(fields, ""), "\r\n")))
	}
}

// took fails unless about that much time has passed.
func (b *lab) took(t *testing.T, lo, hi time.Duration) {
	t.Helper()
	if d := time.Since(b.began); d < lo || d > hi {
		t.Errorf("it took %s, want %s to %s", d, lo, hi)
	}
}

func TestWaitsAreJitteredAndGrow(t *testing.T) {
	inLab(t, spine.Limits{}, failing(503), func(t *testing.T, b *lab) {
		t.Helper()
		_, err := b.fetch(t, search("https://spine/"))
		want{code: spine.CodeUnavailable, is: spine.ErrStatus, status: 503, attempts: 4, origin: spine.OriginNRL}.check(t, err)
		ceilings := []time.Duration{250 * time.Millisecond, 500 * time.Millisecond, time.Second}
		for i, most := range ceilings {
			if d := b.requests()[i+1] - b.requests()[i]; d <= 0 || d >= most {
				t.Errorf("wait %d was %s, want less than %s", i+1, d, most)
			}
		}
	})
}

// Fault 16; the forms of the field are in TestRetryAfter.
func TestRetryAfterIsHonoured(t *testing.T) {
	for name, tt := range map[string]struct {
		value  string
		starts int
		lo, hi time.Duration
		after  time.Duration // in the error
	}{
		"seconds":                     {"3", 4, 9 * time.Second, 10 * time.Second, 3 * time.Second},
		"a date":                      {"Sat, 01 Jan 2000 00:00:05 GMT", 4, 5 * time.Second, 8 * time.Second, 0}, // bubbles begin in 2000
		"above the cap":               {"11", 1, 0, 0, 11 * time.Second},
		"a day":                       {"86400", 1, 0, 0, 24 * time.Hour},
		"more than an int64 of ns":    {"9223372037", 1, 0, 0, 1<<63 - 1},
		"negative":                    {"-3", 4, 1, 1750 * time.Millisecond, 0},
		"junk":                        {canary, 4, 1, 1750 * time.Millisecond, 0},
		"past":                        {"Fri, 31 Dec 1999 23:59:59 GMT", 4, 1, 1750 * time.Millisecond, 0},
		"at the cap, over the budget": {"10", 3, 20 * time.Second, 22 * time.Second, 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			inLab(t, spine.Limits{Budget: 25 * time.Second}, failing(429, "Retry-After: "+tt.value), func(t *testing.T, b *lab) {
				t.Helper()
				_, err := b.fetch(t, search("https://spine/"))
				e := want{code: spine.CodeUnavailable, is: spine.ErrStatus, status: 429, attempts: tt.starts, origin: spine.OriginNRL}.of(t, err)
				b.took(t, tt.lo, tt.hi)
				if e.RetryAfter != tt.after {
					t.Errorf("the error says %s, want %s", e.RetryAfter, tt.after)
				}
				if tt.value == "3" && len(b.tokens) != tt.starts {
					t.Errorf("%d tokens for %d attempts seconds apart", len(b.tokens), tt.starts)
				}
			})
		})
	}
}

func TestLimitsOfTime(t *testing.T) {
	trickle := func(head string, every time.Duration, text string) func(int, net.Conn) bool {
		return func(_ int, c net.Conn) bool {
			for ok := send(c, head); ok; ok = send(c, text) {
				<-time.After(every)
			}
			return false
		}
	}
	const endless = "HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n"
	for name, tt := range map[string]struct {
		limits spine.Limits
		serve  func(int, net.Conn) bool
		record bool
		lo, hi time.Duration
		want   want
	}{
		"11 no answer: 15 s an attempt, within the budget": {
			serve: silent, lo: 60 * time.Second, hi: 60 * time.Second,
			want: want{code: spine.CodeTimeout, is: context.DeadlineExceeded, attempts: 4, origin: spine.OriginNRL},
		},
		"11 an answer that drips its head": {
			serve: trickle("HTTP/1.1 200 OK\r\n", time.Second, "X: y\r\n"), limits: spine.Limits{Retries: -1}, lo: 15 * time.Second, hi: 15 * time.Second,
			want: want{code: spine.CodeTimeout, is: context.DeadlineExceeded, attempts: 1, origin: spine.OriginNRL},
		},
		"27 interim answers that drip": {
			serve: trickle("", time.Second, "HTTP/1.1 103 X\r\n\r\n"), limits: spine.Limits{Retries: -1}, lo: 15 * time.Second, hi: 15 * time.Second,
			want: want{code: spine.CodeTimeout, is: context.DeadlineExceeded, attempts: 1, origin: spine.OriginNRL},
		},
		"12 a body that stalls": {
			serve: func(_ int, c net.Conn) bool { send(c, endless+"x"); return silent(0, c) }, limits: spine.Limits{Retries: -1}, lo: 15 * time.Second, hi: 15 * time.Second,
			want: want{code: spine.CodeTimeout, is: context.DeadlineExceeded, attempts: 1, origin: spine.OriginNRL},
		},
		"12 a body that drips fast enough: 30 s an attempt": {
			serve: trickle(endless, time.Second, strings.Repeat("x", 4096)), limits: spine.Limits{Retries: -1}, lo: 30 * time.Second, hi: 30 * time.Second,
			want: want{code: spine.CodeTimeout, is: context.DeadlineExceeded, attempts: 1, origin: spine.OriginNRL},
		},
		"12 a record that drips too slowly": {
			serve: trickle(endless, 5*time.Second, strings.Repeat("x", 4096)), record: true, lo: 20 * time.Second, hi: 20 * time.Second,
			want: want{code: spine.CodeTimeout, is: context.DeadlineExceeded, attempts: 1},
		},
		"19 the body of an error drips: 5 s": {
			serve: trickle("HTTP/1.1 404 X\r\n\r\n", time.Second, "x"), lo: 5 * time.Second, hi: 5 * time.Second,
			want: want{code: spine.CodeUnexpected, is: spine.ErrStatus, status: 404, attempts: 1, origin: spine.OriginNRL},
		},
		"19 the body of an error is endless: 64 KiB": {
			serve: trickle("HTTP/1.1 404 X\r\n\r\n", 0, strings.Repeat("x", 1<<10)), lo: 0, hi: 0,
			want: want{code: spine.CodeUnexpected, is: spine.ErrStatus, status: 404, attempts: 1, origin: spine.OriginNRL},
		},
		"the budget ends an attempt": {
			serve: silent, limits: spine.Limits{Budget: 20 * time.Second}, lo: 20 * time.Second, hi: 20 * time.Second,
			want: want{code: spine.CodeTimeout, is: context.DeadlineExceeded, attempts: 2, origin: spine.OriginNRL},
		},
		"the budget ends the attempt of a record": {
			serve: silent, record: true, limits: spine.Limits{Budget: 10 * time.Second}, lo: 10 * time.Second, hi: 10 * time.Second,
			want: want{code: spine.CodeTimeout, is: context.DeadlineExceeded, attempts: 1, origin: spine.OriginLocal},
		},
	} {
		t.Run(name, func(t *testing.T) {
			inLab(t, tt.limits, tt.serve, func(t *testing.T, b *lab) {
				t.Helper()
				var err error
				if r := search("https://spine/"); tt.record {
					r.Service, r.To = spine.SSP, nhs.MustParseASID(mocks.ProviderASID)
					_, err = b.stream(t, r)
				} else {
					_, err = b.fetch(t, r)
				}
				tt.want.check(t, err)
				b.took(t, tt.lo, tt.hi)
			})
		})
	}
}

// The caller's own time with a record does not count.
func TestSlowReaderIsNotASlowServer(t *testing.T) {
	serve := func(_ int, c net.Conn) bool { return send(c, answer(document)) }
	inLab(t, spine.Limits{}, serve, func(t *testing.T, b *lab) {
		t.Helper()
		r := search("https://spine/")
		s, err := b.client.Stream(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		var got strings.Builder
		for p := make([]byte, 1); err == nil; {
			<-time.After(time.Minute) // more than the budget and the idle time
			var n int
			n, err = s.Read(p)
			got.Write(p[:n])
		}
		if !errors.Is(err, io.EOF) || got.String() != document || s.End(nil) != nil {
			t.Errorf("%v: %q", err, got.String())
		}
	})
}

// Fault 32: the context ends before, in dial, in back-off, in the body.
func TestContextEndsACall(t *testing.T) {
	cut := func(_ int, c net.Conn) bool { send(c, "HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n"); return false }
	for name, tt := range map[string]struct {
		serve  func(int, net.Conn) bool
		after  time.Duration // the end of the context; 0 is before the call
		record bool
		want   want
		before error // the cause that an attempt had
	}{
		"before the call":             {serve: silent, want: want{code: spine.CodeCanceled, is: context.Canceled, origin: spine.OriginLocal}},
		"while waiting for an answer": {serve: silent, after: time.Second, want: want{code: spine.CodeCanceled, is: context.Canceled, attempts: 1, origin: spine.OriginLocal}},
		"in the back-off": {
			serve: failing(503, "Retry-After: 5"), after: 2 * time.Second, before: spine.ErrStatus,
			want: want{code: spine.CodeCanceled, is: context.Canceled, status: 503, attempts: 1, origin: spine.OriginNRL},
		},
		"in the attempt after a failed one": {
			serve: func(n int, c net.Conn) bool {
				if n == 1 {
					return cut(n, c)
				}
				return silent(n, c)
			}, after: 5 * time.Second, before: spine.ErrStatus,
			want: want{code: spine.CodeCanceled, is: context.Canceled, status: 503, attempts: 2, origin: spine.OriginNRL},
		},
		"in the body": {
			serve: func(n int, c net.Conn) bool {
				send(c, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx")
				return silent(n, c)
			}, after: time.Second,
			want: want{code: spine.CodeCanceled, is: context.Canceled, attempts: 1, origin: spine.OriginLocal},
		},
		"in the body of a record": {
			serve: func(n int, c net.Conn) bool {
				send(c, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx")
				return silent(n, c)
			}, after: time.Second, record: true,
			want: want{code: spine.CodeCanceled, is: context.Canceled, attempts: 1, origin: spine.OriginLocal},
		},
	} {
		t.Run(name, func(t *testing.T) {
			inLab(t, spine.Limits{}, tt.serve, func(t *testing.T, b *lab) {
				t.Helper()
				ctx, cancel := context.WithCancelCause(t.Context())
				leave := func() { cancel(errors.New(canary)) } // whose text is the caller's, and not shown
				if tt.after == 0 {
					leave()
				} else {
					time.AfterFunc(tt.after, leave)
				}
				r := search("https://spine/")
				var err error
				if tt.record {
					s, serr := b.client.Stream(ctx, r)
					if serr != nil {
						t.Fatal(serr)
					}
					_, err = io.ReadAll(s)
					err = s.End(err)
				} else {
					_, err = b.client.Fetch(ctx, r)
				}
				b.checkError(t, err)
				tt.want.check(t, err)
				if tt.before != nil && !errors.Is(err, tt.before) {
					t.Errorf("%v does not hold the cause of the attempt", err)
				}
				b.took(t, tt.after, tt.after)
				if n := len(b.requests()); n != tt.want.attempts {
					t.Errorf("the server saw %d requests", n)
				}
			})
		})
	}
}

func TestDeadlineOfTheCaller(t *testing.T) {
	t.Run("is shorter than the wait: what is known is returned at once", func(t *testing.T) {
		inLab(t, spine.Limits{}, failing(503, "Retry-After: 5"), func(t *testing.T, b *lab) {
			t.Helper()
			ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
			defer cancel()
			_, err := b.client.Fetch(ctx, search("https://spine/"))
			e := want{code: spine.CodeUnavailable, is: spine.ErrStatus, status: 503, attempts: 1, origin: spine.OriginNRL}.of(t, err)
			b.took(t, 0, 0)
			if e.RetryAfter != 5*time.Second {
				t.Errorf("Retry-After %s", e.RetryAfter)
			}
		})
	})
	t.Run("passes, with a cause of the caller", func(t *testing.T) {
		inLab(t, spine.Limits{}, silent, func(t *testing.T, b *lab) {
			t.Helper()
			ctx, cancel := context.WithTimeoutCause(t.Context(), 4*time.Second, errors.New(canary))
			defer cancel()
			_, err := b.client.Fetch(ctx, search("https://spine/"))
			b.checkError(t, err)
			want{code: spine.CodeTimeout, is: context.DeadlineExceeded, attempts: 1, origin: spine.OriginLocal}.check(t, err)
			b.took(t, 4*time.Second, 4*time.Second)
		})
	})
}

func TestContextEndsADial(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var dials atomic.Int32
		d := dialFunc(func(context.Context, string) (net.Conn, error) {
			if dials.Add(1) == 1 {
				return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
			}
			<-time.After(20 * time.Second) // net/http detaches the dial: it ends in its own time
			return nil, io.EOF
		})
		client, err := spine.New(spine.Config{Dialer: d, SpineASID: nhs.MustParseASID(mocks.SpineASID), Issuer: "https://x", Audit: new(sink)})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		began := time.Now()
		_, err = client.Fetch(ctx, search("https://spine/"))
		want{code: spine.CodeTimeout, is: syscall.ECONNREFUSED, attempts: 2, origin: spine.OriginLocal}.check(t, err)
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 3*time.Second {
			t.Errorf("%v after %s", err, time.Since(began))
		}
		<-time.After(time.Minute) // the bubble must not end before the dial
	})
}

// Fault 20: an outage is not answered with four times the load.
func TestOutageIsNotMultiplied(t *testing.T) {
	inLab(t, spine.Limits{}, failing(503), func(t *testing.T, b *lab) {
		t.Helper()
		for range 1000 {
			if _, err := b.client.Fetch(t.Context(), search("https://spine/")); spine.CodeOf(err) != spine.CodeUnavailable {
				t.Fatal(err)
			}
		}
		if n := len(b.requests()); n > 1000+200+20 || n < 1200 {
			t.Errorf("%d requests for 1000 calls", n)
		}
	})
}
