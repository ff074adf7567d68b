package client_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nrlgo/nrlgo/auth"
	"github.com/nrlgo/nrlgo/auth/nhs"
	"github.com/nrlgo/nrlgo/client"
	"github.com/nrlgo/nrlgo/client/audit"
	"github.com/nrlgo/nrlgo/client/spine"
	"github.com/nrlgo/nrlgo/mocks"
	"github.com/nrlgo/nrlgo/mocks/mockstest"
	"github.com/nrlgo/nrlgo/nrl"
	"github.com/nrlgo/nrlgo/ssp"
)

const patientDigits = "9462205957"

var (
	patient = nhs.MustParseNumber(patientDigits)
	pdf     = []byte("%PDF-1.4\n% a plan\n")
)

// pointers are those of a search without a problem.
func pointers(t *testing.T, s *client.Session, q nrl.Query) []nrl.Pointer {
	t.Helper()
	var all []nrl.Pointer
	for p, err := range s.Search(t.Context(), q) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}

// line is what a test looks at in an audit entry.
type line struct {
	Kind   spine.AuditKind
	Op     spine.Op
	Status int
	Bytes  int64
}

func TestSearchThenRetrieveWithOneSetOfAssets(t *testing.T) {
	t.Parallel()
	sp := mocks.Run(t)
	sp.AddRecord(patient, mocks.Record{URL: "https://p1.nhs.uk/doc?id=1", Body: pdf, Describe: true})
	trail := new(audit.Memory)
	s := mockstest.Session(t, sp, func(c *client.Config) { c.Audit = trail })

	found := pointers(t, s, nrl.Query{Patient: patient, Type: nrl.MentalHealthCrisisPlan})
	if len(found) != 1 {
		t.Fatalf("%d pointers, want 1", len(found))
	}
	read, err := s.Read(t.Context(), found[0].ID, patient)
	if err != nil || read.ID != found[0].ID {
		t.Errorf("Read: %v, %v", read, err)
	}
	if n, err := s.Count(t.Context(), nrl.Query{Patient: patient}); n != 1 || err != nil {
		t.Errorf("Count: %d, %v", n, err)
	}
	rec, err := s.Retrieve(t.Context(), found[0], ssp.PDF)
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if _, err := io.Copy(&got, rec); err != nil {
		t.Fatal(err)
	}
	if err := rec.Close(); err != nil || !bytes.Equal(pdf, got.Bytes()) {
		t.Errorf("record %q, closed with %v", got.Bytes(), err)
	}

	var lines []line
	calls, serials := map[string]bool{}, map[string]bool{}
	for _, e := range trail.Entries() {
		lines = append(lines, line{e.Kind, e.Op, e.Status, e.Bytes})
		calls[e.CallID] = true
		if e.Requester != mockstest.Requester() || e.Patient != patient && e.Op != spine.OpRead {
			t.Errorf("the %s line of %s names another requester or patient", e.Kind, e.Op)
		}
	}
	var want []line
	for i, op := range []spine.Op{spine.OpSearch, spine.OpRead, spine.OpCount, spine.OpRetrieve} {
		want = append(want, line{spine.AuditRequest, op, 0, 0}, line{spine.AuditResponse, op, 200, 0}, line{spine.AuditEnd, op, 200, lines[3*i+2].Bytes})
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("audit trail (-want +got):\n%s", diff)
	}
	if len(calls) != 4 || lines[11].Bytes != int64(len(pdf)) {
		t.Errorf("%d call ids, want 4; %d bytes of the record, want %d", len(calls), lines[11].Bytes, len(pdf))
	}
	for _, r := range sp.Requests() {
		serials[r.ClientCertificate.SerialNumber.String()] = true
	}
	if v := sp.Violations(); len(serials) != 1 || len(v) > 0 {
		t.Errorf("%d client certificates, want 1; the mock found %v", len(serials), v)
	}
}

