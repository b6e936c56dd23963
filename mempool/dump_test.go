package mempool

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/consensus"
)

// coreFile writes a mempool.dat the way Core 28.1's DumpMempool does, field by
// field. A key of no bytes makes version 1.
func coreFile(key []byte, txs []dumpedTx, deltas map[chainhash.Hash]int64, unbroadcast []chainhash.Hash) []byte {
	var b bytes.Buffer
	put := func(v any) { _ = binary.Write(&b, binary.LittleEndian, v) }
	if len(key) == 0 {
		put(uint64(1))
	} else {
		put(uint64(2))
		b.WriteByte(byte(len(key)))
		b.Write(key)
	}
	start := b.Len()
	put(uint64(len(txs)))
	for _, tx := range txs {
		_ = tx.tx.Serialize(&b)
		put(tx.time)
		put(tx.delta)
	}
	b.WriteByte(byte(len(deltas)))
	for txid, delta := range deltas {
		b.Write(txid[:])
		put(delta)
	}
	b.WriteByte(byte(len(unbroadcast)))
	for _, txid := range unbroadcast {
		b.Write(txid[:])
	}
	file := b.Bytes()
	for i := start; len(key) > 0 && i < len(file); i++ {
		file[i] ^= key[i%len(key)]
	}
	return file
}

func TestExportAsCore(t *testing.T) {
	l := newLab(t, DefaultPolicy())
	coins := l.matured(2)
	parent := pay(1000, 1, coins[0])
	child := pay(1000, 1, outputs(parent)[0])
	absent := chainhash.Hash{7}
	at := l.now.Unix()
	if _, err := l.pool.AcceptOwn(parent, l.now); err != nil {
		t.Fatal(err)
	}
	l.accept(child)
	l.prioritise(child.TxHash(), 500)
	l.prioritise(absent, -9)
	key := [8]byte{1, 2, 3, 0, 255, 6, 7, 8}
	got := l.pool.Export(key)
	want := coreFile(key[:], []dumpedTx{{parent, at, 0}, {child, at, 500}}, map[chainhash.Hash]int64{absent: -9}, []chainhash.Hash{parent.TxHash()})
	if !bytes.Equal(got, want) {
		t.Errorf("exported\n%x, want\n%x", got, want)
	}
	if back, err := readDump(got); err != nil || len(back.txs) != 2 || back.deltas[absent] != -9 || len(back.unbroadcast) != 1 {
		t.Errorf("read back %+v, %v", back, err)
	}
}

func (l *lab) prioritise(txid chainhash.Hash, sats int64) {
	l.t.Helper()
	if err := l.pool.Prioritise(txid, sats); err != nil {
		l.t.Fatal(err)
	}
	l.check()
}

func TestImport(t *testing.T) {
	for _, key := range [][]byte{nil, {9, 8, 7, 6, 5, 4, 3, 2}, {0, 0, 0, 0, 0, 0, 0, 0}} {
		l := newLab(t, DefaultPolicy())
		coins := l.matured(4)
		parent := pay(1000, 2, coins[0])
		child := pay(10, 1, outputs(parent)[0]) // only with its delta
		known := pay(1000, 1, coins[1])
		l.accept(known)
		at := l.now.Add(-time.Hour).Unix()
		file := coreFile(key, []dumpedTx{
			{parent, at, 0},
			{child, at, 1000},
			{known, at, 0},
			{pay(1, 1, coins[2]), at, 0},
			{pay(1000, 1, coins[3]), l.now.Add(-336 * time.Hour).Unix(), 0},
		}, map[chainhash.Hash]int64{{1}: 77}, []chainhash.Hash{parent.TxHash(), {5}})

		got, err := l.pool.Import(file, l.now, ImportOptions{ApplyFeeDeltas: true, ApplyUnbroadcastSet: true})
		if err != nil || got != (Imported{Accepted: 2, Refused: 1, Expired: 1, Known: 1}) {
			t.Errorf("imported %+v, %v", got, err)
		}
		l.holds(parent, child, known)
		if e := l.pool.Get(parent.TxHash()); e.Time.Unix() != at || !e.Unbroadcast {
			t.Errorf("parent: %+v", e)
		}
		if list := l.pool.Priorities(); len(list) != 2 || l.pool.Info(l.now).Unbroadcast != 1 {
			t.Errorf("priorities %+v", list)
		}
		l.open()
		l.holds(parent, child, known)
		if list := l.pool.Priorities(); len(list) != 2 || l.pool.Info(l.now).Unbroadcast != 1 {
			t.Errorf("after a restart: %+v", list)
		}

		// As Core's importmempool does unless told otherwise.
		other := newLab(t, DefaultPolicy())
		other.matured(4)
		got, err = other.pool.Import(file, other.now, ImportOptions{UseCurrentTime: true})
		if err != nil || got != (Imported{Accepted: 3, Refused: 2}) {
			t.Errorf("imported %+v, %v", got, err)
		}
		if e := other.pool.Get(parent.TxHash()); e.Time.Unix() != other.now.Unix() || e.Unbroadcast {
			t.Errorf("parent: %+v", e)
		}
	}
}

func TestImportDamaged(t *testing.T) {
	l := newLab(t, DefaultPolicy())
	tx := pay(1000, 1, l.matured(1)[0])
	file := coreFile([]byte{1, 2, 3, 4, 5, 6, 7, 8}, []dumpedTx{{tx, l.now.Unix(), 3}}, map[chainhash.Hash]int64{{1}: 7}, []chainhash.Hash{tx.TxHash()})
	for n := range file {
		if _, err := l.pool.Import(file[:n], l.now, ImportOptions{ApplyFeeDeltas: true}); !errors.Is(err, ErrDump) {
			t.Fatalf("%d of %d bytes: %v", n, len(file), err)
		}
	}
	l.holds()
	if _, err := l.pool.Import(append(slices.Clone(file), 1, 2, 3), l.now, ImportOptions{}); err != nil {
		t.Errorf("bytes behind the end: %v", err)
	}
	future := slices.Clone(file)
	future[0] = 3
	if _, err := l.pool.Import(future, l.now, ImportOptions{}); !errors.Is(err, ErrDump) {
		t.Errorf("version 3: %v", err)
	}
}

func FuzzReadDump(f *testing.F) {
	tx := pay(1000, 1, coin{op: wire.OutPoint{Index: 1}, value: 5000})
	f.Add(coreFile(nil, []dumpedTx{{tx, 1, 2}}, map[chainhash.Hash]int64{{1}: 7}, []chainhash.Hash{{2}}))
	f.Add(coreFile([]byte{1, 2, 3, 4, 5, 6, 7, 8}, []dumpedTx{{tx, 1, 2}}, nil, nil))
	f.Fuzz(func(t *testing.T, file []byte) {
		before := slices.Clone(file)
		d, err := readDump(file)
		if !bytes.Equal(file, before) {
			t.Error("the file was changed")
		}
		if err != nil {
			return
		}
		size := 0
		for _, tx := range d.txs {
			size += len(consensus.EncodeTx(tx.tx))
		}
		if size > len(file) {
			t.Errorf("%d bytes of transactions in %d", size, len(file))
		}
	})
}
