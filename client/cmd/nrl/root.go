package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const rootHelp = `nrl finds a patient's pointers in the National Record Locator (NRL) and
retrieves the records behind them through the Spine Secure Proxy (SSP).

Standard output carries data only, standard error the messages. Begin with
nrl doctor, which says what is wrong and what to do.

Every flag has an environment variable: --nrl-url is NRL_NRL_URL, --ca is
NRL_CA (commas separate several values). A flag wins over its variable, and a
variable keeps a patient's number out of the list of processes.

Exit status
  0  done
  2  usage, unreadable or contradictory configuration
  3  no pointer
  4  refused: 401 or 403
  5  no connection, 429, any 5xx, any timeout
  6  a certificate decision, ours or theirs, or no common suite or version
  7  the record is short, of the wrong length, hash or content type
  8  incomplete: an entry withheld or unreadable, or a record not saved
  1  anything else

nrl is not an NHS product, gives no clinical advice and keeps nothing but the
audit trail. NHS numbers must have been traced with PDS before.`

// app is what the commands share: the world around them and the flags.
type app struct {
	out, err io.Writer
	env      func(string) (string, bool)
	flags    options
}

// run is the program: it gives the exit status.
func run(ctx context.Context, args []string, out, errw io.Writer, env func(string) (string, bool)) int {
	a := &app{out: out, err: errw, env: env}
	root := a.rootCommand() //nolint:contextcheck // a command gets it when it is executed
	root.SetArgs(args)
	var err error
	if len(args) > 0 && strings.HasPrefix(args[0], cobra.ShellCompRequestCmd) {
		err = usage("there is no such command; see nrl --help") // cobra's completion repeats its arguments
	} else {
		err = root.ExecuteContext(ctx)
	}
	a.report(err)
	return exitStatus(err)
}

func (a *app) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use: "nrl", Short: "Find a patient's pointers and retrieve the records behind them", Long: rootHelp,
		SilenceUsage: true, SilenceErrors: true, DisableAutoGenTag: true,
		Args: noArguments,
		RunE: func(*cobra.Command, []string) error { return usage("a command is missing; see nrl --help") },
		PersistentPreRunE: func(c *cobra.Command, _ []string) error {
			return errors.Join(a.environment(c.Flags()), a.flags.checkOutput())
		},
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetOut(a.out)
	root.SetErr(a.err)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return flagError(err) })
	root.SetUsageFunc(a.usage)
	a.flags.register(root.PersistentFlags())
	root.AddCommand(a.searchCommand(), a.readCommand(), a.countCommand(), a.retrieveCommand(), a.doctorCommand())
	root.SetHelpCommand(helpCommand(root))
	return root
}

// helpCommand is cobra's, which would repeat an argument that it does not know.
func helpCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use: "help [COMMAND]", Short: "Help about a command",
		PersistentPreRunE: func(*cobra.Command, []string) error { return nil },
		RunE: func(_ *cobra.Command, args []string) error {
			c, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				return usage("there is no such command; see nrl --help")
			}
			return c.Help()
		},
	}
}

// usage prints how a command is called: its own flags, then the common ones
// in groups.
func (a *app) usage(c *cobra.Command) error {
	var b strings.Builder
	if c.HasAvailableSubCommands() {
		b.WriteString("Commands\n")
		for _, sub := range c.Commands() {
			fmt.Fprintf(&b, "  %-10s %s\n", sub.Name(), sub.Short)
		}
		b.WriteString("\nEach command has its own help: nrl search --help\n")
	} else {
		fmt.Fprintf(&b, "Usage\n  %s\n", c.UseLine())
	}
	if c.Example != "" {
		fmt.Fprintf(&b, "\nExample\n%s\n", c.Example)
	}
	if own := c.LocalNonPersistentFlags(); own.HasAvailableFlags() {
		fmt.Fprintf(&b, "\nFlags\n%s", own.FlagUsages())
	}
	for _, g := range a.flags.groups {
		fmt.Fprintf(&b, "\n%s\n%s", g.title, g.flags.FlagUsages())
	}
	var later []string
	for _, f := range a.flags.unavailable {
		later = append(later, "--"+f.Name)
	}
	fmt.Fprintf(&b, "\nNot available yet\n  %s\n", strings.Join(later, ", "))
	_, err := io.WriteString(c.OutOrStdout(), b.String())
	return err
}

// flagError says which flag is wrong and not what was given: a patient's
// number may stand there.
func flagError(err error) error {
	if e, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		return usage("--%s: %s", e.GetFlag().Name, wanted(e.GetFlag()))
	}
	if e, ok := errors.AsType[*pflag.ValueRequiredError](err); ok {
		return usage("--%s: a value is missing", e.GetFlag().Name)
	}
	if e, ok := errors.AsType[*pflag.NotExistError](err); ok && e.GetSpecifiedShortnames() == "" && word.MatchString(e.GetSpecifiedName()) {
		return usage("there is no flag --%s; see nrl --help", e.GetSpecifiedName())
	}
	return usage("there is no such flag, or it is not well formed; see nrl --help")
}

// wanted says what a flag takes.
func wanted(f *pflag.Flag) string {
	switch f.Value.Type() {
	case "bool":
		return "want true or false"
	case "duration":
		return "want a time such as 30s or 2m"
	}
	return "not a valid value"
}

// word is an argument that can be shown: no number hides in it.
var word = regexp.MustCompile(`^[a-z][a-z-]{0,30}$`)

// noArguments refuses arguments without repeating what may be a number.
func noArguments(c *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		return nil
	case !c.HasParent() && word.MatchString(args[0]):
		return usage("there is no command %q; see nrl --help", args[0])
	case !c.HasParent():
		return usage("there is no such command; see nrl --help")
	}
	return usage("%s takes no argument beside its flags; see %s --help", c.Name(), c.CommandPath())
}

// environment fills flags that were not given from their variables.
func (a *app) environment(fs *pflag.FlagSet) error {
	var faults []error
	fs.VisitAll(func(f *pflag.Flag) {
		name := "NRL_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		text, ok := a.env(name)
		if f.Changed || !ok || text == "" || f.Name == "help" {
			return
		}
		if fs.Set(f.Name, text) != nil {
			faults = append(faults, usage("%s: %s", name, wanted(f)))
		}
	})
	return errors.Join(faults...)
}
