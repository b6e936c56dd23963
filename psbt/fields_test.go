package psbt

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"maps"
	"testing"

	"github.com/lode-chain/lode/consensus"
)

// rawMaps splits a packet into its maps, knowing nothing of what is in them. It
// must be one that Decode has taken.
func rawMaps(b []byte) []map[string]string {
	b = b[len(magic):]
	next := func() []byte {
		n, size := uint64(b[0]), 1
		switch b[0] {
		case 0xfd:
			n, size = uint64(binary.LittleEndian.Uint16(b[1:])), 3
		case 0xfe:
			n, size = uint64(binary.LittleEndian.Uint32(b[1:])), 5
		}
		v := b[size : size+int(n)]
		b = b[size+int(n):]
		return v
	}
	var list []map[string]string
	for len(b) > 0 {
		m := map[string]string{}
		for {
			key := next()
			if len(key) == 0 {
				break
			}
			m[string(key)] = string(next())
		}
		list = append(list, m)
	}
	return list
}

// sameFields says where a packet that was read from raw is not written with the
// same fields. What Core leaves out on purpose may be missing.
func sameFields(raw []byte, p *Packet) error {
	written := p.Encode()
	again, err := Decode(written)
	if err != nil {
		return fmt.Errorf("what was written cannot be read: %w", err)
	}
	if !bytes.Equal(again.Encode(), written) {
		return fmt.Errorf("it is not written the same twice")
	}
	before, after := rawMaps(raw), rawMaps(written)
	if len(before) != len(after) {
		return fmt.Errorf("%d maps have become %d", len(before), len(after))
	}
	for i := range before {
		if i == 0 {
			delete(before[0], string([]byte{globalVersion})) // 0, which is not written
		} else if i <= len(p.Inputs) {
			dropOpen(before[i], &p.Inputs[i-1])
		} else {
			dropEmpty(before[i], outRedeemScript, outWitnessScript, outTapInternalKey)
			sameTap(before[i], after[i], outTapDerivation)
		}
		if i > 0 && i <= len(p.Inputs) {
			sameTap(before[i], after[i], inTapDerivation)
		}
		if !maps.Equal(before[i], after[i]) {
			return fmt.Errorf("map %d: %x has become %x", i, before[i], after[i])
		}
	}
	return nil
}

func dropEmpty(m map[string]string, kinds ...byte) {
	for _, k := range kinds {
		key := string([]byte{k})
		if v, ok := m[key]; ok && len(bytes.Trim([]byte(v), "\x00")) == 0 {
			delete(m, key)
		}
	}
}

// dropOpen takes from an input's fields what is not written again: of a final one
// all that led there; witnesses of the transaction that is spent; empty values.
func dropOpen(m map[string]string, in *Input) {
	if in.Final() {
		for key := range m {
			switch kind := key[0]; {
			case kind >= inPartialSig && kind <= inDerivation, kind >= inRIPEMD160 && kind <= inHASH256,
				kind >= inTapKeySig && kind <= inTapMerkleRoot:
				delete(m, key)
			}
		}
	}
	if key := string([]byte{inNonWitnessUTXO}); m[key] != "" {
		if tx, err := consensus.DecodeTx([]byte(m[key])); err == nil {
			m[key] = string(encodeTx(tx))
		}
	}
	if in.WitnessUTXO == nil {
		delete(m, string([]byte{inWitnessUTXO}))
	}
	dropEmpty(m, inFinalWitness, inTapInternalKey, inTapMerkleRoot)
	for _, kind := range []byte{inRedeemScript, inWitnessScript, inFinalScriptSig} {
		if v, ok := m[string([]byte{kind})]; ok && v == "" {
			delete(m, string([]byte{kind}))
		}
	}
}

// sameTap gives paths with several leaves, which are sorted, the written value.
func sameTap(before, after map[string]string, kind byte) {
	for key, v := range before {
		if key[0] == kind && len(key) == 33 && len(v) > 0 && v[0] > 1 {
			before[key] = after[key]
		}
	}
}

// FuzzDecode reads arbitrary bytes, and holds what is written again against what
// was read. Core's and the BIPs' vectors are the seeds.
func FuzzDecode(f *testing.F) {
	v := coreCases(f)
	for _, list := range [][]string{v.Invalid, v.Valid} {
		for _, s := range list {
			if raw, err := base64.StdEncoding.DecodeString(s); err == nil {
				f.Add(raw)
			}
		}
	}
	for _, c := range bipCases(f) {
		raw, _ := base64.StdEncoding.DecodeString(c.Base64)
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		p, err := Decode(bytes.Clone(raw))
		if err != nil {
			return
		}
		if err := sameFields(raw, p); err != nil {
			t.Error(err)
		}
		if len(p.Tx.TxIn) > 0 {
			work(p)
		}
	})
}

// work runs each role over a packet, which may be refused but must not panic.
func work(p *Packet) {
	p.Analyze()
	q, err := Combine(p, p.Clone())
	if err != nil {
		panic(err)
	}
	_, _ = Join(nil, p, q)
	if q.Finalize() {
		if _, err := q.Extract(); err != nil {
			panic(err)
		}
	}
	q.DropTransactions(0)
	if _, err := Decode(q.Encode()); err != nil {
		panic(err)
	}
}
