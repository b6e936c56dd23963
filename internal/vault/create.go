package vault

import (
	"encoding/hex"
	"fmt"
	"io"
	"strings"
)

// Create makes wallets as one durable group: when it returns, all of them
// survive power loss; after an error none of them exists. key opens encrypted
// vaults (see Unseal); nil takes the one held since Unlock.
// Kinds: ErrLocked, ErrName, ErrNameTaken.
func (v *Vault) Create(news []New, key *Key) ([]*Wallet, error) {
	if len(news) == 0 {
		return nil, nil
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.fault != nil {
		return nil, v.fault
	}
	if key == nil {
		key = v.key
	}
	if v.kdf != nil && key == nil {
		return nil, ErrLocked
	}
	if v.next+len(news) > MaxWallets+1 {
		return nil, fmt.Errorf("%d more wallets would be over the limit of %d", len(news), MaxWallets)
	}
	made, err := v.prepare(news)
	if err != nil {
		return nil, err
	}
	files := make([][]byte, len(made))
	for i, w := range made {
		if files[i], err = encodeWallet(&w.header, news[i].Secret, v.sealer(key), v.cfg.Rand); err != nil {
			return nil, err
		}
	}
	if err := v.writeGroup(made, files, v.sealer(key)); err != nil {
		return nil, fmt.Errorf("store the wallets: %w", err)
	}
	v.next += len(made)
	for _, w := range made {
		v.names[nameKey(w.header.Name)] = w.header.Number
	}
	v.wallets = append(v.wallets, made...)
	return made, nil
}

// sealer returns the key to encrypt with, nil when wallets are not encrypted.
func (v *Vault) sealer(key *Key) *Key {
	if v.kdf == nil {
		return nil
	}
	return key
}

// prepare fills in the headers and claims the names.
func (v *Vault) prepare(news []New) ([]*Wallet, error) {
	made := make([]*Wallet, len(news))
	claimed := make(map[string]bool, len(news))
	ids := make([]byte, 16*len(news))
	if _, err := io.ReadFull(v.cfg.Rand, ids); err != nil {
		return nil, fmt.Errorf("read randomness: %w", err)
	}
	for i, n := range news {
		h := n.Header
		h.Number = v.next + i
		h.ID = hex.EncodeToString(ids[16*i : 16*i+16])
		h.Network = v.network
		h.KDF = v.kdf
		switch {
		case n.Stem != "":
			h.Name = fmt.Sprintf("%s%d", n.Stem, h.Number)
		case h.Name == "":
			h.Name = DefaultName(h.Number)
		}
		if err := v.claimable(h.Name, h.Number); err != nil {
			return nil, err
		}
		if claimed[nameKey(h.Name)] {
			return nil, fmt.Errorf("%w: %q is asked for twice", ErrNameTaken, h.Name)
		}
		claimed[nameKey(h.Name)] = true
		w := &Wallet{vault: v, header: h}
		w.journal = &journal{fs: v.cfg.FS, dir: v.cfg.Dir, path: v.journalPath(h.Number), id: h.ID}
		made[i] = w
	}
	return made, nil
}

// claimable says whether wallet number may have this name.
func (v *Vault) claimable(name string, number int) error {
	if err := CheckName(name); err != nil {
		return err
	}
	if other, ok := v.names[nameKey(name)]; ok && other != number {
		taken := v.wallet(other).Name()
		if strings.EqualFold(taken, name) {
			return fmt.Errorf("%w: wallet %d is called %q", ErrNameTaken, other, taken)
		}
		return fmt.Errorf("%w: wallet %d is called %q, which looks the same", ErrNameTaken, other, taken)
	}
	if reserved(name, number) {
		return fmt.Errorf("%w %q: names like %s are kept for the wallet of that number", ErrName, name, DefaultName(7))
	}
	return nil
}

// writeGroup writes the folder's own file and those of the wallets, all synced
// before the first is renamed, and the folder once at the end. A crash in
// between leaves some wallets that nobody was told of, each of them whole.
func (v *Vault) writeGroup(made []*Wallet, files [][]byte, key *Key) error {
	fs := v.cfg.FS
	head, err := v.encodeHead(v.next+len(made), v.kdf, key)
	if err != nil {
		return err
	}
	names := make([]string, 0, len(made)+1)
	names = append(names, v.path(vaultFile))
	for _, w := range made {
		names = append(names, v.secretsPath(w.header.Number))
	}
	files = append([][]byte{head}, files...)
	err = parallel(v.cfg.Workers, len(names), func(i int) error {
		return fs.Create(names[i]+tempSuffix, files[i])
	})
	renamed := 0
	for renamed < len(names) && err == nil {
		if err = fs.Rename(names[renamed]+tempSuffix, names[renamed]); err == nil {
			renamed++
		}
	}
	if err == nil {
		err = fs.SyncDir(v.cfg.Dir)
	}
	if err == nil {
		return nil
	}
	// Undo what can be undone. The folder's own file stays if it is there: a
	// higher next number harms nobody.
	if renamed > 0 {
		v.next += len(made)
	}
	for i, name := range names {
		if i > 0 && i < renamed {
			fs.Remove(name)
		} else if i >= renamed {
			fs.Remove(name + tempSuffix)
		}
	}
	return err
}

func encodeWallet(h *Header, s *Secret, key *Key, rand io.Reader) ([]byte, error) {
	body, err := encodeSecret(s)
	if err != nil {
		return nil, err
	}
	defer wipe(body)
	return encodeFile(whatWallet, h, body, key, rand)
}

// encodeHead returns the folder's own file. Its third line is a fixed text
// under the key, by which a passphrase is checked.
func (v *Vault) encodeHead(next int, kdf *KDF, key *Key) ([]byte, error) {
	var check []byte
	if kdf != nil {
		check = []byte(checkText)
	}
	return encodeFile(whatVault, vaultHead{Network: v.network, Next: next, KDF: kdf}, check, key, v.cfg.Rand)
}
