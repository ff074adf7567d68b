package nrl_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/samply/golang-fhir-models/fhir-models/fhir"

	"github.com/nrlgo/nrlgo/nrl"
)

// BenchmarkParsePointer beside the models' own reading, which checks nothing.
func BenchmarkParsePointer(b *testing.B) {
	for _, name := range []string{"pointer.json", "pointer.xml"} {
		text := testdata(b, name)
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := nrl.ParsePointer(text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, testdata(b, "r4.json")); err != nil {
		b.Fatal(err)
	}
	b.Run("models", func(b *testing.B) {
		b.SetBytes(int64(compact.Len()))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := fhir.UnmarshalDocumentReference(compact.Bytes()); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkSearch finds ten pointers, on a connection that is kept.
func BenchmarkSearch(b *testing.B) {
	entry := `{"resource":` + string(testdata(b, "pointer.json")) + `}`
	body := bundle(10, `,"entry":[`+strings.Repeat(entry+",", 9)+entry+`]`)
	c, _ := answering(b, http.StatusOK, "application/fhir+json", body)
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		n := 0
		for _, err := range c.Search(b.Context(), requester, nrl.Query{Patient: patient}) {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		if n != 10 {
			b.Fatal(fmt.Sprint(n, " pointers"))
		}
	}
}
