package node

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/address"
	"github.com/lode-chain/lode/chain"
	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/index"
	"github.com/lode-chain/lode/internal/kv"
	"github.com/lode-chain/lode/internal/par"
	"github.com/lode-chain/lode/keys"
	"github.com/lode-chain/lode/mempool"
	"github.com/lode-chain/lode/miner"
	"github.com/lode-chain/lode/network"
	"github.com/lode-chain/lode/pow"
	"github.com/lode-chain/lode/rpc"
)

// miningHost is a host without wallets, on disk, that answers the mining methods.
type miningHost struct {
	*Host
	t      testing.TB
	client *rpc.Client
}

func newMiningHost(t testing.TB, p *network.Params) *miningHost {
	t.Helper()
	dir := t.TempDir()
	h := &Host{
		params: p, dir: dir, log: slog.New(slog.DiscardHandler), now: time.Now, rand: rand.Reader,
		exec: par.New(), checked: chain.NewCheckCache(1000),
	}
	var err error
	must := func() {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	h.store, err = kv.OpenPebble(filepath.Join(dir, "db"), kv.Options{})
	must()
	err = os.Mkdir(filepath.Join(dir, "blocks"), 0o700)
	must()
	h.chain, err = chain.Open(chain.Config{Params: p, Store: h.store, Dir: filepath.Join(dir, "blocks"), Exec: h.exec, Checked: h.checked})
	must()
	h.pool, err = mempool.Open(mempool.Config{Params: p, Chain: h.chain, Store: h.store, Exec: h.exec, Checked: h.checked, Now: h.now})
	must()
	h.txindex = index.Open(h.store, h.chain)
	h.settings, err = openSettings(dir)
	must()
	h.events = newEvents(h.now)
	h.mining = newMining(h)
	h.wallets, err = newWallets(h)
	must()
	h.server = rpc.NewServer(rpc.Config{})
	h.registerMining(h.server)
	h.registerWallet(h.server)
	h.server.Ready()
	memory := rpc.NewMemory()
	go h.server.Serve(memory, rpc.Access{})
	t.Cleanup(func() {
		if err := errors.Join(h.server.Shutdown(context.Background()), h.wallets.Close(), h.chain.Close(), h.store.Close()); err != nil {
			t.Error(err)
		}
	})
	return &miningHost{h, t, rpc.NewClient(rpc.ClientConfig{Dial: memory.Dial})}
}

// anyoneScript is an output that the witness OP_TRUE spends.
var anyoneScript = func() []byte {
	hash := sha256.Sum256([]byte{txscript.OP_TRUE})
	return append([]byte{txscript.OP_0, 32}, hash[:]...)
}()

func (h *miningHost) address() string {
	a, ok := address.Encode(anyoneScript, h.params)
	if !ok {
		h.t.Fatal("no address")
	}
	return a
}

// call calls a method that must succeed.
func (h *miningHost) call(result any, method string, params ...any) {
	h.t.Helper()
	if err := h.client.Call(h.t.Context(), method, result, params...); err != nil {
		h.t.Fatalf("%s: %v", method, err)
	}
}

// fails calls a method that must fail with a code and message.
func (h *miningHost) fails(code rpc.Code, message, method string, params ...any) {
	h.t.Helper()
	err := h.client.Call(h.t.Context(), method, nil, params...)
	if e, ok := errors.AsType[*rpc.Error](err); !ok || e.Code != code || !strings.HasPrefix(e.Message, message) {
		h.t.Errorf("%s: %v, want %d %s", method, err, code, message)
	}
}

// mine mines blocks and returns their coinbases.
func (h *miningHost) mine(n int) []*wire.MsgTx {
	h.t.Helper()
	var hashes []string
	h.call(&hashes, "generatetoaddress", n, h.address())
	if len(hashes) != n {
		h.t.Fatalf("%d blocks, want %d", len(hashes), n)
	}
	var coinbases []*wire.MsgTx
	for _, text := range hashes {
		hash, err := rpc.ParseHash(text, "hash")
		if err != nil {
			h.t.Fatal(err)
		}
		b, err := h.chain.Block(hash)
		if err != nil {
			h.t.Fatal(err)
		}
		coinbases = append(coinbases, b.Transactions[0])
	}
	return coinbases
}

// spend pays the first output of a transaction on, less a fee.
func spend(from *wire.MsgTx, fee int64) *wire.MsgTx {
	return &wire.MsgTx{
		Version: 2,
		TxIn: []*wire.TxIn{{
			PreviousOutPoint: wire.OutPoint{Hash: from.TxHash()}, Sequence: wire.MaxTxInSequenceNum,
			Witness: wire.TxWitness{{txscript.OP_TRUE}},
		}},
		TxOut: []*wire.TxOut{{Value: from.TxOut[0].Value - fee, PkScript: anyoneScript}},
	}
}

func (h *miningHost) accept(tx *wire.MsgTx) {
	h.t.Helper()
	if _, err := h.pool.Accept(tx, h.now()); err != nil {
		h.t.Fatal(err)
	}
}

// fastRegtest is regtest with coinbases that mature soon. Only tests know it.
func fastRegtest() *network.Params {
	p := network.Regtest()
	p.Name, p.Maturity = "regtest-fast", 3
	return p
}

func TestGenerateToAddress(t *testing.T) {
	h := newMiningHost(t, fastRegtest())
	tx := spend(h.mine(3)[0], 1000)
	child := spend(tx, 1000)
	h.accept(tx)
	h.accept(child)
	h.mine(1001)
	if tip := h.chain.Tip(); tip.Height != 1004 || h.chain.ByHeight(4).TxCount() != 3 {
		t.Errorf("height %d, %d transactions in the first block", tip.Height, h.chain.ByHeight(4).TxCount())
	}
	if snapshot := h.pool.Snapshot(); snapshot.Tip != h.chain.Tip().Hash || len(snapshot.Entries) != 0 {
		t.Errorf("the mempool is at %s with %d transactions", snapshot.Tip, len(snapshot.Entries))
	}
	if l, ok, err := h.txindex.Find(t.Context(), child.TxHash()); err != nil || !ok || l.Height != 4 || l.Position != 2 {
		t.Errorf("child is at %+v %v %v", l, ok, err)
	}
	var none []string
	h.call(&none, "generatetoaddress", 0, h.address())
	h.fails(rpc.CodeInvalidAddress, "Error: Invalid address", "generatetoaddress", 1, "nosuch")
	h.fails(rpc.CodeInvalidParameter, "1000001 blocks", "generatetoaddress", 2_000_000, h.address())
}

func TestGenerateStops(t *testing.T) {
	h := newMiningHost(t, network.Regtest())
	ctx, cancel := context.WithCancel(t.Context())
	calls := 0
	clock := h.now
	h.now = func() time.Time {
		if calls++; calls == 1500 {
			cancel()
		}
		return clock()
	}
	mined, err := h.generate(ctx, 10_000, anyoneScript, 0)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("generate: %v", err)
	}
	if n := len(mined.hashes); n < 1400 || n > 1500 || h.chain.Tip().Height != int32(n) || h.chain.Tip().Hash != mined.hashes[n-1] {
		t.Errorf("%d blocks returned, the chain has %d", n, h.chain.Tip().Height)
	}

	// Block times run ahead of a clock that stands still; here they nearly are
	// two hours ahead already.
	start := time.Now()
	h.now = func() time.Time { return start.Add(7150 * time.Second) }
	if _, err := h.generate(t.Context(), 11, anyoneScript, 0); err != nil {
		t.Fatal(err)
	}
	h.now = func() time.Time { return start }
	before := h.chain.Tip().Height
	mined, err = h.generate(t.Context(), 5_000, anyoneScript, 0)
	if err == nil || !strings.Contains(err.Error(), "two hours ahead") {
		t.Errorf("generate: %v", err)
	}
	if int(h.chain.Tip().Height-before) != len(mined.hashes) || len(mined.hashes) < 100 {
		t.Errorf("%d blocks returned, the chain has %d more", len(mined.hashes), h.chain.Tip().Height-before)
	}
}

