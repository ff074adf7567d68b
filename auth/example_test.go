package auth_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"

	"github.com/nrlgo/nrlgo/auth"
	"github.com/nrlgo/nrlgo/auth/revocation"
	"github.com/nrlgo/nrlgo/mocks/pki"
)

// spine is a server for the example, and a folder with client.pem, client.key
// and spine-ca.pem, as a system has them that DIR issued a certificate to.
func spine() (addr, dir string, stop func(), err error) {
	p, err := pki.New(pki.Options{})
	if err != nil {
		return "", "", nil, err
	}
	server, err := p.Server("localhost", "127.0.0.1")
	if err != nil {
		return "", "", nil, err
	}
	client, err := p.Client("consumer.example.nhs.uk")
	if err != nil {
		return "", "", nil, err
	}
	if dir, err = os.MkdirTemp("", "auth"); err != nil {
		return "", "", nil, err
	}
	for name, data := range map[string][]byte{"client.pem": client.CertPEM(), "client.key": client.KeyPEM(), "spine-ca.pem": p.BundlePEM()} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			return "", "", nil, err
		}
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, "hello, %s", r.TLS.PeerCertificates[0].Subject.CommonName)
	}))
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	s.TLS = &tls.Config{MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12, Certificates: []tls.Certificate{server.TLSAlone()}, ClientAuth: tls.RequireAnyClientCert}
	s.StartTLS()
	_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	return "localhost:" + port, dir, func() { s.Close(); _ = os.RemoveAll(dir) }, nil
}

func ExampleNewGoEngine() {
	addr, dir, stop, err := spine()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer stop()

	creds, err := auth.LoadCredentials(filepath.Join(dir, "client.pem"), filepath.Join(dir, "client.key"))
	if err != nil {
		fmt.Println(err)
		return
	}
	trust, err := auth.LoadTrust(filepath.Join(dir, "spine-ca.pem"))
	if err != nil {
		fmt.Println(err)
		return
	}
	dialer, err := auth.NewGoEngine(auth.TLSPolicy{
		Credentials: creds,
		Trust:       trust.WithRevocation(revocation.Off("example: the PKI is thrown away")),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = dialer.Close() }()

	transport := &http.Transport{DialTLSContext: dialer.DialTLSContext}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "https://"+addr, http.NoBody)
	if err != nil {
		fmt.Println(err)
		return
	}
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	fmt.Println(string(body), err)
	// Output: hello, consumer.example.nhs.uk <nil>
}

// A sub CA alone is no anchor: whoever holds its key could then do without
// the root.
func ExampleLoadTrust() {
	_, dir, stop, err := spine()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer stop()

	trust, err := auth.LoadTrust(filepath.Join(dir, "spine-ca.pem"))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range trust.Anchors() {
		fmt.Println("anchor:", c.Subject.CommonName)
	}
	for _, c := range trust.SubCAs() {
		fmt.Println("sub CA:", c.Subject.CommonName)
	}
	// Output:
	// anchor: NHS Test Root Authority
	// sub CA: NHS Test Authentication
}

func ExampleLoadCredentials() {
	_, dir, stop, err := spine()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer stop()

	creds, err := auth.LoadCredentials(filepath.Join(dir, "client.pem"), filepath.Join(dir, "client.key"))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(creds.FQDN())

	_, err = auth.LoadCredentials(filepath.Join(dir, "client.pem"))
	fmt.Println(err)
	// Output:
	// consumer.example.nhs.uk
	// auth: own certificate or key unusable: no private key was given
}
