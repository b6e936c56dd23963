package node

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"github.com/btcsuite/btcd/btcec/v2/schnorr"

	"github.com/lode-chain/lode/address"
	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/descriptor"
	"github.com/lode-chain/lode/internal/vault"
	"github.com/lode-chain/lode/keys"
	"github.com/lode-chain/lode/rpc"
	"github.com/lode-chain/lode/wallet"
)

// registerCoreWallet adds the wallet methods that Core has.
func (h *Host) registerCoreWallet(s *rpc.Server) {
	for _, m := range []rpc.Method{
		{
			Name: "listwallets", Summary: "Lists the names of all wallets; all are always loaded.", Handler: h.listWallets,
		}, {
			Name: "getwalletinfo", Summary: "Returns a wallet's state.", Handler: onWallet(h, (*coreWallet).info),
		}, {
			Name: "getbalances", Summary: "Returns a wallet's balances.", Handler: onWallet(h, (*coreWallet).balances),
		}, {
			Name: "getbalance", Summary: "Returns what a wallet can spend.",
			Params: []rpc.Param{
				{Name: "dummy", Type: rpc.String, Optional: true, Help: `Left out or "*"`},
				{Name: "minconf", Type: rpc.Number, Optional: true, Help: "Confirmations that coins have at least (default 0)"},
				{Name: "include_watchonly", Type: rpc.Bool, Optional: true, Help: "No meaning here"},
				{Name: "avoid_reuse", Type: rpc.Bool, Optional: true, Help: "No meaning here"},
			},
			Example: `"*" 6`, Handler: onWallet(h, (*coreWallet).balance),
		}, {
			Name: "getnewaddress", Summary: "Returns an address of a wallet that was never given out.",
			Params: []rpc.Param{
				{Name: "label", Type: rpc.String, Optional: true, Help: "What to remember of it"},
				{Name: "address_type", Type: rpc.String, Optional: true, Help: "Must be the wallet's"},
			},
			Handler: onWallet(h, (*coreWallet).newAddress),
		}, {
			Name: "listunspent", Summary: "Lists a wallet's coins that can be spent.",
			Params: []rpc.Param{
				{Name: "minconf", Type: rpc.Number, Optional: true, Help: "Confirmations at least (default 1)"},
				{Name: "maxconf", Type: rpc.Number, Optional: true, Help: "Confirmations at most (default 9999999)"},
				{Name: "addresses", Type: rpc.Array, Optional: true, Help: "Only these"},
				{Name: "include_unsafe", Type: rpc.Bool, Optional: true, Help: "Also unconfirmed ones that others paid (default true)"},
				{Name: "query_options", Type: rpc.Object, Optional: true, Help: "minimumAmount, maximumAmount, maximumCount, minimumSumAmount, include_immature_coinbase"},
			},
			Handler: onWallet(h, (*coreWallet).listUnspent),
		}, {
			Name: "sendtoaddress", Summary: "Pays an address.",
			Params: []rpc.Param{
				{Name: "address", Type: rpc.String, Help: "Whom to pay"},
				{Name: "amount", Type: rpc.Any, Help: "In coins"},
				{Name: "comment", Type: rpc.String, Optional: true, Help: "Not kept"},
				{Name: "comment_to", Type: rpc.String, Optional: true, Help: "Not kept"},
				{Name: "subtractfeefromamount", Type: rpc.Bool, Optional: true, Help: "The receiver pays the fee (default false)"},
				{Name: "replaceable", Type: rpc.Bool, Optional: true, Help: "All payments are"},
				{Name: "conf_target", Type: rpc.Number, Optional: true, Help: "No meaning here"},
				{Name: "estimate_mode", Type: rpc.String, Optional: true, Help: "No meaning here"},
				{Name: "avoid_reuse", Type: rpc.Bool, Optional: true, Help: "No meaning here"},
				{Name: "fee_rate", Type: rpc.Any, Optional: true, Help: "In sat/vB"},
				{Name: "verbose", Type: rpc.Bool, Optional: true, Help: "Return an object (default false)"},
			},
			Example: `"bcrt1q…" 0.1`, Handler: onWallet(h, (*coreWallet).sendToAddress),
		}, {
			Name: "getaddressinfo", Summary: "Tells what a wallet knows of an address.",
			Params:  []rpc.Param{{Name: "address", Type: rpc.String, Help: "The address"}},
			Example: `"bcrt1q…"`, Handler: onWallet(h, (*coreWallet).addressInfo),
		}, {
			Name: "walletpassphrase", Summary: "Opens the secrets of all wallets for a time.",
			Params: []rpc.Param{
				{Name: "passphrase", Type: rpc.String, Help: "Of the wallets"},
				{Name: "timeout", Type: rpc.Number, Help: "Seconds, at most 100000000"},
			},
			Example: `"my pass phrase" 60`, Handler: h.walletPassphrase,
		}, {
			Name: "walletlock", Summary: "Closes the secrets of all wallets.", Handler: h.walletLock,
		},
	} {
		m.Section = rpc.SectionWallet
		s.Register(m)
	}
}