// hardRegtest takes some 16,000 hashes a block.
func hardRegtest() *network.Params {
	p := network.Regtest()
	p.Name = "regtest-hard"
	p.PowLimitBits = 0x1f03ffff
	p.PowLimit, _, _ = pow.TargetFromBits(p.PowLimitBits)
	genesis := p.Genesis.Copy()
	genesis.Header.Bits = p.PowLimitBits
	if !pow.Solve(&genesis.Header) {
		panic("no genesis found")
	}
	p.Genesis, p.GenesisHash = genesis, genesis.BlockHash()
	return p
}

func TestGenerateWithWork(t *testing.T) {
	h := newMiningHost(t, hardRegtest())
	mined, err := h.generate(t.Context(), 3, anyoneScript, 0)
	if err != nil || len(mined.hashes) != 3 || mined.height != 3 || mined.reward != 150e8 {
		t.Errorf("generate: %+v %v", mined, err)
	}
	var hashes []string
	h.call(&hashes, "generatetoaddress", 5, h.address(), 1)
	if len(hashes) > 1 {
		t.Errorf("%d blocks with one hash", len(hashes))
	}
}

func TestBlockTemplateAndSubmit(t *testing.T) {
	h := newMiningHost(t, fastRegtest())
	coinbases := h.mine(5)
	parent := spend(coinbases[0], 1000)
	child := spend(parent, 9000)
	h.accept(parent)
	h.accept(child)

	h.fails(rpc.CodeInvalidParameter, "getblocktemplate must be called with the segwit rule set", "getblocktemplate", map[string]any{})
	h.fails(rpc.CodeInvalidParameter, "Invalid mode", "getblocktemplate", map[string]any{"mode": "nosuch"})
	rules := map[string]any{"rules": []string{"segwit"}}
	var raw json.RawMessage
	h.call(&raw, "getblocktemplate", rules)
	var got templateJSON
	if err := json.Unmarshal(raw, &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Transactions) != 2 || got.Transactions[0].TxID != parent.TxHash().String() || len(got.Transactions[0].Depends) != 0 ||
		len(got.Transactions[1].Depends) != 1 || got.Transactions[1].Depends[0] != 1 || got.Transactions[1].Fee != 9000 ||
		got.Transactions[1].Weight != consensus.Weight(child) {
		t.Errorf("transactions %+v", got.Transactions)
	}
	if got.CoinbaseValue != 50e8+10_000 || got.Height != 6 || got.Bits != "207fffff" || got.Version != 0x20000000 ||
		got.Target != "7fffff"+strings.Repeat("0", 58) || got.PreviousBlockHash != h.chain.Tip().Hash.String() {
		t.Errorf("template %s", raw)
	}

	// A miner at the other end builds the block from it.
	source := miner.NewRPCSource(h.client, anyoneScript, h.mathRand())
	var found []miner.Found
	w := miner.New(miner.Config{Source: source, First: true, Blocks: 3, OnBlock: func(f miner.Found) { found = append(found, f) }})
	first, err := source.Template(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(found) != 3 || found[0].Transactions != 2 || found[0].Reward != 50e8+10_000 || h.chain.Tip().Height != 8 || h.chain.Tip().Hash != found[2].Hash {
		t.Errorf("found %+v, tip %d", found, h.chain.Tip().Height)
	}

	submit := func(b *wire.MsgBlock) any {
		t.Helper()
		var reason any
		h.call(&reason, "submitblock", hex.EncodeToString(consensus.EncodeBlock(b)))
		return reason
	}
	if !pow.Solve(&first.Block.Header) {
		t.Fatal("no nonce")
	}
	bare := first.Block.Copy()
	bare.Transactions[0].TxIn[0].Witness = nil // submitblock adds it
	if got := submit(bare); got != "inconclusive" {
		t.Errorf("stale block: %v", got)
	}
	if got := submit(first.Block); got != "duplicate" {
		t.Errorf("the same again: %v", got)
	}
	lost := first.Block.Copy()
	lost.Header.PrevBlock[0]++
	pow.Solve(&lost.Header)
	if got := submit(lost); got != "prev-blk-not-found" {
		t.Errorf("block without parent: %v", got)
	}
	h.fails(rpc.CodeDeserialization, "Block decode failed", "submitblock", "00")
	h.fails(rpc.CodeDeserialization, "Block decode failed", "submitblock", "zz")
	h.fails(rpc.CodeInvalidParameter, "longpollid", "getblocktemplate", map[string]any{"rules": []string{"segwit"}, "longpollid": "1"})
}

func TestLongPoll(t *testing.T) {
	h := newMiningHost(t, fastRegtest())
	coinbase := h.mine(5)[0]
	source := miner.NewRPCSource(h.client, anyoneScript, h.mathRand())
	work, err := source.Template(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	waited := make(chan miner.Work)
	go func() {
		next, err := source.Template(t.Context(), work.LongPollID)
		if err != nil {
			t.Error(err)
		}
		waited <- next
	}()
	h.mine(1)
	if next := <-waited; next.Height != work.Height+1 {
		t.Errorf("long poll ended with block %d, want %d", next.Height, work.Height+1)
	}

	// Transactions count once it has been calm for long enough.
	_, id, err := h.template(t.Context(), anyoneScript)
	if err != nil {
		t.Fatal(err)
	}
	h.accept(spend(coinbase, 1000))
	impatient, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := h.awaitWork(impatient, id, time.Hour); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a transaction ended the poll at once: %v", err)
	}
	if err := h.awaitWork(t.Context(), id, 0); err != nil {
		t.Error(err)
	}
}

func TestGenerateBlock(t *testing.T) {
	h := newMiningHost(t, fastRegtest())
	coinbases := h.mine(6)
	pooled, raw, left := spend(coinbases[0], 1000), spend(coinbases[1], 0), spend(coinbases[2], 1000)
	h.accept(pooled)
	h.accept(left)
	rawHex := hex.EncodeToString(consensus.EncodeTx(raw))
	var trial struct{ Hash, Hex string }
	h.call(&trial, "generateblock", h.address(), []string{pooled.TxHash().String(), rawHex}, false)
	if h.chain.Tip().Height != 6 || trial.Hex == "" {
		t.Errorf("a block that was only asked for: %+v, height %d", trial, h.chain.Tip().Height)
	}
	h.call(&trial, "generateblock", h.address(), []string{rawHex, pooled.TxHash().String()})
	if tip := h.chain.Tip(); tip.Height != 7 || tip.TxCount() != 3 || tip.Hash.String() != trial.Hash {
		t.Errorf("height %d, %d transactions", tip.Height, tip.TxCount())
	}
	if s := h.pool.Snapshot(); len(s.Entries) != 1 || s.Entries[0].TxID != left.TxHash() {
		t.Errorf("%d transactions wait", len(s.Entries))
	}
	orphan := hex.EncodeToString(consensus.EncodeTx(spend(spend(coinbases[3], 1), 1)))
	h.fails(rpc.CodeVerify, "TestBlockValidity failed: bad-txns-inputs-missingorspent", "generateblock", h.address(), []string{orphan})
	h.fails(rpc.CodeInvalidAddress, "Transaction "+raw.TxHash().String()+" not in mempool.", "generateblock", h.address(), []string{raw.TxHash().String()})
	h.fails(rpc.CodeDeserialization, "Transaction decode failed for 00.", "generateblock", h.address(), []string{"00"})
	h.fails(rpc.CodeInvalidAddress, "Error: Invalid address or descriptor", "generateblock", "nosuch", []string{})
}

// TestOwnMiner lets the host mine by itself, with the shortest interval.
func TestOwnMiner(t *testing.T) {
	h := newMiningHost(t, fastRegtest())
	coinbases := h.mine(5)
	run := func(mode string) (stop func()) {
		t.Helper()
		if _, err := h.settings.change(rpc.Settings{MiningMode: mode, Interval: "10ms", MiningTo: h.address()}); err != nil {
			t.Fatal(err)
		}
		h.mining.settingsChanged()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- h.mining.Run(ctx) }()
		return func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	}
	height := func(atLeast int32) {
		t.Helper()
		for h.chain.Tip().Height < atLeast {
			changed := h.chain.Changed()
			if h.chain.Tip().Height >= atLeast {
				return
			}
			select {
			case <-changed:
			case <-time.After(10 * time.Second):
				t.Fatalf("the chain stays at %d", h.chain.Tip().Height)
			}
		}
	}

	h.config.Mine = true
	stop := run("always")
	height(8)
	if s := h.mining.status(); s.Mode != "always" || s.NextBlock == 0 || s.Note != "" {
		t.Errorf("status %+v", s)
	}
	stop()

	stop = run("on-tx")
	before := h.chain.Tip()
	tx := spend(coinbases[0], 1000)
	h.accept(tx)
	height(before.Height + 1)
	stop()
	if tip := h.chain.Tip(); tip.Height != before.Height+1 || tip.TxCount() != 2 {
		t.Errorf("a transaction made %d blocks", tip.Height-before.Height)
	}

	// Two transactions in two ticks' blocks, and none without.
	stop = run("on-tick")
	before = h.chain.Tip()
	h.accept(spend(coinbases[1], 1000))
	height(before.Height + 1)
	h.accept(spend(coinbases[2], 1000))
	height(before.Height + 2)
	stop()
	for e := h.chain.Tip(); e != before; e = e.Parent() {
		if e.TxCount() != 2 {
			t.Errorf("block %d has %d transactions", e.Height, e.TxCount())
		}
	}
	if s := h.mining.status(); s.NextBlock != 0 {
		t.Errorf("status after the end %+v", s)
	}
}

