package main

import (
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/nrlgo/nrlgo/auth/nhs"
	"github.com/nrlgo/nrlgo/auth/openssl"
	"github.com/nrlgo/nrlgo/client/audit"
	"github.com/nrlgo/nrlgo/mocks"
	"github.com/nrlgo/nrlgo/mocks/pki"
)

// TestScripts runs the scripts of testdata, each with a mock Spine of its own.
//
//	mock start [KIND]       starts it, writes its certificates and sets NRL_ variables
//	mock record PATIENT URL [TYPE] [STABILITY]
//	mock page|plain PATIENT a contact page over https or http, with its pointer
//	mock legacy PATIENT     a pointer of the older profile
//	mock patient N, mock misfile FROM TO, mock garble PATIENT
//	mock fault NAME [ARG]   misbehaves from now on, and in no other way
//	mock heal               misbehaves no more
//	mock lists              writes the lists of revoked certificates, sub.crl and root.crl
//	mock revoke             revokes the server's certificate
//	mock cert KIND          a bad certificate: own expired.pem, soon.pem, foreign.pem, and old-root.pem
//	mock clean              what arrived kept every rule
//	status N COMMAND…       the exit status is N
//	mode MODE FILE          the permissions
//	files DIR [NAME]…       all that the folder holds
//	trail FILE KIND:OP:STATUS…
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Condition: func(name string) (bool, error) { // [openssl]: this build and system have the engine
			_, err := openssl.Version()
			return name == "openssl" && err == nil, nil
		},
		Setup: func(e *testscript.Env) error {
			e.Values["mock"] = &scriptMock{}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"mock": cmdMock, "status": cmdStatus, "mode": cmdMode, "files": cmdFiles, "trail": cmdTrail,
		},
	})
}

// scriptMock is the mock of one script.
type scriptMock struct {
	spine *mocks.Spine
	ids   map[string]mocks.ID // the last pointer of a patient
}

func cmdStatus(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N command…")
	}
	got, err := 0, ts.Exec(args[1], args[2:]...)
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		got = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if strconv.Itoa(got) != args[0] {
		ts.Fatalf("exit status %d, want %s", got, args[0])
	}
}

func cmdMode(ts *testscript.TestScript, _ bool, args []string) {
	st, err := os.Stat(ts.MkAbs(args[1]))
	ts.Check(err)
	if got := fmt.Sprintf("%04o", st.Mode().Perm()); got != args[0] {
		ts.Fatalf("mode %s, want %s", got, args[0])
	}
}

func cmdFiles(ts *testscript.TestScript, _ bool, args []string) {
	entries, err := os.ReadDir(ts.MkAbs(args[0]))
	ts.Check(err)
	got := []string{}
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if diff := cmp.Diff(args[1:], got); diff != "" {
		ts.Fatalf("files (-want +got):\n%s", diff)
	}
}

func cmdTrail(ts *testscript.TestScript, _ bool, args []string) {
	var got []string
	for line, err := range audit.Read(strings.NewReader(ts.ReadFile(args[0]))) {
		ts.Check(err)
		e := line.Entry
		got = append(got, fmt.Sprintf("%s:%s:%d", e.Kind, e.Op, e.Status))
	}
	if diff := cmp.Diff(args[1:], got); diff != "" {
		ts.Fatalf("lines of the trail (-want +got):\n%s", diff)
	}
}

func cmdMock(ts *testscript.TestScript, _ bool, args []string) {
	m := ts.Value("mock").(*scriptMock)
	arg := func(i int) string {
		if i < len(args) {
			return args[i]
		}
		return ""
	}
	switch args[0] {
	case "start":
		m.start(ts, arg(1))
	case "record":
		m.ids[arg(1)] = m.spine.AddRecord(nhs.MustParseNumber(arg(1)), mocks.Record{
			URL: arg(2), Type: arg(3), Stability: arg(4), Body: []byte(document), Describe: true,
		})
	case "page":
		m.ids[arg(1)] = m.spine.AddContact(nhs.MustParseNumber(arg(1)), "text/html", contactPage)
	case "plain":
		url := m.spine.AddPlainPage("/call", "text/html", contactPage)
		m.ids[arg(1)] = m.spine.AddPointer(mocks.Pointer{Patient: nhs.MustParseNumber(arg(1)), Contents: []mocks.Content{
			{URL: url, ContentType: "text/html", Format: mocks.FormatContact},
		}})
	case "legacy":
		m.spine.AddPointer(mocks.Pointer{Patient: nhs.MustParseNumber(arg(1)), Legacy: true})
	case "patient":
		m.spine.AddPatient(nhs.MustParseNumber(arg(1)))
	case "misfile":
		m.spine.Misfile(m.ids[arg(1)], nhs.MustParseNumber(arg(2)))
	case "garble":
		m.spine.AddRawEntry(nhs.MustParseNumber(arg(1)), `{"resourceType":"DocumentReference","id":"garbled"}`)
	case "fault":
		m.spine.ClearFaults()
		m.spine.Fault(misbehaviour(ts, args[1], arg(2)))
	case "heal":
		m.spine.ClearFaults()
	case "cert":
		m.badCertificate(ts, arg(1))
	case "lists":
		m.writeLists(ts)
	case "revoke":
		m.spine.Revoke(m.spine.ServerCertificate())
	case "clean":
		if v := m.spine.Violations(); len(v) > 0 {
			ts.Fatalf("broken rules: %q", v)
		}
	default:
		ts.Fatalf("mock %s is unknown", args[0])
	}
	if id := m.ids[arg(1)]; id != "" {
		ts.Setenv("POINTER", string(id))
	}
}

