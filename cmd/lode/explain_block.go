package main

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"

	"github.com/lode-chain/lode/console"
	"github.com/lode-chain/lode/pow"
)

// headerSize is the size of a block header in bytes (consensus).
const headerSize = 80

// explainBlock tells how a block's header, its hash and its target go together.
func explainBlock(ctx context.Context, c *openChain, hash string) (explanation, error) {
	var text string
	if err := c.Call(ctx, "getblockheader", &text, hash, false); err != nil {
		return nil, err
	}
	header, err := hex.DecodeString(text)
	if err != nil || len(header) != headerSize {
		return nil, errors.New("the header does not have 80 bytes")
	}
	once := sha256.Sum256(header)
	twice := sha256.Sum256(once[:])
	shown := slices.Clone(twice[:])
	slices.Reverse(shown)
	if hex.EncodeToString(shown) != hash {
		return nil, fmt.Errorf("the header hashes to %x", shown)
	}
	bits := binary.LittleEndian.Uint32(header[72:])
	nonce := binary.LittleEndian.Uint32(header[76:])
	target, _, _ := pow.TargetFromBits(bits)
	part := func(from, to int) string { return hex.EncodeToString(header[from:to]) }
	reversed := func(from, to int) string {
		b := slices.Clone(header[from:to])
		slices.Reverse(b)
		return hex.EncodeToString(b)
	}
	seconds := int64(binary.LittleEndian.Uint32(header[68:]))
	return explanation{
		step("Header", "80 bytes. Numbers are written with the lowest byte first; hashes are shown to people the other way round.",
			[2]string{"Version", fmt.Sprintf("%s  = 0x%08x", part(0, 4), binary.LittleEndian.Uint32(header))},
			[2]string{"Previous", part(4, 36)}, [2]string{"  shown as", reversed(4, 36)},
			[2]string{"Merkle root", part(36, 68)}, [2]string{"  shown as", reversed(36, 68)},
			[2]string{"Time", fmt.Sprintf("%s  = %d, %s", part(68, 72), seconds, time.Unix(seconds, 0).UTC().Format("2006-01-02 15:04:05 UTC"))},
			[2]string{"Bits", fmt.Sprintf("%s  = 0x%08x", part(72, 76), bits)},
			[2]string{"Nonce", fmt.Sprintf("%s  = %d", part(76, 80), nonce)}),
		step("Target", fmt.Sprintf("The bits are a number in short: 0x%06x times 256 to the power of %d. A hash, read as a number, may be at most that.", bits&0x7fffff, int(bits>>24)-3),
			[2]string{"Target", fmt.Sprintf("%064x", target)},
			[2]string{"Tries", fmt.Sprintf("one in %s hashes is good enough, on average", expectedTries(target))}),
		step("Nonce", "The miner counted the nonce up from 0 and hashed the header each time, until the hash was small enough.",
			[2]string{"Tries", console.Thousands(int64(nonce) + 1)}),
		step("Hash", "SHA-256 of the header, and SHA-256 of that. The bytes from last to first are the block's hash; zeros in front mean a small number.",
			[2]string{"First", hex.EncodeToString(once[:])}, [2]string{"Second", hex.EncodeToString(twice[:])}, [2]string{"Block hash", hash},
			[2]string{"Compare", "hash at most target: " + yes(new(big.Int).SetBytes(shown).Cmp(target) <= 0)}),
	}, nil
}

// expectedTries is how many hashes it takes on average to meet a target.
func expectedTries(target *big.Int) string {
	all := new(big.Int).Lsh(big.NewInt(1), 256)
	n := new(big.Int).Quo(all, new(big.Int).Add(target, big.NewInt(1)))
	if n.IsInt64() {
		return console.Thousands(n.Int64())
	}
	return n.String()
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
