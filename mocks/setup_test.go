package mocks_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nrlgo/nrlgo/auth/nhs"
	"github.com/nrlgo/nrlgo/mocks"
)

const patient = "9462205957"

var number = nhs.MustParseNumber(patient)

// consumer is a plain net/http client with the consumer's certificate.
type consumer struct {
	sp   *mocks.Spine
	http *http.Client
}

// setup starts a mock and a consumer of it.
func setup(t *testing.T, opts ...mocks.Option) (*mocks.Spine, *consumer) {
	t.Helper()
	sp := mocks.Run(t, opts...)
	return sp, connect(t, sp, nil)
}

// connect makes a consumer whose TLS configuration edit may change.
func connect(t *testing.T, sp *mocks.Spine, edit func(*tls.Config)) *consumer {
	t.Helper()
	config := &tls.Config{
		MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12, RootCAs: x509.NewCertPool(),
		CipherSuites: []uint16{
			tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA,
		},
		Certificates: []tls.Certificate{sp.Client().TLS()},
	}
	config.RootCAs.AppendCertsFromPEM(sp.CAPEM())
	config.RootCAs.AppendCertsFromPEM(sp.PublicCAPEM())
	if edit != nil {
		edit(config)
	}
	transport := &http.Transport{TLSClientConfig: config, DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &consumer{sp: sp, http: &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// ask is a request to be edited.
type ask struct {
	method string
	base   string // scheme and host
	target string // request target as sent
	header http.Header
	claims map[string]any
	token  func(claims map[string]any) string // nil sends no token
	body   string
}

// reply is what came back.
type reply struct {
	status      int
	contentType string
	header      http.Header
	body        string
	err         error // of the exchange or of the body
}

// open sends a request. The caller closes the body.
func (c *consumer) open(ctx context.Context, t *testing.T, a ask) (*http.Response, error) {
	t.Helper()
	return c.http.Do(a.request(ctx, t))
}

// wire sends a request on a connection of its own and returns every byte that
// came, and how the connection ended.
func (c *consumer) wire(t *testing.T, a ask) (string, error) {
	t.Helper()
	request := a.request(t.Context(), t)
	request.Close = true
	config := c.http.Transport.(*http.Transport).TLSClientConfig.Clone()
	config.ServerName = "localhost"
	conn, err := (&tls.Dialer{Config: config}).DialContext(t.Context(), "tcp", request.URL.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := request.Write(conn); err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(conn)
	return string(text), err
}

// request is the request as net/http sends it.
func (a ask) request(ctx context.Context, t *testing.T) *http.Request {
	t.Helper()
	u, err := url.Parse(a.base)
	if err != nil {
		t.Fatal(err)
	}
	u.Opaque = a.target
	request := (&http.Request{Method: a.method, URL: u, Host: u.Host, Header: a.header.Clone()}).WithContext(ctx)
	if a.token != nil {
		request.Header.Set("Authorization", "Bearer "+a.token(a.claims))
	}
	if a.body != "" {
		request.Body, request.ContentLength = io.NopCloser(strings.NewReader(a.body)), int64(len(a.body))
	}
	return request
}

// send sends a request and reads the answer.
func (c *consumer) send(t *testing.T, a ask) reply {
	t.Helper()
	response, err := c.open(t.Context(), t, a)
	if err != nil {
		return reply{err: err}
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	return reply{response.StatusCode, response.Header.Get("Content-Type"), response.Header, string(body), err}
}

// claims are those of a good token, but for aud and scope.
func claims() map[string]any {
	now := time.Now().Unix()
	return map[string]any{
		"iss": "https://" + mocks.ConsumerFQDN, "iat": now, "exp": now + 300,
		"reason_for_request":      "directcare",
		"requesting_system":       "https://fhir.nhs.uk/Id/accredited-system|" + mocks.ConsumerASID,
		"requesting_organization": "https://fhir.nhs.uk/Id/ods-organization-code|" + mocks.ConsumerODS,
		"requesting_user":         "https://fhir.nhs.uk/Id/sds-role-profile-id|4387293874928",
		"sub":                     "https://fhir.nhs.uk/Id/sds-role-profile-id|4387293874928",
	}
}

// encode makes a token of header and claims.
func encode(header string, claims map[string]any) string {
	payload, _ := json.Marshal(claims)
	return base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString(payload) + "."
}

func unsigned(claims map[string]any) string { return encode(`{"alg":"none","typ":"JWT"}`, claims) }

// search is a good search in JSON.
func (c *consumer) search() ask {
	a := c.toNRL("/STU3/DocumentReference?subject=" + escape(subjectOf(patient)))
	return a
}

// toNRL is a good request to the NRL for JSON.
func (c *consumer) toNRL(target string) ask {
	base := strings.TrimSuffix(c.sp.NRLURL(), "/STU3")
	a := ask{method: http.MethodGet, base: base, target: target, claims: claims(), token: unsigned, header: http.Header{
		"fromASID": {mocks.ConsumerASID}, "toASID": {mocks.SpineASID}, "Accept": {"application/fhir+json"},
	}}
	a.claims["aud"], a.claims["scope"] = base, "patient/DocumentReference.read"
	return a
}

var traces atomic.Int64

// retrieve is a good request for a provider's URL.
func (c *consumer) retrieve(record string) ask {
	u, _ := url.Parse(record)
	a := ask{method: http.MethodGet, base: c.sp.SSPURL(), target: "/" + escape(record), claims: claims(), token: unsigned, header: http.Header{
		"Ssp-TraceID": {uuid()}, "Ssp-From": {mocks.ConsumerASID}, "Ssp-To": {mocks.ProviderASID},
		"Ssp-InteractionID": {"urn:nhs:names:services:nrl:DocumentReference.content.read"},
	}}
	a.claims["aud"], a.claims["scope"] = u.Scheme+"://"+u.Host, "patient/*.read"
	return a
}

// uuid is a UUID that was not used before.
func uuid() string { return fmt.Sprintf("0b9f2c1e-6c1d-4f7a-9d5e-%012X", traces.Add(1)) }

// clock is a clock that a test moves. Safe for concurrent use.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time           { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) advance(by time.Duration) { c.ahead.Add(int64(by)) }

func subjectOf(digits string) string {
	return "https://demographics.spineservices.nhs.uk/STU3/Patient/" + digits
}

// escape percent-encodes all but the unreserved characters (RFC 3986).
func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// outcome is an OperationOutcome of either syntax.
type outcome struct{ Profile, Severity, Issue, System, Code, Diagnostics string }

func readOutcome(t *testing.T, r reply) outcome {
	t.Helper()
	var x struct {
		XMLName xml.Name `json:"-" xml:"http://hl7.org/fhir OperationOutcome"`
		Type    string   `json:"resourceType" xml:"-"`
		Meta    struct {
			Profile []string `json:"profile" xml:"-"`
			X       value    `json:"-" xml:"profile"`
		} `json:"meta" xml:"meta"`
		Issue []struct {
			Severity    string `json:"severity" xml:"-"`
			Code        string `json:"code" xml:"-"`
			Diagnostics string `json:"diagnostics" xml:"-"`
			XSeverity   value  `json:"-" xml:"severity"`
			XCode       value  `json:"-" xml:"code"`
			XDiag       value  `json:"-" xml:"diagnostics"`
			Details     struct {
				Coding []struct {
					System  string `json:"system" xml:"-"`
					Code    string `json:"code" xml:"-"`
					XSystem value  `json:"-" xml:"system"`
					XCode   value  `json:"-" xml:"code"`
				} `json:"coding" xml:"coding"`
			} `json:"details" xml:"details"`
		} `json:"issue" xml:"issue"`
	}
	var err error
	if r.contentType == "application/fhir+json" {
		err = json.Unmarshal([]byte(r.body), &x)
	} else {
		err = xml.Unmarshal([]byte(r.body), &x)
	}
	if err != nil || len(x.Issue) != 1 || len(x.Issue[0].Details.Coding) != 1 {
		t.Fatalf("no OperationOutcome (%v): %s", err, r.body)
	}
	i := x.Issue[0]
	d := i.Details.Coding[0]
	o := outcome{x.Meta.X.Value, i.XSeverity.Value, i.XCode.Value, d.XSystem.Value, d.XCode.Value, i.XDiag.Value}
	if r.contentType == "application/fhir+json" {
		o = outcome{strings.Join(x.Meta.Profile, " "), i.Severity, i.Code, d.System, d.Code, i.Diagnostics}
	}
	return o
}

type value struct {
	Value string `xml:"value,attr"`
}

// without copies claims and drops some.
func without(claims map[string]any, names ...string) map[string]any {
	c := maps.Clone(claims)
	for _, name := range names {
		delete(c, name)
	}
	return c
}
