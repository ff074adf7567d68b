package ssp

import (
	"cmp"
	"errors"
	"slices"

	"github.com/nrlgo/nrlgo/nrl"
)

// Kind says what a Record is.
type Kind int

// The kinds.
const (
	// KindRecord is a patient's record.
	KindRecord Kind = iota + 1
	// KindContact is a public page of contact details, which is no record.
	KindContact
)

// String is "record" or "contact".
func (k Kind) String() string {
	switch k {
	case KindRecord:
		return "record"
	case KindContact:
		return "contact"
	}
	return "unknown"
}

// Contacts are the contents of a pointer that are contact details: what is
// left when the record cannot be had.
func Contacts(p nrl.Pointer) []nrl.Content {
	var found []nrl.Content
	for _, c := range p.Contents {
		if kindOf(c) == KindContact {
			found = append(found, c)
		}
	}
	return found
}

func kindOf(c nrl.Content) Kind {
	if c.Format.Code == nrl.FormatContact {
		return KindContact
	}
	return KindRecord
}

// candidate is a content that was asked for.
type candidate struct {
	index   int
	content nrl.Content
	kind    Kind
	target  target
	err     error // why it cannot be retrieved
}

// choose finds the content to retrieve. What can be retrieved comes before
// what opens in a browser, and that before what is faulty, so that a faulty
// content does not hide a sound one; where all are faulty the error is that of
// the one that comes first by the other rules.
func (r resolver) choose(contents []nrl.Content, w wish) (candidate, error) {
	var found []candidate
	for i, c := range wanted(contents, w) {
		if c == nil {
			continue
		}
		one := candidate{index: i, content: *c, kind: kindOf(*c)}
		one.target, one.err = r.resolve(*c)
		if one.err == nil && mediaType(c.ContentType) == "" {
			one.err = because(ErrNoContent, "it names no content type, so an answer could not be judged")
		}
		found = append(found, one)
	}
	if len(found) == 0 {
		return candidate{}, ErrNoContent
	}
	best := slices.MinFunc(found, func(a, b candidate) int { // the first of equals
		return cmp.Or(
			cmp.Compare(a.trouble(), b.trouble()),
			cmp.Compare(a.target.route, b.target.route),
			cmp.Compare(a.otherThanPDF(), b.otherThanPDF()),
			cmp.Compare(a.index, b.index),
		)
	})
	return best, best.err
}

// trouble ranks what hinders a retrieval.
func (c candidate) trouble() int {
	if c.err == nil {
		return 0
	}
	if _, ok := errors.AsType[*InContextError](c.err); ok {
		return 1
	}
	return 2
}

func (c candidate) otherThanPDF() int {
	if mediaType(c.content.ContentType) == typePDF {
		return 0
	}
	return 1
}

// wanted leaves the contents that were asked for, at their index; the others
// are nil.
func wanted(contents []nrl.Content, w wish) []*nrl.Content {
	onlyContacts := !slices.ContainsFunc(contents, func(c nrl.Content) bool { return kindOf(c) == KindRecord })
	out := make([]*nrl.Content, len(contents))
	for i := range contents {
		c := &contents[i]
		record := kindOf(*c) == KindRecord
		var fits bool
		switch w.preference {
		case PDF:
			fits = record && mediaType(c.ContentType) == typePDF
		case HTML:
			fits = record && mediaType(c.ContentType) == typeHTML
		case byType:
			fits = record && sameMedia(c.ContentType, w.mediaType)
		case Contact:
			fits = !record
		case byIndex:
			fits = i == w.index
		default: // Any
			fits = record || onlyContacts
		}
		if fits {
			out[i] = c
		}
	}
	return out
}
