package node

import (
	"context"

	"github.com/lode-chain/lode/internal/vault"
	"github.com/lode-chain/lode/rpc"
	"github.com/lode-chain/lode/wallet"
)

// registerCoreWallet adds the wallet methods that Core has.
func (h *Host) registerCoreWallet(s *rpc.Server) {
	for _, m := range []rpc.Method{
		{
			Name: "listwallets", Summary: "Lists the names of the wallets that are loaded: all but those that were unloaded.", Handler: h.listWallets,
		}, {
			Name: "getwalletinfo", Summary: "Returns a wallet's state.", Handler: onWallet(h, (*coreWallet).info),
		}, {
			Name: "getbalances", Summary: "Returns a wallet's balances.", Handler: onWallet(h, (*coreWallet).balances),
		}, {
			Name: "getunconfirmedbalance", Summary: "Returns what others have paid a wallet and no block has yet.", Handler: onWallet(h, (*coreWallet).unconfirmed),
		}, {
			Name: "getbalance", Summary: "Returns what a wallet can spend.",
			Params: []rpc.Param{
				{Name: "dummy", Type: rpc.String, Optional: true, Help: `Left out or "*"`},
				{Name: "minconf", Type: rpc.Number, Optional: true, Help: "Confirmations that coins have at least (default 0)"},
				{Name: "include_watchonly", Type: rpc.Bool, Optional: true, Help: "No meaning here"},
				{Name: "avoid_reuse", Type: rpc.Bool, Optional: true, Help: "Leave out coins at addresses that were spent from; only where the wallet has that flag (default: the flag)"},
			},
			Example: `"*" 6`, Handler: onWallet(h, (*coreWallet).balance),
		}, {
			Name: "getnewaddress", Summary: "Returns an address of a wallet that was never given out.",
			Params: []rpc.Param{
				{Name: "label", Type: rpc.String, Optional: true, Help: "What to remember of it"},
				{Name: "address_type", Type: rpc.String, Optional: true, Help: "legacy, p2sh-segwit, bech32 or bech32m; the wallet's own when left out"},
			},
			Handler: onWallet(h, (*coreWallet).newAddress),
		}, {
			Name: "getrawchangeaddress", Summary: "Returns an address of a wallet for change, which was never given out.",
			Params:  []rpc.Param{{Name: "address_type", Type: rpc.String, Optional: true, Help: "legacy, p2sh-segwit, bech32 or bech32m; the wallet's own when left out"}},
			Handler: onWallet(h, (*coreWallet).changeAddress),
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
			Name: "getaddressinfo", Summary: "Tells what a wallet knows of an address.",
			Params:  []rpc.Param{{Name: "address", Type: rpc.String, Help: "The address"}},
			Example: `"bcrt1q…"`, Handler: onWallet(h, (*coreWallet).addressInfo),
		},
	} {
		registerCore(s, m)
	}
}

// registerCore adds one of Core's methods.
func registerCore(s *rpc.Server, m rpc.Method) {
	m.Section = rpc.SectionWallet
	s.Register(m)
}

// coreWallet is the wallet of one call: that of /wallet/NAME, else the default.
type coreWallet struct {
	*wallets
	file *vault.Wallet

	facts map[string]*keyFacts // by script
}

func onWallet(h *Host, do func(*coreWallet, context.Context, *rpc.Request) (any, error)) func(context.Context, *rpc.Request) (any, error) {
	return func(ctx context.Context, r *rpc.Request) (any, error) {
		file, err := h.wallets.loaded(r.Wallet)
		if err != nil {
			return nil, err
		}
		return do(&coreWallet{wallets: h.wallets, file: file}, ctx, r)
	}
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
	coins, err := c.coinsOf(v, c.file)
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
		Scanning    any        `json:"scanning"` // false, or an object
		Descriptors bool       `json:"descriptors"`
		External    bool       `json:"external_signer"`
		Blank       bool       `json:"blank"`
		BirthTime   int64      `json:"birthtime"`
		LastBlock   blockRef   `json:"lastprocessedblock"`
	}{
		Name: c.file.Name(), Version: 169900, Format: "lode", Balance: b.Spendable, Unconfirmed: b.Pending, Immature: b.Immature,
		TxCount: txs, PrivateKeys: !head.WatchOnly, Descriptors: true, AvoidReuse: c.file.Flag(flagAvoidReuse), Blank: c.file.Flag(flagBlank), BirthTime: head.Created, Scanning: c.scanInfo(c.file.Number()),
		LastBlock: blockRef{v.At.Hash.String(), v.At.Height},
	}
	if info.KeyPool, info.Internal, err = c.ahead(); err != nil {
		return nil, err
	}
	if c.file.Encrypted() {
		until := c.unlockedUntil()
		info.Unlocked = &until
	}
	return info, nil
}

