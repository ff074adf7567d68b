package revocation

import (
	"errors"
	"fmt"
)

// Policy is the Checker.
//
// Deprecated: use *Checker.
type Policy = *Checker

// ErrNotAvailable is wrapped by the error of Usable.
//
// Deprecated: only Usable knows it.
var ErrNotAvailable = errors.New("not available yet")

// Usable refuses Hard and Soft, for callers that do not call Check yet.
//
// Deprecated: Check refuses what cannot be carried out.
func (k *Checker) Usable() error {
	reason, isOff := k.IsOff()
	switch {
	case !isOff:
		return fmt.Errorf("revocation: policy %s: %w; until then a connection needs revocation.Off(reason)", k, ErrNotAvailable)
	case reason == "":
		return fmt.Errorf("revocation: %w", ErrReason)
	}
	return nil
}
