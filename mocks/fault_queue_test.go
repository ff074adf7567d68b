package mocks_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nrlgo/nrlgo/mocks"
)

// draws are the statuses of n requests to a mock with a fault.
func draws(t *testing.T, n int, f mocks.Fault) string {
	t.Helper()
	sp, c := setup(t)
	sp.AddPlainPage("/p", "text/html", "x")
	sp.Fault(f)
	var statuses strings.Builder
	for range n {
		r := c.send(t, ask{method: "GET", base: sp.PlainURL(), target: "/p"})
		statuses.WriteString(map[int]string{200: ".", 503: "x"}[r.status])
	}
	return statuses.String()
}

func TestRateDrawsBySeed(t *testing.T) {
	t.Parallel()
	rate := func(share float64, seed uint64) string {
		return draws(t, 60, mocks.Rate(share, seed, mocks.Status(503)))
	}
	first := rate(0.5, 1)
	if n := strings.Count(first, "x"); n < 15 || n > 45 {
		t.Errorf("a half of 60 is %d", n)
	}
	if again := rate(0.5, 1); again != first {
		t.Errorf("the same seed: %s, then %s", first, again)
	}
	if other := rate(0.5, 2); other == first {
		t.Errorf("another seed: the same draws %s", other)
	}
	if none := rate(0, 1); strings.Contains(none, "x") {
		t.Errorf("none: %s", none)
	}
	if all := rate(1, 1); strings.Contains(all, ".") {
		t.Errorf("all: %s", all)
	}
	if bounded := draws(t, 60, mocks.Times(3, mocks.Rate(0.5, 1, mocks.Status(503)))); strings.Count(bounded, "x") != 3 || bounded[:strings.LastIndex(bounded, "x")+1] != first[:strings.LastIndex(bounded, "x")+1] {
		t.Errorf("three of a half: %s of %s", bounded, first)
	}
}

// TestEveryKindOfFault makes each from JSON: its name says which it is.
func TestEveryKindOfFault(t *testing.T) {
	t.Parallel()
	if n := len(mocks.FaultKinds()); n < 45 {
		t.Errorf("%d kinds", n)
	}
	for _, kind := range mocks.FaultKinds() {
		f, err := mocks.FaultSpec{Kind: kind, Status: 503, Every: "1ms", Value: "seconds", Times: 1, Rate: 1}.Fault()
		if err != nil || f.String() != kind {
			t.Errorf("%s: made %q, %v", kind, f, err)
		}
	}
}

func TestFaultsOfJSONAreChecked(t *testing.T) {
	t.Parallel()
	for name, spec := range map[string]mocks.FaultSpec{
		"an unknown kind": {Kind: "flood"}, "no kind": {}, "no status": {Kind: "status"}, "a status that is none": {Kind: "status", Status: 1000},
		"no form": {Kind: "throttle", Value: "later"}, "no duration": {Kind: "drip", Bytes: 1}, "a negative duration": {Kind: "delay", Every: "-1s"},
		"negative times": {Kind: "reset", Times: -1}, "a rate above 1": {Kind: "reset", Rate: 1.5}, "a rate below 0": {Kind: "reset", Rate: -1},
	} {
		if _, err := spec.Fault(); !errors.Is(err, mocks.ErrFault) {
			t.Errorf("%s: got %v, want ErrFault", name, err)
		}
	}
}

func TestPendingFaultsCountDown(t *testing.T) {
	t.Parallel()
	sp, c := setup(t)
	sp.Fault(mocks.On(mocks.Plain, mocks.Times(2, mocks.Status(503))))
	sp.Fault(mocks.Stall())
	sp.Fault(mocks.Times(0, mocks.Reset()))
	c.send(t, ask{method: "GET", base: sp.PlainURL(), target: "/"})
	want := []mocks.PendingFault{{Kind: "status", Service: mocks.Plain, Left: 1}, {Kind: "stall"}}
	if diff := cmp.Diff(want, sp.PendingFaults()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
