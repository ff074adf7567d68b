package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/nrlgo/nrlgo/auth/nhs"
	"github.com/nrlgo/nrlgo/client"
	"github.com/nrlgo/nrlgo/nrl"
)

// queryFlags say which pointers.
type queryFlags struct{ patient, custodian, kind string }

func (q *queryFlags) registerPatient(c *cobra.Command) {
	c.Flags().StringVar(&q.patient, "patient", "", "the patient's NHS `number`, traced with PDS before")
}

func (q *queryFlags) registerType(c *cobra.Command) {
	c.Flags().StringVar(&q.kind, "type", "", "SNOMED CT `code` of the pointer type, such as 736253002")
}

func (q *queryFlags) query() (nrl.Query, error) {
	var out nrl.Query
	err := errors.Join(
		parse(&out.Patient, "patient", q.patient, nhs.ParseNumber),
		parse(&out.Custodian, "custodian", q.custodian, nhs.ParseODSCode),
	)
	if q.patient == "" {
		err = errors.Join(usage("--patient is missing: the patient's NHS number"), err)
	}
	if q.kind != "" {
		out.Type = nrl.Coding{System: nrl.SystemSNOMED, Code: q.kind}
	}
	return out, err
}

func (a *app) searchCommand() *cobra.Command {
	var q queryFlags
	c := &cobra.Command{
		Use: "search --patient N [--type CODE] [--custodian ODS]", Short: "List a patient's pointers",
		Long: `List a patient's pointers.

With -o json one object is printed, {"pointers":[…],"problems":[…]}; with
-o ndjson one pointer a line, problems on standard error. An entry that is of
another patient or cannot be read is a problem, never a pointer: exit status 8.`,
		Example: "  nrl search --patient 9434765919 --type 736253002 -o json",
		Args:    noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			query, faults := q.query()
			return a.with(c.Context(), needLocator, faults, func(ctx context.Context, s *client.Session) error { return a.search(ctx, s, query) })
		},
	}
	q.registerPatient(c)
	q.registerType(c)
	c.Flags().StringVar(&q.custodian, "custodian", "", "ODS `code` of the pointer owner")
	return c
}

// collect runs a search to its end: pointers, entries that are not shown and
// other doubts about the list, and the error that ended it.
func collect(ctx context.Context, s *client.Session, q nrl.Query) (pointers []nrl.Pointer, problems []error, err error) {
	for p, err := range s.Search(ctx, q) {
		switch {
		case err == nil:
			pointers = append(pointers, p)
		case client.CodeOf(err) == client.CodeIncomplete:
			problems = append(problems, err)
		default:
			return nil, nil, err
		}
	}
	return pointers, problems, nil
}

func (a *app) search(ctx context.Context, s *client.Session, q nrl.Query) error {
	pointers, problems, err := collect(ctx, s, q)
	if err != nil {
		return err
	}
	if err := a.printPointers(pointers, problems); err != nil {
		return err
	}
	for _, p := range problems {
		a.say("%s", sentence(p))
	}
	switch {
	case len(problems) > 0:
		return fmt.Errorf("%w: the list is not complete", errIncomplete)
	case len(pointers) == 0:
		return errNoPointer
	}
	return nil
}

func (a *app) readCommand() *cobra.Command {
	return &cobra.Command{
		Use: "read POINTER-ID", Short: "Show one pointer, with the URLs of its record",
		Example: "  nrl read da2b6e8a-3c8f-11e8-baae-6c3be5a609f5-584d385036514c383142",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("read takes one pointer id")
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			return a.with(c.Context(), needLocator, nil, func(ctx context.Context, s *client.Session) error {
				p, err := s.Read(ctx, args[0], nhs.Number{})
				if err != nil {
					return err
				}
				return a.printPointer(p)
			})
		},
	}
}

func (a *app) countCommand() *cobra.Command {
	var q queryFlags
	c := &cobra.Command{
		Use: "count --patient N", Short: "Count a patient's pointers",
		Long: `Count a patient's pointers. NRL 2.5 deprecated counting; the number holds
whatever the pointers' state, so that search may show fewer.`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			query, faults := q.query()
			return a.with(c.Context(), needLocator, faults, func(ctx context.Context, s *client.Session) error { return a.count(ctx, s, query) })
		},
	}
	q.registerPatient(c)
	return c
}

func (a *app) count(ctx context.Context, s *client.Session, q nrl.Query) error {
	n, err := s.Count(ctx, q)
	if err != nil {
		return err
	}
	if a.flags.output == "table" {
		_, err = fmt.Fprintln(a.out, n)
	} else {
		err = a.printLine(map[string]int{"total": n})
	}
	if err == nil && n == 0 {
		err = errNoPointer
	}
	return err
}
