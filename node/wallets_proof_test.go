package node

import (
	"context"
	"strings"
	"testing"

	"github.com/lode-chain/lode/descriptor"
	"github.com/lode-chain/lode/rpc"
)

// TestDeleteNeedsWhatRestores: words that do not bring a wallet back by themselves
// do not delete it.
func TestDeleteNeedsWhatRestores(t *testing.T) {
	ctx := t.Context()
	const words = "legal winner thank year wave sausage worth useful legal winner thank yellow"
	p := newPurse(t, "")
	account := must[rpc.Restored](t)(p.RestoreWords(ctx, rpc.RestoreWords{Mnemonic: words, BIP39Passphrase: "TREZOR", Name: "Hidden"})).Wallets[0]
	single := must[rpc.Restored](t)(p.RestoreWords(ctx, rpc.RestoreWords{Mnemonic: words, Path: "m/7'/1", Type: "legacy", Name: "One"})).Wallets[0]
	if account.SingleKey || !single.SingleKey {
		t.Errorf("%v, %v", account.SingleKey, single.SingleKey)
	}
	for _, c := range []struct {
		r    rpc.DeleteWallet
		want string // empty: deleted
	}{
		{rpc.DeleteWallet{Wallet: "Hidden", Words: words}, "passphrase of their own (BIP39)"},
		{rpc.DeleteWallet{Wallet: "Hidden", Words: words, BIP39Passphrase: "trezor"}, "not the words of wallet Hidden, or not their passphrase"},
		{rpc.DeleteWallet{Wallet: "Hidden", Words: words, BIP39Passphrase: "TREZOR"}, ""},
		{rpc.DeleteWallet{Wallet: "One", Words: words}, "give path and type too"},
		{rpc.DeleteWallet{Wallet: "One", Words: words, Path: "m/7'/1"}, "give path and type too"},
		{rpc.DeleteWallet{Wallet: "One", Words: words, Path: "m/7'/1", Type: "bech32"}, "with this path and type are not"},
		{rpc.DeleteWallet{Wallet: "One", Words: words, Path: "m/7'/2", Type: "legacy"}, "with this path and type are not"},
		{rpc.DeleteWallet{Wallet: "One", Words: words, Path: "7", Type: "legacy"}, "path"},
		{rpc.DeleteWallet{Wallet: "One", Words: words, Path: "m/7h/1", Type: "legacy"}, ""},
	} {
		_, err := p.DeleteWallet(ctx, c.r)
		if c.want == "" {
			if err != nil {
				t.Fatalf("%s: %v", c.r.Wallet, err)
			}
			continue
		}
		refused(t, err, rpc.CodeInvalidParameter, c.want)
	}
}

