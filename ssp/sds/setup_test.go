package sds_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nrlgo/nrlgo/auth/nhs"
	"github.com/nrlgo/nrlgo/ssp"
	"github.com/nrlgo/nrlgo/ssp/sds"
)

// What no error may show.
const (
	key   = "canary-key-1"
	owner = "RR8CANARY"
	one   = "200000000240"
	two   = "200000000777"
	host  = "p1.canary.nhs.uk"
)

var question = ssp.Lookup{Organisation: nhs.MustParseODSCode(owner), InteractionID: ssp.InteractionID, Host: host}

// reply is an answer of the server.
type reply struct {
	status int               // 0: 200
	head   map[string]string // beside the content type
	body   string
	hang   bool // until the client leaves
	reset  bool // hang up without an answer
}

// server is a directory that answers what the test says, by kind of resource
// and number of the request, from 0; the last one stays.
type server struct {
	*httptest.Server
	answers map[string][]reply

	mu       sync.Mutex
	requests []*http.Request
	seen     map[string]int
}

const base = "/spine-directory/FHIR/R4"

func serve(tb testing.TB, devices, endpoints []reply) *server {
	tb.Helper()
	s := &server{answers: map[string][]reply{"Device": devices, "Endpoint": endpoints}, seen: map[string]int{}}
	s.Server = httptest.NewUnstartedServer(s)
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // of clients who leave early
	s.TLS = &tls.Config{ClientAuth: tls.RequestClientCert, MinVersion: tls.VersionTLS12}
	s.StartTLS()
	tb.Cleanup(s.Close)
	return s
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	kind := strings.TrimPrefix(r.URL.Path, base+"/")
	s.mu.Lock()
	s.requests = append(s.requests, r)
	all, n := s.answers[kind], s.seen[kind]
	s.seen[kind]++
	s.mu.Unlock()
	if len(all) == 0 {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	a := all[min(n, len(all)-1)]
	switch {
	case a.hang:
		<-r.Context().Done()
		return
	case a.reset:
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Content-Type", "application/fhir+json")
	for name, value := range a.head {
		w.Header().Set(name, value)
	}
	w.WriteHeader(max(a.status, 200))
	_, _ = w.Write([]byte(a.body))
}

// count is how often a kind of resource was asked for.
func (s *server) count(kind string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen[kind]
}

// directory is a client of the server; edit may be nil.
func (s *server) directory(tb testing.TB, edit func(*sds.Config)) *sds.Directory {
	tb.Helper()
	u, err := url.Parse(s.URL + base)
	if err != nil {
		tb.Fatal(err)
	}
	c := sds.Config{Base: u, APIKey: key, Roots: x509.NewCertPool(), Timeout: 20 * time.Second}
	c.Roots.AddCert(s.Certificate())
	if edit != nil {
		edit(&c)
	}
	d, err := sds.New(c)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = d.Close() })
	return d
}

// bundle is a searchset of these resources.
func bundle(resources ...string) string {
	var entries []string
	for _, r := range resources {
		entries = append(entries, fmt.Sprintf(`{"fullUrl":"https://x/1","resource":%s,"search":{"mode":"match"}}`, r))
	}
	return fmt.Sprintf(`{"resourceType":"Bundle","type":"searchset","total":%d,"link":[{"relation":"self","url":"https://x/"}],"entry":[%s]}`,
		len(resources), strings.Join(entries, ","))
}

func list(resources ...string) []reply { return []reply{{body: bundle(resources...)}} }

const empty = `{"resourceType":"Bundle","type":"searchset","total":0}`

func device(asid, partyKey string) string {
	return fmt.Sprintf(`{"resourceType":"Device","identifier":[{"system":"https://fhir.nhs.uk/Id/nhsSpineASID","value":%q},`+
		`{"system":"https://fhir.nhs.uk/Id/nhsMhsPartyKey","value":%q}],"owner":{"identifier":{"value":%q}}}`, asid, partyKey, owner)
}

func endpoint(fqdn, partyKey string) string {
	return fmt.Sprintf(`{"resourceType":"Endpoint","status":"active","address":"https://%[1]s/x","identifier":[`+
		`{"system":"https://fhir.nhs.uk/Id/nhsMhsFQDN","value":%[1]q},{"system":"https://fhir.nhs.uk/Id/nhsMhsPartyKey","value":%[2]q}]}`, fqdn, partyKey)
}

// quiet fails when an error shows what is nobody's business.
func quiet(tb testing.TB, err error) {
	tb.Helper()
	for _, text := range []string{err.Error(), fmt.Sprintf("%+v %#v", err, err)} {
		for _, secret := range []string{key, owner, one, two, host, "127.0.0.1", "spine-directory", "canary"} {
			if strings.Contains(strings.ToLower(text), strings.ToLower(secret)) {
				tb.Errorf("the error shows %q: %s", secret, text)
			}
		}
	}
}
