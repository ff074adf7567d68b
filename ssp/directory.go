package ssp

import (
	"context"
	"strings"

	"github.com/nrlgo/nrlgo/auth/nhs"
)

// InteractionID is the interaction by which a directory knows providers of
// records; the header of the request adds ".read" (NRL retrieval page).
const InteractionID = "urn:nhs:names:services:nrl:DocumentReference.content"

// Directory says who is the provider of a record: it finds the ASID for the
// header Ssp-To. It must be safe for concurrent use.
//
// Its error wraps [ErrNoASID] when there is none, and is shown in the error of
// [Client.Retrieve]: its text must hold no URL and no identifier. Results MUST
// NOT be kept beyond a patient encounter or user session (NRL retrieval page).
type Directory interface {
	Lookup(ctx context.Context, q Lookup) (nhs.ASID, error)
}

// Lookup is a question to a Directory.
type Lookup struct {
	// Organisation is the information owner's ODS code, the pointer's author.
	// Zero when the pointer names none.
	Organisation nhs.ODSCode
	// InteractionID is the constant of this name.
	InteractionID string
	// Host is the FQDN of the record's URL, in lower case, without port.
	Host string
}

// Check refuses a question that would be another one at a server: a comma is
// "or" in FHIR, and a star has meant "all" in LDAP (SSP page). The types of
// package nhs let neither pass; this is the last look before the wire. The
// error wraps [ErrNoASID].
func (q Lookup) Check() error {
	switch code := q.Organisation.Code(); {
	case code == "":
		return because(ErrNoASID, "the pointer names no organisation to look for")
	case !only(code, ""):
		return because(ErrNoASID, "the ODS code holds more than letters and digits")
	case q.InteractionID == "" || !only(q.InteractionID, ":.-_"):
		return because(ErrNoASID, "the interaction id is malformed")
	case q.Host == "":
		return because(ErrNoASID, "the record's URL names no host")
	}
	return nil
}

// only reports letters, digits and those of marks.
func only(s, marks string) bool {
	for i := range len(s) {
		if !alphanumeric(s[i]) && strings.IndexByte(marks, s[i]) < 0 {
			return false
		}
	}
	return true
}

// Entry is one system of an organisation.
type Entry struct {
	ASID nhs.ASID
	// Host is the FQDN of its endpoint; "" means any.
	Host string
}

// Choose finds the ASID for the FQDN of a record's URL among the systems of
// an organisation: the one whose host it is, else the only one without a host,
// and never just the first. The error wraps [ErrNoASID].
func Choose(entries []Entry, host string) (nhs.ASID, error) {
	for _, fits := range []func(Entry) bool{
		func(e Entry) bool { return e.Host != "" && strings.EqualFold(e.Host, host) },
		func(e Entry) bool { return e.Host == "" },
	} {
		var found nhs.ASID
		for _, e := range entries {
			switch {
			case e.ASID.IsZero() || !fits(e) || e.ASID == found:
			case found.IsZero():
				found = e.ASID
			default:
				return nhs.ASID{}, because(ErrNoASID, "the directory has several systems for the record's host")
			}
		}
		if !found.IsZero() {
			return found, nil
		}
	}
	if len(entries) == 0 {
		return nhs.ASID{}, because(ErrNoASID, "the directory has no system of the organisation")
	}
	return nhs.ASID{}, because(ErrNoASID, "the directory has no system of the organisation at the record's host")
}

// StaticDirectory is a Directory from a table of organisations. It must not
// be changed while in use.
type StaticDirectory map[nhs.ODSCode][]Entry

// Lookup chooses among the entries of the organisation by [Choose].
func (d StaticDirectory) Lookup(_ context.Context, q Lookup) (nhs.ASID, error) {
	return Choose(d[q.Organisation], q.Host)
}

// SingleASID is a Directory that knows one provider, for tests and for
// programs that retrieve from one provider only.
func SingleASID(asid nhs.ASID) Directory { return single{asid} }

type single struct{ asid nhs.ASID }

func (s single) Lookup(context.Context, Lookup) (nhs.ASID, error) {
	return Choose([]Entry{{ASID: s.asid}}, "")
}
