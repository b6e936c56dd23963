package main

import (
	"strings"

	"github.com/spf13/cobra"
)

// folded is a flag whose value counts in any case.
type folded string

// String implements pflag.Value.
func (f *folded) String() string { return string(*f) }

// Set implements pflag.Value.
func (f *folded) Set(text string) error {
	*f = folded(strings.ToLower(strings.TrimSpace(text)))
	return nil
}

// Type implements pflag.Value.
func (f *folded) Type() string { return "string" }

// foldedFlag adds a flag whose value counts in any case.
func foldedFlag(c *cobra.Command, value *string, name, preset, help string) {
	*value = preset
	c.Flags().Var((*folded)(value), name, help)
}
