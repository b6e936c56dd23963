package node

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lode-chain/lode/descriptor"
	"github.com/lode-chain/lode/internal/vault"
	"github.com/lode-chain/lode/network"
	"github.com/lode-chain/lode/rpc"
)

// cheapSecrets makes passphrases cost nothing.
func cheapSecrets(c *Config) {
	c.WalletKDF = vault.KDF{Name: "argon2id", Time: 1, MemoryKiB: 8, Threads: 1}
	c.BackupWork = 1
}

// TestSafetyReplay makes the calls on passphrases that were recorded from Core.
func TestSafetyReplay(t *testing.T) {
	var recorded struct {
		Calls []struct {
			Method string          `json:"method"`
			Params []any           `json:"params"`
			Result json.RawMessage `json:"result"`
			Error  *rpc.Error      `json:"error"`
		} `json:"calls"`
	}
	data, err := os.ReadFile(filepath.Join("..", "testdata", "vectors", "core", "rpc_transcripts", "wallet_and_mempool.json"))
	if err == nil {
		err = json.Unmarshal(data, &recorded)
	}
	if err != nil {
		t.Fatal(err)
	}
	p := newPurse(t, "")
	p.make(rpc.NewWallets{})
	played := 0
	for _, c := range recorded.Calls {
		switch c.Method {
		case "encryptwallet", "walletpassphrase", "walletpassphrasechange", "walletlock", "backupwallet", "restorewallet":
		default:
			continue
		}
		played++
		var got json.RawMessage
		err := p.Call(t.Context(), c.Method, &got, c.Params...)
		var refusal *rpc.Error
		errors.As(err, &refusal)
		switch {
		case c.Error != nil && (refusal == nil || refusal.Code != c.Error.Code || refusal.Message != c.Error.Message):
			t.Errorf("%s %v: %v, Core says %v", c.Method, c.Params, err, c.Error)
		case c.Error == nil && err != nil:
			t.Errorf("%s %v: %v", c.Method, c.Params, err)
		case c.Error == nil && c.Method != "encryptwallet" && string(got) != string(c.Result):
			t.Errorf("%s %v: %s, Core says %s", c.Method, c.Params, got, c.Result)
		case c.Error == nil && c.Method == "encryptwallet" && !strings.HasPrefix(string(got), `"wallet encrypted; `):
			t.Errorf("%s: %s", c.Method, got) // Core goes on that there are new keys; there are none here
		}
	}
	if played < 8 {
		t.Errorf("%d calls were played", played)
	}
	// Encrypted and locked, as Core leaves it.
	refused(t, p.Call(t.Context(), "encryptwallet", nil, "again"), rpc.CodeWrongEncState, "Error: running with an encrypted wallet, but encryptwallet was called.")
	refused(t, p.Call(t.Context(), "walletpassphrasechange", nil, "wrong", "new"), rpc.CodePassphrase, "Error: The wallet passphrase entered was incorrect.")
	refused(t, p.Call(t.Context(), "walletpassphrasechange", nil, "correct horse", ""), rpc.CodeInvalidParameter, "passphrase cannot be empty")
	p.core(nil, "walletpassphrasechange", "correct horse", "battery staple")
	if s := must[rpc.Status](t)(p.Status(t.Context())); !s.Locked || s.Plain != 0 {
		t.Errorf("%+v", s)
	}
	p.core(nil, "walletpassphrase", "battery staple", 5)
}

