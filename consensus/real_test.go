package consensus

import (
	"bytes"
	"errors"
	"testing"
)

// TestMainnetBlock277647 applies a block of January 2014 to the coins that it
// spent, by mainnet's rules of then, with all of its scripts.
func TestMainnetBlock277647(t *testing.T) {
	var v struct {
		Height   int32
		Hash     string
		Block    string `json:"block_hex"`
		Fees     int64  `json:"total_fees"`
		Prevouts []struct {
			TxID     string
			Vout     uint32
			Height   int32
			Coinbase bool
			Amount   int64
			Script   string `json:"scriptPubKey"`
		}
	}
	readJSON(t, "vectors/blocks/mainnet_277647_with_prevouts.json.gz", &v)
	p := mainnet()
	raw := unhex(t, v.Block)
	block, err := DecodeBlock(raw)
	if err != nil {
		t.Fatal(err)
	}
	if block.BlockHash().String() != v.Hash || !bytes.Equal(EncodeBlock(block), raw) {
		t.Fatal("another block")
	}
	if err := CheckBlock(p, block); err != nil {
		t.Fatal(err)
	}
	header := HeaderContext{Height: v.Height, MedianTimePast: block.Header.Timestamp.Unix() - 3600}
	if err := CheckBlockContext(p, header, block); err != nil {
		t.Fatal(err)
	}
	coins := coinMap{}
	for _, c := range v.Prevouts {
		coins[outPoint(displayHash(t, c.TxID), c.Vout)] = &Coin{Value: c.Amount, Script: unhex(t, c.Script), Height: c.Height, Coinbase: c.Coinbase}
	}
	ctx := BlockContext{Height: v.Height, MedianTimePast: header.MedianTimePast}
	apply := func() (*Update, error) { return Apply(p, ctx, block, TxIDs(block), coins) }
	update, err := apply()
	if err != nil {
		t.Fatal(err)
	}
	inBlock := 0
	for _, tx := range update.Undo.Txs {
		inBlock += len(tx)
	}
	if update.Fees != v.Fees || len(update.Spent) != len(v.Prevouts) || len(update.Checks) != inBlock {
		t.Errorf("fees %d, want %d; %d coins spent, want %d", update.Fees, v.Fees, len(update.Spent), len(v.Prevouts))
	}
	if got := update.Checks[0].Flags(); got != VerifyP2SH|VerifyWitness {
		t.Errorf("flags %#x: strict signatures and the lock-time opcodes came later", got)
	}
	checks := update.Checks
	if brief() {
		checks = checks[:50]
	}
	if err := runChecks(checks); err != nil {
		t.Error(err)
	}
	remove, restore, err := Revert(block, TxIDs(block), &update.Undo)
	if err != nil || len(remove) != len(update.Created) || len(restore) != len(update.Spent) {
		t.Errorf("taking it back removes %d and restores %d coins: %v", len(remove), len(restore), err)
	}

	// The coinbase took every fee.
	block.Transactions[0].TxOut[0].Value++
	_, err = apply()
	wantKind(t, err, BadCbAmount)
	block.Transactions[0].TxOut[0].Value--
	// The last transaction's first input is signed for what it is.
	last := block.Transactions[len(block.Transactions)-1]
	last.TxOut[0].Value--
	update, err = apply()
	if err != nil {
		t.Fatal(err)
	}
	wantKind(t, update.Checks[len(update.Checks)-1].Run(), ScriptMandatory)
	last.TxOut[0].Value++
	delete(coins, last.TxIn[0].PreviousOutPoint)
	if _, err := apply(); !errors.Is(err, BadTxnsInputsMissingOrSpent) {
		t.Errorf("a coin gone: %v", err)
	}
}

// TestMainnetBlock413567 reads a block of 999,887 bytes, one of 2016's fullest,
// and checks all that needs no coins.
func TestMainnetBlock413567(t *testing.T) {
	raw := readFile(t, "vectors/blocks/block413567.raw.gz")
	p := mainnet()
	block, err := DecodeBlock(raw)
	if err != nil {
		t.Fatal(err)
	}
	const hash = "0000000000000000025aff8be8a55df8f89c77296db6198f272d6577325d4069"
	if got := block.BlockHash().String(); got != hash {
		t.Errorf("hash %s", got)
	}
	if len(raw) != 999_887 || len(block.Transactions) != 1557 || !bytes.Equal(EncodeBlock(block), raw) {
		t.Errorf("%d bytes, %d transactions", len(raw), len(block.Transactions))
	}
	if err := CheckBlock(p, block); err != nil {
		t.Error(err)
	}
	ctx := HeaderContext{Height: 413_567, MedianTimePast: block.Header.Timestamp.Unix() - 3600}
	if err := CheckBlockContext(p, ctx, block); err != nil {
		t.Error(err)
	}
	if got := BlockWeight(block); got != 4*999_887 {
		t.Errorf("weight %d", got)
	}
	ctx.Height++
	wantKind(t, CheckBlockContext(p, ctx, block), BadCbHeight)

	// One byte of one transaction, and two of them exchanged.
	tx := block.Transactions[777]
	tx.LockTime ^= 1
	expectMutated(t, CheckBlock(p, block), BadTxnMrklRoot)
	tx.LockTime ^= 1
	txs := block.Transactions
	txs[3], txs[4] = txs[4], txs[3]
	expectMutated(t, CheckBlock(p, block), BadTxnMrklRoot)
	txs[3], txs[4] = txs[4], txs[3]
	// The last of an odd number of transactions repeated: the same root.
	block.Transactions = append(txs, txs[len(txs)-1])
	if root, _ := MerkleRoot(TxIDs(block)); root != block.Header.MerkleRoot {
		t.Fatal("the root changed")
	}
	expectMutated(t, CheckBlock(p, block), BadTxnsDuplicate)
	block.Transactions = txs
	block.Header.Nonce++
	wantKind(t, CheckBlock(p, block), HighHash)
}

// expectMutated expects a refusal that is not held against the block's hash.
func expectMutated(t *testing.T, err error, kind Kind) {
	t.Helper()
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Kind != kind || !e.Mutated {
		t.Errorf("%v, want %s", err, kind)
	}
}
