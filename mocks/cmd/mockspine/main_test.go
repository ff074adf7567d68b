package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nrlgo/nrlgo/mocks"
)

// TestUsage has the exit status and what is said.
func TestUsage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, tt := range []struct {
		name   string
		args   []string
		status int
		says   string // part of both outputs
	}{
		{"help", []string{"--help"}, 0, "-allow-remote"},
		{"help of the report", []string{"report", "-h"}, 0, "-format"},
		{"the kinds of faults", []string{"faults"}, 0, "wrong-name-certificate\n"},
		{"an unknown command", []string{"sevre"}, 2, "no such command"},
		{"an unknown flag", []string{"--prot", "1"}, 2, "not defined"},
		{"an argument", []string{"--test-bench", "x"}, 2, "no arguments"},
		{"a port that is none", []string{"--nrl-port", "70000"}, 2, "1 to 65535"},
		{"every address", []string{"--listen", "0.0.0.0"}, 2, "not a loopback address"},
		{"a name", []string{"--listen", "example.org"}, 2, "not a loopback address"},
		{"an empty address", []string{"--listen", ""}, 2, "not a loopback address"},
		{"a short life of lists", []string{"--lists", "5ms"}, 2, "below a second"},
		{"hard revocation without lists", []string{"--lists", "0", "--revocation", "hard"}, 2, "needs --lists"},
		{"a report of another form", []string{"--report", "x.pdf"}, 2, "text, json or html"},
		{"no such scenario", []string{"--scenario", filepath.Join(dir, "none")}, 2, "no such file"},
		{"a scenario that is no JSON", []string{"--scenario", file("a", "patients: []")}, 2, "invalid character"},
		{"a scenario with a fault", []string{"--scenario", file("b", `{"patients":["1"]}`)}, 2, "patients[0]"},
		{"a folder that is a file", []string{"--dir", file("c", "")}, 1, "not a directory"},
		{"an address that the machine has not", []string{"--listen", "192.0.2.1", "--allow-remote"}, 1, "cannot be listened on"},
		{"a report of nobody", []string{"report"}, 2, "--manage is missing"},
		{"a report in another form", []string{"report", "--manage", "http://127.0.0.1:1", "--format", "pdf"}, 2, "text, json or html"},
		{"a report of what does not run", []string{"report", "--manage", "http://127.0.0.1:1"}, 1, "did not answer"},
		{"a report of no URL", []string{"report", "--manage", "http://[::1"}, 2, "not a URL"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var out, errw bytes.Buffer
			got := run(t.Context(), tt.args, &out, &errw, func(string) string { return "" })
			if said := out.String() + errw.String(); got != tt.status || !strings.Contains(said, tt.says) {
				t.Errorf("status %d, want %d, and %q in %q", got, tt.status, tt.says, said)
			}
			if (out.Len() > 0) != (tt.status == 0) || (errw.Len() > 0) == (tt.status == 0) || !strings.HasSuffix(out.String()+errw.String(), "\n") {
				t.Errorf("standard output %q, error %q", out.String(), errw.String())
			}
		})
	}
}

func TestReportCommand(t *testing.T) {
	t.Parallel()
	p := start(t)
	get := func(name string) string { return p.env[name] }
	ask := func(args ...string) (int, string) {
		var out, errw bytes.Buffer
		status := run(t.Context(), append([]string{"report"}, args...), &out, &errw, get)
		return status, out.String() + errw.String()
	}
	if status, text := ask(); status != exitDone || !strings.Contains(text, "0 duties shown, 0 violated") {
		t.Errorf("status %d: %s", status, text)
	}
	response, err := http.Get(p.env["MOCKSPINE_PLAIN_URL"] + "/none") //nolint:noctx // a bare request is what breaks no duty
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.env["MOCKSPINE_PLAIN_URL"]+"/none", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Cookie", "a=b")
	if response, err = http.DefaultClient.Do(request); err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	file := filepath.Join(t.TempDir(), "report.html")
	if status, text := ask("--out", file); status != exitViolated || text != "" {
		t.Errorf("status %d: %s", status, text)
	}
	if page, err := os.ReadFile(file); err != nil || !bytes.Contains(page, []byte(`data-duty="no-cookies" data-status="violated"`)) {
		t.Errorf("%v: %d bytes", err, len(page))
	}
	status, text := ask("--format", "json")
	var r mocks.Report
	if err := json.Unmarshal([]byte(text), &r); err != nil || status != exitViolated || r.Totals.Violated != 1 || r.Total != 2 {
		t.Errorf("status %d, %v: %+v", status, err, r.Totals)
	}
}