func TestOneClientServesManyRequesters(t *testing.T) {
	t.Parallel()
	sp := mocks.Run(t)
	sp.AddPointer(mocks.Pointer{Patient: patient})
	c := mockstest.Client(t, sp)
	const practices = 64
	want := map[string]bool{}
	var all sync.WaitGroup
	for i := range practices {
		r := auth.Requester{
			Organisation: nhs.MustParseODSCode(fmt.Sprintf("P%d", i)), ASID: nhs.MustParseASID(fmt.Sprintf("2000001%05d", i)),
			User: auth.Professional(nhs.MustParseRoleProfileID(strconv.Itoa(100 + i))),
		}
		sp.AllowConsumer(r.ASID, r.Organisation)
		want[r.Organisation.Code()+" "+r.ASID.Digits()+" "+r.User.RoleProfile.Digits()] = true
		all.Go(func() {
			for _, err := range c.As(r).Search(t.Context(), nrl.Query{Patient: patient}) {
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	got := map[string]bool{}
	last := func(claim any) string { s := fmt.Sprint(claim); return s[strings.LastIndex(s, "|")+1:] }
	for _, r := range sp.Requests() {
		got[last(r.Claims["requesting_organization"])+" "+r.Values("fromASID")[0]+" "+last(r.Claims["requesting_user"])] = true
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("who asked (-want +got):\n%s", diff)
	}
	if v := sp.Violations(); len(v) > 0 {
		t.Errorf("the mock found %v", v)
	}
}

func TestNoCallWithoutARequester(t *testing.T) {
	t.Parallel()
	sp := mocks.Run(t)
	sp.AddRecord(patient, mocks.Record{URL: "https://p1.nhs.uk/1", Body: pdf})
	c := mockstest.Client(t, sp)
	p := pointers(t, c.As(mockstest.Requester()), nrl.Query{Patient: patient})[0]
	before := len(sp.Requests())
	for name, r := range map[string]auth.Requester{
		"nobody":          {},
		"no user":         {Organisation: mockstest.Requester().Organisation, ASID: mockstest.Requester().ASID},
		"no organisation": {ASID: mockstest.Requester().ASID, User: mockstest.Requester().User},
		"no ASID":         {Organisation: mockstest.Requester().Organisation, User: mockstest.Requester().User},
	} {
		s := c.As(r)
		var errs []error
		for _, err := range s.Search(t.Context(), nrl.Query{Patient: patient}) {
			errs = append(errs, err)
		}
		_, err := s.Read(t.Context(), "x", patient)
		errs = append(errs, err)
		_, err = s.Count(t.Context(), nrl.Query{Patient: patient})
		errs = append(errs, err)
		_, err = s.Retrieve(t.Context(), p, ssp.PDF)
		for _, err := range append(errs, err) {
			if client.CodeOf(err) != client.CodeInvalid || !errors.Is(err, auth.ErrRequester) {
				t.Errorf("%s: got %v, want an incomplete requester", name, err)
			}
		}
	}
	if n := len(sp.Requests()) - before; n != 0 {
		t.Errorf("%d requests were sent", n)
	}
}

func TestServiceThatIsNotConfigured(t *testing.T) {
	t.Parallel()
	sp := mocks.Run(t)
	sp.AddRecord(patient, mocks.Record{URL: "https://p1.nhs.uk/1", Body: pdf})
	p := pointers(t, mockstest.Session(t, sp), nrl.Query{Patient: patient})[0]
	onlyNRL := mockstest.Session(t, sp, func(c *client.Config) { c.SSPURL = "" })
	if _, err := onlyNRL.Retrieve(t.Context(), p); client.CodeOf(err) != client.CodeConfig || !strings.Contains(err.Error(), "SSPURL") {
		t.Errorf("without an SSP: %v", err)
	}
	onlySSP := mockstest.Session(t, sp, func(c *client.Config) { c.NRLURL, c.SpineASID = "", nhs.ASID{} })
	for _, err := range onlySSP.Search(t.Context(), nrl.Query{Patient: patient}) {
		if client.CodeOf(err) != client.CodeConfig || !strings.Contains(err.Error(), "NRLURL") {
			t.Errorf("without a locator: %v", err)
		}
	}
	rec, err := onlySSP.Retrieve(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	if err := rec.Close(); err != nil {
		t.Error(err)
	}
}

// A server that must be refused gets no request, and the error says why.
func TestRefusedServerGetsNoRequest(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		edit   func(*client.Config)
		opts   []mocks.Option
		text   string
		server string
	}{
		"another root": {edit: func(c *client.Config) {
			c.Trust = trustOf(t, testPKI(t, "another").BundlePEM())
		}, text: "unknown authority", server: "bad certificate"},
		"a name that is not listed": {opts: []mocks.Option{mocks.WithServerLeaf(commonNameOnly(t))}, text: "no subjectAltName", server: "bad certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sp := mocks.Run(t, tt.opts...)
			s := mockstest.Session(t, sp, func(c *client.Config) {
				if tt.edit != nil {
					tt.edit(c)
				}
			})
			for _, err := range s.Search(t.Context(), nrl.Query{Patient: patient}) {
				e, ok := errors.AsType[*client.Error](err)
				if !ok || e.Code != client.CodeCertificate || e.Attempts != 1 || !strings.Contains(err.Error(), tt.text) || !errors.Is(err, auth.ErrUntrusted) {
					t.Errorf("got %v, want %q", err, tt.text)
				}
			}
			waitFor(t, "the server's view of the handshake", func() bool { return strings.Contains(sp.ServerLog(), tt.server) })
			if n := len(sp.Requests()); n != 0 {
				t.Errorf("%d requests were sent", n)
			}
		})
	}
}

func TestCloseRefusesNewCalls(t *testing.T) {
	t.Parallel()
	sp := mocks.Run(t)
	c := mockstest.Client(t, sp)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := c.As(mockstest.Requester()).Count(t.Context(), nrl.Query{Patient: patient})
	if !errors.Is(err, spine.ErrClosed) || len(sp.Requests()) != 0 {
		t.Errorf("got %v and %d requests, want ErrClosed and none", err, len(sp.Requests()))
	}
}
