package mocks

import (
	"slices"
	"strconv"
)

// revised edits a copy of the resource in an answer that has pointers; other
// answers it leaves alone.
func revised(name string, edit func(e *exchange, tree *element)) Fault {
	return Fault{
		name: name,
		fits: func(e *exchange) bool { return len(e.answer.tree.pointers()) > 0 },
		serve: func(e *exchange) {
			tree := e.answer.tree.clone()
			edit(e, tree)
			e.answer = e.resource(e.answer.status, tree)
			e.send()
		},
	}
}

// strangers are patients whom no answer is about: one at least is not the
// patient that was asked for. Both are of Spine's live test patients (NRL
// simulator page).
var strangers = []string{"9990536392", "9990569126"}

// WrongPatient makes the first pointer of an answer one of another patient
// (hazard NRL08). Who then asks for its record is noted in the report.
func WrongPatient() Fault {
	return revised("wrong-patient", func(e *exchange, tree *element) {
		p := tree.pointers()[0]
		subject := p.child("subject").child("reference")
		if subject == nil {
			return
		}
		stranger := strangers[0]
		if subject.value == patientBase+stranger {
			stranger = strangers[1]
		}
		subject.value = patientBase + stranger
		e.spine.lay(dutyWrongPatient, p.urls()...)
	})
}

// Superseded makes the first pointer of an answer one that is not current
// (hazard NRL05). Who then asks for its record is noted in the report.
func Superseded() Fault {
	return revised("superseded", func(e *exchange, tree *element) {
		p := tree.pointers()[0]
		if status := p.child("status"); status != nil {
			status.value = "superseded"
			e.spine.lay(dutyNotCurrent, p.urls()...)
		}
	})
}

// UnreadableEntry adds an entry to a searchset whose pointer has an id and
// nothing else (hazard NRL01); of a read, only the id is left.
func UnreadableEntry() Fault {
	return revised("unreadable-entry", func(_ *exchange, tree *element) {
		bare := resource("DocumentReference", opaqueID())
		if tree.kind != "Bundle" {
			tree.kids = slices.DeleteFunc(tree.kids, func(kid *element) bool { return kid.name != "id" })
			return
		}
		tree.kids = append(tree.kids, groups("entry", bare.within("resource"), group("search", text("mode", "match"))))
		if total := tree.child("total"); total != nil {
			n, _ := strconv.ParseInt(total.value, 10, 64) // made by strconv
			total.value = strconv.FormatInt(n+1, 10)
		}
	})
}

// NextLink names a next page in a searchset, which NRL 2.x does not document;
// "" is a page of the mock's public listener. A request for it that comes to
// this mock is noted in the report.
func NextLink(url string) Fault {
	f := revised("next-link", func(e *exchange, tree *element) {
		next := url
		if next == "" {
			next = e.spine.PublicURL() + "/STU3/DocumentReference?page=2"
		}
		e.spine.lay(dutyNextPage, next)
		i := slices.IndexFunc(tree.kids, func(kid *element) bool { return kid.name == "link" })
		tree.kids = slices.Insert(tree.kids, i+1, groups("link", text("relation", "next"), text("url", next)))
	})
	f.fits = isSearchset
	return f
}

// WrongTotal makes a searchset announce n entries.
func WrongTotal(n int) Fault {
	f := revised("wrong-total", func(_ *exchange, tree *element) {
		if total := tree.child("total"); total != nil {
			total.value = strconv.Itoa(n)
		}
	})
	f.fits = isSearchset
	return f
}

func isSearchset(e *exchange) bool { return e.answer.tree != nil && e.answer.tree.kind == "Bundle" }

// clone is a deep copy.
func (e *element) clone() *element {
	if e == nil {
		return nil
	}
	c := *e
	c.kids = make([]*element, len(e.kids))
	for i, kid := range e.kids {
		c.kids[i] = kid.clone()
	}
	return &c
}

// child is the first element of that name, nil for none.
func (e *element) child(name string) *element {
	if e == nil {
		return nil
	}
	i := slices.IndexFunc(e.kids, func(kid *element) bool { return kid.name == name })
	if i < 0 {
		return nil
	}
	return e.kids[i]
}

// pointers are those of an answer, but for verbatim ones.
func (e *element) pointers() []*element {
	switch {
	case e == nil:
		return nil
	case e.kind == "DocumentReference":
		return []*element{e}
	}
	var found []*element
	for _, kid := range e.kids {
		if p := kid.child("resource"); kid.name == "entry" && p != nil && p.verbatim == "" {
			found = append(found, p)
		}
	}
	return found
}

// urls are those of a pointer's contents.
func (e *element) urls() []string {
	var found []string
	for _, kid := range e.kids {
		if kid.name != "content" {
			continue
		}
		if url := kid.child("attachment").child("url"); url != nil {
			found = append(found, url.value)
		}
	}
	return found
}
