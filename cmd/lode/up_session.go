package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lode-chain/lode/address"
	"github.com/lode-chain/lode/console"
	"github.com/lode-chain/lode/internal/platform"
	"github.com/lode-chain/lode/keys"
	"github.com/lode-chain/lode/node"
	"github.com/lode-chain/lode/rpc"
)

// upSession is one run of up, from the open chain to the farewell. Its mutex
// guards the output: events and changes of role come from two goroutines.
type upSession struct {
	*program
	flags    up
	settings rpc.Settings // that the flags change
	chain    *openChain
	words    string // of the demonstration's wallets

	stopped bool // somebody stopped the chain for all

	mu        sync.Mutex
	last      rpc.Status // as far as the events told
	role      node.Role
	announced bool        // the banner is printed
	early     []rpc.Event // that came before it
	start     int32       // blocks up to this height are of the start
}

// upWords returns the words that the demonstration's wallets will have.
func (p *program) upWords(f up) (string, error) {
	switch {
	case f.randomMnemonic:
		return keys.NewMnemonic(12, rand.Reader)
	case f.mnemonicFile != "":
		text, err := p.readSecret(f.mnemonicFile)
		if err != nil {
			return "", err
		}
		words, _, err := keys.CheckMnemonic(text)
		if err != nil {
			return "", fmt.Errorf("%s: %w", f.mnemonicFile, err)
		}
		return words, nil
	}
	return keys.PublishedWords, nil
}

func (u *upSession) run(ctx context.Context) error {
	u.role = u.chain.node.Role()
	status, err := u.chain.Status(ctx)
	if err != nil {
		return err
	}
	if err := u.checkPort(status); err != nil {
		return err
	}
	if err := u.unlock(ctx, status.Locked); err != nil {
		return err
	}
	funding, err := u.fund(ctx, status)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	ready := make(chan struct{})
	group.Go(func() error {
		return u.chain.node.Run(ctx, u.changed)
	})
	group.Go(func() error {
		return followEvents(ctx, u.chain, func() { close(ready) }, u.event)
	})
	group.Go(func() error {
		select {
		case <-ready:
		case <-ctx.Done():
			return nil
		}
		return u.announce(ctx, funding)
	})
	err = group.Wait()
	u.stopped = errors.Is(err, errStopping) || errors.Is(err, node.ErrStopped)
	if u.stopped || err == nil {
		return errEnded
	}
	return err
}

// unlock opens the wallets for as long as the host runs. Where nobody can be
// asked they stay locked.
func (u *upSession) unlock(ctx context.Context, locked bool) error {
	stays := rpc.CodeUnlockNeeded.New("the wallets stay locked")
	err := u.unlocking(ctx, u.flags.passphraseFile, func(passphrase string) error {
		switch {
		case passphrase != "":
			return u.chain.Unlock(ctx, passphrase)
		case locked:
			return stays
		}
		return nil
	})
	if errors.Is(err, stays) {
		return nil
	}
	return err
}

// checkPort fails where somebody counts on a port that cannot be opened. Else
// the banner tells of it.
func (u *upSession) checkPort(s rpc.Status) error {
	if (u.flags.given("rpc-port") || u.flags.readyFile != "") && s.RPCURL == "" && s.RPCNote != "" {
		return errors.New(s.RPCNote)
	}
	return nil
}

// apply sets what the flags change. All of it is remembered, or nothing.
func (u *upSession) apply(ctx context.Context) error {
	if u.settings == (rpc.Settings{}) {
		return nil
	}
	_, err := u.chain.Settings(ctx, u.settings)
	return err
}

// checkPayee refuses a --to that will be neither an address nor one of the
// wallets that this command is about to make.
func (u *upSession) checkPayee() error {
	to := strings.ToLower(u.settings.MiningTo)
	if to == "" {
		return nil
	}
	_, wrong := address.Decode(u.settings.MiningTo, u.chain.params)
	if wrong == nil {
		return nil
	}
	if n, err := strconv.Atoi(strings.TrimPrefix(to, "wallet")); err == nil && n >= 1 && n <= u.flags.wallets {
		return nil
	}
	if len(to) >= shortestAddress {
		return fmt.Errorf("--to: %w", wrong)
	}
	return fmt.Errorf("--to %s: no wallet is called so; this makes Wallet1 to Wallet%d", u.settings.MiningTo, u.flags.wallets)
}

