package node

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/lode-chain/lode/internal/newfile"
	"github.com/lode-chain/lode/internal/platform"
	"github.com/lode-chain/lode/internal/vault"
	"github.com/lode-chain/lode/rpc"
)

func (h *Host) registerBackupWallet(s *rpc.Server) {
	for _, m := range []rpc.Method{
		{
			Name: "lode_backupwallet", Summary: "Returns a wallet's backup: one encrypted file (age) with its keys, descriptors, labels and what it has given out.",
			Params:  []rpc.Param{oneParam, passphraseParam, {Name: "backup_passphrase", Type: rpc.String, Help: "That the file will be under"}},
			Example: `'{"wallet":"Wallet1","backup_passphrase":"…"}'`,
			Handler: own(func(ctx context.Context, w *wallets, r rpc.BackupWallet) (any, error) { return w.backup(ctx, r) }, h),
		}, {
			Name: "lode_restorewallet", Summary: "Makes a wallet of its backup and finds its coins. A wallet that is here is never replaced.",
			Params: []rpc.Param{
				{Name: "data", Type: rpc.String, Help: "The backup's file, base64"},
				{Name: "backup_passphrase", Type: rpc.String, Optional: true, Help: "That it is under"},
				nameParam, passphraseParam,
				{Name: "file", Type: rpc.Bool, Optional: true, Help: "The data is a wallet's own file of another folder (default false)"},
				{Name: "other_chain", Type: rpc.Bool, Optional: true, Help: "Take it although it was made on another chain (default false)"},
				{Name: "merge", Type: rpc.Bool, Optional: true, Help: "If the wallet is here, take the labels and notes that it lacks (default false)"},
			},
			Example: `'{"data":"…","backup_passphrase":"…"}'`,
			Handler: own(func(ctx context.Context, w *wallets, r rpc.RestoreBackup) (any, error) {
				open := vault.DecodeBackup
				if r.File {
					open = vault.DecodeFile
				}
				b, err := backupError(open(r.Data, []byte(r.BackupPassphrase)))
				if err != nil {
					return nil, err
				}
				defer b.Wipe()
				return w.restoreBackup(ctx, b, r)
			}, h),
		},
	} {
		registerOwn(s, m)
	}
	for _, m := range []rpc.Method{
		{
			Name: "backupwallet", Summary: "Copies a wallet to a new file: sealed as it is here, so plain if the wallets are plain. lode wallet backup encrypts it.",
			Params:  []rpc.Param{{Name: "destination", Type: rpc.String, Help: "The file to make, absolute; nothing is written over"}},
			Example: `"/home/me/wallet1.copy"`, Handler: onWallet(h, (*coreWallet).copyTo),
		}, {
			Name: "restorewallet", Summary: "Makes a wallet of a copy and finds its coins.",
			Params: []rpc.Param{
				{Name: "wallet_name", Type: rpc.String, Help: "What to call it"},
				{Name: "backup_file", Type: rpc.String, Help: "The copy, absolute"},
				{Name: "load_on_startup", Type: rpc.Bool, Optional: true, Help: "No meaning here: all wallets are always loaded"},
			},
			Example: `"Alice" "/home/me/wallet1.copy"`, Handler: h.restoreWallet,
		},
	} {
		registerCore(s, m)
	}
}

// describeBackup fills in where and when a backup is made.
func (w *wallets) describeBackup(b *vault.Backup) {
	tip := w.host.chain.Tip()
	b.NetworkName, b.Made, b.Height, b.Block = w.host.params.Name, w.host.now().Unix(), tip.Height, tip.Hash.String()
}

