package auth

import (
	"errors"

	"github.com/nrlgo/nrlgo/auth/revocation"
)

// ErrUntrusted is wrapped by every [*VerifyError].
var ErrUntrusted = errors.New("the certificate is refused")

// Stage is the rule that a certificate broke.
type Stage string

// The stages. The peer's own certificate is judged first, then the path to an
// anchor, the name, and revocation.
const (
	StageChain      Stage = "chain"      // no certificate, malformed, a CA as leaf, no path to an anchor
	StageValidity   Stage = "validity"   // expired or not yet valid
	StageKey        Stage = "key"        // RSA under 2048 bits, another key type, a signature without SHA-2
	StageUsage      Stage = "usage"      // not for a TLS server, or client
	StagePolicy     Stage = "policy"     // none of the certificate policies of WithPolicies
	StageName       Stage = "name"       // another host
	StageRevocation Stage = "revocation" // revoked, or its status cannot be established
)

// VerifyError says which rule a peer's certificate broke. Its text names
// hosts and certificates, nothing of a request; what a certificate says of
// itself is cut short and made printable.
type VerifyError struct {
	Stage Stage
	// Host is the name that the certificate should have been for.
	Host   string
	Reason string
	Err    error // the cause, where there is one beyond Reason
	// Client says that it is the certificate of a client, at a provider.
	Client bool
}

// Error is one line.
func (e *VerifyError) Error() string {
	return "auth: the " + e.side() + "'s certificate is refused: " + e.Host + ": " + string(e.Stage) + ": " + e.Reason
}

func (e *VerifyError) side() string {
	if e.Client {
		return asClient.name
	}
	return asServer.name
}

// Unwrap gives ErrUntrusted and the cause.
func (e *VerifyError) Unwrap() []error {
	if e.Err == nil {
		return []error{ErrUntrusted}
	}
	return []error{ErrUntrusted, e.Err}
}

// advice is what to do, where it does not depend on the cause.
var advice = map[Stage]string{
	StageChain:    "Check that the CA certificates are those of the environment that is meant, root and sub CA; if they are, the peer does not belong to Spine.",
	StageValidity: "Check the clock of this machine; if it is right, the certificate has to be renewed by its owner, or the CA certificates here by newer ones.",
	StageKey:      "Its owner needs a certificate with an RSA key of 2048 bits or more, signed with SHA-2; nothing on this side should be changed.",
	StageUsage:    "Its owner needs a certificate that was issued for this use; nothing on this side should be changed.",
	StagePolicy:   "Check the certificate policies that are required here; if they are right, its owner needs a certificate that was issued under one of them.",
	StageName:     "Check the name that is expected; where the certificate has it in the common name only, list it as a host whose common name counts.",
}

// Advice is a plain sentence for the operator: what to do about it.
func (e *VerifyError) Advice() string {
	switch {
	case e.Stage != StageRevocation:
		return advice[e.Stage]
	case errors.Is(e.Err, revocation.ErrRevoked):
		return "Do not use this peer: the issuer has revoked a certificate of its chain; its owner has to be told."
	case errors.Is(e.Err, revocation.ErrReason):
		return "Give a reason for switching revocation off, or do not switch it off."
	}
	return "Make the hosts of the CRL or the OCSP responder reachable and allowed, with a proxy where one is needed, or give a CRL file that covers the certificate."
}
