package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lode-chain/lode/chain"
	"github.com/lode-chain/lode/index"
	"github.com/lode-chain/lode/internal/blockfile"
	"github.com/lode-chain/lode/internal/kv"
	"github.com/lode-chain/lode/internal/par"
	"github.com/lode-chain/lode/internal/platform"
	"github.com/lode-chain/lode/mempool"
	"github.com/lode-chain/lode/network"
	"github.com/lode-chain/lode/rpc"
)

// checkedTxs bounds the transactions whose scripts are remembered as good
// (policy): some 100 bytes each.
const checkedTxs = 100_000

// Host is a data directory that this process has open: the chain and all that
// hangs on it. Its fields are set when it is opened and not changed afterwards;
// each part guards its own state.
//
// Opened in this order, closed in the reverse one:
//
//	log, settings → RPC server (every call answers -28) → socket, host.json, port
//	→ store → chain → mempool → indexes → wallets → backups → jobs →
//	mining → calls are answered → the parts' Run loops
//
// so that other processes can tell at any time why they wait, and no call is
// answered by a part that is not there yet. When the host ends: guests are told,
// calls that only wait end, running ones have closeGrace, then the Run loops end,
// the parts are closed, host.json says what is to become of the guests, and
// last of all the lock is released.
//
// A part that has work of its own has a method Run(ctx) error. It returns nil
// when ctx ends; an error of one Run ends the host. Followers of the chain have
// CatchUp(ctx) error.
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
	filters  *index.Filters
	fees     *fees    // node/fees.go
	wallets  *wallets // node/wallets.go
	backups  *backups // node/backups.go
	jobs     *jobs    // node/jobs.go
	mining   *mining  // node/mining.go
	settings *settings
	events   *events
	server   *rpc.Server
	memory   *rpc.Memory // the listener for this process itself
	port     *port

	info    hostInfo
	started time.Time
	closers []func() error // of what is open, in the order of opening

	cancel context.CancelFunc // ends the Run loops
	group  *errgroup.Group    // of the Run loops
	broken <-chan struct{}    // closed when one of them failed

	endOnce sync.Once
	end     chan struct{} // closed when the host begins to end
	done    chan struct{} // closed when it has ended and the lock is free

	mu      sync.Mutex
	stopAll bool  // the guests are to end too
	stopped bool  // somebody asked for the end
	failure error // why it ended, if not so
}

// repair is what a person does about a damaged database or damaged blocks.
const repair = "move " + dbDir + " and " + blocksDir + " out of the folder and bring the chain back from its last backup with lode backup restore; the wallets stay"

// openHost opens a directory whose lock this process holds; the lock is the
// host's from then on.
func openHost(ctx context.Context, c Config, lock *platform.Lock) (*Host, error) {
	h := &Host{
		config: c, params: c.Params, dir: c.Dir, now: c.Clock, rand: c.Rand,
		exec: par.New(), checked: chain.NewCheckCache(checkedTxs),
		events: newEvents(c.Clock), memory: rpc.NewMemory(),
		started: c.Clock(), end: make(chan struct{}), done: make(chan struct{}),
	}
	h.closers = append(h.closers, lock.Unlock)
	err := h.openAll(ctx)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return nil, errors.Join(err, h.closeAll())
	}
	h.run()
	return h, nil
}

// opened remembers how to close what was opened.
func (h *Host) opened(closeIt func() error) { h.closers = append(h.closers, closeIt) }

func (h *Host) openAll(ctx context.Context) error {
	logs, err := openLog(h.dir, maxLog)
	if err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	h.opened(logs.Close)
	h.log = logs.logger(h.config.Log)
	if err := platform.RemoveLeftOvers(h.dir, hostFile, settingsFile, cookieName); err != nil {
		h.log.Warn("files of a host that was killed stay", "err", err)
	}
	if h.settings, err = openSettings(h.dir); err != nil {
		return err
	}
	asked := h.config.Settings
	asked.DefaultWallet, asked.MiningTo = "", "" // whether there are such wallets is known only in the end
	if _, err := h.settings.change(asked); err != nil {
		return err
	}
	if err := h.listen(); err != nil {
		return err
	}
	for _, step := range []struct {
		name string
		open func() error
	}{
		{"opening the store", h.openStore},
		{"loading the chain", h.openChain},
		{"loading the mempool", h.openPool},
		{"loading the wallets", h.openWallets},
		{"starting", h.openWorkers},
	} {
		if err := ctx.Err(); err != nil {
			return err
		}
		h.server.Warmup(step.name)
		h.config.Warmup(step.name)
		if err := step.open(); err != nil {
			return err
		}
	}
	return nil
}

