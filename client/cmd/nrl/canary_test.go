package main

import (
	"bytes"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/nrlgo/nrlgo/auth/nhs"
	"github.com/nrlgo/nrlgo/mocks"
)

// What must never come out where it does not belong.
const (
	canaryNumber = "9434765919"
	canaryASID   = "200000099999"
	canaryODS    = "CANARYODS1"
	canaryToken  = "eyJhbGciOiJub25lIn0.eyJjYW5hcnkiOiJ0cnVlIn0."
	canaryKey    = "Q0FOQVJZLUtFWS1DQU5BUlktS0VZ" // of a PEM block
	canaryPath   = "canary/record-7"
	canaryURL    = "https://p1.nhs.uk/" + canaryPath
)

var canaries = []string{canaryNumber, canaryASID, canaryODS, canaryToken, canaryKey, canaryPath}

// canaryPEM is a key that must not be shown.
const canaryPEM = "-----BEGIN PRIVATE KEY-----\n" + canaryKey + "\n-----END PRIVATE KEY-----"

// canaryValues are what somebody may give to any flag.
var canaryValues = []string{canaryNumber, canaryASID, canaryODS, canaryToken, canaryPEM, canaryURL}

// leaks names the canaries in a text.
func leaks(text string) []string {
	var found []string
	for _, c := range canaries {
		if strings.Contains(strings.ToLower(text), strings.ToLower(c)) {
			found = append(found, c)
		}
	}
	return found
}

// judge fails for a canary among the messages, and for one in the data of a
// run that failed.
func judge(t *testing.T, what string, r result) {
	t.Helper()
	if found := leaks(r.errout); found != nil {
		t.Errorf("%s: standard error holds %q:\n%s", what, found, r.errout)
	}
	if found := leaks(r.out); found != nil && r.status != statusDone {
		t.Errorf("%s: standard output of a failure holds %q:\n%s", what, found, r.out)
	}
	if r.status != statusDone && r.errout == "" && !strings.Contains(r.out, "FAIL") {
		t.Errorf("%s: exit status %d without a word", what, r.status)
	}
	for line := range strings.Lines(r.errout) {
		if !strings.HasPrefix(line, "nrl: ") && !strings.HasPrefix(line, "time=") {
			t.Errorf("%s: a message does not begin with nrl: %q", what, line)
		}
	}
}

// withMock starts a mock and gives the variables that reach it.
func withMock(t *testing.T) (*mocks.Spine, map[string]string) {
	t.Helper()
	sp, dir := mocks.Run(t), t.TempDir()
	if err := sp.WriteFiles(dir); err != nil {
		t.Fatal(err)
	}
	return sp, settings(sp.NRLURL(), sp.SSPURL(), dir)
}

// calls are a well-formed call of each command.
func calls(pointer mocks.ID, out string) map[string][]string {
	return map[string][]string{
		"search": {"search", "--patient", canaryNumber}, "read": {"read", string(pointer)},
		"count": {"count", "--patient", canaryNumber}, "retrieve": {"retrieve", "--patient", canaryNumber, "--out", out},
		"doctor": {"doctor"},
	}
}

func TestNoValueOfAFlagIsShown(t *testing.T) {
	t.Chdir(t.TempDir()) // a value given to --audit makes a file
	sp, env := withMock(t)
	sp.AddPatient(nhs.MustParseNumber(canaryNumber))
	commands := calls("a-pointer", t.TempDir())
	root := new(app).rootCommand()
	for _, c := range root.Commands() {
		if call := commands[c.Name()]; call != nil {
			noValueIsShown(t, env, call, c.LocalNonPersistentFlags())
			delete(commands, c.Name())
		}
	}
	if len(commands) > 0 {
		t.Fatalf("no such commands: %v", commands)
	}
	for _, call := range [][]string{{"search", "--patient", canaryNumber}, {"doctor"}} {
		noValueIsShown(t, env, call, root.PersistentFlags())
	}
	for _, v := range canaryValues {
		for _, args := range [][]string{{v}, {"help", v}, {"--" + v}, {"__complete", v}, {"__completeNoDesc", "search", "--patient", v}} {
			r := runWith(t.Context(), env, args...)
			judge(t, fmt.Sprintf("nrl %.12s", args), r)
			if r.status != statusUsage {
				t.Errorf("nrl %.12s: exit status %d, want 2", args, r.status)
			}
		}
	}
}

