package mocks

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/nrlgo/nrlgo/auth/nhs"
)

// ErrScenario is wrapped by the error for a scenario that cannot be read or
// applied.
var ErrScenario = errors.New("scenario")

// Scenario is what a mock is filled with, in JSON. Every member may be
// missing. NHS numbers, ASIDs and ODS codes are checked.
type Scenario struct {
	// Patients are known to the NRL, with or without pointers.
	Patients []string `json:"patients,omitempty"`
	// Consumers may ask, besides [ConsumerASID] for [ConsumerODS].
	Consumers []Permission `json:"consumers,omitempty"`
	// Providers are systems that the SSP knows.
	Providers []Endpoint `json:"providers,omitempty"`
	// Forbidden are pairs without a data-sharing agreement.
	Forbidden []Sharing `json:"forbidden,omitempty"`
	// Organisations are ODS codes that a custodian may have.
	Organisations []string `json:"organisations,omitempty"`
	// Pointers, Records and Pages are added in this order.
	Pointers []PointerSpec `json:"pointers,omitempty"`
	Records  []RecordSpec  `json:"records,omitempty"`
	Pages    []PageSpec    `json:"pages,omitempty"`
	// Faults are added in their order.
	Faults []FaultSpec `json:"faults,omitempty"`
}

// Permission lets a system ask for an organisation.
type Permission struct {
	ASID string `json:"asid"`
	ODS  string `json:"ods"`
}

// Endpoint is a provider's system; see [Spine.AddProvider].
type Endpoint struct {
	ASID      string   `json:"asid"`
	Endpoints []string `json:"endpoints,omitempty"`
}

// Sharing is an agreement between two systems; see [Spine.ForbidSharing].
type Sharing struct {
	Consumer string `json:"consumer"`
	Provider string `json:"provider"`
}

// PointerSpec is a [Pointer] in JSON; what is missing has its default.
type PointerSpec struct {
	ID          string        `json:"id,omitempty"`
	Patient     string        `json:"patient"`
	Status      string        `json:"status,omitempty"`
	Type        string        `json:"type,omitempty"` // a SNOMED CT code
	TypeDisplay string        `json:"typeDisplay,omitempty"`
	Author      string        `json:"author,omitempty"`
	Custodian   string        `json:"custodian,omitempty"`
	MasterID    string        `json:"masterId,omitempty"`
	Replaces    string        `json:"replaces,omitempty"`
	LastUpdated time.Time     `json:"lastUpdated,omitzero"`
	Legacy      bool          `json:"legacy,omitempty"`
	Contents    []ContentSpec `json:"contents,omitempty"`
	// MisfiledFor are other patients whose searches find it too.
	MisfiledFor []string `json:"misfiledFor,omitempty"`
}

// ContentSpec is a [Content] in JSON.
type ContentSpec struct {
	ContentType string `json:"contentType,omitempty"`
	URL         string `json:"url"`
	Format      string `json:"format,omitempty"`
	Stability   string `json:"stability,omitempty"`
}

// RecordSpec is a [Record] in JSON. Its body is Text, or Base64, or Size bytes
// that are made as they are sent.
type RecordSpec struct {
	// Patient gets a pointer to it; "" adds none.
	Patient      string `json:"patient,omitempty"`
	URL          string `json:"url"`
	Type         string `json:"type,omitempty"`
	Text         string `json:"text,omitempty"`
	Base64       []byte `json:"base64,omitempty"`
	Size         int64  `json:"size,omitempty"`
	Format       string `json:"format,omitempty"`
	Stability    string `json:"stability,omitempty"`
	Describe     bool   `json:"describe,omitempty"`
	ProviderASID string `json:"providerAsid,omitempty"`
	Author       string `json:"author,omitempty"`
	Status       int    `json:"status,omitempty"`
}

// PageSpec is a public page. With a Patient it is one of contact details and
// gets a pointer.
type PageSpec struct {
	Patient string `json:"patient,omitempty"`
	// Path starts with "/".
	Path string `json:"path"`
	Type string `json:"type,omitempty"`
	Text string `json:"text"`
	// Plain serves it over http in place of https.
	Plain bool `json:"plain,omitempty"`
}

// ReadScenario reads one scenario in JSON; an unknown member is a fault. An
// error wraps [ErrScenario].
func ReadScenario(r io.Reader) (Scenario, error) {
	var s Scenario
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return Scenario{}, fmt.Errorf("%w: %w", ErrScenario, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Scenario{}, fmt.Errorf("%w: more than one JSON document", ErrScenario)
	}
	return s, nil
}

// Added says what a scenario added: the ids of pointers, in the order of
// pointers, records and pages, and the URLs of pages.
type Added struct {
	Pointers []ID     `json:"pointers"`
	Pages    []string `json:"pages"`
}

// Apply adds a scenario. All of it is checked first: after an error, which
// wraps [ErrScenario] and names every fault, nothing was added.
func (s *Spine) Apply(sc Scenario) (Added, error) {
	a := &application{spine: s}
	a.permissions(sc)
	for i, p := range sc.Pointers {
		a.pointer(fmt.Sprintf("pointers[%d]", i), p)
	}
	for i, r := range sc.Records {
		a.record(fmt.Sprintf("records[%d]", i), r)
	}
	for i, p := range sc.Pages {
		a.page(fmt.Sprintf("pages[%d]", i), p)
	}
	for i, f := range sc.Faults {
		fault, err := f.Fault()
		a.check(fmt.Sprintf("faults[%d]", i), err)
		a.then(func() { s.Fault(fault) })
	}
	if err := errors.Join(a.faults...); err != nil {
		return Added{}, fmt.Errorf("%w: %w", ErrScenario, err)
	}
	for _, step := range a.steps {
		step()
	}
	return a.added, nil
}

