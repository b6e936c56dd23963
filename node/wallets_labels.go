package node

import (
	"context"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/address"
	"github.com/lode-chain/lode/internal/vault"
	"github.com/lode-chain/lode/keys"
	"github.com/lode-chain/lode/rpc"
	"github.com/lode-chain/lode/wallet"
)

// registerLabels adds Core's methods about labels, locked coins and messages.
func (h *Host) registerLabels(s *rpc.Server) {
	for _, m := range []rpc.Method{
		{
			Name: "setlabel", Summary: "Remembers a text of an address.",
			Params: []rpc.Param{
				{Name: "address", Type: rpc.String, Help: "The address"}, {Name: "label", Type: rpc.String, Help: "The text"},
			},
			Example: `"bcrt1q…" "rent"`, Handler: onWallet(h, (*coreWallet).setLabel),
		}, {
			Name: "listlabels", Summary: "Lists the labels of a wallet's addresses.",
			Params:  []rpc.Param{{Name: "purpose", Type: rpc.String, Optional: true, Help: `"receive" for one's own addresses, "send" for others'`}},
			Handler: onWallet(h, (*coreWallet).listLabels),
		}, {
			Name: "getaddressesbylabel", Summary: "Lists the addresses of a label.",
			Params:  []rpc.Param{{Name: "label", Type: rpc.String, Help: "The label"}},
			Example: `"rent"`, Handler: onWallet(h, (*coreWallet).addressesByLabel),
		}, {
			Name: "lockunspent", Summary: "Keeps coins from being chosen for payments, or lets them again.",
			Params: []rpc.Param{
				{Name: "unlock", Type: rpc.Bool, Help: "Whether to let them be chosen again"},
				{Name: "transactions", Type: rpc.Array, Optional: true, Help: "Objects: txid, vout; with unlock, all when left out"},
				{Name: "persistent", Type: rpc.Bool, Optional: true, Help: "No meaning here: locks are always kept"},
			},
			Example: `false '[{"txid":"…","vout":1}]'`, Handler: onWallet(h, (*coreWallet).lockUnspent),
		}, {
			Name: "listlockunspent", Summary: "Lists the coins that are kept from being chosen.", Handler: onWallet(h, (*coreWallet).listLocked),
		}, {
			Name: "signmessage", Summary: "Signs a text with the key of a legacy address.",
			Params: []rpc.Param{
				{Name: "address", Type: rpc.String, Help: "A legacy address of the wallet"}, {Name: "message", Type: rpc.String, Help: "The text"},
			},
			Example: `"m…" "hello"`, Handler: onWallet(h, (*coreWallet).signMessage),
		},
	} {
		registerCore(s, m)
	}
}

func (c *coreWallet) setLabel(_ context.Context, r *rpc.Request) (any, error) {
	text, err := r.Text(0, "")
	if err != nil {
		return nil, err
	}
	script, err := address.Decode(text, c.host.params)
	if err != nil {
		return nil, rpc.CodeInvalidAddress.New("Invalid Bitcoin address")
	}
	label, err := r.Text(1, "")
	if err != nil {
		return nil, err
	}
	return nil, setLabel(c.file, script, label)
}

// labelled calls fn for the addresses that have labels, or were given out, in the
// order of their texts.
func (c *coreWallet) labelled(fn func(text, label string, mine bool)) error {
	roles, err := c.roles(c.file)
	if err != nil {
		return err
	}
	l := &ledger{coreWallet: c, roles: roles}
	seen := make(map[string]string)
	for _, script := range l.givenOut() {
		label, _ := c.file.Label(script)
		seen[string(script)] = label
	}
	for text, label := range c.file.Labels() {
		if script, err := hex.DecodeString(text); err == nil {
			seen[string(script)] = label
		}
	}
	for _, script := range slices.Sorted(keysOf(seen)) {
		text, ok := address.Encode([]byte(script), c.host.params)
		if !ok {
			continue
		}
		_, mine := c.owns(c.file, []byte(script))
		fn(text, seen[script], mine)
	}
	return nil
}

// labels returns the labels that a wallet's addresses have, sorted.
func (l *ledger) labels() []string {
	var list []string
	for _, label := range l.file.Labels() {
		if !slices.Contains(list, label) {
			list = append(list, label)
		}
	}
	slices.Sort(list)
	return list
}

func (c *coreWallet) listLabels(_ context.Context, r *rpc.Request) (any, error) {
	purpose, err := r.Text(0, "")
	if err != nil {
		return nil, err
	}
	if purpose != "" && purpose != "receive" && purpose != "send" {
		return nil, rpc.CodeInvalidParameter.New("Invalid 'purpose' argument, must be a known purpose string, typically 'send', or 'receive'.")
	}
	labels := []string{}
	err = c.labelled(func(_, label string, mine bool) {
		if (purpose == "" || mine == (purpose == "receive")) && !slices.Contains(labels, label) {
			labels = append(labels, label)
		}
	})
	slices.Sort(labels)
	return labels, err
}

func (c *coreWallet) addressesByLabel(_ context.Context, r *rpc.Request) (any, error) {
	wanted, err := r.Text(0, "")
	if err != nil {
		return nil, err
	}
	type purpose struct {
		Purpose string `json:"purpose"`
	}
	found := make(map[string]purpose)
	err = c.labelled(func(text, label string, mine bool) {
		if label == wanted {
			found[text] = purpose{map[bool]string{true: "receive", false: "send"}[mine]}
		}
	})
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, rpc.CodeInvalidLabel.New("No addresses with label " + wanted)
	}
	return found, nil
}

