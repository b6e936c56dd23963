package node

import (
	"compress/gzip"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/chain"
	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/internal/platform"
	"github.com/lode-chain/lode/network"
	"github.com/lode-chain/lode/rpc"
)

// patience bounds every wait of these tests: what is waited for comes in
// milliseconds, unless something is broken.
const patience = 20 * time.Second

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		os.Exit(child())
	}
	goleak.VerifyTestMain(m)
}

// clock is the time of all tests: a little after the last block of the chain
// that Core made.
func clock() time.Time { return time.Unix(1_800_000_000, 0) }

// config is that of a long-lived command with any free port.
func config(dir, command string) Config {
	port := 0
	return Config{
		Dir: dir, Params: network.Regtest(), Command: command, Version: "test",
		LongLived: true, Settings: rpc.Settings{RPCPort: &port},
	}
}

func mustOpen(t *testing.T, c Config) *Node {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	n, err := Open(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Errorf("close %s: %v", c.Command, err)
		}
	})
	return n
}

// running is a node whose Run runs.
type running struct {
	*Node
	roles chan Role  // after each change
	ended chan error // what Run returned
	stop  context.CancelFunc
}

func run(t *testing.T, n *Node) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r := &running{n, make(chan Role, 100), make(chan error, 1), cancel}
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.ended <- n.Run(ctx, func(role Role) { r.roles <- role })
	}()
	t.Cleanup(func() { cancel(); <-done })
	return r
}

// receive waits for something on a channel.
func receive[T any](t *testing.T, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("waited too long for %s", what)
	}
	panic("unreachable")
}

func status(t *testing.T, n *Node) rpc.Status {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	s, err := n.Client().Status(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// eventually waits until a status is as wanted: it asks again after each event,
// and at the latest after a moment.
func eventually(t *testing.T, n *Node, what string, wanted func(rpc.Status) bool) {
	t.Helper()
	limit := time.Now().Add(patience)
	for !wanted(status(t, n)) {
		if time.Now().After(limit) {
			t.Fatalf("waited too long for %s: %+v", what, status(t, n))
		}
		events, err := n.Client().Events(t.Context(), rpc.EventsRequest{})
		if err == nil {
			_, _ = n.Client().Events(t.Context(), rpc.EventsRequest{Since: &events.Next, Timeout: 0.02})
		}
	}
}

// importVaried reads the chain that Core made into a host.
func importVaried(t *testing.T, h *Host) {
	t.Helper()
	f, err := os.Open("../testdata/chains/core281_varied.dat.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	err = h.chain.Group(t.Context(), func(g *chain.Group) error {
		for len(data) > 8 {
			size := binary.LittleEndian.Uint32(data[4:8])
			block, err := consensus.DecodeBlock(data[8 : 8+size])
			if err != nil {
				return err
			}
			data = data[8+size:]
			if _, err := g.Accept(block, clock()); err != nil && !errors.Is(err, consensus.Duplicate) {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// extend adds an empty block to a host's chain.
func extend(t *testing.T, h *Host) *wire.MsgBlock {
	t.Helper()
	tip := h.chain.Tip()
	b := emptyBlock(h.params, tip)
	if _, err := h.chain.Accept(b, time.Unix(b.Header.Timestamp.Unix(), 0)); err != nil {
		t.Fatal(err)
	}
	return b
}

// emptyBlock makes a block on top of tip that pays to anybody.
func emptyBlock(p *network.Params, tip *chain.Entry) *wire.MsgBlock {
	height := tip.Height + 1
	coinbase := wire.NewMsgTx(2)
	coinbase.AddTxIn(&wire.TxIn{
		PreviousOutPoint: wire.OutPoint{Index: wire.MaxPrevOutIndex},
		SignatureScript:  append(consensus.CoinbaseHeight(height), 0x51), Sequence: wire.MaxTxInSequenceNum,
	})
	coinbase.AddTxOut(&wire.TxOut{Value: p.SubsidyAt(height), PkScript: []byte{0x51}})
	when := tip.MedianTimePast() + 1
	b := wire.NewMsgBlock(&wire.BlockHeader{
		Version: 0x20000000, PrevBlock: tip.Hash, MerkleRoot: coinbase.TxHash(),
		Timestamp: time.Unix(when, 0), Bits: tip.NextBits(p, when),
	})
	_ = b.AddTransaction(coinbase)
	for consensus.CheckProofOfWork(p, &b.Header) != nil {
		b.Header.Nonce++
	}
	return b
}

func TestHostAloneAndAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "regtest")
	c := config(dir, "lode up")
	c.Settings.Interval = "7s"
	n := mustOpen(t, c)
	if !n.IsHost() {
		t.Fatal("alone and not the host")
	}
	s := status(t, n)
	if s.Height != 0 || s.HostPID != os.Getpid() || s.HostCommand != "lode up" || s.DataDir != dir || s.Settings.Interval != "7s" {
		t.Errorf("status %+v", s)
	}
	if !strings.HasPrefix(s.RPCURL, "http://127.0.0.1:") || s.RPCURL != n.Role().RPCURL {
		t.Errorf("port %q, role %+v", s.RPCURL, n.Role())
	}
	for name, want := range map[string]os.FileMode{
		".": 0o700, ".cookie": 0o600, "host.json": 0o600, "settings": 0o600, "lode.log": 0o600, "socket": 0o600, "db": 0o700, "blocks": 0o700, "lock": 0o600,
	} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: mode %v, %v", name, info.Mode(), err)
		}
	}
	block := extend(t, n.link.host)
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, ".cookie")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the cookie outlived the host: %v", err)
	}
	if err := n.Client().Call(t.Context(), "uptime", nil); err == nil {
		t.Error("a closed node answers")
	}

	again := mustOpen(t, config(dir, "lode status"))
	s = status(t, again)
	if s.Height != 1 || s.BestBlock != block.BlockHash().String() || s.Settings.Interval != "7s" {
		t.Errorf("after opening again: %+v", s)
	}
}

