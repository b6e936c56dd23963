package index

import (
	"compress/gzip"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"testing"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/lode-chain/lode/chain"
	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/internal/blockfile"
	"github.com/lode-chain/lode/internal/kv"
	"github.com/lode-chain/lode/network"
)

// filterCase is a line of Core's blockfilters.json.
type filterCase struct {
	block    string
	scripts  [][]byte
	previous chainhash.Hash
	filter   string
	header   chainhash.Hash
	note     string
}

func readFilterCases(t *testing.T) (cases []filterCase) {
	t.Helper()
	raw, err := os.ReadFile("../testdata/vectors/core/blockfilters.json")
	if err != nil {
		t.Fatal(err)
	}
	var rows [][]any
	if err := json.Unmarshal(raw, &rows); err != nil {
		t.Fatal(err)
	}
	hash := func(v any) chainhash.Hash {
		h, err := chainhash.NewHashFromStr(v.(string))
		if err != nil {
			t.Fatal(err)
		}
		return *h
	}
	for _, row := range rows[1:] { // the first names the columns
		c := filterCase{block: row[2].(string), previous: hash(row[4]), filter: row[5].(string), header: hash(row[6]), note: row[7].(string)}
		for _, s := range row[3].([]any) {
			c.scripts = append(c.scripts, unhex(t, s.(string)))
		}
		cases = append(cases, c)
	}
	return cases
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestBasicFilterVectors builds the filters of Core's blockfilters.json. Which
// input spent which script is not in the file and does not matter to a filter.
func TestBasicFilterVectors(t *testing.T) {
	cases := readFilterCases(t)
	for _, c := range cases {
		b, err := consensus.DecodeBlock(unhex(t, c.block))
		if err != nil {
			t.Fatal(err)
		}
		undo := &consensus.Undo{Txs: make([][]consensus.Coin, 1)}
		for _, s := range c.scripts {
			undo.Txs[0] = append(undo.Txs[0], consensus.Coin{Script: s})
		}
		hash := b.BlockHash()
		filter := BasicFilter(b, hash, undo)
		if hex.EncodeToString(filter) != c.filter {
			t.Errorf("%s (%s): %x, want %s", hash, c.note, filter, c.filter)
		}
		if got := FilterHeader(filter, c.previous); got != c.header {
			t.Errorf("%s (%s): header %s, want %s", hash, c.note, got, c.header)
		}
		for _, s := range c.scripts {
			// An empty script is never in a filter.
			if ok, err := NewQuery([][]byte{{7}, s}).Matches(filter, hash); ok != (len(s) > 0) || err != nil {
				t.Errorf("%s (%s): script %x: %t, %v", hash, c.note, s, ok, err)
			}
		}
		if ok, err := NewQuery([][]byte{[]byte("nobody's script")}).Matches(filter, hash); ok || err != nil {
			t.Errorf("%s: another script: %t, %v", hash, ok, err)
		}
	}
	if len(cases) != 10 {
		t.Errorf("%d cases", len(cases))
	}
}

// TestFilterOfDamage reads filters that are none.
func TestFilterOfDamage(t *testing.T) {
	for _, filter := range [][]byte{nil, {1}, {9, 1, 2, 3}, {0xfd, 1}, {0xfe, 0, 0, 0, 1, 5}, {0xff, 1, 0, 0, 0, 0, 0, 0, 0}} {
		if ok, err := NewQuery([][]byte{{1}}).Matches(filter, chainhash.Hash{}); err == nil {
			t.Errorf("%x: %t", filter, ok)
		}
	}
}

// TestFiltersOfAChain builds the filters of blocks of a chain of one's own, with
// the undo that the chain has stored.
func TestFiltersOfAChain(t *testing.T) {
	c := newChain(t)
	var previous chainhash.Hash
	tip := c.chain.Tip()
	for range 3 {
		tip, _ = c.mineOn(tip)
	}
	for e := c.chain.ByHeight(0); e != nil; e = c.chain.ByHeight(e.Height + 1) {
		b, err := c.chain.Block(e.Hash)
		if err != nil {
			t.Fatal(err)
		}
		undo, err := c.chain.Undo(e.Hash)
		if err != nil {
			t.Fatal(err)
		}
		filter := BasicFilter(b, e.Hash, undo)
		out := b.Transactions[0].TxOut[0].PkScript
		if ok, err := NewQuery([][]byte{out}).Matches(filter, e.Hash); !ok || err != nil {
			t.Errorf("height %d: %t, %v", e.Height, ok, err)
		}
		next := FilterHeader(filter, previous)
		if next == previous {
			t.Error("the header does not change")
		}
		previous = next
	}
}

// noChecks runs no scripts: those of Core's chain are run elsewhere.
type noChecks struct{}

func (noChecks) Run(n int, _ func(i int) error) (int, error) { return n, nil }

// TestFilterHeadersAsCore builds the filters of 600 blocks that Core made. The
// header of each commits to all before it, so that the last one that Core has
// told stands for all of them.
func TestFilterHeadersAsCore(t *testing.T) {
	m, err := chain.Open(chain.Config{Params: network.Regtest(), Store: kv.NewMemory(), FS: blockfile.NewMemFS(), Exec: noChecks{}})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	for raw := readGzip(t, "../testdata/chains/core281_varied.dat.gz"); len(raw) > 0; {
		end := 8 + binary.LittleEndian.Uint32(raw[4:])
		b, err := consensus.DecodeBlock(raw[8:end])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.Accept(b, time.Unix(1<<32-1, 0)); err != nil {
			t.Fatal(err)
		}
		raw = raw[end:]
	}
	filters := map[string]string{}
	var previous chainhash.Hash
	for e := m.ByHeight(0); e != nil; e = m.ByHeight(e.Height + 1) {
		b, err := m.Block(e.Hash)
		if err != nil {
			t.Fatal(err)
		}
		undo, err := m.Undo(e.Hash)
		if err != nil {
			t.Fatal(err)
		}
		filter := BasicFilter(b, e.Hash, undo)
		previous = FilterHeader(filter, previous)
		filters[e.Hash.String()] = hex.EncodeToString(filter) + " " + previous.String()
	}
	raw, err := os.ReadFile("../testdata/vectors/core/rpc_transcripts/chain.json")
	if err != nil {
		t.Fatal(err)
	}
	var transcript struct {
		Calls []struct {
			Method string
			Params []any
			Status int
			Result json.RawMessage
		}
	}
	if err := json.Unmarshal(raw, &transcript); err != nil {
		t.Fatal(err)
	}
	compared := 0
	for _, c := range transcript.Calls {
		if c.Method != "getblockfilter" || c.Status != 200 {
			continue
		}
		var want struct{ Filter, Header string }
		if err := json.Unmarshal(c.Result, &want); err != nil {
			t.Fatal(err)
		}
		hash := c.Params[0].(string)
		if got := filters[hash]; got != want.Filter+" "+want.Header {
			t.Errorf("%s: %s, want %+v", hash, got, want)
		}
		compared++
	}
	if compared != 4 {
		t.Errorf("%d filters were compared", compared)
	}
}

func readGzip(t *testing.T, name string) []byte {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}
