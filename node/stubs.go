package node

// What the files of other subjects define, so that this package compiles until
// they are there. Whoever adds the real type deletes its lines here.

import (
	"context"

	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/address"
	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/rpc"
)

// wallets.go: newWallets opens the wallet files and the follower.
type wallets struct{}

func newWallets(h *Host) (*wallets, error)           { return &wallets{}, nil }
func (w *wallets) Run(ctx context.Context) error     { <-ctx.Done(); return nil }
func (w *wallets) CatchUp(ctx context.Context) error { return nil }
func (w *wallets) Close() error                      { return nil }

// summary is what lode_status shows of the wallets.
func (w *wallets) summary() (count int, encrypted, locked bool) { return 0, false, false }

// owner names the wallet that a script belongs to; events use it.
func (w *wallets) owner(script []byte) (name string, ok bool) { return "", false }

// check says whether a wallet of this name, number or address is there and
// returns its name; settings use it.
func (w *wallets) check(wallet string) (name string, err error) { return wallet, nil }
func (h *Host) registerWallet(s *rpc.Server)                    {}

// payeeScript is the script that pays a wallet or an address, and its label; the
// default wallet when to is empty.
func (h *Host) payeeScript(ctx context.Context, to string) (script []byte, label string, err error) {
	script, err = address.Decode(to, h.params)
	return script, to, err
}

// fanOut returns signed transactions that spend coins of the host's wallets to
// equal sums for all of them (node/wallets_fund.go).
func (h *Host) fanOut(ctx context.Context, coins []consensus.SpentCoin) ([]*wire.MsgTx, error) {
	return nil, nil
}
