package sds

import (
	"fmt"
	"strings"

	"github.com/nrlgo/nrlgo/auth/nhs"
	"github.com/nrlgo/nrlgo/client/spine/fhirtext"
	"github.com/nrlgo/nrlgo/ssp"
)

// unusable says why. The reason is always a text of this package.
func unusable(reason string) error { return fmt.Errorf("%w: %s", ssp.ErrDirectory, reason) }

// readBundle reads a searchset whose entries are all of one kind of resource.
// A list with a fault is no list: what it does not show may be a second system
// at the same host.
func readBundle[T any](body []byte, resource string, read func(fhirtext.Node) (T, error)) ([]T, error) {
	d, err := fhirtext.Parse(body)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ssp.ErrDirectory, err)
	}
	root := d.Root()
	switch kind := root.Type(); {
	case kind == "OperationOutcome":
		return nil, unusable("it is an OperationOutcome")
	case kind != "Bundle":
		return nil, unusable("it is no Bundle")
	}
	if kind, err := text(root, "type"); err != nil || kind != "searchset" {
		return nil, unusable("it is no searchset")
	}
	for link := range root.All("link") {
		if relation, err := text(link, "relation"); err != nil || relation == "next" {
			return nil, unusable("it has further pages, or a malformed link")
		}
	}
	var rows []T
	for entry := range root.All("entry") {
		node, err := entryOf(entry, resource)
		if err != nil {
			return nil, err
		}
		row, err := read(node)
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	node, err := only(root, "total")
	if err != nil {
		return nil, err
	}
	if total, ok := node.Int(); !ok || total != int64(len(rows)) {
		return nil, unusable("its total is missing or not the number of its entries")
	}
	return rows, nil
}

// entryOf is the resource of an entry, which must be a match of that kind.
func entryOf(entry fhirtext.Node, resource string) (fhirtext.Node, error) {
	node, err := only(entry, "resource")
	if err != nil {
		return node, err
	}
	switch kind := node.Type(); {
	case kind == "OperationOutcome":
		return node, unusable("an entry is an OperationOutcome")
	case kind != resource:
		return node, unusable("an entry is another resource, or none")
	}
	mode, err := text(entry.Child("search"), "mode")
	if err == nil && mode != "" && mode != "match" {
		err = unusable("an entry is no match")
	}
	return node, err
}

// system reads a Device. One without ASID or party key is no provider.
func (l *lookup) system(device fhirtext.Node) (ssp.System, error) {
	owner, err := text(device.Child("owner").Child("identifier"), "value")
	if err != nil {
		return ssp.System{}, err
	}
	if owner != "" && !strings.EqualFold(owner, l.question.Organisation.Code()) {
		return ssp.System{}, unusable("a system is another organisation's")
	}
	digits, err := identifier(device, systemASID)
	if err != nil {
		return ssp.System{}, err
	}
	var s ssp.System
	if digits != "" {
		if s.ASID, err = nhs.ParseASID(digits); err != nil {
			return ssp.System{}, unusable("an ASID has not twelve digits")
		}
	}
	s.PartyKey, err = identifier(device, systemPartyKey)
	return s, err
}

// endpoint reads an Endpoint. One that is switched off has no host.
func endpoint(n fhirtext.Node) (ssp.Endpoint, error) {
	status, err := text(n, "status")
	if err != nil {
		return ssp.Endpoint{}, err
	}
	if status != "" && status != "active" {
		return ssp.Endpoint{}, nil
	}
	var e ssp.Endpoint
	if e.PartyKey, err = identifier(n, systemPartyKey); err != nil {
		return ssp.Endpoint{}, err
	}
	if e.FQDN, err = identifier(n, systemFQDN); err != nil {
		return ssp.Endpoint{}, err
	}
	e.Address, err = text(n, "address")
	return e, err
}

// identifier is the value of the identifier of that system, "" for none. Two
// of them would leave the choice to chance.
func identifier(n fhirtext.Node, system string) (string, error) {
	found := ""
	for id := range n.All("identifier") {
		s, err := text(id, "system")
		if err != nil {
			return "", err
		}
		if s != system {
			continue
		}
		value, err := text(id, "value")
		switch {
		case err != nil:
			return "", err
		case value == "" || found != "" && found != value:
			return "", unusable("an identifier is empty, or there several times")
		}
		found = value
	}
	return found, nil
}

// text is the string in a child, "" where there is none.
func text(n fhirtext.Node, name string) (string, error) {
	child, err := only(n, name)
	if err != nil || !child.Exists() {
		return "", err
	}
	s, ok := child.Text()
	if !ok {
		return "", unusable("a text is of another type")
	}
	return s, nil
}

// only is the child of that name, absent where there is none.
func only(n fhirtext.Node, name string) (fhirtext.Node, error) {
	var found fhirtext.Node
	for c := range n.All(name) {
		if found.Exists() {
			return fhirtext.Node{}, unusable("an element is there several times")
		}
		found = c
	}
	return found, nil
}