// backup returns a wallet's encrypted backup. What it shows is the whole secret,
// so where there is a passphrase it has to be given.
func (w *wallets) backup(ctx context.Context, r rpc.BackupWallet) (rpc.WalletBackup, error) {
	file, err := w.find(r.Wallet)
	if err != nil {
		return rpc.WalletBackup{}, err
	}
	if file.Encrypted() && r.Passphrase == "" {
		return rpc.WalletBackup{}, errShowLocked
	}
	key, done, err := w.keyFor(r.Passphrase)
	if file.Header().WatchOnly {
		key, done, err = nil, func() {}, nil
	}
	if err != nil {
		return rpc.WalletBackup{}, err
	}
	defer done()
	b, err := file.Backup(key)
	if err != nil {
		return rpc.WalletBackup{}, walletError(err)
	}
	defer b.Wipe()
	w.describeBackup(b)
	data, err := b.Encode([]byte(r.BackupPassphrase), w.host.config.BackupWork)
	if err != nil {
		return rpc.WalletBackup{}, walletError(err)
	}
	row, err := w.show(ctx, file)
	return rpc.WalletBackup{Wallet: row, Data: data, Name: fmt.Sprintf("%s-wallet-%d.age", w.host.params.Name, file.Number())}, err
}

// openBackup opens a backup's file, or a copy.
func (w *wallets) openBackup(data []byte, passphrase string) (*vault.Backup, error) {
	return backupError(vault.DecodeBackup(data, []byte(passphrase)))
}

func backupError(b *vault.Backup, err error) (*vault.Backup, error) {
	switch {
	case errors.Is(err, vault.ErrPassphrase):
		return nil, rpc.CodePassphrase.New("the passphrase of the backup is wrong")
	case errors.Is(err, vault.ErrDamaged):
		return nil, rpc.Errorf(rpc.CodeWallet, "the backup is damaged: %s", err)
	}
	return b, walletError(err)
}

// restoreBackup makes a wallet of a backup. What was given to it is never taken
// from one that is here.
func (w *wallets) restoreBackup(ctx context.Context, b *vault.Backup, r rpc.RestoreBackup) (rpc.RestoredBackup, error) {
	none := rpc.RestoredBackup{}
	if err := w.checkBackup(b, r.OtherChain); err != nil {
		return none, err
	}
	if file := w.sameKeys(b.Header, b.Secret, nil); file != nil {
		return w.mergeBackup(ctx, file, b, r.Merge)
	}
	if err := w.checkNewName(r.Name); err != nil {
		return none, err
	}
	var opener *vault.Key
	if !b.Header.WatchOnly {
		key, done, err := w.keyFor(r.Passphrase)
		if err != nil {
			return none, err
		}
		defer done()
		opener = key
	}
	out := rpc.RestoredBackup{Warnings: []string{}}
	n := vault.New{Header: b.Header, Secret: b.Secret}
	n.Header.Name = b.Name
	if r.Name != "" {
		n.Header.Name = r.Name
	}
	if r.OtherChain || b.Block == "" {
		n.Header.Birth = 0
		n.Header.Descriptors = slices.Clone(n.Header.Descriptors)
		for i := range n.Header.Descriptors {
			n.Header.Descriptors[i].Birth = 0
		}
		b.Locked, b.Abandoned, b.Notes = nil, nil, nil // of transactions that are not here
	}
	file, err := w.createFromBackup(n, b, opener, r.Name == "", &out)
	if err != nil {
		return none, err
	}
	if err := w.made(ctx, []*vault.Wallet{file}, true); err != nil {
		return none, err
	}
	out.Wallet, err = w.show(ctx, file)
	return out, err
}

