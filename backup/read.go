package backup

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/internal/platform"
)

// Info is a backup file as its first and last lines describe it.
type Info struct {
	Header
	File     string // absolute
	Size     int64  // bytes
	Checksum string // what its last line says, 64 hex digits
}

// Name returns the file's base name.
func (i *Info) Name() string { return filepath.Base(i.File) }

// Block is one block of a backup.
type Block struct {
	Height int32
	Hash   chainhash.Hash
	Msg    *wire.MsgBlock
	Size   int // bytes of its serialization
}

// ReadInfo reads what a file says about itself, without its blocks.
func ReadInfo(file string) (Info, error) {
	r, err := open(file)
	if err != nil {
		return Info{}, err
	}
	defer r.close()
	return r.info, nil
}

// source is what a backup is read from: a file.
type source interface {
	io.Reader
	io.ReaderAt
	io.Closer
}

// reader reads a backup from its beginning to its end, with memory for one block.
type reader struct {
	info Info
	src  source
	buf  *bufio.Reader
	sum  hash.Hash
	line []byte         // reused
	read int            // blocks
	last chainhash.Hash // of the block before the next one
}

// open reads a file's header and last lines. Links, folders, pipes and devices
// are refused without opening them.
func open(file string) (*reader, error) {
	file, err := filepath.Abs(file)
	if err != nil {
		return nil, err
	}
	before, err := os.Lstat(file)
	if err != nil {
		return nil, err
	}
	if !before.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "read", Path: file, Err: platform.ErrNotRegular}
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	opened, err := f.Stat()
	if err == nil && !os.SameFile(before, opened) {
		err = &fs.PathError{Op: "read", Path: file, Err: errors.New("it was replaced just now")}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	r, err := newReader(file, f, opened.Size())
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return r, nil
}

// newReader reads the header and the last lines of a file's content.
func newReader(file string, src source, size int64) (*reader, error) {
	r := &reader{
		info: Info{File: file, Size: size},
		src:  src, buf: bufio.NewReaderSize(src, 64<<10), sum: sha256.New(),
	}
	lines, err := r.headerLines()
	if err != nil {
		return nil, r.fail(err)
	}
	if r.info.Header, err = decodeHeader(lines); err != nil {
		return nil, r.fail(err)
	}
	r.last = r.info.ForkBlock

	trailer := make([]byte, trailerBytes)
	if _, err := src.ReadAt(trailer, max(0, size-int64(trailerBytes))); err != nil && !errors.Is(err, io.EOF) {
		return nil, r.fail(err)
	}
	sum, ok := decodeTrailer(trailer)
	if !ok {
		return nil, r.fail(fmt.Errorf("%w: it ends too early", ErrDamaged))
	}
	r.info.Checksum = sum
	return r, nil
}

// headerLines reads up to the line with which the blocks begin.
func (r *reader) headerLines() ([]byte, error) {
	var lines []byte
	for {
		line, err := r.next(maxHeaderBytes - len(lines))
		if lines == nil && (err != nil || string(line) != "{\n") {
			return nil, ErrNotBackup
		}
		if err != nil {
			return nil, err
		}
		lines = append(lines, line...)
		if string(line) == blocksLine {
			return lines, nil
		}
	}
}

// next returns the next line with its end; it is valid until the next call.
func (r *reader) next(limit int) ([]byte, error) {
	r.line = r.line[:0]
	for {
		part, err := r.buf.ReadSlice('\n')
		if len(r.line)+len(part) > limit {
			return nil, fmt.Errorf("%w: a line is too long", ErrDamaged)
		}
		r.line = append(r.line, part...)
		switch {
		case err == nil:
			r.sum.Write(r.line)
			return r.line, nil
		case errors.Is(err, io.EOF):
			return nil, fmt.Errorf("%w: it ends too early", ErrDamaged)
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		}
	}
}

// block returns the next block, or io.EOF after the last one: then the file is
// as it was written. That the blocks follow each other has been checked.
func (r *reader) block() (Block, error) {
	if r.read == r.info.Blocks {
		return Block{}, r.end()
	}
	height := r.info.FirstHeight + int32(r.read)
	line, err := r.next(maxLineBytes)
	if err != nil {
		return Block{}, r.fail(err)
	}
	line = bytes.TrimSuffix(line, []byte("\n"))
	last := r.read == r.info.Blocks-1
	line, comma := bytes.CutSuffix(line, []byte(","))
	if comma == last {
		return Block{}, r.damaged(height, errors.New("its line is not that of a block"))
	}
	msg, raw, err := decodeBlock(line, height)
	if err != nil {
		return Block{}, r.damaged(height, err)
	}
	b := Block{Height: height, Hash: msg.BlockHash(), Msg: msg, Size: len(raw)}
	if msg.Header.PrevBlock != r.last {
		return Block{}, r.damaged(height, errors.New("it does not follow the one before"))
	}
	if last && b.Hash != r.info.Tip {
		return Block{}, r.damaged(height, errors.New("it is not the tip that the file names"))
	}
	r.last = b.Hash
	r.read++
	return b, nil
}

// end checks what follows the last block.
func (r *reader) end() error {
	if line, err := r.next(len(endLine)); err != nil {
		return r.fail(err)
	} else if string(line) != endLine {
		return r.fail(fmt.Errorf("%w: it has more blocks than it says", ErrDamaged))
	}
	sum := hex.EncodeToString(r.sum.Sum(nil))
	rest, err := io.ReadAll(io.LimitReader(r.buf, int64(trailerBytes)))
	if err != nil {
		return r.fail(err)
	}
	stated, ok := decodeTrailer(append([]byte(endLine), rest...))
	if !ok || stated != sum || stated != r.info.Checksum {
		return r.fail(fmt.Errorf("%w: its checksum is wrong", ErrDamaged))
	}
	return io.EOF
}

func (r *reader) damaged(height int32, err error) error {
	return r.fail(fmt.Errorf("%w: block %d: %w", ErrDamaged, height, err))
}

// fail says which file an error is about.
func (r *reader) fail(err error) error { return about(r.info.File, err) }

// about puts a file's name before what is wrong with it.
func about(file string, err error) error {
	if err == nil {
		return nil
	}
	for _, kind := range []error{ErrNotBackup, ErrVersion, ErrDamaged, ErrForeign, ErrIncomplete} {
		if errors.Is(err, kind) {
			return fmt.Errorf("%s is %w", filepath.Base(file), err)
		}
	}
	return fmt.Errorf("read backup %s: %w", filepath.Base(file), err)
}

func (r *reader) close() { r.src.Close() }
