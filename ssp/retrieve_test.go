package ssp_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nrlgo/nrlgo/auth"
	"github.com/nrlgo/nrlgo/auth/nhs"
	"github.com/nrlgo/nrlgo/client/spine"
	"github.com/nrlgo/nrlgo/mocks"
	"github.com/nrlgo/nrlgo/nrl"
	"github.com/nrlgo/nrlgo/ssp"
)

var document = []byte("%PDF-1.4\n" + strings.Repeat("0123456789\n", 100))

// names are those of the header fields of a request, as they were spelled.
func names(r mocks.Request) []string {
	var all []string
	for _, f := range r.Header {
		all = append(all, f.Name)
	}
	slices.Sort(all)
	return all
}

func TestRecordComesThroughTheSSP(t *testing.T) {
	t.Parallel()
	b := setup(t, settings{})
	b.sp.Serve(mocks.Record{URL: recordURL, Body: document})
	rec := b.mustGet(t, pointer(pdf(recordURL)))
	body, err := io.ReadAll(rec)
	if err != nil || !bytes.Equal(body, document) {
		t.Fatalf("%d bytes, %v", len(body), err)
	}

	type facts struct {
		Type, Pointer string
		Kind          ssp.Kind
		Content       int
		Length, Read  int64
		Engine        string
		Version       uint16
	}
	want := facts{"application/pdf", "pointer-1", ssp.KindRecord, 0, int64(len(document)), int64(len(document)), engine(), tls.VersionTLS12}
	got := facts{rec.ContentType(), rec.PointerID(), rec.Kind(), rec.Content(), rec.Length(), rec.BytesRead(), rec.Conn().Engine, rec.Conn().Version}
	if diff := cmp.Diff(want, got); diff != "" || rec.Received().IsZero() {
		t.Errorf("record (-want +got)\n%s", diff)
	}

	requests := b.sp.Requests()
	if len(requests) != 1 {
		t.Fatalf("%d requests", len(requests))
	}
	r := requests[0]
	wantNames := []string{"Accept-Encoding", "Authorization", "Host", "Ssp-From", "Ssp-InteractionID", "Ssp-To", "Ssp-TraceID", "User-Agent"}
	if diff := cmp.Diff(wantNames, names(r)); diff != "" {
		t.Errorf("header fields (-want +got)\n%s", diff)
	}
	wantValues := []string{
		"/https%3A%2F%2Fp1.nhs.uk%2Fsecret-path%3Fid%3D1", mocks.ConsumerASID, mocks.ProviderASID, rec.TraceID(),
		"urn:nhs:names:services:nrl:DocumentReference.content.read", "identity",
	}
	gotValues := []string{r.URI, r.Get("Ssp-From"), r.Get("Ssp-To"), r.Get("Ssp-TraceID"), r.Get("Ssp-InteractionID"), r.Get("Accept-Encoding")}
	if diff := cmp.Diff(wantValues, gotValues); diff != "" {
		t.Errorf("request (-want +got)\n%s", diff)
	}
	if r.Claims["aud"] != "https://p1.nhs.uk" || r.Claims["scope"] != "patient/*.read" || r.ClientCertificate == nil {
		t.Errorf("claims %v, certificate %v", r.Claims, r.ClientCertificate != nil)
	}
	if v := b.sp.Violations(); v != nil {
		t.Errorf("violations %q", v)
	}
}

