package index

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/lode-chain/lode/chain"
	"github.com/lode-chain/lode/internal/kv"
)

// The filter index's keys: filterPositionKey holds the hash and the height of the
// last block seen, filterPrefix and a height (four bytes, big-endian) the hash of
// the best chain's block there, its filter's header and its filter.
var (
	filterPositionKey = []byte{kv.SpaceFilters, 'p'}
	filterPrefix      = []byte{kv.SpaceFilters, 'f'}
)

// ErrDamaged says that a row of the filter index is not what it wrote. It is built
// anew when it next follows the chain from there.
var ErrDamaged = errors.New("filter index: damaged")

// Filter is the basic filter of a block (BIP158) and its header (BIP157).
type Filter struct {
	Height int32
	Block  chainhash.Hash
	Header chainhash.Hash
	Bytes  []byte
}

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

// At returns the filter of the block that the best chain had at a height when
// the index last saw it; false when it has not come so far.
func (f *Filters) At(height int32) (Filter, bool, error) {
	value, err := f.store.Get(filterKeyAt(height))
	switch {
	case errors.Is(err, kv.ErrNotFound):
		return Filter{}, false, nil
	case err != nil:
		return Filter{}, false, fmt.Errorf("filter index: %w", err)
	}
	filter, err := decodeFilter(filterKeyAt(height), value)
	return filter, err == nil, err
}

// Scan calls fn for the filters from one height to another, both included, as
// far as the index has come. The bytes are valid only during the call.
func (f *Filters) Scan(from, to int32, fn func(Filter) error) error {
	if from > to {
		return nil
	}
	return f.store.Scan(filterKeyAt(from), filterKeyAt(to+1), func(k, value []byte) error {
		filter, err := decodeFilter(k, value)
		if err != nil {
			return err
		}
		return fn(filter)
	})
}

// Find returns the filter of a block that the chain knows: that of the best chain
// from the index, that of another branch from the block itself and the last
// filter in the index below it.
func (f *Filters) Find(ctx context.Context, e *chain.Entry) (Filter, error) {
	filter, ok, err := f.At(e.Height)
	if err != nil || ok && filter.Block == e.Hash {
		return filter, err
	}
	if f.chain.InBest(e) {
		if err := f.CatchUp(ctx); err != nil {
			return Filter{}, err
		}
	}
	var branch []*chain.Entry // from e down to where the index knows the chain
	var below chainhash.Hash
	for ; e != nil; e = e.Parent() {
		if filter, ok, err = f.At(e.Height); err != nil {
			return Filter{}, err
		}
		if ok && filter.Block == e.Hash {
			below = filter.Header
			break
		}
		branch = append(branch, e)
	}
	for i := len(branch) - 1; i >= 0; i-- {
		if err := ctx.Err(); err != nil {
			return Filter{}, err
		}
		if filter, err = f.build(branch[i], below); err != nil {
			return Filter{}, err
		}
		below = filter.Header
	}
	return filter, nil
}

// headerOf returns the header of the filter of a block that must be in the index.
func (f *Filters) headerOf(e *chain.Entry) (chainhash.Hash, error) {
	filter, ok, err := f.At(e.Height)
	if err == nil && (!ok || filter.Block != e.Hash) {
		err = fmt.Errorf("%w: no filter of block %s", ErrDamaged, e.Hash)
	}
	return filter.Header, err
}

// build makes the filter of a block that was connected at some time.
func (f *Filters) build(e *chain.Entry, below chainhash.Hash) (Filter, error) {
	b, err := f.chain.Block(e.Hash)
	if err != nil {
		return Filter{}, err
	}
	undo, err := f.chain.Undo(e.Hash)
	if err != nil {
		return Filter{}, err
	}
	raw := BasicFilter(b, e.Hash, undo)
	return Filter{Height: e.Height, Block: e.Hash, Header: FilterHeader(raw, below), Bytes: raw}, nil
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

func filterKeyAt(height int32) []byte {
	return binary.BigEndian.AppendUint32(append(make([]byte, 0, 6), filterPrefix...), uint32(height))
}

func decodeFilter(k, value []byte) (Filter, error) {
	if len(k) != 6 || len(value) <= 2*chainhash.HashSize {
		return Filter{}, fmt.Errorf("%w: row %x of %d bytes", ErrDamaged, k, len(value))
	}
	return Filter{
		Height: int32(binary.BigEndian.Uint32(k[2:])),
		Block:  chainhash.Hash(value[:32]),
		Header: chainhash.Hash(value[32:64]),
		Bytes:  value[64:],
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
	known := false // below is the header of the filter before the next
	last := steps[len(steps)-1].Entry
	for i, s := range steps {
		if !s.Connect {
			b.Delete(filterKeyAt(s.Entry.Height))
			continue
		}
		if !known && s.Entry.Height > 0 {
			if below, err = f.headerOf(s.Entry.Parent()); err != nil {
				return err
			}
		}
		below, known = FilterHeader(filters[i], below), true
		value := make([]byte, 0, 2*chainhash.HashSize+len(filters[i]))
		value = append(append(append(value, s.Entry.Hash[:]...), below[:]...), filters[i]...)
		b.Put(filterKeyAt(s.Entry.Height), value)
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
