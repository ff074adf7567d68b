package ssp

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/nrlgo/nrlgo/auth/nhs"
)

// ErrEncounter is the error of an [Encounter] that is asked for the provider's
// ASID and is closed, or has no Directory. CodeInvalid.
var ErrEncounter = errors.New("the encounter is over")

// Bounds of an encounter: one that nobody closes does not answer from another
// day, and one that serves a whole hospital does not grow.
const (
	defaultEncounterAge = 15 * time.Minute
	maxEncounterAnswers = 1024
)

// Encounter is a Directory that asks another one and remembers what it found,
// for one patient encounter or user session: open one with [NewEncounter],
// retrieve with the option [LookupIn], close it. Answers SHOULD be kept within
// a session and MUST NOT be used in another (NRL retrieval page), so without
// an Encounter nothing is remembered. Neither is an error, such as that of an
// organisation that is not known. Safe for concurrent use.
type Encounter struct {
	directory Directory
	maxAge    time.Duration

	mu    sync.Mutex
	known map[Lookup]answer // nil once it is closed
}

type answer struct {
	asid nhs.ASID
	at   time.Time
}

var _ Directory = (*Encounter)(nil)

// NewEncounter opens an encounter in front of d, whose answers are asked for
// again after maxAge; 0 or less means 15 minutes. The caller closes it.
func NewEncounter(d Directory, maxAge time.Duration) *Encounter {
	if maxAge <= 0 {
		maxAge = defaultEncounterAge
	}
	return &Encounter{directory: d, maxAge: maxAge, known: map[Lookup]answer{}}
}

// Lookup gives what it remembers, or else asks. Its error is that of the
// Directory, or wraps [ErrEncounter].
func (e *Encounter) Lookup(ctx context.Context, q Lookup) (nhs.ASID, error) {
	if e.directory == nil {
		return nhs.ASID{}, because(ErrEncounter, "it was opened without a directory")
	}
	e.mu.Lock()
	found, ok := e.known[q]
	over := e.known == nil
	e.mu.Unlock()
	switch {
	case over:
		return nhs.ASID{}, ErrEncounter
	case ok && time.Since(found.at) < e.maxAge:
		return found.asid, nil
	}
	asked := time.Now()
	asid, err := e.directory.Lookup(ctx, q)
	if err != nil || asid.IsZero() {
		return asid, err
	}
	if err := e.remember(q, answer{asid, asked}); err != nil {
		return nhs.ASID{}, err
	}
	return asid, nil
}

// remember keeps an answer, unless the encounter ended meanwhile.
func (e *Encounter) remember(q Lookup, a answer) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.known == nil {
		return ErrEncounter
	}
	if len(e.known) < maxEncounterAnswers {
		e.known[q] = a
	}
	return nil
}

// Close forgets everything and refuses further questions. It returns nil, and
// leaves the Directory open.
func (e *Encounter) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.known = nil
	return nil
}
