package network

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"
)

// Proof-of-work modes.
const (
	// Fixed keeps one difficulty for ever.
	Fixed = "fixed"
	// Retarget follows Bitcoin's rule: the difficulty changes after each window
	// so that blocks come at the wanted spacing.
	Retarget = "retarget"
)

// Spec describes a network of one's own: what its TOML file says, value for
// value. NewSpec fills one in, Make turns it into rules.
type Spec struct {
	Name string

	GenesisText  string
	GenesisTime  int64  // Unix seconds
	GenesisNonce int64  // found by Make
	GenesisHash  string // found by Make, display order

	ProofOfWork      string // Fixed or Retarget
	Bits             string // compact target, eight hex digits: the difficulty, or the easiest one
	SpacingSeconds   int64
	WindowBlocks     int64
	MinAfterPause    bool // Params.AllowMinDifficulty
	TimewarpRule     bool // Params.EnforceBIP94
	SubsidySats      int64
	HalvingBlocks    int64
	MaturityBlocks   int64
	PubKeyHashPrefix int64
	ScriptHashPrefix int64
	WIFPrefix        int64
	ExtPub, ExtPrv   string // four bytes, hex
	HRP              string
	CoinType         int64
	Magic            string // four bytes, hex, as on the wire
	P2PPort, RPCPort int64

	BIP34Height, BIP65Height, BIP66Height  int64
	CSVHeight, SegwitHeight, TaprootHeight int64
}

// NewSpec returns the default rules of a new network: blocks every 30 seconds at
// a fixed difficulty that one core meets in some milliseconds, 2.5 coins a block
// halving every 4,200,000 blocks, and all soft forks from the start. Magic and
// ports are derived from name, now and 16 bytes of rand.
func NewSpec(name string, now time.Time, rand io.Reader) (Spec, error) {
	if err := CheckName(name); err != nil {
		return Spec{}, err
	}
	var salt [16]byte
	if _, err := io.ReadFull(rand, salt[:]); err != nil {
		return Spec{}, fmt.Errorf("choose the network's magic and ports: %w", err)
	}
	h := sha256.New()
	put(h, name, now.Unix(), salt[:])
	chosen := h.Sum(nil)
	for isKnownMagic(chosen[:4]) {
		chosen = chosen[1:]
	}
	// Between the ports that known networks use and those that systems hand out.
	port := 20_000 + int64(binary.BigEndian.Uint16(chosen[4:])%4_999)*2

	return Spec{
		Name:             name,
		GenesisText:      fmt.Sprintf("%s, a chain of our own, %s", name, now.UTC().Format("2 January 2006")),
		GenesisTime:      now.Unix(),
		ProofOfWork:      Fixed,
		Bits:             "1f00ffff",
		SpacingSeconds:   30,
		WindowBlocks:     120,
		TimewarpRule:     true,
		SubsidySats:      250_000_000,
		HalvingBlocks:    4_200_000,
		MaturityBlocks:   100,
		PubKeyHashPrefix: 111,
		ScriptHashPrefix: 196,
		WIFPrefix:        239,
		ExtPub:           "043587cf",
		ExtPrv:           "04358394",
		HRP:              defaultHRP(name),
		CoinType:         1,
		Magic:            hex.EncodeToString(chosen[:4]),
		P2PPort:          port + 1,
		RPCPort:          port,
		BIP34Height:      1,
		BIP65Height:      1,
		BIP66Height:      1,
		CSVHeight:        1,
	}, nil
}

// defaultHRP makes a human-readable part of a name's first letters.
func defaultHRP(name string) string {
	var hrp []byte
	for _, c := range []byte(strings.ToLower(name)) {
		if c >= 'a' && c <= 'z' && len(hrp) < 8 {
			hrp = append(hrp, c)
		}
	}
	if checkHRP(string(hrp)) != nil {
		return "lode"
	}
	return string(hrp)
}

