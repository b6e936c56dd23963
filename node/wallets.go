package node

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/lode-chain/lode/chain"
	"github.com/lode-chain/lode/internal/kv"
	"github.com/lode-chain/lode/internal/vault"
	"github.com/lode-chain/lode/keys"
	"github.com/lode-chain/lode/wallet"
)

const (
	walletDir = "wallets"

	// lookAheadBatch is how many wallets get the scripts beyond their first at
	// a time while nobody waits (policy).
	lookAheadBatch = 32
	// rescanMargin is how many blocks before a wallet's birth are searched too:
	// that block may have left the chain (policy).
	rescanMargin = 144
)

// wallets owns the wallet files and what blocks make of them.
//
// mu guards book and every write of the wallets' rows. sending holds a lock for
// each wallet that is held from the choice of coins until the mempool has the
// transaction; it is taken before mu, never after.
type wallets struct {
	host  *Host
	vault *vault.Vault

	mu      sync.Mutex
	book    *wallet.Book
	behind  map[uint32]bool // look-ahead scripts are still to be derived
	derived map[uint32]wallet.Source

	// making is held from asking whether keys are here until their files are, so
	// that nobody adds the same twice. It is taken before all other locks.
	making sync.Mutex

	sending sync.Map      // wallet number → *sync.Mutex
	wake    chan struct{} // holds a token when behind has grown

	// lockMu guards the timer that locks the wallets again, and when it does.
	lockMu    sync.Mutex
	lockTimer *time.Timer
	until     int64 // Unix seconds
}

// newWallets opens the wallet files and brings the rows of the database in
// step with them. It starts nothing, so no lock is held here.
func newWallets(h *Host) (*wallets, error) {
	v, err := vault.Open(vault.Config{Dir: filepath.Join(h.dir, walletDir), Network: h.params.Fingerprint(), Rand: h.rand})
	if err != nil {
		return nil, err
	}
	for _, problem := range v.Problems() {
		h.log.Error("a wallet cannot be used", "err", problem)
	}
	w := &wallets{host: h, vault: v, behind: make(map[uint32]bool), wake: make(chan struct{}, 1)}
	w.book = wallet.NewBook(w.source)
	if err := w.reconcile(); err != nil {
		return nil, err
	}
	return w, nil
}

// reconcile gives rows to the wallets that have none, because a crash came
// between their files and their rows, because their files were copied in, or
// because the rows are damaged or of other wallets: then all are made anew.
func (w *wallets) reconcile() error {
	at, err := wallet.ReadPosition(w.host.store)
	var incomplete []uint32
	if err == nil {
		incomplete, err = w.book.Incomplete(w.host.store, w.issued)
	}
	stale := false
	if err == nil && at != (wallet.Position{}) {
		if stale = w.host.chain.ByHash(at.Hash) == nil; !stale {
			stale, err = w.strangers()
		}
	}
	if errors.Is(err, wallet.ErrDamaged) || stale {
		w.host.log.Warn("the wallets' part of the database is made anew from the blocks")
		b := new(kv.Batch)
		b.DeleteRange([]byte{kv.SpaceWallet}, []byte{kv.SpaceWallet + 1})
		if err := w.host.store.Apply(b, true); err != nil {
			return err
		}
		w.book.Forget()
		at, incomplete, err = wallet.Position{}, nil, nil
	}
	if err != nil {
		return err
	}
	var missing []*vault.Wallet
	for _, file := range w.vault.Wallets() {
		if !w.book.Has(uint32(file.Number())) {
			missing = append(missing, file)
		}
	}
	for _, number := range incomplete {
		w.behind[number] = true
	}
	if at == (wallet.Position{}) {
		return w.add(missing)
	}
	return w.rescan(context.Background(), missing)
}

// strangers says whether rows belong to other wallets than the files of the same
// numbers, or have numbers that are still to be given out: the folder of the
// files was replaced or emptied.
func (w *wallets) strangers() (bool, error) {
	if w.book.Highest() >= uint32(w.vault.Next()) {
		return true, nil
	}
	for _, file := range w.vault.Wallets() {
		number := uint32(file.Number())
		if !w.book.Has(number) {
			continue
		}
		a, err := addedOf(file.Header(), number)
		if err != nil {
			return false, err
		}
		owners, err := w.book.Owners(w.host.store, a.First)
		if err != nil {
			return false, err
		}
		if !slices.ContainsFunc(owners, func(o wallet.Owner) bool { return o.Wallet == number }) {
			return true, nil
		}
	}
	return false, nil
}

