package ldap_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nrlgo/nrlgo/auth"
	"github.com/nrlgo/nrlgo/auth/nhs"
	"github.com/nrlgo/nrlgo/auth/revocation"
	"github.com/nrlgo/nrlgo/mocks/mockstest"
	"github.com/nrlgo/nrlgo/mocks/pki"
	"github.com/nrlgo/nrlgo/ssp"
	"github.com/nrlgo/nrlgo/ssp/sds/ldap"
)

// What a look-up is about, which no error may show.
const (
	owner = "RR8CANARY"
	one   = "200000000240"
	two   = "200000000777"
	host  = "p1.canary.nhs.uk"
)

var question = ssp.Lookup{Organisation: nhs.MustParseODSCode(owner), InteractionID: ssp.InteractionID, Host: host}

// spineCAs makes throw-away certificates, once.
var spineCAs = sync.OnceValues(func() (*pki.PKI, error) { return pki.New(pki.Options{}) })

func certificates(tb testing.TB) *pki.PKI {
	tb.Helper()
	p, err := spineCAs()
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// dialer is one with a certificate of the throw-away PKI.
func dialer(tb testing.TB) auth.Dialer {
	tb.Helper()
	p := certificates(tb)
	leaf, err := p.Client("nrl-a1.supplier.thirdparty.nhs.uk")
	if err != nil {
		tb.Fatal(err)
	}
	creds, err := auth.ParseCredentials(leaf.ChainPEM(), leaf.KeyPEM())
	if err != nil {
		tb.Fatal(err)
	}
	trust, err := auth.ParseTrust(p.BundlePEM())
	if err != nil {
		tb.Fatal(err)
	}
	d, err := mockstest.Dialer(auth.TLSPolicy{Credentials: creds, Trust: trust.WithRevocation(revocation.Off("test"))})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = d.Close() })
	return d
}

// directory is a client of a server; edit may be nil.
func directory(tb testing.TB, address string, edit func(*ldap.Config)) *ldap.Directory {
	tb.Helper()
	c := ldap.Config{URL: &url.URL{Scheme: "ldaps", Host: address}, Dialer: dialer(tb), Timeout: 20 * time.Second}
	if edit != nil {
		edit(&c)
	}
	d, err := ldap.New(c)
	if err != nil {
		tb.Fatal(err)
	}
	return d
}

// slapd is OpenLDAP's server with a directory of the test, which wants client
// certificates of the throw-away PKI and writes what it is asked.
type slapd struct {
	address string
	log     *logged
}

// logged is what a program writes. Safe for concurrent use.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// serve starts slapd with the entries of an LDIF text behind the base, and
// further lines of its configuration.
func serve(tb testing.TB, entries, further string) *slapd {
	tb.Helper()
	program := find(tb, "slapd")
	dir := tb.TempDir()
	write := func(name, text string) string {
		tb.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			tb.Fatal(err)
		}
		return path
	}
	p := certificates(tb)
	leaf, err := p.Server("127.0.0.1")
	if err != nil {
		tb.Fatal(err)
	}
	schema, err := os.ReadFile(filepath.Join("testdata", "sds.schema"))
	if err != nil {
		tb.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "data"), 0o700); err != nil {
		tb.Fatal(err)
	}
	config := write("slapd.conf", strings.Join([]string{
		"include /etc/ldap/schema/core.schema",
		string(schema),
		"pidfile " + filepath.Join(dir, "pid"),
		"TLSCACertificateFile " + write("ca.pem", string(p.BundlePEM())),
		"TLSCertificateFile " + write("server.pem", string(leaf.ChainPEM())),
		"TLSCertificateKeyFile " + write("server.key", string(leaf.KeyPEM())),
		"TLSVerifyClient demand",
		further,
		"modulepath /usr/lib/ldap",
		"moduleload back_mdb",
		"database mdb",
		"suffix o=nhs",
		"directory " + filepath.Join(dir, "data"),
		"",
	}, "\n"))
	ldif := write("sds.ldif", "dn: o=nhs\nobjectClass: organization\no: nhs\n\ndn: ou=Services,o=nhs\nobjectClass: organizationalUnit\nou: Services\n\n"+entries)
	if out, err := exec.CommandContext(tb.Context(), find(tb, "slapadd"), "-f", config, "-l", ldif).CombinedOutput(); err != nil {
		tb.Fatalf("slapadd: %v\n%s", err, out)
	}
	return start(tb, program, config)
}

