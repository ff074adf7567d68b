// Command mockspine runs a mock of Spine: the NRL 2.x, the SSP with providers
// behind it, and public contact pages, on loopback. See mockspine --help.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/nrlgo/nrlgo/mocks"
)

const help = `mockspine runs a mock of Spine for tests: the National Record Locator 2.x
(NRL), the Spine Secure Proxy (SSP) with providers behind it, and public contact
pages, over mutual TLS 1.2 with certificates of its own.

  mockspine [flags]           serves until it gets SIGINT or SIGTERM
  mockspine report [flags]    reports on the traffic of one that runs
  mockspine faults            lists the kinds of faults

It prints shell lines that set NRL_… for the command nrl and MOCKSPINE_… for
other clients, and "# ready" once it serves. The folder gets them as env.sh,
beside ca.pem, client.pem, client.key, public-ca.pem, sub.crl and root.crl.

A scenario is a JSON file; the management port takes the same by POST
/scenario. Other requests to it: GET / lists them.

Exit status
  0  stopped, or reported and no duty is violated
  1  it could not start, stop or report
  2  usage, or a scenario that is not well formed
  3  reported, and a duty is violated

mockspine is not an NHS product. Its keys are worthless and it prints identifiers
in the clear: never give it data of real people.
`

const (
	exitDone     = 0
	exitFailed   = 1
	exitUsage    = 2
	exitViolated = 3
)

// errUsage is a fault of the command line or of a file that it names.
var errUsage = errors.New("usage")

// errViolated is a report in which a duty is violated.
var errViolated = errors.New("a duty is violated")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := run(ctx, os.Args[1:], os.Stdout, os.Stderr, os.Getenv)
	stop()
	os.Exit(status)
}

// run is the program: it gives the exit status.
func run(ctx context.Context, args []string, out, errw io.Writer, env func(string) string) int {
	var err error
	switch command := first(args); {
	case command == "report":
		err = report(ctx, args[1:], out, env)
	case command == "faults":
		_, err = io.WriteString(out, strings.Join(mocks.FaultKinds(), "\n")+"\n")
	case command != "" && !strings.HasPrefix(command, "-"):
		err = fmt.Errorf("%w: there is no such command; see mockspine --help", errUsage)
	default:
		err = serve(ctx, args, out)
	}
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, flag.ErrHelp):
		_, _ = io.WriteString(out, err.Error())
		return exitDone
	case errors.Is(err, errViolated):
		return exitViolated
	}
	_, _ = fmt.Fprintln(errw, "mockspine: "+err.Error())
	if errors.Is(err, errUsage) {
		return exitUsage
	}
	return exitFailed
}

func first(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}

// helpError is a request for help, with its text.
type helpError struct{ text string }

func (e helpError) Error() string { return e.text }
func (e helpError) Unwrap() error { return flag.ErrHelp }

// parse reads flags.
func parse(fs *flag.FlagSet, intro string, args []string) error {
	fs.SetOutput(io.Discard)
	err := fs.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		var b strings.Builder
		b.WriteString(intro + "\nFlags\n")
		fs.SetOutput(&b)
		fs.PrintDefaults()
		return helpError{b.String()}
	case err != nil:
		return fmt.Errorf("%w: %w", errUsage, err)
	case fs.NArg() > 0:
		return fmt.Errorf("%w: there are no arguments; see mockspine --help", errUsage)
	}
	return nil
}
