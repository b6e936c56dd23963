package node

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"

	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/address"
	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/network"
	"github.com/lode-chain/lode/rpc"
)

// rawInput is an input as Core's methods take it.
type rawInput struct {
	TxID     *string     `json:"txid"`
	Vout     json.Number `json:"vout"`
	Sequence json.Number `json:"sequence"`
	Weight   json.Number `json:"weight"` // of walletcreatefundedpsbt; not used
}

// Sequences of inputs (Core's rawtransaction_util.cpp).
const (
	sequenceReplaceable = wire.MaxTxInSequenceNum - 2
	sequenceNonFinal    = wire.MaxTxInSequenceNum - 1
)

// rawTransaction makes an unsigned transaction of parameters i to i+3: inputs,
// outputs, lock time and whether it may be replaced (Core's
// ConstructTransaction).
func (h *Host) rawTransaction(r *rpc.Request, i int, replaceable *bool) (*wire.MsgTx, error) {
	tx := wire.NewMsgTx(2)
	if r.Has(i + 2) {
		lock, err := r.Int(i+2, 0)
		if err != nil {
			return nil, err
		}
		if lock < 0 || lock > math.MaxUint32 {
			return nil, rpc.CodeInvalidParameter.New("Invalid parameter, locktime out of range")
		}
		tx.LockTime = uint32(lock)
	}
	if err := addRawInputs(tx, r, i, replaceable); err != nil {
		return nil, err
	}
	outputs, err := rawOutputs(r.Raw(i+1), h.params)
	if err != nil {
		return nil, err
	}
	for _, out := range outputs {
		tx.AddTxOut(wire.NewTxOut(int64(out.amount), out.script))
	}
	if replaceable != nil && *replaceable && len(tx.TxIn) > 0 && !signalsReplacement(tx) {
		return nil, rpc.CodeInvalidParameter.New("Invalid parameter combination: Sequence number(s) contradict replaceable option")
	}
	return tx, nil
}

func signalsReplacement(tx *wire.MsgTx) bool {
	for _, in := range tx.TxIn {
		if in.Sequence <= sequenceReplaceable {
			return true
		}
	}
	return false
}

func addRawInputs(tx *wire.MsgTx, r *rpc.Request, i int, replaceable *bool) error {
	var list []json.RawMessage
	if err := r.Decode(i, &list); err != nil {
		return err
	}
	for _, raw := range list {
		if err := addRawInput(tx, raw, replaceable); err != nil {
			return err
		}
	}
	return nil
}

// addRawInput adds an input to a transaction whose lock time is set (Core's
// AddInputs).
func addRawInput(tx *wire.MsgTx, raw json.RawMessage, replaceable *bool) error {
	var in rawInput
	if err := json.Unmarshal(raw, &in); err != nil {
		return rpc.Errorf(rpc.CodeType, "JSON value of type %s is not of expected type object", rpc.KindOf(raw))
	}
	if in.TxID == nil {
		return rpc.CodeType.New("JSON value of type null is not of expected type string")
	}
	txid, err := rpc.ParseHash(*in.TxID, "txid")
	if err != nil {
		return err
	}
	if in.Vout == "" {
		return rpc.CodeInvalidParameter.New("Invalid parameter, missing vout key")
	}
	vout, err := in.Vout.Int64()
	switch {
	case err != nil || vout > math.MaxInt32:
		return rpc.CodeMisc.New("JSON integer out of range")
	case vout < 0:
		return rpc.CodeInvalidParameter.New("Invalid parameter, vout cannot be negative")
	}
	sequence := uint32(sequenceReplaceable)
	if replaceable != nil && !*replaceable {
		if sequence = wire.MaxTxInSequenceNum; tx.LockTime != 0 {
			sequence = sequenceNonFinal
		}
	}
	if in.Sequence != "" {
		given, err := in.Sequence.Int64()
		if err != nil || given < 0 || given > math.MaxUint32 {
			return rpc.CodeInvalidParameter.New("Invalid parameter, sequence number is out of range")
		}
		sequence = uint32(given)
	}
	tx.AddTxIn(&wire.TxIn{PreviousOutPoint: wire.OutPoint{Hash: txid, Index: uint32(vout)}, Sequence: sequence})
	return nil
}

// rawOutput is one output of Core's methods: to an address, or of data.
type rawOutput struct {
	name   string
	amount consensus.Amount
	script []byte
	data   bool
}

