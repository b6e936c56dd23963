package consensus

import (
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"encoding/json"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"
)

// raceDetector is set where the race detector makes signature checks twenty times
// as slow.
var raceDetector bool

// longTests is set where tests have minutes: every combination is run.
var longTests bool

// brief reports whether tests that check thousands of signatures should be
// content with a sample.
func brief() bool { return testing.Short() || raceDetector }

// readFile returns a file of the shared test data, unpacked if it is gzipped.
func readFile(t testing.TB, name string) []byte {
	t.Helper()
	f, err := os.Open(filepath.Join("../testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var r io.Reader = f
	if strings.HasSuffix(name, ".gz") {
		if r, err = gzip.NewReader(f); err != nil {
			t.Fatal(err)
		}
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func readJSON(t testing.TB, name string, v any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(readFile(t, name)))
	d.UseNumber()
	if err := d.Decode(v); err != nil {
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

// hexHash reads a hash in the byte order in which it is computed.
func hexHash(t testing.TB, s string) chainhash.Hash {
	t.Helper()
	return chainhash.Hash(unhex(t, s))
}

// flagNames are Core's names for the rules.
var flagNames = map[string]Flags{
	"P2SH": VerifyP2SH, "STRICTENC": VerifyStrictEnc, "DERSIG": VerifyDERSig, "LOW_S": VerifyLowS,
	"NULLDUMMY": VerifyNullDummy, "SIGPUSHONLY": VerifySigPushOnly, "MINIMALDATA": VerifyMinimalData,
	"DISCOURAGE_UPGRADABLE_NOPS": VerifyDiscourageNops, "CLEANSTACK": VerifyCleanStack,
	"CHECKLOCKTIMEVERIFY": VerifyCheckLockTime, "CHECKSEQUENCEVERIFY": VerifyCheckSequence,
	"WITNESS": VerifyWitness, "DISCOURAGE_UPGRADABLE_WITNESS_PROGRAM": VerifyDiscourageWitnessProgram,
	"MINIMALIF": VerifyMinimalIf, "NULLFAIL": VerifyNullFail, "WITNESS_PUBKEYTYPE": VerifyWitnessPubkeyType,
	"CONST_SCRIPTCODE": VerifyConstScriptCode, "TAPROOT": VerifyTaproot,
	"DISCOURAGE_UPGRADABLE_TAPROOT_VERSION": VerifyDiscourageTaprootVersion,
	"DISCOURAGE_OP_SUCCESS":                 VerifyDiscourageOpSuccess,
	"DISCOURAGE_UPGRADABLE_PUBKEYTYPE":      VerifyDiscouragePubkeyType,
}

const allFlags = VerifyDiscouragePubkeyType<<1 - 1

func parseFlags(t testing.TB, s string) (flags Flags) {
	t.Helper()
	for name := range strings.SplitSeq(s, ",") {
		if name == "" || name == "NONE" {
			continue
		}
		f, ok := flagNames[name]
		if !ok {
			t.Fatalf("unknown flag %q", name)
		}
		flags |= f
	}
	return flags
}

// trimFlags leaves out what may not be set without its foundation (Core's
// TrimFlags), and fillFlags adds the foundation.
func trimFlags(f Flags) Flags {
	if f&VerifyP2SH == 0 {
		f &^= VerifyWitness
	}
	if f&VerifyWitness == 0 {
		f &^= VerifyCleanStack
	}
	return f
}

func fillFlags(f Flags) Flags {
	if f&VerifyCleanStack != 0 {
		f |= VerifyWitness
	}
	if f&VerifyWitness != 0 {
		f |= VerifyP2SH
	}
	return f
}

// errorNames are Core's names for the reasons for which scripts fail.
var errorNames = map[string]scriptError{
	"OK": scriptOK, "UNKNOWN_ERROR": errUnknown, "EVAL_FALSE": errEvalFalse, "OP_RETURN": errOpReturn,
	"SCRIPT_SIZE": errScriptSize, "PUSH_SIZE": errPushSize, "OP_COUNT": errOpCount, "STACK_SIZE": errStackSize,
	"SIG_COUNT": errSigCount, "PUBKEY_COUNT": errPubkeyCount, "VERIFY": errVerify, "EQUALVERIFY": errEqualVerify,
	"CHECKMULTISIGVERIFY": errCheckMultisigVerify, "CHECKSIGVERIFY": errCheckSigVerify,
	"NUMEQUALVERIFY": errNumEqualVerify, "BAD_OPCODE": errBadOpcode, "DISABLED_OPCODE": errDisabledOpcode,
	"INVALID_STACK_OPERATION": errInvalidStack, "INVALID_ALTSTACK_OPERATION": errInvalidAltStack,
	"UNBALANCED_CONDITIONAL": errUnbalancedConditional, "NEGATIVE_LOCKTIME": errNegativeLockTime,
	"UNSATISFIED_LOCKTIME": errUnsatisfiedLockTime, "SIG_HASHTYPE": errSigHashType, "SIG_DER": errSigDER,
	"MINIMALDATA": errMinimalData, "SIG_PUSHONLY": errSigPushOnly, "SIG_HIGH_S": errSigHighS,
	"SIG_NULLDUMMY": errSigNullDummy, "PUBKEYTYPE": errPubkeyType, "CLEANSTACK": errCleanStack,
	"MINIMALIF": errMinimalIf, "NULLFAIL": errSigNullFail, "DISCOURAGE_UPGRADABLE_NOPS": errDiscourageNops,
	"DISCOURAGE_UPGRADABLE_WITNESS_PROGRAM": errDiscourageWitness,
	"WITNESS_PROGRAM_WRONG_LENGTH":          errWitnessWrongLength,
	"WITNESS_PROGRAM_WITNESS_EMPTY":         errWitnessEmpty, "WITNESS_PROGRAM_MISMATCH": errWitnessMismatch,
	"WITNESS_MALLEATED": errWitnessMalleated, "WITNESS_MALLEATED_P2SH": errWitnessMalleatedP2SH,
	"WITNESS_UNEXPECTED": errWitnessUnexpected, "WITNESS_PUBKEYTYPE": errWitnessPubkeyType,
	"OP_CODESEPARATOR": errCodeSeparator, "SIG_FINDANDDELETE": errSigFindAndDelete,
}

// assemble reads a script as Core's tests write it.
func assemble(t testing.TB, asm string) []byte {
	t.Helper()
	var script []byte
	for word := range strings.FieldsSeq(asm) {
		if n, err := strconv.ParseInt(word, 10, 64); err == nil {
			switch {
			case n == -1 || n >= 1 && n <= 16:
				script = append(script, byte(n+txscript.OP_1-1))
			case n == 0:
				script = append(script, txscript.OP_0)
			default:
				script = appendPush(script, scriptNumber(n).bytes())
			}
			continue
		}
		if raw, ok := strings.CutPrefix(word, "0x"); ok {
			script = append(script, unhex(t, raw)...)
			continue
		}
		if len(word) >= 2 && word[0] == '\'' && word[len(word)-1] == '\'' {
			script = appendPush(script, []byte(word[1:len(word)-1]))
			continue
		}
		op, ok := txscript.OpcodeByName["OP_"+strings.TrimPrefix(word, "OP_")]
		if !ok {
			t.Fatalf("unknown word %q in a script", word)
		}
		script = append(script, op)
	}
	return script
}

// runInput runs one input's check through both interpreters and returns the
// reason for which it fails: of the second, as txscript knows no reasons. That
// they agree is part of every test. They differ on one set of rules, which lode never
// asks for: with upgradable NOPs refused and BIP65 or BIP112 off, txscript
// refuses NOP2 or NOP3 too.
func runInput(t testing.TB, tx *wire.MsgTx, index int, coins []*Coin, flags Flags) scriptError {
	t.Helper()
	const locks = VerifyCheckLockTime | VerifyCheckSequence
	ctx := &txContext{tx: tx, coins: coins}
	reason := verifyScript(ctx, index, flags)
	if flags&VerifyDiscourageNops != 0 && flags&locks != locks {
		return reason
	}
	fault := ctx.accepts(index, flags)
	if (reason == scriptOK) != (fault == nil) {
		t.Errorf("input %d of %s under %#x: %q, but txscript: %v", index, tx.TxHash(), flags, reason, fault)
	}
	return reason
}

// TestScriptVectors runs Core's script_tests: each must end with exactly the
// reason that Core gives.
func TestScriptVectors(t *testing.T) {
	var tests [][]any
	readJSON(t, "vectors/core/script_tests.json", &tests)
	run := 0
	for i, test := range tests {
		if len(test) < 4 {
			continue // a comment
		}
		var witness wire.TxWitness
		var value int64
		if list, ok := test[0].([]any); ok {
			for _, item := range list[:len(list)-1] {
				witness = append(witness, unhex(t, item.(string)))
			}
			amount, err := list[len(list)-1].(json.Number).Float64()
			if err != nil {
				t.Fatal(err)
			}
			value = int64(amount*1e8 + 0.5)
			test = test[1:]
		}
		sigScript, lock := assemble(t, test[0].(string)), assemble(t, test[1].(string))
		flags, want := parseFlags(t, test[2].(string)), test[3].(string)

		credit := wire.NewMsgTx(1)
		credit.AddTxIn(wire.NewTxIn(wire.NewOutPoint(&chainhash.Hash{}, wire.MaxPrevOutIndex), []byte{0, 0}, nil))
		credit.AddTxOut(wire.NewTxOut(value, lock))
		hash := credit.TxHash()
		spend := wire.NewMsgTx(1)
		spend.AddTxIn(wire.NewTxIn(wire.NewOutPoint(&hash, 0), sigScript, witness))
		spend.AddTxOut(wire.NewTxOut(value, nil))

		wantErr, ok := errorNames[want]
		if !ok {
			t.Fatalf("unknown reason %q", want)
		}
		if flags&VerifyCleanStack != 0 {
			flags |= VerifyP2SH | VerifyWitness
		}
		coins := []*Coin{{Value: value, Script: lock}}
		if got := runInput(t, spend, 0, coins, flags); got != wantErr {
			t.Errorf("%d: %v: got %q, want %q", i, test, got, wantErr)
		}
		run++
	}
	if run != 867 {
		t.Errorf("%d vectors were run", run)
	}
}

// txVector is a transaction of tx_valid or tx_invalid.
type txVector struct {
	tx     *wire.MsgTx
	coins  []*Coin
	flags  string
	decode error
}

func readTxVectors(t *testing.T, name string) []txVector {
	t.Helper()
	var tests [][]any
	readJSON(t, name, &tests)
	var list []txVector
	for _, test := range tests {
		if len(test) != 3 {
			continue // a comment
		}
		prevouts := map[wire.OutPoint]*Coin{}
		for _, p := range test[0].([]any) {
			p := p.([]any)
			hash, err := chainhash.NewHashFromStr(p[0].(string))
			if err != nil {
				t.Fatal(err)
			}
			index, _ := p[1].(json.Number).Int64()
			coin := &Coin{Script: assemble(t, p[2].(string))}
			if len(p) > 3 {
				coin.Value, _ = p[3].(json.Number).Int64()
			}
			prevouts[wire.OutPoint{Hash: *hash, Index: uint32(index)}] = coin
		}
		v := txVector{flags: test[2].(string)}
		if v.tx, v.decode = DecodeTx(unhex(t, test[1].(string))); v.decode == nil {
			for _, in := range v.tx.TxIn {
				v.coins = append(v.coins, prevouts[in.PreviousOutPoint])
			}
		}
		list = append(list, v)
	}
	return list
}

// scriptsPass runs all inputs of a transaction.
func (v *txVector) scriptsPass(t testing.TB, flags Flags) bool {
	t.Helper()
	for i := range v.tx.TxIn {
		if runInput(t, v.tx, i, v.coins, flags) != scriptOK {
			return false
		}
	}
	return true
}

// subsets returns every set of flags that lacks one of them, and some that lack
// more, drawn at random (Core's transaction_tests does the same).
func subsets(flags Flags, rng *rand.Rand) (sets []Flags) {
	for bit := Flags(1); bit < allFlags; bit <<= 1 {
		sets = append(sets, flags&^bit, flags&bit)
	}
	for range 10 {
		sets = append(sets, flags&Flags(rng.Uint32()))
	}
	return sets
}

// withoutOne returns the sets that lack one flag of those in flags, but none that
// another of them is built on (Core's ExcludeIndividualFlags).
func withoutOne(flags Flags) (sets []Flags) {
	for bit := Flags(1); bit < allFlags; bit <<= 1 {
		if less := flags &^ bit; bit&flags != 0 && trimFlags(less) == less {
			sets = append(sets, less)
		}
	}
	return sets
}

// TestTxValid runs Core's tx_valid: they pass with all rules but those that are
// named, and with any fewer; of those named none is superfluous.
func TestTxValid(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	run := 0
	for i, v := range readTxVectors(t, "vectors/core/tx_valid.json") {
		if raceDetector && i%10 != 0 {
			continue
		}
		run++
		if v.decode != nil {
			t.Errorf("%d: %v", i, v.decode)
			continue
		}
		if err := CheckTransaction(v.tx); err != nil {
			t.Errorf("%d: %v", i, err)
		}
		excluded := parseFlags(t, v.flags)
		flags := trimFlags(allFlags &^ excluded)
		if flags != allFlags&^excluded {
			t.Errorf("%d: the flags %s do not stand alone", i, v.flags)
		}
		if !v.scriptsPass(t, flags) {
			t.Errorf("%d: does not pass without %s", i, v.flags)
		}
		for _, fewer := range subsets(flags, rng) {
			if !v.scriptsPass(t, trimFlags(fewer)) {
				t.Errorf("%d: does not pass with %#x", i, trimFlags(fewer))
			}
		}
		for bit := Flags(1); bit < allFlags; bit <<= 1 {
			if more := fillFlags(flags | bit); bit&excluded != 0 && more&excluded == bit && v.scriptsPass(t, more) {
				t.Errorf("%d: passes with %#x too", i, bit)
			}
		}
	}
	if run != 89 && !raceDetector {
		t.Errorf("%d transactions", run)
	}
}

// TestTxInvalid runs Core's tx_invalid: they fail under the rules that are
// named, and under any more, but not with one of them less.
func TestTxInvalid(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	run := 0
	for i, v := range readTxVectors(t, "vectors/core/tx_invalid.json") {
		run++
		if v.flags == "BADTX" {
			if v.decode == nil && CheckTransaction(v.tx) == nil {
				t.Errorf("%d: passes CheckTransaction", i)
			}
			continue
		}
		if v.decode != nil {
			t.Errorf("%d: %v", i, v.decode)
			continue
		}
		if err := CheckTransaction(v.tx); err != nil {
			t.Errorf("%d: fails CheckTransaction already: %v", i, err)
		}
		flags := parseFlags(t, v.flags)
		if fillFlags(flags) != flags {
			t.Errorf("%d: the flags %s do not stand alone", i, v.flags)
		}
		if v.scriptsPass(t, flags) {
			t.Errorf("%d: passes with %s", i, v.flags)
		}
		for _, missing := range subsets(allFlags, rng) {
			if more := fillFlags(flags | missing); v.scriptsPass(t, more) {
				t.Errorf("%d: passes with %#x", i, more)
			}
		}
		for _, fewer := range withoutOne(flags) {
			if !v.scriptsPass(t, fewer) {
				t.Errorf("%d: fails with %#x already", i, fewer)
			}
		}
	}
	if run != 69 {
		t.Errorf("%d transactions", run)
	}
}

// TestSigHashVectors runs Core's sighash tests for legacy scripts.
func TestSigHashVectors(t *testing.T) {
	var tests [][]any
	readJSON(t, "vectors/core/sighash.json", &tests)
	for i, test := range tests {
		if len(test) != 5 {
			continue
		}
		tx, err := DecodeTx(unhex(t, test[0].(string)))
		if err != nil {
			t.Errorf("%d: %v", i, err)
			continue
		}
		index, _ := test[2].(json.Number).Int64()
		hashType, _ := test[3].(json.Number).Int64()
		got := legacySigHash(tx, int(index), unhex(t, test[1].(string)), uint32(int32(hashType)))
		if got.String() != test[4].(string) {
			t.Errorf("%d: %s, want %s", i, got, test[4])
		}
	}
}

type jsonPrevout struct {
	Script string `json:"scriptPubKey"`
	Amount int64  `json:"amount"`
	Sats   int64  `json:"amountSats"`
}

func toCoins(t *testing.T, prevouts []jsonPrevout) []*Coin {
	var coins []*Coin
	for _, p := range prevouts {
		coins = append(coins, &Coin{Value: p.Amount + p.Sats, Script: unhex(t, p.Script)})
	}
	return coins
}

// TestBIP143 runs the examples of BIP143: signature hashes and whole spends.
func TestBIP143(t *testing.T) {
	var v struct {
		Transactions []struct {
			Name     string
			Tx       string `json:"signed_tx"`
			Prevouts []jsonPrevout
			Flags    string `json:"valid_under"`
		}
		SigHashes []struct {
			Tx     string `json:"signed_tx"`
			Input  int
			Amount int64
			Code   string `json:"script_code"`
			Type   uint32 `json:"hash_type"`
			Hash   string `json:"sighash"`
		}
	}
	readJSON(t, "vectors/bip/bip143.json", &v)
	for _, s := range v.SigHashes {
		tx, err := DecodeTx(unhex(t, s.Tx))
		if err != nil {
			t.Fatal(err)
		}
		coins := make([]*Coin, len(tx.TxIn))
		for i := range coins {
			coins[i] = &Coin{Value: s.Amount}
		}
		ctx := &txContext{tx: tx, coins: coins}
		if got := ctx.segwitSigHash(s.Input, unhex(t, s.Code), s.Type); got != hexHash(t, s.Hash) {
			t.Errorf("input %d of %s: %x, want %s", s.Input, tx.TxHash(), got[:], s.Hash)
		}
	}
	for _, s := range v.Transactions {
		tx, err := DecodeTx(unhex(t, s.Tx))
		if err != nil {
			t.Fatal(err)
		}
		for _, check := range TxChecks(tx, toCoins(t, s.Prevouts), parseFlags(t, s.Flags)) {
			if err := check.Run(); err != nil {
				t.Errorf("%s: input %d: %v", s.Name, check.Input, err)
			}
		}
	}
}

// TestBIP341 runs the wallet vectors of BIP341 as far as they are rules: leaf
// hashes, commitments to them, signature hashes and signatures.
func TestBIP341(t *testing.T) {
	var v struct {
		ScriptPubKey []struct {
			Given struct {
				Tree json.RawMessage `json:"scriptTree"`
			}
			Intermediary struct {
				LeafHashes []string
			}
			Expected struct {
				Script   string   `json:"scriptPubKey"`
				Controls []string `json:"scriptPathControlBlocks"`
			}
		}
		KeyPathSpending []struct {
			Given struct {
				Tx       string        `json:"rawUnsignedTx"`
				Prevouts []jsonPrevout `json:"utxosSpent"`
			}
			Auxiliary     struct{ FullySignedTx string }
			InputSpending []struct {
				Given        struct{ TxinIndex, HashType int }
				Intermediary struct{ SigHash string }
				Expected     struct{ Witness []string }
			}
		}
	}
	readJSON(t, "vectors/core/bip341_wallet_vectors.json", &v)
	leaves := 0
	for i, s := range v.ScriptPubKey {
		for j, control := range s.Expected.Controls {
			leaf, key := hexHash(t, s.Intermediary.LeafHashes[j]), unhex(t, s.Expected.Script)[2:]
			control := unhex(t, control)
			if !commitsToLeaf(control, key, leaf) {
				t.Errorf("%d: no commitment to leaf %d", i, j)
			}
			for _, damage := range []int{0, 5, len(control) - 1} {
				bad := bytes.Clone(control)
				bad[damage] ^= 1
				if commitsToLeaf(bad, key, leaf) {
					t.Errorf("%d: a commitment to leaf %d with byte %d changed", i, j, damage)
				}
			}
			leaves++
		}
		var leaf struct {
			Script      string
			LeafVersion byte
		}
		if json.Unmarshal(s.Given.Tree, &leaf) == nil && leaf.Script != "" {
			if got := tapLeafHash(leaf.LeafVersion, unhex(t, leaf.Script)); got != hexHash(t, s.Intermediary.LeafHashes[0]) {
				t.Errorf("%d: leaf hash %x", i, got[:])
			}
		}
	}
	if leaves < 5 {
		t.Errorf("only %d leaves were checked", leaves)
	}
	for _, s := range v.KeyPathSpending {
		tx, err := DecodeTxNoWitness(unhex(t, s.Given.Tx))
		if err != nil {
			t.Fatal(err)
		}
		ctx := &txContext{tx: tx, coins: toCoins(t, s.Given.Prevouts)}
		signed, err := DecodeTx(unhex(t, s.Auxiliary.FullySignedTx))
		if err != nil {
			t.Fatal(err)
		}
		// Side by side, all needing the hashes that they share.
		if err := runChecks(TxChecks(signed, ctx.coins, StandardFlags)); err != nil {
			t.Error(err)
		}
		for _, in := range s.InputSpending {
			i := in.Given.TxinIndex
			hash, ok := ctx.taprootSigHash(i, byte(in.Given.HashType), &taprootExec{})
			if !ok || hash != hexHash(t, in.Intermediary.SigHash) {
				t.Errorf("input %d: signature hash %x", i, hash[:])
			}
			for _, w := range in.Expected.Witness {
				tx.TxIn[i].Witness = append(tx.TxIn[i].Witness, unhex(t, w))
			}
			if err := verifyScript(ctx, i, MandatoryFlags); err != scriptOK {
				t.Errorf("input %d: %s", i, err)
			}
		}
	}
}

// TestScriptAssets runs Core's dump of taproot and segwit spends.
func TestScriptAssets(t *testing.T) {
	type spend struct {
		ScriptSig string
		Witness   []string
	}
	var tests []struct {
		Tx       string
		Prevouts []string
		Index    int
		Flags    string
		Comment  string
		Success  *spend
		Failure  *spend
		Final    bool
	}
	readJSON(t, "vectors/core/script_assets_test.json.gz", &tests)
	if len(tests) < 1900 {
		t.Fatalf("only %d vectors", len(tests))
	}
	consensusFlags := consensusFlagSets()
	for i, test := range tests {
		if brief() && i%10 != 0 {
			continue
		}
		sides := 0
		tx, err := DecodeTx(unhex(t, test.Tx))
		if err != nil {
			t.Fatalf("%d %s: %v", i, test.Comment, err)
		}
		var coins []*Coin
		for _, p := range test.Prevouts {
			d := decoder{b: append([]byte{1}, unhex(t, p)...)}
			var holder wire.MsgTx
			d.outputs(&holder)
			if d.err != nil {
				t.Fatal(d.err)
			}
			coins = append(coins, &Coin{Value: holder.TxOut[0].Value, Script: holder.TxOut[0].PkScript})
		}
		put := func(s *spend) {
			in := tx.TxIn[test.Index]
			in.SignatureScript, in.Witness = unhex(t, s.ScriptSig), nil
			for _, w := range s.Witness {
				in.Witness = append(in.Witness, unhex(t, w))
			}
		}
		flags := parseFlags(t, test.Flags)
		if test.Success != nil {
			sides++
			put(test.Success)
			if err := runInput(t, tx, test.Index, coins, flags); err != scriptOK {
				t.Errorf("%d %s: %s", i, test.Comment, err)
			}
			for _, f := range consensusFlags {
				if f&^flags != 0 && !test.Final {
					continue
				}
				if err := runInput(t, tx, test.Index, coins, f); err != scriptOK {
					t.Errorf("%d %s under %#x: %s", i, test.Comment, f, err)
				}
			}
		}
		if test.Failure != nil {
			sides++
			put(test.Failure)
			for _, f := range append(consensusFlags, flags) {
				if f&flags != flags {
					continue
				}
				if err := runInput(t, tx, test.Index, coins, f); err == scriptOK {
					t.Errorf("%d %s under %#x: passes", i, test.Comment, f)
				}
			}
		}
		if sides == 0 {
			t.Errorf("%d %s: neither side is there", i, test.Comment)
		}
	}
}

// consensusFlagSets returns sets of rules that a chain could have: those that
// consensus has had at some time, each on top of the others, or in long tests
// every set that makes sense (Core's ALL_CONSENSUS_FLAGS).
func consensusFlagSets() []Flags {
	sets := []Flags{0}
	rules := []Flags{VerifyP2SH, VerifyDERSig, VerifyCheckLockTime, VerifyCheckSequence, VerifyNullDummy, VerifyWitness, VerifyTaproot}
	if !longTests {
		rules[5] |= rules[4]
		for _, f := range append(rules[:4:4], rules[5:]...) {
			sets = append(sets, sets[len(sets)-1]|f)
		}
		return sets
	}
	for _, f := range rules {
		for _, set := range sets {
			sets = append(sets, set|f)
		}
	}
	return slices.DeleteFunc(sets, func(f Flags) bool {
		return fillFlags(f) != f || f&VerifyTaproot != 0 && f&VerifyWitness == 0
	})
}

// TestKnownDivergences runs spends on which other software has differed from
// Core.
func TestKnownDivergences(t *testing.T) {
	var tests []struct {
		Comment  string
		Prevouts []jsonPrevout
		Tx       string
		Flags    string
		Valid    bool
	}
	readJSON(t, "vectors/core/extra_known_divergences.json", &tests)
	for _, test := range tests {
		tx, err := DecodeTx(unhex(t, test.Tx))
		if err != nil {
			t.Errorf("%s: %v", test.Comment, err)
			continue
		}
		v := txVector{tx: tx, coins: toCoins(t, test.Prevouts)}
		if got := v.scriptsPass(t, parseFlags(t, test.Flags)); got != test.Valid {
			t.Errorf("%s: passes: %t", test.Comment, got)
		}
	}
}

// TestMerkleRoots compares roots and the warning about repeated hashes.
func TestMerkleRoots(t *testing.T) {
	var tests []struct {
		Leaves  []string
		Root    string
		Mutated bool
	}
	readJSON(t, "vectors/core/merkle_roots.json", &tests)
	for i, test := range tests {
		var leaves []chainhash.Hash
		for _, l := range test.Leaves {
			leaves = append(leaves, hexHash(t, l))
		}
		root, mutated := MerkleRoot(leaves)
		if root != hexHash(t, test.Root) || mutated != test.Mutated {
			t.Errorf("%d: %x, %t, want %s, %t", i, root[:], mutated, test.Root, test.Mutated)
		}
	}
	if len(tests) == 0 {
		t.Error("no vectors")
	}
}
