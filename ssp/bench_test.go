package ssp_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/nrlgo/nrlgo/mocks"
	"github.com/nrlgo/nrlgo/nrl"
)

// BenchmarkRetrieve5MB compares a retrieval, with its audit lines and checks,
// with plain net/http on the same mock. nrlgo-static
// also compares size and SHA-1.
func BenchmarkRetrieve5MB(b *testing.B) {
	body := bytes.Repeat([]byte("0123456789abcdef"), 5<<20/16)
	for _, bm := range []struct {
		name    string
		content nrl.Content
	}{
		{"nrlgo", pdf(recordURL)},
		{"nrlgo-static", described(nrl.StabilityStatic, int64(len(body)), body)},
	} {
		b.Run(bm.name, func(b *testing.B) {
			c := setup(b, settings{})
			c.sp.Serve(mocks.Record{URL: recordURL, Body: body})
			p := pointer(bm.content)
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				rec, err := c.get(b.Context(), p)
				if err != nil {
					b.Fatal(err)
				}
				if n, err := io.Copy(io.Discard, rec); err != nil || n != int64(len(body)) || rec.Close() != nil {
					b.Fatalf("%d bytes, %v", n, err)
				}
			}
		})
	}
	b.Run("nethttp", func(b *testing.B) {
		c := setup(b, settings{})
		c.sp.Serve(mocks.Record{URL: recordURL, Body: body})
		if err := drain(b, c, len(body)); err != nil {
			b.Fatal(err)
		}
	})
}

// drain reads the record with net/http alone. The mock wants a good token: the
// one of a retrieval is sent again.
func drain(b *testing.B, c bench, size int) error {
	b.Helper()
	c.mustGet(b, pointer(pdf(recordURL)))
	last := c.sp.Requests()[0]
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(c.sp.CAPEM())
	transport := &http.Transport{DisableCompression: true, TLSClientConfig: &tls.Config{
		MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12, RootCAs: roots, Certificates: []tls.Certificate{c.sp.Client().TLS()},
		CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384},
	}}
	defer transport.CloseIdleConnections()
	request := &http.Request{
		Method: http.MethodGet, Header: http.Header{}, Host: strings.TrimPrefix(c.sp.SSPURL(), "https://"),
		URL: &url.URL{Scheme: "https", Host: strings.TrimPrefix(c.sp.SSPURL(), "https://"), Opaque: last.URI},
	}
	for _, f := range last.Header {
		if f.Name != "Host" {
			request.Header[f.Name] = []string{f.Value}
		}
	}
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		resp, err := transport.RoundTrip(request.WithContext(b.Context()))
		if err != nil {
			return err
		}
		n, err := io.Copy(io.Discard, resp.Body)
		if err = errors.Join(err, resp.Body.Close()); err != nil || n != int64(size) || resp.StatusCode != http.StatusOK {
			return errors.Join(err, io.ErrUnexpectedEOF)
		}
	}
	return nil
}
