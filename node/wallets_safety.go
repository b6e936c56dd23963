package node

import (
	"context"
	"encoding/hex"
	"fmt"
	"sync"
	"time"

	"github.com/lode-chain/lode/internal/vault"
	"github.com/lode-chain/lode/keys"
	"github.com/lode-chain/lode/rpc"
)

// registerSafety adds the methods by which wallets are put under a passphrase,
// hidden, deleted, backed up and brought back.
func (h *Host) registerSafety(s *rpc.Server) {
	h.registerPassphrases(s)
	h.registerBackupWallet(s)
	for _, m := range []rpc.Method{
		{
			Name: "lode_adoptwallet", Summary: "Seals a wallet whose file was copied in from another folder as the wallets here are.",
			Params:  []rpc.Param{oneParam, {Name: "old_passphrase", Type: rpc.String, Optional: true, Help: "That its file is under; none for a plain one"}, passphraseParam},
			Example: `'{"wallet":"Wallet7","old_passphrase":"…"}'`,
			Handler: own(func(ctx context.Context, w *wallets, r rpc.AdoptWallet) (any, error) { return w.adoptFile(ctx, r) }, h),
		}, {
			Name: "lode_archivewallet", Summary: "Hides a wallet from lists, or shows it again. It is watched all the same.",
			Params:  []rpc.Param{oneParam, {Name: "archived", Type: rpc.Bool, Help: "Whether it is hidden"}},
			Example: `'{"wallet":"Wallet1","archived":true}'`,
			Handler: own(func(ctx context.Context, w *wallets, r rpc.ArchiveWallet) (any, error) { return w.archive(ctx, r) }, h),
		}, {
			Name: "lode_deletewallet", Summary: "Deletes a wallet for good. Its words, its key or a backup of it have to be shown, so that it can be brought back.",
			Params: []rpc.Param{
				{Name: "wallet", Type: rpc.String, Help: "Name, number or address"},
				passphraseParam,
				{Name: "words", Type: rpc.String, Optional: true, Help: "Its words"},
				{Name: "bip39_passphrase", Type: rpc.String, Optional: true, Help: "The words' own passphrase, if they have one"},
				{Name: "path", Type: rpc.String, Optional: true, Help: "Of a wallet of one key of the words: the path of that key"},
				{Name: "type", Type: rpc.String, Optional: true, Help: "Goes with path: the type of its address"},
				{Name: "key", Type: rpc.String, Optional: true, Help: "Its key in hex or WIF, if it was made of one"},
				{Name: "backup", Type: rpc.String, Optional: true, Help: "A backup of it, base64"},
				{Name: "backup_passphrase", Type: rpc.String, Optional: true, Help: "That the backup is under"},
				{Name: "with_coins", Type: rpc.Bool, Optional: true, Help: "Delete it although it has coins (default false)"},
			},
			Example: `'{"wallet":"Wallet7","words":"…"}'`,
			Handler: own(func(ctx context.Context, w *wallets, r rpc.DeleteWallet) (any, error) { return w.deleteWallet(ctx, r) }, h),
		},
	} {
		registerOwn(s, m)
	}
}

func (h *Host) registerPassphrases(s *rpc.Server) {
	for _, m := range []rpc.Method{
		{
			Name: "lode_changepassphrase", Summary: "Puts all wallets under another passphrase: all of them or, after an error, none.",
			Params:  []rpc.Param{{Name: "passphrase", Type: rpc.String, Help: "The one they are under"}, {Name: "new_passphrase", Type: rpc.String, Help: "The one to come"}},
			Example: `'{"passphrase":"…","new_passphrase":"…"}'`,
			Handler: own(func(_ context.Context, w *wallets, r rpc.Passphrases) (any, error) {
				return nil, w.changePassphrase(r.Passphrase, r.New)
			}, h),
		}, {
			Name: "lode_removepassphrase", Summary: "Leaves all wallets plain: whoever reads their files has the keys.",
			Params:  []rpc.Param{{Name: "passphrase", Type: rpc.String, Help: "The one they are under"}},
			Example: `'{"passphrase":"…"}'`,
			Handler: own(func(_ context.Context, w *wallets, r rpc.Passphrase) (any, error) {
				return nil, w.removePassphrase(r.Passphrase)
			}, h),
		},
	} {
		registerOwn(s, m)
	}
	for _, m := range []rpc.Method{
		{
			Name: "encryptwallet", Summary: "Puts all wallets of the data directory under a passphrase and locks them. Their words and keys stay as they are.",
			Params:  []rpc.Param{{Name: "passphrase", Type: rpc.String, Help: "The passphrase"}},
			Example: `"my pass phrase"`, Handler: h.encryptWallet,
		}, {
			Name: "walletpassphrasechange", Summary: "Puts all wallets of the data directory under another passphrase.",
			Params: []rpc.Param{
				{Name: "oldpassphrase", Type: rpc.String, Help: "The one they are under"},
				{Name: "newpassphrase", Type: rpc.String, Help: "The one to come"},
			},
			Example: `"old one" "new one"`, Handler: h.walletPassphraseChange,
		},
	} {
		registerCore(s, m)
	}
}

