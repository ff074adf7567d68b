package ssp

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nrlgo/nrlgo/nrl"
)

// testResolver knows two SSP hosts beside the published ones.
func testResolver(tb testing.TB) resolver {
	tb.Helper()
	proxies, err := newProxyHosts("my-ssp.example", "tunnel.example:8443", "[2001:db8::5]:8443")
	if err != nil {
		tb.Fatal(err)
	}
	documents, err := newDocumentBase(&url.URL{Scheme: "https", Host: "docs.example", Path: "/ldr/R4/"})
	if err != nil {
		tb.Fatal(err)
	}
	return resolver{proxies: proxies, documents: documents}
}

const proxy = "spine-proxy.national.ncrs.nhs.uk"

var unstructured = nrl.Coding{Code: "urn:nhs-ic:unstructured"}

func TestResolveFindsTheProvidersURL(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, url, provider, target string }{ // target: encoded, "" as encode has it
		// The forms of NRL v3, attachment.url.
		{"1: ssp", "ssp://p1.nhs.uk/doc?id=1", "https://p1.nhs.uk/doc?id=1", "/https%3A%2F%2Fp1.nhs.uk%2Fdoc%3Fid%3D1"},
		{"2: ssp with the SSP's host", "ssp://" + proxy + "/p1.nhs.uk/doc", "https://p1.nhs.uk/doc", ""},
		{"3: ssp with the SSP's host, encoded", "ssp://" + proxy + "/https%3A%2F%2Fp1.nhs.uk%2Fdoc", "https://p1.nhs.uk/doc", ""},
		{"4: https with the SSP's host, encoded", "https://" + proxy + "/https%3A%2F%2Fp1.nhs.uk%2Fdoc%3Fid%3D1", "https://p1.nhs.uk/doc?id=1", ""},
		{"4: https with the SSP's host", "https://" + proxy + "/p1.nhs.uk/doc", "https://p1.nhs.uk/doc", ""},
		{"4: https with the SSP's host, plain", "https://" + proxy + "/https://p1.nhs.uk/doc?id=1", "https://p1.nhs.uk/doc?id=1", ""},
		{
			"5: https", "https://p1.nhs.uk/MentalHealthCrisisPlans/da2b6e8a", "https://p1.nhs.uk/MentalHealthCrisisPlans/da2b6e8a",
			"/https%3A%2F%2Fp1.nhs.uk%2FMentalHealthCrisisPlans%2Fda2b6e8a",
		},
		// Escapes.
		{"an escape is kept, and encoded once", "ssp://h.uk/a%20b.pdf", "https://h.uk/a%20b.pdf", "/https%3A%2F%2Fh.uk%2Fa%2520b.pdf"},
		{"of an encoded form it is decoded once", "ssp://" + proxy + "/https%3A%2F%2Fh.uk%2Fa%2520b.pdf", "https://h.uk/a%20b.pdf", "/https%3A%2F%2Fh.uk%2Fa%2520b.pdf"},
		{"an escape twice encoded stays encoded", "ssp://h.uk/a%2520b", "https://h.uk/a%2520b", "/https%3A%2F%2Fh.uk%2Fa%252520b"},
		{"a raw space means %20", "https://h.uk/a b c", "https://h.uk/a%20b%20c", "/https%3A%2F%2Fh.uk%2Fa%2520b%2520c"},
		{"a raw space in an encoded form", "ssp://" + proxy + "/https%3A%2F%2Fh.uk%2Fa b", "https://h.uk/a%20b", ""},
		{"a space that the encoded form encodes once", "ssp://" + proxy + "/https%3A%2F%2Fh.uk%2Fa%20b", "https://h.uk/a%20b", ""},
		{"a plus is a plus", "ssp://" + proxy + "/https%3A%2F%2Fh.uk%2Fa+b", "https://h.uk/a+b", "/https%3A%2F%2Fh.uk%2Fa%2Bb"},
		{"an encoded slash stays apart from a slash", "https://h.uk/a%2Fb/c", "https://h.uk/a%2Fb/c", "/https%3A%2F%2Fh.uk%2Fa%252Fb%2Fc"},
		{"an escape's case is kept", "https://h.uk/%c3%A9", "https://h.uk/%c3%A9", "/https%3A%2F%2Fh.uk%2F%25c3%25A9"},
		{"the marks of an encoded form in lower case", "https://" + proxy + "/https%3a%2f%2fp1.nhs.uk%2fdoc", "https://p1.nhs.uk/doc", ""},
		{"the colon left by url.PathEscape", "https://" + proxy + "/https:%2F%2Fp1.nhs.uk%2Fdoc", "https://p1.nhs.uk/doc", ""},
		{"a path behind the SSP is not decoded", "ssp://" + proxy + "/h.uk/a%20b", "https://h.uk/a%20b", ""},
		{"nor is a plain URL", "ssp://" + proxy + "/https://h.uk/a%20b", "https://h.uk/a%20b", ""},
		{"reserved characters", "https://h.uk/a;b/(c)!$&'*+,=:@[~]?x=y&z=-._", "https://h.uk/a;b/(c)!$&'*+,=:@[~]?x=y&z=-._", "/https%3A%2F%2Fh.uk%2Fa%3Bb%2F%28c%29%21%24%26%27%2A%2B%2C%3D%3A%40%5B~%5D%3Fx%3Dy%26z%3D-._"},
		// Nothing else is normalised: the SSP refuses what differs from the registration.
		{"case, port, dots and slashes stay", "HTTPS://P1.nhs.UK:443//a/../b//?", "HTTPS://P1.nhs.UK:443//a/../b//?", ""},
		{"an address stays", "ssp://10.1.2.3:8443/doc", "https://10.1.2.3:8443/doc", ""},
		{"an IPv6 address stays", "ssp://[2001:DB8:0::1]/doc", "https://[2001:DB8:0::1]/doc", ""},
		{"no path", "ssp://p1.nhs.uk", "https://p1.nhs.uk", "/https%3A%2F%2Fp1.nhs.uk"},
		{"a query without a path", "https://p1.nhs.uk?id=1", "https://p1.nhs.uk?id=1", ""},
		// The hosts of the SSP.
		{"in another case", "SSP://Spine-Proxy.National.NCRS.nhs.uk/p1.nhs.uk/doc", "https://p1.nhs.uk/doc", ""},
		{"with a port", "ssp://" + proxy + ":443/p1.nhs.uk/doc", "https://p1.nhs.uk/doc", ""},
		{"with any port, as it is known without", "https://my-ssp.example:8080/p1.nhs.uk:444/doc", "https://p1.nhs.uk:444/doc", ""},
		{"another published one", "https://proxy.int.spine2.ncrs.nhs.uk/https://p1.nhs.uk/doc", "https://p1.nhs.uk/doc", ""},
		{"known with a port", "https://tunnel.example:8443/p1.nhs.uk/doc", "https://p1.nhs.uk/doc", ""},
		{"known with a port is another without", "https://tunnel.example/p1.nhs.uk/doc", "https://tunnel.example/p1.nhs.uk/doc", ""},
		{"by an IPv6 address in another spelling", "https://[2001:DB8:0:0::5]:8443/p1.nhs.uk/doc", "https://p1.nhs.uk/doc", ""},
		{"a name that ends in it is another", "https://not" + proxy + "/p1.nhs.uk/doc", "https://not" + proxy + "/p1.nhs.uk/doc", ""},
		{"its name in a path is a path", "https://p1.nhs.uk/" + proxy + "/doc", "https://p1.nhs.uk/" + proxy + "/doc", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := testResolver(t).resolve(nrl.Content{URL: tt.url, Format: unstructured})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.provider, got.provider); diff != "" || got.route != viaSSP {
				t.Errorf("provider (-want +got)\n%s route: %d", diff, got.route)
			}
			want := tt.target
			if want == "" {
				want = "/" + strings.ReplaceAll(url.QueryEscape(tt.provider), "+", "%20")
			}
			base := &url.URL{Scheme: "https", Host: "ssp.example"}
			if diff := cmp.Diff([]string{want, "/" + tt.provider}, []string{
				proxyURL(base, got.provider, false).RequestURI(), proxyURL(base, got.provider, true).RequestURI(),
			}); diff != "" {
				t.Errorf("request target encoded and plain (-want +got)\n%s", diff)
			}
		})
	}
}