// TestDeleteWithAddedDescriptors: other types of address come back from the words,
// foreign descriptors from a backup only.
func TestDeleteWithAddedDescriptors(t *testing.T) {
	ctx := t.Context()
	p := newPurse(t, "")
	made := p.make(rpc.NewWallets{Count: 2})
	for _, wallet := range []string{"Wallet1", "Wallet2"} {
		if err := p.OnWallet(wallet).Call(ctx, "getnewaddress", nil, "", "bech32m"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := p.DeleteWallet(ctx, rpc.DeleteWallet{Wallet: "1", Words: made[0].Mnemonic}); err != nil {
		t.Errorf("its other type of address holds a wallet of words: %v", err)
	}
	desc := descriptor.WithChecksum("wpkh(cMahea7zqjxrtgAbB7LSGbcQUr1uX1ojuat9jZodMN87JcbXMTcA)")
	if got := p.importOne("Wallet2", map[string]any{"desc": desc, "timestamp": "now"}); !got.Success {
		t.Fatalf("%+v", got)
	}
	_, err := p.DeleteWallet(ctx, rpc.DeleteWallet{Wallet: "2", Words: made[1].Mnemonic})
	refused(t, err, rpc.CodeInvalidParameter, "the words of wallet Wallet2 alone do not bring back 1 of its descriptors", "wpkh(0279", "--backup")
	k := must[rpc.WalletKeys](t)(p.WalletKeys(ctx, rpc.WalletRequest{Wallet: "2"}))
	if len(k.Added) != 1 || !strings.HasPrefix(k.Added[0], "wpkh(0279") {
		t.Errorf("%v", k.Added)
	}
	backup := must[rpc.WalletBackup](t)(p.BackupWallet(ctx, rpc.BackupWallet{Wallet: "2", BackupPassphrase: "bk"}))
	if _, err := p.DeleteWallet(ctx, rpc.DeleteWallet{Wallet: "2", Backup: backup.Data, BackupPassphrase: "bk"}); err != nil {
		t.Error(err)
	}
}

// TestRestoredBackupProves: the backup that a wallet was restored from brings it
// back once more, although the wallet is another copy; an older one does not where
// something was added since.
func TestRestoredBackupProves(t *testing.T) {
	ctx := t.Context()
	p := newPurse(t, "")
	words := p.make(rpc.NewWallets{Count: 2})[0].Mnemonic
	old := must[rpc.WalletBackup](t)(p.BackupWallet(ctx, rpc.BackupWallet{Wallet: "1", BackupPassphrase: "bk"}))
	if _, err := p.DeleteWallet(ctx, rpc.DeleteWallet{Wallet: "1", Words: words}); err != nil {
		t.Fatal(err)
	}
	got := must[rpc.RestoredBackup](t)(p.RestoreBackup(ctx, rpc.RestoreBackup{Data: old.Data, BackupPassphrase: "bk"}))
	if len(got.Warnings) != 1 || !strings.Contains(got.Warnings[0], "its name was Wallet1, and such names are kept for the wallet of that number; it is called Wallet3") {
		t.Errorf("%q", got.Warnings)
	}
	if err := p.OnWallet("Wallet3").Call(ctx, "getnewaddress", nil, "", "legacy"); err != nil {
		t.Fatal(err)
	}
	_, err := p.DeleteWallet(ctx, rpc.DeleteWallet{Wallet: "3", Backup: old.Data, BackupPassphrase: "bk"})
	refused(t, err, rpc.CodeInvalidParameter, "as it is now")
	fresh := must[rpc.WalletBackup](t)(p.BackupWallet(ctx, rpc.BackupWallet{Wallet: "3", BackupPassphrase: "bk"}))
	if _, err := p.DeleteWallet(ctx, rpc.DeleteWallet{Wallet: "3", Backup: fresh.Data, BackupPassphrase: "bk"}); err != nil {
		t.Fatal(err)
	}
	again := must[rpc.RestoredBackup](t)(p.RestoreBackup(ctx, rpc.RestoreBackup{Data: fresh.Data, BackupPassphrase: "bk"})).Wallet
	if _, err := p.DeleteWallet(ctx, rpc.DeleteWallet{Wallet: again.Name, Backup: fresh.Data, BackupPassphrase: "bk"}); err != nil {
		t.Errorf("the backup that it comes from: %v", err)
	}
	// A name that is another's is told apart from one that is kept free.
	if _, err := p.RenameWallet(ctx, "2", "Alice"); err != nil {
		t.Fatal(err)
	}
	alice := must[rpc.WalletBackup](t)(p.BackupWallet(ctx, rpc.BackupWallet{Wallet: "2", BackupPassphrase: "bk"}))
	other := newPurse(t, "")
	other.make(rpc.NewWallets{Name: "Alice"})
	got = must[rpc.RestoredBackup](t)(other.RestoreBackup(ctx, rpc.RestoreBackup{Data: alice.Data, BackupPassphrase: "bk"}))
	if len(got.Warnings) != 1 || !strings.Contains(got.Warnings[0], "its name was Alice, which another wallet has here") {
		t.Errorf("%q", got.Warnings)
	}
}

// TestImportWatchedKey: a key whose address is only watched here is kept.
func TestImportWatchedKey(t *testing.T) {
	for name, watch := range map[string]func(ctx context.Context, p *purse, w rpc.WalletKeys) string{
		"address": func(_ context.Context, _ *purse, w rpc.WalletKeys) string { return w.Address },
		"xpub": func(ctx context.Context, p *purse, w rpc.WalletKeys) string {
			return must[rpc.Descriptors](p.t)(p.Descriptors(ctx, rpc.DescriptorsRequest{Wallet: "1"})).Descriptors[0].Desc
		},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			theirs := newPurse(t, "")
			owner := theirs.make(rpc.NewWallets{ShowPrivate: true})[0]
			p := newPurse(t, "")
			p.t = t
			if _, err := p.Watch(ctx, rpc.WatchRequest{What: []string{watch(ctx, theirs, owner)}, Name: "Eye"}); err != nil {
				t.Fatal(err)
			}
			p.make(rpc.NewWallets{})
			p.mine(101, owner.Address)
			got := must[rpc.ImportedKey](t)(p.ImportKey(ctx, rpc.ImportKey{Key: owner.WIF}))
			if got.Already || got.WatchOnly || got.WatchedBy != "Eye" || got.Spendable == 0 {
				t.Fatalf("%+v", got)
			}
			p.pay(got.Name, "Wallet2", coin)
			again := must[rpc.ImportedKey](t)(p.ImportKey(ctx, rpc.ImportKey{Key: owner.PrivateKey}))
			if !again.Already || again.Name != got.Name {
				t.Errorf("%+v", again)
			}
		})
	}
	// A wallet of descriptors that has the key's private form has it already.
	p := newPurse(t, "")
	ctx := t.Context()
	const wif = "cMahea7zqjxrtgAbB7LSGbcQUr1uX1ojuat9jZodMN87JcbXMTcA"
	desc := "wpkh(" + wif + ")"
	r := rpc.NewDescriptorWallet{Name: "D", Descriptors: []rpc.DescriptorImport{{Desc: &desc}}}
	if _, err := p.ImportWallet(ctx, r); err != nil {
		t.Fatal(err)
	}
	if got := must[rpc.ImportedKey](t)(p.ImportKey(ctx, rpc.ImportKey{Key: wif})); !got.Already || got.Name != "D" {
		t.Errorf("%+v", got)
	}
	// The same descriptors once more make no second wallet.
	r.Name = "Twin"
	if got := must[rpc.DescriptorWallet](t)(p.ImportWallet(ctx, r)); !got.Already || got.Name != "D" || len(p.list()) != 1 {
		t.Errorf("%+v", got)
	}
}

