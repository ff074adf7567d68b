package mocks

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/nrlgo/nrlgo/auth/nhs"
)

// trigger is a failure that a value provokes.
type trigger struct {
	status int
	issue  issue
}

// BenchID is the pointer id of the test bench with that mark, such as "ab12"
// (NRL simulator page).
func BenchID(mark string) ID {
	return ID("c037a0cb-" + mark + "-4976-83a1-a5d2703e6aa3-1a2b3c4d5e6f7g8h9i0j")
}

// BenchRecordURL is the record URL of the test bench that answers with that
// status: 200, or one of 400, 403, 404, 405, 409, 410, 422, 429, 444, 495,
// 496, 497, 502, 503, 504, 599 (NRL simulator page).
func BenchRecordURL(status int) string {
	code := 2000 + status
	if status == http.StatusOK {
		code = 1001
	}
	return fmt.Sprintf("https://p1.nhs.uk/bench/SSP_%d", code)
}

// benchStatuses are the failures that a record's URL can provoke.
var benchStatuses = []int{400, 403, 404, 405, 409, 410, 422, 429, 444, 495, 496, 497, 502, 503, 504, 599}

// fillBench adds what [WithTestBench] promises.
func (s *Spine) fillBench() {
	s.benchPointers()
	s.benchFailures()
	pdf := []byte("%PDF-1.4\n% test bench\n")
	s.Serve(Record{URL: BenchRecordURL(http.StatusOK), Body: pdf})
	for _, status := range benchStatuses {
		s.Serve(Record{URL: BenchRecordURL(status), Body: pdf})
	}
}

func (s *Spine) benchPointers() {
	contents := []Content{{URL: BenchRecordURL(http.StatusOK)}}
	number := nhs.MustParseNumber
	add := func(patient string, p Pointer) {
		p.Patient, p.Contents = number(patient), contents
		s.AddPointer(p)
	}
	const master = "urn:oid:1.3.6.1.4.1.21367.2005.3.7"
	replaces := Pointer{MasterID: master, ReplacesMasterID: "urn:oid:1.3.6.1.4.1.21367.2005.3.6"}
	for patient, pointers := range map[string][]Pointer{
		"9462205957": {{}, {}},
		"9462206031": {replaces, replaces},
		"9462205736": {{Custodian: "RR8"}, {Custodian: "RR8"}},
		"9462206058": {withCustodian(replaces, "RR8"), withCustodian(replaces, "RR8")},
		"9462205906": {{}, {}},
		"9462206066": {replaces, replaces},
		"9462205922": {{}, {}, {}},
	} {
		for _, p := range pointers {
			add(patient, p)
		}
	}
	for _, patient := range []string{"9462205965", "9462205787", "9462205914", "9462205981"} {
		s.AddPatient(number(patient))
	}
	s.AddOrganisation(nhs.MustParseODSCode("RGD"))
	// Ids stand apart from the patients that searches find.
	const subject = "9462206074"
	add(subject, Pointer{ID: BenchID("ab12")})
	add(subject, Pointer{ID: BenchID("ef56"), MasterID: master})
	add(subject, Pointer{ID: BenchID("gh78")})
	add(subject, Pointer{ID: BenchID("ij90"), MasterID: master})
	add(subject, Pointer{ID: BenchID("cd34"), Status: "superseded"}) // found by no search
	add(subject, Pointer{ID: BenchID("er05"), Status: "superseded"})
}

func withCustodian(p Pointer, ods string) Pointer {
	p.Custodian = ods
	return p
}

func (s *Spine) benchFailures() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range []struct {
		mark, patient string
		trigger       trigger
	}{
		{"er15", "9462205655", trigger{http.StatusBadRequest, badNumber}},
		{"er16", "9462205671", trigger{http.StatusBadRequest, badParameter}},
		{"er23", "9462205833", trigger{http.StatusBadRequest, badHeader}},
		{"er27", "9462205701", trigger{http.StatusNotFound, notFound}},
		{"er99", "9462205841", trigger{http.StatusUnsupportedMediaType, badMediaType}},
	} {
		f.trigger.issue.diagnostics = "A failure of the test bench"
		s.failing[string(BenchID(f.mark))], s.failing[f.patient] = f.trigger, f.trigger
	}
}

// benchRecord is the record of a URL of the test bench, which its end decides.
func (s *Spine) benchRecord(url string) *Record {
	if !s.options.bench || !strings.HasSuffix(url, "SSP_1001") {
		return nil
	}
	return s.records[BenchRecordURL(http.StatusOK)]
}

// failingRecord is the failure of a record URL of the test bench, which its
// end decides.
func (s *Spine) failingRecord(url string) (trigger, bool) {
	if !s.options.bench {
		return trigger{}, false
	}
	for _, status := range benchStatuses {
		if strings.HasSuffix(url, fmt.Sprintf("SSP_%d", 2000+status)) {
			text := http.StatusText(status)
			return trigger{status, issue{code: "processing", spine: strconv.Itoa(status), display: text, diagnostics: text, system: sspSystem}}, true
		}
	}
	return trigger{}, false
}
