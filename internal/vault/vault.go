// Package vault keeps what cannot be made again: the keys of wallets, their
// names, which addresses have been issued and which payments were made. Each
// wallet has two files in one folder:
//
//	wallet-7.secrets   keys and descriptors; replaced as a whole when these or the
//	                   passphrase change
//	wallet-7.journal   names, labels, issued indexes, locked coins, payments; appended
//	                   to, renewed when it has grown, writable while the wallets are
//	                   locked, made when first needed
//
// but wallets that are made by the hundred share files of secrets, such as
// wallets-8-1007.secrets, so that they are as durable at the cost of a few files.
// The folder has one more, vault, with the next number and how the passphrase is
// checked. Secrets can be under a passphrase, the same for all
// wallets of a folder; what is public about a wallet is readable without it.
//
// The package knows files and ciphers, and the file in which one wallet is backed
// up. What a key is good for, which scripts it gives and which coins they hold is
// left to package wallet.
//
// A Vault owns its folder: one process opens it at a time (the caller holds
// the data directory's lock). Its methods may be called at once.
package vault

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
)

const (
	vaultFile  = "vault"
	tempSuffix = ".tmp"

	whatVault  = "lode-vault"
	whatWallet = "lode-wallet"

	checkText = "lode passphrase check"
	idSize    = 16 // bytes

	// MaxWallets is the highest wallet number; policy.
	MaxWallets = 1<<24 - 1
)

// vaultHead is the second line of the folder's own file.
type vaultHead struct {
	Network string `json:"network"`
	Next    int    `json:"next"` // number of the next wallet
	KDF     *KDF   `json:"kdf"`  // nil: not encrypted
	// Check is a fixed text under the key, in hex, by which a passphrase is
	// checked. In format 1 it is the file's third line.
	Check string `json:"check,omitempty"`
	// Generation names the last change of the passphrase: files of secrets of that
	// name are those that count.
	Generation string `json:"generation,omitempty"`
}

// Config says where a vault is.
type Config struct {
	Dir     string
	Network [32]byte  // fingerprint of the network's rules
	FS      FS        // nil: Disk
	Rand    io.Reader // nil: the system's; salts, nonces and identities; read by many at once
	KDF     KDF       // for new passphrases; zero: what takes this machine 250 ms
	Workers int       // files written or read at once; 0 chooses
}

// Vault is an open folder of wallets.
type Vault struct {
	cfg      Config
	network  string
	problems []error
	notices  []error

	creating sync.Mutex // held while wallets are made; taken before mu

	// mu guards what follows. Only who holds creating writes the folder's own
	// file and next.
	mu      sync.RWMutex
	next    int
	kdf     *KDF
	check   *passCheck // opened by the right key; nil: take a wallet's
	lost    bool       // the folder's own file is missing or damaged
	fault   error      // nothing can be made or changed until lode is started again
	key     *Key       // held while unlocked
	wallets []*Wallet  // by number
	names   map[string]int

	generation string
	unfinished map[string]string // files of secrets by the name under which they lie still
	unsynced   bool              // files are in place, but perhaps not durably
}

// New describes a wallet to make. Number, ID, Network and KDF of the header are
// filled in. An empty Name becomes WalletN, else Stem, if set, has the number
// put behind it.
type New struct {
	Header Header
	Stem   string
	Secret *Secret
}

// Open reads the folder, making it if it is missing. A wallet whose files
// cannot be read does not hold up the others: see Problems.
func Open(cfg Config) (*Vault, error) {
	if cfg.FS == nil {
		cfg.FS = Disk{}
	}
	if cfg.Rand == nil {
		cfg.Rand = rand.Reader
	}
	if cfg.Workers <= 0 {
		// Writers wait for the disk, not for a core.
		cfg.Workers = max(32, 4*runtime.NumCPU())
	}
	v := &Vault{cfg: cfg, network: hex.EncodeToString(cfg.Network[:]), next: 1, names: make(map[string]int)}
	if err := cfg.FS.MakeDir(cfg.Dir); err != nil {
		return nil, fmt.Errorf("open the wallet folder: %w", err)
	}
	entries, err := cfg.FS.List(cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("open the wallet folder: %w", err)
	}
	if err := v.readHead(slices.Contains(entries, vaultFile)); err != nil {
		return nil, err
	}
	v.load(v.sortEntries(entries), entries)
	return v, nil
}