// TestPassphraseOfWallets sets, changes and removes the passphrase of wallets
// that are there, through restarts.
func TestPassphraseOfWallets(t *testing.T) {
	ctx := t.Context()
	p := newPurse(t, "")
	made := p.make(rpc.NewWallets{Count: 20})
	p.mine(101, "1")
	if w := p.wallet("1"); !w.Plain || w.Encrypted {
		t.Errorf("a plain wallet does not say so: %+v", w)
	}
	if s := must[rpc.Status](t)(p.Status(ctx)); s.Plain != 20 || s.Encrypted {
		t.Errorf("%d plain wallets", s.Plain)
	}
	restart := func() {
		p.shut()
		p = newPurse(t, p.dir)
	}
	words := func(passphrase, want string) {
		t.Helper()
		k, err := p.WalletKeys(ctx, rpc.WalletRequest{Wallet: "20", Passphrase: passphrase})
		if err != nil || k.Mnemonic != want {
			t.Errorf("the words under %q: %v", passphrase, err)
		}
	}
	if err := p.SetPassphrase(ctx, "first"); err != nil {
		t.Fatal(err)
	}
	p.pay("1", "2", coin)
	restart()
	if s := must[rpc.Status](t)(p.Status(ctx)); s.Plain != 0 || !s.Locked || s.Wallets != 20 {
		t.Errorf("%+v", s)
	}
	words("first", made[19].Mnemonic)
	refused(t, p.ChangePassphrase(ctx, rpc.Passphrases{Passphrase: "wrong", New: "second"}), rpc.CodePassphrase)
	refused(t, p.ChangePassphrase(ctx, rpc.Passphrases{Passphrase: "first", New: ""}), rpc.CodeInvalidParameter)
	if err := p.ChangePassphrase(ctx, rpc.Passphrases{Passphrase: "first", New: "second"}); err != nil {
		t.Fatal(err)
	}
	if s := must[rpc.Status](t)(p.Status(ctx)); !s.Locked {
		t.Error("a change unlocks")
	}
	restart()
	words("second", made[19].Mnemonic)
	if err := p.UnlockFor(ctx, "second", 1000); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []float64{-1, 1e300} {
		refused(t, p.UnlockFor(ctx, "second", bad), rpc.CodeInvalidParameter)
	}
	if err := p.ChangePassphrase(ctx, rpc.Passphrases{Passphrase: "second", New: "third"}); err != nil {
		t.Fatal(err)
	}
	p.pay("1", "2", coin) // unlocked still
	refused(t, p.RemovePassphrase(ctx, "second"), rpc.CodePassphrase)
	if err := p.RemovePassphrase(ctx, "third"); err != nil {
		t.Fatal(err)
	}
	restart()
	words("", made[19].Mnemonic)
	p.pay("1", "2", coin)
	refused(t, p.RemovePassphrase(ctx, "third"), rpc.CodeWrongEncState)
	refused(t, p.ChangePassphrase(ctx, rpc.Passphrases{Passphrase: "third", New: "x"}), rpc.CodeWrongEncState)
}

// TestUnlockTimerSurvivesClockJumps sets the clock back and forward while the
// wallets are unlocked: they lock when the time is up, neither before nor later.
func TestUnlockTimerSurvivesClockJumps(t *testing.T) {
	var jump atomic.Int64
	p := newPurse(t, "", func(c *Config) {
		c.Clock = func() time.Time { return time.Now().Add(time.Duration(jump.Load())) }
	})
	if err := p.SetPassphrase(t.Context(), "p"); err != nil {
		t.Fatal(err)
	}
	w := p.node.link.host.wallets
	synctest.Test(t, func(t *testing.T) {
		for _, by := range []time.Duration{3 * time.Hour, -3 * time.Hour, -50 * 365 * 24 * time.Hour} {
			if err := w.unlock("p", time.Minute); err != nil {
				t.Fatal(err)
			}
			jump.Store(int64(by))
			time.Sleep(59 * time.Second)
			synctest.Wait()
			if w.vault.Locked() {
				t.Errorf("locked early after a jump by %s", by)
			}
			time.Sleep(time.Second)
			synctest.Wait()
			if !w.vault.Locked() {
				t.Errorf("still unlocked after a jump by %s", by)
			}
		}
		w.lock() // lets go of the bubble's timer
	})
}

