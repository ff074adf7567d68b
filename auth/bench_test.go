package auth_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"testing"

	"github.com/nrlgo/nrlgo/auth"
)

// BenchmarkHandshake: dial, mutual TLS 1.2 and close, beside crypto/tls with
// its own verification.
func BenchmarkHandshake(b *testing.B) {
	k := assets(b)
	server := k.serverConfig(b)
	full := server.Clone()
	full.SessionTicketsDisabled = true
	plain := &tls.Config{
		MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384},
		RootCAs: k.pki.Root.Pool(), Certificates: []tls.Certificate{k.client.TLS()},
		ServerName: "localhost", ClientSessionCache: tls.NewLRUClientSessionCache(4),
	}
	for _, bm := range []struct {
		name    string
		server  *tls.Config
		resumed bool
		plain   bool
	}{
		{"auth-full", full, false, false},
		{"plain-full", full, false, true},
		{"auth-resumed", server, true, false},
		{"plain-resumed", server, true, true},
	} {
		b.Run(bm.name, func(b *testing.B) {
			addr := script(b, func(c net.Conn) {
				conn := tls.Server(c, bm.server)
				_, _ = io.Copy(io.Discard, conn)
			})
			d, err := auth.NewGoEngine(auth.TLSPolicy{Credentials: k.creds, Trust: k.off()})
			if err != nil {
				b.Fatal(err)
			}
			dial := func() bool {
				if bm.plain {
					conn := must[net.Conn](b)((&tls.Dialer{Config: plain}).DialContext(context.Background(), "tcp", addr))
					defer func() { _ = conn.Close() }()
					return conn.(*tls.Conn).ConnectionState().DidResume
				}
				conn := must[net.Conn](b)(d.DialTLSContext(context.Background(), "tcp", addr))
				defer func() { _ = conn.Close() }()
				return conn.(auth.Conn).ConnState().Resumed
			}
			dial() // the first is never resumed
			b.ReportAllocs()
			for b.Loop() {
				if dial() != bm.resumed {
					b.Fatalf("resumed is not %v", bm.resumed)
				}
			}
		})
	}
}
