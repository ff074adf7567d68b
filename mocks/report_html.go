package mocks

import (
	"bytes"
	_ "embed" // the page's template
	"html/template"
	"time"
)

//go:embed report.html
var reportPage string

var reportTemplate = template.Must(template.New("report").Funcs(template.FuncMap{
	"when": func(t time.Time) string { return t.Format("2 January 2006, 15:04:05 MST") },
	"iso":  func(t time.Time) string { return t.Format(time.RFC3339) },
	"of": func(duties []Duty, s string) (some []Duty) {
		for _, d := range duties {
			if string(d.Status) == s {
				some = append(some, d)
			}
		}
		return some
	},
	"section": func(id, name string, figures []Figure) any {
		return struct {
			ID, Name string
			Figures  []Figure
		}{id, name, figures}
	},
}).Parse(reportPage))

// HTML is the report as one page that needs nothing else.
func (r Report) HTML() ([]byte, error) {
	var b bytes.Buffer
	if err := reportTemplate.Execute(&b, r); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
