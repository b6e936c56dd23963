package node

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"math/rand/v2"

	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/psbt"
	"github.com/lode-chain/lode/rpc"
)

var psbtParam = rpc.Param{Name: "psbt", Type: rpc.String, Help: "The PSBT in base64"}

// registerPSBT adds the methods about partially signed transactions (BIP174).
func (h *Host) registerPSBT(s *rpc.Server) {
	unsigned := []rpc.Param{
		{Name: "inputs", Type: rpc.Array, Help: "Objects with txid, vout and perhaps sequence"},
		{Name: "outputs", Type: rpc.Any, Help: `Addresses with their amounts, and "data" in hex: one object, or a list of objects of one field`},
		{Name: "locktime", Type: rpc.Number, Optional: true, Help: "Block height or time before which it is not valid (default 0)"},
		{Name: "replaceable", Type: rpc.Bool, Optional: true, Help: "Whether it may be replaced, BIP125 (default true)"},
	}
	list := rpc.Param{Name: "txs", Type: rpc.Array, Help: "PSBTs in base64"}
	descriptors := rpc.Param{Name: "descriptors", Type: rpc.Array, Help: "Descriptors, or objects with desc and range (default range 1000)"}
	for _, m := range []rpc.Method{
		{Name: "createrawtransaction", Summary: "Makes an unsigned transaction.", Params: unsigned, Example: `[] {"data":"00ff"}`, Handler: h.createRawTransaction},
		{Name: "createpsbt", Summary: "Makes a PSBT of inputs and outputs.", Params: unsigned, Example: `[] {"data":"00ff"}`, Handler: h.createPSBT},
		{
			Name: "converttopsbt", Summary: "Makes a PSBT of a transaction.",
			Params: []rpc.Param{
				{Name: "hexstring", Type: rpc.String, Help: "The transaction in hex"},
				{Name: "permitsigdata", Type: rpc.Bool, Optional: true, Help: "Drop its signatures instead of refusing it (default false)"},
				{Name: "iswitness", Type: rpc.Bool, Optional: true, Help: "Whether it is in the form with witnesses; left out, both are tried"},
			},
			Example: `"hex"`, Handler: h.convertToPSBT,
		},
		{Name: "decodepsbt", Summary: "Shows what a PSBT says.", Params: []rpc.Param{psbtParam}, Example: `"psbt"`, Handler: h.decodePSBT},
		{Name: "combinepsbt", Summary: "Merges PSBTs of one transaction.", Params: []rpc.Param{list}, Example: `["psbt1","psbt2"]`, Handler: h.combinePSBT},
		{
			Name: "finalizepsbt", Summary: "Completes the inputs that have all their signatures, and the transaction when all have.",
			Params:  []rpc.Param{psbtParam, {Name: "extract", Type: rpc.Bool, Optional: true, Help: "Return the transaction when it is complete (default true)"}},
			Example: `"psbt"`, Handler: h.finalizePSBT,
		},
		{Name: "joinpsbts", Summary: "Makes one transaction of the inputs and outputs of several PSBTs, in random order.", Params: []rpc.Param{list}, Example: `["psbt1","psbt2"]`, Handler: h.joinPSBTs},
		{Name: "analyzepsbt", Summary: "Says what a PSBT lacks and whose turn it is.", Params: []rpc.Param{psbtParam}, Example: `"psbt"`, Handler: h.analyzePSBT},
		{
			Name: "utxoupdatepsbt", Summary: "Adds to a PSBT what the chain knows of its inputs, and what descriptors say of their scripts.",
			Params:  []rpc.Param{psbtParam, optional(descriptors)},
			Example: `"psbt"`, Handler: h.utxoUpdatePSBT,
		},
		{
			Name: "descriptorprocesspsbt", Summary: "Updates a PSBT, and signs it with the private keys of descriptors.",
			Params: []rpc.Param{
				psbtParam, descriptors,
				{Name: "sighashtype", Type: rpc.String, Optional: true, Help: "DEFAULT, ALL, NONE or SINGLE, perhaps with |ANYONECANPAY (default DEFAULT: ALL where that is not taproot)"},
				{Name: "bip32derivs", Type: rpc.Bool, Optional: true, Help: "Say where keys come from (default true)"},
				{Name: "finalize", Type: rpc.Bool, Optional: true, Help: "Complete inputs that have all they need (default true)"},
			},
			Example: `"psbt" ["wpkh(tprv…/0/*)"]`, Handler: h.descriptorProcessPSBT,
		},
	} {
		m.Section = rpc.SectionRaw
		s.Register(m)
	}
	h.registerWalletPSBT(s)
}

