package mocks_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/nrlgo/nrlgo/mocks"
	"github.com/nrlgo/nrlgo/mocks/pki"
)

// TestHandshakesThatAreRefused has the error text of both ends.
func TestHandshakesThatAreRefused(t *testing.T) {
	t.Parallel()
	issue := func(edit func(*x509.Certificate), key ...pki.KeyOption) func(*testing.T, *mocks.Spine, *tls.Config) {
		return func(t *testing.T, sp *mocks.Spine, c *tls.Config) {
			t.Helper()
			leaf, err := sp.PKI().Issue(mocks.ConsumerFQDN, edit, key...)
			if err != nil {
				t.Fatal(err)
			}
			c.Certificates = []tls.Certificate{leaf.TLS()}
		}
	}
	for _, tt := range []struct {
		name         string
		client       func(*testing.T, *mocks.Spine, *tls.Config)
		opts         []mocks.Option
		near, server string // parts of the two errors
	}{
		{
			name:   "no client certificate",
			client: func(_ *testing.T, _ *mocks.Spine, c *tls.Config) { c.Certificates = nil },
			near:   "handshake failure", server: "client didn't provide a certificate",
		},
		{
			name:   "an expired client certificate",
			client: issue(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }),
			near:   "bad certificate", server: "expired",
		},
		{
			name:   "a client certificate for servers only",
			client: issue(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }),
			near:   "bad certificate", server: "incompatible key usage",
		},
		{
			name: "a client certificate of another root with equal names",
			client: func(t *testing.T, _ *mocks.Spine, c *tls.Config) {
				t.Helper()
				other, err := pki.New(pki.Options{KeySet: "other"})
				if err != nil {
					t.Fatal(err)
				}
				leaf, err := other.Client(mocks.ConsumerFQDN)
				if err != nil {
					t.Fatal(err)
				}
				c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return new(leaf.TLS()), nil }
			},
			near: "bad certificate", server: "unknown authority",
		},
		{
			name:   "the certificate of a CA",
			client: issue(func(c *x509.Certificate) { c.IsCA, c.BasicConstraintsValid = true, true }),
			near:   "bad certificate", server: "that of a CA",
		},
		{
			name:   "a client key of 1024 bits",
			client: issue(nil, pki.RSA(1024)),
			near:   "bad certificate", server: "key is too short",
		},
		{
			name:   "a client certificate of a revoked sub CA",
			client: func(_ *testing.T, sp *mocks.Spine, _ *tls.Config) { sp.Revoke(sp.PKI().Sub.Cert) },
			near:   "bad certificate", server: "revoked",
		},
		{
			name:   "a revoked client certificate",
			client: func(_ *testing.T, sp *mocks.Spine, _ *tls.Config) { sp.Revoke(sp.Client().Cert) },
			near:   "bad certificate", server: "revoked",
		},
		{
			name: "TLS 1.1",
			client: func(_ *testing.T, _ *mocks.Spine, c *tls.Config) {
				c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
			},
			near: "protocol version", server: "unsupported versions",
		},
		{
			name:   "TLS 1.3 only",
			client: func(_ *testing.T, _ *mocks.Spine, c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS13, 0 },
			near:   "protocol version", server: "unsupported versions",
		},
		{
			name: "no suite of the list",
			client: func(_ *testing.T, _ *mocks.Spine, c *tls.Config) {
				c.CipherSuites = []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA}
			},
			near: "handshake failure", server: "no cipher suite supported by both",
		},
		{
			name:   "a client that does not know the root",
			client: func(_ *testing.T, _ *mocks.Spine, c *tls.Config) { c.RootCAs = x509.NewCertPool() },
			near:   "unknown authority", server: "remote error: tls: bad certificate",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			sp := mocks.Run(t, tt.opts...)
			c := connect(t, sp, func(config *tls.Config) { tt.client(t, sp, config) })
			for name, a := range map[string]ask{"NRL": c.search(), "SSP": c.retrieve(doc)} {
				if r := c.send(t, a); r.err == nil || !strings.Contains(r.err.Error(), tt.near) {
					t.Errorf("%s: got %v, want %q in it", name, r.err, tt.near)
				}
			}
			_ = sp.Shutdown(t.Context()) // every handshake has ended on the far side too
			if got := sp.ServerLog(); strings.Count(got, "TLS handshake error from 127.0.0.1") != 2 || !strings.Contains(got, tt.server) {
				t.Errorf("the server's log is %q, want %q in it", got, tt.server)
			}
			if r := sp.Requests(); r != nil {
				t.Errorf("%d requests arrived", len(r))
			}
		})
	}
}

func TestClientCertificateWithoutItsSubCAIsEnough(t *testing.T) {
	t.Parallel()
	sp := mocks.Run(t)
	sp.AddPatient(number)
	c := connect(t, sp, func(c *tls.Config) { c.Certificates = []tls.Certificate{sp.Client().TLSAlone()} })
	if r := c.send(t, c.search()); r.status != 200 {
		t.Errorf("%v, status %d", r.err, r.status)
	}
}

