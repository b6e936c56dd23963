package platform

import (
	"context"
	"os"
	"os/signal"
	"sync"
)

// Interrupts returns a context that ends at the first interrupt or request to
// terminate. At the second one the process exits at once, with status 130 or
// 143. Stop gives the signals back.
func Interrupts(parent context.Context) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancel(parent)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, endSignals...)
	done := make(chan struct{})
	var once sync.Once
	go func() {
		for first := true; ; first = false {
			select {
			case s := <-signals:
				if !first {
					os.Exit(exitStatus(s))
				}
				cancel()
			case <-done:
				return
			}
		}
	}()
	return ctx, func() {
		once.Do(func() {
			signal.Stop(signals)
			close(done)
			cancel()
		})
	}
}

// State is what is known of a process.
type State int

// The states of a process.
const (
	Gone    State = iota // there is no such process
	Running              // it is there
	Stopped              // it is there and stopped by a signal (SIGSTOP, Ctrl-Z)
)
