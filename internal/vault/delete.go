package vault

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
)

// Delete removes a wallet: its secret, which is overwritten as far as the file
// system does that, and its journal. Its number is never given again.
// Kind: ErrUnknown.
func (v *Vault) Delete(w *Wallet) error {
	v.creating.Lock()
	defer v.creating.Unlock()
	v.mu.RLock()
	file := w.secrets.file
	v.mu.RUnlock()
	err := v.rewrite(w, func([]byte) ([]byte, *Header, error) {
		h := fileHeader{Header: Header{Number: w.number, ID: w.header.Load().ID, Network: v.network}, Deleted: true}
		fresh, err := encodeFile(whatWallet, h, nil, nil, nil)
		return fresh, nil, err
	})
	v.mu.Lock()
	gone := w.secrets.size == 0
	if gone {
		v.wallets = slices.DeleteFunc(slices.Clone(v.wallets), func(o *Wallet) bool { return o == w })
		v.unname(w)
	}
	v.mu.Unlock()
	if err != nil || !gone {
		return err
	}
	// It is deleted. What is left over is removed at the next start if it cannot
	// be now.
	w.journal.close()
	entries, err := v.cfg.FS.List(v.cfg.Dir)
	if err == nil && v.removeJournals(w.number, entries) && len(v.byFile()[file]) == 0 {
		v.removeIfEmpty(file)
	}
	_ = v.cfg.FS.SyncDir(v.cfg.Dir)
	return nil
}

// unname lets go of a deleted wallet's name, which another may have too if its
// file was copied in. The caller holds mu.
func (v *Vault) unname(w *Wallet) {
	key := nameKey(w.Name())
	if v.names[key] != w.number {
		return
	}
	delete(v.names, key)
	for _, other := range v.wallets {
		if nameKey(other.Name()) == key {
			v.names[key] = other.number
			return
		}
	}
}

// close takes no more records.
func (j *journal) close() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.broken = ErrUnknown
}

// removeJournals removes the journal of a deleted wallet and what was put aside
// of it. It says whether nothing is left.
func (v *Vault) removeJournals(number int, entries []string) bool {
	name := journalName(number)
	for _, e := range entries {
		if e == name || strings.HasPrefix(e, name+damagedSuffix) {
			if err := v.cfg.FS.Wipe(v.path(e)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return false
			}
		}
	}
	return true
}

// removeIfEmpty removes a file of secrets that holds deleted wallets only.
func (v *Vault) removeIfEmpty(name string) {
	file, ok, err := parseSecretsName(name)
	if err != nil || !ok {
		return
	}
	for _, l := range v.read(file, nil) {
		if !l.deleted {
			return
		}
	}
	_ = v.cfg.FS.Remove(v.path(name))
}

// clearDeleted removes what deleted wallets have left.
func (v *Vault) clearDeleted(file secretsFile, found []loaded, entries []string) {
	all := true
	for _, l := range found {
		all = all && l.deleted
		if l.deleted {
			all = v.removeJournals(l.number, entries) && all
		}
	}
	if all && file.disk == "" {
		_ = v.cfg.FS.Remove(v.path(file.name))
	}
}
