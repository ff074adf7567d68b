package audit

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nrlgo/nrlgo/auth"
	"github.com/nrlgo/nrlgo/auth/nhs"
	"github.com/nrlgo/nrlgo/client/spine"
)

// plain is a copy of AuditEntry without methods, so that cmp looks inside.
type plain spine.AuditEntry

func readAll(t *testing.T, r io.Reader) (entries []spine.AuditEntry, damaged []int) {
	t.Helper()
	for line, err := range Read(r) {
		if bad, ok := errors.AsType[*LineError](err); ok {
			damaged = append(damaged, bad.Number)
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, line.Entry)
	}
	return entries, damaged
}

func TestLineKeepsEveryField(t *testing.T) {
	t.Parallel()
	v := reflect.ValueOf(full())
	for i := range v.NumField() {
		if v.Field(i).IsZero() {
			t.Errorf("the full entry of these tests lacks %s", v.Type().Field(i).Name)
		}
	}
	number := nhs.MustParseNumber("9434765919")
	tests := []struct {
		name  string
		entry spine.AuditEntry
	}{
		{"each field set", full()},
		{"as little as can be", least()},
		{"request", changed(func(e *spine.AuditEntry) { e.Kind, e.Body, e.Status = spine.AuditRequest, nil, 0 })},
		{"no body is not an empty body", changed(func(e *spine.AuditEntry) { e.Body = nil })},
		{"an empty body is not none", changed(func(e *spine.AuditEntry) { e.Body = []byte{} })},
		{"a body that is not UTF-8", changed(func(e *spine.AuditEntry) { e.Body = []byte("%PDF \xff\xfe\n") })},
		{"a body with U+FFFD of its own", changed(func(e *spine.AuditEntry) { e.Body = []byte("\ufeff\ufffd\u2029</script>\r\n") })},
		{"citizen", changed(func(e *spine.AuditEntry) { e.Requester.User = auth.Citizen(number) })},
		{"delegate", changed(func(e *spine.AuditEntry) {
			e.Requester.User = auth.CitizenDelegate(number, nhs.MustParseNumber("9876543210"))
		})},
		{"unattended", changed(func(e *spine.AuditEntry) { e.Requester.User = auth.User{} })},
		{"public page", changed(func(e *spine.AuditEntry) { e.Service, e.To = spine.Public, nhs.ASID{} })},
		{"a service that the table lacks", changed(func(e *spine.AuditEntry) { e.Service = 99 })},
		{"a local time becomes UTC", changed(func(e *spine.AuditEntry) { e.Time = e.Time.In(time.FixedZone("", 3600)) })},
		{"line feeds in a text", changed(func(e *spine.AuditEntry) { e.Outcome = "a\nb\r\n\"c\\" })},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			line, err := encode(&tt.entry)
			if err != nil {
				t.Fatal(err)
			}
			if n := strings.Count(string(line), "\n"); n != 1 || !json.Valid(line) {
				t.Fatalf("%d line feeds, valid JSON: %t", n, json.Valid(line))
			}
			got, damaged := readAll(t, strings.NewReader(string(line)))
			if len(got) != 1 || damaged != nil {
				t.Fatalf("%d entries, damaged %v", len(got), damaged)
			}
			tt.entry.Time = tt.entry.Time.UTC()
			if diff := cmp.Diff(plain(tt.entry), plain(got[0])); diff != "" {
				t.Errorf("read back (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLineIsAsDocumented(t *testing.T) {
	t.Parallel()
	e := full()
	line, err := encode(&e)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"v":1,"kind":"response","call_id":"call-1","attempt":2,"time":"2026-03-04T05:06:07.000000089Z","op":"retrieve",` +
		`"service":"SSP","action":"view record","from_asid":"200000000117","ods_code":"RXQ72","user":"professional",` +
		`"user_id":"555254242106","to_asid":"999999999999","verb":"GET","url":"https://clinicals.nhs.uk/https%3A%2F%2Fp1.nhs.uk?a=<b>&c",` +
		`"record_url":"https://p1.nhs.uk","nhs_number":"9434765919","pointer_id":"0a1b2c","trace_id":"trace-1","engine":"openssl",` +
		`"tls_version":"TLS 1.2","cipher_suite":"TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384","note":"revocation: off: test","status":404,` +
		`"body":"{\"secret\":\"é \\u2028\"}\n\u0000\u2028","bytes":1099511627776,"outcome":"ok"}` + "\n"
	if diff := cmp.Diff(want, string(line)); diff != "" {
		t.Errorf("line (-want +got):\n%s", diff)
	}
}

// The documentation is the contract: its table names the members in order.
func TestDocumentationNamesEachMember(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	var got, want []string
	for _, m := range regexp.MustCompile(`(?m)^//\t([a-z0-9_]+) {2,}\S`).FindAllStringSubmatch(string(doc), -1)[1:] {
		got = append(got, m[1])
	}
	for _, m := range members {
		want = append(want, m.name)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("members (-code +documentation):\n%s", diff)
	}
}

func TestEntryThatIsNoLineIsRefused(t *testing.T) {
	t.Parallel()
	number := nhs.MustParseNumber("9434765919")
	tests := []struct {
		name   string
		change func(*spine.AuditEntry)
	}{
		{"no kind", func(e *spine.AuditEntry) { e.Kind = "" }},
		{"unknown kind", func(e *spine.AuditEntry) { e.Kind = "secret" }},
		{"no call id", func(e *spine.AuditEntry) { e.CallID = "" }},
		{"year 10000", func(e *spine.AuditEntry) { e.Time = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) }},
		{"negative status", func(e *spine.AuditEntry) { e.Status = -1 }},
		{"negative attempt", func(e *spine.AuditEntry) { e.Attempt = -1 }},
		{"negative bytes", func(e *spine.AuditEntry) { e.Bytes = -1 }},
		{"professional and citizen", func(e *spine.AuditEntry) { e.Requester.User.Citizen = number }},
		{"professional and delegate", func(e *spine.AuditEntry) { e.Requester.User.Delegate = number }},
		{"delegate of nobody", func(e *spine.AuditEntry) { e.Requester.User = auth.User{Delegate: number} }},
	}
	f, path := open(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := f.WriteAudit(t.Context(), changed(tt.change))
			if !errors.Is(err, ErrEntry) {
				t.Fatalf("error %v, want ErrEntry", err)
			}
			noSecrets(t, err)
		})
	}
	t.Cleanup(func() {
		if fi, err := os.Stat(path); err != nil || fi.Size() != 0 {
			t.Errorf("something was written: %v", err)
		}
	})
}

