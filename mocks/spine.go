package mocks

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/nrlgo/nrlgo/auth/nhs"
	"github.com/nrlgo/nrlgo/mocks/pki"
)

// The identities that every mock knows.
const (
	// ConsumerASID is the ASID of the consumer's system at ConsumerODS.
	ConsumerASID = "200000000115"
	// ConsumerODS is the organisation that asks.
	ConsumerODS = "A20047"
	// ConsumerFQDN is the common name of the client certificate.
	ConsumerFQDN = "nrl-a20047.consumer.thirdparty.nhs.uk"
	// SpineASID is the ASID of the NRL itself, for toASID (the INT one).
	SpineASID = "200000000370"
	// ProviderASID is the ASID of the system at ProviderODS that has the records.
	ProviderASID = "200000000240"
	// ProviderODS is the organisation that owns the records and pointers.
	ProviderODS = "RR8"
)

// ErrPort is wrapped by the error of [Start] when it cannot listen.
var ErrPort = errors.New("it cannot be listened on")

// T is the part of *testing.T that the mock needs.
type T interface {
	Helper()
	Cleanup(f func())
	Fatalf(format string, args ...any)
}

// Spine is a running mock. Safe for concurrent use; Close it.
type Spine struct {
	options   options
	pki       *pki.PKI
	public    *pki.PKI
	client    *pki.Leaf
	server    *x509.Certificate // nil: an option gave another
	listeners map[Service]net.Listener
	servers   []*http.Server
	base      context.Context // ends with the mock
	stop      context.CancelFunc
	serving   sync.WaitGroup
	handling  sync.WaitGroup
	log       serverLog

	mu sync.Mutex
	state
}

// state is what tests add and what traffic leaves behind. Guarded by Spine.mu.
type state struct {
	consumers     map[string]map[string]bool // ASID -> ODS codes
	providers     map[string][]string        // ASID -> origins registered, nil: any
	unshared      map[string]bool            // "consumer provider": no agreement
	organisations map[string]bool
	patients      map[string][]*entry
	pointers      map[ID]*entry
	contacts      map[string]bool    // URLs of contact details
	records       map[string]*Record // by URL as a pointer has it
	pages         map[string]page    // by scheme and path
	failing       map[string]trigger // test bench, by NHS number or id
	faults        []*queued
	requests      []*Request
	tokens        map[string]time.Time // token -> when it was first seen
	traces        map[string]bool
	revoked       map[string]time.Time // certificates by issuer and serial number
	tally         *tally
}

func newState(now time.Time) state {
	return state{
		consumers:     map[string]map[string]bool{ConsumerASID: {ConsumerODS: true}},
		providers:     map[string][]string{ProviderASID: nil},
		unshared:      map[string]bool{},
		organisations: map[string]bool{ConsumerODS: true, ProviderODS: true},
		patients:      map[string][]*entry{},
		pointers:      map[ID]*entry{},
		contacts:      map[string]bool{},
		records:       map[string]*Record{},
		pages:         map[string]page{},
		failing:       map[string]trigger{},
		tokens:        map[string]time.Time{},
		traces:        map[string]bool{},
		revoked:       map[string]time.Time{},
		tally:         newTally(now),
	}
}

