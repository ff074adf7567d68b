package enginetest

import (
	"crypto/tls"
	"crypto/x509"

	"github.com/nrlgo/nrlgo/auth"
	"github.com/nrlgo/nrlgo/mocks/pki"
)

// constraints are about what a CA may issue.
func constraints() []row {
	length := func(n int) edit {
		return func(c *x509.Certificate) { c.MaxPathLen, c.MaxPathLenZero = n, n == 0 }
	}
	signing := keyUsage(x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign)
	return []row{
		{name: "a CA below the sub CA, as its path length 1 allows", chain: deep(1)},
		{name: "two CAs below the sub CA of path length 1", chain: deep(2), want: refused(auth.StageChain, "too many intermediates")},
		{name: "sub CA of path length 0, nothing below", chain: under(length(0))},
		{
			name: "a CA below a sub CA of path length 0", want: refused(auth.StageChain, "too many intermediates"),
			chain: func(m *maker) tls.Certificate {
				return m.issue(must[*pki.CA](m.tb)(m.sub(length(0)).IssueCA("Deeper", nil, pki.Named("deeper"))), nil)
			},
		},
		{
			name: "sub CA without the right to sign certificates", want: refused(auth.StageChain, "unknown authority"),
			chain: under(keyUsage(x509.KeyUsageCRLSign)),
		},
		{name: "an end entity as issuer", chain: below(nil), want: refused(auth.StageChain, "unknown authority")},
		{name: "an end entity as issuer, with the right to sign certificates", chain: below(signing), want: refused(auth.StageChain, "unknown authority")},
		{name: "a critical extension that nobody knows", chain: leaf(critical), want: refused(auth.StageChain, "unhandled critical extension")},
		{name: "sub CA with a critical extension that nobody knows", chain: under(critical), want: refused(auth.StageChain, "unhandled critical extension")},
	}
}

// usages are about what keys are for.
func usages() []row {
	const server, client, code, whatever = x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageCodeSigning, x509.ExtKeyUsageAny
	return []row{
		{name: "for servers only", chain: leaf(extended(server)), want: asClient(auth.StageUsage, "incompatible key usage")},
		{name: "for clients only", chain: leaf(extended(client)), want: asServer(auth.StageUsage, "incompatible key usage")},
		{name: "for code signing", chain: leaf(extended(code)), want: refused(auth.StageUsage, "incompatible key usage")},
		{name: "for any use", chain: leaf(extended(whatever))},
		{name: "without extended key usage, which limits nothing", chain: leaf(extended())},
		{name: "sub CA for servers only", chain: under(extended(server)), want: asClient(auth.StageUsage, "incompatible key usage")},
		{name: "sub CA for clients only", chain: under(extended(client)), want: asServer(auth.StageUsage, "incompatible key usage")},
		{name: "sub CA for servers and clients", chain: under(extended(server, client))},
		{name: "a key not for signatures", chain: leaf(keyUsage(x509.KeyUsageKeyEncipherment)), want: refused(auth.StageUsage, "not for signatures")},
		{name: "without key usage, which limits nothing", chain: leaf(keyUsage(0))},
	}
}

func policies() []row {
	spine, _ := x509.ParseOID(pki.PolicyOID)
	other, _ := x509.ParseOID("1.2.3.4")
	asking := func(oids ...x509.OID) makeTrust {
		return func(m *maker) *auth.Trust { return usual(m).WithPolicies(oids...) }
	}
	none := func(c *x509.Certificate) { c.Policies = nil }
	return []row{
		{name: "the policy that is asked for", chain: leaf(nil), trust: asking(spine)},
		{name: "one of the policies that are asked for", chain: leaf(nil), trust: asking(other, spine)},
		{name: "another policy than is asked for", chain: leaf(nil), trust: asking(other), want: refused(auth.StagePolicy, "none of the certificate policies")},
		{name: "no policy where one is asked for", chain: leaf(none), trust: asking(spine), want: refused(auth.StagePolicy, "none of the certificate policies")},
		{name: "no policy where none is asked for", chain: leaf(none)},
	}
}

func names() []row {
	san := func(hosts ...string) makeChain { return leaf(pki.Hosts(hosts...)) }
	permitted := func(domain string) edit {
		return func(c *x509.Certificate) {
			c.PermittedDNSDomains, c.PermittedDNSDomainsCritical = []string{domain}, true
		}
	}
	excluded := func(c *x509.Certificate) {
		c.ExcludedDNSDomains, c.PermittedDNSDomainsCritical = []string{"nhs.uk"}, true
	}
	mail := func(c *x509.Certificate) { c.DNSNames, c.EmailAddresses = nil, []string{"a@nhs.uk"} }
	return []row{
		{name: "another host", chain: san("other.nhs.uk"), want: refused(auth.StageName, "is for other.nhs.uk")},
		{name: "the second of two names", chain: san("other.nhs.uk", fqdn)},
		{name: "a name in another case", chain: san("PROXY.int.spine2.ncrs.NHS.uk")},
		{name: "a wildcard, which is no system's FQDN", chain: san("*.int.spine2.ncrs.nhs.uk"), want: asClient(auth.StageName, "is for *.int.spine2.ncrs.nhs.uk")},
		{name: "a wildcard for more than a label", chain: san("*.spine2.ncrs.nhs.uk"), want: refused(auth.StageName, "is for *.spine2.ncrs.nhs.uk")},
		{name: "a name above", chain: san("spine2.ncrs.nhs.uk"), want: refused(auth.StageName, "is for spine2.ncrs.nhs.uk")},
		{name: "a name below", chain: san("a." + fqdn), want: refused(auth.StageName, "is for a."+fqdn)},
		{name: "an address", chain: san("127.0.0.1"), want: refused(auth.StageName, "is for 127.0.0.1")},
		{name: "the common name of a listed host", chain: leaf(common(fqdn)), trust: listed},
		{name: "the common name of a host that is not listed", chain: leaf(common(fqdn)), want: refused(auth.StageName, "no subjectAltName")},
		{name: "the common name of another host", chain: leaf(common("other.nhs.uk")), trust: listed, want: refused(auth.StageName, "that of another host")},
		{name: "two common names", chain: leaf(common("other.nhs.uk", fqdn)), trust: listed, want: refused(auth.StageName, "that of another host")},
		{name: "a wildcard as common name", chain: leaf(common("*.int.spine2.ncrs.nhs.uk")), trust: listed, want: refused(auth.StageName, "that of another host")},
		{name: "the common name beside a subjectAltName of another", chain: san("other.nhs.uk"), trust: listed, want: refused(auth.StageName, "is for other.nhs.uk")},
		{name: "the common name beside a mail address", chain: leaf(mail), trust: listed, want: refused(auth.StageName, "is for no host")},
		{name: "sub CA constrained to names of the NHS", chain: under(permitted("nhs.uk"))},
		{name: "sub CA constrained to other names", chain: under(permitted("example.org")), want: refused(auth.StageName, "not permitted")},
		{name: "sub CA with names of the NHS excluded", chain: under(excluded), want: refused(auth.StageName, "excluded")},
		{
			name: "a common name below a CA with name constraints", trust: listed, want: refused(auth.StageName, "cannot be judged by the name constraints"),
			chain: underBoth(permitted("nhs.uk"), common(fqdn)),
		},
	}
}
