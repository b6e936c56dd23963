// Package rpc speaks JSON-RPC over HTTP as Bitcoin Core does: a server with a
// table of methods, a client, and the types of lode's own replies.
//
// It knows nothing of chains: what a method does is a function that package
// node registers. It holds no state but the table, the connections and the
// calls that run. A Server is owned by the host that made it; a Client may be
// shared by any number of goroutines.
package rpc
