package mocks

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/nrlgo/nrlgo/auth/nhs"
)

// ID is the logical id of a pointer.
type ID string

// Omit leaves an element out, as the value of a field of [Pointer] or [Content]
// that has a default.
const Omit = "-"

// Coding is a code; zero System means SNOMED CT. Code [Omit] leaves it out.
type Coding struct{ System, Code, Display string }

const snomed = "http://snomed.info/sct"

// Codes that are the defaults of a [Pointer].
var (
	// MentalHealthCrisisPlan is a type of pointer.
	MentalHealthCrisisPlan = Coding{snomed, "736253002", "Mental health crisis plan"}
	// CarePlan is the category of every plan.
	CarePlan = Coding{snomed, "734163000", "Care plan"}
	// MentalHealthService is a practice setting.
	MentalHealthService = Coding{snomed, "708168004", "Mental health service"}
)

// The format codes of NRL 2.x.
const (
	FormatContact      = "urn:nhs-ic:record-contact"
	FormatUnstructured = "urn:nhs-ic:unstructured"
)

// Pointer is a DocumentReference. Every field but Patient has a default.
type Pointer struct {
	// ID; zero makes a new one in the form of the NRL's.
	ID ID
	// Version is meta.versionId; zero means "1".
	Version string
	// LastUpdated and Indexed; zero means now.
	LastUpdated, Indexed time.Time
	// Status; zero means "current".
	Status string
	// Type, Class and PracticeSetting; zero means [MentalHealthCrisisPlan],
	// [CarePlan] and [MentalHealthService].
	Type, Class, PracticeSetting Coding
	// Patient is the subject. Required: a zero one makes a pointer without a
	// subject, which no search finds.
	Patient nhs.Number
	// Author and Custodian are ODS codes; zero means [ProviderODS].
	Author, Custodian string
	// MasterID is masterIdentifier.value, in the system urn:ietf:rfc:3986;
	// zero leaves it out.
	MasterID string
	// Replaces is the logical id, ReplacesMasterID the master identifier, of
	// the pointer that this one superseded; zero leaves relatesTo out.
	Replaces         ID
	ReplacesMasterID string
	// Contents; zero means one PDF that nobody serves.
	Contents []Content
	// Start and End are the period; zero Start leaves it out.
	Start, End time.Time
	// Legacy makes an NRLS-DocumentReference-1: no meta.profile, class,
	// format, practice setting or content stability.
	Legacy bool
}

// Content is one format of a document.
type Content struct {
	// ContentType is the MIME type; zero means "application/pdf".
	ContentType string
	// URL is attachment.url to the letter.
	URL string
	// Format is a format code; zero means [FormatUnstructured].
	Format string
	// Stability is "static" or "dynamic"; zero means "static".
	Stability string
	// Creation; zero leaves it out.
	Creation time.Time
	// Size is attachment.size in bytes; zero leaves it out.
	Size int64
	// Hash is attachment.hash, base64 of SHA-1; zero leaves it out.
	Hash string
}

// entry is what a search finds: a pointer, or a text to serve verbatim.
type entry struct {
	pointer  Pointer
	resource *element
}

// AddPointer adds a pointer and returns its id. The patient and the
// organisations are known from then on. A pointer of the same id and patient
// is replaced.
func (s *Spine) AddPointer(p Pointer) ID {
	p = p.filled(s.options.now())
	e := &entry{pointer: p, resource: p.documentReference(s.NRLURL())}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.organisations[p.Author], s.organisations[p.Custodian] = true, true
	for _, c := range p.Contents {
		if c.Format == FormatContact {
			s.contacts[c.URL] = true
		}
	}
	if old := s.pointers[p.ID]; old != nil {
		*old = *e
		return p.ID
	}
	s.pointers[p.ID] = e
	if !p.Patient.IsZero() {
		s.patients[p.Patient.Digits()] = append(s.patients[p.Patient.Digits()], e)
	}
	return p.ID
}

// filled is the pointer with its defaults.
func (p Pointer) filled(now time.Time) Pointer {
	p.ID = cmp.Or(p.ID, ID(opaqueID()))
	p.Version, p.Status = cmp.Or(p.Version, "1"), cmp.Or(p.Status, "current")
	p.Author, p.Custodian = cmp.Or(p.Author, ProviderODS), cmp.Or(p.Custodian, ProviderODS)
	p.Type, p.Class = cmp.Or(p.Type, MentalHealthCrisisPlan), cmp.Or(p.Class, CarePlan)
	p.PracticeSetting = cmp.Or(p.PracticeSetting, MentalHealthService)
	if p.LastUpdated.IsZero() {
		p.LastUpdated = now
	}
	if p.Indexed.IsZero() {
		p.Indexed = now
	}
	if len(p.Contents) == 0 {
		p.Contents = []Content{{URL: "https://p1.nhs.uk/" + string(p.ID)}}
	}
	return p
}

// JSON is the pointer as a mock would serve it, with the live NRL as its base.
// Each call without ID, LastUpdated or Indexed makes new ones.
func (p Pointer) JSON() []byte {
	return []byte(p.filled(time.Now()).documentReference("https://clinicals.spineservices.nhs.uk/STU3").json())
}

// AddRawEntry lets every JSON search of the patient find a resource of this
// text, verbatim: an entry that cannot be read, say. XML has no place for it
// and writes an empty resource.
func (s *Spine) AddRawEntry(patient nhs.Number, json string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := &entry{pointer: Pointer{Status: "current", Patient: patient}, resource: &element{verbatim: json}}
	s.patients[patient.Digits()] = append(s.patients[patient.Digits()], e)
}

