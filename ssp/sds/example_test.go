package sds_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"

	"github.com/nrlgo/nrlgo/auth/nhs"
	"github.com/nrlgo/nrlgo/ssp"
	"github.com/nrlgo/nrlgo/ssp/sds"
)

// directoryServer stands for the SDS API: organisation RR8 has two systems.
func directoryServer() (base *url.URL, roots *x509.CertPool, stop func()) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/fhir+json")
		answer := bundle(strings.ReplaceAll(device("200000000240", "RR8-1"), owner, "RR8"), strings.ReplaceAll(device("200000000777", "RR8-2"), owner, "RR8"))
		if strings.HasSuffix(r.URL.Path, "/Endpoint") {
			answer = bundle(endpoint("p1.nhs.uk", "RR8-1"), endpoint("p2.nhs.uk", "RR8-2"))
		}
		_, _ = io.WriteString(w, answer)
	}))
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	s.StartTLS()
	roots = x509.NewCertPool()
	roots.AddCert(s.Certificate())
	base, err := url.Parse(s.URL + "/spine-directory/FHIR/R4")
	if err != nil {
		s.Close()
		panic(err)
	}
	return base, roots, s.Close
}

func ExampleDirectory_Lookup() {
	base, roots, stop := directoryServer()
	defer stop()
	directory, err := sds.New(sds.Config{Base: base, APIKey: "key-of-the-application", Roots: roots})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = directory.Close() }()

	// One patient encounter, whose answers serve no other.
	encounter := ssp.NewEncounter(directory, 0)
	defer func() { _ = encounter.Close() }()
	for _, host := range []string{"p2.nhs.uk", "p3.nhs.uk"} {
		asid, err := encounter.Lookup(context.Background(), ssp.Lookup{
			Organisation: nhs.MustParseODSCode("RR8"), InteractionID: ssp.InteractionID, Host: host,
		})
		fmt.Println(asid.Digits(), errors.Is(err, ssp.ErrNoASID))
	}
	// Output:
	// 200000000777 false
	//  true
}
