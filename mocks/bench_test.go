package mocks_test

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"testing"

	"github.com/nrlgo/nrlgo/mocks"
)

// BenchmarkStart is what a test pays for a mock of its own, once the process has
// its keys.
func BenchmarkStart(b *testing.B) {
	warm, err := mocks.Start()
	if err != nil {
		b.Fatal(err)
	}
	_ = warm.Close()
	for b.Loop() {
		sp, err := mocks.Start()
		if err != nil {
			b.Fatal(err)
		}
		if err := sp.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFirstAnswer is from Start to the end of the first answer, with a
// client and a full handshake; the keys of the process are made before.
func BenchmarkFirstAnswer(b *testing.B) {
	for name, opts := range map[string][]mocks.Option{"as it is": nil, "with lists": {mocks.WithRevocationLists(0)}} {
		b.Run(name, func(b *testing.B) {
			warm, err := mocks.Start(opts...)
			if err != nil {
				b.Fatal(err)
			}
			_ = warm.Close()
			for b.Loop() {
				first(b, opts)
			}
		})
	}
}

func first(b *testing.B, opts []mocks.Option) {
	b.Helper()
	sp, err := mocks.Start(opts...)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = sp.Close() }()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(sp.CAPEM())
	transport := &http.Transport{TLSClientConfig: &tls.Config{
		MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12, RootCAs: roots, Certificates: []tls.Certificate{sp.Client().TLS()},
	}}
	defer transport.CloseIdleConnections()
	request, err := http.NewRequestWithContext(b.Context(), http.MethodGet, sp.NRLURL()+"/DocumentReference?_id=x", nil)
	if err != nil {
		b.Fatal(err)
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if _, err := io.Copy(io.Discard, response.Body); err != nil || response.StatusCode != 400 { // it lacks every header
		b.Fatalf("status %d, %v", response.StatusCode, err)
	}
}
