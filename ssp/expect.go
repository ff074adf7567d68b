package ssp

import (
	"bytes"
	"crypto/sha1" // attachment.hash is SHA-1 by definition (FHIR Attachment)
	"fmt"

	"github.com/nrlgo/nrlgo/client/spine"
	"github.com/nrlgo/nrlgo/nrl"
)

// expectation is what a record must be.
type expectation struct {
	mediaType string
	size      int64  // 0: not known
	hash      []byte // SHA-1; empty: not known
	limit     int64
	origin    spine.Origin // who is to blame
}

// expect takes from a pointer what must hold. Size and hash bind only static
// content: of dynamic content they are those of another day (NRL content
// stability codes).
func expect(c candidate, limit int64) expectation {
	e := expectation{mediaType: c.content.ContentType, limit: limit}
	if c.target.route == direct {
		e.origin = spine.OriginProvider
	}
	if c.content.Stability == nrl.StabilityStatic {
		e.size, e.hash = max(c.content.Size, 0), c.content.Hash
	}
	return e
}

// head judges the head of an answer.
func (e expectation) head(a *spine.Response) error {
	broken := func(reason string) error { return a.Fail(spine.CodeIntegrity, e.origin, because(ErrIntegrity, reason)) }
	switch {
	case !sameMedia(e.mediaType, a.ContentType):
		err := ErrContentType
		if fhir(a.ContentType) && !fhir(e.mediaType) {
			err = fmt.Errorf("%w: %w", ErrContentType, ErrWrapped)
		}
		return a.Fail(spine.CodeUnexpected, e.origin, err)
	case len(e.hash) != 0 && len(e.hash) != sha1.Size:
		return broken("the pointer's hash is no SHA-1, so the record cannot be verified")
	case a.Length == 0:
		return broken("it is empty")
	case e.size != 0 && a.Length > 0 && a.Length != e.size:
		return broken("its announced length is not the pointer's")
	case a.Length > e.limit:
		return a.Fail(spine.CodeUnexpected, e.origin, ErrTooLarge)
	}
	return nil
}

// whole judges a record that was read to its end.
func (e expectation) whole(read int64, sum []byte) error {
	switch {
	case read == 0:
		return because(ErrIntegrity, "it is empty")
	case e.size != 0 && read != e.size:
		return because(ErrIntegrity, "its length is not the pointer's")
	case len(e.hash) != 0 && !bytes.Equal(sum, e.hash):
		return because(ErrIntegrity, "its hash is not the pointer's")
	}
	return nil
}