func noSecrets(t *testing.T, err error) {
	t.Helper()
	for _, verb := range []string{"%v", "%+v", "%#v", "%q"} {
		text := fmt.Sprintf(verb, err)
		if i := slices.IndexFunc(secrets, func(s string) bool { return strings.Contains(text, s) }); i >= 0 {
			t.Errorf("%s of the error holds %q", verb, secrets[i])
		}
	}
}

func TestReadRefusesWhatFileDoesNotWrite(t *testing.T) {
	t.Parallel()
	e := full()
	good, err := encode(&e)
	if err != nil {
		t.Fatal(err)
	}
	replace := func(old, text string) string {
		if !strings.Contains(string(good), old) {
			t.Fatalf("no %s in the line", old)
		}
		return strings.Replace(string(good), old, text, 1)
	}
	tests := []struct{ name, line string }{
		{"empty", "\n"},
		{"null", "null\n"},
		{"array", "[]\n"},
		{"empty object", "{}\n"},
		{"two objects", strings.TrimSuffix(string(good), "\n") + string(good)},
		{"half a line", string(good[:len(good)/2]) + "\n"},
		{"unknown member", replace(`"v":1`, `"v":1,"x":"secret"`)},
		{"member in other case", replace(`"url"`, `"URL"`)},
		{"member twice", replace(`"verb":"GET"`, `"verb":"GET","verb":"GET"`)},
		{"other version", replace(`"v":1`, `"v":2`)},
		{"version missing", replace(`"v":1,`, ``)},
		{"unknown kind", replace(`"response"`, `"answer"`)},
		{"kind missing", replace(`"kind":"response",`, ``)},
		{"call id missing", replace(`"call_id":"call-1",`, ``)},
		{"call id empty", replace(`"call-1"`, `""`)},
		{"null for absent", replace(`"GET"`, `null`)},
		{"number for a text", replace(`"GET"`, `1`)},
		{"object for a text", replace(`"GET"`, `{}`)},
		{"array for a text", replace(`"GET"`, `["GET"]`)},
		{"text for a number", replace(`404`, `"404"`)},
		{"fraction", replace(`404`, `404.5`)},
		{"exponent", replace(`404`, `4e2`)},
		{"negative", replace(`404`, `-404`)},
		{"zero for absent", replace(`404`, `0`)},
		{"too large", replace(`1099511627776`, `99999999999999999999`)},
		{"status too large", replace(`404`, `4294967296`)},
		{"time with an offset", replace(`089Z`, `089+01:00`)},
		{"time without nanoseconds", replace(`.000000089Z`, `Z`)},
		{"time that is none", replace(`2026-03-04`, `2026-02-30`)},
		{"NHS number with a wrong check digit", replace(`9434765919`, `9434765918`)},
		{"NHS number in groups", replace(`9434765919`, `943 476 5919`)},
		{"ASID too short", replace(`200000000117`, `20000000011`)},
		{"ODS code in small letters", replace(`RXQ72`, `rxq72`)},
		{"user missing", replace(`"user":"professional",`, ``)},
		{"user contradicts", replace(`"professional"`, `"citizen"`)},
		{"user id of nobody", replace(`"professional"`, `"unattended"`)},
		{"user is two", replace(`"user_id"`, `"citizen_nhs_number":"9434765919","user_id"`)},
		{"unknown service", replace(`"SSP"`, `"secret"`)},
		{"service by number though it has a name", replace(`"SSP"`, `"service 2"`)},
		{"both bodies", replace(`"bytes"`, `"body_base64":"/w==","bytes"`)},
		{"base64 of what is UTF-8", strings.Replace(string(good), `"body":`, `"body_base64":`, 1)},
		{"bytes that are not UTF-8", replace(`trace-1`, "trace\xff")},
		{"space after", strings.TrimSuffix(string(good), "\n") + " x\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var errs []error
			var numbers []int
			for line, err := range Read(strings.NewReader(string(good) + tt.line + string(good))) {
				if err != nil {
					errs = append(errs, err)
					continue
				}
				numbers = append(numbers, line.Number)
			}
			if len(errs) != 1 || !errors.Is(errs[0], ErrLine) {
				t.Fatalf("errors %v, want one ErrLine", errs)
			}
			noSecrets(t, errs[0])
			bad, _ := errors.AsType[*LineError](errs[0])
			if diff := cmp.Diff([]int{1, 2, 3}, []int{numbers[0], bad.Number, numbers[1]}); diff != "" {
				t.Errorf("line numbers (-want +got):\n%s", diff)
			}
		})
	}
}
