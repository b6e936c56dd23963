package descriptor

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/address"
	"github.com/lode-chain/lode/keys"
	"github.com/lode-chain/lode/miniscript"
	"github.com/lode-chain/lode/network"
)

// mainnet returns mainnet's prefixes, in which the published vectors are
// written.
func mainnet() *network.Params {
	p := network.Regtest()
	p.Name, p.HRP, p.PubKeyHashPrefix, p.ScriptHashPrefix, p.WIFPrefix, p.CoinType = "main", "bc", 0, 5, 128, 0
	p.ExtPub, p.ExtPrv = [4]byte{0x04, 0x88, 0xb2, 0x1e}, [4]byte{0x04, 0x88, 0xad, 0xe4}
	return p
}

func readVectors(t testing.TB, name string, into any) {
	t.Helper()
	data, err := os.ReadFile("../testdata/vectors/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// coreVector is a case of Core's descriptor_tests.cpp.
type coreVector struct {
	Kind, Prv, Pub, Error, Flags string
	Normalized                   string `json:"normalized_pub"`
	Scripts                      [][]string
	OutputType                   *string     `json:"output_type"`
	ID                           string      `json:"descriptor_id"`
	Paths                        [][]any     `json:"key_paths"`
	Preimages                    [][2]string `json:"preimages"`
	LockTime                     uint32      `json:"spender_nlocktime"`
	Sequence                     *uint32     `json:"spender_nsequence"`
	Script, Descriptor           string      // of infer
	KnownScripts                 []string    `json:"known_scripts"`
	KnownKeys                    [][]string  `json:"known_pubkeys"`
	name                         string
	params                       *network.Params
}

func (v *coreVector) has(flag string) bool {
	return slices.Contains(strings.Split(v.Flags, " | "), flag)
}

// TestCore runs all cases of Core's own descriptor tests.
func TestCore(t *testing.T) {
	var vectors []*coreVector
	readVectors(t, "descriptors/core_descriptor_tests.json", &vectors)
	count := map[string]int{}
	for i, v := range vectors {
		v.name, v.params = fmt.Sprintf("%d: %.60s", i, v.Pub), mainnet()
		count[v.Kind]++
		switch v.Kind {
		case "valid":
			v.checkValid(t)
		case "unparsable":
			v.checkUnparsable(t)
		case "infer":
			v.checkInfer(t)
		default:
			t.Errorf("unknown kind %q", v.Kind)
		}
	}
	for _, kind := range []string{"valid", "unparsable", "infer"} {
		if count[kind] == 0 {
			t.Errorf("no %s cases", kind)
		}
	}
	t.Logf("%v", count)
}

func (v *coreVector) checkUnparsable(t *testing.T) {
	for i, text := range []string{v.Prv, v.Pub} {
		if text == "" {
			continue
		}
		_, err := Parse(text, v.params)
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%s: accepted, or no *Error: %v", v.name, err)
			continue
		}
		// Core's tests compare the text for the public form only. Where it would
		// quote private keys, ours hides them.
		if i == 1 && e.Message != redact(v.Error) {
			t.Errorf("%s: %q, Core says %q", v.name, e.Message, v.Error)
		}
		if strings.Contains(err.Error(), "xprv") {
			t.Errorf("%s: the error holds a private key: %s", v.name, err)
		}
	}
}

func (v *coreVector) checkValid(t *testing.T) {
	prv, err := Parse(v.Prv, v.params)
	if err != nil {
		t.Errorf("%s: private form: %v", v.name, err)
		return
	}
	pub, err := Parse(v.Pub, v.params)
	if err != nil {
		t.Errorf("%s: public form: %v", v.name, err)
		return
	}
	want := func(what, got, want string) {
		if before, _, found := strings.Cut(want, "#"); !found {
			want = WithChecksum(before)
		}
		if got != want {
			t.Errorf("%s: %s %s, want %s", v.name, what, got, want)
		}
	}
	want("public text", pub.String(), v.Pub)
	want("public text of the private form", prv.String(), v.Pub)
	want("public text without keys", prv.Public().String(), v.Pub)
	if pub.HasPrivate() || prv.Public().HasPrivate() {
		t.Errorf("%s: there are private keys", v.name)
	}
	if v.Prv != v.Pub {
		text, complete, err := prv.Private()
		want("private text", text, v.Prv)
		if err != nil || complete == v.has("MISSING_PRIVKEYS") || !prv.HasPrivate() {
			t.Errorf("%s: complete %v, %v", v.name, complete, err)
		}
	}
	if _, _, err := pub.Private(); !errors.Is(err, ErrNoPrivateKey) {
		t.Errorf("%s: Private of the public form: %v", v.name, err)
	}
	normal, err := prv.Normalized()
	if err != nil {
		t.Errorf("%s: %v", v.name, err)
	}
	want("normalized", normal, v.Normalized)
	if v.ID != "" {
		for _, d := range []*Descriptor{prv, pub} {
			if id := d.ID(); id.String() != v.ID {
				t.Errorf("%s: id %s, want %s", v.name, id, v.ID)
			}
		}
	}
	if pub.Ranged() != v.has("RANGE") || prv.Ranged() != v.has("RANGE") || pub.Solvable() == v.has("UNSOLVABLE") {
		t.Errorf("%s: ranged %v, solvable %v", v.name, pub.Ranged(), pub.Solvable())
	}
	kind, _ := pub.Type()
	if wantType := ""; v.OutputType != nil {
		if wantType = strings.ReplaceAll(*v.OutputType, "_", "-"); string(kind) != wantType {
			t.Errorf("%s: type %q, want %q", v.name, kind, wantType)
		}
	} else if kind != "" {
		t.Errorf("%s: type %q, want none", v.name, kind)
	}
	v.checkScripts(t, prv, pub, normal)
}

// checkScripts compares the scripts of the first indexes, from every form that
// can derive them, and spends them where Core does.
func (v *coreVector) checkScripts(t *testing.T, prv, pub *Descriptor, normal string) {
	norm, err := Parse(normal, v.params)
	if err != nil {
		t.Errorf("%s: normalized form: %v", v.name, err)
		return
	}
	paths := map[string]bool{}
	for index, list := range v.Scripts {
		for form, d := range map[string]*Descriptor{"private": prv, "public": pub, "normalized": norm} {
			got, err := d.Scripts(uint32(index))
			needsKey := form == "public" && v.has("HARDENED") || form == "normalized" && v.has("DERIVE_HARDENED")
			if needsKey {
				if !errors.Is(err, ErrNoPrivateKey) {
					t.Errorf("%s: %s form derives without private keys: %v", v.name, form, err)
				}
				continue
			}
			if err != nil || len(got) != len(list) {
				t.Errorf("%s: %s form, index %d: %d scripts, %v", v.name, form, index, len(got), err)
				continue
			}
			for i := range got {
				if hex.EncodeToString(got[i]) != list[i] {
					t.Errorf("%s: %s form, index %d: script %x, want %s", v.name, form, index, got[i], list[i])
				}
				o, err := d.Output(uint32(index), got[i])
				if err != nil {
					t.Errorf("%s: output: %v", v.name, err)
					continue
				}
				if form == "private" {
					for _, k := range o.Keys {
						paths[fmt.Sprint([]uint32(k.Path))] = true
					}
					v.spend(t, o, index)
				}
				if back, err := OutputOfScripts(*o); err != nil || back.Type != typeOfOutput(o) || !bytes.Equal(back.MerkleRoot, o.MerkleRoot) {
					t.Errorf("%s: from its scripts: %v", v.name, err)
				} else if form == "private" {
					v.spend(t, back, index)
				}
			}
		}
	}
	for _, path := range v.Paths {
		steps := []uint32{}
		for _, s := range path {
			n, err := strconv.ParseUint(strings.TrimSuffix(fmt.Sprintf("%v", s), "UL"), 0, 32)
			if f, ok := s.(float64); ok {
				n, err = uint64(f), nil
			}
			if err != nil {
				t.Fatal(err)
			}
			steps = append(steps, uint32(n))
		}
		if name := fmt.Sprint(steps); !paths[name] {
			t.Errorf("%s: no key has the path %s, but %v", v.name, name, paths)
		} else {
			paths[name] = true
		}
	}
	if len(v.Paths) > 0 && len(paths) > len(v.Paths) {
		t.Errorf("%s: paths %v, want %v", v.name, paths, v.Paths)
	}
}

func typeOfOutput(o *Output) keys.Type {
	t := typeOfScript(o.Script)
	if len(o.RedeemScript) > 0 && typeOfScript(o.RedeemScript) == keys.Bech32 {
		t = keys.P2SHSegwit
	}
	return t
}

// spend spends an output with its private keys, as Core's test does, and lets
// the script engine judge.
func (v *coreVector) spend(t *testing.T, o *Output, index int) {
	t.Helper()
	if !v.has("SIGNABLE") {
		return
	}
	sequence := uint32(wire.MaxTxInSequenceNum)
	if v.Sequence != nil {
		sequence = *v.Sequence
	}
	err := spendWith(o, sequence, v.LockTime, v.Preimages)
	if failed := err != nil; failed != v.has("SIGNABLE_FAILS") {
		t.Errorf("%s: spend index %d: %v", v.name, index, err)
	}
}

// spendWith satisfies an output in a transaction of the given locks and runs the
// script engine over it.
func spendWith(o *Output, sequence, lockTime uint32, preimages [][2]string) error {
	tx := wire.NewMsgTx(2)
	tx.LockTime = lockTime
	tx.AddTxIn(&wire.TxIn{Sequence: sequence})
	tx.AddTxOut(&wire.TxOut{Value: 1000, PkScript: []byte{txscript.OP_TRUE}})
	const value = 5000
	prev := txscript.NewCannedPrevOutputFetcher(o.Script, value)
	hashes := txscript.NewTxSigHashes(tx, prev)
	s, err := o.Satisfy(Material{
		Signature: func(pub []byte, leaf *chainhash.Hash) ([]byte, bool) {
			return signWith(o, tx, hashes, prev, value, pub, leaf)
		},
		Preimage: func(_ miniscript.Hash, digest []byte) ([]byte, bool) {
			for _, p := range preimages {
				if p[0] == hex.EncodeToString(digest) {
					b, err := hex.DecodeString(p[1])
					return b, err == nil
				}
			}
			return nil, false
		},
		Older: func(n uint32) bool {
			const mask = wire.SequenceLockTimeIsSeconds | wire.SequenceLockTimeMask
			return sequence&wire.SequenceLockTimeDisabled == 0 && sequence&mask >= n&mask &&
				sequence&wire.SequenceLockTimeIsSeconds == n&wire.SequenceLockTimeIsSeconds
		},
		After: func(n uint32) bool {
			return lockTime >= n && (lockTime < txscript.LockTimeThreshold) == (n < txscript.LockTimeThreshold)
		},
	})
	if err != nil {
		return err
	}
	if s.Sequence > sequence || s.LockTime > lockTime {
		return fmt.Errorf("relies on sequence %d and lock time %d", s.Sequence, s.LockTime)
	}
	tx.TxIn[0].SignatureScript, tx.TxIn[0].Witness = s.ScriptSig, s.Witness
	engine, err := txscript.NewEngine(o.Script, tx, 0, txscript.StandardVerifyFlags, nil, hashes, value, prev)
	if err != nil {
		return err
	}
	return engine.Execute()
}

// signWith signs with the private key that the output has for pub.
func signWith(o *Output, tx *wire.MsgTx, hashes *txscript.TxSigHashes, prev txscript.PrevOutputFetcher, value int64, pub []byte, leaf *chainhash.Hash) ([]byte, bool) {
	var key *btcec.PrivateKey
	for i := range o.Keys {
		if k := &o.Keys[i]; bytes.Equal(k.Public, pub) || bytes.Equal(k.XOnly(), pub) {
			key, _ = k.PrivateKey()
		}
	}
	if key == nil {
		return nil, false
	}
	var sig []byte
	var err error
	switch kind := address.KindOf(o.Script); {
	case leaf != nil:
		for _, l := range o.Leaves {
			if l.Hash == *leaf {
				tap := txscript.TapLeaf{LeafVersion: txscript.TapscriptLeafVersion(l.Version), Script: l.Script}
				sig, err = txscript.RawTxInTapscriptSignature(tx, hashes, 0, value, o.Script, tap, txscript.SigHashDefault, key)
			}
		}
	case kind == address.P2TR && o.InternalKey == nil:
		var hash []byte
		if hash, err = txscript.CalcTaprootSignatureHash(hashes, txscript.SigHashDefault, tx, 0, prev); err == nil {
			sig, err = signSchnorr(key, hash)
		}
	case kind == address.P2TR:
		sig, err = txscript.RawTxInTaprootSignature(tx, hashes, 0, value, o.Script, o.MerkleRoot, txscript.SigHashDefault, key)
	case len(o.WitnessScript) > 0:
		sig, err = txscript.RawTxInWitnessSignature(tx, hashes, 0, value, o.WitnessScript, txscript.SigHashAll, key)
	case kind == address.P2WPKH:
		sig, err = txscript.RawTxInWitnessSignature(tx, hashes, 0, value, o.Script, txscript.SigHashAll, key)
	case len(o.RedeemScript) > 0 && address.KindOf(o.RedeemScript) == address.P2WPKH:
		sig, err = txscript.RawTxInWitnessSignature(tx, hashes, 0, value, o.RedeemScript, txscript.SigHashAll, key)
	case len(o.RedeemScript) > 0:
		sig, err = txscript.RawTxInSignature(tx, 0, o.RedeemScript, txscript.SigHashAll, key)
	default:
		sig, err = txscript.RawTxInSignature(tx, 0, o.Script, txscript.SigHashAll, key)
	}
	return sig, err == nil && sig != nil
}

// checkInfer describes a script of which some scripts and keys are known.
func (v *coreVector) checkInfer(t *testing.T) {
	o := &Output{Script: unhex(t, v.Script)}
	for _, k := range v.KnownKeys {
		key := Key{Public: unhex(t, k[0])}
		if len(k) > 1 && k[1] != "" {
			steps := strings.Split(k[1], "/")
			key.Fingerprint = [4]byte(unhex(t, steps[0]))
			var apostrophe bool
			path, fault := parsePath(steps[1:], &apostrophe)
			if fault != nil {
				t.Fatal(fault)
			}
			key.Path = path
		}
		o.Keys = append(o.Keys, key)
	}
	for _, s := range v.KnownScripts {
		script := unhex(t, s)
		if bytes.Equal(address.ScriptHashScript(address.Hash160(script)), o.Script) {
			o.RedeemScript = script
		} else {
			o.WitnessScript = script
		}
	}
	if got := o.Infer(v.params); got != WithChecksum(v.Descriptor) {
		t.Errorf("infer %s: %s, want %s", v.Script, got, v.Descriptor)
	}
}

// TestBIPs runs the vectors of BIP380 to BIP386, and those of BIP389, which are
// all refused.
func TestBIPs(t *testing.T) {
	var vectors []struct {
		BIP                 int
		Kind, Expr, Comment string
		Scripts             []string
		Starts              []int `json:"child_starts"`
		Valid               any
	}
	readVectors(t, "descriptors/bip380_to_389.json", &vectors)
	p := mainnet()
	for _, v := range vectors {
		d, err := Parse(v.Expr, p)
		name := fmt.Sprintf("BIP%d %s %s", v.BIP, v.Comment, v.Expr)
		switch {
		case v.BIP == 389 || v.Kind == "invalid":
			if err == nil {
				t.Errorf("%s: accepted", name)
			}
		case v.Kind == "checksum":
			_, checked := ParseChecked(v.Expr, p)
			optional, required := v.Valid == true, v.Valid == true
			if _, ok := v.Valid.(string); ok { // valid where a checksum is optional
				optional = true
			}
			if (err == nil) != optional || (checked == nil) != required {
				t.Errorf("%s: %v, %v", name, err, checked)
			}
		case v.Kind == "valid_key", v.Kind == "invalid_key":
			if _, err := Parse("pkh("+v.Expr+")", p); (err == nil) != (v.Kind == "valid_key") {
				t.Errorf("%s: %v", name, err)
			}
		case v.Kind == "valid":
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			var got []string
			for index := uint32(0); len(got) < len(v.Scripts); index++ {
				scripts, err := d.Scripts(index)
				if err != nil {
					t.Errorf("%s: %v", name, err)
					break
				}
				for _, s := range scripts {
					got = append(got, hex.EncodeToString(s))
				}
			}
			if !slices.Equal(got, v.Scripts) {
				t.Errorf("%s: %v, want %v", name, got, v.Scripts)
			}
		default:
			t.Errorf("%s: unknown kind %q", name, v.Kind)
		}
	}
	if len(vectors) < 100 {
		t.Errorf("%d vectors", len(vectors))
	}
}
