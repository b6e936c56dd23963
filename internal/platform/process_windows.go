package platform

import (
	"errors"

	"golang.org/x/sys/windows"
)

// ProcessState looks at a process. Windows does not tell stopped ones.
func ProcessState(pid int) State {
	h, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION, false, uint32(pid))
	if err != nil {
		return Gone
	}
	defer windows.CloseHandle(h)
	const stillActive = 259
	var code uint32
	if err := windows.GetExitCodeProcess(h, &code); err != nil || code != stillActive {
		return Gone
	}
	return Running
}

// AddressInUse says whether a listener failed because its port is taken.
func AddressInUse(err error) bool { return errors.Is(err, windows.WSAEADDRINUSE) }
