package mocks_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nrlgo/nrlgo/mocks"
)

const scenario = `{
 "patients": ["9462206031"],
 "consumers": [{"asid": "200000000999", "ods": "B81001"}],
 "providers": [{"asid": "200000000777", "endpoints": ["https://p7.nhs.uk"]}],
 "forbidden": [{"consumer": "200000000115", "provider": "200000000777"}],
 "organisations": ["X26"],
 "pointers": [{"id": "one", "patient": "9462205957", "type": "736373009", "typeDisplay": "End of life care plan", "custodian": "RGD",
   "contents": [{"url": "https://p1.nhs.uk/a", "contentType": "text/html", "stability": "dynamic"}], "misfiledFor": ["9462206031"]}],
 "records": [{"patient": "9462205957", "url": "https://p1.nhs.uk/doc", "text": "0123456789", "describe": true},
   {"url": "https://p1.nhs.uk/bytes", "base64": "JVBERg=="}, {"url": "https://p1.nhs.uk/big", "size": 3000000}],
 "pages": [{"patient": "9462205957", "path": "/call", "text": "<p>call us</p>"}, {"path": "/plain", "text": "x", "plain": true}],
 "faults": [{"kind": "status", "service": "SSP", "status": 503, "times": 1}]
}`

func TestScenarioFillsAMock(t *testing.T) {
	t.Parallel()
	sp, c := setup(t)
	sc, err := mocks.ReadScenario(strings.NewReader(scenario))
	if err != nil {
		t.Fatal(err)
	}
	added, err := sp.Apply(sc)
	if err != nil {
		t.Fatal(err)
	}
	if len(added.Pointers) != 3 || added.Pointers[0] != "one" {
		t.Errorf("pointers %q", added.Pointers)
	}
	if diff := cmp.Diff([]string{sp.PublicURL() + "/call", sp.PlainURL() + "/plain"}, added.Pages); diff != "" {
		t.Errorf("pages: -want +got\n%s", diff)
	}
	if diff := cmp.Diff([]string{string(added.Pointers[0]), string(added.Pointers[1]), string(added.Pointers[2])}, ids(t, sp, c.send(t, c.search()))); diff != "" {
		t.Errorf("found: -want +got\n%s", diff)
	}
	misfiled := c.toNRL("/STU3/DocumentReference?subject=" + escape(subjectOf("9462206031")))
	if body := c.send(t, misfiled).body; !strings.Contains(body, `"code":"736373009","display":"End of life care plan"`) || !strings.Contains(body, subjectOf(patient)) {
		t.Errorf("misfiled: %s", body)
	}
	var statuses []int
	var bodies []string
	for _, url := range []string{doc, doc, "https://p1.nhs.uk/bytes", "https://p1.nhs.uk/big"} {
		r := c.send(t, c.retrieve(url))
		statuses, bodies = append(statuses, r.status), append(bodies, r.body)
	}
	if diff := cmp.Diff([]int{503, 200, 200, 200}, statuses); diff != "" || bodies[1] != "0123456789" || bodies[2] != "%PDF" || len(bodies[3]) != 3_000_000 {
		t.Errorf("%q, %q, %d bytes: -want +got\n%s", bodies[1], bodies[2], len(bodies[3]), diff)
	}
	shared := c.retrieve("https://p7.nhs.uk/x")
	shared.header["Ssp-To"] = []string{"200000000777"}
	if o := readOutcome(t, c.send(t, shared)); o.Diagnostics != "FOT_CHECK_FAILED_MESSAGESENDER_200000000115_MESSAGERECEIVER_200000000777" {
		t.Errorf("forbidden: %+v", o)
	}
}

// Every fault is named, and nothing is added.
func TestScenarioIsCheckedFirst(t *testing.T) {
	t.Parallel()
	sp, c := setup(t)
	sc, err := mocks.ReadScenario(strings.NewReader(`{"patients":["9462205957","123"],"consumers":[{"asid":"1"}],"organisations":[""],
		"pointers":[{"patient":""}],"records":[{"text":"a","size":1},{"url":"https://p1.nhs.uk","size":1,"describe":true}],
		"pages":[{"path":"x"}],"faults":[{"kind":"none"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	_, err = sp.Apply(sc)
	if !errors.Is(err, mocks.ErrScenario) || !errors.Is(err, mocks.ErrFault) {
		t.Fatalf("got %v", err)
	}
	for _, where := range []string{
		"patients[1]", "consumers[0].asid", "consumers[0].ods", "organisations[0]", "pointers[0].patient", "records[0]: url is missing",
		"records[0]: more than one", "records[1]: size", "pages[0]: path", "faults[0]",
	} {
		if !strings.Contains(err.Error(), where) {
			t.Errorf("%q is not in %v", where, err)
		}
	}
	if strings.Contains(err.Error(), "patients[0]") {
		t.Errorf("a good patient is named: %v", err)
	}
	if r := c.send(t, c.search()); r.status != 404 {
		t.Errorf("status %d: something was added", r.status)
	}
}

func TestScenariosThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"no JSON": "patients:", "an unknown member": `{"patient":["1"]}`, "a list": `[]`, "two documents": `{}{}`,
		"an unknown service": `{"faults":[{"kind":"reset","service":"SDS2"}]}`,
	} {
		if _, err := mocks.ReadScenario(strings.NewReader(text)); !errors.Is(err, mocks.ErrScenario) {
			t.Errorf("%s: got %v, want ErrScenario", name, err)
		}
	}
}

func TestResetForgetsWhatWasAdded(t *testing.T) {
	t.Parallel()
	sp, c := setup(t, mocks.WithTestBench())
	sp.AddRecord(number, mocks.Record{URL: doc, Body: []byte("x")})
	sp.Revoke(sp.ServerCertificate())
	sp.Fault(mocks.Status(503))
	c.send(t, c.search())
	sp.Reset()
	if len(sp.Requests()) != 0 || len(sp.PendingFaults()) != 0 || sp.Report().Total != 0 || len(serials(t, sp.CRLURL())) != 0 {
		t.Errorf("%d requests, faults %v", len(sp.Requests()), sp.PendingFaults())
	}
	if r := c.send(t, c.retrieve(doc)); r.status != 404 {
		t.Errorf("the record is still there: status %d", r.status)
	}
	if found := ids(t, sp, c.send(t, c.search())); len(found) != 2 { // those of the test bench
		t.Errorf("found %q", found)
	}
}
