package node

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/lode-chain/lode/address"
	"github.com/lode-chain/lode/internal/vault"
	"github.com/lode-chain/lode/rpc"
	"github.com/lode-chain/lode/wallet"
)

// maxChoices is how many wallets an error names.
const maxChoices = 5

// find returns the wallet of a number, a name in any case, or an address.
// Nothing is the default wallet.
func (w *wallets) find(wanted string) (*vault.Wallet, error) {
	if wanted == "" {
		return w.defaultWallet()
	}
	if number, ok := allDigits(wanted); ok {
		if file := w.vault.Wallet(number); file != nil {
			return file, nil
		}
		return nil, w.unknown(fmt.Sprintf("no wallet has the number %s", clipped(wanted)), "")
	}
	switch named := w.vault.ByName(wanted); len(named) {
	case 0:
	case 1:
		return named[0], nil
	default:
		var numbers []string
		for _, file := range named {
			numbers = append(numbers, strconv.Itoa(file.Number()))
		}
		return nil, rpc.Errorf(rpc.CodeInvalidParameter, "the name %q is ambiguous: wallets %s have it; use the number", clipped(wanted), strings.Join(numbers, ", "))
	}
	script, err := address.Decode(wanted, w.host.params)
	if err == nil {
		return w.byScript(script, wanted)
	}
	if looksLikeAddress(wanted) {
		return nil, rpc.Errorf(rpc.CodeWalletNotFound, "no wallet is called %q, and as an address it is wrong: %s", clipped(wanted), err)
	}
	return nil, w.unknown(fmt.Sprintf("no wallet is called %q", clipped(wanted)), wanted)
}

// looksLikeAddress says whether a text that is neither a name nor an address
// was meant as the latter. A few of its characters may be of another alphabet, or
// none that one sees.
func looksLikeAddress(text string) bool {
	usual, strange := 0, 0
	for _, r := range strings.TrimSpace(text) {
		switch {
		case r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z':
			usual++
		case r < utf8.RuneSelf:
			return false
		default:
			strange++
		}
	}
	return usual >= 20 && strange <= 3
}

func (w *wallets) byScript(script []byte, text string) (*vault.Wallet, error) {
	owners, err := wallet.OwnersOf(w.host.store, script)
	if err != nil {
		return nil, err
	}
	for _, o := range owners {
		if file := w.vault.Wallet(int(o.Wallet)); file != nil {
			return file, nil
		}
	}
	return nil, w.unknown(fmt.Sprintf("the address %s belongs to no wallet here", text), "")
}

// allDigits reads a wallet's number.
func allDigits(s string) (int, bool) {
	for _, r := range s {
		if r < '0' || r > '9' {
			return 0, false
		}
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		return -1, s != "" // too large for any
	}
	return n, true
}

// unknown is the error for a wallet that is not there: it names those that may
// have been meant, and how to get one.
func (w *wallets) unknown(what, wanted string) error {
	all := w.vault.Wallets()
	if len(all) == 0 {
		return rpc.CodeWalletNotFound.New(what + "; there is no wallet here" + w.advice())
	}
	folded := strings.ToLower(wanted)
	slices.SortStableFunc(all, func(a, b *vault.Wallet) int {
		return cmp.Compare(likeness(b.Name(), folded), likeness(a.Name(), folded))
	})
	var names []string
	for _, file := range all[:min(len(all), maxChoices)] {
		names = append(names, fmt.Sprintf("%d %s", file.Number(), file.Name()))
	}
	more := ""
	if len(all) > maxChoices {
		more = fmt.Sprintf(" and %d more", len(all)-maxChoices)
	}
	return rpc.CodeWalletNotFound.New(fmt.Sprintf("%s; there are %s%s%s", what, strings.Join(names, ", "), more, w.advice()))
}

// likeness is how many characters two names have in common at the front.
func likeness(name, folded string) int {
	name, n := strings.ToLower(name), 0
	for n < len(name) && n < len(folded) && name[n] == folded[n] {
		n++
	}
	return n
}

