// Package client is the consumer's door to the National Record Locator: one
// [New] sets up certificate, trust, connection pool and audit trail, and the
// [Client] then finds a patient's pointers and reads the records behind them.
//
//	c, err := client.New(client.Config{Environment: client.IntegrationInternet, …})
//	defer c.Close()
//	s := c.As(auth.Requester{Organisation: ods, ASID: asid, User: auth.Professional(role)})
//	for p, err := range s.Search(ctx, nrl.Query{Patient: number}) { … }
//	rec, err := s.Retrieve(ctx, p, ssp.PDF)
//
// One Client serves thousands of organisations and users: [Client.As] is
// cheap, and without it no call exists, because Spine serves nobody whose
// organisation, ASID and user are not named.
//
// Errors are [*Error] values; branch on [CodeOf]. Their text holds no URL,
// body, token or patient's number.
//
// The package caches no pointer and no record. It does not trace NHS numbers
// (PDS), does not authenticate users or apply RBAC, and draws no clinical
// conclusion: these stay with the embedding system.
//
// Exported names stay compatible within a major version; new fields, codes
// and methods may be added.
package client
