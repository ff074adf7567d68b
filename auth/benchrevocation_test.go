//go:build unix

package auth_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/nrlgo/nrlgo/auth"
	"github.com/nrlgo/nrlgo/auth/internal/enginetest"
	"github.com/nrlgo/nrlgo/auth/revocation"
	"github.com/nrlgo/nrlgo/mocks/pki"
)

// BenchmarkRevocation compares, turn by turn, the processor time of full
// handshakes with revocation from lists at hand and without revocation. The
// server is another process.
func BenchmarkRevocation(b *testing.B) {
	k := assets(b)
	leaf := must[*pki.Leaf](b)(k.pki.Server("localhost"))
	s := enginetest.ServeOpenSSL(b, k.pki, leaf, "-tls1_2", "-no_ticket")
	c := revocation.Config{Lists: []string{filepath.Join(b.TempDir(), "root.crl"), filepath.Join(b.TempDir(), "sub.crl")}}
	for i, ca := range []*pki.CA{k.pki.Root, k.pki.Sub} {
		if err := os.WriteFile(c.Lists[i], must[[]byte](b)(ca.CRL(time.Now().AddDate(0, 0, 1), nil, k.client.Cert)), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	checker := must[*revocation.Checker](b)(revocation.New(c))
	defer checker.Close()
	arms := []struct {
		trust  *auth.Trust
		dialer auth.Dialer
		spent  time.Duration
	}{{trust: k.off()}, {trust: k.trust.WithRevocation(checker)}}
	dial := func(d auth.Dialer) {
		_ = must[net.Conn](b)(d.DialTLSContext(context.Background(), "tcp", s.Addr)).Close()
	}
	for i := range arms {
		arms[i].dialer = must[auth.Dialer](b)(auth.NewGoEngine(auth.TLSPolicy{Credentials: k.creds, Trust: arms[i].trust}))
		defer func() { _ = arms[i].dialer.Close() }()
		dial(arms[i].dialer)
	}
	n := 0
	for b.Loop() {
		for i := range arms {
			begun := processor(b)
			dial(arms[(i+n)%2].dialer)
			arms[(i+n)%2].spent += processor(b) - begun
		}
		n++
	}
	off, cached := arms[0].spent.Seconds()/float64(n), arms[1].spent.Seconds()/float64(n)
	b.ReportMetric(off*1e6, "off-cpu-µs")
	b.ReportMetric(cached*1e6, "cached-cpu-µs")
	b.ReportMetric((cached/off-1)*100, "extra-%")
}

// processor is the processor time of this process.
func processor(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
