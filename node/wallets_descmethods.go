package node

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/lode-chain/lode/descriptor"
	"github.com/lode-chain/lode/internal/vault"
	"github.com/lode-chain/lode/keys"
	"github.com/lode-chain/lode/rpc"
	"github.com/lode-chain/lode/wallet"
)

// registerDescriptorWallets adds the methods about a wallet's descriptors.
func (h *Host) registerDescriptorWallets(s *rpc.Server) {
	form := rpc.Param{Name: "form", Type: rpc.String, Optional: true, Help: "wsh (default), sh-wsh, sh or tr"}
	for _, m := range []rpc.Method{
		{
			Name: "lode_importwallet", Summary: "Makes a wallet of descriptors and finds its coins. Without private keys it watches.",
			Params: []rpc.Param{
				nameParam,
				{Name: "descriptors", Type: rpc.Array, Help: "As importdescriptors has them; checksum and timestamp may be left out, and desc may be an extended key"},
				typeParam,
				{Name: "watch", Type: rpc.Bool, Optional: true, Help: "Refuse private keys"},
				passphraseParam,
			},
			Example: `'{"name":"shared","descriptors":[{"desc":"wpkh(…)"}]}'`,
			Handler: own(func(ctx context.Context, w *wallets, r rpc.NewDescriptorWallet) (any, error) {
				return w.importWallet(ctx, r)
			}, h),
		}, {
			Name: "lode_watch", Summary: "Makes a wallet that only watches: of extended public keys, descriptors or addresses.",
			Params: []rpc.Param{
				{Name: "what", Type: rpc.Array, Help: "xpub, ypub, zpub and the like, descriptors, addresses"}, nameParam, typeParam,
			},
			Example: `'{"what":["bcrt1q…"],"name":"cold"}'`,
			Handler: own(func(ctx context.Context, w *wallets, r rpc.WatchRequest) (any, error) { return w.watchWallet(ctx, r) }, h),
		}, {
			Name: "lode_multisig", Summary: "Makes the wallet of a multisig from the keys of all who share it.",
			Params: []rpc.Param{
				nameParam,
				{Name: "required", Type: rpc.Number, Help: "How many have to sign"},
				{Name: "keys", Type: rpc.Array, Help: "Key expressions as lode_xpub returns them, or public keys"},
				{Name: "sign_with", Type: rpc.String, Optional: true, Help: "Wallet whose key signs; without, the wallet watches"},
				form,
				{Name: "old", Type: rpc.Bool, Optional: true, Help: "It may have been paid before: search the chain"},
				passphraseParam,
			},
			Example: `'{"required":2,"keys":["[…]tpub…","[…]tpub…"],"sign_with":"Wallet1"}'`,
			Handler: own(func(ctx context.Context, w *wallets, r rpc.MultisigRequest) (any, error) { return w.multisig(ctx, r) }, h),
		}, {
			Name: "lode_xpub", Summary: "Returns a wallet's key for multisigs (BIP48), to hand out.",
			Params:  []rpc.Param{oneParam, form, {Name: "account", Type: rpc.Bool, Optional: true, Help: "The key of its own account instead"}, passphraseParam},
			Example: `'{"wallet":"Wallet1"}'`,
			Handler: own(func(ctx context.Context, w *wallets, r rpc.SharedKeyRequest) (any, error) { return w.xpub(ctx, r) }, h),
		}, {
			Name: "lode_descriptors", Summary: "Lists a wallet's descriptors; with their private keys only where those are asked for.",
			Params: []rpc.Param{
				oneParam, {Name: "private", Type: rpc.Bool, Optional: true, Help: "With private keys; where the wallets are under a passphrase it must be given"}, passphraseParam,
			},
			Example: `'{"wallet":"Wallet1"}'`,
			Handler: own(func(ctx context.Context, w *wallets, r rpc.DescriptorsRequest) (any, error) {
				return w.descriptorList(r)
			}, h),
		},
	} {
		registerOwn(s, m)
	}
	for _, m := range []rpc.Method{
		{
			Name: "importdescriptors", Summary: "Adds descriptors to a wallet and searches the chain for what was paid to them.",
			Params: []rpc.Param{
				{Name: "requests", Type: rpc.Array, Help: "Objects: desc, active, range, next_index, timestamp, internal, label"},
			},
			Example: `'[{"desc":"wpkh(…)#…","timestamp":"now"}]'`, Handler: onWallet(h, (*coreWallet).importDescriptors),
		}, {
			Name: "listdescriptors", Summary: "Lists a wallet's descriptors.",
			Params:  []rpc.Param{{Name: "private", Type: rpc.Bool, Optional: true, Help: "With private keys (default false)"}},
			Handler: onWallet(h, (*coreWallet).listDescriptors),
		}, {
			Name: "createwalletdescriptor", Summary: "Gives a wallet of words the descriptors of another type of address.",
			Params: []rpc.Param{
				{Name: "type", Type: rpc.String, Help: "legacy, p2sh-segwit, bech32 or bech32m"},
				{Name: "options", Type: rpc.Object, Optional: true, Help: "internal, hdkey: none has a meaning here"},
			},
			Example: `"bech32m"`, Handler: onWallet(h, (*coreWallet).createDescriptor),
		}, {
			Name: "gethdkeys", Summary: "Lists the extended keys of a wallet's descriptors.",
			Params: []rpc.Param{
				{Name: "options", Type: rpc.Object, Optional: true, Help: "active_only, private"},
			},
			Handler: onWallet(h, (*coreWallet).hdKeys),
		}, {
			Name: "keypoolrefill", Summary: "Watches more addresses ahead of the last one that was given out.",
			Params:  []rpc.Param{{Name: "newsize", Type: rpc.Number, Optional: true, Help: "How many (default 20)"}},
			Handler: onWallet(h, (*coreWallet).refill),
		},
	} {
		registerCore(s, m)
	}
}

