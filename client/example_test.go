package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/nrlgo/nrlgo/auth"
	"github.com/nrlgo/nrlgo/auth/nhs"
	"github.com/nrlgo/nrlgo/auth/revocation"
	"github.com/nrlgo/nrlgo/client"
	"github.com/nrlgo/nrlgo/client/audit"
	"github.com/nrlgo/nrlgo/mocks"
	"github.com/nrlgo/nrlgo/mocks/mockstest"
	"github.com/nrlgo/nrlgo/nrl"
	"github.com/nrlgo/nrlgo/ssp"
)

// spineWithOnePatient is a mock Spine in place of the real one.
func spineWithOnePatient() (*mocks.Spine, error) {
	sp, err := mocks.Start()
	if err != nil {
		return nil, err
	}
	sp.AddRecord(nhs.MustParseNumber("9462205957"), mocks.Record{
		URL: "https://p1.nhs.uk/plans/7", Type: "application/pdf", Body: []byte("%PDF-1.4 (a plan)\n"),
	})
	return sp, nil
}

// The main job: find a patient's pointers and read the record behind one.
func Example() {
	sp, err := spineWithOnePatient()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = sp.Close() }()

	creds, err := auth.ParseCredentials(sp.ClientCertPEM(), sp.ClientKeyPEM()) // or auth.LoadCredentials("client.pem", "client.key")
	if err != nil {
		fmt.Println(err)
		return
	}
	trust, err := auth.ParseTrust(sp.CAPEM()) // or auth.LoadTrust("spine-ca.pem")
	if err != nil {
		fmt.Println(err)
		return
	}
	c, err := client.New(client.Config{
		NRLURL: sp.NRLURL(), SSPURL: sp.SSPURL(), // or Environment: client.IntegrationInternet
		SpineASID:   nhs.MustParseASID(mocks.SpineASID),
		Credentials: creds, Trust: trust.WithRevocation(revocation.Off("the mock publishes no list")),
		Engine: client.EngineGo, Audit: new(audit.Memory), // audit.OpenFile in production
		Directory: ssp.SingleASID(nhs.MustParseASID(mocks.ProviderASID)),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = c.Close() }()

	s := c.As(auth.Requester{
		Organisation: nhs.MustParseODSCode(mocks.ConsumerODS),
		ASID:         nhs.MustParseASID(mocks.ConsumerASID),
		User:         auth.Professional(nhs.MustParseRoleProfileID("4387293874928")),
	})
	for p, err := range s.Search(context.Background(), nrl.Query{Patient: nhs.MustParseNumber("9462205957")}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		rec, err := s.Retrieve(context.Background(), p, ssp.PDF)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Print(p.Type.Display, ": ")
		_, err = io.Copy(os.Stdout, rec) // nil only when the record is whole
		if err = errors.Join(err, rec.Close()); err != nil {
			fmt.Println(err)
		}
	}
	// Output: Mental health crisis plan: %PDF-1.4 (a plan)
}

// Every fault of a Config is reported at once.
func ExampleNew_faults() {
	_, err := client.New(client.Config{NRLURL: "https://spine.example/STU3", SpineASID: nhs.MustParseASID(mocks.SpineASID), Engine: client.EngineGo})
	fmt.Println(err)
	// Output:
	// client: configuration: Credentials are missing
	// Trust is missing
	// Audit is missing: the audit trail must be kept; client.NoAudit decides against one
}

// Callers branch on the class of an error, and show what it is.
func ExampleCodeOf() {
	err := fmt.Errorf("practice A: %w", &client.Error{Op: "search", Code: client.CodeUnavailable, Status: 503, Err: errors.New("the server answered with an error")})
	switch client.CodeOf(err) {
	case client.CodeDenied:
		fmt.Println("no permission")
	case client.CodeUnavailable, client.CodeTimeout:
		fmt.Println("The locator is not available:", err)
	}
	// Output: The locator is not available: practice A: nrlgo: search: unavailable: status 503: the server answered with an error
}

// An entry that is not shown is an error beside the readable pointers.
func ExampleSession_Search() {
	sp, err := spineWithOnePatient()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = sp.Close() }()
	patient := nhs.MustParseNumber("9462205957")
	sp.AddRawEntry(patient, `{"resourceType": "DocumentReference", "id": "x"}`)
	config, err := mockstest.Config(sp)
	if err != nil {
		fmt.Println(err)
		return
	}
	c, err := client.New(config)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = c.Close() }()

	for p, err := range c.As(mockstest.Requester()).Search(context.Background(), nrl.Query{Patient: patient}) {
		var bad *nrl.EntryError
		switch {
		case errors.As(err, &bad):
			fmt.Println("The list is not complete:", bad)
		case err != nil:
			fmt.Println("The search ended here:", err)
		default:
			fmt.Println(p.Type.Display)
		}
	}
	// Output:
	// Mental health crisis plan
	// The list is not complete: entry 2 is not shown: malformed pointer: status is missing
}
