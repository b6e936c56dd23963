package node

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/lode-chain/lode/internal/kv"
	"github.com/lode-chain/lode/internal/vault"
	"github.com/lode-chain/lode/rpc"
	"github.com/lode-chain/lode/wallet"
)

const (
	// scanAtOnce bounds the work for which a start waits: blocks that the filter
	// index lacks, and a tenth of those whose filters are asked (policy).
	scanAtOnce = 2_000
	// rescanKind is the kind of jobs that look for coins.
	rescanKind = "rescan"
)

// errRescanning is Core's text.
var errRescanning = rpc.CodeWallet.New("Wallet is currently rescanning. Abort existing rescan or wait.")

// dueScan says that a wallet's coins are still to be looked for. It is in the store
// until they have been, so that no end of the host loses it.
type dueScan struct {
	From int32  `json:"from"`
	Gap  uint32 `json:"gap"`
	// Asked: somebody wants it again; cancelled, it is not made up for.
	Asked bool `json:"asked,omitempty"`
	// Turn tells what became due while a search ran from what that search covers.
	Turn int `json:"turn,omitempty"`
}

func dueKey(number int) []byte {
	return binary.BigEndian.AppendUint32(append([]byte(nil), duePrefix...), uint32(number))
}

// scans are the searches for coins that are due and those that run. mu guards it.
type scans struct {
	mu      sync.Mutex
	due     map[int]dueScan
	running map[int]*runningScan // by wallet
}

// runningScan is a search that runs. job is nil until its job has begun.
type runningScan struct {
	job   *job
	since time.Time
	ended chan struct{}
}

// done notes that what was due has been done, and adds to b what that changes in
// the store. What has become due since stays.
func (s *scans) done(was map[int]dueScan, b *kv.Batch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for number, d := range was {
		if s.due[number] == d {
			delete(s.due, number)
			b.Delete(dueKey(number))
		}
	}
}

// claim notes that wallets are searched, unless one of them is already.
func (s *scans) claim(files []*vault.Wallet, by *runningScan) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, file := range files {
		if s.running[file.Number()] != nil {
			return errRescanning
		}
	}
	if s.running == nil {
		s.running = make(map[int]*runningScan)
	}
	for _, file := range files {
		s.running[file.Number()] = by
	}
	return nil
}

// release undoes claim, once.
func (s *scans) release(files []*vault.Wallet, by *runningScan) {
	s.mu.Lock()
	defer s.mu.Unlock()
	held := false
	for _, file := range files {
		if s.running[file.Number()] == by {
			delete(s.running, file.Number())
			held = true
		}
	}
	if held {
		close(by.ended)
	}
}

// of returns what is due for wallets.
func (s *scans) of(files []*vault.Wallet) map[int]dueScan {
	s.mu.Lock()
	defer s.mu.Unlock()
	due := make(map[int]dueScan, len(files))
	for _, file := range files {
		if d, ok := s.due[file.Number()]; ok {
			due[file.Number()] = d
		}
	}
	return due
}

// scanning says whether a wallet's coins are still being looked for, so that its
// balance may lack some, and how far that is, from 0 to 1.
func (w *wallets) scanning(number int) (progress float64, since time.Time, ok bool) {
	w.scans.mu.Lock()
	defer w.scans.mu.Unlock()
	r := w.scans.running[number]
	switch {
	case r == nil:
		_, due := w.scans.due[number]
		return 0, w.host.started, due
	case r.job != nil && r.job.total.Load() > 0:
		progress = float64(r.job.done.Load()) / float64(r.job.total.Load())
	}
	return progress, r.since, true
}

// birthOf is where a search for a wallet's coins begins when nothing else is said.
func birthOf(file *vault.Wallet) int32 {
	head := file.Header()
	birth := head.Birth
	for i := range head.Descriptors {
		birth = min(birth, head.Descriptors[i].Birth)
	}
	return max(0, birth-rescanMargin)
}

// expect gives rows to wallets that have none, from the present block on, and notes
// that what came before is still to be looked for. They can be used meanwhile;
// their balances may lack coins.
func (w *wallets) expect(files []*vault.Wallet, due func(*vault.Wallet) dueScan) error {
	if len(files) == 0 {
		return nil
	}
	var b kv.Batch
	w.scans.mu.Lock()
	if w.scans.due == nil {
		w.scans.due = make(map[int]dueScan)
	}
	for _, file := range files {
		d := due(file)
		d.Turn = w.scans.due[file.Number()].Turn + 1
		value, err := json.Marshal(d)
		if err != nil {
			w.scans.mu.Unlock()
			return err
		}
		b.Put(dueKey(file.Number()), value)
		w.scans.due[file.Number()] = d
	}
	w.scans.mu.Unlock()
	// Before the rows: a wallet with rows and without this note is complete. Synced:
	// the caller is told that the search will be.
	if err := w.host.store.Apply(&b, true); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.add(slices.DeleteFunc(slices.Clone(files), func(f *vault.Wallet) bool { return w.book.Has(uint32(f.Number())) }))
}

