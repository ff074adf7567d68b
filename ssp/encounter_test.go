package ssp_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nrlgo/nrlgo/auth/nhs"
	"github.com/nrlgo/nrlgo/client/spine"
	"github.com/nrlgo/nrlgo/mocks"
	"github.com/nrlgo/nrlgo/ssp"
)

func TestEncounterRemembers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := &lookups{answer: func(context.Context) (nhs.ASID, error) { return asid, nil }}
		e := ssp.NewEncounter(d, time.Minute)
		one := ssp.Lookup{Organisation: owner, InteractionID: ssp.InteractionID, Host: "p1.nhs.uk"}
		elsewhere, other := one, one
		elsewhere.Host, other.Organisation = "p2.nhs.uk", who.Organisation
		ask := func(e *ssp.Encounter, q ssp.Lookup) {
			t.Helper()
			if got, err := e.Lookup(t.Context(), q); got != asid || err != nil {
				t.Errorf("%v, %v", got, err)
			}
		}
		ask(e, one)
		time.Sleep(time.Minute - time.Nanosecond) //nolint:forbidigo // the time of synctest
		ask(e, one)                               // remembered
		ask(e, elsewhere)                         // another question
		ask(e, other)
		time.Sleep(time.Nanosecond) //nolint:forbidigo // the time of synctest
		ask(e, one)                 // too old
		next := ssp.NewEncounter(d, 0)
		ask(next, one)                               // of its own
		time.Sleep(15*time.Minute - time.Nanosecond) //nolint:forbidigo // the time of synctest
		ask(next, one)
		if diff := cmp.Diff([]ssp.Lookup{one, elsewhere, other, one, one}, d.asked); diff != "" {
			t.Errorf("asked (-want +got)\n%s", diff)
		}
	})
}

func TestEncounterRemembersNoFailure(t *testing.T) {
	t.Parallel()
	answers := []error{ssp.ErrNoASID, context.DeadlineExceeded, nil, nil}
	d := &lookups{}
	d.answer = func(context.Context) (nhs.ASID, error) {
		err := answers[len(d.asked)-1]
		if err != nil || len(d.asked) == 3 {
			return nhs.ASID{}, err // and once nothing at all
		}
		return asid, nil
	}
	e := ssp.NewEncounter(d, 0)
	for _, want := range answers {
		if _, err := e.Lookup(t.Context(), ssp.Lookup{}); !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
	}
	if got, err := e.Lookup(t.Context(), ssp.Lookup{}); got != asid || err != nil || len(d.asked) != 4 {
		t.Errorf("%v, %v after %d questions", got, err, len(d.asked))
	}
}

func TestEncounterIsOver(t *testing.T) {
	t.Parallel()
	var e *ssp.Encounter
	d := &lookups{answer: func(context.Context) (nhs.ASID, error) { return asid, e.Close() }}
	e = ssp.NewEncounter(d, 0)
	for range 2 { // closed meanwhile, and before
		if got, err := e.Lookup(t.Context(), ssp.Lookup{}); !got.IsZero() || !errors.Is(err, ssp.ErrEncounter) {
			t.Errorf("%v, %v", got, err)
		}
	}
	if len(d.asked) != 1 || e.Close() != nil {
		t.Errorf("asked %d times", len(d.asked))
	}
	if _, err := ssp.NewEncounter(nil, 0).Lookup(t.Context(), ssp.Lookup{}); !errors.Is(err, ssp.ErrEncounter) {
		t.Error(err)
	}
}

func TestRetrieveWithinAnEncounter(t *testing.T) {
	t.Parallel()
	configured := &lookups{answer: func(context.Context) (nhs.ASID, error) { return nhs.ASID{}, ssp.ErrNoASID }}
	d := &lookups{answer: func(context.Context) (nhs.ASID, error) { return asid, nil }}
	b := setup(t, settings{edit: func(c *ssp.Config) { c.Directory = configured }})
	b.sp.Serve(mocks.Record{URL: recordURL, Body: document})
	e := ssp.NewEncounter(d, 0)
	b.mustGet(t, pointer(pdf(recordURL)), ssp.LookupIn(e))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			rec, err := b.get(t.Context(), pointer(pdf(recordURL)), ssp.LookupIn(e))
			if err != nil {
				t.Error(err)
				return
			}
			_ = rec.Close()
		})
	}
	wg.Wait()
	if len(d.asked) != 1 || len(configured.asked) != 0 {
		t.Errorf("asked %d times, and the configured directory %d times", len(d.asked), len(configured.asked))
	}
	_ = e.Close()
	_, err := b.get(t.Context(), pointer(pdf(recordURL)), ssp.LookupIn(e))
	if !errors.Is(err, ssp.ErrEncounter) || spine.CodeOf(err) != spine.CodeInvalid {
		t.Error(err)
	}
}
