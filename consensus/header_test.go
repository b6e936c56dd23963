package consensus

import (
	"math/big"
	"strconv"
	"testing"

	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/network"
)

// mainnet returns main's rules, as far as they concern blocks (test-only: nobody
// can open such a network).
func mainnet() *network.Params {
	limit, _ := new(big.Int).SetString("00000000ffffffffffffffffffffffffffffffffffffffffffffffffffffffff", 16)
	return &network.Params{
		Genesis:  &wire.MsgBlock{Header: wire.BlockHeader{Bits: 0x1d00ffff}},
		PowLimit: limit, PowLimitBits: 0x1d00ffff, TargetSpacing: 600, TargetTimespan: 1_209_600,
		Subsidy: 50 * coin, HalvingInterval: 210_000, Maturity: 100,
		BIP34Height: 227_931, BIP65Height: 388_381, BIP66Height: 363_725,
		CSVHeight: 419_328, SegwitHeight: 481_824, TaprootHeight: 709_632,
	}
}

// TestRetarget compares with Core's cases and with computed ones.
func TestRetarget(t *testing.T) {
	type retargetCase struct {
		LastHeight int32 `json:"last_height"`
		FirstTime  int64 `json:"first_time"`
		LastTime   int64 `json:"last_time"`
		Bits       string
		Expected   string
	}
	var v struct {
		Core      []retargetCase `json:"retarget_core"`
		Generated []retargetCase `json:"retarget_generated"`
	}
	readJSON(t, "vectors/core/pow.json", &v)
	parse := func(s string) uint32 {
		n, err := strconv.ParseUint(s, 16, 32)
		if err != nil {
			t.Fatal(err)
		}
		return uint32(n)
	}
	for _, c := range append(v.Core, v.Generated...) {
		if c.LastHeight == 0 {
			c.LastHeight = 4031
		}
		at := func(height int32) (int64, uint32) {
			switch height {
			case c.LastHeight:
				return c.LastTime, parse(c.Bits)
			case c.LastHeight - 2015:
				return c.FirstTime, parse(c.Bits)
			}
			t.Fatalf("asked for height %d of %d", height, c.LastHeight)
			return 0, 0
		}
		if got := ExpectedBits(mainnet(), c.LastHeight, at, c.LastTime+600); got != parse(c.Expected) {
			t.Errorf("%+v: %08x", c, got)
		}
	}
	if len(v.Core) < 4 || len(v.Generated) < 100 {
		t.Error("vectors are missing")
	}
}

// TestExpectedBits walks through the rules other than the retarget itself.
func TestExpectedBits(t *testing.T) {
	const easy, hard, harder = 0x1d00ffff, 0x1c05a3f4, 0x1b0404cb
	// Blocks of one window: bits by height, times 600 s apart.
	chain := map[int32]uint32{4032: hard, 4033: harder, 4034: easy, 4035: easy}
	at := func(height int32) (int64, uint32) {
		bits, ok := chain[height]
		if !ok {
			bits = hard
		}
		return int64(height) * 600, bits
	}
	p := mainnet()
	next := func(p *network.Params, parent int32, after int64) uint32 {
		return ExpectedBits(p, parent, at, int64(parent)*600+after)
	}
	if got := next(p, 4033, 5000); got != harder {
		t.Errorf("within a window: %08x", got)
	}
	p.AllowMinDifficulty = true
	if got := next(p, 4033, 1201); got != easy {
		t.Errorf("more than 20 minutes late: %08x", got)
	}
	if got := next(p, 4033, 1200); got != harder {
		t.Errorf("20 minutes late: %08x", got)
	}
	if got := next(p, 4035, 600); got != harder {
		t.Errorf("after easy blocks: %08x", got)
	}
	chain[4032], chain[4033] = easy, easy
	if got := next(p, 4035, 600); got != easy {
		t.Errorf("easy down to the window's start: %08x", got)
	}
	p.NoRetargeting = true
	p.Genesis.Header.Bits = hard
	if got := next(p, 4031, 600); got != hard {
		t.Errorf("no retargeting at a window's end: %08x", got)
	}
	p.Genesis.Header.Bits = easy
	if got := next(p, 4031, 600); got != easy {
		t.Errorf("no retargeting and an easy genesis: %08x", got)
	}

	// BIP94 starts from the window's first block rather than its last.
	p = mainnet()
	chain = map[int32]uint32{2016: hard, 4031: harder}
	plain := next(p, 4031, 600)
	p.EnforceBIP94 = true
	if got := next(p, 4031, 600); got == plain || plain>>24 != harder>>24 || got>>24 != hard>>24 {
		t.Errorf("BIP94: %08x, without %08x", got, plain)
	}
}

func TestSubsidy(t *testing.T) {
	var v struct {
		Subsidy []struct {
			Network string
			Height  int32
			Subsidy int64
		}
	}
	readJSON(t, "vectors/core/work_and_subsidy.json", &v)
	for _, c := range v.Subsidy {
		p := network.Regtest()
		if c.Network == "main" {
			p = mainnet()
		}
		if got := p.SubsidyAt(c.Height); got != c.Subsidy {
			t.Errorf("%s %d: %d, want %d", c.Network, c.Height, got, c.Subsidy)
		}
	}
	if len(v.Subsidy) == 0 {
		t.Error("no vectors")
	}
}
