package backup

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/lode-chain/lode/chain"
	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/internal/newfile"
)

// maxNames bounds how many names are tried for one file (policy).
const maxNames = 100

// Source is the chain that is backed up. chain.Manager is one.
type Source interface {
	Tip() *chain.Entry
	ByHash(hash chainhash.Hash) *chain.Entry
	BlockBytes(hash chainhash.Hash) ([]byte, error)
}

// write makes the file that h describes: the blocks up to tip. The header's
// values that depend on the blocks are filled in.
func write(ctx context.Context, fsys newfile.FS, src Source, dir string, h Header, tip *chain.Entry) (Info, error) {
	blocks := entries(h.FirstHeight, tip)
	fork := blocks[0].Parent()
	h.Height, h.Tip, h.Blocks = tip.Height, tip.Hash, len(blocks)
	h.ForkHeight, h.ForkBlock = fork.Height, fork.Hash
	h.ChainWork = formatWork(tip.ChainWork())

	f, err := newfile.Create(fsys, dir)
	if err != nil {
		return Info{}, err
	}
	defer f.Discard()
	info := Info{Header: h}
	if info.Checksum, info.Size, err = writeTo(ctx, f, src, &h, blocks); err != nil {
		return Info{}, err
	}
	for n := range maxNames {
		name := nameOf(h.Height, h.Tip, n)
		err := f.Commit(name)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		info.File = filepath.Join(dir, name)
		return info, err
	}
	return Info{}, fmt.Errorf("%d backups of block %d are there already", maxNames, h.Height)
}

// nameOf returns the n-th name to try for a backup: plain, with the first digits
// of the tip, and with a number too.
func nameOf(height int32, tip chainhash.Hash, n int) string {
	switch n {
	case 0:
		return fmt.Sprintf("chain_backup_%d.json", height)
	case 1:
		return fmt.Sprintf("chain_backup_%d_%.8s.json", height, tip)
	default:
		return fmt.Sprintf("chain_backup_%d_%.8s_%d.json", height, tip, n)
	}
}

// entries returns the blocks of a chain from a height on.
func entries(first int32, tip *chain.Entry) []*chain.Entry {
	list := make([]*chain.Entry, tip.Height-first+1)
	for e, i := tip, len(list)-1; i >= 0; e, i = e.Parent(), i-1 {
		list[i] = e
	}
	return list
}

// writeTo writes the content of a backup and returns its checksum and length.
func writeTo(ctx context.Context, w io.Writer, src Source, h *Header, blocks []*chain.Entry) (string, int64, error) {
	sum := sha256.New()
	buf := bufio.NewWriterSize(w, 256<<10)
	var size int64
	put := func(b []byte) error {
		sum.Write(b)
		size += int64(len(b))
		_, err := buf.Write(b)
		return err
	}
	line, err := h.encode()
	if err == nil {
		err = put(line)
	}
	for i, e := range blocks {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return "", 0, err
		}
		if line, err = blockLine(line[:0], src, e); err != nil {
			return "", 0, err
		}
		if i < len(blocks)-1 {
			line = append(line, ',')
		}
		err = put(append(line, '\n'))
	}
	if err == nil {
		err = put([]byte(endLine))
	}
	if err != nil {
		return "", 0, err
	}
	checksum := hex.EncodeToString(sum.Sum(nil))
	if err := put([]byte(sumPrefix + checksum + sumSuffix)); err != nil {
		return "", 0, err
	}
	return checksum, size, buf.Flush()
}

// blockLine appends the line of one block of the chain.
func blockLine(dst []byte, src Source, e *chain.Entry) ([]byte, error) {
	raw, err := src.BlockBytes(e.Hash)
	if err != nil {
		return nil, err
	}
	b, err := consensus.DecodeBlock(raw)
	if err != nil {
		return nil, fmt.Errorf("block %s (height %d): %w", e.Hash, e.Height, err)
	}
	return appendBlock(dst, e.Height, b, raw), nil
}
