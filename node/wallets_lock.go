package node

import (
	"time"

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

// setPassphrase puts the wallets to come under a passphrase and leaves them
// unlocked.
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
