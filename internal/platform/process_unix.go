//go:build !windows

package platform

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// ProcessState looks at a process. Stopped is told from Running on Linux only.
func ProcessState(pid int) State {
	if pid <= 0 {
		return Gone
	}
	if err := syscall.Kill(pid, 0); err != nil && !errors.Is(err, syscall.EPERM) {
		return Gone
	}
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return Running
	}
	// pid (name) state …: the name may hold anything, so look behind its end.
	_, rest, _ := strings.Cut(string(stat[strings.LastIndexByte(string(stat), ')')+1:]), " ")
	switch {
	case strings.HasPrefix(rest, "T"), strings.HasPrefix(rest, "t"):
		return Stopped
	case strings.HasPrefix(rest, "Z"), strings.HasPrefix(rest, "X"):
		return Gone
	}
	return Running
}

// AddressInUse says whether a listener failed because its port is taken.
func AddressInUse(err error) bool { return errors.Is(err, syscall.EADDRINUSE) }
