package nrl

import (
	"strings"

	"github.com/nrlgo/nrlgo/auth/nhs"
	"github.com/nrlgo/nrlgo/client/spine/fhirtext"
)

// r4 reads what only v3 has so (NRL v3 pointer page).
func (r *reader) r4(n fhirtext.Node, p *Pointer) {
	p.Identifiers = r.identifiers(n, "identifier")
	p.DocStatus = r.text(n, "docStatus")
	p.Description = r.text(n, "description")
	for c := range n.All("category") {
		if p.Category.Code == "" {
			p.Category = r.codings(c, "category").first()
		}
	}
	for c := range n.All("securityLabel") {
		p.SecurityLabels = append(p.SecurityLabels, r.codings(c, "securityLabel")...)
	}
	p.Patient = r.patientR4(n)
	p.Author, _ = r.organisationR4(n, "author")
	p.Custodian, p.CustodianSuffix = r.organisationR4(n, "custodian")
	p.Indexed = parseDate(r.text(n, "date"))
	for rel := range n.All("relatesTo") {
		if r.text(rel, "code") == "replaces" && p.Replaces == (Reference{}) {
			target := r.one(rel, "target")
			p.Replaces = Reference{URL: r.text(target, "reference"), Identifier: r.identifier(target, "identifier")}
		}
	}
	context := r.one(n, "context")
	for c := range context.All("event") {
		p.Events = append(p.Events, r.codings(c, "context.event")...)
	}
	p.FacilityType = r.concept(context, "facilityType")
	p.ProviderASID = r.providerASID(context)
}

func (r *reader) identifiers(n fhirtext.Node, name string) []Identifier {
	var all []Identifier
	for c := range n.All(name) {
		if !c.IsObject() {
			r.fault("%s is no object", name)
		}
		all = append(all, Identifier{r.text(c, "system"), r.text(c, "value")})
	}
	return all
}

// patientR4 is the subject's NHS number.
func (r *reader) patientR4(n fhirtext.Node) nhs.Number {
	id := r.identifier(r.one(n, "subject"), "identifier")
	r.need(id.Value, "subject.identifier.value")
	number, err := nhs.ParseNumber(id.Value)
	switch {
	case id.Value == "":
	case id.System != systemNHSNumber:
		r.fault("subject.identifier is no NHS number")
	case err != nil || len(id.Value) != 10:
		r.fault("subject.identifier holds no valid NHS number")
	}
	return number
}

// organisationR4 is an author or custodian, and what a custodian may have
// behind a dot. Published examples have "Organization/" in front.
func (r *reader) organisationR4(n fhirtext.Node, name string) (code nhs.ODSCode, suffix string) {
	id := r.identifier(r.one(n, name), "identifier")
	r.need(id.Value, name+".identifier.value")
	text, suffix, _ := strings.Cut(strings.TrimPrefix(id.Value, "Organization/"), ".")
	code, err := nhs.ParseODSCode(text)
	if id.Value != "" && (id.System != systemODS || err != nil) {
		r.fault("%s.identifier is no ODS code", name)
	}
	return code, suffix
}

// providerASID is the system that serves the record; at most one is named.
func (r *reader) providerASID(context fhirtext.Node) nhs.ASID {
	var found nhs.ASID
	for rel := range context.All("related") {
		id := r.identifier(rel, "identifier")
		if id.System != systemASID {
			continue
		}
		asid, err := nhs.ParseASID(id.Value)
		if err != nil || !found.IsZero() {
			r.fault("context.related names no ASID, or several")
		}
		found = asid
	}
	return found
}