const (
	document    = "%PDF-1.4\n% a plan\n%%EOF\n"
	contactPage = "<html><body>Call 0300 123 4567</body></html>"
)

// misbehaviour is one by its name. Of the SSP only where the name says so.
func misbehaviour(ts *testscript.TestScript, name, arg string) mocks.Fault {
	n, _ := strconv.Atoi(arg)
	f, ok := map[string]mocks.Fault{
		"status": mocks.Status(n), "html500": mocks.HTML500(), "stall": mocks.Stall(),
		"truncate": mocks.Truncate(int64(n)), "stall-after": mocks.StallAfter(int64(n)), "bare-fin": mocks.BareFIN(int64(n)),
		"length": mocks.Length(int64(n)), "reset-after": mocks.ResetAfter(int64(n)), "reset": mocks.Reset(),
		"login-page": mocks.Body(200, "text/html", "<html>Please log in</html>"),
		"other-pdf":  mocks.Body(200, "application/pdf", strings.Repeat("x", len(document))),
		"redirect":   mocks.Redirect("https://elsewhere.example/"),
		"no-bundle":  mocks.Body(200, "application/fhir+json", "{}"),
		"bare-400":   mocks.Body(400, "text/html", "<html>No required SSL certificate was sent</html>"),
	}[strings.TrimPrefix(name, "ssp-")]
	if !ok {
		ts.Fatalf("fault %s is unknown", name)
	}
	if strings.HasPrefix(name, "ssp-") {
		return mocks.On(mocks.SSP, f)
	}
	return f
}

// writeLists writes the lists of both CAs.
func (m *scriptMock) writeLists(ts *testscript.TestScript) {
	for name, list := range map[string]func() ([]byte, error){"sub.crl": m.spine.CRL, "root.crl": m.spine.RootCRL} {
		der, err := list()
		ts.Check(err)
		ts.Check(os.WriteFile(ts.MkAbs(name), der, 0o600))
	}
}

// start starts a mock: KIND is what its server certificate is.
func (m *scriptMock) start(ts *testscript.TestScript, kind string) {
	m.ids = map[string]mocks.ID{}
	opts, err := serverLeaf(kind)
	ts.Check(err)
	m.spine, err = mocks.Start(opts...)
	ts.Check(err)
	ts.Defer(func() { _ = m.spine.Close() })
	work := ts.Getenv("WORK")
	ts.Check(m.spine.WriteFiles(work))
	ts.Check(os.WriteFile(filepath.Join(work, "sub.pem"), m.spine.PKI().Sub.PEM(), 0o600))
	for name, value := range settings(m.spine.NRLURL(), m.spine.SSPURL(), work) {
		ts.Setenv(name, value)
	}
	ts.Setenv("LISTS", strings.TrimPrefix(m.spine.PlainURL(), "http://"))
	ts.Setenv("LOCALHOST", strings.Replace(m.spine.NRLURL(), "127.0.0.1", "localhost", 1))
	ts.Setenv("AUD", strings.TrimSuffix(m.spine.NRLURL(), "/STU3"))
	ts.Setenv("SSL_CERT_FILE", filepath.Join(work, "public-ca.pem"))
}

// serverLeaf gives a mock the server certificate of that kind.
func serverLeaf(kind string) ([]mocks.Option, error) {
	switch kind {
	case "":
		return nil, nil
	case "lists":
		return []mocks.Option{mocks.WithRevocationLists(time.Hour)}, nil
	}
	p, err := pki.New(pki.Options{})
	if err != nil {
		return nil, err
	}
	names, cn := pki.Hosts("localhost", "127.0.0.1"), "localhost"
	edit := names
	switch kind {
	case "expired":
		edit = func(c *x509.Certificate) { names(c); c.NotAfter = time.Now().Add(-time.Minute) }
	case "foreign":
		if p, err = pki.New(pki.Options{KeySet: "foreign"}); err != nil {
			return nil, err
		}
	case "cn-only":
		edit = nil
	case "other-host":
		edit, cn = pki.Hosts("elsewhere.example"), "elsewhere.example"
	}
	leaf, err := p.Issue(cn, edit)
	if err != nil {
		return nil, err
	}
	return []mocks.Option{mocks.WithServerLeaf(leaf.TLS())}, nil
}

// badCertificate writes a certificate that must not work, or not for long.
func (m *scriptMock) badCertificate(ts *testscript.TestScript, kind string) {
	p, edit := m.spine.PKI(), func(*x509.Certificate) {}
	switch kind {
	case "old-root":
		old, err := pki.New(pki.Options{Now: func() time.Time { return time.Now().AddDate(-30, 0, 0) }})
		ts.Check(err)
		ts.Check(os.WriteFile(ts.MkAbs(kind+".pem"), old.Root.PEM(), 0o600))
		return
	case "expired":
		edit = func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }
	case "soon":
		edit = func(c *x509.Certificate) { c.NotAfter = time.Now().Add(10*24*time.Hour - time.Minute) }
	case "foreign":
		var err error
		p, err = pki.New(pki.Options{KeySet: "foreign"})
		ts.Check(err)
	}
	leaf, err := p.Issue(mocks.ConsumerFQDN, edit)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(kind+".pem"), slices.Concat(leaf.ChainPEM(), leaf.KeyPEM()), 0o600))
}
