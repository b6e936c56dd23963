package index

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/lode-chain/lode/chain"
	"github.com/lode-chain/lode/internal/kv"
)

// The filter index's keys: filterPositionKey holds the hash and the height of the
// last block seen, filterPrefix and a height (four bytes, big-endian) the mark of
// the best chain's block there and its filter. headerPrefix and a height that
// headerEvery divides hold the filter's header: the others are reckoned from it,
// as they would take far more room than most filters do.
var (
	filterPositionKey = []byte{kv.SpaceFilters, 'p'}
	filterPrefix      = []byte{kv.SpaceFilters, 'f'}
	headerPrefix      = []byte{kv.SpaceFilters, 'h'}
)

const (
	headerEvery = 256
	markSize    = 8 // of a block's hash: the first bytes, which no work was spent on
)

// ErrDamaged says that a row of the filter index is not what it wrote. It is built
// anew when it next follows the chain from there.
var ErrDamaged = errors.New("filter index: damaged")

// Filter is the basic filter of a block (BIP158) that the best chain had at a
// height when the index last saw it.
type Filter struct {
	Height int32
	Bytes  []byte
	mark   [markSize]byte
}

// Of says whether the filter is that of the block with a hash.
func (f *Filter) Of(hash chainhash.Hash) bool { return f.mark == [markSize]byte(hash[:markSize]) }

// Filters is the index of the basic filters of the best chain's blocks. Its tail
// is the only writer; it may be used from any goroutine.
type Filters struct {
	store kv.Store
	chain *chain.Manager
	tail  *chain.Tail

	mu    sync.Mutex
	moved chan struct{} // closed when the index next goes on
}

// OpenFilters returns the index that is kept in store. It follows the chain when
// it is run or asked to catch up; filters are built on exec.
func OpenFilters(store kv.Store, m *chain.Manager, exec chain.Executor) *Filters {
	f := &Filters{store: store, chain: m, moved: make(chan struct{})}
	f.tail = chain.NewTail(m, filterFollower{f, exec})
	return f
}

// CatchUp follows the chain to its tip of now. An index that is damaged, or of
// another chain, is built anew.
func (f *Filters) CatchUp(ctx context.Context) error {
	err := f.tail.CatchUp(ctx)
	if !errors.Is(err, ErrDamaged) && !errors.Is(err, chain.ErrUnknownPosition) {
		return err
	}
	var b kv.Batch
	b.DeleteRange([]byte{kv.SpaceFilters}, []byte{kv.SpaceFilters + 1})
	if err := f.store.Apply(&b, false); err != nil {
		return fmt.Errorf("filter index: %w", err)
	}
	return f.tail.CatchUp(ctx)
}

// Run follows the chain until ctx ends, and then returns nil.
func (f *Filters) Run(ctx context.Context) error {
	for {
		changed := f.chain.Changed()
		if err := f.CatchUp(ctx); ctx.Err() != nil {
			return nil
		} else if err != nil {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil
		}
	}
}

// Height returns that of the last block seen, -1 before the first.
func (f *Filters) Height() (int32, error) {
	_, height, err := f.position()
	return height, err
}

// Moved returns a channel that is closed when the index next goes on.
func (f *Filters) Moved() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.moved
}

// At returns the filter at a height; false when the index has not come so far.
func (f *Filters) At(height int32) (Filter, bool, error) { return filterAt(f.store, height) }

func filterAt(r kv.Reader, height int32) (Filter, bool, error) {
	k := heightKey(filterPrefix, height)
	value, err := r.Get(k)
	switch {
	case errors.Is(err, kv.ErrNotFound):
		return Filter{}, false, nil
	case err != nil:
		return Filter{}, false, fmt.Errorf("filter index: %w", err)
	}
	filter, err := decodeFilter(k, value)
	return filter, err == nil, err
}

// Scan calls fn for the filters from one height to another, both included, as
// far as the index has come. The bytes are valid only during the call.
func (f *Filters) Scan(from, to int32, fn func(Filter) error) error {
	return scanFilters(f.store, from, to, fn)
}

func scanFilters(r kv.Reader, from, to int32, fn func(Filter) error) error {
	if from > to {
		return nil
	}
	return r.Scan(heightKey(filterPrefix, from), heightKey(filterPrefix, to+1), func(k, value []byte) error {
		filter, err := decodeFilter(k, value)
		if err != nil {
			return err
		}
		return fn(filter)
	})
}

// Find returns the filter of a block that the chain knows, and its header
// (BIP157): that of the best chain from the index, that of another branch from the
// block itself and the last filter in the index below it.
func (f *Filters) Find(ctx context.Context, e *chain.Entry) (filter []byte, header chainhash.Hash, err error) {
	if at, ok, err := f.At(e.Height); err != nil || !ok || !at.Of(e.Hash) {
		if err == nil && f.chain.InBest(e) {
			err = f.CatchUp(ctx)
		}
		if err != nil {
			return nil, chainhash.Hash{}, err
		}
	}
	snapshot := f.store.Snapshot()
	defer snapshot.Close()
	var branch []*chain.Entry // from e down to where the index knows the chain
	for ; e != nil; e = e.Parent() {
		at, ok, err := filterAt(snapshot, e.Height)
		if err != nil {
			return nil, chainhash.Hash{}, err
		}
		if ok && at.Of(e.Hash) {
			filter = at.Bytes
			if header, err = headerAt(snapshot, e.Height); err != nil {
				return nil, chainhash.Hash{}, err
			}
			break
		}
		branch = append(branch, e)
	}
	for _, e := range slices.Backward(branch) {
		if err := ctx.Err(); err != nil {
			return nil, chainhash.Hash{}, err
		}
		if filter, err = f.build(e); err != nil {
			return nil, chainhash.Hash{}, err
		}
		header = FilterHeader(filter, header)
	}
	return filter, header, nil
}

