// Package enginetest has the tests that every TLS engine must pass in the same
// way: what it accepts and refuses is decided in one place, and no engine may
// get around it.
//
//	func TestChains(t *testing.T) { enginetest.Chains(t, auth.NewGoEngine) }
package enginetest
