package nhs_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nrlgo/nrlgo/auth/nhs"
)

// everyVerb is each verb of fmt, the wrong ones included, with and without flags.
var everyVerb = []string{
	"%v", "%+v", "%#v", "%s", "%q", "%+q", "%#q", "%d", "%x", "%X", "% x", "%#x", "%o", "%b", "%c",
	"%U", "%e", "%g", "%t", "%p", "%w", "%z", "%10.3v", "%-30s", "%010d",
}

func TestMaskedInFmt(t *testing.T) {
	t.Parallel()
	forEach(t, fmtTest, fmtTest, fmtTest, fmtTest)
}

func fmtTest[T identifier](t *testing.T, k kind[T]) {
	t.Helper()
	type nested struct {
		Exported   T
		unexported T
	}
	id := k.must(k.a)
	in := nested{id, id}
	var any1 any = id
	values := map[string]any{
		"value": id, "pointer": &id, "pointer to pointer": new(&id), "interface": &any1,
		"struct": in, "pointer to struct": &in, "struct in unexported field": struct{ in nested }{in},
		"unexported pointer": struct{ p *T }{&id}, "slice": []T{id}, "unexported slice": struct{ s []T }{[]T{id}},
		"array": [1]T{id}, "map value": map[string]T{"k": id}, "map key": map[T]string{id: "v"},
		"unexported map": struct{ m map[T]T }{map[T]T{id: id}}, "embedded": struct{ nested }{in},
		"unexported interface": struct{ a any }{id}, "error argument": fmt.Errorf("of %v: %w", id, errors.ErrUnsupported),
	}
	for name, v := range values {
		for _, verb := range everyVerb {
			if got := fmt.Sprintf(verb, v); leaks(got, k.a) {
				t.Errorf("%s of %s shows the identifier", verb, name)
			}
		}
		if leaks(fmt.Sprint(v)+fmt.Sprintln(v), k.a) {
			t.Errorf("Print of %s shows the identifier", name)
		}
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d", "%q", "%x"} {
		if diff := cmp.Diff(k.mask, fmt.Sprintf(verb, id)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", verb, diff)
		}
	}
}

// leaks looks for a text as it is, in hexadecimal, and as decimal bytes.
func leaks(got, secret string) bool {
	got = strings.ToLower(got)
	decimal := strings.Trim(fmt.Sprintf("%d", []byte(secret)), "[]")
	hex := fmt.Sprintf("%x", secret)
	spaced := fmt.Sprintf("% x", secret)
	for _, s := range []string{strings.ToLower(secret), decimal, hex, spaced} {
		if strings.Contains(got, s) {
			return true
		}
	}
	return false
}

func TestMaskedInLogsAndJSON(t *testing.T) {
	t.Parallel()
	forEach(t, encodeTest, encodeTest, encodeTest, encodeTest)
}

