package node

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/lode-chain/lode/chain"
	"github.com/lode-chain/lode/internal/kv"
	"github.com/lode-chain/lode/internal/vault"
	"github.com/lode-chain/lode/wallet"
)

// scanTries is how often a scan goes after a tip that moves before it takes the
// wallets' lock and follows the last blocks there (policy).
const scanTries = 8

// scanSource is the source of a wallet's scripts, of which many were derived.
type scanSource struct {
	wallet.Source
	chains []*scanned
}

func (s scanSource) Scripts(number, n uint32) ([][]byte, error) {
	if c := s.chains[number]; n >= c.Start && n < c.derived {
		return c.scripts[n-c.Start], nil
	}
	return s.Source.Scripts(number, n)
}

// scanBook is what a scan has found, as rows of a book of its own, in memory, whose
// size is that of what was found.
type scanBook struct {
	book  *wallet.Book
	store kv.Store
}

func (b *scanBook) apply(batch *kv.Batch, err error) error {
	if err != nil || batch == nil {
		return err
	}
	return b.store.Apply(batch, false)
}

// rows goes through the blocks that were found, with all scripts known.
func (s *coinScan) rows(ctx context.Context) (*scanBook, error) {
	b := &scanBook{store: kv.NewMemory()}
	b.book = wallet.NewBook(func(id uint32) (wallet.Source, error) {
		return scanSource{s.sources[id-1], s.chainsOf(int(id - 1))}, nil
	})
	if err := b.apply(b.book.Add(b.store, wallet.Position{}, s.added)); err != nil {
		return nil, err
	}
	for i := range s.added {
		issued := make(map[uint32]uint32)
		for _, c := range s.chainsOf(i) {
			issued[c.number] = max(c.used, c.issued)
		}
		if err := b.apply(b.book.LookAhead(b.store, uint32(i+1), issued)); err != nil {
			return nil, err
		}
	}
	var blocks []*chain.Entry
	for _, height := range slices.Sorted(maps.Keys(s.found)) {
		blocks = append(blocks, s.tip.Ancestor(height))
	}
	for _, run := range inRuns(blocks) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		err := s.walk(run, func(steps []chain.Step) error {
			below := steps[0].Entry.Parent()
			if err := b.apply(wallet.Jump(wallet.Position{Hash: below.Hash, Height: below.Height}), nil); err != nil {
				return err
			}
			return b.apply(b.book.Follow(b.store, steps))
		})
		if err != nil {
			return nil, err
		}
	}
	return b, b.apply(wallet.Jump(wallet.Position{Hash: s.tip.Hash, Height: s.tip.Height}), nil)
}

// chainsOf returns the chains of one wallet, by their numbers.
func (s *coinScan) chainsOf(wallet int) []*scanned {
	first := slices.IndexFunc(s.chains, func(c *scanned) bool { return c.wallet == wallet })
	if first < 0 {
		return nil
	}
	return s.chains[first : first+len(s.added[wallet].Chains)]
}

// follow goes on to the tip without looking back.
func (b *scanBook) follow(ctx context.Context, h *Host, goal *chain.Entry) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		at, err := wallet.ReadPosition(b.store)
		if err != nil || h.chain.Reached(at.Hash, goal) {
			return err
		}
		steps, err := h.chain.Steps(at.Hash, 0)
		if err != nil || len(steps) == 0 {
			return err
		}
		if err := b.apply(b.book.Follow(b.store, steps)); err != nil {
			return fmt.Errorf("search the chain: %w", err)
		}
	}
}

// only leaves some of a scan's wallets, in the order given.
func (s *coinScan) only(keep []int) *coinScan {
	part := &coinScan{
		host: s.host, from: s.from, gap: s.gap, tip: s.tip, progress: s.progress, told: s.told,
		owners: make(map[string][]scanHit), found: maps.Clone(s.found),
	}
	all := layer{upTo: s.tip.Height}
	for i, old := range keep {
		added := s.added[old]
		added.Wallet = uint32(i + 1)
		part.added = append(part.added, added)
		part.sources = append(part.sources, s.sources[old])
		for _, c := range s.chainsOf(old) {
			c := *c
			c.wallet = i
			number := len(part.chains)
			part.chains = append(part.chains, &c)
			all.spans = append(all.spans, span{number, c.Start, c.derived})
			for n, scripts := range c.scripts {
				for _, script := range scripts {
					part.owners[string(script)] = append(part.owners[string(script)], scanHit{number, c.Start + uint32(n)})
					all.scripts = append(all.scripts, script)
				}
			}
		}
	}
	part.layers = []layer{all}
	return part
}

// adopt ends a scan: it goes to the tip and moves what was found into the wallets'
// rows. Only the last step takes mu. files are the wallets of the scan, by their
// order there.
func (w *wallets) adopt(ctx context.Context, s *coinScan, files []*vault.Wallet) error {
	for try := range scanTries {
		if err := s.run(ctx); err != nil {
			return err
		}
		book, err := s.rows(ctx)
		if errors.Is(err, errChainMoved) && try+1 < scanTries {
			continue
		}
		if err != nil {
			return err
		}
		if err := w.CatchUp(ctx); err != nil { // so that little is left to do under mu
			return err
		}
		done, err := w.moveRows(ctx, s, book, files, try+1 == scanTries)
		if done || err != nil {
			return err
		}
	}
	return nil
}

// moveRows moves what a scan has found into the real book, if both stand at the
// tip. With force the scan's book follows the last blocks first.
func (w *wallets) moveRows(ctx context.Context, s *coinScan, from *scanBook, files []*vault.Wallet, force bool) (done bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for {
		goal := w.host.chain.Tip()
		if err := w.catchUp(ctx, goal); err != nil {
			return false, err
		}
		if force {
			if err := from.follow(ctx, w.host, goal); err != nil {
				return false, err
			}
		}
		here, err := wallet.ReadPosition(w.host.store)
		if err != nil {
			return false, err
		}
		there, err := wallet.ReadPosition(from.store)
		if err != nil {
			return false, err
		}
		if here == there {
			break
		}
		if !force {
			return false, nil
		}
	}
	renumber := make(map[uint32]uint32, len(files))
	for i, file := range files {
		if w.vault.Wallet(file.Number()) == file { // it was not deleted meanwhile
			renumber[uint32(i+1)] = uint32(file.Number())
		}
	}
	b, err := wallet.CopyRows(from.store, w.host.store, renumber)
	if err != nil {
		return false, err
	}
	w.scans.done(s.due, b)
	s.forget(b)
	w.book.Forget()
	if err := w.apply(b, false); err != nil {
		return false, err
	}
	for _, file := range files {
		w.behind[uint32(file.Number())] = true // addresses may have been given out meanwhile
	}
	w.wakeUp()
	return true, nil
}
