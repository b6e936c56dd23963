//go:build unix

package node

import "syscall"

func makeFIFO(file string) error { return syscall.Mkfifo(file, 0o600) }
