package main

import (
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/nrlgo/nrlgo/nrl"
)

// table prints a line for each content of each pointer.
func table(w io.Writer, pointers []nrl.Pointer) error {
	if len(pointers) == 0 {
		return nil
	}
	rows := [][]string{{"POINTER", "TYPE", "OWNER", "DATED", "CONTENT", "FORMAT"}}
	for _, p := range pointers {
		head := []string{clean(p.ID), label(p.Type), p.Author.Code(), shortDate(p.Indexed)}
		for _, c := range p.Contents {
			rows = append(rows, append(slices.Clone(head), clean(c.ContentType), label(c.Format)))
			clear(head) // once for each pointer
		}
	}
	return align(w, rows)
}

// page prints all that people want to know of one pointer.
func page(w io.Writer, p nrl.Pointer) error {
	rows := [][]string{
		{"Pointer", clean(p.ID)},
		{"Patient", p.Patient.Digits()},
		{"Type", codeLabel(p.Type)},
		{"Category", codeLabel(p.Category)},
		{"Owner", p.Author.Code()},
		{"Custodian", p.Custodian.Code()},
		{"Setting", codeLabel(p.PracticeSetting)},
		{"Dated", clean(p.Indexed.Text)},
		{"Updated", clean(p.LastUpdated.Text)},
	}
	for _, c := range p.Contents {
		kind := strings.TrimSpace(clean(c.ContentType) + "  " + label(c.Format) + "  " + clean(string(c.Stability)))
		rows = append(rows, []string{"Content", kind}, []string{"", clean(c.URL)})
	}
	return align(w, slices.DeleteFunc(rows, func(r []string) bool { return r[1] == "" }))
}

// align writes rows in columns.
func align(w io.Writer, rows [][]string) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, r := range rows {
		if _, err := io.WriteString(t, strings.Join(r, "\t")+"\n"); err != nil {
			return err
		}
	}
	return t.Flush()
}

// label is a coding's display, or its code where there is none.
func label(c nrl.Coding) string {
	if c.Display != "" {
		return clean(c.Display)
	}
	return clean(c.Code)
}

// codeLabel is the display and the code.
func codeLabel(c nrl.Coding) string {
	if c.Display == "" {
		return clean(c.Code)
	}
	return clean(c.Display) + " (" + clean(c.Code) + ")"
}

// clean makes text of a server safe for a terminal: nothing in it moves the
// cursor, changes colours or turns the direction of writing.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsGraphic(r) {
			return r
		}
		return unicode.ReplacementChar
	}, s)
}

func shortDate(d nrl.Date) string {
	if d.Time.IsZero() || len(d.Text) <= len(time.DateOnly) {
		return clean(d.Text)
	}
	return d.Time.Format(time.DateOnly)
}
