package ssp

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nrlgo/nrlgo/client/spine"
	"github.com/nrlgo/nrlgo/nrl"
)

func TestChooseContent(t *testing.T) {
	t.Parallel()
	contact := func(media string) nrl.Content {
		return nrl.Content{URL: "https://p1.nhs.uk/c", ContentType: media, Format: nrl.Coding{Code: nrl.FormatContact}}
	}
	record := func(media string) nrl.Content {
		return nrl.Content{URL: "https://p1.nhs.uk/r", ContentType: media, Format: unstructured}
	}
	by := func(mechanism string, c nrl.Content) nrl.Content { c.Mechanism = mechanism; return c }
	faulty := func(c nrl.Content) nrl.Content { c.URL = "file:///x"; return c }
	const fhirJSON = "application/fhir+json"
	for _, tt := range []struct {
		name     string
		contents []nrl.Content
		options  []Option
		index    int
		err      error
	}{
		{"by default a PDF before others", []nrl.Content{contact(typePDF), record(typeHTML), record(typePDF)}, nil, 2, nil},
		{"by default any record", []nrl.Content{contact(typePDF), record(typeHTML)}, nil, 1, nil},
		{"by default contact details where nothing else is", []nrl.Content{contact(typeHTML)}, nil, 0, nil},
		{"by default no contact details beside a faulty record", []nrl.Content{contact(typeHTML), faulty(record(typePDF))}, nil, 1, ErrURL},
		{"nor beside one that opens in a browser", []nrl.Content{contact(typeHTML), by("InContext", record(typeHTML))}, nil, 1, ErrMechanism},
		{"the first of equals", []nrl.Content{record(typePDF), record(typePDF)}, nil, 0, nil},
		{"through the SSP before direct", []nrl.Content{by("Direct", record(typePDF)), record(typeHTML)}, nil, 1, nil},
		{"what can be had before what opens in a browser", []nrl.Content{by("InContext", record(typePDF)), by("Direct", record(typeHTML))}, nil, 1, nil},
		{"what opens in a browser before a faulty one", []nrl.Content{faulty(record(typePDF)), by("InContext", record(typeHTML))}, nil, 1, ErrMechanism},
		{"a sound one before a faulty one", []nrl.Content{faulty(record(typePDF)), record(typeHTML)}, nil, 1, nil},
		{"a faulty one that is all there is", []nrl.Content{faulty(record(typePDF))}, nil, 0, ErrURL},
		{"no content type to judge by", []nrl.Content{record(" ; q=1")}, nil, 0, ErrNoContent},
		{"PDF", []nrl.Content{record(typeHTML), record("Application/PDF; version=1")}, []Option{PDF}, 1, nil},
		{"PDF, not of contact details", []nrl.Content{contact(typePDF), record(typeHTML)}, []Option{PDF}, 0, ErrNoContent},
		{"HTML", []nrl.Content{record(typePDF), record(typeHTML)}, []Option{HTML}, 1, nil},
		{"Any is a record where there is one", []nrl.Content{contact(typePDF), record(typeHTML)}, []Option{Any}, 1, nil},
		{"Any is a faulty record rather than contact details", []nrl.Content{contact(typePDF), faulty(record(typeHTML))}, []Option{Any}, 1, ErrURL},
		{"Any is contact details where nothing else is", []nrl.Content{contact(typeHTML), contact(typePDF)}, []Option{Any}, 1, nil},
		{"Contact", []nrl.Content{record(typePDF), contact(typeHTML)}, []Option{Contact}, 1, nil},
		{"Contact, none", []nrl.Content{record(typePDF)}, []Option{Contact}, 0, ErrNoContent},
		{"a content type", []nrl.Content{record(typePDF), record(fhirJSON)}, []Option{ContentType("TEXT/json ; x=y")}, 1, nil},
		{"a content type that none has", []nrl.Content{record(typePDF)}, []Option{ContentType(typeXML)}, 0, ErrNoContent},
		{"an index", []nrl.Content{record(typePDF), contact(typeHTML)}, []Option{Content(1)}, 1, nil},
		{"an index that is none", []nrl.Content{record(typePDF)}, []Option{Content(1)}, 0, ErrNoContent},
		{"a negative index", []nrl.Content{record(typePDF)}, []Option{Content(-1)}, 0, ErrNoContent},
		{"the last preference", []nrl.Content{record(typePDF), record(typeHTML)}, []Option{PDF, Content(0), HTML}, 1, nil},
		{"no content", nil, []Option{Any}, 0, ErrNoContent},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var w wish
			for _, o := range tt.options {
				o.apply(&w)
			}
			got, err := testResolver(t).choose(tt.contents, w)
			if got.index != tt.index || !errors.Is(err, tt.err) {
				t.Errorf("content %d, %v; want %d, %v", got.index, err, tt.index, tt.err)
			}
		})
	}
}

