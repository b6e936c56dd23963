package node

import (
	"context"
	"io"
	"log/slog"
	"time"

	"github.com/lode-chain/lode/network"
	"github.com/lode-chain/lode/rpc"
)

// Config says which data directory to open and how.
type Config struct {
	Dir     string          // of the network: <datadir>/<network>; made when it is not there
	Params  *network.Params // its rules
	Command string          // this process, for people: "lode up"
	Version string          // of the program

	// LongLived is for commands that stay: they open the TCP port when they
	// host, and take over when they are guests and the host goes away.
	LongLived bool
	// Settings that are not empty replace what the directory remembers, here
	// and at the host when this process is a guest.
	Settings rpc.Settings
	// Mine lets this process mine by itself as the settings say while it hosts.
	Mine bool

	// Waiting is called when Open or a switch of hosts takes long, with the
	// reason ("waiting for pid 812 (stopped)"), at most once a second.
	Waiting func(reason string)
	// Warmup is called with each step of opening a chain as its host.
	Warmup func(step string)

	Log   *slog.Logger     // nil: only the directory's lode.log
	Clock func() time.Time // nil: time.Now
	Rand  io.Reader        // nil: crypto/rand
}

// Node is an open data directory, as its host or as a guest of the process that
// hosts it.
type Node struct {
	config Config
	client *rpc.Client
}

// Client calls the chain's methods, in either role and across a change of hosts.
func (n *Node) Client() *rpc.Client { return n.client }

// Role says what a Node is at the moment.
type Role struct {
	Host    bool
	PID     int    // of the host
	Command string // of the host
	RPCURL  string // of this process' port when it hosts, or empty
	RPCNote string // why it has none
}

// Role returns the present role.
func (n *Node) Role() Role { return Role{} }

// IsHost says whether this process hosts the chain at the moment.
func (n *Node) IsHost() bool { return n.Role().Host }

// Open opens the data directory: as its host when no other process has it, else
// as a guest. It returns when calls can be answered.
func Open(ctx context.Context, c Config) (*Node, error) { return nil, nil }

// Run keeps the role until ctx ends, the chain is stopped for all (ErrStopped)
// or the host fails. A long-lived guest whose host goes away becomes the host or
// the guest of another. Changed is called after each change of role.
func (n *Node) Run(ctx context.Context, changed func(Role)) error { return nil }

// Close gives the role up: a host ends its calls, writes what is left and
// releases the directory.
func (n *Node) Close() error { return nil }
