package mocks_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nrlgo/nrlgo/auth/nhs"
	"github.com/nrlgo/nrlgo/mocks"
)

// found is what the tests read of a searchset that a fault has changed.
type found struct {
	Total int
	Link  []struct{ Relation, URL string }
	Entry []struct {
		Resource struct {
			ID, Status string
			Subject    struct{ Reference string }
		}
	}
}

func TestFaultsOfASearchset(t *testing.T) {
	t.Parallel()
	type entry struct{ Status, Subject string }
	mine, theirs := subjectOf(patient), subjectOf("9990536392")
	for _, tt := range []struct {
		name    string
		fault   mocks.Fault
		total   int
		entries []entry
		next    string
	}{
		{"one of another patient", mocks.WrongPatient(), 2, []entry{{"current", theirs}, {"current", mine}}, ""},
		{"one that is superseded", mocks.Superseded(), 2, []entry{{"superseded", mine}, {"current", mine}}, ""},
		{"one more that is unreadable", mocks.UnreadableEntry(), 3, []entry{{"current", mine}, {"current", mine}, {}}, ""},
		{"a total that is not that of the entries", mocks.WrongTotal(7), 7, []entry{{"current", mine}, {"current", mine}}, ""},
		{"a next page elsewhere", mocks.NextLink("https://elsewhere.example/?p=2"), 2, []entry{{"current", mine}, {"current", mine}}, "https://elsewhere.example/?p=2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			sp, c := setup(t)
			sp.AddPointer(mocks.Pointer{Patient: number})
			sp.AddPointer(mocks.Pointer{Patient: number})
			sp.AddRecord(number, mocks.Record{URL: doc, Body: []byte("x")}) // a third
			sp.AddPointer(mocks.Pointer{ID: "third", Patient: number, Status: "superseded"})
			sp.Fault(mocks.Once(tt.fault))
			if r := c.send(t, c.retrieve(doc)); r.status != 200 || r.body != "x" {
				t.Fatalf("a record used the fault up: %d %s", r.status, r.body)
			}
			var got found
			r := c.send(t, c.search())
			if err := json.Unmarshal([]byte(r.body), &got); err != nil || r.status != 200 {
				t.Fatalf("%v: %s", err, r.body)
			}
			var entries []entry
			for _, e := range got.Entry {
				entries = append(entries, entry{e.Resource.Status, e.Resource.Subject.Reference})
			}
			// The record's pointer is a third good one, before what was added.
			want := append(append([]entry{}, tt.entries[:2]...), append([]entry{{"current", mine}}, tt.entries[2:]...)...)
			total := tt.total
			if total != 7 {
				total++
			}
			if diff := cmp.Diff(want, entries); diff != "" || got.Total != total {
				t.Errorf("total %d, want %d: -want +got\n%s", got.Total, total, diff)
			}
			var next string
			for _, l := range got.Link {
				if l.Relation == "next" {
					next = l.URL
				}
			}
			if next != tt.next || len(got.Link) == 0 || got.Link[0].Relation != "self" {
				t.Errorf("links %+v, want next %q", got.Link, tt.next)
			}
			if clean := c.send(t, c.search()); strings.Contains(clean.body, "9990536392") || strings.Contains(clean.body, "superseded") {
				t.Errorf("the fault stayed: %s", clean.body)
			}
		})
	}
}

func TestFaultsOfAPointerThatIsRead(t *testing.T) {
	t.Parallel()
	sp, c := setup(t)
	stranger := nhs.MustParseNumber("9990536392")
	id := sp.AddPointer(mocks.Pointer{Patient: stranger})
	read := c.toNRL("/STU3/DocumentReference/" + string(id))
	read.header["Accept"] = []string{"application/fhir+xml"}
	for _, tt := range []struct {
		fault         mocks.Fault
		want, without string
	}{
		{mocks.WrongPatient(), subjectOf("9990569126"), "9990536392"},
		{mocks.Superseded(), `<status value="superseded"/>`, `"current"`},
		{mocks.UnreadableEntry(), `<id value="` + string(id) + `"/></DocumentReference>`, "subject"},
	} {
		sp.Fault(mocks.Once(tt.fault))
		r := c.send(t, read)
		if r.status != 200 || !strings.Contains(r.body, tt.want) || strings.Contains(r.body, tt.without) {
			t.Errorf("%s: want %q, not %q: %s", tt.fault, tt.want, tt.without, r.body)
		}
	}
}

func TestAddedTextIsNoPointerToAFault(t *testing.T) {
	t.Parallel()
	sp, c := setup(t)
	sp.AddRawEntry(number, `{"resourceType":"DocumentReference","status":"current"}`)
	sp.Fault(mocks.Superseded())
	if r := c.send(t, c.search()); r.status != 200 || strings.Contains(r.body, "superseded") {
		t.Errorf("status %d: %s", r.status, r.body)
	}
	want := []mocks.PendingFault{{Kind: "superseded"}}
	if diff := cmp.Diff(want, sp.PendingFaults()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