func TestRequestTargetOnTheWire(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, url, served, encoded, plain string }{
		{
			"what is encoded is encoded once more", "ssp://p1.nhs.uk/a%20b.pdf", "https://p1.nhs.uk/a%20b.pdf",
			"/https%3A%2F%2Fp1.nhs.uk%2Fa%2520b.pdf", "/https://p1.nhs.uk/a%20b.pdf",
		},
		{
			"a raw space", "https://p1.nhs.uk/a b", "https://p1.nhs.uk/a%20b",
			"/https%3A%2F%2Fp1.nhs.uk%2Fa%2520b", "/https://p1.nhs.uk/a%20b",
		},
		{
			"the SSP in front, encoded", "https://proxy.national.ncrs.nhs.uk/https%3A%2F%2Fp1.nhs.uk%2F%2Fd%3Fq%3D1%262", "https://p1.nhs.uk//d?q=1&2",
			"/https%3A%2F%2Fp1.nhs.uk%2F%2Fd%3Fq%3D1%262", "/https://p1.nhs.uk//d?q=1&2",
		},
	} {
		for plain, want := range map[bool]string{false: tt.encoded, true: tt.plain} {
			t.Run(tt.name, func(t *testing.T) {
				t.Parallel()
				s := settings{edit: func(c *ssp.Config) { c.Plain = plain }}
				if plain {
					s.mock = []mocks.Option{mocks.WithPlainURLs()}
				}
				b := setup(t, s)
				b.sp.Serve(mocks.Record{URL: tt.served, Body: document})
				if _, err := io.Copy(io.Discard, b.mustGet(t, pointer(pdf(tt.url)))); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, b.sp.Requests()[0].URI); diff != "" || b.sp.Violations() != nil {
					t.Errorf("request target (-want +got)\n%s%q", diff, b.sp.Violations())
				}
				// The trail has the URL as sent and the pointer's to the letter (NRL audit page).
				if e := b.trail.all()[0]; e.URL != b.sp.SSPURL()+want || e.RecordURL != tt.url {
					t.Errorf("audit: %q, %q", e.URL, e.RecordURL)
				}
			})
		}
	}
}

func TestAudience(t *testing.T) {
	t.Parallel()
	const configured, asked = "https://configured.example", "https://asked.example"
	for want, opts := range map[string][]ssp.Option{configured: nil, asked: {ssp.PDF, ssp.Audience(asked)}} {
		b := setup(t, settings{
			mock: []mocks.Option{mocks.WithAudiences(configured, asked)}, edit: func(c *ssp.Config) { c.Audience = configured },
		})
		b.sp.Serve(mocks.Record{URL: recordURL, Body: document})
		b.mustGet(t, pointer(pdf(recordURL)), opts...)
		if got := b.sp.Requests()[0].Claims["aud"]; got != want {
			t.Errorf("aud %v, want %s", got, want)
		}
	}
}

// Contact pages are public: nothing that is ours or the patient's goes there.
func TestContactPageIsCalledDirectly(t *testing.T) {
	t.Parallel()
	const page = "<p>Ring 0113 496 0000</p>"
	for _, tt := range []struct {
		name, path, target string // in the pointer, on the wire
		add                func(sp *mocks.Spine, path, contentType, body string) string
		service            mocks.Service
	}{
		{"https", "/a//b%2Fc?x=1&y=%20", "/a//b%2Fc?x=1&y=%20", (*mocks.Spine).AddPage, mocks.Public},
		{"http", "/contact", "/contact", (*mocks.Spine).AddPlainPage, mocks.Plain},
		{"a raw space", "/our team?x=a b", "/our%20team?x=a%20b", (*mocks.Spine).AddPage, mocks.Public},
		{"two slashes first", "//contact", "//contact", (*mocks.Spine).AddPage, mocks.Public},
		{"no path", "", "/", (*mocks.Spine).AddPage, mocks.Public},
		{"a query and no path", "?q=1", "/?q=1", (*mocks.Spine).AddPage, mocks.Public},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, settings{edit: func(c *ssp.Config) { c.Directory = nil }})
			u := strings.TrimSuffix(tt.add(b.sp, tt.target, "text/html; charset=utf-8", page), tt.target) + tt.path
			rec := b.mustGet(t, pointer(contact(u)), ssp.Contact)
			body, err := io.ReadAll(rec)
			if err != nil || string(body) != page || rec.Kind() != ssp.KindContact || rec.ContentType() != "text/html" {
				t.Fatalf("%s %s %q, %v", rec.Kind(), rec.ContentType(), body, err)
			}
			r := b.sp.Requests()[0]
			if diff := cmp.Diff([]string{"Accept-Encoding", "Host", "User-Agent"}, names(r)); diff != "" {
				t.Errorf("header fields (-want +got)\n%s", diff)
			}
			if r.URI != tt.target || r.Service != tt.service || r.ClientCertificate != nil || b.sp.Violations() != nil {
				t.Errorf("%s %s, certificate %t, %q", r.Service, r.URI, r.ClientCertificate != nil, b.sp.Violations())
			}
			if e := b.trail.end(t); e.Op != spine.OpContact || e.Service != spine.Public || e.Patient != patient || e.PointerID != "pointer-1" {
				t.Errorf("audit: %s, service %d", e.Op, e.Service)
			}
		})
	}
}