// encryptedText is Core's answer but for the new keys, which are not made here.
const encryptedText = "wallet encrypted; all wallets of this data directory are under the passphrase now. Their words and keys are the same as before: backups made earlier restore them, and are as plain as they were."

var errEmptyPassphrase = rpc.CodeInvalidParameter.New("passphrase cannot be empty")

func (h *Host) encryptWallet(_ context.Context, r *rpc.Request) (any, error) {
	passphrase, err := r.Text(0, "")
	switch {
	case err != nil:
		return nil, err
	case h.wallets.vault.Encrypted():
		return nil, rpc.CodeWrongEncState.New("Error: running with an encrypted wallet, but encryptwallet was called.")
	case passphrase == "":
		return nil, errEmptyPassphrase
	}
	if err := h.wallets.setPassphrase(passphrase); err != nil {
		return nil, err
	}
	h.wallets.lock() // as Core leaves them
	return encryptedText, nil
}

func (h *Host) walletPassphraseChange(_ context.Context, r *rpc.Request) (any, error) {
	old, err := r.Text(0, "")
	if err != nil {
		return nil, err
	}
	passphrase, err := r.Text(1, "")
	switch {
	case err != nil:
		return nil, err
	case !h.wallets.vault.Encrypted():
		return nil, rpc.CodeWrongEncState.New("Error: running with an unencrypted wallet, but walletpassphrasechange was called.")
	case old == "" || passphrase == "":
		return nil, errEmptyPassphrase
	}
	return nil, h.wallets.changePassphrase(old, passphrase)
}

// changePassphrase puts all wallets under another passphrase. They stay locked or
// unlocked.
func (w *wallets) changePassphrase(old, passphrase string) error {
	w.lockMu.Lock()
	defer w.lockMu.Unlock()
	if !w.vault.Encrypted() {
		return errNoPassphrase
	}
	if err := w.vault.ChangePassphrase([]byte(old), []byte(passphrase)); err != nil {
		return walletError(err)
	}
	w.host.events.Publish(rpc.Event{Kind: "wallet", Text: "the wallets are under another passphrase now"})
	return nil
}

// removePassphrase leaves all wallets plain.
func (w *wallets) removePassphrase(passphrase string) error {
	w.lockMu.Lock()
	defer w.lockMu.Unlock()
	if !w.vault.Encrypted() {
		return errNoPassphrase
	}
	if err := w.vault.RemovePassphrase([]byte(passphrase)); err != nil {
		return walletError(err)
	}
	w.stopTimer()
	w.host.events.Publish(rpc.Event{Kind: "wallet", Text: "the wallets are plain now: whoever reads their files has the keys"})
	return nil
}

// unlockFor unlocks the wallets for a time in seconds, 0 for no limit.
func (w *wallets) unlockFor(r rpc.Unlock) error {
	switch {
	case !w.vault.Encrypted():
		return errNoPassphrase
	case !(r.Seconds >= 0 && r.Seconds <= maxUnlock): // not a number, too
		return rpc.Errorf(rpc.CodeInvalidParameter, "a time to unlock for is 0 (no limit) to %d seconds", maxUnlock)
	}
	return w.unlock(r.Passphrase, time.Duration(r.Seconds*float64(time.Second)))
}

// mended tells of the wallets' files that were damaged and are mended.
func (w *wallets) mended() []string {
	texts := []string{}
	for _, notice := range w.vault.Notices() {
		texts = append(texts, notice.Error())
	}
	return texts
}

// plain counts the wallets whose keys are not under a passphrase, and those among
// them of the demonstration's words.
func (w *wallets) plain() (plain, public int) {
	for _, file := range w.vault.Wallets() {
		if !file.Plain() {
			continue
		}
		plain++
		if published(file.Header()) {
			public++
		}
	}
	return plain, public
}

// publishedMaster is the fingerprint of the demonstration's master key, in hex.
var publishedMaster = sync.OnceValue(func() string {
	master, err := keys.NewMaster(keys.Seed(keys.PublishedWords, ""))
	if err != nil {
		panic(err) // one seed, which gives a key
	}
	fingerprint := master.Fingerprint()
	return hex.EncodeToString(fingerprint[:])
})