// scanFiles looks for the coins of wallets for which that is due. It goes on where
// an earlier search was interrupted.
func (w *wallets) scanFiles(ctx context.Context, files []*vault.Wallet, progress func(done, total int64)) (*coinScan, error) {
	due := w.scans.of(files)
	files = slices.DeleteFunc(slices.Clone(files), func(f *vault.Wallet) bool { _, ok := due[f.Number()]; return !ok })
	if len(files) == 0 {
		return nil, nil
	}
	from, gap := int32(-1), uint32(1)
	var heads []vault.Header
	var issued []map[uint32]uint32
	for _, file := range files {
		d := due[file.Number()]
		if from < 0 || d.From < from {
			from = d.From
		}
		gap = max(gap, d.Gap)
		heads = append(heads, file.Header())
		known, err := w.usedOf(file)
		if err != nil {
			return nil, err
		}
		issued = append(issued, known)
	}
	s, err := w.newScan(heads, issued, from, gap)
	if err != nil {
		return nil, err
	}
	if progress != nil {
		s.progress = progress
	}
	s.due = due
	if err := s.resume(); err != nil {
		return nil, err
	}
	return s, w.adopt(ctx, s, files)
}

// usedOf returns, for each chain of a wallet, the first index that was neither
// given out nor used by blocks, as far as is known.
func (w *wallets) usedOf(file *vault.Wallet) (map[uint32]uint32, error) {
	known := make(map[uint32]uint32)
	maps.Copy(known, w.issuedOf(file))
	used, err := wallet.Used(w.host.store, uint32(file.Number()))
	for chain, n := range used {
		known[uint32(chain)] = max(known[uint32(chain)], n)
	}
	return known, err
}

// sinceBirth is what is due of wallets that were found from a height on, -1 for
// what their files say.
func sinceBirth(from int32) func(*vault.Wallet) dueScan {
	return func(file *vault.Wallet) dueScan {
		d := dueScan{From: from, Gap: wallet.Gap}
		if from < 0 {
			d.From = birthOf(file)
		}
		return d
	}
}

// startScan gives rows to wallets that may have been paid before now, or searches
// once more for the coins of wallets that have some, as a job; due tells what is
// to be searched for each.
func (w *wallets) startScan(files []*vault.Wallet, due func(*vault.Wallet) dueScan) (rpc.Job, error) {
	run := &runningScan{since: w.host.now(), ended: make(chan struct{})}
	if err := w.scans.claim(files, run); err != nil {
		return rpc.Job{}, err
	}
	err := w.expect(files, due)
	var started rpc.Job
	if err == nil {
		started, err = w.host.jobs.start(rescanKind, "blocks", false, func(ctx context.Context, j *job) (any, error) {
			w.scans.mu.Lock()
			run.job = j
			w.scans.mu.Unlock()
			defer w.scans.release(files, run)
			s, err := w.scanFiles(ctx, files, j.progress)
			if err != nil {
				return nil, errors.Join(err, w.giveUp(ctx, files))
			}
			w.scans.release(files, run) // they are not shown as being searched
			return w.rescanned(ctx, s, files)
		})
	}
	if err != nil {
		w.scans.release(files, run)
	}
	return started, err
}

// giveUp drops what is due of searches that were asked for and cancelled.
func (w *wallets) giveUp(ctx context.Context, files []*vault.Wallet) error {
	if ctx.Err() == nil || errors.Is(context.Cause(ctx), errHostEnds) {
		return nil
	}
	var b kv.Batch
	due := w.scans.of(files)
	maps.DeleteFunc(due, func(_ int, d dueScan) bool { return !d.Asked })
	w.scans.done(due, &b)
	return w.host.store.Apply(&b, false)
}

// rescanned is the result of a search.
func (w *wallets) rescanned(ctx context.Context, s *coinScan, files []*vault.Wallet) (rpc.Rescanned, error) {
	reply := rpc.Rescanned{Wallets: []rpc.Wallet{}}
	if s != nil {
		reply.From, reply.Height, reply.BlocksRead = s.from, s.tip.Height, s.read.Load()
	}
	if len(files) > maxRescanned {
		return reply, nil
	}
	v, err := w.view(ctx)
	if err != nil {
		return reply, err
	}
	defer v.Close()
	for _, file := range files {
		b, err := v.Balance(uint32(file.Number()))
		if err != nil {
			return reply, err
		}
		reply.Wallets = append(reply.Wallets, w.describe(file, b))
	}
	return reply, nil
}

// maxRescanned is how many wallets the result of a search lists (policy).
const maxRescanned = 100