func TestNobodyAskedToMine(t *testing.T) {
	h := newMiningHost(t, network.Regtest())
	if o := h.mining.orders(); o.policy != miner.Never || o.note == "" {
		t.Errorf("orders %+v", o)
	}
	defer h.events.attach(rpc.EventsRequest{PID: os.Getpid(), Command: "lode up", Mine: true})()
	if o := h.mining.orders(); o.policy != miner.OnTick || o.interval != 30*time.Second {
		t.Errorf("orders with a guest that mines %+v", o)
	}
}

func TestFundOnlyWhereItMay(t *testing.T) {
	p := fastRegtest()
	p.Demo = false
	h := newMiningHost(t, p)
	if _, err := h.fund(t.Context(), rpc.FundRequest{}); err == nil || !strings.Contains(err.Error(), "no coins mined in advance") {
		t.Errorf("fund: %v", err)
	}
}

// TestFunds mines the demonstration's blocks for coins that anybody can spend.
func TestFunds(t *testing.T) {
	h := newMiningHost(t, network.Regtest())
	fund := func(fanOut func(coins []consensus.SpentCoin) ([]*wire.MsgTx, error)) error {
		return h.chain.Group(t.Context(), func(g *chain.Group) error { return h.mineFunds(g, anyoneScript, fanOut) })
	}
	failed := errors.New("no keys")
	if err := fund(func([]consensus.SpentCoin) ([]*wire.MsgTx, error) { return nil, failed }); !errors.Is(err, failed) || h.chain.Tip().Height != 0 {
		t.Fatalf("fund: %v, height %d: nothing was to stay", err, h.chain.Tip().Height)
	}

	// One wide transaction for each coin: together just within one block.
	const outputs = 2_080 // of 172 weight units
	var txs []*wire.MsgTx
	err := fund(func(coins []consensus.SpentCoin) ([]*wire.MsgTx, error) {
		for _, c := range coins {
			if depth := 111 - c.Coin.Height; depth < 100 || !c.Coin.Coinbase || c.Coin.Value != 50e8 {
				t.Errorf("coin of height %d is not mature", c.Coin.Height)
			}
			tx := &wire.MsgTx{Version: 2, TxIn: []*wire.TxIn{{PreviousOutPoint: c.OutPoint, Sequence: wire.MaxTxInSequenceNum, Witness: wire.TxWitness{{txscript.OP_TRUE}}}}}
			for range outputs {
				tx.TxOut = append(tx.TxOut, &wire.TxOut{Value: 1e6, PkScript: anyoneScript})
			}
			txs = append(txs, tx)
		}
		return txs, nil
	})
	tip := h.chain.Tip()
	if err != nil || len(txs) != 11 || tip.Height != 111 || tip.TxCount() != 12 {
		t.Errorf("fund: %v; %d coins, height %d, %d transactions in the last block", err, len(txs), tip.Height, tip.TxCount())
	}
	if again, err := h.fund(t.Context(), rpc.FundRequest{Wallets: 5, Mnemonic: keys.PublishedWords}); err != nil || again.Funded || again.Height != h.chain.Tip().Height {
		t.Errorf("funded twice: %+v, %v", again, err)
	}
}

