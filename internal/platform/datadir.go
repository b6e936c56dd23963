package platform

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
)

// DataDir is where the system's convention puts a program's data: on Linux
// $XDG_DATA_HOME or ~/.local/share, on macOS ~/Library/Application Support, on
// Windows %LOCALAPPDATA%; and in it a folder of the program's name.
func DataDir(program string) (string, error) {
	home, homeErr := os.UserHomeDir()
	var base string
	switch runtime.GOOS {
	case "windows":
		base = os.Getenv("LOCALAPPDATA")
	case "darwin", "ios":
		if homeErr == nil {
			base = filepath.Join(home, "Library", "Application Support")
		}
	default:
		if base = os.Getenv("XDG_DATA_HOME"); !filepath.IsAbs(base) {
			base = "" // as the XDG specification says of relative paths
			if homeErr == nil {
				base = filepath.Join(home, ".local", "share")
			}
		}
	}
	if base == "" {
		return "", errors.New("no home folder is known: name a data directory")
	}
	return filepath.Join(base, program), nil
}
