package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/x509"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const patient = "9462205957"

const scenario = `{
 "pointers": [{"id": "old", "patient": "9462205957", "status": "superseded"}],
 "records": [{"patient": "9462205957", "url": "https://p1.nhs.uk/my doc?id=1&x=a%20b", "type": "text/plain", "text": "the plan"}],
 "pages": [{"patient": "9462205957", "path": "/call", "text": "<p>call us</p>"}]
}`

// program is a mockspine that serves.
type program struct {
	dir string
	env map[string]string
}

// start runs mockspine until the end of the test, and wants it to stop with
// status 0.
func start(t *testing.T, args ...string) *program {
	t.Helper()
	p := &program{dir: t.TempDir(), env: map[string]string{}}
	seed := filepath.Join(t.TempDir(), "scenario.json")
	if err := os.WriteFile(seed, []byte(scenario), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	read, write := io.Pipe()
	var stderr bytes.Buffer
	status := make(chan int, 1)
	go func() {
		status <- run(ctx, append([]string{"--dir", p.dir, "--scenario", seed}, args...), write, &stderr, os.Getenv)
		_ = write.Close()
	}()
	t.Cleanup(func() {
		stop()
		if got := <-status; got != exitDone {
			t.Errorf("it stopped with status %d: %s", got, stderr.String())
		}
	})
	lines := bufio.NewScanner(read)
	for lines.Scan() && lines.Text() != "# ready" {
		name, value, _ := strings.Cut(strings.TrimPrefix(lines.Text(), "export "), "=")
		p.env[name] = strings.Trim(value, "'")
	}
	if p.env["NRL_NRL_URL"] == "" {
		t.Fatalf("it did not start: %s", stderr.String())
	}
	go func() { _, _ = io.Copy(io.Discard, read) }()
	return p
}

// environ is the environment of a client.
func (p *program) environ() []string {
	env := append(os.Environ(), "PATIENT="+patient)
	for name, value := range p.env {
		env = append(env, name+"="+value)
	}
	return env
}

// manage asks the management; body is sent as JSON unless it is "".
func (p *program) manage(t *testing.T, method, path, body string, header ...string) (status int, text string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, p.env["MOCKSPINE_MANAGE"]+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
		if header[i] == "Host" {
			request.Host = header[i+1]
		}
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	out, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(out)
}

// revokedAt is how many certificates a list revokes.
func revokedAt(t *testing.T, url string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	der, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	list, err := x509.ParseRevocationList(der)
	if err != nil {
		t.Fatal(err)
	}
	return len(list.RevokedCertificateEntries)
}
