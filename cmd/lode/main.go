// Command lode runs a private Bitcoin-style chain: node, miners, wallets and
// backups in one program.
//
// This package turns arguments into calls and replies into text, one file a
// command. It decides nothing about blocks, transactions or keys: every command
// opens the data directory through package node, as its host or as a guest, and
// speaks to it through the same client. main.go, program.go, place.go and open.go
// are what all commands share; errors.go is where refusals become sentences.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/mattn/go-isatty"

	"github.com/lode-chain/lode/console"
)

func main() { os.Exit(run()) }

// run is main with an exit code, so that tests can call the program by name.
func run() int {
	ctx, stop := notifySignals(context.Background())
	defer stop()
	p := newProgram(os.Stdin, os.Stdout, os.Stderr, os.Getenv)
	return p.run(ctx, os.Args[1:])
}

// newProgram returns the program on the given streams and environment.
func newProgram(in, out, errOut *os.File, getenv func(string) string) *program {
	return &program{
		screen: console.NewScreen(in, out, errOut, false, getenv),
		getenv: getenv,
		now:    time.Now,
		cwd:    os.Getwd,
	}
}

// interrupted is why a context ended: somebody asked this process to stop.
type interrupted struct{ signal os.Signal }

// Error implements error.
func (i interrupted) Error() string { return "interrupted" }

// notifySignals returns a context that ends at the first Ctrl-C or SIGTERM.
// After that the signals have their usual effect again, so that a second one
// ends the process at once; nothing that was acknowledged is lost by it.
func notifySignals(parent context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		select {
		case s := <-signals:
			signal.Stop(signals)
			if s == os.Interrupt && isatty.IsTerminal(os.Stderr.Fd()) {
				fmt.Fprintln(os.Stderr) // what is said next stands below the ^C
			}
			cancel(interrupted{s})
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		cancel(nil)
	}
}
