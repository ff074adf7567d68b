package spine_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nrlgo/nrlgo/client/spine"
	"github.com/nrlgo/nrlgo/mocks"
)

// names are those of a request's fields, sorted, as they were spelled.
func names(r mocks.Request) []string {
	var all []string
	for _, f := range r.Header {
		all = append(all, f.Name)
	}
	slices.Sort(all)
	return all
}

func TestHeadersAsTheyArrive(t *testing.T) {
	t.Parallel()
	b := setup(t)
	public := b.search()
	public.Service, public.Op, public.Accept, public.URL = spine.Public, spine.OpContact, "", parseURL(b.AddPage("/contact", "text/html", "<p>"))
	plain := public
	plain.URL = parseURL(b.AddPlainPage("/plain", "text/html", "<p>"))
	for _, tt := range []struct {
		name    string
		request spine.Request
		fields  []string
		values  map[string]string
		claims  map[string]any
	}{
		{
			"the locator", b.search(),
			[]string{"Accept", "Accept-Encoding", "Authorization", "Host", "User-Agent", "fromASID", "toASID"},
			map[string]string{"fromASID": mocks.ConsumerASID, "toASID": mocks.SpineASID, "Accept": "application/fhir+json", "Accept-Encoding": "identity", "User-Agent": "nrlgo"},
			map[string]any{"scope": "patient/DocumentReference.read", "aud": strings.TrimSuffix(b.NRLURL(), "/STU3"), "iss": "https://" + mocks.ConsumerFQDN},
		},
		{
			"the proxy", b.retrieve(),
			[]string{"Accept-Encoding", "Authorization", "Host", "Ssp-From", "Ssp-InteractionID", "Ssp-To", "Ssp-TraceID", "User-Agent"},
			map[string]string{"Ssp-From": mocks.ConsumerASID, "Ssp-To": mocks.ProviderASID, "Ssp-InteractionID": "urn:nhs:names:services:nrl:DocumentReference.content.read"},
			map[string]any{"scope": "patient/*.read", "aud": "https://p1.nhs.uk"},
		},
		{"a public page", public, []string{"Accept-Encoding", "Host", "User-Agent"}, nil, nil},
		{"a plain page", plain, []string{"Accept-Encoding", "Host", "User-Agent"}, nil, nil},
	} {
		b.Forget()
		if _, err := b.fetch(t, tt.request); err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		got := b.Requests()[0]
		if diff := cmp.Diff(tt.fields, names(got)); diff != "" {
			t.Errorf("%s: fields: -want +got\n%s", tt.name, diff)
		}
		for name, value := range tt.values {
			if diff := cmp.Diff([]string{value}, got.Values(name)); diff != "" {
				t.Errorf("%s: %s: -want +got\n%s", tt.name, name, diff)
			}
		}
		for name, value := range tt.claims {
			if got.Claims[name] != value {
				t.Errorf("%s: claim %s is %v, want %v", tt.name, name, got.Claims[name], value)
			}
		}
		if len(got.Violations) > 0 || len(b.Requests()) != 1 || (got.ClientCertificate != nil) != (tt.claims != nil) {
			t.Errorf("%s: %d requests, violations %v, certificate %v", tt.name, len(b.Requests()), got.Violations, got.ClientCertificate != nil)
		}
	}
}

func TestInteractionIDIsSentOnlyWhenConfigured(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *spine.Config) { c.InteractionID = "urn:nhs:names:services:nrl:x" })
	if _, err := b.fetch(t, b.search()); err != nil {
		t.Fatal(err)
	}
	if got := b.Requests()[0].Get("InteractionID"); got != "urn:nhs:names:services:nrl:x" {
		t.Errorf("got %q", got)
	}
}

func TestEachAttemptHasItsOwnTokenAndTraceID(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Fault(mocks.Once(mocks.Status(503)))
	b.Fault(mocks.Once(mocks.Reset()))
	b.Fault(mocks.Once(mocks.Hangup()))
	s, err := b.client.Stream(t.Context(), b.retrieve())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.End(nil) }()
	var traces, audited []string
	for _, r := range b.Requests() {
		traces = append(traces, r.Get("Ssp-TraceID"))
	}
	for _, e := range b.sink.all() {
		if e.Kind == spine.AuditRequest {
			audited = append(audited, e.TraceID)
		}
	}
	if len(traces) != 4 || len(slices.Compact(slices.Sorted(slices.Values(traces)))) != 4 {
		t.Errorf("trace ids %v", traces)
	}
	if diff := cmp.Diff(audited, traces); diff != "" {
		t.Errorf("trace ids: -audited +sent\n%s", diff)
	}
	if s.TraceID != traces[3] || s.Attempts != 4 || len(b.Violations()) > 0 {
		t.Errorf("trace %q, %d attempts, violations %v", s.TraceID, s.Attempts, b.Violations())
	}
}
