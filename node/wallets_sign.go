package node

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/address"
	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/descriptor"
	"github.com/lode-chain/lode/keys"
	"github.com/lode-chain/lode/rpc"
	"github.com/lode-chain/lode/wallet"
)

// registerSign adds the methods that sign transactions.
func (h *Host) registerSign(s *rpc.Server) {
	tx := rpc.Param{Name: "hexstring", Type: rpc.String, Help: "The transaction in hex"}
	prev := rpc.Param{Name: "prevtxs", Type: rpc.Array, Optional: true, Help: "Outputs that it spends and the chain does not know: txid, vout, scriptPubKey, redeemScript, witnessScript, amount"}
	sighash := rpc.Param{Name: "sighashtype", Type: rpc.String, Optional: true, Help: "DEFAULT, ALL, NONE or SINGLE, perhaps with |ANYONECANPAY (default DEFAULT: ALL where that is not taproot)"}
	registerCore(s, rpc.Method{
		Name: "signrawtransactionwithwallet", Summary: "Signs the inputs of a transaction that are the wallet's.",
		Params: []rpc.Param{tx, prev, sighash}, Example: `"hex"`, Handler: onWallet(h, (*coreWallet).signRaw),
	})
	s.Register(rpc.Method{
		Name: "signrawtransactionwithkey", Section: rpc.SectionRaw, Summary: "Signs the inputs of a transaction that keys are given for.",
		Params:  []rpc.Param{tx, {Name: "privkeys", Type: rpc.Array, Help: "In WIF"}, prev, sighash},
		Example: `"hex" ["key"]`, Handler: h.signRawWithKey,
	})
}

// spentCoin is an output that a transaction spends, with the scripts that the
// caller knows of it.
type spentCoin struct {
	wallet.Coin
	redeem, witness []byte
}

// spentCoins finds what a transaction spends: in the chain and the mempool, and
// among the outputs that the caller tells of (Core's FindCoins and
// ParsePrevouts).
func (h *Host) spentCoins(ctx context.Context, tx *wire.MsgTx, prev json.RawMessage) ([]spentCoin, error) {
	if err := h.pool.CatchUp(ctx); err != nil {
		return nil, err
	}
	coins := make([]spentCoin, len(tx.TxIn))
	ops := make([]wire.OutPoint, len(tx.TxIn))
	at := make(map[wire.OutPoint]int, len(tx.TxIn))
	for i, in := range tx.TxIn {
		ops[i], at[in.PreviousOutPoint] = in.PreviousOutPoint, i
		coins[i].OutPoint = in.PreviousOutPoint
	}
	found, _, err := h.chain.Coins(ops)
	if err != nil {
		return nil, err
	}
	for i := range coins {
		c := &coins[i]
		if found[i] != nil {
			c.Script, c.Value, c.Height = found[i].Script, consensus.Amount(found[i].Value), found[i].Height
		} else if e := h.pool.Get(ops[i].Hash); e != nil && uint64(ops[i].Index) < uint64(len(e.Tx.TxOut)) {
			out := e.Tx.TxOut[ops[i].Index]
			c.Script, c.Value, c.Height = out.PkScript, consensus.Amount(out.Value), wallet.Unconfirmed
		}
	}
	if prev == nil {
		return coins, nil
	}
	var list []json.RawMessage
	if err := json.Unmarshal(prev, &list); err != nil {
		return nil, rpc.CodeType.New(err.Error())
	}
	for _, item := range list {
		given, err := readPrevout(item)
		if err != nil {
			return nil, err
		}
		i, ok := at[given.OutPoint]
		if !ok {
			continue
		}
		if c := &coins[i]; len(c.Script) > 0 && !bytes.Equal(c.Script, given.Script) {
			return nil, rpc.Errorf(rpc.CodeDeserialization, "Previous output scriptPubKey mismatch:\n%s\nvs:\n%s", disassemble(c.Script, false), disassemble(given.Script, false))
		}
		if given.Value == 0 {
			given.Value = coins[i].Value
		}
		given.Height = coins[i].Height
		coins[i] = *given
	}
	return coins, nil
}

