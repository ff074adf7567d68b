package mocks_test

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/nrlgo/nrlgo/mocks"
	"github.com/nrlgo/nrlgo/mocks/pki"
)

// TestFaultsOfTheHandshake has what the client sees; the next connection is
// good again.
func TestFaultsOfTheHandshake(t *testing.T) {
	t.Parallel()
	own, err := pki.SelfSigned("localhost", pki.Hosts("localhost"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name         string
		fault        mocks.Fault
		near, server string // parts of the two errors
	}{
		{"an alert", mocks.Alert(42), "remote error: tls: bad certificate", "fault of the mock"},
		{"another alert", mocks.Alert(40), "remote error: tls: handshake failure", "fault of the mock"},
		{"plain HTTP on the port", mocks.PlainText("HTTP/1.1 400 Bad Request\r\n\r\n"), "server gave HTTP response to HTTPS client", "fault of the mock"},
		{"what is no TLS at all", mocks.PlainText("\x00\x01\x02\x03\x04\x05\x06"), "does not look like a TLS handshake", "fault of the mock"},
		{"a reset", mocks.HandshakeReset(), "reset", "fault of the mock"},
		{"a FIN", mocks.HandshakeHangup(), "EOF", "fault of the mock"},
		{"an expired certificate", mocks.ExpiredCertificate(), "expired", "bad certificate"},
		{"one that is not yet valid", mocks.NotYetValidCertificate(), "not yet valid", "bad certificate"},
		{"one of another host", mocks.WrongNameCertificate(), "elsewhere.nhs.uk, not localhost", "bad certificate"},
		{"one that names its host in the common name only", mocks.CommonNameCertificate(), "not valid for any names", "bad certificate"},
		{"a self-signed one", mocks.SelfSignedCertificate(), "unknown authority", "bad certificate"},
		{"one of the caller's", mocks.Certificate(own.TLS()), "unknown authority", "bad certificate"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			sp := mocks.Run(t)
			sp.AddPatient(number)
			c := connect(t, sp, func(c *tls.Config) { c.ServerName = "localhost" })
			sp.Fault(mocks.On(mocks.SSP, mocks.Status(500))) // another service's, and no handshake's
			sp.Fault(mocks.Once(tt.fault))
			if r := c.send(t, c.search()); r.err == nil || !strings.Contains(r.err.Error(), tt.near) {
				t.Errorf("got %v, want %q in it", r.err, tt.near)
			}
			if r := c.send(t, c.search()); r.status != 200 {
				t.Errorf("then: %v, status %d", r.err, r.status)
			}
			_ = sp.Shutdown(t.Context()) // every handshake has ended on the far side too
			if log := sp.ServerLog(); !strings.Contains(log, tt.server) {
				t.Errorf("the server's log is %q, want %q in it", log, tt.server)
			}
		})
	}
}

func TestCertificatesThatCryptoTLSTakes(t *testing.T) {
	t.Parallel()
	sp := mocks.Run(t)
	sp.AddPatient(number)
	t.Run("a weak key", func(t *testing.T) {
		sp.Fault(mocks.Once(mocks.WeakCertificate()))
		c := connect(t, sp, nil)
		if r := c.send(t, c.search()); r.err != nil || r.status != 200 { // crypto/tls refuses fewer than 1024 bits only
			t.Errorf("%v, status %d", r.err, r.status)
		}
		want := "NRL: a request came over a connection whose server certificate must be refused"
		if v := sp.Violations(); len(v) != 1 || v[0] != want {
			t.Errorf("violations %q", v)
		}
	})
	t.Run("a revoked one, which names where it says so", func(t *testing.T) {
		sp.Fault(mocks.Once(mocks.RevokedCertificate()))
		var cert *x509.Certificate
		c := connect(t, sp, func(c *tls.Config) {
			c.VerifyConnection = func(s tls.ConnectionState) error {
				cert = s.PeerCertificates[0]
				return nil
			}
		})
		if r := c.send(t, c.search()); r.err != nil {
			t.Fatal(r.err)
		}
		if cert.CRLDistributionPoints[0] != sp.CRLURL() || cert.OCSPServer[0] != sp.OCSPURL() {
			t.Errorf("it names %q and %q", cert.CRLDistributionPoints, cert.OCSPServer)
		}
		if !serials(t, sp.CRLURL())[cert.SerialNumber.String()] {
			t.Error("it is not on the list")
		}
	})
}

// A client that could resume its session meets the certificate all the same.
func TestPresentedCertificateReachesResumedSessions(t *testing.T) {
	t.Parallel()
	sp := mocks.Run(t)
	sp.AddPatient(number)
	c := connect(t, sp, func(c *tls.Config) { c.ClientSessionCache = tls.NewLRUClientSessionCache(1) })
	c.http.Transport.(*http.Transport).DisableKeepAlives = true
	for range 2 {
		if r := c.send(t, c.search()); r.status != 200 {
			t.Fatalf("%v, status %d", r.err, r.status)
		}
	}
	if r := sp.Requests(); !r[1].Resumed {
		t.Fatal("the second connection did not resume: the test shows nothing")
	}
	sp.Fault(mocks.Once(mocks.ExpiredCertificate()))
	if r := c.send(t, c.search()); r.err == nil || !strings.Contains(r.err.Error(), "expired") {
		t.Errorf("got %v, want an expired certificate", r.err)
	}
}

func TestStalledHandshakeEndsWithTheMock(t *testing.T) {
	t.Parallel()
	sp, c := setup(t)
	sp.Fault(mocks.Once(mocks.HandshakeStall()))
	done := make(chan reply, 1)
	go func() { done <- c.send(t, c.search()) }()
	for len(sp.PendingFaults()) == 1 { // until the ClientHello has come
		runtime.Gosched()
	}
	if err := sp.Close(); err != nil {
		t.Error(err)
	}
	if r := <-done; r.err == nil {
		t.Errorf("status %d", r.status)
	}
}
