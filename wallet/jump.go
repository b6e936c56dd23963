package wallet

import "github.com/lode-chain/lode/internal/kv"

// Jump returns what moves the position to a block without following the chain
// there: no block in between touches a wallet, as somebody has found out. The
// next step of Follow goes on from there.
func Jump(to Position) *kv.Batch {
	b := new(kv.Batch)
	b.Put(positionKey(), to.encode())
	return b
}
