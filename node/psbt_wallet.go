package node

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"

	"github.com/lode-chain/lode/descriptor"
	"github.com/lode-chain/lode/internal/vault"
	"github.com/lode-chain/lode/keys"
	"github.com/lode-chain/lode/psbt"
	"github.com/lode-chain/lode/rpc"
	"github.com/lode-chain/lode/wallet"
)

// registerWalletPSBT adds the methods by which wallets work on PSBTs.
func (h *Host) registerWalletPSBT(s *rpc.Server) {
	registerCore(s, rpc.Method{
		Name: "walletprocesspsbt", Summary: "Adds to a PSBT what the wallet knows, and signs what it can.",
		Params: []rpc.Param{
			psbtParam,
			{Name: "sign", Type: rpc.Bool, Optional: true, Help: "Also sign (default true)"},
			{Name: "sighashtype", Type: rpc.String, Optional: true, Help: "DEFAULT, ALL, NONE or SINGLE, perhaps with |ANYONECANPAY (default DEFAULT: ALL where that is not taproot)"},
			{Name: "bip32derivs", Type: rpc.Bool, Optional: true, Help: "Say where keys come from (default true)"},
			{Name: "finalize", Type: rpc.Bool, Optional: true, Help: "Complete inputs that have all they need (default true)"},
		},
		Example: `"psbt"`, Handler: onWallet(h, (*coreWallet).processPSBT),
	})
	registerCore(s, rpc.Method{
		Name: "walletcreatefundedpsbt", Summary: "Makes a PSBT of inputs and outputs, with coins of the wallet and change as needed.",
		Params: []rpc.Param{
			{Name: "inputs", Type: rpc.Array, Optional: true, Help: "Objects with txid, vout and perhaps sequence; left out or empty, coins are chosen"},
			{Name: "outputs", Type: rpc.Any, Help: `Addresses with their amounts, and "data" in hex: one object, or a list of objects of one field`},
			{Name: "locktime", Type: rpc.Number, Optional: true, Help: "Block height or time before which it is not valid (default 0)"},
			{Name: "options", Type: rpc.Object, Optional: true, Help: "As Core's"},
			{Name: "bip32derivs", Type: rpc.Bool, Optional: true, Help: "Say where keys come from (default true)"},
		},
		Example: `[] [{"bcrt1q…":0.1}]`, Handler: onWallet(h, (*coreWallet).createFundedPSBT),
	})
	psbtField := rpc.Param{Name: "psbt", Type: rpc.String, Help: "In base64"}
	registerOwn(s, rpc.Method{
		Name: "lode_createpsbt", Summary: "Plans a payment, with all that lode_preparesend takes, and returns it as a PSBT for others to sign.",
		Params: []rpc.Param{
			{Name: "from", Type: rpc.String, Optional: true, Help: "Wallet that pays; the default wallet when left out"},
			{Name: "to", Type: rpc.String, Optional: true, Help: "Address, or a wallet's name or number"},
			{Name: "amount", Type: rpc.Any, Optional: true, Help: "In coins"},
			{Name: "fee_rate", Type: rpc.Number, Optional: true, Help: "In sat/vB"},
		},
		Example: `{"from":"Shared","to":"Wallet2","amount":"1.5"}`,
		Handler: own(func(ctx context.Context, w *wallets, r rpc.SendRequest) (any, error) { return w.createPSBT(ctx, r) }, h),
	})
	registerOwn(s, rpc.Method{
		Name: "lode_showpsbt", Summary: "Explains a PSBT: whose coins and addresses, the fee, who has signed and who has not.",
		Params: []rpc.Param{psbtField}, Example: `{"psbt":"cHNidP8…"}`,
		Handler: own(func(ctx context.Context, w *wallets, r rpc.PSBTRequest) (any, error) { return w.showPSBT(ctx, r) }, h),
	})
	registerOwn(s, rpc.Method{
		Name: "lode_signpsbt", Summary: "Signs a PSBT with the keys of a wallet. Inputs are left open for lode psbt finalize.",
		Params: []rpc.Param{
			psbtField, oneParam,
			{Name: "sighash", Type: rpc.String, Optional: true, Help: "Default: what the PSBT asks for, if that is ALL or DEFAULT"},
			passphraseParam,
		},
		Example: `{"psbt":"cHNidP8…","wallet":"Wallet1"}`,
		Handler: own(func(ctx context.Context, w *wallets, r rpc.SignPSBT) (any, error) { return w.signPSBT(ctx, r) }, h),
	})
}

