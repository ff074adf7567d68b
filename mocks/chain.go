package mocks

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// chain is a request that failed and what was done about it: further requests
// of one requester for one URL within a while count as its retries.
type chain struct {
	retries int
	waited  time.Duration // between a failure and the next request, in all
	status  int           // of the last failure, 0 when none was answered
	ended   time.Time
	after   time.Time // not earlier, said Retry-After; zero: it said nothing
}

const (
	// retryWindow is how long after a failure a request counts as its retry.
	retryWindow = 10 * time.Second
	// repeatWindow is the same after a failure that is final, where a person
	// may well ask again.
	repeatWindow = 2 * time.Second
	maxRetries   = 3 // SSP page
	// leastWait is how long two retries and more wait together at least, jitter
	// considered.
	leastWait = 50 * time.Millisecond
	slack     = 50 * time.Millisecond
	maxChains = 10_000
)

// transient reports a failure that may be retried (SSP page).
func transient(status int) bool {
	return slices.Contains([]int{0, http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout}, status)
}

// key says which requests belong together.
func (r *Request) key() string {
	who, _ := r.Claims["sub"].(string)
	return r.Service.String() + " " + r.Method + " " + who + " " + r.URI
}

// retried judges a request that follows a failure of the same.
func (t *tally) retried(r *Request, arrived time.Time) {
	c := t.chains[r.key()]
	if c == nil || arrived.Before(c.ended) {
		return
	}
	gap := arrived.Sub(c.ended)
	if !c.after.IsZero() {
		if arrived.Add(slack).Before(c.after) {
			t.figures[dutyRetryAfter].breach("asked again before Retry-After allowed it")
		} else {
			t.figures[dutyRetryAfter].shown++
		}
		c.ended = c.after // the server's own time is no back-off
	}
	if !transient(c.status) {
		if gap < repeatWindow {
			t.figures[dutyRetryTransient].breach("asked again at once after status " + strconv.Itoa(c.status))
		}
		delete(t.chains, r.key())
		return
	}
	if arrived.Sub(c.ended) > retryWindow {
		delete(t.chains, r.key()) // somebody asks anew
		return
	}
	c.retries++
	c.waited += gap
	t.figures[dutyRetryTransient].shown++
	if c.retries > maxRetries {
		t.figures[dutyRetryLimit].breach("more than three requests followed a failure, each within 10 s")
	} else {
		t.figures[dutyRetryLimit].shown++
	}
	switch {
	case c.waited >= leastWait:
		t.figures[dutyRetryBackOff].shown++
	case c.retries > 1:
		t.figures[dutyRetryBackOff].breach("retries followed within less than 50 ms")
	}
}

// ended notes how a request ended, and when: now is the machine's time, clock
// the mock's.
func (t *tally) ended(r *Request, status int, now, clock time.Time, header []Field) {
	key := r.key()
	none := status == http.StatusNotFound // an answer, which a person may well ask for again
	if none || status >= 200 && status < 400 {
		delete(t.chains, key)
		return
	}
	c := t.chains[key]
	if c == nil {
		if len(t.chains) >= maxChains {
			clear(t.chains)
		}
		c = &chain{}
		t.chains[key] = c
	}
	c.status, c.ended, c.after = status, now, time.Time{}
	for _, f := range header {
		if !strings.EqualFold(f.Name, "Retry-After") {
			continue
		}
		if n, err := strconv.ParseInt(f.Value, 10, 32); err == nil && n > 0 {
			c.after = now.Add(time.Duration(n) * time.Second)
		} else if at, err := http.ParseTime(f.Value); err == nil {
			c.after = now.Add(at.Sub(clock))
		}
	}
}
