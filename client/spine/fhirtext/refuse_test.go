package fhirtext_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/nrlgo/nrlgo/client/spine/fhirtext"
)

const secret = "9462205957" // stands in every text that is refused

func nested(open, inner, end string, n int) string {
	return strings.Repeat(open, n) + inner + strings.Repeat(end, n)
}

func TestRefused(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, text, want string }{
		{"nothing", "", "neither"},
		{"white space", " \n", "neither"},
		{"null", "null", "neither"},
		{"an array", `[{"id":"` + secret + `"}]`, "neither"},
		{"a string", `"` + secret + `"`, "neither"},
		{"plain text", "Patient " + secret, "neither"},
		{"two byte order marks", "\ufeff\ufeff{}", "neither"},

		{"a member twice", `{"id":"1","id":"` + secret + `"}`, "twice"},
		{"a member twice by an escape", `{"id":"1","\u0069d":"` + secret + `"}`, "twice"},
		{"a member twice far down", `{"entry":[{"resource":{"resourceType":"Patient","subject":{"reference":"a","reference":"` + secret + `"}}}]}`, "twice"},
		{"resourceType twice", `{"resourceType":"Bundle","resourceType":"Patient"}`, "twice"},
		{"another case", `{"id":"1","Id":"` + secret + `"}`, "none of FHIR's"},
		{"another case inside", `{"resourcetype":"` + secret + `"}`, "case"},
		{"another case behind an underscore", `{"_Status":"` + secret + `"}`, "none of FHIR's"},
		{"a letter that folds to k", `{"\u212aind":"` + secret + `"}`, "none of FHIR's"},
		{"a letter that folds to s", `{"statu\u017f":"` + secret + `"}`, "none of FHIR's"},
		{"an empty name", `{"":"` + secret + `"}`, "none of FHIR's"},
		{"a name with a blank", `{"id ":"` + secret + `"}`, "none of FHIR's"},
		{"a number as a name", `{1:"` + secret + `"}`, "JSON"},
		{"invalid UTF-8", "{\"id\":\"" + secret + "\xff\"}", "JSON"},
		{"an overlong NUL", "{\"id\":\"" + secret + "\xc0\x80\"}", "JSON"},
		{"a high surrogate alone", `{"id":"` + secret + `\ud800"}`, "JSON"},
		{"a low surrogate alone", `{"id":"` + secret + `\udc00"}`, "JSON"},
		{"surrogates the wrong way round", `{"id":"` + secret + `\ude00\ud83d"}`, "JSON"},
		{"a control character", "{\"id\":\"" + secret + "\n\"}", "JSON"},
		{"an unknown escape", `{"id":"` + secret + `\x41"}`, "JSON"},
		{"a second document", `{"id":"1"}{"id":"` + secret + `"}`, "follows"},
		{"text behind the document", `{"id":"1"} ` + secret, "follows"},
		{"XML behind the JSON", `{"id":"1"}<Patient/>`, "follows"},
		{"a comment", `{"id":"1"/*` + secret + `*/}`, "JSON"},
		{"a comma at the end", `{"id":"` + secret + `",}`, "JSON"},
		{"a leading zero", `{"total":01,"id":"` + secret + `"}`, "JSON"},
		{"not a number", `{"total":NaN}`, "JSON"},
		{"an array in an array", `{"entry":[[{"id":"` + secret + `"}]]}`, "in an array"},
		{"49 levels", `{"a":` + nested(`{"a":`, `"`+secret+`"`, "}", 49) + `}`, "levels"},
		{"a million elements", `{"a":[` + strings.Repeat("1,", 1<<20) + "1]}", "elements"},
		{"resourceType is no string", `{"resourceType":1,"id":"` + secret + `"}`, "not a string"},
		{"resourceType is null", `{"resourceType":null}`, "not a string"},
		{"resourceType is empty", `{"resourceType":""}`, "no name"},
		{"resourceType is no type", `{"resourceType":"bundle` + secret + `"}`, "name"},
		{"a resource where none may be", `{"subject":{"resourceType":"Patient","id":"` + secret + `"}}`, "none may be"},
		{"a resource in an extension", `{"extension":[{"resourceType":"Patient"}]}`, "none may be"},

		{"DOCTYPE", `<!DOCTYPE Patient SYSTEM "` + secret + `"><Patient/>`, "document type"},
		{"a DOCTYPE with an entity", `<!DOCTYPE P [<!ENTITY a "` + secret + `">]><P><id value="&a;"/></P>`, "document type"},
		{"an entity of HTML", `<Patient><id value="` + secret + `&nbsp;"/></Patient>`, "XML"},
		{"an entity in a narrative", `<Patient><text><div xmlns="http://www.w3.org/1999/xhtml">&nbsp;</div></text></Patient>`, "XML"},
		{"a processing instruction", `<?xml-stylesheet href="` + secret + `"?><Patient/>`, "processing"},
		{"a processing instruction inside", `<Patient><?php ` + secret + `?></Patient>`, "processing"},
		{"a declaration further down", ` <?xml version="1.0"?><Patient/>`, "processing"},
		{"another encoding", `<?xml version="1.0" encoding="ISO-8859-1"?><Patient/>`, "XML"},
		{"another namespace", `<Patient xmlns="urn:` + secret + `"/>`, "namespace"},
		{"another namespace inside", `<Patient><id xmlns="urn:x" value="` + secret + `"/></Patient>`, "namespace"},
		{"no namespace inside", `<Patient xmlns="http://hl7.org/fhir"><id xmlns="" value="1"/></Patient>`, "namespace"},
		{"a namespace inside none", `<Patient><id xmlns="http://hl7.org/fhir" value="1"/></Patient>`, "namespace"},
		{"an undeclared prefix", `<Patient><f:id value="` + secret + `"/></Patient>`, "namespace"},
		{"XHTML that is no narrative", `<Patient><p xmlns="http://www.w3.org/1999/xhtml">` + secret + `</p></Patient>`, "namespace"},
		{"a web page", `<html xmlns="http://www.w3.org/1999/xhtml"><body>` + secret + `</body></html>`, "namespace"},
		{"a web page without namespace", `<html><body>` + secret + `</body></html>`, "outermost"},
		{"a narrative as root", `<div xmlns="http://www.w3.org/1999/xhtml">` + secret + `</div>`, "namespace"},
		{"text between elements", `<Patient>` + secret + `<id value="1"/></Patient>`, "text"},
		{"CDATA between elements", `<Patient><![CDATA[` + secret + `]]></Patient>`, "text"},
		{"text in a primitive", `<Patient><id>` + secret + `</id></Patient>`, "text"},
		{"text behind", `<Patient/>` + secret, "text"},
		{"a second root", `<Patient/><Patient/>`, "follows"},
		{"JSON behind the XML", `<Patient/>{"id":"` + secret + `"}`, "text"},
		{"a resource in an element", `<Patient><subject><Patient><id value="` + secret + `"/></Patient></subject></Patient>`, "none may be"},
		{"a resource in a resource", `<Bundle><Patient/></Bundle>`, "none may be"},
		{"two in one holder", `<Bundle><entry><resource><Patient/><Patient/></resource></entry></Bundle>`, "none may be"},
		{"an element before a resource", `<Bundle><entry><resource><id value="1"/><Patient/></resource></entry></Bundle>`, "none may be"},
		{"an element beside a resource", `<Bundle><entry><resource><Patient/><id value="1"/></resource></entry></Bundle>`, "beside"},
		{"a holder with a value", `<Bundle><entry><resource value="1"><Patient/></resource></entry></Bundle>`, "none may be"},
		{"a resource with a value", `<Patient value="` + secret + `"/>`, "attributes"},
		{"a resource with an id attribute", `<Patient id="` + secret + `"><id value="1"/></Patient>`, "attributes"},
		{"a name of a resource that is none", `<Patient1><id value="` + secret + `"/></Patient1>`, "name"},
		{"an attribute of another name", `<Patient><id value="1" class="` + secret + `"/></Patient>`, "attribute"},
		{"an attribute twice", `<Patient><id value="1" value="` + secret + `"/></Patient>`, "twice"},
		{"a namespace twice", `<Patient xmlns="http://hl7.org/fhir" xmlns="http://hl7.org/fhir"/>`, "twice"},
		{"an attribute with a prefix", `<Patient xmlns:a="urn:a"><id a:value="` + secret + `"/></Patient>`, "attribute"},
		{"65 attributes", `<Patient><id ` + strings.Repeat("xmlns:a='b' ", 65) + `/></Patient>`, "attributes"},
		{"url as attribute and element", `<Patient><extension url="a"><url value="` + secret + `"/></extension></Patient>`, "attribute too"},
		{"names in another case in XML", `<Patient><versionid value="` + secret + `"/></Patient>`, "case"},
		{"a name of JSON in XML", `<Patient><_id value="` + secret + `"/></Patient>`, "in XML"},
		{"resourceType in XML", `<Patient><resourceType value="Bundle"/></Patient>`, "in XML"},
		{"letters beyond ASCII in XML", `<Patient><idé value="` + secret + `"/></Patient>`, "none of FHIR's"},
		{"a surrogate in XML", `<Patient><id value="` + secret + `&#xD83D;"/></Patient>`, "XML"},
		{"a surrogate with zeros in XML", `<Patient><id value="&#x00000000000d800;"/></Patient>`, "XML"},
		{"a decimal surrogate in XML", `<Patient><id value="&#57343;"/></Patient>`, "XML"},
		{"NUL in XML", `<Patient><id value="&#0;"/></Patient>`, "XML"},
		{"invalid UTF-8 in XML", "<Patient><id value=\"" + secret + "\xff\"/></Patient>", "XML"},
		{"invalid UTF-8 in a comment", "<Patient><!-- \xff --></Patient>", "XML"},
		{"an unquoted attribute", `<Patient><id value=` + secret + `/></Patient>`, "XML"},
		{"a wrong end tag", `<Patient><id></ID></Patient>`, "XML"},
		{"50 levels of XML", "<Patient>" + nested("<a>", `<id value="`+secret+`"/>`, "</a>", 49) + "</Patient>", "levels"},
		{"a million elements of XML", "<Patient>" + strings.Repeat("<a/>", 1<<20) + "</Patient>", "elements"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d, err := fhirtext.Parse([]byte(tt.text))
			if d != nil || !errors.Is(err, fhirtext.ErrSyntax) {
				t.Fatalf("got %v, %v", d, err)
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %q, want %q in it", err, tt.want)
			}
			if strings.Contains(err.Error(), secret) {
				t.Errorf("the error shows the text: %v", err)
			}
		})
	}
}

func TestAcceptedUpToTheLimits(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"48 levels":        `{"a":` + nested(`{"a":`, `1`, "}", 47) + `}`,
		"48 levels of XML": "<Patient>" + nested("<a>", "", "</a>", 48) + "</Patient>",
		"64 attributes":    `<Patient><extension url="a" ` + xmlns(63) + `/></Patient>`,
		"resources inside": `{"contained":[{"resourceType":"Patient"}],"entry":{"resource":{"resourceType":"Bundle"}}}`,
	} {
		if _, err := fhirtext.Parse([]byte(text)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func xmlns(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("xmlns:a" + strings.Repeat("b", i) + "='c' ")
	}
	return b.String()
}

// A cut text is never a shorter tree.
func TestCutAnywhereIsAnError(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{"JSON": sampleJSON, "XML": sampleXML} {
		for i := range len(text) {
			if _, err := fhirtext.Parse([]byte(text[:i])); !errors.Is(err, fhirtext.ErrSyntax) {
				t.Errorf("%s cut after %d of %d bytes: %v", name, i, len(text), err)
			}
		}
	}
}