// sortEntries removes what unfinished writes left and returns the files of
// secrets in the folder.
func (v *Vault) sortEntries(entries []string) []secretsFile {
	var files []secretsFile
	for _, name := range v.settle(entries) {
		if strings.HasSuffix(name, tempSuffix) {
			// Never acknowledged: a write is only after the rename.
			if err := v.cfg.FS.Wipe(v.path(name)); err != nil {
				v.problems = append(v.problems, fmt.Errorf("remove what is left of an unfinished write: %w", err))
			}
			continue
		}
		file, ok, err := parseSecretsName(name)
		if err != nil {
			v.problems = append(v.problems, fmt.Errorf("%s: %w", v.path(name), err))
		} else if ok {
			file.disk = v.unfinished[name]
			files = append(files, file)
		}
	}
	return files
}

// readHead reads the folder's own file. Only a foreign one is fatal: without
// it the wallets can still be read, but none can be made.
func (v *Vault) readHead(exists bool) error {
	if !exists {
		v.lost = true
		return nil
	}
	name := v.path(vaultFile)
	var head vaultHead
	var file *sealedFile
	data, err := readAll(v.cfg.FS, name, maxFile)
	if err == nil {
		file, err = decodeFile(whatVault, data, &head)
	}
	if err == nil && head.KDF != nil {
		err = damaged(head.KDF.check())
	}
	if err == nil && (head.Next < 1 || head.Next > MaxWallets+1) {
		err = fmt.Errorf("%w: the next number is %d", ErrDamaged, head.Next)
	}
	switch {
	case errors.Is(err, ErrNewer):
		return fmt.Errorf("%s: %w", name, err)
	case err != nil:
		v.lost = true
		v.fault = fmt.Errorf("%s: %w; the wallets beside it can be used, but none made: move it away and start lode again, and it is made anew from them", name, err)
		v.problems = append(v.problems, v.fault)
		return nil
	case head.Network != v.network:
		return fmt.Errorf("%s: %w", name, ErrNetwork)
	}
	v.next, v.kdf, v.generation = head.Next, head.KDF, head.Generation
	switch {
	case head.KDF == nil:
	case file.cipher == bodySealed: // format 1
		v.check = &passCheck{sealed: file.body, aad: file.aad, old: true}
	default:
		sealed, err := hex.DecodeString(head.Check)
		if err == nil && len(sealed) > 0 {
			v.check = &passCheck{sealed: sealed, aad: v.checkAAD(*head.KDF)}
		}
	}
	return nil
}

// load reads the wallets, several files at once, and registers them in the order
// of their numbers.
func (v *Vault) load(files []secretsFile, entries []string) {
	present := make(map[string]bool, len(entries))
	for _, name := range entries {
		present[name] = true
	}
	found := make([][]loaded, len(files))
	parallel(v.cfg.Workers, len(files), func(i int) error {
		found[i] = v.read(files[i], present)
		return nil
	})
	all := slices.Concat(found...)
	slices.SortStableFunc(all, func(a, b loaded) int { return cmp.Compare(a.number, b.number) })
	for _, l := range all {
		v.next = max(v.next, l.number+1)
		if l.err == nil && v.wallet(l.number) != nil {
			l.err = fmt.Errorf("%s: wallet %d is in another file too, which is used", v.path(l.wallet.secrets.file), l.number)
		}
		switch {
		case l.err != nil:
			v.problems = append(v.problems, l.err)
		case !l.deleted:
			v.register(l.wallet)
		}
		if l.notice != nil {
			v.notices = append(v.notices, l.notice)
		}
	}
	for i, file := range files {
		v.clearDeleted(file, found[i], entries)
	}
}

// register adds a wallet that was read.
func (v *Vault) register(w *Wallet) {
	if v.lost && v.kdf == nil {
		v.kdf = w.header.Load().KDF
	}
	v.wallets = append(v.wallets, w)
	key := nameKey(w.Name())
	if other, ok := v.names[key]; ok {
		v.problems = append(v.problems, fmt.Errorf("wallets %d and %d have names that look the same, %q: use their numbers", other, w.number, w.Name()))
		return
	}
	v.names[key] = w.number
}

