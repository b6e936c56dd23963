//go:build !windows

package node

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lode-chain/lode/rpc"
)

// process is a child.
type process struct {
	*exec.Cmd
	reports chan report
}

func spawn(t *testing.T, dir string, env ...string) *process {
	t.Helper()
	p := &process{exec.Command(os.Args[0]), make(chan report, 100)}
	p.Env = append(append(os.Environ(), env...), childEnv+"="+dir)
	p.Stderr = os.Stderr
	out, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer close(p.reports)
		for lines := bufio.NewScanner(io.LimitReader(out, 1<<20)); lines.Scan(); {
			var r report
			if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
				r.Error = fmt.Sprintf("%v: %s", err, lines.Text())
			}
			p.reports <- r
		}
	}()
	t.Cleanup(func() {
		_ = p.Process.Signal(syscall.SIGCONT)
		_ = p.Process.Kill()
		<-done
		_ = p.Wait()
	})
	return p
}

// ready waits until the child has opened the folder.
func (p *process) ready(t *testing.T) Role {
	t.Helper()
	for {
		r := receive(t, "the child", p.reports)
		if r.Error != "" {
			t.Fatal(r.Error)
		}
		if r.Ready {
			return r.Role
		}
	}
}

// TestKilledHost kills the host process: a guest in another process and one in
// this one go on within a second, and the block that the host had acknowledged
// is there.
func TestKilledHost(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "regtest")
	host := spawn(t, dir)
	if role := host.ready(t); !role.Host {
		t.Fatalf("the first process is no host: %+v", role)
	}
	here := run(t, mustOpen(t, config(dir, "here")))
	other := spawn(t, dir)
	if role := other.ready(t); role.Host || role.PID != host.Process.Pid {
		t.Fatalf("the second process: %+v", role)
	}
	eventually(t, here.Node, "two guests", func(s rpc.Status) bool { return len(s.Guests) == 2 })
	call := make(chan error, 1)
	go func() { // a call that waits at the host when it is killed
		call <- here.Client().Call(t.Context(), "waitforblockheight", nil, 1, 10)
	}()
	begun := time.Now()
	if err := host.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	mine, theirs := receive(t, "a new role here", here.roles), receive(t, "a new role there", other.reports)
	if took := time.Since(begun); took > time.Second && !raceDetector {
		t.Errorf("the takeover took %s", took)
	}
	if mine.Host == theirs.Role.Host {
		t.Errorf("hosts: here %+v, there %+v", mine, theirs)
	}
	if mine.PID == host.Process.Pid || mine.PID != theirs.Role.PID {
		t.Errorf("hosts: here %+v, there %+v", mine, theirs)
	}
	if err := receive(t, "the call", call); err != nil {
		t.Errorf("a call that waited at the killed host: %v", err)
	}
	if s := status(t, here.Node); s.HostPID != mine.PID {
		t.Errorf("hosted by %d", s.HostPID)
	}
}

// TestInterruptedHost ends the host as Ctrl-C does: the guest takes over, and the
// process ends well.
func TestInterruptedHost(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "regtest")
	host := spawn(t, dir)
	host.ready(t)
	guest := run(t, mustOpen(t, config(dir, "here")))
	if err := host.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if role := receive(t, "a new role", guest.roles); !role.Host || role.RPCURL == "" {
		t.Errorf("role %+v", role)
	}
	for r := range host.reports {
		t.Errorf("the interrupted host says %+v", r)
	}
	if err := host.Wait(); err != nil {
		t.Errorf("the interrupted host: %v", err)
	}
}

// TestStoppedHost sends a SIGSTOP to the host: who comes waits and says why; when
// the host goes on, they meet.
func TestStoppedHost(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "regtest")
	host := spawn(t, dir)
	host.ready(t)
	if err := host.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	guest := spawn(t, dir)
	r := receive(t, "the guest", guest.reports)
	if want := fmt.Sprintf("waiting for pid %d, child (stopped", host.Process.Pid); !strings.HasPrefix(r.Waiting, want) {
		t.Errorf("the guest says %+v", r)
	}
	if err := host.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if role := guest.ready(t); role.Host {
		t.Errorf("role %+v", role)
	}
}
