package mocks

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestRetriesAreJudged plays requests for one URL by a clock: each is answered
// at once, and the next arrives after the wait.
func TestRetriesAreJudged(t *testing.T) {
	t.Parallel()
	const ms, s = time.Millisecond, time.Second
	start := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	soon := []Field{{"Retry-After", "2"}}
	type step struct {
		status int
		header []Field
		wait   time.Duration // before the next
	}
	for _, tt := range []struct {
		name  string
		steps []step
		want  map[string]string // duty -> "shown broken"
	}{
		{"one request", []step{{status: 200}}, nil},
		{"a failure and nothing more", []step{{status: 503}}, nil},
		{"one retry", []step{{503, nil, 100 * ms}, {status: 200}}, map[string]string{"retry-limit": "1 0", "retry-back-off": "1 0", "retry-transient": "1 0"}},
		{
			"three retries",
			[]step{{503, nil, 100 * ms}, {502, nil, 200 * ms}, {0, nil, 400 * ms}, {status: 504}},
			map[string]string{"retry-limit": "3 0", "retry-back-off": "3 0", "retry-transient": "3 0"},
		},
		{
			"four retries",
			[]step{{503, nil, 100 * ms}, {503, nil, 200 * ms}, {503, nil, 400 * ms}, {503, nil, 800 * ms}, {status: 503}},
			map[string]string{"retry-limit": "3 1", "retry-back-off": "4 0", "retry-transient": "4 0"},
		},
		{
			"no back-off",
			[]step{{503, nil, ms}, {503, nil, ms}, {503, nil, ms}, {status: 503}},
			map[string]string{"retry-limit": "3 0", "retry-back-off": "0 2", "retry-transient": "3 0"},
		},
		{"asked anew after a while", []step{{503, nil, 11 * s}, {status: 503}}, nil},
		{"asked again after an answer", []step{{200, nil, ms}, {status: 200}}, nil},
		{"a final failure asked again at once", []step{{500, nil, s}, {status: 500}}, map[string]string{"retry-transient": "0 1"}},
		{"a final failure asked again by somebody", []step{{500, nil, 3 * s}, {status: 500}}, nil},
		{"none found, asked again: an answer", []step{{404, nil, ms}, {status: 404}}, nil},
		{
			"Retry-After honoured",
			[]step{{429, soon, 2100 * ms}, {status: 200}},
			map[string]string{"retry-after": "1 0", "retry-limit": "1 0", "retry-back-off": "1 0", "retry-transient": "1 0"},
		},
		{
			"Retry-After ignored",
			[]step{{429, soon, s}, {status: 200}},
			map[string]string{"retry-after": "0 1", "retry-limit": "1 0", "retry-back-off": "1 0", "retry-transient": "1 0"},
		},
		{
			"Retry-After as a date of the mock's clock",
			[]step{{503, []Field{{"Retry-After", "Fri, 02 Jan 2026 00:00:03 GMT"}}, s}, {status: 200}},
			map[string]string{"retry-after": "0 1", "retry-limit": "1 0", "retry-back-off": "1 0", "retry-transient": "1 0"},
		},
		{
			"Retry-After that says nothing",
			[]step{{503, []Field{{"Retry-After", "soon"}}, s}, {status: 200}},
			map[string]string{"retry-limit": "1 0", "retry-back-off": "1 0", "retry-transient": "1 0"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tally, now := newTally(start), start
			clock := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
			r := &Request{Service: NRL, Method: "GET", URI: "/STU3/DocumentReference?_id=x"}
			for _, step := range tt.steps {
				tally.retried(r, now)
				tally.ended(r, step.status, now, clock, step.header)
				now = now.Add(step.wait)
			}
			got := map[string]string{}
			for d := dutyRetryLimit; d <= dutyRetryTransient; d++ {
				if f := tally.figures[d]; f.shown+f.broken > 0 {
					got[duties[d].id] = string(rune('0'+f.shown)) + " " + string(rune('0'+f.broken))
				}
			}
			if tt.want == nil {
				tt.want = map[string]string{}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// Another requester's or another patient's request is no retry.
func TestRetriesBelongToOneRequesterAndURL(t *testing.T) {
	t.Parallel()
	tally, now := newTally(time.Now()), time.Now()
	first := &Request{Service: NRL, Method: "GET", URI: "/a", Claims: map[string]any{"sub": "me"}}
	tally.ended(first, 503, now, now, nil)
	for _, other := range []*Request{
		{Service: SSP, Method: "GET", URI: "/a", Claims: first.Claims},
		{Service: NRL, Method: "GET", URI: "/b", Claims: first.Claims},
		{Service: NRL, Method: "GET", URI: "/a", Claims: map[string]any{"sub": "you"}},
	} {
		tally.retried(other, now)
	}
	tally.retried(first, now.Add(-time.Second)) // sent before the first had failed
	if f := tally.figures[dutyRetryLimit]; f.shown+f.broken != 0 {
		t.Errorf("%d requests were taken for retries", f.shown+f.broken)
	}
	tally.retried(first, now)
	if f := tally.figures[dutyRetryLimit]; f.shown != 1 {
		t.Errorf("%d retries, want 1", f.shown)
	}
}

func TestEveryDutyHasItsWords(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for d := duty(1); d < dutyEnd; d++ {
		text := duties[d]
		if text.id == "" || text.rule == "" || text.page == "" || seen[text.id] {
			t.Errorf("duty %d: %+v", d, text)
		}
		seen[text.id] = true
	}
}

func TestMasked(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ text, want string }{
		{"fromASID HTTP Header is missing", "fromASID HTTP Header is missing"},
		{"the NHS Number format: 9462205957", "the NHS Number format: [number]"},
		{"the NHS Number format: 946 220 5957", "the NHS Number format: [number]"},
		{"ASID_CHECK_FAILED_MESSAGESENDER_200000000115", "ASID_CHECK_FAILED_MESSAGESENDER_[number]"},
		{"ENDPOINT_https://p1.nhs.uk/x_CPAID_1", "ENDPOINT_[URL]"},
		{"at HTTPS%3A%2F%2Fp1.nhs.uk now", "at [URL] now"},
		{"id 0b9f2c1e-6c1d-4f7a-9d5e-00000000000A-12ab", "id [id]"},
		{"token eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJpc3MiOiJodHRwcyJ9.", "token [token]"},
		{"exp is not iat + 300 s", "exp is not iat + 300 s"},
	} {
		if diff := cmp.Diff(tt.want, masked(tt.text)); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
	}
	long := make([]rune, 300)
	for i := range long {
		long[i] = 'é'
	}
	if got := []rune(masked(string(long))); len(got) != maxNote+2 {
		t.Errorf("cut to %d", len(got))
	}
}
