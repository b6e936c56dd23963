package chain

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/internal/blockfile"
	"github.com/lode-chain/lode/internal/kv"
	"github.com/lode-chain/lode/network"
)

// formatVersion is raised when an older lode would misread what is stored.
const formatVersion = 1

// Keys in the chain's own space.
var (
	keyFormat  = []byte{kv.SpaceChain, 'f'} // version, big-endian
	keyNetwork = []byte{kv.SpaceChain, 'n'} // fingerprint, name
	keyTip     = []byte{kv.SpaceChain, 't'} // hash, height
	keyEnd     = []byte{kv.SpaceChain, 'e'} // committed end of the block files
)

var (
	// ErrNewerFormat says that a later version of lode wrote the data.
	ErrNewerFormat = errors.New("the data was written by a newer version of lode; use that version or a later one")
	// ErrOtherNetwork says that the data was made under other rules.
	ErrOtherNetwork = errors.New("the data directory belongs to a network with other rules")
	// ErrDamaged says that what is stored cannot be right.
	ErrDamaged = errors.New("the chain's data is damaged; restore a backup or import the blocks anew")
)

// entryKey sorts entries by height, so that parents are read before children.
func entryKey(e *Entry) []byte {
	key := make([]byte, 0, 1+4+chainhash.HashSize)
	key = append(key, kv.SpaceIndex)
	key = binary.BigEndian.AppendUint32(key, uint32(e.Height))
	return append(key, e.Hash[:]...)
}

// coinKey sorts coins by txid, then output: the order of hash_serialized_3.
func coinKey(dst []byte, op wire.OutPoint) []byte {
	dst = append(dst, kv.SpaceCoins)
	dst = append(dst, op.Hash[:]...)
	return binary.BigEndian.AppendUint32(dst, op.Index)
}

func decodeCoinKey(key []byte) (op wire.OutPoint, err error) {
	if len(key) != 1+chainhash.HashSize+4 {
		return op, fmt.Errorf("%w: a coin's key has %d bytes", ErrDamaged, len(key))
	}
	copy(op.Hash[:], key[1:])
	op.Index = binary.BigEndian.Uint32(key[1+chainhash.HashSize:])
	return op, nil
}

// encodeEntry is what is stored under entryKey: the header and the meta.
func encodeEntry(dst []byte, e *Entry, m meta) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(e.version))
	if e.parent != nil {
		dst = append(dst, e.parent.Hash[:]...)
	} else {
		dst = append(dst, make([]byte, chainhash.HashSize)...)
	}
	dst = append(dst, e.merkleRoot[:]...)
	dst = binary.LittleEndian.AppendUint32(dst, e.time)
	dst = binary.LittleEndian.AppendUint32(dst, e.bits)
	dst = binary.LittleEndian.AppendUint32(dst, e.nonce)
	dst = append(dst, byte(m.status))
	dst = binary.AppendVarint(dst, m.seq)
	dst = binary.AppendUvarint(dst, uint64(e.txs))
	dst = appendLocation(dst, m.block)
	return appendLocation(dst, m.undo)
}

// decodeEntry reads an entry into e; lookup finds its parent.
func decodeEntry(e *Entry, key, value []byte, lookup func(chainhash.Hash) *Entry) error {
	damaged := func(what string) error {
		return fmt.Errorf("%w: block index at %x: %s", ErrDamaged, key, what)
	}
	if len(key) != 1+4+chainhash.HashSize || len(value) < wire.MaxBlockHeaderPayload+1 {
		return damaged("wrong length")
	}
	header, err := consensus.DecodeHeader(value[:wire.MaxBlockHeaderPayload])
	if err != nil {
		return damaged(err.Error())
	}
	rest := value[wire.MaxBlockHeaderPayload:]
	m := meta{status: status(rest[0])}
	r := reader{rest: rest[1:]}
	m.seq = r.varint()
	txs := r.uvarint32()
	m.block, m.undo = r.location(), r.location()
	if r.failed || len(r.rest) != 0 {
		return damaged("wrong length")
	}
	height := binary.BigEndian.Uint32(key[1:])
	var parent *Entry
	if height > 0 {
		if parent = lookup(header.PrevBlock); parent == nil || uint32(parent.Height)+1 != height {
			return damaged("the parent is missing")
		}
	}
	newEntry(e, chainhash.Hash(key[5:]), &header, parent, int(txs))
	e.meta = m
	return nil
}

