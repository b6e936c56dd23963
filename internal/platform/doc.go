// Package platform is the one seam to what differs between operating systems:
// the data directory's lock, file modes, syncing of folders, the private endpoint
// between processes of one user, what is known of a process, and where data
// belongs.
//
// It knows nothing of lode's files. It holds no state; a Lock and a listener are
// owned by whoever opened them. Linux is where it is tested; the other systems
// are compiled.
package platform