// descriptorRow is one row of listdescriptors.
type descriptorRow struct {
	Desc      string  `json:"desc"`
	Timestamp int64   `json:"timestamp"`
	Active    bool    `json:"active"`
	Internal  *bool   `json:"internal,omitempty"`
	Range     []int64 `json:"range,omitempty"`
	Next      *uint32 `json:"next,omitempty"`
	NextIndex *uint32 `json:"next_index,omitempty"`
}

// isActive says whether a chain is the one of its type that addresses, or change,
// are taken from.
func (r *role) isActive(roles []role) bool {
	return r.Active && active(roles, r.Internal, r.kind) == r
}

// rows lists the descriptors of a wallet in the order of their texts, as Core
// does; text returns what to show of one.
func (w *wallets) descriptorRows(file *vault.Wallet, text func(*role) (string, error)) ([]descriptorRow, error) {
	roles, err := w.roles(file)
	if err != nil {
		return nil, err
	}
	rows := make([]descriptorRow, 0, len(roles))
	for i := range roles {
		r := &roles[i]
		row := descriptorRow{Timestamp: r.Time, Active: r.isActive(roles)}
		if row.Desc, err = text(r); err != nil {
			return nil, err
		}
		if row.Active {
			row.Internal = &r.Internal
		}
		if r.parsed.Ranged() {
			next := w.firstFree(file, r)
			row.Range = []int64{int64(r.Begin), int64(max(r.End, next+wallet.Gap)) - 1}
			row.Next, row.NextIndex = &next, &next
		}
		rows = append(rows, row)
	}
	slices.SortStableFunc(rows, func(a, b descriptorRow) int { return strings.Compare(a.Desc, b.Desc) })
	return rows, nil
}

func publicText(r *role) (string, error) { return r.parsed.String(), nil }

