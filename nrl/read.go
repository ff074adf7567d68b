package nrl

import (
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/nrlgo/nrlgo/auth/nhs"
	"github.com/nrlgo/nrlgo/client/spine/fhirtext"
)

// Addresses of extensions (NRL codes page), a retired one included.
var (
	stabilityURLs = map[string]bool{
		"https://fhir.nhs.uk/STU3/StructureDefinition/Extension-NRL-ContentStability-1": true,
		stabilityURLR4: true,
	}
	mechanismURLs = map[string]bool{
		mechanismURLR4: true,
		"https://fhir.nhs.uk/England/StructureDefinition/Extension-England-RetrievalMechanism": true,
	}
)

// ParsePointer reads a DocumentReference of either generation, whatever its
// status: NRL 2.x in JSON or XML, v3 in JSON. It survives the faults of the
// published examples: an extension that is no array, XML without a namespace,
// meta.version for versionId, an organisation behind "Organization/".
//
// The error wraps [ErrUnexpectedResource] or [ErrMalformed], which also stands
// for a patient's number that fails its check digit. The models of
// golang-fhir-models would take a missing status for "current".
func ParsePointer(text []byte) (Pointer, error) {
	d, err := fhirtext.Parse(text)
	if err != nil {
		return Pointer{}, fmt.Errorf("nrl: %w: %w", ErrUnexpectedResource, err)
	}
	p, err := readPointer(d.Root())
	if err != nil {
		return Pointer{}, fmt.Errorf("nrl: %w", err)
	}
	return p, nil
}

// readPointer reads a resource as a pointer. The subject tells the
// generations apart: STU3 has a reference, R4 an identifier.
func readPointer(n fhirtext.Node) (Pointer, error) {
	if n.Type() != "DocumentReference" {
		return Pointer{}, fmt.Errorf("%w: it is no DocumentReference", ErrUnexpectedResource)
	}
	var r reader
	p := r.common(n)
	if n.Child("subject").Child("identifier").Exists() {
		r.r4(n, &p)
	} else {
		r.stu3(n, &p)
	}
	if r.err != nil {
		return Pointer{}, r.err
	}
	p.raw = &raw{n.Raw()}
	return p, nil
}

// common reads what both generations have alike.
func (r *reader) common(n fhirtext.Node) Pointer {
	meta, context := r.one(n, "meta"), r.one(n, "context")
	p := Pointer{
		ID:               r.need(r.text(n, "id"), "id"),
		VersionID:        r.text(meta, "versionId"),
		LastUpdated:      parseDate(r.text(meta, "lastUpdated")),
		Profiles:         r.texts(meta, "profile"),
		Status:           r.status(n),
		MasterIdentifier: r.identifier(n, "masterIdentifier"),
		Type:             r.concept(n, "type"),
		Contents:         r.contents(n),
		Period:           r.period(context),
		PracticeSetting:  r.concept(context, "practiceSetting"),
	}
	if p.VersionID == "" {
		p.VersionID = r.text(meta, "version") // as published examples have it
	}
	r.need(p.Type.Code, "type.coding.code")
	r.unmodified(n)
	return p
}

// stu3 reads what only NRL 2.x has so (NRL pointer page).
func (r *reader) stu3(n fhirtext.Node, p *Pointer) {
	p.Category = r.concept(n, "class")
	p.Patient = r.patient(n)
	p.Author = r.organisation(n, "author")
	p.Custodian = r.organisation(n, "custodian")
	p.Indexed = parseDate(r.need(r.text(n, "indexed"), "indexed"))
	p.Replaces = r.replaces(n)
}

// reader reads elements and keeps the first fault. Its texts name elements and
// hold nothing of their values.
type reader struct{ err error }

func (r *reader) fault(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: "+format, append([]any{ErrMalformed}, args...)...)
	}
}

// one is a child object that may be absent, and may be there once.
func (r *reader) one(n fhirtext.Node, name string) fhirtext.Node {
	c := r.single(n, name)
	if c.Exists() && !c.IsObject() {
		r.fault("%s is no object", name)
		return fhirtext.Node{}
	}
	return c
}

// single is a child that may be absent, and may be there once.
func (r *reader) single(n fhirtext.Node, name string) fhirtext.Node {
	var found fhirtext.Node
	for c := range n.All(name) {
		if found.Exists() {
			r.fault("%s is there more than once", name)
		}
		found = c
	}
	return found
}

// text is a string that may be absent; an empty one, which FHIR has not, is.
func (r *reader) text(n fhirtext.Node, name string) string {
	c := r.single(n, name)
	s, ok := c.Text()
	if c.Exists() && !ok {
		r.fault("%s is no text", name)
	}
	return s
}

// texts are strings, of which there may be any number.
func (r *reader) texts(n fhirtext.Node, name string) []string {
	var all []string
	for c := range n.All(name) {
		s, ok := c.Text()
		if !ok {
			r.fault("%s is no text", name)
		}
		all = append(all, s)
	}
	return all
}

// need faults an absent text.
func (r *reader) need(s, path string) string {
	if s == "" {
		r.fault("%s is missing", path)
	}
	return s
}

func (r *reader) status(n fhirtext.Node) Status {
	s := Status(r.need(r.text(n, "status"), "status"))
	switch s {
	case StatusCurrent, StatusSuperseded, StatusInError:
	default:
		r.fault("status is none of FHIR's")
	}
	return s
}

