// Package ldap finds the provider of a record in the Spine Directory Service
// (SDS) by LDAP, for systems on HSCN: a [ssp.Directory] for ssp.Config and
// client.Config, as that of package sds. It stands apart because it brings an
// LDAP library.
//
//	directory, err := ldap.New(ldap.Config{URL: url, Dialer: dialer}) // url: ldaps://host
//	if err != nil {
//		return err
//	}
//	encounter := ssp.NewEncounter(directory, 0) // optional: remembers, until it is closed
//	defer encounter.Close()
//	record, err := session.Retrieve(ctx, pointer, ssp.LookupIn(encounter))
//
// The connection is ldaps with the certificate and the trust that records are
// retrieved with; the bind is anonymous. Each look-up has a connection of its
// own, which ends with it. It finds the organisation's systems and endpoints
// in the published order of GP Connect, or of Spine Core, joins them on the
// party key, and gives the ASID of the system at the host of the record's URL:
// never just the first.
//
// Referrals are not followed: a directory that makes one is not believed to
// have told all it knows. Values reach a filter escaped (RFC 4515). Requests
// hold nothing of a patient or a user; they are not part of the audit trail.
//
// No error of this package holds an identifier or anything that the directory
// said, but for the number of its result.
package ldap
