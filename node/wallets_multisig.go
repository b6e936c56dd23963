package node

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/lode-chain/lode/address"
	"github.com/lode-chain/lode/descriptor"
	"github.com/lode-chain/lode/internal/vault"
	"github.com/lode-chain/lode/keys"
	"github.com/lode-chain/lode/rpc"
)

// unspendable is a point whose private key nobody knows (BIP341): the internal
// key of a taproot multisig, which only its script can spend.
const unspendable = "50929b74c1a04954b78b4b6035e97a5e078a5a0f28ec96d547bfee9ace803ac0"

// multisigForm is a way to write a multisig, and the last step of the path of its
// keys (BIP48; taproot has no number there and takes that of P2WSH).
type multisigForm struct {
	open, end string
	step      uint32
}

var multisigForms = map[string]multisigForm{
	"":       {"wsh(sortedmulti(", "))", 2},
	"wsh":    {"wsh(sortedmulti(", "))", 2},
	"sh-wsh": {"sh(wsh(sortedmulti(", ")))", 1},
	"sh":     {"sh(sortedmulti(", "))", 1},
	"tr":     {"tr(" + unspendable + ",sortedmulti_a(", "))", 2},
}

func formOf(name string) (multisigForm, error) {
	f, ok := multisigForms[name]
	if !ok {
		return f, rpc.Errorf(rpc.CodeInvalidParameter, "%q is no form of a multisig: wsh, sh-wsh, sh or tr", clipped(name))
	}
	return f, nil
}

// multisigKey is a wallet's key for multisigs (BIP48), of its account.
type multisigKey struct {
	public, private string // key expressions
	rpc.SharedKey
}

// sharedKey derives a wallet's key for multisigs from its words.
func (w *wallets) sharedKey(file *vault.Wallet, form multisigForm, opener *vault.Key) (*multisigKey, error) {
	head := file.Header()
	if head.Source != vault.SourceWords {
		return nil, rpc.Errorf(rpc.CodeWallet, "wallet %s has no words to derive a key from", file.Name())
	}
	secret, err := file.Secret(opener)
	if err != nil {
		return nil, walletError(err)
	}
	defer secret.Wipe()
	seed := keys.Seed(string(secret.Mnemonic), string(secret.BIP39Passphrase))
	defer clear(seed)
	master, err := keys.NewMaster(seed)
	if err != nil {
		return nil, err
	}
	account := uint32(keys.Hardened) // the wallet's own number, as several may share their words
	if path, err := keys.ParsePath(head.Path); err == nil && len(path) == 3 {
		account = path[2]
	}
	path := keys.Path{48 + keys.Hardened, w.host.params.CoinType + keys.Hardened, account, form.step + keys.Hardened}
	key, err := master.Derive(path...)
	if err != nil {
		return nil, err
	}
	private, err := key.EncodePrivate(w.host.params)
	if err != nil {
		return nil, err
	}
	fingerprint := master.Fingerprint()
	steps := strings.TrimPrefix(hardenedByH(path.String()), "m")
	origin := "[" + hex.EncodeToString(fingerprint[:]) + steps + "]"
	k := &multisigKey{SharedKey: rpc.SharedKey{
		Fingerprint: hex.EncodeToString(fingerprint[:]), Path: "m" + steps, XPub: key.EncodePublic(w.host.params),
	}}
	k.public, k.private = origin+k.XPub, origin+private
	k.Wallet, k.Number, k.Key = file.Name(), file.Number(), k.public
	return k, nil
}

// xpub is lode_xpub: the key expression to hand out for a multisig.
func (w *wallets) xpub(_ context.Context, r rpc.SharedKeyRequest) (any, error) {
	file, err := w.find(r.Wallet)
	if err != nil {
		return nil, err
	}
	if head := file.Header(); r.Account { // it is public
		if head.Account == "" {
			return nil, rpc.Errorf(rpc.CodeWallet, "wallet %s has no account: lode wallet descriptors %d prints what it has", file.Name(), head.Number)
		}
		path := hardenedByH(head.Path)
		return rpc.SharedKey{
			Wallet: file.Name(), Number: head.Number, Key: "[" + head.Master + strings.TrimPrefix(path, "m") + "]" + head.Account,
			XPub: head.Account, Fingerprint: head.Master, Path: path,
		}, nil
	}
	form, err := formOf(r.Form)
	if err != nil {
		return nil, err
	}
	opener, done, err := w.keyFor(r.Passphrase)
	if err != nil {
		return nil, err
	}
	defer done()
	k, err := w.sharedKey(file, form, opener)
	if err != nil {
		return nil, err
	}
	return k.SharedKey, nil
}

