package node

import (
	"encoding/json"

	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/lode-chain/lode/address"
	"github.com/lode-chain/lode/consensus"
)

// txState is what Core's WalletTxToJSON tells of a transaction.
type txState struct {
	Confirmations int64    `json:"confirmations"`
	Generated     bool     `json:"generated,omitempty"`
	Trusted       *bool    `json:"trusted,omitempty"`
	BlockHash     string   `json:"blockhash,omitempty"`
	BlockHeight   *int32   `json:"blockheight,omitempty"`
	BlockIndex    *int     `json:"blockindex,omitempty"`
	BlockTime     *int64   `json:"blocktime,omitempty"`
	TxID          string   `json:"txid"`
	WTxID         string   `json:"wtxid"`
	Conflicts     []string `json:"walletconflicts"`
	InPool        []string `json:"mempoolconflicts"`
	ReplacedBy    string   `json:"replaced_by_txid,omitempty"`
	Comment       string   `json:"comment,omitempty"`
	Time          int64    `json:"time"`
	Received      int64    `json:"timereceived"`
	Replaceable   string   `json:"bip125-replaceable"`
}

func (l *ledger) state(t *walletTx) txState {
	s := txState{
		Confirmations: t.depth, Generated: t.Coinbase, TxID: t.TxID.String(), WTxID: t.tx.WitnessHash().String(),
		Conflicts: hashTexts(t.rivals), InPool: hashTexts(t.inPool), Comment: l.file.Note(t.TxID.String()),
		Time: t.time, Received: t.time, Replaceable: "no",
	}
	switch {
	case t.block != nil:
		when := t.block.Time()
		s.BlockHash, s.BlockHeight, s.BlockIndex, s.BlockTime = t.block.Hash.String(), &t.Height, &t.Place, &when
	default:
		s.Trusted = &t.trusted
		switch {
		case signalsReplacement(t.tx):
			s.Replaceable = "yes"
		case t.lost:
			s.Replaceable = "unknown"
		}
	}
	return s
}

func hashTexts(list []chainhash.Hash) []string {
	texts := make([]string, len(list))
	for i := range list {
		texts[i] = list[i].String()
	}
	return texts
}

// movement is one row of listtransactions: an output that a wallet paid, or was
// paid.
type movement struct {
	Address     string   `json:"address,omitempty"`
	ParentDescs []string `json:"parent_descs,omitempty"`
	Category    string   `json:"category"`
	Amount      signed   `json:"amount"`
	Label       *string  `json:"label,omitempty"`
	Vout        int      `json:"vout"`
	Fee         *signed  `json:"fee,omitempty"`
	Abandoned   bool     `json:"abandoned"`
	*txState             // where it is asked for
}

// signed is an amount that may be negative.
type signed consensus.Amount

// MarshalJSON writes it with eight decimals.
func (s signed) MarshalJSON() ([]byte, error) {
	if s >= 0 {
		return json.Marshal(consensus.Amount(s))
	}
	text, err := json.Marshal(consensus.Amount(-s))
	return append([]byte{'-'}, text...), err
}

// movements lists what a transaction paid and what the wallet got of it (Core's
// ListTransactions): payments first, without change unless it is asked for.
func (l *ledger) movements(t *walletTx, label *string, change, long bool) []movement {
	var sent, received []movement
	var state *txState
	if long {
		s := l.state(t)
		state = &s
	}
	fee := signed(0)
	if t.Sent > 0 {
		fee = -signed(t.Sent)
		for _, out := range t.tx.TxOut {
			fee += signed(out.Value)
		}
	}
	for i, out := range t.tx.TxOut {
		owner, mine := l.owns(l.file, out.PkScript)
		name, known := l.file.Label(out.PkScript)
		external := mine && int(owner.Chain) < len(l.roles) && !l.roles[owner.Chain].Internal
		listed := known || external
		if mine && !listed && t.Sent > 0 && !change || !mine && t.Sent == 0 {
			continue
		}
		m := movement{Vout: i, Amount: signed(out.Value), Abandoned: t.abandoned, txState: state}
		m.Address, _ = address.Encode(out.PkScript, l.host.params)
		if listed {
			m.Label = &name
		}
		if t.Sent > 0 {
			s := m
			s.Category, s.Amount, s.Fee = "send", -m.Amount, &fee
			sent = append(sent, s)
		}
		if mine {
			if int(owner.Chain) < len(l.roles) {
				m.ParentDescs = []string{l.roles[owner.Chain].parsed.String()}
			}
			m.Category = l.category(t)
			if label == nil || name == *label && listed {
				received = append(received, m)
			}
		}
	}
	if label != nil {
		return received
	}
	return append(sent, received...)
}

func (l *ledger) category(t *walletTx) string {
	switch {
	case !t.Coinbase:
		return "receive"
	case t.depth < 1:
		return "orphan"
	case l.immature(t):
		return "immature"
	}
	return "generate"
}

func (l *ledger) immature(t *walletTx) bool {
	return t.Coinbase && l.view.At.Height-t.Height < l.host.params.Maturity
}
