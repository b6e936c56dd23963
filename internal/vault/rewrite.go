package vault

import (
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
)

// Files of secrets are written anew as a whole: one of them by a rename, all of
// them, when the passphrase changes, under one commit point. For that each is
// first written beside the old one, under a name that ends in a fresh
// generation. Then the folder's own file is replaced by one that states this
// generation, and that is the commit. Then the new files are renamed over the
// old. Open finishes that for files of the generation stated and removes others.

var generationName = regexp.MustCompile(`^(wallets?-[0-9-]+\.secrets)\.([0-9a-f]{16})\.new$`)

// fileHeader is the second line of a wallet's sealed file.
type fileHeader struct {
	Header
	// Deleted: there was a wallet of this number.
	Deleted bool `json:"deleted,omitempty"`
}

// settle finishes or undoes a change of the passphrase that was interrupted. A
// file that cannot be put in its place is read where it lies. It returns the
// entries with the names that count.
func (v *Vault) settle(entries []string) []string {
	for _, name := range entries {
		m := generationName.FindStringSubmatch(name)
		switch {
		case m == nil:
		case v.lost:
			v.problems = append(v.problems, fmt.Errorf("%s: left by a change of the passphrase that was interrupted; without the file %s it cannot be told whether it counts", v.path(name), vaultFile))
		case m[2] == v.generation:
			if v.unfinished == nil {
				v.unfinished = make(map[string]string)
			}
			v.unfinished[m[1]] = name
			if !slices.Contains(entries, m[1]) {
				entries = append(entries, m[1])
			}
		default:
			if err := v.cfg.FS.Wipe(v.path(name)); err != nil {
				v.problems = append(v.problems, fmt.Errorf("remove what is left of an unfinished write: %w", err))
			}
		}
	}
	if err := v.finish(); err != nil {
		v.problems = append(v.problems, err)
	}
	return entries
}

// finish puts files in place that a committed change has left beside it. Only
// who holds creating calls it, or Open.
func (v *Vault) finish() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.finishLocked()
}

func (v *Vault) finishLocked() error {
	names := slices.Sorted(maps.Keys(v.unfinished))
	done := make([]bool, len(names))
	failed := parallel(v.cfg.Workers, len(names), func(i int) error {
		err := v.cfg.FS.Supersede(v.path(v.unfinished[names[i]]), v.path(names[i]))
		done[i] = err == nil
		return err
	})
	placed := make(map[string]string)
	for i, name := range names {
		if done[i] {
			placed[v.unfinished[name]] = name
			delete(v.unfinished, name)
			v.unsynced = true
		}
	}
	for _, w := range v.wallets {
		w.secrets.file = cmp.Or(placed[w.secrets.file], w.secrets.file)
	}
	if failed != nil {
		return fmt.Errorf("finish a change of the passphrase: %w", failed)
	}
	if v.unsynced {
		if err := v.cfg.FS.SyncDir(v.cfg.Dir); err != nil {
			return fmt.Errorf("finish a change of the passphrase: %w", err)
		}
		v.unsynced = false
	}
	return nil
}

// ready says why nothing can be rewritten now, having finished what is open.
// The caller holds creating.
func (v *Vault) ready() error {
	v.mu.RLock()
	fault := v.fault
	v.mu.RUnlock()
	if fault != nil {
		return fault
	}
	return v.finish()
}

// rebuilt is a file of secrets as it is to become.
type rebuilt struct {
	name    string
	data    []byte
	wallets []*Wallet
	places  []place
	heads   []*Header
}

