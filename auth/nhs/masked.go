package nhs

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"unique"
)

// ErrInvalid is wrapped by the error of every Parse function. The error says
// which rule was broken and never holds the input.
var ErrInvalid = errors.New("invalid identifier")

// label names an identifier in masks and errors.
type label interface{ label() string }

// masked holds the text of an identifier behind a unique.Handle, because fmt
// prints the unexported fields of enclosing structs raw: there it finds an
// address and no digits.
type masked[L label] struct{ text unique.Handle[string] }

func newMasked[L label](s string) masked[L] { return masked[L]{unique.Make(s)} }

// value is the identifier itself, "" when absent.
func (m masked[L]) value() string {
	if m.IsZero() {
		return ""
	}
	return m.text.Value()
}

// IsZero reports whether the identifier is absent.
func (m masked[L]) IsZero() bool { return m == masked[L]{} }

// String is a mask, never the identifier.
func (m masked[L]) String() string {
	var l L
	if m.IsZero() {
		return l.label() + " (absent)"
	}
	return l.label() + " (hidden)"
}

// Format writes the mask for every verb.
func (m masked[L]) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, m.String()) // a State's writer does not fail
}

// LogValue is the mask.
func (m masked[L]) LogValue() slog.Value { return slog.StringValue(m.String()) }

// MarshalJSON writes the mask as a JSON string.
func (m masked[L]) MarshalJSON() ([]byte, error) { return json.Marshal(m.String()) }

// invalid is the error of a Parse function: what was parsed and the rule it broke.
func invalid[L label](rule string) error {
	var l L
	return fmt.Errorf("nhs: %s: %s: %w", l.label(), rule, ErrInvalid)
}

// must serves the MustParse functions. Its panic holds no input either.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// digitsOnly reports whether s consists of lo to hi ASCII digits.
func digitsOnly(s string, lo, hi int) bool {
	if len(s) < lo || len(s) > hi {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
