package mocks

import (
	"cmp"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
)

// answer is what to say, before a fault has its way with it.
type answer struct {
	status      int // 0: 200
	contentType string
	header      []Field
	body        func() io.Reader // nil: none
	length      int64
	lie         bool     // the length is not that of the body
	tree        *element // nil: no FHIR
}

// reader is the body, empty when there is none.
func (a answer) reader() io.Reader {
	if a.body == nil {
		return http.NoBody
	}
	return a.body()
}

// statusOrOK is a status that net/http writes: 200 by default, 500 for what is
// none.
func (a answer) statusOrOK() int {
	if status := cmp.Or(a.status, http.StatusOK); status >= 200 && status <= 999 {
		return status
	}
	return http.StatusInternalServerError
}

// fields are those of the head but for the length.
func (a answer) fields() []Field {
	fields := a.header
	if a.contentType != "" {
		fields = append([]Field{{"Content-Type", a.contentType}}, fields...)
	}
	return fields
}

func stringBody(s string) func() io.Reader {
	return func() io.Reader { return strings.NewReader(s) }
}

// head writes status line and fields; a negative length is not declared.
func (e *exchange) head(length int64) {
	h := e.w.Header()
	h["Content-Type"] = nil // net/http would guess one
	for _, f := range e.answer.fields() {
		h[f.Name] = append(h[f.Name], f.Value)
	}
	status := e.answer.statusOrOK()
	if length >= 0 && status != http.StatusNoContent && status != http.StatusNotModified {
		h.Set("Content-Length", strconv.FormatInt(length, 10))
	}
	e.w.WriteHeader(status)
}

// send writes the answer through net/http.
func (e *exchange) send() {
	if e.answer.lie {
		e.raw(-1, e.declared(), (*conn).end) // net/http would not
		return
	}
	e.head(e.answer.length)
	_, _ = io.Copy(e.w, e.answer.reader())
}

// syntax is a representation of FHIR.
type syntax int

const (
	inXML syntax = iota // the default of both services (NRL pages)
	inJSON
)

func (s syntax) String() string {
	if s == inJSON {
		return "application/fhir+json"
	}
	return "application/fhir+xml"
}

var syntaxes = map[string]syntax{
	"application/fhir+json": inJSON, "application/json+fhir": inJSON, "application/json": inJSON, "text/json": inJSON, "json": inJSON,
	"application/fhir+xml": inXML, "application/xml+fhir": inXML, "application/xml": inXML, "text/xml": inXML, "xml": inXML,
	"*/*": inXML, "application/*": inXML,
}

// accepted is the first known syntax of an Accept or _format value; ok is
// false when none is known.
func accepted(value string) (s syntax, ok bool) {
	for part := range strings.SplitSeq(value, ",") {
		media, _, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		if s, ok = syntaxes[media]; ok {
			return s, true
		}
	}
	return inXML, false
}

// resource answers a FHIR resource in the syntax asked for.
func (e *exchange) resource(status int, r *element) answer {
	write := r.xml
	if e.syntax == inJSON {
		write = r.json
	}
	text := write()
	return answer{status: status, contentType: e.syntax.String(), body: stringBody(text), length: int64(len(text)), tree: r}
}

// The systems and profiles of OperationOutcomes (NRL error page, SSP page).
const (
	spineProfile     = "https://fhir.nhs.uk/STU3/StructureDefinition/Spine-OperationOutcome-1"
	spineSystem      = "https://fhir.nhs.uk/STU3/CodeSystem/Spine-ErrorOrWarningCode-1"
	oldSpineProfile  = "https://fhir.nhs.uk/STU3/StructureDefinition/spine-operationoutcome-1-0"
	oldSpineSystem   = "https://fhir.nhs.uk/STU3/ValueSet/Spine-ErrorOrWarningCode-1"
	sspSystem        = "http://fhir.nhs.net/ValueSet/gpconnect-schedule-response-code-1-0"
	sspMethodSystem  = "https://fhir.nhs.uk/STU3/StructureDefinition/spine-operationoutcome-1"
	severityOfErrors = "error"
)

// issue is that of an OperationOutcome; zero system, profile and severity are
// those of the NRL.
type issue struct {
	code        string // issue.code
	spine       string // details.coding.code
	display     string
	diagnostics string
	system      string
	profile     string
	severity    string
}

// outcome answers an OperationOutcome.
func (e *exchange) outcome(status int, i issue) answer {
	r := resource("OperationOutcome", opaqueID(),
		group("meta", list("profile", cmp.Or(i.profile, spineProfile))),
		groups("issue",
			text("severity", cmp.Or(i.severity, severityOfErrors)),
			text("code", i.code),
			group("details", groups("coding",
				text("system", cmp.Or(i.system, spineSystem)), text("code", i.spine), text("display", i.display))),
			text("diagnostics", i.diagnostics)))
	return e.resource(status, r)
}

// issues of the NRL (NRL error page).
var (
	badParameter   = issue{code: "invalid", spine: "INVALID_PARAMETER", display: "Invalid parameter"}
	badMessage     = issue{code: "value", spine: "INVALID_REQUEST_MESSAGE", display: "Invalid Request Message"}
	badNumber      = issue{code: "invalid", spine: "INVALID_NHS_NUMBER", display: "Invalid NHS number"}
	badHeader      = issue{code: "invalid", spine: "MISSING_OR_INVALID_HEADER", display: "There is a required header missing or invalid"}
	badToken       = issue{code: "structure", spine: "MISSING_OR_INVALID_HEADER", display: "There is a required header missing or invalid"}
	badRequest     = issue{code: "invalid", spine: "BAD_REQUEST", display: "Bad request"}
	noOrganisation = issue{code: "not-found", spine: "ORGANISATION_NOT_FOUND", display: "Organisation record not found"}
	denied         = issue{code: "forbidden", spine: "ACCESS_DENIED", display: "Access has been denied to process this request"}
	notFound       = issue{code: "not-found", spine: "NO_RECORD_FOUND", display: "No record found"}
	badMediaType   = issue{
		code: "invalid", spine: "UNSUPPORTED_MEDIA_TYPE", display: "Unsupported Media Type", system: oldSpineSystem, profile: oldSpineProfile,
	}
)

// because is the issue with diagnostics.
func (i issue) because(diagnostics string) issue {
	i.diagnostics = diagnostics
	return i
}