// Run starts a Spine and closes it at the end of the test.
func Run(t T, opts ...Option) *Spine {
	t.Helper()
	s, err := Start(opts...)
	if err != nil {
		t.Fatalf("%v", err)
		return nil
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// Start starts a Spine on free ports of 127.0.0.1, or where options say. The
// first of a process makes its keys, which may take a second; every other
// takes milliseconds. The caller closes it.
func Start(opts ...Option) (*Spine, error) {
	s := &Spine{listeners: map[Service]net.Listener{}}
	s.options.now, s.options.host = time.Now, "127.0.0.1"
	for _, o := range opts {
		o(&s.options)
	}
	s.state = newState(s.options.now())
	s.base, s.stop = context.WithCancel(context.Background())
	if err := s.open(); err != nil {
		_ = s.Close()
		return nil, err
	}
	if s.options.bench {
		s.fillBench()
	}
	return s, nil
}

// open makes listeners and certificates, and serves.
func (s *Spine) open() error {
	if err := s.listen(); err != nil {
		return err
	}
	if err := s.certify(); err != nil {
		return fmt.Errorf("mocks: %w", err)
	}
	spine, public, err := s.tlsConfigs()
	if err != nil {
		return fmt.Errorf("mocks: %w", err)
	}
	s.serve(NRL, spine)
	s.serve(SSP, spine.Clone())
	s.serve(Public, public)
	s.serve(Plain, nil)
	return nil
}

// Reset makes the mock what it was when it started: what was added, revoked,
// noted or set to fail is gone. Connections stay open.
func (s *Spine) Reset() {
	s.mu.Lock()
	s.state = newState(s.options.now())
	s.mu.Unlock()
	if s.options.bench {
		s.fillBench()
	}
}

// sharedPKIs are those of every mock whose clock is the real one and whose
// certificates name no list.
var sharedPKIs = sync.OnceValues(func() ([2]*pki.PKI, error) { return makePKIs(pki.Options{}) })

func makePKIs(o pki.Options) (both [2]*pki.PKI, err error) {
	if both[0], err = pki.New(o); err != nil {
		return both, err
	}
	both[1], err = pki.New(pki.Options{Name: "Public Test", KeySet: "public", Now: o.Now})
	return both, err
}

// certify sets the PKIs and the client certificate.
func (s *Spine) certify() error {
	var both [2]*pki.PKI
	var err error
	if s.options.clock || s.options.lists != 0 {
		both, err = makePKIs(s.pkiOptions())
	} else {
		both, err = sharedPKIs()
	}
	if err != nil {
		return err
	}
	s.pki, s.public = both[0], both[1]
	s.client, err = s.pki.Client(ConsumerFQDN)
	return err
}

// listen opens the listeners.
func (s *Spine) listen() error {
	for service := NRL; service <= Plain; service++ {
		address := net.JoinHostPort(s.options.host, strconv.Itoa(s.options.ports[service]))
		l, err := new(net.ListenConfig).Listen(s.base, "tcp", address)
		if err != nil {
			return fmt.Errorf("mocks: the %s port: %w", service, ErrPort)
		}
		s.listeners[service] = l
	}
	return nil
}

// serve serves a listener; config is nil without TLS.
func (s *Spine) serve(service Service, config *tls.Config) {
	server := &http.Server{
		Handler:           s.handler(service),
		ErrorLog:          slog.NewLogLogger(&s.log, slog.LevelError),
		ReadHeaderTimeout: time.Minute,
		BaseContext:       func(net.Listener) context.Context { return s.base },
		ConnState:         s.count,
		ConnContext:       func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, connKey{}, c) },
	}
	s.servers = append(s.servers, server)
	l := &listener{Listener: s.listeners[service], config: config, spine: s, service: service}
	s.serving.Go(func() { _ = server.Serve(l) })
}

// count counts connections: a hijacked one is given back by its handler.
func (s *Spine) count(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		s.handling.Add(1)
	case http.StateClosed:
		s.handling.Done()
	default:
	}
}

// Shutdown takes no more connections, waits until the answers under way have
// ended or ctx has, and closes the mock. A stalled answer never ends.
func (s *Spine) Shutdown(ctx context.Context) error {
	var waiting sync.WaitGroup
	for _, server := range s.servers {
		waiting.Go(func() { _ = server.Shutdown(ctx) }) // what is left, Close ends
	}
	waiting.Wait()
	return s.Close()
}

// Close ends every connection and waits until nothing of the mock runs.
func (s *Spine) Close() error {
	s.stop()
	var errs []error
	for _, server := range s.servers {
		errs = append(errs, server.Close())
	}
	if len(s.servers) == 0 { // it never served
		for _, l := range s.listeners {
			errs = append(errs, l.Close())
		}
	}
	s.serving.Wait()
	s.handling.Wait()
	if errors.Join(errs...) != nil {
		return errors.New("mocks: a connection did not close cleanly")
	}
	return nil
}

