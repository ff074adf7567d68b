package ssp_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nrlgo/nrlgo/auth/nhs"
	"github.com/nrlgo/nrlgo/ssp"
)

func TestJoin(t *testing.T) {
	t.Parallel()
	one, two := nhs.MustParseASID("200000000240"), nhs.MustParseASID("200000000777")
	for _, tt := range []struct {
		name      string
		systems   []ssp.System
		endpoints []ssp.Endpoint
		want      []ssp.Entry
	}{
		{
			"by party key",
			[]ssp.System{{one, "A-1"}, {two, "B-2"}},
			[]ssp.Endpoint{{"B-2", "P2.nhs.uk", ""}, {"A-1", "p1.nhs.uk", ""}},
			[]ssp.Entry{{one, "p1.nhs.uk"}, {two, "p2.nhs.uk"}},
		},
		{
			"several systems and endpoints of a party",
			[]ssp.System{{one, "A-1"}, {two, "A-1"}},
			[]ssp.Endpoint{{"A-1", "p1.nhs.uk", ""}, {"A-1", "p2.nhs.uk", ""}},
			[]ssp.Entry{{one, "p1.nhs.uk"}, {one, "p2.nhs.uk"}, {two, "p1.nhs.uk"}, {two, "p2.nhs.uk"}},
		},
		{"the host of the address", []ssp.System{{one, "A-1"}}, []ssp.Endpoint{{"A-1", "", "https://P1.nhs.uk:8443/a"}}, []ssp.Entry{{one, "p1.nhs.uk"}}},
		{"the FQDN before it", []ssp.System{{one, "A-1"}}, []ssp.Endpoint{{"A-1", "p2.nhs.uk", "https://p1.nhs.uk/a"}}, []ssp.Entry{{one, "p2.nhs.uk"}}},
		{"never for any host", []ssp.System{{one, "A-1"}}, []ssp.Endpoint{{"A-1", "", ""}, {"A-1", "p1 nhs", ""}, {"A-1", "", "urn:x"}}, nil},
		{"no system without endpoint", []ssp.System{{one, "A-1"}}, []ssp.Endpoint{{"B-2", "p1.nhs.uk", ""}}, nil},
		{"not by a party key that is missing", []ssp.System{{one, ""}}, []ssp.Endpoint{{"", "p1.nhs.uk", ""}}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, ssp.Join(tt.systems, tt.endpoints)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}
