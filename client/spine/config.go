package spine

import (
	"cmp"
	"crypto/x509"
	"errors"
	"log/slog"
	"net/netip"
	"time"

	"github.com/nrlgo/nrlgo/auth"
	"github.com/nrlgo/nrlgo/auth/nhs"
)

// Config sets up a Client.
type Config struct {
	// Dialer makes the connections to Spine. Required; the Client closes it.
	Dialer auth.Dialer
	// SpineASID is the NRL's own ASID (toASID). Required for the NRL.
	SpineASID nhs.ASID
	// Issuer is the JWT's iss claim. Required.
	Issuer string
	// Separator stands between system and value in the JWT; "" means "|".
	Separator string
	// InteractionID is sent to the NRL as InteractionID; "" sends none, as no
	// NRL interaction page asks for it.
	InteractionID string
	// Audit keeps the audit trail. Required.
	Audit AuditSink
	// AuditNote is put on every request line: decisions that an assessor asks
	// about, such as revocation switched off.
	AuditNote string
	// Public is for contact pages.
	Public PublicPages
	// Limits are bounds of time and size.
	Limits Limits
	// Logger gets a line for each attempt; nil means none.
	Logger *slog.Logger
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// PublicPages says how contact pages are reached: without client certificate, JWT
// or Spine header.
type PublicPages struct {
	// Roots are the trust anchors for https pages; nil means the system's.
	Roots *x509.CertPool
	// Allow judges each address before it is dialled; nil allows all.
	Allow func(netip.Addr) error
}

// Limits bound an exchange. A zero field means its default.
type Limits struct {
	// Budget bounds a call, attempts and waits together; of a Stream, until
	// the head of the answer. Default 60 s. The context's deadline holds too.
	Budget time.Duration
	// Attempt bounds one attempt of a Fetch, body included. Default 30 s.
	Attempt time.Duration
	// FirstByte bounds the wait for the head of an answer. Default 15 s.
	FirstByte time.Duration
	// Idle bounds the wait for the next bytes of a body. Default 15 s.
	Idle time.Duration
	// Rate is the least that a body must bring, in bytes per second of waiting
	// for the server, judged once Idle has been spent so. Default 1 KiB.
	Rate int64
	// Age bounds the life of a pooled connection, so that an expired or revoked
	// server is noticed. Default 5 minutes.
	Age time.Duration
	// RetryAfter is the longest wait that a server may ask for; a longer one
	// ends the call, with the value in the error. Default 10 s.
	RetryAfter time.Duration
	// Retries is how often a call is tried again, at most 3; negative means
	// never. Default 3 (SSP page: at most three automated retries).
	Retries int
	// Head bounds the head of an answer in bytes. Default 64 KiB.
	Head int64
	// Body bounds the body of a Fetch in bytes, at most 1 GiB. Default 16 MiB.
	Body int64
}

// maxErrorBody bounds the body of a failed answer, and errorBodyTime its reading.
const (
	maxErrorBody  = 64 << 10
	errorBodyTime = 5 * time.Second
	maxRetries    = 3
	maxBody       = 1 << 30
)

func (l Limits) withDefaults() Limits {
	def := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	def(&l.Budget, time.Minute)
	def(&l.Attempt, 30*time.Second)
	def(&l.FirstByte, 15*time.Second)
	def(&l.Idle, 15*time.Second)
	def(&l.Age, 5*time.Minute)
	def(&l.RetryAfter, 10*time.Second)
	l.Retries = max(cmp.Or(l.Retries, maxRetries), 0)
	l.Rate = cmp.Or(l.Rate, 1<<10)
	l.Head = cmp.Or(l.Head, 64<<10)
	l.Body = cmp.Or(l.Body, 16<<20)
	return l
}

// check reports every fault at once.
func (c Config) check() error {
	var faults []error
	add := func(bad bool, text string) {
		if bad {
			faults = append(faults, errors.New("spine: "+text))
		}
	}
	add(c.Dialer == nil, "Config.Dialer is missing")
	add(c.Issuer == "", "Config.Issuer is missing")
	add(c.Audit == nil, "Config.Audit is missing: the audit trail must be kept")
	if n, ok := c.Audit.(NoAudit); ok {
		add(n.Reason == "", "NoAudit has no reason")
	}
	add(!visible(c.InteractionID), "Config.InteractionID is no header value")
	l := c.Limits
	add(min(l.Budget, l.Attempt, l.FirstByte, l.Idle, l.Age, l.RetryAfter) < 0, "a time of Limits is negative")
	add(min(l.Head, l.Body, l.Rate) < 0, "a size or rate of Limits is negative")
	add(l.Body > maxBody, "Limits.Body is more than 1 GiB")
	add(l.Retries > maxRetries, "Limits.Retries is more than 3")
	return errors.Join(faults...)
}
