package rpc

import (
	"cmp"
	"context"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Limits of the server: all are policy of this program.
const (
	MaxBody       = 32 << 20 // bytes of a request's body, as Core
	MaxHeader     = 8 << 10  // bytes of its headers, as Core
	MaxDepth      = 512      // nested arrays and objects, as Core's univalue
	MaxBatch      = 1_000    // calls of a batch
	MaxBatchReply = 64 << 20 // bytes of a batch's replies

	defaultWorkers = 16
	defaultQueue   = 512   // calls that wait for a worker
	maxParked      = 1_024 // calls that wait for something to happen
	maxConns       = 2_048 // connections of one listener

	readTimeout = 30 * time.Second // for a whole request
	idleTimeout = 10 * time.Minute // of a kept connection
	queueWait   = 10 * time.Second // for a worker
	cutOffWait  = 30 * time.Second // for a call that was cut off to look at its context
	authDelay   = 250 * time.Millisecond
)

// Config is what a Server is made with. The zero value serves.
type Config struct {
	Workers int           // calls that run at once; 0 is 16
	Queue   int           // calls that wait for a worker before 503; 0 is 512
	Wait    time.Duration // how long one of those waits before 503; 0 is 10 s
	Log     *slog.Logger  // nil: nothing is logged
}

// Server answers JSON-RPC calls from a table of methods. Register comes before
// Serve; everything else may be called at any time from any goroutine.
type Server struct {
	config  Config
	log     *slog.Logger
	methods map[string]*Method
	warmup  atomic.Pointer[string]
	workers chan struct{}
	queue   chan struct{}
	calls   callTable

	mu     sync.Mutex // guards the rest
	https  map[*http.Server]struct{}
	silent map[net.Conn]struct{} // connections that have not sent anything
	closed bool
}

// NewServer makes a server that answers every call with error -28 until Ready
// is called.
func NewServer(c Config) *Server {
	c.Workers = cmp.Or(c.Workers, defaultWorkers)
	c.Queue = cmp.Or(c.Queue, defaultQueue)
	c.Wait = cmp.Or(c.Wait, queueWait)
	log := c.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	s := &Server{
		config:  c,
		log:     log,
		methods: map[string]*Method{},
		workers: make(chan struct{}, c.Workers),
		queue:   make(chan struct{}, c.Queue),
		https:   map[*http.Server]struct{}{},
		silent:  map[net.Conn]struct{}{},
	}
	s.calls.init()
	s.Warmup("RPC server started")
	s.Register(s.helpMethod())
	return s
}

// Register adds a method. A name that is taken is a bug of ours and panics.
func (s *Server) Register(m Method) {
	if _, taken := s.methods[m.Name]; taken {
		panic("rpc: method " + m.Name + " is registered twice")
	}
	s.methods[m.Name] = &m
}

// Methods returns the registered methods sorted by name.
func (s *Server) Methods() []*Method {
	list := make([]*Method, 0, len(s.methods))
	for _, m := range s.methods {
		list = append(list, m)
	}
	slices.SortFunc(list, func(a, b *Method) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

// Warmup makes every call fail with error -28 and this text.
func (s *Server) Warmup(text string) { s.warmup.Store(&text) }

// Ready ends the warm-up.
func (s *Server) Ready() { s.warmup.Store(nil) }

// Access says who may call through a listener.
type Access struct {
	// Authorize checks a user and password. Nil is for listeners that only the
	// owner of the process can reach: the in-memory one and the socket.
	// With it, calls by other names than loopback addresses and localhost are
	// refused: a page in a browser could bring them along (DNS rebinding).
	Authorize func(user, password string) bool
}

// Serve answers calls that come in on l until Shutdown or until l fails, and
// closes l. After Shutdown it returns nil.
func (s *Server) Serve(l net.Listener, a Access) error {
	return s.serve(l, a)
}

// Shutdown ends what runs: listeners close, parked calls end at once, running
// ones have until ctx is done and are then cut off: their contexts end. When it
// returns no call runs any more, unless one does not look at its context for very
// long, which is an error.
func (s *Server) Shutdown(ctx context.Context) error {
	return s.shutdown(ctx)
}

// Park says that the rest of a call only waits for something to happen (a long
// poll): it gives its worker back. The call's context ends when the server
// shuts down. It fails when too many calls wait already.
func Park(ctx context.Context) error {
	c, ok := ctx.Value(callKey{}).(*call)
	if !ok {
		return nil // called from Go, not through a server
	}
	return c.park()
}
