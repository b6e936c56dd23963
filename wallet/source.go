package wallet

import "github.com/lode-chain/lode/descriptor"

// Gap is how many scripts beyond the last used or issued one are watched
// (BIP44's gap limit), unless a Book is told otherwise.
const Gap = 20

const (
	// maxIndex bounds what a chain's counter may reach: indexes of unhardened
	// children are below 2^31.
	maxIndex = 1<<31 - 1
	// MaxWallet and MaxChains are the highest number of a wallet and the most
	// chains that one may have; policy.
	MaxWallet = 1<<24 - 1
	MaxChains = 255
)

// Source gives a wallet's scripts: some chains of them, each a descriptor's.
type Source interface {
	// Chains is the number of chains of scripts.
	Chains() uint32
	// Ranged says whether a chain goes on; else it has index 0 only.
	Ranged(chain uint32) bool
	// Scripts returns the scripts of one index, mostly one: combo() has several.
	// It may be slow, as keys are derived.
	Scripts(chain, index uint32) ([][]byte, error)
}

// Descriptors returns the source of the scripts of descriptors: chain i is the
// i-th of them.
func Descriptors(list []*descriptor.Descriptor) Source { return descriptorSource(list) }

type descriptorSource []*descriptor.Descriptor

func (s descriptorSource) Chains() uint32           { return uint32(len(s)) }
func (s descriptorSource) Ranged(chain uint32) bool { return s[chain].Ranged() }
func (s descriptorSource) Scripts(chain, index uint32) ([][]byte, error) {
	return s[chain].Scripts(index)
}

// Chain is one chain of scripts as a Book is told of it.
type Chain struct {
	Ranged bool
	Start  uint32 // the first index that is watched
	End    uint32 // at least all indexes below are watched
}

// Owner is where a script belongs.
type Owner struct {
	Wallet uint32
	Chain  uint32
	Index  uint32
}