func TestServerCertificateIsAnOption(t *testing.T) {
	t.Parallel()
	sp := mocks.Run(t)
	leaf, err := sp.PKI().Issue("localhost", func(c *x509.Certificate) {
		pki.Hosts("127.0.0.1")(c)
		c.NotAfter = time.Now().Add(-time.Minute)
	})
	if err != nil {
		t.Fatal(err)
	}
	_, c := setup(t, mocks.WithServerLeaf(leaf.TLS()))
	r := c.send(t, c.search())
	if _, ok := errors.AsType[x509.CertificateInvalidError](r.err); !ok {
		t.Errorf("got %v, want an expired certificate", r.err)
	}
}

func TestTLSIsAnOption(t *testing.T) {
	t.Parallel()
	sp, c := setup(t,
		mocks.WithTLS(func(c *tls.Config) { c.CipherSuites = c.CipherSuites[2:] }),
		mocks.WithPublicTLS(func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }))
	c.send(t, c.search())
	c.send(t, ask{method: http.MethodGet, base: sp.PublicURL(), target: "/", header: http.Header{}})
	got := sp.Requests()
	if len(got) != 2 || got[0].CipherSuite != tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA || got[1].TLSVersion != tls.VersionTLS12 {
		t.Errorf("requests %+v", got)
	}
}

func TestCertificateStatusIsAnOption(t *testing.T) {
	t.Parallel()
	sp := mocks.Run(t, mocks.WithCertificateStatus())
	other, err := pki.SelfSigned(mocks.ConsumerFQDN, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		get  func(*tls.CertificateRequestInfo) (*tls.Certificate, error)
		want int
	}{
		"none":        {func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return new(tls.Certificate), nil }, 496},
		"self-signed": {func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return new(other.TLS()), nil }, 495},
	} {
		c := connect(t, sp, func(c *tls.Config) { c.GetClientCertificate = tt.get })
		for _, a := range []ask{c.search(), c.retrieve(doc)} {
			if r := c.send(t, a); r.status != tt.want {
				t.Errorf("%s: %v, status %d, want %d", name, r.err, r.status, tt.want)
			}
		}
	}
}

func TestRevocationReachesOpenConnections(t *testing.T) {
	t.Parallel()
	sp, c := setup(t)
	sp.AddPatient(number)
	if r := c.send(t, c.search()); r.status != 200 {
		t.Fatalf("%v, status %d", r.err, r.status)
	}
	sp.Revoke(sp.Client().Cert)
	if r := c.send(t, c.search()); r.status != 495 {
		t.Errorf("%v, status %d, want 495", r.err, r.status)
	}
}

func TestOffersOutsideTheListAreNoted(t *testing.T) {
	t.Parallel()
	sp := mocks.Run(t)
	sp.AddPatient(number)
	c := connect(t, sp, func(c *tls.Config) { c.CipherSuites, c.MaxVersion = nil, 0 })
	if r := c.send(t, c.search()); r.status != 200 {
		t.Fatalf("%v, status %d", r.err, r.status)
	}
	got := strings.Join(sp.Violations(), "\n")
	for _, want := range []string{"NRL: a cipher suite outside the list was offered", "NRL: TLS 1.3 was offered"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in %q", want, got)
		}
	}
}

func TestPlainHTTPToTheTLSPortIs497(t *testing.T) {
	t.Parallel()
	sp, c := setup(t)
	a := c.search()
	a.base = strings.Replace(a.base, "https://", "http://", 1)
	if r := c.send(t, a); r.status != 497 {
		t.Errorf("%v, status %d", r.err, r.status)
	}
	if !strings.Contains(sp.ServerLog(), "does not look like a TLS handshake") {
		t.Errorf("the server's log is %q", sp.ServerLog())
	}
}

func TestClockDecidesOnCertificates(t *testing.T) {
	t.Parallel()
	var clock clock
	clock.advance(-10 * 365 * 24 * time.Hour)
	sp := mocks.Run(t, mocks.WithClock(clock.now))
	sp.AddPatient(number)
	c := connect(t, sp, func(c *tls.Config) { c.Time = clock.now })
	a := c.search()
	then := clock.now().Unix()
	a.claims["iat"], a.claims["exp"] = then, then+300
	if r := c.send(t, a); r.status != 200 {
		t.Errorf("%v, status %d: %s", r.err, r.status, r.body)
	}
	clock.advance(3 * 365 * 24 * time.Hour)
	c = connect(t, sp, func(c *tls.Config) { c.InsecureSkipVerify = true })
	if r := c.send(t, c.search()); r.err == nil {
		t.Errorf("status %d for a client certificate that has expired", r.status)
	}
}