func appendLocation(dst []byte, at blockfile.Location) []byte {
	dst = binary.AppendUvarint(dst, uint64(at.Segment))
	dst = binary.AppendUvarint(dst, uint64(at.Offset))
	return binary.AppendUvarint(dst, uint64(at.Size))
}

// reader takes numbers from the front of rest until one is not there.
type reader struct {
	rest   []byte
	failed bool
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.rest)
	r.advance(n)
	return v
}

func (r *reader) uvarint32() uint32 {
	v, n := binary.Uvarint(r.rest)
	r.advance(n)
	r.failed = r.failed || v > 1<<32-1
	return uint32(v)
}

func (r *reader) advance(n int) {
	if n <= 0 {
		r.failed, r.rest = true, nil
		return
	}
	r.rest = r.rest[n:]
}

func (r *reader) location() blockfile.Location {
	return blockfile.Location{Segment: r.uvarint32(), Offset: r.uvarint32(), Size: r.uvarint32()}
}

func encodePosition(p blockfile.Position) []byte {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, p.Segment), p.Offset)
}

func decodePosition(b []byte) (blockfile.Position, error) {
	if len(b) != 8 {
		return blockfile.Position{}, fmt.Errorf("%w: end of the block files", ErrDamaged)
	}
	return blockfile.Position{Segment: binary.BigEndian.Uint32(b), Offset: binary.BigEndian.Uint32(b[4:])}, nil
}

func encodeTip(e *Entry) []byte {
	return binary.BigEndian.AppendUint32(e.Hash[:len(e.Hash):len(e.Hash)], uint32(e.Height))
}

func decodeTip(b []byte) (hash chainhash.Hash, height int32, err error) {
	if len(b) != chainhash.HashSize+4 {
		return hash, 0, fmt.Errorf("%w: tip", ErrDamaged)
	}
	return chainhash.Hash(b[:chainhash.HashSize]), int32(binary.BigEndian.Uint32(b[chainhash.HashSize:])), nil
}

// checkOwner makes sure that a store was written by a lode that this one
// understands, for the same network. fresh says that nobody has written it.
func checkOwner(r kv.Reader, p *network.Params) (fresh bool, err error) {
	version, err := r.Get(keyFormat)
	if errors.Is(err, kv.ErrNotFound) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("read format: %w", err)
	}
	if len(version) != 4 {
		return false, fmt.Errorf("%w: format", ErrDamaged)
	}
	if v := binary.BigEndian.Uint32(version); v > formatVersion {
		return false, fmt.Errorf("%w (format %d, this one knows up to %d)", ErrNewerFormat, v, formatVersion)
	}
	owner, err := r.Get(keyNetwork)
	if err != nil || len(owner) < chainhash.HashSize {
		return false, fmt.Errorf("%w: name of the network: %w", ErrDamaged, err)
	}
	have, want := chainhash.Hash(owner[:chainhash.HashSize]), p.Fingerprint()
	if have == want {
		return false, nil
	}
	name := string(owner[chainhash.HashSize:])
	if name == p.Name {
		return false, fmt.Errorf("%w: it was made when the rules of %q were different; "+
			"put the network file back as it was, or use another data directory", ErrOtherNetwork, name)
	}
	return false, fmt.Errorf("%w: it is of %q, not of %q; use another data directory", ErrOtherNetwork, name, p.Name)
}

// putOwner stores what checkOwner looks at.
func putOwner(b *kv.Batch, p *network.Params) {
	fingerprint := p.Fingerprint()
	b.Put(keyFormat, binary.BigEndian.AppendUint32(nil, formatVersion))
	b.Put(keyNetwork, append(fingerprint[:], p.Name...))
}
