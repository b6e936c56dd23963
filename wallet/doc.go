// Package wallet knows which coins are whose: the scripts of all wallets, the
// coins and payments that blocks bring them, what the mempool adds to that, which
// coins a payment takes, and its signatures.
//
// It does no I/O and holds no keys. A Book reads a kv.Reader and returns what
// is to be written as a kv.Batch, the position on the chain included; its owner
// stores the batch, so that a wallet's coins and the block up to which they are
// known never disagree. What is kept can all be built again from blocks and the
// wallets' public halves. Names, secrets and what has been issued are kept
// elsewhere, under the same wallet numbers.
//
// Where scripts come from is a Source: a wallet is a set of descriptors, and each
// is one chain of scripts. More can be added to a wallet that has rows.
//
// A Book belongs to one owner, which calls one method at a time. A View is a
// moment that may be read from anywhere.
package wallet