func TestMediaTypes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		a, b string
		same bool
	}{
		{"application/pdf", "Application/PDF ; name=x", true},
		{"application/fhir+json", "application/json", true},
		{"application/json+fhir", "text/json", true},
		{"application/fhir+xml", "application/xml+fhir", true},
		{"text/xml", "application/xml", true},
		{"application/json", "application/xml", false},
		{"application/pdf", "text/html", false},
		{"", "", false},
		{"application/pdf", "", false},
	} {
		if sameMedia(tt.a, tt.b) != tt.same || sameMedia(tt.b, tt.a) != tt.same {
			t.Errorf("%q and %q: want %t", tt.a, tt.b, tt.same)
		}
	}
}

func TestFileName(t *testing.T) {
	t.Parallel()
	const usual = "da2b6e8a-3c8f-11e8-baae-6c3be5a609f5-58743434343434343434"
	for _, tt := range []struct {
		name, id string
		kind     Kind
		index    int
		media    string
		want     string
	}{
		{"an id of the NRL", usual, KindRecord, 0, "application/pdf", "record-" + usual + ".pdf"},
		{"contact details, another content", usual, KindContact, 2, "TEXT/html; charset=x", "contact-" + usual + "~2.html"},
		{"an id of v3", "Y05868.1_a-99", KindRecord, 0, "application/fhir+json", "record-Y05868.1_a-99.json"},
		{"a device of Windows", "NUL", KindRecord, 0, "text/xml", "record-NUL.xml"},
		{"an option", "-rf", KindRecord, 0, "text/plain", "record--rf.txt"},
		{"dots", "..", KindRecord, 0, "application/x-sh", "record-...bin"},
		{"an extension", "a.exe", KindRecord, 0, "application/pdf", "record-a.exe.pdf"},
		{"a path", "../../etc/passwd", KindRecord, 0, "application/pdf", "record-.._.._etc_passwd~3754d6cb3a38e118.pdf"},
		{"a path of Windows", `C:\x`, KindRecord, 0, "application/pdf", "record-C__x~520186e299d5d4f1.pdf"},
		{"what a hash adds", "a~1", KindRecord, 0, "application/pdf", "record-a_1~8f89ade691bd5d17.pdf"},
		{"a bar, as v3 has", "RQI|1", KindRecord, 1, "application/pdf", "record-RQI_1~942c3436fc2adb78~1.pdf"},
		{"control characters and letters", "a\x00\nö\xff", KindRecord, 0, "application/pdf", "record-a____~85ddf5986d5ade32.pdf"},
		{"100 bytes", strings.Repeat("x", 100), KindRecord, 0, "application/pdf", "record-" + strings.Repeat("x", 100) + ".pdf"},
		{"more", strings.Repeat("x", 101), KindRecord, 0, "application/pdf", "record-" + strings.Repeat("x", 60) + "~c675a2e604b0cd12.pdf"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, fileName(tt.kind, tt.id, tt.index, tt.media)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// Both ways to give a file its name never replace one, and clean up.
func TestPublish(t *testing.T) {
	t.Parallel()
	ways := map[string]func(root *os.Root, temp, name string) error{"link": publish, "rename": renameNew}
	for _, tt := range []struct {
		name  string
		taken func(t *testing.T, path string)
		err   error
		files map[string]string // after it
	}{
		{"a free name", func(*testing.T, string) {}, nil, map[string]string{"x.pdf": "new"}},
		{"a file", func(t *testing.T, path string) {
			t.Helper()
			if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, ErrExists, map[string]string{"x.pdf": "old", "x.part": "new"}},
		{"a link that leads nowhere", func(t *testing.T, path string) {
			t.Helper()
			if err := os.Symlink("nowhere", path); err != nil {
				t.Fatal(err)
			}
		}, ErrExists, map[string]string{"x.pdf": "a link", "x.part": "new"}},
	} {
		for way, publish := range ways {
			t.Run(way+" to "+tt.name, func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				root, err := os.OpenRoot(dir)
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = root.Close() }()
				if err := root.WriteFile("x.part", []byte("new"), 0o600); err != nil {
					t.Fatal(err)
				}
				tt.taken(t, filepath.Join(dir, "x.pdf"))
				if err := publish(root, "x.part", "x.pdf"); !errors.Is(err, tt.err) {
					t.Errorf("%v, want %v", err, tt.err)
				}
				if diff := cmp.Diff(tt.files, folder(t, dir)); diff != "" {
					t.Errorf("files (-want +got)\n%s", diff)
				}
			})
		}
	}
	t.Run("what is not there leaves no name", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		root, err := os.OpenRoot(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = root.Close() }()
		if err := publish(root, "x.part", "x.pdf"); !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
		if diff := cmp.Diff(map[string]string{}, folder(t, dir)); diff != "" {
			t.Errorf("files (-want +got)\n%s", diff)
		}
	})
}

// folder are the files of a folder and what is in them.
func folder(t *testing.T, dir string) map[string]string {
	t.Helper()
	all, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, e := range all {
		files[e.Name()] = "a link"
		if e.Type().IsRegular() {
			text, err := os.ReadFile(filepath.Join(dir, e.Name()))
			if err != nil {
				t.Fatal(err)
			}
			files[e.Name()] = string(text)
		}
	}
	return files
}

func TestNewReportsEveryFault(t *testing.T) {
	t.Parallel()
	base := func(text string) *url.URL {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	good := Config{Exchange: new(spine.Client), Base: base("https://proxy.example:8443/")}
	for _, tt := range []struct {
		name   string
		edit   func(*Config)
		faults []string
	}{
		{"none", func(*Config) {}, nil},
		{"everything", func(c *Config) { *c = Config{ProxyHosts: []string{"https://x"}, MaxBytes: -1} }, []string{"Exchange", "Base is missing", "ProxyHosts", "MaxBytes"}},
		{"http", func(c *Config) { c.Base = base("http://proxy.example") }, []string{"https://host"}},
		{"a path", func(c *Config) { c.Base = base("https://proxy.example/ssp") }, []string{"https://host"}},
		{"a query", func(c *Config) { c.Base = base("https://proxy.example?") }, []string{"https://host"}},
		{"userinfo", func(c *Config) { c.Base = base("https://u@proxy.example") }, []string{"https://host"}},
		{"a host that is none", func(c *Config) { c.Base = base("https://-proxy.example") }, []string{"valid host"}},
		{"a proxy host with a path", func(c *Config) { c.ProxyHosts = []string{"proxy.example/x"} }, []string{"ProxyHosts"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := good
			tt.edit(&c)
			got, err := New(c)
			if (err == nil) != (tt.faults == nil) || (got == nil) != (err != nil) {
				t.Fatal(err)
			}
			for _, f := range tt.faults {
				if !strings.Contains(fmt.Sprint(err), f) {
					t.Errorf("%q is not in %v", f, err)
				}
			}
		})
	}
}

func TestNewKnowsItsOwnProxy(t *testing.T) {
	t.Parallel()
	c, err := New(Config{
		Exchange: new(spine.Client), Base: &url.URL{Scheme: "https", Host: "Own.example:8443"}, ProxyHosts: []string{"other.example"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range []string{"https://own.example:8443/h.uk/x", "ssp://OTHER.example/h.uk/x", "https://" + proxy + "/h.uk/x"} {
		if got, err := c.resolver.resolve(nrl.Content{URL: u}); err != nil || got.provider != "https://h.uk/x" {
			t.Errorf("%s: %q, %v", u, got.provider, err)
		}
	}
	if c.config.MaxBytes != 1<<30 {
		t.Errorf("MaxBytes %d", c.config.MaxBytes)
	}
}