// application checks a scenario and gathers what is to be done.
type application struct {
	spine  *Spine
	faults []error
	steps  []func()
	added  Added
}

func (a *application) then(step func()) { a.steps = append(a.steps, step) }

func (a *application) check(where string, err error) {
	if err != nil {
		a.faults = append(a.faults, fmt.Errorf("%s: %w", where, err))
	}
}

// parsed reads an identifier; its zero value stands for "" where that is
// allowed.
func parsed[T any](a *application, where, text string, optional bool, parse func(string) (T, error)) T {
	if text == "" && optional {
		var zero T
		return zero
	}
	v, err := parse(text)
	a.check(where, err)
	return v
}

func (a *application) permissions(sc Scenario) {
	s := a.spine
	for i, text := range sc.Patients {
		n := parsed(a, fmt.Sprintf("patients[%d]", i), text, false, nhs.ParseNumber)
		a.then(func() { s.AddPatient(n) })
	}
	for i, c := range sc.Consumers {
		asid := parsed(a, fmt.Sprintf("consumers[%d].asid", i), c.ASID, false, nhs.ParseASID)
		ods := parsed(a, fmt.Sprintf("consumers[%d].ods", i), c.ODS, false, nhs.ParseODSCode)
		a.then(func() { s.AllowConsumer(asid, ods) })
	}
	for i, p := range sc.Providers {
		asid := parsed(a, fmt.Sprintf("providers[%d].asid", i), p.ASID, false, nhs.ParseASID)
		a.then(func() { s.AddProvider(asid, p.Endpoints...) })
	}
	for i, f := range sc.Forbidden {
		consumer := parsed(a, fmt.Sprintf("forbidden[%d].consumer", i), f.Consumer, false, nhs.ParseASID)
		provider := parsed(a, fmt.Sprintf("forbidden[%d].provider", i), f.Provider, false, nhs.ParseASID)
		a.then(func() { s.ForbidSharing(consumer, provider) })
	}
	for i, text := range sc.Organisations {
		ods := parsed(a, fmt.Sprintf("organisations[%d]", i), text, false, nhs.ParseODSCode)
		a.then(func() { s.AddOrganisation(ods) })
	}
}

func (a *application) pointer(where string, p PointerSpec) {
	out := Pointer{
		ID: ID(p.ID), Patient: parsed(a, where+".patient", p.Patient, false, nhs.ParseNumber), Status: p.Status, Author: p.Author,
		Custodian: p.Custodian, MasterID: p.MasterID, Replaces: ID(p.Replaces), LastUpdated: p.LastUpdated, Legacy: p.Legacy,
	}
	if p.Type != "" {
		out.Type = Coding{Code: p.Type, Display: p.TypeDisplay}
	}
	for _, c := range p.Contents {
		out.Contents = append(out.Contents, Content{ContentType: c.ContentType, URL: c.URL, Format: c.Format, Stability: c.Stability})
	}
	others := make([]nhs.Number, 0, len(p.MisfiledFor))
	for i, text := range p.MisfiledFor {
		others = append(others, parsed(a, fmt.Sprintf("%s.misfiledFor[%d]", where, i), text, false, nhs.ParseNumber))
	}
	a.then(func() {
		id := a.spine.AddPointer(out)
		a.added.Pointers = append(a.added.Pointers, id)
		for _, other := range others {
			a.spine.Misfile(id, other)
		}
	})
}

var (
	errURL  = errors.New("url is missing")
	errBody = errors.New("more than one of text, base64 and size")
	errSize = errors.New("size is negative, or beside describe")
	errPath = errors.New(`path does not start with "/"`)
)

func (a *application) record(where string, r RecordSpec) {
	patient := parsed(a, where+".patient", r.Patient, true, nhs.ParseNumber)
	parsed(a, where+".providerAsid", r.ProviderASID, true, nhs.ParseASID)
	if r.URL == "" {
		a.check(where, errURL)
	}
	bodies := 0
	for _, given := range []bool{r.Text != "", len(r.Base64) > 0, r.Size != 0} {
		if given {
			bodies++
		}
	}
	if bodies > 1 {
		a.check(where, errBody)
	}
	if r.Size < 0 || r.Size > 0 && r.Describe {
		a.check(where, errSize)
	}
	out := Record{
		URL: r.URL, Type: r.Type, Body: append([]byte(r.Text), r.Base64...), Format: r.Format, Stability: r.Stability,
		Describe: r.Describe, ProviderASID: r.ProviderASID, Author: r.Author, Status: r.Status,
	}
	if r.Size > 0 {
		out.Length, out.Stream = r.Size, func() io.Reader { return repeated('.', r.Size) }
	}
	a.then(func() {
		if patient.IsZero() {
			a.spine.Serve(out)
			return
		}
		a.added.Pointers = append(a.added.Pointers, a.spine.AddRecord(patient, out))
	})
}

func (a *application) page(where string, p PageSpec) {
	patient := parsed(a, where+".patient", p.Patient, true, nhs.ParseNumber)
	if !strings.HasPrefix(p.Path, "/") {
		a.check(where, errPath)
	}
	contentType := cmp.Or(p.Type, "text/html")
	a.then(func() {
		add := a.spine.AddPage
		if p.Plain {
			add = a.spine.AddPlainPage
		}
		url := add(p.Path, contentType, p.Text)
		a.added.Pages = append(a.added.Pages, url)
		if !patient.IsZero() {
			contents := []Content{{ContentType: contentType, URL: url, Format: FormatContact}}
			a.added.Pointers = append(a.added.Pointers, a.spine.AddPointer(Pointer{Patient: patient, Contents: contents}))
		}
	})
}
