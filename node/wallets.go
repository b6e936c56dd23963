package node

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/lode-chain/lode/chain"
	"github.com/lode-chain/lode/internal/kv"
	"github.com/lode-chain/lode/internal/vault"
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
// transaction, or from the choice of an address until it is given out.
//
// The locks are taken in this order, and any may be left out: sending, of one
// wallet only; making; mu; then one of scans.mu and sent.mu. lockMu is taken with
// none of them. The locks of vault, chain, mempool and indexes come after all of
// these: none of those calls back. Of them only sending is held while a job is
// waited for, so no job takes it, and Run never waits for it.
type wallets struct {
	host  *Host
	vault *vault.Vault

	mu      sync.Mutex
	book    *wallet.Book
	behind  map[uint32]bool // look-ahead scripts are still to be derived
	derived map[uint32]wallet.Source

	parsed   sync.Map // *vault.Wallet → *parsedWallet
	unloaded sync.Map // numbers of wallets that Core's methods do not see

	scans scans // node/wallets_due.go
	sent  sends // node/wallets_sends.go
	plans plans // node/wallets_send_plan.go

	// making is held from asking whether keys are here until their files are, so
	// that nobody adds the same twice.
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
	v, err := vault.Open(vault.Config{Dir: filepath.Join(h.dir, walletDir), Network: h.params.Fingerprint(), Rand: h.rand, KDF: h.config.WalletKDF})
	if err != nil {
		return nil, err
	}
	for _, problem := range v.Problems() {
		h.log.Error("a wallet cannot be used", "err", problem)
	}
	for _, notice := range v.Notices() {
		h.log.Warn("a wallet's file was damaged", "what", notice)
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
	return w.reconcileScans(at, missing)
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
		first, err := w.firstScript(file)
		if err != nil {
			return false, err
		}
		if first == nil {
			continue // it has no descriptors yet
		}
		owners, err := w.book.Owners(w.host.store, first)
		if err != nil {
			return false, err
		}
		if !slices.ContainsFunc(owners, func(o wallet.Owner) bool { return o.Wallet == number }) {
			return true, nil
		}
	}
	return false, nil
}

