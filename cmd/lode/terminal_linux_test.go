package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// terminal is a pseudo-terminal on which a program runs, and all that the
// program wrote to it.
type terminal struct {
	t      *testing.T
	keys   *os.File // the side of the person
	mu     sync.Mutex
	shown  bytes.Buffer
	seen   int // bytes up to the end of the text that was last waited for
	exited chan error
}

// onTerminal starts lode on a terminal of its own.
func onTerminal(t *testing.T, width, height int, env []string, args ...string) *terminal {
	t.Helper()
	keys, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo-terminal here: %v", err)
	}
	t.Cleanup(func() { keys.Close() })
	// Through the raw connection: Fd would make the file blocking.
	raw, err := keys.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	number := 0
	var failed error
	if err := raw.Control(func(fd uintptr) {
		if failed = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); failed == nil {
			number, failed = unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
		}
		if failed == nil {
			failed = unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, &unix.Winsize{Row: uint16(height), Col: uint16(width)})
		}
	}); err != nil || failed != nil {
		t.Skipf("no pseudo-terminal here: %v", errors.Join(err, failed))
	}
	screen, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo-terminal here: %v", err)
	}
	defer screen.Close()
	c := exec.CommandContext(t.Context(), "lode", args...)
	c.Env = append(os.Environ(), append([]string{"TERM=xterm-256color", "CI=", "NO_COLOR="}, env...)...)
	c.Stdin, c.Stdout, c.Stderr = screen, screen, screen
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	term := &terminal{t: t, keys: keys, exited: make(chan error, 1)}
	read := make(chan struct{})
	go func() {
		defer close(read)
		var b [4096]byte
		for {
			n, err := keys.Read(b[:])
			term.mu.Lock()
			term.shown.Write(b[:n])
			term.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	go func() {
		err := c.Wait()
		<-read // the kernel says so once the last writer is gone
		term.exited <- err
	}()
	return term
}

func (term *terminal) output() string {
	term.mu.Lock()
	defer term.mu.Unlock()
	return term.shown.String()
}

// sees waits until the program has shown a text since the one before.
func (term *terminal) sees(text string) {
	term.t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		if at := strings.Index(term.output()[term.seen:], text); at >= 0 {
			term.seen += at + len(text)
			return
		}
		select {
		case <-deadline:
			term.t.Fatalf("%q was not shown:\n%q", text, term.output()[term.seen:])
		case <-time.After(2 * time.Millisecond): // the terminal tells nobody
		}
	}
}

func (term *terminal) types(text string) {
	term.t.Helper()
	if _, err := term.keys.WriteString(text); err != nil {
		term.t.Fatal(err)
	}
}

// ends waits for the end of the program and returns its exit code.
func (term *terminal) ends() int {
	term.t.Helper()
	select {
	case err := <-term.exited:
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			term.t.Fatal(err)
		}
		if exit != nil {
			return exit.ExitCode()
		}
		return 0
	case <-time.After(20 * time.Second):
		term.t.Fatalf("it did not end:\n%q", term.output())
		return -1
	}
}

// restored says that the terminal was given back: its first screen, a cursor
// that is seen.
func (term *terminal) restored() {
	term.t.Helper()
	out := term.output()
	if strings.LastIndex(out, "\x1b[?1049l") < strings.LastIndex(out, "\x1b[?1049h") {
		term.t.Errorf("the other screen was left on:\n%q", out)
	}
	if strings.LastIndex(out, "\x1b[?25h") < strings.LastIndex(out, "\x1b[?25l") {
		term.t.Errorf("the cursor was left hidden:\n%q", out)
	}
}

var colors = regexp.MustCompile("\x1b\\[[0-9;]*(3[0-8]|4[0-8]|9[0-7])[0-9;]*m")

// TestScreensOnATerminal: the screens in a process of their own, at two sizes,
// with and without colour; Esc leaves with 130 and gives the terminal back.
func TestScreensOnATerminal(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	t.Setenv("LODE_DATADIR", data)
	for _, args := range [][]string{{"wallet", "new", "-n", "3"}, {"mine", "101"}} {
		if out, err := exec.Command("lode", args...).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	for _, c := range []struct {
		width, height int
		env           []string
	}{{80, 24, nil}, {120, 40, []string{"NO_COLOR=1"}}} {
		term := onTerminal(t, c.width, c.height, c.env, "wallets")
		term.sees("5000.00000000") // immature
		term.types("wallet1\r")
		term.sees("Receive")
		term.types("r")
		term.sees("Address")
		term.types("\x1b")
		term.sees("pay from this wallet")
		term.types("h")
		term.sees("block 101")
		term.types("\x03")
		if code := term.ends(); code != exitInterrupted {
			t.Errorf("exit code %d", code)
		}
		term.restored()
		if found := colors.FindString(term.output()); (found != "") != (c.env == nil) {
			t.Errorf("%v: colour %q", c.env, found)
		}
	}
	term := onTerminal(t, 80, 24, nil, "wallets")
	term.sees("Wallet3")
	term.types("\x1b")
	if code := term.ends(); code != exitInterrupted {
		t.Errorf("Esc: exit code %d", code)
	}
	term.restored()

	// The form pays, and what remains on the terminal is the result.
	term = onTerminal(t, 80, 24, nil, "send", "--from", "1", "--to", "Wallet2")
	term.sees("Amount")
	term.types("1.5\r")
	term.sees("Enter pays this.")
	term.types("\r\r") // twice: it is paid once
	term.sees("Sent.")
	term.types("\r") // the second may have come while it was being paid
	if code := term.ends(); code != 0 {
		t.Errorf("send: exit code %d", code)
	}
	term.restored()
	out, err := exec.Command("lode", "history", "1", "--limit", "2").CombinedOutput()
	if err != nil || strings.Count(string(out), " out ") != 1 {
		t.Errorf("paid other than once: %v\n%s", err, out)
	}

	// In a build there is nobody to ask, whatever the terminal says.
	term = onTerminal(t, 80, 24, []string{"CI=true"}, "wallets")
	if code := term.ends(); code != exitUsage || !strings.Contains(term.output(), "nobody can be asked here") {
		t.Errorf("CI: exit code %d: %q", code, term.output())
	}
	// Plain asks with numbers.
	term = onTerminal(t, 80, 24, nil, "wallets", "--plain")
	term.sees("Number or name:")
	term.types("2\n")
	term.sees("1  Send: pay from this wallet")
	term.types("\x03")
	if code := term.ends(); code != exitInterrupted {
		t.Errorf("plain: exit code %d", code)
	}
	if strings.Contains(term.output(), "\x1b[") {
		t.Errorf("plain moves the cursor: %q", term.output())
	}
}