// concept is the first coding of a CodeableConcept that has a code.
func (r *reader) concept(n fhirtext.Node, name string) Coding {
	return r.codings(r.one(n, name), name).first()
}

type codings []Coding

// first is the first that has a code.
func (all codings) first() Coding {
	for _, c := range all {
		if c.Code != "" {
			return c
		}
	}
	return Coding{}
}

// codings are those of a CodeableConcept.
func (r *reader) codings(concept fhirtext.Node, name string) codings {
	var all codings
	for c := range concept.All("coding") {
		if !c.IsObject() {
			r.fault("%s.coding is no object", name)
		}
		all = append(all, r.coding(c))
	}
	return all
}

func (r *reader) coding(n fhirtext.Node) Coding {
	return Coding{r.text(n, "system"), r.text(n, "code"), r.text(n, "display")}
}

func (r *reader) identifier(n fhirtext.Node, name string) Identifier {
	c := r.one(n, name)
	return Identifier{r.text(c, "system"), r.text(c, "value")}
}

// patient is the subject, whose reference is the number behind a fixed address
// (NRL pointer page).
func (r *reader) patient(n fhirtext.Node) nhs.Number {
	ref := r.need(r.text(r.one(n, "subject"), "reference"), "subject.reference")
	digits, ok := strings.CutPrefix(ref, patientReference)
	number, err := nhs.ParseNumber(digits)
	switch {
	case ref == "":
	case !ok || len(digits) != 10:
		r.fault("subject.reference is not the address of an NHS number")
	case err != nil:
		r.fault("subject.reference holds no valid NHS number")
	}
	return number
}

// organisation is an author or custodian.
func (r *reader) organisation(n fhirtext.Node, name string) nhs.ODSCode {
	ref := r.need(r.text(r.one(n, name), "reference"), name+".reference")
	text, ok := strings.CutPrefix(ref, organisationReference)
	code, err := nhs.ParseODSCode(text)
	if ref != "" && (!ok || err != nil) {
		r.fault("%s.reference is not the address of an ODS code", name)
	}
	return code
}

// replaces is the one pointer that this one superseded (NRL pointer page).
func (r *reader) replaces(n fhirtext.Node) Reference {
	relation := r.one(n, "relatesTo")
	if !relation.Exists() {
		return Reference{}
	}
	if r.text(relation, "code") != "replaces" {
		r.fault("relatesTo.code is not replaces")
	}
	target := r.one(relation, "target")
	return Reference{URL: r.text(target, "reference"), Identifier: r.identifier(target, "identifier")}
}

func (r *reader) period(context fhirtext.Node) Period {
	p := r.one(context, "period")
	return Period{Start: parseDate(r.text(p, "start")), End: parseDate(r.text(p, "end"))}
}

func (r *reader) contents(n fhirtext.Node) []Content {
	var all []Content
	for c := range n.All("content") {
		if !c.IsObject() {
			r.fault("content is no object")
			continue
		}
		r.unmodified(c)
		all = append(all, r.content(c))
	}
	if len(all) == 0 {
		r.fault("content is missing")
	}
	return all
}

func (r *reader) content(n fhirtext.Node) Content {
	a := r.one(n, "attachment")
	c := Content{
		ContentType: r.need(r.text(a, "contentType"), "content.attachment.contentType"),
		URL:         r.need(r.text(a, "url"), "content.attachment.url"),
		Format:      r.coding(r.one(n, "format")),
		Created:     parseDate(r.text(a, "creation")),
		Title:       r.text(a, "title"),
		Size:        r.size(a),
		Hash:        r.hash(a),
	}
	for x := range n.All("extension") {
		switch url, _ := x.Child("url").Text(); {
		case stabilityURLs[url]:
			c.Stability = Stability(strings.ToLower(r.extension(x).Code))
		case mechanismURLs[url]:
			c.Mechanism = r.extension(x).Code
		}
	}
	return c
}

// extension is the coding of an extension's value, which in the field is also
// the bare coding, or an array of it.
func (r *reader) extension(x fhirtext.Node) Coding {
	value := r.one(x, "valueCodeableConcept")
	if value.Child("code").Exists() {
		return r.coding(value)
	}
	return r.codings(value, "valueCodeableConcept").first()
}

func (r *reader) size(attachment fhirtext.Node) int64 {
	n := r.single(attachment, "size")
	size, ok := n.Int()
	if n.Exists() && (!ok || size < 0) {
		r.fault("content.attachment.size is no length")
	}
	return size
}

// hash is a SHA-1 in base64 (FHIR Attachment).
func (r *reader) hash(attachment fhirtext.Node) []byte {
	text := r.text(attachment, "hash")
	if text == "" {
		return nil
	}
	sum, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(sum) != 20 {
		r.fault("content.attachment.hash is no SHA-1")
	}
	return sum
}

// unmodified refuses an element whose meaning is changed by something that
// must be understood and is not (FHIR: modifierExtension, implicitRules).
func (r *reader) unmodified(n fhirtext.Node) {
	for _, name := range []string{"modifierExtension", "implicitRules"} {
		if n.Child(name).Exists() {
			r.fault("it has a %s, which is not understood", name)
		}
	}
}
