package rpc

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// errClosing says that a call came in, or was waiting, when the server ended.
var errClosing = errors.New("shutting down")

// errBusy says that the server has more calls than it takes.
var errBusy = errors.New("work queue depth exceeded")

// errStuck says that a call does not end although its context has: a bug of ours.
var errStuck = errors.New("a call does not end")

type callKey struct{}

// call is one running call.
type call struct {
	server  *Server
	method  string
	started time.Time
	cancel  context.CancelCauseFunc
	worker  bool // holds a place in server.workers; owned by the call's goroutine
	parked  bool // guarded by server.calls
}

// Active is a call that runs.
type Active struct {
	Method  string
	Running time.Duration
}

// callTable knows the calls that run. Its mutex guards all fields.
type callTable struct {
	mu      sync.Mutex
	running map[*call]struct{}
	parked  int
	closing bool
	empty   chan struct{} // closes when closing and nothing runs
}

func (t *callTable) init() {
	t.running = map[*call]struct{}{}
	t.empty = make(chan struct{})
}

// begin enters a call, unless the server is closing.
func (t *callTable) begin(c *call) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closing {
		return errClosing
	}
	t.running[c] = struct{}{}
	return nil
}

func (t *callTable) end(c *call) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.running, c)
	if c.parked {
		t.parked--
	}
	if t.closing && len(t.running) == 0 {
		close(t.empty)
	}
}

// close refuses new calls and ends the parked ones.
func (t *callTable) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.closing && len(t.running) == 0 {
		close(t.empty)
	}
	t.closing = true
	for c := range t.running {
		if c.parked {
			c.cancel(errClosing)
		}
	}
}

// cancelAll ends the calls that are left.
func (t *callTable) cancelAll() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for c := range t.running {
		c.cancel(errClosing)
	}
}

// Active lists the running calls, the longest first.
func (s *Server) Active() []Active {
	s.calls.mu.Lock()
	defer s.calls.mu.Unlock()
	list := make([]Active, 0, len(s.calls.running))
	for c := range s.calls.running {
		list = append(list, Active{c.method, time.Since(c.started)})
	}
	slices.SortFunc(list, func(a, b Active) int { return int(b.Running - a.Running) })
	return list
}

// park gives the worker back and lets Shutdown end the call at once.
func (c *call) park() error {
	t := &c.server.calls
	t.mu.Lock()
	switch {
	case t.closing:
		t.mu.Unlock()
		return errClosing
	case !c.parked && t.parked >= maxParked:
		t.mu.Unlock()
		return errBusy
	case !c.parked:
		c.parked = true
		t.parked++
	}
	t.mu.Unlock()
	c.release()
	return nil
}

// resume takes a worker again after a call of a batch that has parked.
func (c *call) resume(ctx context.Context) error {
	t := &c.server.calls
	t.mu.Lock()
	if c.parked {
		c.parked = false
		t.parked--
	}
	closing := t.closing
	t.mu.Unlock()
	switch {
	case closing:
		return errClosing
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case c.worker:
		return nil
	}
	return c.acquire(ctx)
}

// acquire waits for a worker: for a bounded time, in a bounded queue.
func (c *call) acquire(ctx context.Context) error {
	s := c.server
	select {
	case s.workers <- struct{}{}:
		c.worker = true
		return nil
	default:
	}
	select {
	case s.queue <- struct{}{}:
		defer func() { <-s.queue }()
	default:
		return errBusy
	}
	timer := time.NewTimer(s.config.Wait)
	defer timer.Stop()
	select {
	case s.workers <- struct{}{}:
		c.worker = true
		return nil
	case <-timer.C:
		return errBusy
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (c *call) release() {
	if c.worker {
		c.worker = false
		<-c.server.workers
	}
}
