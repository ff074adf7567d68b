package fhirtext

import (
	"bytes"
	"errors"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// parseJSON reads the text's one JSON object. jsontext refuses repeated names
// and invalid UTF-8.
func parseJSON(d *Document, text []byte) error {
	p := jsonParser{d: d, dec: jsontext.NewDecoder(bytes.NewBuffer(text))}
	if p.dec.PeekKind() != '{' {
		return malformed("it is neither a JSON object nor an XML element")
	}
	if _, err := p.value(0, 0, "", 0); err != nil {
		return p.fault(err)
	}
	if _, err := p.dec.ReadToken(); err != io.EOF { //nolint:errorlint // bare at the very end only
		return malformed("something follows the resource")
	}
	return nil
}

type jsonParser struct {
	d   *Document
	dec *jsontext.Decoder
}

// fault is what to say of a text that was not read: the errors of jsontext
// quote it.
func (p *jsonParser) fault(err error) error {
	switch {
	case errors.Is(err, ErrSyntax):
		return err
	case errors.Is(err, jsontext.ErrDuplicateName):
		return malformed("a JSON object has a member twice")
	case errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF):
		return malformed("the JSON text is cut")
	}
	return malformed("it is not JSON, near byte %d", p.dec.InputOffset())
}

// value reads the next value as a child of parent, behind last, and gives the
// index of the last node that it came to: an array is its elements in a row.
func (p *jsonParser) value(parent, last int32, name string, depth int) (int32, error) {
	if depth > maxDepth {
		return 0, malformed("it has more than %d levels", maxDepth)
	}
	if err := p.d.room(); err != nil {
		return 0, err
	}
	switch p.dec.PeekKind() {
	case '{':
		return p.object(parent, last, name, depth)
	case '[':
		return p.array(parent, last, name, depth)
	}
	v, err := p.dec.ReadValue()
	if err != nil {
		return 0, err
	}
	end := p.dec.InputOffset()
	n := node{name: name, start: int32(end) - int32(len(v)), end: int32(end)}
	n.kind, n.value, err = p.primitive(n.start, n.end)
	if err != nil {
		return 0, err
	}
	return p.d.add(parent, last, n), nil
}

// primitive reads the value that stands at a place in the text.
func (p *jsonParser) primitive(start, end int32) (kind, string, error) {
	raw := p.d.text[start:end]
	switch raw[0] {
	case '"':
		s, err := unquote(raw)
		return str, s, err
	case 't', 'f':
		return boolean, raw, nil
	case 'n':
		return null, "", nil
	}
	return number, raw, nil
}

// unquote is the text of a JSON string, without a copy where it has no escape.
func unquote(raw string) (string, error) {
	if inner := raw[1 : len(raw)-1]; strings.IndexByte(inner, '\\') < 0 {
		return inner, nil
	}
	s, err := jsontext.AppendUnquote(nil, raw)
	return string(s), err
}

func (p *jsonParser) array(parent, last int32, name string, depth int) (int32, error) {
	if _, err := p.dec.ReadToken(); err != nil {
		return 0, err
	}
	for p.dec.PeekKind() != ']' {
		if p.dec.PeekKind() == '[' {
			return 0, malformed("an array is in an array, which FHIR has not")
		}
		var err error
		if last, err = p.value(parent, last, name, depth+1); err != nil {
			return 0, err
		}
	}
	_, err := p.dec.ReadToken()
	return last, err
}

func (p *jsonParser) object(parent, last int32, name string, depth int) (int32, error) {
	if _, err := p.dec.ReadToken(); err != nil {
		return 0, err
	}
	self := p.d.add(parent, last, node{name: name, kind: object, start: int32(p.dec.InputOffset()) - 1})
	child := int32(0)
	for p.dec.PeekKind() != '}' {
		v, err := p.dec.ReadValue()
		if err != nil {
			return 0, err
		}
		if v.Kind() != '"' {
			return 0, malformed("a member of an object has no name")
		}
		end := int(p.dec.InputOffset())
		member, err := unquote(p.d.text[end-len(v) : end])
		if err != nil {
			return 0, err
		}
		if err := checkName(member); err != nil {
			return 0, err
		}
		if member == "resourceType" {
			if self != 0 && !holdsResource(name) {
				return 0, malformed("a resource is where none may be")
			}
			if p.d.nodes[self].value, err = p.resourceType(); err != nil {
				return 0, err
			}
			continue
		}
		if child, err = p.value(self, child, member, depth+1); err != nil {
			return 0, err
		}
	}
	if _, err := p.dec.ReadToken(); err != nil {
		return 0, err
	}
	p.d.nodes[self].end = int32(p.dec.InputOffset())
	return self, nil
}

func (p *jsonParser) resourceType() (string, error) {
	v, err := p.dec.ReadValue()
	if err != nil {
		return "", err
	}
	if v.Kind() != '"' {
		return "", malformed("resourceType is not a string")
	}
	end := int(p.dec.InputOffset())
	name, err := unquote(p.d.text[end-len(v) : end])
	if err != nil {
		return "", err
	}
	return name, checkType(name)
}
