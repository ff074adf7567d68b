package auth

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// tokenLife is exp - iat (Spine JWT page: 300 seconds).
const tokenLife = 300 * time.Second

// Scope is the access that a Spine JWT claims.
type Scope string

// The scopes of a consumer (Spine JWT page).
const (
	ScopePointers Scope = "patient/DocumentReference.read" // the NRL
	ScopeRecords  Scope = "patient/*.read"                 // the SSP
)

// Systems of the identifiers in a Spine JWT. The NHS number's differs from
// the one that pointers have.
const (
	systemASID        = "https://fhir.nhs.uk/Id/accredited-system"
	systemODS         = "https://fhir.nhs.uk/Id/ods-organization-code"
	systemRoleProfile = "https://fhir.nhs.uk/Id/sds-role-profile-id"
	systemPatient     = "https://fhir.nhs.net/Id/nhs-number"
)

// Token is what a Spine JWT says, apart from the requester.
type Token struct {
	// Issuer is iss, the consumer system's issuer URL. Required.
	Issuer string
	// Audience is aud. Required.
	Audience string
	// Scope is required.
	Scope Scope
	// Separator stands between system and value of an identifier; "" means
	// "|", older guides have "/".
	Separator string
	// Issued is iat, to the second. Required.
	Issued time.Time
}

type spineClaims struct {
	Issuer       string      `json:"iss"`
	Subject      string      `json:"sub"`
	Audience     string      `json:"aud"`
	Expires      int64       `json:"exp"`
	Issued       int64       `json:"iat"`
	Reason       string      `json:"reason_for_request"`
	Scope        Scope       `json:"scope"`
	System       string      `json:"requesting_system"`
	Organisation string      `json:"requesting_organization"`
	User         string      `json:"requesting_user,omitempty"`
	Patient      string      `json:"requesting_patient,omitempty"`
	Act          *spineActor `json:"act,omitempty"`
}

type spineActor struct {
	Subject string `json:"sub"`
}

// spineHeader is the encoded {"alg":"none","typ":"JWT"}.
var spineHeader = base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"JWT"}`))

// SpineJWT makes the bearer token of one request: unsigned, as Spine wants
// it, with the trailing dot (Spine JWT page). Each request needs a new one.
// The error wraps [ErrRequester], or says which field of t is missing; it
// holds no identifier.
func SpineJWT(r Requester, t Token) (string, error) {
	if err := r.Check(); err != nil {
		return "", fmt.Errorf("auth: Spine JWT: %w", err)
	}
	if t.Issuer == "" || t.Audience == "" || t.Scope == "" || t.Issued.IsZero() {
		return "", errors.New("auth: Spine JWT: issuer, audience, scope and time of issue are required")
	}
	sep := t.Separator
	if sep == "" {
		sep = "|"
	}
	c := spineClaims{
		Issuer: t.Issuer, Audience: t.Audience, Scope: t.Scope,
		Issued: t.Issued.Unix(), Expires: t.Issued.Add(tokenLife).Unix(),
		System:       systemASID + sep + r.ASID.Digits(),
		Organisation: systemODS + sep + r.Organisation.Code(),
	}
	if u := r.User; !u.Citizen.IsZero() {
		c.Reason = "patientaccess"
		c.Patient = systemPatient + sep + u.Citizen.Digits()
		c.Subject = c.Patient
		if !u.Delegate.IsZero() {
			c.Act = &spineActor{systemPatient + sep + u.Delegate.Digits()}
		}
	} else {
		c.Reason = "directcare"
		c.User = systemRoleProfile + sep + u.RoleProfile.Digits()
		c.Subject = c.User
	}
	payload, err := json.Marshal(c)
	if err != nil {
		return "", errors.New("auth: Spine JWT: the claims cannot be encoded")
	}
	return spineHeader + "." + base64.RawURLEncoding.EncodeToString(payload) + ".", nil
}
