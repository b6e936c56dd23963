package platform

import "golang.org/x/sys/unix"

// ForbidCoreDumps keeps the memory of this process out of core files, and other
// processes of its user from reading it: the limit alone does not count where
// the system pipes cores to a program.
func ForbidCoreDumps() error {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return err
	}
	return unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
}
