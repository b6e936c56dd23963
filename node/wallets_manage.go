package node

import (
	"context"
	"path/filepath"
	"slices"

	"github.com/lode-chain/lode/internal/vault"
	"github.com/lode-chain/lode/keys"
	"github.com/lode-chain/lode/rpc"
)

// The settings of wallets that are kept in their journals.
const (
	flagAvoidReuse = "avoid_reuse" // coins at addresses that were spent from are not chosen
	flagBlank      = "blank"       // made without keys
)

// registerManage adds Core's methods that make and load wallets.
func (h *Host) registerManage(s *rpc.Server) {
	for _, m := range []rpc.Method{
		{
			Name: "createwallet", Summary: "Makes a wallet: with words of its own, blank, or to watch only.",
			Params: []rpc.Param{
				{Name: "wallet_name", Type: rpc.String, Help: "What to call it"},
				{Name: "disable_private_keys", Type: rpc.Bool, Optional: true, Help: "It only watches (default false)"},
				{Name: "blank", Type: rpc.Bool, Optional: true, Help: "Without keys, to import descriptors into (default false)"},
				{Name: "passphrase", Type: rpc.String, Optional: true, Help: "Of all wallets here"},
				{Name: "avoid_reuse", Type: rpc.Bool, Optional: true, Help: "Coins at addresses that were spent from are kept apart (default false)"},
				{Name: "descriptors", Type: rpc.Bool, Optional: true, Help: "All are (default true)"},
				{Name: "load_on_startup", Type: rpc.Bool, Optional: true, Help: "No meaning here: all are"},
				{Name: "external_signer", Type: rpc.Bool, Optional: true, Help: "There are none here (default false)"},
			},
			Example: `"alice"`, Handler: h.createWallet,
		}, {
			Name: "loadwallet", Summary: "Brings a wallet back that was unloaded; all others are loaded.",
			Params: []rpc.Param{
				{Name: "filename", Type: rpc.String, Help: "The wallet's name"},
				{Name: "load_on_startup", Type: rpc.Bool, Optional: true, Help: "No meaning here"},
			},
			Example: `"alice"`, Handler: h.loadWallet,
		}, {
			Name: "unloadwallet", Summary: "Hides a wallet from Core's methods until it is loaded or lode starts again.",
			Params: []rpc.Param{
				{Name: "wallet_name", Type: rpc.String, Optional: true, Help: "The wallet's name; that of the path when left out"},
				{Name: "load_on_startup", Type: rpc.Bool, Optional: true, Help: "No meaning here"},
			},
			Example: `"alice"`, Handler: h.unloadWallet,
		}, {
			Name: "listwalletdir", Summary: "Lists all wallets.", Handler: h.listWalletDir,
		}, {
			Name: "setwalletflag", Summary: "Changes a setting of a wallet.",
			Params: []rpc.Param{
				{Name: "flag", Type: rpc.String, Help: "avoid_reuse"},
				{Name: "value", Type: rpc.Bool, Optional: true, Help: "On or off (default true)"},
			},
			Example: `"avoid_reuse"`, Handler: onWallet(h, (*coreWallet).setFlag),
		},
	} {
		registerCore(s, m)
	}
	// What Core has for wallets without descriptors, and answers so for the others.
	for _, name := range [...]string{
		"addmultisigaddress", "dumpprivkey", "dumpwallet", "importaddress", "importmulti", "importprivkey", "importpubkey", "importwallet", "newkeypool", "sethdseed",
	} {
		m := rpc.Method{Name: name, Summary: "For wallets without descriptors, which there are none of here.", Handler: onWallet(h, (*coreWallet).legacyOnly)}
		for range 6 {
			m.Params = append(m.Params, rpc.Param{Name: "argument" + string(rune('1'+len(m.Params))), Type: rpc.Any, Optional: true, Help: "Not looked at"})
		}
		registerCore(s, m)
	}
}

func (c *coreWallet) legacyOnly(context.Context, *rpc.Request) (any, error) {
	return nil, rpc.CodeWallet.New("Only legacy wallets are supported by this command")
}

// createRequest are the arguments of createwallet.
type createRequest struct {
	name                     string
	watchOnly, blank, unused bool
	passphrase               *string
	avoidReuse               bool
}

