package chain

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/internal/kv"
	"github.com/lode-chain/lode/internal/par"
	"github.com/lode-chain/lode/network"
)

// openDir opens a chain as the program does: pebble, real files, all cores.
func openDir(tb testing.TB, dir string) (m *Manager, end func()) {
	tb.Helper()
	store, err := kv.OpenPebble(filepath.Join(dir, "db"), kv.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	m, err = Open(Config{Params: network.Regtest(), Store: store, Dir: filepath.Join(dir, "blocks"), Exec: par.New()})
	if err != nil {
		tb.Fatal(err)
	}
	return m, func() {
		if err := errors.Join(m.Close(), store.Close()); err != nil {
			tb.Fatal(err)
		}
	}
}

// BenchmarkImportBulk reads a chain with 43,032 signatures, and reports how much
// longer that takes than a bare loop over the same file: decode, txscript on all
// cores, coins in a map. The ratio of processor times holds on a busy machine,
// too.
func BenchmarkImportBulk(b *testing.B) {
	const name = "bulk_20x1000.dat.gz"
	if _, err := os.Stat(filepath.Join("..", "testdata", "chains", name)); err != nil {
		b.Skip(err)
	}
	raws := readChain(b, name)
	var bare, full, bareCPU, fullCPU time.Duration
	for b.Loop() {
		start, cpu := time.Now(), cpuTime()
		bareLoop(b, raws)
		bare += time.Since(start)
		bareCPU += cpuTime() - cpu

		start, cpu = time.Now(), cpuTime()
		m, end := openDir(b, b.TempDir())
		importAll(b, m, raws)
		full += time.Since(start)
		fullCPU += cpuTime() - cpu
		if m.Tip().Height != 190 {
			b.Fatalf("height %d", m.Tip().Height)
		}
		end()
	}
	b.ReportMetric(bare.Seconds()/float64(b.N), "bare-s")
	b.ReportMetric(full.Seconds()/float64(b.N), "import-s")
	b.ReportMetric(full.Seconds()/bare.Seconds(), "ratio")
	if bareCPU > 0 {
		b.ReportMetric(fullCPU.Seconds()/bareCPU.Seconds(), "cpu-ratio")
	}
}

// bareLoop does the least that has to be done to validate scripts.
func bareLoop(b *testing.B, raws [][]byte) {
	coins := make(map[wire.OutPoint]*wire.TxOut)
	pool := par.New()
	type input struct {
		tx     *wire.MsgTx
		index  int
		out    *wire.TxOut
		hashes *txscript.TxSigHashes
		outs   txscript.PrevOutputFetcher
	}
	for _, raw := range raws[1:] {
		block, err := consensus.DecodeBlock(raw)
		if err != nil {
			b.Fatal(err)
		}
		var inputs []input
		for n, tx := range block.Transactions {
			if n > 0 {
				outs := make(map[wire.OutPoint]*wire.TxOut, len(tx.TxIn))
				for _, in := range tx.TxIn {
					outs[in.PreviousOutPoint] = coins[in.PreviousOutPoint]
					delete(coins, in.PreviousOutPoint)
				}
				fetcher := txscript.NewMultiPrevOutFetcher(outs)
				hashes := txscript.NewTxSigHashes(tx, fetcher)
				for i, in := range tx.TxIn {
					inputs = append(inputs, input{tx, i, outs[in.PreviousOutPoint], hashes, fetcher})
				}
			}
			id := tx.TxHash()
			for i, out := range tx.TxOut {
				coins[wire.OutPoint{Hash: id, Index: uint32(i)}] = out
			}
		}
		const flags = txscript.ScriptBip16 | txscript.ScriptVerifyDERSignatures | txscript.ScriptVerifyCheckLockTimeVerify |
			txscript.ScriptVerifyCheckSequenceVerify | txscript.ScriptVerifyWitness | txscript.ScriptStrictMultiSig | txscript.ScriptVerifyTaproot
		_, err = pool.Run(len(inputs), func(i int) error {
			in := inputs[i]
			engine, err := txscript.NewEngine(in.out.PkScript, in.tx, in.index, flags, nil, in.hashes, in.out.Value, in.outs)
			if err != nil {
				return err
			}
			return engine.Execute()
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkEmptyBlocksInGroup reports blocks per second of groups of 1,000.
func BenchmarkEmptyBlocksInGroup(b *testing.B) {
	const n = 1000
	p := network.Regtest()
	blocks := buildChain(p, p.Genesis, 0, n)
	var took time.Duration
	for b.Loop() {
		m, end := openDir(b, b.TempDir())
		start := time.Now()
		acceptAll(b, m, blocks)
		took += time.Since(start)
		end()
	}
	b.ReportMetric(float64(n*b.N)/took.Seconds(), "blocks/s")
}

func acceptAll(tb testing.TB, m *Manager, blocks []*wire.MsgBlock) {
	tb.Helper()
	err := m.Group(context.Background(), func(g *Group) error {
		for _, block := range blocks {
			if _, err := g.Accept(block, far); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
}

// BenchmarkAccept takes one small block at a time, durable when it returns.
func BenchmarkAccept(b *testing.B) {
	p := network.Regtest()
	m, end := openDir(b, b.TempDir())
	defer end()
	var blocks []*wire.MsgBlock
	tip, height := p.Genesis, int32(0)
	for b.Loop() {
		if len(blocks) == 0 {
			b.StopTimer()
			blocks = buildChain(p, tip, height, 1000)
			tip, height = blocks[999], height+1000
			b.StartTimer()
		}
		if _, err := m.Accept(blocks[0], far); err != nil {
			b.Fatal(err)
		}
		blocks = blocks[1:]
	}
}

// BenchmarkReopen opens long chains.
func BenchmarkReopen(b *testing.B) {
	for _, n := range []int{10_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			dir := b.TempDir()
			p := network.Regtest()
			m, end := openDir(b, dir)
			acceptAll(b, m, buildChain(p, p.Genesis, 0, n))
			end()
			for b.Loop() {
				m, end = openDir(b, dir)
				if m.Tip().Height != int32(n) {
					b.Fatal("wrong height")
				}
				b.StopTimer()
				end()
				b.StartTimer()
			}
		})
	}
}
