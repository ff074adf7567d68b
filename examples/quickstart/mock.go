package main

import (
	_ "embed"

	"github.com/nrlgo/nrlgo/auth/nhs"
	"github.com/nrlgo/nrlgo/mocks"
)

// plan is a page of PDF.
//
//go:embed plan.pdf
var plan []byte

// mockSpine starts a Spine on loopback that knows one patient with two plans.
func mockSpine() (*mocks.Spine, nhs.Number, error) {
	patient := nhs.MustParseNumber("9462205957") // a published test patient
	sp, err := mocks.Start()
	if err != nil {
		return nil, nhs.Number{}, err
	}
	sp.AddRecord(patient, mocks.Record{URL: "https://p1.nhs.uk/MentalHealthCrisisPlans/da2b6e8a", Body: plan, Describe: true})
	other := mocks.Record{URL: "https://p2.nhs.uk/plans/77", Body: plan}
	sp.Serve(other)
	sp.AddPointer(mocks.Pointer{
		Patient: patient, Author: "RGD", Type: mocks.Coding{Code: "887701000000100", Display: "Emergency health care plan"},
		Contents: []mocks.Content{{URL: other.URL}},
	})
	return sp, patient, nil
}
