// Package node puts the parts of lode together: it opens a data directory as
// its host, or joins the process that hosts it as a guest, and takes the host's
// place when that ends.
//
// The files fall into three groups. node.go, link.go and port.go are about
// processes: the lock, who hosts, who waits, who takes over. host.go,
// settings.go, events.go and announce.go hold a running chain together: what is
// opened and closed in which order, what is remembered, what is told to others.
// The rest are the parts that work by themselves and the RPC methods, one subject
// a file; each has a register function that adds its methods to the server's table.
//
// The package decides nothing about blocks, transactions or wallets: it calls
// the packages that do. Each piece of state has its owner there; what is owned
// here is the settings, the ring of events and the list of guests.
package node
