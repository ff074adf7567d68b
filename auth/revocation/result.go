package revocation

import (
	"strings"
	"time"
)

// Method is how something was established.
type Method string

// The methods. ByFile is a list that the user gave.
const (
	ByCRL    Method = "CRL"
	ByFile   Method = "CRL file"
	ByOCSP   Method = "OCSP"
	ByStaple Method = "OCSP staple"
)

// Result is how the revocation of a chain was established.
type Result struct {
	// Off is the reason for which nothing was checked; else "".
	Off string
	// Certs are the certificates from the leaf on, without the anchor.
	Certs []Status
}

// Status is how a certificate was found to be good.
type Status struct {
	// Cert is its common name.
	Cert string
	// By and Source (a host, or the base name of a file; "" for a staple) say
	// who says so. By is "" where only Soft let it pass; Unknown is why then.
	By      Method
	Source  string
	Unknown *Error
	// ThisUpdate and NextUpdate are the dates of the list or answer; of several
	// lists the latest and the first.
	ThisUpdate, NextUpdate time.Time
}

// String is one line for log and audit trail.
func (r Result) String() string {
	if r.Off != "" {
		return "off (" + r.Off + ")"
	}
	parts := make([]string, len(r.Certs))
	for i, c := range r.Certs {
		parts[i] = c.String()
	}
	return strings.Join(parts, "; ")
}

// String is `"name": CRL crl.nhs.uk, issued T, next update T`.
func (s Status) String() string {
	if s.Unknown != nil {
		return "accepted by the soft policy: " + s.Unknown.Error()
	}
	text := quoted(s.Cert) + ": " + string(s.By)
	if s.Source != "" {
		text += " " + s.Source
	}
	return text + ", issued " + s.ThisUpdate.UTC().Format(time.RFC3339) + ", next update " + s.NextUpdate.UTC().Format(time.RFC3339)
}

// Notices are what only the soft policy let pass, one line each.
func (r Result) Notices() []string {
	var notices []string
	for _, c := range r.Certs {
		if c.Unknown != nil {
			notices = append(notices, c.String())
		}
	}
	return notices
}

// Until is the first next update of what the result stands on; zero when
// nothing was established.
func (r Result) Until() time.Time {
	var first time.Time
	for _, c := range r.Certs {
		if c.Unknown == nil && (first.IsZero() || c.NextUpdate.Before(first)) {
			first = c.NextUpdate
		}
	}
	return first
}
