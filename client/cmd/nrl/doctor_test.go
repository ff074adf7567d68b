package main

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// The published bundles tell their environment.
func TestDoctorKnowsPublishedAuthorities(t *testing.T) {
	t.Parallel()
	fixtures := os.Getenv("NRL_FIXTURES")
	if fixtures == "" {
		t.Skip("NRL_FIXTURES is not set: the published CA bundles are not part of the project")
	}
	for name, want := range map[string][]string{
		"int":  {`ok    CA +the roots are those of INT and DEP`, `note  root +"NHS PTL Root Authority", .*old generation G1`},
		"live": {`ok    CA +the roots are those of live`, `ok    root +"NHS Root Authority G2"`, `note  root +"NHS Root Authority", .*expired`},
	} {
		r := runWith(t.Context(), map[string]string{"NRL_CA": filepath.Join(fixtures, "pki", "nhs-"+name+"-ca-bundle.pem")}, "doctor")
		for _, w := range want {
			if !regexp.MustCompile("(?m)^" + w).MatchString(r.out) {
				t.Errorf("%s: no match for %s in\n%s", name, w, r.out)
			}
		}
	}
}
