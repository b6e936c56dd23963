package node

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/chain"
	"github.com/lode-chain/lode/keys"
	"github.com/lode-chain/lode/mempool"
	"github.com/lode-chain/lode/network"
	"github.com/lode-chain/lode/rpc"
)

// host is the node's host.
func (p *purse) host() *Host { return p.node.link.host }

// scriptsAt returns the first scripts of a chain of an account of words.
func scriptsAt(t testing.TB, words string, typ keys.Type, account, branch uint32, n int) (list [][]byte) {
	t.Helper()
	a := must[*keys.Account](t)(keys.DeriveAccount(keys.Seed(words, ""), typ, 1, account))
	for i := range n {
		_, script, err := a.Child(branch, uint32(i))
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, script)
	}
	return list
}

// paid is what each payment of paidChain pays.
const paid = 10_000

// paidChain makes a chain of so many blocks in one group; some of them, from
// height 102 on, hold a payment to a script.
func paidChain(t testing.TB, h *Host, blocks int32, pays map[int32][]byte) {
	t.Helper()
	height, count := h.chain.Tip().Height, 0
	for at := range pays {
		if at > height && at < 102 || at > blocks {
			t.Fatalf("no payment can be at height %d", at)
		}
		count++
	}
	err := h.chain.Group(t.Context(), func(g *chain.Group) error {
		tries := int64(-1)
		var fan *wire.MsgTx
		var first *wire.MsgTx
		for next := height + 1; next <= blocks; next++ {
			var waiting []*mempool.Entry
			entry := func(tx *wire.MsgTx, in int64) {
				for _, out := range tx.TxOut {
					in -= out.Value
				}
				waiting = append(waiting, mempool.NewEntry(tx, in, 0, time.Unix(0, 0), 0))
			}
			if next == 101+height && count > 0 {
				fan = spend(first, 0)
				fan.TxOut = nil
				for range count {
					fan.AddTxOut(wire.NewTxOut(2*paid, anyoneScript))
				}
				entry(fan, first.TxOut[0].Value)
			}
			if script := pays[next]; script != nil {
				count--
				tx := spend(fan, 0)
				tx.TxIn[0].PreviousOutPoint.Index = uint32(count)
				tx.TxOut = []*wire.TxOut{wire.NewTxOut(paid, script)}
				entry(tx, 2*paid)
			}
			tpl, err := h.extend(g, anyoneScript, waiting, 0, &tries)
			if err != nil {
				return err
			}
			if next == height+1 {
				first = tpl.Block.Transactions[0]
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// spreadPays are payments to scripts, evenly over a chain.
func spreadPays(blocks int32, scripts [][]byte) map[int32][]byte {
	pays := make(map[int32][]byte, len(scripts))
	for i, s := range scripts {
		pays[102+int32(int64(i)*int64(blocks-102)/int64(len(scripts)))] = s
	}
	return pays
}

// fastClock opens a node without a demonstration, whose clock goes on by a second
// whenever somebody looks at it, so that long chains can be made.
func fastClock(c *Config) {
	var looks atomic.Int64
	c.Params = network.Regtest()
	c.Clock = func() time.Time { return time.Unix(1_700_000_000+looks.Add(1), 0) }
}

// remove takes a wallet away, so that it can be restored again.
func (p *purse) remove(number int) {
	p.t.Helper()
	w := p.host().wallets
	if err := w.vault.Delete(w.vault.Wallet(number)); err != nil {
		p.t.Fatal(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	b, err := w.book.Remove(w.host.store, uint32(number))
	if err == nil {
		err = w.apply(b, false)
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

func benchmarkRestore(b *testing.B, blocks int32, txs int, indexed bool) {
	words := must[string](b)(keys.MnemonicOf([]byte("0123456789abcdef"), "english"))
	p := newPurse(b, "", fastClock)
	h := p.host()
	scripts := append(scriptsAt(b, words, keys.Bech32, 0, 0, txs/2), scriptsAt(b, words, keys.Bech32, 0, 1, txs/2)...)
	var mixed [][]byte
	for i := range txs / 2 {
		mixed = append(mixed, scripts[i], scripts[i+txs/2])
	}
	begun := time.Now()
	paidChain(b, h, blocks, spreadPays(blocks, mixed))
	b.Logf("the chain took %s", time.Since(begun))
	begun = time.Now()
	if err := h.awaitFollowers(context.Background()); err != nil {
		b.Fatal(err)
	}
	b.Logf("its followers another %s", time.Since(begun))
	begun = time.Now()
	if indexed {
		if err := h.filters.CatchUp(b.Context()); err != nil {
			b.Fatal(err)
		}
		b.Logf("the filters another %s", time.Since(begun))
	}
	for b.Loop() {
		got, err := p.RestoreWords(b.Context(), rpc.RestoreWords{Mnemonic: words})
		if err != nil || len(got.Wallets) != 1 || got.Wallets[0].Coins != txs {
			b.Fatalf("%+v, %v", got, err)
		}
		b.StopTimer()
		p.remove(got.Wallets[0].Number)
		b.StartTimer()
	}
}

// BenchmarkRestore100k is the restore of a wallet with 1,000 transactions on a
// chain of 100,000 blocks.
func BenchmarkRestore100k(b *testing.B) { benchmarkRestore(b, 100_000, 1_000, true) }