// coreWallet is the wallet of one call: that of /wallet/NAME, else the default.
type coreWallet struct {
	*wallets
	file *vault.Wallet
}

func onWallet(h *Host, do func(*coreWallet, context.Context, *rpc.Request) (any, error)) func(context.Context, *rpc.Request) (any, error) {
	return func(ctx context.Context, r *rpc.Request) (any, error) {
		file, err := h.wallets.find(r.Wallet)
		if err != nil {
			return nil, err
		}
		return do(&coreWallet{h.wallets, file}, ctx, r)
	}
}

func (h *Host) listWallets(context.Context, *rpc.Request) (any, error) {
	names := []string{}
	for _, file := range h.wallets.vault.Wallets() {
		names = append(names, file.Name())
	}
	return names, nil
}

// blockRef is the block that an answer is about.
type blockRef struct {
	Hash   string `json:"hash"`
	Height int32  `json:"height"`
}

// with calls fn with the wallet's coins at one moment.
func (c *coreWallet) with(ctx context.Context, fn func(v *walletView, coins []wallet.Coin) error) error {
	v, err := c.view(ctx)
	if err != nil {
		return err
	}
	defer v.Close()
	coins, err := v.Coins(uint32(c.file.Number()))
	if err != nil {
		return err
	}
	return fn(v, coins)
}

func (c *coreWallet) info(ctx context.Context, _ *rpc.Request) (any, error) {
	v, err := c.view(ctx)
	if err != nil {
		return nil, err
	}
	defer v.Close()
	number := uint32(c.file.Number())
	b, err := v.Balance(number)
	if err != nil {
		return nil, err
	}
	txs := 0
	if err := wallet.History(v.snapshot, number, func(wallet.Entry) error { txs++; return nil }); err != nil {
		return nil, err
	}
	head := c.file.Header()
	info := struct {
		Name        string     `json:"walletname"`
		Version     int        `json:"walletversion"`
		Format      string     `json:"format"`
		Balance     rpc.Amount `json:"balance"`
		Unconfirmed rpc.Amount `json:"unconfirmed_balance"`
		Immature    rpc.Amount `json:"immature_balance"`
		TxCount     int        `json:"txcount"`
		KeyPool     int        `json:"keypoolsize"`
		Internal    int        `json:"keypoolsize_hd_internal"`
		Unlocked    *int64     `json:"unlocked_until,omitempty"`
		PayTxFee    rpc.Amount `json:"paytxfee"`
		PrivateKeys bool       `json:"private_keys_enabled"`
		AvoidReuse  bool       `json:"avoid_reuse"`
		Scanning    bool       `json:"scanning"`
		Descriptors bool       `json:"descriptors"`
		External    bool       `json:"external_signer"`
		Blank       bool       `json:"blank"`
		BirthTime   int64      `json:"birthtime"`
		LastBlock   blockRef   `json:"lastprocessedblock"`
	}{
		Name: c.file.Name(), Version: 169900, Format: "lode", Balance: b.Spendable, Unconfirmed: b.Pending, Immature: b.Immature,
		TxCount: txs, PrivateKeys: true, Descriptors: true, BirthTime: head.Created,
		LastBlock: blockRef{v.At.Hash.String(), v.At.Height},
	}
	if head.Account != "" {
		info.KeyPool, info.Internal = wallet.Gap, wallet.Gap
	}
	if c.file.Encrypted() {
		until := c.unlockedUntil()
		info.Unlocked = &until
	}
	return info, nil
}

func (c *coreWallet) balances(ctx context.Context, _ *rpc.Request) (any, error) {
	type sums struct {
		Trusted  rpc.Amount `json:"trusted"`
		Pending  rpc.Amount `json:"untrusted_pending"`
		Immature rpc.Amount `json:"immature"`
	}
	var reply struct {
		Mine      sums     `json:"mine"`
		LastBlock blockRef `json:"lastprocessedblock"`
	}
	v, err := c.view(ctx)
	if err != nil {
		return nil, err
	}
	defer v.Close()
	b, err := v.Balance(uint32(c.file.Number()))
	reply.Mine = sums{b.Spendable, b.Pending, b.Immature}
	reply.LastBlock = blockRef{v.At.Hash.String(), v.At.Height}
	return reply, err
}

// confirmations of a coin at a tip; 0 when it is in no block.
func confirmations(c *wallet.Coin, tip int32) int64 {
	if c.Height == wallet.Unconfirmed {
		return 0
	}
	return int64(tip-c.Height) + 1
}

