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
	"host", "user-agent", "connection", "accept-encoding", "content-length", "transfer-encoding",
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
	e.got.kept(dutySSPIdentity, dutySSPOnly)
	for _, f := range e.got.Header {
		name := strings.ToLower(f.Name)
		switch {
		case name == "accept-encoding" && f.Value != "identity":
			e.got.broke(dutySSPIdentity, "an encoding other than identity is accepted")
		case !slices.Contains(sspFields, name) && name != "cookie" && name != "referer": // noted for every service
			e.got.broke(dutySSPOnly, "the SSP takes no "+f.Name)
		}
	}
	if e.r.Method != http.MethodGet {
		e.got.broke(dutySSPGet, "the method is not GET")
		return e.outcome(http.StatusMethodNotAllowed, issue{
			code: "not-supported", spine: "METHOD_NOT_ALLOWED", display: "Method not allowed", diagnostics: "Only GET is supported",
			system: sspMethodSystem, severity: "fatal",
		})
	}
	e.got.kept(dutySSPGet, dutySSPURL)
	target, fault := e.target()
	e.got.ProviderURL = target.String()
	if fault != "" {
		e.got.broke(dutySSPURL, fault)
		return e.proxy(http.StatusBadRequest, fault)
	}
	if s.isContact(target.raw) {
		e.got.broke(dutyContactDirect, "a contact page was asked for through the SSP")
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
			e.got.broke(dutySSPURL, "a reserved character of the provider's URL is not percent-encoded")
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
	refuse := func(d duty, status int, text string) (string, *answer) {
		e.got.broke(d, text)
		return "", new(e.proxy(status, text))
	}
	values := map[string]string{}
	for _, name := range []string{"Ssp-TraceID", "Ssp-From", "Ssp-To", "Ssp-InteractionID"} {
		value, fault := e.got.only(name, false)
		if fault != "" {
			return refuse(dutySSPHeaders, http.StatusBadRequest, fault)
		}
		values[name] = value
	}
	token, fault := e.got.bearer()
	if fault != "" {
		return refuse(dutyBearer, http.StatusBadRequest, fault)
	}
	e.got.kept(dutySSPHeaders, dutyBearer, dutySSPTrace)
	if !isUUID(values["Ssp-TraceID"]) {
		return refuse(dutySSPTrace, http.StatusBadRequest, "Ssp-TraceID is not a UUID")
	}
	e.got.kept(dutySSPTraceFresh)
	if e.spine.repeated(values["Ssp-TraceID"]) {
		e.got.broke(dutySSPTraceFresh, "Ssp-TraceID reused")
	}
	from := values["Ssp-From"]
	ods, faults := e.judge(token, expectation{
		scope: "patient/*.read", asid: from, audiences: []string{target.Scheme + "://" + target.Host},
	})
	if len(faults) > 0 {
		return refuse(faults[0].duty, http.StatusBadRequest, faults[0].text)
	}
	denied := "ASID_CHECK_FAILED_MESSAGESENDER_" + from
	e.got.kept(dutySSPInteraction)
	if values["Ssp-InteractionID"] != interaction {
		return refuse(dutySSPInteraction, http.StatusForbidden, denied)
	}
	e.got.kept(dutySSPFrom)
	if !e.spine.mayAsk(from, ods) {
		return refuse(dutySSPFrom, http.StatusForbidden, denied)
	}
	return e.receiver(from, values["Ssp-To"], target)
}

// receiver judges the provider's ASID: is it known, may the consumer have its
// records, and is the URL below an endpoint that is registered for it?
func (e *exchange) receiver(from, to string, target *url.URL) (string, *answer) {
	s := e.spine
	s.mu.Lock()
	endpoints, known := s.providers[to]
	unshared := s.unshared[from+" "+to]
	s.mu.Unlock()
	e.got.kept(dutySSPTo)
	registered := len(endpoints) == 0 || slices.ContainsFunc(endpoints, func(origin string) bool {
		return strings.EqualFold(origin, target.Scheme+"://"+target.Host)
	})
	var text string
	status := http.StatusForbidden
	switch {
	case !known:
		text = "PARTYKEY_INTERACTION_CHECK_FAILED_MESSAGERECEIVER_" + to
	case unshared:
		text = "FOT_CHECK_FAILED_MESSAGESENDER_" + from + "_MESSAGERECEIVER_" + to
	case !registered:
		status, text = http.StatusBadRequest, "ENDPOINT_"+endpoints[0]+"_CPAID_"+to+"_VARIES_FROM_TARGETURL_"+e.got.ProviderURL
	default:
		return to, nil
	}
	if unshared { // an agreement is missing, no rule was broken
		e.got.Violations = append(e.got.Violations, text)
	} else {
		e.got.broke(dutySSPTo, text)
	}
	return "", new(e.proxy(status, text))
}

// provide answers for the provider. A host without any record is unreachable.
func (s *Spine) provide(e *exchange, target provider, to string) answer {
	if t, ok := s.failingRecord(target.raw); ok {
		return e.outcome(t.status, t.issue)
	}
	s.mu.Lock()
	record := s.records[target.raw]
	if record == nil {
		record = s.benchRecord(target.raw)
	}
	reachable := record != nil
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
		e.got.broke(dutySSPTo, text)
		return e.proxy(http.StatusForbidden, text)
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
