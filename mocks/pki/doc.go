// Package pki makes throw-away certificates shaped like those of Spine, for
// tests: a self-signed root, a sub CA below it, and leaves of O=nhs,
// OU=Devices.
//
//	p, err := pki.New(pki.Options{})
//	server, err := p.Server("localhost", "127.0.0.1")
//	client, err := p.Client("nrl-a1.supplier.thirdparty.nhs.uk")
//	config := &tls.Config{Certificates: []tls.Certificate{server.TLS()}}
//
// Certificates that must be refused come from [PKI.Issue] and [CA.Issue] with
// an edit of the template and, where the key matters, a [KeyOption]:
//
//	expired, err := p.Issue("localhost", func(c *x509.Certificate) { c.NotAfter = yesterday })
//	weak, err := p.Issue("localhost", nil, pki.RSA(1024))
//
// RSA keys are made once in a process and shared, so that a new PKI costs
// signatures only. Two PKIs of one [Options.KeySet] therefore trust each
// other's certificates; give one another KeySet where they must not.
//
// The keys are worthless by design: nothing here may guard real data. The
// package knows nothing of the code that it helps to test.
package pki
