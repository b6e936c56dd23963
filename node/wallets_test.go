package node

import (
	"context"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha512"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/internal/kv"
	"github.com/lode-chain/lode/keys"
	"github.com/lode-chain/lode/network"
	"github.com/lode-chain/lode/rpc"
)

// purse is a node with wallets, and its client.
type purse struct {
	t testing.TB
	*rpc.Client
	node *Node
	dir  string
	// shut ends the node before the test does.
	shut func()
}

// newPurse opens a directory of its own, or the one given.
func newPurse(t testing.TB, dir string, change ...func(*Config)) *purse {
	t.Helper()
	if dir == "" {
		dir = filepath.Join(t.TempDir(), "n")
	}
	c := config(dir, "test")
	c.LongLived = false
	cheapSecrets(&c)
	for _, f := range change {
		f(&c)
	}
	n, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	shut := sync.OnceFunc(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(shut)
	return &purse{t, n.Client(), n, dir, shut}
}

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func (p *purse) make(r rpc.NewWallets) []rpc.WalletKeys {
	p.t.Helper()
	return must[[]rpc.WalletKeys](p.t)(p.NewWallets(p.t.Context(), r))
}

func (p *purse) list() []rpc.Wallet {
	p.t.Helper()
	return must[[]rpc.Wallet](p.t)(p.ListWallets(p.t.Context()))
}

func (p *purse) wallet(name string) rpc.Wallet {
	p.t.Helper()
	return must[rpc.Wallet](p.t)(p.FindWallet(p.t.Context(), name))
}

func (p *purse) mine(n int, to string) rpc.Mined {
	p.t.Helper()
	return must[rpc.Mined](p.t)(p.Mine(p.t.Context(), rpc.MineRequest{Blocks: n, To: to}))
}

func (p *purse) pay(from, to string, amount rpc.Amount) rpc.SendPlan {
	p.t.Helper()
	return must[rpc.SendPlan](p.t)(p.Send(p.t.Context(), rpc.SendRequest{From: from, To: to, Amount: amount}))
}

// core calls one of Core's methods of a wallet.
func (p *purse) core(result any, method string, params ...any) {
	p.t.Helper()
	if err := p.Call(p.t.Context(), method, result, params...); err != nil {
		p.t.Fatalf("%s: %v", method, err)
	}
}

// refused says that an error has a code and contains each text.
func refused(t testing.TB, err error, code rpc.Code, texts ...string) {
	t.Helper()
	e, ok := errors.AsType[*rpc.Error](err)
	if !ok || e.Code != code {
		t.Errorf("error %v, want code %d", err, code)
		return
	}
	for _, text := range texts {
		if !strings.Contains(e.Message, text) {
			t.Errorf("the message %q does not contain %q", e.Message, text)
		}
	}
}

const coin = rpc.Amount(consensus.SatsPerCoin)

// demo is a chain as `lode up` makes it.
func demo(t testing.TB, wallets int) *purse {
	p := newPurse(t, "")
	p.make(rpc.NewWallets{Count: wallets, Mnemonic: keys.PublishedWords})
	if _, err := p.Fund(t.Context(), rpc.FundRequest{}); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestDemonstration(t *testing.T) {
	p := demo(t, 5)
	list := p.list()
	if len(list) != 5 {
		t.Fatalf("%d wallets", len(list))
	}
	for i, w := range list {
		if w.Number != i+1 || w.Name != fmt.Sprintf("Wallet%d", i+1) || w.Path != fmt.Sprintf("m/84'/1'/%d'", i) || w.Default != (i == 0) {
			t.Errorf("wallet %+v", w)
		}
		if w.Spendable != list[0].Spendable || w.Spendable < 100*coin {
			t.Errorf("%s has %s, the first %s", w.Name, w.Spendable, list[0].Spendable)
		}
		coins := 5
		if i == 0 {
			coins += 100 // not mature yet
		}
		if w.Coins != coins {
			t.Errorf("%s has %d coins", w.Name, w.Coins)
		}
	}
	if list[0].Address != "bcrt1q6rz28mcfaxtmd6v789l9rrlrusdprr9pz3cppk" {
		t.Errorf("address of account 0: %s", list[0].Address)
	}
	if again, err := p.Fund(t.Context(), rpc.FundRequest{}); err != nil || again.Funded {
		t.Error("funded twice")
	}
}

// TestFundMany needs several transactions, one of which feeds the others.
func TestFundMany(t *testing.T) {
	for _, n := range []int{1, 900} {
		p := demo(t, n)
		list := p.list()
		for _, w := range list {
			if w.Spendable != list[0].Spendable || w.Spendable == 0 || w.Coins < fundCoins {
				t.Fatalf("%d wallets: %+v", n, w)
			}
		}
		p.pay(list[n-1].Name, list[0].Name, list[0].Spendable/10)
		p.shut()
	}
}

func TestSend(t *testing.T) {
	p := demo(t, 3)
	ctx := t.Context()
	before := p.list()
	r := rpc.SendRequest{From: "wallet1", To: "2", Amount: 3 * coin / 2, Key: "order 17"}
	plan, err := p.PrepareSend(ctx, r)
	if err != nil || plan.TxID != "" || plan.ToName != "Wallet2" || plan.Fee <= 0 || plan.Change <= 0 {
		t.Fatalf("%+v, %v", plan, err)
	}
	if got := p.list(); !slices.Equal(got, before) {
		t.Error("a plan changed balances")
	}
	sent, err := p.Send(ctx, r)
	if err != nil || sent.TxID == "" || sent.Repeated {
		t.Fatalf("%+v, %v", sent, err)
	}
	one, two := p.wallet("1"), p.wallet(before[1].Address)
	if one.Spendable != before[0].Spendable-r.Amount-sent.Fee || one.Spendable != sent.Remaining {
		t.Errorf("sender has %s, plan says %s", one.Spendable, sent.Remaining)
	}
	if two.Pending != r.Amount || two.Spendable != before[1].Spendable {
		t.Errorf("receiver: %+v", two)
	}

	// The same key is the same payment, also after a restart and a block.
	again := func(p *purse) {
		t.Helper()
		repeat, err := p.Send(ctx, r)
		if err != nil || repeat.TxID != sent.TxID || !repeat.Repeated || repeat.Fee != sent.Fee {
			t.Errorf("%+v, %v", repeat, err)
		}
	}
	again(p)
	p.shut()
	p = newPurse(t, p.dir)
	again(p)
	p.mine(1, "Wallet3")
	again(p)
	if two := p.wallet("2"); two.Pending != 0 || two.Spendable != before[1].Spendable+r.Amount {
		t.Errorf("receiver after the block: %+v", two)
	}
	r.Amount = 2 * coin
	_, err = p.Send(ctx, r)
	refused(t, err, rpc.CodeInvalidParameter, "order 17", "another payment")
}

// TestLostSend brings a payment back that was recorded but that the mempool lost,
// and repeats it.
func TestLostSend(t *testing.T) {
	p := demo(t, 2)
	r := rpc.SendRequest{From: "1", To: "2", Amount: coin, Key: "k"}
	sent := must[rpc.SendPlan](t)(p.Send(t.Context(), r))
	p.shut()
	store, err := kv.OpenPebble(filepath.Join(p.dir, "db"), kv.Options{})
	if err != nil {
		t.Fatal(err)
	}
	b := new(kv.Batch)
	b.DeleteRange([]byte{kv.SpaceMempool}, []byte{kv.SpaceMempool + 1})
	if err := errors.Join(store.Apply(b, true), store.Close()); err != nil {
		t.Fatal(err)
	}
	p = newPurse(t, p.dir)
	pool := p.node.link.host.pool
	for {
		changed := pool.Changed()
		if p.wallet("2").Pending == coin {
			break
		}
		select {
		case <-changed:
		case <-time.After(10 * time.Second):
			t.Fatal("the payment does not come back by itself")
		}
	}
	repeat := must[rpc.SendPlan](t)(p.Send(t.Context(), r))
	if repeat.TxID != sent.TxID || p.wallet("2").Pending != coin {
		t.Errorf("%+v", repeat)
	}
}

func TestSendRefusals(t *testing.T) {
	p := demo(t, 2)
	ctx := t.Context()
	send := func(r rpc.SendRequest) error {
		_, err := p.Send(ctx, r)
		return err
	}
	has := p.wallet("1").Spendable
	refused(t, send(rpc.SendRequest{From: "1", To: "2", Amount: has + 1}), rpc.CodeInsufficientFunds, "is needed", "immature", "height 112")
	refused(t, send(rpc.SendRequest{From: "1", To: "2", Amount: has}), rpc.CodeInsufficientFunds, "for the fee")
	refused(t, send(rpc.SendRequest{From: "1", To: "2"}), rpc.CodeInvalidParameter, "0.00000000")
	refused(t, send(rpc.SendRequest{From: "1", To: "2", Amount: 100}), rpc.CodeInvalidParameter, "dust")
	refused(t, send(rpc.SendRequest{From: "1", Amount: coin}), rpc.CodeInvalidParameter, "whom to pay")
	refused(t, send(rpc.SendRequest{From: "9", To: "2", Amount: coin}), rpc.CodeWalletNotFound, "1 Wallet1, 2 Wallet2", "lode wallet new")
	refused(t, send(rpc.SendRequest{From: "1", To: "Nobody", Amount: coin}), rpc.CodeWalletNotFound, "Nobody")
	refused(t, send(rpc.SendRequest{From: "1", To: "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", Amount: coin}), rpc.CodeInvalidAddress, "main")
	refused(t, send(rpc.SendRequest{From: "1", To: "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt081", Amount: coin}), rpc.CodeInvalidAddress)
	refused(t, send(rpc.SendRequest{From: "1", To: "2", Amount: coin, FeeRate: 0.1}), rpc.CodeInvalidParameter, "0.1", "1 sat/vB")
	refused(t, send(rpc.SendRequest{From: "1", To: "2", Amount: coin, FeeRate: -1}), rpc.CodeInvalidParameter)
	refused(t, send(rpc.SendRequest{From: "1", To: "2", Amount: coin, FeeRate: 1e9}), rpc.CodeInvalidParameter)

	// All is spent by a transaction that is in no block yet.
	all := p.pay("1", "2", has-coin/1000)
	refused(t, send(rpc.SendRequest{From: "1", To: "2", Amount: coin}), rpc.CodeInsufficientFunds, "already spent by unconfirmed transaction "+all.TxID)
	refused(t, send(rpc.SendRequest{From: "2", To: "1", Amount: 2 * has}), rpc.CodeInsufficientFunds, "pending")
}

// TestConcurrentSends makes payments from one wallet at once: no two may
// choose the same coin.
func TestConcurrentSends(t *testing.T) {
	p := demo(t, 2)
	has := p.wallet("1").Spendable
	var wg sync.WaitGroup
	var mu sync.Mutex
	ids := make(map[string]int)
	var fees rpc.Amount
	for range 20 {
		wg.Go(func() {
			plan, err := p.Send(t.Context(), rpc.SendRequest{From: "1", To: "2", Amount: coin})
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			ids[plan.TxID]++
			fees += plan.Fee
			mu.Unlock()
		})
	}
	wg.Wait()
	if len(ids) != 20 {
		t.Errorf("%d payments", len(ids))
	}
	if w := p.wallet("1"); w.Spendable != has-20*coin-fees {
		t.Errorf("spendable %s of %s after fees of %s", w.Spendable, has, fees)
	}
	p.mine(1, "2")
	if w := p.wallet("2"); w.Spendable != has+20*coin {
		t.Errorf("receiver has %s, had %s", w.Spendable, has)
	}
}

// TestTypes pays from and to wallets of all types, and to single keys.
func TestTypes(t *testing.T) {
	p := demo(t, 1)
	for _, typ := range keys.Types() {
		w := p.make(rpc.NewWallets{Type: string(typ), ShowPrivate: true})[0]
		path := fmt.Sprintf("m/%d'/1'/0'", typ.Purpose())
		if w.Type != string(typ) || w.Path != path || w.AddressPath != path+"/0/0" || len(strings.Fields(w.Mnemonic)) != 12 || w.WIF == "" {
			t.Errorf("%+v", w.Wallet)
		}
		p.pay("1", w.Name, 2*coin)
		p.mine(1, "1")
		p.pay(w.Name, "1", coin)
		p.mine(1, "1")
		if got := p.wallet(w.Name); got.Spendable >= coin || got.Spendable < coin-10_000 || got.Coins != 1 {
			t.Errorf("%s: %+v", typ, got)
		}
	}
}

func TestFind(t *testing.T) {
	p := newPurse(t, "")
	ctx := t.Context()
	_, err := p.FindWallet(ctx, "")
	refused(t, err, rpc.CodeWalletNotFound, "no wallet here", "lode wallet new")
	made := p.make(rpc.NewWallets{Count: 7})
	if _, err := p.RenameWallet(ctx, "7", "Savings"); err != nil {
		t.Fatal(err)
	}
	for _, by := range []string{"7", "SAVINGS", "savings", made[6].Address, strings.ToUpper(made[6].Address), "007"} {
		if w := p.wallet(by); w.Number != 7 || w.Name != "Savings" {
			t.Errorf("%q finds %+v", by, w)
		}
	}
	if w := p.wallet(""); w.Number != 1 || !w.Default {
		t.Errorf("the default is %+v", w)
	}
	_, err = p.FindWallet(ctx, "Savink")
	refused(t, err, rpc.CodeWalletNotFound, "7 Savings", "and 2 more")
	_, err = p.FindWallet(ctx, "99999999999999999999")
	refused(t, err, rpc.CodeWalletNotFound, "number")
	_, err = p.FindWallet(ctx, "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080")
	refused(t, err, rpc.CodeWalletNotFound, "belongs to no wallet")
	_, err = p.FindWallet(ctx, "Wallet7")
	refused(t, err, rpc.CodeWalletNotFound)

	// The default follows a rename.
	if _, err := p.Settings(ctx, rpc.Settings{DefaultWallet: "savings"}); err != nil {
		t.Fatal(err)
	}
	if _, err := p.RenameWallet(ctx, "Savings", "Old"); err != nil {
		t.Fatal(err)
	}
	if w := p.wallet(""); w.Number != 7 || w.Name != "Old" {
		t.Errorf("the default is %+v", w)
	}
	for _, name := range []string{"42", "Wallet3", "wallet9", "", "a/b", made[0].Address, "Аlice"} {
		_, err := p.RenameWallet(ctx, "1", name)
		refused(t, err, rpc.CodeInvalidParameter)
	}
}

// TestRestore finds the accounts of words on a chain, with payments far apart
// in the order of addresses.
func TestRestore(t *testing.T) {
	p := demo(t, 1)
	ctx := t.Context()
	words := must[string](t)(keys.MnemonicOf(make([]byte, 32), "english"))
	there := newPurse(t, "", func(c *Config) { c.Params = network.Regtest() })
	made := there.make(rpc.NewWallets{Count: 2, Mnemonic: words, Type: "bech32m"})
	made = append(made, there.make(rpc.NewWallets{Count: 1, Mnemonic: words, Type: "legacy"})...)
	var late string
	for range 55 {
		there.core(&late, "getnewaddress", "", "bech32m")
	}
	p.pay("1", late, 3*coin) // past the gap, for now
	p.mine(1, "1")
	for i := range 55 {
		if i%15 == 14 {
			info := keyAt(t, words, keys.Bech32m, 0, uint32(i+1), p)
			p.pay("1", info, coin)
			p.mine(1, "1")
		}
	}
	p.pay("1", made[1].Address, 5*coin)
	p.mine(1, "1")
	p.pay("1", made[2].Address, 7*coin) // only in the mempool

	_, err := p.RestoreWords(ctx, rpc.RestoreWords{Mnemonic: strings.Replace(words, "art", "arm", 1)})
	refused(t, err, rpc.CodeInvalidParameter)
	got, err := p.RestoreWords(ctx, rpc.RestoreWords{Mnemonic: "  " + strings.ToUpper(words)})
	if err != nil {
		t.Fatal(err)
	}
	sums := make(map[string]rpc.Amount)
	for _, w := range got.Wallets {
		sums[w.Path] = w.Spendable + w.Pending
	}
	want := map[string]rpc.Amount{"m/86'/1'/0'": 6 * coin, "m/86'/1'/1'": 5 * coin, "m/44'/1'/0'": 7 * coin}
	if !maps.Equal(sums, want) || len(got.Already) != 0 {
		t.Errorf("restored %v, want %v; already %v", sums, want, got.Already)
	}
	// What was found can be spent, and goes on to be followed.
	number := fmt.Sprint(got.Wallets[slices.IndexFunc(got.Wallets, func(w rpc.Wallet) bool { return w.Path == "m/86'/1'/0'" })].Number)
	p.pay(number, "1", 5*coin)
	p.pay("1", late, coin)
	p.mine(1, "1")
	if w := p.wallet(number); w.Spendable < 2*coin-10_000 || w.Spendable >= 2*coin {
		t.Errorf("after a payment: %+v", w)
	}
	again, err := p.RestoreWords(ctx, rpc.RestoreWords{Mnemonic: words})
	if err != nil || len(again.Wallets) != 0 || len(again.Already) != 3 {
		t.Errorf("again: %+v, %v", again, err)
	}
	if again, err = p.RestoreWords(ctx, rpc.RestoreWords{Mnemonic: keys.PublishedWords}); err != nil || len(again.Already) != 1 || len(again.Wallets) != 0 {
		t.Errorf("again: %+v, %v", again, err)
	}
	// Words with a BIP39 passphrase are others; never paid, they give account 0.
	other, err := p.RestoreWords(ctx, rpc.RestoreWords{Mnemonic: words, BIP39Passphrase: "x", Name: "Other"})
	if err != nil || len(other.Wallets) != 1 || other.Wallets[0].Path != "m/84'/1'/0'" || other.Wallets[0].Name != "Other" {
		t.Errorf("other: %+v, %v", other, err)
	}
	shown := must[rpc.WalletKeys](t)(p.WalletKeys(ctx, rpc.WalletRequest{Wallet: "Other"}))
	if shown.Mnemonic != words {
		t.Errorf("words of a restored wallet: %q", shown.Mnemonic)
	}
}

// keyAt is an address of an account of words.
func keyAt(t testing.TB, words string, typ keys.Type, account, index uint32, p *purse) string {
	t.Helper()
	a := must[*keys.Account](t)(keys.DeriveAccount(keys.Seed(words, ""), typ, 1, account))
	_, script, err := a.Child(keys.Receive, index)
	if err != nil {
		t.Fatal(err)
	}
	var info struct{ Address string }
	p.core(&info, "decodescript", fmt.Sprintf("%x", script))
	return info.Address
}

// TestPrototypeKey takes the master key itself, as the prototype did.
func TestPrototypeKey(t *testing.T) {
	p := demo(t, 1)
	ctx := t.Context()
	r := rpc.RestoreWords{Mnemonic: keys.PublishedWords, Path: "m", Type: "legacy"}
	got, err := p.RestoreWords(ctx, r)
	if err != nil || len(got.Wallets) != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
	w := must[rpc.WalletKeys](t)(p.WalletKeys(ctx, rpc.WalletRequest{Wallet: got.Wallets[0].Name}))
	if w.PrivateKey != "1837c1be8e2995ec11cda2b066151be2cfb48adf9e47b151d46adab3a21cdf67" || w.Mnemonic != keys.PublishedWords || w.AddressPath != "m" {
		t.Errorf("%+v", w)
	}
	if again, err := p.RestoreWords(ctx, r); err != nil || len(again.Already) != 1 || len(again.Wallets) != 0 {
		t.Errorf("%+v, %v", again, err)
	}
	p.pay("1", w.Address, coin)
	p.mine(1, "1")
	p.pay(w.Name, "1", coin/2)
	if w := p.wallet(w.Name); w.Spendable >= coin/2 || w.Spendable < coin/2-10_000 {
		t.Errorf("change of one key comes back to it: %+v", w)
	}
	var address string
	err = p.Call(ctx, "getnewaddress", &address)
	if err != nil {
		t.Fatal(err)
	}
}

func TestImportKey(t *testing.T) {
	p := demo(t, 2)
	ctx := t.Context()
	shown := must[rpc.WalletKeys](t)(p.WalletKeys(ctx, rpc.WalletRequest{Wallet: "2"}))
	for _, key := range []string{shown.WIF, shown.PrivateKey} {
		w, err := p.ImportKey(ctx, rpc.ImportKey{Key: key})
		if err != nil || !w.Already || w.Name != "Wallet2" {
			t.Errorf("a key that is here: %+v, %v", w, err)
		}
	}
	// Of another type it is another wallet; its earlier coins are found.
	fresh := newPurse(t, "").make(rpc.NewWallets{ShowPrivate: true})[0]
	p.pay("1", fresh.Address, 4*coin)
	p.mine(1, "1")
	w, err := p.ImportKey(ctx, rpc.ImportKey{Key: fresh.WIF, Name: "Found"})
	if err != nil || w.Spendable != 4*coin || w.Name != "Found" || w.Address != fresh.Address || w.Source != "key" || w.Already {
		t.Errorf("%+v, %v", w, err)
	}
	p.pay("Found", "1", coin)
	for _, bad := range []string{"", "xyz", fresh.WIF[:20], strings.Repeat("0", 64), strings.Repeat("f", 64), fresh.PrivateKey + "00"} {
		_, err := p.ImportKey(ctx, rpc.ImportKey{Key: bad})
		refused(t, err, rpc.CodeInvalidAddress)
		if bad != "" && err != nil && strings.Contains(err.Error(), bad) {
			t.Errorf("the error shows what was typed: %v", err)
		}
	}
}

// TestSameKeysAtOnce restores the same words and imports the same key from many
// sides: each is here once.
func TestSameKeysAtOnce(t *testing.T) {
	p := demo(t, 1)
	words := must[string](t)(keys.NewMnemonic(12, rand.Reader))
	key := strings.Repeat("07", 32)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if r, err := p.RestoreWords(t.Context(), rpc.RestoreWords{Mnemonic: words}); err != nil || len(r.Wallets)+len(r.Already) != 1 {
				t.Errorf("restore: %+v, %v", r, err)
			}
		})
		wg.Go(func() {
			if r, err := p.RestoreWords(t.Context(), rpc.RestoreWords{Mnemonic: words, Path: "m"}); err != nil || len(r.Wallets)+len(r.Already) != 1 {
				t.Errorf("restore a path: %+v, %v", r, err)
			}
		})
		wg.Go(func() {
			if w, err := p.ImportKey(t.Context(), rpc.ImportKey{Key: key}); err != nil || w.Source != "key" {
				t.Errorf("import: %+v, %v", w, err)
			}
		})
	}
	wg.Wait()
	if list := p.list(); len(list) != 4 {
		t.Errorf("%d wallets", len(list))
	}
}