// origin is https://127.0.0.1:PORT of a listener.
func (s *Spine) origin(service Service) string {
	scheme := "https://"
	if service == Plain || service == Revocation {
		scheme, service = "http://", Plain
	}
	address := s.listeners[service].Addr().String()
	if host, port, err := net.SplitHostPort(address); err == nil && net.ParseIP(host).IsUnspecified() {
		address = net.JoinHostPort("127.0.0.1", port)
	}
	return scheme + address
}

// NRLURL is the base of the NRL, https://127.0.0.1:PORT/STU3.
func (s *Spine) NRLURL() string { return s.origin(NRL) + "/STU3" }

// SSPURL is the base of the Spine Secure Proxy, https://127.0.0.1:PORT.
func (s *Spine) SSPURL() string { return s.origin(SSP) }

// PublicURL is the origin of the public pages, https://127.0.0.1:PORT.
func (s *Spine) PublicURL() string { return s.origin(Public) }

// PlainURL is that of the public pages without TLS, http://127.0.0.1:PORT.
func (s *Spine) PlainURL() string { return s.origin(Plain) }

// PKI is that of the Spine listeners and of the client certificate. Mocks
// without [WithClock] share it.
func (s *Spine) PKI() *pki.PKI { return s.pki }

// CAPEM is the sub CA and the root of the Spine side, in PEM.
func (s *Spine) CAPEM() []byte { return s.pki.BundlePEM() }

// PublicCAPEM is the root of the public pages, in PEM.
func (s *Spine) PublicCAPEM() []byte { return s.public.Root.PEM() }

// ClientCertPEM is the consumer's certificate and the sub CA, in PEM.
func (s *Spine) ClientCertPEM() []byte { return s.client.ChainPEM() }

// ClientKeyPEM is the consumer's key as PKCS#8 in PEM.
func (s *Spine) ClientKeyPEM() []byte { return s.client.KeyPEM() }

// Client is the consumer's certificate with its key.
func (s *Spine) Client() *pki.Leaf { return s.client }

// AllowConsumer lets a system ask for an organisation, besides [ConsumerASID]
// for [ConsumerODS]. One ASID may have several organisations.
func (s *Spine) AllowConsumer(asid nhs.ASID, ods nhs.ODSCode) {
	s.mu.Lock()
	defer s.mu.Unlock()
	codes := maps.Clone(s.consumers[asid.Digits()])
	if codes == nil {
		codes = map[string]bool{}
	}
	codes[ods.Code()] = true
	s.consumers[asid.Digits()] = codes
	s.organisations[ods.Code()] = true
}

// AddProvider makes a system's ASID known to the SSP. Where endpoints are
// given, origins such as "https://p1.nhs.uk", the SSP passes on only URLs below
// them.
func (s *Spine) AddProvider(asid nhs.ASID, endpoints ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.providers[asid.Digits()] = append(s.providers[asid.Digits()], endpoints...)
}

// ForbidSharing takes the data-sharing agreement away from a consumer and a
// provider, to which the SSP answers FOT_CHECK_FAILED.
func (s *Spine) ForbidSharing(consumer, provider nhs.ASID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unshared[consumer.Digits()+" "+provider.Digits()] = true
}

// AddOrganisation makes an ODS code known as a custodian without pointers.
func (s *Spine) AddOrganisation(ods nhs.ODSCode) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.organisations[ods.Code()] = true
}

// AddPatient makes a patient known who has no pointer: a search answers an
// empty searchset instead of NO_RECORD_FOUND.
func (s *Spine) AddPatient(patient nhs.Number) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.patients[patient.Digits()] = append(s.patients[patient.Digits()], nil...)
}

// ServerLog is what the servers logged: one line for each failed handshake,
// "http: TLS handshake error from ADDRESS: TEXT", as net/http words it.
func (s *Spine) ServerLog() string { return s.log.String() }
