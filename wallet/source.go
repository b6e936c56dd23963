package wallet

import "github.com/lode-chain/lode/keys"

// Gap is how many scripts beyond the last used or issued one are watched
// (BIP44's gap limit).
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

// Source gives a wallet's scripts.
type Source interface {
	// Chains is the number of chains of scripts. The first gives addresses to
	// hand out, the last those that change goes to.
	Chains() uint32
	// Ranged says whether a chain goes on; else it has one script, at index 0.
	Ranged() bool
	// Script returns one script. It may be slow: a key is derived.
	Script(chain, index uint32) ([]byte, error)
}

// Account returns the source of an account's scripts: receiving addresses and
// change.
func Account(a *keys.Account) Source { return accountSource{a} }

type accountSource struct{ account *keys.Account }

func (accountSource) Chains() uint32 { return 2 }
func (accountSource) Ranged() bool   { return true }
func (s accountSource) Script(chain, index uint32) ([]byte, error) {
	_, script, err := s.account.Child(chain, index)
	return script, err
}

// Single returns the source of one script.
func Single(script []byte) Source { return singleSource{script} }

type singleSource struct{ script []byte }

func (singleSource) Chains() uint32                          { return 1 }
func (singleSource) Ranged() bool                            { return false }
func (s singleSource) Script(uint32, uint32) ([]byte, error) { return s.script, nil }

// Owner is where a script belongs.
type Owner struct {
	Wallet uint32
	Chain  uint32
	Index  uint32
}
