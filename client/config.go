package client

import (
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/nrlgo/nrlgo/auth"
	"github.com/nrlgo/nrlgo/auth/nhs"
	"github.com/nrlgo/nrlgo/client/spine"
	"github.com/nrlgo/nrlgo/nrl"
	"github.com/nrlgo/nrlgo/ssp"
)

// ErrConfig is wrapped by the error of [New].
var ErrConfig = errors.New("configuration")

// ErrNotAvailable is wrapped by the error for a setting that this version
// cannot carry out.
var ErrNotAvailable = errors.New("not available yet")

// Config is all that a Client needs. Required are Environment or URLs,
// Credentials, Trust and Audit.
type Config struct {
	// Environment fills NRLURL, SSPURL, CNHosts and SpineASID where they are
	// empty. Zero means none: give the URLs.
	Environment Environment
	// NRLURL is the base of the locator, https, ending in /STU3 for NRL 2.x.
	NRLURL string
	// SSPURL is the Spine Secure Proxy, https and no path. Empty without an
	// Environment: Retrieve answers with CodeConfig.
	SSPURL string
	// ProxyHosts are further host names by which pointers call the SSP; the
	// published ones are known.
	ProxyHosts []string
	// CNHosts are hosts whose certificate may name them in the common name
	// only, beside those of the Environment and of Trust.
	CNHosts []string

	// Credentials are our certificate and key, for both services. Required.
	Credentials *auth.Credentials
	// Trust verifies Spine; its revocation policy holds. Required.
	Trust *auth.Trust
	// Engine chooses the TLS engine. See [Engine] for the zero value.
	Engine Engine
	// OpenSSLFolder is where libssl.so.3 and libcrypto.so.3 are; "" means where
	// the system looks. The environment is not asked.
	OpenSSLFolder string
	// Proxy is an HTTP proxy (http://host:port) to Spine; nil means none. The
	// environment's proxy variables are never read.
	Proxy *url.URL

	// Generation is that of the locator; zero means STU3.
	Generation Generation
	// SpineASID is the locator's own ASID (toASID). Zero means the
	// Environment's.
	SpineASID nhs.ASID
	// Directory finds a provider's ASID for Retrieve. nil: only pointers that
	// carry it can be retrieved.
	Directory ssp.Directory

	// Audit keeps the audit trail. Required; [NoAudit] decides against one.
	Audit AuditSink
	// Logger gets a line for each attempt, without anything sensitive, and what
	// becomes of certificates (read again, expire soon). nil means silent.
	Logger *slog.Logger
	// Now is the clock; nil means time.Now.
	Now func() time.Time

	// Issuer is the JWT's iss claim; "" means https:// and the FQDN of our
	// certificate.
	Issuer string
	// Audience is the JWT's aud claim for the locator; "" means scheme and
	// host of NRLURL. For a record it is that of the provider's URL.
	Audience string
	// JWTSeparator stands between system and value in the JWT; "" means "|",
	// older guides have "/".
	JWTSeparator string
	// TypeParameter is the search parameter for a pointer type; "" means
	// "type.coding", as every published example has it.
	TypeParameter string
	// InteractionID is a header for the locator that no NRL page asks for; ""
	// sends none.
	InteractionID string
	// PlainProxyURL appends the provider's URL to the SSP's as it is, as older
	// guides have it; false percent-encodes it.
	PlainProxyURL bool

	// Limits bound time and sizes; zero fields mean their defaults.
	Limits spine.Limits
	// MaxRecord bounds a record in bytes; 0 means 1 GiB. The option
	// ssp.MaxBytes overrides it for one call.
	MaxRecord int64
	// PublicRoots verify the https pages of contact details; nil means the
	// system's roots.
	PublicRoots *x509.CertPool
	// AllowPrivate permits contact pages on loopback and private addresses.
	AllowPrivate bool
}

// Generation is a generation of the locator.
type Generation int

// The generations.
const (
	// STU3 is NRL 2.x: FHIR STU3 pointers over mutual TLS.
	STU3 Generation = iota
	// V3 is the NRL on the API platform. Not available yet.
	V3
)

