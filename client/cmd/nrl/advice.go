package main

import (
	"cmp"
	"errors"

	"github.com/nrlgo/nrlgo/auth"
	"github.com/nrlgo/nrlgo/client"
	"github.com/nrlgo/nrlgo/ssp"
)

// advice says what to do about an error, "" where its text says enough.
func advice(err error) string {
	if f, ok := errors.AsType[*fault](err); ok && f.status == statusUsage {
		return ""
	}
	if ve, ok := errors.AsType[*auth.VerifyError](err); ok {
		return cmp.Or(stageAdvice[ve.Stage], ve.Advice())
	}
	if _, ok := errors.AsType[*ssp.NoRecordError](err); ok {
		return "try --format contact: the pointer says whom to ask"
	}
	for _, a := range sentinelAdvice {
		if errors.Is(err, a.err) {
			return a.text
		}
	}
	if e, ok := errors.AsType[*client.Error](err); ok {
		return answerAdvice(e)
	}
	if unreachable(err) {
		return noRoute
	}
	return ""
}

const noRoute = "is there a route to the host: HSCN, firewall, --proxy?"

var stageAdvice = map[auth.Stage]string{
	auth.StageName:       "is the URL right? For an HSCN host whose certificate has no subjectAltName add --cn-host HOST",
	auth.StageChain:      "is --ca the bundle of this environment? It needs the root and the sub CA",
	auth.StageValidity:   "is the clock of this machine right? If so the server must not be used: report it to the national service desk",
	auth.StageKey:        "the server must not be used: report it to the national service desk",
	auth.StageUsage:      "the server must not be used: report it to the national service desk",
	auth.StageRevocation: "if it is revoked the server must not be used; if its status is unknown, can the lists be reached?",
}

// sentinelAdvice is looked through in order.
var sentinelAdvice = []struct {
	err  error
	text string
}{
	{auth.ErrNoAnchor, "give the self-signed Spine root beside the sub CA: a sub CA is no anchor"},
	{auth.ErrCredentials, "--cert and --key must be the pair that the DIR team issued, in PEM and in date"},
	{auth.ErrRefused, "is --cert issued for this environment by the DIR team, in date and not revoked?"},
	{auth.ErrNoSuite, "the server has no suite of this engine, or refuses our certificate without saying so"},
	{auth.ErrNoVersion, "is the URL that of Spine, and is no proxy in between?"},
	{auth.ErrNotTLS, "is the URL that of Spine, and is no proxy in between?"},
	{auth.ErrProxy, "does --proxy allow a tunnel (CONNECT) to the host?"},
	{ssp.ErrNoASID, "give the provider's ASID with --to-asid"},
	{ssp.ErrAddress, "--allow-private permits pages on private addresses"},
	{ssp.ErrExists, "nothing was replaced: move the file away, or choose another --out"},
	{ssp.ErrNoContent, "try --format any, or --format contact"},
	{ssp.ErrContentType, "nothing was saved: the provider sent something else than the pointer promises, report it to the provider"},
	{ssp.ErrIntegrity, "nothing was saved: try again, and report it to the provider if it stays so"},
}

var spineAdvice = map[string]string{
	"ACCESS_DENIED":                                     "is --asid the one issued for the organisation of --ods, with the NRL interactions?",
	"ASID_CHECK_FAILED_MESSAGESENDER":                   "is --asid the one issued for the organisation of --ods, with the NRL interactions?",
	"PARTYKEY_INTERACTION_CHECK_FAILED_MESSAGERECEIVER": "is --to-asid the ASID of this record's provider?",
	"FOT_CHECK_FAILED":                                  "there is no data-sharing agreement between the two systems",
	"ENDPOINT_VARIES_FROM_TARGETURL":                    "the pointer's URL is not the one that the provider registered: report it to the provider",
	"INVALID_NHS_NUMBER":                                "was the number traced with PDS?",
	"ORGANISATION_NOT_FOUND":                            "is --custodian right?",
	"MISSING_OR_INVALID_HEADER":                         "are --asid, --spine-asid, --issuer and --aud right, and the clock of this machine?",
}

// answerAdvice judges by what a server answered.
func answerAdvice(e *client.Error) string {
	if a, ok := spineAdvice[e.SpineCode]; ok {
		return a
	}
	switch e.Code {
	case client.CodeCertificate:
		return "is --cert issued for this environment by the DIR team, in date and not revoked?"
	case client.CodeDenied:
		return spineAdvice["ACCESS_DENIED"]
	case client.CodeTimeout:
		return "try again, with a longer --timeout if the server is slow"
	case client.CodeUnavailable:
		if e.Status == 0 {
			return noRoute
		}
		return "try again later"
	case client.CodeUnexpected:
		return "is the URL right? That of the locator ends in /STU3; a gateway in between may have answered"
	}
	return ""
}
