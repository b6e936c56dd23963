package wallet

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/address"
	"github.com/lode-chain/lode/descriptor"
	"github.com/lode-chain/lode/keys"
	"github.com/lode-chain/lode/miniscript"
)

// The kinds of failures to sign.
const (
	// ErrKey: a key is not the one that a coin's script asks for.
	ErrKey Kind = "the wallet's secret does not give the key of its coin"
	// ErrUnknownCoin: nothing is known of the coin that an input spends.
	ErrUnknownCoin Kind = "the coin that the input spends is not known"
	// ErrNoOutput: SIGHASH_SINGLE is asked for an input without an output of the
	// same number.
	ErrNoOutput Kind = "SIGHASH_SINGLE signs the output with the number of the input, and there is none: sign with another type"
)

// Solver tells what it takes to spend a coin. One that reckons gives public
// keys; one that signs gives outputs with private keys.
type Solver func(c *Coin) (*descriptor.Output, error)

// Signature is one key's agreement to an input.
type Signature struct {
	PubKey []byte          // as descriptor.Material's Signature is asked for it
	Leaf   *chainhash.Hash // of the script of a taproot output, nil for its key path and for ECDSA
	Sig    []byte          // with its sighash byte where it has one
	Hash   []byte          // what was signed
}

// Preimages gives the 32 bytes whose hash is digest; nil gives none.
type Preimages func(kind miniscript.Hash, digest []byte) ([]byte, bool)

// signer makes the signatures of one input.
type signer struct {
	tx     *wire.MsgTx
	i      int
	hashes *txscript.TxSigHashes
	prev   txscript.PrevOutputFetcher
	out    *descriptor.Output
	value  int64
	kind   txscript.SigHashType
	jobs   []*job // ECDSA signatures that are still to be made
}

// Signatures returns the signatures of input i that the private keys of out
// give, in the order of its keys: of taproot outputs the key path's first, then
// those of the leaves. Sighash 0 is SIGHASH_DEFAULT for taproot and SIGHASH_ALL
// for the rest. ECDSA signatures have a low S and a low R, as Core's.
func Signatures(tx *wire.MsgTx, i int, hashes *txscript.TxSigHashes, prev txscript.PrevOutputFetcher, out *descriptor.Output, sighash txscript.SigHashType) ([]Signature, error) {
	s, err := newSigner(tx, i, hashes, prev, out, sighash)
	if err != nil {
		return nil, err
	}
	sigs, err := s.all(false)
	signAll(s.jobs)
	return sigs, err
}

func newSigner(tx *wire.MsgTx, i int, hashes *txscript.TxSigHashes, prev txscript.PrevOutputFetcher, out *descriptor.Output, sighash txscript.SigHashType) (*signer, error) {
	coin := prev.FetchPrevOutput(tx.TxIn[i].PreviousOutPoint)
	if coin == nil {
		return nil, fmt.Errorf("input %d: %w", i, ErrUnknownCoin)
	}
	if !bytes.Equal(coin.PkScript, out.Script) {
		return nil, fmt.Errorf("input %d: %w", i, ErrKey)
	}
	return &signer{tx: tx, i: i, hashes: hashes, prev: prev, out: out, value: coin.Value, kind: sighash}, nil
}

// all makes the signatures, those of ECDSA once its jobs are done. A key path
// that is signed is enough where brief is asked for.
func (s *signer) all(brief bool) ([]Signature, error) {
	// Before segwit that would sign the number 1: a signature with which anybody
	// could spend all coins of the key (Core's SignTransaction does not either).
	if s.kind&0x1f == txscript.SigHashSingle && s.i >= len(s.tx.TxOut) {
		return nil, ErrNoOutput
	}
	if address.KindOf(s.out.Script) == address.P2TR {
		return s.taproot(brief)
	}
	sigs := make([]Signature, 0, len(s.out.Keys)) // whose elements stay where they are
	var hash []byte
	for k := range s.out.Keys {
		key := &s.out.Keys[k]
		private, ok := key.PrivateKey()
		if !ok {
			continue
		}
		if hash == nil {
			var err error
			if hash, err = s.hash(s.ecdsaKind()); err != nil {
				return nil, err
			}
		}
		sigs = append(sigs, Signature{PubKey: key.Public, Hash: hash})
		s.jobs = append(s.jobs, &job{key: private, hash: hash, kind: byte(s.ecdsaKind()), to: &sigs[len(sigs)-1].Sig})
	}
	return sigs, nil
}