func TestShortCommandOpensNoPort(t *testing.T) {
	c := config(filepath.Join(t.TempDir(), "regtest"), "lode balance")
	c.LongLived = false
	n := mustOpen(t, c)
	if s := status(t, n); s.RPCURL != "" || s.CookieFile != "" {
		t.Errorf("port %q, cookie %q", s.RPCURL, s.CookieFile)
	}
}

func TestGuests(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "regtest")
	host := mustOpen(t, config(dir, "lode up"))
	c := config(dir, "lode miner")
	c.Settings = rpc.Settings{Interval: "11s"}
	guest := run(t, mustOpen(t, c))
	if guest.IsHost() || guest.Role().Command != "lode up" {
		t.Errorf("role %+v", guest.Role())
	}
	if s := status(t, host); s.Settings.Interval != "11s" {
		t.Errorf("the guest's settings were not applied: %+v", s.Settings)
	}
	eventually(t, host, "the guest to be listed", func(s rpc.Status) bool {
		return len(s.Guests) == 1 && s.Guests[0] == rpc.Guest{PID: os.Getpid(), Command: "lode miner"}
	})
	bad := config(dir, "lode up")
	bad.Settings = rpc.Settings{Interval: "soon"}
	if _, err := Open(t.Context(), bad); err == nil || !strings.Contains(err.Error(), "soon") {
		t.Errorf("settings that the host refuses: %v", err)
	}
}

