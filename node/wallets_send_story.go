package node

import (
	"encoding/hex"

	"github.com/lode-chain/lode/address"
	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/rpc"
)

// story tells how a payment came to be, with the real values; those of its
// signatures once it is signed. Private keys are no part of it.
func (w *wallets) story(p *payment) *rpc.SendStory {
	d := p.draft
	s := &rpc.SendStory{Available: d.Available, Weight: d.Weight, LockTime: d.Tx.LockTime, Choices: []rpc.StoryChoice{}}
	for _, a := range d.Tried {
		s.Choices = append(s.Choices, rpc.StoryChoice{Algorithm: a.Algorithm, Coins: a.Coins, Sum: a.Sum, Change: a.Change, Waste: int64(a.Waste)})
	}
	signed := p.signatures != nil
	for i := range d.Coins {
		c, in := &d.Coins[i], d.Tx.TxIn[i]
		row := rpc.StoryInput{
			Coin: c.OutPoint.String(), Amount: c.Value, Confirmations: int32(confirmations(c, p.tip)), Sequence: in.Sequence,
		}
		row.Address, _ = address.Encode(c.Script, w.host.params)
		if signed {
			for _, sig := range p.signatures[i] {
				row.Signatures = append(row.Signatures, rpc.StorySignature{
					PublicKey: hex.EncodeToString(sig.PubKey), Hash: hex.EncodeToString(sig.Hash), Signature: hex.EncodeToString(sig.Sig),
				})
			}
			row.ScriptSig = hex.EncodeToString(in.SignatureScript)
			for _, item := range in.Witness {
				row.Witness = append(row.Witness, hex.EncodeToString(item))
			}
		}
		s.Inputs = append(s.Inputs, row)
	}
	for i, out := range d.Tx.TxOut {
		row := rpc.StoryOutput{Amount: rpc.Amount(out.Value), Script: hex.EncodeToString(out.PkScript), Change: i == d.ChangeAt}
		row.Address, _ = address.Encode(out.PkScript, w.host.params)
		s.Outputs = append(s.Outputs, row)
	}
	raw := hex.EncodeToString(consensus.EncodeTx(d.Tx))
	if signed {
		s.Signed = raw
	} else {
		s.Unsigned = raw
	}
	return s
}
