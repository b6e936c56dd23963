package node

import (
	"context"
	"fmt"
	"slices"

	"github.com/lode-chain/lode/internal/kv"
	"github.com/lode-chain/lode/internal/vault"
	"github.com/lode-chain/lode/keys"
	"github.com/lode-chain/lode/rpc"
)

const (
	// firstAccounts is how many accounts of each type the first pass over the
	// chain looks for; each further pass looks for as many again as all before
	// (policy). maxAccounts ends the search (policy).
	firstAccounts = 2
	maxAccounts   = 10_000
)

// candidate is an account that the words have, as one of a scan's wallets.
type candidate struct {
	new   vault.New
	used  bool
	scan  *coinScan // nil for a single key, which was not searched for
	place int       // in the scan
}

// restoring is one call of restore.
type restoring struct {
	w        *wallets
	request  rpc.RestoreWords
	key      *vault.Key // opens secrets; nil takes the one held
	gap      uint32
	seed     []byte
	words    string // normalised
	progress func(done, total int64)
	scans    []*coinScan
	searched int64 // blocks of the scans that have ended
}

func (r *restoring) secret() *vault.Secret {
	return &vault.Secret{Mnemonic: []byte(r.words), BIP39Passphrase: []byte(r.request.BIP39Passphrase)}
}

// startRestore is restore as a job. What can be refused at once is.
func (w *wallets) startRestore(_ context.Context, request rpc.RestoreWords) (rpc.Job, error) {
	if err := w.checkRestore(request); err != nil {
		return rpc.Job{}, err
	}
	return w.host.jobs.start("restore", "blocks", false, func(ctx context.Context, j *job) (any, error) {
		return w.restore(ctx, request, j.progress)
	})
}

// checkRestore refuses what no search is needed for.
func (w *wallets) checkRestore(request rpc.RestoreWords) error {
	if _, err := w.words(request.Mnemonic); err != nil {
		return err
	}
	if _, err := checkGap(request.Gap); err != nil {
		return err
	}
	if _, err := typeOf(request.Type); err != nil {
		return err
	}
	if err := w.checkNewName(request.Name); err != nil {
		return err
	}
	_, done, err := w.keyFor(request.Passphrase)
	if err == nil {
		done()
	}
	return err
}

// restore makes the wallets of a mnemonic that have ever been paid, or its first
// account when none was. Nothing is made before the search has ended; one that was
// interrupted goes on when the same words come again.
func (w *wallets) restore(ctx context.Context, request rpc.RestoreWords, progress func(done, total int64)) (rpc.Restored, error) {
	if err := w.checkRestore(request); err != nil {
		return rpc.Restored{}, err
	}
	key, done, err := w.keyFor(request.Passphrase)
	if err != nil {
		return rpc.Restored{}, err
	}
	defer done()
	r := &restoring{w: w, request: request, key: key, progress: progress}
	if r.words, err = w.words(request.Mnemonic); err != nil {
		return rpc.Restored{}, err
	}
	if r.gap, err = checkGap(request.Gap); err != nil {
		return rpc.Restored{}, err
	}
	r.seed = keys.Seed(r.words, request.BIP39Passphrase)
	defer clear(r.seed)
	var found []candidate
	var already []*vault.Wallet
	if request.Path != "" {
		found, already, err = r.path()
	} else {
		found, already, err = r.accounts(ctx)
	}
	defer func() {
		for i := range found {
			found[i].new.Secret.Wipe()
		}
	}()
	if err != nil {
		return rpc.Restored{}, err
	}
	for i := range found {
		if len(found) == 1 {
			found[i].new.Header.Name = request.Name
		} else {
			found[i].new.Stem = request.Name
		}
	}
	made, meanwhile, err := r.create(ctx, found, key)
	if err != nil {
		return rpc.Restored{}, err
	}
	reply, err := w.restored(ctx, made, append(already, meanwhile...))
	if request.Path == "" {
		reply.Gap = int(r.gap)
	}
	return reply, err
}

// create stores the wallets that were found, but for those that have come in
// meanwhile, and gives them the rows that the search has found.
func (r *restoring) create(ctx context.Context, found []candidate, key *vault.Key) (made, already []*vault.Wallet, err error) {
	news := make([]vault.New, len(found))
	for i := range found {
		news[i] = found[i].new
	}
	made, already, err = r.w.createUnknown(news, key)
	if err != nil || len(made) == 0 {
		return nil, already, err
	}
	// They exist now: what fails from here on is made good at the next start.
	if err := r.w.expect(made, func(file *vault.Wallet) dueScan { return dueScan{From: birthOf(file), Gap: r.gap} }); err != nil {
		return nil, nil, err
	}
	if r.request.Path != "" {
		if _, err := r.w.scanFiles(ctx, made, r.progress); err != nil {
			return nil, nil, fmt.Errorf("the wallet is here, the search for its coins goes on when lode starts again, or with a rescan: %w", err)
		}
	}
	ctx = context.WithoutCancel(ctx)
	for _, s := range r.scans {
		var files []*vault.Wallet
		var places []int
		for _, c := range found {
			at := slices.IndexFunc(made, func(file *vault.Wallet) bool {
				return file.Header().Account == c.new.Header.Account && file.Header().Type == c.new.Header.Type
			})
			if c.scan == s && at >= 0 {
				files, places = append(files, made[at]), append(places, c.place)
			}
		}
		if len(files) == 0 {
			continue
		}
		part := s.only(places)
		part.due = r.w.scans.of(files)
		if err := r.w.adopt(ctx, part, files); err != nil {
			return nil, nil, err
		}
	}
	r.forget()
	r.w.tellMade(made)
	return made, already, nil
}