func (c *coreWallet) balance(ctx context.Context, r *rpc.Request) (any, error) {
	dummy, err := r.Text(0, "*")
	if err != nil {
		return nil, err
	}
	if dummy != "*" {
		return nil, rpc.CodeDeprecated.New(`dummy first argument must be excluded or set to "*".`)
	}
	least, err := r.Int(1, 0)
	if err != nil {
		return nil, err
	}
	var sum rpc.Amount
	err = c.with(ctx, func(v *walletView, coins []wallet.Coin) error {
		for i := range coins {
			if coins[i].State == wallet.Spendable && confirmations(&coins[i], v.At.Height) >= least {
				sum += coins[i].Value
			}
		}
		return nil
	})
	return sum, err
}

func (c *coreWallet) newAddress(_ context.Context, r *rpc.Request) (any, error) {
	label, err := r.Text(0, "")
	if err != nil {
		return nil, err
	}
	if label == "*" {
		return nil, rpc.CodeInvalidLabel.New("Invalid label name")
	}
	head := c.file.Header()
	wanted, err := r.Text(1, head.Type)
	if err != nil {
		return nil, err
	}
	t, err := keys.ParseType(wanted)
	if err != nil {
		return nil, rpc.Errorf(rpc.CodeInvalidAddress, "Unknown address type '%s'", clipped(wanted))
	}
	if string(t) != head.Type {
		return nil, rpc.Errorf(rpc.CodeInvalidParameter, "wallet %s has addresses of type %s only; make another with lode wallet new --type %s", c.file.Name(), head.Type, t)
	}
	script, err := c.issue()
	if err != nil {
		return nil, err
	}
	if label != "" {
		if err := c.file.SetLabel(script, label); err != nil {
			return nil, rpc.CodeInvalidLabel.New(err.Error())
		}
	}
	a, _ := address.Encode(script, c.host.params)
	return a, nil
}

// issue gives out the next address: durable before anybody learns it. The first
// one was shown when the wallet was made.
func (c *coreWallet) issue() ([]byte, error) {
	defer c.lockWallet(c.file.Number())()
	source, err := c.sourceOf(c.file.Header())
	if err != nil {
		return nil, err
	}
	if !source.Ranged() {
		return nil, rpc.Errorf(rpc.CodeKeypoolRanOut, "wallet %s is a single key: its only address is given out", c.file.Name())
	}
	index := max(1, c.nextIndex(c.file, keys.Receive))
	script, err := source.Script(keys.Receive, index)
	if err != nil {
		return nil, err
	}
	if err := c.file.Issue(keys.Receive, index+1); err != nil {
		return nil, rpc.CodeWallet.New(err.Error())
	}
	return script, c.watch(uint32(c.file.Number()))
}

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
			row.Desc, row.RedeemScript = facts.Desc, facts.redeem
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
	Desc        string `json:"desc"`
	PubKey      string `json:"pubkey,omitempty"`
	Path        string `json:"hdkeypath,omitempty"`
	Fingerprint string `json:"hdmasterfingerprint,omitempty"`
	redeem      string
}

// keyFacts tells the key of one of the wallet's scripts, and its descriptor with
// where the key comes from.
func (c *coreWallet) keyFacts(script []byte, chain, index uint32) (f keyFacts, err error) {
	head := c.file.Header()
	raw, err := hex.DecodeString(head.PublicKey)
	if err != nil {
		return f, err
	}
	path := head.Path
	if head.Account != "" {
		account, err := keys.ParseAccount(head.Account, keys.Type(head.Type), c.host.params)
		if err != nil {
			return f, err
		}
		pub, _, err := account.Child(chain, index)
		if err != nil {
			return f, err
		}
		raw, path = pub.SerializeCompressed(), account.ChildPath(chain, index)
	}
	f.PubKey = hex.EncodeToString(raw)
	origin := ""
	if head.Master != "" && path != "" {
		f.Path, f.Fingerprint = hardenedByH(path), head.Master
		origin = "[" + head.Master + f.Path[1:] + "]"
	}
	switch t, _ := wallet.TypeOf(script); t {
	case keys.Legacy:
		f.Desc = "pkh(" + origin + f.PubKey + ")"
	case keys.P2SHSegwit:
		f.Desc = "sh(wpkh(" + origin + f.PubKey + "))"
		hash := address.Hash160(raw)
		f.redeem = hex.EncodeToString(address.WitnessScript(0, hash[:]))
	case keys.Bech32:
		f.Desc = "wpkh(" + origin + f.PubKey + ")"
	case keys.Bech32m:
		f.PubKey = hex.EncodeToString(raw[1 : 1+schnorr.PubKeyBytesLen])
		f.Desc = "tr(" + origin + f.PubKey + ")"
	}
	f.Desc = descriptor.WithChecksum(f.Desc)
	return f, nil
}

