package node

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/lode-chain/lode/address"
	"github.com/lode-chain/lode/descriptor"
	"github.com/lode-chain/lode/keys"
	"github.com/lode-chain/lode/rpc"
	"github.com/lode-chain/lode/wallet"
)

// unspent is one row of listunspent.
type unspent struct {
	TxID          string     `json:"txid"`
	Vout          uint32     `json:"vout"`
	Address       string     `json:"address,omitempty"`
	Label         *string    `json:"label,omitempty"`
	RedeemScript  string     `json:"redeemScript,omitempty"`
	ScriptPubKey  string     `json:"scriptPubKey"`
	Amount        rpc.Amount `json:"amount"`
	Confirmations int64      `json:"confirmations"`
	AncestorCount int        `json:"ancestorcount,omitempty"`
	Spendable     bool       `json:"spendable"`
	Solvable      bool       `json:"solvable"`
	Desc          string     `json:"desc,omitempty"`
	ParentDescs   []string   `json:"parent_descs"`
	Safe          bool       `json:"safe"`
}

// unspentQuery are the arguments of listunspent.
type unspentQuery struct {
	least, most int64
	scripts     map[string]bool // nil: all
	unsafe      bool
	options     struct {
		MinimumAmount    *rpc.Amount `json:"minimumAmount"`
		MaximumAmount    *rpc.Amount `json:"maximumAmount"`
		MaximumCount     int         `json:"maximumCount"`
		MinimumSumAmount *rpc.Amount `json:"minimumSumAmount"`
		Immature         bool        `json:"include_immature_coinbase"`
	}
}

func (c *coreWallet) unspentQuery(r *rpc.Request) (q unspentQuery, err error) {
	if q.least, err = r.Int(0, 1); err != nil {
		return q, err
	}
	if q.most, err = r.Int(1, 9_999_999); err != nil {
		return q, err
	}
	var addresses []string
	if err = r.Decode(2, &addresses); err != nil {
		return q, err
	}
	for _, a := range addresses {
		script, err := address.Decode(a, c.host.params)
		if err != nil {
			return q, rpc.Errorf(rpc.CodeInvalidAddress, "Invalid Bitcoin address: %s", a)
		}
		if q.scripts == nil {
			q.scripts = make(map[string]bool)
		}
		if q.scripts[string(script)] {
			return q, rpc.Errorf(rpc.CodeInvalidParameter, "Invalid parameter, duplicated address: %s", a)
		}
		q.scripts[string(script)] = true
	}
	if q.unsafe, err = r.Flag(3, true); err != nil {
		return q, err
	}
	return q, r.Decode(4, &q.options)
}

// takes says whether a coin is asked for.
func (q *unspentQuery) takes(coin *wallet.Coin, tip int32) bool {
	n := confirmations(coin, tip)
	switch o := &q.options; {
	case coin.State == wallet.Spent, coin.State == wallet.Immature && !o.Immature, coin.State == wallet.Pending && !q.unsafe:
		return false
	case n < q.least, n > q.most, q.scripts != nil && !q.scripts[string(coin.Script)]:
		return false
	case o.MinimumAmount != nil && coin.Value < *o.MinimumAmount, o.MaximumAmount != nil && coin.Value > *o.MaximumAmount:
		return false
	}
	return true
}

func (c *coreWallet) listUnspent(ctx context.Context, r *rpc.Request) (any, error) {
	q, err := c.unspentQuery(r)
	if err != nil {
		return nil, err
	}
	rows := []unspent{}
	err = c.with(ctx, func(v *walletView, coins []wallet.Coin) error {
		var sum rpc.Amount
		for i := range coins {
			coin := &coins[i]
			if !q.takes(coin, v.At.Height) {
				continue
			}
			row := unspent{
				TxID: coin.OutPoint.Hash.String(), Vout: coin.OutPoint.Index, ScriptPubKey: hex.EncodeToString(coin.Script), Amount: coin.Value,
				Confirmations: confirmations(coin, v.At.Height), AncestorCount: coin.Ancestors, Spendable: true, Solvable: true,
				ParentDescs: []string{}, Safe: coin.State != wallet.Pending,
			}
			row.Address, _ = address.Encode(coin.Script, c.host.params)
			if label, ok := c.label(coin.Script, coin.Chain); ok {
				row.Label = &label
			}
			facts, err := c.keyFacts(coin.Script, coin.Chain, coin.Index)
			if err != nil {
				return err
			}
			row.Desc, row.RedeemScript = facts.Desc, facts.Redeem
			if facts.Parent != "" {
				row.ParentDescs = append(row.ParentDescs, facts.Parent)
			}
			rows = append(rows, row)
			sum += coin.Value
			if len(rows) == q.options.MaximumCount || q.options.MinimumSumAmount != nil && sum >= *q.options.MinimumSumAmount {
				break
			}
		}
		return nil
	})
	return rows, err
}

// label is what an address of the wallet is remembered by; addresses for change
// have none.
func (c *coreWallet) label(script []byte, chain uint32) (string, bool) {
	text, ok := c.file.Label(script)
	return text, ok || chain == keys.Receive
}

