package main

import (
	"errors"
	"fmt"
	"io"
)

// examination shows each step of the doctor and keeps the first failure.
type examination struct {
	app   *app
	steps []stepView
	first error
	// unsaid is why standard output took no more.
	unsaid error
}

// stepView is a step as -o json prints it.
type stepView struct {
	Step   string `json:"step"`
	Result string `json:"result"` // ok, note or fail
	Text   string `json:"text"`
	Advice string `json:"advice,omitempty"`
}

func (x *examination) good(step, format string, args ...any) {
	x.show(stepView{step, "ok", fmt.Sprintf(format, args...), ""})
}

// note is worth knowing and no failure.
func (x *examination) note(step, format string, args ...any) {
	x.show(stepView{step, "note", fmt.Sprintf(format, args...), ""})
}

// bad shows each failure in err, which may be nil.
func (x *examination) bad(step string, err error) {
	if x.first == nil {
		x.first = err
	}
	for _, e := range split(err) {
		x.show(stepView{step, "fail", sentence(e), advice(e)})
	}
}

func (x *examination) show(s stepView) {
	x.steps = append(x.steps, s)
	switch x.app.flags.output {
	case "json":
	case "ndjson":
		x.wrote(x.app.printLine(s))
	default:
		result := s.Result
		if result == "fail" {
			result = "FAIL"
		}
		text := fmt.Sprintf("%-4s  %-13s  %s\n", result, s.Step, s.Text)
		if s.Advice != "" {
			text += fmt.Sprintf("%-4s  %-13s  what to do: %s\n", "", "", s.Advice)
		}
		x.print(text)
	}
}

func (x *examination) print(text string) {
	_, err := io.WriteString(x.app.out, text)
	x.wrote(err)
}

// wrote keeps an error of standard output.
func (x *examination) wrote(err error) {
	if x.unsaid == nil {
		x.unsaid = err
	}
}

// verdict ends the examination: its error has the status of the first failure
// and was said.
func (x *examination) verdict() error {
	switch x.app.flags.output {
	case "json":
		x.wrote(x.app.printJSON(struct {
			OK    bool       `json:"ok"`
			Steps []stepView `json:"steps"`
		}{x.first == nil, x.steps}))
	case "ndjson":
	default:
		text := "\nAll is well: requests can be sent.\n"
		if x.first != nil {
			text = "\nSomething is wrong: see FAIL above.\n"
		}
		x.print(text)
	}
	switch {
	case x.unsaid != nil:
		return x.unsaid
	case x.first != nil:
		return errors.Join(x.first, errSaid)
	}
	return nil
}
