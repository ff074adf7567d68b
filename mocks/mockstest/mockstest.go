package mockstest

import (
	"crypto/x509"

	"github.com/nrlgo/nrlgo/auth"
	"github.com/nrlgo/nrlgo/auth/nhs"
	"github.com/nrlgo/nrlgo/client"
	"github.com/nrlgo/nrlgo/client/audit"
	"github.com/nrlgo/nrlgo/mocks"
	"github.com/nrlgo/nrlgo/ssp"
)

// Config is what a client needs to reach a mock: its URLs, certificates and
// ASIDs, the engine of [EngineVariable], and an audit trail in memory.
// Revocation is hard for a mock with [mocks.WithRevocationLists] and off for
// every other, whose certificates name no list. The error is that of loading
// the mock's certificates.
func Config(sp *mocks.Spine) (client.Config, error) {
	creds, err := auth.ParseCredentials(sp.ClientCertPEM(), sp.ClientKeyPEM())
	if err != nil {
		return client.Config{}, err
	}
	trust, err := auth.ParseTrust(sp.CAPEM())
	if err != nil {
		return client.Config{}, err
	}
	engine, err := engine()
	if err != nil {
		return client.Config{}, err
	}
	revoked, err := checker(sp)
	if err != nil {
		return client.Config{}, err
	}
	public := x509.NewCertPool()
	public.AppendCertsFromPEM(sp.PublicCAPEM())
	return client.Config{
		NRLURL: sp.NRLURL(), SSPURL: sp.SSPURL(), SpineASID: nhs.MustParseASID(mocks.SpineASID),
		Credentials: creds, Trust: trust.WithRevocation(revoked),
		Engine: engine, Audit: new(audit.Memory),
		Directory:   ssp.SingleASID(nhs.MustParseASID(mocks.ProviderASID)),
		PublicRoots: public, AllowPrivate: true,
	}, nil
}

// Requester is one that every mock knows: a professional of the consumer.
func Requester() auth.Requester {
	return auth.Requester{
		Organisation: nhs.MustParseODSCode(mocks.ConsumerODS),
		ASID:         nhs.MustParseASID(mocks.ConsumerASID),
		User:         auth.Professional(nhs.MustParseRoleProfileID("4387293874928")),
	}
}

// Client is a client for a mock, closed at the end of the test. Each edit may
// change the Config before.
func Client(t mocks.T, sp *mocks.Spine, edits ...func(*client.Config)) *client.Client {
	t.Helper()
	config, err := Config(sp)
	if err != nil {
		t.Fatalf("mockstest: %v", err)
	}
	for _, edit := range edits {
		edit(&config)
	}
	c, err := client.New(config)
	if err != nil {
		t.Fatalf("mockstest: %v", err)
	}
	t.Cleanup(func() {
		_ = c.Close()
		config.Trust.Revocation().Close()
	})
	return c
}

// Session is Client(t, sp, edits...).As(Requester()).
func Session(t mocks.T, sp *mocks.Spine, edits ...func(*client.Config)) *client.Session {
	t.Helper()
	return Client(t, sp, edits...).As(Requester())
}
