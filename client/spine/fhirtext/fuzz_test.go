package fhirtext_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/nrlgo/nrlgo/client/spine/fhirtext"
)

func FuzzParse(f *testing.F) {
	for _, s := range []string{sampleJSON, sampleXML, "\ufeff{}", `{"a":[1,null,true,{"id":"\ud83d\ude00"}]}`, `<R><a value="&#x41;"/></R>`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		d, err := fhirtext.Parse(text)
		if err != nil {
			if d != nil || !errors.Is(err, fhirtext.ErrSyntax) {
				t.Fatalf("got %v, %v", d, err)
			}
			unlike(t, err.Error(), text)
			return
		}
		again, err := fhirtext.Parse(d.Root().Raw())
		if err != nil {
			t.Fatalf("its own root is refused: %v", err)
		}
		if shape(again.Root()) != shape(d.Root()) {
			t.Error("its own root is another tree")
		}
	})
}

// unlike fails when an error shows a run of bytes of the text, apart from its
// own words, which a fuzzer may learn.
func unlike(t *testing.T, message string, text []byte) {
	t.Helper()
	const run = 12
	for _, own := range []string{"resourceType", "malformed FHIR", "processing instruction", "document type declaration"} {
		message = strings.ReplaceAll(message, own, "")
	}
	for i := 0; i+run <= len(message); i++ {
		if part := message[i : i+run]; bytes.Contains(text, []byte(part)) {
			t.Fatalf("the error shows %q of the text", part)
		}
	}
}
