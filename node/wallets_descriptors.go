package node

import (
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/btcsuite/btcd/btcec/v2"

	"github.com/lode-chain/lode/address"
	"github.com/lode-chain/lode/descriptor"
	"github.com/lode-chain/lode/internal/vault"
	"github.com/lode-chain/lode/keys"
	"github.com/lode-chain/lode/network"
	"github.com/lode-chain/lode/wallet"
)

// A wallet is a set of descriptors, and chain i of the wallets' rows is its i-th:
// first those of its words or its key, which its header's account or public key
// stands for, then those of the header's list.

// textsOf returns the descriptors of a wallet's words or key, without checksums,
// with the key that account or single stand for; nil for wallets that have none.
func textsOf(head vault.Header, account, single string) []string {
	switch {
	case head.Source == vault.SourceDescriptors:
		return nil
	case head.Account != "":
		origin := ""
		if head.Master != "" {
			origin = "[" + head.Master + strings.TrimPrefix(hardenedByH(head.Path), "m") + "]"
		}
		return []string{
			wrapKey(keys.Type(head.Type), origin+account+"/0/*"),
			wrapKey(keys.Type(head.Type), origin+account+"/1/*"),
		}
	}
	return []string{wrapKey(keys.Type(head.Type), single)}
}

// wrapKey is the descriptor of addresses of a type with a key expression.
func wrapKey(t keys.Type, key string) string {
	switch t {
	case keys.Legacy:
		return "pkh(" + key + ")"
	case keys.P2SHSegwit:
		return "sh(wpkh(" + key + "))"
	case keys.Bech32m:
		return "tr(" + key + ")"
	}
	return "wpkh(" + key + ")"
}

// hardenedByH writes a path as Core does, with h for hardened steps.
func hardenedByH(path string) string { return strings.ReplaceAll(path, "'", "h") }

// ownChains is how many chains a wallet has of its words or key, before those
// of its header's list.
func ownChains(head vault.Header) int { return len(textsOf(head, "", "")) }

// publicTexts returns all descriptors of a wallet without private keys.
func publicTexts(head vault.Header) []string {
	texts := textsOf(head, head.Account, head.PublicKey)
	for i := range head.Descriptors {
		texts = append(texts, head.Descriptors[i].Text)
	}
	return texts
}

// parsedWallet is what was made of a wallet's header once.
type parsedWallet struct {
	count int // descriptors the header had then
	list  []*descriptor.Descriptor
}

// descriptorsOf returns a wallet's descriptors, without private keys: chain i is
// the i-th. They are parsed once.
func (w *wallets) descriptorsOf(file *vault.Wallet) ([]*descriptor.Descriptor, error) {
	head := file.Header()
	if p, ok := w.parsed.Load(file); ok {
		if p := p.(*parsedWallet); p.count == len(head.Descriptors) {
			return p.list, nil
		}
	}
	list, err := parseDescriptors(head, w.host.params)
	if err != nil {
		return nil, err
	}
	w.parsed.Store(file, &parsedWallet{len(head.Descriptors), list})
	return list, nil
}

func parseDescriptors(head vault.Header, p *network.Params) ([]*descriptor.Descriptor, error) {
	texts := publicTexts(head)
	list := make([]*descriptor.Descriptor, len(texts))
	for i, text := range texts {
		var err error
		if list[i], err = descriptor.Parse(text, p); err != nil {
			return nil, fmt.Errorf("wallet %d: its descriptor %d: %w", head.Number, i, err)
		}
	}
	return list, nil
}

// solver tells how the coins of a wallet are spent, without private keys.
func (w *wallets) solver(file *vault.Wallet) wallet.Solver {
	return func(c *wallet.Coin) (*descriptor.Output, error) {
		list, err := w.descriptorsOf(file)
		if err != nil {
			return nil, err
		}
		return solveIn(list, c)
	}
}

// solveIn returns the output of a coin by the descriptor of its chain.
func solveIn(list []*descriptor.Descriptor, c *wallet.Coin) (*descriptor.Output, error) {
	if int(c.Chain) >= len(list) || list[c.Chain] == nil {
		return nil, fmt.Errorf("coin %s: %w", c.OutPoint, wallet.ErrKey)
	}
	return list[c.Chain].Output(c.Index, c.Script)
}

// ring gives what spends a wallet's coins, with private keys. Close forgets what
// it can.
type ring struct {
	account *keys.Account     // nil for one key, and for a wallet of descriptors
	seed    []byte            // that account comes from
	single  *btcec.PrivateKey //
	texts   []string          // by chain: private forms, else public ones
	parsed  []*descriptor.Descriptor
	params  *network.Params
}

// ring opens a wallet's secret. A wallet that only watches has a ring without
// private keys.
func (w *wallets) ring(file *vault.Wallet, key *vault.Key) (*ring, error) {
	if file.Header().WatchOnly {
		return ringOf(file.Header(), nil, w.host.params)
	}
	secret, err := file.Secret(key)
	if err != nil {
		return nil, walletError(err)
	}
	defer secret.Wipe()
	return ringOf(file.Header(), secret, w.host.params)
}