// Run derives look-ahead scripts and follows the chain until ctx ends.
func (w *wallets) Run(ctx context.Context) error {
	for {
		changed := w.host.chain.Changed()
		if err := w.CatchUp(ctx); err != nil {
			return ignoreEnd(ctx, err)
		}
		more := true
		for more {
			if ctx.Err() != nil {
				return nil
			}
			w.mu.Lock()
			err := w.lookAhead(lookAheadBatch)
			more = len(w.behind) > 0
			w.mu.Unlock()
			if err != nil {
				return err
			}
		}
		select {
		case <-changed:
		case <-w.wake:
		case <-ctx.Done():
			return nil
		}
	}
}

// ignoreEnd returns no error for work that was ended.
func ignoreEnd(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// CatchUp follows the chain to the tip of when it was called, at least.
func (w *wallets) CatchUp(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.catchUp(ctx, w.host.chain.Tip())
}

// catchUp follows to a tip or past it. The caller holds mu.
func (w *wallets) catchUp(ctx context.Context, goal *chain.Entry) error {
	for {
		at, err := wallet.ReadPosition(w.host.store)
		if err != nil {
			return err
		}
		if w.host.chain.Reached(at.Hash, goal) {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		steps, err := w.host.chain.Steps(at.Hash, 0)
		if err != nil || len(steps) == 0 {
			return err
		}
		// Nobody can have been paid to a script that is not watched yet.
		if err := w.lookAhead(len(w.behind)); err != nil {
			return err
		}
		b, err := w.book.Follow(w.host.store, steps)
		if err != nil {
			return fmt.Errorf("wallets: %w", err)
		}
		// Unsynced: the rows can be made anew, and the position is among them.
		if err := w.apply(b, false); err != nil {
			return err
		}
	}
}

// apply stores a batch of the book. The caller holds mu.
func (w *wallets) apply(b *kv.Batch, sync bool) error {
	if b == nil {
		return nil
	}
	if err := w.host.store.Apply(b, sync); err != nil {
		w.book.Forget()
		return fmt.Errorf("store the wallets' coins: %w", err)
	}
	return nil
}

// add gives rows to wallets that nobody can have paid to. The caller holds mu.
func (w *wallets) add(files []*vault.Wallet) error {
	if len(files) == 0 {
		return nil
	}
	at, err := wallet.ReadPosition(w.host.store)
	if err != nil {
		return err
	}
	added := make([]wallet.Added, len(files))
	for i, file := range files {
		if added[i], err = addedOf(file.Header(), uint32(file.Number())); err != nil {
			return err
		}
	}
	b, err := w.book.Add(w.host.store, at, added)
	if err == nil {
		err = w.apply(b, false)
	}
	if err != nil {
		return err
	}
	for _, file := range files {
		w.behind[uint32(file.Number())] = true
	}
	w.wakeUp()
	return nil
}

// addedOf describes a wallet to the book.
func addedOf(head vault.Header, number uint32) (wallet.Added, error) {
	script, err := hex.DecodeString(head.Script)
	if err != nil || len(script) == 0 {
		return wallet.Added{}, fmt.Errorf("wallet %d: its file holds no script", head.Number)
	}
	a := wallet.Added{Wallet: number, Chains: 1, First: script}
	if head.Account != "" {
		a.Ranged, a.Chains = true, 2
	}
	return a, nil
}

func (w *wallets) wakeUp() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// issued is how many scripts of a chain a wallet has given out.
func (w *wallets) issued(number, chain uint32) uint32 {
	if file := w.vault.Wallet(int(number)); file != nil {
		return file.Issued()[chain]
	}
	return 0
}

// source returns the scripts of a wallet, nil when its file cannot be read.
func (w *wallets) source(number uint32) (wallet.Source, error) {
	if s, ok := w.derived[number]; ok {
		return s, nil
	}
	file := w.vault.Wallet(int(number))
	if file == nil {
		return nil, nil
	}
	return w.sourceOf(file.Header())
}

func (w *wallets) sourceOf(head vault.Header) (wallet.Source, error) {
	if head.Account == "" {
		script, err := hex.DecodeString(head.Script)
		return wallet.Single(script), err
	}
	account, err := keys.ParseAccount(head.Account, keys.Type(head.Type), w.host.params)
	if err != nil {
		return nil, fmt.Errorf("wallet %d: %w", head.Number, err)
	}
	return wallet.Account(account), nil
}

// lookAhead stores the scripts that up to n wallets lack. They are derived on
// all cores. The caller holds mu.
func (w *wallets) lookAhead(n int) error {
	if n == 0 || len(w.behind) == 0 {
		return nil
	}
	var numbers []uint32
	for number := range w.behind { // in any order: they do not depend on each other
		if numbers = append(numbers, number); len(numbers) == n {
			break
		}
	}
	sources := make([]wallet.Source, len(numbers))
	_, err := w.host.exec.Run(len(numbers), func(i int) error {
		s, err := w.source(numbers[i])
		if err == nil && s != nil {
			sources[i], err = derive(s, func(chain uint32) uint32 { return w.issued(numbers[i], chain) })
		}
		return err
	})
	if err != nil {
		return err
	}
	w.derived = make(map[uint32]wallet.Source, len(numbers))
	for i, s := range sources {
		if s != nil {
			w.derived[numbers[i]] = s
		}
	}
	defer func() { w.derived = nil }()
	for _, number := range numbers {
		if w.vault.Wallet(int(number)) != nil {
			b, err := w.book.LookAhead(w.host.store, number, map[uint32]uint32{0: w.issued(number, 0), 1: w.issued(number, 1)})
			if err != nil {
				return err
			}
			if err := w.apply(b, false); err != nil {
				return err
			}
		}
		delete(w.behind, number)
	}
	return nil
}

// derivedSource is a source whose first scripts were derived beforehand.
type derivedSource struct {
	wallet.Source
	scripts [][][]byte // by chain and index
}

// derive derives the scripts that a new wallet watches.
func derive(s wallet.Source, issued func(chain uint32) uint32) (wallet.Source, error) {
	if !s.Ranged() {
		return s, nil
	}
	d := derivedSource{Source: s, scripts: make([][][]byte, s.Chains())}
	for chain := range d.scripts {
		for index := range max(1, issued(uint32(chain))) + wallet.Gap {
			script, err := s.Script(uint32(chain), index)
			if err != nil {
				return nil, err
			}
			d.scripts[chain] = append(d.scripts[chain], script)
		}
	}
	return d, nil
}

func (d derivedSource) Script(chain, index uint32) ([]byte, error) {
	if int(chain) < len(d.scripts) && int(index) < len(d.scripts[chain]) {
		return d.scripts[chain][index], nil
	}
	return d.Source.Script(chain, index)
}

// walletView is all wallets at one moment.
type walletView struct {
	*wallet.View
	snapshot kv.Snapshot
}

// Close lets go of the state of the store.
func (v *walletView) Close() { v.snapshot.Close() }

// view returns the wallets as blocks and mempool have them at the tip of when
// it was called, or a later one.
func (w *wallets) view(ctx context.Context) (*walletView, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := w.host.pool.CatchUp(ctx); err != nil {
			return nil, err
		}
		pool := w.host.pool.Snapshot()
		v, err := func() (*walletView, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			if err := w.catchUp(ctx, w.host.chain.Tip()); err != nil {
				return nil, err
			}
			snapshot := w.host.store.Snapshot()
			at, err := wallet.ReadPosition(snapshot)
			if err != nil || at.Hash != pool.Tip {
				snapshot.Close() // the tip has moved in between
				return nil, err
			}
			v, err := w.book.View(snapshot, pool, w.host.params.Maturity)
			if err != nil {
				snapshot.Close()
				return nil, err
			}
			return &walletView{v, snapshot}, nil
		}()
		if v != nil || err != nil {
			return v, err
		}
	}
}

// summary is what lode_status shows of the wallets.
func (w *wallets) summary() (count int, encrypted, locked bool) {
	return w.vault.Len(), w.vault.Encrypted(), w.vault.Locked()
}

// owner names the wallet that a script belongs to.
func (w *wallets) owner(script []byte) (name string, ok bool) {
	owners, err := wallet.OwnersOf(w.host.store, script)
	if err != nil {
		return "", false
	}
	for _, o := range owners {
		if file := w.vault.Wallet(int(o.Wallet)); file != nil {
			return file.Name(), true
		}
	}
	return "", false
}

// Close locks the wallets.
func (w *wallets) Close() error {
	w.lockMu.Lock()
	defer w.lockMu.Unlock()
	w.stopTimer()
	w.vault.Lock()
	return nil
}
