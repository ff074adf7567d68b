package spine

import (
	"crypto/tls"
	"net/http"
	"time"

	"github.com/nrlgo/nrlgo/auth"
)

// transport is what both kinds of connection share: HTTP/1.1, no proxy of the
// environment, no compression, bounded heads.
func transport(l Limits) *http.Transport {
	p := new(http.Protocols)
	p.SetHTTP1(true)
	return &http.Transport{
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

func spineTransport(c Config) *http.Transport {
	t := transport(c.Limits)
	t.DialTLSContext = c.Dialer.DialTLSContext
	return t
}

func publicTransport(c Config) *http.Transport {
	d := auth.NewPublicDialer(auth.PublicPolicy{Roots: c.Public.Roots, Allow: c.Public.Allow, Now: c.Now})
	t := transport(c.Limits)
	t.DialContext, t.DialTLSContext = d.DialContext, d.DialTLSContext
	return t
}
