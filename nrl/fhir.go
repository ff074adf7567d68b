package nrl

import (
	"encoding/base64"
	"fmt"
	"path"
	"strings"

	"github.com/samply/golang-fhir-models/fhir-models/fhir"
)

// Systems and addresses of FHIR R4 pointers (NRL v3 pointer page).
const (
	systemNHSNumber   = "https://fhir.nhs.uk/Id/nhs-number"
	systemODS         = "https://fhir.nhs.uk/Id/ods-organization-code"
	systemASID        = "https://fhir.nhs.uk/Id/nhsSpineASID"
	formatSystemSTU3  = "https://fhir.nhs.uk/STU3/CodeSystem/NRL-FormatCode-1"
	formatSystemR4    = "https://fhir.nhs.uk/England/CodeSystem/England-NRLFormatCode"
	stabilityURLR4    = "https://fhir.nhs.uk/England/StructureDefinition/Extension-England-ContentStability"
	stabilitySystemR4 = "https://fhir.nhs.uk/England/CodeSystem/England-NRLContentStability"
	mechanismURLR4    = "https://fhir.nhs.uk/England/StructureDefinition/Extension-England-NRLRetrievalMechanism"
	mechanismSystemR4 = "https://fhir.nhs.uk/England/CodeSystem/England-NRLRetrievalMechanism"
)

// FHIR is the pointer as a FHIR R4 model. One of NRL 2.x is translated field
// by field into the form that v3 has: class becomes category, indexed becomes
// date, references become identifiers, and the URL of a record behind the SSP
// becomes ssp://. meta.profile is left out, as the R4 resource is not of it.
//
// The model holds the patient's number and prints it: keep it out of logs. The
// error wraps [ErrMalformed] for a Pointer whose Status is none.
func (p Pointer) FHIR() (fhir.DocumentReference, error) {
	status, ok := map[Status]fhir.DocumentReferenceStatus{
		StatusCurrent:    fhir.DocumentReferenceStatusCurrent,
		StatusSuperseded: fhir.DocumentReferenceStatusSuperseded,
		StatusInError:    fhir.DocumentReferenceStatusEnteredInError,
	}[p.Status]
	if !ok {
		return fhir.DocumentReference{}, fmt.Errorf("nrl: %w: status is none of FHIR's", ErrMalformed)
	}
	r := fhir.DocumentReference{
		Id:               optional(p.ID),
		MasterIdentifier: identifierModel(p.MasterIdentifier),
		Status:           status,
		Type:             conceptModel(p.Type),
		DocStatus:        docStatusModel(p.DocStatus),
		Subject:          named(systemNHSNumber, p.Patient.Digits()),
		Date:             optional(p.Indexed.Text),
		Description:      optional(p.Description),
		Custodian:        named(systemODS, custodianModel(p)),
		RelatesTo:        relatesModel(p.Replaces),
		Context:          contextModel(p),
	}
	if p.VersionID != "" || p.LastUpdated.Text != "" {
		r.Meta = &fhir.Meta{VersionId: optional(p.VersionID), LastUpdated: optional(p.LastUpdated.Text)}
	}
	if c := conceptModel(p.Category); c != nil {
		r.Category = []fhir.CodeableConcept{*c}
	}
	if a := named(systemODS, p.Author.Code()); a != nil {
		r.Author = []fhir.Reference{*a}
	}
	for _, i := range p.Identifiers {
		r.Identifier = append(r.Identifier, *identifierModel(i))
	}
	for _, l := range p.SecurityLabels {
		r.SecurityLabel = append(r.SecurityLabel, *conceptModel(l))
	}
	for _, c := range p.Contents {
		r.Content = append(r.Content, contentModel(c))
	}
	return r, nil
}

// optional is nil for "".
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func codingModel(c Coding) *fhir.Coding {
	if c == (Coding{}) {
		return nil
	}
	return &fhir.Coding{System: optional(c.System), Code: optional(c.Code), Display: optional(c.Display)}
}

func conceptModel(c Coding) *fhir.CodeableConcept {
	coding := codingModel(c)
	if coding == nil {
		return nil
	}
	return &fhir.CodeableConcept{Coding: []fhir.Coding{*coding}}
}