// checkHeader refuses what cannot be the header of a wallet of this file.
func (v *Vault) checkHeader(h *fileHeader, in secretsFile, cipher string) error {
	switch {
	case h.Network != v.network:
		return ErrNetwork
	case h.Number < in.first || h.Number > in.last:
		return fmt.Errorf("it is the file of wallet %d under the name of another: move it out of this folder, and lode wallet passphrase adopt FILE takes the wallet in under a free number", h.Number)
	case (h.WatchOnly || h.Deleted) != (cipher == bodyNone):
		return fmt.Errorf("%w: its cipher is not the one stated", ErrDamaged)
	case (h.KDF != nil) != (cipher == bodySealed):
		return fmt.Errorf("%w: its cipher is not the one stated", ErrDamaged)
	case h.KDF != nil:
		return damaged(h.KDF.check())
	}
	return nil
}

// Problems returns what could not be read when the vault was opened: each
// names a file.
func (v *Vault) Problems() []error { return slices.Clone(v.problems) }

// Notices returns what was found damaged and mended when the vault was opened.
func (v *Vault) Notices() []error { return slices.Clone(v.notices) }

// Wallets returns all wallets by number.
func (v *Vault) Wallets() []*Wallet {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return slices.Clone(v.wallets)
}

// First returns the first wallet that is not archived, the first of all when all
// are, nil when there is none. It makes no list of them.
func (v *Vault) First() *Wallet {
	v.mu.RLock()
	defer v.mu.RUnlock()
	for _, w := range v.wallets {
		if !w.Archived() {
			return w
		}
	}
	if len(v.wallets) == 0 {
		return nil
	}
	return v.wallets[0]
}

// Len returns how many wallets there are.
func (v *Vault) Len() int {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return len(v.wallets)
}

// Wallet returns the wallet of a number, or nil.
func (v *Vault) Wallet(number int) *Wallet {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.wallet(number)
}

func (v *Vault) wallet(number int) *Wallet {
	i, ok := slices.BinarySearchFunc(v.wallets, number, func(w *Wallet, n int) int { return w.number - n })
	if !ok {
		return nil
	}
	return v.wallets[i]
}

// ByName returns the wallets of a name, in any case: one at most, unless files
// were copied into the folder by hand.
func (v *Vault) ByName(name string) []*Wallet {
	v.mu.RLock()
	defer v.mu.RUnlock()
	number, ok := v.names[nameKey(name)]
	if !ok {
		return nil
	}
	var found []*Wallet
	if w := v.wallet(number); w != nil && sameName(w.Name(), name) {
		found = append(found, w)
	}
	if len(v.names) < len(v.wallets) {
		for _, w := range v.wallets {
			if w.number != number && sameName(w.Name(), name) {
				found = append(found, w)
			}
		}
	}
	return found
}

// Next returns the number that the next wallet gets.
func (v *Vault) Next() int {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.next
}

func (v *Vault) path(name string) string { return filepath.Join(v.cfg.Dir, name) }

func (v *Vault) journalPath(number int) string { return v.path(journalName(number)) }

func journalName(number int) string { return "wallet-" + strconv.Itoa(number) + ".journal" }

// named puts the file's name before an error, unless the system did already.
func named(name string, err error) error {
	var p *os.PathError
	if errors.As(err, &p) || strings.HasPrefix(err.Error(), name) {
		return err
	}
	return fmt.Errorf("%s: %w", name, err)
}

func damaged(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %v", ErrDamaged, err)
}

// parallel calls do for 0…n-1 from several goroutines, which have ended when
// it returns, and returns the error of the lowest index that failed. After a
// failure no more are begun.
func parallel(workers, n int, do func(int) error) error {
	var (
		mu    sync.Mutex
		at    int
		low   = n
		first error
		wg    sync.WaitGroup
	)
	for range min(workers, n) {
		wg.Go(func() {
			for {
				mu.Lock()
				i := at
				at++
				stop := first != nil
				mu.Unlock()
				if i >= n || stop {
					return
				}
				if err := do(i); err != nil {
					mu.Lock()
					if i < low {
						low, first = i, err
					}
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	return first
}
