package spine_test

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"testing"

	"github.com/nrlgo/nrlgo/auth"
	"github.com/nrlgo/nrlgo/auth/nhs"
	"github.com/nrlgo/nrlgo/client/spine"
	"github.com/nrlgo/nrlgo/mocks"
)

// BenchmarkFetch is one search of the mock on a pooled connection, beside what
// plain net/http takes to send the same request and read the answer.
func BenchmarkFetch(b *testing.B) {
	sp := mocks.Run(b)
	sp.AddRecord(nhs.MustParseNumber(patient), mocks.Record{URL: recordURL, Body: []byte(document)})
	client, err := spine.New(spine.Config{
		Dialer: dialer(b, sp, auth.TLSPolicy{}), SpineASID: nhs.MustParseASID(mocks.SpineASID), Issuer: "https://" + mocks.ConsumerFQDN,
		Audit: spine.NoAudit{Reason: "a benchmark"},
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = client.Close() })
	request := search(sp.NRLURL())
	b.Run("spine", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			a, err := client.Fetch(b.Context(), request)
			if err != nil {
				b.Fatal(err)
			}
			if err := a.End(nil); err != nil {
				b.Fatal(err)
			}
		}
	})
	sent := http.Header{}
	for _, f := range sp.Requests()[0].Header {
		sent[f.Name] = []string{f.Value}
	}
	config := &tls.Config{RootCAs: x509.NewCertPool(), Certificates: []tls.Certificate{sp.Client().TLS()}, MaxVersion: tls.VersionTLS12}
	config.RootCAs.AppendCertsFromPEM(sp.CAPEM())
	plain := &http.Client{Transport: &http.Transport{TLSClientConfig: config}}
	b.Cleanup(plain.CloseIdleConnections)
	b.Run("net-http", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			resp, err := plain.Do((&http.Request{Method: http.MethodGet, URL: request.URL, Header: sent}).WithContext(b.Context()))
			if err != nil {
				b.Fatal(err)
			}
			if _, err := io.ReadAll(resp.Body); err != nil {
				b.Fatal(err)
			}
			_ = resp.Body.Close()
		}
	})
}

func BenchmarkParseOutcome(b *testing.B) {
	for name, text := range map[string]string{
		"json": outcome("NO_RECORD_FOUND"), "xml": outcomeXML("error", "x", spineSystem, "NO_RECORD_FOUND", "No record found", "No record found"),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := spine.ParseOutcome([]byte(text)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
