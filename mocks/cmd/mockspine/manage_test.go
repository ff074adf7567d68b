package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// page is the status of the public page /new.
func (p *program) page(t *testing.T) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.env["MOCKSPINE_PLAIN_URL"]+"/new", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	return response.StatusCode
}

func TestManagement(t *testing.T) {
	t.Parallel()
	p := start(t)
	good := func(method, path, body string) string {
		t.Helper()
		status, text := p.manage(t, method, path, body)
		if status != 200 {
			t.Errorf("%s %s: status %d: %s", method, path, status, text)
		}
		return text
	}
	if index := good("GET", "/", ""); !strings.Contains(index, p.env["NRL_NRL_URL"]) || !strings.Contains(index, "POST /revoke") {
		t.Errorf("index: %s", index)
	}
	added := good("POST", "/scenario", `{"pages":[{"path":"/new","text":"x","plain":true}]}`)
	if !strings.Contains(added, p.env["MOCKSPINE_PLAIN_URL"]+"/new") || p.page(t) != 200 {
		t.Errorf("added: %s", added)
	}
	good("POST", "/faults", `{"kind":"status","status":503,"times":1}`)
	pending := good("POST", "/faults", `[{"kind":"throttle","value":"junk","service":"plain","times":2},{"kind":"stall","service":"NRL"}]`)
	want := `[{"kind":"status","left":1},{"kind":"throttle","service":"plain","left":2},{"kind":"stall","service":"NRL"}]`
	if diff := cmp.Diff(compact(t, want), compact(t, pending)); diff != "" || good("GET", "/faults", "") != pending {
		t.Errorf("faults: -want +got\n%s", diff)
	}
	if diff := cmp.Diff([]int{503, 429}, []int{p.page(t), p.page(t)}); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	good("DELETE", "/faults", "")
	if p.page(t) != 200 {
		t.Error("a fault stayed")
	}
	var requests []request
	if err := json.Unmarshal([]byte(good("GET", "/requests", "")), &requests); err != nil {
		t.Fatal(err)
	}
	var seen []string
	for _, r := range requests {
		seen = append(seen, r.Service.String()+" "+r.Method+" "+r.URI+" "+r.Fault)
	}
	if diff := cmp.Diff([]string{"plain GET /new ", "plain GET /new status", "plain GET /new throttle", "plain GET /new "}, seen); diff != "" || requests[0].Status != 200 || requests[0].Header[0][0] != "Host" {
		t.Errorf("-want +got\n%s", diff)
	}
	good("DELETE", "/requests", "")
	if text := good("GET", "/requests", ""); strings.TrimSpace(text) != "[]" {
		t.Errorf("requests: %s", text)
	}
	good("POST", "/reset", "")
	if p.page(t) != 404 {
		t.Error("what was added is still there")
	}
	for format, begins := range map[string]string{"text": "Conformance report", "html": "<!DOCTYPE html>", "json": "{", "": "{"} {
		if text := good("GET", "/report?format="+format, ""); !strings.HasPrefix(text, begins) {
			t.Errorf("%s: %.60s", format, text)
		}
	}
}

func compact(t *testing.T, text string) any {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// The client's certificate is refused from then on, and each is on its list.
func TestManagementRevokes(t *testing.T) {
	t.Parallel()
	p := start(t)
	for _, name := range []string{"client", "server", "sub-ca"} {
		if status, text := p.manage(t, "POST", "/revoke", `{"certificate":"`+name+`"}`); status != 200 {
			t.Errorf("%s: status %d: %s", name, status, text)
		}
	}
	for path, want := range map[string]int{"MOCKSPINE_CRL_URL": 2, "MOCKSPINE_ROOT_CRL_URL": 1} {
		if got := revokedAt(t, p.env[path]); got != want {
			t.Errorf("%s: %d on the list, want %d", path, got, want)
		}
	}
}

func TestManagementRefuses(t *testing.T) {
	t.Parallel()
	p := start(t)
	for _, tt := range []struct {
		name, method, path, body string
		header                   []string
		status                   int
		says                     string
	}{
		{"another host's name", "GET", "/", "", []string{"Host", "evil.example"}, 400, "loopback"},
		{"a page of another origin", "POST", "/reset", "{}", []string{"Origin", "https://evil.example"}, 400, "page"},
		{"a form", "POST", "/faults", `{"kind":"reset"}`, []string{"Content-Type", "text/plain"}, 400, "application/json"},
		{"an unknown kind", "POST", "/faults", `{"kind":"flood"}`, nil, 400, "no such fault"},
		{"an unknown member", "POST", "/faults", `{"kind":"reset","n":1}`, nil, 400, "unknown field"},
		{"no JSON", "POST", "/scenario", `{`, nil, 400, "refused"},
		{"a scenario with a fault", "POST", "/scenario", `{"patients":["1"]}`, nil, 400, "patients[0]"},
		{"an unknown certificate", "POST", "/revoke", `{"certificate":"root"}`, nil, 400, "client, server or sub-ca"},
		{"an unknown form", "GET", "/report?format=pdf", "", nil, 400, "json, text or html"},
		{"an unknown path", "GET", "/none", "", nil, 404, ""},
		{"an unknown method", "PUT", "/faults", "", nil, 405, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if status, text := p.manage(t, tt.method, tt.path, tt.body, tt.header...); status != tt.status || !strings.Contains(text, tt.says) {
				t.Errorf("status %d, want %d and %q: %s", status, tt.status, tt.says, text)
			}
		})
	}
}
