package mockstest_test

import (
	"crypto/x509"
	"errors"
	"net/url"
	"testing"

	"github.com/nrlgo/nrlgo/auth/revocation"
	"github.com/nrlgo/nrlgo/mocks"
)

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