func (s *signer) ecdsaKind() txscript.SigHashType {
	if s.kind == txscript.SigHashDefault {
		return txscript.SigHashAll
	}
	return s.kind
}

// program returns the version 0 witness program that the output is or wraps.
func program(out *descriptor.Output) []byte {
	for _, script := range [2][]byte{out.Script, out.RedeemScript} {
		if len(script) == 22 && script[0] == 0 && script[1] == 20 || len(script) == 34 && script[0] == 0 && script[1] == 32 {
			return script
		}
	}
	return nil
}

// hash returns what an ECDSA signature signs.
func (s *signer) hash(kind txscript.SigHashType) ([]byte, error) {
	p := program(s.out)
	switch {
	case len(p) == 34:
		return txscript.CalcWitnessSigHash(s.out.WitnessScript, s.hashes, kind, s.tx, s.i, s.value)
	case p != nil:
		return txscript.CalcWitnessSigHash(p, s.hashes, kind, s.tx, s.i, s.value)
	case len(s.out.RedeemScript) > 0:
		return txscript.CalcSignatureHash(s.out.RedeemScript, kind, s.tx, s.i)
	}
	return txscript.CalcSignatureHash(s.out.Script, kind, s.tx, s.i)
}

// taproot signs the key path (BIP341), and the leaves (BIP342).
func (s *signer) taproot(brief bool) ([]Signature, error) {
	var sigs []Signature
	pathKey, tweaked := s.out.InternalKey, true
	if pathKey == nil {
		pathKey, tweaked = s.out.Script[2:], false
	}
	var hash []byte
	for k := range s.out.Keys {
		key := &s.out.Keys[k]
		private, ok := key.PrivateKey()
		if !ok {
			continue
		}
		if bytes.Equal(key.XOnly(), pathKey) {
			var err error
			if hash == nil {
				if hash, err = txscript.CalcTaprootSignatureHash(s.hashes, s.kind, s.tx, s.i, s.own()); err != nil {
					return nil, err
				}
			}
			if tweaked {
				private = txscript.TweakTaprootPrivKey(*private, s.out.MerkleRoot)
			}
			sig, err := s.schnorr(private, hash)
			if err != nil {
				return nil, err
			}
			path := Signature{PubKey: pathKey, Sig: sig, Hash: hash}
			if brief {
				return []Signature{path}, nil
			}
			sigs = append([]Signature{path}, sigs...)
		}
	}
	for l := range s.out.Leaves {
		more, err := s.leaf(&s.out.Leaves[l])
		if err != nil {
			return nil, err
		}
		sigs = append(sigs, more...)
	}
	return sigs, nil
}

// leaf signs for one script of a taproot output.
func (s *signer) leaf(leaf *descriptor.Leaf) ([]Signature, error) {
	var sigs []Signature
	var hash []byte
	for _, pub := range leaf.Keys {
		for k := range s.out.Keys {
			key := &s.out.Keys[k]
			private, ok := key.PrivateKey()
			if !ok || !bytes.Equal(key.XOnly(), pub) {
				continue
			}
			if hash == nil {
				var err error
				if hash, err = s.leafHash(leaf, s.kind); err != nil {
					return nil, err
				}
			}
			sig, err := s.schnorr(private, hash)
			if err != nil {
				return nil, err
			}
			sigs = append(sigs, Signature{PubKey: pub, Leaf: &leaf.Hash, Sig: sig, Hash: hash})
			break
		}
	}
	return sigs, nil
}

func (s *signer) leafHash(leaf *descriptor.Leaf, kind txscript.SigHashType) ([]byte, error) {
	l := txscript.NewTapLeaf(txscript.TapscriptLeafVersion(leaf.Version), leaf.Script)
	return txscript.CalcTapscriptSignaturehash(s.hashes, kind, s.tx, s.i, s.own(), l)
}

