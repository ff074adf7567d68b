package client

import (
	"context"
	"net"
	"net/url"

	"github.com/nrlgo/nrlgo/auth"
)

// Probe is what connecting to one service showed.
type Probe struct {
	// Service is "NRL" or "SSP".
	Service string
	// Host is the host that was dialled.
	Host string
	// Conn says how the connection was secured, when Err is nil.
	Conn auth.ConnState
	// Err is why there is none; classify it with errors.Is and errors.AsType
	// (auth.VerifyError, auth.HandshakeError).
	Err error
}

// Probe connects to each configured service, verifies it and hangs up. No
// request is sent and no audit line written.
func (c *Client) Probe(ctx context.Context) []Probe {
	var out []Probe
	for _, s := range []struct {
		name string
		base *url.URL
	}{{"NRL", c.nrl}, {"SSP", c.ssp}} {
		if s.base == nil {
			continue
		}
		p := Probe{Service: s.name, Host: s.base.Hostname()}
		port := s.base.Port()
		if port == "" {
			port = "443"
		}
		conn, err := c.dialer.DialTLSContext(ctx, "tcp", net.JoinHostPort(p.Host, port))
		if p.Err = err; err == nil {
			if ac, ok := conn.(auth.Conn); ok {
				p.Conn = ac.ConnState()
			}
			_ = conn.Close()
		}
		out = append(out, p)
	}
	return out
}
