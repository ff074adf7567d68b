package nrl_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nrlgo/nrlgo/nrl"
)

// FuzzParsePointer: no panic, no pointer with an error, and what was read can
// be read again from Raw with the same values.
func FuzzParsePointer(f *testing.F) {
	for _, name := range []string{"pointer.json", "pointer.xml", "pointer_v3.json"} {
		f.Add(testdata(f, name))
	}
	f.Add([]byte(`{"resourceType":"DocumentReference","status":"current"}`))
	f.Add([]byte(`<DocumentReference><status value="current"/></DocumentReference>`))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := nrl.ParsePointer(text)
		if err != nil {
			if !errors.Is(err, nrl.ErrMalformed) && !errors.Is(err, nrl.ErrUnexpectedResource) {
				t.Errorf("an error of neither kind: %v", err)
			}
			if p.ID != "" || p.Contents != nil {
				t.Error("a pointer came with an error")
			}
			return
		}
		if p.ID == "" || p.Patient.IsZero() || p.Author.IsZero() || p.Custodian.IsZero() || p.Type.Code == "" || len(p.Contents) == 0 {
			t.Error("a mandatory element is missing")
		}
		again, err := nrl.ParsePointer(p.Raw())
		if err != nil {
			t.Fatalf("Raw is not read again: %v", err)
		}
		if diff := cmp.Diff(p, again, valuesOnly); diff != "" {
			t.Errorf("Raw reads as another pointer:\n%s", diff)
		}
		if _, err := p.FHIR(); err != nil {
			t.Errorf("FHIR: %v", err)
		}
	})
}
