package mocks_test

import (
	"html"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nrlgo/nrlgo/mocks"
)

// mixed is traffic that shows, violates and leaves untouched.
func mixed(t *testing.T) *mocks.Spine {
	t.Helper()
	sp := good(t)
	c := connect(t, sp, nil)
	sp.Fault(mocks.Times(4, mocks.Status(503)))
	for range 5 {
		c.send(t, c.search())
	}
	named := c.search()
	named.target += "&<script>alert(1)</script>=1"
	c.send(t, named)
	sp.Fault(mocks.Once(mocks.WrongPatient()))
	c.send(t, c.search())
	c.send(t, c.retrieve(doc))
	sp.Fault(mocks.Once(mocks.ExpiredCertificate()))
	connect(t, sp, nil).send(t, c.search())
	return sp
}

// dom is the page as Chromium has built it.
func dom(t *testing.T, page []byte) string {
	t.Helper()
	browser := need(t, "chromium")
	file := filepath.Join(t.TempDir(), "report.html")
	if err := os.WriteFile(file, page, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
		"--user-data-dir="+t.TempDir(), "--dump-dom", "file://"+file)
	cmd.WaitDelay = 5 * time.Second
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("chromium: %v", err)
	}
	return string(out)
}

var (
	figurePattern = regexp.MustCompile(`data-figure="([a-z]+)">(\d+)<`)
	dutyPattern   = regexp.MustCompile(`data-duty="([^"]+)" data-status="([^"]+)" data-shown="(\d+)" data-broken="(\d+)"`)
	countPattern  = regexp.MustCompile(`data-table="([^"]+)" data-name="([^"]+)" data-count="(\d+)"`)
)

// TestPageHasTheFiguresOfTheJSON opens the report in a browser.
func TestPageHasTheFiguresOfTheJSON(t *testing.T) {
	t.Parallel()
	r := mixed(t).Report()
	if r.Totals.Violated == 0 || r.Totals.Shown == 0 || r.Totals.Untouched == 0 {
		t.Fatalf("the traffic does not show every status: %+v", r.Totals)
	}
	page, err := r.HTML()
	if err != nil {
		t.Fatal(err)
	}
	text := dom(t, page)

	want := map[string]int{"total": r.Total, "refused": r.Refused, "violated": r.Totals.Violated, "shown": r.Totals.Shown, "untouched": r.Totals.Untouched}
	got := map[string]int{}
	for _, m := range figurePattern.FindAllStringSubmatch(text, -1) {
		got[m[1]], _ = strconv.Atoi(m[2])
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("figures: -want +got\n%s", diff)
	}

	type figure struct{ status, shown, broken string }
	duties, shown := map[string]figure{}, map[string]figure{}
	for _, d := range r.Duties {
		duties[d.ID] = figure{string(d.Status), strconv.Itoa(d.Shown), strconv.Itoa(d.Broken)}
	}
	for _, m := range dutyPattern.FindAllStringSubmatch(text, -1) {
		shown[m[1]] = figure{m[2], m[3], m[4]}
	}
	if diff := cmp.Diff(duties, shown, cmp.AllowUnexported(figure{})); diff != "" {
		t.Errorf("duties: -want +got\n%s", diff)
	}

	counts, seen := map[string]string{}, map[string]string{}
	for table, figures := range map[string][]mocks.Figure{"requests": r.Requests, "answers": r.Answers, "versions": r.Versions, "suites": r.Suites, "faults": r.Faults} {
		for _, f := range figures {
			counts[table+" "+f.Name] = strconv.Itoa(f.Count)
		}
	}
	for _, m := range countPattern.FindAllStringSubmatch(text, -1) {
		seen[m[1]+" "+html.UnescapeString(m[2])] = m[3]
	}
	if diff := cmp.Diff(counts, seen); diff != "" {
		t.Errorf("traffic: -want +got\n%s", diff)
	}
	for _, outside := range []string{"<script", "src=", "href=", "@import", "url("} {
		if strings.Contains(text, outside) {
			t.Errorf("the page has %s", outside)
		}
	}
}