// noValueIsShown gives every canary to each flag and its variable, and where
// no value belongs.
func noValueIsShown(t *testing.T, env map[string]string, call []string, fs *pflag.FlagSet) {
	t.Helper()
	fs.VisitAll(func(f *pflag.Flag) {
		variable := "NRL_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		for _, v := range canaryValues {
			judge(t, fmt.Sprintf("%s --%s=%.12s", call[0], f.Name, v), runWith(t.Context(), env, append(call, "-v", "--"+f.Name+"="+v)...))
		}
		changed := maps.Clone(env)
		changed[variable] = canaryNumber
		judge(t, fmt.Sprintf("%s with %s", call[0], variable), runWith(t.Context(), changed, append(call, "-v")...))
	})
	for _, v := range canaryValues {
		for _, args := range [][]string{{v, v}, {"--" + v}, {"-" + v}, {"--" + v + "=1"}, {"-o" + v}} {
			judge(t, fmt.Sprintf("%s and %.12s", call[0], args), runWith(t.Context(), env, append(call, args...)...))
		}
	}
}

func TestNoPartOfAnURLIsShown(t *testing.T) {
	t.Parallel()
	_, env := withMock(t)
	env["NRL_TIMEOUT"] = "100ms"
	for _, arg := range []string{
		"--nrl-url=https://127.0.0.1:1/" + canaryPath, "--nrl-url=https://user:" + canaryToken + "@127.0.0.1:1", "--nrl-url=https://" + canaryNumber + "/%zz",
		"--ssp-url=https://127.0.0.1:1/" + canaryPath, "--proxy=http://user:" + canaryNumber + "@127.0.0.1:1", "--proxy=http://" + canaryNumber + "@:x",
		"--aud=" + canaryURL, "--issuer=" + canaryURL,
	} {
		for _, command := range []string{"search", "doctor"} {
			judge(t, command+" "+arg, runWith(t.Context(), env, append(calls("", "")[command], "-v", arg)...))
		}
	}
}

func TestNothingOfAFileIsShown(t *testing.T) {
	t.Parallel()
	_, good := withMock(t)
	block := func(kind, text string) []byte {
		return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: []byte(text), Headers: map[string]string{"Note": canaryNumber}})
	}
	key, err := base64.StdEncoding.DecodeString(canaryKey)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{
		"no PEM at all":         []byte(strings.Join(canaryValues, "\n")),
		"a key of no meaning":   block("PRIVATE KEY", string(key)),
		"a PKCS#1 key of none":  block("RSA PRIVATE KEY", string(key)),
		"an encrypted key":      block("ENCRYPTED PRIVATE KEY", string(key)),
		"a certificate of none": block("CERTIFICATE", string(key)),
		"a cut block":           []byte(strings.TrimSuffix(canaryPEM, "-----END PRIVATE KEY-----")),
		"another block":         block(canaryNumber, string(key)),
	} {
		file := filepath.Join(t.TempDir(), "file.pem")
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, variable := range []string{"NRL_CERT", "NRL_KEY", "NRL_CA"} {
			env := maps.Clone(good)
			env[variable] = file
			for _, command := range []string{"search", "doctor"} {
				r := runWith(t.Context(), env, append(calls("", "")[command], "-v")...)
				judge(t, fmt.Sprintf("%s with %s of %s", command, name, variable), r)
				if r.status != statusCertificate {
					t.Errorf("%s with %s of %s: exit status %d, want 6:\n%s", command, name, variable, r.status, r.errout)
				}
			}
		}
	}
}

// outcomeFull is an OperationOutcome with canaries wherever text is.
var outcomeFull = fmt.Sprintf(`{"resourceType":"OperationOutcome","id":%[1]q,"issue":[{"severity":"error","code":%[1]q,
"details":{"coding":[{"system":"https://x/%[1]s","code":%[2]q,"display":%[3]q}],"text":%[3]q},"diagnostics":%[3]q,"expression":[%[4]q]}]}`,
	canaryNumber, canaryODS, strings.Join([]string{"ASID_CHECK_FAILED_MESSAGESENDER_" + canaryASID, canaryToken, canaryKey}, " "), canaryURL)