// TestProgramStopsOnASignal builds and runs it: SIGTERM ends it with status 0,
// the report is written and a folder of its own is gone.
func TestProgramStopsOnASignal(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	binary := filepath.Join(dir, "mockspine")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		report := filepath.Join(dir, signal.String()+".json")
		cmd := exec.CommandContext(t.Context(), binary, "--report", report, "--grace", "1s")
		cmd.Env = append(os.Environ(), "TMPDIR="+dir)
		ready := make(chan struct{})
		cmd.Stdout = &waiter{until: "# ready\n", ready: ready}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		<-ready
		folders, _ := filepath.Glob(filepath.Join(dir, "mockspine-*"))
		if len(folders) != 1 {
			t.Errorf("folders %q", folders)
		}
		if err := cmd.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v: %v", signal, err)
		}
		if folders, _ = filepath.Glob(filepath.Join(dir, "mockspine-*")); len(folders) != 0 {
			t.Errorf("%v left %q", signal, folders)
		}
		if text, err := os.ReadFile(report); err != nil || !json.Valid(text) {
			t.Errorf("%v: the report: %v", signal, err)
		}
	}
}

// waiter is told when a text was written.
type waiter struct {
	until string
	text  string
	ready chan struct{}
}

func (w *waiter) Write(p []byte) (int, error) {
	before := strings.Contains(w.text, w.until)
	w.text += string(p)
	if !before && strings.Contains(w.text, w.until) {
		close(w.ready)
	}
	return len(p), nil
}

func TestFolderHasWhatAClientNeeds(t *testing.T) {
	t.Parallel()
	p := start(t, "--test-bench", "--plain-urls", "--certificate-status", "--aud", "https://clinicals.spineservices.nhs.uk")
	entries, err := os.ReadDir(p.dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
		if info, err := e.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v, %v", e.Name(), info.Mode(), err)
		}
	}
	if diff := cmp.Diff([]string{"ca.pem", "client.key", "client.pem", "env.sh", "public-ca.pem", "root.crl", "sub.crl"}, names); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	pair, err := tls.LoadX509KeyPair(p.env["NRL_CERT"], p.env["NRL_KEY"])
	if err != nil || pair.Leaf.CRLDistributionPoints[0] != p.env["MOCKSPINE_CRL_URL"] {
		t.Errorf("the client certificate: %v", err)
	}
	for name, count := range map[string]int{"sub.crl": 0, "root.crl": 0} {
		der, err := os.ReadFile(filepath.Join(p.dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if list, err := x509.ParseRevocationList(der); err != nil || len(list.RevokedCertificateEntries) != count || list.NextUpdate.Before(time.Now()) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, env := p.manage(t, "GET", "/env", "")
	if file, err := os.ReadFile(filepath.Join(p.dir, "env.sh")); err != nil || string(file) != env || !strings.Contains(env, "export NRL_ASID='200000000115'\n") {
		t.Errorf("%v: %s", err, env)
	}
}

func TestWordsOfTheShell(t *testing.T) {
	t.Parallel()
	if got := quoted(`/tmp/it's $HOME`); got != `'/tmp/it'\''s $HOME'` {
		t.Errorf("got %s", got)
	}
}

func TestStoppedAtOnceIsNoFailure(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	stop()
	var out, errw bytes.Buffer
	if status := run(ctx, nil, &out, &errw, os.Getenv); status != exitDone || !strings.HasSuffix(out.String(), "# ready\n") {
		t.Errorf("status %d: %s", status, errw.String())
	}
}
