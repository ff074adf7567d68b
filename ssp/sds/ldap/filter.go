package ldap

import (
	"strings"

	goldap "github.com/go-ldap/ldap/v3"
)

// equal is a filter for entries that have the value, whatever is in it: what
// has a meaning in filters is escaped (RFC 4515). A star returned everything
// on a real server (SSP page).
func equal(attribute, value string) string {
	return "(" + attribute + "=" + goldap.EscapeFilter(value) + ")"
}

// and is a filter for entries that pass all of these.
func and(filters ...string) string { return "(&" + strings.Join(filters, "") + ")" }
