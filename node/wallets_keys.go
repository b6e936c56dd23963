package node

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/btcsuite/btcd/btcec/v2"

	"github.com/lode-chain/lode/address"
	"github.com/lode-chain/lode/internal/vault"
	"github.com/lode-chain/lode/keys"
	"github.com/lode-chain/lode/rpc"
	"github.com/lode-chain/lode/wallet"
)

// maxNewWallets is how many wallets one call makes (policy).
const maxNewWallets = 20_000

const (
	sourceWords = "words"
	sourceKey   = "key"
)

// errLocked is Core's text for a call that needs keys.
var errLocked = rpc.CodeUnlockNeeded.New("Error: Please enter the wallet passphrase with walletpassphrase first.")

// walletError gives errors of the wallet files their codes.
func walletError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, vault.ErrLocked):
		return errLocked
	case errors.Is(err, vault.ErrPassphrase):
		return rpc.CodePassphrase.New("Error: The wallet passphrase entered was incorrect.")
	case errors.Is(err, vault.ErrNotEncrypted):
		return rpc.CodeWrongEncState.New("Error: running with an unencrypted wallet, but walletpassphrase was called.")
	case errors.Is(err, vault.ErrName), errors.Is(err, vault.ErrNameTaken), errors.Is(err, vault.ErrBadPassphrase):
		return rpc.CodeInvalidParameter.New(err.Error())
	case errors.Is(err, vault.ErrNotEmpty):
		return rpc.CodeWrongEncState.New(err.Error())
	case errors.Is(err, vault.ErrDamaged), errors.Is(err, vault.ErrNewer):
		return rpc.CodeWallet.New(err.Error())
	}
	return err
}

// keyFor returns the key that opens secrets: of a passphrase, else the one held
// while the wallets are unlocked (nil). done forgets it.
func (w *wallets) keyFor(passphrase string) (key *vault.Key, done func(), err error) {
	switch {
	case !w.vault.Encrypted():
		return nil, func() {}, nil
	case passphrase == "" && w.vault.Locked():
		return nil, nil, errLocked
	case passphrase == "":
		return nil, func() {}, nil
	}
	key, err = w.vault.Unseal([]byte(passphrase))
	return key, key.Wipe, walletError(err)
}

// ring gives the private keys of a wallet's scripts. Close forgets what it can.
type ring struct {
	account *keys.Account     // nil for one key
	single  *btcec.PrivateKey //
}

// ring opens a wallet's secret.
func (w *wallets) ring(file *vault.Wallet, key *vault.Key) (*ring, error) {
	secret, err := file.Secret(key)
	if err != nil {
		return nil, walletError(err)
	}
	defer secret.Wipe()
	return ringOf(file.Header(), secret, w.host.params.CoinType)
}

func ringOf(head vault.Header, secret *vault.Secret, coinType uint32) (*ring, error) {
	if len(secret.Key) > 0 {
		key, err := address.ParsePrivateKey(secret.Key)
		return &ring{single: key}, err
	}
	seed := keys.Seed(string(secret.Mnemonic), string(secret.BIP39Passphrase))
	defer clear(seed)
	if head.Account == "" {
		key, err := keys.DerivePath(seed, head.Path)
		return &ring{single: key}, err
	}
	path, err := keys.ParsePath(head.Path)
	if err != nil || len(path) != 3 {
		return nil, fmt.Errorf("wallet %d: its path %q is not an account's", head.Number, head.Path)
	}
	account, err := keys.DeriveAccount(seed, keys.Type(head.Type), coinType, path[2]-keys.Hardened)
	return &ring{account: account}, err
}

// key returns the private key of one of the wallet's scripts.
func (r *ring) key(chain, index uint32) (*btcec.PrivateKey, error) {
	if r.single != nil {
		return r.single, nil
	}
	return r.account.PrivateChild(chain, index)
}

func (r *ring) coinKey(c *wallet.Coin) (*btcec.PrivateKey, error) { return r.key(c.Chain, c.Index) }

func (r *ring) Close() {
	if r.single != nil {
		r.single.Zero()
	}
}

