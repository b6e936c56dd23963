package node

import (
	"context"
	"io"
	"log/slog"
	"time"

	"github.com/lode-chain/lode/chain"
	"github.com/lode-chain/lode/index"
	"github.com/lode-chain/lode/internal/kv"
	"github.com/lode-chain/lode/mempool"
	"github.com/lode-chain/lode/network"
	"github.com/lode-chain/lode/rpc"
)

// Host is a data directory that this process has open: the chain and all that
// hangs on it. Its fields are set when it is opened and not changed afterwards;
// each part guards its own state.
//
// Opened in this order, closed in the reverse one:
//
//	store → chain → mempool → txindex → wallets → backups → jobs → mining → RPC
//
// A part that has work of its own has a method Run(ctx) error, which the host
// starts when all parts are open. Run returns nil when ctx ends; an error of one
// Run ends the host. Followers of the chain have CatchUp(ctx) error.
type Host struct {
	config Config
	params *network.Params
	dir    string // the network's folder, absolute
	log    *slog.Logger
	now    func() time.Time // the only clock; handlers use it too
	rand   io.Reader

	store    kv.Store
	exec     chain.Executor
	checked  *chain.CheckCache
	chain    *chain.Manager
	pool     *mempool.Pool
	txindex  *index.Transactions
	wallets  *wallets // node/wallets.go
	backups  *backups // node/backups.go
	jobs     *jobs    // node/jobs.go
	mining   *mining  // node/mining.go
	settings *settings
	events   *events
	server   *rpc.Server

	started time.Time
}

// awaitFollowers waits until mempool, wallets and transaction index have reached
// the tip of when it was called. A handler that reads one of them calls it first.
func (h *Host) awaitFollowers(ctx context.Context) error {
	for _, f := range []interface{ CatchUp(context.Context) error }{h.pool, h.txindex, h.wallets} {
		if err := f.CatchUp(ctx); err != nil {
			return err
		}
	}
	return nil
}

// registerAll puts every method of the host into the server's table.
func (h *Host) registerAll(s *rpc.Server) {
	h.registerControl(s)
	h.registerChain(s)
	h.registerMempool(s)
	h.registerRaw(s)
	h.registerLode(s)
	h.registerMining(s) // node/mining.go
	h.registerWallet(s) // node/wallets.go
	h.registerJobs(s)   // node/jobs.go: import, export, verify, backups
}