func TestContactPageOnAPrivateAddressIsNotCalled(t *testing.T) {
	t.Parallel()
	public := func(c *ssp.Config) { c.AllowPrivate = false }
	for _, tt := range []struct {
		name string
		s    settings
	}{
		{"seen in the URL", settings{edit: public}},
		{"seen by the dialer", settings{allow: ssp.PublicAddress}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, tt.s)
			p := pointer(contact(b.sp.AddPage("/contact", "text/html", "x")))
			_, err := b.get(t.Context(), p, ssp.Contact)
			if !errors.Is(err, ssp.ErrAddress) || spine.CodeOf(err) != spine.CodeInvalid || len(b.sp.Requests()) != 0 {
				t.Errorf("%v, %d requests", err, len(b.sp.Requests()))
			}
		})
	}
}

func TestRetrieveRefusesBeforeSending(t *testing.T) {
	t.Parallel()
	good := pointer(pdf(recordURL))
	with := func(edit func(*nrl.Pointer)) nrl.Pointer {
		p := good
		edit(&p)
		return p
	}
	noDirectory := func(c *ssp.Config) { c.Directory = nil }
	for _, tt := range []struct {
		name string
		p    nrl.Pointer
		opts []ssp.Option
		edit func(*ssp.Config)
		who  auth.Requester
		err  error
		code spine.Code
	}{
		{name: "a pointer of no status", p: with(func(p *nrl.Pointer) { p.Status = "" }), err: ssp.ErrNotCurrent},
		{name: "a superseded pointer", p: with(func(p *nrl.Pointer) { p.Status = nrl.StatusSuperseded }), err: ssp.ErrNotCurrent},
		{name: "a pointer entered in error", p: with(func(p *nrl.Pointer) { p.Status = nrl.StatusInError }), err: ssp.ErrNotCurrent},
		{name: "a pointer without id", p: with(func(p *nrl.Pointer) { p.ID = "" }), err: ssp.ErrPointer},
		{name: "a pointer without patient", p: with(func(p *nrl.Pointer) { p.Patient = nhs.Number{} }), err: ssp.ErrPointer},
		{name: "a nil option", p: good, opts: []ssp.Option{nil}, err: ssp.ErrOption},
		{name: "a preference that is none", p: good, opts: []ssp.Option{ssp.Preference(0), ssp.PDF}, err: ssp.ErrOption},
		{name: "a preference above the last", p: good, opts: []ssp.Option{ssp.Contact + 1}, err: ssp.ErrOption},
		{name: "an empty content type", p: good, opts: []ssp.Option{ssp.ContentType(" ;x")}, err: ssp.ErrOption},
		{name: "a limit of nothing", p: good, opts: []ssp.Option{ssp.MaxBytes(0)}, err: ssp.ErrOption},
		{name: "no directory", p: good, opts: []ssp.Option{ssp.LookupIn(nil)}, err: ssp.ErrOption},
		{name: "an empty audience", p: good, opts: []ssp.Option{ssp.Audience("")}, err: ssp.ErrOption},
		{name: "a content that is not there", p: good, opts: []ssp.Option{ssp.HTML}, err: ssp.ErrNoContent},
		{name: "no content", p: pointer(), err: ssp.ErrNoContent},
		{name: "a hostile URL", p: pointer(pdf("https://secret@p1.nhs.uk/")), err: ssp.ErrURL},
		{name: "a mechanism of another service", p: with(func(p *nrl.Pointer) {
			p.Contents = []nrl.Content{pdf(recordURL)}
			p.Contents[0].Mechanism = "LDR"
		}), err: ssp.ErrMechanism},
		{name: "no ASID and no directory", p: good, edit: noDirectory, err: ssp.ErrNoASID, code: spine.CodeConfig},
		{name: "a requester who is nobody", p: good, who: auth.Requester{ASID: who.ASID, Organisation: who.Organisation}, err: auth.ErrRequester},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, settings{edit: tt.edit})
			if tt.who == (auth.Requester{}) {
				tt.who = who
			}
			if tt.code == 0 {
				tt.code = spine.CodeInvalid
			}
			rec, err := b.Retrieve(t.Context(), tt.who, tt.p, tt.opts...)
			e, ok := errors.AsType[*spine.Error](err)
			if !ok || rec != nil || !errors.Is(err, tt.err) || e.Code != tt.code || e.Origin != spine.OriginLocal || e.Op != spine.OpRetrieve {
				t.Fatalf("%v, want %v with code %q", err, tt.err, tt.code)
			}
			if len(b.sp.Requests()) != 0 || len(b.trail.all()) != 0 {
				t.Errorf("%d requests, %d audit lines", len(b.sp.Requests()), len(b.trail.all()))
			}
			if strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), patient.Digits()) {
				t.Errorf("the error shows too much: %v", err)
			}
		})
	}
}