// TestFundTogether has several callers begin the demonstration at once: one does
// it, the others find it done.
func TestFundTogether(t *testing.T) {
	h := newMiningHost(t, network.Regtest())
	var replies [3]rpc.Funded
	var wg sync.WaitGroup
	for i := range replies {
		wg.Go(func() { h.call(&replies[i], "lode_fund", rpc.FundRequest{Wallets: 3, Mnemonic: keys.PublishedWords}) })
	}
	wg.Wait()
	did := 0
	for _, r := range replies {
		if r.Funded {
			did++
		}
		if r.Wallets != 3 || r.Height != 111 {
			t.Errorf("%+v", r)
		}
	}
	if did != 1 || h.wallets.vault.Len() != 3 {
		t.Errorf("%d calls made it, %d wallets", did, h.wallets.vault.Len())
	}
}

// TestFundWallets funds the wallets of the published words: all have the same, in
// five coins each, and nothing else that could be spent.
func TestFundWallets(t *testing.T) {
	many := 1000
	if raceDetector {
		many = 100
	}
	for _, n := range []int{1, 5, many} {
		h := newMiningHost(t, network.Regtest())
		h.call(nil, "lode_newwallets", rpc.NewWallets{Count: n, Mnemonic: keys.PublishedWords})
		h.call(nil, "lode_fund", rpc.Empty{})
		if tip := h.chain.Tip(); tip.Height != 111 {
			t.Errorf("%d wallets: height %d", n, tip.Height)
		}
		var list []rpc.Wallet
		h.call(&list, "lode_wallets", rpc.Empty{})
		var sum rpc.Amount
		for i, w := range list {
			if w.Spendable != list[0].Spendable || w.Pending != 0 || i > 0 && w.Coins != 5 {
				t.Fatalf("%d wallets: %+v, the first is %+v", n, w, list[0])
			}
			sum += w.Spendable
		}
		if len(list) != n || sum > 550e8 || sum < 549.99e8 {
			t.Errorf("%d wallets: %d share %s", n, len(list), sum)
		}
		var mined rpc.Mined
		h.call(&mined, "lode_mine", rpc.MineRequest{Blocks: 2, To: list[n-1].Name})
		if mined.Height != 113 || len(mined.Hashes) != 2 || mined.Reward != 100e8 || mined.To != list[n-1].Name || mined.Address != list[n-1].Address {
			t.Errorf("lode_mine: %+v", mined)
		}
	}
}