// hardenedByH writes a path as Core does, with h for hardened steps.
func hardenedByH(path string) string {
	b := []byte(path)
	for i := range b {
		if b[i] == '\'' {
			b[i] = 'h'
		}
	}
	return string(b)
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
	reply.IsMine, reply.Solvable, reply.keyFacts, reply.Timestamp = true, true, &facts, &created
	reply.IsChange = c.file.Header().Account != "" && owner.Chain != keys.Receive
	if label, ok := c.label(script, owner.Chain); ok {
		reply.Labels = append(reply.Labels, label)
	}
	return reply, nil
}

func (c *coreWallet) sendToAddress(ctx context.Context, r *rpc.Request) (any, error) {
	to, err := r.Text(0, "")
	if err != nil {
		return nil, err
	}
	p := &payment{file: c.file}
	if p.script, err = address.Decode(to, c.host.params); err != nil {
		return nil, rpc.Errorf(rpc.CodeInvalidAddress, "Invalid Bitcoin address: %s", clipped(to))
	}
	p.to = to
	if p.amount, err = coreAmount(r.Raw(1)); err != nil {
		return nil, err
	}
	if p.subtract, err = r.Flag(4, false); err != nil {
		return nil, err
	}
	rate, err := coreFeeRate(r.Raw(9))
	if err != nil {
		return nil, err
	}
	if p.rate, err = c.feeRate(rate); err != nil {
		return nil, err
	}
	verbose, err := r.Flag(10, false)
	if err != nil {
		return nil, err
	}
	defer c.lockWallet(c.file.Number())()
	plan, err := c.pay(ctx, p, "")
	if e, ok := errors.AsType[*rpc.Error](err); ok && e.Code == rpc.CodeInsufficientFunds {
		return nil, rpc.CodeInsufficientFunds.New("Insufficient funds")
	}
	if err != nil {
		return nil, err
	}
	if !verbose {
		return plan.TxID, nil
	}
	return struct {
		TxID   string `json:"txid"`
		Reason string `json:"fee_reason"`
	}{plan.TxID, "Fallback fee"}, nil
}

// coreAmount reads an amount with the errors of Core's AmountFromValue.
func coreAmount(raw json.RawMessage) (rpc.Amount, error) {
	var a rpc.Amount
	if err := json.Unmarshal(raw, &a); err != nil {
		text := string(raw)
		if s, err := strconv.Unquote(text); err == nil {
			text = s
		}
		if f, err := strconv.ParseFloat(text, 64); err == nil && (f < 0 || f > float64(consensus.MaxMoney)/float64(consensus.SatsPerCoin)) {
			return 0, rpc.CodeType.New("Amount out of range")
		}
		return 0, rpc.CodeType.New("Invalid amount")
	}
	if a == 0 {
		return 0, rpc.CodeInsufficientFunds.New("Transaction amount too small")
	}
	return a, nil
}

// coreFeeRate reads a rate in sat/vB, a number or a string.
func coreFeeRate(raw json.RawMessage) (float64, error) {
	if len(raw) == 0 {
		return 0, nil
	}
	text := string(raw)
	if s, err := strconv.Unquote(text); err == nil {
		text = s
	}
	rate, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0, rpc.CodeType.New("Invalid amount")
	}
	return rate, nil
}

func (h *Host) walletPassphrase(_ context.Context, r *rpc.Request) (any, error) {
	passphrase, err := r.Text(0, "")
	if err != nil {
		return nil, err
	}
	seconds, err := r.Int(1, 0)
	switch {
	case err != nil:
		return nil, err
	case !h.wallets.vault.Encrypted():
		return nil, walletError(vault.ErrNotEncrypted)
	case seconds < 0:
		return nil, rpc.CodeInvalidParameter.New("Timeout cannot be negative.")
	case passphrase == "":
		return nil, rpc.CodeInvalidParameter.New("passphrase cannot be empty")
	case seconds == 0: // checked, and closed again at once
		if err := h.wallets.unlock(passphrase, 0); err != nil {
			return nil, err
		}
		h.wallets.lock()
		return nil, nil
	}
	return nil, h.wallets.unlock(passphrase, time.Duration(min(seconds, maxUnlock))*time.Second)
}

func (h *Host) walletLock(context.Context, *rpc.Request) (any, error) {
	if !h.wallets.vault.Encrypted() {
		return nil, rpc.CodeWrongEncState.New("Error: running with an unencrypted wallet, but walletlock was called.")
	}
	h.wallets.lock()
	return nil, nil
}
