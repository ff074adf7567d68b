// Package nrl finds pointers in the National Record Locator (NRL): which
// records a patient has, who holds them and where they can be read. Most
// programs use package client, which makes a [Client] and calls it for a
// requester.
//
//	for p, err := range c.Search(ctx, requester, nrl.Query{Patient: number}) {
//		var bad *nrl.EntryError
//		switch {
//		case errors.As(err, &bad): // not shown: say that the list is incomplete
//		case err != nil:
//			return err // the search ended here
//		default:
//			show(p)
//		}
//	}
//
// A list is honest: the answer is read whole before the first pointer comes,
// readable pointers come first, and each entry that is withheld or unreadable
// follows as an error. The absence of a pointer is not the absence of a record.
//
// [ParsePointer] reads a pointer from elsewhere, such as a test or a store. It
// speaks NRL 2.x (FHIR STU3), in JSON and XML; v3 is not available yet.
//
// The package keeps nothing, draws no clinical conclusion from a type, and
// does not trace NHS numbers: that was done with PDS before. No error of it
// holds a URL, an identifier or a text of the answer.
package nrl
