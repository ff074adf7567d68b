package spine

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nrlgo/nrlgo/auth/nhs"
)

// Client makes exchanges. Safe for concurrent use; Close it.
type Client struct {
	config Config
	spine  *pool
	public *pool
	quota  quota
	closed atomic.Bool
	leak   sync.Once // a dropped Stream was reported
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
	return &Client{config: c, spine: spinePool(c), public: publicPool(c), quota: newQuota()}, nil
}

// Close ends dials under way, closes idle connections and refuses new calls
// and attempts, with [ErrClosed]. Streams that are being read live on until
// they are ended.
func (c *Client) Close() error {
	c.closed.Store(true)
	err := c.config.Dialer.Close()
	c.spine.closeIdle()
	c.public.closeIdle()
	return err
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
	a.caller, a.deadline = ctx, time.Now().Add(c.config.Limits.Budget)
	ctx, cancel := context.WithDeadlineCause(ctx, a.deadline, errBudget)
	defer cancel()
	a.ctx = ctx
	if err := a.run(); err != nil {
		return nil, a.end(err)
	}
	a.handed = true
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
	a.caller, a.deadline = ctx, time.Now().Add(c.config.Limits.Budget)
	ctx, cancel := context.WithCancelCause(ctx)
	a.ctx = ctx
	budget := time.AfterFunc(c.config.Limits.Budget, func() { cancel(errBudget) })
	err = a.run()
	if !budget.Stop() && err == nil {
		err = a.failed(CodeTimeout, OriginLocal, errBudget)
	}
	if err != nil {
		if a.body != nil {
			a.body.close()
		}
		err = a.end(err)
		cancel(nil)
		return nil, err
	}
	a.body.release, a.handed = cancel, true
	return newStream(a), nil
}

// newCall refuses a request that must not be sent.
func (c *Client) newCall(r Request, whole bool) (*call, error) {
	a := &call{client: c, request: r, whole: whole, id: newUUID()}
	if err := r.check(c.config.SpineASID); err != nil {
		return nil, a.failed(CodeInvalid, OriginLocal, err)
	}
	if c.closed.Load() {
		return nil, a.failed(CodeInvalid, OriginLocal, ErrClosed)
	}
	a.response.call = a
	return a, nil
}

// Sentinels of a request that was not sent, with CodeInvalid.
var (
	// ErrRequest: it is not one that may be sent.
	ErrRequest = errors.New("request refused before it was sent")
	// ErrClosed: the Client is closed.
	ErrClosed = errors.New("the client is closed")
)

func (r Request) check(spineASID nhs.ASID) error {
	refuse := func(text string) error { return fmt.Errorf("%w: %s", ErrRequest, text) }
	if err := r.Requester.Check(); err != nil {
		return fmt.Errorf("%w: %w", ErrRequest, err)
	}
	if c := r.Requester.User.Citizen; !c.IsZero() && !r.Patient.IsZero() && r.Patient != c {
		return refuse("a citizen asks for another patient's records") // Spine JWT page: patientaccess is to one's own
	}
	if r.URL == nil || r.URL.Host == "" || r.URL.User != nil || r.URL.Fragment != "" {
		return refuse("its URL has no host, or has userinfo or a fragment")
	}
	if o := r.URL.Opaque; o != "" && (o[0] != '/' || strings.HasPrefix(o, "//")) {
		return refuse("the opaque part of its URL does not start with one slash")
	}
	if target := r.URL.Host + r.URL.RequestURI(); !visible(target+r.Accept) || strings.Contains(target, " ") {
		return refuse("its URL or Accept header holds what is not visible ASCII")
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

// visible reports visible ASCII and blanks: what a line of HTTP may hold.
func visible(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}

// newUUID is a random UUID (RFC 9562, version 4).
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: it crashes the program instead
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
