package mocks_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/nrlgo/nrlgo/auth/nhs"
	"github.com/nrlgo/nrlgo/mocks"
)

func ExampleStart() {
	sp, err := mocks.Start()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = sp.Close() }()
	patient := nhs.MustParseNumber("9462205957")
	sp.AddRecord(patient, mocks.Record{URL: "https://p1.nhs.uk/doc", Type: "application/pdf", Body: []byte("%PDF-1.4")})

	// What a client needs to know of the mock.
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(sp.CAPEM())
	own, err := tls.X509KeyPair(sp.ClientCertPEM(), sp.ClientKeyPEM())
	if err != nil {
		fmt.Println(err)
		return
	}
	client := http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12, RootCAs: roots, Certificates: []tls.Certificate{own}},
	}}
	defer client.CloseIdleConnections()

	request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, sp.NRLURL()+"/DocumentReference?_id=x", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	response, err := client.Do(request) // without any header of the NRL
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = response.Body.Close() }()
	_, _ = io.Copy(io.Discard, response.Body)
	fmt.Println(response.StatusCode)
	last := sp.Requests()[0]
	fmt.Println(last.URI, last.Violations[len(last.Violations)-1])
	// Output:
	// 400
	// /STU3/DocumentReference?_id=x MISSING_OR_INVALID_HEADER: fromASID HTTP Header is missing
}

func ExampleSpine_Fault() {
	sp, err := mocks.Start()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = sp.Close() }()
	page := sp.AddPlainPage("/contact", "text/html", "<p>call us</p>")
	sp.Fault(mocks.Once(mocks.RetryAfter(503, "2")))
	for range 2 {
		request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, page, nil)
		if err != nil {
			fmt.Println(err)
			return
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			fmt.Println(err)
			return
		}
		_ = response.Body.Close()
		fmt.Println(response.StatusCode, response.Header.Get("Retry-After"))
	}
	// Output:
	// 503 2
	// 200
}

func ExampleSpine_Apply() {
	sp, err := mocks.Start()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = sp.Close() }()
	scenario, err := mocks.ReadScenario(strings.NewReader(`{
		"records": [{"patient": "9462205957", "url": "https://p1.nhs.uk/doc", "text": "%PDF-1.4"}],
		"faults":  [{"kind": "throttle", "value": "seconds", "times": 1}]
	}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	added, err := sp.Apply(scenario)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(len(added.Pointers), sp.PendingFaults()[0].Kind)
	// Output: 1 throttle
}

func ExampleSpine_Report() {
	sp, err := mocks.Start()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = sp.Close() }()
	page := sp.AddPlainPage("/contact", "text/html", "<p>call us</p>")
	request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, page, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	request.Header.Set("Ssp-From", mocks.ConsumerASID) // which a public page must not get
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		fmt.Println(err)
		return
	}
	_ = response.Body.Close()
	for _, d := range sp.Report().Violated() {
		fmt.Println(d.ID, d.Notes[0])
	}
	// Output: contact-bare Ssp-From was sent to a public page
}
