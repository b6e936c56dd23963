package node

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/chain"
	"github.com/lode-chain/lode/internal/kv"
	"github.com/lode-chain/lode/internal/vault"
	"github.com/lode-chain/lode/keys"
	"github.com/lode-chain/lode/mempool"
	"github.com/lode-chain/lode/network"
	"github.com/lode-chain/lode/rpc"
	"github.com/lode-chain/lode/wallet"
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

// firstScan is a scan for the first account of words, from the first block on.
func firstScan(t testing.TB, p *purse, words string, gap uint32) *coinScan {
	t.Helper()
	a := must[*keys.Account](t)(keys.DeriveAccount(keys.Seed(words, ""), keys.Bech32, 1, 0))
	n, err := p.host().wallets.accountWallet(a, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	return must[*coinScan](t)(p.host().wallets.newScan([]vault.Header{n.Header}, nil, 0, gap))
}

// wordsOf are words for tests.
func wordsOf(t testing.TB, entropy string) string {
	return must[string](t)(keys.MnemonicOf([]byte(entropy), "english"))
}

const (
	scanWords = "scan-test-words!"
	neverPaid = "scan-test-others"
)

// TestScanReadsFewBlocks counts the blocks that are read to find 60 payments among
// 3,000 blocks: those that hold one, and hardly more, though the addresses reach
// far beyond those that are watched at the start.
func TestScanReadsFewBlocks(t *testing.T) {
	words := wordsOf(t, scanWords)
	p := newPurse(t, "", fastClock)
	scripts := scriptsAt(t, words, keys.Bech32, 0, 0, 60)
	slices.Reverse(scripts) // the first to be watched is paid last: all before is looked at again
	paidChain(t, p.host(), 3_000, spreadPays(3_000, scripts))
	s := firstScan(t, p, words, 20)
	last := int64(-1)
	s.progress = func(done, total int64) {
		if done < last || done > total || total != 3_000 {
			t.Errorf("progress %d of %d after %d", done, total, last)
		}
		last = done
	}
	if err := s.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if read := s.read.Load(); len(s.found) != 60 || read < 60 || read > 70 {
		t.Errorf("%d blocks were found, %d read", len(s.found), read)
	}
	if last != 3_000 {
		t.Errorf("the progress ended at %d", last)
	}
	got := must[rpc.Restored](t)(p.RestoreWords(t.Context(), rpc.RestoreWords{Mnemonic: words}))
	if len(got.Wallets) != 1 || got.Wallets[0].Coins != 60 || got.Wallets[0].Spendable != 60*paid || got.Wallets[0].Scanning {
		t.Errorf("restored %+v", got)
	}
}

// TestRestoreWithGaps restores words whose addresses were used with gaps: those
// within the limit are bridged, also where a later address was paid earlier; what
// is beyond takes a larger limit, in the restore or in a search afterwards.
func TestRestoreWithGaps(t *testing.T) {
	words := wordsOf(t, scanWords)
	p := newPurse(t, "", fastClock)
	scripts := scriptsAt(t, words, keys.Bech32, 0, 0, 91)
	change := scriptsAt(t, words, keys.Bech32, 0, 1, 31)
	paidChain(t, p.host(), 400, map[int32][]byte{
		150: scripts[38], 200: scripts[19], 250: scripts[0], // 18 unused between
		300: scripts[90], 310: scripts[64], // 25 unused before each
		320: change[30],
	})
	restore := func(gap int) (coins int) {
		t.Helper()
		got := must[rpc.Restored](t)(p.RestoreWords(t.Context(), rpc.RestoreWords{Mnemonic: words, Gap: gap}))
		if len(got.Wallets) != 1 {
			t.Fatalf("gap %d: %+v", gap, got)
		}
		coins = got.Wallets[0].Coins
		p.remove(got.Wallets[0].Number)
		return coins
	}
	for gap, want := range map[int]int{0: 3, 20: 3, 19: 3, 18: 1, 25: 3, 26: 5, 31: 6} {
		if got := restore(gap); got != want {
			t.Errorf("with a gap of %d there are %d coins, want %d", gap, got, want)
		}
	}
	got := must[rpc.Restored](t)(p.RestoreWords(t.Context(), rpc.RestoreWords{Mnemonic: words, Name: "Old"}))
	if got.Wallets[0].Coins != 3 {
		t.Errorf("restored %+v", got)
	}
	for _, bad := range []rpc.RescanRequest{{Gap: -1}, {Gap: maxGap + 1}, {From: -1}, {From: 401}} {
		_, err := p.StartJob(t.Context(), "lode_rescan", bad)
		refused(t, err, rpc.CodeInvalidParameter)
	}
	_, err := p.RestoreWords(t.Context(), rpc.RestoreWords{Mnemonic: words, Gap: -3})
	refused(t, err, rpc.CodeInvalidParameter, "gap")
	var found rpc.Rescanned
	rescan := func(r rpc.RescanRequest) rpc.Wallet {
		t.Helper()
		if err := p.RunJob(t.Context(), "lode_rescan", r, &found, nil); err != nil {
			t.Fatal(err)
		}
		return found.Wallets[0]
	}
	if w := rescan(rpc.RescanRequest{Wallet: "Old", Gap: 40, From: 305}); w.Coins != 5 {
		t.Errorf("from height 305 on: %+v", w)
	}
	if w := rescan(rpc.RescanRequest{Wallet: "Old", Gap: 40}); w.Coins != 6 || w.Spendable != 6*paid || found.Height != 400 || found.From != 1 {
		t.Errorf("%+v, %+v", w, found)
	}
	if w := rescan(rpc.RescanRequest{Wallet: "Old"}); w.Coins != 6 {
		t.Errorf("a smaller gap does not lose coins: %+v", w)
	}
}

// TestReorgDuringScan takes blocks off and adds others while a scan is at work;
// what it finds is what the new chain holds.
func TestReorgDuringScan(t *testing.T) {
	words := wordsOf(t, scanWords)
	p := newPurse(t, "", fastClock)
	h := p.host()
	scripts := scriptsAt(t, words, keys.Bech32, 0, 0, 30)
	paidChain(t, h, 2_500, map[int32][]byte{110: scripts[0], 2_020: scripts[1], 2_200: scripts[19]})
	for _, back := range []int32{2_300, 2_010} { // behind the scan; where it is
		s := firstScan(t, p, words, 20)
		once := sync.OnceFunc(func() {
			if s.tip.Height != scanChunk {
				t.Errorf("back to %d: the scan is at %d", back, s.tip.Height)
			}
			if err := h.chain.Invalidate(h.chain.ByHeight(back).Hash); err != nil {
				t.Fatal(err)
			}
			generate(t, p.node, 700)
		})
		s.progress = func(int64, int64) { once() }
		if err := s.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		want := map[int32]bool{110: true, 2_020: true, 2_200: true}
		if back < 2_020 { // what was in blocks that went is in the first new one
			want = map[int32]bool{110: true, back: true}
		}
		if s.tip != h.chain.Tip() || !maps.Equal(s.found, want) {
			t.Errorf("back to %d: found %v at %d, want %v", back, s.found, s.tip.Height, want)
		}
		b, err := s.rows(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if at, err := wallet.ReadPosition(b.store); err != nil || at.Hash != s.tip.Hash {
			t.Errorf("back to %d: the rows are at %+v, %v", back, at, err)
		}
	}
}

// TestReorgBeforeRowsMove lets the chain move between the end of a scan and the
// move of its rows.
func TestReorgBeforeRowsMove(t *testing.T) {
	words := wordsOf(t, scanWords)
	p := newPurse(t, "", fastClock)
	h := p.host()
	scripts := scriptsAt(t, words, keys.Bech32, 0, 0, 30)
	paidChain(t, h, 300, map[int32][]byte{110: scripts[0], 290: scripts[1]})
	s := firstScan(t, p, words, 20)
	if err := s.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	b, err := s.rows(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := h.chain.Invalidate(h.chain.ByHeight(280).Hash); err != nil {
		t.Fatal(err)
	}
	generate(t, p.node, 30)
	if done, err := h.wallets.moveRows(t.Context(), s, b, nil, false); done || err != nil {
		t.Errorf("rows of the old chain: %t, %v", done, err)
	}
	if done, err := h.wallets.moveRows(t.Context(), s, b, nil, true); !done || err != nil {
		t.Errorf("by force: %t, %v", done, err)
	}
	if at, err := wallet.ReadPosition(b.store); err != nil || at.Hash != h.chain.Tip().Hash {
		t.Errorf("the rows are at %+v, %v", at, err)
	}
}

// TestScanGoesOn interrupts a scan again and again. Each goes on where the one
// before has saved that it was, and together they read no more than one alone.
func TestScanGoesOn(t *testing.T) {
	words := wordsOf(t, scanWords)
	p := newPurse(t, "", fastClock)
	scripts := scriptsAt(t, words, keys.Bech32, 0, 0, 80)
	paidChain(t, p.host(), 7_000, spreadPays(7_000, scripts))
	alone := firstScan(t, p, words, 20)
	if err := alone.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	read, rounds := int64(0), 0
	for ; ; rounds++ {
		s := firstScan(t, p, words, 20)
		if err := s.resume(); err != nil {
			t.Fatal(err)
		}
		if rounds == 1 && s.tip.Height != scanChunk {
			t.Errorf("the second scan begins at %d", s.tip.Height)
		}
		ctx, cancel := context.WithCancel(t.Context())
		s.progress = func(int64, int64) { cancel() }
		err := s.run(ctx)
		cancel()
		read += s.read.Load()
		if err == nil {
			if !maps.Equal(s.found, alone.found) || s.chains[0].used != 80 || s.tip != alone.tip {
				t.Errorf("found %d, used %d", len(s.found), s.chains[0].used)
			}
			break
		}
		if !errors.Is(err, context.Canceled) || rounds > 50 {
			t.Fatal(err)
		}
	}
	if rounds < 3 || read > alone.read.Load() {
		t.Errorf("%d interruptions, %d blocks read, alone %d", rounds, read, alone.read.Load())
	}
	// What is saved is of no use to others, and damage to it does no harm.
	other := firstScan(t, p, words, 21)
	if err := other.resume(); err != nil || other.tip.Height != 0 {
		t.Errorf("another scan begins at %d, %v", other.tip.Height, err)
	}
	for _, value := range []string{"", "{", `{"layers":[{"up_to":5}],"seen":[[],[]]}`, `{"layers":[{"spans":[{"chain":9,"to":3}],"up_to":0}],"seen":[[],[]]}`} {
		var b kv.Batch
		b.Put(alone.key(), []byte(value))
		if err := p.host().store.Apply(&b, false); err != nil {
			t.Fatal(err)
		}
		s := firstScan(t, p, words, 20)
		if err := s.resume(); err != nil || s.tip.Height != 0 {
			t.Errorf("%s: the scan begins at %d, %v", value, s.tip.Height, err)
		}
	}
}

// TestSearchIsMadeUpFor ends a host while a wallet's coins are still to be looked
// for: the next one does, and says so until it has.
func TestSearchIsMadeUpFor(t *testing.T) {
	words := wordsOf(t, scanWords)
	for _, blocks := range []int32{300, 2_500} { // at once; in the background
		p := newPurse(t, "", fastClock)
		scripts := scriptsAt(t, words, keys.Bech32, 0, 0, 40)
		paidChain(t, p.host(), blocks, spreadPays(blocks, scripts))
		got := must[rpc.Restored](t)(p.RestoreWords(t.Context(), rpc.RestoreWords{Mnemonic: words, Name: "Old"}))
		if got.Wallets[0].Coins != 40 {
			t.Fatalf("%+v", got)
		}
		// As when the host was killed behind the wallet's file; and the directory is
		// one of before there were filters.
		w := p.host().wallets
		file := w.vault.Wallet(got.Wallets[0].Number)
		w.mu.Lock()
		b, err := w.book.Remove(w.host.store, uint32(file.Number()))
		if err == nil {
			err = w.apply(b, false)
		}
		w.mu.Unlock()
		if err != nil {
			t.Fatal(err)
		}
		if err := w.expect([]*vault.Wallet{file}, sinceBirth(-1)); err != nil {
			t.Fatal(err)
		}
		if w := p.wallet("Old"); w.Coins != 0 || !w.Scanning {
			t.Errorf("before the search: %+v", w)
		}
		p.shut()
		eraseFilters(t, p.dir)
		p = newPurse(t, p.dir, fastClock)
		if w := p.wallet("Old"); blocks == 300 && (w.Scanning || w.Coins != 40) {
			t.Errorf("a short chain: %+v", w)
		}
		p.found("Old")
		if w := p.wallet("Old"); w.Coins != 40 {
			t.Errorf("after the search: %+v", w)
		}
		p.shut()
		p = newPurse(t, p.dir, fastClock)
		if due := p.host().wallets.dueFiles(); len(due) != 0 {
			t.Errorf("%d wallets are still to be searched for", len(due))
		}
		p.shut()
	}
}

// eraseFilters makes a directory one of before the filter index.
func eraseFilters(t *testing.T, dir string) {
	t.Helper()
	store, err := kv.OpenPebble(filepath.Join(dir, dbDir), kv.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var b kv.Batch
	b.DeleteRange([]byte{kv.SpaceFilters}, []byte{kv.SpaceFilters + 1})
	if err := errors.Join(store.Apply(&b, true), store.Close()); err != nil {
		t.Fatal(err)
	}
}

// found waits until a wallet is not searched for any more.
func (p *purse) found(name string) {
	p.t.Helper()
	w := p.host().wallets
	file := must[*vault.Wallet](p.t)(w.find(name))
	if r := w.scans.runningOf([]*vault.Wallet{file}); r != nil {
		<-r.ended
	}
	if got := p.wallet(name); got.Scanning {
		p.t.Errorf("nobody searches for %+v", got)
	}
}

// TestWalletsWithoutRows opens a long chain to which the files of a wallet were
// copied and from which the rows are gone.
func TestWalletsWithoutRows(t *testing.T) {
	words := wordsOf(t, scanWords)
	p := newPurse(t, "", fastClock)
	scripts := scriptsAt(t, words, keys.Bech32, 0, 0, 5)
	paidChain(t, p.host(), 2_200, spreadPays(2_200, scripts))
	must[rpc.Restored](t)(p.RestoreWords(t.Context(), rpc.RestoreWords{Mnemonic: words, Name: "Old"}))
	var b kv.Batch
	b.DeleteRange([]byte{kv.SpaceWallet}, []byte{kv.SpaceWallet + 1})
	if err := p.host().store.Apply(&b, true); err != nil {
		t.Fatal(err)
	}
	p.shut()
	eraseFilters(t, p.dir)
	p = newPurse(t, p.dir, fastClock)
	// It can be used meanwhile: a payment of now is seen at once.
	if err := p.Call(t.Context(), "generatetoaddress", nil, 1, p.wallet("Old").Address); err != nil {
		t.Fatal(err)
	}
	p.found("Old")
	if w := p.wallet("Old"); w.Coins != 6 || w.Spendable != 5*paid {
		t.Errorf("%+v", w)
	}
}

// TestScanReadsWhatFiltersCannotTell searches with so many scripts that reading
// the blocks is faster, and with filters that are damaged.
func TestScanReadsWhatFiltersCannotTell(t *testing.T) {
	words := wordsOf(t, scanWords)
	p := newPurse(t, "", fastClock)
	h := p.host()
	scripts := scriptsAt(t, words, keys.Bech32, 0, 0, 10)
	paidChain(t, h, 300, spreadPays(300, scripts))
	if err := h.filters.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	check := func(what string, gap uint32, read int64) {
		t.Helper()
		s := firstScan(t, p, words, gap)
		if err := s.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if len(s.found) != 10 || s.read.Load() < read || s.read.Load() > read+5 {
			t.Errorf("%s: %d found, %d read, want %d", what, len(s.found), s.read.Load(), read)
		}
	}
	check("few scripts", 20, 10)
	check("many scripts", 1_500, 300)
	var b kv.Batch
	for _, height := range []byte{120, 200, 201} {
		b.Put([]byte{kv.SpaceFilters, 'f', 0, 0, 0, height}, []byte{1, 2, 3})
	}
	b.Delete([]byte{kv.SpaceFilters, 'f', 0, 0, 0, 210})
	if err := h.store.Apply(&b, false); err != nil {
		t.Fatal(err)
	}
	s := firstScan(t, p, words, 20)
	if err := s.run(t.Context()); err != nil || len(s.found) != 10 {
		t.Errorf("damaged filters: %d found, %v", len(s.found), err)
	}
}

// TestRescanMethods calls rescanblockchain and abortrescan as Core's tests do.
func TestRescanMethods(t *testing.T) {
	words := wordsOf(t, scanWords)
	p := newPurse(t, "", fastClock)
	h := p.host()
	paidChain(t, h, 120, map[int32][]byte{110: scriptsAt(t, words, keys.Bech32, 0, 0, 1)[0]})
	must[rpc.Restored](t)(p.RestoreWords(t.Context(), rpc.RestoreWords{Mnemonic: words}))
	replay := 0
	for _, call := range readRecorded(t, "wallet_and_mempool.json") {
		if call.Method == "rescanblockchain" {
			var got json.RawMessage
			if err := p.Call(t.Context(), call.Method, &got, call.Params[0]); err != nil {
				t.Fatal(err)
			}
			for _, d := range differences("", asRecorded(t, got), call.Result) {
				if d != ".stop_height: got 120, Core has 652" {
					t.Error(d)
				}
			}
			replay++
		}
	}
	if replay == 0 {
		t.Error("nothing was replayed")
	}
	for _, c := range []struct {
		params []any
		text   string
	}{
		{[]any{-1}, "Invalid start_height"},
		{[]any{121}, "Invalid start_height"},
		{[]any{0, 121}, "Invalid stop_height"},
		{[]any{0, -1}, "Invalid stop_height"},
		{[]any{50, 49}, "stop_height must be greater than start_height"},
	} {
		refused(t, p.Call(t.Context(), "rescanblockchain", nil, c.params...), rpc.CodeInvalidParameter, c.text)
	}
	var aborted bool
	if p.core(&aborted, "abortrescan"); aborted {
		t.Error("nothing was to be aborted")
	}
	// While one runs, a second one is refused, getwalletinfo tells of it, and it can
	// be aborted. It waits here until somebody has.
	w := h.wallets
	file := must[*vault.Wallet](t)(w.find(""))
	run := &runningScan{since: h.now(), ended: make(chan struct{})}
	if err := w.scans.claim([]*vault.Wallet{file}, run); err != nil {
		t.Fatal(err)
	}
	started, err := h.jobs.start(rescanKind, "blocks", false, func(ctx context.Context, j *job) (any, error) {
		defer w.scans.release([]*vault.Wallet{file}, run)
		w.scans.mu.Lock()
		run.job = j
		w.scans.mu.Unlock()
		j.progress(30, 120)
		<-ctx.Done()
		return nil, ctx.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
	for job := started; job.Done == 0; {
		job = must[rpc.Job](t)(p.Job(t.Context(), rpc.JobRequest{ID: started.ID}))
	}
	refused(t, p.Call(t.Context(), "rescanblockchain", nil), rpc.CodeWallet, "Wallet is currently rescanning. Abort existing rescan or wait.")
	var info struct {
		Scanning struct {
			Duration int64
			Progress float64
		}
	}
	if p.core(&info, "getwalletinfo"); info.Scanning.Progress != 0.25 || info.Scanning.Duration <= 0 {
		t.Errorf("%+v", info)
	}
	if p.core(&aborted, "abortrescan"); !aborted {
		t.Error("it was not aborted")
	}
	var idle struct{ Scanning any }
	if p.core(&idle, "getwalletinfo"); idle.Scanning != false {
		t.Errorf("%+v", idle)
	}
}

// TestRescanIsCancelled leaves nothing behind of a search that somebody asked for
// and gave up; one that is needed stays due.
func TestRescanIsCancelled(t *testing.T) {
	p := newPurse(t, "", fastClock)
	w := p.host().wallets
	made := p.make(rpc.NewWallets{Count: 2})
	files := []*vault.Wallet{w.vault.Wallet(made[0].Number), w.vault.Wallet(made[1].Number)}
	if err := w.expect(files, func(f *vault.Wallet) dueScan { return dueScan{Gap: 20, Asked: f == files[0]} }); err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancelCause(t.Context())
	cancel(errHostEnds)
	if err := w.giveUp(ended, files); err != nil || len(w.dueFiles()) != 2 {
		t.Errorf("after the host: %d are due, %v", len(w.dueFiles()), err)
	}
	given, stop := context.WithCancel(t.Context())
	stop()
	if err := w.giveUp(given, files); err != nil || len(w.dueFiles()) != 1 || w.dueFiles()[0] != files[1] {
		t.Errorf("given up: %d are due, %v", len(w.dueFiles()), err)
	}
	// What becomes due while a search runs is not done with that search.
	var b kv.Batch
	was := w.scans.of(files)
	if err := w.expect(files[1:], sinceBirth(0)); err != nil {
		t.Fatal(err)
	}
	if w.scans.done(was, &b); len(w.dueFiles()) != 1 {
		t.Error("a search that became due was lost")
	}
}

// TestRestoreJob restores as a job: its progress goes up to its total, its
// result is what was restored, and cancelled it leaves nothing.
func TestRestoreJob(t *testing.T) {
	words := wordsOf(t, scanWords)
	p := newPurse(t, "", fastClock)
	paidChain(t, p.host(), 150, map[int32][]byte{110: scriptsAt(t, words, keys.Bech32, 0, 0, 1)[0]})
	var got rpc.Restored
	var last rpc.Job
	err := p.RunJob(t.Context(), "lode_startrestore", rpc.RestoreWords{Mnemonic: words}, &got, func(j rpc.Job) { last = j })
	if err != nil || len(got.Wallets) != 1 || got.Wallets[0].Coins != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	if last.Kind != "restore" || last.Unit != "blocks" || last.Total < 150 || last.Done != last.Total {
		t.Errorf("%+v", last)
	}
	// What can be refused at once starts no job.
	for _, r := range []rpc.RestoreWords{{Mnemonic: "abandon"}, {Mnemonic: words, Type: "x"}, {Mnemonic: words, Gap: -1}} {
		_, err := p.StartJob(t.Context(), "lode_startrestore", r)
		refused(t, err, rpc.CodeInvalidParameter)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	other := wordsOf(t, neverPaid)
	if _, err := p.host().wallets.restore(ctx, rpc.RestoreWords{Mnemonic: other}, func(int64, int64) {}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if list := p.list(); len(list) != 1 {
		t.Errorf("%d wallets", len(list))
	}
}

// TestWordsAsPeopleTypeThem restores words in other languages, with spaces and
// capitals, and says clearly what is wrong with others.
func TestWordsAsPeopleTypeThem(t *testing.T) {
	p := newPurse(t, "", fastClock)
	for _, lang := range []string{"english", "french", "japanese", "spanish", "czech", "korean"} {
		words := must[string](t)(keys.MnemonicOf([]byte("0123456789abcde"+lang[:1]), lang))
		typed := "  \t" + strings.ToUpper(strings.ReplaceAll(words, " ", "  \n ")) + "\n"
		got, err := p.RestoreWords(t.Context(), rpc.RestoreWords{Mnemonic: typed})
		if err != nil || len(got.Wallets) != 1 {
			t.Errorf("%s: %+v, %v", lang, got, err)
			continue
		}
		shown := must[rpc.WalletKeys](t)(p.WalletKeys(t.Context(), rpc.WalletRequest{Wallet: got.Wallets[0].Name}))
		if shown.Mnemonic != words {
			t.Errorf("%s: %q, want %q", lang, shown.Mnemonic, words)
		}
	}
	words := strings.Fields(wordsOf(t, scanWords))
	swapped := slices.Clone(words)
	swapped[2], swapped[7] = swapped[7], swapped[2]
	typo := slices.Clone(words)
	typo[3] += "x"
	for what, c := range map[string]struct {
		words []string
		texts []string
	}{
		"a swapped pair": {swapped, []string{"checksum"}},
		"a typo":         {typo, []string{"word 4", words[3]}},
		"a word less":    {words[1:], []string{"11"}},
		"two languages":  {append(slices.Clone(words[:11]), "abaisser"), []string{"word 12"}},
	} {
		_, err := p.RestoreWords(t.Context(), rpc.RestoreWords{Mnemonic: strings.Join(c.words, " ")})
		refused(t, err, rpc.CodeInvalidParameter, c.texts...)
		if err != nil && strings.Contains(err.Error(), strings.Join(words[4:7], " ")) {
			t.Errorf("%s: the error shows the words: %v", what, err)
		}
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
