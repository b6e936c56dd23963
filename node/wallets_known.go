package node

import (
	"context"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"

	"github.com/lode-chain/lode/internal/vault"
	"github.com/lode-chain/lode/rpc"
	"github.com/lode-chain/lode/wallet"
)

// knownKeys are the accounts and the single keys that the wallets here can spend
// with. A wallet that only watches their scripts does not have them.
type knownKeys struct {
	w        *wallets
	key      *vault.Key               // opens secrets; nil takes the one held
	accounts map[string]*vault.Wallet // by extended public key and type
	firsts   map[string]*vault.Wallet // by first script, of words and keys
}

func (w *wallets) knownKeys(key *vault.Key) knownKeys {
	k := knownKeys{w, key, make(map[string]*vault.Wallet), make(map[string]*vault.Wallet)}
	for _, file := range w.vault.Wallets() {
		h := file.Header()
		if h.Source != vault.SourceDescriptors {
			k.firsts[h.Script] = file
		}
		if h.Account != "" {
			k.accounts[h.Account+h.Type] = file
		}
	}
	return k
}

// find returns the wallet that has the same account, the same descriptors with
// the same private keys, or the same key among its own; nil when there is none.
func (k knownKeys) find(head vault.Header, secret *vault.Secret) *vault.Wallet {
	if head.Account != "" {
		return k.accounts[head.Account+head.Type]
	}
	if head.Source == vault.SourceDescriptors {
		return k.sameSet(head, secret)
	}
	if file := k.firsts[head.Script]; file != nil {
		return file // it may have no rows yet
	}
	script, err := hex.DecodeString(head.Script)
	if err != nil {
		return nil
	}
	owners, err := wallet.OwnersOf(k.w.host.store, script)
	if err != nil {
		return nil
	}
	for _, o := range owners {
		if file := k.w.vault.Wallet(int(o.Wallet)); file != nil && k.spends(file, o, script) {
			return file
		}
	}
	return nil
}

// spends says whether a wallet has the private keys of one of its scripts, a
// single key's. Where that cannot be seen, as its secret is locked, it is no: a
// key that is here twice does no harm, one that is dropped does.
func (k knownKeys) spends(file *vault.Wallet, o wallet.Owner, script []byte) bool {
	head := file.Header()
	switch {
	case head.WatchOnly:
		return false
	case int(o.Chain) < ownChains(head):
		return true
	}
	ring, err := k.w.ring(file, k.key)
	if err != nil {
		return false
	}
	defer ring.Close()
	out, err := ring.Solve(&wallet.Coin{Chain: o.Chain, Index: o.Index, Script: script})
	if err != nil {
		return false
	}
	for i := range out.Keys {
		if _, ok := out.Keys[i].PrivateKey(); ok {
			return true
		}
	}
	return false
}

// watchedBy returns the wallet that watches a script without being able to spend
// what it holds, nil when there is none.
func (w *wallets) watchedBy(script []byte) *vault.Wallet {
	owners, err := wallet.OwnersOf(w.host.store, script)
	if err != nil {
		return nil
	}
	for _, o := range owners {
		if file := w.vault.Wallet(int(o.Wallet)); file != nil && file.Header().WatchOnly {
			return file
		}
	}
	return nil
}

// sameSet returns the wallet that has the same descriptors and, where they have
// private keys, the same of those.
func (k knownKeys) sameSet(head vault.Header, secret *vault.Secret) *vault.Wallet {
	texts := slices.Sorted(slices.Values(publicTexts(head)))
	for _, file := range k.w.vault.Wallets() {
		h := file.Header()
		if h.Source != vault.SourceDescriptors || h.WatchOnly != head.WatchOnly || !slices.Equal(slices.Sorted(slices.Values(publicTexts(h))), texts) {
			continue
		}
		if head.WatchOnly {
			return file
		}
		if theirs, err := file.Secret(k.key); err == nil {
			same := maps.Equal(privateForms(h, theirs), privateForms(head, secret))
			theirs.Wipe()
			if same {
				return file
			}
		}
	}
	return nil
}

// refuseKnown refuses to make wallets whose account is here already.
func (w *wallets) refuseKnown(d *deriver) error {
	known := w.knownKeys(nil)
	for i := range d.mnemonics {
		n, err := d.make(i)
		if err != nil {
			return err
		}
		if file := known.find(n.Header, n.Secret); file != nil {
			return alreadyHere(file)
		}
	}
	return nil
}

func alreadyHere(file *vault.Wallet) error {
	return rpc.Errorf(rpc.CodeWalletExists, "already here as %s (number %d)", file.Name(), file.Number())
}

// create stores wallets that may have been paid already, but for those whose
// keys have come in meanwhile.
func (w *wallets) create(ctx context.Context, news []vault.New, key *vault.Key) (made, already []*vault.Wallet, err error) {
	if made, already, err = w.createUnknown(news, key); err != nil || len(made) == 0 {
		return nil, already, err
	}
	return made, already, w.made(ctx, made, true)
}

func (w *wallets) createUnknown(news []vault.New, key *vault.Key) (made, already []*vault.Wallet, err error) {
	w.making.Lock()
	defer w.making.Unlock()
	known := w.knownKeys(key)
	var unknown []vault.New
	for _, n := range news {
		if file := known.find(n.Header, n.Secret); file != nil {
			already = append(already, file)
		} else {
			unknown = append(unknown, n)
		}
	}
	made, err = w.vault.Create(unknown, key)
	return made, already, walletError(err)
}

// made gives new wallets rows. Those that may have been paid already have their
// coins searched.
func (w *wallets) made(ctx context.Context, files []*vault.Wallet, old bool) (err error) {
	// They exist now: what fails here is made good at the next start.
	if old && w.host.chain.Tip().Height > 0 {
		if err = w.rescan(ctx, files); err != nil && ctx.Err() != nil {
			w.tellMade(files) // only the caller is gone
			return err
		}
	} else {
		w.mu.Lock()
		err = w.add(files)
		w.mu.Unlock()
		for i := 0; i < len(files) && err == nil; i++ {
			if files[i].Header().Source == vault.SourceDescriptors {
				err = w.follow(files[i]) // add watches the first script of words and keys only
			}
		}
	}
	if err != nil {
		return err
	}
	w.tellMade(files)
	return nil
}

// tellMade tells others of new wallets.
func (w *wallets) tellMade(files []*vault.Wallet) {
	text := fmt.Sprintf("wallet %s made", files[0].Name())
	if len(files) > 1 {
		text = fmt.Sprintf("%d wallets made, %s to %s", len(files), files[0].Name(), files[len(files)-1].Name())
	}
	w.host.events.Publish(rpc.Event{Kind: "wallet", Text: text})
	w.host.mining.settingsChanged() // it may have waited for somebody to pay
}