// listen makes the host reachable: by itself, by guests, and for long-lived
// commands through the port. Every call answers -28 until the end of openAll.
func (h *Host) listen() error {
	h.server = rpc.NewServer(rpc.Config{Log: h.log})
	h.registerAll(h.server)
	h.server.Warmup("starting")
	h.port = &port{host: h}
	listener, endpoint, err := platform.Listen(h.dir)
	if err != nil {
		return fmt.Errorf("open the socket for other processes: %w", err)
	}
	h.opened(func() error { return ignoreClosed(listener.Close()) })
	var serving sync.WaitGroup
	h.opened(func() error { serving.Wait(); return nil })
	h.opened(h.port.close)
	h.opened(h.shutdownServer)
	serving.Go(func() {
		if err := h.server.Serve(listener, rpc.Access{}); err != nil {
			h.log.Error("the socket failed", "err", err)
		}
	})
	serving.Go(func() { _ = h.server.Serve(h.memory, rpc.Access{}) })
	h.info = hostInfo{
		PID: pid(), Started: h.started.Unix(), Command: h.config.Command, Version: h.config.Version, Endpoint: endpoint,
	}
	if err := writeHost(h.dir, h.info); err != nil {
		return fmt.Errorf("write %s: %w", hostFile, err)
	}
	if h.config.LongLived {
		_ = h.port.open(h.portNumber()) // its status tells why there is none
	}
	return nil
}

// portNumber is the port to open: the one asked for, the one remembered, else the
// network's.
func (h *Host) portNumber() int {
	if p := h.config.RPCPort; p != nil {
		return *p
	}
	if p := h.settings.get().RPCPort; p != nil {
		return *p
	}
	return int(h.params.RPCPort)
}

func (h *Host) shutdownServer() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeGrace)
	defer cancel()
	return h.server.Shutdown(ctx)
}

func (h *Host) openStore() (err error) {
	dir := filepath.Join(h.dir, dbDir)
	if err := platform.MakePrivateDir(dir); err != nil {
		return err
	}
	h.store, err = kv.OpenPebble(dir, kv.Options{OnFatal: h.fatal})
	if err != nil {
		if platform.DiskAdvice(err) == "" && !errors.Is(err, fs.ErrPermission) {
			err = fmt.Errorf("%w; where it is damaged, %s", err, repair)
		}
		return fmt.Errorf("open the database: %w", err)
	}
	h.opened(h.store.Close)
	return nil
}

func (h *Host) openChain() (err error) {
	dir := filepath.Join(h.dir, blocksDir)
	if err := platform.MakePrivateDir(dir); err != nil {
		return err
	}
	h.chain, err = chain.Open(chain.Config{Params: h.params, Store: h.store, Dir: dir, Exec: h.exec, Checked: h.checked})
	if err != nil {
		if errors.Is(err, blockfile.ErrDamaged) || errors.Is(err, chain.ErrDamaged) {
			err = fmt.Errorf("%w; %s", err, repair)
		}
		return fmt.Errorf("open the chain in %s: %w", h.dir, err)
	}
	h.opened(h.chain.Close)
	return nil
}

func (h *Host) openPool() (err error) {
	h.pool, err = mempool.Open(mempool.Config{
		Params: h.params, Chain: h.chain, Store: h.store, Exec: h.exec, Checked: h.checked, Now: h.now,
	})
	if err != nil {
		return fmt.Errorf("open the mempool: %w", err)
	}
	h.txindex = index.Open(h.store, h.chain)
	h.filters = index.OpenFilters(h.store, h.chain, h.exec)
	h.fees = &fees{host: h}
	return nil
}

func (h *Host) openWallets() (err error) {
	if h.wallets, err = newWallets(h); err != nil {
		return fmt.Errorf("open the wallets: %w", err)
	}
	h.opened(h.wallets.Close)
	return nil
}

func (h *Host) openWorkers() (err error) {
	if h.backups, err = newBackups(h); err != nil {
		return fmt.Errorf("backups: %w", err)
	}
	h.jobs = newJobs(h)
	h.mining = newMining(h)
	if s := h.config.Settings; s.DefaultWallet != "" || s.MiningTo != "" {
		_, err = h.changeSettings(rpc.Settings{DefaultWallet: s.DefaultWallet, MiningTo: s.MiningTo})
	}
	return err
}

