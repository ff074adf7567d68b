package ssp

import "github.com/nrlgo/nrlgo/auth/nhs"

// System is an accredited system, as the Spine Directory has it (nhsAS, or
// the resource Device). The zero ASID and the empty PartyKey mean none.
type System struct {
	ASID     nhs.ASID
	PartyKey string
}

// Endpoint is where the systems of a party are called, as the Spine Directory
// has it (nhsMHS, or the resource Endpoint).
type Endpoint struct {
	PartyKey string
	// FQDN is the name of its host; "" means that of Address.
	FQDN string
	// Address is its URL.
	Address string
}

// Host is the host in lower case, "" where there is no valid one.
func (e Endpoint) Host() string {
	if e.FQDN != "" {
		host, _, _ := checkHost(e.FQDN)
		return host
	}
	found, err := locate(e.Address)
	if err != nil {
		return ""
	}
	return found.parts.host
}

// Join pairs systems with endpoints by their party key, for [Choose]: an
// implementation of [Directory] reads the two and joins them (SSP page,
// provider ASID). What cannot be joined, or has no host, is left out, so that
// no Entry fits every host.
func Join(systems []System, endpoints []Endpoint) []Entry {
	hosts := map[string][]string{}
	for _, e := range endpoints {
		if host := e.Host(); host != "" && e.PartyKey != "" {
			hosts[e.PartyKey] = append(hosts[e.PartyKey], host)
		}
	}
	var entries []Entry
	for _, s := range systems {
		for _, host := range hosts[s.PartyKey] {
			entries = append(entries, Entry{ASID: s.ASID, Host: host})
		}
	}
	return entries
}
