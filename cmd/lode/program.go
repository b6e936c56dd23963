package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lode-chain/lode/console"
)

// program is one run of lode, or one command line typed at its console.
type program struct {
	screen *console.Screen
	getenv func(string) string
	now    func() time.Time
	cwd    func() (string, error)

	dataDir string // --datadir
	network string // --network
	json    bool   // --json
	plain   bool   // --plain
	yes     bool   // --yes of the commands that ask

	// lent is the open chain of the console that this command line was typed
	// at; nil when the command opens the data directory by itself.
	lent *openChain

	stray error // a word before --help that is no command
}

// The groups of commands in the help text.
const (
	groupStart  = "start"
	groupWallet = "wallet"
	groupChain  = "chain"
	groupBackup = "backup"
)

// run executes a command line, prints what went wrong as one line and returns
// the exit code: 0, 1 for an error, 2 for wrong usage, 130 when it was left with
// Esc or Ctrl-C, unless that is how it ends.
func (p *program) run(ctx context.Context, args []string) int {
	err := p.execute(ctx, args)
	code := exitCode(ctx, err)
	if line := p.explain(ctx, err); line != "" {
		p.screen.Notef("lode: %s\n", console.Clean(line))
	}
	return code
}

// execute runs one command line.
func (p *program) execute(ctx context.Context, args []string) error {
	root := p.root()
	root.SetArgs(args)
	p.stray = nil
	if err := root.ExecuteContext(ctx); err != nil {
		return err
	}
	return p.stray
}

// root builds the command tree. It is built anew for each command line, since
// flags keep their values.
func (p *program) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "lode",
		Short: "A private Bitcoin-style chain in one program",
		Long: `lode is a private Bitcoin-style chain in one program: node, miners, wallets
and backups. Every command works on a data directory; the first to open it hosts
the chain, the others join it. Nothing has to be set up: lode up.`,
		Example: `  lode up                               a living chain with five funded wallets
  lode send --from 1 --to 2 --amount 1.5
  lode miner                            mine, in another terminal`,
		Args:              cobra.ArbitraryArgs,
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
		RunE:              p.runBare,
	}
	root.SetOut(p.screen.Out)
	root.SetErr(p.screen.Err)
	root.SetUsageTemplate(strings.NewReplacer(
		".FlagUsages", ".FlagUsagesWrapped 80", " for more information about a command.", " for more.",
	).Replace(root.UsageTemplate()))
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usagef("%s (%s --help)", flagProblem(c, err), c.CommandPath())
	})
	p.refuseStrayHelp(root)
	root.AddGroup(
		&cobra.Group{ID: groupStart, Title: "Start and stop:"},
		&cobra.Group{ID: groupWallet, Title: "Wallets and payments:"},
		&cobra.Group{ID: groupChain, Title: "Blocks:"},
		&cobra.Group{ID: groupBackup, Title: "Backups:"},
	)
	flags := root.PersistentFlags()
	flags.StringVar(&p.dataDir, "datadir", p.dataDir, "folder of the chain (default: LODE_DATADIR, the nearest .lode upwards, or the system's place)")
	flags.StringVar(&p.network, "network", p.network, "name of the network in that folder (default: the one that is there, else regtest)")
	flags.BoolVar(&p.json, "json", p.json, "print data as JSON (lode help json)")
	flags.BoolVar(&p.plain, "plain", p.plain, "no colours, no lists to move in: numbered questions")
	root.PersistentPreRunE = func(*cobra.Command, []string) error {
		if p.lent != nil && (flags.Changed("datadir") || flags.Changed("network")) {
			return usagef("the console talks to one chain; leave it to choose another")
		}
		if p.plain {
			p.screen.Plain, p.screen.Color = true, false
		}
		return nil
	}
	p.add(root, groupStart, p.upCommand(), p.initCommand(), p.statusCommand(), p.stopCommand(), p.resetCommand(), p.consoleCommand())
	p.add(root, groupWallet, p.walletsCommand(), p.walletCommand(), p.balanceCommand(), p.sendCommand(), p.bumpFeeCommand(), p.psbtCommand(), p.receiveCommand(), p.historyCommand(), p.faucetCommand())
	p.add(root, groupChain, p.mineCommand(), p.minerCommand(), p.blockCommand(), p.txCommand(), p.mempoolCommand(), p.feesCommand(), p.chainCommand(), p.waitCommand())
	p.add(root, groupBackup, p.backupCommand())
	p.add(root, "", p.versionCommand(), jsonTopic())
	return root
}

// add puts commands into a group and makes their complaints about arguments
// usage errors.
func (p *program) add(parent *cobra.Command, group string, commands ...*cobra.Command) {
	for _, c := range commands {
		c.GroupID = group
		checkUsage(c)
		parent.AddCommand(c)
	}
}

