package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/lode-chain/lode/console"
	"github.com/lode-chain/lode/node"
	"github.com/lode-chain/lode/rpc"
)

// historyFile remembers what was typed at the console, in the network's folder.
const historyFile = "console_history"

func (p *program) consoleCommand() *cobra.Command {
	return &cobra.Command{
		Use: "console", Short: "Talk to the chain at a prompt",
		Long: `Talks to the chain at a prompt: all commands without the word lode, with
history and completion (Tab), and a line for each block, halving and backup.
help NAME explains a command; exit leaves. From a pipe it runs a line a command
and stops at the first that fails.`,
		Example: "  lode console\n  echo 'mine 5' | lode console",
		RunE: func(c *cobra.Command, _ []string) error {
			if p.lent != nil {
				return errors.New("this is the console; exit leaves it")
			}
			return p.runConsole(c.Context())
		},
	}
}

func (p *program) runConsole(ctx context.Context) error {
	where, err := p.findPlace()
	if err != nil {
		return err
	}
	c, err := p.openAt(ctx, where, node.Config{Command: "console", LongLived: true})
	if err != nil {
		return err
	}
	sh := p.shell(c)
	group, groupCtx := errgroup.WithContext(ctx)
	group.Go(func() error {
		return c.node.Run(groupCtx, func(role node.Role) { sh.Notice(roleLine(role)) })
	})
	if p.screen.Interactive {
		group.Go(func() error {
			return followEvents(groupCtx, c, func() {}, func(e rpc.Event) {
				if slices.Contains(consoleEvents, e.Kind) {
					sh.Notice(clock(e.Time) + "  " + console.Clean(e.Text))
				}
			})
		})
	}
	group.Go(func() error {
		if err := p.talk(groupCtx, c, sh); err != nil {
			return err
		}
		return errEnded
	})
	err = group.Wait()
	closed := c.node.Close()
	switch {
	case errors.Is(err, errStopping), errors.Is(err, node.ErrStopped):
		if p.screen.Interactive {
			p.screen.Notef("\n") // below the prompt
		}
		p.screen.Notef("The chain was stopped.\n")
		err = errEnded
	case errors.Is(err, console.ErrCancelled) && ctx.Err() == nil:
		err = errLeftConsole
	case err == nil:
		err = errEnded
	}
	if errors.Is(err, errEnded) && closed != nil {
		return closed
	}
	return err
}

// errLeftConsole reports that Ctrl-C was pressed twice at the prompt.
var errLeftConsole = fmt.Errorf("left the console; all is kept: %w", console.ErrCancelled)

// consoleEvents are the events that the console tells.
var consoleEvents = []string{"block", "disconnected", "halving", "backup", "backup-failed"}

func roleLine(role node.Role) string {
	if role.Host {
		return "this console hosts the chain now"
	}
	return fmt.Sprintf("the chain is hosted by pid %d, %s", role.PID, role.Command)
}

// talk reads commands from the terminal or from a pipe.
func (p *program) talk(ctx context.Context, c *openChain, sh *console.Shell) error {
	if !p.screen.Interactive {
		return sh.Script(ctx, p.screen.In)
	}
	s, err := c.Status(ctx)
	if err != nil {
		return err
	}
	p.screen.Notef("%s at height %s, %s. help lists the commands, exit leaves.\n",
		s.Network, console.Thousands(int64(s.Height)), console.Count(s.Wallets, "wallet"))
	return sh.Interact(ctx, func(parent context.Context) (context.Context, func()) { return notifySignals(parent) })
}

// shell is the prompt at which this program's own command lines run.
func (p *program) shell(c *openChain) *console.Shell {
	typed := *p
	typed.lent = c
	return &console.Shell{
		Screen: p.screen,
		Prompt: func() string { return c.params.Name + "> " },
		Run: func(ctx context.Context, words []string) error {
			if len(words) > 1 && words[0] == "lode" {
				words = words[1:]
			}
			if words[0] == "exit" || words[0] == "quit" {
				return console.ErrLeave
			}
			line := typed // flags of one line are not those of the next
			return line.execute(ctx, words)
		},
		Failed: func(ctx context.Context, err error) {
			if text := typed.explain(ctx, err); text != "" {
				p.screen.Notef("%s\n", console.Clean(text))
			}
		},
		Complete: func(words []string) []string { return typed.completions(words) },
		History:  filepath.Join(c.dir, historyFile),
		Secret:   holdsSecret,
	}
}

// holdsSecret says whether a line may bear a key or words.
func holdsSecret(line string) bool {
	return strings.Contains(line, "-from-args") || strings.Contains(line, "--words")
}

// completions asks the command tree what may follow.
func (p *program) completions(words []string) []string {
	var out bytes.Buffer
	line := *p
	root := line.root()
	root.SetOut(&out)
	root.SetErr(io.Discard)
	root.SetArgs(append([]string{cobra.ShellCompNoDescRequestCmd}, words...))
	if root.ExecuteContext(context.Background()) != nil {
		return nil
	}
	var found []string
	for _, text := range strings.Split(strings.TrimSpace(out.String()), "\n") {
		if text != "" && !strings.HasPrefix(text, ":") && !strings.HasPrefix(text, "_activeHelp_") {
			found = append(found, text)
		}
	}
	return found
}

// completeWallets completes the name of a wallet. It does so at the console
// only, where the chain is open: a Tab in a shell must not open one.
func (p *program) completeWallets(c *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	if p.lent == nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	wallets, err := p.lent.ListWallets(c.Context())
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, w := range wallets {
		if !strings.ContainsAny(w.Name, " '\"\\#") && strings.HasPrefix(strings.ToLower(w.Name), strings.ToLower(typed)) {
			names = append(names, w.Name)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
