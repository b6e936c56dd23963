package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lode-chain/lode/chain"
	"github.com/lode-chain/lode/internal/platform"
	"github.com/lode-chain/lode/rpc"
)

// fakeHost holds a folder's lock and answers some methods through its socket,
// as another process would. End it with its Shutdown; the lock stays.
func fakeHost(t *testing.T, dir string, pid int, methods ...rpc.Method) *rpc.Server {
	t.Helper()
	if err := platform.MakeDir(dir); err != nil {
		t.Fatal(err)
	}
	lock, err := platform.TryLock(filepath.Join(dir, lockFile))
	if err != nil || lock == nil {
		t.Fatal(lock, err)
	}
	server := rpc.NewServer(rpc.Config{})
	for _, m := range methods {
		server.Register(m)
	}
	l, endpoint, err := platform.Listen(dir)
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	wait.Go(func() { _ = server.Serve(l, rpc.Access{}) })
	t.Cleanup(func() {
		_ = server.Shutdown(context.Background())
		wait.Wait()
		if err := lock.Unlock(); err != nil {
			t.Error(err)
		}
	})
	if err := writeHost(dir, hostInfo{PID: pid, Command: "lode up", Endpoint: endpoint}); err != nil {
		t.Fatal(err)
	}
	return server
}

// answer is a method that always returns the same.
func answer(name string, result any, err error) rpc.Method {
	return rpc.Method{Name: name, Handler: func(context.Context, *rpc.Request) (any, error) { return result, err }}
}

// guestConfig is that of a short command.
func guestConfig(dir string) Config {
	c := config(dir, "lode balance")
	c.Settings, c.LongLived = rpc.Settings{}, false
	return c
}

// TestStartingHost waits for a host that loads its chain, says so, and joins it.
func TestStartingHost(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "regtest")
	server := fakeHost(t, dir, os.Getpid(), answer("uptime", 1, nil))
	server.Warmup("loading the chain")
	c := guestConfig(dir)
	var once sync.Once
	c.Waiting = func(reason string) {
		once.Do(func() {
			if want := fmt.Sprintf("waiting for pid %d, lode up (starting: loading the chain)", os.Getpid()); reason != want {
				t.Errorf("told %q, want %q", reason, want)
			}
			server.Ready()
		})
	}
	if n := mustOpen(t, c); n.IsHost() || n.Role().Command != "lode up" {
		t.Errorf("role %+v", n.Role())
	}
}

// TestHostThatCannotBeSeen joins a host in a container of its own: its process
// is not known here, but it answers.
func TestHostThatCannotBeSeen(t *testing.T) {
	const elsewhere = 1 << 30
	if platform.ProcessState(elsewhere) != platform.Gone {
		t.Fatal("there is such a process")
	}
	dir := filepath.Join(t.TempDir(), "regtest")
	fakeHost(t, dir, elsewhere, answer("uptime", 1, nil)).Ready()
	if n := mustOpen(t, guestConfig(dir)); n.Role().PID != elsewhere {
		t.Errorf("role %+v", n.Role())
	}
}

// TestHeirGoesFirst has a short command come when a host has ended whose guest
// has not taken its place yet: it lets the guest go first, if that is alive.
func TestHeirGoesFirst(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "regtest")
	c := config(dir, "lode up")
	host := run(t, mustOpen(t, c))
	run(t, mustOpen(t, config(dir, "lode miner")))
	eventually(t, host.Node, "a guest", func(s rpc.Status) bool { return len(s.Guests) == 1 })
	left := host.link.host
	if err := host.Close(); err != nil {
		t.Fatal(err)
	}
	if heirs := left.info.Heirs; len(heirs) != 1 || heirs[0] != os.Getpid() {
		t.Errorf("heirs %v", heirs)
	}

	late := filepath.Join(t.TempDir(), "regtest")
	if err := platform.MakeDir(late); err != nil {
		t.Fatal(err)
	}
	if err := writeHost(late, hostInfo{PID: 1 << 30, Heirs: []int{os.Getpid()}}); err != nil {
		t.Fatal(err)
	}
	opened := make(chan *Node, 1)
	go func() {
		n, err := Open(t.Context(), guestConfig(late))
		if err != nil {
			t.Error(err)
		}
		opened <- n
	}()
	select {
	case n := <-opened:
		t.Errorf("the short command did not wait: %+v", n.Role())
		opened <- n
	case <-time.After(5 * lookEvery):
	}
	mustOpen(t, config(late, "lode miner"))
	short := receive(t, "the short command", opened)
	if short.IsHost() {
		t.Error("the short command became the host")
	}
	if err := short.Close(); err != nil {
		t.Error(err)
	}

	gone := filepath.Join(t.TempDir(), "regtest")
	if err := platform.MakeDir(gone); err != nil {
		t.Fatal(err)
	}
	if err := writeHost(gone, hostInfo{PID: 1 << 30, Heirs: []int{1 << 30}}); err != nil {
		t.Fatal(err)
	}
	if n := mustOpen(t, guestConfig(gone)); !n.IsHost() {
		t.Error("waited for a process that is not there")
	}
}

