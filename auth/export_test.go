package auth

import (
	"cmp"
	"context"
	"crypto/x509"
)

// VerifyUnnamed is Verify without the rule about names.
func (t *Trust) VerifyUnnamed(ctx context.Context, chain []*x509.Certificate) (Peer, error) {
	v := t.verification("nobody", asServer)
	paths, err := v.paths(chain)
	if err != nil {
		return Peer{}, err
	}
	var first error
	for _, p := range paths {
		how, err := v.revocation(ctx, p, nil)
		if err == nil {
			return v.peer(p, false, how), nil
		}
		first = cmp.Or(first, err)
	}
	return Peer{}, first
}
