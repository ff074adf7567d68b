package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nrlgo/nrlgo/mocks"
)

// child is a mockspine in a process of its own, whose CPU time and memory are
// therefore its own.
type child struct {
	cmd    *exec.Cmd
	env    map[string]string
	client *http.Client
}

const bigRecord = "https://p1.nhs.uk/big"

func spawn(b *testing.B) *child {
	b.Helper()
	dir := b.TempDir()
	binary, seed := filepath.Join(dir, "mockspine"), filepath.Join(dir, "scenario.json")
	if out, err := exec.CommandContext(b.Context(), "go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	text := `{"records":[{"patient":"9462205957","url":"https://p1.nhs.uk/a","text":"x"},{"patient":"9462205957","url":"` + bigRecord + `","size":1073741824}]}`
	if err := os.WriteFile(seed, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	c := &child{cmd: exec.CommandContext(b.Context(), binary, "--dir", dir, "--scenario", seed), env: map[string]string{}}
	ready := make(chan struct{})
	out := &waiter{until: "# ready\n", ready: ready}
	c.cmd.Stdout, c.cmd.Stderr = out, os.Stderr
	if err := c.cmd.Start(); err != nil {
		b.Fatal(err)
	}
	<-ready
	for line := range strings.SplitSeq(out.text, "\n") {
		name, value, _ := strings.Cut(strings.TrimPrefix(line, "export "), "=")
		c.env[name] = strings.Trim(value, "'")
	}
	own, err := tls.LoadX509KeyPair(c.env["NRL_CERT"], c.env["NRL_KEY"])
	if err != nil {
		b.Fatal(err)
	}
	roots := x509.NewCertPool()
	ca, err := os.ReadFile(c.env["NRL_CA"])
	if err != nil || !roots.AppendCertsFromPEM(ca) {
		b.Fatal(err)
	}
	c.client = &http.Client{Transport: &http.Transport{
		MaxIdleConnsPerHost: 8, DisableCompression: true,
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12, RootCAs: roots, Certificates: []tls.Certificate{own}},
	}}
	return c
}

// cpu is the time that the process used so far: making keys at the start costs
// more than a thousand searches, and never the same.
func (c *child) cpu(b *testing.B) time.Duration {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.cmd.Process.Pid))
	if err != nil {
		b.Fatal(err)
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	var user, system int64
	if _, err := fmt.Sscan(fields[11]+" "+fields[12], &user, &system); err != nil {
		b.Fatal(err)
	}
	const tick = 10 * time.Millisecond
	return time.Duration(user+system) * tick
}

// stop ends the process and says how many KiB it had at most.
func (c *child) stop(b *testing.B) (maxRSS int64) {
	b.Helper()
	c.client.CloseIdleConnections()
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		b.Fatal(err)
	}
	if err := c.cmd.Wait(); err != nil {
		b.Fatal(err)
	}
	usage, ok := c.cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		b.Fatal("the system does not say what a process used")
	}
	return usage.Maxrss
}

// token is a Spine JWT.
func token(aud, scope string) string {
	now := time.Now().Unix()
	who := "https://fhir.nhs.uk/Id/sds-role-profile-id|" + user
	claims, _ := json.Marshal(map[string]any{ // strings and numbers always marshal
		"iss": "https://bench.nhs.uk", "sub": who, "aud": aud, "iat": now, "exp": now + 300, "reason_for_request": "directcare", "scope": scope,
		"requesting_system":       "https://fhir.nhs.uk/Id/accredited-system|" + mocks.ConsumerASID,
		"requesting_organization": "https://fhir.nhs.uk/Id/ods-organization-code|" + mocks.ConsumerODS, "requesting_user": who,
	})
	return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + base64.RawURLEncoding.EncodeToString(claims) + "."
}

func (c *child) search(b *testing.B) {
	b.Helper()
	base := c.env["NRL_NRL_URL"]
	subject := url.QueryEscape("https://demographics.spineservices.nhs.uk/STU3/Patient/" + patient)
	c.get(b, base+"/DocumentReference?subject="+subject, http.Header{
		"Authorization": {"Bearer " + token(strings.TrimSuffix(base, "/STU3"), "patient/DocumentReference.read")},
		"fromASID":      {mocks.ConsumerASID}, "toASID": {mocks.SpineASID}, "Accept": {"application/fhir+json"},
	}, 1000)
}

func (c *child) get(b *testing.B, address string, header http.Header, least int64) {
	b.Helper()
	request, err := http.NewRequestWithContext(b.Context(), http.MethodGet, address, nil)
	if err != nil {
		b.Error(err)
		return
	}
	request.Header = header
	response, err := c.client.Do(request)
	if err != nil {
		b.Error(err)
		return
	}
	defer func() { _ = response.Body.Close() }()
	if n, err := io.Copy(io.Discard, response.Body); err != nil || response.StatusCode != 200 || n < least {
		b.Errorf("status %d, %d bytes, %v", response.StatusCode, n, err)
	}
}

// BenchmarkSearchCPU says what a search costs the mock alone, over connections
// that are kept: mock-µs/op.
func BenchmarkSearchCPU(b *testing.B) {
	c := spawn(b)
	before := c.cpu(b)
	b.ResetTimer()
	var group sync.WaitGroup
	for worker := range 4 {
		group.Go(func() {
			for i := worker; i < b.N; i += 4 {
				c.search(b)
			}
		})
	}
	group.Wait()
	b.StopTimer()
	b.ReportMetric(float64((c.cpu(b)-before).Microseconds())/float64(b.N), "mock-µs/op")
	c.stop(b)
}

// BenchmarkRecordOf1GB says how much memory the mock had at most while it sent
// a record of 1 GB: mock-MB. One of one byte is the comparison.
func BenchmarkRecordOf1GB(b *testing.B) {
	for name, record := range map[string]string{"1B": "https://p1.nhs.uk/a", "1GB": bigRecord} {
		b.Run(name, func(b *testing.B) {
			c := spawn(b)
			least := map[string]int64{"1B": 1, "1GB": 1 << 30}[name]
			b.SetBytes(least)
			b.ResetTimer()
			for i := range b.N {
				c.get(b, c.env["NRL_SSP_URL"]+"/"+url.QueryEscape(record), http.Header{
					"Authorization": {"Bearer " + token("https://p1.nhs.uk", "patient/*.read")},
					"Ssp-TraceID":   {fmt.Sprintf("0b9f2c1e-6c1d-4f7a-9d5e-%012x", i)}, "Ssp-From": {mocks.ConsumerASID}, "Ssp-To": {mocks.ProviderASID},
					"Ssp-InteractionID": {"urn:nhs:names:services:nrl:DocumentReference.content.read"},
				}, least)
			}
			b.StopTimer()
			b.ReportMetric(float64(c.stop(b))/1024, "mock-MB")
		})
	}
}
