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
	return v.CreateEach(len(news), func(i int) (New, error) { return news[i], nil }, key)
}

// CreateEach is Create for n wallets that describe gives. It calls describe from
// many goroutines, so that keys are derived while files are being synced.
func (v *Vault) CreateEach(n int, describe func(i int) (New, error), key *Key) ([]*Wallet, error) {
	if n == 0 {
		return nil, nil
	}
	v.creating.Lock()
	defer v.creating.Unlock()
	g, err := v.newGroup(n, key)
	if err != nil {
		return nil, err
	}
	defer g.key.Wipe()
	err = parallel(v.cfg.Workers, n+1, func(i int) error {
		if i == n {
			return g.writeHead()
		}
		described, err := describe(i)
		if err != nil {
			return err
		}
		return g.write(i, described)
	})
	if err == nil {
		err = g.commit()
	}
	if err != nil {
		g.discard()
		return nil, err
	}
	return g.wallets, nil
}

// group is wallets that are being made.
type group struct {
	v       *Vault
	first   int // number of the first
	kdf     *KDF
	key     *Key // a copy, nil when secrets are not encrypted
	ids     []byte
	wallets []*Wallet
	renamed int // files that are in place: wallets, the folder's own before them
}

func (v *Vault) newGroup(n int, key *Key) (*group, error) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if v.fault != nil {
		return nil, v.fault
	}
	if key == nil {
		key = v.key
	}
	if v.kdf != nil && key == nil {
		return nil, ErrLocked
	}
	if v.next+n > MaxWallets+1 {
		return nil, fmt.Errorf("%d more wallets would be over the limit of %d", n, MaxWallets)
	}
	g := &group{v: v, first: v.next, kdf: v.kdf, ids: make([]byte, idSize*n), wallets: make([]*Wallet, n)}
	if v.kdf != nil {
		g.key = key.clone() // whoever gave it may wipe it
	}
	if _, err := io.ReadFull(v.cfg.Rand, g.ids); err != nil {
		return nil, fmt.Errorf("read randomness: %w", err)
	}
	return g, nil
}

// write fills in a header and writes the wallet's file under a name that does
// not count yet.
func (g *group) write(i int, n New) error {
	h := n.Header
	h.Number = g.first + i
	h.ID = hex.EncodeToString(g.ids[idSize*i : idSize*(i+1)])
	h.Network = g.v.network
	h.KDF = g.kdf
	switch {
	case n.Stem != "":
		h.Name = fmt.Sprintf("%s%d", n.Stem, h.Number)
	case h.Name == "":
		h.Name = DefaultName(h.Number)
	}
	w := &Wallet{vault: g.v, header: h}
	w.journal = &journal{fs: g.v.cfg.FS, dir: g.v.cfg.Dir, path: g.v.journalPath(h.Number), id: h.ID}
	g.wallets[i] = w
	data, err := encodeWallet(&h, n.Secret, g.key, g.v.cfg.Rand)
	if err != nil {
		return err
	}
	defer wipe(data)
	if err := g.v.cfg.FS.Create(g.v.secretsPath(h.Number)+tempSuffix, data); err != nil {
		return fmt.Errorf("store the wallets: %w", err)
	}
	return nil
}

// writeHead writes the folder's own file with the next number behind the group.
func (g *group) writeHead() error {
	head, err := g.v.encodeHead(g.first+len(g.wallets), g.kdf, g.key)
	if err != nil {
		return err
	}
	if err := g.v.cfg.FS.Create(g.v.path(vaultFile)+tempSuffix, head); err != nil {
		return fmt.Errorf("store the wallets: %w", err)
	}
	return nil
}

// names returns the group's files, the folder's own first.
func (g *group) names() []string {
	names := []string{g.v.path(vaultFile)}
	for i := range g.wallets {
		names = append(names, g.v.secretsPath(g.first+i))
	}
	return names
}

// commit claims the names, puts the files in place and syncs the folder. A
// crash in between leaves some wallets that nobody was told of, each of them
// whole.
func (g *group) commit() error {
	v := g.v
	v.mu.Lock()
	defer v.mu.Unlock()
	claimed := make(map[string]bool, len(g.wallets))
	for _, w := range g.wallets {
		if err := v.claimable(w.header.Name, w.header.Number); err != nil {
			return err
		}
		k := nameKey(w.header.Name)
		if claimed[k] {
			return fmt.Errorf("%w: %q is asked for twice", ErrNameTaken, w.header.Name)
		}
		claimed[k] = true
	}
	for _, name := range g.names() {
		if err := v.cfg.FS.Rename(name+tempSuffix, name); err != nil {
			return fmt.Errorf("store the wallets: %w", err)
		}
		g.renamed++
		// Even if this group fails: a number is never given twice.
		v.next = g.first + len(g.wallets)
	}
	if err := v.cfg.FS.SyncDir(v.cfg.Dir); err != nil {
		return fmt.Errorf("store the wallets: %w", err)
	}
	for _, w := range g.wallets {
		v.names[nameKey(w.header.Name)] = w.header.Number
	}
	v.wallets = append(v.wallets, g.wallets...)
	return nil
}

// discard removes what a failed group has written. The folder's own file stays
// if it is in place: a higher next number harms nobody.
func (g *group) discard() {
	for i, name := range g.names() {
		if i >= g.renamed {
			g.v.cfg.FS.Remove(name + tempSuffix)
		} else if i > 0 {
			g.v.cfg.FS.Remove(name)
		}
	}
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
