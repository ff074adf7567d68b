package ldap

import (
	"errors"
	"strings"
	"testing"

	goldap "github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"

	"github.com/nrlgo/nrlgo/auth/nhs"
	"github.com/nrlgo/nrlgo/client/spine"
	"github.com/nrlgo/nrlgo/ssp"
)

// Whatever a value holds, the filter compares with it and has no other part.
func TestFilterKeepsValuesApart(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"RR8":                "(&(nhsIDCode=RR8)(objectClass=nhsAS))",
		"*":                  `(&(nhsIDCode=\2a)(objectClass=nhsAS))`,
		")(":                 `(&(nhsIDCode=\29\28)(objectClass=nhsAS))`,
		"x)(uid=*))(|(uid=*": `(&(nhsIDCode=x\29\28uid=\2a\29\29\28|\28uid=\2a)(objectClass=nhsAS))`,
		`\2a`:                `(&(nhsIDCode=\5c2a)(objectClass=nhsAS))`,
		"a\x00b\xff":         `(&(nhsIDCode=a\00b\ff)(objectClass=nhsAS))`,
		"":                   "(&(nhsIDCode=)(objectClass=nhsAS))",
	} {
		got := and(equal("nhsIDCode", value), equal("objectClass", "nhsAS"))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	}
}

func FuzzFilter(f *testing.F) {
	for _, s := range []string{"RR8", "*", ")(", `\`, "\x00", "ä", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		compiled, err := goldap.CompileFilter(and(equal("a", value), equal("b", "c")))
		if err != nil {
			t.Fatal(err)
		}
		if len(compiled.Children) != 2 {
			t.Fatalf("the filter has %d parts", len(compiled.Children))
		}
		first := compiled.Children[0]
		if first.Tag != goldap.FilterEqualityMatch || len(first.Children) != 2 || first.Children[1].Data.String() != value {
			t.Fatalf("the filter compares otherwise than with %q", value)
		}
	})
}

func TestEntriesAreRead(t *testing.T) {
	t.Parallel()
	entry := func(attributes map[string][]string) *goldap.Entry {
		return goldap.NewEntry("uniqueIdentifier=1", attributes)
	}
	asid := nhs.MustParseASID("200000000240")
	for _, tt := range []struct {
		name string
		e    *goldap.Entry
		want system
		text string
	}{
		{
			"names in any case",
			entry(map[string][]string{"UNIQUEidentifier": {"200000000240"}, "nhsMHSPartyKey": {"RR8-1"}, "NHSASSVCIA": {"a", "b"}, "nhsIdCode": {"rr8"}}),
			system{ssp.System{ASID: asid, PartyKey: "RR8-1"}, []string{"a", "b"}},
			"",
		},
		{"no ASID, no party key", entry(map[string][]string{"nhsIDCode": {"A1", "RR8"}}), system{}, ""},
		{"an ASID that is none", entry(map[string][]string{"uniqueIdentifier": {"472b35d4641b76454b13"}}), system{}, "twelve digits"},
		{"two ASIDs", entry(map[string][]string{"uniqueIdentifier": {"200000000240", "200000000777"}}), system{}, "several"},
		{"two party keys", entry(map[string][]string{"nhsMhsPartyKey": {"a"}, "nhsmhspartykey": {"b"}}), system{}, "several"},
		{"another organisation's", entry(map[string][]string{"nhsIDCode": {"A1"}}), system{}, "another organisation"},
	} {
		got, err := readSystem(tt.e, "RR8")
		if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(system{})); err == nil && diff != "" {
			t.Errorf("%s (-want +got)\n%s", tt.name, diff)
		}
		if errors.Is(err, ssp.ErrDirectory) != (tt.text != "") || err != nil && !strings.Contains(err.Error(), tt.text) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	for _, attribute := range []string{"nhsMhsPartyKey", "nhsMhsFQDN", "nhsMhsEndPoint", "nhsIDCode"} {
		if _, err := readEndpoint(entry(map[string][]string{attribute: {"a", "b"}}), "RR8"); !errors.Is(err, ssp.ErrDirectory) {
			t.Errorf("an endpoint with two of %s: %v", attribute, err)
		}
	}
}

func TestResults(t *testing.T) {
	t.Parallel()
	for code, want := range map[uint16]spine.Code{
		goldap.LDAPResultTimeLimitExceeded: spine.CodeTimeout, goldap.LDAPResultInsufficientAccessRights: spine.CodeDenied,
		goldap.LDAPResultInappropriateAuthentication: spine.CodeDenied, goldap.LDAPResultBusy: spine.CodeUnavailable,
		goldap.LDAPResultUnavailable: spine.CodeUnavailable, goldap.LDAPResultSizeLimitExceeded: spine.CodeUnexpected,
		goldap.LDAPResultReferral: spine.CodeUnexpected, goldap.LDAPResultNoSuchObject: spine.CodeUnexpected,
	} {
		got := result(code)
		if got.Code != want || got.Origin != spine.OriginDir || errors.Is(got, ssp.ErrDirectory) != (want == spine.CodeUnexpected) {
			t.Errorf("result %d: %v", code, got)
		}
	}
}

func TestParties(t *testing.T) {
	t.Parallel()
	got, fault := distinct([]string{"b", "", "a", "b"})
	if diff := cmp.Diff([]string{"b", "a"}, got); diff != "" || fault != nil {
		t.Errorf("%v (-want +got)\n%s", fault, diff)
	}
	many := strings.Split(strings.Repeat("x", maxParties+1), "")
	for i := range many {
		many[i] += string(rune('a' + i))
	}
	if _, fault := distinct(many); fault == nil || !errors.Is(fault, ssp.ErrDirectory) {
		t.Errorf("%d parties: %v", len(many), fault)
	}
}
