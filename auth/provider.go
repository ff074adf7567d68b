package auth

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// clientVerdict bounds the judging of a client in a handshake, revocation
// included.
const clientVerdict = 10 * time.Second

// VerifyClient decides whether chain, leaf first, proves a client to be the
// system with that FQDN, as the Spine Secure Proxy must be to a provider:
// issued under the given roots, in date, not revoked, and with that FQDN (NRL
// security guidance). The rules are those of [Trust.Verify], with clientAuth
// for serverAuth, and a wildcard is the name of nobody. The error is a
// [*VerifyError] with Client set.
func (t *Trust) VerifyClient(ctx context.Context, fqdn string, chain []*x509.Certificate) (Peer, error) {
	return t.verification(fqdn, asClient).verify(ctx, chain, nil)
}

// ServerConfig is the configuration of a provider's server that admits the
// systems with these FQDNs, that is the Spine Secure Proxy, and nobody else:
// TLS 1.2 exactly, cipher suites 1, 2 and 8 of the eight, a client certificate
// that [Trust.VerifyClient] accepts, on resumed sessions too. Credentials and
// trust are asked at each handshake; the CAs that are named to the client,
// which may choose its certificate by them, are those of now. For hosts whose certificate has the FQDN in
// the common name only, as those of HSCN do, t needs WithCNHosts.
//
// A refused client gets a TLS alert. The reason, a [*VerifyError], is the
// error of the handshake, which net/http writes to the server's ErrorLog. A
// connection that is open is not judged again: the server bounds its age.
//
// The error of ServerConfig says everything that is missing.
func (t *Trust) ServerConfig(creds *Credentials, fqdns ...string) (*tls.Config, error) {
	var faults []error
	if creds == nil {
		faults = append(faults, errors.New("auth: ServerConfig: the credentials are missing"))
	} else if _, err := creds.Certificate(t.clock()); err != nil {
		faults = append(faults, fmt.Errorf("auth: ServerConfig: %w", err))
	}
	if len(fqdns) == 0 {
		faults = append(faults, errors.New("auth: ServerConfig: no FQDN is given, so nobody could be admitted"))
	}
	for i, f := range fqdns {
		if _, ok := hostName(strings.TrimSuffix(f, ".")); !ok {
			faults = append(faults, fmt.Errorf("auth: ServerConfig: FQDN %d is not a host name", i+1))
		}
	}
	if err := t.Usable(); err != nil {
		faults = append(faults, err)
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion:   tls.VersionTLS12,
		MaxVersion:   tls.VersionTLS12,
		CipherSuites: slices.Concat(goOffers...),
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return creds.Certificate(t.clock())
		},
		// Not RequireAndVerifyClientCert: crypto/tls takes sub CAs for anchors
		// and no common name for an FQDN.
		ClientAuth:       tls.RequireAnyClientCert,
		ClientCAs:        t.named(),
		VerifyConnection: admission{t, slices.Clone(fqdns)}.judge,
		Time:             t.clock,
	}, nil
}

// admission is who may come in.
type admission struct {
	trust *Trust
	fqdns []string
}

// judge accepts a client that is one of the systems. Of errors, one that is
// not about the name says more.
func (a admission) judge(s tls.ConnectionState) error {
	ctx, cancel := context.WithTimeout(context.Background(), clientVerdict)
	defer cancel()
	var first error
	for _, f := range a.fqdns {
		_, err := a.trust.VerifyClient(ctx, f, s.PeerCertificates)
		if ve, ok := errors.AsType[*VerifyError](err); !ok || ve.Stage != StageName {
			return err
		}
		first = cmp.Or(first, err)
	}
	return first
}

// named are all CAs, for their names: crypto/tls sends them and, as the
// configuration is, does no more with them.
func (t *Trust) named() *x509.CertPool {
	cas, pool := t.authorities(), x509.NewCertPool()
	for _, c := range slices.Concat(cas.anchors, cas.subs) {
		pool.AddCert(c)
	}
	return pool
}
