package client_test

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const modulePath = "github.com/nrlgo/nrlgo"

// room is what a package may import beside the standard library, outside its
// tests.
type room struct {
	inside  []string // packages of this module; "*" is any
	outside []string // other modules, by path
}

// rooms are all packages. A pattern that ends in /* is one folder deep.
var rooms = map[string]room{
	"auth/nhs":                 {},
	"auth/revocation":          {outside: []string{"golang.org/x/crypto/ocsp"}},
	"auth":                     {inside: []string{"auth/nhs", "auth/revocation"}, outside: []string{"software.sslmate.com/src/go-pkcs12"}},
	"auth/openssl":             {inside: []string{"auth"}},
	"auth/internal/enginetest": {inside: []string{"auth", "auth/revocation", "mocks/pki"}, outside: []string{"golang.org/x/crypto/ocsp"}}, // for tests of both engines
	"client/spine":             {inside: []string{"auth", "auth/nhs", "client/spine/fhirtext"}, outside: []string{"github.com/hashicorp/go-retryablehttp"}},
	"client/spine/fhirtext":    {outside: []string{"github.com/go-json-experiment/json/jsontext"}},
	"nrl": {
		inside:  []string{"auth", "auth/nhs", "client/spine", "client/spine/fhirtext"}, // auth: who asks
		outside: []string{"github.com/samply/golang-fhir-models/fhir-models"},
	},
	"ssp":             {inside: []string{"client/spine", "nrl", "auth", "auth/nhs"}},
	"ssp/sds":         {inside: []string{"client/spine", "client/spine/fhirtext", "ssp", "auth", "auth/nhs"}},
	"ssp/sds/ldap":    {inside: []string{"client/spine", "ssp", "auth", "auth/nhs"}, outside: []string{"github.com/go-ldap/ldap/v3"}},
	"client":          {inside: []string{"auth/nhs", "auth/revocation", "auth", "auth/openssl", "client/spine", "nrl", "ssp"}},
	"client/audit":    {inside: []string{"client/spine", "auth", "auth/nhs"}},
	"client/cmd/nrl":  {inside: []string{"*"}, outside: []string{"github.com/spf13/cobra", "github.com/spf13/pflag"}},
	"mocks/pki":       {},
	"mocks":           {inside: []string{"mocks/pki", "auth/nhs"}},
	"mocks/mockstest": {inside: []string{"mocks", "client", "client/audit", "client/spine", "auth", "auth/nhs", "auth/openssl", "auth/revocation", "nrl", "ssp"}},
	"mocks/cmd/*":     {inside: []string{"mocks", "mocks/pki", "auth/nhs"}},
	"examples/*":      {inside: []string{"*"}},
}

// roomOf finds the room of a package, by name or by pattern.
func roomOf(name string) (room, bool) {
	if r, ok := rooms[name]; ok {
		return r, true
	}
	r, ok := rooms[filepath.ToSlash(filepath.Dir(name))+"/*"]
	return r, ok
}

// goList runs go list at the top of the module.
func goList(t *testing.T, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"list"}, args...)...)
	cmd.Dir = ".."
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return out
}

func TestPackagesImportWhatTheirRoomAllows(t *testing.T) {
	t.Parallel()
	dec := json.NewDecoder(bytes.NewReader(goList(t, "-json=ImportPath,Imports", "./...")))
	for n := 0; ; n++ {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if !dec.More() {
			if n == 0 {
				t.Error("go list named no package")
			}
			return
		}
		if err := dec.Decode(&p); err != nil {
			t.Fatal(err)
		}
		name := strings.TrimPrefix(p.ImportPath, modulePath+"/")
		r, ok := roomOf(name)
		if !ok {
			t.Errorf("package %s is new: say what it may import, in the table rooms of client/rooms_test.go", name)
			continue
		}
		for _, path := range p.Imports {
			if !r.allows(path) {
				t.Errorf("package %s imports %s, which the table rooms of client/rooms_test.go does not allow it", name, path)
			}
		}
	}
}