func TestPublishedWordsElsewhere(t *testing.T) {
	spec := must[network.Spec](t)(network.NewSpec("village", clock(), zeros{}))
	params, _, err := network.Make(spec)
	if err != nil {
		t.Fatal(err)
	}
	p := newPurse(t, "", func(c *Config) { c.Params = params })
	_, err = p.NewWallets(t.Context(), rpc.NewWallets{Count: 1, Mnemonic: keys.PublishedWords})
	refused(t, err, rpc.CodeInvalidParameter, "published")
	_, err = p.RestoreWords(t.Context(), rpc.RestoreWords{Mnemonic: keys.PublishedWords})
	refused(t, err, rpc.CodeInvalidParameter, "published", "village")
	p.make(rpc.NewWallets{})
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

func TestPassphrase(t *testing.T) {
	const otherWords = "legal winner thank year wave sausage worth useful legal winner thank yellow"
	p := newPurse(t, "")
	ctx := t.Context()
	refused(t, p.Unlock(ctx, "x"), rpc.CodeWrongEncState)
	if err := p.SetPassphrase(ctx, "open sesame"); err != nil {
		t.Fatal(err)
	}
	made := p.make(rpc.NewWallets{Count: 2})
	if s := must[rpc.Status](t)(p.Status(ctx)); !s.Encrypted || s.Locked || !made[0].Encrypted {
		t.Errorf("%+v", s)
	}
	var info struct {
		Until int64 `json:"unlocked_until"`
	}
	if p.core(&info, "getwalletinfo"); info.Until == 0 {
		t.Error("unlocked by setting the passphrase, but said to be locked")
	}
	p.mine(102, "1")
	p.shut()
	p = newPurse(t, p.dir)
	if s := must[rpc.Status](t)(p.Status(ctx)); !s.Locked || s.Wallets != 2 {
		t.Errorf("a restart does not lock: %+v", s)
	}
	_, err := p.Send(ctx, rpc.SendRequest{From: "1", To: "2", Amount: coin})
	refused(t, err, rpc.CodeUnlockNeeded)
	_, err = p.WalletKeys(ctx, rpc.WalletRequest{Wallet: "1"})
	refused(t, err, rpc.CodeUnlockNeeded)
	_, err = p.NewWallets(ctx, rpc.NewWallets{})
	refused(t, err, rpc.CodeUnlockNeeded)
	_, err = p.RestoreWords(ctx, rpc.RestoreWords{Mnemonic: keys.PublishedWords})
	refused(t, err, rpc.CodeUnlockNeeded)
	_, err = p.NewWallets(ctx, rpc.NewWallets{Passphrase: "wrong"})
	refused(t, err, rpc.CodePassphrase)
	p.make(rpc.NewWallets{Passphrase: "open sesame"})
	// A passphrase is for its request only.
	if s := must[rpc.Status](t)(p.Status(ctx)); !s.Locked {
		t.Error("one request has unlocked the wallets for all")
	}
	if _, err := p.RestoreWords(ctx, rpc.RestoreWords{Mnemonic: otherWords, Passphrase: "open sesame"}); err != nil {
		t.Error(err)
	}
	if _, err := p.ImportKey(ctx, rpc.ImportKey{Key: strings.Repeat("07", 32), Passphrase: "open sesame"}); err != nil {
		t.Error(err)
	}
	if sent, err := p.Send(ctx, rpc.SendRequest{From: "1", To: "2", Amount: coin, Key: "k", Passphrase: "open sesame"}); err != nil || sent.TxID == "" {
		t.Error(err)
	}
	if s := must[rpc.Status](t)(p.Status(ctx)); !s.Locked {
		t.Error("one request has unlocked the wallets for all")
	}
	if shown, err := p.WalletKeys(ctx, rpc.WalletRequest{Wallet: "1", Passphrase: "open sesame"}); err != nil || shown.Mnemonic != made[0].Mnemonic {
		t.Error(err)
	}
	// Locked wallets can be looked at, renamed, paid, and give out addresses.
	if _, err := p.RenameWallet(ctx, "2", "Bob"); err != nil {
		t.Error(err)
	}
	var address string
	p.core(&address, "getnewaddress")
	if _, err := p.PrepareSend(ctx, rpc.SendRequest{From: "1", To: "2", Amount: coin}); err != nil {
		t.Error(err)
	}
	refused(t, p.Unlock(ctx, "open Sesame"), rpc.CodePassphrase)
	refused(t, p.Call(ctx, "walletpassphrase", nil, "", 5), rpc.CodeInvalidParameter)
	refused(t, p.Call(ctx, "walletpassphrase", nil, "open sesame", -1), rpc.CodeInvalidParameter)
	if err := p.Call(ctx, "walletpassphrase", nil, "open sesame", 1000); err != nil {
		t.Fatal(err)
	}
	p.pay("1", "Bob", coin)
	// Unlocked, a wrong passphrase is wrong still, and secrets are shown only for it.
	for what, call := range map[string]func(passphrase string) error{
		"new": func(pass string) error { _, err := p.NewWallets(ctx, rpc.NewWallets{Passphrase: pass}); return err },
		"restore": func(pass string) error {
			_, err := p.RestoreWords(ctx, rpc.RestoreWords{Mnemonic: otherWords, Passphrase: pass})
			return err
		},
		"import": func(pass string) error {
			_, err := p.ImportKey(ctx, rpc.ImportKey{Key: strings.Repeat("08", 32), Passphrase: pass})
			return err
		},
		"send": func(pass string) error {
			_, err := p.Send(ctx, rpc.SendRequest{From: "1", To: "2", Amount: coin, Passphrase: pass})
			return err
		},
		"keys": func(pass string) error {
			_, err := p.WalletKeys(ctx, rpc.WalletRequest{Wallet: "1", Passphrase: pass})
			return err
		},
	} {
		if err := call("wrong"); !errors.Is(err, rpc.CodePassphrase.New("")) {
			t.Errorf("%s with a wrong passphrase: %v", what, err)
		}
	}
	_, err = p.WalletKeys(ctx, rpc.WalletRequest{Wallet: "1"})
	refused(t, err, rpc.CodeUnlockNeeded)
	p.core(nil, "walletlock")
	_, err = p.Send(ctx, rpc.SendRequest{From: "1", To: "2", Amount: coin})
	refused(t, err, rpc.CodeUnlockNeeded)
	refused(t, p.SetPassphrase(ctx, "another"), rpc.CodeWrongEncState)
}

// TestUnlockTimer unlocks for a moment. An earlier timer does not lock what was
// unlocked for longer since.
func TestUnlockTimer(t *testing.T) {
	p := newPurse(t, "")
	if err := p.SetPassphrase(t.Context(), "open sesame"); err != nil {
		t.Fatal(err)
	}
	w := p.node.link.host.wallets
	synctest.Test(t, func(t *testing.T) {
		unlock := func(d time.Duration) {
			if err := w.unlock("open sesame", d); err != nil {
				t.Fatal(err)
			}
		}
		after := func(d time.Duration, locked bool) {
			t.Helper()
			time.Sleep(d)
			synctest.Wait()
			if w.vault.Locked() != locked || (w.unlockedUntil() == 0) != locked {
				t.Errorf("locked: %t, until %d", !locked, w.unlockedUntil())
			}
		}
		unlock(time.Minute)
		after(59*time.Second, false)
		after(time.Second, true)
		unlock(time.Minute)
		unlock(time.Hour)
		after(59*time.Minute, false)
		after(time.Minute, true)
		unlock(time.Minute)
		unlock(0)
		after(24*time.Hour, false)
		w.lock()
		after(0, true)
	})
}

// TestSecretsStayPut looks for the words and keys of a busy life in everything
// that is left of it on the disk beside the wallets' own files, and under a
// passphrase in these too.
func TestSecretsStayPut(t *testing.T) {
	p := newPurse(t, "")
	ctx := t.Context()
	if err := p.SetPassphrase(ctx, "open sesame"); err != nil {
		t.Fatal(err)
	}
	w := p.make(rpc.NewWallets{ShowPrivate: true})[0]
	p.mine(102, "1")
	p.pay("1", "1", coin)
	p.make(rpc.NewWallets{Passphrase: "open sesame"})
	p.shut()
	needles := []string{w.Mnemonic, w.PrivateKey, w.WIF, "open sesame"}
	err := filepath.WalkDir(p.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		for _, n := range needles {
			if strings.Contains(string(data), n) {
				t.Errorf("%s holds a secret", path)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestLostRows deletes what the database knows of the wallets, of all and then
// of one: it is found again.
func TestLostRows(t *testing.T) {
	p := demo(t, 2)
	var address string
	for range 30 {
		p.core(&address, "getnewaddress")
	}
	p.pay("2", address, coin)
	p.mine(2, "2")
	want := p.list()
	wipe := func(what string, lower, upper []byte) {
		t.Helper()
		p.shut()
		store, err := kv.OpenPebble(filepath.Join(p.dir, "db"), kv.Options{})
		if err != nil {
			t.Fatal(err)
		}
		b := new(kv.Batch)
		b.DeleteRange(lower, upper)
		if err := errors.Join(store.Apply(b, true), store.Close()); err != nil {
			t.Fatal(err)
		}
		p = newPurse(t, p.dir)
		if got := p.list(); !slices.Equal(got, want) {
			t.Errorf("%s lost: %+v, want %+v", what, got, want)
		}
	}
	wipe("all rows", []byte{kv.SpaceWallet}, []byte{kv.SpaceWallet + 1})
	wipe("one account", []byte{kv.SpaceWallet, 'a', 0, 0, 0, 1}, []byte{kv.SpaceWallet, 'a', 0, 0, 0, 2})
	p.shut()
	store, err := kv.OpenPebble(filepath.Join(p.dir, "db"), kv.Options{})
	if err != nil {
		t.Fatal(err)
	}
	b := new(kv.Batch)
	b.Put([]byte{kv.SpaceWallet, 'a', 0, 0, 0, 1}, []byte("nonsense"))
	if err := errors.Join(store.Apply(b, true), store.Close()); err != nil {
		t.Fatal(err)
	}
	p = newPurse(t, p.dir)
	if got := p.list(); !slices.Equal(got, want) {
		t.Errorf("damaged rows: %+v", got)
	}
}

// TestReplacedFiles puts the files of other wallets in the place of those that
// the database knows, or none: it forgets what it knew of the old ones.
func TestReplacedFiles(t *testing.T) {
	p := demo(t, 3)
	p.shut()
	folder := filepath.Join(p.dir, walletDir)
	kept := folder + ".kept"
	if err := os.Rename(folder, kept); err != nil {
		t.Fatal(err)
	}
	p = newPurse(t, p.dir)
	if list := p.list(); len(list) != 0 {
		t.Fatalf("wallets without files: %+v", list)
	}
	made := p.make(rpc.NewWallets{})[0]
	if w := p.wallet("1"); w.Address != made.Address || w.Coins != 0 {
		t.Errorf("a new wallet with the coins of an old one: %+v", w)
	}
	p.mine(1, made.Address)
	p.shut()
	if err := errors.Join(os.Rename(folder, folder+".other"), os.Rename(kept, folder)); err != nil {
		t.Fatal(err)
	}
	p = newPurse(t, p.dir)
	if w := p.wallet("1"); w.Spendable < 100*coin || len(p.list()) != 3 {
		t.Errorf("after the first files came back: %+v", w)
	}
	p.pay("1", "2", coin)
}

// TestDamagedFile keeps the other wallets usable, and the chain going, when one
// wallet's file cannot be read.
func TestDamagedFile(t *testing.T) {
	p := demo(t, 3)
	gone := p.wallet("2")
	p.shut()
	if err := os.WriteFile(filepath.Join(p.dir, walletDir, "wallet-2.secrets"), []byte("rubbish"), 0o600); err != nil {
		t.Fatal(err)
	}
	p = newPurse(t, p.dir)
	if list := p.list(); len(list) != 2 || list[1].Number != 3 {
		t.Errorf("%+v", list)
	}
	_, err := p.FindWallet(t.Context(), "2")
	refused(t, err, rpc.CodeWalletNotFound, "wallet-2.secrets", "damaged", "from its words")
	if strings.Contains(err.Error(), "lode wallet new") {
		t.Errorf("a damaged wallet is to be made anew: %v", err)
	}
	if s := must[rpc.Status](t)(p.Status(t.Context())); len(s.Damaged) != 1 || !strings.Contains(s.Damaged[0], "wallet-2.secrets") {
		t.Errorf("status says %q", s.Damaged)
	}
	p.pay("1", gone.Address, coin)
	p.mine(2, gone.Address)
	if made := p.make(rpc.NewWallets{}); made[0].Number != 4 {
		t.Errorf("number %d", made[0].Number)
	}
}

func TestReorganisation(t *testing.T) {
	p := demo(t, 2)
	before := p.list()
	p.pay("1", "2", coin)
	mined := p.mine(1, "2")
	p.core(nil, "invalidateblock", mined.Hashes[0])
	if w := p.wallet("2"); w.Pending != coin || w.Immature != before[1].Immature {
		t.Errorf("after the block left: %+v", w)
	}
	p.core(nil, "reconsiderblock", mined.Hashes[0])
	if w := p.wallet("2"); w.Pending != 0 || w.Spendable != before[1].Spendable+coin || w.Immature == 0 {
		t.Errorf("after it came back: %+v", w)
	}
}

func TestCoreMethods(t *testing.T) {
	p := demo(t, 2)
	ctx := t.Context()
	var names []string
	p.core(&names, "listwallets")
	if !slices.Equal(names, []string{"Wallet1", "Wallet2"}) {
		t.Error(names)
	}
	var b struct {
		Mine struct {
			Trusted  rpc.Amount `json:"trusted"`
			Pending  rpc.Amount `json:"untrusted_pending"`
			Immature rpc.Amount `json:"immature"`
		}
	}
	p.core(&b, "getbalances")
	w := p.wallet("1")
	if b.Mine.Trusted != w.Spendable || b.Mine.Immature != w.Immature || w.Immature == 0 {
		t.Errorf("%+v, %+v", b, w)
	}
	var sum rpc.Amount
	p.core(&sum, "getbalance", "*", 1)
	if sum != w.Spendable {
		t.Error(sum)
	}
	p.core(&sum, "getbalance", "*", 2)
	if sum != 0 {
		t.Error(sum)
	}
	var address string
	p.core(&address, "getnewaddress", "rent", "bech32")
	var txid string
	p.core(&txid, "sendtoaddress", address, 1.5)
	var coins []unspent
	p.core(&coins, "listunspent", 0, 9999999, []string{address})
	if len(coins) != 1 || coins[0].TxID != txid || coins[0].Label == nil || *coins[0].Label != "rent" || coins[0].Amount != 3*coin/2 || !coins[0].Safe {
		t.Errorf("%+v", coins)
	}
	var info map[string]any
	p.core(&info, "getaddressinfo", address)
	if info["ismine"] != true || info["hdkeypath"] != "m/84h/1h/0h/0/1" || info["hdmasterfingerprint"] != "73c5da0a" || info["desc"] != coins[0].Desc ||
		!strings.HasPrefix(coins[0].Desc, "wpkh([73c5da0a/84h/1h/0h/0/1]") {
		t.Errorf("%v", info)
	}
	p.core(&info, "getwalletinfo")
	if info["walletname"] != "Wallet1" || info["txcount"].(float64) < 111 {
		t.Errorf("%v", info)
	}
	var foreign map[string]any
	p.core(&foreign, "getaddressinfo", "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080")
	if foreign["ismine"] != false || foreign["desc"] != nil {
		t.Errorf("%v", foreign)
	}
	for _, c := range []struct {
		code    rpc.Code
		message string
		method  string
		params  []any
	}{ // as recorded from Core
		{rpc.CodeInvalidAddress, "Invalid Bitcoin address: nosuch", "sendtoaddress", []any{"nosuch", 1}},
		{rpc.CodeInsufficientFunds, "Transaction amount too small", "sendtoaddress", []any{address, 0}},
		{rpc.CodeType, "Amount out of range", "sendtoaddress", []any{address, -1}},
		{rpc.CodeInsufficientFunds, "Insufficient funds", "sendtoaddress", []any{address, 1000000}},
		{rpc.CodeWrongEncState, "Error: running with an unencrypted wallet, but walletpassphrase was called.", "walletpassphrase", []any{"x", 10}},
		{rpc.CodeWrongEncState, "Error: running with an unencrypted wallet, but walletlock was called.", "walletlock", nil},
		{rpc.CodeDeprecated, `dummy first argument must be excluded or set to "*".`, "getbalance", []any{"x"}},
		{rpc.CodeInvalidAddress, "Invalid Bitcoin address: nosuch", "listunspent", []any{1, 9999999, []string{"nosuch"}}},
	} {
		err := p.Call(ctx, c.method, nil, c.params...)
		refused(t, err, c.code)
		if err != nil && err.Error() != c.message {
			t.Errorf("%s: %q, want %q", c.method, err, c.message)
		}
	}
	var verbose struct{ TxID string }
	p.core(&verbose, "sendtoaddress", p.wallet("2").Address, "0.5", "", "", true, nil, nil, nil, nil, 5, true)
	p.mine(1, "1")
	if w := p.wallet("2"); verbose.TxID == "" || w.Pending != 0 {
		t.Errorf("%v %+v", verbose, w)
	}
}

// TestLookAheadIsStored opens a directory again and again: the scripts are
// there, and none is derived anew.
func TestLookAheadIsStored(t *testing.T) {
	p := demo(t, 2)
	p.shut()
	p = newPurse(t, p.dir)
	w := p.node.link.host.wallets
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.behind) != 0 {
		t.Errorf("%d wallets lack scripts after a restart", len(w.behind))
	}
}

// BenchmarkNewWallets makes 1,000 wallets, and reports the time as a share of
// what 1,000 BIP39 seeds cost when they are spread over the cores.
func BenchmarkNewWallets(b *testing.B) {
	const n = 1_000
	seeds := func() time.Duration {
		begin := time.Now()
		var wg sync.WaitGroup
		for core := range runtime.NumCPU() {
			wg.Go(func() {
				for i := core; i < n; i += runtime.NumCPU() {
					pbkdf2.Key(sha512.New, "abandon", []byte("mnemonic"), 2048, 64)
				}
			})
		}
		wg.Wait()
		return time.Since(begin)
	}
	var made, alone time.Duration
	for range b.N {
		p := newPurse(b, "")
		alone += seeds()
		begin := time.Now()
		p.make(rpc.NewWallets{Count: n})
		made += time.Since(begin)
		p.shut()
	}
	b.ReportMetric(float64(made)/float64(alone), "of-1000-seeds")
	b.ReportMetric(float64(made.Milliseconds())/float64(b.N), "ms/1000-wallets")
}

// BenchmarkManyWallets lists 10,000 wallets, each with coins.
func BenchmarkManyWallets(b *testing.B) {
	p := newPurse(b, "")
	p.make(rpc.NewWallets{Count: 10_000, Mnemonic: keys.PublishedWords})
	if _, err := p.Fund(context.Background(), rpc.FundRequest{}); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if n := len(p.list()); n != 10_000 {
			b.Fatal(n)
		}
	}
}
