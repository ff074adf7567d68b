// Command provider shows the other side of record retrieval: a provider's
// server that admits the Spine Secure Proxy and nobody else. It makes a
// throw-away PKI like that of Spine, lets five clients try, and prints what
// each end saw.
//
//	go run ./examples/provider
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/nrlgo/nrlgo/auth"
	"github.com/nrlgo/nrlgo/auth/revocation"
)

// proxyFQDN is the name that the Spine Secure Proxy of INT proves.
const proxyFQDN = "proxy.int.spine2.ncrs.nhs.uk"

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var out bytes.Buffer
	err := run(ctx, &out)
	fmt.Print(out.String())
	if err != nil {
		fmt.Fprintln(os.Stderr, "provider:", err)
		os.Exit(1) //nolint:gocritic // the context dies with the program
	}
}

func run(ctx context.Context, out *bytes.Buffer) (err error) {
	// The files that a provider has from the DIR team, a list of what was
	// revoked, and the clients that will try.
	dir, err := os.MkdirTemp("", "nrlgo-provider-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	spine, clients, err := throwAway(dir)
	if err != nil {
		return err
	}
	seen := make(chan string, 1)
	server, checker, err := newServer(dir, seen)
	if err != nil {
		return err
	}
	defer checker.Close()
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	stopped := make(chan error, 1)
	go func() { stopped <- server.ServeTLS(l, "", "") }()
	defer func() {
		err = errors.Join(err, server.Close())
		if e := <-stopped; !errors.Is(e, http.ErrServerClosed) {
			err = errors.Join(err, e)
		}
	}()

	fmt.Fprintf(out, "A provider listens at %s and serves %s only.\n", l.Addr(), proxyFQDN)
	for _, c := range clients {
		got := c.get(ctx, l.Addr().String(), spine)
		select {
		case saw := <-seen:
			fmt.Fprintf(out, "\n%s\n  the client:   %s\n  the provider: %s\n", c.name, got, saw)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// newServer is what a real provider writes.
func newServer(dir string, seen chan<- string) (*http.Server, *revocation.Checker, error) {
	creds, err := auth.LoadCredentials(filepath.Join(dir, "provider.pem"), filepath.Join(dir, "provider.key"))
	if err != nil {
		return nil, nil, err
	}
	trust, err := auth.LoadTrust(filepath.Join(dir, "spine-ca.pem"))
	if err != nil {
		return nil, nil, err
	}
	// The proxy's certificate has its FQDN in the common name only. Here the
	// lists are files; where they are fetched, the zero Config is enough.
	checker, err := revocation.New(revocation.Config{Lists: []string{filepath.Join(dir, "root.crl"), filepath.Join(dir, "sub.crl")}})
	if err != nil {
		return nil, nil, err
	}
	trust = trust.WithCNHosts(proxyFQDN).WithRevocation(checker)
	config, err := trust.ServerConfig(creds, proxyFQDN)
	if err != nil {
		return nil, nil, err
	}
	return &http.Server{
		TLSConfig:         config,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       time.Minute, // an open connection is not judged again
		ErrorLog:          log.New(refusals(seen), "", 0),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			seen <- "served " + r.TLS.PeerCertificates[0].Subject.CommonName
			_, _ = io.WriteString(w, "a record")
		}),
	}, checker, nil
}

// refusals takes the lines of net/http about handshakes that failed.
type refusals chan<- string

func (r refusals) Write(line []byte) (int, error) {
	_, reason, _ := strings.Cut(string(line), ": auth: ")
	r <- strings.TrimSpace(reason)
	return len(line), nil
}
