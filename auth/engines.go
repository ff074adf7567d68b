package auth

import (
	"context"
	"net"
)

// What follows is for TLS engines, which must not differ in it.

// WithDefaults is p with what its zero values stand for.
func (p TLSPolicy) WithDefaults() TLSPolicy { return p.withDefaults() }

// Connect opens the TCP connection to addr (host:port), through the proxy
// where there is one, within DialTimeout. An error of the proxy wraps
// [ErrProxy].
func (p TLSPolicy) Connect(ctx context.Context, network, addr string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, p.withDefaults().DialTimeout)
	defer cancel()
	return connect(ctx, network, addr, p.Proxy)
}

// TLS alerts (RFC 5246) that say why a handshake failed.
const (
	alertHandshakeFailure = 40
	alertBadCertificate   = 42
	alertUnknown          = 46 // certificate_unknown
	alertUnknownCA        = 48
	alertAccessDenied     = 49
	alertProtocolVersion  = 70
	alertInsufficient     = 71
)

// AlertError is what an alert of the server in a handshake means:
// [ErrRefused], [ErrNoSuite], [ErrNoVersion], or nil for any other.
func AlertError(alert uint8) error {
	switch {
	case alert == alertHandshakeFailure || alert == alertInsufficient:
		return ErrNoSuite
	case alert == alertProtocolVersion:
		return ErrNoVersion
	case alert >= alertBadCertificate && alert <= alertUnknown || alert == alertUnknownCA || alert == alertAccessDenied:
		return ErrRefused
	}
	return nil
}

// SplitAddress gives the host of an address that an engine may dial: a name
// in ASCII or an IP address, and a port number. The error holds nothing of
// addr.
func SplitAddress(addr string) (host string, err error) { return splitAddress(addr) }
