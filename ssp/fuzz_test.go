package ssp

import (
	"bufio"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/nrlgo/nrlgo/nrl"
)

// FuzzResolve holds the resolver against net/url and net/http, which share no
// code with it.
func FuzzResolve(f *testing.F) {
	for _, u := range []string{
		"ssp://p1.nhs.uk/doc?id=1", "ssp://" + proxy + "/p1.nhs.uk/a%20b", "https://" + proxy + "/https%3A%2F%2Fh.uk%2Fa%2520b",
		"https://" + proxy + "/https://" + proxy + "/https%3A%2F%2Fh.uk", "http://[2001:db8::1]:80//a b?x#y", "https://a@0x7f.1:0/%00\\",
		"https://my-ssp.example/https:%2F%2FMY-SSP.example%3A444%2Fx", "https://docs.example/ldr/R4/DocumentReference/a%7C1", "HTTPS://h.uk?a=[b]|\"<c>", "https://tunnel.example:8443/ssp://h",
	} {
		for _, format := range []string{nrl.FormatContact, nrl.FormatStructured, ""} {
			f.Add(u, format, typePDF, "")
		}
		f.Add(u, "", typeHTML, "SSP")
		f.Add(u, "", typeHTML, "Direct")
		f.Add(u, "", typeHTML, "LDR")
		f.Add(u, "", typeHTML, "InContext")
	}
	r := testResolver(f)
	base := &url.URL{Scheme: "https", Host: "ssp.example"}
	f.Fuzz(func(t *testing.T, raw, format, media, mechanism string) {
		got, err := r.resolve(nrl.Content{URL: raw, ContentType: media, Format: nrl.Coding{Code: format}, Mechanism: mechanism})
		if err != nil {
			if !errors.Is(err, ErrURL) && !errors.Is(err, ErrMechanism) || len(err.Error()) > 200 || got != (target{}) {
				t.Fatalf("a refusal has a sentinel, a short text and no target: %v", err)
			}
			return
		}
		u, err := url.Parse(got.provider)
		if err != nil || u.User != nil || u.Fragment != "" || u.Opaque != "" {
			t.Fatalf("net/url: %v, %v", u, err)
		}
		if u.Scheme != "https" && (u.Scheme != "http" || got.route != direct || format != nrl.FormatContact) {
			t.Fatalf("scheme %s, route %d", u.Scheme, got.route)
		}
		if got.origin != u.Scheme+"://"+u.Host || !strings.EqualFold(got.host, u.Hostname()) && !strings.Contains(got.host, ":") {
			t.Fatalf("origin %q and host %q of %q", got.origin, got.host, got.provider)
		}
		if got.route == largeDocument && !strings.HasPrefix(u.EscapedPath(), "/ldr/R4/DocumentReference/") {
			t.Fatal("our token goes to something else than a document")
		}
		for host := range r.proxies {
			if strings.EqualFold(u.Host, host) || strings.EqualFold(u.Hostname(), host) {
				t.Fatal("the provider is the SSP")
			}
		}
		if again, err := r.unwrap(got.provider); err != nil || again.text != got.provider {
			t.Fatalf("the provider's URL resolves to another: %v", err)
		}
		encoded, plain := arrive(t, proxyURL(base, got.provider, false)), arrive(t, proxyURL(base, got.provider, true))
		if strings.ContainsAny(encoded[1:], ":/?#[]@!$&'()*+,;= ") || strings.Contains(encoded[1:], "://") {
			t.Fatalf("a reserved character is left in %q", encoded)
		}
		if once, err := url.PathUnescape(encoded); err != nil || once != plain || plain != "/"+got.provider {
			t.Fatalf("encoded %q, decoded once %q, plain %q (%v)", encoded, once, plain, err)
		}
		if page := arrive(t, u); got.route != viaSSP && strings.ContainsAny(page, " \r\n") {
			t.Fatalf("request target %q", page)
		}
	})
}

// arrive is the request target as a server reads it.
func arrive(t *testing.T, u *url.URL) string {
	t.Helper()
	text := "GET " + u.RequestURI() + " HTTP/1.1\r\nHost: x\r\n\r\n"
	req, err := http.ReadRequest(bufio.NewReader(strings.NewReader(text)))
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return req.RequestURI
}