// headerAt returns the header of the filter at a height, which must be there: it
// is reckoned from the last one that is stored.
func headerAt(r kv.Reader, height int32) (chainhash.Hash, error) {
	next := height - height%headerEvery
	value, err := r.Get(heightKey(headerPrefix, next))
	if err != nil || len(value) != chainhash.HashSize {
		return chainhash.Hash{}, fmt.Errorf("%w: header at height %d: %w", ErrDamaged, next, err)
	}
	header := chainhash.Hash(value)
	err = scanFilters(r, next+1, height, func(f Filter) error {
		if next++; f.Height != next {
			return fmt.Errorf("%w: no filter at height %d", ErrDamaged, next)
		}
		header = FilterHeader(f.Bytes, header)
		return nil
	})
	if err == nil && next != height {
		err = fmt.Errorf("%w: no filter at height %d", ErrDamaged, height)
	}
	return header, err
}

// build makes the filter of a block that was connected at some time.
func (f *Filters) build(e *chain.Entry) ([]byte, error) {
	b, err := f.chain.Block(e.Hash)
	if err != nil {
		return nil, err
	}
	undo, err := f.chain.Undo(e.Hash)
	if err != nil {
		return nil, err
	}
	return BasicFilter(b, e.Hash, undo), nil
}

func (f *Filters) position() (chainhash.Hash, int32, error) {
	value, err := f.store.Get(filterPositionKey)
	switch {
	case errors.Is(err, kv.ErrNotFound):
		return chainhash.Hash{}, -1, nil
	case err != nil:
		return chainhash.Hash{}, 0, fmt.Errorf("filter index: %w", err)
	case len(value) != chainhash.HashSize+4:
		return chainhash.Hash{}, 0, fmt.Errorf("%w: position of %d bytes", ErrDamaged, len(value))
	}
	return chainhash.Hash(value[4:]), int32(binary.BigEndian.Uint32(value)), nil
}

func heightKey(prefix []byte, height int32) []byte {
	return binary.BigEndian.AppendUint32(append(make([]byte, 0, 6), prefix...), uint32(height))
}

func decodeFilter(k, value []byte) (Filter, error) {
	if len(k) != 6 || len(value) <= markSize {
		return Filter{}, fmt.Errorf("%w: row %x of %d bytes", ErrDamaged, k, len(value))
	}
	return Filter{
		Height: int32(binary.BigEndian.Uint32(k[2:])), Bytes: value[markSize:], mark: [markSize]byte(value),
	}, nil
}

// filterFollower writes the filter index.
type filterFollower struct {
	*Filters
	exec chain.Executor
}

// Position returns the last block seen, the zero hash before the first.
func (f filterFollower) Position() (chainhash.Hash, error) {
	hash, _, err := f.position()
	return hash, err
}

// Follow writes the filters of the blocks that came over those of the blocks that
// went, in one batch. It need not be synced: what is lost is built again.
func (f filterFollower) Follow(steps []chain.Step) error {
	filters := make([][]byte, len(steps))
	if len(steps) == 0 {
		return nil
	}
	_, err := f.exec.Run(len(steps), func(i int) error {
		if s := &steps[i]; s.Connect {
			filters[i] = BasicFilter(s.Block, s.Entry.Hash, s.Undo)
		}
		return nil
	})
	if err != nil {
		return err
	}
	var b kv.Batch
	var below chainhash.Hash
	var value []byte
	known := false // below is the header of the filter before the next
	last := steps[len(steps)-1].Entry
	for i, s := range steps {
		height := s.Entry.Height
		if !s.Connect {
			b.Delete(heightKey(filterPrefix, height))
			continue
		}
		if !known && height > 0 {
			if below, err = f.headerOf(s.Entry.Parent()); err != nil {
				return err
			}
		}
		below, known = FilterHeader(filters[i], below), true
		value = append(append(value[:0], s.Entry.Hash[:markSize]...), filters[i]...)
		b.Put(heightKey(filterPrefix, height), value)
		if height%headerEvery == 0 {
			b.Put(heightKey(headerPrefix, height), below[:])
		}
	}
	if !steps[len(steps)-1].Connect {
		last = last.Parent()
	}
	b.Put(filterPositionKey, append(binary.BigEndian.AppendUint32(nil, uint32(last.Height)), last.Hash[:]...))
	if err := f.store.Apply(&b, false); err != nil {
		return fmt.Errorf("filter index: %w", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	close(f.moved)
	f.moved = make(chan struct{})
	return nil
}

// headerOf returns the header of the filter of a block that must be in the index.
func (f filterFollower) headerOf(e *chain.Entry) (chainhash.Hash, error) {
	at, ok, err := f.At(e.Height)
	if err == nil && (!ok || !at.Of(e.Hash)) {
		err = fmt.Errorf("%w: no filter of block %s", ErrDamaged, e.Hash)
	}
	if err != nil {
		return chainhash.Hash{}, err
	}
	return headerAt(f.store, e.Height)
}
