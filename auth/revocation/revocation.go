// Package revocation says how a certificate's revocation is established.
//
// A [Policy] is [Hard] by default: a certificate whose status cannot be
// established is refused. [Soft] accepts it with a notice. [Off] checks
// nothing and must be given a reason, which goes into the audit trail.
//
// Lists and responders are not asked yet: Hard and Soft answer with
// [ErrNotAvailable] wherever they are used, so that no program believes that
// a check was made. Off is the only policy that lets a connection be made.
package revocation

import (
	"errors"
	"fmt"
	"strings"
)

// ErrNotAvailable is wrapped by the error of a policy that this version
// cannot carry out.
var ErrNotAvailable = errors.New("not available yet")

// ErrReason is wrapped by the error of an Off policy without a reason.
var ErrReason = errors.New("revocation.Off needs a reason, which the audit trail keeps")

// Policy is how strict the check is. The zero value is Hard. It is a
// comparable value.
type Policy struct {
	mode   mode
	reason string
}

type mode int

const (
	hard mode = iota
	soft
	off
)

// Hard refuses a certificate whose status cannot be established.
func Hard() Policy { return Policy{} }

// Soft accepts a certificate whose status cannot be established, with a
// notice in log and audit trail; a revoked one is refused.
func Soft() Policy { return Policy{mode: soft} }

// Off checks nothing. The reason is for the assessor who reads the audit trail.
func Off(reason string) Policy { return Policy{mode: off, reason: strings.TrimSpace(reason)} }

// IsOff reports whether nothing is checked, and why.
func (p Policy) IsOff() (reason string, isOff bool) { return p.reason, p.mode == off }

// String is "hard", "soft" or "off (reason)".
func (p Policy) String() string {
	switch p.mode {
	case soft:
		return "soft"
	case off:
		return "off (" + p.reason + ")"
	default:
		return "hard"
	}
}

// Usable reports why the policy cannot be carried out, nil when it can; the
// error wraps [ErrNotAvailable] or [ErrReason].
func (p Policy) Usable() error {
	switch {
	case p.mode != off:
		return fmt.Errorf("revocation: policy %s: %w; until then a connection needs revocation.Off(reason)", p, ErrNotAvailable)
	case p.reason == "":
		return fmt.Errorf("revocation: %w", ErrReason)
	}
	return nil
}
