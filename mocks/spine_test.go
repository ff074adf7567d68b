package mocks_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nrlgo/nrlgo/mocks"
)

func TestRequestsAreKeptAsTheyWereSent(t *testing.T) {
	t.Parallel()
	sp, c := setup(t)
	sp.AddRecord(number, mocks.Record{URL: doc + "?a=%20"})
	c.send(t, c.search())
	a := c.retrieve(doc + "?a=%20")
	c.send(t, a)
	got := sp.Requests()
	if len(got) != 2 {
		t.Fatalf("%d requests", len(got))
	}
	search, retrieve := got[0], got[1]
	if search.Service != mocks.NRL || search.Method != http.MethodGet || search.URI != c.search().target || search.Status != 200 {
		t.Errorf("the search is %+v", search)
	}
	for name, want := range map[string]string{
		"fromASID": mocks.ConsumerASID, "toASID": mocks.SpineASID, "Fromasid": "", "Accept": "application/fhir+json",
		"Host": strings.TrimPrefix(sp.SSPURL(), "https://"),
	} {
		r := search
		if name == "Host" {
			r = retrieve
		}
		if got := r.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if retrieve.Service != mocks.SSP || retrieve.URI != "/https%3A%2F%2Fp1.nhs.uk%2Fdoc%3Fa%3D%2520" || retrieve.ProviderURL != doc+"?a=%20" {
		t.Errorf("the retrieval is %+v", retrieve)
	}
	if retrieve.TLSVersion != tls.VersionTLS12 || !slices.Contains(retrieve.OfferedSuites, retrieve.CipherSuite) {
		t.Errorf("version %x, suite %x of %x", retrieve.TLSVersion, retrieve.CipherSuite, retrieve.OfferedSuites)
	}
	if cert := retrieve.ClientCertificate; cert == nil || cert.Subject.CommonName != mocks.ConsumerFQDN {
		t.Error("the client certificate is not that of the consumer")
	}
	if retrieve.Claims["scope"] != "patient/*.read" || retrieve.Violations != nil {
		t.Errorf("claims %v, violations %q", retrieve.Claims, retrieve.Violations)
	}
	sp.Forget()
	c.send(t, a) // also a trace id that is forgotten
	if got := sp.Requests(); len(got) != 1 || got[0].Violations != nil {
		t.Errorf("after Forget: %+v", got)
	}
}

func TestPublicPages(t *testing.T) {
	t.Parallel()
	sp := mocks.Run(t)
	c := connect(t, sp, func(c *tls.Config) { c.Certificates = nil })
	get := func(t *testing.T, c *consumer, url string, header http.Header) reply {
		t.Helper()
		scheme, rest, _ := strings.Cut(url, "://")
		host, path, _ := strings.Cut(rest, "/")
		return c.send(t, ask{method: http.MethodGet, base: scheme + "://" + host, target: "/" + path, header: header})
	}
	secure := sp.AddPage("/a?b=c", "text/html", "<p>call us</p>")
	plain := sp.AddPlainPage("/a?b=c", "application/pdf", "%PDF")
	for url, want := range map[string]reply{
		secure:                   {status: 200, contentType: "text/html", body: "<p>call us</p>"},
		plain:                    {status: 200, contentType: "application/pdf", body: "%PDF"},
		sp.PublicURL() + "/none": {status: 404, contentType: "text/html", body: "<html><title>404: Not Found</title></html>"},
	} {
		if got := get(t, c, url, http.Header{}); got.status != want.status || got.contentType != want.contentType || got.body != want.body {
			t.Errorf("%v, status %d, %s: %s", got.err, got.status, got.contentType, got.body)
		}
	}
	if v := sp.Violations(); v != nil {
		t.Errorf("violations %q", v)
	}
	sp.Forget()
	withCert := connect(t, sp, nil)
	get(t, withCert, secure, http.Header{
		"Authorization": {"Bearer x"}, "Ssp-From": {"1"}, "fromASID": {"1"}, "toASID": {"1"}, "Cookie": {"a=b"}, "Referer": {"https://x"},
	})
	want := []string{
		"public: Authorization was sent to a public page",
		"public: Cookie was sent",
		"public: Referer was sent",
		"public: Ssp-From was sent to a public page",
		"public: a client certificate was presented to a public page",
		"public: fromASID was sent to a public page",
		"public: toASID was sent to a public page",
	}
	if diff := cmp.Diff(want, slices.Sorted(slices.Values(sp.Violations()))); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestContactIsAPublicPageWithAPointer(t *testing.T) {
	t.Parallel()
	sp, c := setup(t)
	id := sp.AddContact(number, "text/html", "<p>call us</p>")
	body := c.send(t, c.search()).body
	for _, want := range []string{string(id), `"code":"urn:nhs-ic:record-contact"`, `"contentType":"text/html"`, sp.PublicURL() + "/contact/"} {
		if !strings.Contains(body, want) {
			t.Errorf("%s is not in %s", want, body)
		}
	}
}

func TestWriteFiles(t *testing.T) {
	t.Parallel()
	sp := mocks.Run(t)
	dir := t.TempDir()
	if err := sp.WriteFiles(dir); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]byte{
		"ca.pem": sp.CAPEM(), "client.pem": sp.ClientCertPEM(), "client.key": sp.ClientKeyPEM(), "public-ca.pem": sp.PublicCAPEM(),
	} {
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v, %v", name, info.Mode(), err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s: -want +got\n%s", name, diff)
		}
	}
	err := sp.WriteFiles(filepath.Join(dir, "none"))
	if err == nil || strings.Contains(err.Error(), dir) {
		t.Errorf("got %v, want an error without the folder's name", err)
	}
	if _, ok := errors.AsType[*fs.PathError](err); ok {
		t.Error("a *fs.PathError holds the whole name")
	}
}