// packetRing is what a wallet knows about scripts and keys of packets.
type packetRing struct {
	w     *wallets
	file  *vault.Wallet
	solve wallet.Solver
	ring  *ring // nil: without private keys
	roles []role
	known map[[2]uint32]map[string]descriptor.Key // by chain and index: keys by keyName
}

// packetRing opens a wallet for a packet; opener is the key for its secrets, nil
// the one that is held. done forgets the private keys.
func (w *wallets) packetRing(file *vault.Wallet, sign bool, opener *vault.Key) (r *packetRing, done func(), err error) {
	r = &packetRing{w: w, file: file, solve: w.solver(file), known: make(map[[2]uint32]map[string]descriptor.Key)}
	if r.roles, err = w.roles(file); err != nil {
		return nil, nil, err
	}
	if !sign {
		return r, func() {}, nil
	}
	if r.ring, err = w.ring(file, opener); err != nil {
		return nil, nil, err
	}
	r.solve = r.ring.Solve
	return r, r.ring.Close, nil
}

func (r *packetRing) output(script []byte) *descriptor.Output {
	owner, ok := r.w.owns(r.file, script)
	if !ok {
		return nil
	}
	out, err := r.solve(&wallet.Coin{Script: script, Chain: owner.Chain, Index: owner.Index})
	if err != nil {
		return nil
	}
	return out
}

// key finds a key of the wallet: among those of its scripts up to where it
// watches, as Core, or by its path from the wallet's words, as other signers do.
func (r *packetRing) key(pub []byte, from psbt.Origin) (descriptor.Key, bool) {
	if r.ring == nil {
		return descriptor.Key{}, false
	}
	for i := range r.roles {
		role := &r.roles[i]
		index := uint32(0)
		if role.parsed.Ranged() {
			if len(from.Path) == 0 {
				continue
			}
			index = from.Path[len(from.Path)-1] &^ keys.Hardened
			if index >= r.w.firstFree(r.file, role)+defaultRange {
				continue
			}
		}
		if k, ok := r.keysAt(role.chain, index)[keyName(pub)]; ok {
			return k, true
		}
	}
	return r.fromWords(pub, from)
}

// keysAt are the keys of a chain's scripts at an index.
func (r *packetRing) keysAt(chain, index uint32) map[string]descriptor.Key {
	at := [2]uint32{chain, index}
	if found, ok := r.known[at]; ok {
		return found
	}
	found := make(map[string]descriptor.Key)
	r.known[at] = found
	d, err := r.ring.chain(chain)
	if err != nil || !d.Solvable() {
		return found
	}
	scripts, err := d.Scripts(index)
	if err != nil {
		return found
	}
	for _, script := range scripts {
		out, err := d.Output(index, script)
		if err != nil {
			continue
		}
		for _, k := range out.Keys {
			if _, ok := k.PrivateKey(); ok {
				found[keyName(k.Public)] = k
			}
		}
	}
	return found
}

// fromWords derives a key by the path that a packet has for it, if that begins at
// the wallet's words and is one of its own account: others of the same words are
// other wallets'.
func (r *packetRing) fromWords(pub []byte, from psbt.Origin) (descriptor.Key, bool) {
	head := r.file.Header()
	if len(r.ring.seed) == 0 || hex.EncodeToString(from.Fingerprint[:]) != head.Master || !ownPath(head, r.w.host.params.CoinType, from.Path) {
		return descriptor.Key{}, false
	}
	master, err := keys.NewMaster(r.ring.seed)
	if err != nil {
		return descriptor.Key{}, false
	}
	child, err := master.Derive(from.Path...)
	if err != nil {
		return descriptor.Key{}, false
	}
	private, err := child.PrivateKey()
	if err != nil {
		return descriptor.Key{}, false
	}
	public := private.PubKey().SerializeCompressed()
	return descriptor.NewKey(public, from.Fingerprint, from.Path, private), keyName(public) == keyName(pub)
}

