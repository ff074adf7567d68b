package spine

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/nrlgo/nrlgo/auth"
)

// dial makes a connection, as http.Transport has it.
type dial func(ctx context.Context, network, addr string) (net.Conn, error)

// framed is d with connections that know where an answer ends.
func (d dial) framed(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := d(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	return &wire{Conn: conn}, nil
}

// transport is what both kinds of connection share: HTTP/1.1, no proxy of the
// environment, no compression, bounded heads.
func transport(l Limits, secure dial) *http.Transport {
	p := new(http.Protocols)
	p.SetHTTP1(true)
	return &http.Transport{
		DialTLSContext:         secure.framed,
		Protocols:              p,
		TLSNextProto:           map[string]func(string, *tls.Conn) http.RoundTripper{},
		DisableCompression:     true,
		ResponseHeaderTimeout:  l.FirstByte,
		MaxResponseHeaderBytes: l.Head,
		IdleConnTimeout:        60 * time.Second,
		MaxIdleConns:           256,
		MaxIdleConnsPerHost:    64,
		ReadBufferSize:         64 << 10,
	}
}

func spinePool(c Config) *pool {
	return &pool{age: c.Limits.Age, create: func() *http.Transport { return transport(c.Limits, c.Dialer.DialTLSContext) }}
}

func publicPool(c Config) *pool {
	d := auth.NewPublicDialer(auth.PublicPolicy{Roots: c.Public.Roots, Allow: allowed(c.Public.Allow), Now: c.Now})
	return &pool{age: c.Limits.Age, create: func() *http.Transport {
		t := transport(c.Limits, d.DialTLSContext)
		t.DialContext = dial(d.DialContext).framed
		return t
	}}
}

// allowed marks the error of PublicPages.Allow.
func allowed(allow func(netip.Addr) error) func(netip.Addr) error {
	if allow == nil {
		return nil
	}
	return func(a netip.Addr) error {
		if err := allow(a); err != nil {
			return fmt.Errorf("%w: %w", ErrAddress, err)
		}
		return nil
	}
}

// pool is a transport that is renewed, so that no connection is used for long
// after a server's certificate has expired or was revoked.
type pool struct {
	age    time.Duration
	create func() *http.Transport

	mu            sync.Mutex
	current, last *http.Transport
	born          time.Time
}

func (p *pool) transport() *http.Transport {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.current == nil || time.Since(p.born) >= p.age {
		if p.current != nil {
			p.current.CloseIdleConnections() // and those in use when they fall idle
		}
		p.last, p.current, p.born = p.current, p.create(), time.Now()
	}
	return p.current
}

// closeIdle closes the connections that no call uses.
func (p *pool) closeIdle() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, t := range []*http.Transport{p.current, p.last} {
		if t != nil {
			t.CloseIdleConnections()
		}
	}
}
