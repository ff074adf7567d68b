package mocks_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nrlgo/nrlgo/auth/nhs"
	"github.com/nrlgo/nrlgo/mocks"
)

// figures are "status shown broken" of the duties with these ids, of all that
// are not untouched when none is named.
func figures(r mocks.Report, ids ...string) map[string]string {
	got := map[string]string{}
	for _, d := range r.Duties {
		if slices.Contains(ids, d.ID) || len(ids) == 0 && d.Status != mocks.Untouched {
			got[d.ID] = fmt.Sprintf("%s %d %d", d.Status, d.Shown, d.Broken)
		}
	}
	return got
}

// listed offers suites 1, 2, 8 in the order of the list: one that crypto/tls
// can be made to keep.
func listed(c *tls.Config) {
	c.CipherSuites = []uint16{tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA}
}

// good is the traffic of a consumer without fault: two searches, a read, a
// record, and a contact page.
func good(t *testing.T) *mocks.Spine {
	t.Helper()
	sp := mocks.Run(t)
	c := connect(t, sp, listed)
	id := sp.AddRecord(number, mocks.Record{URL: doc, Body: []byte("x")})
	page := sp.AddPage("/call", "text/html", "x")
	c.send(t, c.search())
	c.send(t, c.search())
	c.send(t, c.toNRL("/STU3/DocumentReference/"+string(id)))
	c.send(t, c.retrieve(doc))
	bare := connect(t, sp, func(c *tls.Config) { c.Certificates = nil })
	bare.send(t, ask{method: http.MethodGet, base: strings.TrimSuffix(page, "/call"), target: "/call"})
	return sp
}

