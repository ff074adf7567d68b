package ssp_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"github.com/nrlgo/nrlgo/auth/nhs"
	"github.com/nrlgo/nrlgo/nrl"
	"github.com/nrlgo/nrlgo/ssp"
)

func ExampleChoose() {
	entries := []ssp.Entry{
		{ASID: nhs.MustParseASID("200000000240"), Host: "p1.nhs.uk"},
		{ASID: nhs.MustParseASID("200000000777"), Host: "p2.nhs.uk"},
	}
	asid, err := ssp.Choose(entries, "p2.nhs.uk")
	fmt.Println(asid.Digits(), err)
	_, err = ssp.Choose(entries, "p3.nhs.uk")
	fmt.Println(err)
	// Output:
	// 200000000777 <nil>
	// the provider's ASID is not known: the directory has no system of the organisation at the record's host
}

func ExampleStaticDirectory() {
	directory := ssp.StaticDirectory{
		nhs.MustParseODSCode("RR8"): {{ASID: nhs.MustParseASID("200000000240"), Host: "p1.nhs.uk"}},
	}
	asid, err := directory.Lookup(context.Background(), ssp.Lookup{
		Organisation: nhs.MustParseODSCode("RR8"), InteractionID: ssp.InteractionID, Host: "p1.nhs.uk",
	})
	fmt.Println(asid.Digits(), err)
	// Output: 200000000240 <nil>
}

// A pointer without a record can still have somebody to ring.
func ExampleContacts() {
	p := nrl.Pointer{Contents: []nrl.Content{
		{ContentType: "application/pdf", URL: "https://p1.nhs.uk/plan"},
		{ContentType: "text/html", URL: "https://www.trust.example/crisis-team", Format: nrl.Coding{Code: "urn:nhs-ic:record-contact"}},
	}}
	for _, c := range ssp.Contacts(p) {
		fmt.Println(c.ContentType)
	}
	// Output: text/html
}

func ExamplePublicAddress() {
	for _, text := range []string{"81.2.69.142", "::ffff:10.0.0.1"} {
		err := ssp.PublicAddress(netip.MustParseAddr(text))
		fmt.Println(err, errors.Is(err, ssp.ErrAddress))
	}
	// Output:
	// <nil> false
	// the address is not allowed: it is loopback, private, link-local, multicast or none true
}
