package ssp

import (
	"fmt"
	"net/netip"
	"strings"
)

// reservedNets are special-purpose blocks (IANA registries) beside those that
// netip.Addr has methods for.
var reservedNets = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),       // this network
	netip.MustParsePrefix("100.64.0.0/10"),   // shared address space
	netip.MustParsePrefix("192.0.0.0/24"),    // IETF protocol assignments
	netip.MustParsePrefix("192.0.2.0/24"),    // documentation
	netip.MustParsePrefix("192.88.99.0/24"),  // former 6to4 relay
	netip.MustParsePrefix("198.18.0.0/15"),   // benchmarking
	netip.MustParsePrefix("198.51.100.0/24"), // documentation
	netip.MustParsePrefix("203.0.113.0/24"),  // documentation
	netip.MustParsePrefix("240.0.0.0/4"),     // reserved, broadcast
	netip.MustParsePrefix("::/96"),           // IPv4-compatible
	netip.MustParsePrefix("64:ff9b:1::/48"),  // local NAT64
	netip.MustParsePrefix("100::/64"),        // discard
	netip.MustParsePrefix("2001::/23"),       // IETF protocol assignments, Teredo
	netip.MustParsePrefix("2001:db8::/32"),   // documentation
	netip.MustParsePrefix("3fff::/20"),       // documentation
	netip.MustParsePrefix("5f00::/16"),       // segment routing
	netip.MustParsePrefix("fec0::/10"),       // former site-local
}

var (
	nat64   = netip.MustParsePrefix("64:ff9b::/96")
	sixToV4 = netip.MustParsePrefix("2002::/16")
)

// PublicAddress refuses an address that is not public: loopback, private,
// link-local, multicast, shared or reserved, also where an IPv6 address
// carries such an IPv4 address. The dialer of public pages asks it about every
// address before it connects, because a name in a pointer may resolve to one.
// The error wraps [ErrAddress] and does not show the address.
func PublicAddress(a netip.Addr) error {
	a = a.Unmap().WithZone("")
	if !a.IsValid() || !a.IsGlobalUnicast() || a.IsPrivate() {
		return because(ErrAddress, "it is loopback, private, link-local, multicast or none")
	}
	for _, p := range reservedNets {
		if p.Contains(a) {
			return because(ErrAddress, "it is reserved")
		}
	}
	if a.Is6() {
		b := a.As16()
		switch {
		case nat64.Contains(a):
			return PublicAddress(netip.AddrFrom4([4]byte(b[12:])))
		case sixToV4.Contains(a):
			return PublicAddress(netip.AddrFrom4([4]byte(b[2:6])))
		}
	}
	return nil
}

// publicHost refuses the host of a direct call that is an address, or a name
// of the own machine. What another name resolves to is seen when dialling.
func publicHost(a authority) error {
	if a.ip || a.host == "localhost" || strings.HasSuffix(a.host, ".localhost") {
		return fmt.Errorf("%w: %w: a page that is called directly has the name of a public host", ErrURL, ErrAddress)
	}
	return nil
}