// fund applies the flags, makes the demonstration's wallets and funds them, where
// that is due. It returns one line that says what it did, or why it did nothing.
func (u *upSession) fund(ctx context.Context, s rpc.Status) (string, error) {
	asked := u.flags.given("wallets") || u.flags.mnemonicFile != "" || u.flags.randomMnemonic
	ignored := ""
	if asked && (!s.Demo || s.Height > 0 || s.Wallets > 0) {
		ignored = "; --wallets and its words are for an empty regtest, lode wallet new makes more"
	}
	making := s.Demo && s.Height == 0 && s.Wallets == 0 && u.flags.wallets > 0
	making = making && len(s.Damaged) == 0
	check := u.apply
	if making {
		check = func(context.Context) error { return u.checkPayee() }
	}
	if err := check(ctx); err != nil {
		return "", err
	}
	switch {
	case !s.Demo && s.Height == 0:
		return fmt.Sprintf("Not funded: %s is a network of its own. Its first coins come from lode mine, lode miner or lode up --empty-blocks%s.", s.Network, ignored), nil
	case !s.Demo:
		return fmt.Sprintf("Not funded: %s is a network of its own, its coins come from mining%s.", s.Network, ignored), nil
	case s.Height > 0:
		return fmt.Sprintf("Not funded again: the chain is at height %s; only an empty one is%s.", console.Thousands(int64(s.Height)), ignored), nil
	case s.Wallets == 0 && !making:
		return "Not funded: there are no wallets to fund (--wallets 0).", nil
	}
	funded, err := u.chain.Fund(ctx, rpc.FundRequest{Wallets: u.flags.wallets, Mnemonic: u.words})
	if why := notFunded(err); why != "" {
		if making {
			err = u.apply(ctx)
		} else {
			err = nil
		}
		return why, err
	}
	if err != nil {
		return "", fmt.Errorf("funding the wallets: %w", err)
	}
	if making {
		if err := u.apply(ctx); err != nil {
			return "", err
		}
	}
	if !funded.Funded {
		return fmt.Sprintf("Funded by another process just now, to height %s.", console.Thousands(int64(funded.Height))), nil
	}
	return fmt.Sprintf("Funded %s by mining %s%s.", console.Count(funded.Wallets, "wallet"), console.Count(funded.Height, "block"), ignored), nil
}

// announce prints the banner and writes the ready file.
func (u *upSession) announce(ctx context.Context, funding string) error {
	status, err := u.chain.Status(ctx)
	if err != nil {
		return ignoreEnd(ctx, err)
	}
	wallets, err := u.chain.ListWallets(ctx)
	if err != nil {
		return ignoreEnd(ctx, err)
	}
	words := u.bannerWords(ctx, status, wallets)
	u.mu.Lock()
	defer u.mu.Unlock()
	u.last = status
	u.noteDamaged(status)
	defer u.started(status.Height)
	if u.json {
		line, err := json.Marshal(status)
		if err != nil {
			return err
		}
		u.screen.Printf("%s\n", line)
	} else {
		u.banner(status, wallets, words, funding)
	}
	if u.flags.readyFile == "" {
		return nil
	}
	text, err := json.MarshalIndent(status, "", "  ")
	if err != nil {
		return err
	}
	if err := platform.WriteFile(u.flags.readyFile, append(text, '\n')); err != nil {
		return fmt.Errorf("writing the ready file: %w", err)
	}
	return nil
}