// rescan searches for the coins of wallets that may have been paid before now, and
// returns when that is done. A search of theirs that runs is waited for first. If
// the caller goes away the search goes on, or is made up for at the next start.
func (w *wallets) rescan(ctx context.Context, files []*vault.Wallet) error {
	if err := w.expect(files, sinceBirth(-1)); err != nil {
		return err
	}
	for {
		due := w.scans.of(files)
		if len(due) == 0 {
			return nil // the search that was waited for had begun late enough
		}
		// What was done meanwhile is not searched again.
		files = slices.DeleteFunc(slices.Clone(files), func(file *vault.Wallet) bool { _, ok := due[file.Number()]; return !ok })
		started, err := w.startScan(files, func(file *vault.Wallet) dueScan { return due[file.Number()] })
		if err == nil {
			_, err = w.host.jobs.wait(ctx, started.ID)
			return err
		}
		if !errors.Is(err, errRescanning) {
			return err
		}
		if other := w.scans.runningOf(files); other != nil {
			if err := rpc.Park(ctx); err != nil {
				return err
			}
			select {
			case <-other.ended:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
}

// runningOf returns a search that one of these wallets is in, nil when there is
// none.
func (s *scans) runningOf(files []*vault.Wallet) *runningScan {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, file := range files {
		if r := s.running[file.Number()]; r != nil {
			return r
		}
	}
	return nil
}

// wait returns once a job has ended, with its error, and whether somebody has
// cancelled it.
func (j *jobs) wait(ctx context.Context, id string) (cancelled bool, err error) {
	found, err := j.find(id)
	if err != nil {
		return false, err
	}
	if err := rpc.Park(ctx); err != nil {
		return false, err
	}
	select {
	case <-found.ended:
		return found.cancelled.Load(), found.err
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

// reconcileScans gives rows to the wallets that have none when the host starts, and
// learns what is due. Where that is little it is done at once; else it is a job's,
// that begins when calls are answered.
func (w *wallets) reconcileScans(at wallet.Position, missing []*vault.Wallet) error {
	tip := w.host.chain.Tip()
	if err := w.loadDue(); err != nil {
		return err
	}
	if at == (wallet.Position{}) {
		if tip.Height == 0 || len(missing) == 0 {
			return w.add(missing)
		}
		// Nothing below is worth following block by block.
		if err := w.host.store.Apply(wallet.Jump(wallet.Position{Hash: tip.Hash, Height: tip.Height}), false); err != nil {
			return err
		}
		w.book.Forget()
	}
	due := w.scans.of(missing)
	err := w.expect(missing, func(file *vault.Wallet) dueScan {
		if d, ok := due[file.Number()]; ok && !d.Asked {
			return d
		}
		return dueScan{From: birthOf(file), Gap: wallet.Gap}
	})
	if err != nil {
		return err
	}
	files := w.dueFiles()
	if len(files) == 0 || w.scanCost(files) > scanAtOnce {
		return nil
	}
	_, err = w.scanFiles(context.Background(), files, nil)
	return err
}

// loadDue reads what is due, and forgets it for wallets that are gone.
func (w *wallets) loadDue() error {
	due := make(map[int]dueScan)
	var b kv.Batch
	err := w.host.store.Scan(duePrefix, kv.After(duePrefix), func(k, v []byte) error {
		var d dueScan
		number := 0
		if len(k) == len(duePrefix)+4 {
			number = int(binary.BigEndian.Uint32(k[len(duePrefix):]))
		}
		if w.vault.Wallet(number) == nil || json.Unmarshal(v, &d) != nil {
			b.Delete(k)
			return nil
		}
		due[number] = d
		return nil
	})
	if err != nil {
		return err
	}
	w.scans.mu.Lock()
	w.scans.due = due
	w.scans.mu.Unlock()
	return w.host.store.Apply(&b, false)
}

// dueFiles returns the wallets whose coins are still to be looked for.
func (w *wallets) dueFiles() []*vault.Wallet {
	w.scans.mu.Lock()
	defer w.scans.mu.Unlock()
	var files []*vault.Wallet
	for _, file := range w.vault.Wallets() {
		if _, ok := w.scans.due[file.Number()]; ok && w.scans.running[file.Number()] == nil {
			files = append(files, file)
		}
	}
	return files
}

// scanCost is how much work it is to look for the coins of wallets.
func (w *wallets) scanCost(files []*vault.Wallet) int32 {
	tip := w.host.chain.Tip().Height
	indexed, err := w.host.filters.Height()
	if err != nil {
		indexed = -1
	}
	from := tip
	for _, d := range w.scans.of(files) {
		from = min(from, d.From)
	}
	return tip - indexed + (tip-from)/10
}

// resumeScans begins the searches that are due when the host has started.
func (w *wallets) resumeScans() {
	files := w.dueFiles()
	if len(files) == 0 {
		return
	}
	due := w.scans.of(files)
	_, err := w.startScan(files, func(file *vault.Wallet) dueScan { return due[file.Number()] })
	if err != nil {
		w.host.log.Warn("the search for wallets' coins did not begin; the next start tries again", "err", err)
	}
}