// forget drops what the searches have saved.
func (r *restoring) forget() {
	var b kv.Batch
	for _, s := range r.scans {
		s.forget(&b)
	}
	if err := r.w.host.store.Apply(&b, false); err != nil {
		r.w.host.log.Warn("what a search has saved stays", "err", err)
	}
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

// path takes one key of the words, such as the master key that the path "m" stands
// for.
func (r *restoring) path() ([]candidate, []*vault.Wallet, error) {
	t, err := typeOf(r.request.Type)
	if err != nil {
		return nil, nil, err
	}
	path, err := keys.ParsePath(r.request.Path)
	if err != nil {
		return nil, nil, rpc.CodeInvalidParameter.New(err.Error())
	}
	key, err := keys.DerivePath(r.seed, r.request.Path)
	if err != nil {
		return nil, nil, rpc.CodeInvalidParameter.New(err.Error())
	}
	defer key.Zero()
	n := r.w.keyWallet(key, t, vault.SourceWords, path.String(), r.secret())
	if file := r.w.knownKeys(r.key).find(n.Header, n.Secret); file != nil {
		return nil, []*vault.Wallet{file}, nil
	}
	return []candidate{{new: n, used: true}}, nil, nil
}

// accounts goes through the accounts of each type until one is neither used nor
// here.
func (r *restoring) accounts(ctx context.Context) (found []candidate, already []*vault.Wallet, err error) {
	types := keys.Types()
	if r.request.Type != "" {
		t, err := typeOf(r.request.Type)
		if err != nil {
			return nil, nil, err
		}
		types = []keys.Type{t}
	}
	known := r.w.knownKeys(r.key)
	open := slices.Clone(types) // types whose accounts were all used so far
	results := make(map[keys.Type][]candidate)
	for first, n := 0, firstAccounts; len(open) > 0 && first < maxAccounts; first, n = first+n, first+n {
		if err := r.tryAccounts(ctx, open, first, n, results); err != nil {
			return nil, nil, err
		}
		open = slices.DeleteFunc(open, func(t keys.Type) bool {
			return slices.ContainsFunc(results[t], func(c candidate) bool { return !c.used && known.find(c.new.Header, nil) == nil })
		})
	}
	for _, t := range types {
		for _, c := range results[t] {
			if file := known.find(c.new.Header, nil); file != nil {
				already = append(already, file)
			} else if c.used {
				found = append(found, c)
			} else {
				break
			}
		}
	}
	if len(found) == 0 && len(already) == 0 {
		t, err := typeOf(r.request.Type)
		if err != nil {
			return nil, nil, err
		}
		found = append(found, results[t][0]) // words that were never paid
	}
	return found, already, nil
}

// tryAccounts derives accounts first…first+n-1 of each type and looks which of
// them the chain or the mempool has ever paid.
func (r *restoring) tryAccounts(ctx context.Context, types []keys.Type, first, n int, results map[keys.Type][]candidate) error {
	news := make([]vault.New, len(types)*n)
	_, err := r.w.host.exec.Run(len(news), func(i int) error {
		account, master, err := accountOf(r.seed, types[i/n], r.w.host.params.CoinType, uint32(first+i%n))
		if err == nil {
			news[i], err = r.w.accountWallet(account, master, r.secret())
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
	s, err := r.w.newScan(heads, nil, 0, r.gap)
	if err != nil {
		return err
	}
	s.progress = func(done, total int64) { r.progress(r.searched+done, r.searched+total) }
	if err := s.resume(); err != nil {
		return err
	}
	// The mempool comes first: a payment that is confirmed in between is seen twice
	// rather than not at all.
	if err := r.w.host.pool.CatchUp(ctx); err != nil {
		return err
	}
	waiting := r.w.host.pool.Snapshot()
	if err := s.run(ctx); err != nil {
		return err
	}
	if err := s.store(); err != nil {
		return err
	}
	r.searched += s.told
	r.scans = append(r.scans, s)
	paid := make(map[int]bool)
	for _, e := range waiting.Entries {
		for _, out := range e.Tx.TxOut {
			for _, hit := range s.owners[string(out.PkScript)] {
				paid[s.chains[hit.chain].wallet] = true
			}
		}
	}
	for i := range news {
		t := types[i/n]
		results[t] = append(results[t], candidate{new: news[i], used: s.usedBy(i) || paid[i], scan: s, place: i})
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
				gapParam,
			},
			Example: `'{"mnemonic":"…"}'`,
			Handler: own(func(ctx context.Context, w *wallets, r rpc.RestoreWords) (any, error) {
				return w.restore(ctx, r, func(int64, int64) {})
			}, h),
		}, {
			Name: "lode_startrestore", Summary: "Starts a job that does what lode_restorewords does, with progress.",
			Params:  []rpc.Param{{Name: "mnemonic", Type: rpc.String, Help: "The words; and all else that lode_restorewords takes"}},
			Example: `'{"mnemonic":"…"}'`,
			Handler: own(func(ctx context.Context, w *wallets, r rpc.RestoreWords) (any, error) { return w.startRestore(ctx, r) }, h),
		},
	} {
		registerOwn(s, m)
	}
	h.registerRescan(s)
}