// run starts the parts' own work and answers calls from now on.
func (h *Host) run() {
	ctx, cancel := context.WithCancel(context.Background())
	h.cancel = cancel
	var broken context.Context
	h.group, broken = errgroup.WithContext(ctx)
	h.broken = broken.Done()
	for _, part := range []func(context.Context) error{
		h.pool.Run, h.txindex.Run, h.filters.Run, h.wallets.Run, h.backups.Run, h.jobs.Run, h.mining.Run, h.announceFromNow(),
	} {
		h.group.Go(func() error { return part(broken) })
	}
	h.log.Info("host", "command", h.config.Command, "version", h.config.Version, "network", h.params.Name,
		"height", h.chain.Tip().Height)
	h.wallets.resumeScans()
	h.server.Ready()
	go h.supervise()
}

// supervise closes the host when somebody asks for it or a part fails. It is the
// only goroutine that does.
func (h *Host) supervise() {
	select {
	case <-h.end:
	case <-h.broken:
	}
	h.endOnce.Do(func() { close(h.end) })
	guests, _ := h.events.attached()
	h.events.stop(h.stopsAll())
	if err := h.shutdownServer(); err != nil {
		h.log.Warn("calls were cut off at the end", "err", err)
	}
	h.cancel()
	if err := h.group.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		h.fail(err)
	}
	all := h.stopsAll() // no call can change it any more: some that ran to their end may have
	h.info.Stopped = all
	for _, g := range guests[:min(len(guests), maxHeirs)] {
		if !all {
			h.info.Heirs = append(h.info.Heirs, g.PID)
		}
	}
	if err := writeHost(h.dir, h.info); err != nil {
		h.fail(err)
	}
	h.log.Info("host ends", "stopped for all", all)
	if err := h.closeAll(); err != nil {
		h.fail(err)
	}
	close(h.done)
}

// closeAll closes what is open, the last first; the lock comes last.
func (h *Host) closeAll() error {
	var errs []error
	for len(h.closers) > 0 {
		last := len(h.closers) - 1
		closeIt := h.closers[last]
		h.closers = h.closers[:last]
		if err := closeIt(); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// stop asks the host to end; with all, the guests are to end too.
func (h *Host) stop(all bool) {
	h.mu.Lock()
	h.stopped = true
	h.stopAll = h.stopAll || all
	h.mu.Unlock()
	h.endOnce.Do(func() { close(h.end) })
}

// stopsAll says whether the guests are to end with the host.
func (h *Host) stopsAll() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.stopAll
}

// fail notes why the host cannot go on, and ends it.
func (h *Host) fail(err error) {
	h.mu.Lock()
	if h.failure == nil {
		h.failure = err
	}
	h.mu.Unlock()
	if h.log != nil {
		h.log.Error("the host fails", "err", err)
	}
	h.endOnce.Do(func() { close(h.end) })
}

// fatal ends the process as Config.Fatal says, for what the host cannot survive.
func (h *Host) fatal(err error) {
	h.fail(err)
	if h.config.Fatal != nil {
		h.config.Fatal(err)
	}
}

// ending says whether the host has begun to end.
func (h *Host) ending() bool {
	select {
	case <-h.end:
		return true
	default:
		return false
	}
}

// Close ends the host and waits for it. Guests take over.
func (h *Host) Close() error {
	h.endOnce.Do(func() { close(h.end) })
	<-h.done
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.failure
}

// outcome says why the host has ended: ErrStopped when it was asked to.
func (h *Host) outcome() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.failure != nil:
		return fmt.Errorf("the host failed: %w", h.failure)
	case h.stopped:
		return ErrStopped
	}
	return errors.New("this process hosts the chain no more")
}

// mayMine says whether some process that is attached wants the host to mine by
// itself as the settings say.
func (h *Host) mayMine() bool {
	if h.config.Mine {
		return true
	}
	_, guest := h.events.attached()
	return guest
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
	h.registerNetwork(s)
	h.registerChain(s)
	h.registerWait(s)
	h.registerMempool(s)
	h.registerFees(s)
	h.registerFilters(s)
	h.registerRaw(s)
	h.registerDescriptors(s)
	h.registerLode(s)
	h.registerMining(s) // node/mining.go
	h.registerWallet(s) // node/wallets.go
	h.registerJobs(s)   // node/jobs.go: import, export, verify, backups
}
