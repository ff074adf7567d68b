package client_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"testing"

	"github.com/nrlgo/nrlgo/auth/nhs"
	"github.com/nrlgo/nrlgo/auth/openssl"
	"github.com/nrlgo/nrlgo/auth/revocation"
	"github.com/nrlgo/nrlgo/client"
	"github.com/nrlgo/nrlgo/mocks"
	"github.com/nrlgo/nrlgo/mocks/mockstest"
)

// config is that for a mock.
func config(t *testing.T) client.Config {
	t.Helper()
	c, err := mockstest.Config(mocks.Run(t))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestNewReportsEveryFaultAtOnce(t *testing.T) {
	t.Parallel()
	_, err := client.New(client.Config{
		NRLURL: "http://" + patientDigits + ".example/STU3", SSPURL: "https://spine.example/path", Generation: 7,
		Engine: 9, MaxRecord: -1, Proxy: &url.URL{Scheme: "socks5"},
	})
	if !errors.Is(err, client.ErrConfig) {
		t.Fatalf("got %v, want ErrConfig", err)
	}
	for _, want := range []string{
		"NRLURL is not of the form", "SSPURL must not have a path", "Credentials are missing", "Trust is missing",
		"Engine is not a known one", "Audit is missing", "Generation", "MaxRecord is negative",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in the error:\n%v", want, err)
		}
	}
	if strings.Contains(err.Error(), patientDigits) {
		t.Errorf("the error quotes a URL: %v", err)
	}
}

func TestSettingsThatAreRefused(t *testing.T) {
	t.Parallel()
	good := config(t)
	for name, tt := range map[string]struct {
		edit func(*client.Config)
		text string
		is   error
	}{
		"no environment and no URL": {func(c *client.Config) { c.NRLURL, c.SSPURL = "", "" }, "Environment is not set", nil},
		"an unknown environment":    {func(c *client.Config) { c.Environment = 99 }, "Environment is not a known one", nil},
		"a URL with a query":        {func(c *client.Config) { c.NRLURL = "https://spine.example/STU3?x=1" }, "NRLURL is not of the form", nil},
		"a URL with userinfo":       {func(c *client.Config) { c.SSPURL = "https://u:p@spine.example" }, "SSPURL is not of the form", nil},
		"no ASID of Spine":          {func(c *client.Config) { c.SpineASID = nhs.ASID{} }, "SpineASID is missing", nil},
		"live, whose ASID is not published": {func(c *client.Config) {
			c.Environment, c.NRLURL, c.SpineASID = client.LiveHSCN, "", nhs.ASID{}
		}, "SpineASID is missing", nil},
		"v3":                           {func(c *client.Config) { c.Generation = client.V3 }, "", client.ErrNotAvailable},
		"an OpenSSL that is not there": {func(c *client.Config) { c.Engine, c.OpenSSLFolder = client.EngineOpenSSL, "/nowhere" }, "client.EngineGo", openssl.ErrNotAvailable},
		"no audit trail":               {func(c *client.Config) { c.Audit = nil }, "client.NoAudit decides against one", nil},
		"no audit, and no why":         {func(c *client.Config) { c.Audit = client.NoAudit("") }, "NoAudit needs a reason", nil},
		"no reason for no check":       {func(c *client.Config) { c.Trust = c.Trust.WithRevocation(revocation.Off("")) }, "", revocation.ErrReason},
		"a negative limit":             {func(c *client.Config) { c.Limits.Body = -1 }, "negative", nil},
		"too many retries":             {func(c *client.Config) { c.Limits.Retries = 4 }, "more than 3", nil},
		"a proxy that is none":         {func(c *client.Config) { c.Proxy = &url.URL{Scheme: "https", Host: "proxy.example"} }, "Proxy", nil},
		"a proxy host with path":       {func(c *client.Config) { c.ProxyHosts = []string{"proxy.example/path"} }, "ProxyHosts", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := good
			tt.edit(&c)
			cl, err := client.New(c)
			if err == nil {
				_ = cl.Close()
			}
			if !errors.Is(err, client.ErrConfig) || !strings.Contains(fmt.Sprint(err), tt.text) || tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("got %v, want %q", err, tt.text)
			}
		})
	}
}

// The hosts of the NRL security page.
func TestEnvironmentsHaveThePublishedHosts(t *testing.T) {
	t.Parallel()
	good := config(t)
	for e, want := range map[client.Environment]struct{ nrl, ssp, name string }{
		client.IntegrationHSCN:     {"msg.int.spine2.ncrs.nhs.uk", "proxy.int.spine2.ncrs.nhs.uk", "int-hscn"},
		client.IntegrationInternet: {"msg.intspineservices.nhs.uk", "proxy.intspineservices.nhs.uk", "int-internet"},
		client.LiveHSCN:            {"clinicals.spineservices.nhs.uk", "proxy.national.ncrs.nhs.uk", "live-hscn"},
	} {
		c := good
		c.Environment, c.NRLURL, c.SSPURL = e, "", ""
		cl, err := client.New(c)
		if err != nil {
			t.Errorf("%s: %v", e, err)
			continue
		}
		if err := cl.Close(); err != nil { // so that nobody is called
			t.Error(err)
		}
		probes := cl.Probe(t.Context())
		if len(probes) != 2 || probes[0].Host != want.nrl || probes[1].Host != want.ssp || e.String() != want.name {
			t.Errorf("%s (%s): got %+v", e, want.name, probes)
		}
		for _, p := range probes {
			if p.Err == nil {
				t.Errorf("%s: a closed client connected", e)
			}
		}
	}
	if n := len(client.Environments()); n != 3 {
		t.Errorf("%d environments, want 3", n)
	}
}

func TestProbeConnectsAndSendsNothing(t *testing.T) {
	t.Parallel()
	sp := mocks.Run(t)
	for _, p := range mockstest.Client(t, sp).Probe(t.Context()) {
		if p.Err != nil || p.Conn.Peer.Host != "127.0.0.1" || p.Host != "127.0.0.1" {
			t.Errorf("%s: %+v", p.Service, p)
		}
	}
	if n := len(sp.Requests()); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
}

// Without cgo or libssl the zero setting is refused, never weakened.
func TestZeroEngineHasAllEightSuites(t *testing.T) {
	t.Parallel()
	zero := config(t)
	zero.Engine = client.EngineOpenSSL
	prefer := zero
	prefer.Engine = client.EnginePreferOpenSSL
	var logged bytes.Buffer
	prefer.Logger = slog.New(slog.NewTextHandler(&logged, nil))

	_, missing := openssl.Version()
	c, err := client.New(zero)
	switch {
	case missing != nil:
		if !errors.Is(err, openssl.ErrNotAvailable) || !errors.Is(err, client.ErrConfig) {
			t.Errorf("got %v, want %v", err, missing)
		}
	case err != nil:
		t.Fatal(err)
	default:
		if c.Engine() != "openssl" {
			t.Errorf("engine %q", c.Engine())
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}

	c, err = client.New(prefer)
	if err != nil {
		t.Fatal(err)
	}
	want := "openssl"
	if missing != nil {
		want = "go"
	}
	if said := strings.Count(logged.String(), "OpenSSL is not available"); c.Engine() != want || (said == 1) != (missing != nil) {
		t.Errorf("engine %q, want %q; the log: %s", c.Engine(), want, logged.String())
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}
