// Command nrl finds a patient's pointers in the National Record Locator and
// retrieves the records behind them, for scripts and for trying out.
//
// Standard output carries data only, standard error the messages. The exit
// status says what happened; see the help of the root command.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := run(ctx, os.Args[1:], os.Stdout, os.Stderr, os.LookupEnv)
	stop()
	os.Exit(status)
}
