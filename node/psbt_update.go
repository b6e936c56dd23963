package node

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/lode-chain/lode/descriptor"
	"github.com/lode-chain/lode/network"
	"github.com/lode-chain/lode/psbt"
	"github.com/lode-chain/lode/rpc"
)

// packetSolver tells what is known of an output script, with private keys where it has
// them; nil: nothing.
type packetSolver interface {
	// output returns what is known of a script.
	output(script []byte) *descriptor.Output
	// key returns a key that is not found by its script: of a packet that brings
	// the script itself.
	key(pub []byte, from psbt.Origin) (descriptor.Key, bool)
}

// processPacket updates all inputs and outputs of a packet and signs what it can
// (Core's ProcessPSBT). It reports whether all inputs are complete. What an input
// is refused for is in refused, at its place; a sighash type that is not the
// packet's is an error.
func processPacket(p *psbt.Packet, solve packetSolver, o psbt.Options) (complete bool, refused []error, err error) {
	s := psbt.NewSigner(p)
	complete, refused = true, make([]error, len(p.Inputs))
	for i := range p.Inputs {
		done, err := s.Process(i, outputFor(p, i, solve), o)
		if errors.Is(err, psbt.ErrSighash) {
			return false, nil, err
		}
		refused[i] = err
		complete = complete && done
	}
	for i, out := range p.Tx.TxOut {
		if known := solve.output(out.PkScript); known != nil {
			if err := p.UpdateOutput(i, known, o.Origins); err != nil {
				return false, nil, err
			}
		}
	}
	return complete, refused, nil
}

// outputFor finds out how an input is spent: by what the solver knows of its
// script, else by the scripts of the packet and the solver's keys.
func outputFor(p *psbt.Packet, i int, solve packetSolver) *descriptor.Output {
	spent, ok := p.UTXO(i)
	if !ok {
		return nil
	}
	if out := solve.output(spent.PkScript); out != nil {
		return out
	}
	var given []descriptor.Key
	for _, d := range p.Inputs[i].Derivations {
		if k, ok := solve.key(d.PubKey, d.Origin); ok {
			given = append(given, k)
		}
	}
	for _, d := range p.Inputs[i].TapDerivations {
		if k, ok := solve.key(append([]byte{2}, d.PubKey[:]...), d.Origin); ok {
			given = append(given, k)
		}
	}
	if len(given) == 0 {
		return nil
	}
	out, err := p.Known(i, given...)
	if err != nil {
		return nil
	}
	return out
}

// addUTXOs adds the outputs that inputs spend, as far as the mempool, the chain
// and its coins know them (Core's ProcessPSBT).
func (h *Host) addUTXOs(ctx context.Context, p *psbt.Packet, want func(script []byte) bool) error {
	for i, in := range p.Tx.TxIn {
		if p.Inputs[i].NonWitnessUTXO != nil || p.Inputs[i].Final() {
			continue
		}
		f, err := h.findTx(ctx, in.PreviousOutPoint.Hash, nil)
		if err == nil {
			if out := in.PreviousOutPoint.Index; uint64(out) < uint64(len(f.tx.TxOut)) && want(f.tx.TxOut[out].PkScript) {
				p.AddUTXO(i, f.tx)
			}
			continue
		}
		if !errors.Is(err, rpc.CodeInvalidAddress.New("")) {
			return err
		}
	}
	return nil
}

func anyScript([]byte) bool { return true }

func (h *Host) utxoUpdatePSBT(ctx context.Context, r *rpc.Request) (any, error) {
	p, err := packetOf(r, 0)
	if err != nil {
		return nil, err
	}
	solve, err := h.descriptorSolver(ctx, r, 1)
	if err != nil {
		return nil, err
	}
	if err := h.addUTXOs(ctx, p, anyScript); err != nil {
		return nil, err
	}
	const all = 1
	if _, _, err := processPacket(p, solve, psbt.Options{Origins: true, Sighash: all}); err != nil {
		return nil, err
	}
	p.DropTransactions(all)
	return p.Base64(), nil
}

// processedJSON is the reply of the methods that sign.
type processedJSON struct {
	PSBT     string `json:"psbt"`
	Complete bool   `json:"complete"`
	Hex      string `json:"hex,omitempty"`
}

func (h *Host) descriptorProcessPSBT(ctx context.Context, r *rpc.Request) (any, error) {
	p, err := packetOf(r, 0)
	if err != nil {
		return nil, err
	}
	solve, err := h.descriptorSolver(ctx, r, 1)
	if err != nil {
		return nil, err
	}
	o, err := signOptions(r, 2)
	if err != nil {
		return nil, err
	}
	o.Sign = true
	if err := h.addUTXOs(ctx, p, anyScript); err != nil {
		return nil, err
	}
	return signedReply(p, solve, o)
}

