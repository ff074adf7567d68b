package mocks

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/nrlgo/nrlgo/auth/nhs"
)

// serveNRL answers as the NRL 2.x (NRL search and read pages).
func (s *Spine) serveNRL(e *exchange) answer {
	query, malformed := url.ParseQuery(e.r.URL.RawQuery)
	if refused := e.negotiate(query); refused != nil {
		return *refused
	}
	path, isPointer := strings.CutPrefix(e.r.URL.EscapedPath(), "/STU3/DocumentReference")
	switch {
	case e.r.Method != http.MethodGet:
		e.got.broke(dutyNRLGet, "the method is not GET")
		return e.outcome(http.StatusMethodNotAllowed, badMessage.because("Only GET is supported"))
	case !isPointer || (path != "" && path[0] != '/'):
		e.got.broke(dutyNRLGet, "no such path")
		return e.outcome(http.StatusNotFound, badMessage.because("Unknown resource"))
	case malformed != nil:
		e.got.broke(dutyNRLParameters, "the query is malformed")
		return e.outcome(http.StatusBadRequest, badParameter.because("The query is malformed"))
	}
	e.got.kept(dutyNRLGet)
	if refused := e.identify(); refused != nil {
		return *refused
	}
	e.got.kept(dutyNRLParameters)
	if path == "" {
		return s.search(e, query)
	}
	if slices.ContainsFunc(parameters(e.r.URL.RawQuery), func(name string) bool { return name != "_format" }) {
		return e.refuse(dutyNRLParameters, badParameter, "A read takes no parameter but _format")
	}
	id, err := url.PathUnescape(path[1:]) // once: an id may hold what a path must encode
	if err != nil {
		return e.refuse(dutyNRLGet, badMessage, "The id is malformed")
	}
	return s.readPointer(e, ID(id))
}

// refuse answers 400 with the issue and notes it.
func (e *exchange) refuse(d duty, i issue, diagnostics string) answer {
	e.got.broke(d, i.spine+": "+diagnostics)
	return e.outcome(http.StatusBadRequest, i.because(diagnostics))
}

// negotiate chooses the syntax: _format, then Accept, then XML.
func (e *exchange) negotiate(query url.Values) *answer {
	e.got.kept(dutyNRLAccept)
	for _, value := range []string{query.Get("_format"), e.r.Header.Get("Accept")} {
		if value == "" {
			continue
		}
		chosen, ok := accepted(value)
		if !ok {
			e.got.broke(dutyNRLAccept, "an unknown representation was asked for")
			return new(e.outcome(http.StatusUnsupportedMediaType, badMediaType.because("Unsupported Media Type")))
		}
		e.syntax = chosen
		return nil
	}
	e.got.broke(dutyNRLAccept, "no representation is asked for: XML is what comes by default")
	return nil
}

// parameters are the names in a raw query, in order, repetitions included.
func parameters(raw string) []string {
	var names []string
	for part := range strings.SplitSeq(raw, "&") {
		if name, _, _ := strings.Cut(part, "="); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// asked is a search that keeps the rules.
type asked struct {
	id        ID
	patient   string
	custodian string // ODS code
	kind      string // code of the type
	count     bool
}

// search answers a search by patient or by id.
func (s *Spine) search(e *exchange, query url.Values) answer {
	e.got.kept(dutyNRLEncoding)
	for part := range strings.SplitSeq(e.r.URL.RawQuery, "&") {
		if _, value, _ := strings.Cut(part, "="); strings.ContainsAny(value, ":/|") {
			e.got.broke(dutyNRLEncoding, "a parameter's value is not percent-encoded")
		}
	}
	names := parameters(e.r.URL.RawQuery)
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			return e.refuse(dutyNRLParameters, badParameter, "The parameter "+name+" is repeated")
		}
	}
	var q asked
	for _, name := range names {
		if i, diagnostics := q.read(name, query.Get(name)); diagnostics != "" {
			d := dutyNRLParameters
			if i == badNumber {
				d = dutyNHSNumber
			}
			return e.refuse(d, i, diagnostics)
		}
	}
	if q.patient != "" {
		e.got.kept(dutyNHSNumber)
	}
	only := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return name == "_format" })
	switch {
	case q.id != "" && len(only) > 1:
		return e.refuse(dutyNRLParameters, badParameter, "_id takes no other parameter but _format")
	case q.id == "" && q.patient == "":
		return e.refuse(dutyNRLParameters, badParameter, "The parameter subject is missing")
	case q.count && len(only) > 2:
		return e.refuse(dutyNRLParameters, badParameter, "_summary=count takes no other parameter but subject")
	}
	s.mu.Lock()
	t, failing := s.failing[string(q.id)]
	if q.patient != "" {
		t, failing = s.failing[q.patient]
	}
	s.mu.Unlock()
	if failing {
		return e.outcome(t.status, t.issue)
	}
	if q.custodian != "" && !s.knowsOrganisation(q.custodian) {
		return e.outcome(http.StatusBadRequest, noOrganisation.because("The ODS code of the custodian is not known"))
	}
	return s.find(e, q)
}