func TestReportOfGoodTraffic(t *testing.T) {
	t.Parallel()
	r := good(t).Report()
	want := map[string]string{
		"tls-version": "shown 2 0", "tls-suites": "shown 2 0", "tls-order": "shown 2 0", "client-certificate": "shown 4 0",
		"nrl-get": "shown 3 0", "nrl-asid-headers": "shown 3 0", "nrl-to-asid": "shown 3 0", "nrl-permission": "shown 3 0", "nrl-accept": "shown 3 0",
		"nrl-parameters": "shown 3 0", "nrl-encoding": "shown 2 0", "nhs-number": "shown 2 0", "nrl-no-ssp-header": "shown 3 0",
		"jwt-bearer": "shown 4 0", "jwt-form": "shown 4 0", "jwt-times": "shown 4 0", "jwt-issuer": "shown 4 0", "jwt-audience": "shown 4 0",
		"jwt-scope": "shown 4 0", "jwt-system": "shown 4 0", "jwt-organisation": "shown 4 0", "jwt-user": "shown 4 0", "jwt-claims": "shown 4 0", "jwt-fresh": "shown 4 0",
		"ssp-get": "shown 1 0", "ssp-url": "shown 1 0", "ssp-headers": "shown 1 0", "ssp-trace": "shown 1 0", "ssp-trace-fresh": "shown 1 0",
		"ssp-interaction": "shown 1 0", "ssp-from": "shown 1 0", "ssp-to": "shown 1 0", "ssp-no-other-header": "shown 1 0", "ssp-identity": "shown 1 0",
		"contact-direct": "shown 1 0", "contact-bare": "shown 1 0", "no-cookies": "shown 5 0",
	}
	if diff := cmp.Diff(want, figures(r)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if r.Total != 5 || r.Totals.Violated != 0 || r.Totals.Shown != len(want) || r.Totals.Untouched != len(r.Duties)-len(want) || len(r.Violated()) > 0 {
		t.Errorf("total %d, %+v", r.Total, r.Totals)
	}
	if diff := cmp.Diff([]mocks.Figure{{Name: "NRL", Count: 3}, {Name: "SSP", Count: 1}, {Name: "public", Count: 1}}, r.Requests); diff != "" {
		t.Errorf("requests: -want +got\n%s", diff)
	}
	if diff := cmp.Diff([]mocks.Figure{{Name: "200", Count: 5}}, r.Answers); diff != "" {
		t.Errorf("answers: -want +got\n%s", diff)
	}
}

// TestReportOfEachViolation breaks one rule at a time: its duty is violated,
// and no other.
func TestReportOfEachViolation(t *testing.T) {
	t.Parallel()
	header := func(name, value string) func(*ask) { return func(a *ask) { a.header[name] = []string{value} } }
	drop := func(name string) func(*ask) { return func(a *ask) { delete(a.header, name) } }
	claim := func(name string, value any) func(*ask) { return func(a *ask) { a.claims[name] = value } }
	target := func(query string) func(*ask) { return func(a *ask) { a.target = "/STU3/DocumentReference" + query } }
	search := func(edit func(*ask)) func(*consumer) ask {
		return func(c *consumer) ask { a := c.search(); edit(&a); return a }
	}
	retrieve := func(edit func(*ask)) func(*consumer) ask {
		return func(c *consumer) ask { a := c.retrieve(doc); edit(&a); return a }
	}
	for duty, asks := range map[string][]func(*consumer) ask{
		"nrl-get":          {search(func(a *ask) { a.method = http.MethodPost }), search(func(a *ask) { a.target = "/STU3/Patient" }), search(func(a *ask) { a.body = "x" })},
		"nrl-asid-headers": {search(drop("fromASID")), search(drop("toASID"))},
		"nrl-to-asid":      {search(header("toASID", "200000000371"))},
		"nrl-permission": {search(func(a *ask) {
			a.claims["requesting_organization"] = "https://fhir.nhs.uk/Id/ods-organization-code|RGD"
		})},
		"nrl-accept":        {search(header("Accept", "text/csv")), search(drop("Accept"))},
		"nrl-parameters":    {search(target("")), search(target("?x=y"))},
		"nrl-encoding":      {search(target("?subject=" + subjectOf(patient)))},
		"nhs-number":        {search(target("?subject=" + escape(subjectOf("9462205958"))))},
		"nrl-no-ssp-header": {search(header("Ssp-From", "1"))},
		"jwt-bearer":        {search(func(a *ask) { a.token = nil }), retrieve(func(a *ask) { a.token = nil })},
		"jwt-form":          {search(func(a *ask) { a.token = func(map[string]any) string { return "x" } })},
		"jwt-times":         {search(claim("exp", 1))},
		"jwt-issuer":        {search(claim("iss", "me"))},
		"jwt-audience":      {search(claim("aud", "x")), retrieve(claim("aud", "x"))},
		"jwt-scope":         {search(claim("scope", "x"))},
		"jwt-system":        {search(claim("requesting_system", "x"))},
		"jwt-organisation":  {search(claim("requesting_organization", "x"))},
		"jwt-user":          {search(claim("reason_for_request", "x"))},
		"jwt-delegate":      {search(claim("act", "x"))},
		"jwt-claims":        {search(claim("azp", "x"))},
		"ssp-get":           {retrieve(func(a *ask) { a.method = http.MethodPut }), retrieve(func(a *ask) { a.body = "x" })},
		"ssp-url":           {retrieve(func(a *ask) { a.target = "/" + doc })},
		"ssp-headers":       {retrieve(drop("Ssp-To"))},
		"ssp-trace":         {retrieve(header("Ssp-TraceID", "x"))},
		"ssp-interaction":   {retrieve(header("Ssp-InteractionID", "x"))},
		"ssp-from": {retrieve(func(a *ask) {
			a.claims["requesting_organization"] = "https://fhir.nhs.uk/Id/ods-organization-code|RGD"
		})},
		"ssp-to":              {retrieve(header("Ssp-To", "200000000777"))},
		"ssp-no-other-header": {retrieve(header("Accept", "application/pdf"))},
		"ssp-identity":        {retrieve(header("Accept-Encoding", "gzip"))},
		"no-cookies":          {search(header("Cookie", "a=b")), search(header("Referer", "https://x"))},
		"contact-direct":      {func(c *consumer) ask { return c.retrieve(c.sp.PublicURL() + "/call") }, func(c *consumer) ask { return c.retrieve("https://p2.nhs.uk/call") }},
		"contact-bare": {func(c *consumer) ask {
			return ask{method: http.MethodGet, base: c.sp.PublicURL(), target: "/call", header: http.Header{"Ssp-From": {"1"}}}
		}},
	} {
		t.Run(duty, func(t *testing.T) {
			t.Parallel()
			for i, build := range asks {
				sp := mocks.Run(t)
				sp.AddRecord(number, mocks.Record{URL: doc, Body: []byte("x")})
				sp.AddPage("/call", "text/html", "x")
				sp.Serve(mocks.Record{URL: "https://p2.nhs.uk/call"})
				sp.AddPointer(mocks.Pointer{Patient: number, Contents: []mocks.Content{{URL: "https://p2.nhs.uk/call", Format: mocks.FormatContact}}})
				c := connect(t, sp, listed)
				if duty == "contact-bare" {
					c = connect(t, sp, func(c *tls.Config) { c.Certificates = nil })
				}
				c.send(t, build(c))
				var got []string
				for _, d := range sp.Report().Violated() {
					got = append(got, d.ID)
					if len(d.Notes) == 0 {
						t.Errorf("%d: no example", i)
					}
				}
				if diff := cmp.Diff([]string{duty}, got); diff != "" {
					t.Errorf("%d: -want +got\n%s", i, diff)
				}
			}
		})
	}
}

func TestReportOfHandshakes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		edit func(*testing.T, *mocks.Spine, *tls.Config)
		want map[string]string
	}{
		{"TLS 1.3 and every suite of crypto/tls are offered", func(_ *testing.T, _ *mocks.Spine, c *tls.Config) { c.CipherSuites, c.MaxVersion = nil, 0 }, map[string]string{
			"tls-version": "violated 0 1", "tls-suites": "violated 0 1", "tls-order": "violated 0 1", "tls-all-suites": "untouched 0 0", "client-certificate": "shown 1 0",
		}},
		{"TLS 1.1", func(_ *testing.T, _ *mocks.Spine, c *tls.Config) {
			c.MinVersion, c.MaxVersion = tls.VersionTLS11, tls.VersionTLS11
		}, map[string]string{
			"tls-version": "violated 0 1", "tls-suites": "shown 1 0", "tls-order": "shown 1 0", "tls-all-suites": "untouched 0 0", "client-certificate": "untouched 0 0",
		}},
		{"no client certificate", func(_ *testing.T, _ *mocks.Spine, c *tls.Config) { c.Certificates = nil }, map[string]string{
			"tls-version": "shown 1 0", "tls-suites": "shown 1 0", "tls-order": "shown 1 0", "tls-all-suites": "untouched 0 0", "client-certificate": "violated 0 1",
		}},
		{"an expired client certificate", func(t *testing.T, sp *mocks.Spine, c *tls.Config) {
			t.Helper()
			leaf, err := sp.PKI().Issue("x", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })
			if err != nil {
				t.Fatal(err)
			}
			c.Certificates = []tls.Certificate{leaf.TLS()}
		}, map[string]string{
			"tls-version": "shown 1 0", "tls-suites": "shown 1 0", "tls-order": "shown 1 0", "tls-all-suites": "untouched 0 0", "client-certificate": "violated 0 1",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			sp := mocks.Run(t)
			sp.AddPatient(number)
			c := connect(t, sp, func(c *tls.Config) {
				listed(c)
				tt.edit(t, sp, c)
			})
			c.send(t, c.search())
			c.http.CloseIdleConnections()
			if err := sp.Shutdown(t.Context()); err != nil { // every handshake has ended on the far side too
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, figures(sp.Report(), "tls-version", "tls-suites", "tls-order", "tls-all-suites", "client-certificate")); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// TestReportOfServerCertificates: who refuses a bad one shows the duty, who
// uses the connection breaks it.
func TestReportOfServerCertificates(t *testing.T) {
	t.Parallel()
	for duty, faults := range map[string][]mocks.Fault{
		"server-validity": {mocks.ExpiredCertificate(), mocks.NotYetValidCertificate()},
		"server-name":     {mocks.WrongNameCertificate()},
		"server-chain":    {mocks.SelfSignedCertificate()},
		"server-revoked":  {mocks.RevokedCertificate()},
	} {
		t.Run(duty, func(t *testing.T) {
			t.Parallel()
			for _, fault := range faults {
				for careless, want := range map[bool]string{false: "shown 1 0", true: "violated 0 1"} {
					sp := mocks.Run(t)
					sp.AddPatient(number)
					sp.Fault(mocks.Once(fault))
					c := connect(t, sp, func(c *tls.Config) {
						c.InsecureSkipVerify = careless
						if !careless && duty == "server-revoked" {
							c.VerifyConnection = func(tls.ConnectionState) error { return x509.UnhandledCriticalExtension{} }
						}
					})
					c.send(t, c.search())
					if err := sp.Shutdown(t.Context()); err != nil {
						t.Fatal(err)
					}
					if diff := cmp.Diff(map[string]string{duty: want}, figures(sp.Report(), duty)); diff != "" {
						t.Errorf("%s, careless %t: -want +got\n%s", fault, careless, diff)
					}
				}
			}
		})
	}
}

// TestReportOfBaits: what a fault has put into an answer is asked for, or not.
func TestReportOfBaits(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, duty string
		fault      mocks.Fault
		follow     func(sp *mocks.Spine, c *consumer) ask
	}{
		{"the record of another patient's pointer", "wrong-patient", mocks.WrongPatient(), func(_ *mocks.Spine, c *consumer) ask { return c.retrieve(doc) }},
		{"the record of a superseded pointer", "not-current", mocks.Superseded(), func(_ *mocks.Spine, c *consumer) ask { return c.retrieve(doc) }},
		{"a next page", "no-next-page", mocks.NextLink(""), func(sp *mocks.Spine, _ *consumer) ask {
			return ask{method: http.MethodGet, base: sp.PublicURL(), target: "/STU3/DocumentReference?page=2"}
		}},
		{"a redirect", "no-redirect", mocks.Redirect("{plain}/x"), func(sp *mocks.Spine, _ *consumer) ask {
			return ask{method: http.MethodGet, base: sp.PlainURL(), target: "/x"}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			sp := mocks.Run(t)
			c := connect(t, sp, listed)
			sp.AddRecord(number, mocks.Record{URL: doc, Body: []byte("x")})
			if tt.duty == "no-redirect" {
				tt.fault = mocks.Redirect(sp.PlainURL() + "/x")
			}
			sp.Fault(mocks.Once(tt.fault))
			c.send(t, c.search())
			if diff := cmp.Diff(map[string]string{tt.duty: "shown 1 0"}, figures(sp.Report(), tt.duty)); diff != "" {
				t.Errorf("left alone: -want +got\n%s", diff)
			}
			c.send(t, tt.follow(sp, c))
			if diff := cmp.Diff(map[string]string{tt.duty: "violated 0 1"}, figures(sp.Report(), tt.duty)); diff != "" {
				t.Errorf("asked for: -want +got\n%s", diff)
			}
		})
	}
	t.Run("a clean answer makes the record a good one again", func(t *testing.T) {
		t.Parallel()
		sp, c := setup(t)
		sp.AddRecord(number, mocks.Record{URL: doc, Body: []byte("x")})
		sp.Fault(mocks.Once(mocks.WrongPatient()))
		c.send(t, c.search())
		c.send(t, c.search())
		c.send(t, c.retrieve(doc))
		if v := sp.Violations(); v != nil {
			t.Errorf("violations %q", v)
		}
	})
}

func TestReportSeesRetries(t *testing.T) {
	t.Parallel()
	sp := mocks.Run(t)
	c := connect(t, sp, listed)
	sp.AddPatient(number)
	sp.Fault(mocks.Times(5, mocks.Status(503)))
	for range 6 {
		c.send(t, c.search())
	}
	sp.Fault(mocks.Once(mocks.Truncate(3)))
	c.send(t, c.search())
	c.send(t, c.search())
	got := figures(sp.Report(), "retry-limit", "retry-transient")
	if diff := cmp.Diff(map[string]string{"retry-limit": "violated 4 2", "retry-transient": "shown 6 0"}, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if diff := cmp.Diff([]mocks.Figure{{Name: "status", Count: 5}, {Name: "truncate", Count: 1}}, sp.Report().Faults); diff != "" {
		t.Errorf("faults: -want +got\n%s", diff)
	}
}

// TestReportHoldsNoIdentifier reads every form of the report of traffic that
// is wrong in the ways whose texts quote what came.
func TestReportHoldsNoIdentifier(t *testing.T) {
	t.Parallel()
	sp := good(t)
	c := connect(t, sp, nil)
	bad := c.search()
	bad.target = "/STU3/DocumentReference?subject=" + escape(subjectOf("9462205958"))
	c.send(t, bad)
	named := c.search()
	named.target += "&" + patient + "=1"
	c.send(t, named)
	c.send(t, c.retrieve("https://p9.nhs.uk/secret"))
	sp.AddProvider(nhs.MustParseASID("200000000777"), "https://p7.nhs.uk")
	moved := c.retrieve(doc)
	moved.header["Ssp-To"] = []string{"200000000777"}
	moved.header["X-"+patient] = []string{"1"}
	c.send(t, moved)
	r := sp.Report()
	page, err := r.HTML()
	if err != nil {
		t.Fatal(err)
	}
	text, err := r.JSON()
	if err != nil {
		t.Fatal(err)
	}
	secret := regexp.MustCompile(`\d{5,}|nhs\.uk|127\.0\.0\.1|eyJ`)
	for form, text := range map[string]string{"text": r.Text(), "JSON": string(text), "HTML": string(page)} {
		if found := secret.FindAllString(text, -1); found != nil {
			t.Errorf("%s holds %q", form, found)
		}
		if !strings.Contains(text, "The NHS number does not conform to the NHS Number format: [number]") {
			t.Errorf("%s has no example of what broke a duty", form)
		}
	}
	var back mocks.Report
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r, back); diff != "" {
		t.Errorf("JSON there and back: -want +got\n%s", diff)
	}
}

func TestReportIsForgottenWithTheRequests(t *testing.T) {
	t.Parallel()
	sp := good(t)
	sp.Forget()
	if r := sp.Report(); r.Total != 0 || r.Totals.Shown != 0 {
		t.Errorf("%+v", r.Totals)
	}
}
