package spine_test

import (
	"errors"
	"math"
	"net/url"
	"strings"
	"testing"

	"github.com/nrlgo/nrlgo/auth"
	"github.com/nrlgo/nrlgo/auth/nhs"
	"github.com/nrlgo/nrlgo/client/spine"
	"github.com/nrlgo/nrlgo/mocks/mockstest"
)

func TestNewReportsEveryFault(t *testing.T) {
	t.Parallel()
	_, err := spine.New(spine.Config{InteractionID: "a\nb", Limits: spine.Limits{Idle: -1, Body: -1, Retries: 4}})
	if err == nil {
		t.Fatal("an empty Config was accepted")
	}
	for _, fault := range []string{"Dialer", "Issuer", "Audit", "InteractionID", "a time of Limits", "a size or rate", "Retries"} {
		if !strings.Contains(err.Error(), fault) {
			t.Errorf("%v: %s is not reported", err, fault)
		}
	}
	for name, edit := range map[string]func(*spine.Config){
		"NoAudit without a reason": func(c *spine.Config) { c.Audit = spine.NoAudit{} },
		"a body without bounds":    func(c *spine.Config) { c.Limits.Body = math.MaxInt64 },
		"a negative age":           func(c *spine.Config) { c.Limits.Age = -1 },
	} {
		c := spine.Config{Dialer: dialFunc(nil), Issuer: "https://x", Audit: new(sink)}
		edit(&c)
		if _, err := spine.New(c); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestNoAuditLetsCallsPass(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *spine.Config) { c.Audit = spine.NoAudit{Reason: "a test"} })
	if _, err := b.fetch(t, b.search()); err != nil {
		t.Error(err)
	}
}

func TestRequestsThatAreNotSent(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *spine.Config) { c.SpineASID = nhs.ASID{} })
	edit := func(f func(*url.URL)) func(*spine.Request) {
		return func(r *spine.Request) {
			u := *r.URL
			f(&u)
			r.URL = &u
		}
	}
	for name, change := range map[string]func(*spine.Request){
		"no service":                    func(r *spine.Request) { r.Service = 0 },
		"no toASID":                     func(r *spine.Request) { r.Service = spine.NRL },
		"no Ssp-To":                     func(r *spine.Request) { r.To = nhs.ASID{} },
		"no audience":                   func(r *spine.Request) { r.Audience = "" },
		"no requester":                  func(r *spine.Request) { r.Requester = auth.Requester{} },
		"no user":                       func(r *spine.Request) { r.Requester.User = auth.User{} },
		"no URL":                        func(r *spine.Request) { r.URL = nil },
		"no host":                       edit(func(u *url.URL) { u.Host = "" }),
		"http":                          edit(func(u *url.URL) { u.Scheme = "http" }),
		"userinfo":                      edit(func(u *url.URL) { u.User = url.User(canary) }),
		"a fragment":                    edit(func(u *url.URL) { u.Fragment = canary }),
		"a public page over ftp":        func(r *spine.Request) { r.Service = spine.Public; edit(func(u *url.URL) { u.Scheme = "ftp" })(r) },
		"an opaque part with 2 slashes": edit(func(u *url.URL) { u.Opaque = "//x/" + canary }),
		"an opaque part with none":      edit(func(u *url.URL) { u.Opaque = canary }),
		"a blank in the target":         edit(func(u *url.URL) { u.Opaque = "/x HTTP/1.1" }),
		"a line feed in the target":     edit(func(u *url.URL) { u.Opaque = "/x\r\nX: y" }),
		"a line feed in the query":      edit(func(u *url.URL) { u.RawQuery = "x\ny" }),
		"letters beyond ASCII":          edit(func(u *url.URL) { u.Opaque = "/é" }),
		"a host that is none":           edit(func(u *url.URL) { u.Host = "a b" }),
		"a citizen for another":         func(r *spine.Request) { r.Requester.User = auth.Citizen(nhs.MustParseNumber("9462205965")) },
		"a line feed in Accept":         func(r *spine.Request) { r.Accept = "a\nb" },
	} {
		r := b.retrieve()
		change(&r)
		_, err := b.fetch(t, r)
		want{code: spine.CodeInvalid, is: spine.ErrRequest, origin: spine.OriginLocal}.check(t, err)
		if err == nil {
			t.Errorf("%s was sent", name)
		}
		if _, err := b.client.Stream(t.Context(), r); !errors.Is(err, spine.ErrRequest) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(b.Requests()) > 0 || len(b.sink.all()) > 0 {
		t.Error("a request was sent or put on record")
	}
}

func TestContentTypes(t *testing.T) {
	t.Parallel()
	for field, want := range map[string]string{
		"Content-Type: Application/FHIR+json; charset=UTF-8\r\n": "application/fhir+json",
		"":                    "",
		"Content-Type: ;\r\n": "",
		"Content-Type: application/pdf; name=a b.pdf\r\n":              "application/pdf",
		"Content-Type: text/html\r\nContent-Type: application/pdf\r\n": "",
	} {
		b := setup(t)
		origin := b.rawServer(t, func(_ int, c *rawConn) {
			if c.next() != nil {
				c.send("HTTP/1.1 200 OK\r\n" + field + "Content-Length: 0\r\n\r\n")
				c.stay()
			}
		})
		a, err := b.fetch(t, search(origin))
		if err != nil || a.ContentType != want {
			t.Errorf("%q: %v, %q", field, err, a)
		}
	}
}

// What Check finds is the call's error, after one attempt; its body is on record.
func TestCheck(t *testing.T) {
	t.Parallel()
	b := setup(t)
	errNone := errors.New("no searchset")
	r := b.search()
	r.Check = func(a *spine.Response) error {
		if len(a.Body) == 0 || a.Status != 200 || a.Conn.Engine != mockstest.EngineName() {
			t.Errorf("Check of a Fetch sees %d bytes, status %d, engine %q", len(a.Body), a.Status, a.Conn.Engine)
		}
		return a.Fail(spine.CodeIncomplete, spine.OriginNRL, errNone)
	}
	_, err := b.fetch(t, r)
	want{code: spine.CodeIncomplete, is: errNone, attempts: 1, origin: spine.OriginNRL}.check(t, err)
	if body := b.sink.all()[1].Body; len(body) == 0 {
		t.Error("the refused answer is not on record")
	}
	r = b.retrieve()
	r.Check = func(a *spine.Response) error {
		if a.Body != nil || a.Length != int64(len(document)) {
			t.Errorf("Check of a Stream sees %q of %d bytes", a.Body, a.Length)
		}
		return errNone
	}
	_, err = b.stream(t, r)
	want{code: spine.CodeUnexpected, is: errNone, attempts: 1}.check(t, err)
	if e := b.sink.all(); e[len(e)-1].Bytes != 0 || len(b.Requests()) != 2 {
		t.Errorf("%d bytes handed out, %d requests", e[len(e)-1].Bytes, len(b.Requests()))
	}
}
