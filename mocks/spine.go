package mocks

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
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
	listeners map[Service]net.Listener
	servers   []*http.Server
	stop      context.CancelFunc
	serving   sync.WaitGroup
	handling  sync.WaitGroup
	log       serverLog

	mu            sync.Mutex
	consumers     map[string]map[string]bool // ASID -> ODS codes
	providers     map[string]bool            // ASIDs
	organisations map[string]bool
	patients      map[string][]*entry
	pointers      map[ID]*entry
	records       map[string]*Record // by URL as a pointer has it
	pages         map[string]page    // by scheme and path
	failing       map[string]trigger // test bench, by NHS number or id
	faults        []*Fault
	requests      []*Request
	tokens        map[string]time.Time // token -> when it was first seen
	traces        map[string]bool
	revoked       map[string]bool // serial numbers of client certificates
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

// Start starts a Spine on free ports of 127.0.0.1. The first of a process
// makes its keys, which may take a second; every other takes milliseconds.
// The caller closes it.
func Start(opts ...Option) (*Spine, error) {
	s := &Spine{
		consumers:     map[string]map[string]bool{ConsumerASID: {ConsumerODS: true}},
		providers:     map[string]bool{ProviderASID: true},
		organisations: map[string]bool{ConsumerODS: true, ProviderODS: true},
		patients:      map[string][]*entry{},
		pointers:      map[ID]*entry{},
		records:       map[string]*Record{},
		pages:         map[string]page{},
		failing:       map[string]trigger{},
		tokens:        map[string]time.Time{},
		traces:        map[string]bool{},
		revoked:       map[string]bool{},
		listeners:     map[Service]net.Listener{},
	}
	s.options.now = time.Now
	for _, o := range opts {
		o(&s.options)
	}
	if err := s.certify(); err != nil {
		return nil, err
	}
	if err := s.listen(); err != nil {
		_ = s.Close()
		return nil, err
	}
	if s.options.bench {
		s.fillBench()
	}
	return s, nil
}

// sharedPKIs are those of every mock whose clock is the real one.
var sharedPKIs = sync.OnceValues(func() ([2]*pki.PKI, error) { return makePKIs(nil) })

func makePKIs(now func() time.Time) (both [2]*pki.PKI, err error) {
	if both[0], err = pki.New(pki.Options{Now: now}); err != nil {
		return both, err
	}
	both[1], err = pki.New(pki.Options{Name: "Public Test", KeySet: "public", Now: now})
	return both, err
}

// certify sets the PKIs, the client certificate and what the servers present.
func (s *Spine) certify() error {
	both, err := sharedPKIs()
	if s.options.clock {
		both, err = makePKIs(s.options.now)
	}
	if err != nil {
		return fmt.Errorf("mocks: %w", err)
	}
	s.pki, s.public = both[0], both[1]
	if s.client, err = s.pki.Client(ConsumerFQDN); err != nil {
		return fmt.Errorf("mocks: %w", err)
	}
	return nil
}

// listen opens the listeners and serves them.
func (s *Spine) listen() error {
	base, stop := context.WithCancel(context.Background())
	s.stop = stop
	spine, public, err := s.tlsConfigs()
	if err != nil {
		return fmt.Errorf("mocks: %w", err)
	}
	for service, config := range map[Service]*tls.Config{NRL: spine, SSP: spine.Clone(), Public: public, Plain: nil} {
		l, err := new(net.ListenConfig).Listen(base, "tcp", "127.0.0.1:0")
		if err != nil {
			return errors.New("mocks: no port on the loopback is free")
		}
		s.listeners[service] = l
		server := &http.Server{
			Handler:           s.handler(service),
			ErrorLog:          slog.NewLogLogger(&s.log, slog.LevelError),
			ReadHeaderTimeout: time.Minute,
			BaseContext:       func(net.Listener) context.Context { return base },
			ConnState:         s.count,
			ConnContext:       func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, connKey{}, c) },
		}
		s.servers = append(s.servers, server)
		s.serving.Go(func() { _ = server.Serve(&listener{Listener: l, config: config, log: &s.log}) })
	}
	return nil
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

// Close ends every connection and waits until nothing of the mock runs.
func (s *Spine) Close() error {
	s.stop()
	var errs []error
	for _, server := range s.servers {
		errs = append(errs, server.Close())
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
	if service == Plain {
		scheme = "http://"
	}
	return scheme + s.listeners[service].Addr().String()
}

// NRLURL is the base of the NRL, https://127.0.0.1:PORT/STU3.
func (s *Spine) NRLURL() string { return s.origin(NRL) + "/STU3" }

// SSPURL is the base of the Spine Secure Proxy, https://127.0.0.1:PORT.
func (s *Spine) SSPURL() string { return s.origin(SSP) }

// PublicURL is the origin of the public pages, https://127.0.0.1:PORT.
func (s *Spine) PublicURL() string { return s.origin(Public) }

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

// WriteFiles writes ca.pem, client.pem, client.key and public-ca.pem into dir,
// each readable by its owner only, over those of the same names.
func (s *Spine) WriteFiles(dir string) error {
	for name, content := range map[string][]byte{
		"ca.pem": s.CAPEM(), "client.pem": s.ClientCertPEM(), "client.key": s.ClientKeyPEM(), "public-ca.pem": s.PublicCAPEM(),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			if pathError, ok := errors.AsType[*fs.PathError](err); ok {
				err = pathError.Err
			}
			return fmt.Errorf("mocks: %s: %w", name, err)
		}
	}
	return nil
}

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

// AddProvider makes another system's ASID known to the SSP.
func (s *Spine) AddProvider(asid nhs.ASID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.providers[asid.Digits()] = true
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

// Revoke refuses a client certificate from now on, at handshakes and at
// requests on connections that are open.
func (s *Spine) Revoke(cert *x509.Certificate) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.revoked[cert.SerialNumber.String()] = true
}

// ServerLog is what the servers logged: one line for each failed handshake,
// "http: TLS handshake error from ADDRESS: TEXT", as net/http words it.
func (s *Spine) ServerLog() string { return s.log.String() }
