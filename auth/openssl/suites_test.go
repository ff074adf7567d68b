//go:build cgo && linux

package openssl_test

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nrlgo/nrlgo/auth"
)

// TestEachSuiteWithMutualTLS: one server a suite, which verifies us.
func TestEachSuiteWithMutualTLS(t *testing.T) {
	t.Parallel()
	k := assets(t)
	for _, suite := range auth.Suites() {
		t.Run(suite.OpenSSL, func(t *testing.T) {
			t.Parallel()
			s := k.serve(t, "-cipher", suite.OpenSSL, "-www")
			c := dial(t, engine(t, k.policy), s.Addr)
			got := c.ConnState()
			if got.Engine != "openssl" || got.Version != tls.VersionTLS12 || got.CipherSuite != suite.ID || got.Peer.Host != "localhost" {
				t.Errorf("connected with %+v", got)
			}
			if _, err := c.Write([]byte("GET / HTTP/1.0\r\n\r\n")); err != nil {
				t.Fatal(err)
			}
			page, err := io.ReadAll(c)
			if err != nil || !strings.Contains(string(page), suite.OpenSSL) || !strings.Contains(string(page), "Client certificate") {
				t.Errorf("read %v and a page that does not tell suite and our certificate:\n%s", err, page)
			}
			_ = c.Close() // s_server serves one at a time

			goEngine := must[auth.Dialer](t)(auth.NewGoEngine(k.policy))
			conn, err := goEngine.DialTLSContext(t.Context(), "tcp", s.Addr)
			if err == nil {
				_ = conn.Close()
			}
			if made := err == nil; made != suite.Go {
				t.Errorf("the Go engine connects: %v, want %v", made, suite.Go)
			}
			if err != nil && (!errors.Is(err, auth.ErrNoSuite) || !strings.Contains(err.Error(), "the OpenSSL engine has all")) {
				t.Errorf("the Go engine's error names no way out: %v", err)
			}
		})
	}
}

// TestTheServerFollowsOurOrder: s_server takes what the client prefers.
func TestTheServerFollowsOurOrder(t *testing.T) {
	t.Parallel()
	k := assets(t)
	s := k.serve(t, "-cipher", "ECDHE-RSA-AES256-SHA:DHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256")
	if got := dial(t, engine(t, k.policy), s.Addr).ConnState().CipherSuite; got != tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 {
		t.Errorf("agreed on %s, want suite 2", auth.SuiteName(got))
	}
}

// TestClientHello: what leaves this side is the list in its order, and
// nothing that the policy does not speak.
func TestClientHello(t *testing.T) {
	t.Parallel()
	hello := make(chan *tls.ClientHelloInfo, 1)
	suites := make(chan []uint16, 1)
	addr := listen(t, func(raw net.Conn) {
		defer func() { _ = raw.Close() }()
		var seen recorder
		server := tls.Server(&seen, &tls.Config{GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) {
			hello <- h
			return nil, errors.New("seen enough")
		}})
		seen.Conn = raw
		_ = server.HandshakeContext(t.Context())
		suites <- offered(seen.bytes)
	})
	k := assets(t)
	if _, err := engine(t, k.policy).DialTLSContext(t.Context(), "tcp", addr); err == nil {
		t.Error("a handshake without an answer succeeded")
	}
	want := make([]uint16, 0, 9)
	for _, s := range auth.Suites() {
		want = append(want, s.ID)
	}
	want = append(want, 0x00FF) // the renegotiation SCSV is no suite
	if diff := cmp.Diff(want, <-suites); diff != "" {
		t.Errorf("suites (-want +got):\n%s", diff)
	}
	h := <-hello
	if len(h.SupportedVersions) == 0 || h.SupportedVersions[0] != tls.VersionTLS12 || slices.Contains(h.Extensions, 43) { // supported_versions
		t.Errorf("versions up to %x, or a list of them, are offered", h.SupportedVersions)
	}
	if diff := cmp.Diff([]tls.SignatureScheme{
		tls.PKCS1WithSHA256, tls.PKCS1WithSHA384, tls.PKCS1WithSHA512, tls.PSSWithSHA256, tls.PSSWithSHA384, tls.PSSWithSHA512,
	}, h.SignatureSchemes); diff != "" {
		t.Errorf("signature algorithms (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]tls.CurveID{tls.CurveP256, tls.X25519, tls.CurveP384, tls.CurveP521}, h.SupportedCurves); diff != "" {
		t.Errorf("groups (-want +got):\n%s", diff)
	}
	if h.ServerName != "localhost" || len(h.SupportedProtos) != 0 {
		t.Errorf("server name %q, protocols %q", h.ServerName, h.SupportedProtos)
	}
	for _, id := range []uint16{0, 5} { // server_name, status_request
		if !slices.Contains(h.Extensions, id) {
			t.Errorf("extension %d is not sent", id)
		}
	}
}

