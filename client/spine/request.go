package spine

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/url"

	"github.com/nrlgo/nrlgo/auth"
	"github.com/nrlgo/nrlgo/auth/nhs"
)

// Op names what a call does, in errors, audit lines and hooks.
type Op string

// The operations of a consumer.
const (
	OpSearch   Op = "search"
	OpRead     Op = "read"
	OpCount    Op = "count"
	OpRetrieve Op = "retrieve" // a record through the SSP
	OpContact  Op = "contact"  // a public contact page, called directly
)

// Service is who a request goes to. It decides the transport, the headers and
// the claims of the JWT.
type Service int

// The services; the zero value is invalid.
const (
	// NRL is the National Record Locator 2.x, over the Spine transport.
	NRL Service = iota + 1
	// SSP is the Spine Secure Proxy, over the Spine transport.
	SSP
	// Public is a contact page: no client certificate, no JWT, no Spine header.
	Public
)

// Request is one call, before retries. Its values reach the wire and the
// audit trail, and no error and no log: it prints as a mask.
type Request struct {
	Op      Op
	Service Service
	// URL is sent as it is: what must be percent-encoded is encoded already.
	// An Opaque part that starts with one "/" is the request target to the
	// letter, beside Scheme and Host. Required.
	URL *url.URL
	// Accept is the Accept header; "" sends none.
	Accept string
	// Requester is who asks. Required.
	Requester auth.Requester
	// To is the provider's ASID (Ssp-To), required for the SSP. The NRL's own
	// (toASID) is in the Config.
	To nhs.ASID
	// Audience is the JWT's aud claim; required for NRL and SSP.
	Audience string
	// Patient is the patient concerned, where the caller knows it.
	Patient nhs.Number
	// PointerID is the logical id of the pointer concerned, where there is one.
	PointerID string
	// RecordURL is the provider's URL as the pointer had it, for the audit
	// trail of a retrieval.
	RecordURL string
	// Subject finds the patient in a body, for the audit line of the response
	// when the request named none. Optional.
	Subject func(body []byte) nhs.Number
	// Check judges the head of a successful (200) answer before anything is
	// handed out, and for a Fetch the whole body; its error ends the call
	// without another attempt. Of a Stream, the head has no Body yet. Optional.
	Check func(answer *Response) error
}

// String is a mask that says what is asked for.
func (r Request) String() string { return fmt.Sprintf("request to %s (contents hidden)", r.Op) }

// Format writes the mask for every verb.
func (r Request) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, r.String()) }

// LogValue is the mask.
func (r Request) LogValue() slog.Value { return slog.StringValue(r.String()) }

// MarshalJSON writes the mask.
func (r Request) MarshalJSON() ([]byte, error) { return json.Marshal(r.String()) }
