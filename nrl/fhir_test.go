package nrl_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nrlgo/nrlgo/auth/nhs"
	"github.com/nrlgo/nrlgo/nrl"
)

// TestFHIRTranslatesFieldByField compares with a resource that was written by
// hand from the table of the NRL v3 pointer page.
func TestFHIRTranslatesFieldByField(t *testing.T) {
	t.Parallel()
	p := wholePointer(t)
	p.ProviderASID = nhs.MustParseASID("200000000240")
	model, err := p.FHIR()
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(model)
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(filepath.Join("testdata", "r4.json"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(tree(t, want), tree(t, text)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func tree(t *testing.T, text []byte) (v any) {
	t.Helper()
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestFHIROfLittle(t *testing.T) {
	t.Parallel()
	model, err := nrl.Pointer{ID: "x", Status: nrl.StatusSuperseded, Replaces: nrl.Reference{Identifier: nrl.Identifier{Value: "v"}}}.FHIR()
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(model)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"resourceType":"DocumentReference","id":"x","status":"superseded","content":null,"relatesTo":[{"code":"replaces","target":{"identifier":{"value":"v"}}}]}`
	if diff := cmp.Diff(tree(t, []byte(want)), tree(t, text)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := (nrl.Pointer{}).FHIR(); !errors.Is(err, nrl.ErrMalformed) {
		t.Errorf("a pointer without a status: got %v, want ErrMalformed", err)
	}
}
