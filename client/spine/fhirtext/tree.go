package fhirtext

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"strconv"
	"strings"
)

// ErrSyntax is wrapped by every error of [Parse].
var ErrSyntax = errors.New("malformed FHIR")

const (
	maxDepth = 48
	maxNodes = 1 << 20
	maxText  = math.MaxInt32
	utf8BOM  = "\ufeff"
)

// Document is a FHIR text that was read. Safe for concurrent use.
type Document struct {
	text  string // without a byte order mark
	nodes []node // the first is the root
}

// kind is what a node's value is.
type kind uint8

const (
	object  kind = iota
	untyped      // a primitive of XML, where all are text
	str
	number
	boolean
	null
)

type node struct {
	name        string
	kind        kind
	value       string // of a primitive; the resourceType of an object, "" for none
	first, next int32  // child and sibling, 0 for none
	start, end  int32  // in the text
}

// String is a mask: the text is a patient's.
func (d *Document) String() string { return "FHIR text (hidden)" }

// Format writes the mask for every verb.
func (d *Document) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, d.String()) }

// Parse reads one resource, JSON or XML by its first byte. The error wraps
// [ErrSyntax] and says what is wrong, but nothing of the text.
func Parse(text []byte) (*Document, error) {
	if len(text) > maxText {
		return nil, malformed("it is too large")
	}
	d := &Document{text: strings.TrimPrefix(string(text), utf8BOM)}
	d.nodes = make([]node, 0, min(16+len(d.text)/24, maxNodes))
	text = text[len(text)-len(d.text):]
	var err error
	if strings.HasPrefix(strings.TrimLeft(d.text, " \t\r\n"), "<") {
		err = parseXML(d, text)
	} else {
		err = parseJSON(d, text)
	}
	if err != nil {
		return nil, err
	}
	return d, nil
}

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrSyntax}, args...)...)
}

// Root is the resource itself.
func (d *Document) Root() Node { return Node{d, &d.nodes[0]} }

// room reports an error when the tree has grown too large for another node.
func (d *Document) room() error {
	if len(d.nodes) >= maxNodes {
		return malformed("it has more than %d elements", maxNodes)
	}
	return nil
}

// add appends a node below a parent, behind its last child, and gives its
// index. Indexes, not pointers: the slice moves when it grows.
func (d *Document) add(parent, last int32, n node) int32 {
	i := int32(len(d.nodes))
	d.nodes = append(d.nodes, n)
	switch {
	case i == 0: // the root
	case last == 0:
		d.nodes[parent].first = i
	default:
		d.nodes[last].next = i
	}
	return i
}

// Node is an element. The zero Node is an absent one: its children are absent
// too, so that paths need no checks in between.
type Node struct {
	d *Document
	n *node
}

// String is a mask.
func (n Node) String() string { return "FHIR element (hidden)" }

// Format writes the mask for every verb.
func (n Node) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, n.String()) }

// Exists reports whether the element is there.
func (n Node) Exists() bool { return n.n != nil }

// Name is the element's name, "" for the root.
func (n Node) Name() string {
	if n.n == nil {
		return ""
	}
	return n.n.name
}

// Type is the type of a resource, such as "Bundle"; "" for any other element.
func (n Node) Type() string {
	if n.n == nil || n.n.kind != object {
		return ""
	}
	return n.n.value
}

// Child is the first child of that name, absent when there is none.
func (n Node) Child(name string) Node {
	for c := range n.All(name) {
		return c
	}
	return Node{}
}

// All are the children of that name. A JSON array and a single value are the
// same here, as are repeated elements of XML.
func (n Node) All(name string) iter.Seq[Node] {
	return func(yield func(Node) bool) {
		for c := range n.Children() {
			if c.n.name == name && !yield(c) {
				return
			}
		}
	}
}

// Children are all children in their order.
func (n Node) Children() iter.Seq[Node] {
	return func(yield func(Node) bool) {
		if n.n == nil {
			return
		}
		for i := n.n.first; i != 0; {
			c := &n.d.nodes[i]
			if !yield(Node{n.d, c}) {
				return
			}
			i = c.next
		}
	}
}

// Text is the value of a string; ok is false for anything else.
func (n Node) Text() (text string, ok bool) {
	if n.n == nil || n.n.kind != str && n.n.kind != untyped {
		return "", false
	}
	return n.n.value, true
}

// Int is the value of a whole number; ok is false for anything else.
func (n Node) Int() (i int64, ok bool) {
	if n.n == nil || n.n.kind != number && n.n.kind != untyped {
		return 0, false
	}
	if i, err := strconv.ParseInt(n.n.value, 10, 64); err == nil {
		return i, true
	}
	return 0, false
}

// IsObject reports an element that has children, or may have, rather than a value.
func (n Node) IsObject() bool { return n.n != nil && n.n.kind == object }

// Raw is the element as it was received, as a copy: a JSON value, or an XML
// element without what its ancestors declare. It is nil for an absent one.
func (n Node) Raw() []byte {
	if n.n == nil {
		return nil
	}
	return []byte(n.d.text[n.n.start:n.n.end])
}
