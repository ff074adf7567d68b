package mockstest

import (
	"net/url"

	"github.com/nrlgo/nrlgo/auth/revocation"
	"github.com/nrlgo/nrlgo/mocks"
)

// checker is hard where the mock's certificates name lists, and may ask the
// mock for them.
func checker(sp *mocks.Spine) (*revocation.Checker, error) {
	if len(sp.Client().Cert.CRLDistributionPoints) == 0 {
		return revocation.Off("a mock publishes no list"), nil
	}
	lists, err := url.Parse(sp.CRLURL())
	if err != nil {
		return nil, err
	}
	return revocation.New(revocation.Config{Hosts: []string{lists.Host}})
}
