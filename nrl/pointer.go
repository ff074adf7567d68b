package nrl

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"time"

	"github.com/nrlgo/nrlgo/auth/nhs"
)

// Pointer is a pointer to a record (FHIR DocumentReference), of either
// generation of the NRL. It is a value; its slices must not be changed.
//
// It prints, logs and encodes as JSON as its id and type only, because its
// URLs may hold what must not leak; read the fields, or Raw.
type Pointer struct {
	// ID is the logical id, opaque. VersionID is "" where none was given.
	ID, VersionID string
	// LastUpdated is when the locator last changed it.
	LastUpdated Date
	// Profiles are meta.profile: none in the older NRLS-DocumentReference-1,
	// whose Category, PracticeSetting and contents' Format and Stability may
	// be absent.
	Profiles []string
	// Status is current for all that a search shows.
	Status Status
	// MasterIdentifier is the provider's identifier of it; zero for none.
	MasterIdentifier Identifier
	// Type says what the record is. It does not say what is in it: a plan may
	// hold what its type does not name (clinical safety: hazards NRL04, NRL11).
	Type Coding
	// Category is the class of the type, such as care plan.
	Category Coding
	// Patient is the subject.
	Patient nhs.Number
	// Author is the organisation that owns the information, Custodian the one
	// that owns the pointer.
	Author, Custodian nhs.ODSCode
	// Indexed is when the pointer was made.
	Indexed Date
	// Replaces is the pointer that this one superseded; zero for none.
	Replaces Reference
	// Contents are the formats in which the record can be had, at least one.
	Contents []Content
	// Period is the time that the record is about; zero for none.
	Period Period
	// PracticeSetting is the clinical setting.
	PracticeSetting Coding

	// What follows is of v3, and zero in NRL 2.x.

	// ProviderASID is the system that serves the record; without it a
	// directory knows.
	ProviderASID nhs.ASID
	// CustodianSuffix is what stands behind a dot in the custodian.
	CustodianSuffix string
	// Identifiers are further business identifiers.
	Identifiers []Identifier
	// DocStatus is the record's own status, such as preliminary or final.
	DocStatus string
	// Description is a text for people.
	Description string
	// SecurityLabels say how confidential the record is.
	SecurityLabels []Coding
	// Events and FacilityType are what the record is about, and where it was.
	Events       []Coding
	FacilityType Coding

	raw *raw
}

// raw is behind a pointer because fmt would print the bytes.
type raw struct{ text []byte }

// Status is a pointer's status.
type Status string

// The statuses (NRL pointer page). Only current ones are shown to users.
const (
	StatusCurrent    Status = "current"
	StatusSuperseded Status = "superseded"
	StatusInError    Status = "entered-in-error"
)

// Current reports whether the pointer may be shown and its record retrieved.
func (p Pointer) Current() bool { return p.Status == StatusCurrent }

// Raw is the resource as it was received, JSON or XML, as a copy; nil for a
// Pointer that was not read from one.
func (p Pointer) Raw() []byte {
	if p.raw == nil {
		return nil
	}
	return bytes.Clone(p.raw.text)
}

// String is the id and the code of the type.
func (p Pointer) String() string {
	return fmt.Sprintf("pointer %q of type %q", p.ID, p.Type.Code)
}

// Format writes String() for every verb.
func (p Pointer) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, p.String()) }

// LogValue is String().
func (p Pointer) LogValue() slog.Value { return slog.StringValue(p.String()) }

// MarshalJSON writes String(): choose what leaves, or send Raw.
func (p Pointer) MarshalJSON() ([]byte, error) { return []byte(strconv.Quote(p.String())), nil }

// Content is one format of a record.
type Content struct {
	// ContentType is the MIME type.
	ContentType string
	// URL is attachment.url to the letter.
	URL string
	// Format is unstructured, structured or contact details; absent in older
	// pointers.
	Format Coding
	// Stability says whether the record may change: static ones never do.
	Stability Stability
	// Created is when the record was made.
	Created Date
	// Title is a text for people; "" in NRL 2.x.
	Title string
	// Size is the record's length in bytes, 0 for unknown.
	Size int64
	// Hash is the SHA-1 of the record, nil for unknown.
	Hash []byte
	// Mechanism is how it is retrieved, such as SSP or Direct; "" where the
	// pointer does not say, as in NRL 2.x.
	Mechanism string
}

// String hides the URL.
func (c Content) String() string { return fmt.Sprintf("content %q (URL hidden)", c.ContentType) }

// GoString is String(), for %#v.
func (c Content) GoString() string { return c.String() }

// LogValue is String().
func (c Content) LogValue() slog.Value { return slog.StringValue(c.String()) }

// MarshalJSON writes String().
func (c Content) MarshalJSON() ([]byte, error) { return []byte(strconv.Quote(c.String())), nil }

// Stability says whether a record may change (NRL content stability codes).
type Stability string

// The stabilities. An absent one is "".
const (
	StabilityStatic  Stability = "static"
	StabilityDynamic Stability = "dynamic"
)

// Coding is a code of a system. Compare codes, not displays, which vary in the
// field.
type Coding struct{ System, Code, Display string }

// Identifier is a business identifier.
type Identifier struct{ System, Value string }

// Reference names another pointer, by its id's URL or by an identifier.
type Reference struct {
	URL        string
	Identifier Identifier
}

// Period is a span of time; a zero End is open.
type Period struct{ Start, End Date }

// Date is a FHIR date, dateTime or instant.
type Date struct {
	// Text is as it was received; "" for none.
	Text string
	// Time is the instant, or where a year, month or day is all that was
	// given its beginning in UTC. Zero where Text is none of FHIR's forms:
	// show the Text.
	Time time.Time
}

// parseDate reads a date. Time zones are mandatory with a time (FHIR datatypes).
func parseDate(text string) Date {
	for _, form := range []string{time.RFC3339, time.DateOnly, "2006-01", "2006"} {
		if t, err := time.Parse(form, text); err == nil {
			return Date{Text: text, Time: t}
		}
	}
	return Date{Text: text}
}
