package wallet

import (
	"bytes"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/descriptor"
	"github.com/lode-chain/lode/keys"
)

// SignKeys is Sign for coins of one key each, which keyOf returns. The error is an
// *InputError of the first input that cannot be signed: ErrKey where the key is
// not the coin's.
func SignKeys(tx *wire.MsgTx, coins []Coin, keyOf func(*Coin) (*btcec.PrivateKey, error)) error {
	_, errs, err := Sign(tx, coins, func(c *Coin) (*descriptor.Output, error) {
		key, err := keyOf(c)
		if err != nil {
			return nil, err
		}
		return outputOfKey(c.Script, key)
	}, SignOptions{})
	if err == nil && len(errs) > 0 {
		err = &errs[0]
	}
	return err
}

// outputOfKey is an output that one key can spend.
func outputOfKey(script []byte, key *btcec.PrivateKey) (*descriptor.Output, error) {
	pub := key.PubKey()
	t, ok := TypeOf(script)
	if !ok || !bytes.Equal(t.Script(pub), script) {
		return nil, ErrKey
	}
	out := &descriptor.Output{
		Script: script, RedeemScript: t.RedeemScript(pub), Type: t,
		Keys: []descriptor.Key{descriptor.NewKey(pub.SerializeCompressed(), [4]byte{}, nil, key)},
	}
	if t == keys.Bech32m {
		out.InternalKey = schnorr.SerializePubKey(pub)
	}
	return out, nil
}
