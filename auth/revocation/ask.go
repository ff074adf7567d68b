package revocation

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"
)

// lookAtHand takes in everything that needs no waiting. All of it is looked
// at, because one source that says revoked outweighs all that say good.
func (q *inquiry) lookAtHand() error {
	if err := q.lookInLists(); err != nil {
		return err
	}
	if err := q.takeStaple(); err != nil {
		return err
	}
	for _, u := range q.cert.OCSPServer {
		if a := q.answers.atHand(q.answerKey(u), q.answerOrigin(u)); a != nil {
			if err := q.takeAnswer(ByOCSP, a, noWaiting); err != nil {
				return err
			}
		}
	}
	return nil
}

func (q *inquiry) lookInLists() error {
	for _, l := range q.files.of(q.subject) {
		if err := q.takeList(ByFile, l); err != nil {
			return err
		}
	}
	for _, p := range q.points {
		for _, u := range p.urls {
			if l := q.lists.atHand(q.listKey(u), q.listOrigin(u)); l != nil {
				if err := q.takeList(ByCRL, l); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// takeList takes in what a list says. The error is that of a revocation.
func (q *inquiry) takeList(by Method, l *list) error {
	revoked, covered, err := l.judge(q.subject, q.now)
	switch {
	case revoked != nil:
		return &Error{
			Cert: commonName(q.cert), Kind: ErrRevoked, By: by, Source: l.source,
			Reason: revoked.reason, At: time.Unix(revoked.at, 0).UTC(),
		}
	case by == ByFile && errors.Is(err, ErrScope): // a folder holds the lists of many certificates
	case err != nil:
		q.missed(by, l.source, err)
	case !q.done():
		q.add(by, l, covered)
	}
	return nil
}

// add counts a list that says good, for these reasons.
func (q *inquiry) add(by Method, l *list, covered reasonSet) {
	s := Status{By: by, Source: l.source, ThisUpdate: l.from, NextUpdate: l.to}
	if q.covered != 0 { // by lists for some reasons each
		if q.status.ThisUpdate.After(s.ThisUpdate) {
			s.ThisUpdate = q.status.ThisUpdate
		}
		if q.status.NextUpdate.Before(s.NextUpdate) {
			s.NextUpdate = q.status.NextUpdate
		}
	}
	q.covered |= covered
	q.status = s
}

// takeStaple verifies a staple once; the same octets are known again. One that
// came with an earlier handshake counts as long as it is within its dates.
func (q *inquiry) takeStaple() error {
	k := q.answerKey("")
	known := q.answers.atHand(k, origin[*answer]{})
	if known != nil {
		if err := q.takeAnswer(ByStaple, known, noWaiting); err != nil {
			return err
		}
	}
	if len(q.staple) == 0 || known != nil && known.raw == sha256.Sum256(q.staple) {
		return nil
	}
	if len(q.staple) > maxAnswer {
		q.missed(ByStaple, "", fmt.Errorf("%w: more than %d bytes", ErrMalformed, maxAnswer))
		return nil
	}
	a, err := readAnswer(q.staple, q.subject, nil, q.now)
	if err != nil {
		q.missed(ByStaple, "", err)
		return nil
	}
	if a.proves(q.now) == nil {
		q.answers.put(k, a)
	}
	return q.takeAnswer(ByStaple, a, noWaiting)
}

// noWaiting leaves a responder that is to be looked up for later.
func noWaiting(*inquiry) error { return nil }

// takeAnswer takes in what a responder says. lookUp is how a delegated
// responder without id-pkix-ocsp-nocheck is looked up when no list at hand
// speaks of it. The error is that of a revocation.
func (q *inquiry) takeAnswer(by Method, a *answer, lookUp func(*inquiry) error) error {
	trusted, err := false, a.proves(q.now)
	if err == nil {
		trusted, err = q.trusts(a, lookUp)
	}
	switch {
	case err != nil:
		q.missed(by, a.source, err)
	case a.status == statusRevoked:
		return &Error{
			Cert: commonName(q.cert), Kind: ErrRevoked, By: by, Source: a.source,
			Reason: a.reason, At: a.at,
		}
	case !trusted:
		if by == ByStaple {
			q.pending = a
		}
		q.missed(by, a.source, fmt.Errorf("%w: no list says that its certificate is not revoked", ErrResponder))
	case !q.done():
		q.good = true
		q.status = Status{By: by, Source: a.source, ThisUpdate: a.from, NextUpdate: a.to}
	}
	return nil
}

// trusts says whether the answer's responder is known not to be revoked; the
// error is that it is.
func (q *inquiry) trusts(a *answer, lookUp func(*inquiry) error) (bool, error) {
	if a.signer == nil {
		return true, nil
	}
	r := &inquiry{Checker: q.Checker, subject: newSubject(a.signer, q.issuer), now: q.now}
	revoked := r.lookInLists()
	if revoked == nil && !unchecked(a.signer) {
		revoked = lookUp(r)
	}
	if revoked != nil {
		return false, fmt.Errorf("%w: its certificate is revoked", ErrResponder)
	}
	return unchecked(a.signer) || r.done(), nil
}

// begin starts the first fetch that ask would wait for.
func (q *inquiry) begin() {
	steps := []func() bool{q.beginList, q.beginAnswer}
	if q.ocspFirst {
		slices.Reverse(steps)
	}
	for _, begun := range steps {
		if begun() {
			return
		}
	}
}

func (q *inquiry) beginList() bool {
	for _, p := range q.points {
		for _, u := range p.urls {
			if _, _, err := q.fetcher.allowed(u); err == nil {
				q.lists.begin(q.listKey(u), q.listOrigin(u))
				return true
			}
		}
	}
	return false
}

func (q *inquiry) beginAnswer() bool {
	for _, u := range q.cert.OCSPServer {
		if _, _, err := q.fetcher.allowed(u); err == nil {
			q.answers.begin(q.answerKey(u), q.answerOrigin(u))
			return true
		}
	}
	return false
}

// ask asks the sources that the certificate names, in order, until the status
// is established. The error is that of a revocation.
func (q *inquiry) ask(ctx context.Context) error {
	// What was at hand and did not count is met again below.
	q.tried = slices.DeleteFunc(q.tried, func(a Attempt) bool { return a.By == ByCRL || a.By == ByOCSP })
	if a := q.pending; a != nil {
		q.tried = slices.DeleteFunc(q.tried, func(t Attempt) bool { return t.By == ByStaple })
		if err := q.takeAnswer(ByStaple, a, asking(ctx)); err != nil || q.done() {
			return err
		}
	}
	steps := []func(context.Context) error{q.askLists, q.askResponders}
	if q.ocspFirst {
		slices.Reverse(steps)
	}
	for _, step := range steps {
		if err := step(ctx); err != nil || q.done() {
			return err
		}
	}
	if q.fault != nil {
		q.missed("", "", q.fault)
	}
	return nil
}

// asking looks a responder up in the lists that its certificate names. Lists
// only: an answer about it would have the same signer.
func asking(ctx context.Context) func(*inquiry) error {
	return func(r *inquiry) error { return r.askLists(ctx) }
}

func (q *inquiry) askLists(ctx context.Context) error {
	for _, p := range q.points {
		for _, u := range p.urls {
			if q.done() {
				return nil
			}
			_, host, err := q.fetcher.allowed(u)
			if err != nil {
				q.missed(ByCRL, host, err)
				continue
			}
			l, err := fetchPart(ctx, q.lists, q.listKey(u), q.listOrigin(u))
			if err != nil {
				q.missed(ByCRL, host, err)
			}
			if l != nil {
				if err := q.takeList(ByCRL, l); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (q *inquiry) askResponders(ctx context.Context) error {
	for _, u := range q.cert.OCSPServer {
		_, host, err := q.fetcher.allowed(u)
		if err != nil {
			q.missed(ByOCSP, host, err)
			continue
		}
		a, err := fetchPart(ctx, q.answers, q.answerKey(u), q.answerOrigin(u))
		if err != nil {
			q.missed(ByOCSP, host, err)
		}
		if a != nil {
			if err := q.takeAnswer(ByOCSP, a, asking(ctx)); err != nil {
				return err
			}
		}
		if q.done() {
			return nil
		}
	}
	return nil
}

// fetchPart waits until half of the time to the deadline has passed: a host
// that hangs leaves time for another source.
func fetchPart[V item](ctx context.Context, s *store[V], k key, o origin[V]) (V, error) {
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(deadline)/2)
		defer cancel()
	}
	return s.fetch(ctx, k, o)
}
