package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/lode-chain/lode/chain"
	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/network"
	"github.com/lode-chain/lode/pow"
)

// ErrOtherChain says that a backup cannot be restored into a chain because it
// holds other blocks.
var ErrOtherChain = errors.New("the chain here is another one")

// Progress is told how many of how many blocks are done.
type Progress func(done, total int64)

// verify reads files that continue each other in full, and checks that they
// restore the chain up to the tip of the last one: checksums, each block by
// itself, their links, the chain's work. It begins on a block with the work up to
// it, and calls each for the blocks from there on. Whether the transactions are
// valid shows when they are restored.
func verify(ctx context.Context, p *network.Params, files []Info, start point, progress Progress, each func(Block) error) error {
	target := files[len(files)-1]
	work := start.work
	return walk(ctx, files, start.hash, func(file Info, b Block) error {
		if err := consensus.CheckBlock(p, b.Msg); err != nil {
			return about(file.File, fmt.Errorf("%w: block %d: %w", ErrDamaged, b.Height, err))
		}
		work.Add(work, pow.Work(b.Msg.Header.Bits))
		if b.Height == file.Height && formatWork(work) != file.ChainWork {
			return about(file.File, fmt.Errorf("%w: the work of its blocks is not what it says", ErrDamaged))
		}
		if progress != nil {
			progress(int64(b.Height), int64(target.Height))
		}
		return each(b)
	})
}

// walk reads files that continue each other, all of them to their ends, and
// calls each for the blocks after last up to the tip of the last file. Blocks
// that a later file replaces are read and left out.
func walk(ctx context.Context, files []Info, last chainhash.Hash, each func(file Info, b Block) error) error {
	for i, info := range files {
		limit := info.Height
		if i < len(files)-1 {
			limit = files[i+1].ForkHeight
		}
		var err error
		if last, err = walkFile(ctx, info, last, limit, each); err != nil {
			return err
		}
	}
	return nil
}

// walkFile reads one file that begins on block last and calls each for its
// blocks up to a height. It returns the last of these.
func walkFile(ctx context.Context, info Info, last chainhash.Hash, limit int32, each func(Info, Block) error) (chainhash.Hash, error) {
	r, err := open(info.File)
	if err != nil {
		return last, err
	}
	defer r.close()
	if r.info.Checksum != info.Checksum {
		return last, r.fail(fmt.Errorf("%w: it was changed just now", ErrDamaged))
	}
	if r.info.ForkBlock != last {
		return last, r.fail(fmt.Errorf("%w: it does not continue the backup before it", ErrDamaged))
	}
	for {
		b, err := r.block()
		if errors.Is(err, io.EOF) {
			return last, nil
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return last, err
		}
		if b.Height > limit {
			continue
		}
		if err := each(info, b); err != nil {
			return last, err
		}
		last = b.Hash
	}
}

// Target is the chain that is restored. chain.Manager is one.
type Target interface {
	Tip() *chain.Entry
	ByHeight(height int32) *chain.Entry
	Group(ctx context.Context, fn func(g *chain.Group) error) error
}

// Restored says what a restore has done.
type Restored struct {
	Files    int
	Blocks   int // in the files, up to the tip
	Accepted int // that the chain did not have
	Tip      *chain.Entry
}

// Restore feeds the chain of a backup file through full validation into a chain
// that holds nothing else: only its genesis, or a part of the same chain.
// Everything is verified before the first block is fed. When it fails later or
// ctx ends, the chain keeps what it has accepted so far, and a new Restore goes
// on from there. now is the clock that block times are compared with.
func Restore(ctx context.Context, p *network.Params, to Target, file string, now func() time.Time, progress Progress) (Restored, error) {
	files, err := Chain(file, p)
	if err != nil {
		return Restored{}, err
	}
	target := files[len(files)-1]
	done := Restored{Files: len(files), Blocks: int(target.Height)}
	start := to.Tip()
	same := start.Height == 0
	if err := verify(ctx, p, files, genesisOf(p), nil, func(b Block) error {
		same = same || b.Height == start.Height && b.Hash == start.Hash
		return nil
	}); err != nil {
		return done, err
	}
	if e := to.ByHeight(target.Height); e != nil && e.Hash == target.Tip {
		done.Tip = to.Tip()
		return done, nil // it is all there
	}
	if !same {
		return done, fmt.Errorf("%w: its tip is block %d, %s, which is not in %s; restore into an empty data directory",
			ErrOtherChain, start.Height, start.Hash, filepath.Base(file))
	}
	if err := feed(ctx, to, files, start, now, progress, &done); err != nil {
		done.Tip = to.Tip()
		return done, err
	}
	if done.Tip = to.Tip(); done.Tip.Hash != target.Tip {
		return done, fmt.Errorf("%w: all blocks of %s are in it, but its tip is block %d, %s",
			ErrOtherChain, filepath.Base(file), done.Tip.Height, done.Tip.Hash)
	}
	return done, nil
}

// feed gives the chain the blocks above its tip. A block that it refuses ends
// the feeding, and what came before it stays.
func feed(ctx context.Context, to Target, files []Info, tip *chain.Entry, now func() time.Time, progress Progress, done *Restored) error {
	var refused error
	err := to.Group(ctx, func(g *chain.Group) error {
		if g.Tip() != tip {
			return fmt.Errorf("%w: it has moved on to block %d meanwhile", ErrOtherChain, g.Tip().Height)
		}
		refused = walk(ctx, files, files[0].Genesis, func(file Info, b Block) error {
			if b.Height <= tip.Height {
				return nil
			}
			result, err := g.Accept(b.Msg, now())
			if _, ok := errors.AsType[*consensus.Error](err); ok {
				return fmt.Errorf("%s: block %d, %s, was refused: %w", file.Name(), b.Height, b.Hash, err)
			}
			if err != nil {
				return err
			}
			if !result.Known {
				done.Accepted++
			}
			if progress != nil {
				progress(int64(b.Height), int64(done.Blocks))
			}
			return nil
		})
		return nil
	})
	if err != nil {
		return err
	}
	return refused
}
