package node

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/address"
	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/descriptor"
	"github.com/lode-chain/lode/network"
	"github.com/lode-chain/lode/rpc"
)

// The shapes of transactions in Core's replies (core_write.cpp, TxToUniv): the
// order of the fields is Core's too.
type (
	txJSON struct {
		InActiveChain *bool       `json:"in_active_chain,omitempty"` // of getrawtransaction with a block
		TxID          string      `json:"txid"`
		Hash          string      `json:"hash"`
		Version       uint32      `json:"version"`
		Size          int         `json:"size"`
		VSize         int64       `json:"vsize"`
		Weight        int64       `json:"weight"`
		LockTime      uint32      `json:"locktime"`
		Vin           []vinJSON   `json:"vin"`
		Vout          []voutJSON  `json:"vout"`
		Fee           *rpc.Amount `json:"fee,omitempty"`
		Hex           string      `json:"hex,omitempty"`
		BlockHash     string      `json:"blockhash,omitempty"`
		Confirmations *int32      `json:"confirmations,omitempty"`
		Time          int64       `json:"time,omitempty"`
		BlockTime     int64       `json:"blocktime,omitempty"`
	}
	vinJSON struct {
		Coinbase    *string      `json:"coinbase,omitempty"`
		TxID        string       `json:"txid,omitempty"`
		Vout        *uint32      `json:"vout,omitempty"`
		ScriptSig   *scriptSig   `json:"scriptSig,omitempty"`
		TxInWitness []string     `json:"txinwitness,omitempty"`
		Prevout     *prevoutJSON `json:"prevout,omitempty"`
		Sequence    uint32       `json:"sequence"`
	}
	scriptSig struct {
		Asm string `json:"asm"`
		Hex string `json:"hex"`
	}
	prevoutJSON struct {
		Generated    bool       `json:"generated"`
		Height       int32      `json:"height"`
		Value        rpc.Amount `json:"value"`
		ScriptPubKey scriptJSON `json:"scriptPubKey"`
	}
	voutJSON struct {
		Value        rpc.Amount `json:"value"`
		N            int        `json:"n"`
		ScriptPubKey scriptJSON `json:"scriptPubKey"`
	}
	scriptJSON struct {
		Asm     string  `json:"asm"`
		Desc    string  `json:"desc"`
		Hex     *string `json:"hex,omitempty"`
		Address string  `json:"address,omitempty"`
		Type    string  `json:"type"`
	}
)

// describeScript is Core's ScriptToUniv with the script's hex.
func describeScript(script []byte, p *network.Params) scriptJSON {
	h := hex.EncodeToString(script)
	j := scriptJSON{
		Asm: disassemble(script, false), Desc: descriptor.Infer(script, p), Hex: &h,
		Type: address.KindOf(script).CoreName(),
	}
	j.Address, _ = address.Encode(script, p)
	return j
}

// describeTx is Core's TxToUniv. With the coins that the transaction spends it
// has the fee, and with prevouts each input says what it spends.
func describeTx(tx *wire.MsgTx, p *network.Params, coins []consensus.Coin, prevouts bool) txJSON {
	j := txJSON{
		TxID: tx.TxHash().String(), Hash: tx.WitnessHash().String(), Version: uint32(tx.Version),
		Size: tx.SerializeSize(), VSize: consensus.VSize(tx), Weight: consensus.Weight(tx), LockTime: tx.LockTime,
		Vin: make([]vinJSON, len(tx.TxIn)), Vout: make([]voutJSON, len(tx.TxOut)),
	}
	coinbase := consensus.IsCoinbase(tx)
	known := coins != nil && !coinbase
	var in, out int64
	for i, input := range tx.TxIn {
		v := vinJSON{Sequence: input.Sequence}
		for _, item := range input.Witness {
			v.TxInWitness = append(v.TxInWitness, hex.EncodeToString(item))
		}
		if script := hex.EncodeToString(input.SignatureScript); coinbase {
			v.Coinbase = &script
		} else {
			v.TxID, v.Vout = input.PreviousOutPoint.Hash.String(), &input.PreviousOutPoint.Index
			v.ScriptSig = &scriptSig{disassemble(input.SignatureScript, true), script}
		}
		if known {
			in += coins[i].Value
			if prevouts {
				v.Prevout = &prevoutJSON{
					coins[i].Coinbase, coins[i].Height, rpc.Amount(coins[i].Value), describeScript(coins[i].Script, p),
				}
			}
		}
		j.Vin[i] = v
	}
	for i, output := range tx.TxOut {
		out += output.Value
		j.Vout[i] = voutJSON{rpc.Amount(output.Value), i, describeScript(output.PkScript, p)}
	}
	if known {
		fee := rpc.Amount(in - out)
		j.Fee = &fee
	}
	return j
}

