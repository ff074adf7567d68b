package ssp

import (
	"errors"
	"net/url"
	"strings"
)

// maxURL bounds the URL of a content in bytes.
const maxURL = 8 << 10

// proxyURL is the request to the SSP for a provider's URL (NRL retrieval
// page: https://[ssp]/[percent-encoded provider URL]; older guides append it
// plainly). Opaque is the request target to the letter: url.URL would decode,
// collapse or re-encode a path.
func proxyURL(base *url.URL, provider string, plain bool) *url.URL {
	target := "/" + provider
	if !plain {
		target = "/" + encode(provider)
	}
	return &url.URL{Scheme: "https", Host: base.Host, Opaque: target}
}

// encode percent-encodes every byte but the unreserved characters (RFC 3986).
// url.PathEscape leaves :=&+@$ and url.QueryEscape writes + for a space.
func encode(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	b.Grow(len(s) + len(s)/2)
	for i := range len(s) {
		if c := s[i]; unreserved(c) {
			b.WriteByte(c)
		} else {
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		}
	}
	return b.String()
}

func unreserved(c byte) bool {
	return alphanumeric(c) || c == '-' || c == '.' || c == '_' || c == '~'
}

func alphanumeric(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || digit(c)
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

// unhex is the value of a hexadecimal digit, and whether c is one.
func unhex(c byte) (byte, bool) {
	switch {
	case digit(c):
		return c - '0', true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

// checkText refuses what no URL of a record may hold anywhere. A raw space
// may stand in it and means %20 (SSP page).
func checkText(s string) error {
	if s == "" {
		return because(ErrURL, "it is empty")
	}
	if len(s) > maxURL {
		return because(ErrURL, "it is longer than 8 KiB")
	}
	for i := range len(s) {
		switch c := s[i]; {
		case c < ' ' || c == 0x7f:
			return because(ErrURL, "it holds a control character")
		case c > 0x7f:
			return because(ErrURL, "it holds a character outside ASCII")
		case c == '\\':
			return because(ErrURL, "it holds a backslash")
		case c == '#':
			return because(ErrURL, "it has a fragment")
		case c == '%':
			if err := checkEscape(s[i+1:]); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkEscape judges what follows a percent sign.
func checkEscape(s string) error {
	if len(s) >= 2 {
		hi, ok1 := unhex(s[0])
		lo, ok2 := unhex(s[1])
		if c := hi<<4 | lo; ok1 && ok2 {
			if c < ' ' || c == 0x7f {
				return because(ErrURL, "it holds an encoded control character")
			}
			return nil
		}
	}
	return because(ErrURL, "it holds an invalid percent escape")
}

// authority is who a URL names.
type authority struct {
	host string // lower case, no brackets
	port string // "" when none is named
	ip   bool   // the host is an address
	tail string // what follows in the URL
}

// split takes a URL of known scheme apart; rest is what follows "://".
func split(rest string) (authority, error) {
	end := strings.IndexAny(rest, "/?")
	if end < 0 {
		end = len(rest)
	}
	a := authority{tail: rest[end:]}
	text := rest[:end]
	if strings.Contains(text, "@") {
		return authority{}, because(ErrURL, "it has userinfo")
	}
	host := text
	if i := strings.LastIndexByte(text, ':'); i >= 0 && !strings.HasSuffix(text, "]") {
		host, a.port = text[:i], text[i+1:]
		if !validPort(a.port) {
			return authority{}, because(ErrURL, "its port is malformed")
		}
	}
	var err error
	a.host, a.ip, err = checkHost(host)
	return a, err
}

// validPort reports 1 to 65535 without leading zeros.
func validPort(s string) bool {
	if len(s) < 1 || len(s) > 5 || s[0] == '0' {
		return false
	}
	n := 0
	for i := range len(s) {
		if !digit(s[i]) {
			return false
		}
		n = 10*n + int(s[i]-'0')
	}
	return n <= 65535
}

// checkBase refuses an SSP URL with anything but scheme and host.
func checkBase(u *url.URL) error {
	if u == nil {
		return errors.New("ssp: Config.Base is missing")
	}
	bare := u.User == nil && u.Opaque == "" && (u.Path == "" || u.Path == "/") && u.RawQuery == "" && !u.ForceQuery && u.Fragment == ""
	if !bare || u.Scheme != "https" {
		return errors.New("ssp: Config.Base is not of the form https://host")
	}
	if _, err := split(u.Host); err != nil {
		return errors.New("ssp: Config.Base names no valid host")
	}
	return nil
}
