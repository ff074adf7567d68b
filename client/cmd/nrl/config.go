package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/nrlgo/nrlgo/auth"
	"github.com/nrlgo/nrlgo/auth/nhs"
	"github.com/nrlgo/nrlgo/auth/revocation"
	"github.com/nrlgo/nrlgo/client"
	"github.com/nrlgo/nrlgo/ssp"
)

// need is what a command calls.
type need int

const (
	needLocator need = iota
	needRecords      // the locator and the Spine Secure Proxy
)

// config makes a client.Config of the flags, all but the audit trail, and
// reports every fault at once.
func (a *app) config(n need) (client.Config, error) {
	c, err := a.services(n)
	creds, cerr := a.flags.credentials()
	trust, terr := a.flags.trust()
	c.Credentials, c.Trust = creds, trust
	return c, errors.Join(err, cerr, terr)
}

// services is the part of the configuration that needs no certificate.
func (a *app) services(n need) (client.Config, error) {
	o := &a.flags
	c := client.Config{NRLURL: o.nrlURL, SSPURL: o.sspURL, CNHosts: o.cnHosts, Issuer: o.issuer, Audience: o.aud, AllowPrivate: o.allowPrivate}
	c.Limits.Budget = o.timeout
	if o.timeout < 15*time.Second { // a body that stops is given up after 15 s at the latest
		c.Limits.Idle = o.timeout
	}
	if o.verbose {
		c.Logger = slog.New(slog.NewTextHandler(a.err, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	err := errors.Join(
		o.checkUnavailable(), o.setEnvironment(&c, n), o.setEngine(&c), o.setProxy(&c),
		parse(&c.SpineASID, "spine-asid", o.spineASID, nhs.ParseASID), o.setDirectory(&c),
	)
	if o.timeout <= 0 {
		err = errors.Join(err, usage("--timeout: want more than 0"))
	}
	return c, err
}

func (o *options) checkUnavailable() error {
	var faults []error
	for _, f := range o.unavailable {
		if f.Changed {
			faults = append(faults, usage("--%s: %w", f.Name, client.ErrNotAvailable))
		}
	}
	return errors.Join(faults...)
}

func (o *options) setEnvironment(c *client.Config, n need) error {
	var faults []error
	switch o.generation {
	case "stu3":
	case "v3":
		faults = append(faults, usage("--nrl v3: %w", client.ErrNotAvailable))
	default:
		faults = append(faults, usage("--nrl: want stu3 or v3"))
	}
	for _, e := range client.Environments() {
		if e.String() == o.environment {
			c.Environment = e
		}
	}
	switch {
	case c.Environment != 0:
	case o.environment != "":
		faults = append(faults, usage("--env: want one of %s", environmentNames()))
	case o.nrlURL == "":
		faults = append(faults, usage("--env is missing (one of %s), and no --nrl-url is given instead", environmentNames()))
	case o.sspURL == "" && n == needRecords:
		faults = append(faults, usage("--ssp-url is missing: the Spine Secure Proxy, through which records come"))
	}
	return errors.Join(faults...)
}

func (o *options) setEngine(c *client.Config) error {
	switch o.engine {
	case "auto":
		c.Engine = client.EnginePreferOpenSSL
	case "go":
		c.Engine = client.EngineGo
	case "openssl":
		c.Engine = client.EngineOpenSSL
	default:
		return usage("--engine: want auto, openssl or go")
	}
	return nil
}

func (o *options) setProxy(c *client.Config) error {
	u, err := o.proxyURL()
	c.Proxy = u
	return err
}

// proxyURL is the proxy to Spine, and to the lists of revoked certificates;
// nil for none.
func (o *options) proxyURL() (*url.URL, error) {
	if o.proxy == "" {
		return nil, nil //nolint:nilnil // no proxy
	}
	u, err := url.Parse(o.proxy)
	if err != nil || u.Scheme != "http" || u.Host == "" {
		return nil, usage("--proxy: want http://host:port")
	}
	return u, nil
}

// setDirectory says who the provider of a record is.
func (o *options) setDirectory(c *client.Config) error {
	var to nhs.ASID
	err := parse(&to, "to-asid", o.toASID, nhs.ParseASID)
	if !to.IsZero() {
		c.Directory = ssp.SingleASID(to)
	}
	return err
}

// credentials loads our certificate and key.
func (o *options) credentials() (*auth.Credentials, error) {
	if o.cert == "" {
		return nil, usage("--cert is missing: the certificate that the DIR team issued")
	}
	flags, files := []string{"--cert"}, []string{o.cert}
	if o.key != "" {
		flags, files = append(flags, "--key"), append(files, o.key)
	}
	if err := readable(flags, files); err != nil {
		return nil, err
	}
	c, err := auth.LoadCredentials(files...)
	if err != nil {
		return nil, &fault{statusCertificate, inFile(flags, files, err)}
	}
	return c, nil
}

// trust loads the CA certificates and sets the revocation policy.
func (o *options) trust() (*auth.Trust, error) {
	checker, err := o.checker()
	if len(o.ca) == 0 {
		return nil, errors.Join(err, usage("--ca is missing: the Spine root and sub CA certificates"))
	}
	flags := []string{"--ca"}
	if n := len(o.ca); n > 1 {
		flags = nil
		for i := range o.ca {
			flags = append(flags, fmt.Sprintf("--ca (file %d of %d)", i+1, n))
		}
	}
	if err = errors.Join(err, readable(flags, o.ca)); err != nil {
		return nil, err
	}
	t, err := auth.LoadTrust(o.ca...)
	if err != nil {
		return nil, &fault{statusCertificate, inFile(flags, o.ca, err)}
	}
	t = t.WithRevocation(checker)
	if err := t.Usable(); err != nil {
		return nil, &fault{statusCertificate, inFile(flags, o.ca, err)}
	}
	return t, nil
}

// checker is how strict the check for revoked certificates is, and where it
// asks.
func (o *options) checker() (*revocation.Checker, error) {
	c := revocation.Config{Lists: o.crls, Hosts: o.crlHosts}
	switch o.revocation {
	case "off":
		return revocation.Off("command line"), nil
	case "soft":
		c.Soft = true
	case "hard":
	default:
		return nil, usage("--revocation: want hard, soft or off")
	}
	c.Proxy, _ = o.proxyURL() // a faulty one is reported for Spine
	k, err := revocation.New(c)
	if err != nil {
		return nil, usage("--crl or --crl-host: %w", err)
	}
	return k, nil
}

// readable refuses files that cannot be read, which is another matter than
// files with the wrong things in them.
func readable(flags, files []string) error {
	var faults []error
	for i, file := range files {
		st, err := os.Stat(file)
		if err == nil && st.Mode().IsRegular() { // a pipe can be opened once only
			var f *os.File
			if f, err = os.Open(file); err == nil {
				err = f.Close()
			}
		}
		switch {
		case err != nil:
			faults = append(faults, usage("%s: the file cannot be read: %w", flags[i], pathless(err)))
		case st.IsDir():
			faults = append(faults, usage("%s: it is a folder", flags[i]))
		}
	}
	return errors.Join(faults...)
}

// inFile says which flag an error is about, in place of the file's name.
func inFile(flags, files []string, err error) error {
	text := sentence(err)
	for i, file := range files {
		if name := fmt.Sprintf("file %q", filepath.Base(file)); strings.Contains(text, name) {
			return &worded{flags[i] + ": " + strings.Replace(text, name, "the file", 1), err}
		}
	}
	return &worded{strings.Join(flags, ", ") + ": " + text, err}
}

// pathless is an error of the file system without the path, which was given
// on the command line.
func pathless(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}

// parse reads an identifier; the fault names the flag, not the value.
func parse[T any](dst *T, flag, text string, read func(string) (T, error)) error {
	if text == "" {
		return nil
	}
	v, err := read(text)
	if err != nil {
		return &fault{statusUsage, &worded{"--" + flag + ": " + sentence(err), err}}
	}
	*dst = v
	return nil
}