func TestResolveNamesOriginAndHost(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ url, origin, host string }{
		{"HTTPS://P1.nhs.uk:8443/doc", "https://P1.nhs.uk:8443", "p1.nhs.uk"},
		{"ssp://[2001:DB8::1]:443?x", "https://[2001:DB8::1]:443", "2001:db8::1"},
		{"ssp://" + proxy + "/https%3A%2F%2Fp1.nhs.uk%3A444%2Fdoc", "https://p1.nhs.uk:444", "p1.nhs.uk"},
	} {
		got, err := testResolver(t).resolve(nrl.Content{URL: tt.url})
		if err != nil || got.origin != tt.origin || got.host != tt.host {
			t.Errorf("%s: origin %q, host %q, %v", tt.url, got.origin, got.host, err)
		}
	}
}

func TestResolveRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, url, reason string }{
		{"nothing", "", "empty"},
		{"a path", "/doc", "scheme"},
		{"a host without a scheme", "p1.nhs.uk/doc", "scheme"},
		{"a space in front", " https://p1.nhs.uk/doc", "scheme"},
		{"a file", "file:///etc/passwd", "scheme"},
		{"ftp", "ftp://p1.nhs.uk/doc", "scheme"},
		{"javascript", "javascript:alert(1)", "scheme"},
		{"data", "data:text/html,x", "scheme"},
		{"one slash", "https:/p1.nhs.uk/doc", "scheme"},
		{"http for a record", "http://p1.nhs.uk/doc", "not fetched over http"},
		{"http behind the SSP", "ssp://" + proxy + "/http%3A%2F%2Fp1.nhs.uk%2Fdoc", "not fetched over http"},
		{"http to the SSP", "http://" + proxy + "/p1.nhs.uk/doc", "not called over http"},
		{"longer than 8 KiB", "https://p1.nhs.uk/" + strings.Repeat("a", 8<<10), "longer"},

		{"userinfo", "https://user:pw@p1.nhs.uk/doc", "userinfo"},
		{"userinfo in an encoded form", "ssp://" + proxy + "/https%3A%2F%2Fa%40p1.nhs.uk%2Fdoc", "userinfo"},
		{"userinfo that looks like a host", "https://p1.nhs.uk@evil.example/doc", "userinfo"},
		{"a newline", "https://p1.nhs.uk/a\r\nHost: x", "control"},
		{"a tab", "https://p1.nhs.uk/\tdoc", "control"},
		{"NUL", "https://p1.nhs.uk/\x00", "control"},
		{"DEL", "https://p1.nhs.uk/\x7f", "control"},
		{"an encoded newline", "https://p1.nhs.uk/a%0d%0aHost: x", "encoded control"},
		{"a newline encoded twice in an encoded form", "ssp://" + proxy + "/https%3A%2F%2Fp1.nhs.uk%2Fa%250a", "encoded control"},
		{"a backslash", `https://p1.nhs.uk\@evil.example/doc`, "backslash"},
		{"a backslash in an encoded form", "ssp://" + proxy + "/https%3A%2F%2Fp1.nhs.uk%5Cevil", "backslash"},
		{"a fragment", "https://p1.nhs.uk/doc#page=2", "fragment"},
		{"a fragment in an encoded form", "ssp://" + proxy + "/https%3A%2F%2Fp1.nhs.uk%2Fdoc%23x", "fragment"},
		{"a bad escape", "https://p1.nhs.uk/100%", "escape"},
		{"an escape that is no hex", "https://p1.nhs.uk/%zz", "escape"},
		{"a bad escape that an encoded form encodes", "ssp://" + proxy + "/https%3A%2F%2Fp1.nhs.uk%2F100%25", "escape"},
		{"letters outside ASCII", "https://p1.nhs.uk/Größe", "ASCII"},
		{"a look-alike host", "https://p1.nhs.\u0443k/doc", "ASCII"},
		{"a full-width dot", "https://p1\uff0enhs.uk/doc", "ASCII"},

		{"no host", "https:///doc", "no host"},
		{"no host but a port", "https://:443/doc", "no host"},
		{"a trailing dot", "https://p1.nhs.uk./doc", "valid name"},
		{"a trailing dot behind the SSP's name", "https://" + proxy + "./p1.nhs.uk/doc", "valid name"},
		{"two dots", "https://p1..nhs.uk/doc", "valid name"},
		{"a hyphen in front", "https://-p1.nhs.uk/doc", "valid name"},
		{"a label over 63 bytes", "https://" + strings.Repeat("a", 64) + ".uk/doc", "valid name"},
		{"a name over 253 bytes", "https://" + strings.Repeat("abc.", 64) + "uk/doc", "too long"},
		{"a space in the host", "https://p1.nhs .uk/doc", "valid name"},
		{"an escape in the host", "https://p1%2Enhs.uk/doc", "valid name"},
		{"an encoded slash after the host", "ssp://" + proxy + "/p1.nhs.uk%2Fdoc", "valid name"},
		{"a hexadecimal address", "https://0x7f000001/doc", "disguise"},
		{"a decimal address", "https://2130706433/doc", "disguise"},
		{"an octal address", "https://0177.0.0.1/doc", "disguise"},
		{"a short address", "https://127.1/doc", "disguise"},
		{"a name that ends in a number", "https://p1.nhs.0x1/doc", "disguise"},
		{"an unclosed bracket", "https://[::1/doc", "malformed"},
		{"a zone", "https://[fe80::1%25eth0]/doc", "IPv6"},
		{"IPv4 in brackets", "https://[127.0.0.1]/doc", "IPv6"},
		{"IPv6 without brackets", "https://::1/doc", "valid name"},
		{"port 0", "https://p1.nhs.uk:0/doc", "port"},
		{"an empty port", "https://p1.nhs.uk:/doc", "port"},
		{"a port over 65535", "https://p1.nhs.uk:65536/doc", "port"},
		{"a port with a zero in front", "https://p1.nhs.uk:0443/doc", "port"},
		{"a port that is no number", "https://p1.nhs.uk:https/doc", "port"},

		{"the SSP twice", "ssp://" + proxy + "/" + proxy + "/p1.nhs.uk/doc", "twice"},
		{"the SSP twice, by two names", "https://my-ssp.example/https%3A%2F%2FPROXY.national.ncrs.nhs.uk%3A444%2Fdoc", "twice"},
		{"the SSP in front of ssp", "https://" + proxy + "/ssp://p1.nhs.uk/doc", "port"},
		{"the SSP and no provider", "https://" + proxy + "/", "no provider"},
		{"the SSP and no path", "ssp://" + proxy, "no provider"},
		{"the SSP and a query", "ssp://" + proxy + "?x=1", "no provider"},
		{"the SSP and a query after a slash", "ssp://" + proxy + "/?x=1", "no host"},
		{"an encoded form with a query of its own", "ssp://" + proxy + "/https%3A%2F%2Fp1.nhs.uk%2Fa%20b?id=1", "two ways"},
		{"an encoded form with a path of its own", "ssp://" + proxy + "/https%3A%2F%2Fp1.nhs.uk/a%2520b", "two ways"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := testResolver(t).resolve(nrl.Content{URL: tt.url, Format: unstructured})
			if !errors.Is(err, ErrURL) || !strings.Contains(err.Error(), tt.reason) || got != (target{}) {
				t.Fatalf("got %+v, %v; want ErrURL for %q", got, err, tt.reason)
			}
		})
	}
}