// TestTakeover ends a host under three guests: one of them becomes the host, the
// others follow it, and calls work all the time.
func TestTakeover(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "regtest")
	first := mustOpen(t, config(dir, "first"))
	block := extend(t, first.link.host)
	var guests []*running
	for _, name := range []string{"a", "b", "c"} {
		guests = append(guests, run(t, mustOpen(t, config(dir, name))))
	}
	eventually(t, first, "three guests", func(s rpc.Status) bool { return len(s.Guests) == 3 })
	calls, stop := context.WithCancel(t.Context())
	var wait sync.WaitGroup
	for _, g := range guests {
		wait.Go(func() {
			for calls.Err() == nil {
				var count int
				if err := g.Client().Call(calls, "getblockcount", &count); (err != nil || count != 1) && calls.Err() == nil {
					t.Errorf("a call during the takeover: %d, %v", count, err)
					return
				}
			}
		})
	}
	begun := time.Now()
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	hosts := 0
	for _, g := range guests {
		if role := receive(t, "a new role", g.roles); role.Host {
			hosts++
			if role.RPCURL == "" {
				t.Errorf("the new host opened no port: %q", role.RPCNote)
			}
		}
	}
	if took := time.Since(begun); took > time.Second {
		t.Errorf("the takeover took %s", took)
	}
	if hosts != 1 {
		t.Errorf("%d hosts", hosts)
	}
	stop()
	wait.Wait()
	if s := status(t, guests[0].Node); s.BestBlock != block.BlockHash().String() || s.HostCommand == "first" {
		t.Errorf("afterwards: %+v", s)
	}
}

// TestStopForAll stops the chain: nobody takes over, and who comes later starts
// anew.
func TestStopForAll(t *testing.T) {
	for _, method := range []string{"lode_stop", "stop"} {
		t.Run(method, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "regtest")
			host := run(t, mustOpen(t, config(dir, "host")))
			guest := run(t, mustOpen(t, config(dir, "guest")))
			eventually(t, host.Node, "the guest", func(s rpc.Status) bool { return len(s.Guests) == 1 })
			var params []any
			if method == "lode_stop" {
				params = []any{rpc.StopRequest{All: true}}
			}
			if err := guest.Client().Call(t.Context(), method, nil, params...); err != nil {
				t.Fatal(err)
			}
			for _, n := range []*running{host, guest} {
				if err := receive(t, "the end of "+n.config.Command, n.ended); !errors.Is(err, ErrStopped) {
					t.Errorf("%s ended with %v", n.config.Command, err)
				}
			}
			if err := guest.Client().Call(t.Context(), "uptime", nil); !errors.Is(err, ErrStopped) {
				t.Errorf("a call afterwards: %v", err)
			}
			if n := mustOpen(t, config(dir, "later")); !n.IsHost() {
				t.Error("who comes later is not the host")
			}
		})
	}
}

// TestGuestThatDoesNotPoll is a short command whose host stops for all between
// two of its calls: it must not take over.
func TestGuestThatDoesNotPoll(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "regtest")
	host := run(t, mustOpen(t, config(dir, "host")))
	c := config(dir, "short")
	c.LongLived = false
	guest := mustOpen(t, c)
	if err := host.Client().Stop(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	receive(t, "the end of the host", host.ended)
	if err := guest.Client().Call(t.Context(), "uptime", nil); !errors.Is(err, ErrStopped) {
		t.Errorf("got %v", err)
	}
}

// TestStopOfTheHostAlone ends the host; its guest goes on.
func TestStopOfTheHostAlone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "regtest")
	host := run(t, mustOpen(t, config(dir, "host")))
	guest := run(t, mustOpen(t, config(dir, "guest")))
	if err := guest.Client().Stop(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	if err := receive(t, "the end of the host", host.ended); !errors.Is(err, ErrStopped) {
		t.Errorf("the host ended with %v", err)
	}
	if role := receive(t, "a new role", guest.roles); !role.Host {
		t.Errorf("role %+v", role)
	}
}

