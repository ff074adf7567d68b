package client_test

import (
	"crypto/tls"
	"crypto/x509"
	"testing"
	"time"

	"github.com/nrlgo/nrlgo/auth"
	"github.com/nrlgo/nrlgo/auth/revocation"
	"github.com/nrlgo/nrlgo/mocks/pki"
)

// testPKI is a PKI of a key set; mocks share that of "".
func testPKI(t *testing.T, keySet string) *pki.PKI {
	t.Helper()
	p, err := pki.New(pki.Options{KeySet: keySet})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func trustOf(t *testing.T, pem []byte) *auth.Trust {
	t.Helper()
	trust, err := auth.ParseTrust(pem)
	if err != nil {
		t.Fatal(err)
	}
	return trust.WithRevocation(revocation.Off("test"))
}

// commonNameOnly is a server's certificate as HSCN hosts have it.
func commonNameOnly(t *testing.T) tls.Certificate {
	t.Helper()
	leaf, err := testPKI(t, "").Issue("127.0.0.1", func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = nil, nil })
	if err != nil {
		t.Fatal(err)
	}
	return leaf.TLS()
}

// waitFor waits until a condition holds.
func waitFor(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	end := time.After(10 * time.Second)
	for !holds() {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("%s did not come", what)
		}
	}
}
