package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/nrlgo/nrlgo/mocks"
)

// settings are the flags of a mock that serves.
type settings struct {
	dir, scenario, host, report string
	revocation                  string
	remote                      bool
	ports                       map[mocks.Service]int
	manage                      int
	bench, plainURLs, status    bool
	lists, grace                time.Duration
	audiences                   []string
}

func (s *settings) register(fs *flag.FlagSet) {
	fs.StringVar(&s.dir, "dir", "", "`folder` for certificates, lists and env.sh (default: a new one, removed at the end)")
	fs.StringVar(&s.scenario, "scenario", "", "`file` to fill the mock with, in JSON")
	fs.StringVar(&s.host, "listen", "127.0.0.1", "`address` to listen on")
	fs.BoolVar(&s.remote, "allow-remote", false, "permit --listen to name an address that is not loopback")
	s.ports = map[mocks.Service]int{}
	for _, service := range []mocks.Service{mocks.NRL, mocks.SSP, mocks.Public, mocks.Plain} {
		name := map[mocks.Service]string{mocks.NRL: "nrl", mocks.SSP: "ssp", mocks.Public: "public", mocks.Plain: "plain"}[service]
		fs.Func(name+"-port", "`port` of the service "+service.String()+" (default: a free one)", func(text string) (err error) {
			s.ports[service], err = port(text)
			return err
		})
	}
	fs.Func("manage-port", "`port` of the management, always on 127.0.0.1 (default: a free one)", func(text string) (err error) {
		s.manage, err = port(text)
		return err
	})
	fs.BoolVar(&s.bench, "test-bench", false, "add the patients, pointers, records and failures of the national test bench")
	fs.BoolVar(&s.plainURLs, "plain-urls", false, "let the SSP take the provider's URL unencoded too")
	fs.BoolVar(&s.status, "certificate-status", false, "answer a bad client certificate with 495 or 496, not with an alert")
	fs.DurationVar(&s.lists, "lists", 24*time.Hour, "how long CRLs and OCSP answers hold; 0: certificates name none")
	fs.StringVar(&s.revocation, "revocation", "", "`policy` that the shell lines ask of nrl: hard, soft or off (default: hard, without lists off)")
	fs.DurationVar(&s.grace, "grace", 5*time.Second, "`time` for answers under way when it stops")
	fs.Func("aud", "a further `value` of the JWT's aud claim to accept; may be repeated", func(text string) error {
		s.audiences = append(s.audiences, text)
		return nil
	})
	fs.StringVar(&s.report, "report", "", "`file` for the report at the end: .html, .json or .txt")
}

var errPort = errors.New("want 1 to 65535")

func port(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > 65535 {
		return 0, errPort
	}
	return n, nil
}

func (s *settings) check() error {
	if ip := net.ParseIP(s.host); !s.remote && s.host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("%w: --listen is not a loopback address: its keys are worthless; --allow-remote permits it", errUsage)
	}
	if s.lists != 0 && s.lists < time.Second || s.grace < 0 {
		return fmt.Errorf("%w: --lists is below a second, or --grace below 0", errUsage)
	}
	if s.revocation == "" {
		s.revocation = "hard"
		if s.lists == 0 {
			s.revocation = "off"
		}
	}
	if !slices.Contains([]string{"hard", "soft", "off"}, s.revocation) || s.revocation == "hard" && s.lists == 0 {
		return fmt.Errorf("%w: --revocation is hard, soft or off, and hard needs --lists", errUsage)
	}
	if s.report != "" {
		if _, err := rendered(mocks.Report{}, form(s.report)); err != nil {
			return err
		}
	}
	return nil
}

func (s *settings) options() []mocks.Option {
	options := []mocks.Option{mocks.WithAddress(s.host, s.ports), mocks.WithAudiences(s.audiences...)}
	for option, wanted := range map[*bool]mocks.Option{&s.bench: mocks.WithTestBench(), &s.plainURLs: mocks.WithPlainURLs(), &s.status: mocks.WithCertificateStatus()} {
		if *option {
			options = append(options, wanted)
		}
	}
	if s.lists != 0 {
		options = append(options, mocks.WithRevocationLists(s.lists))
	}
	return options
}

// serve runs a mock until ctx ends.
func serve(ctx context.Context, args []string, out io.Writer) error {
	var s settings
	fs := flag.NewFlagSet("mockspine", flag.ContinueOnError)
	s.register(fs)
	if err := parse(fs, help, args); err != nil {
		return err
	}
	if err := s.check(); err != nil {
		return err
	}
	seed, err := s.read()
	if err != nil {
		return err
	}
	dir, remove, err := s.folder()
	if err != nil {
		return err
	}
	defer remove()
	sp, err := mocks.Start(s.options()...)
	if err != nil {
		return err
	}
	err = s.run(ctx, sp, seed, dir, out)
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.grace)
	defer cancel()
	return errors.Join(err, sp.Shutdown(stopping), s.writeReport(sp))
}

// run fills the mock, says where it is, and serves its management.
func (s *settings) run(ctx context.Context, sp *mocks.Spine, seed mocks.Scenario, dir string, out io.Writer) error {
	if _, err := sp.Apply(seed); err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(s.manage)))
	if err != nil {
		return fmt.Errorf("the management port: %w", mocks.ErrPort)
	}
	m := &manager{spine: sp, seed: seed, env: environment(sp, dir, "http://"+l.Addr().String(), s.revocation)}
	server := &http.Server{Handler: m.handler(), ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	err = errors.Join(sp.WriteFiles(dir), os.WriteFile(filepath.Join(dir, "env.sh"), []byte(m.env), 0o600))
	if err == nil {
		_, err = io.WriteString(out, m.env+"# ready\n")
	}
	if err == nil {
		select {
		case <-ctx.Done():
		case err = <-served:
		}
	}
	return errors.Join(err, server.Close())
}

// read reads the scenario.
func (s *settings) read() (mocks.Scenario, error) {
	if s.scenario == "" {
		return mocks.Scenario{}, nil
	}
	f, err := os.Open(s.scenario)
	if err != nil {
		return mocks.Scenario{}, fmt.Errorf("%w: --scenario: %w", errUsage, err)
	}
	defer func() { _ = f.Close() }() // read only
	seed, err := mocks.ReadScenario(f)
	if err != nil {
		return mocks.Scenario{}, fmt.Errorf("%w: --scenario: %w", errUsage, err)
	}
	return seed, nil
}

// folder is where files go. remove removes one that was made for this run.
func (s *settings) folder() (dir string, remove func(), err error) {
	if s.dir == "" {
		dir, err = os.MkdirTemp("", "mockspine-")
		return dir, func() { _ = os.RemoveAll(dir) }, err
	}
	if dir, err = filepath.Abs(s.dir); err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	return dir, func() {}, err
}

// writeReport writes the report at the end, where one is wanted.
func (s *settings) writeReport(sp *mocks.Spine) error {
	if s.report == "" {
		return nil
	}
	text, err := rendered(sp.Report(), form(s.report))
	if err != nil {
		return err
	}
	return os.WriteFile(s.report, text, 0o600)
}
