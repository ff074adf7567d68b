package mocks

import (
	"crypto/tls"
	"crypto/x509"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Service is a listener of the mock.
type Service int

// The services; the zero value stands for every one in [On].
const (
	// NRL is the National Record Locator.
	NRL Service = iota + 1
	// SSP is the Spine Secure Proxy and the providers behind it.
	SSP
	// Public is the public pages over https.
	Public
	// Plain is the public pages over http.
	Plain
)

// String is the service's name.
func (s Service) String() string {
	switch s {
	case NRL:
		return "NRL"
	case SSP:
		return "SSP"
	case Public:
		return "public"
	case Plain:
		return "plain"
	default:
		return "service " + strconv.Itoa(int(s))
	}
}

// Field is a header field, its name spelled as it was sent.
type Field struct{ Name, Value string }

// Request is what arrived.
type Request struct {
	// Service is the listener that it came to.
	Service Service
	// Method is the HTTP method.
	Method string
	// URI is the request target, percent-encoded as it was sent.
	URI string
	// Header is every field in the order sent, Host included.
	Header []Field
	// ClientCertificate is the one that the client presented, nil when none.
	ClientCertificate *x509.Certificate
	// TLSVersion and CipherSuite are those of the connection, 0 without TLS.
	TLSVersion, CipherSuite uint16
	// OfferedSuites are those of the ClientHello in its order.
	OfferedSuites []uint16
	// Resumed reports a resumed TLS session.
	Resumed bool
	// Claims are those of the JWT, nil when none could be read. Numbers are
	// json.Number.
	Claims map[string]any
	// ProviderURL is, at the SSP, the URL that was asked for, decoded once.
	ProviderURL string
	// Status is the HTTP status that was answered, 0 when none was (yet).
	Status int
	// Violations are the rules that the request broke, one line each, nil for
	// a good one.
	Violations []string
}

// Values are those of the fields with that name, spelled exactly so.
func (r Request) Values(name string) []string {
	var values []string
	for _, f := range r.Header {
		if f.Name == name {
			values = append(values, f.Value)
		}
	}
	return values
}

// Get is the first value of the field with that name, spelled exactly so, or "".
func (r Request) Get(name string) string {
	if values := r.Values(name); len(values) > 0 {
		return values[0]
	}
	return ""
}

// anyCase reports whether a field has that name in any spelling.
func (r *Request) anyCase(name string) bool {
	return slices.ContainsFunc(r.Header, func(f Field) bool { return strings.EqualFold(f.Name, name) })
}

// broke notes a violation.
func (r *Request) broke(rule string) { r.Violations = append(r.Violations, rule) }

// Requests are those that arrived so far, oldest first.
func (s *Spine) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Request
	for _, r := range s.requests {
		c := *r
		c.Header, c.Violations, c.OfferedSuites = slices.Clone(r.Header), slices.Clone(r.Violations), slices.Clone(r.OfferedSuites)
		c.Claims = maps.Clone(r.Claims)
		all = append(all, c)
	}
	return all
}

// Violations are those of all requests so far, each with its service.
func (s *Spine) Violations() []string {
	var all []string
	for _, r := range s.Requests() {
		for _, v := range r.Violations {
			all = append(all, r.Service.String()+": "+v)
		}
	}
	return all
}

// Forget drops the requests so far, and with them the memory of tokens and
// trace ids.
func (s *Spine) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = nil
	clear(s.tokens)
	clear(s.traces)
}

// exchange is one request on its way to its answer.
type exchange struct {
	spine  *Spine
	w      http.ResponseWriter
	r      *http.Request
	conn   *conn
	got    *Request
	syntax syntax
	answer answer
}

// handler serves one listener.
func (s *Spine) handler(service Service) http.Handler {
	judge := map[Service]func(*exchange) answer{NRL: s.serveNRL, SSP: s.serveSSP, Public: s.servePage, Plain: s.servePage}[service]
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, ok := r.Context().Value(connKey{}).(*conn)
		if !ok {
			return
		}
		e := &exchange{spine: s, w: w, r: r, conn: c, got: arrived(service, c, r)}
		if refused := s.certificate(e); refused != 0 {
			e.answer = answer{status: refused}
		} else {
			e.answer = judge(e)
		}
		fault := s.fault(service)
		s.mu.Lock()
		e.got.Status = e.answer.statusOrOK()
		if fault != nil {
			e.got.Status = fault.status(e.got.Status)
		}
		s.requests = append(s.requests, e.got)
		s.mu.Unlock()
		if fault != nil {
			fault.serve(e)
			return
		}
		e.send()
	})
}

// arrived notes what came, and what breaks the rules of every service.
func arrived(service Service, c *conn, r *http.Request) *Request {
	state := c.state()
	got := &Request{
		Service: service, Method: r.Method, URI: r.RequestURI, Header: c.head(r.Method, r.RequestURI),
		TLSVersion: state.Version, CipherSuite: state.CipherSuite, OfferedSuites: c.tcp.suites, Resumed: state.DidResume,
	}
	if len(state.PeerCertificates) > 0 {
		got.ClientCertificate = state.PeerCertificates[0]
	}
	for _, name := range []string{"Cookie", "Referer"} {
		if got.anyCase(name) {
			got.broke(name + " was sent")
		}
	}
	if r.ContentLength != 0 {
		got.broke("a body was sent")
	}
	if service == NRL || service == SSP {
		if slices.ContainsFunc(c.tcp.suites, func(id uint16) bool { return !slices.Contains(permitted, id) }) {
			got.broke("a cipher suite outside the list was offered")
		}
		if slices.Contains(c.tcp.versions, tls.VersionTLS13) {
			got.broke("TLS 1.3 was offered")
		}
	}
	return got
}

// certificate is 495 or 496 when the client certificate is refused at this
// level, else 0.
func (s *Spine) certificate(e *exchange) int {
	if e.got.Service != NRL && e.got.Service != SSP {
		return 0
	}
	switch state := e.conn.state(); {
	case len(state.PeerCertificates) == 0:
		e.got.broke("no client certificate")
		return 496
	case s.isRevoked(state.PeerCertificates[0]), s.options.certStatus && s.verifyClient(state) != nil:
		e.got.broke("the client certificate is revoked or outside the Spine PKI")
		return 495
	}
	return 0
}
