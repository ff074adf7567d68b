package main

import (
	"encoding/hex"
	"encoding/json"
	"errors"

	"github.com/nrlgo/nrlgo/nrl"
)

// pointerView is a pointer as -o json prints it. Scripts depend on the names.
type pointerView struct {
	ID              string        `json:"id"`
	Version         string        `json:"version,omitempty"`
	Status          string        `json:"status"`
	Patient         string        `json:"patient"`
	Type            codingView    `json:"type"`
	Category        *codingView   `json:"category,omitempty"`
	Author          string        `json:"author"`
	Custodian       string        `json:"custodian"`
	Indexed         string        `json:"indexed,omitempty"`
	LastUpdated     string        `json:"lastUpdated,omitempty"`
	Master          *idView       `json:"masterIdentifier,omitempty"`
	PeriodStart     string        `json:"periodStart,omitempty"`
	PeriodEnd       string        `json:"periodEnd,omitempty"`
	PracticeSetting *codingView   `json:"practiceSetting,omitempty"`
	Contents        []contentView `json:"contents"`
}

type codingView struct {
	System  string `json:"system,omitempty"`
	Code    string `json:"code"`
	Display string `json:"display,omitempty"`
}

type idView struct {
	System string `json:"system,omitempty"`
	Value  string `json:"value"`
}

type contentView struct {
	ContentType string      `json:"contentType"`
	URL         string      `json:"url"`
	Format      *codingView `json:"format,omitempty"`
	Stability   string      `json:"stability,omitempty"`
	Created     string      `json:"created,omitempty"`
	Size        int64       `json:"size,omitempty"`
	SHA1        string      `json:"sha1,omitempty"`
}

// problemView is an entry that is not shown, another doubt about a list, or a
// record that is not saved.
type problemView struct {
	// Entry is the place in the answer, 1 for the first.
	Entry int `json:"entry,omitempty"`
	// Pointer is the logical id, for a report to the service desk.
	Pointer string `json:"pointer,omitempty"`
	Problem string `json:"problem"`
}

func problem(err error) problemView {
	v := problemView{Problem: sentence(err)}
	if e, ok := errors.AsType[*nrl.EntryError](err); ok {
		v = problemView{e.Index + 1, e.ID, sentence(e.Err)}
	}
	return v
}

func coding(c nrl.Coding) *codingView {
	if c == (nrl.Coding{}) {
		return nil
	}
	return &codingView{c.System, c.Code, c.Display}
}

func view(p nrl.Pointer) pointerView {
	v := pointerView{
		ID: p.ID, Version: p.VersionID, Status: string(p.Status), Patient: p.Patient.Digits(),
		Type: codingView{p.Type.System, p.Type.Code, p.Type.Display}, Category: coding(p.Category),
		Author: p.Author.Code(), Custodian: p.Custodian.Code(), Indexed: p.Indexed.Text, LastUpdated: p.LastUpdated.Text,
		PeriodStart: p.Period.Start.Text, PeriodEnd: p.Period.End.Text, PracticeSetting: coding(p.PracticeSetting),
		Contents: []contentView{},
	}
	if p.MasterIdentifier != (nrl.Identifier{}) {
		v.Master = &idView{p.MasterIdentifier.System, p.MasterIdentifier.Value}
	}
	for _, c := range p.Contents {
		v.Contents = append(v.Contents, contentView{
			ContentType: c.ContentType, URL: c.URL, Format: coding(c.Format), Stability: string(c.Stability),
			Created: c.Created.Text, Size: c.Size, SHA1: hex.EncodeToString(c.Hash),
		})
	}
	return v
}

// printPointers writes the pointers of a search in the chosen form. Only the
// one object of JSON has room for problems: the caller says them too.
func (a *app) printPointers(pointers []nrl.Pointer, problems []error) error {
	switch a.flags.output {
	case "json":
		out := struct {
			Pointers []pointerView `json:"pointers"`
			Problems []problemView `json:"problems"`
		}{[]pointerView{}, []problemView{}}
		for _, p := range pointers {
			out.Pointers = append(out.Pointers, view(p))
		}
		for _, err := range problems {
			out.Problems = append(out.Problems, problem(err))
		}
		return a.printJSON(out)
	case "ndjson":
		for _, p := range pointers {
			if err := a.printLine(view(p)); err != nil {
				return err
			}
		}
		return nil
	}
	return table(a.out, pointers)
}

// printPointer writes the pointer of a read.
func (a *app) printPointer(p nrl.Pointer) error {
	switch a.flags.output {
	case "json":
		return a.printJSON(view(p))
	case "ndjson":
		return a.printLine(view(p))
	}
	return page(a.out, p)
}

// printJSON writes an object over several lines, printLine on one.
func (a *app) printJSON(v any) error { return a.encode(v, "  ") }

func (a *app) printLine(v any) error { return a.encode(v, "") }

func (a *app) encode(v any, indent string) error {
	e := json.NewEncoder(a.out)
	e.SetEscapeHTML(false) // a URL stays readable
	e.SetIndent("", indent)
	return e.Encode(v)
}