func TestManyMocksInOneProcess(t *testing.T) {
	t.Parallel()
	var group sync.WaitGroup
	for range 8 {
		sp, c := setup(t)
		sp.AddRecord(number, mocks.Record{URL: doc, Body: []byte("x")})
		for range 4 {
			search, retrieve := c.search(), c.retrieve(doc)
			group.Go(func() {
				for _, a := range []ask{search, retrieve} {
					if r := c.send(t, a); r.err != nil || r.status != 200 {
						t.Errorf("%v, status %d: %s", r.err, r.status, r.body)
					}
				}
			})
		}
	}
	group.Wait()
}

// TestHundredsOfMocksAtOnce each answers, none costs a key.
func TestHundredsOfMocksAtOnce(t *testing.T) {
	t.Parallel()
	var group sync.WaitGroup
	for range 200 {
		sp, c := setup(t)
		group.Go(func() {
			if r := c.send(t, c.search()); r.status != 404 || len(sp.Requests()) != 1 {
				t.Errorf("%v, status %d", r.err, r.status)
			}
		})
	}
	group.Wait()
}

func TestClosedMockAnswersNobody(t *testing.T) {
	t.Parallel()
	sp, c := setup(t)
	c.send(t, c.search())
	if err := sp.Close(); err != nil {
		t.Error(err)
	}
	if r := c.send(t, c.search()); r.err == nil {
		t.Errorf("status %d", r.status)
	}
	if err := sp.Close(); err != nil {
		t.Errorf("the second Close: %v", err)
	}
}

// fatal is a T that keeps what it is told.
type fatal struct {
	mocks.T
	text string
}

func (f *fatal) Fatalf(format string, args ...any) { f.text = fmt.Sprintf(format, args...) }

