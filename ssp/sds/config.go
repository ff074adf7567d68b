package sds

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/nrlgo/nrlgo/auth"
)

const (
	defaultTimeout = 10 * time.Second
	maxHead        = 64 << 10
	idleTime       = 30 * time.Second
)

// Config sets up a Directory. It prints as a mask, because it holds the key.
type Config struct {
	// Base is the API, such as
	// https://api.service.nhs.uk/spine-directory/FHIR/R4. Required.
	Base *url.URL
	// APIKey is the application's key on the API platform. Required.
	APIKey string
	// Roots are the trust anchors; nil means the system's.
	Roots *x509.CertPool
	// Timeout bounds a Lookup, repeated questions included; 0 means 10 s. The
	// context's deadline holds too.
	Timeout time.Duration
	// Now is the clock for certificates; nil means time.Now.
	Now func() time.Time
}

// String is a mask.
func (Config) String() string { return "configuration of the directory (hidden)" }

// Format writes the mask for every verb.
func (c Config) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.String()) }

// LogValue is the mask.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.String()) }

// MarshalJSON writes the mask.
func (c Config) MarshalJSON() ([]byte, error) { return json.Marshal(c.String()) }

// check reports every fault at once.
func (c Config) check() error {
	var faults []error
	add := func(bad bool, text string) {
		if bad {
			faults = append(faults, errors.New("sds: "+text))
		}
	}
	u := c.Base
	add(u == nil, "Config.Base is missing")
	add(u != nil && (u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.Opaque != "" || u.RawQuery != "" || u.ForceQuery || u.Fragment != ""),
		"Config.Base is not of the form https://host/path")
	add(c.APIKey == "", "Config.APIKey is missing")
	add(strings.ContainsFunc(c.APIKey, func(r rune) bool { return r <= ' ' || r > '~' }), "Config.APIKey is no header value")
	add(c.Timeout < 0, "Config.Timeout is negative")
	return errors.Join(faults...)
}

// Directory is the SDS FHIR API as a [ssp.Directory]. Safe for concurrent
// use; the caller closes it.
type Directory struct {
	base      url.URL
	key       string
	timeout   time.Duration
	transport *http.Transport
}

// New makes a Directory; every fault of the Config is reported at once.
// Nothing is sent.
func New(c Config) (*Directory, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	d := &Directory{base: *c.Base, key: c.APIKey, timeout: cmp.Or(c.Timeout, defaultTimeout)}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	d.transport = &http.Transport{
		DialTLSContext:         auth.NewPublicDialer(auth.PublicPolicy{Roots: c.Roots, Now: c.Now}).DialTLSContext,
		Protocols:              protocols,
		TLSNextProto:           map[string]func(string, *tls.Conn) http.RoundTripper{},
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxHead,
		IdleConnTimeout:        idleTime,
		MaxIdleConnsPerHost:    8,
	}
	return d, nil
}

// Close closes the connections that are idle. It returns nil.
func (d *Directory) Close() error {
	d.transport.CloseIdleConnections()
	return nil
}

// String is a mask: it holds the key.
func (d *Directory) String() string { return "Spine Directory Service, FHIR API" }

// Format writes String() for every verb.
func (d *Directory) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, d.String()) }
