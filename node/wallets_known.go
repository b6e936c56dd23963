package node

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/lode-chain/lode/internal/vault"
	"github.com/lode-chain/lode/rpc"
)

// knownKeys are the accounts and the single keys of the wallets that are here.
type knownKeys struct {
	w        *wallets
	accounts map[string]*vault.Wallet // by extended public key and type
	firsts   map[string]*vault.Wallet // by first script
}

func (w *wallets) knownKeys() knownKeys {
	k := knownKeys{w, make(map[string]*vault.Wallet), make(map[string]*vault.Wallet)}
	for _, file := range w.vault.Wallets() {
		h := file.Header()
		k.firsts[h.Script] = file
		if h.Account != "" {
			k.accounts[h.Account+h.Type] = file
		}
	}
	return k
}

// find returns the wallet that has the same account, or the same key among its
// scripts; nil when there is none.
func (k knownKeys) find(head vault.Header) *vault.Wallet {
	if head.Account != "" {
		return k.accounts[head.Account+head.Type]
	}
	if head.Source == vault.SourceDescriptors {
		return k.sameSet(head)
	}
	if file := k.firsts[head.Script]; file != nil {
		return file // it may have no rows yet
	}
	script, err := hex.DecodeString(head.Script)
	if err != nil {
		return nil
	}
	file, err := k.w.byScript(script, "")
	if err != nil {
		return nil
	}
	return file
}

// sameSet returns the wallet that watches the same descriptors. Those that hold
// private keys may hold different ones of the same descriptors.
func (k knownKeys) sameSet(head vault.Header) *vault.Wallet {
	for _, file := range k.w.vault.Wallets() {
		h := file.Header()
		if h.WatchOnly && head.WatchOnly && slices.Equal(publicTexts(h), publicTexts(head)) {
			return file
		}
	}
	return nil
}

// refuseKnown refuses to make wallets whose account is here already.
func (w *wallets) refuseKnown(d *deriver) error {
	known := w.knownKeys()
	for i := range d.mnemonics {
		n, err := d.make(i)
		if err != nil {
			return err
		}
		if file := known.find(n.Header); file != nil {
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
	known := w.knownKeys()
	var unknown []vault.New
	for _, n := range news {
		if file := known.find(n.Header); file != nil {
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
