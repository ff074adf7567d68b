package fhirtext

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Namespaces of an XML text.
const (
	namespaceFHIR  = "http://hl7.org/fhir"
	namespaceXHTML = "http://www.w3.org/1999/xhtml"
	namespaceXSI   = "http://www.w3.org/2001/XMLSchema-instance"
)

const maxAttributes = 64

// parseXML reads the text's one XML element. Published examples have FHIR's
// namespace, or none at all.
func parseXML(d *Document, text []byte) error {
	if !utf8.Valid(text) || halfPair(d.text) {
		return malformed("it is not XML in UTF-8")
	}
	p := xmlParser{d: d, dec: xml.NewDecoder(bytes.NewReader(text))}
	for {
		p.start = p.dec.InputOffset()
		tok, err := p.dec.Token()
		if err == io.EOF { //nolint:errorlint // bare at the very end only
			if !p.done {
				return malformed("the XML text is cut")
			}
			return nil
		}
		if err != nil {
			return p.fault(err)
		}
		if err := p.token(tok); err != nil {
			return err
		}
	}
}

// halfPair reports a reference to half of a surrogate pair, of which
// encoding/xml makes U+FFFD.
func halfPair(text string) bool {
	for {
		_, rest, found := strings.Cut(text, "&#")
		if !found {
			return false
		}
		text = rest
		base, digits := 10, "0123456789"
		if strings.HasPrefix(rest, "x") {
			base, digits, rest = 16, "0123456789abcdefABCDEF", rest[1:]
		}
		number := rest[:len(rest)-len(strings.TrimLeft(rest, digits))]
		if n, err := strconv.ParseUint(number, base, 32); err == nil && n >= 0xD800 && n <= 0xDFFF {
			return true
		}
	}
}

// open is an element that is not closed yet.
type open struct {
	node, last int32 // its node, and the last child so far
	attributes int32 // how many of its first children are attributes
	resource   bool  // it is a resource: the root, or what its node holds
}

type xmlParser struct {
	d     *Document
	dec   *xml.Decoder
	start int64 // of the current token
	space string
	stack []open
	done  bool // the root was closed
}

// fault is what to say of a text that was not read: the errors of encoding/xml
// quote it.
func (p *xmlParser) fault(err error) error {
	if syntax, ok := errors.AsType[*xml.SyntaxError](err); ok && strings.Contains(syntax.Msg, "unexpected EOF") {
		return malformed("the XML text is cut")
	}
	return malformed("it is not XML in UTF-8, near byte %d", p.dec.InputOffset())
}

func (p *xmlParser) token(tok xml.Token) error {
	switch t := tok.(type) {
	case xml.StartElement:
		return p.open(t)
	case xml.EndElement:
		p.close()
	case xml.CharData:
		if len(bytes.Trim(t, " \t\r\n")) > 0 {
			return malformed("text stands between elements")
		}
	case xml.ProcInst:
		if t.Target != "xml" || p.start != 0 {
			return malformed("it holds a processing instruction")
		}
	case xml.Directive:
		return malformed("it holds a document type declaration")
	}
	return nil
}

func (p *xmlParser) open(t xml.StartElement) error {
	switch {
	case p.done:
		return malformed("something follows the resource")
	case len(p.stack) > maxDepth:
		return malformed("it has more than %d levels", maxDepth)
	case p.d.room() != nil:
		return p.d.room()
	case t.Name.Space == namespaceXHTML && t.Name.Local == "div" && len(p.stack) > 0:
		if err := p.dec.Skip(); err != nil { // a narrative is for people
			return p.fault(err)
		}
		return nil
	}
	if len(p.stack) == 0 {
		p.space = t.Name.Space
	}
	if t.Name.Space != p.space || p.space != "" && p.space != namespaceFHIR {
		return malformed("an element is of a namespace that is not FHIR's")
	}
	if c := t.Name.Local[0]; c >= 'A' && c <= 'Z' {
		return p.openResource(t)
	}
	if len(p.stack) == 0 {
		return malformed("the outermost element is no resource")
	}
	if err := checkName(t.Name.Local); err != nil {
		return err
	}
	if t.Name.Local[0] == '_' || t.Name.Local == "resourceType" { // JSON has these
		return malformed("an element's name is none of FHIR's in XML")
	}
	n := node{name: t.Name.Local, kind: object, start: int32(p.start)}
	kids, err := attributes(t.Attr, &n)
	if err != nil {
		return err
	}
	top := &p.stack[len(p.stack)-1]
	holder := &p.d.nodes[top.node]
	if !top.resource && holder.kind == object && holder.value != "" {
		return malformed("something stands beside a resource")
	}
	for i := range top.attributes {
		if p.d.nodes[holder.first+i].name == n.name {
			return malformed("an element is there as an attribute too")
		}
	}
	top.last = p.d.add(top.node, top.last, n)
	p.push(top.last, false, kids)
	return nil
}

// push opens an element, whose attributes are its first children.
func (p *xmlParser) push(i int32, resource bool, kids []node) {
	o := open{node: i, resource: resource, attributes: int32(len(kids))}
	for _, k := range kids {
		k.start, k.end = p.d.nodes[i].start, p.d.nodes[i].start
		o.last = p.d.add(i, o.last, k)
	}
	p.stack = append(p.stack, o)
}

// openResource opens the root, or the resource in an element that holds one:
// there, as in JSON, the holder becomes the resource.
func (p *xmlParser) openResource(t xml.StartElement) error {
	if err := checkType(t.Name.Local); err != nil {
		return err
	}
	n := node{kind: object, value: t.Name.Local, start: int32(p.start)}
	kids, err := attributes(t.Attr, &n)
	if err != nil {
		return err
	}
	if n.kind != object || len(kids) > 0 {
		return malformed("a resource has attributes")
	}
	if len(p.stack) == 0 {
		p.push(p.d.add(0, 0, n), true, nil)
		return nil
	}
	holder := &p.d.nodes[p.stack[len(p.stack)-1].node]
	if !holdsResource(holder.name) || holder.value != "" || holder.first != 0 || holder.kind != object {
		return malformed("a resource is where none may be")
	}
	holder.value, holder.start = n.value, n.start
	p.push(p.stack[len(p.stack)-1].node, true, nil)
	return nil
}

func (p *xmlParser) close() {
	top := p.stack[len(p.stack)-1]
	p.stack = p.stack[:len(p.stack)-1]
	n := &p.d.nodes[top.node]
	if top.resource || n.end == 0 {
		n.end = int32(p.dec.InputOffset())
	}
	p.done = len(p.stack) == 0
}

// attributes gives an element its value; the others become its children.
func attributes(all []xml.Attr, n *node) (kids []node, err error) {
	if len(all) > maxAttributes {
		return nil, malformed("an element has more than %d attributes", maxAttributes)
	}
	for i, a := range all {
		if slices.ContainsFunc(all[:i], func(b xml.Attr) bool { return b.Name == a.Name }) {
			return nil, malformed("an attribute is there twice")
		}
		switch {
		case a.Name.Local == "xmlns" && a.Name.Space == "", a.Name.Space == "xmlns", a.Name.Space == namespaceXSI:
			continue
		case a.Name.Space != "":
			return nil, malformed("an attribute is none of FHIR's")
		case a.Name.Local == "value":
			n.kind, n.value = untyped, a.Value
		case a.Name.Local == "url" || a.Name.Local == "id":
			kids = append(kids, node{name: a.Name.Local, kind: untyped, value: a.Value})
		default:
			return nil, malformed("an attribute is none of FHIR's")
		}
	}
	return kids, nil
}
