package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestRun is not parallel: the folder that the example leaves goes with the test.
func TestRun(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	t.Setenv("TMP", temp) // Windows
	var out bytes.Buffer
	if err := run(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	for _, line := range []string{
		`The patient has 2 pointers:`,
		`  Mental health crisis plan   RR8    \d{4}-\d\d-\d\d  application/pdf  Unstructured Document`,
		`  Emergency health care plan  RGD    \d{4}-\d\d-\d\d  application/pdf  Unstructured Document`,
		`It came over TLS 1\.2 with TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 \(engine go\),`,
		`from a server verified up to "NHS Test Root Authority"\.`,
	} {
		if !regexp.MustCompile(`(?m)^` + line + `$`).MatchString(text) {
			t.Errorf("no line is %q", line)
		}
	}

	saved := regexp.MustCompile(`(?m)^  (.*\.pdf)$`).FindStringSubmatch(text)
	if saved == nil || filepath.Dir(filepath.Dir(saved[1])) != temp {
		t.Fatalf("the PDF is not said to be in the temporary folder: %q", saved)
	}
	if got, err := os.ReadFile(saved[1]); err != nil || !bytes.Equal(got, plan) {
		t.Errorf("the saved PDF differs from the one served (%v)", err)
	}
	if !strings.Contains(text, "All files are in "+filepath.Dir(saved[1])+";") {
		t.Error("where the files are is not said")
	}

	var trail []string
	for _, m := range regexp.MustCompile(`(?m)^  (search|retrieve) +(request|response|end) +(200)?`).FindAllStringSubmatch(text, -1) {
		trail = append(trail, strings.TrimSpace(m[1]+" "+m[2]+" "+m[3]))
	}
	want := []string{"search request", "search response 200", "search end 200", "retrieve request", "retrieve response 200", "retrieve end 200"}
	if diff := cmp.Diff(want, trail); diff != "" {
		t.Errorf("audit trail (-want +got):\n%s", diff)
	}
	if t.Failed() {
		t.Log(text)
	}
	if strings.Contains(text, "9462205957") || strings.Contains(text, "p1.nhs.uk") {
		t.Error("the output holds the patient's number or a URL of a record")
	}
}
