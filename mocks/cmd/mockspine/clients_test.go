package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nrlgo/nrlgo/mocks"
)

// need is the path of a program, without which the test cannot run: it fails
// under CI, where the programs are installed.
func need(t *testing.T, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is missing", program)
		}
		t.Skipf("%s is missing", program)
	}
	return path
}

// report is that of a program.
func (p *program) report(t *testing.T) (r mocks.Report) {
	t.Helper()
	status, text := p.manage(t, "GET", "/report", "")
	if err := json.Unmarshal([]byte(text), &r); err != nil || status != 200 {
		t.Fatalf("status %d, %v: %s", status, err, text)
	}
	return r
}

// TestClientsInOtherLanguages run with what mockspine prints, and break no
// duty. They offer all eight suites, which crypto/tls cannot.
func TestClientsInOtherLanguages(t *testing.T) {
	t.Parallel()
	for program, script := range map[string]string{"node": "node.mjs", "python3": "python.py", "curl": "curl.sh"} {
		t.Run(program, func(t *testing.T) {
			t.Parallel()
			interpreter := need(t, program)
			if program == "curl" {
				interpreter = need(t, "sh")
			}
			p := start(t)
			cmd := exec.CommandContext(t.Context(), interpreter, filepath.Join("..", "..", "testdata", "clients", script))
			cmd.Env = p.environ()
			var stderr strings.Builder
			cmd.Stderr = &stderr
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("%v: %s", err, stderr.String())
			}
			got := regexp.MustCompile(`pointer [0-9a-f-]{57}\n`).ReplaceAllString(string(out), "pointer ID\n")
			if diff := cmp.Diff("pointer ID\nrecord the plan\npointer ID\n", got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			r := p.report(t)
			shown := map[string]bool{}
			for _, d := range r.Duties {
				switch d.Status {
				case mocks.Violated:
					t.Errorf("%s is violated: %q", d.ID, d.Notes)
				case mocks.Shown:
					shown[d.ID] = true
				}
			}
			if r.Total != 2 || !shown["tls-all-suites"] || !shown["tls-order"] || !shown["ssp-url"] || !shown["jwt-fresh"] {
				t.Errorf("%d requests, shown %v", r.Total, shown)
			}
		})
	}
}

// TestTheCommandNRL runs the library's own command with the environment that
// is printed.
func TestTheCommandNRL(t *testing.T) {
	t.Parallel()
	nrl := filepath.Join(t.TempDir(), "nrl")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", nrl, "github.com/nrlgo/nrlgo/client/cmd/nrl")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	p := start(t)
	cmd := exec.CommandContext(t.Context(), nrl, "search", "--patient", patient, "-o", "json")
	cmd.Env = append(p.environ(), "NRL_ENGINE=go")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	var found struct {
		Pointers []struct{ ID string }
		Problems []json.RawMessage
	}
	if err := json.Unmarshal(out, &found); err != nil || len(found.Pointers) != 2 || len(found.Problems) != 0 {
		t.Errorf("%v: %s", err, out)
	}
	into := t.TempDir()
	cmd = exec.CommandContext(t.Context(), nrl, "retrieve", "--pointer", found.Pointers[0].ID, "--format", "any", "--out", into)
	cmd.Env = append(p.environ(), "NRL_ENGINE=go")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	files, err := filepath.Glob(filepath.Join(into, "*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("files %q, %v", files, err)
	}
	if text, err := os.ReadFile(files[0]); err != nil || string(text) != "the plan" {
		t.Errorf("%v: %q", err, text)
	}
	for _, d := range p.report(t).Violated() {
		t.Errorf("%s is violated: %q", d.ID, d.Notes)
	}
	p.manage(t, "POST", "/revoke", `{"certificate":"server"}`) // --revocation hard is what the lines ask for
	cmd = exec.CommandContext(t.Context(), nrl, "search", "--patient", patient)
	cmd.Env = append(p.environ(), "NRL_ENGINE=go")
	if out, err := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() != 6 || !strings.Contains(string(out), "revoked") {
		t.Errorf("a revoked server: %v: %s", err, out)
	}
}