// mine says whether a script is the wallet's.
func (r *packetRing) mine(script []byte) bool {
	_, ok := r.w.owns(r.file, script)
	return ok
}

// processPSBT is walletprocesspsbt.
func (c *coreWallet) processPSBT(ctx context.Context, r *rpc.Request) (any, error) {
	p, err := packetOf(r, 0)
	if err != nil {
		return nil, err
	}
	sign, err := r.Flag(1, true)
	if err != nil {
		return nil, err
	}
	o, err := signOptions(r, 2)
	if err != nil {
		return nil, err
	}
	o.Sign = sign
	ring, done, err := c.packetRing(c.file, sign, nil)
	if err != nil {
		return nil, err
	}
	defer done()
	if err := c.host.addUTXOs(ctx, p, ring.mine); err != nil {
		return nil, err
	}
	return signedReply(p, ring, o)
}

// signPSBT signs for a person: inputs are left open, so that each signature can be
// seen, and what is wrong is told.
func (w *wallets) signPSBT(ctx context.Context, r rpc.SignPSBT) (rpc.SignedPSBT, error) {
	reply := rpc.SignedPSBT{Refused: []string{}}
	p, err := readablePacket(r.PSBT)
	if err != nil {
		return reply, err
	}
	o := psbt.Options{Sign: true, Origins: true}
	if r.Sighash != "" {
		if o.Sighash, err = parseSighash(r.Sighash); err != nil {
			return reply, err
		}
	} else if err := harmless(p); err != nil {
		return reply, err
	}
	file, err := w.find(r.Wallet)
	if err != nil {
		return reply, err
	}
	reply.Wallet = file.Name()
	if file.Header().WatchOnly {
		return reply, rpc.Errorf(rpc.CodeWallet, "wallet %s only watches: it has no private keys to sign with", file.Name())
	}
	opener, done, err := w.keyFor(r.Passphrase)
	if err != nil {
		return reply, err
	}
	defer done()
	ring, forget, err := w.packetRing(file, true, opener)
	if err != nil {
		return reply, err
	}
	defer forget()
	if err := w.host.addUTXOs(ctx, p, anyScript); err != nil {
		return reply, err
	}
	before := signatures(p)
	refused, err := w.signEach(p, ring, o, r.Sighash != "")
	if err != nil {
		return reply, err
	}
	reply.Refused = append(reply.Refused, refused...)
	reply.Added = signatures(p) - before
	reply.PSBT = p.Base64()
	if reply.View, err = w.viewPSBT(ctx, p); err != nil {
		return reply, err
	}
	reply.Complete = reply.View.Complete || reply.View.Next == psbt.Finalizer.String() || reply.View.Next == psbt.Extractor.String()
	return reply, nil
}

// signEach signs inputs one by one, each with the sighash type that the packet
// has for it unless one is asked for.
func (w *wallets) signEach(p *psbt.Packet, ring *packetRing, o psbt.Options, asked bool) (refused []string, err error) {
	s := psbt.NewSigner(p)
	for i := range p.Inputs {
		if p.Inputs[i].Final() {
			continue
		}
		if err := p.CheckUTXO(i); err != nil {
			refused = append(refused, err.Error())
			continue
		}
		each := o
		if kind := p.Inputs[i].Sighash; !asked && kind != nil {
			each.Sighash = *kind
		}
		_, err := s.Process(i, outputFor(p, i, ring), each)
		if errors.Is(err, psbt.ErrSighash) {
			return nil, rpc.CodeInvalidParameter.New(err.Error())
		}
		if err != nil {
			refused = append(refused, err.Error())
		}
	}
	for i, out := range p.Tx.TxOut {
		if known := ring.output(out.PkScript); known != nil {
			if err := p.UpdateOutput(i, known, true); err != nil {
				return nil, err
			}
		}
	}
	return refused, nil
}

