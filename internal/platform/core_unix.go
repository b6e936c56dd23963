//go:build !linux && !windows

package platform

import "golang.org/x/sys/unix"

// ForbidCoreDumps keeps the memory of this process out of core files.
func ForbidCoreDumps() error { return unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}) }
