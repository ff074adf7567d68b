package revocation_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/nrlgo/nrlgo/auth/revocation"
	"github.com/nrlgo/nrlgo/mocks/pki"
)

// A chain whose lists are files: no network is needed.
func Example() {
	ca, err := pki.New(pki.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	good, err1 := ca.Server("good.nhs.uk")
	stolen, err2 := ca.Server("stolen.nhs.uk")
	subs, err3 := ca.Root.CRL(time.Now().AddDate(0, 6, 0), nil)
	leaves, err4 := ca.Sub.CRL(time.Now().AddDate(0, 0, 7), nil, stolen.Cert)
	folder, err5 := os.MkdirTemp("", "lists")
	if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(folder) }()
	for name, der := range map[string][]byte{"root.crl": subs, "sub.crl": leaves} {
		if err := os.WriteFile(filepath.Join(folder, name), der, 0o600); err != nil {
			fmt.Println(err)
			return
		}
	}

	k, err := revocation.New(revocation.Config{Lists: []string{folder}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer k.Close()
	for _, leaf := range []*x509.Certificate{good.Cert, stolen.Cert} {
		chain := []*x509.Certificate{leaf, ca.Sub.Cert, ca.Root.Cert} // as verified
		result, err := k.Check(context.Background(), chain, nil)
		if errors.Is(err, revocation.ErrRevoked) {
			fmt.Println(leaf.Subject.CommonName, "is revoked")
			continue
		}
		for _, c := range result.Certs {
			fmt.Println(c.Cert, "is good, says", c.Source)
		}
	}
	// Output:
	// good.nhs.uk is good, says sub.crl
	// NHS Test Authentication is good, says root.crl
	// stolen.nhs.uk is revoked
}
