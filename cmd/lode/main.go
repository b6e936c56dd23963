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
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/mattn/go-isatty"

	"github.com/lode-chain/lode/console"
	"github.com/lode-chain/lode/internal/platform"
)

func main() { os.Exit(run()) }

// run is main with an exit code, so that tests can call the program by name.
func run() int {
	_ = platform.ForbidCoreDumps() // as far as the system lets it: keys pass through this memory
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

// interrupts hands Ctrl-C to whom it is meant for: the newest of the contexts
// that wait for it, which are the program and, at the console's prompt, the
// command that runs. Its mutex guards the stack.
type interrupts struct {
	mu      sync.Mutex
	waiting []*context.CancelCauseFunc // the program's first
}

// interruptsKey is where a context has its interrupts.
type interruptsKey struct{}

// notifySignals returns a context that ends at the first Ctrl-C, SIGTERM or
// SIGHUP. After that the signals have their usual effect again, so that a second
// one ends the process at once; nothing that was acknowledged is lost by it.
//
// Within such a context it returns one that Ctrl-C ends alone; a second Ctrl-C,
// if that one is still there, is the outer one's.
func notifySignals(parent context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(parent)
	if all, ok := parent.Value(interruptsKey{}).(*interrupts); ok {
		all.push(&cancel)
		return ctx, func() { all.drop(&cancel); cancel(nil) }
	}
	all := &interrupts{}
	all.push(&cancel)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		for {
			select {
			case s := <-signals:
				if s == os.Interrupt && isatty.IsTerminal(os.Stderr.Fd()) {
					fmt.Fprintln(os.Stderr) // what is said next stands below the ^C
				}
				if s == os.Interrupt && all.endNewest(interrupted{s}) {
					continue
				}
				signal.Stop(signals)
				cancel(interrupted{s})
				return
			case <-ctx.Done():
				return
			}
		}
	}()
	return context.WithValue(ctx, interruptsKey{}, all), func() {
		signal.Stop(signals)
		cancel(nil)
	}
}

func (i *interrupts) push(cancel *context.CancelCauseFunc) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.waiting = append(i.waiting, cancel)
}

func (i *interrupts) drop(cancel *context.CancelCauseFunc) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.waiting = slices.DeleteFunc(i.waiting, func(c *context.CancelCauseFunc) bool { return c == cancel })
}

// endNewest ends the newest context within the program's. It says whether there
// was one.
func (i *interrupts) endNewest(why interrupted) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	last := len(i.waiting) - 1
	if last < 1 {
		return false
	}
	(*i.waiting[last])(why)
	i.waiting = i.waiting[:last]
	return true
}