// Make checks s, finds its genesis block, and returns the rules and the text of
// the network's file. The same s gives the same result. At the default
// difficulty it takes some 20 ms, at the hardest one that is allowed, seconds.
func Make(s Spec) (*Params, []byte, error) {
	s.GenesisNonce, s.GenesisHash = 0, zeroHash
	if err := s.check(); err != nil {
		return nil, nil, err
	}
	p := s.params()
	if !solveGenesis(p.Genesis) {
		return nil, nil, fmt.Errorf("no genesis block meets %s at this text and time; change genesis.text", s.Bits)
	}
	p.GenesisHash = p.Genesis.BlockHash()
	s.GenesisNonce, s.GenesisHash = int64(p.Genesis.Header.Nonce), p.GenesisHash.String()
	return p, s.format(), nil
}

// Parse reads a network's file: every key must be known, there once, and within
// its range, and the genesis block must be the one that the file names. The
// error says which key is wrong, what it holds and what is allowed.
func Parse(text []byte) (*Params, error) {
	s, err := parseSpec(text)
	if err != nil {
		return nil, err
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	p := s.params()
	if !strings.EqualFold(s.GenesisHash, p.GenesisHash.String()) {
		return nil, &ValueError{"genesis.hash", s.GenesisHash, fmt.Sprintf(
			"the hash of the genesis block, which is %s: the file was changed after the network was made", p.GenesisHash)}
	}
	if !meets(p.GenesisHash, p.PowLimit) {
		return nil, &ValueError{
			"genesis.nonce", strconv.FormatInt(s.GenesisNonce, 10),
			"a nonce with which the genesis block meets proof_of_work.bits",
		}
	}
	return p, nil
}

// params builds the rules of a checked s. The genesis block has the nonce that
// s names.
func (s *Spec) params() *Params {
	bits, _ := parseBits(s.Bits)
	nothing := wire.NewTxOut(0, []byte{0x6a}) // OP_RETURN: genesis creates no coins
	genesis := genesisBlock(s.GenesisText, nothing, s.GenesisTime, bits, uint32(s.GenesisNonce))
	magic, pub, prv := fourBytes(s.Magic), fourBytes(s.ExtPub), fourBytes(s.ExtPrv)
	return &Params{
		Name:               s.Name,
		Magic:              binary.LittleEndian.Uint32(magic[:]),
		P2PPort:            uint16(s.P2PPort),
		RPCPort:            uint16(s.RPCPort),
		Genesis:            genesis,
		GenesisHash:        genesis.BlockHash(),
		PowLimit:           targetOf(bits),
		PowLimitBits:       bits,
		NoRetargeting:      s.ProofOfWork == Fixed,
		AllowMinDifficulty: s.MinAfterPause,
		EnforceBIP94:       s.TimewarpRule,
		TargetSpacing:      s.SpacingSeconds,
		TargetTimespan:     s.SpacingSeconds * s.WindowBlocks,
		Subsidy:            s.SubsidySats,
		HalvingInterval:    int32(s.HalvingBlocks),
		Maturity:           int32(s.MaturityBlocks),
		BIP34Height:        int32(s.BIP34Height),
		BIP65Height:        int32(s.BIP65Height),
		BIP66Height:        int32(s.BIP66Height),
		CSVHeight:          int32(s.CSVHeight),
		SegwitHeight:       int32(s.SegwitHeight),
		TaprootHeight:      int32(s.TaprootHeight),
		PubKeyHashPrefix:   byte(s.PubKeyHashPrefix),
		ScriptHashPrefix:   byte(s.ScriptHashPrefix),
		WIFPrefix:          byte(s.WIFPrefix),
		ExtPub:             pub,
		ExtPrv:             prv,
		HRP:                s.HRP,
		CoinType:           uint32(s.CoinType),
	}
}

var zeroHash = chainhash.Hash{}.String()

// fourBytes decodes eight hex digits that are known to be such.
func fourBytes(s string) (b [4]byte) {
	raw, _ := hex.DecodeString(s)
	copy(b[:], raw)
	return b
}

func isKnownMagic(magic []byte) bool {
	return slices.ContainsFunc(knownMagics, func(k string) bool {
		return bytes.Equal(magic, []byte(k))
	})
}

// knownMagics are those of main, test, testnet4, signet and regtest, as on the
// wire.
var knownMagics = []string{
	"\xf9\xbe\xb4\xd9", "\x0b\x11\x09\x07", "\x1c\x16\x3f\x28", "\x0a\x03\xcf\x40", "\xfa\xbf\xb5\xda",
}
