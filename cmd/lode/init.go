package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lode-chain/lode/console"
	"github.com/lode-chain/lode/internal/platform"
	"github.com/lode-chain/lode/keys"
	"github.com/lode-chain/lode/network"
	"github.com/lode-chain/lode/node"
	"github.com/lode-chain/lode/rpc"
)

// initFlags are the flags of init.
type initFlags struct {
	passphraseFile string
	noPassphrase   bool
	backupDir      string
	noConfirm      bool
	words          int
	genesisText    string
	proofOfWork    string
	spacing        time.Duration
	subsidy        string
	halving        int64
	maturity       int64

	given func(flag string) bool
}

func (p *program) initCommand() *cobra.Command {
	var f initFlags
	c := &cobra.Command{
		Use: "init [NAME]", Short: "Make a network of your own, to keep",
		Long: `Makes a network of your own: its rules as a commented file, its first block,
and a wallet of new random words. It lands in .lode in this folder (or in
--datadir), and lode up in this folder runs it. Nothing is mined in advance.

Proof of work on ordinary processors protects nobody from an outsider with
mining hardware: keep such a chain among people who trust each other.`,
		Example: `  lode init acme
  lode init acme --proof-of-work retarget
  lode init acme --yes --passphrase-file pass.txt --no-confirm`,
		Args: atMost(1),
		RunE: func(c *cobra.Command, args []string) error {
			if p.lent != nil {
				return errors.New("leave the console first: lode init makes another chain")
			}
			f.given = c.Flags().Changed
			if err := onlyOne(f.given, passphraseFlag, "no-passphrase"); err != nil {
				return err
			}
			return p.runInit(c.Context(), f, first(args))
		},
	}
	flags := c.Flags()
	p.yesFlag(c, "ask nothing; what is left out has its default")
	flags.StringVar(&f.passphraseFile, passphraseFlag, "", passphraseHelp)
	flags.BoolVar(&f.noPassphrase, "no-passphrase", false, "keep the keys unencrypted")
	flags.StringVar(&f.backupDir, "backup-dir", "", "folder for the backups of the chain (default: backups in its folder)")
	flags.BoolVar(&f.noConfirm, "no-confirm", false, "do not ask for two of the words back")
	flags.IntVar(&f.words, "words", 12, "words of the mnemonic: 12 or 24")
	flags.StringVar(&f.genesisText, "genesis-text", "", "text in the first block")
	flags.StringVar(&f.proofOfWork, "proof-of-work", network.Fixed, "fixed (one difficulty for ever) or retarget (as in Bitcoin)")
	flags.DurationVar(&f.spacing, "spacing", 30*time.Second, "wanted time between blocks")
	flags.StringVar(&f.subsidy, "subsidy", "2.5", "coins that a block creates at first")
	flags.Int64Var(&f.halving, "halving", 4_200_000, "blocks after which that halves")
	flags.Int64Var(&f.maturity, "maturity", 100, "confirmations that mined coins need")
	return c
}

// initJSON is what init --json prints.
type initJSON struct {
	Name      string         `json:"name"`
	Folder    string         `json:"folder"`
	Rules     string         `json:"rules"`
	Genesis   string         `json:"genesis"`
	Wallet    rpc.WalletKeys `json:"wallet"`
	Encrypted bool           `json:"encrypted"`
}

func (p *program) runInit(ctx context.Context, f initFlags, name string) error {
	if f.words != 12 && f.words != 24 {
		return usagef("--words %d: a wallet has 12 or 24 words", f.words)
	}
	name, err := p.askNetworkName(ctx, name)
	if err != nil {
		return err
	}
	dataDir, err := p.initDataDir()
	if err != nil {
		return err
	}
	if err := checkRoom(dataDir, name); err != nil {
		return err
	}
	rules, text, err := p.makeRules(f, name)
	if err != nil {
		return err
	}
	passphrase, err := p.initPassphrase(ctx, f)
	if err != nil {
		return err
	}
	backupDir, err := p.initBackupDir(ctx, f)
	if err != nil {
		return err
	}
	words, err := p.initWords(ctx, f)
	if err != nil {
		return err
	}
	wallet, err := p.makeNetwork(ctx, dataDir, rules, text, passphrase, backupDir, words)
	if err != nil {
		return err
	}
	out := initJSON{
		Name: name, Folder: filepath.Join(dataDir, name), Rules: filepath.Join(dataDir, name, rulesFile),
		Genesis: rules.GenesisHash.String(), Wallet: wallet, Encrypted: passphrase != "",
	}
	if p.json {
		return p.printJSON(out)
	}
	p.showInit(out, rules)
	return nil
}

func (p *program) askNetworkName(ctx context.Context, name string) (string, error) {
	if name == "" && !p.canAsk() {
		return "", usagef("the network needs a name: lode init NAME")
	}
	for {
		asked := name == ""
		if asked {
			answer, err := p.screen.Ask(ctx, "Name of the network: ")
			if err != nil {
				return "", err
			}
			name = strings.TrimSpace(answer)
		}
		err := network.CheckName(name)
		if name == demoNetwork {
			err = fmt.Errorf("%s is the demonstration network; choose another name", name)
		}
		if err == nil {
			return name, nil
		}
		if !asked {
			return "", err
		}
		p.screen.Notef("%s\n", capital(err.Error()))
		name = ""
	}
}

