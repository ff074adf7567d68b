package ssp_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/nrlgo/nrlgo/auth/nhs"
	"github.com/nrlgo/nrlgo/ssp"
)

func TestChooseTakesTheSystemAtTheRecordsHost(t *testing.T) {
	t.Parallel()
	one, two := nhs.MustParseASID("200000000240"), nhs.MustParseASID("200000000777")
	for _, tt := range []struct {
		name    string
		entries []ssp.Entry
		host    string
		want    nhs.ASID // zero: ErrNoASID
	}{
		{"the one at the host", []ssp.Entry{{one, "p1.nhs.uk"}, {two, "P2.nhs.uk"}}, "p2.nhs.uk", two},
		{"never just the first", []ssp.Entry{{one, "p1.nhs.uk"}, {two, "p2.nhs.uk"}}, "p3.nhs.uk", nhs.ASID{}},
		{"nor the only one, when it is elsewhere", []ssp.Entry{{one, "p1.nhs.uk"}}, "p2.nhs.uk", nhs.ASID{}},
		{"one without a host serves any", []ssp.Entry{{one, ""}}, "p2.nhs.uk", one},
		{"but after one at the host", []ssp.Entry{{one, ""}, {two, "p2.nhs.uk"}}, "p2.nhs.uk", two},
		{"two without a host", []ssp.Entry{{one, ""}, {two, ""}}, "p2.nhs.uk", nhs.ASID{}},
		{"two at the host", []ssp.Entry{{one, "p1.nhs.uk"}, {two, "p1.nhs.uk"}, {one, ""}}, "p1.nhs.uk", nhs.ASID{}},
		{"the same twice", []ssp.Entry{{one, "p1.nhs.uk"}, {one, "p1.nhs.uk"}}, "p1.nhs.uk", one},
		{"one without an ASID", []ssp.Entry{{nhs.ASID{}, "p1.nhs.uk"}, {two, "p1.nhs.uk"}}, "p1.nhs.uk", two},
		{"no host asked for fits no host by accident", []ssp.Entry{{one, "p1.nhs.uk"}}, "", nhs.ASID{}},
		{"none", nil, "p1.nhs.uk", nhs.ASID{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := ssp.Choose(tt.entries, tt.host)
			if got != tt.want || tt.want.IsZero() != errors.Is(err, ssp.ErrNoASID) {
				t.Errorf("%v, %v", got, err)
			}
		})
	}
}

func TestDirectoriesOfOwn(t *testing.T) {
	t.Parallel()
	d := ssp.StaticDirectory{owner: {{ASID: asid, Host: "p1.nhs.uk"}}}
	for _, tt := range []struct {
		name string
		d    ssp.Directory
		q    ssp.Lookup
		want nhs.ASID
	}{
		{"the organisation's", d, ssp.Lookup{Organisation: owner, Host: "p1.nhs.uk"}, asid},
		{"another host", d, ssp.Lookup{Organisation: owner, Host: "p2.nhs.uk"}, nhs.ASID{}},
		{"another organisation", d, ssp.Lookup{Organisation: who.Organisation, Host: "p1.nhs.uk"}, nhs.ASID{}},
		{"a pointer without an author", d, ssp.Lookup{Host: "p1.nhs.uk"}, nhs.ASID{}},
		{"a single one", ssp.SingleASID(asid), ssp.Lookup{Host: "p1.nhs.uk"}, asid},
		{"a single one that is zero", ssp.SingleASID(nhs.ASID{}), ssp.Lookup{}, nhs.ASID{}},
	} {
		got, err := tt.d.Lookup(t.Context(), tt.q)
		if got != tt.want || tt.want.IsZero() != errors.Is(err, ssp.ErrNoASID) {
			t.Errorf("%s: %v, %v", tt.name, got, err)
		}
	}
}

func TestQuestionsThatMustNotBeAsked(t *testing.T) {
	t.Parallel()
	good := ssp.Lookup{Organisation: owner, InteractionID: ssp.InteractionID, Host: "p1.nhs.uk"}
	if err := good.Check(); err != nil {
		t.Error(err)
	}
	for _, tt := range []struct {
		name string
		edit func(*ssp.Lookup)
		text string
	}{
		{"no organisation", func(q *ssp.Lookup) { q.Organisation = nhs.ODSCode{} }, "no organisation"},
		{"no host", func(q *ssp.Lookup) { q.Host = "" }, "no host"},
		{"no interaction", func(q *ssp.Lookup) { q.InteractionID = "" }, "malformed"},
		{"two interactions", func(q *ssp.Lookup) { q.InteractionID += ",x" }, "malformed"},
		{"an interaction of another system", func(q *ssp.Lookup) { q.InteractionID = "x|y" }, "malformed"},
		{"any interaction", func(q *ssp.Lookup) { q.InteractionID = "*" }, "malformed"},
		{"a filter", func(q *ssp.Lookup) { q.InteractionID = "x)(objectClass=nhsAS" }, "malformed"},
		{"a letter outside ASCII", func(q *ssp.Lookup) { q.InteractionID = "\u00e4" }, "malformed"},
	} {
		q := good
		tt.edit(&q)
		if err := q.Check(); !errors.Is(err, ssp.ErrNoASID) || !strings.Contains(err.Error(), tt.text) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	for _, code := range []string{"*", ")(", "A*", "A)(x=*", "A,B", "a1", ""} { // no such code can be made
		if c, err := nhs.ParseODSCode(code); err == nil || !c.IsZero() {
			t.Errorf("%q is an ODS code", code)
		}
	}
}

func TestPublicAddress(t *testing.T) {
	t.Parallel()
	for _, public := range []string{
		"81.2.69.142", "172.15.255.255", "172.32.0.1", "100.63.255.255", "100.128.0.1", "223.255.255.255", "::ffff:81.2.69.142",
		"2a00:1450:4009::1", "2001:200::1", "64:ff9b::5102:458e", "2002:5102:458e::1",
	} {
		if err := ssp.PublicAddress(netip.MustParseAddr(public)); err != nil {
			t.Errorf("%s: %v", public, err)
		}
	}
	for _, not := range []string{
		"127.0.0.1", "127.255.255.255", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.0.1", "169.254.169.254", "0.0.0.0", "0.1.2.3",
		"100.64.0.1", "100.127.255.255", "192.0.0.8", "192.0.2.1", "192.88.99.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1",
		"224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
		"::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "fe80::1", "fe80::1%eth0", "fc00::1", "fdff::1", "ff02::1", "fec0::1",
		"64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b:1::1", "2002:7f00:1::1", "2002:c0a8:1::1", "2001::1", "2001:db8::1", "3fff::1", "5f00::1", "100::1",
	} {
		if err := ssp.PublicAddress(netip.MustParseAddr(not)); !errors.Is(err, ssp.ErrAddress) {
			t.Errorf("%s: %v", not, err)
		}
	}
	if err := ssp.PublicAddress(netip.Addr{}); !errors.Is(err, ssp.ErrAddress) {
		t.Errorf("no address: %v", err)
	}
}
