package sds_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nrlgo/nrlgo/auth"
	"github.com/nrlgo/nrlgo/client/spine"
	"github.com/nrlgo/nrlgo/ssp"
	"github.com/nrlgo/nrlgo/ssp/sds"
)

func TestQuestionsAreAskedAsDocumented(t *testing.T) {
	t.Parallel()
	s := serve(t, list(device(one, "RR8-1")), list(endpoint(host, "RR8-1")))
	d := s.directory(t, func(c *sds.Config) { c.Base.Path += "/" })
	for range 2 {
		if got, err := d.Lookup(t.Context(), question); got.Digits() != one || err != nil {
			t.Fatal(got, err)
		}
	}
	uuid := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	correlations := map[string]int{}
	for _, r := range s.requests {
		want := url.Values{
			"organization": {"https://fhir.nhs.uk/Id/ods-organization-code|" + owner},
			"identifier":   {"https://fhir.nhs.uk/Id/nhsServiceInteractionId|urn:nhs:names:services:nrl:DocumentReference.content"},
		}
		if diff := cmp.Diff(want, r.URL.Query()); diff != "" || r.Method != http.MethodGet || len(r.TLS.PeerCertificates) != 0 {
			t.Errorf("%s, certificates %d, query (-want +got)\n%s", r.Method, len(r.TLS.PeerCertificates), diff)
		}
		id := r.Header.Get("X-Correlation-Id")
		correlations[id]++
		r.Header.Del("X-Correlation-Id")
		header := http.Header{
			"Accept": {"application/fhir+json"}, "Accept-Encoding": {"identity"}, "Apikey": {key}, "Cache-Control": {"no-cache"}, "User-Agent": {"nrlgo"},
		}
		if diff := cmp.Diff(header, r.Header); diff != "" || !uuid.MatchString(id) {
			t.Errorf("correlation id %q, header (-want +got)\n%s", id, diff)
		}
	}
	if s.count("Device") != 2 || s.count("Endpoint") != 2 || len(correlations) != 2 {
		t.Errorf("%d and %d requests, %d correlation ids; want 2, one for each look-up", s.count("Device"), s.count("Endpoint"), len(correlations))
	}
}

func TestSystemAtTheRecordsHostIsFound(t *testing.T) {
	t.Parallel()
	noFQDN := strings.Replace(endpoint(host, "RR8-1"), "nhsMhsFQDN", "other", 1)
	for _, tt := range []struct {
		name               string
		devices, endpoints []reply
		want               string // "": ErrNoASID
	}{
		{"never just the first", list(device(one, "RR8-1"), device(two, "RR8-2")), list(endpoint("p2.nhs.uk", "RR8-1"), endpoint(strings.ToUpper(host), "RR8-2")), two},
		{"nor the only one, elsewhere", list(device(one, "RR8-1")), list(endpoint("p2.nhs.uk", "RR8-1")), ""},
		{"nor one without endpoint", list(device(one, "RR8-1")), list(endpoint(host, "RR8-2")), ""},
		{"nor one of two", list(device(one, "RR8-1"), device(two, "RR8-1")), list(endpoint(host, "RR8-1")), ""},
		{"by the host of its address", list(device(one, "RR8-1")), list(noFQDN), one},
		{"not by an endpoint that is off", list(device(one, "RR8-1")), list(strings.Replace(endpoint(host, "RR8-1"), "active", "off", 1)), ""},
		{"not without a party key", list(strings.Replace(device(one, "RR8-1"), "nhsMhsPartyKey", "x", 1)), list(strings.Replace(endpoint(host, "RR8-1"), "nhsMhsPartyKey", "x", 1)), ""},
		{"not without an ASID", list(strings.Replace(device(one, "RR8-1"), "nhsSpineASID", "x", 1)), list(endpoint(host, "RR8-1")), ""},
		{"as application/json", []reply{{head: map[string]string{"Content-Type": "application/json; charset=utf-8"}, body: bundle(device(one, "RR8-1"))}}, list(endpoint(host, "RR8-1")), one},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, tt.devices, tt.endpoints)
			got, err := s.directory(t, nil).Lookup(t.Context(), question)
			if got.Digits() != tt.want || (err == nil) != (tt.want != "") {
				t.Fatal(got.Digits(), err)
			}
			if err != nil {
				quiet(t, err)
				if !errors.Is(err, ssp.ErrNoASID) || spine.CodeOf(err) != spine.CodeInvalid || s.count("Device")+s.count("Endpoint") != 2 {
					t.Errorf("%v after %d requests", err, s.count("Device")+s.count("Endpoint"))
				}
			}
		})
	}
}