// privateTexts shows descriptors with the private keys of an open ring.
func (w *wallets) privateTexts(ring *ring) func(*role) (string, error) {
	return func(r *role) (string, error) {
		d, err := ring.chain(r.chain)
		if err != nil {
			return "", err
		}
		if !d.HasPrivate() {
			return d.String(), nil
		}
		text, _, err := d.Private()
		return text, err
	}
}

func (c *coreWallet) listDescriptors(_ context.Context, r *rpc.Request) (any, error) {
	private, err := r.Flag(0, false)
	if err != nil {
		return nil, err
	}
	text := publicText
	if private {
		if c.file.Header().WatchOnly {
			return nil, rpc.CodeWallet.New("Can't get private descriptor string for watch-only wallets")
		}
		ring, err := c.ring(c.file, nil)
		if err != nil {
			return nil, err
		}
		defer ring.Close()
		text = c.privateTexts(ring)
	}
	rows, err := c.descriptorRows(c.file, text)
	return struct {
		Name string          `json:"wallet_name"`
		List []descriptorRow `json:"descriptors"`
	}{c.file.Name(), rows}, err
}

// descriptorList is lode_descriptors. Private keys are shown for the passphrase
// only, even while the wallets are unlocked.
func (w *wallets) descriptorList(r rpc.DescriptorsRequest) (any, error) {
	file, err := w.find(r.Wallet)
	if err != nil {
		return nil, err
	}
	text := publicText
	if r.Private {
		if file.Header().WatchOnly {
			return nil, rpc.Errorf(rpc.CodeWallet, "wallet %s only watches: it has no private keys", file.Name())
		}
		if file.Encrypted() && r.Passphrase == "" {
			return nil, errShowLocked
		}
		key, done, err := w.keyFor(r.Passphrase)
		if err != nil {
			return nil, err
		}
		defer done()
		ring, err := w.ring(file, key)
		if err != nil {
			return nil, err
		}
		defer ring.Close()
		text = w.privateTexts(ring)
	}
	rows, err := w.descriptorRows(file, text)
	if err != nil {
		return nil, err
	}
	reply := rpc.Descriptors{Wallet: file.Name(), Number: file.Number(), Private: r.Private}
	for _, row := range rows {
		d := rpc.WalletDescriptor{Desc: row.Desc, Active: row.Active, Timestamp: row.Timestamp, Range: row.Range, Next: row.Next}
		d.Internal = row.Internal != nil && *row.Internal
		reply.Descriptors = append(reply.Descriptors, d)
	}
	return reply, nil
}

// createDescriptor is createwalletdescriptor.
func (c *coreWallet) createDescriptor(ctx context.Context, r *rpc.Request) (any, error) {
	name, err := r.Text(0, "")
	if err != nil {
		return nil, err
	}
	t, err := keys.ParseType(name)
	if err != nil {
		return nil, rpc.Errorf(rpc.CodeInvalidAddress, "Unknown address type '%s'", clipped(name))
	}
	roles, err := c.roles(c.file)
	if err != nil {
		return nil, err
	}
	if active(roles, false, t) != nil {
		return nil, rpc.CodeWallet.New("Descriptor already exists")
	}
	if c.file.Header().Account == "" {
		return nil, rpc.CodeInvalidAddress.New("Unable to determine which HD key to use from active descriptors. Please specify with 'hdkey'")
	}
	if err := c.addType(ctx, t); err != nil {
		return nil, err
	}
	if roles, err = c.roles(c.file); err != nil {
		return nil, err
	}
	var reply struct {
		Descs []string `json:"descs"`
	}
	for _, internal := range [...]bool{false, true} {
		if r := active(roles, internal, t); r != nil {
			reply.Descs = append(reply.Descs, r.parsed.String())
		}
	}
	return reply, nil
}

