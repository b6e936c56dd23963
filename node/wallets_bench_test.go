package node

import (
	"context"
	"testing"
	"time"

	"github.com/lode-chain/lode/keys"
	"github.com/lode-chain/lode/rpc"
)

// BenchmarkOpenManyWallets opens a data directory with 10,000 wallets, up to the
// first list of them, and reports how long without any it takes less.
func BenchmarkOpenManyWallets(b *testing.B) {
	p := newPurse(b, "")
	p.make(rpc.NewWallets{Count: 10_000, Mnemonic: keys.PublishedWords})
	if err := p.host().wallets.prepare(b.Context()); err != nil {
		b.Fatal(err)
	}
	p.shut()
	empty := newPurse(b, "")
	empty.shut()
	var many, none time.Duration
	for b.Loop() {
		for _, dir := range []string{p.dir, empty.dir} {
			begin := time.Now()
			q := newPurse(b, dir)
			n := len(q.list())
			if took := time.Since(begin); dir == p.dir {
				many += took
			} else {
				none += took
			}
			if (n == 10_000) != (dir == p.dir) {
				b.Fatal(n)
			}
			q.shut()
		}
	}
	b.ReportMetric(float64((many-none).Milliseconds())/float64(b.N), "ms/10000-wallets")
}

// BenchmarkNextBlock makes 1,000 wallets and then a block, and reports the
// longest that anybody else had to wait for the wallets' lock meanwhile.
func BenchmarkNextBlock(b *testing.B) {
	longest := time.Duration(0)
	for b.Loop() {
		p := newPurse(b, "")
		w := p.host().wallets
		p.make(rpc.NewWallets{Count: 1_000})
		ctx, cancel := context.WithCancel(b.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			for ctx.Err() == nil {
				begin := time.Now()
				w.mu.Lock()
				longest = max(longest, time.Since(begin))
				w.mu.Unlock()
			}
		}()
		p.mine(1, "1")
		p.list()
		cancel()
		<-done
		p.shut()
	}
	b.ReportMetric(float64(longest.Microseconds())/1000, "ms-longest-wait")
}
