package ssp

import (
	"errors"
	"net"
	"net/netip"
	"strings"
)

// checkHost judges the syntax of a host and gives it in lower case, without
// brackets. A name that other software would read as an address (0x7f000001,
// 2130706433, 0177.0.0.1) is neither a name nor an address here.
func checkHost(s string) (host string, ip bool, err error) {
	if s == "" {
		return "", false, because(ErrURL, "it names no host")
	}
	if inner, ok := strings.CutPrefix(s, "["); ok {
		inner, closed := strings.CutSuffix(inner, "]")
		addr, err := netip.ParseAddr(inner)
		if err != nil || !closed || !addr.Is6() || addr.Zone() != "" {
			return "", false, because(ErrURL, "its host is a malformed IPv6 address")
		}
		return addr.String(), true, nil
	}
	labels := strings.Split(s, ".")
	if last := labels[len(labels)-1]; numeric(last) {
		if addr, err := netip.ParseAddr(s); err != nil || !addr.Is4() {
			return "", false, because(ErrURL, "its host is a number in disguise")
		}
		return s, true, nil
	}
	for _, l := range labels {
		if !validLabel(l) {
			return "", false, because(ErrURL, "its host is not a valid name")
		}
	}
	if len(s) > 253 { // RFC 1035
		return "", false, because(ErrURL, "its host is too long")
	}
	return strings.ToLower(s), false, nil
}

// numeric reports whether a last label makes the host an IPv4 address to a
// lenient reader (WHATWG URL: ends in a number).
func numeric(label string) bool {
	if rest, ok := strings.CutPrefix(strings.ToLower(label), "0x"); ok {
		return strings.Trim(rest, "0123456789abcdef") == ""
	}
	return label != "" && strings.Trim(label, "0123456789") == ""
}

func validLabel(l string) bool {
	if l == "" || len(l) > 63 || l[0] == '-' || l[len(l)-1] == '-' {
		return false
	}
	for i := range len(l) {
		if c := l[i]; !alphanumeric(c) && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

// publishedProxies are the SSP hosts of the NRL security and SSP pages.
var publishedProxies = []string{
	"proxy.national.ncrs.nhs.uk", "spine-proxy.national.ncrs.nhs.uk",
	"proxy.int.spine2.ncrs.nhs.uk", "proxy.intspineservices.nhs.uk",
}

// proxyHosts are the hosts by which pointers call the SSP: "host" on any
// port, or "host:port".
type proxyHosts map[string]bool

// newProxyHosts knows the published hosts and those given.
func newProxyHosts(hosts ...string) (proxyHosts, error) {
	k := proxyHosts{}
	for _, h := range append(publishedProxies, hosts...) {
		a, err := split(h)
		if err != nil || a.tail != "" {
			return nil, errors.New("ssp: Config.ProxyHosts: want host names, without scheme and path")
		}
		k[a.key()] = true
	}
	return k, nil
}

// key is the host, and the port when it is not that of https.
func (a authority) key() string {
	if a.port == "" || a.port == "443" {
		return a.host
	}
	return net.JoinHostPort(a.host, a.port)
}

func (k proxyHosts) has(a authority) bool { return k[a.host] || k[a.key()] }
