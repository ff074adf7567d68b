package ssp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"

	"github.com/nrlgo/nrlgo/auth"
	"github.com/nrlgo/nrlgo/client/spine"
)

// OpLookup is the operation in an error of a [Directory] that was asked by
// itself. From [Client.Retrieve] it is that of the retrieval.
const OpLookup spine.Op = "lookup"

// Unreachable is the error of a look-up that brought no answer, for
// implementations of [Directory]: what ended ctx, a decision about a
// certificate (CodeCertificate), or a connection that failed
// (CodeUnavailable, or CodeTimeout). It keeps of err what is safe to show.
func Unreachable(ctx context.Context, err error) *spine.Error {
	e := &spine.Error{Op: OpLookup, Code: spine.CodeUnavailable, Origin: spine.OriginDir}
	e.Code, e.Err = unreachable(ctx, err)
	return e
}

func unreachable(ctx context.Context, err error) (spine.Code, error) {
	if ended := ctx.Err(); ended != nil {
		return spine.CodeOf(ended), fmt.Errorf("the directory did not answer before: %w", ended)
	}
	if ve, ok := errors.AsType[*auth.VerifyError](err); ok {
		return spine.CodeCertificate, ve
	}
	if he, ok := errors.AsType[*auth.HandshakeError](err); ok {
		for _, final := range []error{auth.ErrRefused, auth.ErrNoSuite, auth.ErrNoVersion, auth.ErrCredentials} {
			if errors.Is(he, final) {
				return spine.CodeCertificate, he
			}
		}
		if errors.Is(he, context.DeadlineExceeded) {
			return spine.CodeTimeout, he
		}
		return spine.CodeUnavailable, he
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return spine.CodeUnavailable, because(spine.ErrConnection, "the host name was not resolved")
	}
	if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() {
		return spine.CodeTimeout, fmt.Errorf("%w: %w", spine.ErrConnection, context.DeadlineExceeded)
	}
	for _, known := range []error{
		auth.ErrTruncated, auth.ErrProxy, auth.ErrClosed, auth.ErrWithdrawn, syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.EPIPE, io.ErrUnexpectedEOF, io.EOF,
	} {
		if errors.Is(err, known) {
			return spine.CodeUnavailable, fmt.Errorf("%w: %w", spine.ErrConnection, known)
		}
	}
	return spine.CodeUnavailable, spine.ErrConnection
}