// multisig is lode_multisig: it makes the wallet of a multisig.
func (w *wallets) multisig(ctx context.Context, r rpc.MultisigRequest) (any, error) {
	form, err := formOf(r.Form)
	if err != nil {
		return nil, err
	}
	public := make([]string, 0, len(r.Keys)+1)
	for _, key := range r.Keys {
		if public = append(public, strings.TrimSpace(key)); strings.HasSuffix(key, "*") {
			return nil, rpc.Errorf(rpc.CodeInvalidParameter, "give keys without the steps behind them: %s without /*", clipped(key))
		}
	}
	private := slices.Clone(public)
	if r.SignWith != "" {
		file, err := w.find(r.SignWith)
		if err != nil {
			return nil, err
		}
		opener, done, err := w.keyFor(r.Passphrase)
		if err != nil {
			return nil, err
		}
		defer done()
		k, err := w.sharedKey(file, form, opener)
		if err != nil {
			return nil, err
		}
		at := slices.IndexFunc(public, func(key string) bool { return strings.Contains(key, k.XPub) })
		if at < 0 {
			at = len(public)
			public, private = append(public, k.public), append(private, "")
		}
		private[at] = k.private
	}
	if r.Required < 1 || r.Required > len(public) {
		return nil, rpc.Errorf(rpc.CodeInvalidParameter, "%d of %d keys is not possible", r.Required, len(public))
	}
	seen := make(map[string]bool, len(public))
	for _, key := range public {
		if seen[key] {
			return nil, rpc.Errorf(rpc.CodeInvalidParameter, "the key %s is given twice", clipped(key))
		}
		seen[key] = true
	}
	request := rpc.NewDescriptorWallet{Name: r.Name, Passphrase: r.Passphrase, Watch: r.SignWith == ""}
	for chain := range 2 {
		text := writeMultisig(form, r.Required, private, chain)
		d, err := descriptor.Parse(text, w.host.params)
		if err != nil {
			return nil, descriptorError(err, true)
		}
		i := rpc.DescriptorImport{Desc: &text, Timestamp: json.RawMessage(`"now"`)}
		if r.Old {
			i.Timestamp = json.RawMessage("0")
		}
		if d.Ranged() {
			i.Active, i.Internal, i.Range = true, chain == 1, json.RawMessage(fmt.Sprint(importRange-1))
		}
		request.Descriptors = append(request.Descriptors, i)
		if !d.Ranged() {
			break // keys without successors: one address
		}
	}
	return w.descriptorWallet(ctx, request)
}

// writeMultisig writes the descriptor of a multisig. Extended keys get the steps
// of a chain; plain ones stay.
func writeMultisig(form multisigForm, required int, list []string, chain int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s%d", form.open, required)
	for _, key := range list {
		b.WriteString("," + key)
		if _, after, ok := strings.Cut(key, "]"); !ok || after != "" {
			if !ok {
				after = key
			}
			if len(after) > 66 && !strings.Contains(after, "/") { // not a public key in hex
				fmt.Fprintf(&b, "/%d/*", chain)
			}
		}
	}
	return b.String() + form.end
}

// watchable turns what a person wants to watch into descriptors: an extended
// public key of any of the usual forms, an address or a descriptor.
func (w *wallets) watchable(text string, t keys.Type) ([]rpc.DescriptorImport, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return nil, rpc.CodeInvalidParameter.New("what to watch is missing: an extended public key, a descriptor or an address")
	}
	if strings.Contains(text, "(") {
		return []rpc.DescriptorImport{{Desc: &text}}, nil
	}
	if looksExtended(text) {
		return w.extended(text, t, false)
	}
	desc := "addr(" + text + ")"
	if _, err := descriptor.Parse(desc, w.host.params); err != nil {
		if _, wrong := address.Decode(text, w.host.params); wrong != nil && looksLikeAddress(text) {
			return nil, rpc.Errorf(rpc.CodeInvalidAddress, "%s", wrong)
		}
		return nil, rpc.Errorf(rpc.CodeInvalidAddress, "%q is no extended public key, no descriptor and no address of network %s: %s", clipped(text), w.host.params.Name, descriptorError(err, true).Message)
	}
	return []rpc.DescriptorImport{{Desc: &desc}}, nil
}

// looksExtended says whether a text, perhaps behind its origin, is meant as an
// extended key: xpub, tpub, ypub, Vpub and the like.
func looksExtended(text string) bool {
	if i := strings.IndexByte(text, ']'); i >= 0 {
		text = text[i+1:]
	}
	return len(text) > 100 && (strings.HasPrefix(text[1:], "pub") || strings.HasPrefix(text[1:], "prv"))
}