// createFromBackup stores the wallet and what the backup tells of it. A name of
// the backup's own that is taken is replaced.
func (w *wallets) createFromBackup(n vault.New, b *vault.Backup, key *vault.Key, otherName bool, out *rpc.RestoredBackup) (*vault.Wallet, error) {
	w.making.Lock()
	defer w.making.Unlock()
	if file := w.sameKeys(n.Header, n.Secret, key); file != nil {
		return nil, alreadyHere(file)
	}
	files, err := w.vault.Create([]vault.New{n}, key)
	taken := errors.Is(err, vault.ErrNameTaken)
	if otherName && (taken || errors.Is(err, vault.ErrName)) {
		n.Header.Name = ""
		if files, err = w.vault.Create([]vault.New{n}, key); err == nil {
			why := "which another wallet has here"
			switch {
			case vault.CheckName(b.Name) != nil:
				why = "which is no name for a wallet here"
			case !taken:
				why = "and such names are kept for the wallet of that number"
			}
			out.Warnings = append(out.Warnings, fmt.Sprintf("its name was %s, %s; it is called %s", b.Name, why, files[0].Name()))
		}
	}
	if err != nil {
		return nil, walletError(err)
	}
	if err := files[0].Take(b); err != nil {
		return nil, rpc.Errorf(rpc.CodeWallet, "the wallet is here as %s, but its labels and what it had given out could not be stored (%s); restore the backup again with merge", files[0].Name(), err)
	}
	return files[0], nil
}

// checkBackup refuses a backup that does not belong here, and one whose scripts
// are not those of its keys.
func (w *wallets) checkBackup(b *vault.Backup, otherChain bool) error {
	fingerprint := w.host.params.Fingerprint()
	if b.Network != hex.EncodeToString(fingerprint[:]) {
		return rpc.Errorf(rpc.CodeWallet, "this backup is of the network %s, whose rules are not those of %s here: restore it in a data directory of that network (--network)", clipped(b.NetworkName), w.host.params.Name)
	}
	if len(b.Secret.Mnemonic) > 0 {
		if _, err := w.words(string(b.Secret.Mnemonic)); err != nil {
			return err
		}
	}
	if b.Block == "" {
		// a wallet's own file, which names no chain
	} else if hash, err := chainhash.NewHashFromStr(b.Block); err != nil {
		return rpc.CodeWallet.New("the backup is damaged: it names no block")
	} else if !otherChain && b.Height <= w.host.chain.Tip().Height && w.host.chain.ByHash(*hash) == nil {
		return rpc.Errorf(rpc.CodeWallet, "this backup was made on another chain: its block %d is not known here. Its keys can be taken all the same (--other-chain); coins, notes and locks of that chain are not here", b.Height)
	}
	if len(b.Secret.Mnemonic) == 0 && len(b.Secret.Key) == 0 {
		return nil
	}
	ring, err := ringOf(b.Header, b.Secret, w.host.params)
	if err != nil {
		return rpc.CodeWallet.New("the backup is damaged: its keys do not fit together")
	}
	defer ring.Close()
	key, err := ring.key(0, 0)
	if err != nil || hex.EncodeToString(key.PubKey().SerializeCompressed()) != b.Header.PublicKey {
		return rpc.CodeWallet.New("the backup is damaged: its address is not of its keys")
	}
	return nil
}

// sameKeys returns the wallet that has the same keys or a descriptor in common. One
// that only watches does not have those that a backup brings.
func (w *wallets) sameKeys(head vault.Header, secret *vault.Secret, key *vault.Key) *vault.Wallet {
	if head.Source != vault.SourceDescriptors {
		return w.knownKeys(key).find(head, secret)
	}
	for _, file := range w.vault.Wallets() {
		have := file.Header()
		if have.WatchOnly && !head.WatchOnly {
			continue
		}
		for _, d := range have.Descriptors {
			if slices.ContainsFunc(head.Descriptors, func(o vault.Descriptor) bool { return o.Text == d.Text }) {
				return file
			}
		}
	}
	return nil
}

