package pki

import (
	"cmp"
	"crypto/x509"
	"net"
	"time"
)

// Options are the settings of a PKI; the zero value is ready to use.
type Options struct {
	// Name begins the common names of the CAs; zero means "NHS Test", which
	// gives "NHS Test Root Authority" and "NHS Test Authentication".
	Name string
	// KeySet names the shared keys. PKIs of different key sets are unrelated,
	// also when their names are equal.
	KeySet string
	// Root and Sub say where the lists of the root and of the sub CA are
	// published; what they issue names them. Zero names none.
	Root, Sub Published
	// Now is the clock that validity periods start from; nil means time.Now.
	Now func() time.Time
}

// Published is where a CA says what it has revoked.
type Published struct {
	// CRL is the URL of its list; zero leaves it out.
	CRL string
	// OCSP is the URL of its responder; zero leaves it out.
	OCSP string
}

// in is what a certificate says of it.
func (p Published) in(c *x509.Certificate) {
	if p.CRL != "" {
		c.CRLDistributionPoints = []string{p.CRL}
	}
	if p.OCSP != "" {
		c.OCSPServer = []string{p.OCSP}
	}
}

// PKI is a root, a sub CA and what they issue. Safe for concurrent use.
type PKI struct {
	// Root is self-signed.
	Root *CA
	// Sub is issued by Root, path length 1, and issues the leaves.
	Sub *CA
}

// New makes a root and a sub CA. The first PKI of a key set makes its keys,
// which takes up to some seconds; every other takes milliseconds.
func New(o Options) (*PKI, error) {
	name := cmp.Or(o.Name, "NHS Test")
	now := o.Now
	if now == nil {
		now = time.Now
	}
	warm(o.KeySet)
	k, err := key(o.KeySet+"/root", 2048)
	if err != nil {
		return nil, err
	}
	template := caTemplate(name+" Root Authority", now(), 20)
	template.SignatureAlgorithm = x509.SHA384WithRSA // as the real root (security page)
	cert, err := sign(template, template, k, k)
	if err != nil {
		return nil, err
	}
	root := &CA{Cert: cert, Key: k, set: o.KeySet, now: now, published: o.Root}
	sub, err := root.IssueCA(name+" Authentication", func(c *x509.Certificate) {
		c.MaxPathLen, c.MaxPathLenZero = 1, false // as both real sub CAs have it (security page)
	}, Named("sub"))
	if err != nil {
		return nil, err
	}
	sub.published = o.Sub
	return &PKI{Root: root, Sub: sub}, nil
}

// Server is a leaf for these hosts: each is a subjectAltName (IP addresses as
// such), the first also the common name.
func (p *PKI) Server(hosts ...string) (*Leaf, error) {
	return p.Sub.issue("server", first(hosts), Hosts(hosts...), nil)
}

// Client is a leaf for the system with that FQDN, in the common name only, as
// in the end-entity certificates that were read (security page).
func (p *PKI) Client(fqdn string) (*Leaf, error) {
	return p.Sub.issue("client", fqdn, nil, nil)
}

// Issue is Issue of the sub CA.
func (p *PKI) Issue(cn string, edit func(*x509.Certificate), options ...KeyOption) (*Leaf, error) {
	return p.Sub.Issue(cn, edit, options...)
}

// BundlePEM is the sub CA and the root in PEM.
func (p *PKI) BundlePEM() []byte { return append(p.Sub.PEM(), p.Root.PEM()...) }

// Pools are the root and the sub CA, for x509.VerifyOptions: a sub CA is never
// a trust anchor by itself.
func (p *PKI) Pools() (roots, intermediates *x509.CertPool) { return p.Root.Pool(), p.Sub.Pool() }

// Hosts is an edit that replaces the subjectAltNames.
func Hosts(hosts ...string) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		c.DNSNames, c.IPAddresses = nil, nil
		for _, h := range hosts {
			if ip := net.ParseIP(h); ip != nil {
				c.IPAddresses = append(c.IPAddresses, ip)
			} else {
				c.DNSNames = append(c.DNSNames, h)
			}
		}
	}
}

func first(hosts []string) string {
	if len(hosts) == 0 {
		return ""
	}
	return hosts[0]
}
