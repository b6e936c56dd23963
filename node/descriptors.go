package node

import (
	"context"
	"encoding/hex"
	"errors"
	"strings"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/txscript/v2"

	"github.com/lode-chain/lode/address"
	"github.com/lode-chain/lode/descriptor"
	"github.com/lode-chain/lode/keys"
	"github.com/lode-chain/lode/rpc"
)

// registerDescriptors adds the methods about descriptors, keys and signed
// messages that need no wallet.
func (h *Host) registerDescriptors(s *rpc.Server) {
	text := rpc.Param{Name: "descriptor", Type: rpc.String, Help: "The descriptor"}
	s.Register(rpc.Method{
		Name: "getdescriptorinfo", Section: rpc.SectionUtil, Summary: "Analyses a descriptor: its public form, its checksum, and what can be done with it.",
		Params: []rpc.Param{text}, Example: `"wpkh(02f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9)"`, Handler: h.getDescriptorInfo,
	})
	s.Register(rpc.Method{
		Name: "deriveaddresses", Section: rpc.SectionUtil, Summary: "Returns the addresses of a descriptor, which must have its checksum.",
		Params:  []rpc.Param{text, {Name: "range", Type: rpc.Any, Optional: true, Help: "Of a ranged descriptor: the last index, or [first,last]"}},
		Example: `"wpkh(02f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9)#8zl0zxma"`, Handler: h.deriveAddresses,
	})
	s.Register(rpc.Method{
		Name: "createmultisig", Section: rpc.SectionUtil, Summary: "Makes an address whose coins need the signatures of several keys.",
		Params: []rpc.Param{
			{Name: "nrequired", Type: rpc.Number, Help: "How many signatures are needed"},
			{Name: "keys", Type: rpc.Array, Help: "The public keys in hex"},
			{Name: "address_type", Type: rpc.String, Optional: true, Help: "legacy (the default), p2sh-segwit or bech32"},
		},
		Example: `2 ["key","key"]`, Handler: h.createMultisig,
	})
	s.Register(rpc.Method{
		Name: "signmessagewithprivkey", Section: rpc.SectionUtil, Summary: "Signs a message with a private key.",
		Params:  []rpc.Param{{Name: "privkey", Type: rpc.String, Help: "The private key"}, {Name: "message", Type: rpc.String, Help: "The message"}},
		Example: `"key" "message"`, Handler: h.signMessageWithKey,
	})
	s.Register(rpc.Method{
		Name: "verifymessage", Section: rpc.SectionUtil, Summary: "Tells whether a message was signed with the key of an address.",
		Params: []rpc.Param{
			{Name: "address", Type: rpc.String, Help: "The address, of a key's hash (P2PKH)"},
			{Name: "signature", Type: rpc.String, Help: "The signature in base64"},
			{Name: "message", Type: rpc.String, Help: "The message"},
		},
		Example: `"address" "signature" "message"`, Handler: h.verifyMessage,
	})
}

type descriptorInfo struct {
	Descriptor string `json:"descriptor"`
	Checksum   string `json:"checksum"`
	Range      bool   `json:"isrange"`
	Solvable   bool   `json:"issolvable"`
	HasPrivate bool   `json:"hasprivatekeys"`
}

func (h *Host) getDescriptorInfo(_ context.Context, r *rpc.Request) (any, error) {
	text, err := r.Text(0, "")
	if err != nil {
		return nil, err
	}
	d, err := descriptor.Parse(text, h.params)
	if err != nil {
		return nil, descriptorError(err, false)
	}
	body, _, _ := strings.Cut(text, "#")
	return descriptorInfo{
		Descriptor: d.String(), Checksum: descriptor.Checksum(body), Range: d.Ranged(), Solvable: d.Solvable(), HasPrivate: d.HasPrivate(),
	}, nil
}

func (h *Host) deriveAddresses(ctx context.Context, r *rpc.Request) (any, error) {
	text, err := r.Text(0, "")
	if err != nil {
		return nil, err
	}
	var first, last uint32
	if r.Has(1) {
		if first, last, err = parseRange(r.Raw(1)); err != nil {
			return nil, err
		}
	}
	d, err := descriptor.ParseChecked(text, h.params)
	switch {
	case err != nil:
		return nil, descriptorError(err, false)
	case !d.Ranged() && r.Has(1):
		return nil, rpc.CodeInvalidParameter.New("Range should not be specified for an un-ranged descriptor")
	case d.Ranged() && !r.Has(1):
		return nil, rpc.CodeInvalidParameter.New("Range must be specified for a ranged descriptor")
	}
	addresses := []string{}
	for i := first; i <= last; i++ {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		scripts, err := d.Scripts(i)
		if err != nil {
			return nil, descriptorError(err, false)
		}
		for _, script := range scripts {
			a, ok := address.Encode(script, h.params)
			switch {
			case ok:
				addresses = append(addresses, a)
			case len(scripts) > 1 && address.KindOf(script) == address.P2PK: // combo() has one without
			default:
				return nil, rpc.CodeInvalidAddress.New("Descriptor does not have a corresponding address")
			}
		}
	}
	return addresses, nil
}

type createdMultisig struct {
	Address      string   `json:"address"`
	RedeemScript string   `json:"redeemScript"`
	Descriptor   string   `json:"descriptor"`
	Warnings     []string `json:"warnings,omitempty"`
}

