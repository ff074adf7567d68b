package mocks

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// interaction is the only one that the mock's SSP serves (SSP page).
const interaction = "urn:nhs:names:services:nrl:DocumentReference.content.read"

// sspFields are all that a request for a record may carry (SSP page), with
// what HTTP itself needs.
var sspFields = []string{
	"authorization", "ssp-traceid", "ssp-from", "ssp-to", "ssp-interactionid",
	"host", "user-agent", "connection", "accept-encoding",
}

// proxy answers an outcome in the words of the SSP: code is the status as
// text, display and diagnostics are the text.
func (e *exchange) proxy(status int, text string) answer {
	return e.outcome(status, issue{
		code: "processing", spine: strconv.Itoa(status), display: text, diagnostics: text, system: sspSystem,
	})
}

// serveSSP answers as the Spine Secure Proxy and the providers behind it (SSP
// page).
func (s *Spine) serveSSP(e *exchange) answer {
	if chosen, ok := accepted(e.r.Header.Get("Accept")); ok {
		e.syntax = chosen
	}
	for _, f := range e.got.Header {
		name := strings.ToLower(f.Name)
		switch {
		case name == "accept-encoding" && f.Value != "identity":
			e.got.broke("an encoding other than identity is accepted")
		case !slices.Contains(sspFields, name) && name != "cookie" && name != "referer": // noted for every service
			e.got.broke("the SSP takes no " + f.Name)
		}
	}
	if e.r.Method != http.MethodGet {
		e.got.broke("the method is not GET")
		return e.outcome(http.StatusMethodNotAllowed, issue{
			code: "not-supported", spine: "METHOD_NOT_ALLOWED", display: "Method not allowed", diagnostics: "Only GET is supported",
			system: sspMethodSystem, severity: "fatal",
		})
	}
	target, fault := e.target()
	e.got.ProviderURL = target.String()
	if fault != "" {
		e.got.broke(fault)
		return e.proxy(http.StatusBadRequest, fault)
	}
	to, refused := e.identifyForProxy(target.URL)
	if refused != nil {
		return *refused
	}
	return s.provide(e, target, to)
}

// provider is a provider's URL as it was asked for.
type provider struct {
	*url.URL
	raw string
}

// String is the URL to the letter.
func (p provider) String() string { return p.raw }

// target reads the provider's URL from the request target: percent-encoded
// once, by default.
func (e *exchange) target() (p provider, fault string) {
	raw := strings.TrimPrefix(e.r.RequestURI, "/")
	encoded := !strings.Contains(raw, "://")
	p = provider{raw: raw, URL: &url.URL{}}
	if encoded {
		if strings.Trim(raw, encodedAlphabet) != "" || strings.ContainsAny(raw, reserved) {
			e.got.broke("a reserved character of the provider's URL is not percent-encoded")
		}
		decoded, err := url.PathUnescape(raw)
		if err != nil {
			return p, "The provider URL is malformed"
		}
		p.raw = decoded
	} else if !e.spine.options.plainURLs {
		return p, "The provider URL is not percent-encoded"
	}
	parsed, err := url.Parse(p.raw)
	if err != nil || parsed.Scheme != "https" || parsed.Host == "" || strings.ContainsAny(p.raw, " \t\r\n") {
		return p, "The provider URL is malformed"
	}
	p.URL = parsed
	return p, ""
}

// identifyForProxy judges who asks at the SSP, and for whom: header fields,
// JWT and access. to is the provider's ASID.
func (e *exchange) identifyForProxy(target *url.URL) (to string, refused *answer) {
	refuse := func(status int, text string) (string, *answer) {
		e.got.broke(text)
		return "", new(e.proxy(status, text))
	}
	values := map[string]string{}
	for _, name := range []string{"Ssp-TraceID", "Ssp-From", "Ssp-To", "Ssp-InteractionID"} {
		value, fault := e.got.only(name, false)
		if fault != "" {
			return refuse(http.StatusBadRequest, fault)
		}
		values[name] = value
	}
	token, fault := e.got.bearer()
	if fault != "" {
		return refuse(http.StatusBadRequest, fault)
	}
	if !isUUID(values["Ssp-TraceID"]) {
		return refuse(http.StatusBadRequest, "Ssp-TraceID is not a UUID")
	}
	if e.spine.repeated(values["Ssp-TraceID"]) {
		e.got.broke("Ssp-TraceID reused")
	}
	from := values["Ssp-From"]
	ods, faults := e.judge(token, expectation{
		scope: "patient/*.read", asid: from, audiences: []string{target.Scheme + "://" + target.Host},
	})
	if len(faults) > 0 {
		return refuse(http.StatusBadRequest, faults[0])
	}
	if values["Ssp-InteractionID"] != interaction || !e.spine.mayAsk(from, ods) {
		return refuse(http.StatusForbidden, "ASID_CHECK_FAILED_MESSAGESENDER_"+from)
	}
	e.spine.mu.Lock()
	known := e.spine.providers[values["Ssp-To"]]
	e.spine.mu.Unlock()
	if !known {
		return refuse(http.StatusForbidden, "PARTYKEY_INTERACTION_CHECK_FAILED_MESSAGERECEIVER_"+values["Ssp-To"])
	}
	return values["Ssp-To"], nil
}

// provide answers for the provider. A host without any record is unreachable.
func (s *Spine) provide(e *exchange, target provider, to string) answer {
	s.mu.Lock()
	record := s.records[target.raw]
	reachable := false
	for known := range s.records {
		u, err := url.Parse(known)
		reachable = reachable || (err == nil && strings.EqualFold(u.Host, target.Host))
	}
	s.mu.Unlock()
	switch {
	case !reachable:
		return e.proxy(http.StatusBadGateway, "ERROR_COMMUNICATING_TO_ENDPOINT_URL_"+target.raw)
	case record == nil:
		return e.outcome(http.StatusNotFound, notFound.because("No record found"))
	case record.ProviderASID != to:
		text := "PARTYKEY_INTERACTION_CHECK_FAILED_MESSAGERECEIVER_" + to
		e.got.broke(text)
		return e.proxy(http.StatusForbidden, text)
	}
	if t, ok := s.failingRecord(target.raw); ok {
		return e.outcome(t.status, t.issue)
	}
	a := answer{status: record.Status, contentType: record.Type, body: record.Stream, length: record.Length}
	if record.ServedType != "" {
		a.contentType = strings.TrimPrefix(record.ServedType, Omit)
	}
	if record.ServedLength != 0 {
		a.length, a.lie = record.ServedLength, true
	}
	return a
}

const (
	// encodedAlphabet is what a percent-encoded URL consists of (RFC 3986,
	// unreserved), with "%".
	encodedAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~%"
	reserved        = ":/?#[]@!$&'()*+,;= "
)

// isUUID reports the form 8-4-4-4-12 of hex digits.
func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		switch i {
		case 8, 13, 18, 23:
			if s[i] != '-' {
				return false
			}
		default:
			if !strings.ContainsRune("0123456789abcdefABCDEF", rune(s[i])) {
				return false
			}
		}
	}
	return true
}
