package spine

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Waits between attempts: full jitter under a doubling ceiling.
const (
	firstWait = 250 * time.Millisecond
	longWait  = 5 * time.Second
)

// again decides whether another attempt is made, and how long to wait before
// it. It does not wait past the deadline: what is known now is returned now.
func (a *call) again(ctx context.Context, _ *http.Response, _ error) (bool, error) {
	if a.last == nil || !a.transient || ctx.Err() != nil || a.attempts > a.client.config.Limits.Retries {
		return false, nil //nolint:nilerr // run says that ctx has ended, and what was before
	}
	wait := backoff(a.attempts)
	switch after := a.last.RetryAfter; {
	case after > a.client.config.Limits.RetryAfter:
		return false, nil
	case after > 0:
		wait = after + rand.N(after/10+time.Millisecond)
	case a.wait < 0:
		wait = 0
	}
	end := a.deadline
	if d, ok := ctx.Deadline(); ok && d.Before(end) {
		end = d
	}
	if time.Until(end) <= wait || !a.client.quota.take() {
		return false, nil
	}
	a.wait = wait
	return true, nil
}

// backoff is the wait after attempt n, 1 for the first.
func backoff(n int) time.Duration {
	return rand.N(min(firstWait<<(n-1), longWait))
}

// retryAfter reads a Retry-After header: seconds or an HTTP date. What is
// past, negative or junk is 0; what is absurd is the longest duration.
func retryAfter(v string, now time.Time) time.Duration {
	v = strings.TrimSpace(v)
	if s, err := strconv.ParseInt(v, 10, 64); err == nil || errors.Is(err, strconv.ErrRange) {
		if s > math.MaxInt64/int64(time.Second) {
			return math.MaxInt64
		}
		return max(0, time.Duration(s)*time.Second)
	}
	if t, err := http.ParseTime(v); err == nil {
		return max(0, t.Sub(now))
	}
	return 0
}

// quota is a budget of retries that all calls share, so that an outage is
// not answered with four times the load: a call earns a fifth of a retry.
type quota struct {
	mu     sync.Mutex
	tokens float64
}

const (
	quotaFull = 20
	quotaEarn = 0.2
)

func newQuota() quota { return quota{tokens: quotaFull} }

func (q *quota) earn() {
	q.mu.Lock()
	q.tokens = min(quotaFull, q.tokens+quotaEarn)
	q.mu.Unlock()
}

func (q *quota) take() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.tokens < 1 {
		return false
	}
	q.tokens--
	return true
}
