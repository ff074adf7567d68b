package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"time"

	"github.com/nrlgo/nrlgo/mocks"
)

// manager serves the management of a mock.
type manager struct {
	spine *mocks.Spine
	seed  mocks.Scenario
	env   string
}

// endpoints are all requests that the management takes.
var endpoints = []string{
	"GET /", "GET /env", "GET /requests", "DELETE /requests", "POST /scenario", "GET /faults", "POST /faults", "DELETE /faults",
	"POST /reset", "POST /revoke", "GET /report",
}

// errBad is a request that the management refuses.
var errBad = errors.New("refused")

func (m *manager) handler() http.Handler {
	answers := map[string]func(*http.Request) (any, error){
		"GET /": m.index, "GET /env": m.environment, "GET /requests": m.requests, "DELETE /requests": m.forget,
		"POST /scenario": m.add, "GET /faults": m.faults, "POST /faults": m.fault, "DELETE /faults": m.clear,
		"POST /reset": m.reset, "POST /revoke": m.revoke, "GET /report": m.report,
	}
	mux := http.NewServeMux()
	for _, pattern := range endpoints {
		answer := answers[pattern]
		if pattern == "GET /" {
			pattern = "GET /{$}"
		}
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { reply(w, r, answer) })
	}
	return mux
}

// document is an answer that is no JSON.
type document struct {
	contentType string
	text        []byte
}

func reply(w http.ResponseWriter, r *http.Request, answer func(*http.Request) (any, error)) {
	status, result, err := http.StatusOK, any(nil), local(r)
	if err == nil {
		result, err = answer(r)
	}
	if err != nil {
		status, result = http.StatusInternalServerError, map[string]string{"error": err.Error()}
		if errors.Is(err, errBad) || errors.Is(err, mocks.ErrScenario) || errors.Is(err, mocks.ErrFault) {
			status = http.StatusBadRequest
		}
	}
	doc, ok := result.(document)
	if !ok {
		text, err := json.MarshalIndent(result, "", "  ")
		if err != nil {
			status, text = http.StatusInternalServerError, []byte(`{"error":"the answer is no JSON"}`)
		}
		doc = document{"application/json", append(text, '\n')}
	}
	w.Header().Set("Content-Type", doc.contentType)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(doc.text)
}

// local refuses what a page in a browser could send: another name for this
// machine, or a change from another origin.
func local(r *http.Request) error {
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = r.Host
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("%w: the Host is not a loopback address", errBad)
	}
	if r.Method != http.MethodGet && r.Header.Get("Origin") != "" {
		return fmt.Errorf("%w: it comes from a page", errBad)
	}
	return nil
}

const maxBody = 64 << 20

// body reads JSON, strictly.
func body(r *http.Request, into any) error {
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		return fmt.Errorf("%w: the Content-Type is not application/json", errBad)
	}
	d := json.NewDecoder(io.LimitReader(r.Body, maxBody))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("%w: %w", errBad, err)
	}
	return nil
}

func (m *manager) index(*http.Request) (any, error) {
	return map[string]any{
		"nrl": m.spine.NRLURL(), "ssp": m.spine.SSPURL(), "public": m.spine.PublicURL(), "plain": m.spine.PlainURL(),
		"crl": m.spine.CRLURL(), "rootCrl": m.spine.RootCRLURL(), "ocsp": m.spine.OCSPURL(),
		"endpoints": endpoints, "faultKinds": mocks.FaultKinds(),
	}, nil
}

func (m *manager) environment(*http.Request) (any, error) {
	return document{"text/plain; charset=utf-8", []byte(m.env)}, nil
}

