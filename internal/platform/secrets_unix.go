//go:build !windows

package platform

import (
	"io/fs"
	"syscall"
)

// Links returns how many names a file has.
func Links(info fs.FileInfo) (n uint64, ok bool) {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return uint64(s.Nlink), true
}