// TestShortCommandTakesItsTurn opens as a guest, loses the host, and goes on as
// the host.
func TestShortCommandTakesItsTurn(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "regtest")
	first := mustOpen(t, config(dir, "first"))
	c := config(dir, "second")
	c.LongLived = false
	second := mustOpen(t, c)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if s := status(t, second); s.HostCommand != "second" || !second.IsHost() {
		t.Errorf("hosted by %s", s.HostCommand)
	}
}

// TestForeignLock is a lock that nobody answers for: Open says so and gives up.
func TestForeignLock(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "regtest")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	lock, err := platform.TryLock(filepath.Join(dir, lockFile))
	if err != nil || lock == nil {
		t.Fatal(lock, err)
	}
	defer lock.Unlock()
	c := config(dir, "lode up")
	c.Patience = 1200 * time.Millisecond
	var reasons []string
	c.Waiting = func(reason string) { reasons = append(reasons, reason) }
	if _, err := Open(t.Context(), c); err == nil || !strings.Contains(err.Error(), "does not answer") {
		t.Errorf("got %v", err)
	}
	if len(reasons) != 1 || !strings.HasPrefix(reasons[0], "waiting for another process") {
		t.Errorf("told %q", reasons)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Open(ctx, c); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestPortTaken says why there is no port; guests work all the same.
func TestPortTaken(t *testing.T) {
	first := mustOpen(t, config(filepath.Join(t.TempDir(), "regtest"), "first"))
	var taken int
	if _, err := scan(first.Role().RPCURL, &taken); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "regtest")
	c := config(dir, "second")
	c.Settings.RPCPort = &taken
	second := mustOpen(t, c)
	s := status(t, second)
	if s.RPCURL != "" || !strings.Contains(s.RPCNote, "is taken by another program") || s.CookieFile != "" {
		t.Errorf("port %q, note %q, cookie %q", s.RPCURL, s.RPCNote, s.CookieFile)
	}
	guest := mustOpen(t, config(dir, "third")) // asks for any free port
	s = status(t, guest)
	if s.RPCURL == "" || s.RPCNote != "" {
		t.Errorf("the port did not move: %q, note %q", s.RPCURL, s.RPCNote)
	}
	var count int
	client := rpc.NewClient(tcp(s))
	defer client.Close()
	if err := client.Call(t.Context(), "getblockcount", &count); err != nil || count != 0 {
		t.Errorf("through the port: %d, %v", count, err)
	}
}

// TestDamagedAndForeignFolders fail with a reason and leave the lock free.
func TestDamagedAndForeignFolders(t *testing.T) {
	for name, c := range map[string]struct {
		file, text, want string
	}{
		"settings that are no JSON":       {"settings", "{", "damaged"},
		"settings of a newer format":      {"settings", `{"version":99}`, "newer"},
		"settings that cannot be":         {"settings", `{"version":1,"interval":"-5s"}`, "interval"},
		"a file in the place of the logs": {"lode.log/x", "", "lode.log"},
		"a file in the place of the db":   {"db", "", "db"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "regtest")
			file := filepath.Join(dir, c.file)
			if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := Open(t.Context(), config(dir, "lode up")); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v", err)
			}
			if err := os.RemoveAll(filepath.Join(dir, strings.Split(c.file, "/")[0])); err != nil {
				t.Fatal(err)
			}
			mustOpen(t, config(dir, "lode up"))
		})
	}
}

// TestOtherNetwork opens a folder under other rules than it was made with.
func TestOtherNetwork(t *testing.T) {
	spec, err := network.NewSpec("mine", clock(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	other, _, err := network.Make(spec)
	if err != nil {
		t.Fatal(err)
	}
	c := config(filepath.Join(t.TempDir(), "regtest"), "lode up")
	if err := mustOpen(t, c).Close(); err != nil {
		t.Fatal(err)
	}
	foreign := c
	foreign.Params = other
	if _, err := Open(t.Context(), foreign); !errors.Is(err, chain.ErrOtherNetwork) {
		t.Errorf("got %v", err)
	}
	mustOpen(t, c)
}
