package main

import (
	"context"
	"errors"

	"github.com/nrlgo/nrlgo/auth"
	"github.com/nrlgo/nrlgo/auth/nhs"
	"github.com/nrlgo/nrlgo/client"
	"github.com/nrlgo/nrlgo/client/audit"
)

// requester is who asks, as the flags say.
func (o *options) requester() (auth.Requester, error) {
	var r auth.Requester
	err := errors.Join(
		parse(&r.Organisation, "ods", o.ods, nhs.ParseODSCode),
		parse(&r.ASID, "asid", o.asid, nhs.ParseASID),
		parse(&r.User.RoleProfile, "user", o.user, nhs.ParseRoleProfileID),
		parse(&r.User.Citizen, "citizen", o.citizen, nhs.ParseNumber),
		parse(&r.User.Delegate, "delegate", o.delegate, nhs.ParseNumber),
	)
	for _, missing := range []struct {
		is    bool
		fault string
	}{
		{o.ods == "", "--ods is missing: the ODS code of the requesting organisation"},
		{o.asid == "", "--asid is missing: the own ASID for that organisation"},
		{o.user == "" && o.citizen == "", "--user is missing (or --citizen): Spine serves nobody who is not named"},
		{o.user != "" && o.citizen != "", "--user and --citizen: want one of them"},
		{o.delegate != "" && o.citizen == "", "--delegate goes with --citizen"},
	} {
		if missing.is {
			err = errors.Join(err, usage("%s", missing.fault))
		}
	}
	if err == nil {
		err = r.Check()
	}
	return r, err
}

// with opens a session for call, and counts a fault at closing as one of it.
// Faults of the command's own flags are reported beside those of the common ones.
func (a *app) with(ctx context.Context, n need, faults error, call func(context.Context, *client.Session) error) error {
	s, closeAll, err := a.session(n, faults)
	if err != nil {
		return err
	}
	return errors.Join(call(ctx, s), closeAll())
}

// session opens everything that a call needs. closeAll must be called.
func (a *app) session(n need, faults error) (s *client.Session, closeAll func() error, err error) {
	r, rerr := a.flags.requester()
	c, err := a.config(n)
	if a.flags.audit == "" {
		err = errors.Join(err, usage("--audit is missing: the audit trail must be kept"))
	}
	if err = errors.Join(faults, rerr, err); err != nil {
		return nil, nil, err
	}
	trail, err := audit.OpenFile(a.flags.audit)
	if err != nil {
		return nil, nil, usage("--audit: the file cannot be used: %w", pathless(err))
	}
	c.Audit = trail
	cl, err := client.New(c)
	if err != nil {
		return nil, nil, errors.Join(inFlags(err), trail.Close())
	}
	if a.flags.engine == "auto" {
		a.say("TLS engine: %s", cl.Engine())
	}
	return cl.As(r), func() error { return errors.Join(cl.Close(), trail.Close()) }, nil
}

// checkOutput refuses an unknown form before anything is done.
func (o *options) checkOutput() error {
	switch o.output {
	case "table", "json", "ndjson":
		return nil
	}
	return usage("--output: want table, json or ndjson")
}
