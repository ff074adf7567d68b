// Package sds finds the provider of a record by the FHIR API of the Spine
// Directory Service (SDS) on the API platform: a [ssp.Directory] for
// ssp.Config and client.Config.
//
//	directory, err := sds.New(sds.Config{Base: base, APIKey: key})
//	if err != nil {
//		return err
//	}
//	defer directory.Close()
//	encounter := ssp.NewEncounter(directory, 0) // optional: remembers, until it is closed
//	defer encounter.Close()
//	record, err := session.Retrieve(ctx, pointer, ssp.LookupIn(encounter))
//
// [Directory.Lookup] asks for the organisation's systems (Device) and their
// endpoints, joins them on the party key, and gives the ASID of the system at
// the host of the record's URL: never just the first. It remembers nothing,
// and asks the platform's own cache to step aside, because answers must not
// serve another encounter. An empty answer is asked for again once, because
// the API gives one too when the directory behind it was late (SSP page).
//
// Requests carry the API key, the organisation's ODS code and the interaction,
// and nothing of a patient or a user; they are not part of the audit trail. The
// connection is TLS 1.2 or newer without our certificate, redirects are not
// followed and no proxy of the environment is used.
//
// No error of this package holds a URL, an identifier or anything that the
// directory said, but for the OperationOutcome in its field.
package sds