// Run derives look-ahead scripts, follows the chain and looks after payments that
// no block has, until ctx ends.
func (w *wallets) Run(ctx context.Context) error {
	var sent resends
	for {
		changed := w.host.chain.Changed()
		if err := w.CatchUp(ctx); err != nil {
			return ignoreEnd(ctx, err)
		}
		if err := w.prepare(ctx); err != nil {
			return ignoreEnd(ctx, err)
		}
		if err := w.resend(ctx, &sent); err != nil {
			return ignoreEnd(ctx, err)
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
	goal := w.host.chain.Tip()
	if err := w.prepareFor(ctx, goal); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.catchUp(ctx, goal)
}

// prepareFor derives what wallets lack before a block is followed, so that mu is
// not held for it.
func (w *wallets) prepareFor(ctx context.Context, goal *chain.Entry) error {
	at, err := wallet.ReadPosition(w.host.store)
	if err != nil || w.host.chain.Reached(at.Hash, goal) {
		return err
	}
	return w.prepare(ctx)
}

// prepare stores the scripts that wallets lack, a few wallets at a time. mu is
// held only while they are stored.
func (w *wallets) prepare(ctx context.Context) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		w.mu.Lock()
		numbers := w.someBehind(lookAheadBatch)
		w.mu.Unlock()
		if len(numbers) == 0 {
			return nil
		}
		derived, err := w.deriveFor(numbers)
		if err != nil {
			return err
		}
		w.mu.Lock()
		err = w.storeAhead(numbers, derived)
		w.mu.Unlock()
		if err != nil {
			return err
		}
	}
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
		if err := w.lookAhead(); err != nil {
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
		if added[i], err = addedOf(file.Header(), uint32(file.Number()), w.host.params); err != nil {
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

func (w *wallets) wakeUp() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// issued is the first index of a chain that a wallet has not given out.
func (w *wallets) issued(number, chain uint32) uint32 {
	if file := w.vault.Wallet(int(number)); file != nil {
		return w.issuedOf(file)[chain]
	}
	return 0
}

// issuedOf returns, for each chain of a wallet, the first index that was not
// given out: here, or before its descriptor was imported.
func (w *wallets) issuedOf(file *vault.Wallet) map[uint32]uint32 {
	issued := file.Issued()
	head := file.Header()
	if len(head.Descriptors) == 0 {
		return issued
	}
	if issued == nil {
		issued = make(map[uint32]uint32)
	}
	own := ownChains(head)
	for i := range head.Descriptors {
		chain := uint32(own + i)
		issued[chain] = max(issued[chain], head.Descriptors[i].Next)
	}
	return issued
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

// lookAhead stores the scripts that wallets lack. The caller holds mu; see
// prepare.
func (w *wallets) lookAhead() error {
	numbers := w.someBehind(len(w.behind))
	if len(numbers) == 0 {
		return nil
	}
	derived, err := w.deriveFor(numbers)
	if err != nil {
		return err
	}
	return w.storeAhead(numbers, derived)
}

// someBehind returns up to n wallets that lack scripts. The caller holds mu.
func (w *wallets) someBehind(n int) []uint32 {
	var numbers []uint32
	for number := range w.behind { // in any order: they do not depend on each other
		if len(numbers) == n {
			break
		}
		numbers = append(numbers, number)
	}
	return numbers
}

// deriveFor derives the scripts that wallets watch, on all cores.
func (w *wallets) deriveFor(numbers []uint32) (map[uint32]wallet.Source, error) {
	sources := make([]wallet.Source, len(numbers))
	_, err := w.host.exec.Run(len(numbers), func(i int) error {
		file := w.vault.Wallet(int(numbers[i]))
		if file == nil {
			return nil
		}
		head := file.Header()
		a, err := addedOf(head, numbers[i], w.host.params)
		if err != nil {
			return err
		}
		s, err := w.sourceOf(head)
		if err == nil {
			sources[i], err = derive(s, a.Chains, func(chain uint32) uint32 { return w.issued(numbers[i], chain) })
		}
		return err
	})
	derived := make(map[uint32]wallet.Source, len(numbers))
	for i, s := range sources {
		if s != nil {
			derived[numbers[i]] = s
		}
	}
	return derived, err
}

// storeAhead stores the scripts of wallets that were derived. The caller holds mu.
func (w *wallets) storeAhead(numbers []uint32, derived map[uint32]wallet.Source) error {
	w.derived = derived
	defer func() { w.derived = nil }()
	for _, number := range numbers {
		if file := w.vault.Wallet(int(number)); file != nil && w.book.Has(number) {
			b, err := w.book.LookAhead(w.host.store, number, w.issuedOf(file))
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
	start   []uint32
	scripts [][][][]byte // by chain and index from start on
}

// derive derives the scripts that a new wallet watches.
func derive(s wallet.Source, chains []wallet.Chain, issued func(chain uint32) uint32) (wallet.Source, error) {
	d := derivedSource{Source: s, start: make([]uint32, len(chains)), scripts: make([][][][]byte, len(chains))}
	for i, c := range chains {
		chain, end := uint32(i), uint32(1)
		if c.Ranged {
			d.start[i] = c.Start
			end = max(max(c.Start+1, issued(chain))+wallet.Gap, c.End)
		}
		for index := d.start[i]; index < end; index++ {
			scripts, err := s.Scripts(chain, index)
			if err != nil {
				return nil, err
			}
			d.scripts[i] = append(d.scripts[i], scripts)
		}
	}
	return d, nil
}

func (d derivedSource) Scripts(chain, index uint32) ([][]byte, error) {
	if int(chain) < len(d.scripts) && index >= d.start[chain] && index-d.start[chain] < uint32(len(d.scripts[chain])) {
		return d.scripts[chain][index-d.start[chain]], nil
	}
	return d.Source.Scripts(chain, index)
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
		if err := w.prepareFor(ctx, w.host.chain.Tip()); err != nil {
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
			v.Reserve((&keeper{wallets: w, ctx: ctx, judged: make(map[keptPayment]bool)}).keptFor)
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
