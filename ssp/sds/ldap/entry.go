package ldap

import (
	"strings"

	goldap "github.com/go-ldap/ldap/v3"

	"github.com/nrlgo/nrlgo/auth/nhs"
	"github.com/nrlgo/nrlgo/client/spine"
	"github.com/nrlgo/nrlgo/ssp"
)

// system is an entry of class nhsAS.
type system struct {
	ssp.System
	interactions []string
}

// systems are the entries of class nhsAS that pass the filter. One without
// ASID or party key is no provider. org is the organisation whose they must
// be.
func (s *session) systems(filter, org string) ([]system, *spine.Error) {
	entries, fault := s.search(filter, "uniqueIdentifier", "nhsMhsPartyKey", "nhsAsSvcIA", "nhsIDCode")
	if fault != nil {
		return nil, fault
	}
	var found []system
	for _, e := range entries {
		one, err := readSystem(e, org)
		if err != nil {
			return nil, failed(spine.CodeUnexpected, err)
		}
		found = append(found, one)
	}
	return found, nil
}

// endpoints are the entries of class nhsMHS that pass the filter; org is as
// for systems, "" for any.
func (s *session) endpoints(filter, org string) ([]ssp.Endpoint, *spine.Error) {
	entries, fault := s.search(filter, "nhsMhsPartyKey", "nhsMhsFQDN", "nhsMhsEndPoint", "nhsIDCode")
	if fault != nil {
		return nil, fault
	}
	var found []ssp.Endpoint
	for _, e := range entries {
		one, err := readEndpoint(e, org)
		if err != nil {
			return nil, failed(spine.CodeUnexpected, err)
		}
		found = append(found, one)
	}
	return found, nil
}

func readSystem(e *goldap.Entry, org string) (system, error) {
	if err := owned(e, org); err != nil {
		return system{}, err
	}
	digits, err := value(e, "uniqueIdentifier")
	if err != nil {
		return system{}, err
	}
	one := system{interactions: values(e, "nhsAsSvcIA")}
	if digits != "" {
		if one.ASID, err = nhs.ParseASID(digits); err != nil {
			return system{}, unusable("an ASID has not twelve digits")
		}
	}
	one.PartyKey, err = value(e, "nhsMhsPartyKey")
	return one, err
}

func readEndpoint(e *goldap.Entry, org string) (ssp.Endpoint, error) {
	if err := owned(e, org); err != nil {
		return ssp.Endpoint{}, err
	}
	var one ssp.Endpoint
	var err error
	if one.PartyKey, err = value(e, "nhsMhsPartyKey"); err != nil {
		return ssp.Endpoint{}, err
	}
	if one.FQDN, err = value(e, "nhsMhsFQDN"); err != nil {
		return ssp.Endpoint{}, err
	}
	one.Address, err = value(e, "nhsMhsEndPoint")
	return one, err
}

// owned refuses an entry of another organisation than the one asked for.
func owned(e *goldap.Entry, org string) error {
	codes := values(e, "nhsIDCode")
	if org == "" || len(codes) == 0 {
		return nil
	}
	for _, c := range codes {
		if strings.EqualFold(c, org) {
			return nil
		}
	}
	return unusable("an entry is another organisation's")
}

// value is the one value of an attribute, "" where it is absent. Two of them
// would leave the choice to chance.
func value(e *goldap.Entry, attribute string) (string, error) {
	switch all := values(e, attribute); len(all) {
	case 0:
		return "", nil
	case 1:
		return all[0], nil
	}
	return "", unusable("an attribute has several values")
}

// values are those of an attribute, whose name comes in any case (SSP page).
func values(e *goldap.Entry, attribute string) []string {
	var all []string
	for _, a := range e.Attributes {
		if strings.EqualFold(a.Name, attribute) {
			all = append(all, a.Values...)
		}
	}
	return all
}
