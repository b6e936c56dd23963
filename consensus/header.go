package consensus

import (
	"fmt"
	"math/big"

	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/network"
	"github.com/lode-chain/lode/pow"
)

// Limits on a block's time, in seconds (consensus).
const (
	// MaxFutureBlockTime is how far a block's time may be ahead of the clock.
	MaxFutureBlockTime = 2 * 60 * 60
	// MaxTimewarp is how far the first block of a retarget window may be before
	// its parent (BIP94).
	MaxTimewarp = 600
	// MedianTimeSpan is the number of blocks over which the median time past is
	// taken.
	MedianTimeSpan = 11
)

// HeaderContext is what a block's header and body are checked against: its
// place in the chain.
type HeaderContext struct {
	// Height is that of the new block.
	Height int32
	// Prev is its parent's header.
	Prev wire.BlockHeader
	// MedianTimePast is the median time of the last 11 blocks up to and with the
	// parent, in Unix seconds.
	MedianTimePast int64
	// Bits is what ExpectedBits says for this block.
	Bits uint32
}

// ExpectedBits returns the compact target that a block with time newTime must
// have after a parent at parentHeight (Core's GetNextWorkRequired). at returns
// the time and bits of the block at a height of the parent's branch; it is asked
// for at most one retarget window of blocks.
func ExpectedBits(p *network.Params, parentHeight int32, at func(height int32) (unixTime int64, bits uint32), newTime int64) uint32 {
	if p.NoRetargeting && p.Genesis.Header.Bits == p.PowLimitBits {
		return p.PowLimitBits // there is no other that any rule could give
	}
	interval := p.RetargetInterval()
	parentTime, parentBits := at(parentHeight)
	if (parentHeight+1)%interval != 0 {
		if !p.AllowMinDifficulty {
			return parentBits
		}
		if newTime > parentTime+2*p.TargetSpacing {
			return p.PowLimitBits
		}
		// The last block that was not allowed to be easy.
		height, bits := parentHeight, parentBits
		for height > 0 && height%interval != 0 && bits == p.PowLimitBits {
			height--
			_, bits = at(height)
		}
		return bits
	}
	if p.NoRetargeting {
		return parentBits
	}
	// The window's first block; Core is off by one here, and so is everybody.
	firstTime, firstBits := at(parentHeight - (interval - 1))
	base := parentBits
	if p.EnforceBIP94 {
		base = firstBits
	}
	return retarget(p, base, parentTime-firstTime)
}

// retarget returns the target for the window after one that took timespan
// seconds (Core's CalculateNextWorkRequired).
func retarget(p *network.Params, bits uint32, timespan int64) uint32 {
	timespan = min(max(timespan, p.TargetTimespan/4), p.TargetTimespan*4)
	target, _, _ := pow.TargetFromBits(bits)
	target.Mul(target, big.NewInt(timespan))
	target.Quo(target, big.NewInt(p.TargetTimespan))
	if target.Cmp(p.PowLimit) > 0 {
		target = p.PowLimit
	}
	return pow.BitsFromTarget(target)
}

// CheckHeader checks a header against its parent and the clock (Core's
// ContextualCheckBlockHeader). now is in Unix seconds. The proof of work itself
// is checked by CheckBlock, or by CheckProofOfWork where there is no block yet.
func CheckHeader(p *network.Params, ctx HeaderContext, h *wire.BlockHeader, now int64) error {
	if h.Bits != ctx.Bits {
		return refuse(BadDiffBits, "incorrect proof of work")
	}
	time := h.Timestamp.Unix()
	if time <= ctx.MedianTimePast {
		return refuse(TimeTooOld, "block's timestamp is too early")
	}
	if p.EnforceBIP94 && ctx.Height%p.RetargetInterval() == 0 && time < ctx.Prev.Timestamp.Unix()-MaxTimewarp {
		return refuse(TimeTimewarp, "block's timestamp is too early on diff adjustment block")
	}
	if time > now+MaxFutureBlockTime {
		return &Error{Kind: TimeTooNew, Sort: NotYet, Debug: "block timestamp too far in the future"}
	}
	// The version is a signed number: the highest bit makes it negative.
	v := h.Version
	if v < 2 && ctx.Height >= p.BIP34Height || v < 3 && ctx.Height >= p.BIP66Height || v < 4 && ctx.Height >= p.BIP65Height {
		return &Error{
			Kind:   BadVersion,
			Detail: fmt.Sprintf("(0x%08x)", uint32(v)),
			Debug:  fmt.Sprintf("rejected nVersion=0x%08x block", uint32(v)),
		}
	}
	return nil
}

// CheckProofOfWork checks that a header's hash meets its own bits and that these
// are within the network's limit (Core's CheckBlockHeader).
func CheckProofOfWork(p *network.Params, h *wire.BlockHeader) error {
	header := pow.EncodeHeader(h)
	if !pow.Check(doubleSHA256(header[:]), h.Bits, p.PowLimit) {
		return refuse(HighHash, "proof of work failed")
	}
	return nil
}