// published says whether a wallet is of the words that everybody knows.
func published(h vault.Header) bool {
	return h.Source == vault.SourceWords && h.Master == publishedMaster()
}

// adoptFile seals a wallet as the others are.
func (w *wallets) adoptFile(ctx context.Context, r rpc.AdoptWallet) (rpc.Wallet, error) {
	file, err := w.find(r.Wallet)
	if err != nil {
		return rpc.Wallet{}, err
	}
	key, done, err := w.keyFor(r.Passphrase)
	if err != nil {
		return rpc.Wallet{}, err
	}
	defer done()
	if err := w.vault.Adopt(file, []byte(r.OldPassphrase), key); err != nil {
		return rpc.Wallet{}, walletError(err)
	}
	w.host.events.Publish(rpc.Event{Kind: "wallet", Text: fmt.Sprintf("wallet %s is sealed as the others are now", file.Name())})
	return w.show(ctx, file)
}

// archive hides a wallet or shows it again.
func (w *wallets) archive(ctx context.Context, r rpc.ArchiveWallet) (rpc.Wallet, error) {
	file, err := w.find(r.Wallet)
	if err != nil {
		return rpc.Wallet{}, err
	}
	if file.Archived() != r.Archived {
		if err := file.Archive(r.Archived); err != nil {
			return rpc.Wallet{}, walletError(err)
		}
		text := fmt.Sprintf("wallet %s is archived", file.Name())
		if !r.Archived {
			text = fmt.Sprintf("wallet %s is in the lists again", file.Name())
		}
		w.host.events.Publish(rpc.Event{Kind: "wallet", Text: text})
	}
	return w.show(ctx, file)
}

// deleteWallet deletes a wallet that can be brought back, and returns it as it
// was.
func (w *wallets) deleteWallet(ctx context.Context, r rpc.DeleteWallet) (rpc.Wallet, error) {
	if r.Wallet == "" {
		return rpc.Wallet{}, rpc.CodeInvalidParameter.New("name the wallet to delete")
	}
	file, err := w.find(r.Wallet)
	if err != nil {
		return rpc.Wallet{}, err
	}
	defer w.lockWallet(file.Number())() // no payment is on its way
	if to := w.host.settings.get().MiningTo; to != "" {
		if paid, err := w.find(to); err == nil && paid == file {
			return rpc.Wallet{}, rpc.Errorf(rpc.CodeWallet, "mining pays to wallet %s; choose another first", file.Name())
		}
	}
	was, err := w.show(ctx, file)
	if err != nil {
		return rpc.Wallet{}, err
	}
	kept, err := w.keptOf(ctx, file)
	if err != nil {
		return rpc.Wallet{}, err
	}
	if total := was.Spendable + was.Pending + was.Immature + kept; total != 0 && !r.WithCoins {
		return rpc.Wallet{}, rpc.Errorf(rpc.CodeWallet, "wallet %s has %s coins; send them elsewhere first, or delete it with them (--with-coins)", file.Name(), total)
	}
	if err := w.canComeBack(file, r); err != nil {
		return rpc.Wallet{}, err
	}
	if err := w.vault.Delete(file); err != nil {
		return rpc.Wallet{}, walletError(err)
	}
	if err := w.forget(uint32(file.Number())); err != nil {
		w.host.log.Warn("what the database has of a deleted wallet stays there", "wallet", was.Number, "err", err)
	}
	w.host.mining.settingsChanged() // it may have been the one that rewards go to
	w.host.events.Publish(rpc.Event{Kind: "wallet", Text: fmt.Sprintf("wallet %s is deleted", was.Name)})
	return was, nil
}

// keptOf is what a wallet has in coins that are kept for lost payments.
func (w *wallets) keptOf(ctx context.Context, file *vault.Wallet) (sum rpc.Amount, err error) {
	v, err := w.view(ctx)
	if err != nil {
		return 0, err
	}
	defer v.Close()
	coins, err := v.Coins(uint32(file.Number()))
	for i := range coins {
		if coins[i].Kept {
			sum += coins[i].Value
		}
	}
	return sum, err
}

// forget removes a deleted wallet's rows. Where they stay they do no harm: nobody
// looks at rows without a file, and its number is never given again.
func (w *wallets) forget(number uint32) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.behind, number)
	b, err := w.book.Remove(w.host.store, number)
	if err != nil {
		return err
	}
	return w.apply(b, false)
}
