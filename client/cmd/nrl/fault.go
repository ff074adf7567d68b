package main

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/nrlgo/nrlgo/client"
)

// fault is an error of the command line or its files, with its exit status.
type fault struct {
	status int
	err    error
}

func (f *fault) Error() string { return f.err.Error() }
func (f *fault) Unwrap() error { return f.err }

// usage is a fault of the command line: it names the flag and never its
// value, because a patient's number may stand in the wrong place.
func usage(format string, args ...any) error { return &fault{statusUsage, fmt.Errorf(format, args...)} }

// worded is an error in the words of the command line.
type worded struct {
	text string
	err  error
}

func (w *worded) Error() string { return w.text }
func (w *worded) Unwrap() error { return w.err }

// split takes joined errors apart, so that each is a line of its own.
func split(err error) []error {
	if err == nil {
		return nil
	}
	several, ok := err.(interface{ Unwrap() []error })
	if !ok || errors.Join(several.Unwrap()...).Error() != err.Error() {
		return []error{err}
	}
	var all []error
	for _, e := range several.Unwrap() {
		all = append(all, split(e)...)
	}
	return all
}

// flagNames are the fields of client.Config that its errors name.
var flagNames = strings.NewReplacer(
	"Environment", "--env", "NRLURL", "--nrl-url", "SSPURL", "--ssp-url", "SpineASID", "--spine-asid", "Trust:", "--ca:",
	"Engine: the zero value requires", "--engine openssl requires", "client.EngineGo", "--engine go",
)

// inFlags gives the faults that client.New found, each with its flag.
func inFlags(err error) error {
	var all []error
	for _, e := range split(err) {
		if several, ok := e.(interface{ Unwrap() []error }); ok {
			if parts := several.Unwrap(); len(parts) == 2 && parts[0] == client.ErrConfig { //nolint:errorlint // the sentinel itself
				all = append(all, inFlags(parts[1]))
				continue
			}
		}
		status := statusUsage
		if certificateDecision(e) {
			status = statusCertificate
		}
		all = append(all, &fault{status, &worded{flagNames.Replace(e.Error()), e}})
	}
	return errors.Join(all...)
}

// prefixes are the package names that errors begin with, which help nobody at
// a terminal.
var prefixes = regexp.MustCompile(`(^|: )(?:nrlgo|auth|nhs|ssp|spine|audit|client|revocation): `)

// sentence is an error as one line for people.
func sentence(err error) string {
	text := strings.ReplaceAll(err.Error(), "\n", "; ")
	for {
		bare := prefixes.ReplaceAllString(text, "$1")
		if bare == text {
			return text
		}
		text = bare
	}
}

// report says on standard error what went wrong, each fault on a line, and
// what to do about the last of them.
func (a *app) report(err error) {
	if err == nil || errors.Is(err, errSaid) {
		return
	}
	var hint string
	for _, e := range split(err) {
		a.say("%s", sentence(e))
		if h := advice(e); h != "" {
			hint = h
		}
	}
	if hint != "" {
		a.say("hint: %s", hint)
	}
}

// say writes a line to standard error.
func (a *app) say(format string, args ...any) {
	_, _ = fmt.Fprintf(a.err, "nrl: "+format+"\n", args...) // there is nowhere else to say it
}