// rebuild reads a file of secrets and returns it with the wallets' sealed files
// replaced by what change makes of them; a change may return the very bytes it
// was given. What is damaged, deleted or not loaded stays as it is.
func (v *Vault) rebuild(name string, wallets []*Wallet, change func(w *Wallet, sealed []byte) ([]byte, *Header, error)) (*rebuilt, error) {
	v.mu.RLock()
	at := make(map[int64]*Wallet, len(wallets))
	for _, w := range wallets {
		at[w.secrets.offset] = w
	}
	v.mu.RUnlock()
	file, ok, err := parseSecretsName(name)
	if err == nil && !ok {
		err = fmt.Errorf("%w: it has no name of a file of secrets", ErrDamaged)
	}
	if err != nil {
		return nil, named(v.path(name), err)
	}
	data, err := readAll(v.cfg.FS, v.path(name), maxFile*(file.last-file.first+1))
	if err != nil {
		return nil, named(v.path(name), err)
	}
	defer wipe(data)
	r := &rebuilt{name: name}
	for offset := 0; offset < len(data); {
		size := sealedSize(data[offset:])
		sealed := data[offset : offset+size]
		if w := at[int64(offset)]; w != nil {
			fresh, head, err := change(w, sealed)
			if err != nil {
				wipe(r.data)
				return nil, named(v.path(name), err)
			}
			r.wallets, r.heads = append(r.wallets, w), append(r.heads, head)
			r.places = append(r.places, place{file: name, offset: int64(len(r.data)), size: len(fresh)})
			r.data = append(r.data, fresh...)
		} else {
			r.data = append(r.data, sealed...)
		}
		offset += size
	}
	if len(r.wallets) != len(wallets) {
		wipe(r.data)
		return nil, fmt.Errorf("%s: %w: it was changed while in use", v.path(name), ErrDamaged)
	}
	return r, nil
}

// byFile returns the wallets of each file of secrets.
func (v *Vault) byFile() map[string][]*Wallet {
	v.mu.RLock()
	defer v.mu.RUnlock()
	files := make(map[string][]*Wallet)
	for _, w := range v.wallets {
		files[w.secrets.file] = append(files[w.secrets.file], w)
	}
	return files
}

// rewrite changes one wallet's sealed file. The caller holds creating. An error
// after the file is in place leaves the vault as the file is, but nothing more
// is written.
func (v *Vault) rewrite(w *Wallet, change func(sealed []byte) ([]byte, *Header, error)) error {
	if err := v.ready(); err != nil {
		return err
	}
	v.mu.RLock()
	name, gone := w.secrets.file, w.secrets.size == 0
	v.mu.RUnlock()
	if gone {
		return fmt.Errorf("wallet %d: %w", w.number, ErrUnknown)
	}
	r, err := v.rebuild(name, v.byFile()[name], func(other *Wallet, sealed []byte) ([]byte, *Header, error) {
		if other != w {
			return sealed, other.header.Load(), nil
		}
		return change(sealed)
	})
	if err != nil {
		return err
	}
	defer wipe(r.data)
	path := v.path(name)
	if err := v.cfg.FS.Remove(path + tempSuffix); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("store wallet %d: %w", w.number, err)
	}
	if err := v.cfg.FS.Create(path+tempSuffix, r.data); err != nil {
		v.cfg.FS.Wipe(path + tempSuffix)
		return fmt.Errorf("store wallet %d: %w", w.number, err)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if err := v.cfg.FS.Supersede(path+tempSuffix, path); err != nil {
		v.cfg.FS.Wipe(path + tempSuffix)
		return fmt.Errorf("store wallet %d: %w", w.number, err)
	}
	r.apply()
	return v.commitDir(fmt.Sprintf("store wallet %d", w.number))
}

// apply makes the wallets those of the rebuilt file. The caller holds mu.
func (r *rebuilt) apply() {
	for i, w := range r.wallets {
		w.secrets = r.places[i]
		if r.heads[i] == nil {
			w.secrets = place{} // deleted
		} else {
			w.header.Store(r.heads[i])
		}
	}
}

// commitDir makes renames durable. Where that fails nobody can say which files
// a power loss would leave, so nothing is written until lode is started again.
// The caller holds mu.
func (v *Vault) commitDir(what string) error {
	if err := v.cfg.FS.SyncDir(v.cfg.Dir); err != nil {
		err = fmt.Errorf("%s: %w; whether it is done shows when lode is started again", what, err)
		v.fault = err
		return err
	}
	return nil
}