// TestRestoringFacts: what is shown with words suffices to restore the wallet.
func TestRestoringFacts(t *testing.T) {
	ctx := t.Context()
	const words = "legal winner thank year wave sausage worth useful legal winner thank yellow"
	p := newPurse(t, "")
	p.make(rpc.NewWallets{})
	restore := func(r rpc.RestoreWords) {
		t.Helper()
		r.Mnemonic = words
		if got := must[rpc.Restored](t)(p.RestoreWords(ctx, r)); r.Path == "" && got.Gap != 20 {
			t.Errorf("the search says that its gap limit was %d", got.Gap)
		}
	}
	restore(rpc.RestoreWords{Name: "Plain"})
	restore(rpc.RestoreWords{Name: "Hidden", BIP39Passphrase: "TREZOR", Type: "bech32m"})
	restore(rpc.RestoreWords{Name: "One", BIP39Passphrase: "TREZOR", Path: "m/44'/1'/7", Type: "legacy"})
	show := func(name string) rpc.WalletKeys {
		return must[rpc.WalletKeys](t)(p.WalletKeys(ctx, rpc.WalletRequest{Wallet: name}))
	}
	plain, hidden, one := show("Plain"), show("Hidden"), show("One")
	for _, c := range []struct {
		k       rpc.WalletKeys
		bip39   bool
		command string
	}{
		{plain, false, "lode wallet restore"},
		{hidden, true, "lode wallet restore --bip39-passphrase --type bech32m"},
		{one, true, "lode wallet restore --bip39-passphrase --path m/44h/1h/7 --type legacy"},
	} {
		if c.k.BIP39 != c.bip39 || c.k.RestoreCommand != c.command || strings.Contains(c.k.RestoreCommand, "TREZOR") {
			t.Errorf("%v, %q", c.k.BIP39, c.k.RestoreCommand)
		}
	}
	if plain.Fingerprint == hidden.Fingerprint || hidden.Fingerprint != one.Fingerprint || len(one.Fingerprint) != 8 {
		t.Errorf("fingerprints %s, %s, %s", plain.Fingerprint, hidden.Fingerprint, one.Fingerprint)
	}
	// Addresses past the gap limit say so; so does the page.
	var last rpc.Received
	for i := 1; i <= 22; i++ { // the first was shown when the wallet was made
		last = must[rpc.Received](t)(p.Receive(ctx, rpc.ReceiveRequest{Wallet: "Plain", New: true}))
		if want := map[bool]int{true: i + 1}[i >= 20]; last.RestoreGap != want {
			t.Errorf("address %d wants a gap limit of %d", i, last.RestoreGap)
		}
	}
	if got := show("Plain").RestoreGap; got != 23 {
		t.Errorf("the wallet wants a gap limit of %d", got)
	}
	p.mine(1, last.Address)
	if got := must[rpc.Received](t)(p.Receive(ctx, rpc.ReceiveRequest{Wallet: "Plain", New: true})); got.RestoreGap != 0 {
		t.Errorf("behind a paid address: %d", got.RestoreGap)
	}
	if got := show("Plain"); got.RestoreGap != 23 || got.RestoreCommand != "lode wallet restore --gap 23" {
		t.Errorf("the payment is found with a gap limit of %d: %s", got.RestoreGap, got.RestoreCommand)
	}
	fresh := newPurse(t, p.dir+"2")
	var hash, block string
	p.core(&hash, "getblockhash", 1)
	p.core(&block, "getblock", hash, 0)
	fresh.core(nil, "submitblock", block)
	for _, gap := range []int{20, 23} {
		got := must[rpc.Restored](t)(fresh.RestoreWords(ctx, rpc.RestoreWords{Mnemonic: words, Gap: gap, Type: "bech32"}))
		w := append(got.Wallets, got.Already...)[0]
		if want := gap / 23; w.Coins != want {
			t.Errorf("a gap limit of %d finds %d coins", gap, w.Coins)
		}
		if _, err := fresh.DeleteWallet(ctx, rpc.DeleteWallet{Wallet: w.Name, Words: words, WithCoins: true}); err != nil {
			t.Fatal(err)
		}
	}
}
