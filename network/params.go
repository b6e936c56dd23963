// Package network holds the rules and constants in which one Bitcoin-style
// network differs from another, as plain values: the demonstration network
// regtest, and networks of one's own that are described by a TOML file.
//
// It judges no block and reads no file, clock or random source; what it needs
// of those is passed in. A Params is never changed once it has been made, so
// everybody may share it.
package network

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"math/big"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"
)

// MaxMoney is the largest sum of satoshis that may exist (consensus, Core's
// MAX_MONEY).
const MaxMoney = 21_000_000 * SatsPerCoin

// SatsPerCoin is the number of satoshis in one coin.
const SatsPerCoin = 100_000_000

// Params are the rules of one network. Heights say from which block on a soft
// fork is enforced.
type Params struct {
	// Name tells the network apart from others, also as a folder name.
	Name string

	// Magic starts each message between peers; little-endian on the wire.
	Magic uint32
	// P2PPort and RPCPort are where nodes listen unless told otherwise.
	P2PPort, RPCPort uint16

	// Genesis is the block of height 0; GenesisHash is its hash.
	Genesis     *wire.MsgBlock
	GenesisHash chainhash.Hash

	// PowLimit is the easiest target that a block may have, PowLimitBits its
	// compact form.
	PowLimit     *big.Int
	PowLimitBits uint32
	// NoRetargeting keeps each block at its parent's difficulty.
	NoRetargeting bool
	// AllowMinDifficulty lets a block be mined at PowLimit when it comes more
	// than twice TargetSpacing after its parent.
	AllowMinDifficulty bool
	// EnforceBIP94 switches on both of BIP94's rules against timewarps.
	EnforceBIP94 bool
	// TargetSpacing is the wanted time between blocks, TargetTimespan that of a
	// whole retarget window; both in seconds.
	TargetSpacing, TargetTimespan int64

	// Subsidy is what block 1 may create, in satoshis.
	Subsidy int64
	// HalvingInterval is the number of blocks after which the subsidy halves.
	HalvingInterval int32
	// Maturity is the number of confirmations that a coinbase needs before it
	// can be spent.
	Maturity int32

	BIP34Height, BIP65Height, BIP66Height  int32
	CSVHeight, SegwitHeight, TaprootHeight int32

	// PubKeyHashPrefix, ScriptHashPrefix and WIFPrefix are base58 version bytes.
	PubKeyHashPrefix, ScriptHashPrefix, WIFPrefix byte
	// ExtPub and ExtPrv are the version bytes of extended keys (BIP32).
	ExtPub, ExtPrv [4]byte
	// HRP is the human-readable part of segwit addresses (BIP173).
	HRP string
	// CoinType is the second number of BIP44 paths, without the hardening bit.
	CoinType uint32

	// Demo allows published words and coins mined in advance: regtest only.
	Demo bool
}

// Regtest returns the demonstration network with the constants of Bitcoin Core
// 28.1's regtest.
func Regtest() *Params {
	genesis := bitcoinGenesis(1296688602, 0x207fffff, 2)
	powLimit := new(big.Int).Lsh(big.NewInt(1), 255)
	powLimit.Sub(powLimit, big.NewInt(1))
	return &Params{
		Name:               "regtest",
		Magic:              uint32(wire.TestNet),
		P2PPort:            18444,
		RPCPort:            18443,
		Genesis:            genesis,
		GenesisHash:        genesis.BlockHash(),
		PowLimit:           powLimit,
		PowLimitBits:       0x207fffff,
		NoRetargeting:      true,
		AllowMinDifficulty: true,
		EnforceBIP94:       true,
		TargetSpacing:      600,
		TargetTimespan:     86_400,
		Subsidy:            50 * SatsPerCoin,
		HalvingInterval:    150,
		Maturity:           100,
		BIP34Height:        1,
		BIP65Height:        1,
		BIP66Height:        1,
		CSVHeight:          1,
		SegwitHeight:       0,
		TaprootHeight:      0,
		PubKeyHashPrefix:   111,
		ScriptHashPrefix:   196,
		WIFPrefix:          239,
		ExtPub:             [4]byte{0x04, 0x35, 0x87, 0xcf},
		ExtPrv:             [4]byte{0x04, 0x35, 0x83, 0x94},
		HRP:                "bcrt",
		CoinType:           1,
		Demo:               true,
	}
}

// RetargetInterval returns the number of blocks in a retarget window.
func (p *Params) RetargetInterval() int32 {
	return int32(p.TargetTimespan / p.TargetSpacing)
}

// SubsidyAt returns what the block at height may create beyond its fees, in
// satoshis (Core's GetBlockSubsidy).
func (p *Params) SubsidyAt(height int32) int64 {
	halvings := height / p.HalvingInterval
	if halvings >= 64 {
		return 0
	}
	return p.Subsidy >> halvings
}

// TotalSubsidy returns the sum of the subsidies of the blocks from 1 to height,
// in satoshis. The genesis block is left out: nobody can spend its coinbase.
func (p *Params) TotalSubsidy(height int32) int64 {
	if height < 1 {
		return 0
	}
	total, blocks, subsidy := -p.Subsidy, int64(height)+1, p.Subsidy
	for subsidy > 0 && blocks > 0 {
		n := min(blocks, int64(p.HalvingInterval))
		total += n * subsidy
		blocks -= n
		subsidy >>= 1
	}
	return total
}

// NextHalving returns the first height above height at which the subsidy is
// smaller than before; false when there is no subsidy left to halve.
func (p *Params) NextHalving(height int32) (int32, bool) {
	if p.SubsidyAt(height) == 0 {
		return 0, false
	}
	next := (int64(height)/int64(p.HalvingInterval) + 1) * int64(p.HalvingInterval)
	if next > 1<<31-1 {
		return 0, false
	}
	return int32(next), true
}

// Fingerprint returns a hash over everything that decides which blocks,
// addresses and keys belong to the network. Ports are left out: they may change
// during the life of a chain.
func (p *Params) Fingerprint() chainhash.Hash {
	h := sha256.New()
	put(h, "lode network 1")
	put(h, p.Name, p.Magic, p.GenesisHash[:])
	put(h, p.PowLimit.Bytes(), p.PowLimitBits, p.NoRetargeting, p.AllowMinDifficulty, p.EnforceBIP94)
	put(h, p.TargetSpacing, p.TargetTimespan)
	put(h, p.Subsidy, p.HalvingInterval, p.Maturity)
	put(h, p.BIP34Height, p.BIP65Height, p.BIP66Height, p.CSVHeight, p.SegwitHeight, p.TaprootHeight)
	put(h, p.PubKeyHashPrefix, p.ScriptHashPrefix, p.WIFPrefix, p.ExtPub[:], p.ExtPrv[:], p.HRP, p.CoinType)
	put(h, p.Demo)
	return chainhash.Hash(h.Sum(nil))
}

// put hashes values so that no two different lists give the same bytes: text
// and byte strings are preceded by their length, all else has a fixed one.
func put(h hash.Hash, values ...any) {
	for _, v := range values {
		switch v := v.(type) {
		case string:
			put(h, []byte(v))
		case []byte:
			put(h, uint32(len(v)))
			h.Write(v)
		default:
			if err := binary.Write(h, binary.LittleEndian, v); err != nil {
				panic(fmt.Sprintf("network: cannot hash a %T: %v", v, err))
			}
		}
	}
}
