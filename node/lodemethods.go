package node

import (
	"context"

	"github.com/lode-chain/lode/rpc"
)

// registerLode adds lode's own methods that are about the host.
func (h *Host) registerLode(s *rpc.Server) {
	s.Register(rpc.Method{
		Name: "lode_status", Section: rpc.SectionLode, Own: true,
		Summary: "Returns who hosts the chain and where it stands.",
		Handler: func(ctx context.Context, r *rpc.Request) (any, error) {
			if err := r.Object(&rpc.Empty{}); err != nil {
				return nil, err
			}
			return h.status(ctx)
		},
	})
	s.Register(rpc.Method{
		Name: "lode_events", Section: rpc.SectionLode, Own: true,
		Summary: "Returns what happened after an event, or waits for it. Without since it returns the present position.",
		Params: []rpc.Param{
			{Name: "since", Type: rpc.Number, Optional: true, Help: "next of the call before"},
			{Name: "timeout", Type: rpc.Number, Optional: true, Help: "Seconds to wait, at most 60"},
			{Name: "pid", Type: rpc.Number, Optional: true, Help: "The process that asks, which is listed as a guest then"},
			{Name: "command", Type: rpc.String, Optional: true, Help: "Its command"},
			{Name: "mine", Type: rpc.Bool, Optional: true, Help: "Whether it wants the host to mine"},
		},
		Example: `'{"since":0,"timeout":30}'`,
		Handler: func(ctx context.Context, r *rpc.Request) (any, error) {
			var request rpc.EventsRequest
			if err := r.Object(&request); err != nil {
				return nil, err
			}
			return h.pollEvents(ctx, request)
		},
	})
	s.Register(rpc.Method{
		Name: "lode_stop", Section: rpc.SectionLode, Own: true,
		Summary: "Stops this host; with all, also the processes that would take over.",
		Params:  []rpc.Param{{Name: "all", Type: rpc.Bool, Optional: true, Help: "Stop everybody (default false)"}},
		Example: `'{"all":true}'`,
		Handler: func(_ context.Context, r *rpc.Request) (any, error) {
			var request rpc.StopRequest
			if err := r.Object(&request); err != nil {
				return nil, err
			}
			h.stop(request.All)
			return nil, nil
		},
	})
	s.Register(rpc.Method{
		Name: "lode_settings", Section: rpc.SectionLode, Own: true,
		Summary: "Changes the settings that are given, which are remembered and take effect at once, and returns all.",
		Params: []rpc.Param{
			{Name: "interval", Type: rpc.String, Optional: true, Help: "Time between blocks, e.g. 30s"},
			{Name: "mining_mode", Type: rpc.String, Optional: true, Help: "on-tick, always, on-tx or never"},
			{Name: "mining_to", Type: rpc.String, Optional: true, Help: "Wallet or address that is paid"},
			{Name: "backup_every", Type: rpc.Number, Optional: true, Help: "Blocks between backups; -1 for none"},
			{Name: "backup_dir", Type: rpc.String, Optional: true, Help: "Folder of the backups, absolute"},
			{Name: "rpc_port", Type: rpc.Number, Optional: true, Help: "Port on the loopback address; 0 for any free one"},
			{Name: "default_wallet", Type: rpc.String, Optional: true, Help: "Wallet that is used when none is named"},
		},
		Example: `'{"interval":"10s"}'`,
		Handler: func(_ context.Context, r *rpc.Request) (any, error) {
			var request rpc.Settings
			if err := r.Object(&request); err != nil {
				return nil, err
			}
			return h.changeSettings(request)
		},
	})
}

// status answers lode_status.
func (h *Host) status(ctx context.Context) (rpc.Status, error) {
	if err := h.awaitFollowers(ctx); err != nil {
		return rpc.Status{}, err
	}
	tip := h.chain.Tip()
	settings := h.settings.get()
	guests, _ := h.events.attached()
	url, note := h.port.status()
	s := rpc.Status{
		Version: h.config.Version, Network: h.params.Name, DataDir: h.dir,
		RPCURL: url, RPCNote: note, CookieFile: h.port.cookieFile(), Socket: h.info.Endpoint.Socket,
		HostPID: h.info.PID, HostCommand: h.info.Command, Started: h.started.Unix(), Guests: guests,
		Height: tip.Height, BestBlock: tip.Hash.String(), TipTime: tip.Time(),
		MempoolTxs: h.pool.Info(h.now()).Count,
		Mining:     h.mining.status(), Settings: settings,
		Demo: h.params.Demo, Reward: rpc.Amount(h.params.SubsidyAt(tip.Height + 1)),
		CoinsIssued: rpc.Amount(h.params.TotalSubsidy(tip.Height)), Maturity: h.params.Maturity,
	}
	if s.Socket == "" {
		s.Socket = h.info.Endpoint.Address
	}
	if w, err := h.wallets.defaultWallet(); err == nil {
		s.DefaultWallet = w.Name()
	}
	if next, ok := h.params.NextHalving(tip.Height); ok {
		s.NextHalving = next
	}
	s.Wallets, s.Encrypted, s.Locked = h.wallets.summary()
	s.Damaged = h.wallets.damaged()
	s.Mended = h.wallets.mended()
	s.Plain, s.Published = h.wallets.plain()
	s.BackupDir, s.BackupError = h.backups.status()
	return s, nil
}

// pollEvents answers lode_events. A guest that asks the host to mine may be the
// first one to do so.
func (h *Host) pollEvents(ctx context.Context, r rpc.EventsRequest) (rpc.Events, error) {
	if r.Mine && !h.mayMine() {
		defer h.mining.settingsChanged()
	}
	return h.events.poll(ctx, r)
}

// changeSettings answers lode_settings. What is refused changes nothing.
func (h *Host) changeSettings(c rpc.Settings) (rpc.Settings, error) {
	if c.DefaultWallet != "" {
		name, err := h.wallets.check(c.DefaultWallet)
		if err != nil {
			return rpc.Settings{}, err
		}
		c.DefaultWallet = name
	}
	if c.MiningTo != "" {
		if _, _, err := h.payeeScript(context.Background(), c.MiningTo); err != nil {
			return rpc.Settings{}, err
		}
	}
	if err := h.settings.check(c); err != nil {
		return rpc.Settings{}, err
	}
	if c.RPCPort != nil && h.config.LongLived {
		if err := h.port.open(*c.RPCPort); err != nil {
			return rpc.Settings{}, rpc.CodeInvalidParameter.New(err.Error())
		}
	}
	values, err := h.settings.change(c)
	if err != nil {
		return rpc.Settings{}, err
	}
	h.mining.settingsChanged()
	h.backups.settingsChanged()
	return values, nil
}
