package nhs_test

import (
	"testing"

	"github.com/nrlgo/nrlgo/auth/nhs"
)

func BenchmarkParseNumber(b *testing.B) { benchParse(b, numbers) }

func BenchmarkParseASID(b *testing.B) { benchParse(b, asids) }

func BenchmarkParseODSCode(b *testing.B) { benchParse(b, odsCodes) }

func BenchmarkParseRoleProfileID(b *testing.B) { benchParse(b, roles) }

func benchParse[T identifier](b *testing.B, k kind[T]) {
	b.Helper()
	b.ReportAllocs()
	keep := k.must(k.a) // a live value: the handle's text is found, not made
	for b.Loop() {
		if got, err := k.parse(k.a); err != nil || got != keep {
			b.Fatal("another value")
		}
	}
}

func BenchmarkDigits(b *testing.B) {
	n := nhs.MustParseNumber("9434765919")
	b.ReportAllocs()
	for b.Loop() {
		if len(n.Digits()) != 10 {
			b.Fatal("no digits")
		}
	}
}
