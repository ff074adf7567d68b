package ldap

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"sync"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"github.com/nrlgo/nrlgo/client/spine"
	"github.com/nrlgo/nrlgo/ssp"
)

const (
	searchBase = "ou=services,o=nhs" // SSP page
	maxEntries = 100                 // of one search
	maxBytes   = 4 << 20             // of one look-up
)

// session is one connection, bound anonymously. One goroutine at a time.
type session struct {
	ctx     context.Context
	conn    *goldap.Conn
	wire    *wire
	release func() bool
}

// open connects and binds. ctx holds for the whole session.
func (d *Directory) open(ctx context.Context) (*session, *spine.Error) {
	raw, err := d.dialer.DialTLSContext(ctx, "tcp", d.address)
	if err != nil {
		return nil, ssp.Unreachable(ctx, err)
	}
	s := &session{ctx: ctx, wire: &wire{Conn: raw, left: maxBytes}}
	s.release = context.AfterFunc(ctx, func() { _ = raw.Close() })
	s.conn = goldap.NewConn(s.wire, true)
	s.conn.SetTimeout(d.timeout + defaultTimeout) // of the library, whose errors do not tell; ctx ends well before
	s.conn.Start()
	if err := s.conn.UnauthenticatedBind(""); err != nil {
		fault := s.fault(err)
		s.close()
		return nil, fault
	}
	return s, nil
}

func (s *session) close() {
	s.release()
	_ = s.conn.Close()
}

// search gives all entries that pass the filter, or none.
func (s *session) search(filter string, attributes ...string) ([]*goldap.Entry, *spine.Error) {
	left := time.Second
	if end, ok := s.ctx.Deadline(); ok {
		left = max(left, time.Until(end))
	}
	request := goldap.NewSearchRequest(
		searchBase, goldap.ScopeWholeSubtree, goldap.NeverDerefAliases,
		maxEntries, int(math.Ceil(left.Seconds())), false, filter, attributes, nil,
	)
	request.EnforceSizeLimit = true
	found, err := s.conn.Search(request)
	if err != nil {
		return nil, s.fault(err)
	}
	if len(found.Referrals) > 0 {
		return nil, failed(spine.CodeUnexpected, unusable("it refers to another server, which is not followed"))
	}
	return found.Entries, nil
}

// fault says what a failed operation means. Texts of the server, and of the
// library, which quotes it, are not kept.
func (s *session) fault(err error) *spine.Error {
	broken := s.wire.broken()
	switch {
	case errors.Is(broken, spine.ErrTooLarge):
		return failed(spine.CodeUnexpected, spine.ErrTooLarge)
	case errors.Is(err, goldap.ErrSizeLimitExceeded):
		return tooMany()
	}
	if e, ok := errors.AsType[*goldap.Error](err); ok && e.ResultCode < goldap.ErrorNetwork {
		return result(e.ResultCode)
	}
	if broken == nil && s.ctx.Err() == nil {
		return failed(spine.CodeUnexpected, unusable("it is not well-formed LDAP"))
	}
	return ssp.Unreachable(s.ctx, broken)
}

func tooMany() *spine.Error {
	return failed(spine.CodeUnexpected, unusable("it has more entries than an organisation's systems can be"))
}

// result is the error for a result code of the server (RFC 4511).
func result(code uint16) *spine.Error {
	said := fmt.Errorf("the directory answered with result %d (%s)", code, goldap.LDAPResultCodeMap[code])
	switch code {
	case goldap.LDAPResultSizeLimitExceeded:
		return tooMany()
	case goldap.LDAPResultTimeLimitExceeded:
		return failed(spine.CodeTimeout, said)
	case goldap.LDAPResultAuthMethodNotSupported, goldap.LDAPResultStrongAuthRequired, goldap.LDAPResultConfidentialityRequired,
		goldap.LDAPResultInappropriateAuthentication, goldap.LDAPResultInvalidCredentials, goldap.LDAPResultInsufficientAccessRights:
		return failed(spine.CodeDenied, said)
	case goldap.LDAPResultAdminLimitExceeded, goldap.LDAPResultBusy, goldap.LDAPResultUnavailable, goldap.LDAPResultUnwillingToPerform:
		return failed(spine.CodeUnavailable, said)
	}
	return failed(spine.CodeUnexpected, fmt.Errorf("%w: %w", ssp.ErrDirectory, said))
}

// wire is a connection that brings at most so many bytes, and remembers how it
// broke: the library keeps the text of that only.
type wire struct {
	net.Conn
	left int64 // of the reader

	mu  sync.Mutex
	err error
}

func (w *wire) Read(p []byte) (int, error) {
	if w.left <= 0 {
		return 0, w.note(spine.ErrTooLarge)
	}
	n, err := w.Conn.Read(p[:min(int64(len(p)), w.left)])
	w.left -= int64(n)
	return n, w.note(err)
}

func (w *wire) Write(p []byte) (int, error) {
	n, err := w.Conn.Write(p)
	return n, w.note(err)
}

func (w *wire) note(err error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.err = err
	}
	return err
}

func (w *wire) broken() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}
