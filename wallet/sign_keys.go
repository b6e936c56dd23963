package wallet

import (
	"bytes"
	"fmt"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/keys"
)

// SignKeys signs all inputs of a transaction with one key each. coins are those that it spends, in
// the order of its inputs; keyOf returns the private key of one of them.
func SignKeys(tx *wire.MsgTx, coins []Coin, keyOf func(*Coin) (*btcec.PrivateKey, error)) error {
	if len(coins) != len(tx.TxIn) {
		return fmt.Errorf("%d coins for %d inputs", len(coins), len(tx.TxIn))
	}
	outs := make(map[wire.OutPoint]*wire.TxOut, len(coins))
	for i := range coins {
		outs[coins[i].OutPoint] = wire.NewTxOut(int64(coins[i].Value), coins[i].Script)
	}
	fetcher := txscript.NewMultiPrevOutFetcher(outs)
	hashes := txscript.NewTxSigHashes(tx, fetcher)
	for i := range coins {
		c := &coins[i]
		if tx.TxIn[i].PreviousOutPoint != c.OutPoint {
			return fmt.Errorf("input %d does not spend coin %s", i, c.OutPoint)
		}
		key, err := keyOf(c)
		if err != nil {
			return err
		}
		if err := signInput(tx, i, c, key, hashes); err != nil {
			return fmt.Errorf("sign input %d: %w", i, err)
		}
	}
	return nil
}

func signInput(tx *wire.MsgTx, i int, c *Coin, key *btcec.PrivateKey, hashes *txscript.TxSigHashes) error {
	t, ok := TypeOf(c.Script)
	if !ok || !bytes.Equal(t.Script(key.PubKey()), c.Script) {
		return ErrKey
	}
	in := tx.TxIn[i]
	var err error
	switch t {
	case keys.Legacy:
		in.SignatureScript, err = txscript.SignatureScript(tx, i, c.Script, txscript.SigHashAll, key, true)
	case keys.P2SHSegwit:
		program := t.RedeemScript(key.PubKey())
		in.SignatureScript = append([]byte{byte(len(program))}, program...)
		in.Witness, err = txscript.WitnessSignature(tx, hashes, i, int64(c.Value), program, txscript.SigHashAll, key, true)
	case keys.Bech32:
		in.Witness, err = txscript.WitnessSignature(tx, hashes, i, int64(c.Value), c.Script, txscript.SigHashAll, key, true)
	case keys.Bech32m:
		in.Witness, err = txscript.TaprootWitnessSignature(tx, hashes, i, int64(c.Value), c.Script, txscript.SigHashDefault, key)
	}
	return err
}
