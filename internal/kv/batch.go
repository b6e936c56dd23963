package kv

import (
	"encoding/binary"
	"slices"
)

type opKind byte

const (
	opPut opKind = iota
	opDelete
	opDeleteRange
)

// Batch collects changes that a store applies as a whole. The zero value is
// an empty batch. Keys and values are copied.
type Batch struct {
	data  []byte // kind, key, value; lengths as uvarints
	count int
}

// Put sets key to value.
func (b *Batch) Put(key, value []byte) { b.add(opPut, key, value) }

// Delete removes key; it need not be there.
func (b *Batch) Delete(key []byte) { b.add(opDelete, key, nil) }

// DeleteRange removes all keys in [lower, upper).
func (b *Batch) DeleteRange(lower, upper []byte) { b.add(opDeleteRange, lower, upper) }

// Append adds the changes of other behind those of b.
func (b *Batch) Append(other *Batch) {
	b.data = append(b.data, other.data...)
	b.count += other.count
}

// Len returns the number of changes.
func (b *Batch) Len() int { return b.count }

// Size returns the bytes that the changes take.
func (b *Batch) Size() int { return len(b.data) }

// Grow makes room for size more bytes.
func (b *Batch) Grow(size int) { b.data = slices.Grow(b.data, size) }

// Reset empties the batch and keeps its memory.
func (b *Batch) Reset() { b.data, b.count = b.data[:0], 0 }

func (b *Batch) add(kind opKind, key, value []byte) {
	b.data = append(b.data, byte(kind))
	b.data = binary.AppendUvarint(b.data, uint64(len(key)))
	b.data = append(b.data, key...)
	b.data = binary.AppendUvarint(b.data, uint64(len(value)))
	b.data = append(b.data, value...)
	b.count++
}

// each calls fn for the changes in their order. The slices point into b.
func (b *Batch) each(fn func(kind opKind, key, value []byte) error) error {
	rest := b.data
	next := func() []byte {
		n, used := binary.Uvarint(rest)
		field := rest[used : used+int(n) : used+int(n)]
		rest = rest[used+int(n):]
		return field
	}
	for len(rest) > 0 {
		kind := opKind(rest[0])
		rest = rest[1:]
		key := next()
		if err := fn(kind, key, next()); err != nil {
			return err
		}
	}
	return nil
}