// hostileConfig is an openssl.cnf that would refuse RSA-2048, offer other
// versions and algorithms, and resume nothing.
const hostileConfig = `
openssl_conf = init
[init]
ssl_conf = modules
[modules]
system_default = defaults
[defaults]
MinProtocol = TLSv1
MaxProtocol = TLSv1.3
CipherString = ALL:@SECLEVEL=3
Ciphersuites = TLS_AES_128_GCM_SHA256
Groups = P-521
SignatureAlgorithms = RSA+SHA224
ClientSignatureAlgorithms = RSA+SHA224
Options = -SessionTicket,Compression,UnsafeLegacyRenegotiation
`

// TestSystemConfigurationDoesNotCount: the policy is set over openssl.cnf. It
// is read once in a process, so tests run in another one.
func TestSystemConfigurationDoesNotCount(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "openssl.cnf")
	if err := os.WriteFile(path, []byte(hostileConfig), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^(TestClientHello|TestSessionsAreKeptApart)$", "-test.v")
	cmd.Env = append(os.Environ(), "OPENSSL_CONF="+path)
	out, err := cmd.CombinedOutput()
	if err != nil || strings.Count(string(out), "--- PASS") != 2 {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestNoServerNameForAnAddress(t *testing.T) {
	t.Parallel()
	k := assets(t)
	names := make(chan string, 1)
	config := k.config(t)
	config.GetConfigForClient = func(h *tls.ClientHelloInfo) (*tls.Config, error) {
		names <- h.ServerName
		return nil, nil
	}
	addr := listen(t, func(raw net.Conn) {
		defer func() { _ = raw.Close() }()
		_ = tls.Server(raw, config).HandshakeContext(t.Context())
	})
	c := dial(t, engine(t, k.policy), strings.Replace(addr, "localhost", "127.0.0.1", 1))
	if name := <-names; name != "" || c.ConnState().Peer.Host != "127.0.0.1" {
		t.Errorf("server name %q, verified %q", name, c.ConnState().Peer.Host)
	}
}

// recorder keeps what is read through it.
type recorder struct {
	net.Conn
	bytes []byte
}

func (r *recorder) Read(p []byte) (int, error) {
	n, err := r.Conn.Read(p)
	r.bytes = append(r.bytes, p[:n]...)
	return n, err
}

// offered reads the suites of a ClientHello as it was on the wire (RFC 5246),
// because crypto/tls keeps what it does not know from its callers.
func offered(b []byte) []uint16 {
	const head = 5 + 4 + 2 + 32 // record, message, version, random
	if len(b) < head+1 {
		return nil
	}
	b = b[head:]
	b = b[1+int(b[0]):] // session id
	n := int(b[0])<<8 | int(b[1])
	var out []uint16
	for b = b[2 : 2+n]; len(b) > 0; b = b[2:] {
		out = append(out, uint16(b[0])<<8|uint16(b[1]))
	}
	return out
}
