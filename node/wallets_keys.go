package node

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/btcsuite/btcd/btcec/v2"

	"github.com/lode-chain/lode/address"
	"github.com/lode-chain/lode/internal/vault"
	"github.com/lode-chain/lode/keys"
	"github.com/lode-chain/lode/rpc"
	"github.com/lode-chain/lode/wallet"
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
	case errors.Is(err, vault.ErrForeign):
		return rpc.Errorf(rpc.CodeWallet, "%s: lode wallet passphrase adopt WALLET takes it over", vault.ErrForeign)
	case errors.Is(err, vault.ErrName), errors.Is(err, vault.ErrNameTaken), errors.Is(err, vault.ErrBadPassphrase):
		return rpc.CodeInvalidParameter.New(err.Error())
	case errors.Is(err, vault.ErrEncrypted):
		return rpc.CodeWrongEncState.New(err.Error())
	case errors.Is(err, vault.ErrDamaged), errors.Is(err, vault.ErrNewer), errors.Is(err, vault.ErrNoBackup):
		return rpc.CodeWallet.New(err.Error())
	}
	return err
}

// errNoPassphrase says that a passphrase was given for nothing.
var errNoPassphrase = rpc.CodeWrongEncState.New(vault.ErrNotEncrypted.Error())

// keyFor returns the key that opens secrets for one request: of its passphrase,
// which must be right even while the wallets are unlocked, else the one held
// while they are (nil). done forgets it.
func (w *wallets) keyFor(passphrase string) (key *vault.Key, done func(), err error) {
	switch {
	case passphrase == "" && w.vault.Locked():
		return nil, nil, errLocked
	case passphrase == "":
		return nil, func() {}, nil
	case !w.vault.Encrypted():
		return nil, nil, errNoPassphrase
	}
	key, err = w.vault.Unseal([]byte(passphrase))
	return key, key.Wipe, walletError(err)
}

