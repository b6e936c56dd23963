// Package descriptor writes output scripts as output descriptors (BIP380 to
// BIP386). It infers what a script alone tells, as Bitcoin Core's RPC does for
// scripts whose keys it does not know; parsing descriptors and deriving scripts
// from them is not here. It holds no state.
package descriptor

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/btcsuite/btcd/btcec/v2/schnorr"

	"github.com/lode-chain/lode/address"
	"github.com/lode-chain/lode/network"
)

// Infer returns the descriptor of an output script with its checksum (Core's
// InferDescriptor without known keys).
func Infer(script []byte, p *network.Params) string { return WithChecksum(infer(script, p)) }

// Wrap returns the descriptor of a script behind a hash, for instance
// wsh(multi(…)), with its checksum. The script must be one that pk() or multi()
// describe; of any other the hash alone can be told.
func Wrap(outer string, script []byte, p *network.Params) string {
	return WithChecksum(outer + "(" + infer(script, p) + ")")
}

func infer(script []byte, p *network.Params) string {
	switch address.KindOf(script) {
	case address.P2PK:
		if key := script[1 : len(script)-1]; !hybrid(key) {
			return "pk(" + hex.EncodeToString(key) + ")"
		}
	case address.Multisig:
		if d, ok := inferMultisig(script); ok {
			return d
		}
	case address.P2TR:
		if _, err := schnorr.ParsePubKey(script[2:]); err == nil {
			return "rawtr(" + hex.EncodeToString(script[2:]) + ")"
		}
	}
	if a, ok := address.Encode(script, p); ok {
		if back, err := address.Decode(a, p); err == nil && bytes.Equal(back, script) {
			return "addr(" + a + ")"
		}
	}
	return "raw(" + hex.EncodeToString(script) + ")"
}

func inferMultisig(script []byte) (string, bool) {
	required, keys, ok := address.ParseMultisig(script)
	if !ok {
		return "", false
	}
	var b strings.Builder
	fmt.Fprintf(&b, "multi(%d", required)
	for _, key := range keys {
		if hybrid(key) {
			return "", false
		}
		b.WriteString("," + hex.EncodeToString(key))
	}
	b.WriteString(")")
	return b.String(), true
}

// hybrid says whether a key has the form 06 or 07, which descriptors refuse.
func hybrid(key []byte) bool { return len(key) > 0 && (key[0] == 6 || key[0] == 7) }

// The characters of a descriptor and of its checksum (BIP380).
const (
	inputCharset    = "0123456789()[],'/*abcdefgh@:$%{}" + "IJKLMNOPQRSTUVWXYZ&+-.;<=>?!^_|~" + "ijklmnopqrstuvwxyzABCDEFGH`#\"\\ "
	checksumCharset = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
)

// Checksum returns the eight characters that follow a descriptor after '#'
// (BIP380). It is empty when the descriptor has characters that none may have.
func Checksum(descriptor string) string {
	c := uint64(1)
	class, count := 0, 0
	for i := range len(descriptor) {
		pos := strings.IndexByte(inputCharset, descriptor[i])
		if pos < 0 {
			return ""
		}
		c = polymod(c, pos&31)
		class = class*3 + pos>>5
		if count++; count == 3 {
			c = polymod(c, class)
			class, count = 0, 0
		}
	}
	if count > 0 {
		c = polymod(c, class)
	}
	for range 8 {
		c = polymod(c, 0)
	}
	c ^= 1
	var sum [8]byte
	for i := range sum {
		sum[i] = checksumCharset[c>>(5*(7-i))&31]
	}
	return string(sum[:])
}

func polymod(c uint64, value int) uint64 {
	top := c >> 35
	c = (c&0x7ffffffff)<<5 ^ uint64(value)
	for i, g := range [...]uint64{0xf5dee51989, 0xa9fdca3312, 0x1bab10e32d, 0x3706b1677a, 0x644d626ffd} {
		if top>>i&1 == 1 {
			c ^= g
		}
	}
	return c
}

// WithChecksum returns a descriptor with its checksum.
func WithChecksum(descriptor string) string { return descriptor + "#" + Checksum(descriptor) }
