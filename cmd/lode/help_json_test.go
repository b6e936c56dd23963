package main

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// TestEveryJSONIsTold: help json has every command that prints data, and the
// fields of a payment.
func TestEveryJSONIsTold(t *testing.T) {
	p := newProgram(os.Stdin, os.Stdout, os.Stderr, func(string) string { return "" })
	text := jsonTopic().Long
	// These print no data: they stay, ask, or only end something.
	silent := []string{"up", "stop", "console", "wallets", "help", "completion", "wallet passphrase"}
	var walk func(c *cobra.Command, path string)
	walk = func(c *cobra.Command, path string) {
		for _, sub := range c.Commands() {
			name := strings.TrimSpace(path + " " + sub.Name())
			switch {
			case !sub.IsAvailableCommand() || slices.Contains(silent, name):
			case sub.HasSubCommands():
				walk(sub, name)
			case !strings.Contains(text, "\n  "+name) && !strings.Contains(strings.Join(strings.Fields(text), " "), name):
				t.Errorf("help json does not tell of %s", name)
			}
		}
	}
	walk(p.root(), "")
	for _, field := range []string{"payments", "change_address", "fee_reason", "replaceable", "txid", "confirmations"} {
		_, send, _ := strings.Cut(text, "\n  send ")
		if send, _, _ = strings.Cut(send, "\n  faucet "); !strings.Contains(send, field) {
			t.Errorf("help json does not tell of send's %s", field)
		}
	}
	for line := range strings.SplitSeq(text, "\n") {
		if len([]rune(line)) > 80 {
			t.Errorf("%q is wider than 80 columns", line)
		}
	}
}