// harmless refuses to sign without being told to what would leave outputs or
// inputs to others: sighash types other than ALL.
func harmless(p *psbt.Packet) error {
	for i := range p.Inputs {
		if kind := p.Inputs[i].Sighash; kind != nil && *kind > 1 {
			name := sighashName(*kind)
			return rpc.Errorf(rpc.CodeInvalidParameter,
				"input %d asks for a signature of type %s, which lets others change the transaction; say so with --sighash %q if that is meant", i, name, name)
		}
	}
	return nil
}

// signatures counts those of a packet.
func signatures(p *psbt.Packet) (n int) {
	for i := range p.Inputs {
		in := &p.Inputs[i]
		n += len(in.PartialSigs) + len(in.TapScriptSigs)
		if len(in.TapKeySig) > 0 {
			n++
		}
	}
	return n
}

// readablePacket reads a PSBT that a person has given.
func readablePacket(text string) (*psbt.Packet, error) {
	p, err := psbt.DecodeBase64(text)
	if err != nil {
		return nil, rpc.CodeDeserialization.New(err.Error())
	}
	return p, nil
}

// createFundedPSBT is walletcreatefundedpsbt.
func (c *coreWallet) createFundedPSBT(ctx context.Context, r *rpc.Request) (any, error) {
	o, err := readFundOptions(r.Raw(3))
	if err != nil {
		return nil, err
	}
	replace, err := o.flag(true, "replaceable")
	if err != nil {
		return nil, err
	}
	origins, err := r.Flag(4, true)
	if err != nil {
		return nil, err
	}
	tx, err := c.host.rawTransaction(r, 0, &replace)
	if err != nil {
		return nil, err
	}
	if len(tx.TxIn) > 0 && o.raw("add_inputs") == nil { // those that are named are meant to do
		o.fields["add_inputs"] = json.RawMessage("false")
	}
	p, err := c.fundTx(ctx, tx, o)
	if err != nil {
		return nil, err
	}
	defer p.close()
	packet, err := c.packetOfDraft(ctx, p, origins)
	if err != nil {
		return nil, err
	}
	return struct {
		PSBT      string     `json:"psbt"`
		Fee       rpc.Amount `json:"fee"`
		ChangePos int        `json:"changepos"`
	}{packet.Base64(), p.draft.Fee, p.draft.ChangeAt}, nil
}

// packetOfDraft is a payment's transaction with all that its wallet knows of it,
// unsigned.
func (w *wallets) packetOfDraft(ctx context.Context, p *payment, origins bool) (*psbt.Packet, error) {
	packet := psbt.New(p.draft.Tx)
	ring, done, err := w.packetRing(p.file, false, nil)
	if err != nil {
		return nil, err
	}
	defer done()
	if err := w.host.addUTXOs(ctx, packet, anyScript); err != nil {
		return nil, err
	}
	o := psbt.Options{Origins: origins}
	if _, _, err := processPacket(packet, ring, o); err != nil {
		return nil, err
	}
	packet.DropTransactions(o.Sighash)
	return packet, nil
}

// createPSBT plans a payment as lode_preparesend does, for others to sign. The
// change address that it uses is not given out again.
func (w *wallets) createPSBT(ctx context.Context, r rpc.SendRequest) (rpc.CreatedPSBT, error) {
	var reply rpc.CreatedPSBT
	if r.Key != "" || r.Passphrase != "" {
		return reply, rpc.CodeInvalidParameter.New("a PSBT takes neither key nor passphrase: nothing is signed or sent")
	}
	p, err := w.newPayment(ctx, r)
	if err != nil {
		return reply, err
	}
	defer p.close()
	p.cosigned = true
	defer w.lockWallet(p.file.Number())()
	if err := w.plan(ctx, p); err != nil {
		return reply, planError(err)
	}
	if p.changeNext > 0 {
		if err := p.file.Issue(p.changeChain, p.changeNext); err != nil {
			return reply, rpc.CodeWallet.New(err.Error())
		}
		if err := w.watch(uint32(p.file.Number())); err != nil {
			return reply, err
		}
	}
	packet, err := w.packetOfDraft(ctx, p, true)
	if err != nil {
		return reply, err
	}
	reply.PSBT, reply.Plan = packet.Base64(), w.result(p)
	reply.View, err = w.viewPSBT(ctx, packet)
	return reply, err
}
