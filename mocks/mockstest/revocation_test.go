package mockstest_test

import (
	"crypto/x509"
	"errors"
	"net/url"
	"slices"
	"testing"

	"github.com/nrlgo/nrlgo/auth/revocation"
	"github.com/nrlgo/nrlgo/mocks"
	"github.com/nrlgo/nrlgo/mocks/mockstest"
	"github.com/nrlgo/nrlgo/nrl"
)

// TestClientOfAMockWithListsIsHard: a session looks the lists up, and refuses a
// server that is on one.
func TestClientOfAMockWithListsIsHard(t *testing.T) {
	t.Parallel()
	for name, revoke := range map[string]bool{"good": false, "revoked": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sp := mocks.Run(t, mocks.WithRevocationLists(0))
			sp.AddPatient(patient)
			if revoke {
				sp.Revoke(sp.ServerCertificate())
			}
			var got []error
			for _, err := range mockstest.Session(t, sp).Search(t.Context(), nrl.Query{Patient: patient}) {
				got = append(got, err)
			}
			if revoke != (len(got) == 1 && errors.Is(got[0], revocation.ErrRevoked)) || !revoke && len(got) > 0 {
				t.Errorf("got %v", got)
			}
			if err := sp.Shutdown(t.Context()); err != nil { // the handshake has ended on the far side too
				t.Fatal(err)
			}
			lists := 0
			for _, r := range sp.Requests() {
				if r.Service == mocks.Revocation {
					lists++
				}
			}
			shown := slices.ContainsFunc(sp.Report().Duties, func(d mocks.Duty) bool { return d.ID == "server-revoked" && d.Status == mocks.Shown })
			if lists == 0 || shown != revoke {
				t.Errorf("%d requests for lists, the refusal of a revoked server shown: %t", lists, shown)
			}
		})
	}
}

// TestListsSatisfyHardRevocation: what a mock publishes is what the library's
// own checker wants, by list and by responder, and it follows Revoke.
func TestListsSatisfyHardRevocation(t *testing.T) {
	t.Parallel()
	for name, ocsp := range map[string]bool{"list": false, "responder": true} {
		for _, revoked := range []string{"", "server", "sub CA"} {
			t.Run(name+" "+revoked, func(t *testing.T) {
				t.Parallel()
				sp := mocks.Run(t, mocks.WithRevocationLists(0))
				lists, err := url.Parse(sp.CRLURL())
				if err != nil {
					t.Fatal(err)
				}
				sub, root := sp.PKI().Sub.Cert, sp.PKI().Root.Cert
				switch revoked {
				case "server":
					sp.Revoke(sp.ServerCertificate())
				case "sub CA":
					sp.Revoke(sub)
				}
				checker, err := revocation.New(revocation.Config{Hosts: []string{lists.Host}, OCSPFirst: ocsp})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(checker.Close)
				result, err := checker.Check(t.Context(), []*x509.Certificate{sp.ServerCertificate(), sub, root}, nil)
				if bad := errors.Is(err, revocation.ErrRevoked); bad != (revoked != "") || !bad && err != nil {
					t.Errorf("%v, %v", result, err)
				}
				first := sp.Requests()[0]
				if asked := first.URI[:5] == "/ocsp"; asked != ocsp || first.Service != mocks.Revocation {
					t.Errorf("it asked %s", first.URI)
				}
			})
		}
	}
}