func BenchmarkGenerate1000(b *testing.B) {
	h := newMiningHost(b, network.Regtest())
	for b.Loop() {
		if _, err := h.generate(b.Context(), 1000, anyoneScript, 0); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(1000*float64(b.N)/b.Elapsed().Seconds(), "blocks/s")
}

// BenchmarkAccept measures one transaction into the mempool, durable at return.
func BenchmarkAccept(b *testing.B) {
	h := newMiningHost(b, fastRegtest())
	const fan = 2_000
	coinbases := h.mine(60)
	h.mine(3)
	var txs []*wire.MsgTx
	for _, coinbase := range coinbases {
		wide := spend(coinbase, 0)
		wide.TxOut = nil
		for range fan {
			wide.TxOut = append(wide.TxOut, &wire.TxOut{Value: coinbase.TxOut[0].Value/fan - 100, PkScript: anyoneScript})
		}
		h.accept(wide)
		txid := wide.TxHash()
		for i, out := range wide.TxOut {
			txs = append(txs, &wire.MsgTx{Version: 2, TxOut: []*wire.TxOut{{Value: out.Value - 1000, PkScript: anyoneScript}}, TxIn: []*wire.TxIn{{
				PreviousOutPoint: wire.OutPoint{Hash: txid, Index: uint32(i)}, Sequence: wire.MaxTxInSequenceNum, Witness: wire.TxWitness{{txscript.OP_TRUE}},
			}}})
		}
		h.mine(1)
	}
	for i := 0; b.Loop() && i < len(txs); i++ {
		h.accept(txs[i])
	}
}