func createArguments(r *rpc.Request) (q createRequest, err error) {
	if q.name, err = r.Text(0, ""); err != nil {
		return q, err
	}
	flags := []struct {
		at  int
		def bool
		to  *bool
	}{{1, false, &q.watchOnly}, {2, false, &q.blank}, {4, false, &q.avoidReuse}, {6, false, &q.unused}}
	for _, f := range flags {
		if *f.to, err = r.Flag(f.at, f.def); err != nil {
			return q, err
		}
	}
	if r.Has(3) {
		text, err := r.Text(3, "")
		if err != nil {
			return q, err
		}
		q.passphrase = &text
	}
	if descriptors, err := r.Flag(5, true); err != nil {
		return q, err
	} else if !descriptors {
		return q, rpc.CodeWallet.New("BDB wallet creation is deprecated and will be removed in a future release. In this release it can be re-enabled temporarily with the -deprecatedrpc=create_bdb setting.")
	}
	if external, err := r.Flag(7, false); err != nil {
		return q, err
	} else if external {
		return q, rpc.CodeWallet.New("Compiled without external signing support (required for external signing)")
	}
	if q.watchOnly && q.passphrase != nil && *q.passphrase != "" {
		return q, rpc.CodeWallet.New("Passphrase provided but private keys are disabled. A passphrase is only used to encrypt private keys, so cannot be used for wallets with private keys disabled.")
	}
	return q, nil
}

func (h *Host) createWallet(ctx context.Context, r *rpc.Request) (any, error) {
	q, err := createArguments(r)
	if err != nil {
		return nil, err
	}
	w := h.wallets
	if q.name != "" && len(w.vault.ByName(q.name)) > 0 {
		return nil, rpc.Errorf(rpc.CodeWallet, "Wallet file verification failed. Failed to create database path '%s'. Database already exists.", w.corePath(q.name))
	}
	if err := w.checkNewName(q.name); err != nil {
		return nil, err
	}
	reply := struct {
		Name     string   `json:"name"`
		Warnings []string `json:"warnings,omitempty"`
	}{}
	passphrase := ""
	if q.passphrase != nil {
		if passphrase = *q.passphrase; passphrase == "" {
			reply.Warnings = append(reply.Warnings, "Empty string given as passphrase, wallet will not be encrypted.")
		}
	}
	if passphrase != "" && !w.vault.Encrypted() {
		if w.vault.Len() > 0 {
			return nil, rpc.CodeWallet.New("one passphrase is for all wallets here, and there are some without: lode wallet passphrase set")
		}
		if err := w.setPassphrase(passphrase); err != nil {
			return nil, err
		}
	}
	var file *vault.Wallet
	if q.watchOnly || q.blank {
		file, err = w.blankWallet(ctx, q, passphrase)
	} else {
		file, err = w.wordsWallet(ctx, q.name, passphrase)
	}
	if err != nil {
		return nil, err
	}
	if q.avoidReuse {
		if err := file.SetFlag(flagAvoidReuse, true); err != nil {
			return nil, rpc.CodeWallet.New(err.Error())
		}
	}
	reply.Name = file.Name()
	return reply, nil
}

// wordsWallet makes a wallet with words of its own.
func (w *wallets) wordsWallet(ctx context.Context, name, passphrase string) (*vault.Wallet, error) {
	made, err := w.newWallets(ctx, rpc.NewWallets{Count: 1, Name: name, Passphrase: passphrase})
	if err != nil {
		return nil, err
	}
	return w.vault.Wallet(made[0].Number), nil
}

// blankWallet makes a wallet that descriptors are imported into.
func (w *wallets) blankWallet(ctx context.Context, q createRequest, passphrase string) (*vault.Wallet, error) {
	head := vault.Header{
		Name: q.name, Source: vault.SourceDescriptors, Type: string(keys.Bech32), WatchOnly: q.watchOnly,
		Birth: w.host.chain.Tip().Height, Created: w.host.now().Unix(),
	}
	var key *vault.Key
	if !q.watchOnly {
		opener, done, err := w.keyFor(passphrase)
		if err != nil {
			return nil, err
		}
		defer done()
		key = opener
	}
	w.making.Lock()
	files, err := w.vault.Create([]vault.New{{Header: head, Secret: new(vault.Secret)}}, key)
	w.making.Unlock()
	if err != nil {
		return nil, walletError(err)
	}
	if q.blank {
		if err := files[0].SetFlag(flagBlank, true); err != nil {
			return nil, rpc.CodeWallet.New(err.Error())
		}
	}
	return files[0], w.made(ctx, files, false)
}

// corePath is where Core would have the file of a wallet.
func (w *wallets) corePath(name string) string { return filepath.Join(w.host.dir, walletDir, name) }