// accountWallet describes the wallet of an account.
func (w *wallets) accountWallet(account *keys.Account, master string, secret *vault.Secret) (vault.New, error) {
	pub, script, err := account.Child(keys.Receive, 0)
	if err != nil {
		return vault.New{}, err
	}
	return vault.New{Secret: secret, Header: vault.Header{
		Source: vault.SourceWords, Type: string(account.Type()), Path: account.Path(), Master: master,
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
	if r.Count < 1 || r.Count > rpc.MaxNewWallets {
		return nil, rpc.Errorf(rpc.CodeInvalidParameter, "%d wallets is not within 1 to %d", r.Count, rpc.MaxNewWallets)
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
	d, err := w.newDeriver(r, t)
	if err != nil {
		return nil, err
	}
	defer d.wipe()
	files, err := w.createEach(d, key)
	if err != nil {
		return nil, err
	}
	if err := w.made(ctx, files, r.Mnemonic != ""); err != nil {
		return nil, err
	}
	return w.shown(files, d)
}

// createEach stores new wallets, whose words may be here only if they are theirs
// alone.
func (w *wallets) createEach(d *deriver, key *vault.Key) ([]*vault.Wallet, error) {
	if d.seed != nil {
		w.making.Lock()
		defer w.making.Unlock()
		if err := w.refuseKnown(d); err != nil {
			return nil, err
		}
	}
	files, err := w.vault.CreateEach(d.request.Count, d.make, key)
	return files, walletError(err)
}

// deriver makes the keys of new wallets. make may be called at once for
// different wallets.
type deriver struct {
	w         *wallets
	request   rpc.NewWallets
	kind      keys.Type
	birth     int32
	seed      []byte // shared by all, or nil
	mnemonics []string
	secrets   []*vault.Secret
	rings     []*ring
}

func (w *wallets) newDeriver(r rpc.NewWallets, t keys.Type) (*deriver, error) {
	d := &deriver{
		w: w, request: r, kind: t, birth: w.host.chain.Tip().Height,
		mnemonics: make([]string, r.Count), secrets: make([]*vault.Secret, r.Count), rings: make([]*ring, r.Count),
	}
	if r.Mnemonic != "" {
		normal, err := w.words(r.Mnemonic)
		if err != nil {
			return nil, err
		}
		for i := range d.mnemonics {
			d.mnemonics[i] = normal
		}
		d.seed, d.birth = keys.Seed(normal, ""), 0
		return d, nil
	}
	if r.Words == 0 {
		r.Words = 12
	}
	for i := range d.mnemonics { // randomness is read by one goroutine
		var err error
		if d.mnemonics[i], err = newWords(r.Words, r.Language, w.host.rand); err != nil {
			return nil, rpc.CodeInvalidParameter.New(err.Error())
		}
	}
	return d, nil
}

// newWords makes words of fresh entropy; no language is English.
func newWords(words int, language string, random io.Reader) (string, error) {
	mnemonic, err := keys.NewMnemonic(words, random)
	if err != nil || language == "" {
		return mnemonic, err
	}
	entropy, err := keys.Entropy(mnemonic)
	if err != nil {
		return "", err
	}
	defer clear(entropy)
	return keys.MnemonicOf(entropy, language)
}

// make derives one wallet.
func (d *deriver) make(i int) (vault.New, error) {
	seed, number := d.seed, uint32(i)
	if seed == nil {
		seed, number = keys.Seed(d.mnemonics[i], ""), 0
		defer clear(seed)
	}
	account, master, err := accountOf(seed, d.kind, d.w.host.params.CoinType, number)
	if err != nil {
		return vault.New{}, err
	}
	d.rings[i], d.secrets[i] = &ring{account: account}, &vault.Secret{Mnemonic: []byte(d.mnemonics[i])}
	n, err := d.w.accountWallet(account, master, d.secrets[i])
	n.Header.Birth = d.birth
	if d.request.Count == 1 {
		n.Header.Name = d.request.Name
	} else {
		n.Stem = d.request.Name
	}
	return n, err
}

func (d *deriver) wipe() {
	clear(d.seed)
	for _, s := range d.secrets {
		s.Wipe()
	}
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

// shown are new wallets as their maker sees them.
func (w *wallets) shown(files []*vault.Wallet, d *deriver) ([]rpc.WalletKeys, error) {
	list := make([]rpc.WalletKeys, len(files))
	first, _ := w.defaultWallet()
	for i, file := range files {
		list[i] = rpc.WalletKeys{Wallet: w.row(file, wallet.Balance{}, first), Mnemonic: d.mnemonics[i]}
		if err := w.addKeys(&list[i], d.rings[i], d.request.ShowPrivate); err != nil {
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

// errShowLocked asks for the passphrase before secrets are shown: that somebody
// has unlocked the wallets for payments does not mean everybody may read them.
var errShowLocked = rpc.CodeUnlockNeeded.New("words and private keys are shown only for the passphrase (--passphrase-file), even while the wallets are unlocked")

// walletKeys returns the words and the first key of a wallet.
func (w *wallets) walletKeys(ctx context.Context, r rpc.WalletRequest) (rpc.WalletKeys, error) {
	file, err := w.find(r.Wallet)
	if err != nil {
		return rpc.WalletKeys{}, err
	}
	switch head := file.Header(); {
	case head.WatchOnly:
		return rpc.WalletKeys{}, rpc.Errorf(rpc.CodeWallet, "wallet %s only watches: it has no private keys", file.Name())
	case head.Source == vault.SourceDescriptors:
		return rpc.WalletKeys{}, rpc.Errorf(rpc.CodeWallet, "wallet %s has no words: lode wallet descriptors %d --private shows its keys", file.Name(), head.Number)
	case file.Encrypted() && r.Passphrase == "":
		return rpc.WalletKeys{}, errShowLocked
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
	ring, err := ringOf(file.Header(), secret, w.host.params)
	if err != nil {
		return rpc.WalletKeys{}, err
	}
	defer ring.Close()
	row, err := w.show(ctx, file)
	if err != nil {
		return rpc.WalletKeys{}, err
	}
	k := rpc.WalletKeys{Wallet: row, Mnemonic: string(secret.Mnemonic)}
	if err := w.addRestoring(ctx, &k, file, secret); err != nil {
		return k, err
	}
	return k, w.addKeys(&k, ring, true)
}

// addRestoring fills in what it takes to restore a wallet besides its words or its
// key. The words' own passphrase is never shown.
func (w *wallets) addRestoring(ctx context.Context, k *rpc.WalletKeys, file *vault.Wallet, secret *vault.Secret) (err error) {
	head := file.Header()
	if k.Added, err = w.addedBeside(head, secret); err != nil {
		return err
	}
	command := "lode wallet restore"
	if len(secret.Mnemonic) == 0 {
		command = "lode wallet import"
	} else {
		k.BIP39 = len(secret.BIP39Passphrase) > 0
		seed := keys.Seed(string(secret.Mnemonic), string(secret.BIP39Passphrase))
		defer clear(seed)
		master, err := keys.NewMaster(seed)
		if err != nil {
			return err
		}
		fingerprint := master.Fingerprint()
		k.Fingerprint = hex.EncodeToString(fingerprint[:])
	}
	if k.BIP39 {
		command += " --bip39-passphrase"
	}
	if len(secret.Mnemonic) > 0 && k.SingleKey {
		command += " --path " + hardenedByH(head.Path) // no quotes for a shell to take
	}
	// A search goes through all types, but wallets that were never paid come back
	// as bech32, and one key is of the type that is asked for.
	if other := head.Type != string(keys.Bech32) && len(head.Descriptors) == len(k.Added); other || k.SingleKey && len(secret.Mnemonic) > 0 {
		command += " --type " + head.Type
	}
	if head.Account != "" {
		if k.RestoreGap, err = w.gapOf(ctx, file); err != nil {
			return err
		}
		if k.RestoreGap > 0 {
			command += fmt.Sprintf(" --gap %d", k.RestoreGap)
		}
	}
	k.RestoreCommand = command
	return nil
}

// importKey makes the wallet of one private key, unless it is here already.
func (w *wallets) importKey(ctx context.Context, r rpc.ImportKey) (rpc.ImportedKey, error) {
	t, err := typeOf(r.Type)
	if err != nil {
		return rpc.ImportedKey{}, err
	}
	if err := w.checkNewName(r.Name); err != nil {
		return rpc.ImportedKey{}, err
	}
	key, err := w.parseKey(strings.TrimSpace(r.Key))
	if err != nil {
		return rpc.ImportedKey{}, err
	}
	defer key.Zero()
	secret := &vault.Secret{Key: key.Serialize()}
	defer secret.Wipe()
	n := w.keyWallet(key, t, vault.SourceKey, "", secret)
	n.Header.Name = r.Name
	if file := w.knownKeys(nil).find(n.Header, nil); file != nil {
		return w.imported(ctx, file, true)
	}
	watching := ""
	if file := w.watchedBy(t.Script(key.PubKey())); file != nil {
		watching = file.Name()
	}
	opener, done, err := w.keyFor(r.Passphrase)
	if err != nil {
		return rpc.ImportedKey{}, err
	}
	defer done()
	files, already, err := w.create(ctx, []vault.New{n}, opener)
	if err != nil {
		return rpc.ImportedKey{}, err
	}
	if len(already) > 0 {
		return w.imported(ctx, already[0], true)
	}
	reply, err := w.imported(ctx, files[0], false)
	reply.WatchedBy = watching
	return reply, err
}

func (w *wallets) imported(ctx context.Context, file *vault.Wallet, already bool) (rpc.ImportedKey, error) {
	row, err := w.show(ctx, file)
	return rpc.ImportedKey{Wallet: row, Already: already}, err
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
	var follow rpc.Settings // those that name the wallet
	s := w.host.settings.get()
	if strings.EqualFold(s.DefaultWallet, old) {
		follow.DefaultWallet = file.Name()
	}
	if strings.EqualFold(s.MiningTo, old) {
		follow.MiningTo = file.Name()
	}
	if _, err := w.host.settings.change(follow); err != nil {
		return rpc.Wallet{}, err
	}
	w.host.mining.settingsChanged()
	w.host.events.Publish(rpc.Event{Kind: "wallet", Text: fmt.Sprintf("wallet %s is now called %s", old, file.Name())})
	return w.show(ctx, file)
}

// registerWalletKeys adds the methods that make wallets and show their secrets.
func (h *Host) registerWalletKeys(s *rpc.Server) {
	for _, m := range []rpc.Method{
		{
			Name: "lode_newwallets", Summary: "Makes wallets, each with words of its own, and returns what it takes to restore them.",
			Params: []rpc.Param{
				{Name: "count", Type: rpc.Number, Optional: true, Help: "How many (default 1)"},
				nameParam,
				{Name: "words", Type: rpc.Number, Optional: true, Help: "Length of the mnemonic: 12 (default), 15, 18, 21 or 24"},
				{Name: "language", Type: rpc.String, Optional: true, Help: "Of the mnemonic (default english)"},
				typeParam,
				{Name: "mnemonic", Type: rpc.String, Optional: true, Help: "Words that all share, as accounts 0, 1, 2…"},
				passphraseParam,
				{Name: "show_private", Type: rpc.Bool, Optional: true, Help: "Return the private key of the first address too"},
			},
			Example: `'{"count":3}'`,
			Handler: own(func(ctx context.Context, w *wallets, r rpc.NewWallets) (any, error) { return w.newWallets(ctx, r) }, h),
		}, {
			Name: "lode_walletkeys", Summary: "Returns a wallet's words and the private key of its first address. Where the wallets are under a passphrase it must be given.",
			Params: []rpc.Param{oneParam, passphraseParam}, Example: `'{"wallet":"Wallet1"}'`,
			Handler: own(func(ctx context.Context, w *wallets, r rpc.WalletRequest) (any, error) { return w.walletKeys(ctx, r) }, h),
		}, {
			Name: "lode_importkey", Summary: "Makes a wallet of one private key and finds its coins, or says that it is here already.",
			Params:  []rpc.Param{{Name: "key", Type: rpc.String, Help: "64 hex digits or WIF"}, nameParam, typeParam, passphraseParam},
			Example: `'{"key":"…"}'`,
			Handler: own(func(ctx context.Context, w *wallets, r rpc.ImportKey) (any, error) { return w.importKey(ctx, r) }, h),
		},
	} {
		registerOwn(s, m)
	}
}
