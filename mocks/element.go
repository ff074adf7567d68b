package mocks

import (
	"encoding/json"
	"encoding/xml"
	"slices"
	"strconv"
	"strings"
)

// element is a part of a FHIR resource, for both syntaxes: ordered, with what
// JSON needs to know (is it an array?) and what XML does (is it an attribute?).
type element struct {
	name  string
	value string // of a primitive
	kids  []*element

	many      bool   // JSON: an array
	number    bool   // JSON: a number
	attribute bool   // XML: an attribute of the parent
	kind      string // of a resource: its type
	verbatim  string // JSON to the letter
}

// text is a primitive; nil when it has no value.
func text(name, value string) *element {
	if value == "" {
		return nil
	}
	return &element{name: name, value: value}
}

// number is a primitive that JSON writes without quotes.
func number(name string, value int64) *element {
	return &element{name: name, value: strconv.FormatInt(value, 10), number: true}
}

// list is an array of one primitive; nil when it has no value.
func list(name, value string) *element {
	e := text(name, value)
	if e != nil {
		e.many = true
	}
	return e
}

// attribute is a primitive that XML writes as an attribute.
func attribute(name, value string) *element {
	return &element{name: name, value: value, attribute: true}
}

// group is an object; nil when nothing is in it. Nil kids are dropped.
func group(name string, kids ...*element) *element {
	kids = slices.DeleteFunc(kids, func(e *element) bool { return e == nil })
	if len(kids) == 0 {
		return nil
	}
	return &element{name: name, kids: kids}
}

// groups is an object in an array; objects of one name in a row share it.
func groups(name string, kids ...*element) *element {
	e := group(name, kids...)
	if e != nil {
		e.many = true
	}
	return e
}

// resource is a resource of a type with an id.
func resource(kind, id string, kids ...*element) *element {
	e := group("", append([]*element{text("id", id)}, kids...)...)
	e.kind = kind
	return e
}

// within names a resource as an element of another.
func (e *element) within(name string) *element {
	c := *e
	c.name = name
	return &c
}

// json is the resource in JSON.
func (e *element) json() string {
	var b strings.Builder
	e.writeJSON(&b)
	return b.String()
}

func (e *element) writeJSON(b *strings.Builder) {
	switch {
	case e.verbatim != "":
		b.WriteString(e.verbatim)
		return
	case e.number:
		b.WriteString(e.value)
		return
	case len(e.kids) == 0:
		quote(b, e.value)
		return
	}
	b.WriteByte('{')
	if e.kind != "" {
		b.WriteString(`"resourceType":`)
		quote(b, e.kind)
		b.WriteByte(',')
	}
	for i := 0; i < len(e.kids); {
		if i > 0 {
			b.WriteByte(',')
		}
		kid := e.kids[i]
		quote(b, kid.name)
		b.WriteByte(':')
		i++
		if !kid.many {
			kid.writeJSON(b)
			continue
		}
		b.WriteByte('[')
		kid.writeJSON(b)
		for ; i < len(e.kids) && e.kids[i].name == kid.name; i++ {
			b.WriteByte(',')
			e.kids[i].writeJSON(b)
		}
		b.WriteByte(']')
	}
	b.WriteByte('}')
}

// quote writes a string, "&" and "<" as they are.
func quote(b *strings.Builder, s string) {
	if strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }) < 0 {
		b.WriteString(`"` + s + `"`)
		return
	}
	var quoted strings.Builder
	e := json.NewEncoder(&quoted)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string always encodes, with a line end
	b.WriteString(strings.TrimSuffix(quoted.String(), "\n"))
}

// xml is the resource in XML.
func (e *element) xml() string {
	var b strings.Builder
	e.writeXML(&b, ` xmlns="http://hl7.org/fhir"`)
	return b.String()
}

// writeXML writes e; a resource opens with its type, the outermost with the
// namespace too.
func (e *element) writeXML(b *strings.Builder, namespace string) {
	if e.kind != "" && e.name != "" {
		b.WriteString("<" + e.name + ">")
		defer b.WriteString("</" + e.name + ">")
	}
	tag := e.name
	if e.kind != "" {
		tag = e.kind
	}
	b.WriteString("<" + tag + namespace)
	if len(e.kids) == 0 {
		if e.verbatim == "" {
			attr(b, "value", e.value)
		}
		b.WriteString("/>")
		return
	}
	for _, kid := range e.kids {
		if kid.attribute {
			attr(b, kid.name, kid.value)
		}
	}
	b.WriteByte('>')
	for _, kid := range e.kids {
		if !kid.attribute {
			kid.writeXML(b, "")
		}
	}
	b.WriteString("</" + tag + ">")
}

func attr(b *strings.Builder, name, value string) {
	b.WriteString(" " + name + `="`)
	_ = xml.EscapeText(b, []byte(value)) // a strings.Builder takes everything
	b.WriteByte('"')
}
