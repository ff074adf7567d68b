package ldap

import (
	"cmp"
	"errors"
	"net"
	"net/url"
	"time"

	"github.com/nrlgo/nrlgo/auth"
)

const (
	defaultTimeout = 10 * time.Second
	defaultPort    = "636"
)

// Order is which of the two published queries comes first (SSP page, provider
// ASID).
type Order int

// The orders.
const (
	// EndpointsFirst is that of GP Connect (1.2.3 and newer): the
	// organisation's endpoints for the interaction (nhsMHS), then the systems
	// (nhsAS) of the party whose endpoint is at the record's host.
	EndpointsFirst Order = iota
	// SystemsFirst is that of Spine Core: the organisation's systems for the
	// interaction, then the endpoints of their parties.
	SystemsFirst
)

// Config sets up a Directory.
type Config struct {
	// URL is the server, ldaps://host or ldaps://host:port; the port is 636
	// where none is given. Required.
	URL *url.URL
	// Dialer makes the connections, with our certificate and our trust: that
	// of the records or one like it. Required; the caller closes it.
	Dialer auth.Dialer
	// Order is the order of the queries; zero is EndpointsFirst.
	Order Order
	// Timeout bounds a Lookup, connection included; 0 means 10 s. The
	// context's deadline holds too.
	Timeout time.Duration
}

// Directory is SDS by LDAP as a [ssp.Directory]. Safe for concurrent use.
type Directory struct {
	address string
	dialer  auth.Dialer
	order   Order
	timeout time.Duration
}

// New makes a Directory; every fault of the Config is reported at once.
// Nothing is sent.
func New(c Config) (*Directory, error) {
	var faults []error
	add := func(bad bool, text string) {
		if bad {
			faults = append(faults, errors.New("ldap: "+text))
		}
	}
	u := c.URL
	add(u == nil, "Config.URL is missing")
	add(u != nil && (u.Scheme != "ldaps" || u.Hostname() == "" || u.User != nil || u.Opaque != "" || u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.ForceQuery || u.Fragment != ""),
		"Config.URL is not of the form ldaps://host:port")
	add(c.Dialer == nil, "Config.Dialer is missing")
	add(c.Order != EndpointsFirst && c.Order != SystemsFirst, "Config.Order is none")
	add(c.Timeout < 0, "Config.Timeout is negative")
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	return &Directory{
		address: net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), defaultPort)),
		dialer:  c.Dialer, order: c.Order, timeout: cmp.Or(c.Timeout, defaultTimeout),
	}, nil
}
