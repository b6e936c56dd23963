package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/lode-chain/lode/chain"
	"github.com/lode-chain/lode/internal/newfile"
	"github.com/lode-chain/lode/internal/platform"
	"github.com/lode-chain/lode/network"
)

const (
	leftOverAge  = time.Minute // after which an unfinished file is nobody's
	bytesPerTx   = 67          // of a line, for each transaction id
	bytesPerLine = 200         // of a line, for all else
)

// bounds of one file (policy).
type bounds struct {
	// oneByOne new blocks, and fewer, become the files that they would have
	// become one after the other; more of them become one file.
	oneByOne int32
	// blocks and bytes bound a file; more blocks become several.
	blocks int32
	bytes  int
}

var defaultBounds = bounds{oneByOne: 100, blocks: 50_000, bytes: 64 << 20}

// Config is what a Keeper works with.
type Config struct {
	Params   *network.Params
	Chain    Source
	Software string           // goes into the files, e.g. "lode 0.1.0"
	Now      func() time.Time // dates the files
	FS       newfile.FS       // nil is the real file system
	Rules    []byte           // the text of the network's rules, to lie beside the files; nil for regtest
}

// Written is a backup that was made.
type Written struct {
	Info
	Note string // what the user should know about it, or empty
}

// Keeper writes the backups of a chain that are due. It belongs to one caller
// at a time. What has been backed up it finds in the folder each time.
type Keeper struct {
	Config
	bounds
	dir   string          // folder that files describes
	files map[string]seen // by name: what this keeper has read already
	last  Info            // the backup written or continued last
	done  chainhash.Hash  // block up to which nothing more was due in dir
}

// seen is a file of the folder that was read, for as long as it is the same.
type seen struct {
	size    int64
	changed time.Time
	info    Info
	err     error // why it is no backup of this chain
}

// NewKeeper returns a keeper that has looked at nothing yet.
func NewKeeper(c Config) *Keeper { return &Keeper{Config: c, bounds: defaultBounds} }

// Mark is what a keeper hands to the next one, so that it need not look at a
// folder in which nothing is due.
type Mark struct {
	File string         `json:"file"` // the last backup, absolute
	Size int64          `json:"size"`
	Done chainhash.Hash `json:"done"` // the block up to which nothing more was due
}

// Mark returns what this keeper has done; false if it cannot say.
func (k *Keeper) Mark() (Mark, bool) {
	if k.done == (chainhash.Hash{}) || k.last.File == "" {
		return Mark{}, false
	}
	return Mark{k.last.File, k.last.Size, k.done}, true
}

// Resume makes a new keeper go on where another one was, if the last backup is
// still there.
func (k *Keeper) Resume(m Mark) {
	if info, err := os.Lstat(m.File); err == nil && info.Mode().IsRegular() && info.Size() == m.Size {
		k.dir, k.done = filepath.Dir(m.File), m.Done
	}
}

// Due reports whether Update has to be called: whether backups may be due that
// it has not written or found yet.
func (k *Keeper) Due(dir string, every int32) bool {
	target := due(k.Chain.Tip(), every)
	return target != nil && (target.Hash != k.done || dir != k.dir)
}

// due returns the block up to which backups are due: the highest whose height
// is a multiple of every. It is nil when there is none.
func due(tip *chain.Entry, every int32) *chain.Entry {
	if every <= 0 || tip.Height < every {
		return nil
	}
	return tip.Ancestor(tip.Height - tip.Height%every)
}

// Update writes the backups that are due in dir, which is made when it is not
// there, and calls wrote for each. It writes no more than limit files, so that
// a caller who has to end can; 0 is no limit.
func (k *Keeper) Update(ctx context.Context, dir string, every int32, limit int, wrote func(Written)) error {
	target := due(k.Chain.Tip(), every)
	if target == nil {
		return nil
	}
	if dir == k.dir && target.Hash == k.done {
		return nil
	}
	if err := platform.MakeDir(dir); err != nil {
		return fmt.Errorf("make the backup folder: %w", err)
	}
	if err := k.look(dir); err != nil {
		return fmt.Errorf("look at the backup folder: %w", err)
	}
	base, from, note := k.base(target)
	if from != target {
		if err := k.keepRules(dir); err != nil {
			return fmt.Errorf("keep the network's rules beside the backups: %w", err)
		}
	}
	together := target.Height-from.Height > k.oneByOne
	for n := 0; from != target; n++ {
		if limit > 0 && n == limit {
			return nil
		}
		end := target
		if !together {
			end = target.Ancestor(from.Height - from.Height%every + every)
		}
		end, err := k.piece(from, end)
		if err != nil {
			return err
		}
		info, err := write(ctx, k.FS, k.Chain, dir, k.header(base, from), end)
		if err != nil {
			return fmt.Errorf("write backup of block %d in %s: %w", end.Height, dir, err)
		}
		k.last, base, from = info, &info, end
		wrote(Written{Info: info, Note: note})
		note = ""
	}
	k.done = target.Hash
	return nil
}

