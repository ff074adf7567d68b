package auth_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nrlgo/nrlgo/auth"
	"github.com/nrlgo/nrlgo/auth/nhs"
)

var (
	issued       = time.Date(2026, 11, 24, 9, 30, 0, 123456789, time.UTC)
	professional = auth.Requester{
		Organisation: nhs.MustParseODSCode("RR8"), ASID: nhs.MustParseASID("200000000117"),
		User: auth.Professional(nhs.MustParseRoleProfileID("4387293874928")),
	}
	patient  = nhs.MustParseNumber("9462205957")
	delegate = nhs.MustParseNumber("9462205965")
)

// claims decodes a token by the text of RFC 7515, not by a library.
func claims(t *testing.T, token string) (header, payload map[string]any) {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 || parts[2] != "" {
		t.Fatalf("%d parts, want three with an empty signature behind a trailing dot", len(parts))
	}
	for i, dst := range []*map[string]any{&header, &payload} {
		raw, err := base64.RawURLEncoding.Strict().DecodeString(parts[i])
		if err != nil {
			t.Fatalf("part %d is not unpadded base64url: %v", i, err)
		}
		if err := json.Unmarshal(raw, dst); err != nil {
			t.Fatal(err)
		}
	}
	return header, payload
}

func TestSpineJWTClaims(t *testing.T) {
	t.Parallel()
	common := map[string]any{
		"iss": "https://consumer.example.nhs.uk", "aud": "https://clinicals.spineservices.nhs.uk",
		"iat": 1795512600.0, "exp": 1795512900.0,
		"requesting_system":       "https://fhir.nhs.uk/Id/accredited-system|200000000117",
		"requesting_organization": "https://fhir.nhs.uk/Id/ods-organization-code|RR8",
	}
	with := func(more map[string]any) map[string]any {
		for k, v := range common {
			if _, ok := more[k]; !ok {
				more[k] = v
			}
		}
		return more
	}
	as := func(u auth.User) auth.Requester {
		r := professional
		r.User = u
		return r
	}
	for _, tt := range []struct {
		name  string
		who   auth.Requester
		scope auth.Scope
		sep   string
		want  map[string]any
	}{
		{"a professional reads pointers for direct care", professional, auth.ScopePointers, "", with(map[string]any{
			"scope": "patient/DocumentReference.read", "reason_for_request": "directcare",
			"sub":             "https://fhir.nhs.uk/Id/sds-role-profile-id|4387293874928",
			"requesting_user": "https://fhir.nhs.uk/Id/sds-role-profile-id|4387293874928",
		})},
		{"a citizen reads records for access", as(auth.Citizen(patient)), auth.ScopeRecords, "", with(map[string]any{
			"scope": "patient/*.read", "reason_for_request": "patientaccess",
			"sub":                "https://fhir.nhs.net/Id/nhs-number|9462205957",
			"requesting_patient": "https://fhir.nhs.net/Id/nhs-number|9462205957",
		})},
		{"a delegate acts for a citizen", as(auth.CitizenDelegate(patient, delegate)), auth.ScopeRecords, "", with(map[string]any{
			"scope": "patient/*.read", "reason_for_request": "patientaccess",
			"sub":                "https://fhir.nhs.net/Id/nhs-number|9462205957",
			"requesting_patient": "https://fhir.nhs.net/Id/nhs-number|9462205957",
			"act":                map[string]any{"sub": "https://fhir.nhs.net/Id/nhs-number|9462205965"},
		})},
		{"older guides separate with a slash", professional, auth.ScopePointers, "/", with(map[string]any{
			"scope": "patient/DocumentReference.read", "reason_for_request": "directcare",
			"sub":                     "https://fhir.nhs.uk/Id/sds-role-profile-id/4387293874928",
			"requesting_user":         "https://fhir.nhs.uk/Id/sds-role-profile-id/4387293874928",
			"requesting_system":       "https://fhir.nhs.uk/Id/accredited-system/200000000117",
			"requesting_organization": "https://fhir.nhs.uk/Id/ods-organization-code/RR8",
		})},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			token, err := auth.SpineJWT(tt.who, auth.Token{
				Issuer: "https://consumer.example.nhs.uk", Audience: "https://clinicals.spineservices.nhs.uk",
				Scope: tt.scope, Separator: tt.sep, Issued: issued,
			})
			if err != nil {
				t.Fatal(err)
			}
			header, payload := claims(t, token)
			if diff := cmp.Diff(map[string]any{"alg": "none", "typ": "JWT"}, header); diff != "" {
				t.Errorf("header (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.want, payload); diff != "" {
				t.Errorf("claims (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSpineJWTRefused(t *testing.T) {
	t.Parallel()
	full := auth.Token{Issuer: "https://a", Audience: "https://b", Scope: auth.ScopePointers, Issued: issued}
	role := nhs.MustParseRoleProfileID("4387293874928")
	for _, tt := range []struct {
		name      string
		who       func(*auth.Requester)
		token     func(*auth.Token)
		requester bool
	}{
		{name: "no organisation", who: func(r *auth.Requester) { r.Organisation = nhs.ODSCode{} }, requester: true},
		{name: "no ASID", who: func(r *auth.Requester) { r.ASID = nhs.ASID{} }, requester: true},
		{name: "nobody: Spine serves no unattended consumer", who: func(r *auth.Requester) { r.User = auth.User{} }, requester: true},
		{name: "professional and citizen at once", who: func(r *auth.Requester) { r.User = auth.User{RoleProfile: role, Citizen: patient} }, requester: true},
		{name: "professional with a delegate", who: func(r *auth.Requester) { r.User = auth.User{RoleProfile: role, Delegate: delegate} }, requester: true},
		{name: "delegate of nobody", who: func(r *auth.Requester) { r.User = auth.User{Delegate: delegate} }, requester: true},
		{name: "a delegate who is absent does not leave the citizen", who: func(r *auth.Requester) { r.User = auth.CitizenDelegate(patient, nhs.Number{}) }, requester: true},
		{name: "a citizen as their own delegate", who: func(r *auth.Requester) { r.User = auth.CitizenDelegate(patient, patient) }, requester: true},
		{name: "no issuer", token: func(k *auth.Token) { k.Issuer = "" }},
		{name: "no audience", token: func(k *auth.Token) { k.Audience = "" }},
		{name: "no scope", token: func(k *auth.Token) { k.Scope = "" }},
		{name: "no time of issue", token: func(k *auth.Token) { k.Issued = time.Time{} }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, k := professional, full
			if tt.who != nil {
				tt.who(&r)
			}
			if tt.token != nil {
				tt.token(&k)
			}
			token, err := auth.SpineJWT(r, k)
			if err == nil || token != "" {
				t.Fatalf("got a token of %d bytes and error %v, want none and an error", len(token), err)
			}
			if got := errors.Is(err, auth.ErrRequester); got != tt.requester {
				t.Errorf("errors.Is(err, ErrRequester) = %v, want %v (%v)", got, tt.requester, err)
			}
			for _, secret := range []string{"9462205957", "200000000117", "4387293874928", "RR8"} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("the error holds an identifier: %v", err)
				}
			}
		})
	}
}

// TestRequesterIsMasked: requesters stand in structs that programs log.
func TestRequesterIsMasked(t *testing.T) {
	t.Parallel()
	for _, user := range []auth.User{professional.User, auth.Citizen(patient), auth.CitizenDelegate(patient, delegate)} {
		r := professional
		r.User = user
		holder := struct {
			Requester auth.Requester
			hidden    *auth.Requester
		}{r, &r}
		var texts []string
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d", "%x", "%q"} {
			for _, v := range []any{r, &r, r.User, holder, []auth.Requester{r}} {
				texts = append(texts, fmt.Sprintf(verb, v))
			}
		}
		out, err := json.Marshal(holder)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(out))
		for _, text := range texts {
			for _, secret := range []string{"9462205957", "9462205965", "200000000117", "4387293874928"} {
				if strings.Contains(text, secret) || strings.Contains(text, fmt.Sprintf("%x", secret)) {
					t.Errorf("%q shows %s", text, secret)
				}
			}
		}
	}
}

func ExampleSpineJWT() {
	token, err := auth.SpineJWT(auth.Requester{
		Organisation: nhs.MustParseODSCode("RR8"),
		ASID:         nhs.MustParseASID("200000000117"),
		User:         auth.Professional(nhs.MustParseRoleProfileID("4387293874928")),
	}, auth.Token{
		Issuer: "https://consumer.example.nhs.uk", Audience: "https://clinicals.spineservices.nhs.uk",
		Scope: auth.ScopePointers, Issued: time.Unix(1795512600, 0),
	})
	fmt.Println(strings.Count(token, "."), strings.HasSuffix(token, "."), err)
	// Output: 2 true <nil>
}

func BenchmarkSpineJWT(b *testing.B) {
	token := auth.Token{Issuer: "https://a", Audience: "https://b", Scope: auth.ScopePointers, Issued: issued}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := auth.SpineJWT(professional, token); err != nil {
			b.Fatal(err)
		}
	}
}
