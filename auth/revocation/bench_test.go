package revocation_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"testing"

	"github.com/nrlgo/nrlgo/auth/revocation"
	"github.com/nrlgo/nrlgo/mocks/pki"
)

// benchmarked are the ways in which everything is at hand.
func benchmarked(b *testing.B) map[string]func(*world) (*revocation.Checker, *pki.Leaf, []byte) {
	b.Helper()
	return map[string]func(*world) (*revocation.Checker, *pki.Leaf, []byte){
		"file": func(w *world) (*revocation.Checker, *pki.Leaf, []byte) {
			return w.checker(revocation.Config{Lists: []string{w.file("sub.crl", w.crl(w.Sub, nil))}}), w.leaf("localhost", pki.Hosts("localhost")), nil
		},
		"one of 500 partitions": func(w *world) (*revocation.Checker, *pki.Leaf, []byte) {
			var lists [][]byte
			for i := range 500 {
				point := extension(w.t, oidIDP, true, idp{Name: uri(fmt.Sprintf("http://crl.nhs.uk/int/1c/crlc%d.crl", i))})
				lists = append(lists, w.crl(w.Sub, func(l *tbsList) { l.Extensions = append(l.Extensions, point) }))
			}
			leaf := w.leaf("localhost", func(c *x509.Certificate) {
				named("http://crl.nhs.uk/int/1c/crlc7.crl", "")(c)
				pki.Hosts("localhost")(c)
			})
			return w.checker(revocation.Config{Lists: []string{w.file("all.pem", pemList(lists...))}}), leaf, nil
		},
		"fetched": func(w *world) (*revocation.Checker, *pki.Leaf, []byte) {
			s := serve(w.t, bytesOf(func() []byte { return w.crl(w.Sub, nil) }))
			leaf := w.leaf("localhost", func(c *x509.Certificate) {
				named(s.URL, "")(c)
				pki.Hosts("localhost")(c)
			})
			return w.checker(revocation.Config{Hosts: []string{s.host}}), leaf, nil
		},
		"staple": func(w *world) (*revocation.Checker, *pki.Leaf, []byte) {
			leaf := w.leaf("localhost", pki.Hosts("localhost"))
			return w.checker(revocation.Config{}), leaf, w.goodReply(w.Sub, leaf.Cert).der(w.t)
		},
	}
}

// BenchmarkCheck is a check of leaf and sub CA with everything at hand.
func BenchmarkCheck(b *testing.B) {
	for name, prepare := range benchmarked(b) {
		b.Run(name, func(b *testing.B) {
			w := setup(b)
			k, leaf, staple := prepare(w)
			chain := w.chain(leaf)
			if _, err := k.Check(b.Context(), chain, staple); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := k.Check(b.Context(), chain, staple); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkHandshake is a whole TLS 1.2 handshake, both ends in one process;
// "without" verifies the chain and nothing more.
func BenchmarkHandshake(b *testing.B) {
	ways := benchmarked(b)
	ways["without"] = ways["file"]
	for name, prepare := range ways {
		b.Run(name, func(b *testing.B) {
			w := setup(b)
			k, leaf, staple := prepare(w)
			served := leaf.TLS()
			served.OCSPStaple = staple
			server := &tls.Config{Certificates: []tls.Certificate{served}, MaxVersion: tls.VersionTLS12, SessionTicketsDisabled: true}
			client := &tls.Config{RootCAs: w.Root.Pool(), ServerName: "localhost", Time: w.now, MinVersion: tls.VersionTLS12}
			if name != "without" {
				client.VerifyConnection = func(s tls.ConnectionState) error {
					_, err := k.Check(b.Context(), s.VerifiedChains[0], s.OCSPResponse)
					return err
				}
			}
			for b.Loop() {
				near, far := net.Pipe()
				done := serverHalf(b.Context(), tls.Server(far, server))
				if err := tls.Client(near, client).HandshakeContext(b.Context()); err != nil {
					b.Fatal(err)
				}
				if err := <-done; err != nil {
					b.Fatal(err)
				}
				_, _ = near.Close(), far.Close()
			}
		})
	}
}

// serverHalf runs the server's half of a handshake.
func serverHalf(ctx context.Context, c *tls.Conn) chan error {
	done := make(chan error, 1)
	go func() { done <- c.HandshakeContext(ctx) }()
	return done
}

// BenchmarkLargeList reads a list of 100,000 certificates.
func BenchmarkLargeList(b *testing.B) {
	w := setup(b)
	path := w.file("sub.crl", w.crl(w.Sub, manyEntries(100_000)))
	b.ReportAllocs()
	for b.Loop() {
		k, err := revocation.New(revocation.Config{Lists: []string{path}, Now: w.now})
		if err != nil {
			b.Fatal(err)
		}
		k.Close()
	}
}
