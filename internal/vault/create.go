package vault

import (
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"
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
		if i == 0 {
			return g.writeHead()
		}
		described, err := describe(i - 1)
		if err != nil {
			return err
		}
		return g.add(i-1, described)
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
	key     *Key   // a copy, nil when secrets are not encrypted or the vault is locked
	head    []byte // what the folder's own file is to hold
	ids     []byte
	wallets []*Wallet
	sealed  [][]byte // what their files are to hold
	parts   []part
	renamed int // files that are in place: the parts', the folder's own before them
}

// part is the wallets of a group that share a file.
type part struct {
	secretsFile
	left atomic.Int32 // wallets that are not sealed yet
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
	if v.next+n > MaxWallets+1 {
		return nil, fmt.Errorf("%d more wallets would be over the limit of %d", n, MaxWallets)
	}
	g := &group{v: v, first: v.next, kdf: v.kdf, ids: make([]byte, idSize*n), wallets: make([]*Wallet, n), sealed: make([][]byte, n)}
	together := 1
	if n > aloneUpTo {
		together = maxTogether
	}
	g.parts = make([]part, (n+together-1)/together)
	for i := range g.parts {
		first := g.first + i*together
		last := min(first+together, g.first+n) - 1
		g.parts[i].secretsFile = newSecretsFile(first, last)
		g.parts[i].left.Store(int32(last - first + 1))
	}
	if v.kdf != nil && key != nil {
		g.key = key.clone() // whoever gave it may wipe it
	}
	var err error
	if g.head, err = v.encodeHead(g.first+n, g.key); err != nil {
		return nil, err
	}
	if _, err := io.ReadFull(v.cfg.Rand, g.ids); err != nil {
		return nil, fmt.Errorf("read randomness: %w", err)
	}
	return g, nil
}

// add fills in a header and seals the wallet. The last one of a part writes it.
func (g *group) add(i int, n New) error {
	h := n.Header
	h.Number = g.first + i
	h.ID = hex.EncodeToString(g.ids[idSize*i : idSize*(i+1)])
	h.Network = g.v.network
	if h.KDF = g.kdf; h.WatchOnly {
		h.KDF = nil
	}
	switch {
	case n.Stem != "":
		h.Name = fmt.Sprintf("%s%d", n.Stem, h.Number)
	case h.Name == "":
		h.Name = DefaultName(h.Number)
	}
	g.wallets[i] = newWallet(g.v, &h)
	g.wallets[i].journal = g.v.newJournal(&h)
	var err error
	if g.sealed[i], err = encodeWallet(&h, n.Secret, g.key, g.v.cfg.Rand); err != nil {
		return err
	}
	p := &g.parts[i/(g.parts[0].last-g.parts[0].first+1)]
	if p.left.Add(-1) > 0 {
		return nil
	}
	return g.write(p)
}

// write writes a part's file, under a name that does not count yet.
func (g *group) write(p *part) error {
	wallets, sealed := g.wallets[p.first-g.first:p.last-g.first+1], g.sealed[p.first-g.first:p.last-g.first+1]
	data := slices.Concat(sealed...)
	defer wipe(data)
	at := place{file: p.name}
	for i, w := range wallets {
		at.size = len(sealed[i])
		w.secrets = at
		at.offset += int64(at.size)
		wipe(sealed[i])
	}
	if err := g.v.cfg.FS.Create(g.v.path(p.name)+tempSuffix, data); err != nil {
		return fmt.Errorf("store the wallets: %w", err)
	}
	return nil
}

// writeHead writes the folder's own file with the next number behind the group.
func (g *group) writeHead() error {
	if err := g.v.cfg.FS.Create(g.v.path(vaultFile)+tempSuffix, g.head); err != nil {
		return fmt.Errorf("store the wallets: %w", err)
	}
	return nil
}

// names returns the group's files, the folder's own first.
func (g *group) names() []string {
	names := []string{g.v.path(vaultFile)}
	for i := range g.parts {
		names = append(names, g.v.path(g.parts[i].name))
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
		if err := v.claimable(w.Header().Name, w.number); err != nil {
			return err
		}
		k := nameKey(w.Header().Name)
		if claimed[k] {
			return fmt.Errorf("%w: %q is asked for twice", ErrNameTaken, w.Header().Name)
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
		v.names[nameKey(w.Header().Name)] = w.number
	}
	v.wallets = append(v.wallets, g.wallets...)
	return nil
}

// discard removes what a failed group has written. The folder's own file stays
// if it is in place: a higher next number harms nobody.
func (g *group) discard() {
	for _, sealed := range g.sealed {
		wipe(sealed)
	}
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

// encodeWallet returns a wallet's sealed file. Kind: ErrLocked.
func encodeWallet(h *Header, s *Secret, key *Key, rand io.Reader) ([]byte, error) {
	if err := checkSecret(h, s); err != nil {
		return nil, fmt.Errorf("wallet %d: %w", h.Number, err)
	}
	var body []byte
	switch {
	case h.WatchOnly:
	case h.KDF != nil && key == nil:
		return nil, ErrLocked
	default:
		var err error
		if body, err = encodeSecret(s); err != nil {
			return nil, err
		}
		defer wipe(body)
	}
	if h.KDF == nil {
		key = nil
	}
	data, err := encodeFile(whatWallet, h, body, key, rand)
	if err == nil && len(data) > maxFile {
		wipe(data)
		return nil, fmt.Errorf("wallet %d takes %d bytes, over the limit of %d", h.Number, len(data), maxFile)
	}
	return data, err
}
