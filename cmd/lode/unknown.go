package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/lode-chain/lode/console"
	"github.com/lode-chain/lode/internal/nearest"
)

// helpWord is what people type for help.
const helpWord = "help"

// fewCommands is how many commands are named to somebody who typed one that
// there is not, where none is near. Policy.
const fewCommands = 6

// unknownCommand says that there is no such command, and which was meant.
func unknownCommand(c *cobra.Command, word string) error {
	var names []string
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() && sub.Name() != helpWord {
			names = append(names, sub.Name())
		}
	}
	near := calledSo(c.Root(), word)
	if len(near) == 0 {
		for _, name := range nearest.Words(strings.ToLower(word), names, 2) {
			if nearest.Distance(strings.ToLower(word), name) <= max(1, len(word)/3) || strings.HasPrefix(name, word) {
				near = append(near, c.CommandPath()+" "+name)
			}
		}
	}
	if len(near) > 0 {
		return usagef("%s has no command %q; did you mean %s?", c.CommandPath(), console.Clean(word), strings.Join(near, " or "))
	}
	if len(names) > fewCommands {
		return usagef("%s has no command %q; %s --help lists those there are", c.CommandPath(), console.Clean(word), c.CommandPath())
	}
	return usagef("%s has no command %q; there are %s", c.CommandPath(), console.Clean(word), console.List(names))
}

// calledSo returns the commands below c that have a name.
func calledSo(c *cobra.Command, name string) (paths []string) {
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() && sub.Name() == name && name != helpWord {
			paths = append(paths, sub.CommandPath())
		}
		paths = append(paths, calledSo(sub, name)...)
	}
	return paths
}

// refuseStrayHelp makes the help of a command that there is not an error: else
// it would be that of the commands above it.
func (p *program) refuseStrayHelp(root *cobra.Command) {
	show := root.HelpFunc()
	root.SetHelpFunc(func(c *cobra.Command, args []string) {
		if word := c.Flags().Arg(0); word != "" && word != helpWord && c.HasSubCommands() {
			p.stray = unknownCommand(c, word)
			return
		}
		show(c, args)
	})
	root.SetHelpCommand(&cobra.Command{
		Use: "help [COMMAND]", Short: "Show the help of a command", Args: cobra.ArbitraryArgs,
		Long:    "Shows the help of a command.",
		Example: "  lode help wallet new",
		RunE: func(c *cobra.Command, args []string) error {
			of, rest, err := root.Find(args)
			if err != nil {
				return err
			}
			if len(rest) > 0 && of.HasSubCommands() {
				return unknownCommand(of, rest[0])
			}
			of.InitDefaultHelpFlag()
			return of.Help()
		},
	})
}
