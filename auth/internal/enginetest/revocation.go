package enginetest

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nrlgo/nrlgo/auth"
	"github.com/nrlgo/nrlgo/auth/revocation"
	"github.com/nrlgo/nrlgo/mocks/pki"
)

// Revocation shows the engine servers of OpenSSL whose certificates are good,
// revoked or of unknown status: by a staple (`openssl s_server -status_file`),
// by a responder (`openssl ocsp`), and by a list that is fetched over HTTP.
func Revocation(t *testing.T, engine func(auth.TLSPolicy) (auth.Dialer, error)) {
	t.Helper()
	openssl(t)
	for _, tt := range []struct {
		name string
		give func(*source)
		soft bool
		want error // revocation's, nil to connect
		by   revocation.Method
	}{
		{name: "staple good", give: stapled(false, false), by: revocation.ByStaple},
		{name: "staple revoked", give: stapled(true, false), want: revocation.ErrRevoked},
		{name: "staple revoked, soft", give: stapled(true, false), soft: true, want: revocation.ErrRevoked},
		{name: "staple signed by the server's own kind", give: stapled(false, true), want: revocation.ErrResponder},
		{name: "staple signed by the server's own kind, soft", give: stapled(false, true), soft: true},
		{name: "no staple", give: func(*source) {}, want: revocation.ErrNoSource},
		{name: "responder says good", give: asked(false), by: revocation.ByOCSP},
		{name: "responder says revoked", give: asked(true), want: revocation.ErrRevoked},
		{name: "responder unreachable", give: unreachable((*source).ocsp), want: revocation.ErrFetch},
		{name: "responder unreachable, soft", give: unreachable((*source).ocsp), soft: true},
		{name: "list good", give: fetched(false), by: revocation.ByCRL},
		{name: "list revoked", give: fetched(true), want: revocation.ErrRevoked},
		{name: "list revoked, soft", give: fetched(true), soft: true, want: revocation.ErrRevoked},
		{name: "list unreachable", give: unreachable((*source).list), want: revocation.ErrFetch},
		{name: "list unreachable, soft", give: unreachable((*source).list), soft: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSource(t)
			tt.give(s)
			conn, err := s.dial(engine, tt.soft)
			if tt.want != nil {
				ve, ok := errors.AsType[*auth.VerifyError](err)
				if !ok || ve.Stage != auth.StageRevocation || !errors.Is(err, tt.want) {
					t.Errorf("got %v, want %v", err, tt.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			status := conn.(auth.Conn).ConnState().Peer.Revocation
			if status.Certs[0].By != tt.by {
				t.Errorf("established by %q, want %q", status.Certs[0].By, tt.by)
			}
			if notices := len(status.Notices()); notices != 0 != (tt.by == "") {
				t.Errorf("%d notices: %v", notices, status)
			}
		})
	}
}

// source is the server's certificate, and what says that it is revoked.
type source struct {
	*maker
	dir  string
	leaf *pki.Leaf
	args []string // of s_server
	host string   // that may be asked
}

func newSource(t *testing.T) *source {
	t.Helper()
	s := &source{maker: newMaker(t), dir: t.TempDir()}
	s.renew(nil)
	s.put("sub.pem", s.pki.Sub.PEM())
	s.put("sub.key", (&pki.Leaf{Key: s.pki.Sub.Key}).KeyPEM())
	return s
}

func (s *source) put(name string, data []byte) string { return write(s.tb, s.dir, name, data) }

func (s *source) renew(e edit) {
	s.leaf = must[*pki.Leaf](s.tb)(s.pki.Issue("localhost", all(pki.Hosts("localhost"), e)))
	s.put("leaf.pem", s.leaf.CertPEM())
}

// ocsp and list make the certificate name a host that says more.
func (s *source) ocsp(host string) {
	s.host = host
	s.renew(func(c *x509.Certificate) { c.OCSPServer = []string{"http://" + host} })
}

func (s *source) list(host string) {
	s.host = host
	s.renew(func(c *x509.Certificate) { c.CRLDistributionPoints = []string{"http://" + host + "/sub.crl"} })
}

// unreachable is a source at a port where nobody listens.
func unreachable(name func(*source, string)) func(*source) {
	return func(s *source) { name(s, s.free()) }
}

// free is an address that was free just now.
func (s *source) free() string {
	l := must[net.Listener](s.tb)((&net.ListenConfig{}).Listen(s.tb.Context(), "tcp", "127.0.0.1:0"))
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// index is the database of openssl for the certificate.
func (s *source) index(revoked bool) string {
	const when = "060102150405Z"
	state, at := "V", ""
	if revoked {
		state, at = "R", time.Now().Add(-time.Hour).UTC().Format(when)+",keyCompromise"
	}
	serial := strings.ToUpper(s.leaf.Cert.SerialNumber.Text(16))
	if len(serial)%2 == 1 {
		serial = "0" + serial
	}
	return s.put("index.txt", fmt.Appendf(nil, "%s\t%s\t%s\t%s\tunknown\t/CN=localhost\n", state, s.leaf.Cert.NotAfter.UTC().Format(when), at, serial))
}

func (s *source) file(name string) string { return filepath.Join(s.dir, name) }

// stapled is an answer of `openssl ocsp`, signed by the sub CA or by an
// ordinary server, that s_server staples.
func stapled(revoked, wrong bool) func(*source) {
	return func(s *source) {
		signer, key := s.file("sub.pem"), s.file("sub.key")
		if wrong {
			other := must[*pki.Leaf](s.tb)(s.pki.Server("other.nhs.uk"))
			signer, key = s.put("other.pem", other.CertPEM()), s.put("other.key", other.KeyPEM())
		}
		s.run("ocsp", "-issuer", s.file("sub.pem"), "-cert", s.file("leaf.pem"), "-no_nonce", "-reqout", s.file("request"))
		s.run("ocsp", "-index", s.index(revoked), "-CA", s.file("sub.pem"), "-rsigner", signer, "-rkey", key,
			"-reqin", s.file("request"), "-respout", s.file("answer"), "-ndays", "1")
		s.args = []string{"-status_file", s.file("answer")}
	}
}

func (s *source) run(args ...string) {
	s.tb.Helper()
	if out, err := exec.CommandContext(s.tb.Context(), openssl(s.tb), args...).CombinedOutput(); err != nil {
		s.tb.Fatalf("openssl %s: %v\n%s", args[0], err, out)
	}
}

// asked is `openssl ocsp` as a responder.
func asked(revoked bool) func(*source) {
	return func(s *source) {
		s.ocsp(s.free())
		_, port, _ := net.SplitHostPort(s.host)
		start(s.tb, "ocsp: waiting for OCSP client connections", "ocsp", "-port", port, "-index", s.index(revoked),
			"-CA", s.file("sub.pem"), "-rsigner", s.file("sub.pem"), "-rkey", s.file("sub.key"), "-ndays", "1")
	}
}

// fetched is a list on a web server.
func fetched(revoked bool) func(*source) {
	return func(s *source) {
		web := httptest.NewServer(http.FileServer(http.Dir(s.dir)))
		s.tb.Cleanup(web.Close)
		s.list(web.Listener.Addr().String())
		var all []*x509.Certificate
		if revoked {
			all = append(all, s.leaf.Cert)
		}
		s.put("sub.crl", s.crl(s.pki.Sub, nil, all...))
	}
}

// dial connects the engine to an s_server with the certificate.
func (s *source) dial(engine func(auth.TLSPolicy) (auth.Dialer, error), soft bool) (net.Conn, error) {
	k := must[*revocation.Checker](s.tb)(revocation.New(revocation.Config{
		Soft: soft, Lists: []string{s.put("root.crl", s.crl(s.pki.Root, nil))}, Hosts: hosts(s.host),
	}))
	s.tb.Cleanup(k.Close)
	server := ServeOpenSSL(s.tb, s.pki, s.leaf, append([]string{"-tls1_2"}, s.args...)...)
	us := must[*pki.Leaf](s.tb)(s.pki.Client("consumer.example.nhs.uk"))
	d := must[auth.Dialer](s.tb)(engine(auth.TLSPolicy{
		Credentials: must[*auth.Credentials](s.tb)(auth.ParseCredentials(us.ChainPEM(), us.KeyPEM())),
		Trust:       usual(s.maker).WithRevocation(k),
	}))
	s.tb.Cleanup(func() { _ = d.Close() })
	return d.DialTLSContext(s.tb.Context(), "tcp", server.Addr)
}

func hosts(host string) []string {
	if host == "" {
		return nil
	}
	return []string{host}
}
