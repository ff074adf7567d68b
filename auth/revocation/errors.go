package revocation

import (
	"crypto/x509"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// What became of a certificate; one of the two is wrapped by every [*Error].
var (
	// ErrRevoked: its issuer has revoked it, or holds it.
	ErrRevoked = errors.New("revoked")
	// ErrUnknown: no source says that it is good. The causes below tell why.
	ErrUnknown = errors.New("revocation status unknown")
)

// Why a source says nothing that counts; wrapped beside [ErrUnknown].
var (
	// ErrNoSource: the certificate names neither a CRL nor a responder, and no
	// list file covers it.
	ErrNoSource = errors.New("it names neither a CRL nor a responder, and no list file covers it")
	// ErrNotAllowed: the certificate names a host that is not on the
	// allow-list, or an address that is not plain http or https.
	ErrNotAllowed = errors.New("not on the allow-list")
	// ErrFetch: the host gave no answer that can be used: no connection, a
	// timeout, a status other than 200, a redirect, too many bytes.
	ErrFetch = errors.New("cannot be fetched")
	// ErrStale: issued in the future, or its next update is past.
	ErrStale = errors.New("not within its dates")
	// ErrMalformed: it cannot be read.
	ErrMalformed = errors.New("malformed")
	// ErrSignature: not signed by the certificate's issuer, by an issuer that
	// may sign no list, with a short key or without SHA-2.
	ErrSignature = errors.New("not signed as it must be")
	// ErrScope: a list for other certificates, or for some reasons only.
	ErrScope = errors.New("it does not cover the certificate")
	// ErrUnsupported: a delta list, an indirect list or an unknown critical
	// extension, which cannot be judged.
	ErrUnsupported = errors.New("it cannot be judged")
	// ErrResponder: an OCSP answer signed by one who may not.
	ErrResponder = errors.New("the responder is not authorised by the issuer")
	// ErrNonce: an OCSP answer to another question.
	ErrNonce = errors.New("it answers another question")
	// ErrNotKnown: the responder answers that it does not know the certificate.
	ErrNotKnown = errors.New("the responder does not know it")
	// ErrNotAtHand: nothing fetched is at hand; of [Checker.Recheck] only.
	ErrNotAtHand = errors.New("not at hand")
	// ErrClosed: the Checker is closed and fetches nothing.
	ErrClosed = errors.New("the checker is closed")
)

// ErrChain is returned for a chain that was not verified: fewer than two
// certificates, or one that is not named as the issuer of the one before it.
var ErrChain = errors.New("revocation: not a verified chain of certificate and issuers")

// ResponseStatus is the status of an OCSP response that holds no answer; it is
// wrapped beside [ErrUnknown].
type ResponseStatus int

// The statuses (RFC 6960, 4.2.1).
const (
	MalformedRequest ResponseStatus = 1
	InternalError    ResponseStatus = 2
	TryLater         ResponseStatus = 3
	SigRequired      ResponseStatus = 5
	Unauthorized     ResponseStatus = 6
)

var responseStatuses = map[ResponseStatus]string{
	MalformedRequest: "malformedRequest", InternalError: "internalError",
	TryLater: "tryLater", SigRequired: "sigRequired", Unauthorized: "unauthorized",
}

// Error is "the responder answers tryLater".
func (s ResponseStatus) Error() string {
	name, ok := responseStatuses[s]
	if !ok {
		name = "status " + strconv.Itoa(int(s))
	}
	return "the responder answers " + name
}

// Reason is why a certificate was revoked.
type Reason int

// The reasons (RFC 5280, 5.3.1).
const (
	Unspecified          Reason = 0
	KeyCompromise        Reason = 1
	CACompromise         Reason = 2
	AffiliationChanged   Reason = 3
	Superseded           Reason = 4
	CessationOfOperation Reason = 5
	CertificateHold      Reason = 6
	RemoveFromCRL        Reason = 8
	PrivilegeWithdrawn   Reason = 9
	AACompromise         Reason = 10
)

var reasons = map[Reason]string{
	Unspecified: "unspecified", KeyCompromise: "keyCompromise", CACompromise: "cACompromise",
	AffiliationChanged: "affiliationChanged", Superseded: "superseded",
	CessationOfOperation: "cessationOfOperation", CertificateHold: "certificateHold",
	RemoveFromCRL: "removeFromCRL", PrivilegeWithdrawn: "privilegeWithdrawn", AACompromise: "aACompromise",
}

// String is the reason's name in RFC 5280, or "reason N".
func (r Reason) String() string {
	if name, ok := reasons[r]; ok {
		return name
	}
	return "reason " + strconv.Itoa(int(r))
}

// Error is the verdict on one certificate of a chain. Its text names
// certificates by common name, hosts and base names of files, nothing else.
type Error struct {
	// Cert is the certificate's common name.
	Cert string
	// Kind is [ErrRevoked] or [ErrUnknown].
	Kind error
	// By and Source say who revoked it; Reason and At why and since when. Zero
	// under ErrUnknown.
	By     Method
	Source string
	Reason Reason
	At     time.Time
	// Tried is why no source counted, under ErrUnknown.
	Tried []Attempt
}

// Attempt is a source that said nothing that counts.
type Attempt struct {
	By     Method
	Source string // host or base name of a file
	Err    error
}

func (a Attempt) String() string {
	if a.By == "" {
		return a.Err.Error()
	}
	return strings.TrimSpace(string(a.By)+" "+a.Source) + ": " + a.Err.Error()
}

// Error is one line.
func (e *Error) Error() string {
	text := "revocation: " + quoted(e.Cert) + ": " + e.Kind.Error()
	if errors.Is(e.Kind, ErrRevoked) {
		who := strings.TrimSpace(string(e.By) + " " + e.Source)
		return fmt.Sprintf("%s on %s (%s), says %s", text, e.At.UTC().Format(time.DateOnly), e.Reason, who)
	}
	why := make([]string, len(e.Tried))
	for i, a := range e.Tried {
		why[i] = a.String()
	}
	return text + ": " + strings.Join(why, "; ")
}

// Unwrap gives the kind and what stood in the way at each source.
func (e *Error) Unwrap() []error {
	all := []error{e.Kind}
	for _, a := range e.Tried {
		all = append(all, a.Err)
	}
	return all
}

// commonName names a certificate in texts.
func commonName(c *x509.Certificate) string {
	cn := []rune(c.Subject.CommonName)
	if len(cn) > 64 { // the most that X.520 allows
		cn = cn[:64]
	}
	return string(cn)
}

// dated says whether something counts at a time.
func dated(from, to, now time.Time) error {
	switch {
	case from.After(now.Add(skew)):
		return fmt.Errorf("%w: issued in the future", ErrStale)
	case !now.Before(to):
		return fmt.Errorf("%w: its next update was due", ErrStale)
	}
	return nil
}

func quoted(cn string) string { return strconv.Quote(cn) }

// printable keeps what a host or file name may hold in a line of a log.
func printable(name string) string {
	return strings.Map(func(c rune) rune {
		if !unicode.IsGraphic(c) || c == ' ' {
			return '?'
		}
		return c
	}, name)
}
