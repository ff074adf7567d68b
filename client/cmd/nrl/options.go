package main

import (
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/nrlgo/nrlgo/auth/revocation"
	"github.com/nrlgo/nrlgo/client"
)

// options are the common flags.
type options struct {
	output, generation, environment, nrlURL, sspURL string
	cert, key                                       string
	ca, cnHosts, crls, crlHosts                     []string
	revocation, engine, proxy                       string
	asid, ods, spineASID, toASID                    string
	user, citizen, delegate                         string
	issuer, aud, audit                              string
	timeout                                         time.Duration
	verbose, allowPrivate                           bool

	groups      []flagGroup
	unavailable []*pflag.Flag
}

// flagGroup is a part of the help.
type flagGroup struct {
	title string
	flags *pflag.FlagSet
}

// register makes the flags, in the order and groups of the help.
func (o *options) register(fs *pflag.FlagSet) {
	group := func(title string, add func(*pflag.FlagSet)) {
		g := pflag.NewFlagSet("", pflag.ContinueOnError)
		g.SortFlags = false
		add(g)
		fs.AddFlagSet(g)
		o.groups = append(o.groups, flagGroup{title, g})
	}
	group("Who asks", o.whoFlags)
	group("Where to", o.whereFlags)
	group("How it is secured", o.securityFlags)
	group("Other", o.otherFlags)
	// Names that scripts may rely on later.
	for _, name := range []string{"sds-url", "ldap-url", "token-url", "api-key", "jwt-key", "kid", "api-ca"} {
		fs.StringArray(name, nil, "not available yet")
		f := fs.Lookup(name)
		f.Hidden = true
		o.unavailable = append(o.unavailable, f)
	}
}

func (o *options) whoFlags(fs *pflag.FlagSet) {
	fs.StringVar(&o.ods, "ods", "", "ODS `code` of the requesting organisation")
	fs.StringVar(&o.asid, "asid", "", "own `ASID` for that organisation")
	fs.StringVar(&o.user, "user", "", "SDS role profile `id` of the professional who asks")
	fs.StringVar(&o.citizen, "citizen", "", "or NHS `number` of the citizen who asks")
	fs.StringVar(&o.delegate, "delegate", "", "and NHS `number` of the person who acts for the citizen")
	fs.StringVar(&o.audit, "audit", "", "audit trail: a `file` that lines are added to")
}

func (o *options) whereFlags(fs *pflag.FlagSet) {
	fs.StringVar(&o.environment, "env", "", "`name` of the environment: "+environmentNames())
	fs.StringVar(&o.nrlURL, "nrl-url", "", "base `URL` of the locator, in place of the environment's")
	fs.StringVar(&o.sspURL, "ssp-url", "", "`URL` of the Spine Secure Proxy, in place of the environment's")
	fs.StringVar(&o.spineASID, "spine-asid", "", "`ASID` of the locator (default: the environment's)")
	fs.StringVar(&o.toASID, "to-asid", "", "`ASID` of the records' provider")
	fs.StringVar(&o.generation, "nrl", "stu3", "`generation` of the locator: stu3 (v3: not available yet)")
	fs.StringVar(&o.proxy, "proxy", "", "HTTP proxy to Spine, a `URL` http://host:port")
	fs.BoolVar(&o.allowPrivate, "allow-private", false, "permit contact pages on loopback and private addresses")
}

func (o *options) securityFlags(fs *pflag.FlagSet) {
	fs.StringVar(&o.cert, "cert", "", "own certificate, a PEM `file`, with or without its chain")
	fs.StringVar(&o.key, "key", "", "own private key, a PEM `file` (default: in --cert)")
	fs.StringSliceVar(&o.ca, "ca", nil, "Spine root and sub CA certificates, PEM `files`")
	fs.StringSliceVar(&o.cnHosts, "cn-host", nil, "`hosts` whose certificate may name them in the common name only")
	fs.StringVar(&o.revocation, "revocation", "hard", "`policy`: hard, soft or off")
	fs.StringSliceVar(&o.crls, "crl", nil, "revocation lists, `files` or folders, for certificates that name none or without a network")
	fs.StringSliceVar(&o.crlHosts, "crl-host", nil, "`hosts` that may be asked for lists and OCSP, beside "+strings.Join(revocation.DefaultHosts(), " and "))
	fs.StringVar(&o.engine, "engine", "auto", "TLS engine, a `name`: auto (openssl where it is there), openssl or go")
	fs.StringVar(&o.issuer, "issuer", "", "iss of the JWT, a `URL` (default: https:// and the FQDN of --cert)")
	fs.StringVar(&o.aud, "aud", "", "aud of the JWT for the locator, a `URL` (default: its scheme and host)")
}

func (o *options) otherFlags(fs *pflag.FlagSet) {
	fs.StringVarP(&o.output, "output", "o", "table", "`form` of the data: table, json or ndjson")
	fs.DurationVar(&o.timeout, "timeout", time.Minute, "`time` for each call; of a record, until it begins to come")
	fs.BoolVarP(&o.verbose, "verbose", "v", false, "say on standard error what is done")
}

func environmentNames() string {
	var names []string
	for _, e := range client.Environments() {
		names = append(names, e.String())
	}
	return strings.Join(names, ", ")
}
