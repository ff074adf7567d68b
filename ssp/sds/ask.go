package sds

import (
	"context"
	"io"
	"math/rand/v2"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/nrlgo/nrlgo/client/spine"
	"github.com/nrlgo/nrlgo/client/spine/fhirtext"
	"github.com/nrlgo/nrlgo/ssp"
)

const (
	maxBody      = 4 << 20
	maxErrorBody = 64 << 10
	longestWait  = 2 * time.Second // that a server may ask for before the second try
)

// Systems of identifiers (SSP page, provider ASID).
const (
	systemODS         = "https://fhir.nhs.uk/Id/ods-organization-code"
	systemInteraction = "https://fhir.nhs.uk/Id/nhsServiceInteractionId"
	systemASID        = "https://fhir.nhs.uk/Id/nhsSpineASID"
	systemPartyKey    = "https://fhir.nhs.uk/Id/nhsMhsPartyKey"
	systemFQDN        = "https://fhir.nhs.uk/Id/nhsMhsFQDN"
)

// ask puts one of the two questions. An empty answer is asked for again, once:
// a timeout behind the API looks the same (SSP page). So is, once, a question
// that a passing trouble ended.
func ask[T any](ctx context.Context, l *lookup, resource string, read func(fhirtext.Node) (T, error)) ([]T, error) {
	for emptied, failed := false, false; ; {
		rows, fault := askOnce(ctx, l, resource, read)
		switch {
		case fault == nil && len(rows) == 0 && !emptied:
			emptied = true
		case fault != nil && passing(fault) && !failed:
			failed = true
			if !pause(ctx, fault.RetryAfter) {
				return nil, fault
			}
		case fault != nil:
			return nil, fault
		default:
			return rows, nil
		}
	}
}

// passing reports a fault that the next request may not meet: no connection,
// 429, 502, 503, 504, and no long wait asked for.
func passing(e *spine.Error) bool {
	switch e.Status {
	case 0:
		return e.Code == spine.CodeUnavailable
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return e.RetryAfter <= longestWait
	}
	return false
}

// pause waits as asked, or a moment; false when ctx ends before.
func pause(ctx context.Context, asked time.Duration) bool {
	t := time.NewTimer(asked + 50*time.Millisecond + rand.N(200*time.Millisecond))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

func askOnce[T any](ctx context.Context, l *lookup, resource string, read func(fhirtext.Node) (T, error)) ([]T, *spine.Error) {
	l.requests.Add(1)
	resp, err := l.directory.transport.RoundTrip(l.request(ctx, resource))
	if err != nil {
		return nil, l.unreachable(ctx, err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, l.refusal(resp)
	}
	if !isFHIR(resp.Header.Values("Content-Type")) {
		return nil, l.fault(spine.CodeUnexpected, unusable("its content type is not FHIR JSON"))
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	switch {
	case err != nil:
		return nil, l.unreachable(ctx, err)
	case len(body) > maxBody:
		return nil, l.fault(spine.CodeUnexpected, spine.ErrTooLarge)
	}
	rows, err := readBundle(body, resource, read)
	if err != nil {
		e := l.fault(spine.CodeUnexpected, err)
		e.Status = resp.StatusCode
		if o, err := spine.ParseOutcome(body); err == nil {
			e.Outcome, e.SpineCode = o, o.SpineCode()
		}
		return nil, e
	}
	return rows, nil
}

// request asks for the systems or endpoints of the organisation with the
// interaction (SSP page). Cache-Control, because the edge keeps every answer
// for half an hour, the empty ones too, and each question may be of a new
// encounter.
func (l *lookup) request(ctx context.Context, resource string) *http.Request {
	d, q := l.directory, l.question
	u := d.base
	u.Path = strings.TrimSuffix(u.Path, "/") + "/" + resource
	u.RawPath = ""
	u.RawQuery = url.Values{
		"organization": {systemODS + "|" + q.Organisation.Code()},
		"identifier":   {systemInteraction + "|" + q.InteractionID},
	}.Encode()
	req := &http.Request{
		Method: http.MethodGet, URL: &u, Host: u.Host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{
			"Accept":           {"application/fhir+json"}, // with a version, 406
			"Accept-Encoding":  {"identity"},
			"Cache-Control":    {"no-cache"},
			"User-Agent":       {"nrlgo"},
			"X-Correlation-Id": {l.correlation},
			"apikey":           {d.key},
		},
	}
	return req.WithContext(ctx)
}

func (l *lookup) unreachable(ctx context.Context, err error) *spine.Error {
	e := ssp.Unreachable(ctx, err)
	e.TraceID, e.Attempts = l.correlation, int(l.requests.Load())
	return e
}

// refusal is the error of any status but 200.
func (l *lookup) refusal(resp *http.Response) *spine.Error {
	e := l.fault(spine.CodeUnexpected, spine.ErrStatus)
	e.Status = resp.StatusCode
	text, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody)) // what came is enough: the status decides
	if o, err := spine.ParseOutcome(text); err == nil {
		e.Outcome, e.SpineCode = o, o.SpineCode()
	}
	switch s := e.Status; {
	case s == http.StatusUnauthorized, s == http.StatusForbidden:
		e.Code = spine.CodeDenied
	case s == http.StatusTooManyRequests, s >= 500:
		e.Code, e.RetryAfter = spine.CodeUnavailable, retryAfter(resp.Header.Get("Retry-After"))
	case s == http.StatusNotFound, s == http.StatusGone: // searches answer an empty list: it is no such API
	case s >= 400:
		e.Code = spine.CodeInvalid
	case s >= 300:
		e.Err = spine.ErrRedirect
	}
	return e
}

// retryAfter reads seconds or a date; what is past or junk is 0.
func retryAfter(v string) time.Duration {
	v = strings.TrimSpace(v)
	if n, err := strconv.ParseUint(v, 10, 32); err == nil {
		return time.Duration(n) * time.Second
	}
	t, err := http.ParseTime(v)
	if err != nil {
		return 0
	}
	return max(0, time.Until(t))
}

// isFHIR reports the content type of a FHIR answer, of which gateways also say
// application/json.
func isFHIR(fields []string) bool {
	if len(fields) != 1 {
		return false
	}
	mt, _, _ := mime.ParseMediaType(fields[0])
	return mt == "application/fhir+json" || mt == "application/json"
}
