package client_test

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/samply/golang-fhir-models/fhir-models/fhir"

	"github.com/nrlgo/nrlgo/auth"
	"github.com/nrlgo/nrlgo/client"
	"github.com/nrlgo/nrlgo/client/audit"
	"github.com/nrlgo/nrlgo/mocks"
	"github.com/nrlgo/nrlgo/mocks/mockstest"
	"github.com/nrlgo/nrlgo/nrl"
	"github.com/nrlgo/nrlgo/ssp"
)

// plain is what a consumer without this library writes: net/http with the same
// certificate, headers and JWT. It checks nothing of the answer.
type plain struct {
	http *http.Client
	sp   *mocks.Spine
}

func newPlain(b *testing.B, sp *mocks.Spine) *plain {
	b.Helper()
	transport := &http.Transport{TLSClientConfig: &tls.Config{
		MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12, RootCAs: sp.PKI().Root.Pool(),
		Certificates: []tls.Certificate{sp.Client().TLS()}, CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384},
	}, DisableCompression: true}
	b.Cleanup(transport.CloseIdleConnections)
	return &plain{&http.Client{Transport: transport}, sp}
}

// get sends a request with the headers given and a JWT.
func (p *plain) get(b *testing.B, target *url.URL, scope auth.Scope, audience string, header http.Header) *http.Response {
	b.Helper()
	token, err := auth.SpineJWT(mockstest.Requester(), auth.Token{Issuer: "https://" + mocks.ConsumerFQDN, Audience: audience, Scope: scope, Issued: time.Now()})
	if err != nil {
		b.Fatal(err)
	}
	header["Authorization"] = []string{"Bearer " + token}
	r, err := p.http.Do((&http.Request{Method: http.MethodGet, URL: target, Host: target.Host, Header: header}).WithContext(b.Context()))
	if err != nil || r.StatusCode != http.StatusOK {
		b.Fatal(r, err)
	}
	return r
}

func (p *plain) search(b *testing.B) *http.Response {
	b.Helper()
	base, err := url.Parse(p.sp.NRLURL() + "/DocumentReference?subject=" + url.QueryEscape("https://demographics.spineservices.nhs.uk/STU3/Patient/"+patientDigits))
	if err != nil {
		b.Fatal(err)
	}
	return p.get(b, base, auth.ScopePointers, base.Scheme+"://"+base.Host, http.Header{
		"fromASID": {mocks.ConsumerASID}, "toASID": {mocks.SpineASID}, "Accept": {"application/fhir+json"},
	})
}

// BenchmarkSearch finds ten pointers: nrlgo in full, with and without a file
// for the audit trail, beside plain net/http with encoding/json.
func BenchmarkSearch(b *testing.B) {
	sp := mocks.Run(b)
	for range 10 {
		sp.AddPointer(mocks.Pointer{Patient: patient})
	}
	file, err := audit.OpenFile(b.TempDir() + "/audit.jsonl")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = file.Close() })
	for name, sink := range map[string]client.AuditSink{"nrlgo": client.NoAudit("benchmark"), "nrlgo-audit-file": file} {
		s := mockstest.Session(b, sp, func(c *client.Config) { c.Audit = sink })
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				n := 0
				for _, err := range s.Search(b.Context(), nrl.Query{Patient: patient}) {
					if err != nil {
						b.Fatal(err)
					}
					n++
				}
				if n != 10 {
					b.Fatal(n)
				}
				sp.Forget()
			}
		})
	}
	b.Run("nethttp", func(b *testing.B) {
		p := newPlain(b, sp)
		b.ReportAllocs()
		for b.Loop() {
			r := p.search(b)
			var bundle fhir.Bundle
			if err := json.NewDecoder(r.Body).Decode(&bundle); err != nil || len(bundle.Entry) != 10 {
				b.Fatal(len(bundle.Entry), err)
			}
			for _, e := range bundle.Entry {
				var d struct {
					ID string `json:"id"`
				}
				if err := json.Unmarshal(e.Resource, &d); err != nil {
					b.Fatal(err)
				}
			}
			_ = r.Body.Close()
			sp.Forget()
		}
	})
}

// BenchmarkRetrieve streams a record of 5 MB.
func BenchmarkRetrieve(b *testing.B) {
	sp := mocks.Run(b)
	body := bytes.Repeat([]byte("a record "), 5<<20/9)
	const record = "https://p1.nhs.uk/1"
	sp.AddRecord(patient, mocks.Record{URL: record, Body: body})
	s := mockstest.Session(b, sp, func(c *client.Config) { c.Audit = client.NoAudit("benchmark") })
	var pointer nrl.Pointer
	for p, err := range s.Search(b.Context(), nrl.Query{Patient: patient}) {
		if err != nil {
			b.Fatal(err)
		}
		pointer = p
	}
	b.Run("nrlgo", func(b *testing.B) {
		b.SetBytes(int64(len(body)))
		b.ReportAllocs()
		for b.Loop() {
			rec, err := s.Retrieve(b.Context(), pointer, ssp.PDF)
			if err != nil {
				b.Fatal(err)
			}
			if n, err := io.Copy(io.Discard, rec); n != int64(len(body)) || err != nil {
				b.Fatal(n, err)
			}
			if err := rec.Close(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("nethttp", func(b *testing.B) {
		p := newPlain(b, sp)
		target := &url.URL{Scheme: "https", Host: strings.TrimPrefix(sp.SSPURL(), "https://"), Opaque: "/" + url.QueryEscape(record)}
		b.SetBytes(int64(len(body)))
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			r := p.get(b, target, auth.ScopeRecords, "https://p1.nhs.uk", http.Header{
				"Ssp-TraceID": {"0b9f2c1e-6c1d-4f7a-9d5e-" + fmt.Sprintf("%012d", i)}, "Ssp-From": {mocks.ConsumerASID}, "Ssp-To": {mocks.ProviderASID},
				"Ssp-InteractionID": {"urn:nhs:names:services:nrl:DocumentReference.content.read"},
			})
			if n, err := io.Copy(io.Discard, r.Body); n != int64(len(body)) || err != nil {
				b.Fatal(n, err)
			}
			_ = r.Body.Close()
		}
	})
}