// ignoreEnd returns nil for an error that comes of the end of this session.
func ignoreEnd(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// bannerWallets is how many wallets the banner lists. Policy.
const bannerWallets = 10

// bannerWords returns the demonstration's mnemonic and the wallets that have
// it. Words of other networks are never shown unasked.
func (u *upSession) bannerWords(ctx context.Context, s rpc.Status, wallets []rpc.Wallet) [2]string {
	if !s.Demo || len(wallets) == 0 {
		return [2]string{}
	}
	var words string
	var names []string
	for _, w := range wallets[:min(len(wallets), bannerWallets)] {
		k, err := u.chain.WalletKeys(ctx, rpc.WalletRequest{Wallet: strconv.Itoa(w.Number)})
		if err != nil || k.Mnemonic == "" {
			continue // locked, or an imported key
		}
		if words == "" {
			words = k.Mnemonic
		}
		if k.Mnemonic == words {
			names = append(names, console.Clean(w.Name))
		}
	}
	if len(names) > 2 {
		names = []string{names[0] + " to " + names[len(names)-1]}
	}
	return [2]string{words, console.List(names)}
}

// banner shows a started chain.
func (u *upSession) banner(s rpc.Status, wallets []rpc.Wallet, words [2]string, funding string) {
	screen := u.screen
	screen.Printf("%s\n\n", screen.Bold(fmt.Sprintf("lode %s: %s at height %s", s.Version, s.Network, console.Thousands(int64(s.Height)))))
	switch {
	case len(wallets) == 0 && len(s.Damaged) > 0:
		screen.Printf("No wallet here can be read.\n\n")
	case len(wallets) == 0:
		screen.Printf("%s\n\n", capital(errNoWallet.Error()))
	default:
		u.walletTable(wallets[:min(len(wallets), bannerWallets)], false)
		if more := len(wallets) - bannerWallets; more > 0 {
			screen.Printf("… and %s more: lode wallet list\n", console.Thousands(int64(more)))
		}
		screen.Printf("\n")
	}
	mnemonic := ""
	if words[0] != "" {
		mnemonic = fmt.Sprintf("%s  (%s)", words[0], words[1])
	}
	listens := s.RPCURL
	if listens == "" {
		listens = "no port"
		if s.RPCNote != "" {
			listens += ": " + s.RPCNote
		}
		listens += "; lode's own commands work all the same"
	}
	role := "this process hosts the chain"
	if !u.role.Host {
		role = fmt.Sprintf("guest of pid %d, %s, which hosts the chain", u.role.PID, u.role.Command)
	}
	screen.Fields(
		[2]string{"Mnemonic", mnemonic},
		[2]string{"Network", s.Network},
		[2]string{"Folder", s.DataDir},
		[2]string{"Role", role},
		[2]string{"RPC", listens},
		[2]string{"Cookie", s.CookieFile},
		[2]string{"Mining", u.miningLine(s)},
		[2]string{"Backups", backupLine(s)},
		[2]string{"Remembered", u.remembered(s)},
	)
	screen.Printf("\n%s\n", screen.Fold(funding, 0))
	public := s.Published
	if keys.IsPublished(words[0]) {
		public = max(public, 1)
	}
	for _, note := range []string{console.KeysNote(0, public, s.Encrypted), console.KeysNote(s.Plain-s.Published, 0, s.Encrypted)} {
		if note != "" {
			screen.Printf("%s\n", screen.Warn(screen.Fold(note, 0)))
		}
	}
	if s.Demo {
		screen.Printf("On regtest the reward halves every 150 blocks and ends at block 4,950.\n")
	}
	if s.Locked {
		screen.Printf("%s\n", screen.Warn("The wallets are locked: payments ask for the passphrase."))
	}
	screen.Printf("%s\n\n", screen.Fold("Ctrl-C stops this, lode stop stops all. Try lode send or lode console in another terminal.", 0))
}

// remembered says what was set in an earlier run, and the flags that change it.
func (u *upSession) remembered(s rpc.Status) string {
	set := s.Settings
	var lines []string
	add := func(flag, text string, differs bool) {
		if differs && !u.flags.given(flag) {
			lines = append(lines, fmt.Sprintf("%s (--%s)", text, flag))
		}
	}
	mode := u.flags.given("empty-blocks") || u.flags.given("mine-on-tx") || u.flags.given("no-mining")
	add("interval", "interval "+set.Interval, set.Interval != "" && set.Interval != "30s")
	add("mining", "mining "+set.MiningMode, set.MiningMode != "" && set.MiningMode != "on-tick" && !mode)
	add("to", "paid to "+console.Clean(set.MiningTo), set.MiningTo != "")
	every := "a backup every " + console.Count(set.BackupEvery, "block")
	if set.BackupEvery < 0 {
		every = "no backups"
	}
	add("backup-every", every, set.BackupEvery != 0 && set.BackupEvery != 5)
	add("backup-dir", "backups in "+set.BackupDir, set.BackupDir != "")
	if set.RPCPort != nil && !u.flags.temp {
		port := "any free port"
		if *set.RPCPort != 0 {
			port = fmt.Sprintf("port %d", *set.RPCPort)
		}
		add("rpc-port", port, true)
	}
	return strings.Join(lines, ", ")
}

// clock shows the time of day of an event.
func clock(unix int64) string { return time.Unix(unix, 0).Format("15:04:05") }

// changed tells of another host.
func (u *upSession) changed(role node.Role) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.role = role
	if u.json {
		return
	}
	line := fmt.Sprintf("now a guest of pid %d, %s", role.PID, role.Command)
	if role.Host {
		line = "this process hosts the chain now"
		switch {
		case role.RPCURL != "":
			line += "; RPC at " + role.RPCURL
		case role.RPCNote != "":
			line += "; no RPC port: " + role.RPCNote
		}
	}
	u.screen.Printf("%s  %s\n", u.screen.Faint(clock(u.now().Unix())), line)
}

// farewell says how the session ended and where the chain goes on. It asks the
// chain once more, so it is called before the chain is closed.
func (u *upSession) farewell(err error) string {
	if err != nil && !errors.Is(err, errEnded) {
		return ""
	}
	height, where := u.last.Height, "; all is kept, lode up goes on from here"
	if u.flags.temp {
		where = "; its folder is deleted"
	}
	if !u.stopped {
		ctx, cancel := context.WithTimeout(context.Background(), farewellWait)
		defer cancel()
		if s, err := u.chain.Status(ctx); err == nil {
			height = s.Height
			if pid, command := goesOn(s); pid != 0 {
				where = fmt.Sprintf("; the chain goes on in pid %d, %s", pid, command)
			}
		}
	}
	return fmt.Sprintf("Stopped at height %s%s.", console.Thousands(int64(height)), where)
}

// farewellWait bounds how long a command that ends asks where the chain goes on.
const farewellWait = 2 * time.Second

// goesOn returns the process that hosts the chain once this one has ended; its
// pid is 0 when there is none.
func goesOn(s rpc.Status) (pid int, command string) {
	switch {
	case s.HostPID != os.Getpid():
		return s.HostPID, s.HostCommand
	case len(s.Guests) > 0:
		return s.Guests[0].PID, s.Guests[0].Command
	}
	return 0, ""
}