// mergeBackup takes what the wallet that is here lacks, or says what that is.
func (w *wallets) mergeBackup(ctx context.Context, file *vault.Wallet, b *vault.Backup, merge bool) (rpc.RestoredBackup, error) {
	missing := b.Missing(file)
	if !merge {
		text := fmt.Sprintf("already here as %s (number %d); a backup never replaces a wallet", file.Name(), file.Number())
		if missing.Empty() {
			return rpc.RestoredBackup{}, rpc.CodeWalletExists.New(text + ", and this one knows nothing that is not here")
		}
		return rpc.RestoredBackup{}, rpc.CodeWalletExists.New(text + ". It knows " + difference(missing) + " that are not here: take those with --merge")
	}
	if err := file.Take(missing); err != nil {
		return rpc.RestoredBackup{}, walletError(err)
	}
	if len(missing.Issued) > 0 {
		if err := w.watch(uint32(file.Number())); err != nil {
			return rpc.RestoredBackup{}, err
		}
	}
	row, err := w.show(ctx, file)
	return rpc.RestoredBackup{Wallet: row, Merged: true, Warnings: []string{}}, err
}

// difference says what a backup has more than a wallet.
func difference(b *vault.Backup) string {
	var parts []string
	for _, c := range []struct {
		n    int
		what string
	}{{len(b.Labels), "labels"}, {len(b.Notes), "notes"}, {len(b.Issued), "chains with more addresses given out"}} {
		if c.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", c.n, c.what))
		}
	}
	return strings.Join(parts, ", ")
}

// copyTo answers backupwallet.
func (c *coreWallet) copyTo(_ context.Context, r *rpc.Request) (any, error) {
	name, err := r.Text(0, "")
	switch {
	case err != nil:
		return nil, err
	case !filepath.IsAbs(name) || filepath.Clean(name) != name:
		return nil, rpc.CodeInvalidParameter.New("destination is to be an absolute path without . and ..")
	}
	b := c.file.Facts()
	c.describeBackup(b)
	data, err := c.file.Copy(b)
	if err != nil {
		return nil, walletError(err)
	}
	defer clear(data)
	err = newfile.Write(name, data)
	switch {
	case errors.Is(err, fs.ErrExist):
		return nil, rpc.CodeWallet.New("Error: Wallet backup failed! There is something of that name already; nothing is written over")
	case err != nil:
		return nil, rpc.Errorf(rpc.CodeWallet, "Error: Wallet backup failed! %s", err)
	}
	return nil, nil
}

// restoreWallet answers restorewallet.
func (h *Host) restoreWallet(ctx context.Context, r *rpc.Request) (any, error) {
	name, err := r.Text(0, "")
	if err != nil {
		return nil, err
	}
	path, err := r.Text(1, "")
	switch {
	case err != nil:
		return nil, err
	case name == "":
		return nil, rpc.CodeInvalidParameter.New("Wallet name cannot be empty")
	case !filepath.IsAbs(path):
		return nil, rpc.CodeInvalidParameter.New("backup_file is to be an absolute path")
	}
	data, err := platform.ReadFile(path, vault.MaxBackup)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, rpc.CodeInvalidParameter.New("Backup file does not exist")
	case err != nil:
		return nil, rpc.Errorf(rpc.CodeWallet, "Wallet file verification failed. %s", err)
	}
	defer clear(data)
	b, err := h.wallets.vault.OpenCopy(data, nil)
	switch {
	case errors.Is(err, vault.ErrNoBackup) && vault.IsBackup(data):
		return nil, rpc.CodeWallet.New("Wallet file verification failed. This backup is under a passphrase of its own: lode wallet restore --from FILE, or lode_restorewallet")
	case errors.Is(err, vault.ErrForeign):
		return nil, rpc.CodeWallet.New("Wallet file verification failed. This copy is under the passphrase of another folder: lode wallet restore --from FILE, or lode_restorewallet with it")
	case err != nil:
		return nil, walletError(err)
	}
	defer b.Wipe()
	restored, err := h.wallets.restoreBackup(ctx, b, rpc.RestoreBackup{Name: name})
	if err != nil {
		return nil, err
	}
	return struct {
		Name     string   `json:"name"`
		Warnings []string `json:"warnings,omitempty"`
	}{restored.Wallet.Name, restored.Warnings}, nil
}