// AddDescriptors adds descriptors to a wallet, with their private forms ("" where
// there is none), and changes those whose text it has already: a private form
// that is known is kept. It needs the key where the wallet is encrypted; nil
// takes the one held. Header returns the new ones then. Kinds: ErrLocked,
// ErrForeign.
func (v *Vault) AddDescriptors(w *Wallet, list []Descriptor, private []string, key *Key) error {
	if len(list) != len(private) {
		return fmt.Errorf("%d descriptors and %d private forms", len(list), len(private))
	}
	v.creating.Lock()
	defer v.creating.Unlock()
	key, done := v.keyOrHeld(key)
	defer done()
	return v.rewrite(w, func(sealed []byte) ([]byte, *Header, error) {
		old := w.header.Load()
		if key == nil && v.isForeign(old.KDF) {
			return nil, nil, ErrForeign
		}
		s, err := openSealed(sealed, old, key)
		if err != nil {
			return nil, nil, err
		}
		defer s.Wipe()
		h := *old
		h.Descriptors = slices.Clone(old.Descriptors)
		for len(s.Descriptors) < len(h.Descriptors) {
			s.Descriptors = append(s.Descriptors, "")
		}
		for i, d := range list {
			at := slices.IndexFunc(h.Descriptors, func(o Descriptor) bool { return o.Text == d.Text })
			if at < 0 {
				h.Descriptors, s.Descriptors = append(h.Descriptors, d), append(s.Descriptors, private[i])
				continue
			}
			h.Descriptors[at] = d
			s.Descriptors[at] = cmp.Or(private[i], s.Descriptors[at])
		}
		fresh, err := encodeWallet(&h, s, key, v.cfg.Rand)
		return fresh, &h, err
	})
}

// keyOrHeld returns a key to use, a copy of the one held when none is given.
func (v *Vault) keyOrHeld(key *Key) (use *Key, done func()) {
	if key != nil {
		return key, func() {}
	}
	v.mu.RLock()
	defer v.mu.RUnlock()
	held := v.key.clone()
	return held, held.Wipe
}

func (v *Vault) isForeign(kdf *KDF) bool {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.foreign(kdf)
}

// Adopt seals a wallet whose file came from another folder as the others here
// are: old is the passphrase that it is under, empty if it is plain. key is that
// of this folder; nil takes the one held. Kinds: ErrPassphrase, ErrLocked.
func (v *Vault) Adopt(w *Wallet, old []byte, key *Key) error {
	v.creating.Lock()
	defer v.creating.Unlock()
	key, done := v.keyOrHeld(key)
	defer done()
	v.mu.RLock()
	kdf := v.kdf
	v.mu.RUnlock()
	if kdf != nil && key == nil {
		return ErrLocked
	}
	head := w.header.Load()
	if head.WatchOnly || equalKDF(head.KDF, kdf) {
		return nil
	}
	var from *Key
	if head.KDF != nil {
		if checkPassphrase(old) != nil {
			return ErrPassphrase
		}
		var err error
		if from, err = derive(old, *head.KDF); err != nil {
			return err
		}
		defer from.Wipe()
	}
	return v.rewrite(w, func(sealed []byte) ([]byte, *Header, error) {
		fresh, h, err := v.resealOne(w, sealed, from, kdf, key)
		if from != nil && errors.Is(err, ErrDamaged) {
			err = ErrPassphrase // the file's checksum is right
		}
		return fresh, h, err
	})
}

// resealOne opens a sealed file with one key and seals it with another.
func (v *Vault) resealOne(w *Wallet, sealed []byte, from *Key, kdf *KDF, to *Key) ([]byte, *Header, error) {
	old := w.header.Load()
	s, err := openSealed(sealed, old, from)
	if err != nil {
		return nil, nil, err
	}
	defer s.Wipe()
	h := *old
	h.KDF = kdf
	fresh, err := encodeWallet(&h, s, to, v.cfg.Rand)
	return fresh, &h, err
}

// generation is a change of the passphrase on its way.
type generation struct {
	id      string
	kdf     *KDF // nil: plain
	check   *passCheck
	files   []*rebuilt
	written []string // names of files in the old generation, whose new ones may be there
}