// A timeout behind the API is an empty list too (SSP page).
func TestEmptyAnswerIsAskedForOnceMore(t *testing.T) {
	t.Parallel()
	devices, endpoints := list(device(one, "RR8-1")), list(endpoint(host, "RR8-1"))
	nothing := reply{body: empty}
	for _, tt := range []struct {
		name               string
		devices, endpoints []reply
		want               string
		asked              [2]int
	}{
		{"no systems at first", append([]reply{nothing}, devices...), endpoints, one, [2]int{2, 1}},
		{"no endpoints at first", devices, append([]reply{nothing}, endpoints...), one, [2]int{1, 2}},
		{"neither at first", append([]reply{nothing}, devices...), append([]reply{nothing}, endpoints...), one, [2]int{2, 2}},
		{"no systems at all", []reply{nothing, nothing, devices[0]}, endpoints, "", [2]int{2, 1}},
		{"no endpoints at all", devices, []reply{nothing}, "", [2]int{1, 2}},
		{"after a passing fault", []reply{{status: 503}, nothing, devices[0]}, endpoints, one, [2]int{3, 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, tt.devices, tt.endpoints)
			got, err := s.directory(t, nil).Lookup(t.Context(), question)
			if got.Digits() != tt.want || errors.Is(err, ssp.ErrNoASID) != (tt.want == "") {
				t.Error(got.Digits(), err)
			}
			if asked := [2]int{s.count("Device"), s.count("Endpoint")}; asked != tt.asked {
				t.Errorf("asked %v, want %v", asked, tt.asked)
			}
			for _, r := range s.requests {
				if r.Header.Get("Cache-Control") != "no-cache" {
					t.Error("the edge may answer from its cache")
				}
			}
		})
	}
}

// Nothing is remembered, but by an encounter, which ends.
func TestAnswersServeOneEncounterOnly(t *testing.T) {
	t.Parallel()
	s := serve(t, list(device(one, "RR8-1")), list(endpoint(host, "RR8-1")))
	d := s.directory(t, nil)
	for n := 1; n <= 2; n++ {
		e := ssp.NewEncounter(d, 0)
		for range 3 {
			if got, err := e.Lookup(t.Context(), question); got.Digits() != one || err != nil {
				t.Fatal(got, err)
			}
		}
		_ = e.Close()
		if s.count("Device") != n || s.count("Endpoint") != n {
			t.Errorf("asked %d and %d times in %d encounters", s.count("Device"), s.count("Endpoint"), n)
		}
	}
}

func TestAnswersThatAreNoneAreRefused(t *testing.T) {
	t.Parallel()
	good := bundle(device(one, "RR8-1"))
	outcome := `{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"exception","details":{"coding":[{"code":"FAILURE"}]},"diagnostics":"canary ` + owner + `"}]}`
	swap := func(old, with string) reply { return reply{body: strings.Replace(good, old, with, 1)} }
	for _, tt := range []struct {
		name   string
		answer reply
		reason string
	}{
		{"an OperationOutcome", reply{body: outcome}, "OperationOutcome"},
		{"an entry of one", reply{body: bundle(outcome)}, "entry is an OperationOutcome"},
		{"another resource", reply{body: device(one, "RR8-1")}, "no Bundle"},
		{"an entry of another resource", reply{body: bundle(endpoint(host, "RR8-1"))}, "another resource"},
		{"an entry without resource", swap(`"resource":`+device(one, "RR8-1")+",", ""), "another resource"},
		{"an entry that only points to one", swap(device(one, "RR8-1"), `{"$ref":"Device.json"}`), "malformed FHIR"},
		{"an entry that is no match", swap(`"match"`, `"include"`), "no match"},
		{"another type of Bundle", swap("searchset", "batch-response"), "no searchset"},
		{"no type of Bundle", swap(`"type":"searchset",`, ""), "no searchset"},
		{"further pages", swap(`"self"`, `"next"`), "further pages"},
		{"a larger total", swap(`"total":1`, `"total":2`), "total"},
		{"a smaller total", swap(`"total":1`, `"total":0`), "total"},
		{"no total", swap(`"total":1,`, ""), "total"},
		{"a total in words", swap(`"total":1`, `"total":"1"`), "total"},
		{"two totals", swap(`"total":1`, `"total":[1,1]`), "several times"},
		{"an empty list without total", reply{body: `{"resourceType":"Bundle","type":"searchset"}`}, "total"},
		{"an ASID that is none", swap(one, "canary"), "twelve digits"},
		{"two ASIDs", swap(`"identifier":[`, `"identifier":[{"system":"https://fhir.nhs.uk/Id/nhsSpineASID","value":"`+two+`"},`), "several times"},
		{"an empty party key", swap("RR8-1", ""), "empty"},
		{"a party key that is a number", swap(`"RR8-1"`, "81"), "another type"},
		{"a system of another organisation", reply{body: strings.ReplaceAll(good, owner, "A1")}, "another organisation"},
		{"members twice", swap(`"total":1`, `"total":1,"total":1`), "twice"},
		{"a cut text", reply{body: good[:len(good)-9]}, "cut"},
		{"HTML", reply{head: map[string]string{"Content-Type": "text/html"}, body: "<p>canary"}, "content type"},
		{"no content type", reply{head: map[string]string{"Content-Type": ""}, body: good}, "content type"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, []reply{tt.answer}, list(endpoint(host, "RR8-1")))
			got, err := s.directory(t, nil).Lookup(t.Context(), question)
			e, ok := errors.AsType[*spine.Error](err)
			if !ok || !got.IsZero() || e.Code != spine.CodeUnexpected || !errors.Is(err, ssp.ErrDirectory) || !strings.Contains(err.Error(), tt.reason) || s.count("Device") != 1 {
				t.Fatalf("%v after %d requests, want ssp.ErrDirectory for %q", err, s.count("Device"), tt.reason)
			}
			if e.Origin != spine.OriginDir || e.TraceID == "" || e.Op != ssp.OpLookup {
				t.Errorf("origin %q, trace %q, op %q", e.Origin, e.TraceID, e.Op)
			}
			if tt.answer.body == outcome && (e.SpineCode != "FAILURE" || e.Outcome == nil) {
				t.Errorf("the outcome is lost: %v", err)
			}
			quiet(t, err)
		})
	}
}

