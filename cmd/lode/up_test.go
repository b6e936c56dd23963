package main

import (
	"os"
	"testing"
	"time"

	"github.com/lode-chain/lode/console"
	"github.com/lode-chain/lode/rpc"
)

func TestBannerSaysWhatIsRemembered(t *testing.T) {
	port := 18500
	s := rpc.Status{Settings: rpc.Settings{
		Interval: "10s", MiningMode: "always", BackupEvery: 7, BackupDir: "/mnt/b", RPCPort: &port,
	}}
	for _, c := range []struct {
		given []string
		want  string
	}{
		{nil, "interval 10s (--interval), mining always (--mining), a backup every 7 blocks (--backup-every), backups in /mnt/b (--backup-dir), port 18500 (--rpc-port)"},
		{[]string{"interval", "empty-blocks", "backup-every", "backup-dir", "rpc-port"}, ""},
	} {
		u := &upSession{flags: up{given: func(flag string) bool {
			for _, g := range c.given {
				if g == flag {
					return true
				}
			}
			return false
		}}}
		if got := u.remembered(s); got != c.want {
			t.Errorf("given %q: %q, want %q", c.given, got, c.want)
		}
	}
	u := &upSession{flags: up{given: func(string) bool { return false }}}
	if got := u.remembered(rpc.Status{Settings: rpc.Settings{Interval: "30s", MiningMode: "on-tick", BackupEvery: 5}}); got != "" {
		t.Errorf("the defaults are remembered: %q", got)
	}
}

func TestWhenTheNextBlockComes(t *testing.T) {
	p := &program{screen: &console.Screen{}, now: func() time.Time { return time.Unix(1000, 0) }}
	for _, c := range []struct {
		status rpc.Status
		want   string
	}{
		{rpc.Status{Mining: rpc.Mining{Mode: "on-tick", NextBlock: 1030}}, "The next block comes in 30s."},
		{rpc.Status{Mining: rpc.Mining{Mode: "always", NextBlock: 999}}, "The next block is due now."},
		{rpc.Status{Mining: rpc.Mining{Mode: "never"}}, "It waits for a block: lode mine makes one now."},
		{rpc.Status{Guests: []rpc.Guest{{PID: 8, Command: "lode miner"}}}, "It waits for the next block of pid 8, lode miner."},
	} {
		if got := p.nextBlock(c.status); got != c.want {
			t.Errorf("%+v: %q, want %q", c.status.Mining, got, c.want)
		}
	}
}

func TestWhereTheChainGoesOn(t *testing.T) {
	me := os.Getpid()
	guest := []rpc.Guest{{PID: 812, Command: "lode miner"}}
	for _, c := range []struct {
		status rpc.Status
		pid    int
	}{
		{rpc.Status{HostPID: me}, 0},
		{rpc.Status{HostPID: me, Guests: guest}, 812},
		{rpc.Status{HostPID: 7, HostCommand: "lode up", Guests: guest}, 7},
	} {
		if pid, _ := goesOn(c.status); pid != c.pid {
			t.Errorf("%+v: pid %d, want %d", c.status, pid, c.pid)
		}
	}
}