// own is the output that the input spends: what taproot's signature hash takes
// from the others is in hashes.
func (s *signer) own() txscript.PrevOutputFetcher {
	return txscript.NewCannedPrevOutputFetcher(s.out.Script, s.value)
}

// schnorr makes a signature as BIP340 says, with zeros for the auxiliary
// randomness, as Core does: the same is always signed the same way.
func (s *signer) schnorr(key *btcec.PrivateKey, hash []byte) ([]byte, error) {
	sig, err := schnorr.Sign(key, hash, schnorr.CustomNonce([32]byte{}))
	if err != nil {
		return nil, err
	}
	raw := sig.Serialize()
	if s.kind != txscript.SigHashDefault {
		raw = append(raw, byte(s.kind))
	}
	return raw, nil
}

// Finish sets an input's scriptSig and witness from signatures, the cheapest
// way that they allow under the transaction's locks. The error is
// descriptor.ErrUnsatisfiable when they do not suffice.
func Finish(tx *wire.MsgTx, i int, out *descriptor.Output, sigs []Signature, preimages Preimages) error {
	return finishInput(tx, tx.TxIn[i], out, sigs, preimages)
}

// finishInput is Finish for an input that may be a copy.
func finishInput(tx *wire.MsgTx, in *wire.TxIn, out *descriptor.Output, sigs []Signature, preimages Preimages) error {
	s, err := out.Satisfy(descriptor.Material{
		Signature: func(pub []byte, leaf *chainhash.Hash) ([]byte, bool) {
			for k := range sigs {
				if bytes.Equal(sigs[k].PubKey, pub) && sameLeaf(sigs[k].Leaf, leaf) {
					return sigs[k].Sig, true
				}
			}
			return nil, false
		},
		Preimage: preimages,
		Older:    func(n uint32) bool { return olderMet(n, in.Sequence) && uint32(tx.Version) >= 2 },
		After:    func(n uint32) bool { return afterMet(n, tx.LockTime) && in.Sequence != wire.MaxTxInSequenceNum },
		Unmet:    func(relative bool, n uint32) string { return unmet(tx, in, relative, n) },
	})
	if err != nil {
		return err
	}
	in.SignatureScript, in.Witness = s.ScriptSig, s.Witness
	return nil
}

func sameLeaf(a, b *chainhash.Hash) bool {
	return a == b || a != nil && b != nil && *a == *b
}

// SignOptions say how Sign signs.
type SignOptions struct {
	SigHash   txscript.SigHashType // 0: SIGHASH_DEFAULT for taproot, SIGHASH_ALL for the rest
	Preimages Preimages
	// Run does n tasks, several at once if it likes, and returns which failed
	// first and how; nil does one after the other.
	Run func(n int, task func(i int) error) (int, error)
	// Signed is told the signatures of each input, in their order; may be nil.
	Signed func(input int, sigs []Signature)
}

// InputError says why an input is not signed.
type InputError struct {
	Input    int
	OutPoint wire.OutPoint
	Err      error
}

// Error names the input.
func (e *InputError) Error() string { return fmt.Sprintf("sign input %d: %s", e.Input, e.Err) }

// Unwrap returns the cause.
func (e *InputError) Unwrap() error { return e.Err }