// sighashNames are the hash types that Core names in the asm of a scriptSig.
var sighashNames = map[byte]string{
	0x01: "[ALL]", 0x02: "[NONE]", 0x03: "[SINGLE]",
	0x81: "[ALL|ANYONECANPAY]", 0x82: "[NONE|ANYONECANPAY]", 0x83: "[SINGLE|ANYONECANPAY]",
}

// disassemble is Core's ScriptToAsmStr. With signatures, the hash type of what
// looks like a signature is named.
func disassemble(script []byte, signatures bool) string {
	signatures = signatures && !consensus.Unspendable(script)
	var words []string
	t := txscript.MakeScriptTokenizer(0, script)
	for t.Next() {
		op, data := t.Opcode(), t.Data()
		switch {
		case op > txscript.OP_PUSHDATA4:
			words = append(words, opName(op))
		case len(data) <= 4:
			words = append(words, strconv.FormatInt(scriptNumber(data), 10))
		case signatures && looksLikeSignature(data):
			last := len(data) - 1
			words = append(words, hex.EncodeToString(data[:last])+sighashNames[data[last]])
		default:
			words = append(words, hex.EncodeToString(data))
		}
	}
	if t.Err() != nil {
		words = append(words, "[error]")
	}
	return strings.Join(words, " ")
}

// scriptNumber reads up to four bytes as a number of Bitcoin's script: little
// endian, the top bit of the last byte is the sign.
func scriptNumber(data []byte) int64 {
	if len(data) == 0 {
		return 0
	}
	var n int64
	for i, b := range data {
		n |= int64(b) << (8 * i)
	}
	if sign := int64(0x80) << (8 * (len(data) - 1)); n&sign != 0 {
		return -(n &^ sign)
	}
	return n
}

// looksLikeSignature is Core's CheckSignatureEncoding under STRICTENC: strict
// DER (BIP66) and a hash type that exists.
func looksLikeSignature(sig []byte) bool {
	if len(sig) < 9 || len(sig) > 73 || sig[0] != 0x30 || int(sig[1]) != len(sig)-3 {
		return false
	}
	lenR := int(sig[3])
	if 5+lenR >= len(sig) {
		return false
	}
	lenS := int(sig[5+lenR])
	if lenR+lenS+7 != len(sig) {
		return false
	}
	integer := func(tag byte, b []byte) bool {
		return tag == 0x02 && len(b) > 0 && b[0]&0x80 == 0 && (len(b) == 1 || b[0] != 0 || b[1]&0x80 != 0)
	}
	_, named := sighashNames[sig[len(sig)-1]]
	return named && integer(sig[2], sig[4:4+lenR]) && integer(sig[4+lenR], sig[6+lenR:6+lenR+lenS])
}

// opNames are the names of the opcodes from OP_NOP (0x61) on (Core's GetOpName).
var opNames = strings.Fields(`
	NOP VER IF NOTIF VERIF VERNOTIF ELSE ENDIF VERIFY RETURN TOALTSTACK FROMALTSTACK 2DROP 2DUP 3DUP 2OVER 2ROT 2SWAP
	IFDUP DEPTH DROP DUP NIP OVER PICK ROLL ROT SWAP TUCK CAT SUBSTR LEFT RIGHT SIZE INVERT AND OR XOR EQUAL EQUALVERIFY
	RESERVED1 RESERVED2 1ADD 1SUB 2MUL 2DIV NEGATE ABS NOT 0NOTEQUAL ADD SUB MUL DIV MOD LSHIFT RSHIFT BOOLAND BOOLOR
	NUMEQUAL NUMEQUALVERIFY NUMNOTEQUAL LESSTHAN GREATERTHAN LESSTHANOREQUAL GREATERTHANOREQUAL MIN MAX WITHIN
	RIPEMD160 SHA1 SHA256 HASH160 HASH256 CODESEPARATOR CHECKSIG CHECKSIGVERIFY CHECKMULTISIG CHECKMULTISIGVERIFY
	NOP1 CHECKLOCKTIMEVERIFY CHECKSEQUENCEVERIFY NOP4 NOP5 NOP6 NOP7 NOP8 NOP9 NOP10 CHECKSIGADD`)

// opName is the name of an opcode that pushes no data of its own.
func opName(op byte) string {
	switch {
	case op == txscript.OP_1NEGATE:
		return "-1"
	case op >= txscript.OP_1 && op <= txscript.OP_16:
		return strconv.Itoa(int(op-txscript.OP_1) + 1)
	case op == txscript.OP_RESERVED:
		return "OP_RESERVED"
	case op == 0xff:
		return "OP_INVALIDOPCODE"
	case op >= txscript.OP_NOP && int(op-txscript.OP_NOP) < len(opNames):
		return "OP_" + opNames[op-txscript.OP_NOP]
	}
	return "OP_UNKNOWN"
}

// hex8 writes a number as eight hex digits.
func hex8(n uint32) string { return fmt.Sprintf("%08x", n) }