// lookups is a Directory that notes what it is asked.
type lookups struct {
	mu     sync.Mutex
	asked  []ssp.Lookup
	answer func(context.Context) (nhs.ASID, error)
}

func (l *lookups) Lookup(ctx context.Context, q ssp.Lookup) (nhs.ASID, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked = append(l.asked, q)
	return l.answer(ctx)
}

func TestDirectoryIsAskedWhereThePointerNamesNoASID(t *testing.T) {
	t.Parallel()
	d := &lookups{answer: func(context.Context) (nhs.ASID, error) { return asid, nil }}
	b := setup(t, settings{edit: func(c *ssp.Config) { c.Directory = d }})
	const u = "https://P1.nhs.uk:8443/doc"
	b.sp.Serve(mocks.Record{URL: u, Body: document})
	p := pointer(pdf(u))
	b.mustGet(t, p)
	other := nhs.MustParseASID("200000000777")
	b.sp.Serve(mocks.Record{URL: u, Body: document, ProviderASID: other.Digits()})
	p.ProviderASID = other
	b.mustGet(t, p)

	want := []ssp.Lookup{{Organisation: owner, InteractionID: "urn:nhs:names:services:nrl:DocumentReference.content", Host: "p1.nhs.uk"}}
	if diff := cmp.Diff(want, d.asked); diff != "" {
		t.Errorf("look-ups (-want +got)\n%s", diff)
	}
	if got := b.sp.Requests()[1].Get("Ssp-To"); got != other.Digits() {
		t.Errorf("Ssp-To %s", got)
	}
}

func TestDirectoryFails(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for _, tt := range []struct {
		name   string
		answer func(context.Context) (nhs.ASID, error)
		gone   bool // the caller's context is
		code   spine.Code
		errs   []error
	}{
		{name: "it knows none", answer: func(context.Context) (nhs.ASID, error) { return ssp.Choose(nil, "") }, code: spine.CodeInvalid, errs: []error{ssp.ErrNoASID}},
		{name: "it gives nothing", answer: func(context.Context) (nhs.ASID, error) { return nhs.ASID{}, nil }, code: spine.CodeInvalid, errs: []error{ssp.ErrNoASID}},
		{name: "its encounter is over", answer: func(context.Context) (nhs.ASID, error) { return asid, ssp.ErrEncounter }, code: spine.CodeInvalid, errs: []error{ssp.ErrEncounter}},
		{name: "it breaks", answer: func(context.Context) (nhs.ASID, error) { return asid, broken }, code: spine.CodeUnknown, errs: []error{broken}},
		{name: "an exchange of its own failed", answer: func(context.Context) (nhs.ASID, error) {
			return asid, &spine.Error{Op: "lookup", Code: spine.CodeDenied, Status: 403, TraceID: "trace", Attempts: 1, Err: broken}
		}, code: spine.CodeDenied, errs: []error{broken}},
		{name: "an exchange of its own failed when the caller gave up", answer: func(context.Context) (nhs.ASID, error) {
			return asid, &spine.Error{Op: "lookup", Code: spine.CodeUnavailable, Err: broken}
		}, gone: true, code: spine.CodeCanceled, errs: []error{context.Canceled, broken}},
		{
			name: "the caller gave up", answer: func(ctx context.Context) (nhs.ASID, error) { return asid, ctx.Err() }, gone: true,
			code: spine.CodeCanceled, errs: []error{context.Canceled},
		},
		{
			name: "the caller gave up, which it does not say", answer: func(context.Context) (nhs.ASID, error) { return asid, broken }, gone: true,
			code: spine.CodeCanceled, errs: []error{context.Canceled, broken},
		},
		{
			name: "its time is up", answer: func(context.Context) (nhs.ASID, error) { return asid, context.DeadlineExceeded },
			code: spine.CodeTimeout, errs: []error{context.DeadlineExceeded},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, settings{edit: func(c *ssp.Config) { c.Directory = &lookups{answer: tt.answer} }})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if tt.gone {
				cancel()
			}
			_, err := b.get(ctx, pointer(pdf(recordURL)))
			e, ok := errors.AsType[*spine.Error](err)
			if !ok || e.Code != tt.code || e.Origin != spine.OriginDir || e.Op != spine.OpRetrieve || len(b.sp.Requests()) != 0 {
				t.Fatalf("%v (origin %s), want code %q", err, e.Origin, tt.code)
			}
			for _, want := range tt.errs {
				if !errors.Is(err, want) {
					t.Errorf("%v does not wrap %v", err, want)
				}
			}
			if tt.code == spine.CodeDenied && (err.Error() != "nrlgo: retrieve: denied: status 403 from the directory: broken (attempts 1, trace trace)" || e.Status != 403) {
				t.Errorf("the answer of the directory is lost: %v", err)
			}
		})
	}
}

