package mocks_test

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nrlgo/nrlgo/auth/nhs"
	"github.com/nrlgo/nrlgo/mocks"
)

func TestRecordComesAsItIs(t *testing.T) {
	t.Parallel()
	sp, c := setup(t)
	for _, tt := range []struct {
		name, url, target string // target: what is sent, "" as escape makes it
		record            mocks.Record
	}{
		{name: "query, port and reserved characters", url: "https://p1.nhs.uk:8443/a;b/(c)?id=1&x=y+z#f"},
		{name: "what is encoded already is encoded once more", url: "https://p1.nhs.uk/a%20b%2Fc", target: "/https%3A%2F%2Fp1.nhs.uk%2Fa%2520b%252Fc"},
		{name: "a raw space means %20", url: "https://p1.nhs.uk/a b", target: "/https%3A%2F%2Fp1.nhs.uk%2Fa%2520b"},
		{name: "hex digits in lower case", url: "https://p1.nhs.uk/low", target: "/https%3a%2f%2fp1.nhs.uk%2flow"},
		{name: "letters outside ASCII", url: "https://p1.nhs.uk/Größe"},
		{name: "HTML", url: "https://p1.nhs.uk/html", record: mocks.Record{Type: "text/html"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.record.URL, tt.record.Body = tt.url, []byte("%PDF-1.4 "+tt.name)
			sp.AddRecord(number, tt.record)
			a := c.retrieve(strings.ReplaceAll(tt.url, " ", "%20"))
			if tt.target != "" {
				a.target = tt.target
			}
			r := c.send(t, a)
			want := "application/pdf"
			if tt.record.Type != "" {
				want = tt.record.Type
			}
			if r.err != nil || r.status != 200 || r.contentType != want || r.body != string(tt.record.Body) ||
				r.header.Get("Content-Length") != strconv.Itoa(len(r.body)) {
				t.Errorf("%v, status %d, %s: %s", r.err, r.status, r.contentType, r.body)
			}
		})
	}
	t.Cleanup(func() {
		if v := sp.Violations(); v != nil {
			t.Errorf("violations %q", v)
		}
	})
}

func TestRecordHasAPointer(t *testing.T) {
	t.Parallel()
	sp, c := setup(t)
	id := sp.AddRecord(number, mocks.Record{URL: "https://p1.nhs.uk/doc", Type: "text/html", Body: []byte("abc"), Stability: "dynamic", Describe: true})
	r := c.send(t, c.search())
	for _, want := range []string{
		string(id), `"url":"https://p1.nhs.uk/doc"`, `"contentType":"text/html"`, `"code":"dynamic"`,
		`"size":3`, `"hash":"qZk+NkcGgWq6PiVxeFDCbJzQ2J0="`, // SHA-1 of abc (FIPS 180)
	} {
		if !strings.Contains(r.body, want) {
			t.Errorf("%s is not in %s", want, r.body)
		}
	}
}

