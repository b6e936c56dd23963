package node

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync/atomic"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/internal/platform"
	"github.com/lode-chain/lode/network"
)

// A file of blocks is a row of records: the network's magic, the block's length,
// both of four bytes and little-endian, and the block (Core's blk*.dat and
// linearize.py's bootstrap.dat).
const (
	recordHeader  = 8
	minBlockBytes = 80
	maxBlockBytes = 4_000_000 // consensus, Core's MAX_BLOCK_SERIALIZED_SIZE
)

var (
	errForeignBlocks = errors.New("the file holds blocks of another network")
	errTruncated     = errors.New("the file ends in the middle of a block")
	errNoBlocks      = errors.New("the file holds no blocks")
)

// otherMagics are the networks that a foreign file may be of.
var otherMagics = map[uint32]string{
	0xd9b4bef9: "Bitcoin's main network",
	0x0709110b: "testnet3",
	0x283f161c: "testnet4",
	0x40cf030a: "signet",
	0xdab5bffa: "regtest",
}

// fileBlock is a block as it lies in a file.
type fileBlock struct {
	raw    []byte
	msg    *wire.MsgBlock // its scripts are parts of raw
	hash   chainhash.Hash
	offset int64 // of its record, in the unpacked file
}

// recordReader finds the blocks in a file. What lies between them is skipped and
// counted, as Core does.
type recordReader struct {
	params *network.Params
	magic  [4]byte
	file   io.ReadCloser
	size   int64        // of the file
	read   atomic.Int64 // bytes of the file
	buf    *bufio.Reader
	offset int64 // in the unpacked file
	blocks int
	// skipped counts bytes that are part of no block; cut is where the last of
	// them look like a record that is not complete, -1 if they do not.
	skipped, cut int64
}

// openRecords opens a file of blocks, packed with gzip or not.
func openRecords(p *network.Params, file string) (*recordReader, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "read", Path: file, Err: platform.ErrNotRegular}
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	r, err := newRecordReader(p, f, info.Size())
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return r, nil
}

func newRecordReader(p *network.Params, file io.ReadCloser, size int64) (*recordReader, error) {
	r := &recordReader{params: p, file: file, size: size, cut: -1}
	binary.LittleEndian.PutUint32(r.magic[:], p.Magic)
	return r, r.start()
}

// Read reads the file and counts.
func (r *recordReader) Read(p []byte) (int, error) {
	n, err := r.file.Read(p)
	r.read.Add(int64(n))
	return n, err
}

// start unpacks what is packed, and tells files of other networks by their
// beginning.
func (r *recordReader) start() error {
	r.buf = bufio.NewReaderSize(r, recordHeader+maxBlockBytes+recordHeader)
	if begin, _ := r.buf.Peek(2); string(begin) == "\x1f\x8b" {
		unpacked, err := gzip.NewReader(r.buf)
		if err != nil {
			return fmt.Errorf("unpack the file: %w", err)
		}
		r.buf = bufio.NewReaderSize(unpacked, recordHeader+maxBlockBytes+recordHeader)
	}
	begin, _ := r.buf.Peek(recordHeader)
	if len(begin) < recordHeader || bytes.Equal(begin[:4], r.magic[:]) {
		return nil
	}
	magic := binary.LittleEndian.Uint32(begin)
	if name, ok := otherMagics[magic]; ok {
		return fmt.Errorf("%w: it begins with the magic of %s (%x); this chain is %q (%x)",
			errForeignBlocks, name, begin[:4], r.params.Name, r.magic)
	}
	if r.looksLikeRecord(begin) {
		return fmt.Errorf("%w: its records begin with %x; those of %q begin with %x",
			errForeignBlocks, begin[:4], r.params.Name, r.magic)
	}
	return nil
}

// looksLikeRecord says whether the file begins with a block under another magic.
func (r *recordReader) looksLikeRecord(begin []byte) bool {
	size := binary.LittleEndian.Uint32(begin[4:])
	if size < minBlockBytes || size > maxBlockBytes {
		return false
	}
	record, _ := r.buf.Peek(recordHeader + int(size))
	if len(record) < recordHeader+int(size) {
		return false
	}
	_, err := consensus.DecodeBlock(record[recordHeader:])
	return err == nil
}

// next returns the next block, or io.EOF.
func (r *recordReader) next() (fileBlock, error) {
	for {
		window, err := r.buf.Peek(max(len(r.magic), r.buf.Buffered()))
		if len(window) < len(r.magic) {
			return fileBlock{}, r.end(window, err)
		}
		at := bytes.Index(window, r.magic[:])
		if at < 0 {
			r.skip(len(window) - len(r.magic) + 1)
			continue
		}
		r.skip(at)
		b, found, err := r.record()
		if err != nil {
			return fileBlock{}, err
		}
		if found {
			return b, nil
		}
		r.skip(1)
	}
}

// record reads the record that begins here, if it is one.
func (r *recordReader) record() (b fileBlock, found bool, err error) {
	head, err := r.buf.Peek(recordHeader)
	if len(head) == recordHeader {
		size := int(binary.LittleEndian.Uint32(head[4:]))
		if size < minBlockBytes || size > maxBlockBytes {
			return fileBlock{}, false, nil
		}
		head, err = r.buf.Peek(recordHeader + size)
		if err == nil {
			return r.decode(head[recordHeader:])
		}
	}
	if !isEnd(err) {
		return fileBlock{}, false, err
	}
	if r.cut < 0 {
		r.cut = r.offset
	}
	return fileBlock{}, false, nil
}

// decode takes the block at the beginning of a record's content.
func (r *recordReader) decode(content []byte) (b fileBlock, found bool, err error) {
	raw := bytes.Clone(content)
	msg, size, err := consensus.DecodeBlockPrefix(raw)
	if err != nil {
		return fileBlock{}, false, nil // Core goes on behind it, too
	}
	b = fileBlock{raw: raw[:size], msg: msg, hash: msg.BlockHash(), offset: r.offset}
	if msg.Header.PrevBlock == (chainhash.Hash{}) && b.hash != r.params.GenesisHash {
		return b, false, fmt.Errorf("%w: its genesis block is %s, that of %q is %s", errForeignBlocks, b.hash, r.params.Name, r.params.GenesisHash)
	}
	r.discard(recordHeader + size)
	r.blocks++
	r.cut = -1
	return b, true, nil
}

func (r *recordReader) skip(n int) {
	r.discard(n)
	r.skipped += int64(n)
}

// discard drops bytes that were peeked at, so it cannot fail.
func (r *recordReader) discard(n int) {
	n, _ = r.buf.Discard(n)
	r.offset += int64(n)
}

// end says how the file ends.
func (r *recordReader) end(rest []byte, err error) error {
	r.skip(len(rest))
	switch {
	case !isEnd(err):
		return fmt.Errorf("unpack the file: %w", err)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%w: its packing is cut off", errTruncated)
	case r.cut >= 0:
		return fmt.Errorf("%w, which begins at byte %d", errTruncated, r.cut)
	case r.blocks == 0:
		return fmt.Errorf("%w of %q: no record begins with %x (files of Bitcoin Core 28 and later are scrambled unless it ran with -blocksxor=0)",
			errNoBlocks, r.params.Name, r.magic)
	}
	return io.EOF
}

// isEnd reports whether an error only says that the file has ended.
func isEnd(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }

func (r *recordReader) close() { r.file.Close() }