// readPrevout reads one output of prevtxs.
func readPrevout(item json.RawMessage) (*spentCoin, error) {
	if rpc.KindOf(item) != "object" {
		return nil, rpc.CodeDeserialization.New(`expected object with {"txid'","vout","scriptPubKey"}`)
	}
	var fields struct {
		TxID          *string         `json:"txid"`
		Vout          *int64          `json:"vout"`
		ScriptPubKey  *string         `json:"scriptPubKey"`
		RedeemScript  string          `json:"redeemScript"`
		WitnessScript string          `json:"witnessScript"`
		Amount        json.RawMessage `json:"amount"`
	}
	if err := json.Unmarshal(item, &fields); err != nil {
		return nil, rpc.CodeType.New(strings.TrimPrefix(err.Error(), "json: "))
	}
	for _, missing := range []struct {
		name string
		is   bool
	}{{"txid", fields.TxID == nil}, {"vout", fields.Vout == nil}, {"scriptPubKey", fields.ScriptPubKey == nil}} {
		if missing.is {
			return nil, rpc.Errorf(rpc.CodeType, "Missing %s", missing.name)
		}
	}
	hash, err := rpc.ParseHash(*fields.TxID, "txid")
	if err != nil {
		return nil, err
	}
	if *fields.Vout < 0 {
		return nil, rpc.CodeDeserialization.New("vout cannot be negative")
	}
	c := &spentCoin{}
	c.OutPoint = wire.OutPoint{Hash: hash, Index: uint32(*fields.Vout)}
	for _, part := range []struct {
		to   *[]byte
		text string
		name string
	}{{&c.Script, *fields.ScriptPubKey, "scriptPubKey"}, {&c.redeem, fields.RedeemScript, "redeemScript"}, {&c.witness, fields.WitnessScript, "witnessScript"}} {
		if *part.to, err = hex.DecodeString(part.text); err != nil {
			return nil, rpc.Errorf(rpc.CodeInvalidParameter, "%s must be hexadecimal string (not '%s')", part.name, clipped(part.text))
		}
	}
	if fields.Amount != nil {
		if c.Value, err = amountValue(fields.Amount); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// signError is one of the errors of a transaction that is not complete.
type signError struct {
	TxID      string   `json:"txid"`
	Vout      uint32   `json:"vout"`
	Witness   []string `json:"witness"`
	ScriptSig string   `json:"scriptSig"`
	Sequence  uint32   `json:"sequence"`
	Error     string   `json:"error"`
}

// signedTx is the reply of the methods that sign.
type signedTx struct {
	Hex      string      `json:"hex"`
	Complete bool        `json:"complete"`
	Errors   []signError `json:"errors,omitempty"`
}

// signCoins signs a transaction and verifies each input, as Core's
// SignTransaction does.
func (h *Host) signCoins(tx *wire.MsgTx, coins []spentCoin, kind uint32, solve func(c *spentCoin) (*descriptor.Output, error)) (any, error) {
	list := make([]wallet.Coin, len(coins))
	byOutPoint := make(map[wire.OutPoint]*spentCoin, len(coins))
	for i := range coins {
		list[i] = coins[i].Coin
		byOutPoint[coins[i].OutPoint] = &coins[i]
	}
	_, _, err := wallet.Sign(tx, list, func(c *wallet.Coin) (*descriptor.Output, error) { return solve(byOutPoint[c.OutPoint]) },
		wallet.SignOptions{SigHash: txscript.SigHashType(kind)})
	if err != nil {
		return nil, err
	}
	reply := signedTx{Hex: hexOf(tx)}
	spent := make([]*consensus.Coin, len(coins))
	for i := range coins {
		spent[i] = &consensus.Coin{Value: int64(coins[i].Value), Script: coins[i].Script}
	}
	checks := consensus.TxChecks(tx, spent, consensus.StandardFlags)
	for i := range coins {
		text := "Input not found or already spent"
		if len(coins[i].Script) > 0 {
			err := checks[i].Run()
			if err == nil {
				continue
			}
			text = scriptErrorText(err)
		}
		in := tx.TxIn[i]
		e := signError{
			TxID: in.PreviousOutPoint.Hash.String(), Vout: in.PreviousOutPoint.Index, Witness: []string{},
			ScriptSig: hex.EncodeToString(in.SignatureScript), Sequence: in.Sequence, Error: text,
		}
		for _, item := range in.Witness {
			e.Witness = append(e.Witness, hex.EncodeToString(item))
		}
		reply.Errors = append(reply.Errors, e)
	}
	reply.Complete = len(reply.Errors) == 0
	return reply, nil
}

// scriptErrorText is Core's text for an input that is not complete: the script's
// error, with a word about what it may come from.
func scriptErrorText(err error) string {
	text := err.Error()
	if refused, ok := errors.AsType[*consensus.Error](err); ok {
		text = strings.Trim(refused.Detail, " ()")
	}
	switch text {
	case "Operation not valid with the current stack size":
		return "Unable to sign input, invalid stack size (possibly missing key)"
	case "Signature must be zero for failed CHECK(MULTI)SIG operation":
		return "CHECK(MULTI)SIG failing with non-zero signature (possibly need more signatures)"
	}
	return text
}

// signParams reads the transaction and the sighash type.
func signParams(r *rpc.Request, sighash int) (*wire.MsgTx, uint32, error) {
	text, err := r.Text(0, "")
	if err != nil {
		return nil, 0, err
	}
	tx, err := decodeTx(text)
	if err != nil {
		return nil, 0, rpc.CodeDeserialization.New("TX decode failed. Make sure the tx has at least one input.")
	}
	name, err := r.Text(sighash, "DEFAULT")
	if err != nil {
		return nil, 0, err
	}
	kind, err := parseSighash(name)
	return tx, kind, err
}

// signRaw is signrawtransactionwithwallet.
func (c *coreWallet) signRaw(ctx context.Context, r *rpc.Request) (any, error) {
	tx, kind, err := signParams(r, 2)
	if err != nil {
		return nil, err
	}
	ring, err := c.ring(c.file, nil)
	if err != nil {
		return nil, err
	}
	defer ring.Close()
	coins, err := c.host.spentCoins(ctx, tx, r.Raw(1))
	if err != nil {
		return nil, err
	}
	return c.host.signCoins(tx, coins, kind, func(coin *spentCoin) (*descriptor.Output, error) {
		owner, mine := c.owns(c.file, coin.Script)
		if !mine {
			return nil, nil
		}
		at := coin.Coin
		at.Chain, at.Index = owner.Chain, owner.Index
		return ring.Solve(&at)
	})
}

// signRawWithKey is signrawtransactionwithkey.
func (h *Host) signRawWithKey(ctx context.Context, r *rpc.Request) (any, error) {
	tx, kind, err := signParams(r, 3)
	if err != nil {
		return nil, err
	}
	var texts []string
	if err := r.Decode(1, &texts); err != nil {
		return nil, err
	}
	var given []givenKey
	for _, text := range texts {
		key, compressed, err := address.DecodeWIF(text, h.params)
		if err != nil {
			return nil, rpc.CodeInvalidAddress.New("Invalid private key")
		}
		defer key.Zero()
		given = append(given, givenKey{key, compressed})
	}
	coins, err := h.spentCoins(ctx, tx, r.Raw(2))
	if err != nil {
		return nil, err
	}
	return h.signCoins(tx, coins, kind, func(coin *spentCoin) (*descriptor.Output, error) { return solveByKeys(coin, given) })
}

// givenKey is a private key, and the form of its public key.
type givenKey struct {
	private    *btcec.PrivateKey
	compressed bool
}

// solveByKeys returns how keys spend a coin, by the scripts that are told of it;
// of a script hash of one of the keys' P2WPKH programs it is known without (Core's
// FillableSigningProvider). A taproot output is tried as the one of a key alone
// (BIP86).
func solveByKeys(coin *spentCoin, given []givenKey) (*descriptor.Output, error) {
	known := descriptor.Output{Script: coin.Script, RedeemScript: coin.redeem, WitnessScript: coin.witness}
	for _, k := range given {
		pub := k.private.PubKey().SerializeUncompressed()
		if k.compressed {
			pub = k.private.PubKey().SerializeCompressed()
		}
		hash := address.Hash160(pub)
		if program := address.WitnessScript(0, hash[:]); k.compressed && len(known.RedeemScript) == 0 && bytes.Equal(address.ScriptHashScript(address.Hash160(program)), coin.Script) {
			known.RedeemScript = program
		}
		used := func(part []byte) bool {
			return bytes.Contains(coin.Script, part) || bytes.Contains(known.RedeemScript, part) || bytes.Contains(known.WitnessScript, part)
		}
		taproot := k.compressed && bytes.Equal(keys.Bech32m.Script(k.private.PubKey()), coin.Script)
		if taproot {
			known.InternalKey = pub[1:]
		}
		if taproot || used(pub) || used(hash[:]) {
			known.Keys = append(known.Keys, descriptor.NewKey(pub, [4]byte{}, nil, k.private))
		}
	}
	out, err := descriptor.OutputOfScripts(known)
	if errors.Is(err, descriptor.ErrMismatch) {
		return nil, rpc.CodeInvalidParameter.New("redeemScript/witnessScript does not match scriptPubKey")
	}
	return out, err
}