func identifierModel(i Identifier) *fhir.Identifier {
	if i == (Identifier{}) {
		return nil
	}
	return &fhir.Identifier{System: optional(i.System), Value: optional(i.Value)}
}

// named is a reference by an identifier, nil without one.
func named(system, value string) *fhir.Reference {
	if value == "" {
		return nil
	}
	return &fhir.Reference{Identifier: &fhir.Identifier{System: &system, Value: &value}}
}

// relatesModel names the superseded pointer by its id, the last part of the
// STU3 reference, or by the identifier that was given.
func relatesModel(r Reference) []fhir.DocumentReferenceRelatesTo {
	target := fhir.Reference{Identifier: identifierModel(r.Identifier)}
	if r.URL != "" {
		target.Identifier = &fhir.Identifier{Value: optional(path.Base(r.URL))}
	}
	if target.Identifier == nil {
		return nil
	}
	return []fhir.DocumentReferenceRelatesTo{{Code: fhir.DocumentRelationshipTypeReplaces, Target: target}}
}

func custodianModel(p Pointer) string {
	if p.CustodianSuffix == "" {
		return p.Custodian.Code()
	}
	return p.Custodian.Code() + "." + p.CustodianSuffix
}

// docStatusModel is nil for a status that R4 has not: the field stays.
func docStatusModel(status string) *fhir.CompositionStatus {
	for _, s := range []fhir.CompositionStatus{
		fhir.CompositionStatusPreliminary, fhir.CompositionStatusFinal, fhir.CompositionStatusAmended, fhir.CompositionStatusEnteredInError,
	} {
		if s.Code() == status {
			return &s
		}
	}
	return nil
}

func contextModel(p Pointer) *fhir.DocumentReferenceContext {
	c := fhir.DocumentReferenceContext{PracticeSetting: conceptModel(p.PracticeSetting), FacilityType: conceptModel(p.FacilityType)}
	for _, e := range p.Events {
		c.Event = append(c.Event, *conceptModel(e))
	}
	if p.Period != (Period{}) {
		c.Period = &fhir.Period{Start: optional(p.Period.Start.Text), End: optional(p.Period.End.Text)}
	}
	if asid := named(systemASID, p.ProviderASID.Digits()); asid != nil {
		c.Related = []fhir.Reference{*asid}
	}
	if c.PracticeSetting == nil && c.FacilityType == nil && c.Period == nil && c.Related == nil && c.Event == nil {
		return nil
	}
	return &c
}

func contentModel(c Content) fhir.DocumentReferenceContent {
	format := c.Format
	if format.System == formatSystemSTU3 {
		format.System = formatSystemR4
	}
	m := fhir.DocumentReferenceContent{
		Attachment: fhir.Attachment{
			ContentType: optional(c.ContentType), Url: optional(urlModel(c)), Creation: optional(c.Created.Text), Title: optional(c.Title),
		},
		Format: codingModel(format),
	}
	if c.Size > 0 {
		size := int(c.Size)
		m.Attachment.Size = &size
	}
	if c.Hash != nil {
		m.Attachment.Hash = optional(base64.StdEncoding.EncodeToString(c.Hash))
	}
	extend := func(url, system, code, display string) {
		if code != "" {
			m.Extension = append(m.Extension, fhir.Extension{Url: url, ValueCodeableConcept: conceptModel(Coding{system, code, display})})
		}
	}
	extend(stabilityURLR4, stabilitySystemR4, string(c.Stability), extensionDisplays[string(c.Stability)])
	extend(mechanismURLR4, mechanismSystemR4, c.Mechanism, extensionDisplays[c.Mechanism])
	return m
}

// extensionDisplays are those of the codes of extensions (NRL codes page).
var extensionDisplays = map[string]string{
	"static": "Static", "dynamic": "Dynamic",
	"SSP": "Spine Secure Proxy", "Direct": "Direct", "LDR": "Large Document Retrieval", "InContext": "Direct using In-Context",
}

// urlModel is the URL in the form of v3: records behind the SSP begin ssp://,
// contact details are public pages.
func urlModel(c Content) string {
	if rest, ok := strings.CutPrefix(c.URL, "https://"); ok && c.Format.Code != FormatContact && c.Mechanism == "" {
		return "ssp://" + rest
	}
	return c.URL
}