func TestMechanismDecidesTheRoute(t *testing.T) {
	t.Parallel()
	const (
		plain, ssp, page = "https://p1.nhs.uk/doc", "ssp://p1.nhs.uk/doc", "http://p1.nhs.uk/doc"
		behind           = "https://" + proxy + "/p1.nhs.uk/doc"
		large            = "https://docs.example/ldr/R4/DocumentReference/"
		contact          = nrl.FormatContact
		document         = nrl.FormatUnstructured
		structured       = nrl.FormatStructured
	)
	for _, tt := range []struct {
		name, mechanism, url, format, media string
		want                                route // 0: refused
		text                                string
	}{
		{"SSP", "SSP", ssp, document, typePDF, viaSSP, ""},
		{"SSP with https", "SSP", plain, document, typePDF, viaSSP, ""},
		{"SSP with contact details", "SSP", plain, contact, typeHTML, 0, "SSP contradicts the format of contact details"},
		{"SSP with contact details and ssp", "SSP", ssp, contact, typeHTML, 0, "SSP contradicts the format of contact details"},
		{"Direct", "Direct", plain, document, typePDF, direct, ""},
		{"Direct with ssp", "Direct", ssp, document, typePDF, 0, "Direct contradicts a URL of the SSP"},
		{"Direct with the SSP's host", "Direct", behind, document, typePDF, 0, "Direct contradicts a URL of the SSP"},
		{"Direct over http for a record", "Direct", page, document, typePDF, 0, "http"},
		{"Direct with contact details", "Direct", page, contact, typeHTML, direct, ""},
		{"LDR", "LDR", large + "16521000000101~3d8683b9-1665-40d2-8499-6e8302d507ff", document, typePDF, largeDocument, ""},
		{"NDR, its retired code", "NDR", large + "a%7C1", document, typePDF, largeDocument, ""},
		{"LDR at another host", "LDR", plain, document, typePDF, 0, "LDR contradicts a URL outside the document repository"},
		{"LDR at another port", "LDR", strings.Replace(large, ".example", ".example:444", 1) + "a", document, typePDF, 0, "outside"},
		{"LDR at another path", "NDR", "https://docs.example/ldr/R4/Patient/a", document, typePDF, 0, "NDR contradicts a URL outside"},
		{"LDR of a longer path", "LDR", large + "a/$everything", document, typePDF, 0, "outside"},
		{"LDR of an encoded path", "LDR", large + "a%2F..%2F..%2FPatient", document, typePDF, 0, "outside"},
		{"LDR of a parent", "LDR", large + "%2e.", document, typePDF, 0, "outside"},
		{"LDR of a query", "LDR", large + "?patient=x", document, typePDF, 0, "outside"},
		{"LDR of nothing", "LDR", large, document, typePDF, 0, "outside"},
		{"LDR over http", "LDR", "http" + large[5:] + "a", document, typePDF, 0, "http"},
		{"LDR with ssp", "LDR", ssp, document, typePDF, 0, "LDR contradicts a URL of the SSP"},
		{"LDR with contact details", "NDR", plain, contact, typePDF, 0, "NDR contradicts the format of contact details"},
		{"InContext", "InContext", plain, document, typePDF, inContext, ""},
		{"its retired code", "Direct_InContext", plain, structured, typeHTML, inContext, ""},
		{"InContext with ssp", "InContext", ssp, document, typeHTML, 0, "InContext contradicts a URL of the SSP"},
		{"InContext with contact details", "Direct_InContext", plain, contact, typeHTML, 0, "Direct_InContext contradicts the format of contact details"},
		{"InContext over http", "InContext", page, document, typeHTML, 0, "http"},
		{"an unknown one", "Carrier pigeon", plain, document, typePDF, 0, "unknown"},
		{"in another case", "ssp", plain, document, typePDF, 0, "unknown"},
		{"none, ssp", "", ssp, document, typePDF, viaSSP, ""},
		{"none, the SSP's host", "", behind, structured, typeHTML, viaSSP, ""},
		{"none, https, unstructured", "", plain, document, typeHTML, viaSSP, ""},
		{"none, https, no format", "", plain, "", typePDF, viaSSP, ""},
		{"none, contact details", "", plain, contact, typeHTML, direct, ""},
		{"none, contact details over http", "", page, contact, typeHTML, direct, ""},
		{"none, contact details with ssp: the format wins", "", ssp, contact, typeHTML, direct, ""},
		{"none, structured HTML", "", plain, structured, "text/HTML; charset=utf-8", inContext, ""},
		{"none, structured HTML behind the SSP", "", ssp, structured, typeHTML, viaSSP, ""},
		{"none, structured FHIR", "", plain, structured, "application/fhir+json", viaSSP, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := testResolver(t).resolve(nrl.Content{
				URL: tt.url, ContentType: tt.media, Format: nrl.Coding{Code: tt.format}, Mechanism: tt.mechanism,
			})
			page, browser := errors.AsType[*InContextError](err)
			switch {
			case tt.want == inContext:
				if !browser || page.URL() != tt.url || !errors.Is(err, ErrMechanism) {
					t.Errorf("%v, want the page to open", err)
				}
			case tt.want != 0:
				if err != nil || got.route != tt.want {
					t.Errorf("route %d, %v; want %d", got.route, err, tt.want)
				}
			case tt.text == "http":
				if !errors.Is(err, ErrURL) || browser {
					t.Errorf("%v, want ErrURL", err)
				}
			case !errors.Is(err, ErrMechanism) || !strings.Contains(err.Error(), tt.text):
				t.Errorf("%v, want ErrMechanism for %q", err, tt.text)
			}
			conflict, ok := errors.AsType[*ConflictError](err)
			if want := tt.text == "outside" || strings.Contains(tt.text, "contradicts"); ok != want || ok && conflict.Mechanism != tt.mechanism {
				t.Errorf("%v is a conflict of mechanism %q: %t, want %t", err, tt.mechanism, ok, want)
			}
		})
	}
}

