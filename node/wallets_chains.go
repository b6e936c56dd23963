package node

import (
	"context"
	"encoding/hex"

	"github.com/lode-chain/lode/address"
	"github.com/lode-chain/lode/descriptor"
	"github.com/lode-chain/lode/internal/vault"
	"github.com/lode-chain/lode/keys"
	"github.com/lode-chain/lode/rpc"
	"github.com/lode-chain/lode/wallet"
)

// role is one chain of a wallet: a descriptor and what the wallet does with it.
type role struct {
	vault.Descriptor        // Text is set for chains of words and keys too
	chain            uint32 // its number
	parsed           *descriptor.Descriptor
	kind             keys.Type // of its addresses; empty when they are of none, or of several
	own              bool      // of the wallet's words or key
}

// roles returns a wallet's chains in their order.
func (w *wallets) roles(file *vault.Wallet) ([]role, error) {
	list, err := w.descriptorsOf(file)
	if err != nil {
		return nil, err
	}
	head := file.Header()
	own := len(list) - len(head.Descriptors)
	roles := make([]role, len(list))
	for i, d := range list {
		r := role{chain: uint32(i), parsed: d, own: i < own}
		if r.own {
			r.Descriptor = vault.Descriptor{Text: d.String(), Internal: uint32(i) == keys.Change, Active: d.Ranged(), Birth: head.Birth, Time: head.Created}
		} else {
			r.Descriptor = head.Descriptors[i-own]
		}
		r.kind, _ = d.Type()
		roles[i] = r
	}
	return roles, nil
}

// active returns the chain that addresses, or change, of a type are taken from:
// the last one that was made so. An empty type is any.
func active(roles []role, internal bool, t keys.Type) *role {
	for i := len(roles) - 1; i >= 0; i-- {
		if r := &roles[i]; r.Active && r.Internal == internal && (t == "" || r.kind == t) {
			return r
		}
	}
	return nil
}

// receiveRole returns the chain that gives a wallet's addresses, of the wallet's
// own type where none is asked for. A wallet of one key, or of descriptors of
// one script each, has none.
func receiveRole(roles []role, head vault.Header, t keys.Type) *role {
	if t != "" {
		return active(roles, false, t)
	}
	for _, t := range [...]keys.Type{keys.Type(head.Type), keys.Bech32, ""} {
		if r := active(roles, false, t); r != nil {
			return r
		}
	}
	return nil
}

// changeRole returns the chain that change goes to, nil when there is none: of a
// type, else of the wallet's own, else what gives its addresses.
func changeRole(roles []role, head vault.Header, t keys.Type) *role {
	if t != "" {
		if r := active(roles, true, t); r != nil {
			return r
		}
	}
	for _, t := range [...]keys.Type{keys.Type(head.Type), keys.Bech32, ""} {
		if r := active(roles, true, t); r != nil {
			return r
		}
	}
	return receiveRole(roles, head, "")
}

// firstFree is the first index of a chain that was neither given out nor used
// by a block.
func (w *wallets) firstFree(file *vault.Wallet, r *role) uint32 {
	index := max(w.issuedOf(file)[r.chain], r.Begin)
	if r.own && r.chain == keys.Receive {
		index = max(index, 1) // the first one was shown when the wallet was made
	}
	if used, err := wallet.Used(w.host.store, uint32(file.Number())); err == nil && int(r.chain) < len(used) {
		index = max(index, used[r.chain])
	}
	return index
}

// scriptAt returns the script of an index, the first where there are several.
func (r *role) scriptAt(index uint32) ([]byte, error) {
	return firstScript(wallet.Descriptors([]*descriptor.Descriptor{r.parsed}), 0, index)
}

// firstScript returns the script of a wallet's first address, nil for one that
// has none yet.
func (w *wallets) firstScript(file *vault.Wallet) ([]byte, error) {
	head := file.Header()
	if head.Script != "" {
		return hex.DecodeString(head.Script)
	}
	roles, err := w.roles(file)
	if err != nil || len(roles) == 0 {
		return nil, err
	}
	r := receiveRole(roles, head, "")
	if r == nil {
		r = &roles[0]
	}
	return r.scriptAt(r.Begin)
}