func TestStatuses(t *testing.T) {
	t.Parallel()
	after := func(v string) map[string]string { return map[string]string{"Retry-After": v} }
	for _, tt := range []struct {
		name     string
		answer   reply
		code     spine.Code
		err      error
		attempts int
		after    time.Duration
	}{
		{"400", reply{status: 400, body: `{"resourceType":"OperationOutcome","issue":[{"details":{"coding":[{"code":"BAD_REQUEST"}]},"diagnostics":"canary"}]}`}, spine.CodeInvalid, spine.ErrStatus, 1, 0},
		{"401", reply{status: 401, body: "canary"}, spine.CodeDenied, spine.ErrStatus, 1, 0},
		{"403", reply{status: 403}, spine.CodeDenied, spine.ErrStatus, 1, 0},
		{"404, no such API", reply{status: 404}, spine.CodeUnexpected, spine.ErrStatus, 1, 0},
		{"406", reply{status: 406}, spine.CodeInvalid, spine.ErrStatus, 1, 0},
		{"500", reply{status: 500}, spine.CodeUnavailable, spine.ErrStatus, 1, 0},
		{"429, a long wait", reply{status: 429, head: after("60")}, spine.CodeUnavailable, spine.ErrStatus, 1, time.Minute},
		{"429", reply{status: 429, head: after("0")}, spine.CodeUnavailable, spine.ErrStatus, 2, 0},
		{"502", reply{status: 502, head: after("junk")}, spine.CodeUnavailable, spine.ErrStatus, 2, 0},
		{"504", reply{status: 504, head: after("Thu, 01 Jan 1970 00:00:00 GMT")}, spine.CodeUnavailable, spine.ErrStatus, 2, 0},
		{"a redirect", reply{status: 302, head: map[string]string{"Location": "/elsewhere"}}, spine.CodeUnexpected, spine.ErrRedirect, 1, 0},
		{"201", reply{status: 201, body: bundle(device(one, "RR8-1"))}, spine.CodeUnexpected, spine.ErrStatus, 1, 0},
		{"hung up", reply{reset: true}, spine.CodeUnavailable, spine.ErrConnection, 2, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, []reply{tt.answer}, list(endpoint(host, "RR8-1")))
			_, err := s.directory(t, nil).Lookup(t.Context(), question)
			e, ok := errors.AsType[*spine.Error](err)
			if !ok || e.Code != tt.code || !errors.Is(err, tt.err) || e.Status != tt.answer.status || e.Origin != spine.OriginDir || e.RetryAfter != tt.after {
				t.Fatalf("%v, want code %q, %v", err, tt.code, tt.err)
			}
			if n := s.count("Device"); n < tt.attempts || n > tt.attempts && !tt.answer.reset || s.count("elsewhere") != 0 {
				t.Errorf("asked %d times, want %d", n, tt.attempts) // net/http repeats what a kept connection did not answer
			}
			if tt.name == "400" && e.SpineCode != "BAD_REQUEST" {
				t.Errorf("code %q", e.SpineCode)
			}
			quiet(t, err)
		})
	}
}