// header begins the header of a backup that continues base from a block on.
func (k *Keeper) header(base *Info, from *chain.Entry) Header {
	h := newHeader(k.Params)
	h.Software = k.Software
	h.Created = k.Now().UTC().Truncate(time.Second)
	h.FirstHeight = from.Height + 1
	if base != nil {
		h.Previous = &Previous{File: base.Name(), Height: base.Height, Tip: base.Tip, SHA256: base.Checksum}
	}
	return h
}

// piece returns the last block of the file that begins after from, so that it
// stays within the bounds: to, or one before it.
func (k *Keeper) piece(from, to *chain.Entry) (*chain.Entry, error) {
	to = to.Ancestor(min(to.Height, from.Height+k.blocks))
	size := 0
	for _, e := range entries(from.Height+1, to) {
		raw, err := k.Chain.BlockBytes(e.Hash)
		if err != nil {
			return nil, err
		}
		size += 2*len(raw) + bytesPerTx*e.TxCount() + bytesPerLine
		if size > k.bytes && e.Parent() != from {
			return e.Parent(), nil
		}
	}
	return to, nil
}

// look reads the names in the folder and the files that are new, and removes
// what was left unfinished long ago.
func (k *Keeper) look(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	if k.dir != dir || k.files == nil {
		k.dir, k.files, k.last = dir, make(map[string]seen), Info{}
		k.done = chainhash.Hash{}
	}
	there := make(map[string]bool, len(entries))
	for _, e := range entries {
		if newfile.IsLeftOver(e, k.Now(), leftOverAge) {
			_ = os.Remove(filepath.Join(dir, e.Name())) // else next time
			continue
		}
		if !fileName.MatchString(e.Name()) {
			continue
		}
		stat, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		there[e.Name()] = true
		if old := k.files[e.Name()]; old.size == stat.Size() && old.changed.Equal(stat.ModTime()) {
			continue
		}
		info, err := ReadInfo(filepath.Join(dir, e.Name()))
		if err == nil {
			err = info.belongs(k.Params)
		}
		k.files[e.Name()] = seen{stat.Size(), stat.ModTime(), info, err}
	}
	for name := range k.files {
		if !there[name] {
			delete(k.files, name)
		}
	}
	if len(k.files) > maxFiles {
		return fmt.Errorf("%s holds %d backups; at most %d are looked at: move old ones elsewhere", dir, len(k.files), maxFiles)
	}
	return nil
}

// base returns the backup that the next one continues, nil for none, and the
// block up to which it holds the chain that ends in target. The note says what
// is missing.
func (k *Keeper) base(target *chain.Entry) (base *Info, from *chain.Entry, note string) {
	var infos []Info
	for _, f := range k.files {
		if f.err == nil {
			infos = append(infos, f.info)
		}
	}
	slices.SortFunc(infos, func(a, b Info) int { return compareInfo(b, a) })
	lost := incomplete(infos)
	from = target.Ancestor(0)
	var gone *Info // the highest that would have been better
	for i := range infos {
		info := &infos[i]
		if info.Height <= from.Height {
			break
		}
		tip := k.Chain.ByHash(info.Tip)
		if tip == nil {
			continue // of another chain of this network
		}
		fork := forkOf(tip, target)
		switch {
		case fork.Height <= from.Height || fork.Height <= info.ForkHeight:
			// Another file holds more of the chain, or what this one adds to
			// its predecessors has left the chain.
		case lost[info.File] != nil:
			if gone == nil {
				gone = info
			}
		default:
			base, from = info, fork
		}
	}
	if base != nil && base.Checksum == k.last.Checksum {
		return base, from, ""
	}
	switch last := k.last; {
	case gone != nil && gone.Height > from.Height:
		note = fmt.Sprintf("older backups have been removed, and %s cannot be restored without them", gone.Name())
	case last.File != "" && k.files[last.Name()].info.Checksum != last.Checksum && last.Height > from.Height:
		note = fmt.Sprintf("%s has been removed", last.Name())
	}
	if note != "" {
		note += fmt.Sprintf("; backups go on from block %d", from.Height+1)
	}
	if base != nil {
		k.last = *base
	}
	return base, from, note
}

// forkOf returns the last block that two chains share.
func forkOf(a, b *chain.Entry) *chain.Entry {
	height := min(a.Height, b.Height)
	a, b = a.Ancestor(height), b.Ancestor(height)
	for a != b {
		a, b = a.Parent(), b.Parent()
	}
	return a
}
