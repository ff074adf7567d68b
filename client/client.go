package client

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net/url"

	"github.com/nrlgo/nrlgo/auth"
	"github.com/nrlgo/nrlgo/auth/nhs"
	"github.com/nrlgo/nrlgo/client/spine"
	"github.com/nrlgo/nrlgo/nrl"
	"github.com/nrlgo/nrlgo/ssp"
)

// Names of package spine that callers need most.
type (
	// Error is the error of every call: see [spine.Error].
	Error = spine.Error
	// Code is the class of an Error.
	Code = spine.Code
	// AuditSink keeps the audit trail: see [spine.AuditSink].
	AuditSink = spine.AuditSink
	// AuditEntry is a line of the audit trail.
	AuditEntry = spine.AuditEntry
	// Limits bound an exchange in time and size.
	Limits = spine.Limits
)

// The classes of errors; see package spine for what each means.
const (
	CodeUnknown     = spine.CodeUnknown
	CodeInvalid     = spine.CodeInvalid
	CodeNoRecord    = spine.CodeNoRecord
	CodeDenied      = spine.CodeDenied
	CodeUnavailable = spine.CodeUnavailable
	CodeTimeout     = spine.CodeTimeout
	CodeCanceled    = spine.CodeCanceled
	CodeCertificate = spine.CodeCertificate
	CodeIntegrity   = spine.CodeIntegrity
	CodeUnexpected  = spine.CodeUnexpected
	CodeIncomplete  = spine.CodeIncomplete
	CodeAudit       = spine.CodeAudit
	CodeConfig      = spine.CodeConfig
)

// CodeOf is the class of an error of any call.
func CodeOf(err error) Code { return spine.CodeOf(err) }

// NoAudit is a sink that keeps nothing, for the reason that it is given. An
// audit trail MUST be kept (NRL audit page): it is for tests and tools.
func NoAudit(reason string) AuditSink { return spine.NoAudit{Reason: reason} }

// Client is one set of assets (certificate, trust, pool, audit trail) for
// search and retrieval. Safe for concurrent use. Close it.
type Client struct {
	exchange *spine.Client
	locator  *nrl.Client
	records  *ssp.Client
	dialer   auth.Dialer
	nrl, ssp *url.URL
	stop     []func() // listening to notices
}

// New makes a Client. It connects to nothing. Its error wraps [ErrConfig] and
// names every fault at once; what is wrong with certificates can be told
// apart with errors.Is (auth.ErrNoAnchor, auth.ErrCredentials).
func New(c Config) (*Client, error) {
	s, err := c.settle()
	if err != nil {
		return nil, fmt.Errorf("client: %w: %w", ErrConfig, err)
	}
	dialer, err := s.dialer()
	if err != nil {
		return nil, fmt.Errorf("client: %w: %w", ErrConfig, err)
	}
	out := &Client{dialer: dialer, nrl: s.nrl, ssp: s.ssp}
	if err := out.open(s, dialer); err != nil {
		return nil, errors.Join(fmt.Errorf("client: %w: %w", ErrConfig, err), dialer.Close())
	}
	if s.Logger != nil {
		out.stop = append(out.stop, s.Credentials.OnNotice(logNotice(s.Logger, "own certificate")), s.trust.OnNotice(logNotice(s.Logger, "CA certificates")))
	}
	return out, nil
}

// logNotice says what became of certificates whose files changed, or which end
// soon.
func logNotice(l *slog.Logger, what string) func(auth.Notice) {
	return func(n auth.Notice) {
		level, attrs := slog.LevelWarn, []slog.Attr{slog.String("of", what), slog.String("notice", n.Kind.String())}
		if n.Kind == auth.Reloaded {
			level = slog.LevelInfo
		}
		if !n.Expires.IsZero() {
			attrs = append(attrs, slog.Time("expires", n.Expires))
		}
		if n.Err != nil {
			attrs = append(attrs, slog.Any("error", n.Err))
		}
		l.LogAttrs(context.Background(), level, "certificates", attrs...)
	}
}

func (c *Client) open(s settled, d auth.Dialer) (err error) {
	if c.exchange, err = spine.New(s.spineConfig(d)); err != nil {
		return err
	}
	if s.nrl != nil {
		if c.locator, err = nrl.New(s.nrlConfig(c.exchange)); err != nil {
			return err
		}
	}
	if s.ssp != nil {
		c.records, err = ssp.New(ssp.Config{
			Exchange: c.exchange, Base: s.ssp, ProxyHosts: s.ProxyHosts, Plain: s.PlainProxyURL,
			Directory: s.Directory, AllowPrivate: s.AllowPrivate, MaxBytes: s.MaxRecord,
		})
	}
	return err
}

// Close ends dials under way and closes idle connections. Calls under way may
// fail; records that are being read can be read on.
func (c *Client) Close() error {
	for _, stop := range c.stop {
		stop()
	}
	return c.exchange.Close()
}

// Engine is the TLS engine that serves, "go" or "openssl".
func (c *Client) Engine() string { return c.dialer.Engine() }

// As is the door: the calls of one requester. It costs nothing; a requester
// that is incomplete makes every call fail with CodeInvalid, nothing sent.
func (c *Client) As(r auth.Requester) *Session { return &Session{client: c, requester: r} }

// Session makes calls for one requester. Safe for concurrent use.
type Session struct {
	client    *Client
	requester auth.Requester
}

// Search finds pointers; see [nrl.Client.Search].
func (s *Session) Search(ctx context.Context, q nrl.Query) iter.Seq2[nrl.Pointer, error] {
	if s.client.locator == nil {
		return func(yield func(nrl.Pointer, error) bool) {
			yield(nrl.Pointer{}, noService(spine.OpSearch, "NRLURL"))
		}
	}
	return s.client.locator.Search(ctx, s.requester, q)
}

// Read reads the pointer with a logical id; see [nrl.Client.Read]. expect may
// name the patient whose pointer it should be, zero for any.
func (s *Session) Read(ctx context.Context, id string, expect nhs.Number) (nrl.Pointer, error) {
	if s.client.locator == nil {
		return nrl.Pointer{}, noService(spine.OpRead, "NRLURL")
	}
	return s.client.locator.Read(ctx, s.requester, id, expect)
}

// Count says how many pointers a patient has; see [nrl.Client.Count].
func (s *Session) Count(ctx context.Context, q nrl.Query) (int, error) {
	if s.client.locator == nil {
		return 0, noService(spine.OpCount, "NRLURL")
	}
	return s.client.locator.Count(ctx, s.requester, q)
}

// Retrieve opens the record behind a pointer; see [ssp.Client.Retrieve]. The
// caller closes the Record.
func (s *Session) Retrieve(ctx context.Context, p nrl.Pointer, opts ...ssp.Option) (*ssp.Record, error) {
	if s.client.records == nil {
		return nil, noService(spine.OpRetrieve, "SSPURL")
	}
	return s.client.records.Retrieve(ctx, s.requester, p, opts...)
}

func noService(op spine.Op, field string) error {
	return &Error{Op: op, Code: CodeConfig, Origin: spine.OriginLocal, Err: fmt.Errorf("%w: Config.%s is not set", ErrConfig, field)}
}
