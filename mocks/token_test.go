package mocks_test

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/nrlgo/nrlgo/mocks"
)

// citizen turns good claims into those of a citizen.
func citizen(c map[string]any) {
	delete(c, "requesting_user")
	c["requesting_patient"] = "https://fhir.nhs.net/Id/nhs-number|" + patient
	c["sub"], c["reason_for_request"] = c["requesting_patient"], "patientaccess"
}

func TestTokensThatAreAccepted(t *testing.T) {
	t.Parallel()
	sp, c := setup(t, mocks.WithAudiences("https://clinicals.spineservices.nhs.uk"))
	sp.AddPointer(mocks.Pointer{Patient: number})
	for name, edit := range map[string]func(map[string]any){
		"a professional's": func(map[string]any) {},
		"a citizen's":      citizen,
		"a delegate's": func(c map[string]any) {
			citizen(c)
			c["act"] = map[string]any{"sub": "https://fhir.nhs.net/Id/nhs-number|9462206031"}
		},
		"with an audience that the mock was told": func(c map[string]any) { c["aud"] = "https://clinicals.spineservices.nhs.uk" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := c.search()
			edit(a.claims)
			if r := c.send(t, a); r.status != 200 {
				t.Errorf("status %d: %s", r.status, r.body)
			}
		})
	}
	t.Cleanup(func() {
		if v := sp.Violations(); v != nil {
			t.Errorf("violations %q", v)
		}
	})
}

// TestTokensThatAreRefused holds every row of the JWT page, at both services.
func TestTokensThatAreRefused(t *testing.T) {
	t.Parallel()
	sp, c := setup(t)
	const record = "https://p1.nhs.uk/doc?id=1"
	sp.AddRecord(number, mocks.Record{URL: record, Body: []byte("x")})
	now := time.Now().Unix()
	set := func(name string, value any) func(map[string]any) {
		return func(c map[string]any) { c[name] = value }
	}
	drop := func(name string) func(map[string]any) {
		return func(c map[string]any) { delete(c, name) }
	}
	times := func(iat, exp any) func(map[string]any) {
		return func(c map[string]any) { c["iat"], c["exp"] = iat, exp }
	}
	for _, tt := range []struct {
		name string
		edit func(map[string]any)
		want string // part of the diagnostics
	}{
		{"no iss", drop("iss"), "iss in the JWT is missing"},
		{"an iss that is no URL", set("iss", "me"), "iss"},
		{"no sub", drop("sub"), "sub in the JWT is missing"},
		{"a sub that is not the user", set("sub", "someone"), "sub"},
		{"no aud", drop("aud"), "aud in the JWT is missing"},
		{"an aud with a path", set("aud", sp.NRLURL()), "aud"},
		{"no iat", drop("iat"), "iat in the JWT is missing"},
		{"iat in the future", times(now+100, now+400), "iat in the JWT is in the future"},
		{"iat as a string", set("iat", "now"), "iat"},
		{"iat with a fraction", set("iat", float64(now)-0.5), "iat"},
		{"no exp", drop("exp"), "exp in the JWT is missing"},
		{"exp later than five minutes", times(now, now+301), "exp in the JWT is not iat + 300 s"},
		{"exp that has passed", times(now-301, now-1), "exp in the JWT has passed"},
		{"no reason", drop("reason_for_request"), "reason_for_request"},
		{"a citizen's reason for a professional", set("reason_for_request", "patientaccess"), "reason_for_request"},
		{"no scope", drop("scope"), "scope in the JWT is missing"},
		{"a scope of another spelling", set("scope", "patient/Documentreference.read"), "scope"},
		{"no requesting_system", drop("requesting_system"), "requesting_system"},
		{"an ASID that is not that of the header", set("requesting_system", "https://fhir.nhs.uk/Id/accredited-system|200000000116"), "requesting_system"},
		{"no requesting_organization", drop("requesting_organization"), "requesting_organization"},
		{"requesting_organisation", func(c map[string]any) {
			c["requesting_organisation"] = c["requesting_organization"]
			delete(c, "requesting_organization")
		}, "requesting_organization in the JWT is missing"},
		{"an organisation in another system", set("requesting_organization", mocks.ConsumerODS), "requesting_organization"},
		{"neither user nor patient", drop("requesting_user"), "requesting_user in the JWT is missing"},
		{"a user in another system", set("requesting_user", "https://fhir.nhs.uk/Id/sds-user|1"), "requesting_user"},
		{"user and patient", set("requesting_patient", "https://fhir.nhs.net/Id/nhs-number|"+patient), "requesting_patient"},
		{"a citizen of no valid number", func(c map[string]any) {
			citizen(c)
			c["requesting_patient"], c["sub"] = "https://fhir.nhs.net/Id/nhs-number|9462205958", "https://fhir.nhs.net/Id/nhs-number|9462205958"
		}, "requesting_patient"},
		{"a professional's reason for a citizen", func(c map[string]any) { citizen(c); c["reason_for_request"] = "directcare" }, "reason_for_request"},
		{"a delegate of a professional", set("act", map[string]any{"sub": "https://fhir.nhs.net/Id/nhs-number|" + patient}), "act"},
		{"a delegate without a number", func(c map[string]any) { citizen(c); c["act"] = map[string]any{"sub": "me"} }, "act"},
		{"a delegate with more than a number", func(c map[string]any) {
			citizen(c)
			c["act"] = map[string]any{"sub": "https://fhir.nhs.net/Id/nhs-number|" + patient, "act": "x"}
		}, "act"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for service, a := range map[string]ask{"NRL": c.search(), "SSP": c.retrieve(record)} {
				tt.edit(a.claims)
				r := c.send(t, a)
				if o := readOutcome(t, r); r.status != 400 || !strings.Contains(o.Diagnostics, tt.want) {
					t.Errorf("%s: status %d, diagnostics %q, want 400 and %q in them", service, r.status, o.Diagnostics, tt.want)
				}
			}
		})
	}
}

