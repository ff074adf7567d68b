package fhirtext_test

import (
	"strings"
	"testing"

	"github.com/nrlgo/nrlgo/client/spine/fhirtext"
)

func parse(t *testing.T, text string) fhirtext.Node {
	t.Helper()
	d, err := fhirtext.Parse([]byte(text))
	if err != nil {
		t.Fatalf("%v", err)
	}
	return d.Root()
}

// shape writes a tree without the difference that XML has text where JSON has
// numbers and booleans.
func shape(n fhirtext.Node) string {
	var b strings.Builder
	write(&b, n, "")
	return b.String()
}

func write(b *strings.Builder, n fhirtext.Node, indent string) {
	b.WriteString(indent + n.Name())
	if n.Type() != "" {
		b.WriteString(" (" + n.Type() + ")")
	}
	if value, ok := n.Text(); ok {
		b.WriteString(" = " + value)
	} else if !n.IsObject() {
		b.WriteString(" = " + string(n.Raw()))
	}
	b.WriteByte('\n')
	for c := range n.Children() {
		write(b, c, indent+"  ")
	}
}

// The same resource in both syntaxes.
const (
	sampleJSON = `{"resourceType":"Bundle","type":"searchset","total":1,"entry":[{"resource":{"resourceType":"DocumentReference","id":"a-1","meta":{"versionId":"2","profile":["p1","p2"]},"contained":[{"resourceType":"Practitioner","id":"x"}],"status":"current","description":"a \"b\" <c> & \u00e9 \ud83d\ude00","author":[{"reference":"Organization/RR8"}],"content":[{"extension":[{"url":"http://e.example","valueCode":"static"}],"attachment":{"contentType":"application/pdf","size":12,"url":"https://p1.example/a?b=1&c=2"}},{"attachment":{"contentType":"text/html"}}]},"search":{"mode":"match"}}]}`
	sampleXML  = `<Bundle xmlns="http://hl7.org/fhir"><type value="searchset"/><total value="1"/><entry><resource><DocumentReference><id value="a-1"/><meta><versionId value="2"/><profile value="p1"/><profile value="p2"/></meta><text><status value="generated"/><div xmlns="http://www.w3.org/1999/xhtml"><p>for <b>people</b></p></div></text><contained><Practitioner><id value="x"/></Practitioner></contained><status value="current"/><description value="a &quot;b&quot; &lt;c&gt; &amp; &#xe9; &#128512;"/><author><reference value="Organization/RR8"/></author><content><extension url="http://e.example"><valueCode value="static"/></extension><attachment><contentType value="application/pdf"/><size value="12"/><url value="https://p1.example/a?b=1&amp;c=2"/></attachment></content><content><attachment><contentType value="text/html"/></attachment></content></DocumentReference></resource><search><mode value="match"/></search></entry></Bundle>`
	sampleTree = ` (Bundle)
  type = searchset
  total = 1
  entry
    resource (DocumentReference)
      id = a-1
      meta
        versionId = 2
        profile = p1
        profile = p2
      contained (Practitioner)
        id = x
      status = current
      description = a "b" <c> & é 😀
      author
        reference = Organization/RR8
      content
        extension
          url = http://e.example
          valueCode = static
        attachment
          contentType = application/pdf
          size = 12
          url = https://p1.example/a?b=1&c=2
      content
        attachment
          contentType = text/html
    search
      mode = match
`
	narrative = "      text\n        status = generated\n" // of which JSON has none here
)
