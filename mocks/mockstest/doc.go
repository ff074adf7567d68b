// Package mockstest helps to test systems that embed the library. It gives a
// ready client for a mock Spine, which speaks the protocol:
//
//	sp := mocks.Run(t)
//	sp.AddRecord(patient, mocks.Record{URL: "https://p1.nhs.uk/doc", Type: "application/pdf", Body: pdf})
//	s := mockstest.Session(t, sp)
//
// and a [Fake], which speaks none, for unit tests of code that takes a
// [Consumer]:
//
//	f := mockstest.NewFake(t)
//	f.Add(mockstest.Pointer(t, mocks.Pointer{Patient: patient, Contents: …}))
//	f.Serve("https://p1.nhs.uk/doc", "application/pdf", pdf)
//	f.Fail(spine.OpSearch, mockstest.NewError(spine.OpSearch, client.CodeUnavailable, nil))
//
// It stands apart from package mocks so that the mock imports nothing of what
// it judges.
package mockstest