func TestRunFailsTheTestWhenItCannotStart(t *testing.T) {
	t.Parallel()
	f := &fatal{T: t}
	far := mocks.WithClock(func() time.Time { return time.Date(12000, 1, 1, 0, 0, 0, 0, time.UTC) }) // beyond X.509
	if sp := mocks.Run(f, far); sp != nil || !strings.HasPrefix(f.text, "mocks: pki: ") {
		t.Errorf("started %v, told %q", sp != nil, f.text)
	}
}

// TestBench holds the table of the national test bench (NRL simulator page).
func TestBench(t *testing.T) {
	t.Parallel()
	sp, c := setup(t, mocks.WithTestBench())
	custodian := "&custodian=" + escape("https://directory.spineservices.nhs.uk/STU3/Organization/")
	plan := "&type.coding=" + escape("http://snomed.info/sct|736253002")
	subject := func(digits string) string { return "?subject=" + escape(subjectOf(digits)) }
	for target, want := range map[string]string{
		"?_id=" + string(mocks.BenchID("ab12")):          "200 1",
		"?_id=" + string(mocks.BenchID("ef56")):          "200 1 master",
		"?_id=" + string(mocks.BenchID("cd34")):          "200 0",
		"?_id=" + string(mocks.BenchID("er15")):          "400 INVALID_NHS_NUMBER",
		"?_id=" + string(mocks.BenchID("er16")):          "400 INVALID_PARAMETER",
		"?_id=" + string(mocks.BenchID("er23")):          "400 MISSING_OR_INVALID_HEADER",
		"?_id=" + string(mocks.BenchID("er27")):          "404 NO_RECORD_FOUND",
		"?_id=" + string(mocks.BenchID("er99")):          "415 UNSUPPORTED_MEDIA_TYPE",
		"/" + string(mocks.BenchID("gh78")):              "200",
		"/" + string(mocks.BenchID("ij90")):              "200 master",
		"/" + string(mocks.BenchID("er05")):              "400 BAD_REQUEST",
		"/" + string(mocks.BenchID("er15")):              "400 INVALID_NHS_NUMBER",
		"/" + string(mocks.BenchID("er16")):              "400 INVALID_PARAMETER",
		"/" + string(mocks.BenchID("er23")):              "400 MISSING_OR_INVALID_HEADER",
		"/" + string(mocks.BenchID("er27")):              "404 NO_RECORD_FOUND",
		"/" + string(mocks.BenchID("er99")):              "415 UNSUPPORTED_MEDIA_TYPE",
		subject("9462205957"):                            "200 2",
		subject("9462206031"):                            "200 2 master replaces",
		subject("9462205965"):                            "200 0",
		subject("9462205655"):                            "400 INVALID_NHS_NUMBER",
		subject("9462205671"):                            "400 INVALID_PARAMETER",
		subject("9462205833"):                            "400 MISSING_OR_INVALID_HEADER",
		subject("9462205701"):                            "404 NO_RECORD_FOUND",
		subject("9462205841"):                            "415 UNSUPPORTED_MEDIA_TYPE",
		subject("9462205736") + custodian + "RR8":        "200 2",
		subject("9462206058") + custodian + "RR8":        "200 2 master replaces",
		subject("9462205787") + custodian + "RGD":        "200 0",
		subject("9462205655") + custodian + "RR8":        "400 INVALID_NHS_NUMBER",
		subject("9462205701") + custodian + "RR8":        "404 NO_RECORD_FOUND",
		subject("9462205906") + plan:                     "200 2",
		subject("9462206066") + plan:                     "200 2 master replaces",
		subject("9462205914") + plan:                     "200 0",
		subject("9462205841") + plan:                     "415 UNSUPPORTED_MEDIA_TYPE",
		subject("9462205922") + "&_summary=count":        "200 3",
		subject("9462205981") + "&_summary=count":        "200 0",
		subject("9462205671") + "&_summary=count":        "400 INVALID_PARAMETER",
		subject("9462205833") + plan + custodian + "RR8": "400 MISSING_OR_INVALID_HEADER",
	} {
		r := c.send(t, c.toNRL("/STU3/DocumentReference"+target))
		words := []string{strconv.Itoa(r.status)}
		if r.status != 200 {
			words = append(words, readOutcome(t, r).Code)
		} else if _, after, ok := strings.Cut(r.body, `"total":`); ok {
			words = append(words, after[:1])
		}
		for _, mark := range []string{"master", "replaces"} {
			if strings.Contains(r.body, mark) {
				words = append(words, mark)
			}
		}
		if got := strings.Join(words, " "); got != want {
			t.Errorf("%s: %s, want %s", target, got, want)
		}
	}
	for _, want := range []int{200, 400, 403, 404, 405, 409, 410, 422, 429, 444, 495, 496, 497, 502, 503, 504, 599} {
		// The identifier at the end decides, wherever it stands.
		for _, url := range []string{mocks.BenchRecordURL(want), "https://p9.nhs.uk/" + path.Base(mocks.BenchRecordURL(want))} {
			if r := c.send(t, c.retrieve(url)); r.status != want {
				t.Errorf("%s: status %d, want %d", url, r.status, want)
			}
		}
	}
	// Every error of a subject is the same in each kind of search.
	for patient, want := range map[string]int{"9462205655": 400, "9462205671": 400, "9462205833": 400, "9462205701": 404, "9462205841": 415} {
		for _, more := range []string{"", custodian + "RR8", plan, "&_summary=count"} {
			if r := c.send(t, c.toNRL("/STU3/DocumentReference"+subject(patient)+more)); r.status != want {
				t.Errorf("%s%s: status %d, want %d", patient, more, r.status, want)
			}
		}
	}
	if v := sp.Violations(); v != nil {
		t.Errorf("violations %q", v)
	}
}