// TestCloseWhileLooking closes a node while a call of it looks for a host that
// does not come: neither waits until patience ends.
func TestCloseWhileLooking(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "regtest")
	server := fakeHost(t, dir, os.Getpid(), answer("uptime", 1, nil))
	server.Ready()
	c := guestConfig(dir)
	looking := make(chan struct{})
	var once sync.Once
	c.Waiting = func(string) { once.Do(func() { close(looking) }) }
	c.Patience = time.Hour
	n := mustOpen(t, c)
	if err := server.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	called := make(chan error, 1)
	go func() { called <- n.Client().Call(context.Background(), "uptime", nil) }()
	receive(t, "the search", looking)
	closed := make(chan error, 1)
	go func() { closed <- n.Close() }()
	if err := receive(t, "the end of the node", closed); err != nil {
		t.Error(err)
	}
	if err := receive(t, "the end of the call", called); err == nil || !strings.Contains(err.Error(), "left the chain") {
		t.Errorf("the call ended with %v", err)
	}
}

// TestHostThatRefusesPolls stays with a host that is there but takes no polls,
// without keeping it busy.
func TestHostThatRefusesPolls(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "regtest")
	polls := make(chan time.Time, 1000)
	fakeHost(t, dir, os.Getpid(), answer("uptime", 1, nil), rpc.Method{
		Name: "lode_settings", Own: true,
		Handler: func(context.Context, *rpc.Request) (any, error) { return rpc.Settings{}, nil },
	}, rpc.Method{
		Name: "lode_events", Own: true,
		Handler: func(context.Context, *rpc.Request) (any, error) {
			polls <- time.Now()
			return nil, rpc.CodeMisc.New("too much to do")
		},
	}).Ready()
	run(t, mustOpen(t, config(dir, "lode up")))
	first := receive(t, "a poll", polls)
	receive(t, "another", polls)
	if third := receive(t, "a third", polls); third.Sub(first) < 2*pollPause {
		t.Errorf("three polls within %s", third.Sub(first))
	}
}

// TestStopForAllWhileEnding has a call that stops the chain for all, and which
// the host still answers while it ends by itself: nobody is to take over.
func TestStopForAllWhileEnding(t *testing.T) {
	c := config(filepath.Join(t.TempDir(), "regtest"), "lode up")
	n := mustOpen(t, c)
	h := n.link.host
	inGroup, letGo := make(chan struct{}), make(chan struct{})
	called := make(chan error, 1)
	var group sync.WaitGroup
	group.Go(func() {
		_ = h.chain.Group(context.Background(), func(*chain.Group) error {
			close(inGroup)
			<-letGo
			return nil
		})
	})
	defer group.Wait()
	<-inGroup
	go func() { // a call that runs until the group ends
		called <- n.Client().Call(t.Context(), "generatetoaddress", nil, 1, "bcrt1q6rz28mcfaxtmd6v789l9rrlrusdprr9pz3cppk")
	}()
	for len(h.server.Active()) == 0 {
		receive(t, "the call", time.After(time.Millisecond))
	}
	_, more := h.events.after(h.events.position().Next)
	closed := make(chan error, 1)
	go func() { closed <- h.Close() }()
	receive(t, "the host's last word", more)
	h.stop(true) // as lode_stop does
	close(letGo)
	if err := receive(t, "the end of the host", closed); err != nil {
		t.Error(err)
	}
	if err := receive(t, "the end of the call", called); err != nil {
		t.Error(err)
	}
	if info, err := readHost(c.Dir); err != nil || !info.Stopped {
		t.Errorf("left behind: %+v, %v", info, err)
	}
}

// TestFailedHost ends a host whose database fails: the process says why and does
// not take over from itself.
func TestFailedHost(t *testing.T) {
	n := run(t, mustOpenFailing(t, config(filepath.Join(t.TempDir(), "regtest"), "lode up")))
	n.link.host.fail(errors.New("input/output error"))
	if err := receive(t, "the end", n.ended); err == nil || !strings.Contains(err.Error(), "input/output error") {
		t.Errorf("ended with %v", err)
	}
	if err := n.Client().Call(t.Context(), "uptime", nil); err == nil || !strings.Contains(err.Error(), "input/output error") {
		t.Errorf("a call afterwards: %v", err)
	}
	receive(t, "the host's end", n.link.host.done)
}

// mustOpenFailing is mustOpen for a node whose Close reports the failure.
func mustOpenFailing(t *testing.T, c Config) *Node {
	t.Helper()
	n, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err == nil {
			t.Error("closed without the failure")
		}
	})
	return n
}
