package nhs_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nrlgo/nrlgo/auth/nhs"
)

// identifier is what the four types have in common.
type identifier interface {
	comparable
	fmt.Stringer
	IsZero() bool
	MarshalJSON() ([]byte, error)
}

// kind lets one table test all four types.
type kind[T identifier] struct {
	parse      func(string) (T, error)
	must       func(string) T
	text       func(T) string
	equal      func(a, b T) bool
	a, b       string // two valid texts
	mask, none string
}

var (
	numbers = kind[nhs.Number]{
		nhs.ParseNumber, nhs.MustParseNumber, nhs.Number.Digits, nhs.Number.Equal,
		"9434765919", "9876543210", "NHS number (hidden)", "NHS number (absent)",
	}
	asids = kind[nhs.ASID]{
		nhs.ParseASID, nhs.MustParseASID, nhs.ASID.Digits, nhs.ASID.Equal,
		"200000000117", "999999999999", "ASID (hidden)", "ASID (absent)",
	}
	odsCodes = kind[nhs.ODSCode]{
		nhs.ParseODSCode, nhs.MustParseODSCode, nhs.ODSCode.Code, nhs.ODSCode.Equal,
		"RXQ72", "A20047", "ODS code (hidden)", "ODS code (absent)",
	}
	roles = kind[nhs.RoleProfileID]{
		nhs.ParseRoleProfileID, nhs.MustParseRoleProfileID, nhs.RoleProfileID.Digits, nhs.RoleProfileID.Equal,
		"555254242106", "100334993514", "role profile id (hidden)", "role profile id (absent)",
	}
)

// forEach runs test on every type.
func forEach(t *testing.T, number func(*testing.T, kind[nhs.Number]), asid func(*testing.T, kind[nhs.ASID]),
	ods func(*testing.T, kind[nhs.ODSCode]), role func(*testing.T, kind[nhs.RoleProfileID]),
) {
	t.Helper()
	t.Run("Number", func(t *testing.T) { t.Parallel(); number(t, numbers) })
	t.Run("ASID", func(t *testing.T) { t.Parallel(); asid(t, asids) })
	t.Run("ODSCode", func(t *testing.T) { t.Parallel(); ods(t, odsCodes) })
	t.Run("RoleProfileID", func(t *testing.T) { t.Parallel(); role(t, roles) })
}

type rule struct{ name, in, want string } // want "" is a refusal

func TestParse(t *testing.T) {
	t.Parallel()
	t.Run("Number", func(t *testing.T) {
		t.Parallel()
		parseTable(t, numbers, []rule{
			{"ten digits", "9434765919", "9434765919"},
			{"as people write it", "943 476 5919", "9434765919"},
			{"remainder 0 makes the check digit 0", "9876543210", "9876543210"},
			{"leading zero", "0123456789", "0123456789"},
			{"check digit wrong by one", "9434765918", ""},
			{"two digits swapped", "4934765919", ""},
			{"a check digit of 10 is never issued", "1000000010", ""},
			{"nine digits", "943476591", ""},
			{"eleven digits", "94347659190", ""},
			{"other grouping", "9434 76 5919", ""},
			{"one space", "943 4765919", ""},
			{"hyphens", "943-476-5919", ""},
			{"space before", " 9434765919", ""},
			{"line end after", "9434765919\n", ""},
			{"letter in a group", "943 47a 5919", ""},
			{"full-width digits", "９４３４７６５９１９", ""},
			{"Arabic-Indic digits", "٩٤٣٤٧٦٥٩١٩", ""},
			{"NUL", "943476591\x00", ""},
			{"sign", "+943476591", ""},
			{"empty", "", ""},
		})
	})
	t.Run("ASID", func(t *testing.T) {
		t.Parallel()
		parseTable(t, asids, []rule{
			{"twelve digits", "200000000117", "200000000117"},
			{"leading zeros are kept", "000000000001", "000000000001"},
			{"eleven digits", "20000000011", ""},
			{"thirteen digits", "2000000001170", ""},
			{"letter", "20000000011A", ""},
			{"space", "2000000001 7", ""},
			{"empty", "", ""},
		})
	})
	t.Run("ODSCode", func(t *testing.T) {
		t.Parallel()
		parseTable(t, odsCodes, []rule{
			{"letters and digits", "RXQ72", "RXQ72"},
			{"one character", "R", "R"},
			{"twelve characters", "ABCDEF123456", "ABCDEF123456"},
			{"thirteen characters", "ABCDEF1234567", ""},
			{"small letters", "rxq72", ""},
			{"a suffix is no part of it", "RXQ72.001", ""},
			{"space", "RX Q72", ""},
			{"pipe", "RX|72", ""},
			{"a letter outside ASCII", "RXÉ72", ""},
			{"empty", "", ""},
		})
	})
	t.Run("RoleProfileID", func(t *testing.T) {
		t.Parallel()
		parseTable(t, roles, []rule{
			{"twelve digits", "555254242106", "555254242106"},
			{"one digit", "1", "1"},
			{"twenty digits", "12345678901234567890", "12345678901234567890"},
			{"twenty-one digits", "123456789012345678901", ""},
			{"letter", "55525424210x", ""},
			{"role code", "R8000", ""},
			{"empty", "", ""},
		})
	})
}