// settled is a checked Config.
type settled struct {
	Config
	nrl, ssp *url.URL
	trust    *auth.Trust
}

// settle fills what zero stands for and reports every fault at once.
func (c Config) settle() (settled, error) {
	s := settled{Config: c, trust: c.Trust}
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }

	if c.Environment != 0 {
		known, ok := sites[c.Environment]
		if !ok {
			fault("Environment is not a known one")
		}
		s.fill(known)
	} else if c.NRLURL == "" && c.SSPURL == "" {
		fault("Environment is not set, and neither NRLURL nor SSPURL is given")
	}
	s.nrl = baseURL("NRLURL", s.NRLURL, true, fault)
	s.ssp = baseURL("SSPURL", s.SSPURL, false, fault)
	s.checkTrust(fault)
	if c.Generation != STU3 {
		fault("Generation V3: %w", ErrNotAvailable)
	}
	if s.nrl != nil && s.SpineASID.IsZero() {
		fault("SpineASID is missing: the locator's ASID (toASID) is not published for this environment")
	}
	if c.MaxRecord < 0 {
		fault("MaxRecord is negative")
	}
	if c.Issuer == "" && c.Credentials != nil {
		s.Issuer = "https://" + c.Credentials.FQDN()
	}
	if c.Audience == "" && s.nrl != nil {
		s.Audience = s.nrl.Scheme + "://" + s.nrl.Host
	}
	return s, errors.Join(faults...)
}

func (s *settled) fill(known site) {
	if s.NRLURL == "" {
		s.NRLURL = known.nrl
	}
	if s.SSPURL == "" {
		s.SSPURL = known.ssp
	}
	s.CNHosts = append(append([]string(nil), s.CNHosts...), known.cnHosts...)
	if s.SpineASID.IsZero() && known.spineASID != "" {
		s.SpineASID = nhs.MustParseASID(known.spineASID)
	}
}

func (s *settled) checkTrust(fault func(string, ...any)) {
	if s.Credentials == nil {
		fault("Credentials are missing")
	}
	if s.Trust == nil {
		fault("Trust is missing")
	} else {
		s.trust = s.Trust.WithCNHosts(s.CNHosts...)
		if s.Now != nil {
			s.trust = s.trust.WithClock(s.Now)
		}
		if err := s.trust.Usable(); err != nil {
			fault("Trust: %w", err)
		}
	}
	if s.Engine < EngineOpenSSL || s.Engine > EngineGo {
		fault("Engine is not a known one")
	}
	if s.Audit == nil {
		fault("Audit is missing: the audit trail must be kept; client.NoAudit decides against one")
	}
	if n, ok := s.Audit.(spine.NoAudit); ok && n.Reason == "" {
		fault("Audit: NoAudit needs a reason")
	}
}

// baseURL reads a service's URL. Its faults do not quote it.
func baseURL(field, text string, path bool, fault func(string, ...any)) *url.URL {
	if text == "" {
		return nil
	}
	u, err := url.Parse(strings.TrimSuffix(text, "/"))
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		fault("%s is not of the form https://host[/path]", field)
		return nil
	}
	if !path && u.Path != "" {
		fault("%s must not have a path", field)
		return nil
	}
	return u
}

// spineConfig is what the exchange needs.
func (s *settled) spineConfig(d auth.Dialer) spine.Config {
	var note string
	if reason, off := s.trust.Revocation().IsOff(); off {
		note = "revocation off: " + reason
	}
	var allow func(netip.Addr) error
	if !s.AllowPrivate {
		allow = ssp.PublicAddress
	}
	return spine.Config{
		Dialer: d, SpineASID: s.SpineASID, Issuer: s.Issuer, Separator: s.JWTSeparator, InteractionID: s.InteractionID,
		Audit: s.Audit, AuditNote: note, Public: spine.PublicPages{Roots: s.PublicRoots, Allow: allow},
		Limits: s.Limits, Logger: s.Logger, Now: s.Now,
	}
}

func (s *settled) nrlConfig(x *spine.Client) nrl.Config {
	return nrl.Config{Exchange: x, Base: s.nrl, Audience: s.Audience, TypeParameter: s.TypeParameter}
}