// advice says how to get a wallet that is not there. One that is there and cannot
// be read comes back from a copy of its file or from its words.
func (w *wallets) advice() string {
	damaged := w.damaged()
	if len(damaged) == 0 {
		return "; make one with lode wallet new"
	}
	return fmt.Sprintf("; %d could not be read (%s): put back a copy of the file, or bring the wallet back from its words with lode wallet restore", len(damaged), damaged[0])
}

// damaged tells of the wallets' files that cannot be read: which, and why.
func (w *wallets) damaged() []string {
	texts := []string{}
	for _, problem := range w.vault.Problems() {
		texts = append(texts, problem.Error())
	}
	return texts
}

func (w *wallets) defaultWallet() (*vault.Wallet, error) {
	if name := w.host.settings.get().DefaultWallet; name != "" {
		if named := w.vault.ByName(name); len(named) == 1 {
			return named[0], nil
		}
	}
	if file := w.vault.First(); file != nil {
		return file, nil
	}
	return nil, rpc.CodeWalletNotFound.New("no wallet here" + w.advice())
}

// check says whether a wallet of this name, number or address is there and
// returns its name.
func (w *wallets) check(wanted string) (string, error) {
	file, err := w.find(wanted)
	if err != nil {
		return "", err
	}
	return file.Name(), nil
}

// payeeScript is the script that pays a wallet or an address, and the name of
// the wallet, empty when it is none of ours; the default wallet when to is
// empty. A wallet is paid to its first address.
func (h *Host) payeeScript(_ context.Context, to string) (script []byte, name string, err error) {
	if _, number := allDigits(to); !number && to != "" && len(h.wallets.vault.ByName(to)) == 0 {
		script, err := address.Decode(to, h.params)
		if err == nil {
			name, _ := h.wallets.owner(script)
			return script, name, nil
		}
		if looksLikeAddress(to) {
			return nil, "", rpc.Errorf(rpc.CodeInvalidAddress, "%s", err)
		}
	}
	file, err := h.wallets.find(to)
	if err != nil {
		return nil, "", err
	}
	if script, err = h.wallets.firstScript(file); err != nil {
		return nil, "", err
	}
	if script == nil {
		return nil, "", rpc.Errorf(rpc.CodeWallet, "wallet %s has no address yet: import descriptors into it", file.Name())
	}
	return script, file.Name(), nil
}

// describe is a wallet as lode's methods show it.
func (w *wallets) describe(file *vault.Wallet, b wallet.Balance) rpc.Wallet {
	first, _ := w.defaultWallet()
	return w.row(file, b, first)
}

func (w *wallets) row(file *vault.Wallet, b wallet.Balance, first *vault.Wallet) rpc.Wallet {
	head := file.Header()
	r := rpc.Wallet{
		Number: head.Number, Name: file.Name(), Type: head.Type, Path: head.Path, PublicKey: head.PublicKey, Source: head.Source,
		Encrypted: file.Encrypted(), Spendable: b.Spendable, Pending: b.Pending, Immature: b.Immature, Coins: b.Coins, Birth: head.Birth,
	}
	if script, err := w.firstScript(file); err == nil && script != nil {
		r.Address, _ = address.Encode(script, w.host.params)
	}
	r.Default = first == file
	r.Published = published(head)
	r.Plain, r.Archived, r.Foreign, r.WatchOnly = file.Plain(), file.Archived(), file.Foreign(), head.WatchOnly
	_, _, r.Scanning = w.scanning(head.Number)
	r.Multisig = multisigText(head)
	r.SingleKey = head.Source != vault.SourceDescriptors && head.Account == ""
	return r
}