// refill is keypoolrefill: it watches further ahead.
func (c *coreWallet) refill(_ context.Context, r *rpc.Request) (any, error) {
	size, err := r.Int(0, wallet.Gap)
	if err != nil {
		return nil, err
	}
	if size < 0 || size > maxRefill {
		return nil, rpc.CodeInvalidParameter.New("Invalid parameter, expected valid size.")
	}
	number := uint32(c.file.Number())
	a, err := addedOf(c.file.Header(), number, c.host.params)
	if err != nil {
		return nil, err
	}
	issued := c.issuedOf(c.file)
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range a.Chains {
		if ch := &a.Chains[i]; ch.Ranged {
			ch.End = min(max(ch.End, issued[uint32(i)]+uint32(size)), descriptor.MaxIndex)
		}
	}
	b, err := c.book.SetChains(c.host.store, number, a.Chains)
	if err != nil {
		return nil, err
	}
	if err := c.apply(b, false); err != nil {
		return nil, err
	}
	b, err = c.book.LookAhead(c.host.store, number, issued)
	if err != nil {
		return nil, err
	}
	return nil, c.apply(b, false)
}

// maxRefill bounds keypoolrefill, in addresses; policy.
const maxRefill = 100_000

// hdKey is one row of gethdkeys.
type hdKey struct {
	XPub        string          `json:"xpub"`
	XPrv        string          `json:"xprv,omitempty"`
	HasPrivate  bool            `json:"has_private"`
	Descriptors []hdKeyAppeared `json:"descriptors"`
}

type hdKeyAppeared struct {
	Desc   string `json:"desc"`
	Active bool   `json:"active"`
}

// hdKeys is gethdkeys: which extended keys are in which descriptors.
func (c *coreWallet) hdKeys(_ context.Context, r *rpc.Request) (any, error) {
	var options struct {
		ActiveOnly bool `json:"active_only"`
		Private    bool `json:"private"`
	}
	if err := r.Decode(0, &options); err != nil {
		return nil, err
	}
	var open *ring
	if options.Private || !c.vault.Locked() || !c.file.Encrypted() {
		var err error
		if open, err = c.ring(c.file, nil); err != nil {
			return nil, err
		}
		defer open.Close()
	}
	roles, err := c.roles(c.file)
	if err != nil {
		return nil, err
	}
	rows := []*hdKey{}
	add := func(xpub, xprv string, r *role, isActive bool) {
		i := slices.IndexFunc(rows, func(k *hdKey) bool { return k.XPub == xpub })
		if i < 0 {
			i = len(rows)
			rows = append(rows, &hdKey{XPub: xpub})
		}
		k := rows[i]
		if xprv != "" {
			k.HasPrivate = true
			if options.Private {
				k.XPrv = xprv
			}
		}
		k.Descriptors = append(k.Descriptors, hdKeyAppeared{r.parsed.String(), isActive})
	}
	for i := range roles {
		r := &roles[i]
		isActive := r.isActive(roles)
		if options.ActiveOnly && !isActive {
			continue
		}
		text := r.parsed.String()
		if open != nil {
			if text, err = c.privateTexts(open)(r); err != nil {
				return nil, err
			}
		}
		for _, word := range extendedKeysIn(text) {
			k, err := keys.ParseExtended(word, c.host.params)
			if err != nil {
				return nil, fmt.Errorf("extended key of descriptor %d: %w", r.chain, err)
			}
			xprv := ""
			if k.IsPrivate() {
				xprv = word
			} else if !c.file.Header().WatchOnly && open == nil {
				xprv = "locked"
			}
			add(k.EncodePublic(c.host.params), xprv, r, isActive)
		}
	}
	slices.SortFunc(rows, func(a, b *hdKey) int { return strings.Compare(a.XPub, b.XPub) })
	for _, k := range rows {
		slices.SortFunc(k.Descriptors, func(a, b hdKeyAppeared) int { return strings.Compare(a.Desc, b.Desc) })
	}
	return rows, nil
}

// extendedKeysIn returns the extended keys that a descriptor is written with.
func extendedKeysIn(text string) []string {
	return slices.DeleteFunc(strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune("()[]{},/#", r) }), func(word string) bool {
		return len(word) < 100
	})
}