// read takes one parameter (NRL search page); diagnostics is "" for a good one.
func (q *asked) read(name, value string) (i issue, diagnostics string) {
	ok := true
	switch name {
	case "_format":
	case "_id":
		q.id = ID(value)
		ok = value != ""
	case "_summary":
		q.count = true
		ok = value == "count"
	case "subject":
		if q.patient, ok = strings.CutPrefix(value, patientBase); !ok {
			break
		}
		if n, err := nhs.ParseNumber(q.patient); err != nil || n.Digits() != q.patient {
			return badNumber, "The NHS number does not conform to the NHS Number format: " + q.patient
		}
	case "custodian":
		q.custodian, ok = strings.CutPrefix(value, organisationBase)
	case "custodian.identifier": // before 2.1
		q.custodian, ok = strings.CutPrefix(value, odsSystem+"|")
	case "type", "type.coding":
		q.kind, ok = strings.CutPrefix(value, snomed+"|")
		ok = ok && q.kind != "" && strings.Trim(q.kind, "0123456789") == ""
	default:
		return badParameter, "The parameter " + name + " is not supported"
	}
	if !ok || (q.custodian == "" && strings.HasPrefix(name, "custodian")) {
		return badParameter, "The value of the parameter " + name + " is invalid"
	}
	return issue{}, ""
}

func (s *Spine) knowsOrganisation(ods string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.organisations[ods]
}

// find answers the searchset: current pointers only.
func (s *Spine) find(e *exchange, q asked) answer {
	s.mu.Lock()
	var candidates []*entry
	var known bool
	if q.id != "" {
		if known = s.pointers[q.id] != nil; known {
			candidates = []*entry{s.pointers[q.id]}
		}
	} else {
		candidates, known = s.patients[q.patient]
	}
	var found []entry
	for _, c := range candidates {
		p := c.pointer
		raw := c.resource.verbatim != ""
		if raw || p.Status == "current" && (q.custodian == "" || p.Custodian == q.custodian) && (q.kind == "" || p.Type.Code == q.kind) {
			found = append(found, *c)
		}
	}
	s.mu.Unlock()
	if !known {
		return e.outcome(http.StatusNotFound, notFound.because("No record found"))
	}
	total := len(found)
	if q.count {
		found = nil
	}
	return e.resource(http.StatusOK, s.searchset(e.r.URL.RawQuery, total, found))
}

// readPointer answers a read.
func (s *Spine) readPointer(e *exchange, id ID) answer {
	s.mu.Lock()
	t, failing := s.failing[string(id)]
	var p entry
	found := s.pointers[id]
	if found != nil {
		p = *found
	}
	s.mu.Unlock()
	switch {
	case failing:
		return e.outcome(t.status, t.issue)
	case found == nil:
		return e.outcome(http.StatusNotFound, notFound.because("No record found for supplied DocumentReference identifier - "+string(id)))
	case p.pointer.Status != "current":
		return e.outcome(http.StatusBadRequest, badRequest.because("DocumentReference status is not \"current\""))
	}
	return e.resource(http.StatusOK, p.resource)
}