// keyFacts are what only the owner of a script knows of it.
type keyFacts struct {
	Desc        string        `json:"desc"`
	Parent      string        `json:"parent_desc,omitempty"`
	Script      string        `json:"script,omitempty"`
	Redeem      string        `json:"hex,omitempty"` // of a script hash
	PubKey      string        `json:"pubkey,omitempty"`
	Compressed  bool          `json:"iscompressed,omitempty"`
	Embedded    *embeddedInfo `json:"embedded,omitempty"`
	Path        string        `json:"hdkeypath,omitempty"`
	SeedID      string        `json:"hdseedid,omitempty"`
	Fingerprint string        `json:"hdmasterfingerprint,omitempty"`
}

// embeddedInfo is the witness program behind a script hash.
type embeddedInfo struct {
	addressFacts
	PubKey  string `json:"pubkey"`
	Address string `json:"address"`
}

// keyFacts tells the key of one of the wallet's scripts, and its descriptor with
// where the key comes from.
func (c *coreWallet) keyFacts(script []byte, chain, index uint32) (*keyFacts, error) {
	if f, ok := c.facts[[2]uint32{chain, index}]; ok {
		return f, nil
	}
	head := c.file.Header()
	raw, err := hex.DecodeString(head.PublicKey)
	if err != nil {
		return nil, err
	}
	path := head.Path
	if head.Account != "" {
		if c.account == nil {
			if c.account, err = keys.ParseAccount(head.Account, keys.Type(head.Type), c.host.params); err != nil {
				return nil, err
			}
		}
		pub, _, err := c.account.Child(chain, index)
		if err != nil {
			return nil, err
		}
		raw, path = pub.SerializeCompressed(), c.account.ChildPath(chain, index)
	}
	f := &keyFacts{PubKey: hex.EncodeToString(raw)}
	origin := ""
	if head.Master != "" && path != "" {
		f.Path, f.Fingerprint, f.SeedID = hardenedByH(path), head.Master, strings.Repeat("0", 40)
		origin = "[" + head.Master + f.Path[1:] + "]"
		f.Parent = c.describeKey(script, fmt.Sprintf("[%s%s]%s/%d/*", head.Master, hardenedByH(head.Path)[1:], head.Account, chain))
	}
	switch t, _ := wallet.TypeOf(script); t {
	case keys.Legacy:
		f.Compressed = true
	case keys.P2SHSegwit:
		hash := address.Hash160(raw)
		program := address.WitnessScript(0, hash[:])
		f.Script, f.Redeem = "witness_v0_keyhash", hex.EncodeToString(program)
		f.Embedded = &embeddedInfo{addressFacts: factsOf(program), PubKey: f.PubKey}
		f.Embedded.Address, _ = address.Encode(program, c.host.params)
	case keys.Bech32m:
		f.PubKey = ""
		raw = raw[1:]
	}
	f.Desc = c.describeKey(script, origin+hex.EncodeToString(raw))
	if c.facts == nil {
		c.facts = make(map[[2]uint32]*keyFacts)
	}
	c.facts[[2]uint32{chain, index}] = f
	return f, nil
}

// describeKey is the descriptor of a script of this kind with a key expression.
func (c *coreWallet) describeKey(script []byte, key string) string {
	outer, end := "wpkh(", ")"
	switch t, _ := wallet.TypeOf(script); t {
	case keys.Legacy:
		outer = "pkh("
	case keys.P2SHSegwit:
		outer, end = "sh(wpkh(", "))"
	case keys.Bech32m:
		outer = "tr("
	}
	return descriptor.WithChecksum(outer + key + end)
}

func (c *coreWallet) addressInfo(_ context.Context, r *rpc.Request) (any, error) {
	text, err := r.Text(0, "")
	if err != nil {
		return nil, err
	}
	script, err := address.Decode(text, c.host.params)
	if err != nil {
		message := err.Error()
		if why, ok := errors.AsType[*address.Error](err); ok {
			message = why.Message
		}
		return nil, rpc.CodeInvalidAddress.New(message)
	}
	type info struct {
		Address   string `json:"address"`
		IsMine    bool   `json:"ismine"`
		Solvable  bool   `json:"solvable"`
		WatchOnly bool   `json:"iswatchonly"`
		addressFacts
		IsChange bool `json:"ischange"`
		*keyFacts
		Timestamp *int64   `json:"timestamp,omitempty"`
		Labels    []string `json:"labels"`
	}
	reply := info{addressFacts: factsOf(script), Labels: []string{}}
	reply.Address, _ = address.Encode(script, c.host.params)
	owner, mine := c.owns(c.file, script)
	if !mine {
		return reply, nil
	}
	facts, err := c.keyFacts(script, owner.Chain, owner.Index)
	if err != nil {
		return nil, err
	}
	created := c.file.Header().Created
	reply.IsMine, reply.Solvable, reply.keyFacts, reply.Timestamp = true, true, facts, &created
	reply.IsChange = c.file.Header().Account != "" && owner.Chain != keys.Receive
	if label, ok := c.label(script, owner.Chain); ok {
		reply.Labels = append(reply.Labels, label)
	}
	return reply, nil
}
