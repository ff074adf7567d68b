package enginetest

import (
	"crypto"
	"crypto/tls"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nrlgo/nrlgo/auth"
	"github.com/nrlgo/nrlgo/mocks/pki"
)

// limit ends what would hang.
const limit = 20 * time.Second

// Chains is the table of certificate chains that must be refused or accepted.
// Each is shown in both directions, by a server to the engine and by a client
// to a provider, and what both ends say is compared.
func Chains(t *testing.T, engine func(auth.TLSPolicy) (auth.Dialer, error)) {
	t.Helper()
	table := rows()
	if len(table) < 60 {
		t.Errorf("the table has %d rows, fewer than 60", len(table))
	}
	var shown atomic.Int32
	t.Cleanup(func() {
		// Where this engine cannot show a chain as a client, crypto/tls does.
		if n := shown.Load(); !t.Failed() && n < 40 {
			t.Errorf("the engine showed %d chains as a client, want 40 and more", n)
		}
	})
	for _, r := range table {
		if !r.clientOnly {
			t.Run("server/"+r.name, func(t *testing.T) {
				t.Parallel()
				asServerOf(t, engine, r)
			})
		}
		t.Run("client/"+r.name, func(t *testing.T) {
			t.Parallel()
			if asClientOf(t, engine, r) {
				shown.Add(1)
			}
		})
	}
}

// show makes the chain and the trust that judges it.
func (r row) show(t *testing.T) (*maker, *auth.Trust) {
	t.Helper()
	m := newMaker(t)
	m.shown = r.chain(m)
	trust := usual
	if r.trust != nil {
		trust = r.trust
	}
	return m, trust(m)
}

// asServerOf shows the chain as that of a server: the engine judges.
func asServerOf(t *testing.T, engine func(auth.TLSPolicy) (auth.Dialer, error), r row) {
	t.Helper()
	m, trust := r.show(t)
	end := serve(t, &tls.Config{
		MinVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384},
		Certificates: []tls.Certificate{m.shown}, ClientAuth: tls.RequireAnyClientCert,
	})
	us := must[*pki.Leaf](t)(m.pki.Client("consumer.example.nhs.uk"))
	d := must[auth.Dialer](t)(engine(auth.TLSPolicy{
		Credentials: must[*auth.Credentials](t)(auth.ParseCredentials(us.ChainPEM(), us.KeyPEM())),
		Trust:       trust, Proxy: end.proxy,
	}))
	defer func() { _ = d.Close() }()
	conn, err := d.DialTLSContext(t.Context(), "tcp", fqdn+":443")
	if err == nil {
		peer := conn.(auth.Conn).ConnState().Peer
		if peer.Host != fqdn || peer.Client || len(peer.Chain) < 3 {
			t.Errorf("the peer is %q, a client: %t, with %d certificates", peer.Host, peer.Client, len(peer.Chain))
		}
		err = talk(conn)
	}
	judge(t, r.want.server, false, err)
	far(t, r.want.server, end.of(t))
}

// asClientOf shows the chain as that of a client: the provider judges. It
// reports whether the engine was that client.
func asClientOf(t *testing.T, engine func(auth.TLSPolicy) (auth.Dialer, error), r row) bool {
	t.Helper()
	m, trust := r.show(t)
	const host = "provider.thirdparty.nhs.uk"
	own := must[*pki.Leaf](t)(m.pki.Issue(host, all(pki.Hosts(host), lasting)))
	provider := must[*auth.Credentials](t)(auth.ParseCredentials(own.ChainPEM(), own.KeyPEM()))
	end := serve(t, must[*tls.Config](t)(trust.ServerConfig(provider, another, fqdn)))
	creds, sendable := credentials(m.shown)
	if sendable {
		d := must[auth.Dialer](t)(engine(auth.TLSPolicy{Credentials: creds, Trust: usual(m), Proxy: end.proxy}))
		defer func() { _ = d.Close() }()
		conn, err := d.DialTLSContext(t.Context(), "tcp", host+":443")
		if err == nil {
			err = talk(conn)
		}
		refused := errors.Is(err, auth.ErrRefused)
		sendable = !errors.Is(err, auth.ErrCredentials) // OpenSSL sends no weak sub CA
		if sendable && (refused != r.want.client.refuses() || !refused && err != nil) {
			t.Errorf("the client got %v, want ErrRefused: %t", err, r.want.client.refuses())
		}
	}
	if !sendable {
		far(t, r.want.client, plainly(t, m, end.proxy.Host, host))
	}
	judge(t, r.want.client, true, end.of(t))
	return sendable
}

func (v verdict) refuses() bool { return v.stage != "" }

// judge compares the error of the side that judges.
func judge(t *testing.T, v verdict, client bool, err error) {
	t.Helper()
	if !v.refuses() {
		if err != nil {
			t.Errorf("refused: %v", err)
		}
		return
	}
	ve, ok := errors.AsType[*auth.VerifyError](err)
	switch {
	case err == nil:
		t.Error("accepted")
	case !ok || !errors.Is(err, auth.ErrUntrusted):
		t.Errorf("got %v, want a VerifyError", err)
	case ve.Stage != v.stage || ve.Client != client || !strings.Contains(ve.Error(), v.reason) || ve.Advice() == "":
		t.Errorf("got %q of stage %q, of a client: %t, with the advice %q; want %q at stage %q", ve, ve.Stage, ve.Client, ve.Advice(), v.reason, v.stage)
	}
}

// far compares the error of the side that is judged.
func far(t *testing.T, v verdict, err error) {
	t.Helper()
	const alert = "bad certificate"
	if v.refuses() && (err == nil || !strings.Contains(err.Error(), alert)) || !v.refuses() && err != nil {
		t.Errorf("the refused end got %v, want %q: %t", err, alert, v.refuses())
	}
}

// credentials are ours with exactly that chain; false where they refuse it, or
// would send another one.
func credentials(c tls.Certificate) (*auth.Credentials, bool) {
	l := pki.Leaf{Key: c.PrivateKey.(crypto.Signer)}
	var chain []byte
	for _, der := range c.Certificate {
		chain = append(chain, certPEM(der)...)
	}
	creds, err := auth.ParseCredentials(chain, l.KeyPEM())
	if err != nil {
		return nil, false
	}
	sent, err := creds.Certificate(time.Now())
	return creds, err == nil && slices.EqualFunc(sent.Certificate, c.Certificate, slices.Equal)
}