func (r room) allows(path string) bool {
	if inside, ok := strings.CutPrefix(path, modulePath+"/"); ok {
		return slices.Contains(r.inside, "*") || slices.Contains(r.inside, inside)
	}
	if first, _, _ := strings.Cut(path, "/"); !strings.Contains(first, ".") {
		return true // the standard library, and "C"
	}
	return slices.ContainsFunc(r.outside, func(m string) bool { return path == m || strings.HasPrefix(path, m+"/") })
}

func TestRoomAllows(t *testing.T) {
	t.Parallel()
	r := rooms["auth"]
	for path, want := range map[string]bool{
		"net/http": true, modulePath + "/auth/nhs": true, modulePath + "/nrl": false, modulePath + "/auth/nhs/x": false,
		"github.com/spf13/cobra": false, "software.sslmate.com/src/go-pkcs12": true, "software.sslmate.com/src/go-pkcs12x": false,
	} {
		if r.allows(path) != want {
			t.Errorf("auth may import %s: %t, want %t", path, !want, want)
		}
	}
	if _, ok := roomOf("examples/new"); !ok {
		t.Error("an example has no room")
	}
	if _, ok := roomOf("util"); ok {
		t.Error("a new package has a room")
	}
}

func TestClientBringsNoHeavyDependency(t *testing.T) {
	t.Parallel()
	deps := strings.Fields(string(goList(t, "-deps", "./client")))
	if !slices.Contains(deps, modulePath+"/auth") {
		t.Fatal("go list -deps does not show what client imports")
	}
	for _, d := range deps {
		for _, heavy := range []string{"github.com/go-ldap/", "github.com/spf13/", "go.opentelemetry.io/", "testing", modulePath + "/mocks"} {
			if strings.HasPrefix(d, heavy) {
				t.Errorf("importing client pulls in %s", d)
			}
		}
	}
}

// source is a text file of the project, by its path from the top.
type source struct {
	path string
	text []byte
}

func (s source) isGo() bool   { return filepath.Ext(s.path) == ".go" }
func (s source) isTest() bool { return strings.HasSuffix(s.path, "_test.go") }

// sources are the files that people write.
func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if d.Name() == ".git" {
				return fs.SkipDir
			}
			return nil
		}
		script := filepath.Base(filepath.Dir(path)) == ".ci" && filepath.Ext(path) == ""
		if !script && !slices.Contains([]string{".go", ".md", ".yml", ".sh"}, filepath.Ext(path)) {
			return nil
		}
		text, err := os.ReadFile(path)
		all = append(all, source{filepath.ToSlash(strings.TrimPrefix(path, ".."+string(filepath.Separator))), text})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(all, func(s source) bool { return s.path == "client/rooms_test.go" }) {
		t.Fatal("this file is not among the sources: the walk is wrong")
	}
	return all
}

func TestFilesAndFunctionsAreShort(t *testing.T) {
	t.Parallel()
	const fileLines, testLines, funcLines = 600, 800, 60
	for _, s := range sources(t) {
		most := fileLines
		if s.isTest() {
			most = testLines
		}
		if n := bytes.Count(s.text, []byte("\n")); n > most {
			t.Errorf("%s has %d lines, more than %d", s.path, n, most)
		}
		if !s.isGo() || s.isTest() {
			continue
		}
		set, file := parse(t, s)
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			if n := set.Position(f.End()).Line - set.Position(f.Pos()).Line + 1; n > funcLines {
				t.Errorf("%s: function %s has %d lines, more than %d", s.path, f.Name.Name, n, funcLines)
			}
		}
	}
}

func parse(t *testing.T, s source) (*token.FileSet, *ast.File) {
	t.Helper()
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, s.path, s.text, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	return set, file
}

// crypto/tls verifies by itself only with rules that Spine's certificates do
// not meet; the one place that switches it off verifies with auth.Trust.
func TestVerificationIsSwitchedOffInOnePlace(t *testing.T) {
	t.Parallel()
	var found []string
	for _, s := range sources(t) {
		if !s.isGo() || s.isTest() {
			continue
		}
		_, file := parse(t, s)
		ast.Inspect(file, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok && id.Name == "InsecureSkipVerify" {
				found = append(found, s.path)
			}
			return true
		})
	}
	if len(found) != 1 || filepath.ToSlash(filepath.Dir(found[0])) != "auth" {
		t.Errorf("InsecureSkipVerify stands in %v, want one place, in a file of auth", found)
	}
}
