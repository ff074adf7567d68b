package main

import (
	"context"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/nrlgo/nrlgo/auth"
	"github.com/nrlgo/nrlgo/client"
	"github.com/nrlgo/nrlgo/client/audit"
)

func (a *app) doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use: "doctor", Short: "Check configuration, certificates and connections, and say what to do",
		Long: `Check configuration, certificates and connections step by step, and say for
each failure what to do. It connects to each service and verifies it; no
request is sent and no audit line written. The exit status is that of the
first failure.`,
		Example: "  nrl doctor --env int-internet --cert client.pem --key client.key --ca ca.pem --ods RR8 --asid 200000000117 --user 4387293874928",
		Args:    noArguments,
		RunE:    func(c *cobra.Command, _ []string) error { return a.doctor(c.Context()) },
	}
}

func (a *app) doctor(ctx context.Context) error {
	x := &examination{app: a}
	if _, err := a.flags.requester(); err != nil {
		x.bad("requester", err)
	} else {
		x.good("requester", "organisation, ASID and user are well formed")
	}
	creds, err := a.flags.credentials()
	x.bad("certificate", err)
	x.own(creds)
	trust, err := a.flags.trust()
	x.bad("CA", err)
	x.anchors(trust)
	c, err := a.services(needLocator)
	x.bad("configuration", err)
	x.trail(a.flags.audit)
	if c.Directory == nil {
		x.note("provider", "no --to-asid is given: pointers can be found, their records not retrieved")
	}
	if creds != nil && trust != nil && err == nil {
		c.Credentials, c.Trust = creds, trust
		x.services(ctx, c)
	}
	return x.verdict()
}

// services makes a client and connects.
func (x *examination) services(ctx context.Context, c client.Config) {
	if reason, off := c.Trust.Revocation().IsOff(); off {
		x.note("revocation", "off (%s): a revoked certificate is not noticed, and the audit trail says so", reason)
	} else {
		x.good("revocation", "%s", c.Trust.Revocation())
	}
	c.Audit = client.NoAudit("doctor sends no request")
	cl, err := client.New(c)
	if err != nil {
		x.bad("configuration", inFlags(err))
		return
	}
	defer func() { _ = cl.Close() }()
	x.good("configuration", "complete")
	x.engine(cl.Engine())
	ctx, cancel := context.WithTimeout(ctx, x.app.flags.timeout)
	defer cancel()
	probes := cl.Probe(ctx)
	for _, p := range probes {
		x.connection(p)
	}
	if len(probes) < 2 {
		x.note("SSP", "no --ssp-url is given: pointers can be found, their records not retrieved")
	}
}

func (x *examination) own(c *auth.Credentials) {
	if c == nil {
		return
	}
	leaf := c.Leaf()
	x.good("certificate", "%s, issued by %q, %s", c.FQDN(), leaf.Issuer.CommonName, strength(leaf))
	if days := daysLeft(leaf); days < 60 {
		x.note("certificate", "expires in %d days, on %s: ask the DIR team for a new one now", days, leaf.NotAfter.Format(time.DateOnly))
	} else {
		x.good("certificate", "valid for %d more days, until %s", days, leaf.NotAfter.Format(time.DateOnly))
	}
}

func daysLeft(c *x509.Certificate) int { return int(time.Until(c.NotAfter).Hours() / 24) }

func (x *examination) anchors(t *auth.Trust) {
	if t == nil {
		return
	}
	for _, c := range t.Anchors() {
		x.authority("root", c)
	}
	for _, c := range t.SubCAs() {
		x.authority("sub CA", c)
	}
	if found := t.Environments(); len(found) > 0 {
		x.good("CA", "the roots are those of %s", strings.Join(found, " and "))
	} else {
		x.note("CA", "no root is one that NHS England publishes: right for a mock, wrong for Spine")
	}
	if len(t.SubCAs()) == 0 {
		x.note("sub CA", "none among --ca: a server that does not send its own will be refused")
	}
}

func (x *examination) authority(step string, c *x509.Certificate) {
	text := fmt.Sprintf("%q, %s, until %s", c.Subject.CommonName, strength(c), c.NotAfter.Format(time.DateOnly))
	known, ok := auth.Published(c)
	switch {
	case time.Now().After(c.NotAfter):
		x.note(step, "%s: expired, so it proves nothing", text)
	case ok && known.Generation == "G1":
		x.note(step, "%s: of the old generation G1; ask for certificates under G2", text)
	default:
		x.good(step, "%s", text)
	}
}

// trail looks at the audit file and makes none.
func (x *examination) trail(path string) {
	if path == "" {
		x.note("audit trail", "no --audit is given: every other command needs it")
		return
	}
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		if st, err := os.Stat(filepath.Dir(path)); err != nil || !st.IsDir() {
			x.bad("audit trail", usage("--audit: the folder of the file does not exist"))
			return
		}
		x.good("audit trail", "the file will be made")
		return
	}
	f, err := audit.OpenFile(path)
	if err != nil {
		x.bad("audit trail", usage("--audit: the file cannot be used: %w", pathless(err)))
		return
	}
	_ = f.Close()
	x.good("audit trail", "the file can be written, by its owner only")
}

// engine names the suites of the list that are missing.
func (x *examination) engine(name string) {
	var lacks []string
	for i, s := range auth.Suites() {
		if name == "go" && !s.Go {
			lacks = append(lacks, fmt.Sprintf("%d %s", i+1, s.OpenSSL))
		}
	}
	if len(lacks) == 0 {
		x.good("engine", "%s: all eight cipher suites", name)
		return
	}
	x.note("engine", "%s: %d of the eight cipher suites; it lacks %s", name, len(auth.Suites())-len(lacks), strings.Join(lacks, ", "))
}

func (x *examination) connection(p client.Probe) {
	if p.Err != nil {
		x.bad(p.Service, p.Err)
		return
	}
	s := p.Conn
	x.good(p.Service, "%s answers with %s, %s", p.Host, tls.VersionName(s.Version), auth.SuiteName(s.CipherSuite))
	for i, c := range s.Peer.Chain {
		x.good(p.Service, "chain %d: %q, %s, until %s", i+1, c.Subject.CommonName, strength(c), c.NotAfter.Format(time.DateOnly))
	}
	how := "is in the subjectAltName"
	if s.Peer.ByCommonName {
		how = "is the common name, which counts because there is no subjectAltName and the host is listed"
	}
	x.good(p.Service, "name: %s %s", p.Host, how)
	if x.app.flags.revocation != "off" {
		x.good(p.Service, "revocation: %s", s.Peer.Revocation)
	}
}

// strength describes the key and the signature of a certificate.
func strength(c *x509.Certificate) string {
	key := c.PublicKeyAlgorithm.String()
	if pub, ok := c.PublicKey.(*rsa.PublicKey); ok {
		key = fmt.Sprintf("RSA %d", pub.N.BitLen())
	}
	return key + ", signed with " + c.SignatureAlgorithm.String()
}