// signOptions reads sighashtype, bip32derivs and finalize, from parameter i on.
func signOptions(r *rpc.Request, i int) (psbt.Options, error) {
	var o psbt.Options
	name, err := r.Text(i, "DEFAULT")
	if err != nil {
		return o, err
	}
	if o.Sighash, err = parseSighash(name); err != nil {
		return o, err
	}
	if o.Origins, err = r.Flag(i+1, true); err != nil {
		return o, err
	}
	o.Finalize, err = r.Flag(i+2, true)
	return o, err
}

// parseSighash reads the name of a sighash type (Core's SighashFromStr).
func parseSighash(name string) (uint32, error) {
	if name == "DEFAULT" {
		return 0, nil
	}
	for kind, known := range sighashNames {
		if known == "["+name+"]" {
			return uint32(kind), nil
		}
	}
	return 0, rpc.Errorf(rpc.CodeInvalidParameter, "'%s' is not a valid sighash parameter.", name)
}

// signedReply processes a packet, whose inputs have what they spend, for the
// methods that sign.
func signedReply(p *psbt.Packet, solve packetSolver, o psbt.Options) (any, error) {
	complete, _, err := processPacket(p, solve, o)
	if errors.Is(err, psbt.ErrSighash) {
		return nil, rpc.CodeDeserialization.New("Specified sighash value does not match value stored in PSBT")
	}
	if err != nil {
		return nil, err
	}
	p.DropTransactions(o.Sighash)
	reply := processedJSON{PSBT: p.Base64(), Complete: complete && p.Complete()}
	if reply.Complete {
		reply.Hex, err = extractHex(p)
	}
	return reply, err
}

// descriptorSolver solves by the descriptors of parameter i.
func (h *Host) descriptorSolver(ctx context.Context, r *rpc.Request, i int) (packetSolver, error) {
	s := &expanded{scripts: make(map[string]*place)}
	var list []json.RawMessage
	if err := r.Decode(i, &list); err != nil {
		return nil, err
	}
	for _, raw := range list {
		if err := s.add(ctx, raw, h.params); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// expanded are descriptors with the scripts of their ranges.
type expanded struct {
	scripts map[string]*place
	keys    map[string]descriptor.Key // of all of them, made when first asked for
}

// place is where a script comes from.
type place struct {
	d     *descriptor.Descriptor
	index uint32
}

// defaultRange is how far a descriptor is expanded when nothing is said (Core's
// EvalDescriptorStringOrObject).
const defaultRange = 1000

// add expands a descriptor, or an object of one and a range.
func (s *expanded) add(ctx context.Context, raw json.RawMessage, p *network.Params) error {
	var text string
	begin, last := uint32(0), uint32(defaultRange)
	switch rpc.KindOf(raw) {
	case "string":
		_ = json.Unmarshal(raw, &text)
	case "object":
		var o struct {
			Desc  *string         `json:"desc"`
			Range json.RawMessage `json:"range"`
		}
		if err := json.Unmarshal(raw, &o); err != nil {
			return rpc.CodeType.New(err.Error())
		}
		if o.Desc == nil {
			return rpc.CodeInvalidParameter.New("Descriptor needs to be provided in scan object")
		}
		text = *o.Desc
		if len(o.Range) > 0 && string(o.Range) != "null" {
			var err error
			if begin, last, err = parseRange(o.Range); err != nil {
				return err
			}
		}
	default:
		return rpc.CodeInvalidParameter.New("Scan object needs to be either a string or an object")
	}
	d, err := descriptor.Parse(text, p)
	if err != nil {
		return rpc.CodeInvalidAddress.New(err.Error())
	}
	if !d.Ranged() {
		begin, last = 0, 0
	}
	for i := begin; i <= last; i++ {
		if err := ctx.Err(); err != nil { // a range may be of a million
			return err
		}
		scripts, err := d.Scripts(i)
		if err != nil {
			return rpc.Errorf(rpc.CodeInvalidAddress, "Cannot derive script without private keys: '%s'", d)
		}
		for _, script := range scripts {
			s.scripts[string(script)] = &place{d, i}
		}
	}
	return nil
}

func (s *expanded) output(script []byte) *descriptor.Output {
	at := s.scripts[string(script)]
	if at == nil || !at.d.Solvable() {
		return nil
	}
	out, err := at.d.Output(at.index, script)
	if err != nil {
		return nil
	}
	return out
}

func (s *expanded) key(pub []byte, _ psbt.Origin) (descriptor.Key, bool) {
	if s.keys == nil {
		s.keys = make(map[string]descriptor.Key)
		for script := range s.scripts {
			if out := s.output([]byte(script)); out != nil {
				for _, k := range out.Keys {
					s.keys[keyName(k.Public)] = k
				}
			}
		}
	}
	k, ok := s.keys[keyName(pub)]
	return k, ok && string(k.Public[1:]) == string(pub[1:])
}

// keyName is the same for keys that are the same x-only key.
func keyName(pub []byte) string { return string(pub[1:33]) }