func (h *Host) loadWallet(_ context.Context, r *rpc.Request) (any, error) {
	name, err := r.Text(0, "")
	if err != nil {
		return nil, err
	}
	named := h.wallets.vault.ByName(name)
	if len(named) == 0 {
		return nil, rpc.Errorf(rpc.CodeWalletNotFound, "Wallet file verification failed. Failed to load database path '%s'. Path does not exist.", h.wallets.corePath(name))
	}
	if _, unloaded := h.wallets.unloaded.LoadAndDelete(named[0].Number()); !unloaded {
		return nil, rpc.Errorf(rpc.CodeAlreadyLoaded, "Wallet \"%s\" is already loaded.", named[0].Name())
	}
	return struct {
		Name string `json:"name"`
	}{named[0].Name()}, nil
}

func (h *Host) unloadWallet(_ context.Context, r *rpc.Request) (any, error) {
	name, err := r.Text(0, r.Wallet)
	if err != nil {
		return nil, err
	}
	switch {
	case r.Wallet != "" && name != r.Wallet:
		return nil, rpc.CodeInvalidParameter.New("RPC endpoint wallet and wallet_name parameter specify different wallets")
	case name == "":
		return nil, rpc.CodeInvalidParameter.New("Either the RPC endpoint wallet or the wallet name parameter must be provided")
	}
	file, err := h.wallets.loaded(name)
	if err != nil {
		return nil, err
	}
	h.wallets.unloaded.Store(file.Number(), true)
	return struct{}{}, nil
}

// loaded returns a wallet that Core's methods see: all but those that were
// unloaded.
func (w *wallets) loaded(name string) (*vault.Wallet, error) {
	if name == "" {
		file, err := w.defaultWallet()
		if err == nil && w.isLoaded(file) {
			return file, nil
		}
		if i := slices.IndexFunc(w.vault.Wallets(), w.isLoaded); err == nil && i >= 0 {
			return w.vault.Wallets()[i], nil
		}
		return nil, rpc.CodeWalletNotFound.New("No wallet is loaded. Load a wallet using loadwallet or create a new one with createwallet. (Note: A default wallet is no longer automatically created)")
	}
	file, err := w.find(name)
	if err != nil {
		return nil, err
	}
	if !w.isLoaded(file) {
		return nil, rpc.CodeWalletNotFound.New("Requested wallet does not exist or is not loaded")
	}
	return file, nil
}

func (w *wallets) isLoaded(file *vault.Wallet) bool {
	_, unloaded := w.unloaded.Load(file.Number())
	return !unloaded
}

func (h *Host) listWallets(context.Context, *rpc.Request) (any, error) {
	names := []string{}
	for _, file := range h.wallets.vault.Wallets() {
		if h.wallets.isLoaded(file) {
			names = append(names, file.Name())
		}
	}
	return names, nil
}

func (h *Host) listWalletDir(context.Context, *rpc.Request) (any, error) {
	type row struct {
		Name string `json:"name"`
	}
	reply := struct {
		Wallets []row `json:"wallets"`
	}{[]row{}}
	for _, file := range h.wallets.vault.Wallets() {
		reply.Wallets = append(reply.Wallets, row{file.Name()})
	}
	return reply, nil
}

func (c *coreWallet) setFlag(_ context.Context, r *rpc.Request) (any, error) {
	name, err := r.Text(0, "")
	if err != nil {
		return nil, err
	}
	on, err := r.Flag(1, true)
	if err != nil {
		return nil, err
	}
	switch name {
	case flagAvoidReuse:
	case flagBlank, "key_origin_metadata", "last_hardened_xpub_cached", "disable_private_keys", "descriptor_wallet", "external_signer":
		return nil, rpc.Errorf(rpc.CodeInvalidParameter, "Wallet flag is immutable: %s", name)
	default:
		return nil, rpc.Errorf(rpc.CodeInvalidParameter, "Unknown wallet flag: %s", clipped(name))
	}
	if c.file.Flag(name) == on {
		state := "false"
		if on {
			state = "true"
		}
		return nil, rpc.Errorf(rpc.CodeInvalidParameter, "Wallet flag is already set to %s: %s", state, name)
	}
	if err := c.file.SetFlag(name, on); err != nil {
		return nil, rpc.CodeWallet.New(err.Error())
	}
	reply := struct {
		Name     string `json:"flag_name"`
		State    bool   `json:"flag_state"`
		Warnings string `json:"warnings,omitempty"`
	}{Name: name, State: on}
	if on {
		// Core has to be told to rescan; here the rows know already.
		reply.Warnings = "You need to rescan the blockchain in order to correctly mark used destinations in the past. Until this is done, some destinations may be considered unused, even if the opposite is the case."
	}
	return reply, nil
}
