//go:build unix

package main

import (
	"context"
	"os"
	"syscall"
	"testing"
	"time"
)

// TestCtrlCEndsTheCommandAtThePrompt, not the console: that takes another one.
func TestCtrlCEndsTheCommandAtThePrompt(t *testing.T) {
	program, stop := notifySignals(t.Context())
	defer stop()
	interrupt := func(ends context.Context) {
		t.Helper()
		if err := syscall.Kill(os.Getpid(), syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		select {
		case <-ends.Done():
		case <-time.After(10 * time.Second):
			t.Fatal("nothing ended")
		}
		if why, ok := interruption(ends, nil); !ok || why.signal != os.Interrupt {
			t.Errorf("ended by %v", context.Cause(ends))
		}
	}
	for range 2 {
		command, done := notifySignals(program)
		interrupt(command)
		done()
		if program.Err() != nil {
			t.Fatal("the program ended with its command")
		}
	}
	command, done := notifySignals(program)
	done()
	if context.Cause(command) != context.Canceled {
		t.Errorf("a command that is through was ended by %v", context.Cause(command))
	}
	command, done = notifySignals(program)
	defer done()
	interrupt(command)
	interrupt(program)
}
