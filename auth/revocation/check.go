package revocation

import (
	"bytes"
	"context"
	"crypto/x509"
	"fmt"
	"time"
)

// Check establishes the revocation of every certificate of a verified chain,
// leaf first, but the last, which is the anchor. staple is the OCSP answer
// about the leaf that came with the handshake, if any.
//
// The error is an [*Error], ErrChain, or that of ctx. With everything at hand
// Check does no input or output, apart from a look at the list files every 30
// seconds. Else each source is waited for until half of the time to the
// deadline of ctx has passed, so that another can be tried.
func (k *Checker) Check(ctx context.Context, chain []*x509.Certificate, staple []byte) (Result, error) {
	inquiries, r, err := k.open(chain, staple)
	if inquiries == nil {
		return r, err
	}
	// What is at hand first, for all: the fetches that are needed then run
	// side by side.
	for _, q := range inquiries {
		if err := q.lookAtHand(); err != nil {
			return Result{}, err
		}
		if !q.done() {
			q.begin()
		}
	}
	for i, q := range inquiries {
		if !q.done() {
			if err := q.ask(ctx); err != nil {
				return Result{}, err
			}
		}
		if !q.done() {
			if err := ctx.Err(); err != nil {
				return Result{}, fmt.Errorf("revocation: %s: %w: %w", quoted(commonName(q.cert)), ErrUnknown, err)
			}
			if k.mode == hard {
				return Result{}, q.unknown()
			}
		}
		r.Certs[i] = q.result()
	}
	return r, nil
}

// Recheck asks again about a chain that Check accepted, from what is at hand
// only: it never waits. Callers close a connection when it returns an error
// that wraps ErrRevoked. Under the hard policy an error that wraps ErrUnknown
// says that what Check stood on is out of date; a new Check then tells more.
// What is due is fetched in the background, so that calling Recheck now and
// then keeps it new. It costs microseconds.
func (k *Checker) Recheck(chain []*x509.Certificate) error {
	inquiries, _, err := k.open(chain, nil)
	if inquiries == nil {
		return err
	}
	var unknown error
	for _, q := range inquiries {
		if err := q.lookAtHand(); err != nil {
			return err // revoked, which outweighs unknown
		}
		if q.done() {
			continue
		}
		q.begin()
		if k.mode == hard && unknown == nil {
			q.missed("", "", ErrNotAtHand)
			unknown = q.unknown()
		}
	}
	return unknown
}

// open prepares a check; without inquiries the result is final.
func (k *Checker) open(chain []*x509.Certificate, staple []byte) ([]*inquiry, Result, error) {
	switch {
	case k == nil:
		return nil, Result{}, fmt.Errorf("revocation: %w: no checker was made", ErrUnknown)
	case k.mode == off && k.reason == "":
		return nil, Result{}, fmt.Errorf("revocation: %w", ErrReason)
	case k.mode == off:
		return nil, Result{Off: k.reason}, nil
	case len(chain) < 2:
		return nil, Result{}, ErrChain
	}
	n := len(chain) - 1
	inquiries := make([]*inquiry, n)
	for i := range n {
		if !bytes.Equal(chain[i].RawIssuer, chain[i+1].RawSubject) {
			return nil, Result{}, ErrChain
		}
		inquiries[i] = &inquiry{Checker: k, subject: newSubject(chain[i], chain[i+1]), now: k.life.now()}
	}
	inquiries[0].staple = staple
	return inquiries, Result{Certs: make([]Status, n)}, nil
}

// inquiry is the question about one certificate, and what is known so far.
type inquiry struct {
	*Checker
	*subject
	staple []byte
	now    time.Time

	covered reasonSet // for which lists say that it is good
	good    bool      // an answer says so
	status  Status
	tried   []Attempt
	pending *answer // a staple whose responder is still to be looked up
}

func (q *inquiry) done() bool { return q.good || q.covered == allReasons }

func (q *inquiry) missed(by Method, source string, err error) {
	q.tried = append(q.tried, Attempt{by, source, err})
}

func (q *inquiry) unknown() *Error {
	e := &Error{Cert: commonName(q.cert), Kind: ErrUnknown, Tried: q.tried}
	if len(e.Tried) == 0 {
		e.Tried = []Attempt{{Err: ErrNoSource}}
	}
	return e
}

func (q *inquiry) result() Status {
	q.status.Cert = commonName(q.cert)
	if !q.done() {
		return Status{Cert: q.status.Cert, Unknown: q.unknown()}
	}
	return q.status
}
