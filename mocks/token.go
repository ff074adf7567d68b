package mocks

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"

	"github.com/nrlgo/nrlgo/auth/nhs"
)

// Values of claims (JWT page).
const (
	asidSystem  = "https://fhir.nhs.uk/Id/accredited-system|"
	orgSystem   = odsSystem + "|"
	roleSystem  = "https://fhir.nhs.uk/Id/sds-role-profile-id|"
	numberClaim = "https://fhir.nhs.net/Id/nhs-number|"
	lifetime    = 300 // seconds from iat to exp
)

// expectation is what a service expects of a token.
type expectation struct {
	scope     string
	asid      string
	audiences []string
}

// judge reads a Spine JWT by the rules of the JWT page. ods is the
// organisation that it names; faults is nil for a good token. It notes the
// claims and the violations.
func (e *exchange) judge(token string, want expectation) (ods string, faults []breach) {
	claims, fault := decode(token)
	if fault != "" {
		return "", []breach{{dutyJWTForm, fault}}
	}
	e.got.Claims = claims
	e.got.kept(
		dutyJWTForm, dutyJWTTimes, dutyJWTIssuer, dutyJWTAudience, dutyJWTScope, dutyJWTSystem, dutyJWTOrganisation,
		dutyJWTParty, dutyJWTClaims, dutyJWTFresh,
	)
	if _, ok := claims["act"]; ok {
		e.got.kept(dutyJWTDelegate)
	}
	j := &judge{claims: claims}
	j.times(e.spine.options.now().Unix())
	j.party()
	if issuer, err := url.Parse(j.text("iss")); err != nil || issuer.Host == "" || (issuer.Scheme != "https" && issuer.Scheme != "http") {
		j.fault("iss", "is not the URL of the issuer")
	}
	if aud := j.text("aud"); !slices.Contains(slices.Concat(want.audiences, e.spine.options.audiences), aud) {
		j.fault("aud", "is not that of the service")
	}
	if j.text("scope") != want.scope {
		j.fault("scope", "is not "+want.scope)
	}
	if j.text("requesting_system") != asidSystem+want.asid {
		j.fault("requesting_system", "is not the ASID of the header")
	}
	ods, ok := strings.CutPrefix(j.text("requesting_organization"), orgSystem)
	if _, err := nhs.ParseODSCode(ods); !ok || err != nil {
		j.fault("requesting_organization", "is not an ODS code in its system")
	}
	for name := range claims {
		if !slices.Contains(known, name) {
			e.got.broke(dutyJWTClaims, "the JWT has an unknown claim")
		}
	}
	if e.spine.reused(token) {
		e.got.broke(dutyJWTFresh, "JWT reused")
	}
	for _, more := range j.faults[min(1, len(j.faults)):] {
		e.got.broke(more.duty, more.text) // the first becomes the answer, which notes it
	}
	return ods, j.faults
}

var known = []string{
	"iss", "sub", "aud", "exp", "iat", "reason_for_request", "scope", "requesting_system", "requesting_organization",
	"requesting_user", "requesting_patient", "act",
}

// decode reads the form: unpadded base64url, alg none, no signature, and the
// dot before it.
func decode(token string) (claims map[string]any, fault string) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, "The JWT must have 3 sections, the last dot included"
	}
	if parts[2] != "" {
		return nil, "The JWT must not be signed"
	}
	header, fault := object(parts[0])
	if fault != "" {
		return nil, "The JWT's header " + fault
	}
	if len(header) != 2 || header["alg"] != "none" || header["typ"] != "JWT" {
		return nil, `The JWT's header must be {"alg":"none","typ":"JWT"}`
	}
	claims, fault = object(parts[1])
	if fault != "" {
		return nil, "The JWT's payload " + fault
	}
	return claims, ""
}

func object(section string) (members map[string]any, fault string) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(section)
	if err != nil || strings.ContainsAny(section, "\r\n") {
		return nil, "is not unpadded base64url"
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&members); err != nil || members == nil {
		return nil, "is not a JSON object"
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, "is not one JSON object"
	}
	return members, ""
}

// judge collects the faults of claims.
type judge struct {
	claims map[string]any
	faults []breach
}

// claimDuties are those of the claims; the others say who asks.
var claimDuties = map[string]duty{
	"iat": dutyJWTTimes, "exp": dutyJWTTimes, "iss": dutyJWTIssuer, "aud": dutyJWTAudience, "scope": dutyJWTScope,
	"requesting_system": dutyJWTSystem, "requesting_organization": dutyJWTOrganisation, "act": dutyJWTDelegate,
}

func (j *judge) fault(claim, text string) {
	if _, ok := j.claims[claim]; !ok {
		text = "is missing"
	}
	j.faults = append(j.faults, breach{cmp.Or(claimDuties[claim], dutyJWTParty), fmt.Sprintf("The claim %s in the JWT %s", claim, text)})
}

// text is a claim that is a string, "" for any other.
func (j *judge) text(claim string) string {
	s, _ := j.claims[claim].(string)
	return s
}

// seconds is a claim that is a whole number, 0 for any other.
func (j *judge) seconds(claim string) int64 {
	number, _ := j.claims[claim].(json.Number)
	n, err := number.Int64()
	if err != nil {
		return 0
	}
	return n
}

func (j *judge) times(now int64) {
	issued, expires := j.seconds("iat"), j.seconds("exp")
	switch {
	case issued <= 0:
		j.fault("iat", "is not in epoch seconds")
	case issued > now:
		j.fault("iat", "is in the future")
	}
	switch {
	case expires != issued+lifetime || issued <= 0:
		j.fault("exp", "is not iat + 300 s")
	case expires <= now:
		j.fault("exp", "has passed")
	}
}

// party judges who asks: a professional or a citizen, not both.
func (j *judge) party() {
	_, professional := j.claims["requesting_user"]
	_, citizen := j.claims["requesting_patient"]
	_, delegate := j.claims["act"]
	reason, subject := "directcare", j.text("requesting_user")
	switch {
	case professional && citizen:
		j.fault("requesting_patient", "excludes requesting_user")
	case citizen:
		reason, subject = "patientaccess", j.text("requesting_patient")
		if !isNumber(subject) {
			j.fault("requesting_patient", "is not an NHS number in its system")
		}
	default:
		id, ok := strings.CutPrefix(subject, roleSystem)
		if _, err := nhs.ParseRoleProfileID(id); !ok || err != nil {
			j.fault("requesting_user", "is not a role profile id in its system")
		}
	}
	if j.text("sub") != subject || subject == "" {
		j.fault("sub", "is not that of the user or patient")
	}
	if j.text("reason_for_request") != reason {
		j.fault("reason_for_request", "is not "+reason)
	}
	if delegate {
		act, _ := j.claims["act"].(map[string]any)
		sub, _ := act["sub"].(string)
		if !citizen || len(act) != 1 || !isNumber(sub) {
			j.fault("act", "is not the delegate of a citizen")
		}
	}
}

// isNumber reports an NHS number in the system of the claims.
func isNumber(claim string) bool {
	digits, ok := strings.CutPrefix(claim, numberClaim)
	n, err := nhs.ParseNumber(digits)
	return ok && err == nil && n.Digits() == digits
}