// request is what the management shows of one.
type request struct {
	Time              time.Time      `json:"time"`
	Service           mocks.Service  `json:"service"`
	Method            string         `json:"method"`
	URI               string         `json:"uri"`
	ProviderURL       string         `json:"providerUrl,omitempty"`
	Header            [][2]string    `json:"header"`
	Claims            map[string]any `json:"claims,omitempty"`
	ClientCertificate string         `json:"clientCertificate,omitempty"`
	TLSVersion        string         `json:"tlsVersion,omitempty"`
	CipherSuite       string         `json:"cipherSuite,omitempty"`
	Status            int            `json:"status"`
	Fault             string         `json:"fault,omitempty"`
	Violations        []string       `json:"violations"`
}

func (m *manager) requests(*http.Request) (any, error) {
	all := []request{}
	for _, r := range m.spine.Requests() {
		shown := request{
			Time: r.Time, Service: r.Service, Method: r.Method, URI: r.URI, ProviderURL: r.ProviderURL, Header: [][2]string{},
			Claims: r.Claims, Status: r.Status, Fault: r.Fault, Violations: append([]string{}, r.Violations...),
		}
		for _, f := range r.Header {
			shown.Header = append(shown.Header, [2]string{f.Name, f.Value})
		}
		if r.ClientCertificate != nil {
			shown.ClientCertificate = r.ClientCertificate.Subject.CommonName
		}
		if r.TLSVersion != 0 {
			shown.TLSVersion, shown.CipherSuite = tls.VersionName(r.TLSVersion), tls.CipherSuiteName(r.CipherSuite)
		}
		all = append(all, shown)
	}
	return all, nil
}

func (m *manager) forget(*http.Request) (any, error) {
	m.spine.Forget()
	return done, nil
}

var done = map[string]bool{"done": true}

func (m *manager) add(r *http.Request) (any, error) {
	var text json.RawMessage
	if err := body(r, &text); err != nil {
		return nil, err
	}
	sc, err := mocks.ReadScenario(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	return m.spine.Apply(sc)
}

func (m *manager) faults(*http.Request) (any, error) { return m.spine.PendingFaults(), nil }

// fault adds one fault, or a list of them.
func (m *manager) fault(r *http.Request) (any, error) {
	var text json.RawMessage
	if err := body(r, &text); err != nil {
		return nil, err
	}
	if text[0] == '{' {
		text = append(append([]byte("["), text...), ']')
	}
	sc, err := mocks.ReadScenario(io.MultiReader(bytes.NewReader([]byte(`{"faults":`)), bytes.NewReader(text), bytes.NewReader([]byte("}"))))
	if err != nil {
		return nil, err
	}
	if _, err := m.spine.Apply(sc); err != nil {
		return nil, err
	}
	return m.spine.PendingFaults(), nil
}

func (m *manager) clear(*http.Request) (any, error) {
	m.spine.ClearFaults()
	return done, nil
}

// reset makes the mock what it was at the start, the scenario applied.
func (m *manager) reset(*http.Request) (any, error) {
	m.spine.Reset()
	return m.spine.Apply(m.seed)
}

func (m *manager) revoke(r *http.Request) (any, error) {
	var asked struct {
		Certificate string `json:"certificate"`
	}
	if err := body(r, &asked); err != nil {
		return nil, err
	}
	cert := map[string]*x509.Certificate{
		"client": m.spine.Client().Cert, "server": m.spine.ServerCertificate(), "sub-ca": m.spine.PKI().Sub.Cert,
	}[asked.Certificate]
	if cert == nil {
		return nil, fmt.Errorf("%w: certificate is client, server or sub-ca", errBad)
	}
	m.spine.Revoke(cert)
	return done, nil
}

func (m *manager) report(r *http.Request) (any, error) {
	format := r.URL.Query().Get("format")
	types := map[string]string{"": "application/json", "json": "application/json", "text": "text/plain; charset=utf-8", "html": "text/html; charset=utf-8"}
	if types[format] == "" {
		return nil, fmt.Errorf("%w: format is json, text or html", errBad)
	}
	if format == "" {
		format = "json"
	}
	text, err := rendered(m.spine.Report(), format)
	return document{types[format], text}, err
}