// accountWallet describes the wallet of an account.
func (w *wallets) accountWallet(account *keys.Account, master string, secret *vault.Secret) (vault.New, error) {
	pub, script, err := account.Child(keys.Receive, 0)
	if err != nil {
		return vault.New{}, err
	}
	return vault.New{Secret: secret, Header: vault.Header{
		Source: sourceWords, Type: string(account.Type()), Path: account.Path(), Master: master,
		Account:   account.Key().EncodePublic(w.host.params),
		PublicKey: hex.EncodeToString(pub.SerializeCompressed()), Script: hex.EncodeToString(script),
		Created: w.host.now().Unix(),
	}}, nil
}

// keyWallet describes the wallet of one key.
func (w *wallets) keyWallet(key *btcec.PrivateKey, t keys.Type, source, path string, secret *vault.Secret) vault.New {
	pub := key.PubKey()
	return vault.New{Secret: secret, Header: vault.Header{
		Source: source, Type: string(t), Path: path,
		PublicKey: hex.EncodeToString(pub.SerializeCompressed()), Script: hex.EncodeToString(t.Script(pub)),
		Created: w.host.now().Unix(),
	}}
}

// typeOf reads the name of a type of address; bech32 where none is given.
func typeOf(name string) (keys.Type, error) {
	if name == "" {
		return keys.Bech32, nil
	}
	t, err := keys.ParseType(name)
	if err != nil {
		return "", rpc.CodeInvalidParameter.New(err.Error())
	}
	return t, nil
}

// words checks a mnemonic and returns it normalised. Published ones hold nothing
// on networks that are meant to last.
func (w *wallets) words(mnemonic string) (string, error) {
	normal, _, err := keys.CheckMnemonic(mnemonic)
	if err != nil {
		return "", rpc.CodeInvalidParameter.New(err.Error())
	}
	if !w.host.params.Demo && keys.IsPublished(normal) {
		return "", rpc.Errorf(rpc.CodeInvalidParameter,
			"these words are published: anybody could spend what they hold; network %s takes only words of your own", w.host.params.Name)
	}
	return normal, nil
}

// newWallets makes wallets: each with words of its own, or accounts 0, 1, 2… of
// the words given.
func (w *wallets) newWallets(ctx context.Context, r rpc.NewWallets) ([]rpc.WalletKeys, error) {
	if r.Count == 0 {
		r.Count = 1
	}
	if r.Count < 1 || r.Count > maxNewWallets {
		return nil, rpc.Errorf(rpc.CodeInvalidParameter, "%d wallets is not within 1 to %d", r.Count, maxNewWallets)
	}
	t, err := typeOf(r.Type)
	if err != nil {
		return nil, err
	}
	if err := w.checkNewName(r.Name); err != nil {
		return nil, err
	}
	key, done, err := w.keyFor(r.Passphrase)
	if err != nil {
		return nil, err
	}
	defer done()
	news, rings, err := w.derive(r, t)
	if err != nil {
		return nil, err
	}
	defer func() {
		for i := range news {
			news[i].Secret.Wipe()
		}
	}()
	birth := w.host.chain.Tip().Height
	if r.Mnemonic != "" {
		birth = 0
		if err := w.refuseKnown(news); err != nil {
			return nil, err
		}
	}
	for i := range news {
		news[i].Header.Birth = birth
		switch {
		case r.Name != "" && r.Count == 1:
			news[i].Header.Name = r.Name
		case r.Name != "":
			news[i].Stem = r.Name
		}
	}
	files, err := w.create(ctx, news, key, r.Mnemonic != "")
	if err != nil {
		return nil, err
	}
	return w.shown(files, news, rings, r.ShowPrivate)
}

// derive makes the words, on all cores, and the first addresses.
func (w *wallets) derive(r rpc.NewWallets, t keys.Type) ([]vault.New, []*ring, error) {
	var shared []byte
	mnemonics := make([]string, r.Count)
	if r.Mnemonic != "" {
		normal, err := w.words(r.Mnemonic)
		if err != nil {
			return nil, nil, err
		}
		for i := range mnemonics {
			mnemonics[i] = normal
		}
		shared = keys.Seed(normal, "")
		defer clear(shared)
	} else {
		if r.Words == 0 {
			r.Words = 12
		}
		for i := range mnemonics { // randomness is read in one goroutine
			var err error
			if mnemonics[i], err = keys.NewMnemonic(r.Words, w.host.rand); err != nil {
				return nil, nil, rpc.CodeInvalidParameter.New(err.Error())
			}
		}
	}
	news, rings := make([]vault.New, r.Count), make([]*ring, r.Count)
	_, err := w.host.exec.Run(r.Count, func(i int) error {
		seed, number := shared, uint32(i)
		if seed == nil {
			seed, number = keys.Seed(mnemonics[i], ""), 0
			defer clear(seed)
		}
		account, master, err := accountOf(seed, t, w.host.params.CoinType, number)
		if err != nil {
			return err
		}
		rings[i] = &ring{account: account}
		news[i], err = w.accountWallet(account, master, &vault.Secret{Mnemonic: []byte(mnemonics[i])})
		return err
	})
	return news, rings, err
}

