package ssp_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/nrlgo/nrlgo/auth"
	"github.com/nrlgo/nrlgo/client/spine"
	"github.com/nrlgo/nrlgo/ssp"
)

func TestUnreachable(t *testing.T) {
	t.Parallel()
	over, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancel := context.WithTimeout(t.Context(), -1)
	defer cancel()
	secret := func(err error) error { return fmt.Errorf("Get https://secret.example/?x=1: %w", err) }
	for _, tt := range []struct {
		name string
		ctx  context.Context
		err  error
		code spine.Code
		is   error
	}{
		{"the caller left", over, secret(io.EOF), spine.CodeCanceled, context.Canceled},
		{"time is up", late, secret(io.EOF), spine.CodeTimeout, context.DeadlineExceeded},
		{"a certificate is refused", t.Context(), secret(&auth.VerifyError{Host: "sds"}), spine.CodeCertificate, auth.ErrUntrusted},
		{"ours is refused", t.Context(), secret(&auth.HandshakeError{Host: "sds", Err: auth.ErrRefused}), spine.CodeCertificate, auth.ErrRefused},
		{"no TLS", t.Context(), secret(&auth.HandshakeError{Host: "sds", Err: auth.ErrNotTLS}), spine.CodeUnavailable, auth.ErrNotTLS},
		{"a slow handshake", t.Context(), &auth.HandshakeError{Host: "sds", Err: context.DeadlineExceeded}, spine.CodeTimeout, context.DeadlineExceeded},
		{"no such host", t.Context(), secret(&net.DNSError{Name: "secret.example"}), spine.CodeUnavailable, spine.ErrConnection},
		{"a slow connection", t.Context(), secret(os.ErrDeadlineExceeded), spine.CodeTimeout, context.DeadlineExceeded},
		{"nobody listens", t.Context(), secret(syscall.ECONNREFUSED), spine.CodeUnavailable, syscall.ECONNREFUSED},
		{"it hung up", t.Context(), secret(auth.ErrTruncated), spine.CodeUnavailable, auth.ErrTruncated},
		{"anything else", t.Context(), secret(errors.New("secret")), spine.CodeUnavailable, spine.ErrConnection},
	} {
		got := ssp.Unreachable(tt.ctx, tt.err)
		if got.Code != tt.code || !errors.Is(got, tt.is) || got.Origin != spine.OriginDir || got.Op != ssp.OpLookup || strings.Contains(got.Error(), "secret") {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}