func TestFormsThatAreNoSpineJWT(t *testing.T) {
	t.Parallel()
	_, c := setup(t)
	for _, tt := range []struct {
		name  string
		token func(map[string]any) string
		want  string
	}{
		{"the last dot is missing", func(c map[string]any) string { return strings.TrimSuffix(unsigned(c), ".") }, "3 sections"},
		{"a signature", func(c map[string]any) string { return unsigned(c) + "c2ln" }, "must not be signed"},
		{"alg HS256", func(c map[string]any) string { return encode(`{"alg":"HS256","typ":"JWT"}`, c) }, "header must be"},
		{"no typ", func(c map[string]any) string { return encode(`{"alg":"none"}`, c) }, "header must be"},
		{"more in the header", func(c map[string]any) string { return encode(`{"alg":"none","typ":"JWT","kid":"1"}`, c) }, "header must be"},
		{"padding", func(c map[string]any) string {
			_, payload, _ := strings.Cut(strings.TrimSuffix(unsigned(c), "."), ".")
			return base64.URLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + payload + "."
		}, "header is not unpadded base64url"},
		{"a payload that is no object", func(map[string]any) string { return "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.W10." }, "payload is not a JSON object"},
		{"a payload with more behind it", func(map[string]any) string { return "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.e317fQ." }, "payload is not one JSON object"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := c.search()
			a.token = tt.token
			r := c.send(t, a)
			if o := readOutcome(t, r); r.status != 400 || o.Code != "MISSING_OR_INVALID_HEADER" || !strings.Contains(o.Diagnostics, tt.want) {
				t.Errorf("status %d, %+v, want %q in the diagnostics", r.status, o, tt.want)
			}
		})
	}
}

func TestEveryFaultOfATokenIsNoted(t *testing.T) {
	t.Parallel()
	sp, c := setup(t)
	a := c.search()
	a.claims = without(a.claims, "iss", "scope", "aud")
	c.send(t, a)
	for _, claim := range []string{"iss", "scope", "aud"} {
		if !strings.Contains(strings.Join(sp.Violations(), "\n"), "The claim "+claim+" in the JWT is missing") {
			t.Errorf("%s is not in %q", claim, sp.Violations())
		}
	}
}