func TestShutdownWaitsForAnswersUnderWay(t *testing.T) {
	t.Parallel()
	sp, c := withRecord(t)
	sp.Fault(mocks.Drip(1, 5*time.Millisecond))
	done := make(chan reply, 1)
	go func() { done <- c.send(t, c.retrieve(doc)) }()
	awaitRequest(sp)
	if err := sp.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if r := <-done; r.err != nil || r.body != "0123456789" {
		t.Errorf("%v: %q", r.err, r.body)
	}
}

func TestAddressIsAnOption(t *testing.T) {
	t.Parallel()
	free := mocks.Run(t)
	port := free.PlainURL()[strings.LastIndex(free.PlainURL(), ":")+1:]
	taken, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	if sp, err := mocks.Start(mocks.WithAddress("127.0.0.1", map[mocks.Service]int{mocks.Plain: taken})); !errors.Is(err, mocks.ErrPort) {
		_ = sp.Close()
		t.Errorf("a port that is taken: %v", err)
	}
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	sp := mocks.Run(t, mocks.WithAddress("127.0.0.2", map[mocks.Service]int{mocks.Plain: taken}))
	if every := mocks.Run(t, mocks.WithAddress("0.0.0.0", nil)); !strings.HasPrefix(every.NRLURL(), "https://127.0.0.1:") {
		t.Errorf("every address is %s", every.NRLURL())
	}
	if sp.PlainURL() != "http://127.0.0.2:"+port || !strings.HasPrefix(sp.NRLURL(), "https://127.0.0.2:") {
		t.Errorf("it listens on %s and %s", sp.PlainURL(), sp.NRLURL())
	}
}

func TestServiceAsText(t *testing.T) {
	t.Parallel()
	for _, want := range []mocks.Service{mocks.NRL, mocks.SSP, mocks.Public, mocks.Plain, mocks.Revocation} {
		text, err := want.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		var got mocks.Service
		if err := got.UnmarshalText([]byte(strings.ToUpper(string(text)))); err != nil || got != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	if err := new(mocks.Service).UnmarshalText([]byte("SDS2")); err == nil {
		t.Error("an unknown service was read")
	}
}
