package nrl_test

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"testing"

	"github.com/nrlgo/nrlgo/auth"
	"github.com/nrlgo/nrlgo/auth/nhs"
	"github.com/nrlgo/nrlgo/auth/revocation"
	"github.com/nrlgo/nrlgo/client/spine"
	"github.com/nrlgo/nrlgo/mocks"
	"github.com/nrlgo/nrlgo/mocks/mockstest"
	"github.com/nrlgo/nrlgo/mocks/pki"
	"github.com/nrlgo/nrlgo/nrl"
)

// trail keeps audit entries.
type trail struct {
	mu      sync.Mutex
	entries []spine.AuditEntry
}

func (a *trail) WriteAudit(_ context.Context, e spine.AuditEntry) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.entries = append(a.entries, e)
	return nil
}

// outcome is that of the last line.
func (a *trail) outcome() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.entries[len(a.entries)-1].Outcome
}

var requester = auth.Requester{
	Organisation: nhs.MustParseODSCode(mocks.ConsumerODS), ASID: nhs.MustParseASID(mocks.ConsumerASID),
	User: auth.Professional(nhs.MustParseRoleProfileID("4387293874928")),
}

// connect makes a Client for the locator at base.
func connect(tb testing.TB, base string, cert, key, ca []byte) (*nrl.Client, *trail) {
	tb.Helper()
	creds, err := auth.ParseCredentials(cert, key)
	if err != nil {
		tb.Fatal(err)
	}
	trust, err := auth.ParseTrust(ca)
	if err != nil {
		tb.Fatal(err)
	}
	dialer, err := mockstest.Dialer(auth.TLSPolicy{Credentials: creds, Trust: trust.WithRevocation(revocation.Off("test"))})
	if err != nil {
		tb.Fatal(err)
	}
	audit := &trail{}
	exchange, err := spine.New(spine.Config{
		Dialer: dialer, SpineASID: nhs.MustParseASID(mocks.SpineASID), Issuer: "https://consumer.example.nhs.uk", Audit: audit,
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = exchange.Close() })
	u, err := url.Parse(base)
	if err != nil {
		tb.Fatal(err)
	}
	c, err := nrl.New(nrl.Config{Exchange: exchange, Base: u, Audience: u.Scheme + "://" + u.Host})
	if err != nil {
		tb.Fatal(err)
	}
	return c, audit
}

// mocked is a Client of a mock Spine.
func mocked(tb testing.TB, opts ...mocks.Option) (*mocks.Spine, *nrl.Client, *trail) {
	tb.Helper()
	sp := mocks.Run(tb, opts...)
	c, audit := connect(tb, sp.NRLURL(), sp.ClientCertPEM(), sp.ClientKeyPEM(), sp.CAPEM())
	return sp, c, audit
}

// answering is a Client of a locator that always gives the same answer.
func answering(tb testing.TB, status int, contentType, body string) (*nrl.Client, *trail) {
	tb.Helper()
	p, err := pki.New(pki.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	server, err := p.Server("127.0.0.1")
	if err != nil {
		tb.Fatal(err)
	}
	client, err := p.Client("consumer.example.nhs.uk")
	if err != nil {
		tb.Fatal(err)
	}
	l, err := new(net.ListenConfig).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Content-Type"] = []string{contentType}
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	})}
	go func() {
		_ = s.Serve(tls.NewListener(l, &tls.Config{
			MaxVersion: tls.VersionTLS12, Certificates: []tls.Certificate{server.TLS()},
			ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: p.Root.Pool(),
		}))
	}()
	tb.Cleanup(func() { _ = s.Close() })
	return connect(tb, "https://"+l.Addr().String()+"/STU3", client.ChainPEM(), client.KeyPEM(), p.BundlePEM())
}
