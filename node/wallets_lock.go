package node

import (
	"context"
	"time"

	"github.com/lode-chain/lode/internal/vault"
	"github.com/lode-chain/lode/rpc"
)

// maxUnlock is the longest that walletpassphrase unlocks, in seconds (Core's
// MAX_SLEEP_TIME).
const maxUnlock = 100_000_000

// unlock keeps the wallets open for a time, or with 0 until they are locked or
// the host ends. Timers run on a clock that does not jump.
func (w *wallets) unlock(passphrase string, last time.Duration) error {
	w.lockMu.Lock()
	defer w.lockMu.Unlock()
	if err := w.vault.Unlock([]byte(passphrase)); err != nil {
		return walletError(err)
	}
	w.stopTimer()
	w.unlockedForever()
	if last > 0 {
		w.until = w.host.now().Add(last).Unix()
		var timer *time.Timer
		timer = time.AfterFunc(last, func() {
			w.lockMu.Lock()
			defer w.lockMu.Unlock()
			if w.lockTimer == timer { // not renewed in between
				w.vault.Lock()
			}
		})
		w.lockTimer = timer
	}
	return nil
}

// unlockedForever notes that no timer locks the wallets. The caller holds lockMu.
func (w *wallets) unlockedForever() { w.until = w.host.now().Unix() + maxUnlock }

// lock forgets the key.
func (w *wallets) lock() {
	w.lockMu.Lock()
	defer w.lockMu.Unlock()
	w.stopTimer()
	w.vault.Lock()
}

// unlockedUntil is when the wallets lock again, in Unix seconds; 0 when they
// are locked.
func (w *wallets) unlockedUntil() int64 {
	w.lockMu.Lock()
	defer w.lockMu.Unlock()
	if w.vault.Locked() {
		return 0
	}
	return w.until
}

func (w *wallets) stopTimer() {
	if w.lockTimer != nil {
		w.lockTimer.Stop()
		w.lockTimer = nil
	}
}

// setPassphrase puts all wallets under a passphrase and leaves them unlocked.
func (w *wallets) setPassphrase(passphrase string) error {
	w.lockMu.Lock()
	defer w.lockMu.Unlock()
	if err := w.vault.SetPassphrase([]byte(passphrase)); err != nil {
		return walletError(err)
	}
	w.unlockedForever()
	w.host.events.Publish(rpc.Event{Kind: "wallet", Text: "the wallets are under a passphrase now"})
	return nil
}

// registerLock adds the methods of the wallets' passphrase.
func (h *Host) registerLock(s *rpc.Server) {
	for _, m := range []rpc.Method{
		{
			Name: "lode_unlock", Summary: "Opens the wallets' secrets for a time, or until the host ends or walletlock is called.",
			Params: []rpc.Param{
				{Name: "passphrase", Type: rpc.String, Help: "Of the wallets"},
				{Name: "seconds", Type: rpc.Number, Optional: true, Help: "For how long; without limit when left out"},
			},
			Example: `'{"passphrase":"…"}'`,
			Handler: own(func(_ context.Context, w *wallets, r rpc.Unlock) (any, error) { return nil, w.unlockFor(r) }, h),
		}, {
			Name: "lode_setpassphrase", Summary: "Puts all wallets under a passphrase and leaves them unlocked: all of them or, after an error, none.",
			Params:  []rpc.Param{{Name: "passphrase", Type: rpc.String, Help: "The passphrase"}},
			Example: `'{"passphrase":"…"}'`,
			Handler: own(func(_ context.Context, w *wallets, r rpc.Passphrase) (any, error) {
				return nil, w.setPassphrase(r.Passphrase)
			}, h),
		},
	} {
		registerOwn(s, m)
	}
	for _, m := range []rpc.Method{
		{
			Name: "walletpassphrase", Summary: "Opens the secrets of all wallets for a time.",
			Params: []rpc.Param{
				{Name: "passphrase", Type: rpc.String, Help: "Of the wallets"},
				{Name: "timeout", Type: rpc.Number, Help: "Seconds, at most 100000000"},
			},
			Example: `"my pass phrase" 60`, Handler: h.walletPassphrase,
		}, {
			Name: "walletlock", Summary: "Closes the secrets of all wallets.", Handler: h.walletLock,
		},
	} {
		registerCore(s, m)
	}
}

func (h *Host) walletPassphrase(_ context.Context, r *rpc.Request) (any, error) {
	passphrase, err := r.Text(0, "")
	if err != nil {
		return nil, err
	}
	seconds, err := r.Int(1, 0)
	switch {
	case err != nil:
		return nil, err
	case !h.wallets.vault.Encrypted():
		return nil, walletError(vault.ErrNotEncrypted)
	case seconds < 0:
		return nil, rpc.CodeInvalidParameter.New("Timeout cannot be negative.")
	case passphrase == "":
		return nil, rpc.CodeInvalidParameter.New("passphrase cannot be empty")
	case seconds == 0: // checked, and closed again at once
		if err := h.wallets.unlock(passphrase, 0); err != nil {
			return nil, err
		}
		h.wallets.lock()
		return nil, nil
	}
	return nil, h.wallets.unlock(passphrase, time.Duration(min(seconds, maxUnlock))*time.Second)
}

func (h *Host) walletLock(context.Context, *rpc.Request) (any, error) {
	if !h.wallets.vault.Encrypted() {
		return nil, rpc.CodeWrongEncState.New("Error: running with an unencrypted wallet, but walletlock was called.")
	}
	h.wallets.lock()
	return nil, nil
}