func (h *Host) createMultisig(_ context.Context, r *rpc.Request) (any, error) {
	required, err := r.Int(0, 0)
	if err != nil {
		return nil, err
	}
	if required != int64(int32(required)) {
		return nil, rpc.CodeMisc.New("JSON integer out of range")
	}
	var list []string
	if err := r.Decode(1, &list); err != nil {
		return nil, err
	}
	pubs := make([][]byte, len(list))
	for i, text := range list {
		if pubs[i], err = publicKey(text); err != nil {
			return nil, err
		}
	}
	name, err := r.Text(2, string(keys.Legacy))
	if err != nil {
		return nil, err
	}
	kind := keys.Type(name)
	switch {
	case kind.Purpose() == 0:
		return nil, rpc.Errorf(rpc.CodeInvalidAddress, "Unknown address type '%s'", name)
	case kind == keys.Bech32m:
		return nil, rpc.CodeInvalidAddress.New("createmultisig cannot create bech32m multisig addresses")
	}
	o, made, err := multisigOutput(int(required), pubs, kind)
	if err != nil {
		return nil, err
	}
	reply := createdMultisig{RedeemScript: hex.EncodeToString(innerScript(o)), Descriptor: o.Infer(h.params)}
	reply.Address, _ = address.Encode(o.Script, h.params)
	if made != kind {
		reply.Warnings = []string{"Unable to make chosen address type, please ensure no uncompressed public keys are present."}
	}
	return reply, nil
}

// publicKey reads a public key with the errors of Core's HexToPubKey.
func publicKey(text string) ([]byte, error) {
	raw, err := hex.DecodeString(text)
	switch {
	case err != nil || text == "":
		return nil, rpc.Errorf(rpc.CodeInvalidAddress, "Pubkey \"%s\" must be a hex string", text)
	case len(raw) != 33 && len(raw) != 65:
		return nil, rpc.Errorf(rpc.CodeInvalidAddress, "Pubkey \"%s\" must have a length of either 33 or 65 bytes", text)
	}
	if _, err := btcec.ParsePubKey(raw); err != nil {
		return nil, rpc.Errorf(rpc.CodeInvalidAddress, "Pubkey \"%s\" must be cryptographically valid.", text)
	}
	return raw, nil
}

// multisigOutput makes the output of a multisig script and tells its type, which
// is legacy when a key is not compressed (Core's AddAndGetMultisigDestination).
func multisigOutput(required int, pubs [][]byte, kind keys.Type) (*descriptor.Output, keys.Type, error) {
	switch {
	case required < 1:
		return nil, "", rpc.CodeInvalidParameter.New("a multisignature address must require at least one key to redeem")
	case len(pubs) < required:
		return nil, "", rpc.Errorf(rpc.CodeInvalidParameter, "not enough keys supplied (got %d keys, but need at least %d to redeem)", len(pubs), required)
	case len(pubs) > txscript.MaxPubKeysPerMultiSig:
		return nil, "", rpc.Errorf(rpc.CodeInvalidParameter,
			"Number of keys involved in the multisignature address creation > %d\nReduce the number", txscript.MaxPubKeysPerMultiSig)
	}
	script := descriptor.MultisigScript(required, pubs)
	for _, k := range pubs {
		if len(k) != 33 {
			kind = keys.Legacy
		}
	}
	if kind == keys.Legacy {
		if len(script) > maxScriptElement {
			return nil, "", rpc.Errorf(rpc.CodeInvalidParameter, "redeemScript exceeds size limit: %d > %d", len(script), maxScriptElement)
		}
		return &descriptor.Output{Script: address.ScriptHashScript(address.Hash160(script)), RedeemScript: script}, kind, nil
	}
	program := witnessProgram(address.Multisig, script)
	o := &descriptor.Output{Script: program, WitnessScript: script}
	if kind == keys.P2SHSegwit {
		o.Script, o.RedeemScript = address.ScriptHashScript(address.Hash160(program)), program
	}
	return o, kind, nil
}

// innerScript is the script behind all hashes of an output.
func innerScript(o *descriptor.Output) []byte {
	if len(o.WitnessScript) > 0 {
		return o.WitnessScript
	}
	return o.RedeemScript
}

func (h *Host) signMessageWithKey(_ context.Context, r *rpc.Request) (any, error) {
	text, err := r.Text(0, "")
	if err != nil {
		return nil, err
	}
	message, err := r.Text(1, "")
	if err != nil {
		return nil, err
	}
	key, compressed, err := address.DecodeWIF(text, h.params)
	if err != nil {
		return nil, rpc.CodeInvalidAddress.New("Invalid private key")
	}
	return keys.SignMessage(key, compressed, message), nil
}

func (h *Host) verifyMessage(_ context.Context, r *rpc.Request) (any, error) {
	var args [3]string
	for i := range args {
		var err error
		if args[i], err = r.Text(i, ""); err != nil {
			return nil, err
		}
	}
	script, err := address.Decode(args[0], h.params)
	if err != nil {
		return nil, rpc.CodeInvalidAddress.New("Invalid address")
	}
	ok, err := keys.VerifyMessage(script, args[1], args[2])
	switch {
	case errors.Is(err, keys.ErrNotP2PKH):
		return nil, rpc.CodeType.New("Address does not refer to key")
	case err != nil:
		return nil, rpc.CodeType.New("Malformed base64 encoding")
	}
	return ok, nil
}
