package spine

import (
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/nrlgo/nrlgo/auth"
)

// contentRead is the interaction of a retrieval (NRL retrieval page).
const contentRead = "urn:nhs:names:services:nrl:DocumentReference.content.read"

// userAgent names the library and not the system that embeds it.
const userAgent = "nrlgo"

// httpRequest makes the request of one attempt, with its own JWT and trace id.
func (a *call) httpRequest(ctx context.Context) (*http.Request, error) {
	r := &a.request
	h := http.Header{
		"User-Agent":      {userAgent},
		"Accept-Encoding": {"identity"}, // so that bytes, length and hash are the record's own
	}
	if r.Accept != "" {
		h["Accept"] = []string{r.Accept}
	}
	if r.Service != Public {
		if err := a.authorise(h); err != nil {
			return nil, err
		}
	}
	req := &http.Request{
		Method: http.MethodGet, URL: r.URL, Host: r.URL.Host, Header: h,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Body: noBody{}, TransferEncoding: []string{"identity"},
	}
	return req.WithContext(ctx), nil
}

// authorise sets the headers of Spine, in their documented spelling: texts up
// to NRL 2.3.0 call names case-sensitive, and http.Header.Set would write
// Fromasid.
func (a *call) authorise(h http.Header) error {
	r, c := &a.request, &a.client.config
	scope := auth.ScopePointers
	if r.Service == SSP {
		scope = auth.ScopeRecords
	}
	token, err := auth.SpineJWT(r.Requester, auth.Token{
		Issuer: c.Issuer, Audience: r.Audience, Scope: scope, Separator: c.Separator, Issued: c.Now(),
	})
	if err != nil {
		return errors.Join(ErrRequest, err)
	}
	h["Authorization"] = []string{"Bearer " + token}
	from := r.Requester.ASID.Digits()
	if r.Service == SSP { // NRL retrieval page
		h["Ssp-TraceID"] = []string{a.trace}
		h["Ssp-From"] = []string{from}
		h["Ssp-To"] = []string{r.To.Digits()}
		h["Ssp-InteractionID"] = []string{contentRead}
		return nil
	}
	h["fromASID"] = []string{from} // NRL API guidance page
	h["toASID"] = []string{c.SpineASID.Digits()}
	if c.InteractionID != "" {
		h["InteractionID"] = []string{c.InteractionID}
	}
	return nil
}

// noBody is the empty body of a GET. net/http sends nothing for it (identity
// keeps it from probing for a byte, and from announcing chunks when that takes
// long), but cannot rewind it, and so never sends a request again by itself:
// each attempt has its own JWT, trace id and audit line.
type noBody struct{}

func (noBody) Read([]byte) (int, error)         { return 0, io.EOF }
func (noBody) WriteTo(io.Writer) (int64, error) { return 0, nil } // saves io.Copy a buffer
func (noBody) Close() error                     { return nil }