func parseTable[T identifier](t *testing.T, k kind[T], rules []rule) {
	t.Helper()
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			got, err := k.parse(r.in)
			if (r.want == "") != errors.Is(err, nhs.ErrInvalid) {
				t.Fatalf("error %v, want refusal: %t", err, r.want == "")
			}
			if diff := cmp.Diff(r.want, k.text(got)); diff != "" {
				t.Errorf("text (-want +got):\n%s", diff)
			}
			if got.IsZero() != (r.want == "") {
				t.Errorf("IsZero() = %t", got.IsZero())
			}
		})
	}
}

func TestErrorsHoldNoInput(t *testing.T) {
	t.Parallel()
	forEach(t, errorTest, errorTest, errorTest, errorTest)
}

func errorTest[T identifier](t *testing.T, k kind[T]) {
	t.Helper()
	for _, bad := range []string{"943476591x", "Mrs Secret", "9434765918", "rxq72", k.a + "Secret"} {
		_, err := k.parse(bad)
		if err == nil {
			continue // valid for this type
		}
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
			if got := fmt.Sprintf(verb, err); strings.Contains(got, bad) {
				t.Errorf("%s of the error holds the input %q", verb, bad)
			}
		}
		if !strings.HasPrefix(err.Error(), "nhs: ") || strings.Count(err.Error(), "nhs:") != 1 {
			t.Errorf("error %q does not name the package once", err)
		}
	}
}

func TestMustParsePanicsWithoutInput(t *testing.T) {
	t.Parallel()
	forEach(t, mustTest, mustTest, mustTest, mustTest)
}

func mustTest[T identifier](t *testing.T, k kind[T]) {
	t.Helper()
	if got := k.text(k.must(k.a)); got != k.a {
		t.Errorf("MustParse changed a valid text")
	}
	const bad = "secret 9434765918"
	defer func() {
		err, ok := recover().(error)
		if !ok || !errors.Is(err, nhs.ErrInvalid) {
			t.Fatalf("panic value %v, want an error that wraps ErrInvalid", err)
		}
		if strings.Contains(fmt.Sprintf("%+v %#v", err, err), "943476591") {
			t.Error("the panic holds the input")
		}
	}()
	k.must(bad)
	t.Error("no panic")
}

// Every number of nine digits has at most one tenth digit: of ten candidates
// one passes, or none where modulus 11 asks for 10.
func TestNumberHasOneCheckDigit(t *testing.T) {
	t.Parallel()
	none := 0
	for i := range 2200 {
		passed := 0
		for d := range 10 {
			if _, err := nhs.ParseNumber(fmt.Sprintf("%09d%d", i*377+400_000_000, d)); err == nil {
				passed++
			}
		}
		switch passed {
		case 0:
			none++
		case 1:
		default:
			t.Fatalf("%d check digits pass for one number", passed)
		}
	}
	if none == 0 {
		t.Error("each number has a check digit: 10 was not refused")
	}
}
