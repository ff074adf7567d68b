package nhs_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/nrlgo/nrlgo/auth/nhs"
)

func ExampleParseNumber() {
	n, err := nhs.ParseNumber("943 476 5919")
	fmt.Println(n, err)
	fmt.Println(n.Digits())

	_, err = nhs.ParseNumber("943 476 5918")
	fmt.Println(err, errors.Is(err, nhs.ErrInvalid))
	// Output:
	// NHS number (hidden) <nil>
	// 9434765919
	// nhs: NHS number: the check digit does not match: invalid identifier true
}

func ExampleParseASID() {
	a, err := nhs.ParseASID("200000000117")
	fmt.Printf("%+v %v %s\n", a, err, a.Digits())
	// Output: ASID (hidden) <nil> 200000000117
}

func ExampleParseODSCode() {
	o, err := nhs.ParseODSCode("RXQ72")
	fmt.Println(o, err, o.Code())

	_, err = nhs.ParseODSCode("rxq72")
	fmt.Println(err)
	// Output:
	// ODS code (hidden) <nil> RXQ72
	// nhs: ODS code: want capital letters and digits only: invalid identifier
}

func ExampleParseRoleProfileID() {
	r, err := nhs.ParseRoleProfileID("555254242106")
	fmt.Printf("%#v %v %s\n", r, err, r.Digits())
	// Output: role profile id (hidden) <nil> 555254242106
}

// Identifiers stay hidden inside the structs of a program.
func ExampleNumber() {
	type visit struct {
		Patient nhs.Number
		Ward    string
	}
	v := visit{nhs.MustParseNumber("9434765919"), "7B"}
	fmt.Printf("%+v\n", v)
	_ = json.NewEncoder(os.Stdout).Encode(v)
	fmt.Println(v.Patient == nhs.MustParseNumber("943 476 5919"))
	// Output:
	// {Patient:NHS number (hidden) Ward:7B}
	// {"Patient":"NHS number (hidden)","Ward":"7B"}
	// true
}

func ExampleNumber_IsZero() {
	var n nhs.Number
	fmt.Println(n.IsZero(), n)
	// Output: true NHS number (absent)
}