func ringOf(head vault.Header, secret *vault.Secret, p *network.Params) (*ring, error) {
	r := &ring{params: p}
	if secret == nil {
		r.texts = publicTexts(head)
		return r, nil
	}
	if err := r.open(head, secret); err != nil {
		return nil, err
	}
	account, single := "", ""
	if r.account != nil {
		var err error
		if account, err = r.account.Key().EncodePrivate(p); err != nil {
			return nil, err
		}
	} else if r.single != nil {
		single = address.EncodeWIF(r.single, true, p)
	}
	r.texts = textsOf(head, account, single)
	for i := range head.Descriptors {
		text := head.Descriptors[i].Text
		if i < len(secret.Descriptors) && secret.Descriptors[i] != "" {
			text = secret.Descriptors[i]
		}
		r.texts = append(r.texts, text)
	}
	return r, nil
}

// open derives the account or the key of a wallet that has one.
func (r *ring) open(head vault.Header, secret *vault.Secret) error {
	var err error
	switch {
	case head.Source == vault.SourceDescriptors:
		return nil
	case len(secret.Key) > 0:
		r.single, err = address.ParsePrivateKey(secret.Key)
		return err
	}
	seed := keys.Seed(string(secret.Mnemonic), string(secret.BIP39Passphrase))
	if head.Account == "" {
		r.single, err = keys.DerivePath(seed, head.Path)
		clear(seed)
		return err
	}
	r.seed = seed
	path, err := keys.ParsePath(head.Path)
	if err != nil || len(path) != 3 {
		return fmt.Errorf("wallet %d: its path %q is not an account's", head.Number, head.Path)
	}
	r.account, err = keys.DeriveAccount(seed, keys.Type(head.Type), r.params.CoinType, path[2]-keys.Hardened)
	return err
}

// chain returns a chain's descriptor with the private keys that there are.
func (r *ring) chain(chain uint32) (*descriptor.Descriptor, error) {
	if int(chain) >= len(r.texts) {
		return nil, wallet.ErrKey
	}
	if r.parsed == nil {
		r.parsed = make([]*descriptor.Descriptor, len(r.texts))
	}
	if r.parsed[chain] == nil {
		d, err := descriptor.Parse(r.texts[chain], r.params)
		if err != nil {
			return nil, fmt.Errorf("descriptor %d of the wallet: %w", chain, err)
		}
		r.parsed[chain] = d
	}
	return r.parsed[chain], nil
}

// Solve returns what it takes to spend a coin, with the private keys that the
// wallet has. It is a wallet.Solver for one goroutine.
func (r *ring) Solve(c *wallet.Coin) (*descriptor.Output, error) {
	d, err := r.chain(c.Chain)
	if err != nil {
		return nil, fmt.Errorf("coin %s: %w", c.OutPoint, err)
	}
	return d.Output(c.Index, c.Script)
}

// key returns the private key of a script of a wallet of words or of a key.
func (r *ring) key(chain, index uint32) (*btcec.PrivateKey, error) {
	switch {
	case r.single != nil:
		return r.single, nil
	case r.account != nil:
		return r.account.PrivateChild(chain, index)
	}
	return nil, wallet.ErrKey
}

func (r *ring) coinKey(c *wallet.Coin) (*btcec.PrivateKey, error) { return r.key(c.Chain, c.Index) }

// Close forgets what it can.
func (r *ring) Close() {
	if r.single != nil {
		r.single.Zero()
	}
	clear(r.seed)
	r.texts, r.parsed = nil, nil
}

// chainsOf describes a wallet's chains to the book.
func chainsOf(head vault.Header, list []*descriptor.Descriptor) []wallet.Chain {
	own := ownChains(head)
	chains := make([]wallet.Chain, own, own+len(head.Descriptors))
	for i := range chains {
		chains[i].Ranged = head.Account != ""
	}
	for i := range head.Descriptors {
		d := &head.Descriptors[i]
		if list[own+i].Ranged() {
			chains = append(chains, wallet.Chain{Ranged: true, Start: d.Begin, End: d.End})
		} else {
			chains = append(chains, wallet.Chain{})
		}
	}
	return chains
}

// addedOf describes a wallet to the book.
func addedOf(head vault.Header, number uint32, p *network.Params) (wallet.Added, error) {
	a := wallet.Added{Wallet: number}
	var list []*descriptor.Descriptor
	var err error
	if len(head.Descriptors) > 0 {
		if list, err = parseDescriptors(head, p); err != nil {
			return a, err
		}
	}
	a.Chains = chainsOf(head, list)
	if head.Source == vault.SourceDescriptors {
		return a, nil
	}
	if a.First, err = hex.DecodeString(head.Script); err != nil || len(a.First) == 0 {
		return a, fmt.Errorf("wallet %d: its file holds no script", head.Number)
	}
	return a, nil
}

// sourceOf returns the scripts of a wallet.
func (w *wallets) sourceOf(head vault.Header) (wallet.Source, error) {
	list, err := parseDescriptors(head, w.host.params)
	return wallet.Descriptors(list), err
}

// firstScript returns the script of an index, the first where there are several.
func firstScript(s wallet.Source, chain, index uint32) ([]byte, error) {
	scripts, err := s.Scripts(chain, index)
	if err != nil {
		return nil, err
	}
	if len(scripts) == 0 {
		return nil, fmt.Errorf("descriptor %d of the wallet gives no script at %d", chain, index)
	}
	return scripts[0], nil
}
