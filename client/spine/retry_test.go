package spine

import (
	"math"
	"testing"
	"time"
)

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 24, 9, 30, 0, 0, time.UTC)
	for _, tt := range []struct {
		name, value string
		want        time.Duration
	}{
		{"absent", "", 0},
		{"seconds", "3", 3 * time.Second},
		{"seconds with blanks", " 3 ", 3 * time.Second},
		{"a day", "86400", 24 * time.Hour},
		{"negative", "-5", 0},
		{"more nanoseconds than an int64 has", "9223372037", math.MaxInt64},
		{"more than an int64 has", "99999999999999999999999", math.MaxInt64},
		{"less than an int64 has", "-99999999999999999999999", 0},
		{"junk", "soon", 0},
		{"a fraction is junk", "1.5", 0},
		{"an HTTP date", "Tue, 24 Nov 2026 09:30:07 GMT", 7 * time.Second},
		{"an RFC 850 date", "Tuesday, 24-Nov-26 09:30:07 GMT", 7 * time.Second},
		{"an asctime date", "Tue Nov 24 09:30:07 2026", 7 * time.Second},
		{"a date that is past", "Tue, 24 Nov 2026 09:29:00 GMT", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := retryAfter(tt.value, now); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestBackoffIsJitteredUnderADoublingCeiling(t *testing.T) {
	t.Parallel()
	for n, ceiling := range map[int]time.Duration{1: 250 * time.Millisecond, 2: 500 * time.Millisecond, 3: time.Second, 9: longWait} {
		seen := map[time.Duration]bool{}
		for range 100 {
			d := backoff(n)
			if d < 0 || d >= ceiling {
				t.Fatalf("wait %d: %s is outside [0, %s)", n, d, ceiling)
			}
			seen[d] = true
		}
		if len(seen) < 50 {
			t.Errorf("wait %d: only %d different waits in 100", n, len(seen))
		}
	}
}

func TestQuotaBoundsRetriesToAFifthOfCalls(t *testing.T) {
	t.Parallel()
	q := newQuota()
	for q.take() { // an outage empties it
	}
	retries := 0
	const calls = 1000
	for range calls {
		q.earn()
		for range 3 {
			if q.take() {
				retries++
			}
		}
	}
	if retries > calls/5 || retries < calls/5-1 {
		t.Errorf("%d retries for %d calls, want a fifth", retries, calls)
	}
}
