package ldap

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/nrlgo/nrlgo/auth/nhs"
	"github.com/nrlgo/nrlgo/client/spine"
	"github.com/nrlgo/nrlgo/ssp"
)

// maxParties bounds the second queries of a look-up.
const maxParties = 16

var _ ssp.Directory = (*Directory)(nil)

// Lookup finds the ASID of the organisation's system at q.Host.
//
// The error is a [*spine.Error]: CodeInvalid with [ssp.ErrNoASID] when there
// is no such system or the question cannot be asked, CodeUnexpected with
// [ssp.ErrDirectory], CodeDenied or CodeUnavailable as the server says,
// otherwise as the connection has it.
func (d *Directory) Lookup(ctx context.Context, q ssp.Lookup) (nhs.ASID, error) {
	if err := q.Check(); err != nil {
		return nhs.ASID{}, &spine.Error{Op: ssp.OpLookup, Code: spine.CodeInvalid, Origin: spine.OriginLocal, Err: err}
	}
	ctx, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	s, fault := d.open(ctx)
	if fault != nil {
		return nhs.ASID{}, fault
	}
	defer s.close()
	find := s.endpointsFirst
	if d.order == SystemsFirst {
		find = s.systemsFirst
	}
	systems, endpoints, fault := find(q)
	if fault != nil {
		return nhs.ASID{}, fault
	}
	asid, err := ssp.Choose(ssp.Join(systems, endpoints), q.Host)
	if err != nil {
		return nhs.ASID{}, failed(spine.CodeInvalid, err)
	}
	return asid, nil
}

// endpointsFirst is GP Connect's order. Its second query does not name the
// interaction, so that of several systems of a party those that have it count.
func (s *session) endpointsFirst(q ssp.Lookup) ([]ssp.System, []ssp.Endpoint, *spine.Error) {
	org := q.Organisation.Code()
	endpoints, fault := s.endpoints(and(equal("nhsIDCode", org), equal("objectClass", "nhsMHS"), equal("nhsMhsSvcIA", q.InteractionID)), org)
	if fault != nil {
		return nil, nil, fault
	}
	var here []string
	for _, e := range endpoints {
		if strings.EqualFold(e.Host(), q.Host) {
			here = append(here, e.PartyKey)
		}
	}
	parties, fault := distinct(here)
	if fault != nil {
		return nil, nil, fault
	}
	var all, able []ssp.System
	for _, key := range parties {
		found, fault := s.systems(and(equal("nhsIDCode", org), equal("objectClass", "nhsAS"), equal("nhsMhsPartyKey", key)), org)
		if fault != nil {
			return nil, nil, fault
		}
		for _, one := range found {
			all = append(all, one.System)
			if slices.Contains(one.interactions, q.InteractionID) {
				able = append(able, one.System)
			}
		}
	}
	if len(able) > 0 {
		all = able
	}
	return all, endpoints, nil
}

// systemsFirst is Spine Core's order.
func (s *session) systemsFirst(q ssp.Lookup) ([]ssp.System, []ssp.Endpoint, *spine.Error) {
	org := q.Organisation.Code()
	found, fault := s.systems(and(equal("nhsIDCode", org), equal("objectClass", "nhsAS"), equal("nhsAsSvcIA", q.InteractionID)), org)
	if fault != nil {
		return nil, nil, fault
	}
	var systems []ssp.System
	var keys []string
	for _, one := range found {
		systems, keys = append(systems, one.System), append(keys, one.PartyKey)
	}
	parties, fault := distinct(keys)
	if fault != nil {
		return nil, nil, fault
	}
	var endpoints []ssp.Endpoint
	for _, key := range parties {
		some, fault := s.endpoints(and(equal("nhsMhsPartyKey", key), equal("objectClass", "nhsMHS"), equal("nhsMhsSvcIA", q.InteractionID)), "")
		if fault != nil {
			return nil, nil, fault
		}
		endpoints = append(endpoints, some...)
	}
	return systems, endpoints, nil
}

// distinct are the party keys, each once.
func distinct(keys []string) ([]string, *spine.Error) {
	var once []string
	for _, k := range keys {
		if k != "" && !slices.Contains(once, k) {
			once = append(once, k)
		}
	}
	if len(once) > maxParties {
		return nil, failed(spine.CodeUnexpected, unusable("it names too many parties"))
	}
	return once, nil
}

// failed is an error of a look-up.
func failed(code spine.Code, err error) *spine.Error {
	return &spine.Error{Op: ssp.OpLookup, Code: code, Origin: spine.OriginDir, Err: err}
}

// unusable says why an answer is. The reason is always a text of this package.
func unusable(reason string) error { return fmt.Errorf("%w: %s", ssp.ErrDirectory, reason) }
