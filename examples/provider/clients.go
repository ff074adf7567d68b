package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/nrlgo/nrlgo/mocks/pki"
)

// host is the provider's FQDN (SSP page: nrl-[ODS].[supplier].thirdparty.nhs.uk).
const host = "nrl-a1.supplier.thirdparty.nhs.uk"

// tester is a client that tries.
type tester struct {
	name string
	cert tls.Certificate
}

// throwAway writes the provider's files and makes the clients. The root is
// what they trust.
func throwAway(dir string) (root *x509.CertPool, clients []tester, err error) {
	spine, err := pki.New(pki.Options{})
	if err != nil {
		return nil, nil, err
	}
	stranger, err := pki.New(pki.Options{Name: "Another", KeySet: "another"})
	if err != nil {
		return nil, nil, err
	}
	var faults []error
	issued := func(l *pki.Leaf, err error) *pki.Leaf {
		faults = append(faults, err)
		return l
	}
	proxy, other := issued(spine.Client(proxyFQDN)), issued(spine.Client("other.int.spine2.ncrs.nhs.uk"))
	foreign, revoked := issued(stranger.Client(proxyFQDN)), issued(spine.Client(proxyFQDN))
	expired := issued(spine.Issue(proxyFQDN, func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = time.Now().AddDate(-3, 0, 0), time.Now().AddDate(0, 0, -1)
	}))
	provider := issued(spine.Server(host))
	if err := errors.Join(faults...); err != nil {
		return nil, nil, err
	}
	rootList, err := spine.Root.CRL(time.Now().AddDate(0, 0, 1), nil)
	if err != nil {
		return nil, nil, err
	}
	subList, err := spine.Sub.CRL(time.Now().AddDate(0, 0, 1), nil, revoked.Cert)
	if err != nil {
		return nil, nil, err
	}
	for name, data := range map[string][]byte{
		"provider.pem": provider.ChainPEM(), "provider.key": provider.KeyPEM(), "spine-ca.pem": spine.BundlePEM(),
		"root.crl": rootList, "sub.crl": subList,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			return nil, nil, err
		}
	}
	return spine.Root.Pool(), []tester{
		{"The Spine Secure Proxy", proxy.TLS()},
		{"Another system of Spine", other.TLS()},
		{"The proxy's name under another root", foreign.TLS()},
		{"The proxy's name, expired", expired.TLS()},
		{"The proxy's name, revoked", revoked.TLS()},
	}, nil
}

// get asks the provider for a record and says what came of it.
func (c tester) get(ctx context.Context, addr string, root *x509.CertPool) string {
	transport := &http.Transport{TLSClientConfig: &tls.Config{
		MinVersion: tls.VersionTLS12, RootCAs: root, ServerName: host,
		// Whatever CAs the server names: a system has one certificate.
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &c.cert, nil },
	}}
	defer transport.CloseIdleConnections()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+addr+"/", http.NoBody)
	if err != nil {
		return err.Error()
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err.Error()
	}
	return response.Status + ", " + string(body)
}
