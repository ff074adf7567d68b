package mocks

import (
	"bytes"
	"cmp"
	"crypto/sha1" // attachment.hash is SHA-1 by definition (FHIR Attachment)
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/nrlgo/nrlgo/auth/nhs"
)

// Record is a document that a provider serves through the SSP.
type Record struct {
	// URL is the provider's, to the letter as the pointer has it; a raw space
	// in it is asked for as %20. Required.
	URL string
	// Type is the MIME type; zero means "application/pdf".
	Type string
	// Body is the document.
	Body []byte
	// Stream, when set, gives the document instead of Body, anew for each
	// request, and Length its bytes: for documents too large to hold.
	Stream func() io.Reader
	Length int64
	// Format and Stability are those of the pointer; see [Content].
	Format, Stability string
	// Describe adds the true size and hash of Body to the pointer.
	Describe bool
	// ProviderASID is the system that serves it; zero means [ProviderASID].
	ProviderASID string
	// Author is the ODS code of the owner; zero means [ProviderODS].
	Author string
	// ServedType and ServedLength are what the response claims instead of the
	// truth; zero claims the truth. ServedType [Omit] sends no type.
	ServedType   string
	ServedLength int64
	// Status is that of the answer; zero means 200.
	Status int
}

// AddRecord serves a record and adds a pointer of the patient to it, whose id
// it returns. Two records of one URL: the second replaces the first.
func (s *Spine) AddRecord(patient nhs.Number, r Record) ID {
	s.Serve(r)
	c := Content{ContentType: cmp.Or(r.Type, pdf), URL: r.URL, Format: r.Format, Stability: r.Stability}
	if r.Describe {
		sum := sha1.Sum(r.Body)
		c.Size, c.Hash = int64(len(r.Body)), base64.StdEncoding.EncodeToString(sum[:])
	}
	return s.AddPointer(Pointer{Patient: patient, Author: r.Author, Custodian: r.Author, Contents: []Content{c}})
}

// Serve serves a record to which no pointer is added.
func (s *Spine) Serve(r Record) {
	r.Type, r.ProviderASID = cmp.Or(r.Type, pdf), cmp.Or(r.ProviderASID, ProviderASID)
	if r.Stream == nil {
		body := bytes.Clone(r.Body)
		r.Stream, r.Length = func() io.Reader { return bytes.NewReader(body) }, int64(len(body))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.providers[r.ProviderASID] = append(s.providers[r.ProviderASID], nil...)
	s.records[asAskedFor(r.URL)] = &r
}

const pdf = "application/pdf"

// asAskedFor is a provider's URL as it must arrive: a raw space means %20 (SSP
// page).
func asAskedFor(url string) string { return strings.ReplaceAll(url, " ", "%20") }

// page is a public page.
type page struct{ contentType, body string }

// AddPage serves a public page over https and returns its URL. path starts
// with "/".
func (s *Spine) AddPage(path, contentType, body string) string {
	return s.addPage(Public, path, contentType, body)
}

// AddPlainPage is AddPage over http.
func (s *Spine) AddPlainPage(path, contentType, body string) string {
	return s.addPage(Plain, path, contentType, body)
}

func (s *Spine) addPage(service Service, path, contentType, body string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pages[service.String()+path] = page{contentType, body}
	return s.origin(service) + path
}

// AddContact serves a public page of contact details and adds a pointer of the
// patient to it, whose id it returns.
func (s *Spine) AddContact(patient nhs.Number, contentType, body string) ID {
	s.mu.Lock()
	n := len(s.pages)
	s.mu.Unlock()
	url := s.AddPage(fmt.Sprintf("/contact/%d", n+1), contentType, body)
	return s.AddPointer(Pointer{Patient: patient, Contents: []Content{{ContentType: contentType, URL: url, Format: FormatContact}}})
}

// isContact reports the URL of a public page, or of contact details that a
// pointer names.
func (s *Spine) isContact(url string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.contacts[url] {
		return true
	}
	path, ours := strings.CutPrefix(url, s.origin(Public))
	_, known := s.pages[Public.String()+path]
	return ours && known
}

// servePage serves the public pages: they are asked for bare, with no
// certificate, token or Spine header (SSP page).
func (s *Spine) servePage(e *exchange) answer {
	e.got.kept(dutyContactDirect, dutyContactBare)
	if e.got.ClientCertificate != nil {
		e.got.broke(dutyContactBare, "a client certificate was presented to a public page")
	}
	for _, f := range e.got.Header {
		name := strings.ToLower(f.Name)
		switch {
		case name == "authorization", name == "fromasid", name == "toasid", name == "interactionid", strings.HasPrefix(name, "ssp-"):
			e.got.broke(dutyContactBare, f.Name+" was sent to a public page")
		}
	}
	if e.r.Method != http.MethodGet && e.r.Method != http.MethodHead {
		return answer{status: http.StatusMethodNotAllowed}
	}
	s.mu.Lock()
	p, ok := s.pages[e.got.Service.String()+e.r.RequestURI]
	s.mu.Unlock()
	if !ok {
		const missing = "<html><title>404: Not Found</title></html>"
		return answer{status: http.StatusNotFound, contentType: "text/html", body: stringBody(missing), length: int64(len(missing))}
	}
	return answer{contentType: p.contentType, body: stringBody(p.body), length: int64(len(p.body))}
}
