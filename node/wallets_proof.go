package node

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/lode-chain/lode/descriptor"
	"github.com/lode-chain/lode/internal/vault"
	"github.com/lode-chain/lode/keys"
	"github.com/lode-chain/lode/rpc"
)

// canComeBack says whether what was shown brings a wallet back. Words are not
// compared: keys are derived of them as restoring would, and have to be the
// wallet's.
func (w *wallets) canComeBack(file *vault.Wallet, r rpc.DeleteWallet) error {
	head := file.Header()
	if head.WatchOnly {
		return nil // it holds no secret
	}
	if file.Encrypted() && r.Passphrase == "" {
		return errShowLocked
	}
	key, done, err := w.keyFor(r.Passphrase)
	if err != nil {
		return err
	}
	defer done()
	secret, err := file.Secret(key)
	if err != nil {
		return walletError(err)
	}
	defer secret.Wipe()
	if len(r.Backup) > 0 {
		return w.provedByBackup(file, secret, r)
	}
	added, err := w.addedBeside(head, secret)
	if err != nil {
		return err
	}
	switch {
	case head.Source == vault.SourceDescriptors:
		return rpc.Errorf(rpc.CodeInvalidParameter, "wallet %s has private keys in descriptors; only a backup of it brings those back (--backup)", file.Name())
	case len(added) > 0:
		return rpc.Errorf(rpc.CodeInvalidParameter, "the %s of wallet %s alone do not bring back %d of its descriptors (%s); only a backup of it does (--backup)",
			secretName(secret), file.Name(), len(added), strings.Join(added[:min(len(added), 3)], ", "))
	case len(secret.Mnemonic) > 0 && r.Words != "":
		return w.provedByWords(file, secret, r)
	case len(secret.Key) > 0 && r.Key != "":
		given, err := w.parseKey(strings.TrimSpace(r.Key))
		if err != nil {
			return err
		}
		defer given.Zero()
		if raw := given.Serialize(); !bytes.Equal(raw, secret.Key) {
			return rpc.Errorf(rpc.CodeInvalidParameter, "this is not the key of wallet %s", file.Name())
		}
		return nil
	}
	return rpc.Errorf(rpc.CodeInvalidParameter, "show that wallet %s can be brought back: give its %s or a backup of it", file.Name(), secretName(secret))
}

// secretName is what a person has written down of a wallet.
func secretName(s *vault.Secret) string {
	if len(s.Mnemonic) > 0 {
		return "words"
	}
	return "key"
}

// provedByBackup wants a backup that has all keys and descriptors that the wallet
// has now; it may be that of an earlier copy of the wallet, which has another
// identity, or know more.
func (w *wallets) provedByBackup(file *vault.Wallet, secret *vault.Secret, r rpc.DeleteWallet) error {
	b, err := w.openBackup(r.Backup, r.BackupPassphrase)
	if err != nil {
		return err
	}
	defer b.Wipe()
	head := file.Header()
	if err := w.checkBackup(b, true); err != nil {
		return err
	}
	same := b.Header.Source == head.Source && b.Header.Type == head.Type && b.Header.Path == head.Path &&
		b.Header.Account == head.Account && b.Header.Script == head.Script &&
		bytes.Equal(b.Secret.Mnemonic, secret.Mnemonic) && bytes.Equal(b.Secret.BIP39Passphrase, secret.BIP39Passphrase) &&
		bytes.Equal(b.Secret.Key, secret.Key)
	if !same || !coversDescriptors(b.Header, b.Secret, head, secret) {
		return rpc.Errorf(rpc.CodeInvalidParameter, "this backup is not of wallet %s as it is now; make a new one", file.Name())
	}
	return nil
}

// coversDescriptors says whether one wallet has all descriptors of another, with
// the private keys that the other has.
func coversDescriptors(all vault.Header, allSecret *vault.Secret, some vault.Header, someSecret *vault.Secret) bool {
	have := privateForms(all, allSecret)
	for text, private := range privateForms(some, someSecret) {
		if got, ok := have[text]; !ok || private != "" && got != private {
			return false
		}
	}
	return true
}

