package main

import (
	"context"
	"errors"
	"net"

	"github.com/nrlgo/nrlgo/auth"
	"github.com/nrlgo/nrlgo/client"
	"github.com/nrlgo/nrlgo/client/spine"
	"github.com/nrlgo/nrlgo/nrl"
	"github.com/nrlgo/nrlgo/ssp"
)

// The exit status, which scripts depend on.
const (
	statusDone        = 0
	statusOther       = 1
	statusUsage       = 2
	statusNoPointer   = 3
	statusDenied      = 4
	statusUnavailable = 5
	statusCertificate = 6
	statusRecord      = 7
	statusIncomplete  = 8
)

var (
	// errSaid is an error that was shown already.
	errSaid = errors.New("said")
	// errNoPointer is an empty answer.
	errNoPointer = errors.New("no pointer is known to the locator, which does not mean that there is no record")
	// errIncomplete is an entry withheld or unreadable, or a record not saved.
	errIncomplete = errors.New("incomplete")
)

// exitStatus maps an error; the order matters where several apply.
func exitStatus(err error) int {
	switch {
	case err == nil:
		return statusDone
	case errors.Is(err, errNoPointer):
		return statusNoPointer
	case errors.Is(err, errIncomplete):
		return statusIncomplete
	}
	if status := faultStatus(err); status != statusDone {
		return status
	}
	if e, ok := errors.AsType[*client.Error](err); ok {
		return codeStatus(e)
	}
	switch {
	case certificateDecision(err):
		return statusCertificate
	case unreachable(err):
		return statusUnavailable
	}
	return statusOther
}

// faultStatus is that of the faults in err, 0 for none. A certificate that
// cannot be used counts more than a flag that is missing beside it.
func faultStatus(err error) int {
	status := statusDone
	for _, e := range split(err) {
		if f, ok := errors.AsType[*fault](e); ok && status != statusCertificate {
			status = f.status
		}
	}
	return status
}

// codeStatus maps the error of an exchange.
func codeStatus(e *client.Error) int {
	record := e.Op == spine.OpRetrieve || e.Op == spine.OpContact
	switch e.Code {
	case client.CodeNoRecord:
		if record {
			return statusOther // a pointer without a record is not "no pointer"
		}
		return statusNoPointer
	case client.CodeDenied:
		return statusDenied
	case client.CodeUnavailable, client.CodeTimeout:
		return statusUnavailable
	case client.CodeCertificate:
		return statusCertificate
	case client.CodeIntegrity:
		if record {
			return statusRecord
		}
		return statusUnavailable // the connection to the locator broke
	case client.CodeIncomplete:
		return statusIncomplete
	case client.CodeConfig:
		return statusUsage
	}
	switch {
	case errors.Is(e, ssp.ErrContentType):
		return statusRecord
	case errors.Is(e, nrl.ErrQuery):
		return statusUsage
	}
	return statusOther
}

// certificateDecision reports a decision about a certificate, ours or theirs,
// or that there was no common suite or version.
func certificateDecision(err error) bool {
	for _, decision := range []error{
		auth.ErrUntrusted, auth.ErrRefused, auth.ErrNoSuite, auth.ErrNoVersion, auth.ErrCredentials, auth.ErrNoAnchor,
	} {
		if errors.Is(err, decision) {
			return true
		}
	}
	return false
}

// unreachable reports a connection that was not made for another reason.
func unreachable(err error) bool {
	_, network := errors.AsType[net.Error](err)
	_, handshake := errors.AsType[*auth.HandshakeError](err)
	return network || handshake || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, auth.ErrProxy)
}
