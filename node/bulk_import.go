package node

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/lode-chain/lode/chain"
	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/rpc"
)

// Limits of an import (policy).
const (
	readAhead       = 8        // blocks that are decoded before they are asked for
	maxWaitingBytes = 64 << 20 // of blocks whose parents come later in the file
)

// importer feeds the blocks of a file to the chain. It belongs to one job.
type importer struct {
	h      *Host
	g      *chain.Group
	result rpc.ImportResult

	// Blocks whose parents have not come yet, by parent.
	waiting      map[chainhash.Hash][]fileBlock
	waitingCount int
	waitingBytes int
}

// importFile is the task of lode_import: bytes of the file are its progress. A
// block that is refused ends it, and what came before stays.
func (h *Host) importFile(file string) task {
	return func(ctx context.Context, j *job) (any, error) {
		release := h.backups.hold()
		defer release()
		records, err := openRecords(h.params, file)
		if err != nil {
			return nil, err
		}
		defer records.close()
		im := &importer{h: h, waiting: make(map[chainhash.Hash][]fileBlock)}
		err = im.run(ctx, records, func() { j.progress(records.read.Load(), records.size) })
		tip := h.chain.Tip()
		im.result.Height, im.result.BestBlock = tip.Height, tip.Hash.String()
		im.result.Skipped = records.skipped
		return im.result, err
	}
}

// run reads, and decodes, ahead of the chain's writer.
func (im *importer) run(ctx context.Context, records *recordReader, progress func()) error {
	reading, stop := context.WithCancel(ctx)
	blocks := make(chan fileBlock, readAhead)
	var readErr error
	go func() {
		defer close(blocks)
		readErr = readBlocks(reading, records, blocks)
	}()
	var refused error
	err := im.h.chain.Group(ctx, func(g *chain.Group) error {
		im.g = g
		for b := range blocks {
			if refused = ctx.Err(); refused == nil {
				refused = im.add(b)
			}
			if refused != nil {
				return nil // and keep what came before
			}
			progress()
		}
		return nil
	})
	stop()
	for range blocks { // until the reader has ended
	}
	switch {
	case err != nil:
		return err
	case refused != nil:
		return im.explain(refused)
	case ctx.Err() != nil:
		return ctx.Err()
	case !errors.Is(readErr, io.EOF):
		return fmt.Errorf("%w; the %d blocks before it were read", readErr, im.result.Read)
	}
	return im.orphans()
}

// readBlocks sends the blocks of a file until it ends, which is io.EOF, or ctx does.
func readBlocks(ctx context.Context, records *recordReader, to chan<- fileBlock) error {
	for {
		b, err := records.next()
		if err != nil {
			return err
		}
		select {
		case to <- b:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// refusedBlock is a block that breaks a rule.
type refusedBlock struct {
	fileBlock
	err error
}

func (r *refusedBlock) Error() string { return r.err.Error() }
func (r *refusedBlock) Unwrap() error { return r.err }

// add gives a block to the chain, and then those that have waited for it.
func (im *importer) add(b fileBlock) error {
	im.result.Read++
	ready := []fileBlock{b}
	for len(ready) > 0 {
		b, ready = ready[0], ready[1:]
		result, err := im.g.Accept(b.msg, im.h.now())
		switch {
		case errors.Is(err, consensus.PrevBlkAbsent):
			if err := im.wait(b); err != nil {
				return err
			}
			continue
		case err != nil:
			return &refusedBlock{b, err}
		case result.Known:
			im.result.Known++
		default:
			im.result.Accepted++
		}
		children := im.waiting[b.hash]
		delete(im.waiting, b.hash)
		for _, child := range children {
			im.waitingCount--
			im.waitingBytes -= len(child.raw)
			if child.msg, err = consensus.DecodeBlock(child.raw); err != nil {
				return err // it was decoded before
			}
			ready = append(ready, child)
		}
	}
	return nil
}

// wait keeps a block until its parent comes.
func (im *importer) wait(b fileBlock) error {
	if im.waitingBytes+len(b.raw) > maxWaitingBytes {
		return fmt.Errorf("the file's blocks are too far out of order: over %d MiB of them wait for their parents, the first missing one is %s",
			maxWaitingBytes>>20, b.msg.Header.PrevBlock)
	}
	parent := b.msg.Header.PrevBlock
	b.msg = nil // the bytes alone take less
	im.waiting[parent] = append(im.waiting[parent], b)
	im.waitingCount++
	im.waitingBytes += len(b.raw)
	return nil
}

// explain says which block was refused.
func (im *importer) explain(err error) error {
	refused, ok := errors.AsType[*refusedBlock](err)
	if !ok || consensus.SortOf(err) == consensus.Local {
		return err
	}
	where := ""
	if parent := im.h.chain.ByHash(refused.msg.Header.PrevBlock); parent != nil {
		where = fmt.Sprintf("height %d, ", parent.Height+1)
	}
	what := "is invalid"
	if consensus.SortOf(err) == consensus.NotYet {
		what = "cannot be accepted yet"
	}
	return fmt.Errorf("block %s (%sbyte %d of the file) %s: %w; the blocks before it stay", refused.hash, where, refused.offset, what, refused.err)
}

// orphans complains about blocks that have waited in vain.
func (im *importer) orphans() error {
	var first *fileBlock
	var parent chainhash.Hash
	for missing, list := range im.waiting {
		if first == nil || list[0].offset < first.offset {
			first, parent = &list[0], missing
		}
	}
	if first == nil {
		return nil
	}
	return fmt.Errorf("%d blocks of the file do not connect to the chain: the first, %s at byte %d, continues %s, which is neither in the file nor here",
		im.waitingCount, first.hash, first.offset, parent)
}
