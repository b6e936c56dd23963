package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/lode-chain/lode/console"
	"github.com/lode-chain/lode/rpc"
)

func TestErrorsBecomeOneLineAndACode(t *testing.T) {
	stopped, cancel := context.WithCancelCause(context.Background())
	cancel(interrupted{os.Interrupt})
	terminated, cancel := context.WithCancelCause(context.Background())
	cancel(interrupted{syscall.SIGTERM})
	running := context.Background()
	for _, c := range []struct {
		ctx  context.Context
		err  error
		code int
		text string // part of the line; "" for none
	}{
		{running, nil, 0, ""},
		{running, errEnded, 0, ""},
		{terminated, errEnded, 0, ""},
		{terminated, context.Canceled, exitInterrupted, "interrupted"},
		{stopped, errEnded, 0, ""},
		{stopped, nil, exitInterrupted, ""},
		{stopped, fmt.Errorf("calling: %w", context.Canceled), exitInterrupted, "interrupted"},
		{stopped, &fs.PathError{Op: "sync", Path: "/x", Err: syscall.EIO}, exitError, "input/output error"},
		{terminated, &fs.PathError{Op: "sync", Path: "/x", Err: syscall.ENOSPC}, exitError, "disk is full"},
		{stopped, fmt.Errorf("calling: %w", interrupted{os.Interrupt}), exitInterrupted, "interrupted"},
		{running, &rpc.UnknownOutcomeError{Method: "lode_send", Err: errors.New("EOF")}, exitError, "lode_send"},
		{running, console.ErrCancelled, exitInterrupted, "nothing was done"},
		{running, usagef("bad flag"), exitUsage, "bad flag"},
		{running, errors.New("one\ntwo"), exitError, "one; two"},
		{running, rpc.CodeUnlockNeeded.New("the wallets are locked"), exitError, "--passphrase-file"},
		{running, fmt.Errorf("x: %w", rpc.CodeWalletNotFound.New("no wallet Bob")), exitError, "lode wallet list"},
		{running, &fs.PathError{Op: "open", Path: "/x", Err: syscall.EACCES}, exitError, "--datadir"},
		{running, &fs.PathError{Op: "write", Path: "/x", Err: syscall.ENOSPC}, exitError, "disk is full"},
		{running, &fs.PathError{Op: "open", Path: "/x", Err: syscall.ENOENT}, exitError, "/x does not exist"},
	} {
		p := &program{}
		if got := exitCode(c.ctx, c.err); got != c.code {
			t.Errorf("%v: code %d, want %d", c.err, got, c.code)
		}
		got := p.explain(c.ctx, c.err)
		if !strings.Contains(got, c.text) || (got == "") != (c.text == "") || strings.Contains(got, "\n") {
			t.Errorf("%v: %q, want %q in it", c.err, got, c.text)
		}
	}
}

func TestDataDirectoryIsFound(t *testing.T) {
	root := t.TempDir()
	deep := filepath.Join(root, "a", "b")
	if err := os.MkdirAll(filepath.Join(root, ".lode"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(deep, 0o700); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{}
	p := &program{getenv: func(name string) string { return env[name] }, cwd: func() (string, error) { return deep, nil }}
	check := func(want string) {
		t.Helper()
		if got, err := p.findDataDir(); err != nil || got != want {
			t.Errorf("got %s, %v; want %s", got, err, want)
		}
	}
	check(filepath.Join(root, ".lode"))
	env["LODE_DATADIR"] = filepath.Join(root, "env")
	check(filepath.Join(root, "env"))
	p.dataDir = filepath.Join(root, "flag")
	check(filepath.Join(root, "flag"))
}

func TestNetworkIsFound(t *testing.T) {
	dir := t.TempDir()
	p := &program{}
	check := func(want, problem string) {
		t.Helper()
		got, err := p.findNetwork(dir)
		if got != want || (err == nil) != (problem == "") || err != nil && !strings.Contains(err.Error(), problem) {
			t.Errorf("got %q, %v; want %q, %q", got, err, want, problem)
		}
	}
	make := func(name string, rules bool) {
		t.Helper()
		if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
		if rules {
			if err := os.WriteFile(filepath.Join(dir, name, rulesFile), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	check("regtest", "")
	make("something-else", false)
	make(".hidden", true)
	check("regtest", "")
	make("acme", true)
	check("acme", "")
	make("regtest", false)
	check("", "acme and regtest: say which with --network")
	p.network = "regtest"
	check("regtest", "")
	p.network = "../up"
	check("", "--network")
}

func TestKeyFilesAreNeverWrittenOver(t *testing.T) {
	dir := t.TempDir()
	want := []string{"private_bcrt1qab.key", "private_bcrt1qabc.key", "private_bcrt1qabcd.key"}
	address := "bcrt1qabcd"
	for _, name := range want {
		file, err := exportKey(dir, address, strings.Repeat("0", 64))
		if err != nil || filepath.Base(file) != name {
			t.Fatalf("got %s, %v; want %s", file, err, name)
		}
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	if _, err := exportKey(dir, address, ""); err == nil {
		t.Error("a fourth file was written")
	}
	if err := os.Symlink(filepath.Join(dir, "elsewhere"), filepath.Join(dir, "private_mzzzzzzz.key")); err != nil {
		t.Skip(err)
	}
	if file, err := exportKey(dir, "mzzzzzzz", ""); err == nil {
		t.Errorf("a link was followed to %s", file)
	}
}

func TestSettingsOfUp(t *testing.T) {
	settings := func(f up, given ...string) (rpc.Settings, error) {
		f.given = func(flag string) bool { return strings.Contains(" "+strings.Join(given, " ")+" ", " "+flag+" ") }
		return f.settings()
	}
	if s, err := settings(up{}); err != nil || s != (rpc.Settings{}) {
		t.Errorf("no flags set %+v, %v", s, err)
	}
	if s, _ := settings(up{emptyBlocks: true}, "empty-blocks"); s.MiningMode != "always" {
		t.Errorf("--empty-blocks: %+v", s)
	}
	if s, _ := settings(up{}, "empty-blocks"); s.MiningMode != "on-tick" {
		t.Errorf("--empty-blocks=false: %+v", s)
	}
	if s, _ := settings(up{}, "backup-every"); s.BackupEvery != -1 {
		t.Errorf("--backup-every 0: %+v", s)
	}
	if s, _ := settings(up{temp: true}); s.RPCPort == nil || *s.RPCPort != 0 {
		t.Errorf("--temp: %+v", s)
	}
	if s, _ := settings(up{interval: 1500 * time.Millisecond}, "interval"); s.Interval != "1.5s" {
		t.Errorf("--interval: %+v", s)
	}
}

// TestHelpFitsIntoATerminal of 80 columns, for every command.
func TestHelpFitsIntoATerminal(t *testing.T) {
	var out bytes.Buffer
	p := &program{screen: &console.Screen{Out: &out, Err: &out}, getenv: func(string) string { return "" }}
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		out.Reset()
		if err := c.Help(); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(out.String()) {
			if line = strings.TrimSuffix(line, "\n"); utf8.RuneCountInString(line) > 80 {
				t.Errorf("%s --help: %q", c.CommandPath(), line)
			}
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(p.root())
}

func TestTwoOf(t *testing.T) {
	for range 1000 {
		if two := twoOf(12); two[0] >= two[1] || two[0] < 0 || two[1] > 11 {
			t.Fatalf("got %v", two)
		}
	}
}