// privateForms returns the private forms of a wallet's added descriptors by their
// public ones; empty where there is none.
func privateForms(head vault.Header, secret *vault.Secret) map[string]string {
	forms := make(map[string]string, len(head.Descriptors))
	for i := range head.Descriptors {
		forms[head.Descriptors[i].Text] = ""
		if secret != nil && i < len(secret.Descriptors) {
			forms[head.Descriptors[i].Text] = secret.Descriptors[i]
		}
	}
	return forms
}

// provedByWords derives the wallet's account, or its one key, from the words.
func (w *wallets) provedByWords(file *vault.Wallet, secret *vault.Secret, r rpc.DeleteWallet) error {
	head := file.Header()
	normal, _, err := keys.CheckMnemonic(r.Words)
	if err != nil {
		return rpc.CodeInvalidParameter.New(err.Error())
	}
	single := head.Account == ""
	switch {
	case len(secret.BIP39Passphrase) > 0 && r.BIP39Passphrase == "":
		return rpc.Errorf(rpc.CodeInvalidParameter, "the words of wallet %s have a passphrase of their own (BIP39) and do not bring it back without: give that too (--bip39-passphrase-file)", file.Name())
	case single && (r.Path == "" || r.Type == ""):
		return rpc.Errorf(rpc.CodeInvalidParameter, "wallet %s is one key at a path of its words, which a search for accounts does not find: give path and type too, as restoring it wants them (--path, --type)", file.Name())
	}
	seed := keys.Seed(normal, r.BIP39Passphrase)
	defer clear(seed)
	if single {
		return w.provedByPath(file, seed, r)
	}
	path, err := keys.ParsePath(head.Path)
	if err != nil || len(path) != 3 {
		return fmt.Errorf("wallet %d: its path %q is not an account's", head.Number, head.Path)
	}
	account, _, err := accountOf(seed, keys.Type(head.Type), w.host.params.CoinType, path[2]-keys.Hardened)
	if err != nil {
		return err
	}
	if account.Key().EncodePublic(w.host.params) != head.Account {
		return notTheWords(file, r)
	}
	return nil
}

func (w *wallets) provedByPath(file *vault.Wallet, seed []byte, r rpc.DeleteWallet) error {
	t, err := typeOf(r.Type)
	if err != nil {
		return err
	}
	if _, err := keys.ParsePath(r.Path); err != nil {
		return rpc.CodeInvalidParameter.New(err.Error())
	}
	key, err := keys.DerivePath(seed, r.Path)
	if err != nil {
		return rpc.CodeInvalidParameter.New(err.Error())
	}
	defer key.Zero()
	if w.keyWallet(key, t, vault.SourceWords, "", nil).Header.Script != file.Header().Script {
		return rpc.Errorf(rpc.CodeInvalidParameter, "these words with this path and type are not wallet %s", file.Name())
	}
	return nil
}

func notTheWords(file *vault.Wallet, r rpc.DeleteWallet) error {
	if r.BIP39Passphrase != "" {
		return rpc.Errorf(rpc.CodeInvalidParameter, "these are not the words of wallet %s, or not their passphrase", file.Name())
	}
	return rpc.Errorf(rpc.CodeInvalidParameter, "these are not the words of wallet %s", file.Name())
}

// addedBeside returns the descriptors of a wallet that its words, or its key, do
// not bring back, in public form. Those of another type of address under the
// wallet's own account number do come back.
func (w *wallets) addedBeside(head vault.Header, secret *vault.Secret) ([]string, error) {
	if len(head.Descriptors) == 0 {
		return nil, nil
	}
	var derived []string
	if head.Account != "" && len(secret.Mnemonic) > 0 {
		ring, err := ringOf(head, secret, w.host.params)
		if err != nil {
			return nil, err
		}
		defer ring.Close()
		for _, t := range keys.Types() {
			account, err := ring.accountOfType(t)
			if err != nil {
				return nil, err
			}
			side := head
			side.Type, side.Path = string(t), account.Path()
			for _, text := range textsOf(side, account.Key().EncodePublic(w.host.params), "") {
				derived = append(derived, descriptor.WithChecksum(text))
			}
		}
	}
	var added []string
	for i := range head.Descriptors {
		if text := head.Descriptors[i].Text; !slices.Contains(derived, text) {
			added = append(added, text)
		}
	}
	return added, nil
}
