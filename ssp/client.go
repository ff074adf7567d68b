package ssp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/nrlgo/nrlgo/auth"
	"github.com/nrlgo/nrlgo/auth/nhs"
	"github.com/nrlgo/nrlgo/client/spine"
	"github.com/nrlgo/nrlgo/nrl"
)

// defaultMaxBytes bounds a record: 250 MB and more are met in migrations (SSP
// page states no limit).
const defaultMaxBytes = 1 << 30

// Config sets up a Client. Most programs use package client instead.
type Config struct {
	// Exchange makes the exchanges. Required; the caller closes it.
	Exchange *spine.Client
	// Base is the SSP, https://host without a path. Required.
	Base *url.URL
	// ProxyHosts are further hosts by which pointers call the SSP, "host" or
	// "host:port". That of Base and the published ones are known.
	ProxyHosts []string
	// Plain appends the provider's URL to Base as it is, as older guides have
	// it; false percent-encodes it.
	Plain bool
	// Directory finds the provider's ASID. nil: only pointers that carry it
	// can be retrieved.
	Directory Directory
	// Audience is the JWT's aud claim; "" means scheme and authority of the
	// provider's URL.
	Audience string
	// AllowPrivate permits pages of contact details by address or on the own
	// machine. What other names resolve to is judged by the Exchange.
	AllowPrivate bool
	// MaxBytes bounds a record, in bytes; 0 means 1 GiB.
	MaxBytes int64
}

// Client retrieves records. Safe for concurrent use.
type Client struct {
	config   Config
	base     url.URL
	resolver resolver
}

