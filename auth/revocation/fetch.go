package revocation

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// The most that is read of a list and of an answer.
const (
	maxList   = 20 << 20
	maxAnswer = 64 << 10
)

// DefaultHosts are those that a Checker asks without being told (security
// page: the Spine CAs publish there).
func DefaultHosts() []string { return []string{"crl.nhs.uk", "ocsp.nhs.uk"} }

// fetcher asks hosts on the allow-list, and no other. It follows no redirect,
// keeps no cookie and no connection, and reads no environment.
type fetcher struct {
	client *http.Client
	hosts  map[string]bool // host or host:port
}

func newFetcher(hosts []string, proxy *url.URL) *fetcher {
	f := &fetcher{hosts: map[string]bool{}}
	for _, h := range append(DefaultHosts(), hosts...) {
		f.hosts[strings.ToLower(h)] = true
	}
	t := &http.Transport{
		DialContext:            (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		DisableCompression:     true, // the limits are for what arrives
		DisableKeepAlives:      true,
		MaxResponseHeaderBytes: 64 << 10,
	}
	if proxy != nil {
		t.Proxy = http.ProxyURL(proxy)
	}
	f.client = &http.Client{
		Transport:     t,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return f
}

// allowed parses the address that a certificate names. host is fit for texts,
// also beside an error.
func (f *fetcher) allowed(raw string) (u *url.URL, host string, err error) {
	u, err = url.Parse(raw)
	if err != nil || u.Host == "" {
		return nil, "(no host)", fmt.Errorf("%w: not an address of http or https", ErrNotAllowed)
	}
	host = printable(u.Host)
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, host, fmt.Errorf("%w: not an address of http or https", ErrNotAllowed)
	case u.User != nil || u.Opaque != "":
		return nil, host, fmt.Errorf("%w: an address with more than host and path", ErrNotAllowed)
	}
	at := strings.ToLower(u.Host)
	if name, isDefault := strings.CutSuffix(at, map[string]string{"http": ":80", "https": ":443"}[u.Scheme]); isDefault {
		at = name
	}
	if !f.hosts[at] {
		return nil, host, ErrNotAllowed
	}
	return u, host, nil
}

// get fetches a list, post asks a responder. The errors wrap ErrFetch and hold
// nothing that a peer sent.
func (f *fetcher) get(ctx context.Context, u *url.URL) ([]byte, error) {
	return f.do(ctx, http.MethodGet, u, nil, maxList)
}

func (f *fetcher) post(ctx context.Context, u *url.URL, question []byte) ([]byte, error) {
	return f.do(ctx, http.MethodPost, u, question, maxAnswer)
}

func (f *fetcher) do(ctx context.Context, method string, u *url.URL, body []byte, limit int64) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("%w: not an address", ErrFetch) // the error holds it
	}
	req.Header.Set("User-Agent", "nrlgo")
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/ocsp-request")
		req.Header.Set("Accept", "application/ocsp-response")
	}
	resp, err := f.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w: %s", ErrFetch, why(err))
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%w: HTTP status %d", ErrFetch, resp.StatusCode)
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: the body was cut short: %s", ErrFetch, why(err))
	case int64(len(data)) > limit:
		return nil, fmt.Errorf("%w: more than %d bytes", ErrFetch, limit)
	}
	return data, nil
}

// why puts a failure of net/http into words that hold no address.
func why(err error) string {
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return "it took too long"
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return "the host's name was not found"
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "the host's certificate is refused"
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "the host's certificate is refused"
	}
	if errors.Is(err, context.Canceled) {
		return "given up"
	}
	return "no connection, or it broke"
}
