package spine

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/nrlgo/nrlgo/auth"
	"github.com/nrlgo/nrlgo/auth/nhs"
)

// Client makes exchanges. Safe for concurrent use; Close it.
type Client struct {
	config Config
	spine  *http.Transport
	public *http.Transport
	quota  quota
}

// New makes a Client. Every fault of the Config is reported at once.
func New(c Config) (*Client, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	c.Limits = c.Limits.withDefaults()
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return &Client{config: c, spine: spineTransport(c), public: publicTransport(c), quota: newQuota()}, nil
}

// Close ends dials under way, closes idle connections and refuses new calls
// to Spine. Streams that are being read live on until they are ended.
func (c *Client) Close() error {
	err := c.config.Dialer.Close()
	c.spine.CloseIdleConnections()
	c.public.CloseIdleConnections()
	return err
}

// Response is what a call brought. A Fetch fills Body, a Stream does not.
type Response struct {
	// Status is the HTTP status, always 200: every other is an error.
	Status int
	// ContentType is the media type, lower case, without parameters; "" when
	// none was sent or it is malformed.
	ContentType string
	// Length is the Content-Length, -1 when the server named none.
	Length int64
	// Body is the whole body of a Fetch.
	Body []byte
	// TraceID is the fresh UUID of the attempt that brought the answer.
	TraceID string
	// CallID joins the audit lines of this call.
	CallID string
	// Attempts counts the requests made, 1 to 4.
	Attempts int
	// Received is when the head of the answer had arrived.
	Received time.Time
	// Conn says how the connection was secured; zero for a plain http page.
	Conn auth.ConnState

	call *call
}

// Fetch sends r, with retries, reads the whole body and hands it out after
// the response was audited. The caller decodes it and then calls
// [Response.End] with the error that decoding came to. The error of Fetch is
// an [*Error]; the call has ended then.
func (c *Client) Fetch(ctx context.Context, r Request) (*Response, error) {
	a, err := c.newCall(r, true)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.config.Limits.Budget)
	defer cancel()
	a.ctx, a.deadline = ctx, time.Now().Add(c.config.Limits.Budget)
	if err := a.run(); err != nil {
		return nil, a.end(err)
	}
	return &a.response, nil
}

// Stream sends r, with retries until the head of the answer has come, and
// hands out the body unread. ctx holds for the body too. The caller ends the
// call with [Stream.End]. The error of Stream is an [*Error]; the call has
// ended then.
func (c *Client) Stream(ctx context.Context, r Request) (*Stream, error) {
	a, err := c.newCall(r, false)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	budget := time.AfterFunc(c.config.Limits.Budget, func() { cancel(errBudget) })
	a.ctx, a.deadline = ctx, time.Now().Add(c.config.Limits.Budget)
	err = a.run()
	if !budget.Stop() && err == nil {
		err = a.failed(CodeTimeout, OriginLocal, errBudget)
	}
	if err != nil {
		if a.body != nil {
			a.body.close()
		}
		cancel(nil)
		return nil, a.end(err)
	}
	a.body.release = cancel
	return &Stream{Response: &a.response, body: a.body}, nil
}

// newCall refuses a request that must not be sent.
func (c *Client) newCall(r Request, whole bool) (*call, error) {
	a := &call{client: c, request: r, whole: whole, id: newUUID()}
	if err := r.check(c.config.SpineASID); err != nil {
		return nil, a.failed(CodeInvalid, OriginLocal, err)
	}
	a.response.call = a
	return a, nil
}

// ErrRequest is wrapped by the error of a request that was refused before it
// was sent.
var ErrRequest = errors.New("request refused before it was sent")

func (r Request) check(spineASID nhs.ASID) error {
	refuse := func(text string) error { return fmt.Errorf("%w: %s", ErrRequest, text) }
	if err := r.Requester.Check(); err != nil {
		return fmt.Errorf("%w: %w", ErrRequest, err)
	}
	if r.URL == nil || r.URL.Host == "" || r.URL.User != nil || r.URL.Fragment != "" {
		return refuse("its URL has no host, or has userinfo or a fragment")
	}
	secure := r.URL.Scheme == "https"
	switch r.Service {
	case NRL, SSP:
		if !secure || r.Audience == "" {
			return refuse("its URL is not https, or no audience is named")
		}
		if r.Service == NRL && spineASID.IsZero() {
			return refuse("the ASID of Spine (toASID) is not configured")
		}
		if r.Service == SSP && r.To.IsZero() {
			return refuse("the provider's ASID is not named")
		}
	case Public:
		if !secure && r.URL.Scheme != "http" {
			return refuse("its URL is neither https nor http")
		}
	default:
		return refuse("it names no service")
	}
	return nil
}

// newUUID is a random UUID (RFC 9562, version 4).
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: it crashes the program instead
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// End ends the call: it writes its last audit line, with err as the outcome
// (nil: done), and returns err, or the error of the line.
func (r *Response) End(err error) error {
	if r.call == nil {
		return err
	}
	return r.call.end(err)
}

// Fail is an [*Error] of this call, for what the caller finds in its answer.
func (r *Response) Fail(code Code, origin Origin, err error) *Error {
	if r.call == nil {
		return &Error{Code: code, Origin: origin, Err: err}
	}
	return r.call.failed(code, origin, err)
}
