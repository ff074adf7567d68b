package fhirtext_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nrlgo/nrlgo/client/spine/fhirtext"
)

func TestJSONAndXMLGiveTheSameTree(t *testing.T) {
	t.Parallel()
	withText := strings.Replace(sampleTree, "      contained", narrative+"      contained", 1)
	bare := strings.Replace(sampleXML, ` xmlns="http://hl7.org/fhir"`, "", 1)
	prefixed := strings.NewReplacer(`<div xmlns=`, `<div xmlns=`, "</div>", "</div>", "<p>", "<p>", "</p>", "</p>", "<b>", "<b>", "</b>", "</b>",
		"</", "</f:", "<", "<f:").Replace(strings.Replace(sampleXML, " xmlns=", " xmlns:f=", 1))
	spaced := strings.ReplaceAll(sampleXML, "><", ">\n  <")
	for _, tt := range []struct{ name, text, want string }{
		{"JSON", sampleJSON, sampleTree},
		{"XML", sampleXML, withText},
		{"XML without a namespace, as published", bare, withText},
		{"XML with a prefix", prefixed, withText},
		{"XML with white space and comments", "<!-- a -->" + spaced + "<!-- b -->\n", withText},
		{"XML with a declaration", `<?xml version="1.0" encoding="UTF-8"?>` + sampleXML, withText},
		{"XML with a schema location", strings.Replace(sampleXML, "<Bundle ", `<Bundle xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="a b" `, 1), withText},
		{"JSON with a byte order mark", "\ufeff" + sampleJSON, sampleTree},
		{"XML with a byte order mark", "\ufeff" + sampleXML, withText},
		{"JSON with white space around", " \r\n\t" + sampleJSON + "\n", sampleTree},
		{"JSON with a single where a list is usual", strings.Replace(sampleJSON, `[{"reference":"Organization/RR8"}]`, `{"reference":"Organization/RR8"}`, 1), sampleTree},
		{"JSON with a list where a single is usual", strings.Replace(sampleJSON, `"status":"current"`, `"status":["current"]`, 1), sampleTree},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, shape(parse(t, tt.text))); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestValues(t *testing.T) {
	t.Parallel()
	type value struct {
		Text   string
		IsText bool
		Int    int64
		IsInt  bool
		Object bool
		Raw    string
	}
	for _, tt := range []struct {
		name, text string
		want       value
	}{
		{"a JSON string is text", `{"a":"x"}`, value{Text: "x", IsText: true, Raw: `"x"`}},
		{"digits in a JSON string are no number", `{"a":"7"}`, value{Text: "7", IsText: true, Raw: `"7"`}},
		{"a JSON number is no text", `{"a": -7 }`, value{Int: -7, IsInt: true, Raw: "-7"}},
		{"a fraction is no whole number", `{"a":7.0}`, value{Raw: "7.0"}},
		{"more than an int64 is none", `{"a":9223372036854775808}`, value{Raw: "9223372036854775808"}},
		{"a boolean", `{"a":true}`, value{Raw: "true"}},
		{"null", `{"a":null}`, value{Raw: "null"}},
		{"an object", `{"a":{"id":"b" }}`, value{Object: true, Raw: `{"id":"b" }`}},
		{"escapes", `{"a":"\u00e9\n\/\ud83d\ude00"}`, value{Text: "é\n/😀", IsText: true, Raw: `"\u00e9\n\/\ud83d\ude00"`}},
		{"a value of XML is text and number", `<R><a value="7"/></R>`, value{Text: "7", IsText: true, Int: 7, IsInt: true, Raw: `<a value="7"/>`}},
		{"an element of XML", `<R><a><b value="7" /></a></R>`, value{Object: true, Raw: `<a><b value="7" /></a>`}},
		{"an empty element of XML is no text", `<R><a></a></R>`, value{Object: true, Raw: `<a></a>`}},
		{"an empty value of XML is", `<R><a value=""/></R>`, value{IsText: true, Raw: `<a value=""/>`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			n := parse(t, tt.text).Child("a")
			if !n.Exists() {
				t.Fatal("the element is absent")
			}
			got := value{Object: n.IsObject(), Raw: string(n.Raw())}
			got.Text, got.IsText = n.Text()
			got.Int, got.IsInt = n.Int()
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestRawIsWhatCame(t *testing.T) {
	t.Parallel()
	resource := func(text string) fhirtext.Node {
		return parse(t, text).Child("entry").Child("resource")
	}
	for _, tt := range []struct{ name, want, text string }{
		{"JSON", `{ "resourceType" : "Patient", "id":"\u0061" }`, `{"resourceType":"Bundle","entry":[ {"resource": %s }]}`},
		{"XML", "<Patient  >\n<id value='&#97;'/> </Patient>", `<Bundle><entry><resource> %s </resource></entry></Bundle>`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			n := resource(fmt.Sprintf(tt.text, tt.want))
			if diff := cmp.Diff(tt.want, string(n.Raw())); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			if id, _ := n.Child("id").Text(); n.Type() != "Patient" || id != "a" {
				t.Errorf("a %s with id %q", n.Type(), id)
			}
		})
	}
	root := parse(t, "\ufeff \n"+sampleXML+"\n")
	if diff := cmp.Diff(sampleXML, string(root.Raw())); diff != "" {
		t.Errorf("the root: -want +got\n%s", diff)
	}
}

func TestRawIsACopy(t *testing.T) {
	t.Parallel()
	text := []byte(`{"a":"x"}`)
	d, err := fhirtext.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	raw := d.Root().Raw()
	copy(text, "!!!!!!!!!")
	copy(raw, "?????????")
	if got, _ := d.Root().Child("a").Text(); got != "x" || string(d.Root().Raw()) != `{"a":"x"}` {
		t.Error("the document changed with the caller's bytes")
	}
}

func TestAbsentNodesHaveNothing(t *testing.T) {
	t.Parallel()
	n := parse(t, sampleJSON).Child("no").Child("such").Child("element")
	_, isText := n.Text()
	_, isInt := n.Int()
	for range n.Children() {
		t.Error("it has a child")
	}
	if n.Exists() || n.IsObject() || isText || isInt || n.Raw() != nil || n.Name() != "" || n.Type() != "" {
		t.Error("an absent element has something")
	}
}

func TestAllStopsWhenTheLoopDoes(t *testing.T) {
	t.Parallel()
	n := 0
	for range parse(t, `{"a":[1,2,3]}`).All("a") {
		if n++; n == 2 {
			break
		}
	}
	if n != 2 {
		t.Errorf("%d rounds", n)
	}
}

func TestDocumentsPrintAsAMask(t *testing.T) {
	t.Parallel()
	d, err := fhirtext.Parse([]byte(`{"a":"9462205957"}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		for _, v := range []any{d, d.Root(), struct{ D *fhirtext.Document }{d}} {
			if got := fmt.Sprintf(verb, v); strings.Contains(got, "9462205957") || strings.Contains(got, "39343632") {
				t.Errorf("%s of %T: %s", verb, v, got)
			}
		}
	}
}
