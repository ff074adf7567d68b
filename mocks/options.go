package mocks

import (
	"crypto/tls"
	"time"
)

// Option changes how a [Spine] starts.
type Option func(*options)

type options struct {
	now        func() time.Time
	clock      bool
	bench      bool
	plainURLs  bool
	certStatus bool
	audiences  []string
	server     *tls.Certificate
	host       string
	ports      map[Service]int
	lists      time.Duration // 0: certificates name none
	spineTLS   []func(*tls.Config)
	publicTLS  []func(*tls.Config)
}

// WithClock sets the time by which certificates and tokens are made and
// judged.
func WithClock(now func() time.Time) Option {
	return func(o *options) { o.now, o.clock = now, true }
}

// WithAddress listens on that host, an address of the machine, in place of
// 127.0.0.1, and on these ports where they are not 0. The certificates name
// localhost and 127.0.0.1 all the same.
func WithAddress(host string, ports map[Service]int) Option {
	return func(o *options) { o.host, o.ports = host, ports }
}

// WithRevocationLists makes every certificate of the mock's Spine PKI name a
// CRL and an OCSP responder, both served by the mock (see [Spine.CRLURL]).
// Lists and answers hold for that time; below a second it is 24 hours.
func WithRevocationLists(validity time.Duration) Option {
	if validity < time.Second {
		validity = listValidity
	}
	return func(o *options) { o.lists = validity }
}

// WithServerLeaf sets the certificate that the NRL and the SSP present, such
// as a bad one of [pki.PKI.Issue]. Usually theirs is for localhost and
// 127.0.0.1.
func WithServerLeaf(c tls.Certificate) Option { return func(o *options) { o.server = &c } }

// WithTLS edits the TLS configuration of the NRL and of the SSP.
func WithTLS(edit func(*tls.Config)) Option {
	return func(o *options) { o.spineTLS = append(o.spineTLS, edit) }
}

// WithPublicTLS edits the TLS configuration of the public pages.
func WithPublicTLS(edit func(*tls.Config)) Option {
	return func(o *options) { o.publicTLS = append(o.publicTLS, edit) }
}

// WithCertificateStatus makes the NRL and the SSP answer a missing client
// certificate with HTTP 496 and a bad one with 495, as the SSP does (security
// page), instead of ending the handshake with an alert.
func WithCertificateStatus() Option { return func(o *options) { o.certStatus = true } }

// WithPlainURLs makes the SSP take the provider's URL unencoded too,
// https://ssp/https://provider/path, as older guides have it.
func WithPlainURLs() Option { return func(o *options) { o.plainURLs = true } }

// WithAudiences accepts these values of the JWT's aud claim, besides the
// origin of the NRL and, at the SSP, that of the provider's URL.
func WithAudiences(aud ...string) Option {
	return func(o *options) { o.audiences = append(o.audiences, aud...) }
}

// WithTestBench adds the patients, pointers, records and failures of the
// national test bench (NRL simulator page); see [BenchRecordURL].
func WithTestBench() Option { return func(o *options) { o.bench = true } }
