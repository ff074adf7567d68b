package mocks

import (
	"compress/gzip"
	"io"
	"strings"
)

// GzipBomb answers with Content-Encoding gzip, whatever was asked for: the
// body, padded with spaces to n bytes once it is decoded, about a thousandth
// of that on the wire. It is made as it is sent.
func GzipBomb(n int64) Fault {
	return Fault{name: "gzip-bomb", serve: func(e *exchange) {
		body := padded(e.answer, n)
		e.answer.header = append([]Field{{"Content-Encoding", "gzip"}}, e.answer.header...)
		e.head(-1)
		gz, err := gzip.NewWriterLevel(e.w, gzip.BestCompression)
		if err != nil {
			return // no such level
		}
		if _, err = io.Copy(gz, body); err == nil {
			_ = gz.Close()
		}
	}}
}

// Huge pads the body of the answer with spaces to n bytes, in constant memory.
func Huge(n int64) Fault {
	return Fault{name: "huge", serve: func(e *exchange) {
		body := padded(e.answer, n)
		e.answer.body, e.answer.length = func() io.Reader { return body }, max(n, e.answer.length)
		e.send()
	}}
}

// padded is the body of an answer and spaces behind it, n bytes in all.
func padded(a answer, n int64) io.Reader {
	return io.MultiReader(a.reader(), repeated(' ', n-a.length))
}

// repeated is a byte n times, none when n is negative.
func repeated(b byte, n int64) io.Reader { return io.LimitReader(endless(b), max(n, 0)) }

// endless is a byte without end.
type endless byte

func (b endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(b)
	}
	return len(p), nil
}

// DeepJSON answers 200 with an empty searchset in JSON that has arrays nested
// depth deep.
func DeepJSON(depth int64) Fault {
	const before, behind = `{"resourceType":"Bundle","type":"searchset","total":0,"contained":`, `}`
	return Fault{name: "deep-json", code: 200, serve: func(e *exchange) {
		e.answer = answer{
			contentType: inJSON.String(), length: int64(len(before)+len(behind)) + 2*max(depth, 0),
			body: func() io.Reader {
				return io.MultiReader(strings.NewReader(before), repeated('[', depth), repeated(']', depth), strings.NewReader(behind))
			},
		}
		e.send()
	}}
}

// isJSON reports an answer of FHIR in JSON.
func isJSON(e *exchange) bool { return e.answer.tree != nil && e.syntax == inJSON }

// rewritten edits the text of FHIR in JSON; other answers it leaves alone.
func rewritten(name string, edit func(text string) string) Fault {
	return Fault{name: name, fits: isJSON, serve: func(e *exchange) {
		text := edit(e.answer.tree.json())
		e.answer.body, e.answer.length = stringBody(text), int64(len(text))
		e.send()
	}}
}

// withMember puts a member before all others of a JSON object.
func withMember(text, member string) string {
	return "{" + member + "," + strings.TrimPrefix(text, "{")
}

// DuplicateKey gives JSON answers the member resourceType twice; the first
// says Patient.
func DuplicateKey() Fault {
	return rewritten("duplicate-key", func(text string) string { return withMember(text, `"resourceType":"Patient"`) })
}

// CaseVariantKey gives JSON answers the member ResourceType, which lenient
// readers take for resourceType.
func CaseVariantKey() Fault {
	return rewritten("case-variant-key", func(text string) string { return withMember(text, `"ResourceType":"Patient"`) })
}

// InvalidUTF8 gives JSON answers a string that is no UTF-8.
func InvalidUTF8() Fault {
	return rewritten("invalid-utf8", func(text string) string { return withMember(text, "\"language\":\"\xff\"") })
}

// BOM puts a byte order mark before JSON answers.
func BOM() Fault { return rewritten("bom", func(text string) string { return "\uFEFF" + text }) }

// SecondDocument sends JSON answers twice in one body.
func SecondDocument() Fault {
	return rewritten("second-document", func(text string) string { return text + text })
}
