package platform

// State is what is known of a process.
type State int

// The states of a process.
const (
	Gone    State = iota // there is no such process
	Running              // it is there
	Stopped              // it is there and stopped by a signal (SIGSTOP, Ctrl-Z)
)