// ahead is how many addresses are watched beyond those that were given out: for
// payments, and for change.
func (c *coreWallet) ahead() (external, internal int, err error) {
	roles, err := c.roles(c.file)
	if err != nil {
		return 0, 0, err
	}
	for i := range roles {
		r := &roles[i]
		if !r.isActive(roles) {
			continue
		}
		next := c.firstFree(c.file, r)
		n := int(max(r.End, next+wallet.Gap) - next)
		if r.Internal {
			internal += n
		} else {
			external += n
		}
	}
	return external, internal, nil
}

func (c *coreWallet) balances(ctx context.Context, _ *rpc.Request) (any, error) {
	type sums struct {
		Trusted  rpc.Amount  `json:"trusted"`
		Pending  rpc.Amount  `json:"untrusted_pending"`
		Immature rpc.Amount  `json:"immature"`
		Used     *rpc.Amount `json:"used,omitempty"`
	}
	var reply struct {
		Mine      sums     `json:"mine"`
		LastBlock blockRef `json:"lastprocessedblock"`
	}
	avoid := c.file.Flag(flagAvoidReuse)
	err := c.with(ctx, func(v *walletView, coins []wallet.Coin) error {
		var used rpc.Amount
		for i := range coins {
			switch coin := &coins[i]; {
			case coin.State == wallet.Immature:
				reply.Mine.Immature += coin.Value
			case coin.State == wallet.Spent:
			case avoid && coin.Reused:
				used += coin.Value
			case coin.State == wallet.Pending:
				reply.Mine.Pending += coin.Value
			default:
				reply.Mine.Trusted += coin.Value
			}
		}
		if avoid {
			reply.Mine.Used = &used
		}
		reply.LastBlock = blockRef{v.At.Hash.String(), v.At.Height}
		return nil
	})
	return reply, err
}

func (c *coreWallet) unconfirmed(ctx context.Context, _ *rpc.Request) (any, error) {
	var sum rpc.Amount
	err := c.with(ctx, func(_ *walletView, coins []wallet.Coin) error {
		for i := range coins {
			if coins[i].State == wallet.Pending {
				sum += coins[i].Value
			}
		}
		return nil
	})
	return sum, err
}

// confirmations of a coin at a tip; 0 when it is in no block.
func confirmations(c *wallet.Coin, tip int32) int64 {
	if c.Height == wallet.Unconfirmed {
		return 0
	}
	return int64(tip-c.Height) + 1
}

// avoidReuse reads whether coins at addresses that were spent from are left out
// (Core's GetAvoidReuseFlag).
func (c *coreWallet) avoidReuse(r *rpc.Request, i int) (bool, error) {
	able := c.file.Flag(flagAvoidReuse)
	avoid, err := r.Flag(i, able)
	if err == nil && avoid && !able {
		err = rpc.CodeWallet.New("wallet does not have the \"avoid reuse\" feature enabled")
	}
	return avoid, err
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
	avoid, err := c.avoidReuse(r, 3)
	if err != nil {
		return nil, err
	}
	var sum rpc.Amount
	err = c.with(ctx, func(v *walletView, coins []wallet.Coin) error {
		for i := range coins {
			if avoid && coins[i].Reused {
				continue
			}
			if coins[i].State == wallet.Spendable && confirmations(&coins[i], v.At.Height) >= least {
				sum += coins[i].Value
			}
		}
		return nil
	})
	return sum, err
}