// errNoAddresses is Core's text for a type that a wallet has no descriptor of.
func errNoAddresses(t keys.Type) error {
	return rpc.Errorf(rpc.CodeKeypoolRanOut, "Error: No %s addresses available.", t)
}

// takeAddress returns the next script of a chain after it has been written down
// that it is given out: nobody gets an address that could be given out twice. A
// label is set first, so that one that cannot be kept wastes no address.
func (w *wallets) takeAddress(file *vault.Wallet, r *role, label string) ([]byte, error) {
	index := w.firstFree(file, r)
	if index > descriptor.MaxIndex {
		return nil, rpc.CodeKeypoolRanOut.New("Error: Keypool ran out, please call keypoolrefill first")
	}
	script, err := r.scriptAt(index)
	if err != nil {
		return nil, err
	}
	if label != "" {
		if err := setLabel(file, script, label); err != nil {
			return nil, err
		}
	}
	if err := file.Issue(r.chain, index+1); err != nil {
		return nil, rpc.CodeWallet.New(err.Error())
	}
	return script, w.watch(uint32(file.Number()))
}

// changeFor returns the script that change of a type goes to, "" being the
// wallet's own type; next is one above its index, to be recorded with the payment
// that uses it, and 0 when the script is no new one.
func (w *wallets) changeFor(file *vault.Wallet, t keys.Type) (script []byte, chain, next uint32, err error) {
	roles, err := w.roles(file)
	if err != nil {
		return nil, 0, 0, err
	}
	if r := changeRole(roles, file.Header(), t); r != nil {
		index := w.firstFree(file, r)
		script, err := r.scriptAt(index)
		return script, r.chain, index + 1, err
	}
	var own *role // a script that the wallet has anyway: one that it can spend, else one that it watches
	for i := range roles {
		if r := &roles[i]; !r.parsed.Ranged() && (own == nil || !own.parsed.Solvable() && r.parsed.Solvable()) {
			own = r
		}
	}
	if own != nil {
		script, err := own.scriptAt(0)
		return script, own.chain, 0, err
	}
	return nil, 0, 0, rpc.Errorf(rpc.CodeKeypoolRanOut, "wallet %s has no address that change could go to; name one for it (--change ADDRESS)", file.Name())
}

// issue gives out the next address of a wallet.
func (c *coreWallet) issue(ctx context.Context, t keys.Type, label string) ([]byte, error) {
	defer c.lockWallet(c.file.Number())()
	r, err := c.roleOf(ctx, false, t)
	if err != nil {
		return nil, err
	}
	return c.takeAddress(c.file, r, label)
}

// roleOf returns the chain of a type, which is added to a wallet of words that
// lacks it.
func (c *coreWallet) roleOf(ctx context.Context, internal bool, t keys.Type) (*role, error) {
	roles, err := c.roles(c.file)
	if err != nil {
		return nil, err
	}
	head := c.file.Header()
	pick := func(roles []role) *role {
		switch {
		case !internal:
			return receiveRole(roles, head, t)
		case t != "":
			return active(roles, true, t)
		}
		return changeRole(roles, head, "")
	}
	if r := pick(roles); r != nil {
		return r, nil
	}
	switch {
	case head.Account != "":
		if err := c.addType(ctx, t); err != nil {
			return nil, err
		}
		if roles, err = c.roles(c.file); err != nil {
			return nil, err
		}
		if r := pick(roles); r != nil {
			return r, nil
		}
	case len(roles) == 1 && !roles[0].parsed.Ranged() && (t == "" || t == roles[0].kind):
		return nil, rpc.Errorf(rpc.CodeKeypoolRanOut, "wallet %s has one address only, which is given out", c.file.Name())
	case t == "" && receiveRole(roles, head, "") == nil:
		return nil, rpc.CodeWallet.New("Error: This wallet has no available keys")
	}
	if t == "" {
		t = keys.Bech32
	}
	return nil, errNoAddresses(t)
}

