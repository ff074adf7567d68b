package sds

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/nrlgo/nrlgo/auth/nhs"
	"github.com/nrlgo/nrlgo/client/spine"
	"github.com/nrlgo/nrlgo/ssp"
)

var _ ssp.Directory = (*Directory)(nil)

// Lookup finds the ASID of the organisation's system at q.Host.
//
// The error is a [*spine.Error]: CodeInvalid with [ssp.ErrNoASID] when there
// is no such system or the question cannot be asked, CodeUnexpected with
// [ssp.ErrDirectory], otherwise as the status and the connection have it. Its TraceID
// is the X-Correlation-Id of the requests.
func (d *Directory) Lookup(ctx context.Context, q ssp.Lookup) (nhs.ASID, error) {
	l := &lookup{directory: d, question: q, correlation: newUUID()}
	if err := q.Check(); err != nil {
		return nhs.ASID{}, &spine.Error{Op: ssp.OpLookup, Code: spine.CodeInvalid, Origin: spine.OriginLocal, Err: err}
	}
	ctx, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	var (
		devices   []ssp.System
		endpoints []ssp.Endpoint
		first     error
		once      sync.Once
		both      sync.WaitGroup
	)
	fail := func(err error) {
		if err != nil {
			once.Do(func() { first = err; cancel() })
		}
	}
	both.Go(func() {
		var err error
		devices, err = ask(ctx, l, "Device", l.system)
		fail(err)
	})
	both.Go(func() {
		var err error
		endpoints, err = ask(ctx, l, "Endpoint", endpoint)
		fail(err)
	})
	both.Wait()
	if first != nil {
		return nhs.ASID{}, first
	}
	if len(devices) == 0 || len(endpoints) == 0 {
		return nhs.ASID{}, l.fault(spine.CodeInvalid, fmt.Errorf("%w: the directory has no such system of the organisation, or was late behind its API", ssp.ErrNoASID))
	}
	asid, err := ssp.Choose(ssp.Join(devices, endpoints), q.Host)
	if err != nil {
		return nhs.ASID{}, l.fault(spine.CodeInvalid, err)
	}
	return asid, nil
}

// lookup is one look-up with its requests.
type lookup struct {
	directory   *Directory
	question    ssp.Lookup
	correlation string
	requests    atomic.Int32
}

// fault is an error of this look-up.
func (l *lookup) fault(code spine.Code, err error) *spine.Error {
	return &spine.Error{
		Op: ssp.OpLookup, Code: code, Origin: spine.OriginDir, TraceID: l.correlation, Attempts: int(l.requests.Load()), Err: err,
	}
}

// newUUID is a random UUID (RFC 9562, version 4): the API refuses any other
// X-Correlation-Id (SSP page).
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: it crashes the program instead
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