// checkUsage makes what a command and those below it say of their arguments
// usage errors.
func checkUsage(c *cobra.Command) {
	for _, sub := range c.Commands() {
		checkUsage(sub)
	}
	check := c.Args
	if check == nil {
		check = atMost(0)
	}
	c.Args = func(c *cobra.Command, args []string) error {
		if err := check(c, args); err != nil {
			return usagef("%s (%s --help)", err, c.CommandPath())
		}
		return nil
	}
}

// badValue is how the flag package says that a flag's value cannot be read.
var badValue = regexp.MustCompile(`^invalid argument (".*") for "(?:-., )?--([a-z0-9-]+)" flag: `)

// longTime is a time that is written well; what is wrong is its size.
var longTime = regexp.MustCompile(`^"[0-9.]+(h|m|s|ms)"$`)

// flagProblem says in lode's words what is wrong with a command's flags.
func flagProblem(c *cobra.Command, err error) string {
	text := oneLine(err)
	if found := badValue.FindStringSubmatch(text); found != nil {
		want := "that value is not understood"
		if flag := c.Flags().Lookup(found[2]); flag != nil {
			switch flag.Value.Type() {
			case "int", "int32", "int64":
				want = "a whole number, not too large"
			case "float64":
				want = "a number such as 1.5"
			case "duration":
				want = "a time with its unit, such as 30s or 2m"
				if longTime.MatchString(found[1]) {
					want = "that is too long a time"
				}
			case "bool":
				want = "true or false"
			}
		}
		return fmt.Sprintf("--%s %s: %s", found[2], found[1], want)
	}
	if strings.HasPrefix(text, "unknown shorthand flag") {
		if _, word, ok := strings.Cut(text, " in "); ok {
			return fmt.Sprintf("there is no flag %s here", word)
		}
	}
	return text
}

// positive refuses a time to wait that is none. 0 as the default is no limit.
func positive(c *cobra.Command, flag string, d time.Duration) error {
	if c.Flags().Changed(flag) && d <= 0 {
		return usagef("--%s %s: more than 0, such as 30s; leave it out to wait without limit", flag, d)
	}
	return nil
}

// group is a command that only holds others: alone it prints its help, and an
// unknown word names those there are.
func group(use, short, long, example string, commands ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, Long: long, Example: example, Args: cobra.ArbitraryArgs}
	c.AddCommand(commands...)
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) == 0 || args[0] == helpWord {
			return c.Help()
		}
		return unknownCommand(c, args[0])
	}
	return c
}

// usageError is a mistake in how the program was called. Its exit code is 2.
type usageError struct{ text string }

// Error implements error.
func (e usageError) Error() string { return e.text }

func usagef(format string, args ...any) error { return usageError{fmt.Sprintf(format, args...)} }

// needArgs wants exactly the arguments named.
func needArgs(names ...string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		switch {
		case len(args) < len(names):
			return fmt.Errorf("%s is missing", names[len(args)])
		case len(args) > len(names):
			return fmt.Errorf("%q is one argument too many", args[len(names)])
		}
		return nil
	}
}

// someArgs wants one argument or more.
func someArgs(name string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			return errors.New(name + " is missing")
		}
		return nil
	}
}

// atMost wants no more than n arguments.
func atMost(n int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) > n {
			return fmt.Errorf("%q is one argument too many", args[n])
		}
		return nil
	}
}

// onlyOne refuses flags of which at most one makes sense.
func onlyOne(given func(flag string) bool, flags ...string) error {
	var both []string
	for _, flag := range flags {
		if given(flag) {
			both = append(both, "--"+flag)
		}
	}
	if len(both) > 1 {
		return usagef("%s do not go together; give one", console.List(both))
	}
	return nil
}

// printJSON prints a result as indented JSON.
func (p *program) printJSON(v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("writing JSON: %w", err)
	}
	p.screen.Printf("%s\n", b)
	return nil
}

// canAsk says whether a question may be put to a person: on a terminal, and
// neither with --yes nor with --json, which are for scripts.
func (p *program) canAsk() bool { return p.screen.Interactive && !p.json && !p.yes }

// yesFlag gives a command --yes.
func (p *program) yesFlag(c *cobra.Command, help string) {
	c.Flags().BoolVarP(&p.yes, "yes", "y", false, help)
}

// confirm asks a question unless --yes was given. Where nobody can be asked it
// names the flag.
func (p *program) confirm(ctx context.Context, question string) error {
	if p.yes {
		return nil
	}
	if !p.canAsk() {
		return usagef("this asks before it acts; where nobody can answer, add --yes")
	}
	ok, err := p.screen.Confirm(ctx, question, false)
	if err != nil {
		return err
	}
	if !ok {
		return errDeclined
	}
	return nil
}

// errDeclined reports that a question was answered with no.
var errDeclined = errors.New("nothing was done")
