// Package mocks is a Spine for tests: the National Record Locator 2.x (FHIR
// STU3), the Spine Secure Proxy with providers behind it, and public contact
// pages, on loopback, with real mutual TLS 1.2.
//
//	sp := mocks.Run(t) // closed at the end of the test
//	sp.AddRecord(patient, mocks.Record{URL: "https://p1.nhs.uk/doc?id=1", Type: "application/pdf", Body: pdf})
//	sp.Fault(mocks.Once(mocks.Truncate(100)))
//	sp.Requests() // what arrived, header names and path as they were sent
//	sp.Report()   // which duties of a consumer that showed or violated
//
// [Start] is [Run] for programs; the command mocks/cmd/mockspine is one, for
// clients in any language. The certificates and identities that a client needs
// come from the [Spine] ([Spine.CAPEM], [Spine.ClientCertPEM], [ConsumerASID],
// …); package mockstest makes a client of this library from them. [Scenario]
// fills a mock from JSON.
//
// The mock judges each request by its own reading of the published rules. What
// Spine refuses, it refuses, with the documented answer. What Spine would let
// pass although a rule forbids it, such as a cookie, is noted:
// [Spine.Violations] holds both, and a good client leaves it empty. State is
// set directly, time by [WithClock].
//
// CONTRACT.md beside this file holds what is implemented, with the page that it
// comes from, and what is not: NRL v3, the Spine Directory Service and the
// producer's interactions among others. A mock keeps nothing between runs. Its
// keys are worthless and its pages hold identifiers in the clear: never give it
// data of real people.
package mocks