// Misfile lets the searches of another patient find a pointer too: the wrong
// patient's, as hazard NRL08 has it. An unknown id does nothing.
func (s *Spine) Misfile(id ID, patient nhs.Number) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.pointers[id]; e != nil {
		s.patients[patient.Digits()] = append(s.patients[patient.Digits()], e)
	}
}

// opaqueID has the form 8-4-4-4-12-20, as ids have in practice.
func opaqueID() string {
	var b [26]byte
	_, _ = rand.Read(b[:]) // never fails
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:32] + "-" + h[32:52]
}

// Addresses and profiles of the NRL (NRL pointer page).
const (
	patientBase      = "https://demographics.spineservices.nhs.uk/STU3/Patient/"
	organisationBase = "https://directory.spineservices.nhs.uk/STU3/Organization/"
	odsSystem        = "https://fhir.nhs.uk/Id/ods-organization-code"
	pointerProfile   = "https://fhir.nhs.uk/STU3/StructureDefinition/NRL-DocumentReference-1"
	formatSystem     = "https://fhir.nhs.uk/STU3/CodeSystem/NRL-FormatCode-1"
	stabilitySystem  = "https://fhir.nhs.uk/STU3/CodeSystem/NRL-ContentStability-1"
	stabilityURL     = "https://fhir.nhs.uk/STU3/StructureDefinition/Extension-NRL-ContentStability-1"
	oidSystem        = "urn:ietf:rfc:3986"
)

var displays = map[string]string{
	FormatContact: "Contact details (HTTP Unsecured)", FormatUnstructured: "Unstructured Document",
	"static": "Static", "dynamic": "Dynamic",
}

// documentReference is the pointer as the NRL with that base serves it.
func (p Pointer) documentReference(base string) *element {
	profile, class, setting := pointerProfile, concept("class", p.Class), concept("practiceSetting", p.PracticeSetting)
	if p.Legacy {
		profile, class, setting = "", nil, nil
	}
	var subject string
	if !p.Patient.IsZero() {
		subject = patientBase + p.Patient.Digits()
	}
	kids := []*element{
		group("meta", text("versionId", p.Version), text("lastUpdated", instant(p.LastUpdated)), list("profile", profile)),
		identifier("masterIdentifier", p.MasterID),
		text("status", p.Status),
		concept("type", p.Type), class,
		group("subject", text("reference", subject)),
		text("indexed", instant(p.Indexed)),
		organisation("author", p.Author, true), organisation("custodian", p.Custodian, false),
		p.relatesTo(base),
	}
	for _, c := range p.Contents {
		kids = append(kids, content(c, p.Legacy))
	}
	kids = append(kids, group("context",
		group("period", text("start", instant(p.Start)), text("end", instant(p.End))), setting))
	return resource("DocumentReference", string(p.ID), kids...)
}

func (p Pointer) relatesTo(base string) *element {
	target := identifier("identifier", p.ReplacesMasterID)
	if p.Replaces != "" {
		target = text("reference", base+"/DocumentReference/"+string(p.Replaces))
	}
	if target == nil {
		return nil
	}
	return groups("relatesTo", text("code", "replaces"), group("target", target))
}

func content(c Content, legacy bool) *element {
	format, stability := cmp.Or(c.Format, FormatUnstructured), cmp.Or(c.Stability, "static")
	var size, extension, coding *element
	if c.Size != 0 {
		size = number("size", c.Size)
	}
	if stability != Omit && !legacy {
		extension = groups("extension", attribute("url", stabilityURL),
			concept("valueCodeableConcept", Coding{stabilitySystem, stability, displays[stability]}))
	}
	if format != Omit && !legacy {
		coding = group("format", text("system", formatSystem), text("code", format), text("display", displays[format]))
	}
	return groups("content", extension,
		group("attachment", text("contentType", cmp.Or(c.ContentType, "application/pdf")), text("url", c.URL),
			size, text("hash", c.Hash), text("creation", instant(c.Creation))),
		coding)
}

func concept(name string, c Coding) *element {
	if c.Code == Omit {
		return nil
	}
	return group(name, groups("coding", text("system", cmp.Or(c.System, snomed)), text("code", c.Code), text("display", c.Display)))
}

func identifier(name, value string) *element {
	if value == "" {
		return nil
	}
	return group(name, text("system", oidSystem), text("value", value))
}

func organisation(name, ods string, many bool) *element {
	if ods == Omit {
		return nil
	}
	e := group(name, text("reference", organisationBase+ods))
	e.many = many
	return e
}

// instant is a FHIR instant to the second, "" for the zero time.
func instant(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Truncate(time.Second).Format("2006-01-02T15:04:05-07:00")
}

// searchset is a Bundle of these pointers; without a list it is a count.
func (s *Spine) searchset(query string, total int, found []entry) *element {
	self := s.NRLURL() + "/DocumentReference?" + query
	kids := []*element{
		text("type", "searchset"), number("total", int64(total)),
		groups("link", text("relation", "self"), text("url", self)),
	}
	for _, f := range found {
		fullURL := fmt.Sprintf("%s/DocumentReference/%s", s.NRLURL(), f.pointer.ID)
		kids = append(kids, groups("entry", text("fullUrl", fullURL), f.resource.within("resource"),
			group("search", text("mode", "match"))))
	}
	return resource("Bundle", opaqueID(), kids...)
}