func encodeTest[T identifier](t *testing.T, k kind[T]) {
	t.Helper()
	type nested struct {
		ID         T
		Pointer    *T
		List       []T
		Map        map[string]T
		unexported T
	}
	id := k.must(k.a)
	in := nested{id, &id, []T{id}, map[string]T{"k": id}, id}
	var buf bytes.Buffer
	opt := &slog.HandlerOptions{AddSource: true}
	for _, h := range []slog.Handler{slog.NewTextHandler(&buf, opt), slog.NewJSONHandler(&buf, opt)} {
		l := slog.New(h)
		l.Info("m", "id", id, "in", in, "pointer", &in)
		l.Info("m", slog.Any("pointer", &id), slog.Group("g", slog.Any("id", &id)))
		l.With("id", id).WithGroup("g").Warn("m", "list", []any{id, in})
	}
	whole, err := json.MarshalIndent(map[string]any{"id": id, "in": in}, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	buf.Write(whole)
	if err := template.Must(template.New("").Parse(`{{.}} {{.ID}} <script>{{.ID}}</script>`)).Execute(&buf, in); err != nil {
		t.Fatal(err)
	}
	if leaks(buf.String(), k.a) {
		t.Errorf("the identifier shows in:\n%s", buf.String())
	}
	if n := strings.Count(buf.String(), k.mask); n < 10 {
		t.Errorf("%d masks, want more: the test does not see what it tests", n)
	}
	one, err := json.Marshal(id)
	if diff := cmp.Diff(`"`+k.mask+`"`, string(one)); diff != "" || err != nil {
		t.Errorf("JSON (-want +got), %v:\n%s", err, diff)
	}
}

func TestJSONMapKeyAndUnmarshalFail(t *testing.T) {
	t.Parallel()
	forEach(t, jsonFailTest, jsonFailTest, jsonFailTest, jsonFailTest)
}

func jsonFailTest[T identifier](t *testing.T, k kind[T]) {
	t.Helper()
	if out, err := json.Marshal(map[T]int{k.must(k.a): 1}); err == nil || leaks(err.Error(), k.a) {
		t.Errorf("as a JSON map key: %s, error %v; want an error without the identifier", out, err)
	}
	var id T
	if err := json.Unmarshal([]byte(`"`+k.a+`"`), &id); err == nil || leaks(err.Error(), k.a) || !id.IsZero() {
		t.Errorf("unmarshalled without its parser: error %v", err)
	}
}

func TestZeroIsAbsent(t *testing.T) {
	t.Parallel()
	forEach(t, zeroTest, zeroTest, zeroTest, zeroTest)
}

func zeroTest[T identifier](t *testing.T, k kind[T]) {
	t.Helper()
	var zero T
	out, err := json.Marshal(struct {
		A T
		B T `json:",omitzero"`
	}{})
	got := []any{zero.IsZero(), k.text(zero), zero.String(), fmt.Sprintf("%+v", zero), string(out), err}
	want := []any{true, "", k.none, k.none, `{"A":"` + k.none + `"}`, error(nil)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("zero value (-want +got):\n%s", diff)
	}
	if k.must(k.a).IsZero() {
		t.Error("a parsed value is zero")
	}
}

func TestComparable(t *testing.T) {
	t.Parallel()
	forEach(t, compareTest, compareTest, compareTest, compareTest)
}

func compareTest[T identifier](t *testing.T, k kind[T]) {
	t.Helper()
	var zero T
	a, again, b := k.must(k.a), k.must(strings.Clone(k.a)), k.must(k.b)
	tests := []struct {
		name string
		x, y T
		want bool
	}{
		{"same text parsed twice", a, again, true},
		{"other text", a, b, false},
		{"absent and absent", zero, zero, true},
		{"absent and present", zero, a, false},
	}
	for _, tt := range tests {
		if got := []bool{tt.x == tt.y, k.equal(tt.x, tt.y), cmp.Equal(tt.x, tt.y)}; !cmp.Equal([]bool{tt.want, tt.want, tt.want}, got) {
			t.Errorf("%s: ==, Equal, cmp.Equal = %v, want %t", tt.name, got, tt.want)
		}
	}
	m := map[T]string{a: "a", b: "b"}
	m[again] = "again"
	if diff := cmp.Diff(map[T]string{a: "again", b: "b"}, m); diff != "" {
		t.Errorf("as map keys (-want +got):\n%s", diff)
	}
	type outer struct{ Name, Other T }
	if diff := cmp.Diff(outer{a, b}, outer{again, b}); diff != "" {
		t.Errorf("go-cmp needs no option, got:\n%s", diff)
	}
}

func TestPeopleWritingOfANumberIsTheSameValue(t *testing.T) {
	t.Parallel()
	if nhs.MustParseNumber("943 476 5919") != nhs.MustParseNumber("9434765919") {
		t.Error("spaces make another value")
	}
}

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	var wg sync.WaitGroup
	shared := nhs.MustParseNumber("9434765919")
	for range 8 {
		wg.Go(func() {
			for range 200 {
				n, err := nhs.ParseNumber("9434765919")
				if err != nil || n != shared || n.Digits() != "9434765919" || !n.Equal(shared) || n.String() != shared.String() {
					t.Errorf("differs under concurrency: %v", err)
					return
				}
			}
		})
	}
	wg.Wait()
}
