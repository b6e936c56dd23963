package template

import (
	"github.com/lode-chain/lode/chain"
	"github.com/lode-chain/lode/network"
)

// State is how far a soft fork by version bits has come (BIP9).
type State uint8

// The states in their order. There is no failure: the one soft fork that lode
// knows by version bits has no timeout.
const (
	Defined State = iota
	Started
	LockedIn
	Active
)

// TestDummyBit is the version bit of "testdummy", a soft fork that changes no
// rule: Core's regtest has it so that miners' software can be tested.
const TestDummyBit = 28

const (
	signalWindow    = 144        // blocks, nMinerConfirmationWindow of regtest
	signalThreshold = 108        // of them, nRuleChangeActivationThreshold
	versionTop      = 0x20000000 // VERSIONBITS_TOP_BITS
	versionTopMask  = 0xe0000000 // VERSIONBITS_TOP_MASK
	regtest         = "regtest"
)

// TestDummy returns the state of "testdummy" for the block after parent. On
// networks other than regtest it stays Defined for ever.
func TestDummy(p *network.Params, parent *chain.Entry) State {
	if p.Name != regtest {
		return Defined
	}
	height := parent.Height + 1
	// It starts with the second window, as its start time is 0.
	for start := int32(signalWindow); start+signalWindow <= height; start += signalWindow {
		if signals(parent, start) < signalThreshold {
			continue
		}
		if start+2*signalWindow <= height {
			return Active
		}
		return LockedIn
	}
	if height < signalWindow {
		return Defined
	}
	return Started
}

// signals counts the blocks of a window that signal for "testdummy".
func signals(tip *chain.Entry, start int32) (count int) {
	e := tip.Ancestor(start + signalWindow - 1)
	for range signalWindow {
		v := uint32(e.Header().Version)
		if v&versionTopMask == versionTop && v&(1<<TestDummyBit) != 0 {
			count++
		}
		e = e.Parent()
	}
	return count
}

// Version is that of a block on parent (Core's ComputeBlockVersion): it signals
// for what is under way.
func Version(p *network.Params, parent *chain.Entry) int32 {
	version := int32(versionTop)
	if s := TestDummy(p, parent); s == Started || s == LockedIn {
		version |= 1 << TestDummyBit
	}
	return version
}
