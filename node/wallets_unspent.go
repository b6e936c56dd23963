package node

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/lode-chain/lode/address"
	"github.com/lode-chain/lode/descriptor"
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
	WitnessScript string     `json:"witnessScript,omitempty"`
	ScriptPubKey  string     `json:"scriptPubKey"`
	Amount        rpc.Amount `json:"amount"`
	Confirmations int64      `json:"confirmations"`
	AncestorCount int        `json:"ancestorcount,omitempty"`
	Spendable     bool       `json:"spendable"`
	Solvable      bool       `json:"solvable"`
	Desc          string     `json:"desc,omitempty"`
	ParentDescs   []string   `json:"parent_descs"`
	Reused        *bool      `json:"reused,omitempty"`
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
	case coin.State == wallet.Spent, coin.Locked, coin.State == wallet.Immature && !o.Immature, coin.State == wallet.Pending && !q.unsafe:
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
	avoid := c.file.Flag(flagAvoidReuse)
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
			row.Solvable, row.Desc, row.RedeemScript, row.WitnessScript = facts.solvable, facts.Desc, facts.redeem, facts.witness
			if avoid {
				row.Reused = &coin.Reused
			}
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
	if ok {
		return text, true
	}
	roles, err := c.roles(c.file)
	return "", err == nil && int(chain) < len(roles) && !roles[chain].Internal
}

// keyFacts are what only the owner of a script knows of it.
type keyFacts struct {
	Desc        string        `json:"desc,omitempty"`
	Parent      string        `json:"parent_desc,omitempty"`
	Script      string        `json:"script,omitempty"`
	Redeem      string        `json:"hex,omitempty"` // of a script hash
	Required    int           `json:"sigsrequired,omitempty"`
	PubKeys     []string      `json:"pubkeys,omitempty"`
	PubKey      string        `json:"pubkey,omitempty"`
	Compressed  bool          `json:"iscompressed,omitempty"`
	Embedded    *embeddedInfo `json:"embedded,omitempty"`
	Path        string        `json:"hdkeypath,omitempty"`
	SeedID      string        `json:"hdseedid,omitempty"`
	Fingerprint string        `json:"hdmasterfingerprint,omitempty"`

	solvable        bool
	redeem, witness string
}

// embeddedInfo is the witness program behind a script hash.
type embeddedInfo struct {
	addressFacts
	Script   string   `json:"script,omitempty"`
	Hex      string   `json:"hex,omitempty"`
	Required int      `json:"sigsrequired,omitempty"`
	PubKeys  []string `json:"pubkeys,omitempty"`
	PubKey   string   `json:"pubkey,omitempty"`
	Address  string   `json:"address"`
}

// keyFacts tells what the wallet's descriptor knows of one of its scripts.
func (c *coreWallet) keyFacts(script []byte, chain, index uint32) (*keyFacts, error) {
	if f, ok := c.facts[string(script)]; ok {
		return f, nil
	}
	roles, err := c.roles(c.file)
	if err != nil {
		return nil, err
	}
	if int(chain) >= len(roles) {
		return nil, fmt.Errorf("wallet %s has no descriptor %d", c.file.Name(), chain)
	}
	parent := roles[chain].parsed
	f := &keyFacts{Parent: parent.String(), solvable: parent.Solvable()}
	if f.solvable {
		out, err := parent.Output(index, script)
		if err != nil {
			return nil, err
		}
		c.describeOutput(f, out)
	}
	if c.facts == nil {
		c.facts = make(map[string]*keyFacts)
	}
	c.facts[string(script)] = f
	return f, nil
}

// describeOutput fills in what an output's scripts and keys tell (Core's
// DescribeWalletAddress).
func (c *coreWallet) describeOutput(f *keyFacts, out *descriptor.Output) {
	f.Desc = out.Infer(c.host.params)
	f.redeem, f.witness = hex.EncodeToString(out.RedeemScript), hex.EncodeToString(out.WitnessScript)
	kind := address.KindOf(out.Script)
	inner := out.WitnessScript
	if len(out.RedeemScript) > 0 {
		f.Script, f.Redeem = address.KindOf(out.RedeemScript).CoreName(), f.redeem
		if len(inner) > 0 || address.KindOf(out.RedeemScript) == address.P2WPKH {
			e := &embeddedInfo{addressFacts: factsOf(out.RedeemScript)}
			e.Address, _ = address.Encode(out.RedeemScript, c.host.params)
			if len(inner) > 0 {
				e.Script, e.Hex = address.KindOf(inner).CoreName(), f.witness
				e.Required, e.PubKeys = multisigOf(inner)
				f.PubKeys = e.PubKeys
			} else if len(out.Keys) == 1 {
				e.PubKey = hex.EncodeToString(out.Keys[0].Public)
				f.PubKey = e.PubKey
			}
			f.Embedded = e
		} else {
			f.Required, f.PubKeys = multisigOf(out.RedeemScript)
		}
	} else if len(inner) > 0 {
		f.Script, f.Redeem = address.KindOf(inner).CoreName(), f.witness
		f.Required, f.PubKeys = multisigOf(inner)
	}
	if len(out.Keys) != 1 || len(inner) > 0 {
		return
	}
	key := &out.Keys[0]
	if kind == address.P2PKH || kind == address.P2WPKH {
		f.PubKey = hex.EncodeToString(key.Public)
		f.Compressed = kind == address.P2PKH && len(key.Public) == 33
	}
	if kind != address.P2SH || f.Embedded != nil {
		f.Path, f.Fingerprint, f.SeedID = hardenedByH(key.Path.String()), hex.EncodeToString(key.Fingerprint[:]), strings.Repeat("0", 40)
	}
}

// multisigOf reads a multisig script.
func multisigOf(script []byte) (required int, pubkeys []string) {
	required, keys, ok := address.ParseMultisig(script)
	if !ok {
		return 0, nil
	}
	for _, key := range keys {
		pubkeys = append(pubkeys, hex.EncodeToString(key))
	}
	return required, pubkeys
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
	if roles, err := c.roles(c.file); err == nil && int(owner.Chain) < len(roles) {
		created = roles[owner.Chain].Time
	}
	reply.IsMine, reply.Solvable, reply.keyFacts, reply.Timestamp = true, facts.solvable, facts, &created
	label, listed := c.label(script, owner.Chain)
	if reply.IsChange = !listed; listed {
		reply.Labels = append(reply.Labels, label)
	}
	return reply, nil
}