// rawOutputs reads outputs as an object, or as a list of objects of one field
// each (Core's ParseOutputs).
func rawOutputs(raw json.RawMessage, p *network.Params) ([]rawOutput, error) {
	if raw == nil {
		return nil, rpc.CodeInvalidParameter.New("Invalid parameter, output argument must be non-null")
	}
	var fields []outputField
	if rpc.KindOf(raw) == "object" {
		fields = outputFields(raw)
	} else {
		var list []json.RawMessage
		if err := json.Unmarshal(raw, &list); err != nil {
			return nil, rpc.Errorf(rpc.CodeType, "JSON value of type %s is not of expected type array", rpc.KindOf(raw))
		}
		for _, item := range list {
			if rpc.KindOf(item) != "object" {
				return nil, rpc.CodeInvalidParameter.New("Invalid parameter, key-value pair not an object as expected")
			}
			one := outputFields(item)
			if len(one) != 1 {
				return nil, rpc.CodeInvalidParameter.New("Invalid parameter, key-value pair must contain exactly one key")
			}
			fields = append(fields, one[0])
		}
	}
	return parseOutputs(fields, p)
}

func parseOutputs(fields []outputField, p *network.Params) ([]rawOutput, error) {
	var outputs []rawOutput
	seen := make(map[string]bool)
	for _, f := range fields {
		if f.name == "data" {
			if seen["data"] {
				return nil, rpc.CodeInvalidParameter.New("Invalid parameter, duplicate key: data")
			}
			seen["data"] = true
			script, err := dataScript(f.value)
			if err != nil {
				return nil, err
			}
			outputs = append(outputs, rawOutput{name: f.name, script: script, data: true})
			continue
		}
		script, err := address.Decode(f.name, p)
		if err != nil {
			return nil, rpc.Errorf(rpc.CodeInvalidAddress, "Invalid Bitcoin address: %s", f.name)
		}
		if seen[string(script)] {
			return nil, rpc.Errorf(rpc.CodeInvalidParameter, "Invalid parameter, duplicated address: %s", f.name)
		}
		seen[string(script)] = true
		amount, err := amountValue(f.value)
		if err != nil {
			return nil, err
		}
		outputs = append(outputs, rawOutput{name: f.name, amount: amount, script: script})
	}
	return outputs, nil
}

// dataScript is the script of an output that carries data (OP_RETURN).
func dataScript(raw json.RawMessage) ([]byte, error) {
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return nil, rpc.Errorf(rpc.CodeType, "JSON value of type %s is not of expected type string", rpc.KindOf(raw))
	}
	data, err := hex.DecodeString(text)
	if err != nil || len(data) == 0 && text != "" {
		return nil, rpc.Errorf(rpc.CodeInvalidParameter, "Data must be hexadecimal string (not '%s')", text)
	}
	script, err := txscript.NewScriptBuilder().AddOp(txscript.OP_RETURN).AddFullData(data).Script()
	if err != nil {
		return nil, fmt.Errorf("data of an output: %w", err)
	}
	return script, nil
}

// outputField is a field of an object, which may have the same name twice.
type outputField struct {
	name  string
	value json.RawMessage
}

// outputFields reads an object with its fields in order.
func outputFields(object json.RawMessage) (fields []outputField) {
	d := json.NewDecoder(bytes.NewReader(object))
	if _, err := d.Token(); err != nil {
		return nil
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return fields
		}
		f := outputField{name: name.(string)} // the server has parsed it once
		if err := d.Decode(&f.value); err != nil {
			return fields
		}
		fields = append(fields, f)
	}
	return fields
}

// replaceable reads parameter i, which may be left out.
func replaceable(r *rpc.Request, i int) (*bool, error) {
	if !r.Has(i) {
		return nil, nil
	}
	v, err := r.Flag(i, true)
	return &v, err
}

func (h *Host) createRawTransaction(_ context.Context, r *rpc.Request) (any, error) {
	tx, err := h.unsignedOf(r)
	if err != nil {
		return nil, err
	}
	return hex.EncodeToString(consensus.EncodeTx(tx)), nil
}

// unsignedOf makes the transaction of the parameters of createrawtransaction and
// createpsbt.
func (h *Host) unsignedOf(r *rpc.Request) (*wire.MsgTx, error) {
	replace, err := replaceable(r, 3)
	if err != nil {
		return nil, err
	}
	return h.rawTransaction(r, 0, replace)
}
