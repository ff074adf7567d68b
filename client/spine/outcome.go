package spine

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"

	"github.com/nrlgo/nrlgo/client/spine/fhirtext"
)

// ErrOutcome is wrapped by the error of [ParseOutcome].
var ErrOutcome = errors.New("not an OperationOutcome")

// Outcome is a FHIR OperationOutcome: what a server says of an error. Its
// diagnostics may hold NHS numbers, ASIDs and URLs: fmt, slog and encoding/json
// show the codes only.
type Outcome struct{ Issues []Issue }

// Issue is one issue of an [Outcome]. A field that was not there is "".
type Issue struct {
	// Severity is fatal, error, warning or information; Type is FHIR's kind of
	// issue, such as "not-found".
	Severity, Type string
	// System and Code are those of the first coding of the details, such as
	// NO_RECORD_FOUND. Systems vary between servers: match the code.
	System, Code string
	// Display, Text (both of the details), Diagnostics and Expressions are for
	// those who may see patients' identifiers.
	Display, Text, Diagnostics string
	Expressions                []string
}

// ParseOutcome reads an OperationOutcome, JSON or XML, any FHIR version. The
// error wraps [ErrOutcome] and holds nothing of the text.
func ParseOutcome(text []byte) (*Outcome, error) {
	d, err := fhirtext.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("spine: %w: %w", ErrOutcome, err)
	}
	return OutcomeOf(d.Root())
}

// OutcomeOf is [ParseOutcome] of a resource that was read already.
func OutcomeOf(resource fhirtext.Node) (*Outcome, error) {
	if resource.Type() != "OperationOutcome" {
		return nil, fmt.Errorf("spine: %w: it is another resource", ErrOutcome)
	}
	o := &Outcome{}
	text := func(n fhirtext.Node) string { s, _ := n.Text(); return s }
	for n := range resource.All("issue") {
		details := n.Child("details")
		coding := details.Child("coding")
		i := Issue{
			Severity: text(n.Child("severity")), Type: text(n.Child("code")),
			System: text(coding.Child("system")), Code: text(coding.Child("code")), Display: text(coding.Child("display")),
			Text: text(details.Child("text")), Diagnostics: text(n.Child("diagnostics")),
		}
		for e := range n.All("expression") {
			i.Expressions = append(i.Expressions, text(e))
		}
		o.Issues = append(o.Issues, i)
	}
	if len(o.Issues) == 0 {
		return nil, fmt.Errorf("spine: %w: it has no issue", ErrOutcome)
	}
	return o, nil
}

// sspTexts are what the texts of the SSP begin with, whose codes are but the
// HTTP status, and the code for it here. ASIDs and URLs follow in them (SSP
// page).
var sspTexts = []struct{ prefix, code string }{
	{"ASID_CHECK_FAILED_MESSAGESENDER_", "ASID_CHECK_FAILED_MESSAGESENDER"},
	{"PARTYKEY_INTERACTION_CHECK_FAILED_MESSAGERECEIVER_", "PARTYKEY_INTERACTION_CHECK_FAILED_MESSAGERECEIVER"},
	{"FOT_CHECK_FAILED_", "FOT_CHECK_FAILED"},
	{"ERROR_COMMUNICATING_TO_ENDPOINT_URL_", "ERROR_COMMUNICATING_TO_ENDPOINT_URL"},
	{"ENDPOINT_", "ENDPOINT_VARIES_FROM_TARGETURL"},
}

// SpineCode is the code of the first issue that has one, such as
// NO_RECORD_FOUND, with "ACCESS DENIED" written as ACCESS_DENIED; of the SSP,
// what its text begins with, such as ASID_CHECK_FAILED_MESSAGESENDER. It is ""
// where there is none, or where what stands in its place may hold an
// identifier.
func (o Outcome) SpineCode() string {
	for _, i := range o.Issues {
		if code := i.sspCode(); code != "" {
			return code
		}
		if code := strings.ReplaceAll(i.Code, " ", "_"); plainCode(code) {
			return code
		}
	}
	return ""
}

// sspCode is the code for a text of the SSP, whose own code is the HTTP
// status, or missing.
func (i Issue) sspCode() string {
	if n, err := strconv.Atoi(i.Code); i.Code != "" && (err != nil || n < 400 || n > 599) {
		return ""
	}
	for _, text := range []string{i.Display, i.Text, i.Diagnostics} {
		for _, known := range sspTexts {
			if strings.HasPrefix(text, known.prefix) {
				return known.code
			}
		}
	}
	return ""
}

// plainCode reports capital letters, as all documented codes have: no
// identifier hides in them.
func plainCode(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < 'A' || c > 'Z') && c != '_' {
			return false
		}
	}
	return true
}

// String shows the code of the outcome, nothing else of it.
func (o Outcome) String() string {
	return fmt.Sprintf("OperationOutcome %s (%d issues, texts hidden)", o.SpineCode(), len(o.Issues))
}

// Format writes String() for every verb.
func (o Outcome) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, o.String()) }

// LogValue is String().
func (o Outcome) LogValue() slog.Value { return slog.StringValue(o.String()) }

// MarshalJSON writes String().
func (o Outcome) MarshalJSON() ([]byte, error) { return json.Marshal(o.String()) }

// String is a mask, as that of an [Outcome].
func (i Issue) String() string { return "issue of an OperationOutcome (texts hidden)" }

// Format writes String() for every verb.
func (i Issue) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, i.String()) }

// LogValue is String().
func (i Issue) LogValue() slog.Value { return slog.StringValue(i.String()) }

// MarshalJSON writes String().
func (i Issue) MarshalJSON() ([]byte, error) { return json.Marshal(i.String()) }