// One question that failed does not wait for the other.
func TestFirstFaultEndsTheLookup(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]*server{
		"systems":   serve(t, []reply{{status: 403}}, []reply{{hang: true}}),
		"endpoints": serve(t, []reply{{hang: true}}, []reply{{status: 403}}),
	} {
		_, err := s.directory(t, func(c *sds.Config) { c.Timeout = time.Hour }).Lookup(t.Context(), question)
		if spine.CodeOf(err) != spine.CodeDenied {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPassingFaultIsTriedOnceMore(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]reply{"503": {status: 503}, "hung up": {reset: true}} {
		s := serve(t, []reply{fault, {body: bundle(device(one, "RR8-1"))}}, list(endpoint(host, "RR8-1")))
		if got, err := s.directory(t, nil).Lookup(t.Context(), question); got.Digits() != one || err != nil {
			t.Error(name, got, err)
		}
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	good := list(endpoint(host, "RR8-1"))
	for _, tt := range []struct {
		name   string
		answer reply
		edit   func(*sds.Config)
		cancel bool // the caller leaves at the first request
		code   spine.Code
		err    error
	}{
		{"a directory that does not answer", reply{hang: true}, func(c *sds.Config) { c.Timeout = 200 * time.Millisecond }, false, spine.CodeTimeout, context.DeadlineExceeded},
		{"a caller who leaves", reply{hang: true}, nil, true, spine.CodeCanceled, context.Canceled},
		{"a body over 4 MiB", reply{body: strings.Repeat(" ", 4<<20) + empty}, nil, false, spine.CodeUnexpected, spine.ErrTooLarge},
		{"a head over 64 KiB", reply{head: map[string]string{"X": strings.Repeat("x", 80<<10)}}, nil, false, spine.CodeUnavailable, spine.ErrConnection},
		{"another trust anchor", reply{}, func(c *sds.Config) { c.Roots = x509.NewCertPool() }, false, spine.CodeCertificate, auth.ErrUntrusted},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, []reply{tt.answer}, good)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if tt.cancel {
				stop := time.AfterFunc(100*time.Millisecond, cancel)
				defer stop.Stop()
			}
			_, err := s.directory(t, tt.edit).Lookup(ctx, question)
			if spine.CodeOf(err) != tt.code || !errors.Is(err, tt.err) {
				t.Fatalf("%v, want code %q, %v", err, tt.code, tt.err)
			}
			if tt.code != spine.CodeCertificate { // it names the host that presented it
				quiet(t, err)
			}
		})
	}
}

func TestQuestionThatMustNotBeAskedIsNot(t *testing.T) {
	t.Parallel()
	s := serve(t, list(device(one, "RR8-1")), list(endpoint(host, "RR8-1")))
	q := question
	q.InteractionID = "*"
	_, err := s.directory(t, nil).Lookup(t.Context(), q)
	if spine.CodeOf(err) != spine.CodeInvalid || !errors.Is(err, ssp.ErrNoASID) || len(s.requests) != 0 {
		t.Errorf("%v after %d requests", err, len(s.requests))
	}
}

func TestLookupConcurrently(t *testing.T) {
	t.Parallel()
	s := serve(t, list(device(one, "RR8-1")), list(endpoint(host, "RR8-1")))
	d := s.directory(t, nil)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			if got, err := d.Lookup(t.Context(), question); got.Digits() != one || err != nil {
				t.Error(got, err)
			}
		})
	}
	wg.Wait()
}

func TestNewReportsEveryFault(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		c      sds.Config
		faults []string
	}{
		{"nothing given", sds.Config{Timeout: -1}, []string{"Base is missing", "APIKey is missing", "Timeout"}},
		{"http", sds.Config{Base: &url.URL{Scheme: "http", Host: "x"}, APIKey: key}, []string{"https://host/path"}},
		{"a query", sds.Config{Base: &url.URL{Scheme: "https", Host: "x", RawQuery: "a"}, APIKey: key}, []string{"https://host/path"}},
		{"no host", sds.Config{Base: &url.URL{Scheme: "https", Path: "/x"}, APIKey: key}, []string{"https://host/path"}},
		{"a key with a line end", sds.Config{Base: &url.URL{Scheme: "https", Host: "x"}, APIKey: key + "\n"}, []string{"header value"}},
	} {
		_, err := sds.New(tt.c)
		for _, f := range tt.faults {
			if !strings.Contains(fmt.Sprint(err), f) || strings.Contains(fmt.Sprint(err), key) {
				t.Errorf("%s: %q is not in %v", tt.name, f, err)
			}
		}
	}
}

func TestKeyShowsNowhere(t *testing.T) {
	t.Parallel()
	s := serve(t, nil, nil)
	var c sds.Config
	d := s.directory(t, func(have *sds.Config) { c = *have })
	text, err := c.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	for _, shown := range []string{fmt.Sprintf("%v %+v %#v %s", c, c, &c, c.LogValue()), fmt.Sprintf("%v %+v %#v", d, d, d), string(text)} {
		if strings.Contains(shown, key) {
			t.Errorf("the key shows in %s", shown)
		}
	}
}
