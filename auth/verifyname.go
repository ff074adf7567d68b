package auth

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"net"
	"slices"
	"strings"
)

// Identifiers of RFC 5280.
var (
	oidCommonName  = asn1.ObjectIdentifier{2, 5, 4, 3}
	oidSAN         = asn1.ObjectIdentifier{2, 5, 29, 17}
	oidConstraints = asn1.ObjectIdentifier{2, 5, 29, 30}
)

func has(c *x509.Certificate, extension asn1.ObjectIdentifier) bool {
	return slices.ContainsFunc(c.Extensions, func(e pkix.Extension) bool { return e.Id.Equal(extension) })
}

// name verifies the host and says whether the common name was taken.
func (v *verification) name(leaf *x509.Certificate, path []*x509.Certificate) (byCN bool, err error) {
	host, ok := hostName(strings.TrimSuffix(v.host, "."))
	if has(leaf, oidSAN) {
		named := leaf.VerifyHostname(v.host) == nil
		if v.role.client { // a wildcard is not the FQDN of one system
			named = ok && slices.ContainsFunc(leaf.DNSNames, func(n string) bool {
				n, ok := hostName(n)
				return ok && n == host
			})
		}
		if !named {
			return false, v.refuse(StageName, "the certificate is for "+names(leaf), nil)
		}
		return false, nil
	}
	if !ok || !v.trust.cnHosts[host] {
		return false, v.refuse(StageName, "the certificate has no subjectAltName, and the host is not listed as one whose common name counts", nil)
	}
	for _, ca := range path[1:] {
		if has(ca, oidConstraints) {
			return false, v.refuse(StageName, "a common name cannot be judged by the name constraints of "+name(ca), nil)
		}
	}
	if cn, ok := commonName(leaf); !ok || cn != host {
		return false, v.refuse(StageName, "the certificate's common name is that of another host", nil)
	}
	return true, nil
}

// names are what a certificate is for, at most three.
func names(c *x509.Certificate) string {
	all := slices.Clone(c.DNSNames)
	for _, ip := range c.IPAddresses {
		all = append(all, ip.String())
	}
	if len(all) == 0 {
		return "no host"
	}
	all = all[:min(len(all), 3)]
	for i, n := range all {
		all[i] = printable(n, 80)
	}
	return strings.Join(all, ", ")
}

// commonName is the one common name of a subject, in lower case, if it is a
// host name; a second one beside it counts against it.
func commonName(c *x509.Certificate) (string, bool) {
	found := 0
	for _, n := range c.Subject.Names {
		if n.Type.Equal(oidCommonName) {
			found++
		}
	}
	cn, ok := hostName(c.Subject.CommonName)
	return cn, ok && found == 1
}

// hostName is a host name in lower case; false for what is none, such as an
// address, a wildcard or text outside ASCII, where folding of cases would make
// different names equal.
func hostName(s string) (string, bool) {
	if s == "" || net.ParseIP(s) != nil {
		return "", false
	}
	for i := range len(s) {
		switch b := s[i]; {
		case 'a' <= b && b <= 'z', 'A' <= b && b <= 'Z', '0' <= b && b <= '9', b == '-', b == '_', b == '.':
		default:
			return "", false
		}
	}
	return strings.ToLower(s), true
}
