package main

import (
	"bytes"
	"os"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestRun is not parallel: the folder that the example uses is looked at.
func TestRun(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	t.Setenv("TMP", temp) // Windows
	var out bytes.Buffer
	if err := run(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	const refused = "  the client:   remote error: tls: bad certificate\n  the provider: the client's certificate is refused: proxy.int.spine2.ncrs.nhs.uk: "
	want := `A provider listens at ADDRESS and serves proxy.int.spine2.ncrs.nhs.uk only.

The Spine Secure Proxy
  the client:   200 OK, a record
  the provider: served proxy.int.spine2.ncrs.nhs.uk

Another system of Spine
` + refused + `name: the certificate's common name is that of another host

The proxy's name under another root
` + refused + `chain: certificate signed by unknown authority

The proxy's name, expired
` + refused + `validity: expired on DATE

The proxy's name, revoked
` + refused + `revocation: "proxy.int.spine2.ncrs.nhs.uk": revoked on DATE (unspecified), says CRL file sub.crl
`
	got := regexp.MustCompile(`127\.0\.0\.1:\d+`).ReplaceAllString(out.String(), "ADDRESS")
	got = regexp.MustCompile(`\d{4}-\d\d-\d\d( \d\d:\d\d UTC)?`).ReplaceAllString(got, "DATE")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v (%v)", left, err)
	}
}
