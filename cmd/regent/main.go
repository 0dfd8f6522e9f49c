// Command regent is the daemon, its command line, and the lab to try both in.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/term"
)

// version is set when a release is linked: -ldflags "-X main.version=…".
var version string

func main() { os.Exit(run()) }

// run is main with an exit code, so that what it defers is done.
func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	outTerminal := term.IsTerminal(int(os.Stdout.Fd())) //nolint:gosec // a descriptor is small.
	inTerminal := term.IsTerminal(int(os.Stdin.Fd()))   //nolint:gosec // a descriptor is small.
	return execute(ctx, os.Args[1:], &console{
		in: os.Stdin, out: os.Stdout, errs: os.Stderr, env: os.Getenv,
		terminal: outTerminal, interactive: outTerminal && inTerminal,
	})
}

// execute runs one command line and returns its exit code.
func execute(ctx context.Context, args []string, c *console) int {
	root := newRoot(c)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	code := exitCode(err)
	if err != nil && !silent(err) {
		c.complain(err)
	}
	return code
}

// complain says on standard error what went wrong: a sentence, or the API's error object where JSON
// was asked for.
func (c *console) complain(err error) {
	if c.format == formatJSON {
		if encodeErr := writeJSON(c.errs, errorShape(err)); encodeErr == nil {
			return
		}
	}
	writeLine(c.errs, "regent: "+err.Error())
}

// writeLine writes to a stream of the process; when that is gone there is nobody to tell.
func writeLine(w io.Writer, line string) { _, _ = fmt.Fprintln(w, line) }
