package mocks

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// Status answers with that status (200 to 999, any other is 500), these fields,
// and an OperationOutcome in the syntax asked for; 204 and 304 have no body.
func Status(code int, header ...Field) Fault {
	return Fault{name: "status", code: code, serve: func(e *exchange) {
		e.answer = e.outcome(code, issue{code: "processing", spine: "INTERNAL_SERVER_ERROR", display: http.StatusText(code), diagnostics: "A fault of the mock"})
		e.answer.header = append(e.answer.header, header...)
		e.send()
	}}
}

// RetryAfter is [Status] with a Retry-After field of that value, to the letter.
func RetryAfter(code int, value string) Fault {
	f := Status(code, Field{"Retry-After", value})
	f.name = "retry-after"
	return f
}

// RetryForm is a form that a Retry-After field can have.
type RetryForm string

// The forms of Retry-After that are met: what HTTP allows (RFC 9110, section
// 10.2.3), and what servers send all the same.
const (
	RetrySeconds  RetryForm = "seconds"  // 1
	RetryDate     RetryForm = "date"     // in 2 s, as HTTP writes dates
	RetryRFC850   RetryForm = "rfc850"   // the same, obsolete
	RetryANSIC    RetryForm = "ansic"    // the same, obsolete
	RetryZero     RetryForm = "zero"     // 0
	RetryPast     RetryForm = "past"     // an hour ago
	RetryNegative RetryForm = "negative" // -5
	RetryFraction RetryForm = "fraction" // 1.5
	RetryJunk     RetryForm = "junk"     // soon
	RetryDay      RetryForm = "day"      // 86400
	RetryOverflow RetryForm = "overflow" // more nanoseconds than 63 bits hold
)

// RetryForms are all forms that [Throttle] knows.
func RetryForms() []RetryForm {
	return []RetryForm{
		RetrySeconds, RetryDate, RetryRFC850, RetryANSIC, RetryZero, RetryPast, RetryNegative, RetryFraction, RetryJunk, RetryDay, RetryOverflow,
	}
}

// value is the field's value at a time, "" for a form that is none.
func (f RetryForm) value(now time.Time) string {
	soon := now.Add(2 * time.Second).UTC()
	return map[RetryForm]string{
		RetrySeconds: "1", RetryDate: soon.Format(http.TimeFormat),
		RetryRFC850: soon.Format("Monday, 02-Jan-06 15:04:05 GMT"), RetryANSIC: soon.Format(time.ANSIC),
		RetryZero: "0", RetryPast: now.Add(-time.Hour).UTC().Format(http.TimeFormat), RetryNegative: "-5", RetryFraction: "1.5",
		RetryJunk: "soon", RetryDay: "86400", RetryOverflow: "9999999999999",
	}[f]
}

// Throttle answers 429 with Retry-After in that form, dates by the mock's
// clock. A form that is none sends no Retry-After.
func Throttle(form RetryForm) Fault {
	return Fault{name: "throttle", code: http.StatusTooManyRequests, serve: func(e *exchange) {
		var header []Field
		if value := form.value(e.spine.options.now()); value != "" {
			header = []Field{{"Retry-After", value}}
		}
		Status(http.StatusTooManyRequests, header...).serve(e)
	}}
}

var errRetryForm = errors.New("no form of Retry-After")

func parseRetryForm(text string) (RetryForm, error) {
	if form := RetryForm(text); slices.Contains(RetryForms(), form) {
		return form, nil
	}
	return "", errRetryForm
}

// HTML500 answers 500 with a page of HTML, as the NRL does (NRL error page).
func HTML500() Fault {
	f := Body(500, "text/html", "<html><title>500: Internal Server Error</title><body>500: Internal Server Error</body></html>")
	f.name = "html500"
	return f
}

// Body answers with that status, content type ("" sends none) and body.
func Body(code int, contentType, body string) Fault {
	return Fault{name: "body", code: code, serve: func(e *exchange) {
		e.answer = answer{status: code, contentType: contentType, body: stringBody(body), length: int64(len(body))}
		e.send()
	}}
}

// Redirect answers 302 to that URL; "" is a page of the mock's public
// listener. A request that follows to this mock is noted in the report.
func Redirect(url string) Fault {
	return Fault{name: "redirect", code: 302, serve: func(e *exchange) {
		to := url
		if to == "" {
			to = e.spine.PublicURL() + "/redirected/" + strconv.Itoa(len(e.r.RequestURI))
		}
		e.spine.lay(dutyRedirect, to)
		e.answer = answer{status: 302, header: []Field{{"Location", to}}}
		e.send()
	}}
}

// TokenExpired answers as if the JWT had expired on its way: 400 with the
// OperationOutcome for a claim at fault.
func TokenExpired() Fault {
	return Fault{
		name: "token-expired", code: http.StatusBadRequest, fits: func(e *exchange) bool { return e.got.Claims != nil },
		serve: func(e *exchange) {
			const text = "The claim exp in the JWT has passed"
			if e.got.Service == SSP {
				e.answer = e.proxy(http.StatusBadRequest, text)
			} else {
				e.answer = e.outcome(http.StatusBadRequest, badToken.because(text))
			}
			e.send()
		},
	}
}

// ContentType answers with that content type ("" sends none) in place of the
// true one.
func ContentType(contentType string) Fault {
	return Fault{name: "content-type", serve: func(e *exchange) {
		e.answer.contentType = contentType
		e.send()
	}}
}

// Interim sends n answers of status 103 before the answer.
func Interim(n int) Fault {
	return Fault{name: "interim", serve: func(e *exchange) {
		for range n {
			e.w.WriteHeader(http.StatusEarlyHints)
		}
		e.send()
	}}
}

// HugeHead adds a header field of n bytes to the answer.
func HugeHead(n int) Fault {
	return Fault{name: "huge-head", serve: func(e *exchange) {
		e.answer.header = append(slices.Clone(e.answer.header), Field{"X-Padding", string(slices.Repeat([]byte("x"), max(n, 0)))})
		e.send()
	}}
}
