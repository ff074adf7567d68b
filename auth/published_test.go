package auth_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nrlgo/nrlgo/auth"
)

// TestPublishedCAs compares the facts with the bundles that they were taken
// from.
func TestPublishedCAs(t *testing.T) {
	t.Parallel()
	dir := os.Getenv("NRL_FIXTURES")
	if dir == "" {
		t.Skip("NRL_FIXTURES is not set: the published CA bundles are not part of the project")
	}
	type fact struct {
		Name, Generation, Environments string
		Root                           bool
	}
	g2 := func(name, environments string, root bool) fact { return fact{name, "G2", environments, root} }
	g1 := func(name, environments string, root bool) fact { return fact{name, "G1", environments, root} }
	for _, tt := range []struct {
		file         string
		environments []string
		want         []fact
	}{
		{"nhs-live-ca-bundle.pem", []string{"live"}, []fact{
			g2("NHS Root Authority G2", "[live]", true), g1("NHS Root Authority", "[live]", true),
			g2("NHS Authentication G2", "[live]", false), g1("NHS Level 1C", "[live]", false),
		}},
		{"nhs-int-ca-bundle.pem", []string{"INT", "DEP"}, []fact{
			g2("NHS PTL Root Authority G2", "[INT DEP]", true), g1("NHS PTL Root Authority", "[INT DEP]", true),
			g2("NHS INT Authentication G2", "[INT DEP]", false), g1("NHS INT Level 1C", "[INT]", false),
		}},
		{"nhs-dep-ca-bundle.pem", []string{"INT", "DEP"}, []fact{
			g2("NHS PTL Root Authority G2", "[INT DEP]", true), g1("NHS PTL Root Authority", "[INT DEP]", true),
			g2("NHS INT Authentication G2", "[INT DEP]", false), g1("NHS DEP Level 1C", "[DEP]", false),
		}},
	} {
		trust := must[*auth.Trust](t)(auth.LoadTrust(filepath.Join(dir, "pki", tt.file)))
		if diff := cmp.Diff(tt.environments, trust.Environments()); diff != "" {
			t.Errorf("%s: environments -want +got\n%s", tt.file, diff)
		}
		var got []fact
		for i, c := range append(trust.Anchors(), trust.SubCAs()...) {
			p, ok := auth.Published(c)
			if !ok || p.Name != c.Subject.CommonName || !p.Expires.Equal(c.NotAfter) || p.Root != (i < len(trust.Anchors())) {
				t.Errorf("%s: %s until %v is known as %+v", tt.file, c.Subject, c.NotAfter, p)
			}
			if g1 := c.NotBefore.Before(time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)); g1 != (p.Generation == "G1") {
				t.Errorf("%s: %s is of %s", tt.file, c.Subject, p.Generation)
			}
			got = append(got, fact{p.Name, p.Generation, fmt.Sprint(p.Environments), p.Root})
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: -want +got\n%s", tt.file, diff)
		}
	}
}

func TestAnUnpublishedCAHasNoEnvironment(t *testing.T) {
	t.Parallel()
	k := assets(t)
	if p, ok := auth.Published(k.pki.Root.Cert); ok {
		t.Errorf("a PKI of the test's own is known as %+v", p)
	}
	if got := k.trust.Environments(); len(got) != 0 {
		t.Errorf("its environments are %v", got)
	}
}