// TestAdoptWallet copies a wallet's file in from another folder.
func TestAdoptWallet(t *testing.T) {
	ctx := t.Context()
	theirs := newPurse(t, "")
	if err := theirs.SetPassphrase(ctx, "theirs"); err != nil {
		t.Fatal(err)
	}
	words := theirs.make(rpc.NewWallets{Count: 2})[1].Mnemonic
	theirs.shut()
	for _, mine := range []string{"", "mine"} {
		p := newPurse(t, "")
		if mine != "" {
			if err := p.SetPassphrase(ctx, mine); err != nil {
				t.Fatal(err)
			}
		}
		p.make(rpc.NewWallets{})
		p.shut()
		const name = "wallet-2.secrets"
		data, err := os.ReadFile(filepath.Join(theirs.dir, walletDir, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(p.dir, walletDir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
		p = newPurse(t, p.dir)
		if w := p.wallet("2"); !w.Foreign {
			t.Errorf("%+v", w)
		}
		p.make(rpc.NewWallets{Passphrase: mine}) // it holds nobody up
		_, err = p.WalletKeys(ctx, rpc.WalletRequest{Wallet: "2", Passphrase: mine})
		if mine != "" {
			refused(t, err, rpc.CodeWallet, "lode wallet passphrase adopt")
		}
		_, err = p.AdoptWallet(ctx, rpc.AdoptWallet{Wallet: "2", OldPassphrase: "wrong", Passphrase: mine})
		refused(t, err, rpc.CodePassphrase)
		w, err := p.AdoptWallet(ctx, rpc.AdoptWallet{Wallet: "2", OldPassphrase: "theirs", Passphrase: mine})
		if err != nil || w.Foreign || w.Encrypted != (mine != "") {
			t.Errorf("%+v, %v", w, err)
		}
		if k, err := p.WalletKeys(ctx, rpc.WalletRequest{Wallet: "2", Passphrase: mine}); err != nil || k.Mnemonic != words {
			t.Error(err)
		}
	}
}

// TestBackupOfWallet backs a wallet up, goes on, and restores it elsewhere.
func TestBackupOfWallet(t *testing.T) {
	ctx := t.Context()
	p := newPurse(t, "")
	p.make(rpc.NewWallets{Count: 2})
	p.mine(101, "1")
	p.pay("1", "2", 3*coin)
	p.mine(1, "1")
	if _, err := p.RenameWallet(ctx, "2", "Savings"); err != nil {
		t.Fatal(err)
	}
	file := p.node.link.host.wallets.vault.Wallet(2)
	for _, err := range []error{file.SetLabel([]byte{1, 2}, "rent"), file.Issue(0, 4), file.SetNote(strings.Repeat("ab", 32), "shoes")} {
		if err != nil {
			t.Fatal(err)
		}
	}
	backup := must[rpc.WalletBackup](t)(p.BackupWallet(ctx, rpc.BackupWallet{Wallet: "savings", BackupPassphrase: "bk"}))
	_, err := p.BackupWallet(ctx, rpc.BackupWallet{Wallet: "savings"})
	refused(t, err, rpc.CodeInvalidParameter)

	// Here it is already.
	restore := rpc.RestoreBackup{Data: backup.Data, BackupPassphrase: "bk"}
	_, err = p.RestoreBackup(ctx, restore)
	refused(t, err, rpc.CodeWalletExists, "already here as Savings (number 2)", "nothing that is not here")
	for _, wrong := range []string{"", "x"} {
		_, err = p.RestoreBackup(ctx, rpc.RestoreBackup{Data: backup.Data, BackupPassphrase: wrong})
		refused(t, err, rpc.CodePassphrase, "the passphrase of the backup is wrong")
	}
	_, err = p.RestoreBackup(ctx, rpc.RestoreBackup{Data: []byte("hello"), BackupPassphrase: "bk"})
	refused(t, err, rpc.CodeWallet, "no backup")
	_, err = p.RestoreBackup(ctx, rpc.RestoreBackup{Data: backup.Data[:len(backup.Data)-1], BackupPassphrase: "bk"})
	refused(t, err, rpc.CodeWallet, "damaged")

	// Deleted, it comes back with its coins.
	_, err = p.DeleteWallet(ctx, rpc.DeleteWallet{Wallet: "2", Backup: backup.Data, BackupPassphrase: "bk"})
	refused(t, err, rpc.CodeWallet, "has 3.00000000 coins")
	if _, err := p.DeleteWallet(ctx, rpc.DeleteWallet{Wallet: "2", Backup: backup.Data, BackupPassphrase: "bk", WithCoins: true}); err != nil {
		t.Fatal(err)
	}
	again := must[rpc.RestoredBackup](t)(p.RestoreBackup(ctx, restore))
	if w := again.Wallet; w.Number != 3 || w.Name != "Savings" || again.Merged {
		t.Errorf("%+v", w)
	}
	eventuallyHas(t, p, "Savings", 3*coin)
	file = p.node.link.host.wallets.vault.Wallet(3)
	if text, _ := file.Label([]byte{1, 2}); text != "rent" || file.Issued()[0] != 4 || file.Note(strings.Repeat("ab", 32)) != "shoes" {
		t.Errorf("label %q, issued %v", text, file.Issued())
	}

	// An older backup does not take a newer wallet's labels away, and gives it what
	// it lacks only on request.
	p.shut()
	if err := os.Rename(filepath.Join(p.dir, walletDir, "wallet-3.journal"), filepath.Join(t.TempDir(), "away")); err != nil {
		t.Fatal(err)
	}
	p = newPurse(t, p.dir)
	file = p.node.link.host.wallets.vault.Wallet(3)
	if err := file.Issue(0, 9); err != nil {
		t.Fatal(err)
	}
	_, err = p.RestoreBackup(ctx, restore)
	refused(t, err, rpc.CodeWalletExists, "1 labels, 1 notes", "--merge")
	restore.Merge = true
	if got := must[rpc.RestoredBackup](t)(p.RestoreBackup(ctx, restore)); !got.Merged {
		t.Error("not merged")
	}
	if text, _ := file.Label([]byte{1, 2}); text != "rent" || file.Issued()[0] != 9 {
		t.Errorf("label %q, issued %v", text, file.Issued())
	}

	// Elsewhere: a chain that is too short to tell, another chain, another network.
	fresh := newPurse(t, "")
	restore.Merge, restore.Name = false, "Mine"
	if got := must[rpc.RestoredBackup](t)(fresh.RestoreBackup(ctx, restore)); got.Wallet.Number != 1 || got.Wallet.Name != "Mine" {
		t.Errorf("%+v", got)
	}
	other := newPurse(t, "")
	other.make(rpc.NewWallets{Name: "Savings"})
	other.mine(110, "1")
	restore.Name = ""
	_, err = other.RestoreBackup(ctx, restore)
	refused(t, err, rpc.CodeWallet, "another chain", "block 102")
	restore.OtherChain = true
	got := must[rpc.RestoredBackup](t)(other.RestoreBackup(ctx, restore))
	if got.Wallet.Name != "Wallet2" || len(got.Warnings) != 1 {
		t.Errorf("%+v", got)
	}
	if file := other.node.link.host.wallets.vault.Wallet(2); file.Note(strings.Repeat("ab", 32)) != "" {
		t.Error("a note of a transaction of another chain")
	}
	spec, err := network.NewSpec("acme", time.Now(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	params, _, err := network.Make(spec)
	if err != nil {
		t.Fatal(err)
	}
	foreign := newPurse(t, "", func(c *Config) { c.Params = params })
	_, err = foreign.RestoreBackup(ctx, restore)
	refused(t, err, rpc.CodeWallet, "this backup is of the network regtest")
}

// eventuallyHas waits until a wallet's coins were found.
func eventuallyHas(t *testing.T, p *purse, name string, want rpc.Amount) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		w := p.wallet(name)
		if w.Spendable == want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("wallet %s has %s, want %s", name, w.Spendable, want)
		}
	}
}

// TestCopyOfWallet uses Core's backupwallet and restorewallet, with good places
// and bad ones.
func TestCopyOfWallet(t *testing.T) {
	ctx := t.Context()
	p := newPurse(t, "")
	p.make(rpc.NewWallets{Count: 2})
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	p.core(nil, "backupwallet", path("copy"))
	if info, err := os.Stat(path("copy")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	for name, link := range map[string]string{"link": path("copy"), "dangling": path("nowhere")} {
		if err := os.Symlink(link, path(name)); err != nil {
			t.Skip(err)
		}
	}
	if err := makeFIFO(path("fifo")); err != nil {
		t.Fatal(err)
	}
	os.Mkdir(path("folder"), 0o700)
	before, _ := os.ReadFile(path("copy"))
	for _, bad := range []string{
		"", "copy", "../x", path("copy"), path("link"), path("dangling"), path("fifo"), path("folder"), "/dev/null",
		dir + "/../x", dir + "/folder/../y", path("no/such/folder"), path("nul\x00"),
	} {
		if err := p.Call(ctx, "backupwallet", nil, bad); err == nil {
			t.Errorf("written to %q", bad)
		}
	}
	if after, _ := os.ReadFile(path("copy")); !bytes.Equal(before, after) {
		t.Error("the first copy was written over")
	}
	if _, err := os.Lstat(path("nowhere")); err == nil {
		t.Error("written through a link")
	}
	for _, bad := range []string{"", "copy", path("nothing"), path("folder"), path("fifo"), "/dev/zero"} {
		if err := p.Call(ctx, "restorewallet", nil, "Again", bad); err == nil {
			t.Errorf("restored from %q", bad)
		}
	}
	refused(t, p.Call(ctx, "restorewallet", nil, "Again", path("nothing")), rpc.CodeInvalidParameter, "Backup file does not exist")
	refused(t, p.Call(ctx, "restorewallet", nil, "", path("copy")), rpc.CodeInvalidParameter)
	refused(t, p.Call(ctx, "restorewallet", nil, "Again", path("copy")), rpc.CodeWalletExists)

	other := newPurse(t, "")
	var restored struct {
		Name string `json:"name"`
	}
	other.core(&restored, "restorewallet", "Again", path("copy"))
	if restored.Name != "Again" || other.wallet("Again").Address != p.wallet("1").Address {
		t.Errorf("%+v", restored)
	}
	// Under a passphrase the copy is too; elsewhere it takes that passphrase.
	if err := p.SetPassphrase(ctx, "pass"); err != nil {
		t.Fatal(err)
	}
	if err := p.Call(ctx, "lode_renamewallet", nil, rpc.RenameWallet{Wallet: "2", Name: "Second"}); err != nil {
		t.Fatal(err)
	}
	p.node.link.host.wallets.lock()
	if err := p.node.Client().Call(ctx, "lode_settings", nil, rpc.Settings{DefaultWallet: "Second"}); err != nil {
		t.Fatal(err)
	}
	p.core(nil, "backupwallet", path("sealed")) // the default wallet, though locked
	refused(t, other.Call(ctx, "restorewallet", nil, "Sealed", path("sealed")), rpc.CodeWallet, "lode wallet restore --from")
	data, err := os.ReadFile(path("sealed"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = other.RestoreBackup(ctx, rpc.RestoreBackup{Data: data, BackupPassphrase: "wrong"})
	refused(t, err, rpc.CodePassphrase)
	if got := must[rpc.RestoredBackup](t)(other.RestoreBackup(ctx, rpc.RestoreBackup{Data: data, BackupPassphrase: "pass"})); got.Wallet.Name != "Second" {
		t.Errorf("%+v", got)
	}
}

// TestArchiveWallet hides a wallet: it is watched and found all the same.
func TestArchiveWallet(t *testing.T) {
	ctx := t.Context()
	p := newPurse(t, "")
	p.make(rpc.NewWallets{Count: 3})
	p.mine(101, "2")
	if w, err := p.ArchiveWallet(ctx, rpc.ArchiveWallet{Wallet: "1", Archived: true}); err != nil || !w.Archived {
		t.Fatalf("%+v, %v", w, err)
	}
	p.pay("2", "1", coin)
	p.shut()
	p = newPurse(t, p.dir)
	if list := p.list(); len(list) != 2 || list[0].Number != 2 || !list[0].Default {
		t.Errorf("%+v", list)
	}
	if all := must[[]rpc.Wallet](t)(p.ListAllWallets(ctx)); len(all) != 3 || !all[0].Archived || all[0].Pending != coin {
		t.Errorf("%+v", all)
	}
	if w := p.wallet("wallet1"); w.Number != 1 {
		t.Errorf("%+v", w)
	}
	if _, err := p.ArchiveWallet(ctx, rpc.ArchiveWallet{Wallet: "1"}); err != nil {
		t.Fatal(err)
	}
	if list := p.list(); len(list) != 3 {
		t.Errorf("%+v", list)
	}
}

// TestDeleteWallet deletes wallets only for what brings them back.
func TestDeleteWallet(t *testing.T) {
	ctx := t.Context()
	p := newPurse(t, "")
	made := p.make(rpc.NewWallets{Count: 3})
	key := strings.Repeat("07", 32)
	if _, err := p.ImportKey(ctx, rpc.ImportKey{Key: key, Name: "Key"}); err != nil {
		t.Fatal(err)
	}
	foreign := must[rpc.WalletBackup](t)(p.BackupWallet(ctx, rpc.BackupWallet{Wallet: "1", BackupPassphrase: "bk"}))
	for what, r := range map[string]rpc.DeleteWallet{
		"nothing":        {},
		"other words":    {Words: made[0].Mnemonic},
		"no words":       {Words: "hello"},
		"a key":          {Key: key},
		"another's file": {Backup: foreign.Data, BackupPassphrase: "bk"},
		"no backup":      {Backup: []byte("x"), BackupPassphrase: "bk"},
		"wrong":          {Backup: foreign.Data, BackupPassphrase: "x"},
	} {
		r.Wallet = "2"
		if _, err := p.DeleteWallet(ctx, r); err == nil {
			t.Fatalf("deleted for %s", what)
		}
	}
	_, err := p.DeleteWallet(ctx, rpc.DeleteWallet{Words: made[0].Mnemonic})
	refused(t, err, rpc.CodeInvalidParameter, "name the wallet")
	if w, err := p.DeleteWallet(ctx, rpc.DeleteWallet{Wallet: "2", Words: "  " + strings.ToUpper(made[1].Mnemonic)}); err != nil || w.Number != 2 {
		t.Fatal(err)
	}
	if _, err := p.DeleteWallet(ctx, rpc.DeleteWallet{Wallet: "Key", Key: key}); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Settings(ctx, rpc.Settings{MiningTo: "3"}); err != nil {
		t.Fatal(err)
	}
	_, err = p.DeleteWallet(ctx, rpc.DeleteWallet{Wallet: "3", Words: made[2].Mnemonic})
	refused(t, err, rpc.CodeWallet, "mining pays to")
	p.mine(1, "1")
	_, err = p.DeleteWallet(ctx, rpc.DeleteWallet{Wallet: "1", Words: made[0].Mnemonic})
	refused(t, err, rpc.CodeWallet, "coins")
	p.shut()
	p = newPurse(t, p.dir)
	if list := p.list(); len(list) != 2 {
		t.Errorf("%+v", list)
	}
	if next := p.make(rpc.NewWallets{})[0].Number; next != 5 {
		t.Errorf("the next number is %d", next)
	}
	// Brought back from its words it is another number.
	if got := must[rpc.Restored](t)(p.RestoreWords(ctx, rpc.RestoreWords{Mnemonic: made[1].Mnemonic})); len(got.Wallets) != 1 || got.Wallets[0].Number != 6 {
		t.Errorf("%+v", got)
	}
	// Under a passphrase it is asked for, even while the wallets are unlocked.
	if err := p.SetPassphrase(ctx, "p"); err != nil {
		t.Fatal(err)
	}
	_, err = p.DeleteWallet(ctx, rpc.DeleteWallet{Wallet: "6", Words: made[1].Mnemonic})
	refused(t, err, rpc.CodeUnlockNeeded)
	_, err = p.DeleteWallet(ctx, rpc.DeleteWallet{Wallet: "6", Words: made[1].Mnemonic, Passphrase: "x"})
	refused(t, err, rpc.CodePassphrase)
	if _, err := p.DeleteWallet(ctx, rpc.DeleteWallet{Wallet: "6", Words: made[1].Mnemonic, Passphrase: "p"}); err != nil {
		t.Error(err)
	}
}

// TestMendedJournal damages a journal: the wallet opens, status says what was
// lost.
func TestMendedJournal(t *testing.T) {
	p := newPurse(t, "")
	p.make(rpc.NewWallets{})
	for i := range 5 {
		if _, err := p.RenameWallet(t.Context(), "1", fmt.Sprintf("Alice %d", i)); err != nil {
			t.Fatal(err)
		}
	}
	p.shut()
	path := filepath.Join(p.dir, walletDir, "wallet-1.journal")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	i := bytes.Index(data, []byte("Alice 1"))
	data[i] ^= 1
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	p = newPurse(t, p.dir)
	s := must[rpc.Status](t)(p.Status(t.Context()))
	if len(s.Mended) != 1 || !strings.Contains(s.Mended[0], path) || len(s.Damaged) != 0 || p.wallet("1").Name != "Alice 4" {
		t.Errorf("%v, %v, %q", s.Mended, s.Damaged, p.wallet("1").Name)
	}
}

// TestBackupOfDescriptors backs up wallets that are descriptors only: with
// private keys, and watched only. Elsewhere they pay, and are paid, as before.
func TestBackupOfDescriptors(t *testing.T) {
	const (
		private = "tprv8ZgxMBicQKsPd7Uf69XL1XwhmjHopUGep8GuEiJDZmbQz6o58LninorQAfcKZWARbtRtfnLcJ5MQ2AtHcQJCCRUcMRvmDUjyEmNUWwx8UbK"
		public  = "tpubD6NzVbkrYhZ4WaWSyoBvQwbpLkojyoTZPRsgXELWz3Popb3qkjcJyJUGLnL4qHHoQvao8ESaAstxYSnhyswJ76uZPStJRJCTKvosUCJZL5B"
	)
	ctx := t.Context()
	p := newPurse(t, "")
	if err := p.SetPassphrase(ctx, "p"); err != nil {
		t.Fatal(err)
	}
	p.make(rpc.NewWallets{})
	p.core(nil, "createwallet", "keys", false, true)
	p.core(nil, "createwallet", "watch", true)
	addresses := map[string]string{}
	for wallet, key := range map[string]string{"keys": private, "watch": public} {
		var results []struct {
			Success bool `json:"success"`
		}
		imports := []map[string]any{{"desc": descriptor.WithChecksum("wpkh(" + key + "/" + fmt.Sprint(len(wallet)) + "/*)"), "active": true, "timestamp": "now", "range": 20}}
		if err := p.OnWallet(wallet).Call(ctx, "importdescriptors", &results, imports); err != nil || !results[0].Success {
			t.Fatalf("%v, %+v", err, results)
		}
		var address string
		if err := p.OnWallet(wallet).Call(ctx, "getnewaddress", &address); err != nil {
			t.Fatal(err)
		}
		addresses[wallet] = address
	}
	p.mine(101, "Wallet1")
	for wallet, address := range addresses {
		if _, err := p.Send(ctx, rpc.SendRequest{From: "Wallet1", To: address, Amount: 2 * coin}); err != nil {
			t.Fatalf("%s: %v", wallet, err)
		}
	}
	p.mine(1, "Wallet1")
	backups := map[string][]byte{}
	for wallet := range addresses {
		passphrase := map[bool]string{true: "p"}[wallet == "keys"]
		got := must[rpc.WalletBackup](t)(p.BackupWallet(ctx, rpc.BackupWallet{Wallet: wallet, Passphrase: passphrase, BackupPassphrase: "bk"}))
		if bytes.Contains(got.Data, []byte(private[:30])) {
			t.Error("the backup is not encrypted")
		}
		backups[wallet] = got.Data
		_, err := p.RestoreBackup(ctx, rpc.RestoreBackup{Data: got.Data, BackupPassphrase: "bk"})
		refused(t, err, rpc.CodeWalletExists, "already here as "+wallet)
	}
	// Words do not bring it back, so its backup has to be shown.
	_, err := p.DeleteWallet(ctx, rpc.DeleteWallet{Wallet: "keys", Passphrase: "p", WithCoins: true, Key: strings.Repeat("07", 32)})
	refused(t, err, rpc.CodeInvalidParameter, "only a backup")
	for _, r := range []rpc.DeleteWallet{{Wallet: "keys", Passphrase: "p", Backup: backups["keys"], BackupPassphrase: "bk", WithCoins: true}, {Wallet: "watch", WithCoins: true}} {
		if _, err := p.DeleteWallet(ctx, r); err != nil {
			t.Fatalf("%s: %v", r.Wallet, err)
		}
	}
	for wallet, data := range backups {
		got, err := p.RestoreBackup(ctx, rpc.RestoreBackup{Data: data, BackupPassphrase: "bk"})
		if err != nil || got.Wallet.Name != wallet || got.Wallet.WatchOnly != (wallet == "watch") {
			t.Fatalf("%+v, %v", got, err)
		}
		eventuallyHas(t, p, wallet, 2*coin)
		var next string
		if err := p.OnWallet(wallet).Call(ctx, "getnewaddress", &next); err != nil || next == addresses[wallet] {
			t.Errorf("%s gives out %s again: %v", wallet, next, err)
		}
	}
	if sent, err := p.Send(ctx, rpc.SendRequest{From: "keys", To: "Wallet1", Amount: coin}); err != nil || sent.TxID == "" {
		t.Errorf("the restored wallet cannot pay: %v", err)
	}
}
