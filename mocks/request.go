package mocks

import (
	"crypto/x509"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
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
	// Revocation is the CRLs and the OCSP responder, on the listener of Plain.
	Revocation
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
	case Revocation:
		return "revocation"
	default:
		return "service " + strconv.Itoa(int(s))
	}
}

// MarshalText is String, for JSON.
func (s Service) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

var errService = errors.New("no service of the mock")

// UnmarshalText reads what String writes, in any case.
func (s *Service) UnmarshalText(text []byte) error {
	for known := NRL; known <= Revocation; known++ {
		if strings.EqualFold(known.String(), string(text)) {
			*s = known
			return nil
		}
	}
	return errService
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
	// Time is when it arrived, by the mock's clock.
	Time time.Time
	// Fault is the kind of the fault that acted on its answer, "" for none.
	Fault string
	// Violations are the rules that the request broke, one line each, nil for
	// a good one.
	Violations []string

	judged   []duty
	breaches []breach
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

// Requests are those that arrived so far, oldest first; of very many, the
// 90,000 latest at least.
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
// trace ids and what the report would say.
func (s *Spine) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = nil
	clear(s.tokens)
	clear(s.traces)
	s.tally = newTally(s.options.now())
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
func (s *Spine) handler(listener Service) http.Handler {
	judges := map[Service]func(*exchange) answer{NRL: s.serveNRL, SSP: s.serveSSP, Public: s.servePage, Plain: s.servePage, Revocation: s.serveRevocation}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, ok := r.Context().Value(connKey{}).(*conn)
		if !ok {
			return
		}
		service, began := listener, time.Now()
		if service == Plain && isRevocation(r.URL.Path) {
			service = Revocation
		}
		e := &exchange{spine: s, w: w, r: r, conn: c, got: s.arrived(service, c, r)}
		if refused := s.certificate(e); refused != 0 {
			e.answer = answer{status: refused}
		} else {
			e.answer = judges[service](e)
		}
		s.tempt(e.got)
		fault := s.faultOf(e)
		s.note(e.got, e.answer.statusOrOK(), fault, began)
		defer s.finished(e, fault) // a fault may panic to drop the connection
		if fault != nil {
			fault.serve(e)
			return
		}
		s.lift(e.answer.tree)
		e.send()
	})
}

// maxRequests are kept; of more, the oldest are dropped.
const maxRequests = 100_000

// note keeps a request, and what its answer will be.
func (s *Spine) note(got *Request, status int, fault *Fault, began time.Time) {
	got.Status = status
	if fault != nil {
		got.Status, got.Fault = fault.status(status), fault.name
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.requests) == maxRequests {
		s.requests = slices.Delete(s.requests, 0, maxRequests/10)
	}
	s.requests = append(s.requests, got)
	if got.Service != Revocation {
		s.tally.retried(got, began)
	}
	s.tally.request(got)
}

// finished notes that a request was answered.
func (s *Spine) finished(e *exchange, fault *Fault) {
	if e.got.Service == Revocation {
		return
	}
	status := e.got.Status
	if fault != nil && fault.cuts {
		status = 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tally.ended(e.got, status, time.Now(), s.options.now(), e.answer.header)
}

// arrived notes what came, and what breaks the rules of every service.
func (s *Spine) arrived(service Service, c *conn, r *http.Request) *Request {
	state := c.state()
	got := &Request{
		Service: service, Method: r.Method, URI: r.RequestURI, Header: c.head(r.Method, r.RequestURI), Time: s.options.now(),
		TLSVersion: state.Version, CipherSuite: state.CipherSuite, OfferedSuites: c.tcp.suites, Resumed: state.DidResume,
	}
	if len(state.PeerCertificates) > 0 {
		got.ClientCertificate = state.PeerCertificates[0]
	}
	if service == Revocation {
		return got
	}
	got.kept(dutyNoAmbient)
	for _, name := range []string{"Cookie", "Referer"} {
		if got.anyCase(name) {
			got.broke(dutyNoAmbient, name+" was sent")
		}
	}
	if r.ContentLength != 0 {
		got.broke(map[Service]duty{NRL: dutyNRLGet, SSP: dutySSPGet, Public: dutyContactBare, Plain: dutyContactBare}[service], "a body was sent")
	}
	if service == NRL || service == SSP {
		version, suites, _ := offer(c.tcp)
		for _, fault := range []string{version, suites} {
			if fault != "" { // the handshake's figures have it
				got.Violations = append(got.Violations, fault)
			}
		}
	}
	if c.tcp.bait != 0 {
		got.broke(c.tcp.bait, "a request came over a connection whose server certificate must be refused")
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
		e.got.broke(dutyClientCert, "no client certificate")
		return 496
	case s.isRevoked(state.PeerCertificates[0]), s.options.certStatus && s.verifyClient(state) != nil:
		e.got.broke(dutyClientCert, "the client certificate is revoked or outside the Spine PKI")
		return 495
	}
	e.got.kept(dutyClientCert)
	return 0
}
