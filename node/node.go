package node

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"sync"
	"time"

	"github.com/lode-chain/lode/internal/platform"
	"github.com/lode-chain/lode/internal/vault"
	"github.com/lode-chain/lode/network"
	"github.com/lode-chain/lode/rpc"
)

// ErrStopped says that somebody stopped the chain for all: nobody is to take it
// over.
var ErrStopped = errors.New("the chain was stopped")

// Config says which data directory to open and how.
type Config struct {
	Dir     string          // of the network: <datadir>/<network>; made when it is not there
	Params  *network.Params // its rules
	Command string          // this process, for people: "lode up"
	Version string          // of the program

	// LongLived is for commands that stay and call Run: they open the TCP port
	// when they host, and take over when they are guests and the host goes away.
	LongLived bool
	// Mine asks the host, whichever process that is, to mine by itself as the
	// settings say, for as long as this process runs. Goes with LongLived.
	Mine bool
	// Settings that are not empty are set, in the directory and at the host.
	Settings rpc.Settings
	// RPCPort is the port to begin with when this process is the host at once,
	// instead of the one that is remembered. It is not remembered.
	RPCPort *int

	// Waiting is called when Open or a change of hosts takes long, with the
	// reason ("waiting for pid 812, lode up (stopped)"), about once a second.
	Waiting func(reason string)
	// Warmup is called with each step of opening the chain as its host.
	Warmup func(step string)
	// Patience bounds how long a host may give no sign of life before Open gives
	// up on it; 0 is a minute.
	Patience time.Duration

	// Fatal ends the process with an error that no call can be told, such as a full
	// disk under the database. What was acknowledged is safe. Nil: a panic does.
	Fatal func(error)

	Log   *slog.Logger     // nil: only the directory's lode.log
	Clock func() time.Time // nil: time.Now
	Rand  io.Reader        // nil: crypto/rand
	// For tests: what it costs to try a passphrase of wallets and of their backups;
	// zero chooses what is safe.
	WalletKDF  vault.KDF
	BackupWork int
}

const (
	defaultPatience = time.Minute
	closeGrace      = 15 * time.Second       // for calls that still run when a host closes
	pollTimeout     = 30 * time.Second       // of a guest's lode_events
	pollPause       = 200 * time.Millisecond // after one that failed at a host that is there
)

// Node is an open data directory, as its host or as a guest of the process that
// hosts it. Its methods may be called from any goroutine.
type Node struct {
	config Config
	client *rpc.Client

	switching chan struct{} // holds a token while somebody looks for a host

	life context.Context         // ends when there will be no host any more; its cause says why
	fail context.CancelCauseFunc // ends it; the first cause stays

	mu     sync.Mutex
	link   *link         // nil while there is no host
	linked chan struct{} // closed while there is a link
}

// Role says what a Node is at the moment.
type Role struct {
	Host    bool
	PID     int    // of the host
	Command string // of the host
	RPCURL  string // of this process' port when it hosts, or empty
	RPCNote string // why it has none
}

// Open opens the data directory: as its host when no other process has it, else
// as a guest of that process. It returns when calls can be answered. A folder that
// holds something and is not lode's is refused, and left as it is.
func Open(ctx context.Context, c Config) (*Node, error) {
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		return nil, err
	}
	c.Dir = dir
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	if c.Patience == 0 {
		c.Patience = defaultPatience
	}
	if c.Waiting == nil {
		c.Waiting = func(string) {}
	}
	if c.Warmup == nil {
		c.Warmup = func(string) {}
	}
	if err := CheckFolder(dir); err != nil {
		return nil, err
	}
	if err := platform.MakePrivateDir(dir); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	n := &Node{config: c, switching: make(chan struct{}, 1), linked: make(chan struct{})}
	n.life, n.fail = context.WithCancelCause(context.Background())
	n.client = rpc.NewClient(rpc.ClientConfig{Dial: n.dial, Lost: n.lost})
	l, err := n.find(ctx, false)
	if err != nil {
		return nil, err
	}
	n.config.RPCPort = nil // whoever hosts later does so as the settings say then
	n.setLink(l)
	if l.host == nil && !isEmpty(c.Settings) {
		if _, err := n.client.Settings(ctx, c.Settings); err != nil {
			return nil, errors.Join(fmt.Errorf("pid %d, %s, hosts this chain and refuses the settings: %w", l.info.PID, l.info.Command, err), n.Close())
		}
	}
	return n, nil
}

func isEmpty(s rpc.Settings) bool { return s == rpc.Settings{} }

// Client calls the chain's methods, in either role and across changes of the
// host: a call that fails while the host changes is made again if it changes
// nothing, else its error says that the outcome is unknown.
func (n *Node) Client() *rpc.Client { return n.client }

// IsHost says whether this process hosts the chain at the moment.
func (n *Node) IsHost() bool { return n.Role().Host }

// Role returns the present role.
func (n *Node) Role() Role {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch l := n.link; {
	case l == nil:
		return Role{}
	case l.host != nil:
		url, note := l.host.port.status()
		return Role{Host: true, PID: l.info.PID, Command: l.info.Command, RPCURL: url, RPCNote: note}
	default:
		return Role{PID: l.info.PID, Command: l.info.Command}
	}
}

