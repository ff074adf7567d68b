package mocks_test

import (
	"testing"

	"github.com/nrlgo/nrlgo/mocks"
)

// BenchmarkStart is what a test pays for a mock of its own.
func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		sp, err := mocks.Start()
		if err != nil {
			b.Fatal(err)
		}
		if err := sp.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