// initDataDir is where init makes a network: what was said, else .lode here.
func (p *program) initDataDir() (string, error) {
	if dir := p.saidDataDir(); dir != "" {
		dir, err := filepath.Abs(dir)
		if err == nil && isNetworkFolder(dir) {
			err = usagef("%s is the folder of a network: give the one that it is in, --datadir %s", dir, filepath.Dir(dir))
		}
		return dir, err
	}
	cwd, err := p.cwd()
	if err != nil {
		return "", fmt.Errorf("finding the current folder: %w", err)
	}
	return filepath.Join(cwd, ".lode"), nil
}

// checkRoom refuses a data directory that has a network already: each later
// command would have to be told which one is meant.
func checkRoom(dataDir, name string) error {
	names, err := networksIn(dataDir)
	if err != nil {
		return err
	}
	if len(names) > 0 {
		return fmt.Errorf("%s holds %s already, and takes one network: make %s in another folder, or with --datadir", dataDir, console.List(names), name)
	}
	if _, err := os.Lstat(filepath.Join(dataDir, name)); err == nil {
		return fmt.Errorf("there is something called %s in %s already; choose another name", name, dataDir)
	}
	return nil
}

// makeRules fills in the rules and finds the first block.
func (p *program) makeRules(f initFlags, name string) (*network.Params, []byte, error) {
	spec, err := network.NewSpec(name, p.now(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	if f.genesisText != "" {
		spec.GenesisText = f.genesisText
	}
	spec.ProofOfWork = f.proofOfWork
	if f.spacing%time.Second != 0 || f.spacing <= 0 {
		return nil, nil, usagef("--spacing %s: whole seconds, at least one", f.spacing)
	}
	spec.SpacingSeconds = int64(f.spacing / time.Second)
	subsidy, err := parsePayment(f.subsidy)
	if err != nil {
		return nil, nil, fmt.Errorf("--subsidy: %w", err)
	}
	spec.SubsidySats = int64(subsidy)
	spec.HalvingBlocks, spec.MaturityBlocks = f.halving, f.maturity
	return network.Make(spec)
}

func (p *program) initPassphrase(ctx context.Context, f initFlags) (string, error) {
	switch {
	case f.noPassphrase:
		return "", nil
	case f.passphraseFile != "":
		return p.readPassphrase(f.passphraseFile)
	case !p.canAsk():
		return "", usagef("say how the keys are kept: --passphrase-file F or --no-passphrase")
	}
	want, err := p.screen.Confirm(ctx, "Encrypt the keys with a passphrase?", true)
	if err != nil || !want {
		return "", err
	}
	return p.screen.NewSecret(ctx, "Passphrase")
}

func (p *program) initBackupDir(ctx context.Context, f initFlags) (string, error) {
	if f.given("backup-dir") || !p.canAsk() {
		return usableDir(f.backupDir)
	}
	for {
		answer, err := p.screen.Ask(ctx, "Folder for backups of the chain [backups in its folder]: ")
		if err != nil {
			return "", err
		}
		dir, err := usableDir(strings.TrimSpace(answer))
		if err == nil {
			return dir, nil
		}
		p.screen.Notef("%s\n", capital(oneLine(err)))
	}
}

// usableDir returns the absolute path of a folder that can be written to; it is
// made unless it is there. Nothing stays nothing.
func usableDir(dir string) (string, error) {
	if dir == "" {
		return "", nil
	}
	dir, err := absolute(dir)
	if err != nil {
		return "", err
	}
	if err := platform.CheckWritable(dir); err != nil {
		// Its text only: explain would tell of the path alone.
		return "", fmt.Errorf("backup folder %s cannot be used: %v", dir, err)
	}
	return dir, nil
}

// initWords makes new words, shows them and has two of them typed back.
func (p *program) initWords(ctx context.Context, f initFlags) (string, error) {
	if !f.noConfirm && !p.canAsk() {
		return "", usagef("typing two of the words back needs a terminal; where nobody can answer, add --no-confirm")
	}
	words, err := keys.NewMnemonic(f.words, rand.Reader)
	if err != nil || p.json {
		return words, err
	}
	list := strings.Fields(words)
	p.screen.Printf("\nThe words of your wallet. Write them down on paper now: whoever has them has the\ncoins, and nothing else brings them back.\n\n")
	for i, word := range list {
		p.screen.Printf("%4d %-10s", i+1, word)
		if i%4 == 3 {
			p.screen.Printf("\n")
		}
	}
	p.screen.Printf("\n")
	if f.noConfirm {
		return words, nil
	}
	for _, at := range twoOf(len(list)) {
		for {
			answer, err := p.screen.Ask(ctx, fmt.Sprintf("To be sure they are written down, type word %d: ", at+1))
			if err != nil {
				return "", err
			}
			if strings.EqualFold(strings.TrimSpace(answer), list[at]) {
				break
			}
			p.screen.Notef("That is not word %d.\n", at+1)
		}
	}
	return words, nil
}

// twoOf returns two different numbers below n, in order.
func twoOf(n int) [2]int {
	pick := func(n int) int {
		i, err := rand.Int(rand.Reader, big.NewInt(int64(n)))
		if err != nil {
			return 0 // crypto/rand does not fail
		}
		return int(i.Int64())
	}
	a, b := pick(n), pick(n-1)
	if b >= a {
		b++
	}
	return [2]int{min(a, b), max(a, b)}
}

// makeNetwork makes the network's folder under another name and gives it its
// own when all is in it, so that an interrupted init leaves nothing behind.
func (p *program) makeNetwork(ctx context.Context, dataDir string, rules *network.Params, text []byte, passphrase, backupDir, words string) (w rpc.WalletKeys, err error) {
	var none rpc.WalletKeys
	parent, from, to := dataDir, rules.Name, filepath.Join(dataDir, rules.Name)
	if _, err := os.Stat(dataDir); errors.Is(err, fs.ErrNotExist) {
		// The data directory itself appears as a whole too.
		parent, from, to = filepath.Dir(dataDir), ".", dataDir
		if err := platform.MakeDir(parent); err != nil {
			return none, err
		}
	}
	for _, place := range []string{dataDir, filepath.Dir(dataDir)} {
		if err := sweepInits(place, p.now()); err != nil {
			p.screen.Notef("lode: %s\n", oneLine(err))
		}
	}
	folder, err := newInitFolder(parent)
	if err != nil {
		return none, err
	}
	defer func() { err = errors.Join(err, folder.remove()) }()
	temp := folder.path
	dir := filepath.Join(temp, rules.Name)
	if err := platform.MakeDir(dir); err != nil {
		return none, err
	}
	if err := platform.WriteFile(filepath.Join(dir, rulesFile), text); err != nil {
		return none, err
	}
	made, err := p.firstWallet(ctx, place{dataDir: temp, dir: dir, params: rules}, passphrase, backupDir, words)
	if err != nil {
		return none, err
	}
	if ctx.Err() != nil {
		return none, ctx.Err()
	}
	if err := folder.release(); err != nil {
		return none, err
	}
	if err := os.Rename(filepath.Join(temp, from), to); err != nil {
		return none, fmt.Errorf("putting the network in its place: %w", err)
	}
	return made, platform.SyncDir(parent)
}

// firstWallet opens the new network once, sets the passphrase and makes its
// wallet.
func (p *program) firstWallet(ctx context.Context, where place, passphrase, backupDir, words string) (w rpc.WalletKeys, err error) {
	c, err := p.openAt(ctx, where, node.Config{Command: "init", Settings: rpc.Settings{BackupDir: backupDir}})
	if err != nil {
		return w, err
	}
	defer func() {
		if closed := c.node.Close(); err == nil {
			err = closed
		}
	}()
	if passphrase != "" {
		if err := c.SetPassphrase(ctx, passphrase); err != nil {
			return w, err
		}
	}
	made, err := c.NewWallets(ctx, rpc.NewWallets{Count: 1, Mnemonic: words, Passphrase: passphrase})
	if err != nil {
		return w, err
	}
	if len(made) != 1 {
		return w, fmt.Errorf("%d wallets were made instead of one", len(made))
	}
	return made[0], nil
}

func (p *program) showInit(out initJSON, rules *network.Params) {
	protected := "by a passphrase"
	if !out.Encrypted {
		protected = "not: who can read the files has the keys"
	}
	work := "one difficulty for ever"
	if !rules.NoRetargeting {
		work = fmt.Sprintf("retargeted every %s", console.Count(rules.RetargetInterval(), "block"))
	}
	p.screen.Printf("%s\n", p.screen.Bold("The network "+out.Name+" is ready."))
	p.screen.Fields(
		[2]string{"  Folder", out.Folder},
		[2]string{"  Rules", out.Rules},
		[2]string{"  Genesis", out.Genesis},
		[2]string{"  Proof of work", fmt.Sprintf("%s, a block every %s", work, console.Duration(time.Duration(rules.TargetSpacing)*time.Second))},
		[2]string{"  Subsidy", fmt.Sprintf("%s, halving every %s", rpc.Amount(rules.Subsidy), console.Count(rules.HalvingInterval, "block"))},
		[2]string{"  Wallet", fmt.Sprintf("%s, %s", console.Clean(out.Wallet.Name), out.Wallet.Address)},
		[2]string{"  Keys protected", protected},
	)
	p.screen.Printf("\nProof of work on ordinary processors protects nobody from an outsider with mining\nhardware: keep this chain among people who trust each other.\n\n")
	up := "lode up"
	if p.dataDir != "" {
		up = "lode --datadir " + p.dataDir + " up"
	}
	p.screen.Printf("Next: %s, then lode mine.\n", up)
}
