package main

import (
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// release is the version of a release, set by its build.
var release = ""

// versionJSON is what version --json prints.
type versionJSON struct {
	Version string `json:"version"`
	Go      string `json:"go"`
	System  string `json:"system"`
}

// version returns the program's version: that of the release, of the module, or
// of the commit it was built from.
func version() string {
	if release != "" {
		return release
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return "devel-" + s.Value[:12]
		}
	}
	return "devel"
}

func (p *program) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Show the version", Long: "Shows the version of the program.",
		Example: "  lode version",
		RunE: func(*cobra.Command, []string) error {
			v := versionJSON{version(), runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH}
			if p.json {
				return p.printJSON(v)
			}
			p.screen.Printf("lode %s (%s, %s)\n", v.Version, v.Go, v.System)
			return nil
		},
	}
}