// Sign signs all inputs of a transaction that the solver has private keys for.
// coins are those that it spends, in the order of its inputs; one without a
// script is not known. Signatures that an input has already are used too. It
// is complete when every input is; those that are not are in errs, in their
// order, and keep what they had, or what of a multisig is there. The solver may
// be called by several tasks of o.Run at once.
func Sign(tx *wire.MsgTx, coins []Coin, solve Solver, o SignOptions) (complete bool, errs []InputError, err error) {
	if len(coins) != len(tx.TxIn) {
		return false, nil, fmt.Errorf("%d coins for %d inputs", len(coins), len(tx.TxIn))
	}
	prev := make(spent, len(coins))
	for i := range coins {
		if tx.TxIn[i].PreviousOutPoint != coins[i].OutPoint {
			return false, nil, fmt.Errorf("input %d does not spend coin %s", i, coins[i].OutPoint)
		}
		prev[coins[i].OutPoint] = wire.NewTxOut(int64(coins[i].Value), coins[i].Script)
	}
	hashes := txscript.NewTxSigHashes(tx, prev)
	b := &signing{tx: tx, coins: coins, hashes: hashes, prev: prev, solve: solve, o: &o, inputs: make([]wire.TxIn, len(coins)), results: make([]signed, len(coins))}
	b.known = !slices.ContainsFunc(coins, func(c Coin) bool { return len(c.Script) == 0 })
	batches := (len(coins) + signBatch - 1) / signBatch
	task := func(n int) error { b.batch(n*signBatch, min(len(coins), (n+1)*signBatch)); return nil }
	if o.Run == nil {
		o.Run = inOrder
	}
	if _, err := o.Run(batches, task); err != nil {
		return false, nil, err
	}
	for i := range coins {
		*tx.TxIn[i] = b.inputs[i]
		if err := b.results[i].err; err != nil {
			errs = append(errs, InputError{i, coins[i].OutPoint, err})
		}
		if o.Signed != nil {
			o.Signed(i, b.results[i].sigs)
		}
	}
	return len(errs) == 0, errs, nil
}

// inOrder does tasks one after the other.
func inOrder(n int, task func(i int) error) (int, error) {
	for i := range n {
		if err := task(i); err != nil {
			return i, err
		}
	}
	return n, nil
}

// signBatch is how many inputs are signed at once; policy.
const signBatch = 64

// signing is a transaction that is being signed.
type signing struct {
	tx      *wire.MsgTx
	coins   []Coin
	hashes  *txscript.TxSigHashes
	prev    spent
	solve   Solver
	o       *SignOptions
	known   bool        // all coins are
	inputs  []wire.TxIn // as they will be: legacy hashes read them all while others are signed
	results []signed
}

// signed is what came of an input.
type signed struct {
	sigs   []Signature
	err    error
	signer *signer
}

// batch signs the inputs from one to before another.
func (b *signing) batch(from, to int) {
	var jobs []*job
	for i := from; i < to; i++ {
		b.inputs[i] = *b.tx.TxIn[i]
		r := &b.results[i]
		if r.signer, r.err = b.signer(i); r.err != nil {
			continue
		}
		r.sigs, r.err = r.signer.all(true)
		jobs = append(jobs, r.signer.jobs...)
	}
	signAll(jobs)
	for i := from; i < to; i++ {
		if b.results[i].err == nil {
			b.finish(i)
		}
	}
}

// signer solves the coin of an input.
func (b *signing) signer(i int) (*signer, error) {
	c := &b.coins[i]
	// What taproot signs covers all coins (BIP341).
	if len(c.Script) == 0 || !b.known && address.KindOf(c.Script) == address.P2TR {
		return nil, ErrUnknownCoin
	}
	out, err := b.solve(c)
	if err != nil {
		return nil, err
	}
	if out == nil {
		return nil, ErrKey
	}
	return newSigner(b.tx, i, b.hashes, b.prev, out, b.o.SigHash)
}

// finish completes an input that is signed, as far as that goes.
func (b *signing) finish(i int) {
	r, in := &b.results[i], &b.inputs[i]
	all := append(r.signer.given(r.sigs), r.sigs...)
	r.err = finishInput(b.tx, in, r.signer.out, all, b.o.Preimages)
	if errors.Is(r.err, descriptor.ErrUnsatisfiable) {
		r.signer.partly(in, all)
	}
}

// spent gives the outputs that a transaction spends.
type spent map[wire.OutPoint]*wire.TxOut

// FetchPrevOutput returns one of them.
func (s spent) FetchPrevOutput(op wire.OutPoint) *wire.TxOut { return s[op] }

// TypeOf returns the type of address that a wallet's script is of. A script
// hash is always that of a P2WPKH program here.
func TypeOf(script []byte) (keys.Type, bool) {
	switch address.KindOf(script) {
	case address.P2PKH:
		return keys.Legacy, true
	case address.P2SH:
		return keys.P2SHSegwit, true
	case address.P2WPKH:
		return keys.Bech32, true
	case address.P2TR:
		return keys.Bech32m, true
	}
	return "", false
}