// New makes a Client; every fault of the Config is reported at once.
func New(c Config) (*Client, error) {
	var faults []error
	if c.Exchange == nil {
		faults = append(faults, errors.New("ssp: Config.Exchange is missing"))
	}
	hosts := c.ProxyHosts
	out := &Client{config: c}
	if err := checkBase(c.Base); err != nil {
		faults = append(faults, err)
	} else {
		out.base = *c.Base
		hosts = append([]string{c.Base.Host}, hosts...)
	}
	proxies, err := newProxyHosts(hosts...)
	if err != nil {
		faults = append(faults, err)
	}
	if c.MaxBytes < 0 {
		faults = append(faults, errors.New("ssp: Config.MaxBytes is negative"))
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	out.config.MaxBytes = cmp.Or(c.MaxBytes, defaultMaxBytes)
	out.resolver = resolver{proxies: proxies, allowPrivate: c.AllowPrivate}
	return out, nil
}

// Retrieve opens the record behind a pointer, or its page of contact details
// where the options say so. It is handed out once the provider answered with
// the content type that the pointer names, and not checked further until it is
// read; ctx holds for the reading too. The caller closes it.
//
// Records come through the SSP; contact details and contents with the
// mechanism Direct are called directly, without our certificate, a JWT or any
// header of Spine (NRL retrieval page). A record that opens in a browser is
// not fetched: the error wraps an [*InContextError], which has the page.
//
// The error is a [*spine.Error] and wraps a sentinel of this package or what
// the exchange came to. Where the pointer has contact details too, it wraps a
// [*NoRecordError]. An error of the Directory has the origin
// [spine.OriginDir].
func (c *Client) Retrieve(ctx context.Context, requester auth.Requester, p nrl.Pointer, opts ...Option) (*Record, error) {
	w, err := c.wish(opts)
	if err == nil {
		err = retrievable(p)
	}
	if err != nil {
		return nil, refused(spine.OpRetrieve, spine.CodeInvalid, err)
	}
	chosen, err := c.resolver.choose(p.Contents, w)
	op := spine.OpRetrieve
	if chosen.kind == KindContact || w.preference == Contact {
		op = spine.OpContact
	}
	contacts := 0
	if op == spine.OpRetrieve {
		contacts = len(Contacts(p))
	}
	if err != nil {
		return nil, offer(refused(op, spine.CodeInvalid, err), contacts)
	}
	want := expect(chosen, w.maxBytes)
	r := spine.Request{
		Op: op, Requester: requester, Patient: p.Patient, PointerID: p.ID, RecordURL: chosen.content.URL, Check: want.head,
	}
	if err := c.address(ctx, &r, p, chosen.target, w); err != nil {
		return nil, offer(err, contacts)
	}
	stream, err := c.config.Exchange.Stream(ctx, r)
	if err != nil {
		return nil, offer(err, contacts)
	}
	return newRecord(stream, want, p.ID, chosen, contacts), nil
}

// wish applies the options.
func (c *Client) wish(opts []Option) (wish, error) {
	w := wish{maxBytes: c.config.MaxBytes, audience: c.config.Audience, directory: c.config.Directory}
	for _, o := range opts {
		if o == nil {
			return w, because(ErrOption, "it is nil")
		}
		o.apply(&w)
	}
	if w.bad != "" {
		return w, because(ErrOption, w.bad)
	}
	return w, nil
}

// retrievable refuses a pointer whose record is not to be shown, or for which
// the audit trail would be incomplete (NRL audit page).
func retrievable(p nrl.Pointer) error {
	switch {
	case !p.Current():
		return ErrNotCurrent
	case p.ID == "":
		return because(ErrPointer, "it has no logical id")
	case p.Patient.IsZero():
		return because(ErrPointer, "it names no patient")
	}
	return nil
}

// address says in a request where it goes to: to the SSP in the provider's
// name, or to a public page directly.
func (c *Client) address(ctx context.Context, r *spine.Request, p nrl.Pointer, t target, w wish) error {
	if t.route == direct {
		page, err := url.Parse(t.provider)
		if err != nil { // its text is the URL
			return refused(r.Op, spine.CodeInvalid, ErrURL)
		}
		r.Service, r.URL = spine.Public, page
		return nil
	}
	to, err := provider(ctx, r.Op, p, t.host, w.directory)
	if err != nil {
		return err
	}
	r.Service, r.To, r.Audience = spine.SSP, to, cmp.Or(w.audience, t.origin)
	r.URL = proxyURL(&c.base, t.provider, c.config.Plain)
	return nil
}

// provider finds the ASID of the provider: in the pointer, else by the
// directory.
func provider(ctx context.Context, op spine.Op, p nrl.Pointer, host string, d Directory) (nhs.ASID, error) {
	if !p.ProviderASID.IsZero() {
		return p.ProviderASID, nil
	}
	if d == nil {
		return nhs.ASID{}, refused(op, spine.CodeConfig, because(ErrNoASID, "the pointer names none and no directory is configured"))
	}
	asid, err := d.Lookup(ctx, Lookup{Organisation: p.Author, InteractionID: InteractionID, Host: host})
	switch {
	case err != nil:
		return nhs.ASID{}, unknown(ctx, op, err)
	case asid.IsZero():
		return nhs.ASID{}, unknown(ctx, op, because(ErrNoASID, "the directory gave none"))
	}
	return asid, nil
}

// unknown turns the error of a look-up into one of the retrieval.
func unknown(ctx context.Context, op spine.Op, err error) *spine.Error {
	fault := spine.Error{Code: spine.CodeOf(err), Err: err}
	if e, ok := err.(*spine.Error); ok { //nolint:errorlint // taken apart only where nothing is around it
		fault = *e
	}
	fault.Op, fault.Origin = op, spine.OriginDir
	switch {
	case ctx.Err() != nil && !errors.Is(err, ctx.Err()):
		fault.Code, fault.Err = spine.CodeOf(ctx.Err()), fmt.Errorf("%w: %w", ctx.Err(), err)
	case fault.Code == spine.CodeUnknown && (errors.Is(err, ErrNoASID) || errors.Is(err, ErrEncounter)):
		fault.Code = spine.CodeInvalid
	}
	return &fault
}

// refused is the error of a request that was not sent.
func refused(op spine.Op, code spine.Code, err error) *spine.Error {
	return &spine.Error{Op: op, Code: code, Origin: spine.OriginLocal, Err: err}
}