// newName is where a file of secrets is written first.
func (g *generation) newName(name string) string { return fmt.Sprintf("%s.%s.new", name, g.id) }

// discard removes the files of a generation that does not count.
func (v *Vault) discard(g *generation) {
	for _, name := range g.written {
		v.cfg.FS.Wipe(v.path(g.newName(name))) // what was not written is not there
	}
}

// reseal puts all wallets that are sealed with from, or plain, under another key;
// nil leaves them plain. With hold that key is the one held then, else none is.
// The caller holds creating.
func (v *Vault) reseal(from, to *Key, hold bool) error {
	if err := v.ready(); err != nil {
		to.Wipe()
		return err
	}
	g, err := v.newGeneration(to)
	if err == nil {
		err = v.writeGeneration(g, from, to)
	}
	if err != nil {
		to.Wipe()
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if err := v.commitGeneration(g); err != nil {
		to.Wipe()
		return err
	}
	v.key.Wipe()
	v.key = nil
	if hold {
		v.key = to
	} else {
		to.Wipe()
	}
	return nil
}

func (v *Vault) newGeneration(to *Key) (*generation, error) {
	var id [8]byte
	if _, err := io.ReadFull(v.cfg.Rand, id[:]); err != nil {
		return nil, fmt.Errorf("read randomness: %w", err)
	}
	g := &generation{id: hex.EncodeToString(id[:])}
	if to != nil {
		g.kdf = &to.kdf
	}
	var err error
	g.check, err = v.newCheck(to)
	return g, err
}

// writeGeneration writes all files of secrets anew, beside those that count.
func (v *Vault) writeGeneration(g *generation, from, to *Key) error {
	byFile := v.byFile()
	g.written = slices.Sorted(maps.Keys(byFile))
	g.files = make([]*rebuilt, len(g.written))
	err := parallel(v.cfg.Workers, len(g.written), func(i int) (err error) {
		name := g.written[i]
		g.files[i], err = v.rebuild(name, byFile[name], func(w *Wallet, sealed []byte) ([]byte, *Header, error) {
			if h := w.header.Load(); h.WatchOnly || v.isForeign(h.KDF) {
				return sealed, h, nil
			}
			return v.resealOne(w, sealed, from, g.kdf, to)
		})
		if err != nil {
			return err
		}
		defer wipe(g.files[i].data)
		for n := range g.files[i].places {
			g.files[i].places[n].file = g.newName(name)
		}
		return v.cfg.FS.Create(v.path(g.newName(name)), g.files[i].data)
	})
	if err == nil {
		err = v.cfg.FS.SyncDir(v.cfg.Dir)
	}
	if err != nil {
		v.discard(g)
		return fmt.Errorf("store the wallets: %w", err)
	}
	return nil
}

// commitGeneration makes a generation the one that counts and puts its files in
// place. The caller holds mu.
func (v *Vault) commitGeneration(g *generation) error {
	kdf, check, id := v.kdf, v.check, v.generation
	v.kdf, v.check, v.generation = g.kdf, g.check, g.id
	err := v.replaceHead()
	if err != nil {
		v.discard(g)
	} else {
		err = v.commitDir("change the passphrase") // on failure the new files stay: they may count
	}
	if err != nil {
		v.kdf, v.check, v.generation = kdf, check, id
		return err
	}
	v.unfinished = make(map[string]string, len(g.files))
	for _, r := range g.files {
		v.unfinished[r.name] = g.newName(r.name)
		r.apply()
	}
	// Committed. What cannot be put in place now is before the next change.
	_ = v.finishLocked()
	return nil
}

// replaceHead puts the folder's own file in place; the folder is still to be
// synced. The caller holds mu.
func (v *Vault) replaceHead() error {
	head, err := v.encodeHead(v.next, nil)
	if err == nil {
		err = replace(v.cfg.FS, v.path(vaultFile), head)
	}
	if err != nil {
		return fmt.Errorf("store the wallets: %w", err)
	}
	return nil
}
