package mocks

import (
	"net/http"
	"strings"
	"time"
)

// only is the value of the field with that name. fault says what is wrong
// with it: missing or repeated. exact wants the spelling too: texts up to NRL
// 2.3.0 call header names case-sensitive.
func (r *Request) only(name string, exact bool) (value, fault string) {
	n := 0
	for _, f := range r.Header {
		if f.Name == name || (!exact && strings.EqualFold(f.Name, name)) {
			value = f.Value
			n++
		}
	}
	switch {
	case n > 1:
		return "", name + " HTTP Header is repeated"
	case n == 0 && r.anyCase(name):
		r.Violations = append(r.Violations, name+" is spelled otherwise")
		return "", name + " HTTP Header is missing"
	case value == "":
		return "", name + " HTTP Header is missing"
	}
	return value, ""
}

// bearer is the token of the Authorization field.
func (r *Request) bearer() (token, fault string) {
	const missing = "The Authorisation header must be supplied"
	value, fault := r.only("Authorization", false)
	if fault != "" {
		return "", missing
	}
	token, ok := strings.CutPrefix(value, "Bearer ")
	if !ok || token == "" {
		return "", missing
	}
	return token, ""
}

// identify judges who asks at the NRL: header fields, JWT and access (NRL
// search page). It returns what to answer instead, nil when all is well.
func (e *exchange) identify() *answer {
	refuse := func(d duty, i issue, diagnostics string) *answer { return new(e.refuse(d, i, diagnostics)) }
	from, fault := e.got.only("fromASID", true)
	if fault != "" {
		return refuse(dutyNRLHeaders, badHeader, fault)
	}
	to, fault := e.got.only("toASID", true)
	if fault != "" {
		return refuse(dutyNRLHeaders, badHeader, fault)
	}
	token, fault := e.got.bearer()
	if fault != "" {
		return refuse(dutyBearer, badToken, fault)
	}
	for _, name := range []string{"Ssp-From", "Ssp-To", "Ssp-TraceID", "Ssp-InteractionID"} {
		if e.got.anyCase(name) {
			e.got.broke(dutyNRLOnly, name+" was sent to the NRL")
		}
	}
	if to != SpineASID {
		return refuse(dutyNRLTo, badHeader, "toASID HTTP Header is invalid")
	}
	e.got.kept(dutyNRLHeaders, dutyBearer, dutyNRLOnly, dutyNRLTo)
	ods, faults := e.judge(token, expectation{
		scope: "patient/DocumentReference.read", asid: from, audiences: []string{e.spine.origin(NRL)},
	})
	if len(faults) > 0 {
		return refuse(faults[0].duty, badToken, faults[0].text)
	}
	e.got.kept(dutyNRLPermission)
	if !e.spine.mayAsk(from, ods) {
		e.got.broke(dutyNRLPermission, "ACCESS_DENIED: the ASID is not that of a consumer at this organisation")
		return new(e.outcome(http.StatusForbidden, denied.because("Access denied")))
	}
	return nil
}

// mayAsk reports whether the system was issued for the organisation.
func (s *Spine) mayAsk(asid, ods string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.consumers[asid][ods]
}

// reuse is how long after its first use a token counts as kept and sent
// again: two new tokens of one second are equal to the letter, since iat and
// exp count seconds and no claim is unique.
const reuse = 2 * time.Second

// reused reports a token that was first seen a while ago.
func (s *Spine) reused(token string) bool {
	now := s.options.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	first, seen := s.tokens[token]
	if !seen {
		s.tokens[token] = now
	}
	return seen && now.Sub(first) >= reuse
}

// repeated reports a trace id that came before.
func (s *Spine) repeated(trace string) bool {
	trace = strings.ToLower(trace)
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := s.traces[trace]
	s.traces[trace] = true
	return seen
}
