package client

import "strconv"

// Environment is a published Spine environment. The zero value is none:
// nobody reaches the live service by omission.
type Environment int

// The environments whose hosts are published (NRL and Spine Core pages).
const (
	// IntegrationHSCN is INT, reached over HSCN.
	IntegrationHSCN Environment = iota + 1
	// IntegrationInternet is INT, reached over the internet.
	IntegrationInternet
	// LiveHSCN is the live service, reached over HSCN. Its Spine ASID is not
	// published: Config.SpineASID must be given.
	LiveHSCN
)

// site is what is known of an environment.
type site struct {
	name     string
	nrl, ssp string
	// cnHosts carry their name in the certificate's common name only.
	cnHosts   []string
	spineASID string
}

var sites = map[Environment]site{
	IntegrationHSCN: {
		name: "int-hscn",
		nrl:  "https://msg.int.spine2.ncrs.nhs.uk/STU3", ssp: "https://proxy.int.spine2.ncrs.nhs.uk",
		cnHosts:   []string{"msg.int.spine2.ncrs.nhs.uk", "proxy.int.spine2.ncrs.nhs.uk"},
		spineASID: "200000000370",
	},
	IntegrationInternet: {
		name: "int-internet",
		nrl:  "https://msg.intspineservices.nhs.uk/STU3", ssp: "https://proxy.intspineservices.nhs.uk",
		spineASID: "200000000370",
	},
	LiveHSCN: {
		name: "live-hscn",
		nrl:  "https://clinicals.spineservices.nhs.uk/STU3", ssp: "https://proxy.national.ncrs.nhs.uk",
		cnHosts: []string{"clinicals.spineservices.nhs.uk", "proxy.national.ncrs.nhs.uk"},
	},
}

// String is the environment's short name, such as "int-internet", or "none".
func (e Environment) String() string {
	if s, ok := sites[e]; ok {
		return s.name
	}
	if e == 0 {
		return "none"
	}
	return "environment " + strconv.Itoa(int(e))
}

// Environments are those that [New] knows, in a fixed order.
func Environments() []Environment {
	return []Environment{IntegrationHSCN, IntegrationInternet, LiveHSCN}
}