func TestFailureOffersContactDetails(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		fault mocks.Fault
		code  spine.Code
	}{
		{"the provider has no record", mocks.Status(404), spine.CodeNoRecord},
		{"the SSP is out of order", mocks.Status(503), spine.CodeUnavailable},
		{"the body is cut", mocks.Truncate(10), spine.CodeIntegrity},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, settings{})
			b.sp.Serve(mocks.Record{URL: recordURL, Body: document})
			b.sp.Fault(mocks.Once(tt.fault))
			p := pointer(contact(b.sp.AddPage("/contact", "text/html", "Ring us")), pdf(recordURL))
			rec, err := b.get(t.Context(), p)
			if err == nil {
				_, err = io.Copy(io.Discard, rec)
			}
			offer, ok := errors.AsType[*ssp.NoRecordError](err)
			if !ok || offer.Contacts != 1 || spine.CodeOf(err) != tt.code || !strings.Contains(err.Error(), "contact details") {
				t.Fatalf("%v, want an offer with code %q", err, tt.code)
			}
			if e := b.trail.end(t); strings.Contains(e.Outcome, "contact details") {
				t.Errorf("the audit trail holds the offer: %s", e.Outcome)
			}
			if _, err := io.Copy(io.Discard, b.mustGet(t, p, ssp.Contact)); err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("not where contact details were asked for, or there are none", func(t *testing.T) {
		t.Parallel()
		b := setup(t, settings{})
		for _, p := range []nrl.Pointer{pointer(contact(b.sp.PublicURL() + "/missing")), pointer(pdf("https://unknown.example/"))} {
			_, err := b.get(t.Context(), p, ssp.Any)
			if _, ok := errors.AsType[*ssp.NoRecordError](err); ok || err == nil {
				t.Error(err)
			}
		}
	})
}

// A record that opens in a browser is a result of its own, with the page, and
// nothing is sent.
func TestInContextRecordIsNotFetched(t *testing.T) {
	t.Parallel()
	b := setup(t, settings{})
	const page = "https://p1.nhs.uk/secret-path?launch=1"
	open := nrl.Content{ContentType: "text/html", URL: page, Mechanism: "Direct_InContext"}
	rec, err := b.get(t.Context(), pointer(contact("https://p1.nhs.uk/contact"), open))
	found, ok := errors.AsType[*ssp.InContextError](err)
	if !ok || rec != nil || found.URL() != page || spine.CodeOf(err) != spine.CodeInvalid || strings.Contains(err.Error(), "secret-path") {
		t.Fatalf("%v, want the page", err)
	}
	if offer, ok := errors.AsType[*ssp.NoRecordError](err); !ok || offer.Contacts != 1 || len(b.sp.Requests())+len(b.trail.all()) != 0 {
		t.Errorf("%v, %d requests", err, len(b.sp.Requests()))
	}
}

func TestRetrieveConcurrently(t *testing.T) {
	t.Parallel()
	b := setup(t, settings{})
	b.sp.Serve(mocks.Record{URL: recordURL, Body: document})
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			rec, err := b.get(t.Context(), pointer(pdf(recordURL)))
			if err != nil {
				t.Error(err)
				return
			}
			if n, err := io.Copy(io.Discard, rec); err != nil || n != int64(len(document)) || rec.Close() != nil {
				t.Errorf("%d bytes, %v", n, err)
			}
		})
	}
	wg.Wait()
}