func optional(p rpc.Param) rpc.Param {
	p.Optional = true
	return p
}

// packetOf reads parameter i.
func packetOf(r *rpc.Request, i int) (*psbt.Packet, error) {
	text, err := r.Text(i, "")
	if err != nil {
		return nil, err
	}
	return decodePacket(text)
}

// decodePacket reads a PSBT with Core's errors.
func decodePacket(text string) (*psbt.Packet, error) {
	p, err := psbt.DecodeBase64(text)
	var format *psbt.FormatError
	if errors.As(err, &format) {
		return nil, rpc.CodeDeserialization.New("TX decode failed " + format.CoreText())
	}
	return p, err
}

// packetsOf reads parameter 0, a list.
func packetsOf(r *rpc.Request) ([]*psbt.Packet, error) {
	var texts []string
	if err := r.Decode(0, &texts); err != nil {
		return nil, err
	}
	var list []*psbt.Packet
	for _, text := range texts {
		p, err := decodePacket(text)
		if err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	return list, nil
}

func (h *Host) createPSBT(_ context.Context, r *rpc.Request) (any, error) {
	tx, err := h.unsignedOf(r)
	if err != nil {
		return nil, err
	}
	return psbt.New(tx).Base64(), nil
}

func (h *Host) convertToPSBT(_ context.Context, r *rpc.Request) (any, error) {
	text, err := r.Text(0, "")
	if err != nil {
		return nil, err
	}
	drop, err := r.Flag(1, false)
	if err != nil {
		return nil, err
	}
	decode := consensus.GuessTx
	if r.Has(2) {
		witness, err := r.Flag(2, true)
		if err != nil {
			return nil, err
		}
		decode = consensus.DecodeTxNoWitness
		if witness {
			decode = consensus.DecodeTx
		}
	}
	var tx *wire.MsgTx
	raw, err := hex.DecodeString(text)
	if err == nil {
		tx, err = decode(raw)
	}
	if err != nil {
		return nil, rpc.CodeDeserialization.New("TX decode failed")
	}
	for _, in := range tx.TxIn {
		if !drop && (len(in.SignatureScript) > 0 || len(in.Witness) > 0) {
			return nil, rpc.CodeDeserialization.New("Inputs must not have scriptSigs and scriptWitnesses")
		}
	}
	return psbt.New(tx).Base64(), nil
}

func (h *Host) combinePSBT(_ context.Context, r *rpc.Request) (any, error) {
	list, err := packetsOf(r)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, rpc.CodeInvalidParameter.New("Parameter 'txs' cannot be empty")
	}
	p, err := psbt.Combine(list...)
	if err != nil {
		return nil, rpc.CodeInvalidParameter.New("PSBTs not compatible (different transactions)")
	}
	return p.Base64(), nil
}

func (h *Host) finalizePSBT(_ context.Context, r *rpc.Request) (any, error) {
	p, err := packetOf(r, 0)
	if err != nil {
		return nil, err
	}
	extract, err := r.Flag(1, true)
	if err != nil {
		return nil, err
	}
	var reply struct {
		PSBT     string `json:"psbt,omitempty"`
		Hex      string `json:"hex,omitempty"`
		Complete bool   `json:"complete"`
	}
	if reply.Complete = p.Finalize(); reply.Complete && extract {
		reply.Hex, err = extractHex(p)
		return reply, err
	}
	reply.PSBT = p.Base64()
	return reply, nil
}

