package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nrlgo/nrlgo/auth/nhs"
	"github.com/nrlgo/nrlgo/client"
	"github.com/nrlgo/nrlgo/nrl"
	"github.com/nrlgo/nrlgo/ssp"
)

type retrieveFlags struct {
	queryFlags
	pointer, dir, format string
}

func (a *app) retrieveCommand() *cobra.Command {
	var f retrieveFlags
	c := &cobra.Command{
		Use:   "retrieve (--pointer ID | --patient N [--type CODE]) --out DIR",
		Short: "Save the records behind a patient's pointers",
		Long: `Save the record behind a pointer, or the records behind all of a patient's
pointers. A file gets its name only when the record is whole, and replaces none.

With -o json one object is printed, {"records":[…],"problems":[…]}; with
-o ndjson one saved record a line, problems on standard error. With --patient,
a record that is not saved does not hinder the others: exit status 8.`,
		Example: "  nrl retrieve --patient 9434765919 --to-asid 200000000240 --out records",
		Args:    noArguments,
		RunE:    func(c *cobra.Command, _ []string) error { return a.retrieve(c.Context(), &f) },
	}
	f.registerPatient(c)
	f.registerType(c)
	c.Flags().StringVar(&f.pointer, "pointer", "", "or logical `id` of one pointer")
	c.Flags().StringVar(&f.dir, "out", "", "`folder` to save to; it must exist")
	c.Flags().StringVar(&f.format, "format", "pdf", "`kind` of content: pdf, any (or else contact details) or contact")
	return c
}

// check gives what the flags stand for, and every fault at once.
func (f *retrieveFlags) check(o *options) (q nrl.Query, opt ssp.Option, err error) {
	var faults []error
	switch f.format {
	case "pdf":
		opt = ssp.PDF
		if o.toASID == "" {
			faults = append(faults, usage("--to-asid is missing: the ASID of the records' provider, which pointers of NRL 2.x do not name"))
		}
	case "any":
		opt = ssp.Any
	case "contact":
		opt = ssp.Contact
	default:
		faults = append(faults, usage("--format: want pdf, any or contact"))
	}
	if f.dir == "" {
		faults = append(faults, usage("--out is missing: the folder to save to"))
	} else if st, err := os.Stat(f.dir); err != nil || !st.IsDir() {
		faults = append(faults, usage("--out: want a folder that exists"))
	}
	switch {
	case f.pointer == "" && f.patient == "":
		faults = append(faults, usage("--patient is missing, or --pointer"))
	case f.pointer != "" && f.patient != "":
		faults = append(faults, usage("--patient and --pointer: want one of them"))
	case f.pointer != "" && f.kind != "":
		faults = append(faults, usage("--type goes with --patient"))
	case f.pointer == "":
		q, err = f.query()
		faults = append(faults, err)
	}
	return q, opt, errors.Join(faults...)
}

func (a *app) retrieve(ctx context.Context, f *retrieveFlags) error {
	q, opt, faults := f.check(&a.flags)
	return a.with(ctx, needRecords, faults, func(ctx context.Context, s *client.Session) error {
		if f.pointer != "" {
			return a.retrieveOne(ctx, s, f, opt)
		}
		return a.retrieveAll(ctx, s, q, f.dir, opt)
	})
}

func (a *app) retrieveOne(ctx context.Context, s *client.Session, f *retrieveFlags, opt ssp.Option) error {
	p, err := s.Read(ctx, f.pointer, nhs.Number{})
	if err != nil {
		return err
	}
	r, err := save(ctx, s, p, f.dir, opt)
	if err != nil {
		return err
	}
	return errors.Join(a.printSaved(r), a.printAllSaved([]savedView{r}, nil))
}

// retrieveAll saves what can be had of a patient's records, and says what not.
func (a *app) retrieveAll(ctx context.Context, s *client.Session, q nrl.Query, dir string, opt ssp.Option) error {
	pointers, doubts, err := collect(ctx, s, q)
	if err != nil {
		return err
	}
	if len(pointers)+len(doubts) == 0 {
		return errors.Join(a.printAllSaved(nil, nil), errNoPointer)
	}
	var saved []savedView
	var problems []problemView
	var last error
	for _, err := range doubts {
		problems = append(problems, problem(err))
		a.say("%s", sentence(err))
	}
	for i, p := range pointers {
		if ctx.Err() != nil {
			last = ctx.Err()
			break
		}
		r, err := save(ctx, s, p, dir, opt)
		if err != nil {
			why := strings.TrimPrefix(sentence(err), "the record was not saved: ")
			problems, last = append(problems, problemView{Pointer: p.ID, Problem: why}), err
			a.say("record %d of %d is not saved: %s", i+1, len(pointers), why)
			continue
		}
		saved = append(saved, r)
		if err := a.printSaved(r); err != nil {
			return err
		}
	}
	if err := a.printAllSaved(saved, problems); err != nil {
		return err
	}
	if all := len(pointers) + len(doubts); len(saved) < all {
		return &worded{fmt.Sprintf("incomplete: %d of %d records saved", len(saved), all), errors.Join(errIncomplete, last)}
	}
	return nil
}

// savedView is a saved record as -o json prints it.
type savedView struct {
	Pointer     string `json:"pointer"`
	File        string `json:"file"`
	ContentType string `json:"contentType"`
	Kind        string `json:"kind"`
	Bytes       int64  `json:"bytes"`
}

func save(ctx context.Context, s *client.Session, p nrl.Pointer, dir string, opt ssp.Option) (savedView, error) {
	rec, err := s.Retrieve(ctx, p, opt)
	if err != nil {
		return savedView{}, err
	}
	file, err := rec.Save(dir)
	if closing := rec.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return savedView{}, err
	}
	return savedView{p.ID, file, rec.ContentType(), rec.Kind().String(), rec.BytesRead()}, nil
}

// printSaved prints a record as soon as it is saved, but as JSON.
func (a *app) printSaved(r savedView) error {
	switch a.flags.output {
	case "json":
		return nil
	case "ndjson":
		return a.printLine(r)
	}
	_, err := fmt.Fprintf(a.out, "%s  (%s, %d bytes)\n", r.File, r.ContentType, r.Bytes)
	return err
}

// printAllSaved prints the one object of JSON.
func (a *app) printAllSaved(all []savedView, problems []problemView) error {
	if a.flags.output != "json" {
		return nil
	}
	return a.printJSON(struct {
		Records  []savedView   `json:"records"`
		Problems []problemView `json:"problems"`
	}{append([]savedView{}, all...), append([]problemView{}, problems...)})
}