// accountOf derives an account and the fingerprint of the master key.
func accountOf(seed []byte, t keys.Type, coinType, number uint32) (*keys.Account, string, error) {
	master, err := keys.NewMaster(seed)
	if err != nil {
		return nil, "", err
	}
	account, err := keys.DeriveAccount(seed, t, coinType, number)
	fingerprint := master.Fingerprint()
	return account, hex.EncodeToString(fingerprint[:]), err
}

// checkNewName refuses names that an address or number would be taken for. The
// files' own rules come later.
func (w *wallets) checkNewName(name string) error {
	if name == "" {
		return nil
	}
	if err := vault.CheckName(name); err != nil {
		return walletError(err)
	}
	if _, err := address.Decode(name, w.host.params); err == nil {
		return rpc.Errorf(rpc.CodeInvalidParameter, "%q is an address and cannot be a wallet's name", clipped(name))
	}
	return nil
}

// knownKeys are the accounts and the single keys of the wallets that are here.
type knownKeys struct {
	w        *wallets
	accounts map[string]*vault.Wallet // by extended public key and type
}

func (w *wallets) knownKeys() knownKeys {
	k := knownKeys{w, make(map[string]*vault.Wallet)}
	for _, file := range w.vault.Wallets() {
		if h := file.Header(); h.Account != "" {
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

func (w *wallets) refuseKnown(news []vault.New) error {
	known := w.knownKeys()
	for _, n := range news {
		if file := known.find(n.Header); file != nil {
			return rpc.Errorf(rpc.CodeWalletExists, "already here as %s (number %d)", file.Name(), file.Number())
		}
	}
	return nil
}

// create stores wallets and gives them rows. Old ones may have been paid
// already: their coins are searched.
func (w *wallets) create(ctx context.Context, news []vault.New, key *vault.Key, old bool) ([]*vault.Wallet, error) {
	files, err := w.vault.Create(news, key)
	if err != nil {
		return nil, walletError(err)
	}
	// From here on they exist: what fails now is made good at the next start.
	ctx = context.WithoutCancel(ctx)
	if old && w.host.chain.Tip().Height > 0 {
		err = w.rescan(ctx, files)
	} else {
		w.mu.Lock()
		err = w.add(files)
		w.mu.Unlock()
	}
	if err != nil {
		return nil, err
	}
	text := fmt.Sprintf("wallet %s made", files[0].Name())
	if len(files) > 1 {
		text = fmt.Sprintf("%d wallets made, %s to %s", len(files), files[0].Name(), files[len(files)-1].Name())
	}
	w.host.events.Publish(rpc.Event{Kind: "wallet", Text: text})
	return files, nil
}

// shown are new wallets as their maker sees them.
func (w *wallets) shown(files []*vault.Wallet, news []vault.New, rings []*ring, private bool) ([]rpc.WalletKeys, error) {
	list := make([]rpc.WalletKeys, len(files))
	first, _ := w.defaultWallet()
	for i, file := range files {
		list[i] = rpc.WalletKeys{Wallet: w.row(file, wallet.Balance{}, first), Mnemonic: string(news[i].Secret.Mnemonic)}
		if err := w.addKeys(&list[i], rings[i], private); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// addKeys fills in where a wallet's first address comes from, and its key.
func (w *wallets) addKeys(k *rpc.WalletKeys, r *ring, private bool) error {
	k.AddressPath = k.Path
	if r.account != nil {
		k.AddressPath = r.account.ChildPath(keys.Receive, 0)
	}
	if !private {
		return nil
	}
	key, err := r.key(keys.Receive, 0)
	if err != nil {
		return err
	}
	k.PrivateKey = hex.EncodeToString(key.Serialize())
	k.WIF = address.EncodeWIF(key, true, w.host.params)
	return nil
}

// walletKeys returns the words and the first key of a wallet.
func (w *wallets) walletKeys(ctx context.Context, r rpc.WalletRequest) (rpc.WalletKeys, error) {
	file, err := w.find(r.Wallet)
	if err != nil {
		return rpc.WalletKeys{}, err
	}
	key, done, err := w.keyFor(r.Passphrase)
	if err != nil {
		return rpc.WalletKeys{}, err
	}
	defer done()
	secret, err := file.Secret(key)
	if err != nil {
		return rpc.WalletKeys{}, walletError(err)
	}
	defer secret.Wipe()
	ring, err := ringOf(file.Header(), secret, w.host.params.CoinType)
	if err != nil {
		return rpc.WalletKeys{}, err
	}
	defer ring.Close()
	row, err := w.show(ctx, file)
	if err != nil {
		return rpc.WalletKeys{}, err
	}
	k := rpc.WalletKeys{Wallet: row, Mnemonic: string(secret.Mnemonic)}
	return k, w.addKeys(&k, ring, true)
}

// importKey makes the wallet of one private key.
func (w *wallets) importKey(ctx context.Context, r rpc.ImportKey) (rpc.Wallet, error) {
	t, err := typeOf(r.Type)
	if err != nil {
		return rpc.Wallet{}, err
	}
	if err := w.checkNewName(r.Name); err != nil {
		return rpc.Wallet{}, err
	}
	key, err := w.parseKey(strings.TrimSpace(r.Key))
	if err != nil {
		return rpc.Wallet{}, err
	}
	defer key.Zero()
	secret := &vault.Secret{Key: key.Serialize()}
	defer secret.Wipe()
	n := w.keyWallet(key, t, sourceKey, "", secret)
	n.Header.Name = r.Name
	if err := w.refuseKnown([]vault.New{n}); err != nil {
		return rpc.Wallet{}, err
	}
	if w.vault.Locked() {
		return rpc.Wallet{}, errLocked
	}
	files, err := w.create(ctx, []vault.New{n}, nil, true)
	if err != nil {
		return rpc.Wallet{}, err
	}
	return w.show(ctx, files[0])
}

// parseKey reads a private key in hex or WIF. Its errors never show it.
func (w *wallets) parseKey(text string) (*btcec.PrivateKey, error) {
	if len(text) == 64 {
		if raw, err := hex.DecodeString(text); err == nil {
			defer clear(raw)
			key, err := address.ParsePrivateKey(raw)
			if err != nil {
				return nil, rpc.CodeInvalidAddress.New(err.Error())
			}
			return key, nil
		}
	}
	key, compressed, err := address.DecodeWIF(text, w.host.params)
	switch {
	case err != nil:
		return nil, rpc.Errorf(rpc.CodeInvalidAddress, "this is no private key in hex (64 digits) or WIF: %s", err)
	case !compressed:
		return nil, rpc.CodeInvalidAddress.New("this key is for an uncompressed public key, which wallets here do not use; import the key in hex to use it with a compressed one")
	}
	return key, nil
}

// rename gives a wallet another name.
func (w *wallets) rename(ctx context.Context, r rpc.RenameWallet) (rpc.Wallet, error) {
	file, err := w.find(r.Wallet)
	if err != nil {
		return rpc.Wallet{}, err
	}
	if err := w.checkNewName(r.Name); err != nil {
		return rpc.Wallet{}, err
	}
	old := file.Name()
	if err := w.vault.Rename(file, r.Name); err != nil {
		return rpc.Wallet{}, walletError(err)
	}
	if s := w.host.settings.get(); strings.EqualFold(s.DefaultWallet, old) {
		s = rpc.Settings{DefaultWallet: file.Name()}
		if _, err := w.host.settings.change(s); err != nil {
			return rpc.Wallet{}, err
		}
	}
	w.host.events.Publish(rpc.Event{Kind: "wallet", Text: fmt.Sprintf("wallet %s is now called %s", old, file.Name())})
	return w.show(ctx, file)
}
