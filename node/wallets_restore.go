package node

import (
	"context"
	"fmt"
	"slices"

	"github.com/lode-chain/lode/chain"
	"github.com/lode-chain/lode/internal/kv"
	"github.com/lode-chain/lode/internal/vault"
	"github.com/lode-chain/lode/keys"
	"github.com/lode-chain/lode/rpc"
	"github.com/lode-chain/lode/wallet"
)

const (
	// firstAccounts is how many accounts of each type the first pass over the
	// chain looks for; each further pass looks for as many again as all before
	// (policy). maxAccounts ends the search (policy).
	firstAccounts = 6
	maxAccounts   = 10_000

	// scanAhead is how many scripts are watched from the start when few wallets
	// are searched, so that one pass is enough for most (policy).
	scanAhead        = 50
	scanAheadWallets = 64
)

// search is a search of the chain for the coins of wallets: a book of its own in
// memory, which follows the chain as the real one does, so that reorganisations
// on the way are no special case. Its memory is bounded by what is found.
type search struct {
	host    *Host
	heads   []vault.Header // wallet i+1 of the book
	sources []wallet.Source
	issued  []map[uint32]uint32
	store   kv.Store
	book    *wallet.Book
}

// newSearch prepares a search from the block at a height on.
func (w *wallets) newSearch(heads []vault.Header, issued []map[uint32]uint32, from int32) (*search, error) {
	s := &search{host: w.host, heads: heads, issued: issued, sources: make([]wallet.Source, len(heads))}
	if s.issued == nil {
		s.issued = make([]map[uint32]uint32, len(heads))
	}
	_, err := w.host.exec.Run(len(heads), func(i int) error {
		a, err := addedOf(heads[i], 1, w.host.params)
		if err != nil {
			return err
		}
		source, err := w.sourceOf(heads[i])
		if err == nil {
			s.sources[i], err = derive(source, a.Chains, func(chain uint32) uint32 { return s.issued[i][chain] })
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return s, s.restart(from)
}

// restart empties the book and stands it at a height.
func (s *search) restart(from int32) error {
	s.store = kv.NewMemory()
	s.book = wallet.NewBook(func(id uint32) (wallet.Source, error) { return s.sources[id-1], nil })
	var at wallet.Position
	if e := s.host.chain.ByHeight(min(from, s.host.chain.Tip().Height)); e != nil && from > 0 {
		at = wallet.Position{Hash: e.Hash, Height: e.Height}
	}
	var added []wallet.Added
	for i, head := range s.heads {
		a, err := addedOf(head, uint32(i+1), s.host.params)
		if err != nil {
			return err
		}
		added = append(added, a)
	}
	b, err := s.book.Add(s.store, at, added)
	if err == nil {
		err = s.store.Apply(b, false)
	}
	for i := 0; i < len(s.heads) && err == nil; i++ {
		if b, err = s.book.LookAhead(s.store, uint32(i+1), s.issued[i]); err == nil && b != nil {
			err = s.store.Apply(b, false)
		}
	}
	return err
}

// follow goes to a tip or past it.
func (s *search) follow(ctx context.Context, goal *chain.Entry) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		at, err := wallet.ReadPosition(s.store)
		if err != nil {
			return err
		}
		if s.host.chain.Reached(at.Hash, goal) {
			return nil
		}
		steps, err := s.host.chain.Steps(at.Hash, 0)
		if err != nil || len(steps) == 0 {
			return err
		}
		b, err := s.book.Follow(s.store, steps)
		if err == nil {
			err = s.store.Apply(b, false)
		}
		if err != nil {
			return fmt.Errorf("search the chain: %w", err)
		}
	}
}

// run searches from a height to the tip. Where scripts were used so far on that
// more had to be watched, an earlier block may have paid to those: then all is
// searched once more with these from the start.
func (s *search) run(ctx context.Context, from int32) error {
	for {
		if err := s.follow(ctx, s.host.chain.Tip()); err != nil {
			return err
		}
		again := false
		for i := range s.heads {
			used, err := wallet.Used(s.store, uint32(i+1))
			if err != nil {
				return err
			}
			if s.heads[i].Account == "" {
				continue
			}
			for chain, n := range used {
				if n > max(s.issued[i][uint32(chain)], uint32(1-chain)) {
					if s.issued[i] == nil {
						s.issued[i] = make(map[uint32]uint32)
					}
					s.issued[i][uint32(chain)] = n
					again = true
				}
			}
		}
		if !again {
			return nil
		}
		if err := s.restart(from); err != nil {
			return err
		}
	}
}

// rescan gives rows to wallets that may have been paid before now. The search
// goes on while others use the wallets; only its end takes mu.
func (w *wallets) rescan(ctx context.Context, files []*vault.Wallet) error {
	if len(files) == 0 {
		return nil
	}
	from := int32(-1)
	var heads []vault.Header
	var issued []map[uint32]uint32
	for _, file := range files {
		heads = append(heads, file.Header())
		i := file.Issued()
		if len(files) <= scanAheadWallets {
			i = map[uint32]uint32{0: max(i[0], scanAhead), 1: max(i[1], scanAhead)}
		}
		issued = append(issued, i)
		if birth := max(0, file.Header().Birth-rescanMargin); from < 0 || birth < from {
			from = birth
		}
	}
	s, err := w.newSearch(heads, issued, from)
	if err != nil {
		return err
	}
	if err := s.run(ctx, from); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.adopt(ctx, s, files)
}

// adopt moves what a search has found into the real book. The caller holds mu.
func (w *wallets) adopt(ctx context.Context, s *search, files []*vault.Wallet) error {
	for {
		goal := w.host.chain.Tip()
		if err := w.catchUp(ctx, goal); err != nil {
			return err
		}
		if err := s.follow(ctx, goal); err != nil {
			return err
		}
		here, err := wallet.ReadPosition(w.host.store)
		if err != nil {
			return err
		}
		there, err := wallet.ReadPosition(s.store)
		if err != nil {
			return err
		}
		if here == there {
			break
		}
	}
	renumber := make(map[uint32]uint32, len(files))
	for i, file := range files {
		renumber[uint32(i+1)] = uint32(file.Number())
	}
	b, err := wallet.CopyRows(s.store, w.host.store, renumber)
	if err != nil {
		return err
	}
	w.book.Forget()
	return w.apply(b, false)
}

// restoreCandidate is an account that the words have.
type restoreCandidate struct {
	new  vault.New
	used bool
}

// restore makes the wallets of a mnemonic that have ever been paid, or its
// first account when none was.
func (w *wallets) restore(ctx context.Context, r rpc.RestoreWords) (rpc.Restored, error) {
	normal, err := w.words(r.Mnemonic)
	if err != nil {
		return rpc.Restored{}, err
	}
	if err := w.checkNewName(r.Name); err != nil {
		return rpc.Restored{}, err
	}
	key, done, err := w.keyFor(r.Passphrase)
	if err != nil {
		return rpc.Restored{}, err
	}
	defer done()
	seed := keys.Seed(normal, r.BIP39Passphrase)
	defer clear(seed)
	secret := func() *vault.Secret {
		return &vault.Secret{Mnemonic: []byte(normal), BIP39Passphrase: []byte(r.BIP39Passphrase)}
	}
	var found []vault.New
	var already []*vault.Wallet
	if r.Path != "" {
		found, already, err = w.restorePath(r, seed, secret())
	} else {
		found, already, err = w.searchAccounts(ctx, r, seed, secret)
	}
	if err != nil {
		return rpc.Restored{}, err
	}
	defer func() {
		for i := range found {
			found[i].Secret.Wipe()
		}
	}()
	for i := range found {
		if len(found) == 1 {
			found[i].Header.Name = r.Name
		} else {
			found[i].Stem = r.Name
		}
	}
	made, meanwhile, err := w.create(ctx, found, key)
	if err != nil {
		return rpc.Restored{}, err
	}
	return w.restored(ctx, made, append(already, meanwhile...))
}

func (w *wallets) restored(ctx context.Context, made, already []*vault.Wallet) (rpc.Restored, error) {
	reply := rpc.Restored{Wallets: []rpc.Wallet{}, Already: []rpc.Wallet{}}
	v, err := w.view(ctx)
	if err != nil {
		return reply, err
	}
	defer v.Close()
	for _, file := range slices.Concat(made, already) {
		b, err := v.Balance(uint32(file.Number()))
		if err != nil {
			return reply, err
		}
		if row := w.describe(file, b); slices.Contains(made, file) {
			reply.Wallets = append(reply.Wallets, row)
		} else {
			reply.Already = append(reply.Already, row)
		}
	}
	return reply, nil
}

// restorePath takes one key of the words, such as the master key that the path
// "m" stands for.
func (w *wallets) restorePath(r rpc.RestoreWords, seed []byte, secret *vault.Secret) ([]vault.New, []*vault.Wallet, error) {
	t, err := typeOf(r.Type)
	if err != nil {
		return nil, nil, err
	}
	path, err := keys.ParsePath(r.Path)
	if err != nil {
		return nil, nil, rpc.CodeInvalidParameter.New(err.Error())
	}
	key, err := keys.DerivePath(seed, r.Path)
	if err != nil {
		return nil, nil, rpc.CodeInvalidParameter.New(err.Error())
	}
	defer key.Zero()
	n := w.keyWallet(key, t, vault.SourceWords, path.String(), secret)
	if file := w.knownKeys().find(n.Header); file != nil {
		return nil, []*vault.Wallet{file}, nil
	}
	return []vault.New{n}, nil, nil
}

// searchAccounts goes through the accounts of each type until one is neither
// used nor here.
func (w *wallets) searchAccounts(ctx context.Context, r rpc.RestoreWords, seed []byte, secret func() *vault.Secret) (found []vault.New, already []*vault.Wallet, err error) {
	types := keys.Types()
	if r.Type != "" {
		t, err := typeOf(r.Type)
		if err != nil {
			return nil, nil, err
		}
		types = []keys.Type{t}
	}
	known := w.knownKeys()
	open := slices.Clone(types) // types whose accounts were all used so far
	results := make(map[keys.Type][]restoreCandidate)
	for first, n := 0, firstAccounts; len(open) > 0 && first < maxAccounts; first, n = first+n, first+n {
		if err := w.tryAccounts(ctx, seed, open, first, n, secret, results); err != nil {
			return nil, nil, err
		}
		open = slices.DeleteFunc(open, func(t keys.Type) bool {
			return slices.ContainsFunc(results[t], func(c restoreCandidate) bool { return !c.used && known.find(c.new.Header) == nil })
		})
	}
	for _, t := range types {
		for _, c := range results[t] {
			if file := known.find(c.new.Header); file != nil {
				already = append(already, file)
			} else if c.used {
				found = append(found, c.new)
			} else {
				break
			}
		}
	}
	if len(found) == 0 && len(already) == 0 {
		t, err := typeOf(r.Type)
		if err != nil {
			return nil, nil, err
		}
		found = append(found, results[t][0].new) // words that were never paid
	}
	return found, already, nil
}

// tryAccounts derives accounts first…first+n-1 of each type and looks which of
// them the chain or the mempool has ever paid.
func (w *wallets) tryAccounts(ctx context.Context, seed []byte, types []keys.Type, first, n int, secret func() *vault.Secret, results map[keys.Type][]restoreCandidate) error {
	news := make([]vault.New, len(types)*n)
	_, err := w.host.exec.Run(len(news), func(i int) error {
		account, master, err := accountOf(seed, types[i/n], w.host.params.CoinType, uint32(first+i%n))
		if err == nil {
			news[i], err = w.accountWallet(account, master, secret())
		}
		return err
	})
	if err != nil {
		return err
	}
	heads := make([]vault.Header, len(news))
	for i := range news {
		heads[i] = news[i].Header
	}
	s, err := w.newSearch(heads, nil, 0)
	if err != nil {
		return err
	}
	// The mempool comes first: a payment that is confirmed in between is seen twice
	// rather than not at all.
	waiting := w.host.pool.Snapshot()
	if err := s.follow(ctx, w.host.chain.Tip()); err != nil {
		return err
	}
	view, err := s.book.View(s.store, waiting, w.host.params.Maturity)
	if err != nil {
		return err
	}
	for i := range news {
		used, err := view.Used(uint32(i + 1))
		if err != nil {
			return err
		}
		t := types[i/n]
		results[t] = append(results[t], restoreCandidate{news[i], used})
	}
	return nil
}

// registerRestore adds the methods that bring wallets back.
func (h *Host) registerRestore(s *rpc.Server) {
	for _, m := range []rpc.Method{
		{
			Name:    "lode_restorewords",
			Summary: "Finds the accounts of a mnemonic that were ever paid and makes wallets of them; of words that were never paid, the first account.",
			Params: []rpc.Param{
				{Name: "mnemonic", Type: rpc.String, Help: "The words"},
				{Name: "bip39_passphrase", Type: rpc.String, Optional: true, Help: "The words' own passphrase"},
				nameParam,
				{Name: "path", Type: rpc.String, Optional: true, Help: "Take the one key at this path instead, e.g. m"},
				typeParam,
				passphraseParam,
			},
			Example: `'{"mnemonic":"…"}'`,
			Handler: own(func(ctx context.Context, w *wallets, r rpc.RestoreWords) (any, error) { return w.restore(ctx, r) }, h),
		},
	} {
		registerOwn(s, m)
	}
}