// extractHex is the transaction of a complete PSBT.
func extractHex(p *psbt.Packet) (string, error) {
	tx, err := p.Extract()
	if err != nil {
		return "", err
	}
	return hex.EncodeToString(consensus.EncodeTx(tx)), nil
}

func (h *Host) joinPSBTs(_ context.Context, r *rpc.Request) (any, error) {
	list, err := packetsOf(r)
	if err != nil {
		return nil, err
	}
	if len(list) <= 1 {
		return nil, rpc.CodeInvalidParameter.New("At least two PSBTs are required to join PSBTs.")
	}
	var seed [16]byte
	if _, err := io.ReadFull(h.rand, seed[:]); err != nil {
		return nil, err
	}
	random := rand.New(rand.NewPCG(binary.LittleEndian.Uint64(seed[:8]), binary.LittleEndian.Uint64(seed[8:])))
	p, err := psbt.Join(random.Shuffle, list...)
	var twice *psbt.TwiceError
	if errors.As(err, &twice) {
		return nil, rpc.Errorf(rpc.CodeInvalidParameter, "Input %s exists in multiple PSBTs", twice.OutPoint)
	}
	if err != nil {
		return nil, err
	}
	return p.Base64(), nil
}

// analysisJSON is analyzepsbt's reply.
type analysisJSON struct {
	Inputs  []inputAnalysisJSON `json:"inputs,omitempty"`
	VSize   int64               `json:"estimated_vsize,omitempty"`
	FeeRate *rpc.Amount         `json:"estimated_feerate,omitempty"`
	Fee     *rpc.Amount         `json:"fee,omitempty"`
	Next    string              `json:"next"`
	Error   string              `json:"error,omitempty"`
}

type inputAnalysisJSON struct {
	HasUTXO bool         `json:"has_utxo"`
	Final   bool         `json:"is_final"`
	Next    string       `json:"next"`
	Missing *missingJSON `json:"missing,omitempty"`
}

type missingJSON struct {
	PubKeys       []string `json:"pubkeys,omitempty"`
	Signatures    []string `json:"signatures,omitempty"`
	RedeemScript  string   `json:"redeemscript,omitempty"`
	WitnessScript string   `json:"witnessscript,omitempty"`
}

func (h *Host) analyzePSBT(_ context.Context, r *rpc.Request) (any, error) {
	p, err := packetOf(r, 0)
	if err != nil {
		return nil, err
	}
	a := p.Analyze()
	j := analysisJSON{VSize: a.VSize, Next: a.Next.String(), Error: a.Invalid}
	for i := range a.Inputs {
		in := &a.Inputs[i]
		row := inputAnalysisJSON{HasUTXO: in.HasUTXO, Final: in.Final, Next: in.Next.String()}
		missing := missingJSON{
			PubKeys: hashes(in.MissingPubKeys), Signatures: hashes(in.MissingSigs),
			RedeemScript: hex.EncodeToString(in.MissingRedeemScript), WitnessScript: hex.EncodeToString(in.MissingWitnessScript),
		}
		if len(missing.PubKeys)+len(missing.Signatures)+len(missing.RedeemScript)+len(missing.WitnessScript) > 0 {
			row.Missing = &missing
		}
		j.Inputs = append(j.Inputs, row)
	}
	if a.FeeKnown && a.Invalid == "" {
		j.Fee = &a.Fee
		if a.VSize > 0 {
			rate := a.Fee * 1000 / consensus.Amount(a.VSize)
			j.FeeRate = &rate
		}
	}
	return j, nil
}

func hashes(list [][20]byte) (texts []string) {
	for _, hash := range list {
		texts = append(texts, hex.EncodeToString(hash[:]))
	}
	return texts
}