// lockedCoin is an output as lockunspent and listlockunspent name it.
type lockedCoin struct {
	TxID string `json:"txid"`
	Vout int64  `json:"vout"`
}

func (c *coreWallet) lockUnspent(ctx context.Context, r *rpc.Request) (any, error) {
	unlock, err := r.Flag(0, false)
	if err != nil {
		return nil, err
	}
	if !r.Has(1) {
		if unlock {
			if err := c.file.UnlockCoin(c.file.LockedCoins()...); err != nil {
				return nil, rpc.CodeWallet.New(err.Error())
			}
		}
		return true, nil
	}
	var wanted []lockedCoin
	if err := r.Decode(1, &wanted); err != nil {
		return nil, err
	}
	var names []string
	err = c.with(ctx, func(v *walletView, coins []wallet.Coin) error {
		for _, w := range wanted {
			name, err := c.lockable(ctx, w, coins, unlock)
			if err != nil {
				return err
			}
			names = append(names, name)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if unlock {
		err = c.file.UnlockCoin(names...)
	} else {
		err = c.file.LockCoin(names...)
	}
	if err != nil {
		return nil, rpc.CodeWallet.New(err.Error())
	}
	return true, nil
}

// lockable checks one coin of lockunspent.
func (c *coreWallet) lockable(ctx context.Context, w lockedCoin, coins []wallet.Coin, unlock bool) (string, error) {
	txid, err := chainhash.NewHashFromStr(w.TxID)
	if err != nil || len(w.TxID) != 64 {
		return "", rpc.Errorf(rpc.CodeInvalidParameter, "txid must be of length 64 (not %d, for '%s')", len(w.TxID), clipped(w.TxID))
	}
	if w.Vout < 0 {
		return "", rpc.CodeInvalidParameter.New("Invalid parameter, vout cannot be negative")
	}
	op := wire.OutPoint{Hash: *txid, Index: uint32(w.Vout)}
	name := op.String()
	locked := slices.Contains(c.file.LockedCoins(), name)
	i := slices.IndexFunc(coins, func(coin wallet.Coin) bool { return coin.OutPoint == op })
	if i < 0 {
		f, err := c.host.findTx(ctx, *txid, nil)
		switch {
		case err != nil:
			return "", rpc.CodeInvalidParameter.New("Invalid parameter, unknown transaction")
		case int(op.Index) >= len(f.tx.TxOut):
			return "", rpc.CodeInvalidParameter.New("Invalid parameter, vout index out of bounds")
		}
		if _, mine := c.owns(c.file, f.tx.TxOut[op.Index].PkScript); !mine && !unlock {
			return "", rpc.CodeInvalidParameter.New("Invalid parameter, unknown transaction")
		}
	}
	switch {
	case (i < 0 || coins[i].State == wallet.Spent) && !locked:
		return "", rpc.CodeInvalidParameter.New("Invalid parameter, expected unspent output")
	case unlock && !locked:
		return "", rpc.CodeInvalidParameter.New("Invalid parameter, expected locked output")
	case !unlock && locked:
		return "", rpc.CodeInvalidParameter.New("Invalid parameter, output already locked")
	}
	return name, nil
}

func (c *coreWallet) listLocked(context.Context, *rpc.Request) (any, error) {
	list := []lockedCoin{}
	for _, name := range c.file.LockedCoins() {
		txid, n, _ := strings.Cut(name, ":")
		vout, err := strconv.ParseInt(n, 10, 64)
		if err != nil {
			return nil, err
		}
		list = append(list, lockedCoin{txid, vout})
	}
	return list, nil
}

// coinsOf returns a wallet's coins at one moment, with those marked that the user
// has locked, and where the wallet avoids it those at addresses that were spent
// from.
func (w *wallets) coinsOf(v *walletView, file *vault.Wallet) ([]wallet.Coin, error) {
	number := uint32(file.Number())
	coins, err := v.Coins(number)
	if err != nil {
		return nil, err
	}
	if locked := file.LockedCoins(); len(locked) > 0 {
		for i := range coins {
			_, coins[i].Locked = slices.BinarySearch(locked, coins[i].OutPoint.String())
		}
	}
	if file.Flag(flagAvoidReuse) {
		err = v.MarkReused(number, coins)
	}
	return coins, err
}

func (c *coreWallet) signMessage(_ context.Context, r *rpc.Request) (any, error) {
	text, err := r.Text(0, "")
	if err != nil {
		return nil, err
	}
	message, err := r.Text(1, "")
	if err != nil {
		return nil, err
	}
	if c.file.Encrypted() && c.vault.Locked() {
		return nil, errLocked
	}
	script, err := address.Decode(text, c.host.params)
	if err != nil {
		return nil, rpc.CodeInvalidAddress.New("Invalid address")
	}
	if address.KindOf(script) != address.P2PKH {
		return nil, rpc.CodeType.New("Address does not refer to key")
	}
	owner, mine := c.owns(c.file, script)
	if !mine || c.file.Header().WatchOnly {
		return nil, rpc.CodeInvalidAddress.New("Private key not available")
	}
	ring, err := c.ring(c.file, nil)
	if err != nil {
		return nil, err
	}
	defer ring.Close()
	out, err := ring.Solve(&wallet.Coin{Script: script, Chain: owner.Chain, Index: owner.Index})
	if err != nil {
		return nil, err
	}
	for i := range out.Keys {
		if key, ok := out.Keys[i].PrivateKey(); ok {
			return keys.SignMessage(key, len(out.Keys[i].Public) == 33, message), nil
		}
	}
	return nil, rpc.CodeInvalidAddress.New("Private key not available")
}