func TestSSPRefuses(t *testing.T) {
	t.Parallel()
	const record, moved = "https://p1.nhs.uk/doc?id=1", "https://p2.nhs.uk/doc"
	sp, c := setup(t)
	sp.AddRecord(number, mocks.Record{URL: record})
	sp.AddRecord(number, mocks.Record{URL: moved, ProviderASID: "200000000777"})
	sp.AddProvider(nhs.MustParseASID("200000000666"), "https://p6.nhs.uk", "https://P6.nhs.uk:8443")
	sp.AddProvider(nhs.MustParseASID("200000000555"))
	sp.ForbidSharing(nhs.MustParseASID(mocks.ConsumerASID), nhs.MustParseASID("200000000555"))
	drop := func(name string) func(*ask) { return func(a *ask) { delete(a.header, name) } }
	set := func(name, value string) func(*ask) { return func(a *ask) { a.header[name] = []string{value} } }
	const proxy, spine = "http://fhir.nhs.net/ValueSet/gpconnect-schedule-response-code-1-0", "https://fhir.nhs.uk/STU3/CodeSystem/Spine-ErrorOrWarningCode-1"
	for _, tt := range []struct {
		name         string
		url          string // "": record
		edit         func(*ask)
		status       int
		system, code string
		diagnostics  string // part of it
	}{
		{name: "no trace id", edit: drop("Ssp-TraceID"), status: 400, diagnostics: "Ssp-TraceID HTTP Header is missing"},
		{name: "a trace id that is no UUID", edit: set("Ssp-TraceID", "1234"), status: 400, diagnostics: "not a UUID"},
		{name: "no Ssp-From", edit: drop("Ssp-From"), status: 400, diagnostics: "Ssp-From HTTP Header is missing"},
		{name: "no Ssp-To", edit: drop("Ssp-To"), status: 400, diagnostics: "Ssp-To HTTP Header is missing"},
		{name: "no interaction", edit: drop("Ssp-InteractionID"), status: 400, diagnostics: "Ssp-InteractionID HTTP Header is missing"},
		{name: "no token", edit: func(a *ask) { a.token = nil }, status: 400, diagnostics: "Authorisation"},
		{
			name: "another interaction", edit: set("Ssp-InteractionID", "urn:nhs:names:services:nrl:DocumentReference.content"),
			status: 403, diagnostics: "ASID_CHECK_FAILED_MESSAGESENDER_" + mocks.ConsumerASID,
		},
		{name: "a consumer that is not allowed", edit: func(a *ask) {
			a.header["Ssp-From"] = []string{"999999999999"}
			a.claims["requesting_system"] = "https://fhir.nhs.uk/Id/accredited-system|999999999999"
		}, status: 403, diagnostics: "ASID_CHECK_FAILED_MESSAGESENDER_999999999999"},
		{
			name: "an unknown provider", edit: set("Ssp-To", "999999999999"),
			status: 403, diagnostics: "PARTYKEY_INTERACTION_CHECK_FAILED_MESSAGERECEIVER_999999999999",
		},
		{
			name: "the provider of another record", edit: set("Ssp-To", "200000000777"),
			status: 403, diagnostics: "PARTYKEY_INTERACTION_CHECK_FAILED_MESSAGERECEIVER_200000000777",
		},
		{
			name: "no data-sharing agreement", edit: set("Ssp-To", "200000000555"),
			status: 403, diagnostics: "FOT_CHECK_FAILED_MESSAGESENDER_" + mocks.ConsumerASID + "_MESSAGERECEIVER_200000000555",
		},
		{
			name: "a URL that is not registered for the provider", edit: set("Ssp-To", "200000000666"),
			status: 400, diagnostics: "ENDPOINT_https://p6.nhs.uk_CPAID_200000000666_VARIES_FROM_TARGETURL_" + record,
		},
		{
			name: "a URL that is registered, of a host that nobody serves", url: "https://p6.nhs.uk:8443/doc", edit: set("Ssp-To", "200000000666"),
			status: 502, diagnostics: "ERROR_COMMUNICATING_TO_ENDPOINT_URL_https://p6.nhs.uk:8443/doc",
		},
		{
			name: "a host that nobody serves", url: "https://p9.nhs.uk/doc", status: 502,
			diagnostics: "ERROR_COMMUNICATING_TO_ENDPOINT_URL_https://p9.nhs.uk/doc",
		},
		{
			name: "a record that the provider has not", url: "https://p1.nhs.uk/other", status: 404,
			system: spine, code: "NO_RECORD_FOUND", diagnostics: "No record found",
		},
		{
			name: "the plain form", edit: func(a *ask) { a.target = "/" + record }, status: 400,
			diagnostics: "not percent-encoded",
		},
		{
			name: "encoded twice", edit: func(a *ask) { a.target = "/" + escape(escape(record)) }, status: 400,
			diagnostics: "malformed",
		},
		{
			name: "not https", url: "http://p1.nhs.uk/doc", status: 400, diagnostics: "malformed",
		},
		{
			name: "another method", edit: func(a *ask) { a.method = http.MethodPut }, status: 405,
			system: "https://fhir.nhs.uk/STU3/StructureDefinition/spine-operationoutcome-1", code: "METHOD_NOT_ALLOWED", diagnostics: "GET",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if tt.url == "" {
				tt.url = record
			}
			a := c.retrieve(tt.url)
			if tt.edit != nil {
				tt.edit(&a)
			}
			r := c.send(t, a)
			o := readOutcome(t, r)
			if tt.system == "" {
				tt.system, tt.code = proxy, strconv.Itoa(tt.status)
			}
			if r.status != tt.status || r.contentType != "application/fhir+xml" || !strings.Contains(o.Diagnostics, tt.diagnostics) {
				t.Errorf("status %d, %s, diagnostics %q, want %d and %q", r.status, r.contentType, o.Diagnostics, tt.status, tt.diagnostics)
			}
			if o.System != tt.system || o.Code != tt.code {
				t.Errorf("code %s in %s, want %s in %s", o.Code, o.System, tt.code, tt.system)
			}
		})
	}
}