// list returns the wallets, archived ones only on request.
func (w *wallets) list(ctx context.Context, all bool) ([]rpc.Wallet, error) {
	v, err := w.view(ctx)
	if err != nil {
		return nil, err
	}
	defer v.Close()
	balances, err := v.Balances()
	if err != nil {
		return nil, err
	}
	files := w.vault.Wallets()
	first, _ := w.defaultWallet()
	rows := make([]rpc.Wallet, 0, len(files))
	for _, file := range files {
		if all || !file.Archived() {
			row := w.row(file, balances[uint32(file.Number())], first)
			if err := w.setApart(v, file, &row); err != nil {
				return nil, err
			}
			rows = append(rows, row)
		}
	}
	return rows, nil
}

// show returns one wallet.
func (w *wallets) show(ctx context.Context, file *vault.Wallet) (rpc.Wallet, error) {
	v, err := w.view(ctx)
	if err != nil {
		return rpc.Wallet{}, err
	}
	defer v.Close()
	b, err := v.Balance(uint32(file.Number()))
	if err != nil {
		return rpc.Wallet{}, err
	}
	row := w.describe(file, b)
	return row, w.setApart(v, file, &row)
}

// setApart takes from what a wallet can pay with what it cannot just now. Only
// some wallets have such coins: the others are not looked through.
func (w *wallets) setApart(v *walletView, file *vault.Wallet, row *rpc.Wallet) error {
	head := file.Header()
	if len(file.LockedCoins()) == 0 && !file.Flag(flagAvoidReuse) && len(head.Descriptors) == 0 || row.Spendable == 0 {
		return nil
	}
	coins, err := w.coinsOf(v, file)
	if err != nil {
		return err
	}
	sums := wallet.Reckon(coins, w.solver(file), tipOf(w.host.chain.ByHash(v.At.Hash)))
	row.Spendable, row.Locked, row.TimeLocked, row.Reused = sums.Spendable, sums.Locked, sums.TimeLocked, sums.Reused
	return nil
}

// owns says whether one of a wallet's scripts is this one.
func (w *wallets) owns(file *vault.Wallet, script []byte) (wallet.Owner, bool) {
	owners, err := wallet.OwnersOf(w.host.store, script)
	if err != nil {
		return wallet.Owner{}, false
	}
	for _, o := range owners {
		if int(o.Wallet) == file.Number() {
			return o, true
		}
	}
	first, _ := hex.DecodeString(file.Header().Script) // it may have no rows yet
	return wallet.Owner{Wallet: uint32(file.Number())}, len(first) > 0 && bytes.Equal(first, script)
}

// clipped shortens what somebody typed for a message.
func clipped(s string) string {
	if r := []rune(s); len(r) > 40 {
		return string(r[:40]) + "…"
	}
	return s
}

// registerWalletList adds the methods that show the wallets.
func (h *Host) registerWalletList(s *rpc.Server) {
	for _, m := range []rpc.Method{
		{
			Name: "lode_wallets", Summary: "Lists the wallets with their balances.",
			Params:  []rpc.Param{{Name: "all", Type: rpc.Bool, Optional: true, Help: "Archived ones too (default false)"}},
			Example: `'{"all":true}'`,
			Handler: own(func(ctx context.Context, w *wallets, r rpc.ListWallets) (any, error) { return w.list(ctx, r.All) }, h),
		}, {
			Name: "lode_wallet", Summary: "Returns one wallet.", Params: []rpc.Param{oneParam}, Example: `'{"wallet":"Wallet1"}'`,
			Handler: own(func(ctx context.Context, w *wallets, r rpc.WalletRequest) (any, error) {
				file, err := w.find(r.Wallet)
				if err != nil {
					return nil, err
				}
				return w.show(ctx, file)
			}, h),
		}, {
			Name: "lode_renamewallet", Summary: "Gives a wallet another name.",
			Params:  []rpc.Param{oneParam, {Name: "name", Type: rpc.String, Help: "The new name"}},
			Example: `'{"wallet":"Wallet1","name":"Alice"}'`,
			Handler: own(func(ctx context.Context, w *wallets, r rpc.RenameWallet) (any, error) { return w.rename(ctx, r) }, h),
		},
	} {
		registerOwn(s, m)
	}
}
