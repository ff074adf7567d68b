package mocks

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"slices"
	"strings"
	"time"
)

// breach is a rule that was broken.
type breach struct {
	duty duty
	text string
}

// kept notes that rules were judged and kept, unless they are broken too.
func (r *Request) kept(ds ...duty) { r.judged = append(r.judged, ds...) }

// broke notes a violation.
func (r *Request) broke(d duty, text string) {
	r.Violations = append(r.Violations, text)
	r.breaches = append(r.breaches, breach{d, text})
}

// figures are what the traffic showed of a duty.
type figures struct {
	shown, broken int
	examples      []string // of what broke it, masked, each once
}

const maxExamples = 5

func (f *figures) breach(text string) {
	f.broken++
	if text = masked(text); len(f.examples) < maxExamples && !slices.Contains(f.examples, text) {
		f.examples = append(f.examples, text)
	}
}

// tally is what the report is made of. Guarded by Spine.mu.
type tally struct {
	since    time.Time
	figures  [dutyEnd]figures
	requests map[Service]int
	statuses map[int]int
	faults   map[string]int // that acted, by name
	versions map[uint16]int // of connections that shook hands
	suites   map[uint16]int
	offered  map[uint16]bool
	refused  int // handshakes that failed
	baits    map[string]duty
	chains   map[string]*chain
}

func newTally(now time.Time) *tally {
	return &tally{
		since: now, requests: map[Service]int{}, statuses: map[int]int{}, faults: map[string]int{}, versions: map[uint16]int{}, suites: map[uint16]int{},
		offered: map[uint16]bool{}, baits: map[string]duty{}, chains: map[string]*chain{},
	}
}

// handshake adds a handshake with a service of Spine.
func (t *tally) handshake(c *conn) {
	figure := func(d duty, fault string) {
		if fault != "" {
			t.figures[d].breach(fault)
		} else {
			t.figures[d].shown++
		}
	}
	if len(c.tcp.suites) == 0 {
		return // no ClientHello came
	}
	version, suites, order := offer(c.tcp)
	figure(dutyTLSVersion, version)
	figure(dutyTLSSuites, suites)
	figure(dutyTLSOrder, order)
	for _, id := range c.tcp.suites {
		t.offered[id] = true
	}
	if all := inOrder(c.tcp.suites); len(all) == len(permitted)-1 {
		t.figures[dutyTLSAll].shown++
	}
}

// offer is what is wrong with a ClientHello.
func offer(c *tcp) (version, suites, order string) {
	// Without the extension, crypto/tls lists every version up to 1.2 here, so
	// that older ones cannot be judged.
	for _, v := range c.versions {
		if v > tls.VersionTLS12 && !grease(v) {
			version = tls.VersionName(v) + " was offered"
		}
	}
	if !slices.Contains(c.versions, tls.VersionTLS12) && version == "" {
		version = "TLS 1.2 was not offered"
	}
	if slices.ContainsFunc(c.suites, func(id uint16) bool { return !slices.Contains(permitted, id) }) {
		suites = "a cipher suite outside the list was offered"
	}
	listed := inOrder(c.suites)
	if !slices.IsSortedFunc(listed, func(a, b uint16) int { return slices.Index(permitted, a) - slices.Index(permitted, b) }) {
		order = "the suites were offered in another order"
	}
	return version, suites, order
}

// inOrder are the listed suites of an offer, without the SCSV.
func inOrder(offered []uint16) []uint16 {
	const scsv = 0x00FF
	return slices.DeleteFunc(slices.Clone(offered), func(id uint16) bool { return id == scsv || !slices.Contains(permitted, id) })
}

// grease reports a value that means nothing (RFC 8701).
func grease(v uint16) bool { return v&0x0F0F == 0x0A0A && v>>8 == v&0xFF }

// request adds a request that was answered or is about to be.
func (t *tally) request(r *Request) {
	t.requests[r.Service]++
	t.statuses[r.Status]++
	if r.Fault != "" {
		t.faults[r.Fault]++
	}
	broken := [dutyEnd]bool{}
	for _, b := range r.breaches {
		t.figures[b.duty].breach(b.text)
		broken[b.duty] = true
	}
	seen := [dutyEnd]bool{}
	for _, d := range r.judged {
		if !broken[d] && !seen[d] {
			t.figures[d].shown++
		}
		seen[d] = true
	}
}

// shaken notes a handshake that ended.
func (s *Spine) shaken(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tally
	if c.service == NRL || c.service == SSP {
		t.handshake(c)
	}
	if c.err != nil {
		t.refused++
		if d := refusal(c.err); d != 0 {
			t.figures[d].breach(c.err.Error())
		}
		switch {
		case c.tcp.bait != 0 && c.tcp.present != nil:
			t.figures[c.tcp.bait].shown++
		case s.presentsRevoked(c): // who accepts it may hold a list of before
			t.figures[dutyServerRevoked].shown++
		}
		return
	}
	state := c.state()
	t.versions[state.Version]++
	t.suites[state.CipherSuite]++
}

// refusal is the duty that a handshake broke which the mock refused, 0 when
// another reason ended it.
func refusal(err error) duty {
	_, invalid := errors.AsType[x509.CertificateInvalidError](err)
	_, unknown := errors.AsType[x509.UnknownAuthorityError](err)
	own := slices.ContainsFunc([]error{errNoClientCert, errRevoked, errClientCA, errClientKey}, func(e error) bool { return errors.Is(err, e) })
	if invalid || unknown || own || strings.Contains(err.Error(), "client didn't provide a certificate") {
		return dutyClientCert
	}
	return 0
}

// presentsRevoked reports a handshake that the client ended where the mock's
// own certificate is revoked and says where that can be seen.
func (s *Spine) presentsRevoked(c *conn) bool {
	if s.server == nil || s.options.lists == 0 || c.service != NRL && c.service != SSP || !strings.Contains(c.err.Error(), "remote error") {
		return false
	}
	_, revoked := s.revoked[revokedKey(s.server.RawIssuer, s.server.SerialNumber)]
	return revoked
}

// lay marks URLs that a good client does not ask for.
func (s *Spine) lay(d duty, urls ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, url := range urls {
		s.tally.baits[asAskedFor(url)] = d
	}
	s.tally.figures[d].shown++
}

// lift unmarks the URLs of pointers that are served as they are.
func (s *Spine) lift(tree *element) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.tally.baits) == 0 {
		return
	}
	for _, p := range tree.pointers() {
		for _, url := range p.urls() {
			delete(s.tally.baits, asAskedFor(url))
		}
	}
}

var baitTexts = map[duty]string{
	dutyRedirect: "a redirect was followed", dutyNextPage: "a next page on another origin was asked for",
	dutyWrongPatient: "the record of a pointer of another patient was asked for",
	dutyNotCurrent:   "the record of a pointer that is not current was asked for",
}

// tempt notes a request for a URL that was laid.
func (s *Spine) tempt(r *Request) {
	url := s.origin(r.Service) + r.URI
	if r.Service == SSP {
		url = r.ProviderURL
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if d, ok := s.tally.baits[url]; ok {
		r.broke(d, baitTexts[d])
		s.tally.figures[d].shown = max(0, s.tally.figures[d].shown-1)
	}
}
