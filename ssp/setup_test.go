package ssp_test

import (
	"cmp"
	"context"
	"crypto/x509"
	"net/netip"
	"net/url"
	"os"
	"sync"
	"testing"

	"github.com/nrlgo/nrlgo/auth"
	"github.com/nrlgo/nrlgo/auth/nhs"
	"github.com/nrlgo/nrlgo/auth/revocation"
	"github.com/nrlgo/nrlgo/client/spine"
	"github.com/nrlgo/nrlgo/mocks"
	"github.com/nrlgo/nrlgo/mocks/mockstest"
	"github.com/nrlgo/nrlgo/nrl"
	"github.com/nrlgo/nrlgo/ssp"
)

var (
	patient = nhs.MustParseNumber("9462205957")
	owner   = nhs.MustParseODSCode(mocks.ProviderODS)
	asid    = nhs.MustParseASID(mocks.ProviderASID)
	who     = auth.Requester{
		Organisation: nhs.MustParseODSCode(mocks.ConsumerODS),
		ASID:         nhs.MustParseASID(mocks.ConsumerASID),
		User:         auth.Professional(nhs.MustParseRoleProfileID("4387293874928")),
	}
)

// recordURL is where the record of most tests is; its path must show nowhere.
const recordURL = "https://p1.nhs.uk/secret-path?id=1"

// settings are what a test changes.
type settings struct {
	mock   []mocks.Option
	limits spine.Limits
	allow  func(netip.Addr) error // of the dialer of public pages
	edit   func(*ssp.Config)
}

// bench is a mock and a client of it.
type bench struct {
	*ssp.Client
	sp    *mocks.Spine
	trail *trail
}

// setup starts a mock and makes a client of it, which makes one attempt a
// call, knows the provider and may call the loopback.
func setup(tb testing.TB, s settings) bench {
	tb.Helper()
	sp, tr := mocks.Run(tb, s.mock...), new(trail)
	s.limits.Retries = cmp.Or(s.limits.Retries, -1)
	config := ssp.Config{
		Exchange: exchange(tb, sp, tr, s), Base: parse(tb, sp.SSPURL()), AllowPrivate: true, Directory: ssp.SingleASID(asid),
	}
	if s.edit != nil {
		s.edit(&config)
	}
	c, err := ssp.New(config)
	if err != nil {
		tb.Fatal(err)
	}
	return bench{c, sp, tr}
}

func exchange(tb testing.TB, sp *mocks.Spine, sink spine.AuditSink, s settings) *spine.Client {
	tb.Helper()
	creds, err := auth.ParseCredentials(sp.ClientCertPEM(), sp.ClientKeyPEM())
	if err != nil {
		tb.Fatal(err)
	}
	trust, err := auth.ParseTrust(sp.CAPEM())
	if err != nil {
		tb.Fatal(err)
	}
	dialer, err := mockstest.Dialer(auth.TLSPolicy{Credentials: creds, Trust: trust.WithRevocation(revocation.Off("test"))})
	if err != nil {
		tb.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(sp.PublicCAPEM())
	x, err := spine.New(spine.Config{
		Dialer: dialer, SpineASID: nhs.MustParseASID(mocks.SpineASID), Issuer: "https://" + mocks.ConsumerFQDN, Audit: sink,
		Public: spine.PublicPages{Roots: roots, Allow: s.allow}, Limits: s.limits,
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = x.Close() })
	return x
}

// engine is the TLS engine that the tests run under.
func engine() string { return cmp.Or(os.Getenv(mockstest.EngineVariable), "go") }

func parse(tb testing.TB, text string) *url.URL {
	tb.Helper()
	u, err := url.Parse(text)
	if err != nil {
		tb.Fatal(err)
	}
	return u
}

// get retrieves as the usual requester.
func (b bench) get(ctx context.Context, p nrl.Pointer, opts ...ssp.Option) (*ssp.Record, error) {
	return b.Retrieve(ctx, who, p, opts...)
}

// mustGet retrieves what must be there; it is closed at the end of the test.
func (b bench) mustGet(tb testing.TB, p nrl.Pointer, opts ...ssp.Option) *ssp.Record {
	tb.Helper()
	rec, err := b.get(tb.Context(), p, opts...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = rec.Close() })
	return rec
}

// pointer is a current one with these contents.
func pointer(contents ...nrl.Content) nrl.Pointer {
	return nrl.Pointer{ID: "pointer-1", Status: nrl.StatusCurrent, Patient: patient, Author: owner, Contents: contents}
}

// pdf is a content of dynamic stability: only what HTTP says binds it.
func pdf(u string) nrl.Content {
	return nrl.Content{ContentType: "application/pdf", URL: u, Format: nrl.Coding{Code: mocks.FormatUnstructured}, Stability: nrl.StabilityDynamic}
}

// contact is a page of contact details.
func contact(u string) nrl.Content {
	return nrl.Content{ContentType: "text/html", URL: u, Format: nrl.Coding{Code: mocks.FormatContact}}
}

// trail is an audit sink in memory, which may fail.
type trail struct {
	fail func(spine.AuditEntry) error

	mu      sync.Mutex
	entries []spine.AuditEntry
}

func (s *trail) WriteAudit(_ context.Context, e spine.AuditEntry) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		if err := s.fail(e); err != nil {
			return err
		}
	}
	s.entries = append(s.entries, e)
	return nil
}

// all are the entries so far.
func (s *trail) all() []spine.AuditEntry {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]spine.AuditEntry(nil), s.entries...)
}

// end is the end line of the only call, which must be there once.
func (s *trail) end(tb testing.TB) spine.AuditEntry {
	tb.Helper()
	var found []spine.AuditEntry
	for _, e := range s.all() {
		if e.Kind == spine.AuditEnd {
			found = append(found, e)
		}
	}
	if len(found) != 1 {
		tb.Fatalf("%d end lines in the audit trail", len(found))
	}
	return found[0]
}
