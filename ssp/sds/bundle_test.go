package sds

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nrlgo/nrlgo/auth/nhs"
	"github.com/nrlgo/nrlgo/client/spine/fhirtext"
	"github.com/nrlgo/nrlgo/ssp"
)

// The published examples are resources, and Bundles that point to them as a
// specification does and no server.
func TestPublishedExamples(t *testing.T) {
	t.Parallel()
	dir := os.Getenv("NRL_FIXTURES")
	if dir == "" {
		t.Skip("NRL_FIXTURES is not set: the published examples are not there")
	}
	read := func(name string) string {
		t.Helper()
		text, err := os.ReadFile(filepath.Join(dir, "sds", name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	whole := func(kind string) []byte {
		t.Helper()
		list := read(kind + "Bundle.json")
		with := strings.Replace(list, "{\n            \"$ref\": \"Device.json\"\n          }", read("Device.json"), 1)
		with = strings.Replace(with, "{\n        \"$ref\": \"Endpoint.json\"\n      }", read("Endpoint.json"), 1)
		if with == list {
			t.Fatal("the Bundle does not point to its resource")
		}
		return []byte(with)
	}
	l := &lookup{question: ssp.Lookup{Organisation: nhs.MustParseODSCode("A20047")}}
	systems, err := readBundle(whole("Device"), "Device", l.system)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]ssp.System{{ASID: nhs.MustParseASID("200000000985"), PartyKey: "A20047-821870"}}, systems); diff != "" {
		t.Errorf("systems (-want +got)\n%s", diff)
	}
	endpoints, err := readBundle(whole("Endpoint"), "Endpoint", endpoint)
	if err != nil {
		t.Fatal(err)
	}
	want := []ssp.Endpoint{{
		PartyKey: "YES-0000806", FQDN: "msg.int.spine2.ncrs.nhs.uk", Address: "https://msg.int.spine2.ncrs.nhs.uk/reliablemessaging/reliablerequest",
	}}
	if diff := cmp.Diff(want, endpoints); diff != "" {
		t.Errorf("endpoints (-want +got)\n%s", diff)
	}
	if _, err := readBundle([]byte(read("DeviceBundle.json")), "Device", l.system); !errors.Is(err, ssp.ErrDirectory) {
		t.Errorf("a Bundle without its resource: %v", err)
	}
}

func FuzzReadBundle(f *testing.F) {
	const device = `{"resourceType":"Device","identifier":[{"system":"https://fhir.nhs.uk/Id/nhsSpineASID","value":"200000000240"},` +
		`{"system":"https://fhir.nhs.uk/Id/nhsMhsPartyKey","value":"RR8-1"}],"owner":{"identifier":{"value":"RR8"}}}`
	const point = `{"resourceType":"Endpoint","status":"active","address":"https://p1.nhs.uk/x","identifier":[{"system":"https://fhir.nhs.uk/Id/nhsMhsFQDN","value":"p1.nhs.uk"}]}`
	for _, r := range []string{device, point, `{"resourceType":"OperationOutcome","issue":[{"code":"x"}]}`, `null`, `[]`} {
		f.Add(fmt.Appendf(nil, `{"resourceType":"Bundle","type":"searchset","total":1,"link":[{"relation":"self"}],"entry":[{"resource":%s,"search":{"mode":"match"}}]}`, r))
	}
	f.Add([]byte(`{"resourceType":"Bundle","type":"searchset","total":0}`))
	f.Add([]byte(`<Bundle xmlns="http://hl7.org/fhir"><type value="searchset"/><total value="0"/></Bundle>`))
	l := &lookup{question: ssp.Lookup{Organisation: nhs.MustParseODSCode("RR8")}}
	f.Fuzz(func(t *testing.T, body []byte) {
		systems, err := readBundle(body, "Device", l.system)
		judge(t, body, len(systems), err)
		endpoints, err := readBundle(body, "Endpoint", endpoint)
		judge(t, body, len(endpoints), err)
		for _, e := range ssp.Join(systems, endpoints) {
			if e.Host == "" {
				t.Error("an entry fits every host")
			}
		}
	})
}

// judge holds a result against the tree of the text: an error has a sentinel
// and no list, a list is as long as the server says.
func judge(t *testing.T, body []byte, n int, err error) {
	t.Helper()
	if err != nil {
		if !errors.Is(err, ssp.ErrDirectory) || n != 0 || len(err.Error()) > 200 {
			t.Fatalf("%d entries, %v", n, err)
		}
		return
	}
	d, err := fhirtext.Parse(body)
	if err != nil {
		t.Fatal(err)
	}
	if total, ok := d.Root().Child("total").Int(); !ok || total != int64(n) || d.Root().Type() != "Bundle" {
		t.Fatalf("%d entries of %d in a %s", n, total, d.Root().Type())
	}
}
