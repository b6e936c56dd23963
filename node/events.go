package node

import (
	"context"
	"sync"
	"time"

	"github.com/lode-chain/lode/rpc"
)

const (
	eventRing     = 1_000            // events kept for those who poll (policy)
	maxEventsPoll = 60 * time.Second // longest that lode_events waits
)

// events is a ring of the last events and the list of the guests that poll it.
// Its mutex guards all fields.
type events struct {
	now func() time.Time

	mu       sync.Mutex
	next     uint64 // number of the next event; the first is 1
	ring     []rpc.Event
	changed  chan struct{} // closed and renewed by each Publish
	stopping bool          // the chain is being stopped for all
	guests   map[rpc.Guest]int
}

func newEvents(now func() time.Time) *events {
	return &events{now: now, next: 1, changed: make(chan struct{}), guests: map[rpc.Guest]int{}}
}

// Publish numbers an event, dates it unless it has a time, and hands it to all
// who poll. It never blocks.
func (e *events) Publish(event rpc.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	event.Seq = e.next
	e.next++
	if event.Time == 0 {
		event.Time = e.now().Unix()
	}
	if len(e.ring) == eventRing {
		copy(e.ring, e.ring[1:])
		e.ring = e.ring[:eventRing-1]
	}
	e.ring = append(e.ring, event)
	close(e.changed)
	e.changed = make(chan struct{})
}

// stop publishes that the host ends; with all, that nobody is to take over.
func (e *events) stop(all bool) {
	e.mu.Lock()
	e.stopping = e.stopping || all
	e.mu.Unlock()
	text := "the host is stopping"
	if all {
		text = "the chain is being stopped"
	}
	e.Publish(rpc.Event{Kind: "stopping", Text: text})
}

// after returns what happened after event since, and a channel that closes when
// more does. A since that this host has not reached yet comes from a host before
// it: everything that is kept is new to that caller, and something may be missing.
func (e *events) after(since uint64) (rpc.Events, <-chan struct{}) {
	e.mu.Lock()
	defer e.mu.Unlock()
	first := e.next - uint64(len(e.ring))
	reply := rpc.Events{Next: e.next - 1, Stopping: e.stopping, Events: []rpc.Event{}}
	switch {
	case since >= e.next:
		since, reply.Missed = first-1, true
	case since+1 < first:
		since, reply.Missed = first-1, true
	}
	reply.Events = append(reply.Events, e.ring[since+1-first:]...)
	return reply, e.changed
}

// position is the Since with which only later events are returned.
func (e *events) position() rpc.Events {
	e.mu.Lock()
	defer e.mu.Unlock()
	return rpc.Events{Next: e.next - 1, Stopping: e.stopping, Events: []rpc.Event{}}
}

// poll answers lode_events.
func (e *events) poll(ctx context.Context, r rpc.EventsRequest) (rpc.Events, error) {
	if r.PID != 0 {
		guest := rpc.Guest{PID: r.PID, Command: r.Command}
		e.attach(guest, 1)
		defer e.attach(guest, -1)
	}
	if r.Since == nil {
		return e.position(), nil
	}
	wait := min(time.Duration(r.Timeout*float64(time.Second)), maxEventsPoll)
	var deadline <-chan time.Time
	for {
		reply, changed := e.after(*r.Since)
		if len(reply.Events) > 0 || reply.Stopping || wait <= 0 {
			return reply, nil
		}
		if deadline == nil {
			if err := rpc.Park(ctx); err != nil {
				return rpc.Events{}, err
			}
			timer := time.NewTimer(wait)
			defer timer.Stop()
			deadline = timer.C
		}
		select {
		case <-changed:
		case <-deadline:
			return reply, nil
		case <-ctx.Done():
			return reply, nil // what a host that ends says last
		}
	}
}

func (e *events) attach(g rpc.Guest, n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.guests[g] += n; e.guests[g] <= 0 {
		delete(e.guests, g)
	}
}