func TestNothingOfAnAnswerIsShown(t *testing.T) {
	t.Parallel()
	text := strings.Join(canaryValues, " ")
	faults := map[string]mocks.Fault{
		"a page":                mocks.Body(200, "text/html", "<html>"+text+"</html>"),
		"a type of canaries":    mocks.Body(200, "text/"+canaryNumber+"; a="+canaryASID, text),
		"a malformed type":      mocks.Body(200, canaryNumber+" "+canaryToken, text),
		"malformed JSON":        mocks.Body(200, "application/fhir+json", `{"resourceType":"Bundle",`+text),
		"malformed XML":         mocks.Body(200, "application/fhir+xml", "<Bundle><"+canaryNumber+" "+canaryODS+"=1>"),
		"another resource":      mocks.Body(200, "application/fhir+json", fmt.Sprintf(`{"resourceType":%q,%q:%q}`, canaryODS, canaryNumber, canaryToken)),
		"a bundle of nonsense":  mocks.Body(200, "application/fhir+json", fmt.Sprintf(`{"resourceType":"Bundle","type":"searchset","total":1,"entry":[{"resource":{"resourceType":"DocumentReference","id":%q,"status":%q,%q:1}}]}`, canaryNumber, canaryToken, canaryODS)),
		"an outcome with 200":   mocks.Body(200, "application/fhir+json", outcomeFull),
		"a redirect":            mocks.Redirect(canaryURL),
		"no HTTP":               mocks.Raw(text + "\r\n\r\n"),
		"a malformed head":      mocks.Raw("HTTP/1.1 200 OK\r\n" + canaryNumber + "\r\n" + canaryToken + ": \x00\r\n\r\n"),
		"a malformed status":    mocks.Raw("HTTP/1.1 " + canaryNumber + " " + canaryToken + "\r\n\r\n"),
		"a malformed length":    mocks.Raw("HTTP/1.1 200 OK\r\nContent-Length: " + canaryNumber + "x\r\n\r\n"),
		"a malformed chunk":     mocks.Raw("HTTP/1.1 200 OK\r\nContent-Type: application/pdf\r\nTransfer-Encoding: chunked\r\n\r\n" + canaryODS + "\r\n"),
		"a strange Retry-After": mocks.Status(429, mocks.Field{Name: "Retry-After", Value: canaryNumber}),
		"a cut body":            mocks.Raw("HTTP/1.1 200 OK\r\nContent-Type: application/fhir+json\r\nContent-Length: 999999\r\n\r\n" + text),
	}
	for _, status := range []int{400, 401, 403, 404, 410, 422, 444, 495, 500, 503, 599} {
		faults[fmt.Sprintf("an outcome with %d", status)] = mocks.Body(status, "application/fhir+json", outcomeFull)
		faults[fmt.Sprintf("a page with %d", status)] = mocks.Body(status, "text/html", "<title>"+text+"</title>")
	}
	for name, f := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sp, env := withMock(t)
			env["NRL_TIMEOUT"] = "200ms" // retries show no more
			env["NRL_ALLOW_PRIVATE"] = "true"
			dir := t.TempDir()
			id := sp.AddRecord(nhs.MustParseNumber(canaryNumber), mocks.Record{URL: canaryURL, Body: []byte("%PDF-")})
			contact := sp.AddPointer(mocks.Pointer{Patient: nhs.MustParseNumber("9462205957"), Contents: []mocks.Content{
				{URL: sp.AddPlainPage("/"+canaryPath, "application/pdf", "%PDF-"), ContentType: "application/pdf", Format: mocks.FormatContact},
			}})
			record := []string{"retrieve", "--pointer", string(id), "--out", dir}
			page := []string{"retrieve", "--pointer", string(contact), "--out", dir, "--format", "contact"}
			all := calls(id, dir)
			for service, calls := range map[mocks.Service][][]string{
				mocks.NRL: {all["search"], all["read"], all["count"], all["retrieve"]}, mocks.SSP: {record, all["retrieve"]}, mocks.Plain: {page},
			} {
				sp.ClearFaults()
				sp.Fault(mocks.On(service, f))
				for _, args := range calls {
					r := runWith(t.Context(), env, append(args, "-v")...)
					judge(t, fmt.Sprintf("%s, a fault of the %s", args[0], service), r)
					if r.status == statusDone {
						t.Errorf("%s, a fault of the %s: exit status 0", args[0], service)
					}
				}
			}
			if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
				t.Errorf("files are left: %v, %v", left, err)
			}
		})
	}
}

// TestCanariesAreNoticed: the judge would see them, and the audit trail, which
// is for them, has them.
func TestCanariesAreNoticed(t *testing.T) {
	t.Parallel()
	for _, v := range canaryValues {
		if leaks("nrl: x "+v+" y") == nil {
			t.Errorf("%.20q is not noticed", v)
		}
	}
	sp, env := withMock(t)
	sp.AddRecord(nhs.MustParseNumber(canaryNumber), mocks.Record{URL: canaryURL, Body: []byte("%PDF-")})
	r := runWith(t.Context(), env, "search", "--patient", canaryNumber, "-o", "json", "-v")
	judge(t, "search", r)
	if r.status != statusDone || !strings.Contains(r.out, canaryNumber) || !strings.Contains(r.out, canaryURL) {
		t.Errorf("the data of a good search: %+v", r)
	}
	trail, err := os.ReadFile(env["NRL_AUDIT"])
	if err != nil || !bytes.Contains(trail, []byte(canaryNumber)) {
		t.Errorf("the audit trail lacks the patient (%v)", err)
	}
}
