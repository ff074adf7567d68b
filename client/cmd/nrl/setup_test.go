package main

import (
	"bytes"
	"context"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/nrlgo/nrlgo/mocks"
)

func TestMain(m *testing.M) { testscript.Main(m, map[string]func(){"nrl": main}) }

// settings are the variables by which the command reaches a Spine whose
// certificate files are in dir.
func settings(nrlURL, sspURL, dir string) map[string]string {
	return map[string]string{
		"NRL_NRL_URL": nrlURL, "NRL_SSP_URL": sspURL, "NRL_SPINE_ASID": mocks.SpineASID, "NRL_TO_ASID": mocks.ProviderASID,
		"NRL_CERT": filepath.Join(dir, "client.pem"), "NRL_KEY": filepath.Join(dir, "client.key"), "NRL_CA": filepath.Join(dir, "ca.pem"),
		"NRL_ODS": mocks.ConsumerODS, "NRL_ASID": mocks.ConsumerASID, "NRL_USER": "4387293874928",
		"NRL_AUDIT": filepath.Join(dir, "trail.jsonl"), "NRL_REVOCATION": "off", "NRL_ENGINE": "go",
	}
}

// result is what a run of the command came to.
type result struct {
	status      int
	out, errout string
}

// runWith runs the command in this process, with these variables and no others.
func runWith(ctx context.Context, env map[string]string, args ...string) result {
	var out, errout bytes.Buffer
	status := run(ctx, args, &out, &errout, func(name string) (string, bool) {
		v, ok := env[name]
		return v, ok
	})
	return result{status, out.String(), errout.String()}
}
