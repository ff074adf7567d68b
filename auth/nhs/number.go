package nhs

type numberLabel struct{}

func (numberLabel) label() string { return "NHS number" }

// Number is a patient's NHS number: ten digits, the last a modulus 11 check
// digit. The zero value means absent.
type Number struct{ masked[numberLabel] }

// ParseNumber reads an NHS number written as ten digits, or as people write
// it, "943 476 5919". Its error wraps [ErrInvalid].
func ParseNumber(s string) (Number, error) {
	if len(s) == 12 && s[3] == ' ' && s[7] == ' ' {
		s = s[:3] + s[4:7] + s[8:]
	}
	if !digitsOnly(s, 10, 10) {
		return Number{}, invalid[numberLabel]("want ten digits")
	}
	if !modulus11(s) {
		return Number{}, invalid[numberLabel]("the check digit does not match")
	}
	return Number{newMasked[numberLabel](s)}, nil
}

// MustParseNumber is ParseNumber for literals; it panics on a wrong one.
func MustParseNumber(s string) Number { return must(ParseNumber(s)) }

// Digits is the number itself, ten digits, or "" when absent.
func (n Number) Digits() string { return n.value() }

// Equal reports whether both are the same number or both absent.
func (n Number) Equal(o Number) bool { return n == o }

// modulus11 checks ten digits: the weights 10 to 2 over the first nine, 11
// minus the remainder is the tenth, 11 counts as 0 and 10 is never issued.
func modulus11(s string) bool {
	sum := 0
	for i := range 9 {
		sum += int(s[i]-'0') * (10 - i)
	}
	check := 11 - sum%11
	if check == 11 {
		check = 0
	}
	return check == int(s[9]-'0')
}
