package consensus

import (
	"bytes"
	"encoding/hex"
	"errors"
	"reflect"
	"testing"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"
)

var someCoins = []Coin{
	{Value: 0, Script: []byte{}, Height: 0},
	{Value: 50 * coin, Script: []byte{0x51}, Height: 1, Coinbase: true},
	{Value: int64(MaxMoney), Script: bytes.Repeat([]byte{7}, 10_000), Height: 1<<31 - 1},
}

func TestCoinEncoding(t *testing.T) {
	for _, c := range someCoins {
		b := EncodeCoin(nil, &c)
		got, err := DecodeCoin(b)
		if err != nil || !bytes.Equal(got.Script, c.Script) || got.Value != c.Value || got.Height != c.Height || got.Coinbase != c.Coinbase {
			t.Errorf("%+v, %v, want %+v", got, err, c)
		}
		for i := range min(len(b), 20) {
			if _, err := DecodeCoin(b[:i]); !errors.Is(err, ErrEncoding) {
				t.Errorf("cut off after %d bytes: %v", i, err)
			}
		}
		if _, err := DecodeCoin(append(b, 0)); !errors.Is(err, ErrEncoding) {
			t.Errorf("a byte too many: %v", err)
		}
	}
	// A value above what can exist.
	if _, err := DecodeCoin(EncodeCoin(nil, &Coin{Value: int64(MaxMoney) + 1})); !errors.Is(err, ErrEncoding) {
		t.Errorf("too large a value: %v", err)
	}
	if size := len(EncodeCoin(nil, &Coin{Value: coin, Script: make([]byte, 22), Height: 200})); size > 30 {
		t.Errorf("a P2WPKH coin takes %d bytes", size)
	}
}

func TestUndoEncoding(t *testing.T) {
	undo := &Undo{Txs: [][]Coin{someCoins[:1], {}, someCoins[1:]}}
	b := undo.Encode(nil)
	got, err := DecodeUndo(b)
	if err != nil || !reflect.DeepEqual(got, undo) {
		t.Errorf("%+v, %v", got, err)
	}
	for i := range min(len(b), 40) {
		if _, err := DecodeUndo(b[:i]); !errors.Is(err, ErrEncoding) {
			t.Errorf("cut off after %d bytes: %v", i, err)
		}
	}
	if _, err := DecodeUndo(append(b, 0)); !errors.Is(err, ErrEncoding) {
		t.Errorf("a byte too many: %v", err)
	}
	if _, err := DecodeUndo([]byte{0xff, 0xff, 0xff, 0xff, 0x0f, 0}); !errors.Is(err, ErrEncoding) {
		t.Errorf("a huge count: %v", err)
	}
}

// TestAppendUTXO compares with the form that Core hashes.
func TestAppendUTXO(t *testing.T) {
	op := wire.OutPoint{Hash: chainhash.Hash{1, 2}, Index: 3}
	got := AppendUTXO(nil, op, &Coin{Value: 5, Script: []byte{0x51, 0x52}, Height: 100, Coinbase: true})
	want := "0102" + hex.EncodeToString(make([]byte, 30)) + "03000000" + "c9000000" + "0500000000000000" + "025152"
	if hex.EncodeToString(got) != want {
		t.Errorf("%x, want %s", got, want)
	}
}

func TestErrorText(t *testing.T) {
	e := &Error{Kind: BadVersion, Detail: "(0x00000001)", Debug: "rejected nVersion=0x00000001 block"}
	if got, want := e.Error(), "bad-version(0x00000001), rejected nVersion=0x00000001 block"; got != want {
		t.Errorf("%q", got)
	}
	if e.Reject() != "bad-version(0x00000001)" || !errors.Is(e, BadVersion) || errors.Is(e, HighHash) {
		t.Errorf("%q", e.Reject())
	}
	if SortOf(errors.New("disk")) != Local || SortOf(&Error{Sort: NotYet}) != NotYet || Kind("x").Error() != "x" {
		t.Error("sorts")
	}
	if Invalid.String() != "invalid" || NotYet.String() != "not yet" || Local.String() != "local failure" {
		t.Error("names of sorts")
	}
}

func FuzzDecodeUndo(f *testing.F) {
	f.Add((&Undo{Txs: [][]Coin{someCoins[:2], {}}}).Encode(nil))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		undo, err := DecodeUndo(b)
		if err != nil {
			return
		}
		again, err := DecodeUndo(undo.Encode(nil))
		if err != nil || !reflect.DeepEqual(again, undo) {
			t.Errorf("%+v becomes %+v, %v", undo, again, err)
		}
	})
}

func FuzzDecodeTx(f *testing.F) {
	tx := spendOne(wire.OutPoint{Index: 1}, 5)
	f.Add(EncodeTx(tx))
	tx.TxIn[0].Witness = wire.TxWitness{{1}, {}}
	f.Add(EncodeTx(tx))
	f.Fuzz(func(t *testing.T, b []byte) {
		tx, err := DecodeTx(b)
		if err != nil {
			return
		}
		if again := EncodeTx(tx); !bytes.Equal(again, b) {
			t.Errorf("%x becomes %x", b, again)
		}
		// None of these may fail on anything that can be decoded.
		_ = CheckTransaction(tx)
		_, _, _ = Weight(tx), IsCoinbase(tx), saneScripts(tx)
		coins := make([]*Coin, len(tx.TxIn))
		for i := range coins {
			coins[i] = &Coin{Script: tx.TxIn[i].SignatureScript}
		}
		for _, c := range TxChecks(tx, coins, StandardFlags) {
			_ = c.Run()
		}
		if !IsCoinbase(tx) {
			_ = SigOpCost(tx, coins, StandardFlags)
		}
	})
}
