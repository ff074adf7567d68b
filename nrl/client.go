package nrl

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/nrlgo/nrlgo/auth"
	"github.com/nrlgo/nrlgo/auth/nhs"
	"github.com/nrlgo/nrlgo/client/spine"
)

// References and systems of the 2.x parameters (NRL search page).
const (
	patientReference      = "https://demographics.spineservices.nhs.uk/STU3/Patient/"
	organisationReference = "https://directory.spineservices.nhs.uk/STU3/Organization/"
	defaultTypeParameter  = "type.coding"
	acceptJSON            = "application/fhir+json"
)

// Config sets up a Client. Most programs use package client instead.
type Config struct {
	// Exchange makes the exchanges. Required; the caller closes it.
	Exchange *spine.Client
	// Base is the locator's base URL, which ends in /STU3. Required.
	Base *url.URL
	// Audience is the JWT's aud claim. Required.
	Audience string
	// TypeParameter is the search parameter for a type; "" means "type.coding".
	TypeParameter string
}

// Client finds pointers in NRL 2.x. Safe for concurrent use.
type Client struct{ config Config }

// New makes a Client; every fault of the Config is reported at once.
func New(c Config) (*Client, error) {
	var faults []error
	if c.Exchange == nil {
		faults = append(faults, errors.New("nrl: Config.Exchange is missing"))
	}
	if c.Base == nil || c.Base.Scheme != "https" || c.Base.Host == "" {
		faults = append(faults, errors.New("nrl: Config.Base is not an https URL"))
	}
	if c.Audience == "" {
		faults = append(faults, errors.New("nrl: Config.Audience is missing"))
	}
	if c.TypeParameter == "" {
		c.TypeParameter = defaultTypeParameter
	}
	return &Client{c}, errors.Join(faults...)
}

// request is a GET below the base: path and query are percent-encoded.
func (c *Client) request(op spine.Op, r auth.Requester, path, query string) spine.Request {
	target := strings.TrimSuffix(c.config.Base.EscapedPath(), "/") + "/DocumentReference" + path
	return spine.Request{
		Op: op, Service: spine.NRL, Accept: acceptJSON, Requester: r, Audience: c.config.Audience,
		URL: &url.URL{Scheme: c.config.Base.Scheme, Host: c.config.Base.Host, Opaque: target, RawQuery: query},
	}
}

// refuse is the error of a call that was not made.
func refuse(op spine.Op, err error) error {
	return &spine.Error{Op: op, Code: spine.CodeInvalid, Origin: spine.OriginLocal, Err: err}
}

// Read reads the pointer with a logical id. Where expect is not zero, the
// pointer of another patient is withheld, with CodeIncomplete and an error
// wrapping [ErrWrongPatient].
//
// The error is a [*spine.Error]: CodeNoRecord when there is no such pointer,
// CodeInvalid (BAD_REQUEST) when it is not current, CodeUnexpected when the
// answer is no pointer; nothing is returned with an error.
func (c *Client) Read(ctx context.Context, r auth.Requester, id string, expect nhs.Number) (Pointer, error) {
	path, err := idPath(id)
	if err != nil {
		return Pointer{}, refuse(spine.OpRead, err)
	}
	var p Pointer
	req := c.request(spine.OpRead, r, "/"+path, "")
	req.PointerID, req.Patient = id, expect
	req.Subject = func([]byte) nhs.Number { return p.Patient }
	req.Check = func(a *spine.Response) error {
		if err := checkContentType(a); err != nil {
			return err
		}
		p, err = ParsePointer(a.Body)
		if err != nil {
			return unexpected(a, err)
		}
		return acceptable(a, p, id, expect)
	}
	answer, err := c.config.Exchange.Fetch(ctx, req)
	if err != nil {
		return Pointer{}, err
	}
	if err := answer.End(nil); err != nil {
		return Pointer{}, err
	}
	return p, nil
}

// acceptable refuses the right resource with the wrong content.
func acceptable(a *spine.Response, p Pointer, id string, expect nhs.Number) error {
	switch {
	case p.ID != id:
		return a.Fail(spine.CodeUnexpected, spine.OriginNRL, fmt.Errorf("%w: it has another id", ErrUnexpectedResource))
	case !expect.IsZero() && p.Patient != expect:
		return a.Fail(spine.CodeIncomplete, spine.OriginNRL, ErrWrongPatient)
	case !p.Current():
		return a.Fail(spine.CodeIncomplete, spine.OriginNRL, ErrNotCurrent)
	}
	return nil
}

// idPath is an id as a path segment. Ids are opaque; what a path would
// normalise away is refused.
func idPath(id string) (string, error) {
	if id == "" || id == "." || id == ".." || len(id) > 256 {
		return "", fmt.Errorf("%w: a pointer id has 1 to 256 characters", ErrQuery)
	}
	for i := range len(id) {
		if id[i] <= ' ' || id[i] == 0x7f {
			return "", fmt.Errorf("%w: a pointer id has no blank or control character", ErrQuery)
		}
	}
	return url.PathEscape(id), nil
}

// fhirTypes are the media types that Spine was met with (NRL API guidance).
var fhirTypes = map[string]bool{
	"application/fhir+json": true, "application/fhir+xml": true,
	"application/json+fhir": true, "application/xml+fhir": true,
	"application/json": true, "application/xml": true, "text/json": true, "text/xml": true,
}

// ErrContentType is wrapped by the error for an answer that is not FHIR by
// its Content-Type, such as a login page, or that contradicts it.
var ErrContentType = errors.New("the answer's content type is not that of its FHIR body")

// checkContentType decides by the Content-Type what the body must look like.
func checkContentType(a *spine.Response) error {
	first := firstByte(a.Body)
	isXML := strings.Contains(a.ContentType, "xml")
	if !fhirTypes[a.ContentType] || len(a.Body) > 0 && isXML != (first == '<') {
		return a.Fail(spine.CodeUnexpected, spine.OriginNRL, ErrContentType)
	}
	return nil
}

// firstByte is the first byte behind a byte order mark and white space.
func firstByte(body []byte) byte {
	text := strings.TrimLeft(strings.TrimPrefix(string(body[:min(len(body), 64)]), "\ufeff"), " \t\r\n")
	if text == "" {
		return 0
	}
	return text[0]
}

// unexpected is the error of an answer that was not read. An OperationOutcome
// with status 200 keeps its code.
func unexpected(a *spine.Response, err error) error {
	e := a.Fail(spine.CodeUnexpected, spine.OriginNRL, err)
	e.Status = a.Status
	if o, perr := spine.ParseOutcome(a.Body); perr == nil {
		e.Outcome, e.SpineCode = o, o.SpineCode()
	}
	return e
}
