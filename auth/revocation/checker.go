package revocation

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"time"
)

// ErrReason is wrapped by the error of an Off without a reason.
var ErrReason = errors.New("revocation.Off needs a reason, which the audit trail keeps")

// Config is how revocation is established. The zero value is ready to use:
// hard, with the lists and responders that certificates name on
// [DefaultHosts].
type Config struct {
	// Soft accepts a certificate whose status cannot be established, with a
	// notice in the [Result]; a revoked one is refused all the same.
	Soft bool
	// OCSPFirst asks the responder that a certificate names before its list.
	// Zero asks for the list first: one fetch serves every certificate of an
	// issuer, tells nobody which server is called, and lasts through an
	// outage. What fails is followed by the other kind either way.
	OCSPFirst bool
	// Lists are files, or folders of files (*.crl, *.der, *.pem), with CRLs in
	// DER or PEM, at most 20 MiB each. They cover certificates that name no
	// source, and need no network. They are looked at again every 30 seconds.
	Lists []string
	// Hosts may be asked beside [DefaultHosts]: a host for the default port of
	// http and https, or host:port for that port only.
	Hosts []string
	// Proxy is an HTTP proxy, as HSCN may need; nil connects directly. The
	// environment's proxy is never used.
	Proxy *url.URL
	// CacheDir is a folder that keeps what was fetched for the next process;
	// it is made when missing. Empty keeps it in memory only. The folder may
	// be emptied at any time, and several processes may share it.
	CacheDir string
	// Timeout bounds one fetch; zero means 10 seconds.
	Timeout time.Duration
	// Refresh is the age at which something newer is asked for, in the
	// background, when that is sooner than three quarters of the way to its
	// next update; zero means 12 hours.
	Refresh time.Duration
	// Now is the clock for dates; nil means time.Now.
	Now func() time.Time
	// Logger hears of fetches that fail and of files that cannot be used; nil
	// is silent.
	Logger *slog.Logger
}

// Checker establishes whether certificates are revoked. Safe for concurrent
// use; one serves any number of connections, and should, for what it keeps.
// The nil Checker refuses everything.
type Checker struct {
	mode      mode
	reason    string
	ocspFirst bool
	fetcher   *fetcher
	files     *files
	disk      disk
	life      *life
	log       *slog.Logger
	lists     *store[*list]
	answers   *store[*answer]
}

type mode int

const (
	hard mode = iota
	soft
	off
)

// New makes a Checker and reports every fault of the configuration at once:
// list files are read, and the cache folder is tried. The caller closes it.
func New(c Config) (*Checker, error) {
	var faults []error
	add := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if c.Timeout < 0 || c.Refresh < 0 {
		add("a negative Timeout or Refresh")
	}
	for i, h := range c.Hosts {
		if !hostOnly(h) {
			add("Hosts[%d] is not a host or host:port", i)
		}
	}
	if p := c.Proxy; p != nil && (p.Scheme != "http" && p.Scheme != "https" || p.Host == "") {
		add("the Proxy is not an address of http or https")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	k := &Checker{ocspFirst: c.OCSPFirst, disk: disk{c.CacheDir}, log: c.Logger}
	if c.Soft {
		k.mode = soft
	}
	if err := k.disk.usable(); err != nil {
		add("CacheDir: %w", err)
	}
	var err error
	if k.files, err = openFiles(c.Lists, c.Now, c.Logger); err != nil {
		faults = append(faults, err)
	}
	if len(faults) > 0 {
		return nil, fmt.Errorf("revocation: %w", errors.Join(faults...))
	}
	k.ready(c)
	return k, nil
}

// ready makes what cannot fail.
func (k *Checker) ready(c Config) {
	if c.Timeout == 0 {
		c.Timeout = 10 * time.Second
	}
	if c.Refresh == 0 {
		c.Refresh = 12 * time.Hour
	}
	k.fetcher = newFetcher(c.Hosts, c.Proxy)
	k.life = newLife(c.Now, c.Timeout)
	k.lists = newStore[*list](k.life, c.Refresh)
	k.answers = newStore[*answer](k.life, c.Refresh)
}

// Hard is New with the zero Config: it refuses a certificate whose status
// cannot be established.
func Hard() *Checker { return plain(hard) }

// Soft is New with Config.Soft alone.
func Soft() *Checker { return plain(soft) }

func plain(m mode) *Checker {
	k := &Checker{mode: m, log: slog.New(slog.DiscardHandler)}
	k.ready(Config{Now: time.Now})
	return k
}

// Off checks nothing. The reason is for the assessor who reads the audit
// trail; without one, Check refuses everything.
func Off(reason string) *Checker { return &Checker{mode: off, reason: strings.TrimSpace(reason)} }

// Close ends what is being fetched and waits for it. What is at hand is still
// used afterwards; nothing is fetched any more. A Checker that is not closed
// leaves nothing running for longer than its Timeout.
func (k *Checker) Close() {
	if k != nil && k.life != nil {
		k.life.close()
	}
}

// IsOff reports whether nothing is checked, and why.
func (k *Checker) IsOff() (reason string, isOff bool) {
	if k == nil || k.mode != off {
		return "", false
	}
	return k.reason, true
}

// String is "hard", "soft" or "off (reason)".
func (k *Checker) String() string {
	switch {
	case k == nil || k.mode == hard:
		return "hard"
	case k.mode == soft:
		return "soft"
	default:
		return "off (" + k.reason + ")"
	}
}

func hostOnly(h string) bool {
	u, err := url.Parse("http://" + h)
	if err != nil || u.Host != h || u.Hostname() == "" || strings.HasSuffix(h, ":") {
		return false
	}
	if u.Port() == "" {
		return true
	}
	_, _, err = net.SplitHostPort(h)
	return err == nil
}