// Run keeps the role of a long-lived process until ctx ends (nil), the chain is
// stopped for all (ErrStopped) or this process fails as its host. A guest whose
// host goes away becomes the host, or a guest of the process that was faster.
// Changed, if not nil, is called after each change of host.
func (n *Node) Run(ctx context.Context, changed func(Role)) error {
	for {
		l, err := n.current(ctx)
		if err == nil {
			err = n.follow(ctx, l)
		}
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, errHostGone):
		default:
			return err
		}
		if err := n.replace(ctx, l); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		switch now, err := n.current(ctx); {
		case err != nil: // told in the next round
		case now == l:
			// It is there and does not take the poll: it has too much to do.
			pause(ctx, pollPause)
		case changed != nil:
			changed(n.Role())
		}
	}
}

var errHostGone = errors.New("the host went away")

// follow stays with a link until it or ctx ends: as the host it waits, as a guest
// it keeps a poll open, by which the host knows of it.
func (n *Node) follow(ctx context.Context, l *link) error {
	if l.host != nil {
		select {
		case <-ctx.Done():
			return nil
		case <-l.host.done:
			return l.host.outcome()
		}
	}
	var since *uint64
	for {
		events, err := n.poll(ctx, l, since)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return errHostGone
		case events.Stopping:
			n.fail(ErrStopped)
			return ErrStopped
		}
		since = &events.Next
	}
}

// pause waits for d or the end of ctx.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// poll asks the host for events, by which it knows of this guest. While the
// answer is out it tells Config.Waiting if the host's process is stopped: calls
// wait then until it goes on.
func (n *Node) poll(ctx context.Context, l *link, since *uint64) (events rpc.Events, err error) {
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		events, err = l.client.Events(ctx, rpc.EventsRequest{
			Since: since, Timeout: pollTimeout.Seconds(), PID: pid(), Command: n.config.Command, Mine: n.config.Mine,
		})
	}()
	look := time.NewTicker(sayEvery)
	defer look.Stop()
	for {
		select {
		case <-answered:
			return events, err
		case <-look.C:
			if platform.ProcessState(l.info.PID) == platform.Stopped {
				n.config.Waiting("waiting for " + l.info.String() + stoppedText(l.info.PID))
			}
		}
	}
}

// Close gives the role up: a host ends its calls, writes what is left and
// releases the directory for whoever takes over.
func (n *Node) Close() error {
	n.fail(errors.New("this process has left the chain"))
	n.switching <- struct{}{} // wait for whoever looks for a host; nobody does again
	defer func() { <-n.switching }()
	n.client.Close()
	n.mu.Lock()
	l := n.link
	n.link = nil
	n.mu.Unlock()
	if l == nil {
		return nil
	}
	l.client.Close()
	if l.host != nil {
		return l.host.Close()
	}
	return nil
}

// dial connects the node's client to the host, whoever that is; it waits while
// there is none.
func (n *Node) dial(ctx context.Context) (net.Conn, error) {
	l, err := n.current(ctx)
	if err != nil {
		return nil, err
	}
	return l.dial(ctx)
}

// lost is called by the client when a call's connection broke.
func (n *Node) lost(ctx context.Context, times int, err error) error {
	const tries = 5
	if times > tries {
		return fmt.Errorf("the host went away %d times during one call: %w", times, err)
	}
	n.mu.Lock()
	l := n.link
	n.mu.Unlock()
	return n.replace(ctx, l)
}

// current returns the present link. While there is none it waits for whoever
// looks for a host, or looks itself.
func (n *Node) current(ctx context.Context) (*link, error) {
	for {
		n.mu.Lock()
		l, linked := n.link, n.linked
		n.mu.Unlock()
		if n.life.Err() != nil {
			return nil, context.Cause(n.life)
		}
		if l != nil {
			return l, nil
		}
		select {
		case <-linked:
		case n.switching <- struct{}{}:
			err := n.search(ctx, nil)
			<-n.switching
			if err != nil {
				return nil, err
			}
		case <-n.life.Done():
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// replace looks for another host after link old seemed to break. It returns nil
// when there is a host again: the old one after all, another, or this process.
func (n *Node) replace(ctx context.Context, old *link) error {
	select {
	case n.switching <- struct{}{}:
		defer func() { <-n.switching }()
		return n.search(ctx, old)
	case <-n.life.Done():
		return context.Cause(n.life)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// search is replace for the holder of the token. It ends with ctx, which may be
// that of one call, and when the node is closed.
func (n *Node) search(ctx context.Context, old *link) error {
	n.mu.Lock()
	now := n.link
	n.mu.Unlock()
	switch {
	case n.life.Err() != nil:
		return context.Cause(n.life)
	case now != nil && now != old:
		return nil // somebody else was faster
	case now != nil && now.host != nil && now.host.ending():
		<-now.host.done
		n.fail(now.host.outcome()) // it was us: do not take over from ourselves
		return context.Cause(n.life)
	case now != nil && now.alive(ctx) == nil:
		return nil
	}
	n.setLink(nil)
	if now != nil {
		now.client.Close()
	}
	searching, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(n.life, cancel)()
	l, err := n.find(searching, true)
	switch {
	case err == nil:
		n.setLink(l)
		return nil
	case n.life.Err() != nil:
		return context.Cause(n.life)
	case ctx.Err() == nil:
		n.fail(err)
	}
	return err
}

// setLink makes l the present link; nil says that there is none. The caller
// holds the token.
func (n *Node) setLink(l *link) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if l == nil && n.link != nil {
		n.linked = make(chan struct{})
	}
	if l != nil && n.link == nil {
		close(n.linked)
	}
	n.link = l
}
