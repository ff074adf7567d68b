package nhs_test

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/nrlgo/nrlgo/auth/nhs"
)

var (
	numberForm = regexp.MustCompile(`\A([0-9]{10}|[0-9]{3} [0-9]{3} [0-9]{4})\z`)
	asidForm   = regexp.MustCompile(`\A[0-9]{12}\z`)
	odsForm    = regexp.MustCompile(`\A[A-Z0-9]{1,12}\z`)
	roleForm   = regexp.MustCompile(`\A[0-9]{1,20}\z`)
)

func FuzzParseNumber(f *testing.F) { fuzzParse(f, numbers, numberForm, checkDigitFits) }

func FuzzParseASID(f *testing.F) { fuzzParse(f, asids, asidForm, always) }

func FuzzParseODSCode(f *testing.F) { fuzzParse(f, odsCodes, odsForm, always) }

func FuzzParseRoleProfileID(f *testing.F) { fuzzParse(f, roles, roleForm, always) }

func always(string) bool { return true }

// checkDigitFits is the rule the other way round: with the check digit at
// weight 1, the sum is a multiple of 11.
func checkDigitFits(digits string) bool {
	sum := 0
	for i, c := range digits {
		sum += int(c-'0') * (10 - i)
	}
	return sum%11 == 0
}

// fuzzParse holds a parser against a reading of its rule that shares no code
// with it.
func fuzzParse[T identifier](f *testing.F, k kind[T], form *regexp.Regexp, fits func(string) bool) {
	f.Helper()
	for _, s := range []string{k.a, k.b, "", "943 476 5919", "0000000000", "rxq72", "٩٤٣٤٧٦٥٩١٩", strings.Repeat("9", 21), "1000000010", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		digits := strings.ReplaceAll(s, " ", "")
		want := form.MatchString(s) && fits(digits)
		id, err := k.parse(s)
		switch {
		case want != (err == nil):
			t.Fatalf("accepted: %t, the rule says %t", err == nil, want)
		case err != nil:
			if !errors.Is(err, nhs.ErrInvalid) || !id.IsZero() || len(err.Error()) > 100 {
				t.Fatal("a refusal wraps ErrInvalid, is short and gives the zero value")
			}
			return
		}
		if k.text(id) != digits || id.IsZero() || leaks(id.String(), digits) && len(digits) > 3 {
			t.Fatal("an accepted text is kept and masked")
		}
		if again, err := k.parse(k.text(id)); err != nil || again != id {
			t.Fatal("what comes out goes in again as the same value")
		}
	})
}
