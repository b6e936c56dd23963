package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// lodeBinary returns the name by which the test binary runs as lode.
func lodeBinary(b *testing.B) string {
	b.Helper()
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	name := filepath.Join(b.TempDir(), "lode")
	if err := os.Symlink(self, name); err != nil {
		b.Skip(err)
	}
	return name
}

// startUp runs lode up in a process of its own and returns once its ready file
// has appeared.
func startUp(b *testing.B, lode, dataDir string, args ...string) *exec.Cmd {
	b.Helper()
	ready := filepath.Join(b.TempDir(), "ready")
	up := exec.CommandContext(context.Background(), lode,
		append([]string{"--datadir", dataDir, "up", "--rpc-port", "0", "--ready-file", ready}, args...)...)
	if err := up.Start(); err != nil {
		b.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(500 * time.Microsecond) {
		if _, err := os.Stat(ready); err == nil {
			return up
		}
		if time.Now().After(deadline) {
			b.Fatal("the ready file did not appear")
		}
	}
}

// rss returns the resident memory of a process in MB, 0 where that is unknown.
func rss(pid int) float64 {
	status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	kB, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	n, _ := strconv.ParseFloat(kB, 64)
	return n / 1000
}

func stop(b *testing.B, up *exec.Cmd) {
	b.Helper()
	_ = up.Process.Signal(os.Interrupt)
	_ = up.Wait()
}

// BenchmarkUp is lode up on an empty directory until RPC answers with funded
// wallets. The figure to hold: 0.5 s, and 100 MB.
func BenchmarkUp(b *testing.B) {
	lode := lodeBinary(b)
	memory := 0.0
	for b.Loop() {
		up := startUp(b, lode, filepath.Join(b.TempDir(), "data"))
		b.StopTimer()
		memory = max(memory, rss(up.Process.Pid))
		stop(b, up)
		b.StartTimer()
	}
	b.ReportMetric(memory, "MB-rss")
}

// BenchmarkReopen is lode up on a chain of 10,000 blocks until RPC answers. The
// figure to hold: 0.3 s.
func BenchmarkReopen(b *testing.B) {
	lode := lodeBinary(b)
	dataDir := filepath.Join(b.TempDir(), "data")
	for _, args := range [][]string{{"wallet", "new"}, {"mine", "10000"}} {
		if out, err := exec.Command(lode, append([]string{"--datadir", dataDir}, args...)...).CombinedOutput(); err != nil {
			b.Fatalf("%v: %s", err, out)
		}
	}
	memory := 0.0
	for b.Loop() {
		up := startUp(b, lode, dataDir)
		b.StopTimer()
		memory = max(memory, rss(up.Process.Pid))
		stop(b, up)
		b.StartTimer()
	}
	b.ReportMetric(memory, "MB-rss")
}

// BenchmarkCommand is a short command with nobody hosting: open, ask, close.
func BenchmarkCommand(b *testing.B) {
	lode := lodeBinary(b)
	dataDir := filepath.Join(b.TempDir(), "data")
	for b.Loop() {
		if out, err := exec.Command(lode, "--datadir", dataDir, "balance").CombinedOutput(); err != nil {
			b.Fatalf("%v: %s", err, out)
		}
	}
}
