package pki_test

import (
	"crypto/x509"
	"fmt"
	"time"

	"github.com/nrlgo/nrlgo/mocks/pki"
)

func ExampleNew() {
	p, err := pki.New(pki.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	expired, err := p.Issue("localhost", func(c *x509.Certificate) {
		c.NotAfter = time.Now().Add(-time.Minute)
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(expired.Cert.Subject, "issued by", expired.Cert.Issuer.CommonName)
	// Output: CN=localhost,OU=Devices,O=nhs issued by NHS Test Authentication
}