func TestViolationsThatTheSSPLetsPass(t *testing.T) {
	t.Parallel()
	const record = "https://p1.nhs.uk/doc?id=1"
	for _, tt := range []struct {
		name string
		edit func(*ask)
		want string
	}{
		{"an Accept", func(a *ask) { a.header.Set("Accept", "application/pdf") }, "SSP: the SSP takes no Accept"},
		{"a custom header", func(a *ask) { a.header.Set("Traceparent", "00") }, "SSP: the SSP takes no Traceparent"},
		{"a cookie", func(a *ask) { a.header.Set("Cookie", "a=b") }, "SSP: Cookie was sent"},
		{"gzip", func(a *ask) { a.header.Set("Accept-Encoding", "gzip") }, "SSP: an encoding other than identity is accepted"},
		{"a raw reserved character", func(a *ask) { a.target = strings.ReplaceAll(a.target, "%3D", "=") }, "SSP: a reserved character of the provider's URL is not percent-encoded"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			sp, c := setup(t)
			sp.AddRecord(number, mocks.Record{URL: record})
			a := c.retrieve(record)
			tt.edit(&a)
			if r := c.send(t, a); r.status != 200 {
				t.Errorf("status %d: %s", r.status, r.body)
			}
			if diff := cmp.Diff([]string{tt.want}, sp.Violations()); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestTraceIDIsNotSentAgain(t *testing.T) {
	t.Parallel()
	sp, c := setup(t)
	sp.AddRecord(number, mocks.Record{URL: "https://p1.nhs.uk/doc"})
	a := c.retrieve("https://p1.nhs.uk/doc")
	c.send(t, a)
	a.header["Ssp-TraceID"] = []string{strings.ToLower(a.header["Ssp-TraceID"][0])}
	c.send(t, a)
	if diff := cmp.Diff([]string{"SSP: Ssp-TraceID reused"}, sp.Violations()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestPlainFormIsAnOption(t *testing.T) {
	t.Parallel()
	sp, c := setup(t, mocks.WithPlainURLs())
	sp.AddRecord(number, mocks.Record{URL: "https://p1.nhs.uk/doc?id=%20", Body: []byte("x")})
	for name, target := range map[string]string{"plain": "/https://p1.nhs.uk/doc?id=%20", "encoded": "/" + escape("https://p1.nhs.uk/doc?id=%20")} {
		a := c.retrieve("https://p1.nhs.uk/doc?id=%20")
		a.target = target
		if r := c.send(t, a); r.status != 200 || r.body != "x" {
			t.Errorf("%s: status %d: %s", name, r.status, r.body)
		}
	}
}

func TestRecordsThatLie(t *testing.T) {
	t.Parallel()
	sp, c := setup(t)
	body := []byte("0123456789")
	for _, tt := range []struct {
		name, body, contentType string
		record                  mocks.Record
		cut                     bool
	}{
		{"a longer length", "0123456789", "application/pdf", mocks.Record{ServedLength: 11}, true},
		{"a shorter length", "012", "application/pdf", mocks.Record{ServedLength: 3}, false},
		{"another type", "0123456789", "text/html", mocks.Record{ServedType: "text/html"}, false},
		{"no type", "0123456789", "", mocks.Record{ServedType: mocks.Omit}, false},
		{"another status", "0123456789", "application/pdf", mocks.Record{Status: 410}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.record.URL, tt.record.Body = "https://p1.nhs.uk/"+escape(tt.name), body
			sp.AddRecord(number, tt.record)
			r := c.send(t, c.retrieve(tt.record.URL))
			if r.body != tt.body || r.contentType != tt.contentType || (r.err != nil) != tt.cut || r.status != max(200, tt.record.Status) {
				t.Errorf("status %d, %s, %q, %v", r.status, r.contentType, r.body, r.err)
			}
		})
	}
}

func TestRecordMayBeAStream(t *testing.T) {
	t.Parallel()
	sp, c := setup(t)
	const size = 3 << 20
	sp.AddRecord(number, mocks.Record{
		URL: "https://p1.nhs.uk/big", Length: size,
		Stream: func() io.Reader { return io.LimitReader(zeros{}, size) },
	})
	for range 2 {
		if r := c.send(t, c.retrieve("https://p1.nhs.uk/big")); r.err != nil || len(r.body) != size {
			t.Errorf("%d bytes, %v", len(r.body), r.err)
		}
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func TestAnotherProviderIsKnown(t *testing.T) {
	t.Parallel()
	sp, c := setup(t)
	sp.AddRecord(number, mocks.Record{URL: "https://p1.nhs.uk/doc"})
	sp.AddProvider(nhs.MustParseASID("200000000888"))
	a := c.retrieve("https://p9.nhs.uk/doc")
	a.header["Ssp-To"] = []string{"200000000888"}
	if r := c.send(t, a); r.status != 502 {
		t.Errorf("status %d, want the provider's 502", r.status)
	}
}
