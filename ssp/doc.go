// Package ssp retrieves the records behind pointers: documents through the
// Spine Secure Proxy (SSP), and the public pages of contact details directly.
// Most programs use package client, which makes a [Client] and calls it.
//
// [Client.Retrieve] finds the provider's URL in a pointer, whichever of the
// published forms it has, and the provider's ASID, in the pointer or by a
// [Directory]: that of package sds or sds/ldap, or [StaticDirectory]; an
// [Encounter] remembers what it found. It hands out a [Record] once the
// provider answered with the pointer's content type. A Record is a reader
// that checks itself: io.EOF means that the record is whole, and
// [Record.Save] gives it a name in a folder only then.
//
//	rec, err := c.Retrieve(ctx, requester, pointer, ssp.PDF)
//	if err != nil {
//		return err
//	}
//	defer rec.Close()
//	_, err = io.Copy(dst, rec)
//
// The package keeps no copy of a record, follows no redirect and does not
// look into a document: one that is whole and of the right content type may
// still be the wrong one. A record that opens in a browser is no download: its
// page is in an [*InContextError]. Large documents of the National Document
// Repository are refused with [ErrMechanism].
//
// No error of this package holds a URL, an identifier or anything of a record.
package ssp