// extended makes the two descriptors of an account of which an extended key is
// known. Its prefix says the type of the addresses, if it is one of SLIP-132; else
// it is the one asked for, or bech32.
func (w *wallets) extended(text string, t keys.Type, private bool) ([]rpc.DescriptorImport, error) {
	origin, text := splitOrigin(text)
	if strings.Contains(text, "/") {
		return nil, rpc.CodeInvalidParameter.New("give the extended key alone, without steps behind it, or a whole descriptor")
	}
	x, err := keys.ParseSLIP132(text, w.host.params)
	switch {
	case err != nil:
		return nil, rpc.CodeInvalidAddress.New(err.Error())
	case x.Key.IsPrivate() && !private:
		return nil, rpc.CodeInvalidAddress.New("this is a private key: to watch, give the public one; to spend, lode wallet import")
	case x.Multisig:
		return nil, rpc.CodeInvalidAddress.New("this key is for a multisig: lode wallet multisig makes one, from the keys of all")
	case x.Type != "" && t != "" && x.Type != t:
		return nil, rpc.Errorf(rpc.CodeInvalidParameter, "the key says that its addresses are %s, not %s", x.Type, t)
	}
	switch {
	case x.Type != "":
		t = x.Type
	case t == "":
		t = keys.Bech32
	}
	key := x.Key.EncodePublic(w.host.params)
	if x.Key.IsPrivate() {
		if key, err = x.Key.EncodePrivate(w.host.params); err != nil {
			return nil, err
		}
	}
	var list []rpc.DescriptorImport
	for chain := range 2 {
		desc := wrapKey(t, fmt.Sprintf("%s%s/%d/*", origin, key, chain))
		list = append(list, rpc.DescriptorImport{Desc: &desc, Active: true, Internal: chain == 1, Range: json.RawMessage(fmt.Sprint(importRange - 1))})
	}
	return list, nil
}

// splitOrigin takes a key expression's origin off.
func splitOrigin(text string) (origin, key string) {
	if i := strings.IndexByte(text, ']'); i >= 0 {
		return text[:i+1], text[i+1:]
	}
	return "", text
}

// watch is lode_watch: a wallet that sees coins and spends none.
func (w *wallets) watchWallet(ctx context.Context, r rpc.WatchRequest) (any, error) {
	var t keys.Type
	if r.Type != "" {
		var err error
		if t, err = typeOf(r.Type); err != nil {
			return nil, err
		}
	}
	request := rpc.NewDescriptorWallet{Name: r.Name, Watch: true}
	for _, text := range r.What {
		list, err := w.watchable(text, t)
		if err != nil {
			return nil, err
		}
		request.Descriptors = append(request.Descriptors, list...)
	}
	w.guessRoles(request.Descriptors)
	return w.descriptorWallet(ctx, request)
}

// guessRoles makes ranged descriptors active where nobody said what they are for:
// those whose last step but one is 1 give change (BIP44), the others addresses.
func (w *wallets) guessRoles(list []rpc.DescriptorImport) {
	for i := range list {
		d := &list[i]
		if d.Active || d.Internal || d.Desc == nil {
			continue
		}
		parsed, err := descriptor.Parse(*d.Desc, w.host.params)
		if err != nil || !parsed.Ranged() || !parsed.Single() {
			continue
		}
		if _, typed := parsed.Type(); !typed {
			continue
		}
		d.Active, d.Internal = true, strings.Contains(*d.Desc, "/1/*")
		if d.Range == nil {
			d.Range = json.RawMessage(fmt.Sprint(importRange - 1))
		}
	}
}

// importWallet is lode_importwallet. In the place of a descriptor an extended key
// may stand, which means an account's two.
func (w *wallets) importWallet(ctx context.Context, r rpc.NewDescriptorWallet) (any, error) {
	t, err := typeOf(r.Type)
	if err != nil {
		return nil, err
	}
	if r.Type == "" {
		t = ""
	}
	var list []rpc.DescriptorImport
	for n, d := range r.Descriptors {
		if d.Desc == nil || !looksExtended(strings.TrimSpace(*d.Desc)) || strings.Contains(*d.Desc, "(") {
			list = append(list, d)
			continue
		}
		two, err := w.extended(strings.TrimSpace(*d.Desc), t, true)
		if err != nil {
			return nil, numbered(err, n, len(r.Descriptors))
		}
		for i := range two {
			two[i].Timestamp = d.Timestamp
		}
		list = append(list, two...)
	}
	r.Descriptors = list
	w.guessRoles(r.Descriptors)
	return w.descriptorWallet(ctx, r)
}

// multisigText says of a wallet that is nothing but a multisig how many of its
// keys sign, such as "2 of 3"; else it is empty.
func multisigText(head vault.Header) string {
	if head.Source != vault.SourceDescriptors || len(head.Descriptors) == 0 {
		return ""
	}
	text := head.Descriptors[0].Text
	for _, name := range [...]string{"wsh(sortedmulti(", "wsh(multi(", "sh(sortedmulti(", "sh(multi(", ",sortedmulti_a(", ",multi_a("} {
		_, rest, ok := strings.Cut(text, name)
		if !ok {
			continue
		}
		inside, _, _ := strings.Cut(rest, ")")
		parts := strings.Split(inside, ",")
		return fmt.Sprintf("%s of %d", parts[0], len(parts)-1)
	}
	return ""
}
