package auth_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nrlgo/nrlgo/auth"
	"github.com/nrlgo/nrlgo/auth/revocation"
	"github.com/nrlgo/nrlgo/mocks/pki"
)

const sspFQDN = "proxy.int.spine2.ncrs.nhs.uk"

// TestServerConfigFaults: all at once, before anyone connects.
func TestServerConfigFaults(t *testing.T) {
	t.Parallel()
	k := assets(t)
	for _, tt := range []struct {
		name  string
		trust *auth.Trust
		creds *auth.Credentials
		fqdns []string
		want  []string
		is    error
	}{
		{"nothing given", k.off(), nil, nil, []string{"the credentials are missing", "nobody could be admitted"}, nil},
		{"a wildcard and an address", k.off(), k.creds, []string{sspFQDN, "*.nhs.uk", "10.0.0.1"}, []string{"FQDN 2 is not a host name", "FQDN 3 is not a host name"}, nil},
		{"credentials that were not loaded", k.off(), new(auth.Credentials), []string{sspFQDN}, []string{"not loaded"}, auth.ErrCredentials},
		{"revocation off without a reason", k.trust.WithRevocation(revocation.Off("")), k.creds, []string{sspFQDN}, []string{"needs a reason"}, revocation.ErrReason},
		{"a trust without a root", new(auth.Trust), k.creds, []string{sspFQDN}, []string{"no usable trust anchor"}, auth.ErrNoAnchor},
	} {
		config, err := tt.trust.ServerConfig(tt.creds, tt.fqdns...)
		if config != nil || err == nil {
			t.Errorf("%s: accepted", tt.name)
			continue
		}
		for _, want := range tt.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got %q, want %q in it", tt.name, err, want)
			}
		}
		if tt.is != nil && !errors.Is(err, tt.is) {
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.is)
		}
	}
}

// provider is a server that admits the SSP by its common name.
func (k *kit) provider(t *testing.T, trust *auth.Trust) *peer {
	t.Helper()
	own := must[*pki.Leaf](t)(k.pki.Issue("localhost", local(func(c *x509.Certificate) { c.NotAfter = daysAhead(5 * 365) })))
	creds := must[*auth.Credentials](t)(auth.ParseCredentials(own.ChainPEM(), own.KeyPEM()))
	return serve(t, must[*tls.Config](t)(trust.WithCNHosts(sspFQDN).ServerConfig(creds, sspFQDN)))
}

// TestProviderJudgesResumedSessionsAgain: the SSP's session outlives what it
// stands on.
func TestProviderJudgesResumedSessionsAgain(t *testing.T) {
	t.Parallel()
	k := assets(t)
	var ahead atomic.Int64
	p := k.provider(t, k.off().WithClock(func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }))
	ssp := must[*pki.Leaf](t)(k.pki.Client(sspFQDN)).TLS()
	config := &tls.Config{
		MinVersion: tls.VersionTLS12, RootCAs: k.pki.Root.Pool(), ServerName: "localhost",
		Certificates: []tls.Certificate{ssp}, ClientSessionCache: tls.NewLRUClientSessionCache(1),
	}
	dial := func() (*tls.Conn, error) {
		conn, err := (&tls.Dialer{Config: config}).DialContext(context.Background(), "tcp", p.addr)
		if err != nil {
			return nil, err
		}
		defer func() { _ = conn.Close() }()
		return conn.(*tls.Conn), nil
	}
	for _, resumed := range []bool{false, true} {
		conn, err := dial()
		if err != nil || conn.ConnectionState().DidResume != resumed {
			t.Fatalf("got %v, want a session that is resumed: %t", err, resumed)
		}
		if state := conn.ConnectionState(); state.Version != tls.VersionTLS12 {
			t.Errorf("version %x, want TLS 1.2", state.Version)
		}
		if err := p.end(t); err != nil {
			t.Errorf("the provider saw %v", err)
		}
	}
	ahead.Store(int64(3 * 365 * 24 * time.Hour))
	_, _ = dial() // where the session is resumed the client speaks last
	judge(t, p.end(t), auth.StageValidity, nil)
}

// TestProviderAsksForSpineCertificates: the CAs that it names, the suites that
// it has, and no client without a certificate.
func TestProviderAsksForSpineCertificates(t *testing.T) {
	t.Parallel()
	k := assets(t)
	p := k.provider(t, k.off())
	var asked *tls.CertificateRequestInfo
	config := &tls.Config{
		MinVersion: tls.VersionTLS12, RootCAs: k.pki.Root.Pool(), ServerName: "localhost",
		GetClientCertificate: func(r *tls.CertificateRequestInfo) (*tls.Certificate, error) {
			asked = r
			return new(tls.Certificate), nil
		},
	}
	if conn, err := (&tls.Dialer{Config: config}).DialContext(t.Context(), "tcp", p.addr); err == nil {
		_ = conn.Close()
		t.Error("connected without a certificate")
	}
	if err := p.end(t); err == nil || !strings.Contains(err.Error(), "client didn't provide a certificate") {
		t.Errorf("the provider saw %v", err)
	}
	if diff := cmp.Diff([][]byte{k.pki.Root.Cert.RawSubject, k.pki.Sub.Cert.RawSubject}, asked.AcceptableCAs); diff != "" {
		t.Errorf("CAs named, -want +got\n%s", diff)
	}
	config.CipherSuites = []uint16{tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256}
	config.MaxVersion = tls.VersionTLS12
	if conn, err := (&tls.Dialer{Config: config}).DialContext(t.Context(), "tcp", p.addr); err == nil {
		_ = conn.Close()
		t.Error("connected with a suite outside the list")
	}
	if err := p.end(t); err == nil || !strings.Contains(err.Error(), "no cipher suite supported by both") {
		t.Errorf("the provider saw %v", err)
	}
}

// TestVerifyClientSaysWhoWasVerified is for handlers that keep the peer.
func TestVerifyClientSaysWhoWasVerified(t *testing.T) {
	t.Parallel()
	k := assets(t)
	ssp := must[*pki.Leaf](t)(k.pki.Client(sspFQDN))
	trust := k.off().WithCNHosts(sspFQDN)
	got := must[auth.Peer](t)(trust.VerifyClient(t.Context(), sspFQDN, []*x509.Certificate{ssp.Cert}))
	if got.Host != sspFQDN || !got.Client || !got.ByCommonName || len(got.Chain) != 3 || !got.Expires.Equal(ssp.Cert.NotAfter) {
		t.Errorf("peer %+v", got)
	}
	if err := trust.Recheck(got); err != nil {
		t.Errorf("judged again: %v", err)
	}
	err := trust.WithClock(inYears(3)).Recheck(got)
	if judge(t, err, auth.StageValidity, nil); !strings.Contains(err.Error(), "the client's certificate is refused: "+sspFQDN) {
		t.Errorf("judged again in three years: %v", err)
	}
	if err := k.off().Recheck(got); !strings.Contains(text(err), "not listed") {
		t.Errorf("judged again without its common name: %v", err)
	}
	if err := trust.Recheck(auth.Peer{Host: sspFQDN}); !errors.Is(err, auth.ErrUntrusted) {
		t.Errorf("a peer that was never verified passes: %v", err)
	}
}