// addType gives a wallet of words the descriptors of another type of address,
// under the same account number (BIP44, 49, 84, 86). The words are needed for it.
func (c *coreWallet) addType(ctx context.Context, t keys.Type) error {
	head := c.file.Header()
	ring, err := c.ring(c.file, nil)
	if err != nil {
		return err
	}
	defer ring.Close()
	account, err := ring.accountOfType(t)
	if err != nil {
		return err
	}
	private, err := account.Key().EncodePrivate(c.host.params)
	if err != nil {
		return err
	}
	side := head
	side.Type, side.Path = string(t), account.Path()
	public := textsOf(side, account.Key().EncodePublic(c.host.params), "")
	secret := textsOf(side, private, "")
	list := make([]vault.Descriptor, len(public))
	for i := range public {
		list[i] = vault.Descriptor{
			Text: descriptor.WithChecksum(public[i]), Internal: uint32(i) == keys.Change, Active: true, Birth: head.Birth, Time: head.Created,
		}
		secret[i] = descriptor.WithChecksum(secret[i])
	}
	return c.addDescriptors(ctx, c.file, list, secret, nil)
}

// accountOfType returns the account of another type of address that the words
// have under the same number.
func (r *ring) accountOfType(t keys.Type) (*keys.Account, error) {
	if r.account == nil || r.seed == nil {
		return nil, wallet.ErrKey
	}
	return keys.DeriveAccount(r.seed, t, r.params.CoinType, r.account.Number())
}

// addDescriptors adds descriptors to a wallet, or changes those it has, and
// watches their scripts. Blocks in which those may have been paid before are
// searched.
func (w *wallets) addDescriptors(ctx context.Context, file *vault.Wallet, list []vault.Descriptor, private []string, key *vault.Key) error {
	w.making.Lock()
	err := w.vault.AddDescriptors(file, list, private, key)
	w.making.Unlock()
	if err != nil {
		return walletError(err)
	}
	if err := w.follow(file); err != nil {
		return err
	}
	tip := w.host.chain.Tip().Height
	for i := range list {
		if list[i].Birth < tip {
			return w.rescan(ctx, []*vault.Wallet{file})
		}
	}
	return nil
}

// follow brings the rows of a wallet in step with its descriptors.
func (w *wallets) follow(file *vault.Wallet) error {
	number := uint32(file.Number())
	a, err := addedOf(file.Header(), number, w.host.params)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	b, err := w.book.SetChains(w.host.store, number, a.Chains)
	if err != nil {
		return err
	}
	if err := w.apply(b, false); err != nil {
		return err
	}
	b, err = w.book.LookAhead(w.host.store, number, w.issuedOf(file))
	if err != nil {
		return err
	}
	return w.apply(b, false)
}

func (c *coreWallet) newAddress(ctx context.Context, r *rpc.Request) (any, error) {
	label, err := r.Text(0, "")
	if err != nil {
		return nil, err
	}
	if label == "*" {
		return nil, rpc.CodeInvalidLabel.New("Invalid label name")
	}
	t, err := addressType(r, 1)
	if err != nil {
		return nil, err
	}
	script, err := c.issue(ctx, t, label)
	if err != nil {
		return nil, err
	}
	a, _ := address.Encode(script, c.host.params)
	return a, nil
}

// addressType reads a type of address; empty when none is given.
func addressType(r *rpc.Request, i int) (keys.Type, error) {
	name, err := r.Text(i, "")
	if err != nil || name == "" {
		return "", err
	}
	t, err := keys.ParseType(name)
	if err != nil {
		return "", rpc.Errorf(rpc.CodeInvalidAddress, "Unknown address type '%s'", clipped(name))
	}
	return t, nil
}

// changeAddress is getrawchangeaddress.
func (c *coreWallet) changeAddress(ctx context.Context, r *rpc.Request) (any, error) {
	t, err := addressType(r, 0)
	if err != nil {
		return nil, err
	}
	defer c.lockWallet(c.file.Number())()
	role, err := c.roleOf(ctx, true, t)
	if err != nil {
		return nil, err
	}
	script, err := c.takeAddress(c.file, role, "")
	if err != nil {
		return nil, err
	}
	a, _ := address.Encode(script, c.host.params)
	return a, nil
}
