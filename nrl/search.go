package nrl

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/url"
	"strings"

	"github.com/nrlgo/nrlgo/auth"
	"github.com/nrlgo/nrlgo/auth/nhs"
	"github.com/nrlgo/nrlgo/client/spine"
)

// ErrQuery is wrapped by the error of a query that must not be sent.
var ErrQuery = errors.New("query refused before it was sent")

// Query says which pointers to find. It is a value: a search copies it.
type Query struct {
	// Patient is the patient, whose number was traced with PDS before.
	// Required, except beside ID.
	Patient nhs.Number
	// Custodian narrows to one pointer owner; zero means all.
	Custodian nhs.ODSCode
	// Type narrows to one pointer type, such as [MentalHealthCrisisPlan]; zero
	// means all.
	Type Coding
	// ID finds one pointer by its logical id (_id). Only Patient may stand
	// beside it, which is not sent: the pointer of another patient is withheld.
	ID string
}

// parameters are the percent-encoded query of a search (NRL search page).
func (q Query) parameters(typeParameter string) (string, error) {
	refuse := func(text string) (string, error) { return "", fmt.Errorf("%w: %s", ErrQuery, text) }
	if q.ID != "" {
		if q.Custodian != (nhs.ODSCode{}) || q.Type != (Coding{}) {
			return refuse("an id is searched for alone")
		}
		if _, err := idPath(q.ID); err != nil {
			return "", err
		}
		return "_id=" + escape(q.ID), nil
	}
	if q.Patient.IsZero() {
		return refuse("no patient is named")
	}
	text := "subject=" + escape(patientReference+q.Patient.Digits())
	if !q.Custodian.IsZero() {
		text += "&custodian=" + escape(organisationReference+q.Custodian.Code())
	}
	if q.Type != (Coding{}) {
		if q.Type.System == "" || q.Type.Code == "" {
			return refuse("a type needs a system and a code")
		}
		text += "&" + typeParameter + "=" + escape(q.Type.System+"|"+q.Type.Code)
	}
	return text, nil
}

// escape percent-encodes a value: a space is %20, never +.
func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// Search finds pointers. The exchange is made when the loop begins, and the
// answer is read whole before the first pointer is yielded.
//
// Readable pointers come first. Then each entry that cannot be read, or that
// is of another patient and so withheld, is an error with an [*EntryError]
// inside (CodeIncomplete): the list is not complete, and the loop may go on.
// Any other error is a [*spine.Error] that ends the search. Pointers that are
// not current are not shown. No pointer and no error means that the locator
// knows of none, which is not the absence of a record.
func (c *Client) Search(ctx context.Context, r auth.Requester, q Query) iter.Seq2[Pointer, error] {
	return func(yield func(Pointer, error) bool) {
		found, err := c.search(ctx, r, q)
		if err != nil {
			if spine.CodeOf(err) != spine.CodeNoRecord { // patient unknown to the locator: none
				yield(Pointer{}, err)
			}
			return
		}
		for i := range found.pointers {
			if !yield(found.pointers[i], nil) {
				return
			}
		}
		for _, err := range found.problems {
			if !yield(Pointer{}, err) {
				return
			}
		}
	}
}

// result is a searchset after judging it.
type result struct {
	pointers []Pointer
	problems []error
}

func (c *Client) search(ctx context.Context, r auth.Requester, q Query) (result, error) {
	query, err := q.parameters(c.config.TypeParameter)
	if err != nil {
		return result{}, refuse(spine.OpSearch, err)
	}
	var out result
	req := c.request(spine.OpSearch, r, "", query)
	req.Patient, req.PointerID = q.Patient, q.ID
	req.Subject = func([]byte) nhs.Number {
		if len(out.pointers) == 0 {
			return nhs.Number{}
		}
		return out.pointers[0].Patient
	}
	req.Check = func(a *spine.Response) error {
		if err := checkContentType(a); err != nil {
			return err
		}
		b, err := readBundle(a.Body)
		if err != nil {
			return unexpected(a, err)
		}
		out = judge(a, b, q)
		return nil
	}
	answer, err := c.config.Exchange.Fetch(ctx, req)
	if err != nil {
		return result{}, err
	}
	if err := answer.End(errors.Join(out.problems...)); spine.CodeOf(err) == spine.CodeAudit {
		return result{}, err
	}
	return out, nil
}