func TestLargeDocumentsNeedARepository(t *testing.T) {
	t.Parallel()
	r := testResolver(t)
	r.documents = documentBase{}
	for _, u := range []string{"https://docs.example/ldr/R4/DocumentReference/a", "https:///DocumentReference/a", "https://p1.nhs.uk/DocumentReference/a"} {
		if _, err := r.resolve(nrl.Content{URL: u, Mechanism: "LDR"}); !errors.Is(err, ErrMechanism) && !errors.Is(err, ErrURL) {
			t.Errorf("%s: %v", u, err)
		}
	}
	for _, bad := range []string{"http://docs.example/ldr", "https://docs.example/ldr?x", "https://u@docs.example/ldr", "https://-docs.example", "https:docs.example"} {
		u, err := url.Parse(bad)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := newDocumentBase(u); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
}

func TestInContextPageShowsNowhere(t *testing.T) {
	t.Parallel()
	const secret = "https://p1.nhs.uk/open?nhs=9462205957"
	err := error(&InContextError{url: secret})
	text, jsonErr := json.Marshal(err)
	if jsonErr != nil {
		t.Fatal(jsonErr)
	}
	for _, shown := range []string{err.Error(), fmt.Sprintf("%v %+v %#v %s %q", err, err, err, err, err), string(text)} {
		if strings.Contains(shown, "9462205957") || strings.Contains(shown, "p1.nhs.uk") {
			t.Errorf("the page shows in %s", shown)
		}
	}
}

func TestDirectCallsNeedAPublicHost(t *testing.T) {
	t.Parallel()
	for host, public := range map[string]bool{
		"p1.nhs.uk": true, "localhost.nhs.uk": true, "notlocalhost": true, // what a name resolves to is the dialer's
		"localhost": false, "LOCALHOST:8080": false, "a.localhost": false,
		"127.0.0.1": false, "10.0.0.1": false, "81.2.69.142": false, "[::1]": false, "[2a00::1]:443": false,
	} {
		c := nrl.Content{URL: "https://" + host + "/contact", Format: nrl.Coding{Code: nrl.FormatContact}}
		r := testResolver(t)
		if _, err := r.resolve(c); public != (err == nil) || errors.Is(err, ErrAddress) == public || errors.Is(err, ErrURL) == public {
			t.Errorf("%s: %v", host, err)
		}
		r.allowPrivate = true
		if _, err := r.resolve(c); err != nil {
			t.Errorf("%s, private allowed: %v", host, err)
		}
		c.Format = unstructured
		if _, err := testResolver(t).resolve(c); err != nil {
			t.Errorf("%s, through the SSP: %v", host, err)
		}
	}
}