// find finds a program of Debian's package slapd. CI must have it.
func find(tb testing.TB, name string) string {
	tb.Helper()
	for _, path := range []string{name, "/usr/sbin/" + name} {
		if found, err := exec.LookPath(path); err == nil {
			return found
		}
	}
	if os.Getenv("CI") == "true" {
		tb.Fatalf("%s is missing: install Debian's slapd", name)
	}
	tb.Skipf("%s is missing: install Debian's slapd to run this test", name)
	return ""
}

// start runs slapd until the end of the test, on a free port of the loopback.
func start(tb testing.TB, program, config string) *slapd {
	tb.Helper()
	var lc net.ListenConfig
	listener, err := lc.Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	s := &slapd{address: listener.Addr().String(), log: new(logged)}
	_ = listener.Close()
	ctx, cancel := context.WithCancel(context.WithoutCancel(tb.Context()))
	cmd := exec.CommandContext(ctx, program, "-f", config, "-h", "ldaps://"+s.address, "-d", "stats")
	cmd.Stdout, cmd.Stderr = s.log, s.log
	if err := cmd.Start(); err != nil {
		cancel()
		tb.Fatal(err)
	}
	var status error
	ended := make(chan struct{})
	go func() {
		status = cmd.Wait()
		close(ended)
	}()
	tb.Cleanup(func() {
		cancel()
		<-ended
	})
	for deadline := time.Now().Add(20 * time.Second); ; {
		var d net.Dialer
		conn, err := d.DialContext(tb.Context(), "tcp", s.address)
		if err == nil {
			_ = conn.Close()
			return s
		}
		select {
		case <-ended:
			tb.Fatalf("slapd ended: %v\n%s", status, s.log)
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			tb.Fatalf("slapd does not listen: %v\n%s", err, s.log)
		}
	}
}

// filters are those that slapd was asked for, in order, once there are n; it
// writes them in its own spelling, here in lower case.
func (s *slapd) filters(tb testing.TB, n int) []string {
	tb.Helper()
	var all []string
	s.wait(tb, func(log string) bool {
		all = nil
		for line := range strings.Lines(log) {
			if _, rest, ok := strings.Cut(line, `filter="`); ok {
				all = append(all, strings.ToLower(strings.TrimSuffix(strings.TrimSpace(rest), `"`)))
			}
		}
		return len(all) >= n
	})
	return all
}

// wait waits until what slapd wrote is as wanted: it comes through a pipe.
func (s *slapd) wait(tb testing.TB, wanted func(log string) bool) {
	tb.Helper()
	for deadline := time.Now().Add(10 * time.Second); !wanted(s.log.String()); <-time.After(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			tb.Fatalf("slapd wrote\n%s", s.log)
		}
	}
}

// system and endpoint are entries of the directory.
func system(asid, org, partyKey string, interactions ...string) string {
	var can strings.Builder
	for _, i := range interactions {
		can.WriteString("nhsAsSvcIA: " + i + "\n")
	}
	return fmt.Sprintf("dn: uniqueIdentifier=%s,ou=Services,o=nhs\nobjectClass: nhsAs\nuniqueIdentifier: %[1]s\nnhsIDCode: %s\nnhsMhsPartyKey: %s\n%s\n",
		asid, org, partyKey, can.String())
}

func endpoint(id, org, partyKey, fqdn string) string {
	return fmt.Sprintf("dn: uniqueIdentifier=%s,ou=Services,o=nhs\nobjectClass: nhsMhs\nuniqueIdentifier: %[1]s\nnhsIDCode: %s\nnhsMhsPartyKey: %s\n"+
		"nhsMhsSvcIA: %s\nnhsMhsFQDN: %[5]s\nnhsMhsEndPoint: https://%[5]s/x\n\n", id, org, partyKey, ssp.InteractionID, fqdn)
}

// quiet fails when an error shows what is nobody's business.
func quiet(tb testing.TB, err error) {
	tb.Helper()
	if err == nil {
		tb.Error(errors.New("no error"))
		return
	}
	for _, secret := range []string{owner, one, two, "canary", "nhsidcode", "services"} {
		if text := fmt.Sprintf("%v %+v", err, err); strings.Contains(strings.ToLower(text), strings.ToLower(secret)) {
			tb.Errorf("the error shows %q: %s", secret, text)
		}
	}
}
