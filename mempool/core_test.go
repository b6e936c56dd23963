package mempool

import (
	"bufio"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"testing"
	"time"

	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/chain"
	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/internal/blockfile"
	"github.com/lode-chain/lode/internal/kv"
	"github.com/lode-chain/lode/internal/par"
	"github.com/lode-chain/lode/network"
)

// readChain reads the blocks of a file of bootstrap.dat records.
func readChain(t *testing.T, name string) []*wire.MsgBlock {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(bufio.NewReader(f))
	if err != nil {
		t.Fatal(err)
	}
	var blocks []*wire.MsgBlock
	for {
		var head [8]byte
		if _, err := io.ReadFull(z, head[:]); errors.Is(err, io.EOF) {
			return blocks
		} else if err != nil {
			t.Fatal(err)
		}
		raw := make([]byte, binary.LittleEndian.Uint32(head[4:]))
		if _, err := io.ReadFull(z, raw); err != nil {
			t.Fatal(err)
		}
		b, err := consensus.DecodeBlock(raw)
		if err != nil {
			t.Fatal(err)
		}
		blocks = append(blocks, b)
	}
}

// TestTakesWhatCoreRelayed hands the pool, before each block of a chain that Core
// made, the block's transactions: they came from Core's mempool.
func TestTakesWhatCoreRelayed(t *testing.T) {
	t.Parallel()
	blocks := readChain(t, "../testdata/chains/core281_varied.dat.gz")
	params, store, checked := network.Regtest(), kv.NewMemory(), chain.NewCheckCache(10_000)
	m, err := chain.Open(chain.Config{Params: params, Store: store, Exec: par.New(), Checked: checked, FS: blockfile.NewMemFS()})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	p, err := Open(Config{Params: params, Chain: m, Store: store, Exec: par.New(), Checked: checked})
	if err != nil {
		t.Fatal(err)
	}
	taken := 0
	refused := map[string]int{}
	for _, b := range blocks[1:] {
		now := time.Unix(b.Header.Timestamp.Unix(), 0)
		if b.Header.PrevBlock == m.Tip().Hash {
			for _, tx := range b.Transactions[1:] {
				if _, err := p.Accept(tx, now); err == nil {
					taken++
				} else if e, ok := errors.AsType[*consensus.Error](err); ok && e.Kind != AlreadyInMempool {
					refused[e.Reject()]++
				} else if !ok {
					t.Fatal(err)
				}
			}
		}
		if _, err := m.Accept(b, now); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Check(); err != nil {
		t.Error(err)
	}
	if taken < 2_000 || len(refused) > 0 {
		t.Errorf("%d transactions taken, refused: %v", taken, refused)
	}
}
