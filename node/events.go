package node

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/lode-chain/lode/internal/platform"
	"github.com/lode-chain/lode/rpc"
)

const (
	eventRing     = 1_000            // events kept for those who poll (policy)
	maxEventsPoll = 60 * time.Second // longest that lode_events waits (policy)
	guestGrace    = 5 * time.Second  // a guest between two polls is still attached
	maxGuests     = 1_000            // that are listed; more poll all the same (policy)
	maxGuestName  = 200              // bytes of a guest's command (policy)
)

// events is a ring of the last events and the list of the guests that poll it.
// Its mutex guards all fields but now.
type events struct {
	now func() time.Time

	mu       sync.Mutex
	next     uint64        // number of the next event
	ring     []rpc.Event   // the last ones, at most twice eventRing
	changed  chan struct{} // closed and renewed by each Publish
	stopping bool          // the chain is being stopped for all
	guests   map[rpc.Guest]*attachment
}

// attachment is what is known of a guest.
type attachment struct {
	polls int  // open at the moment
	mine  bool // it wants the host to mine
	seen  time.Time
}

// newEvents numbers events from the time on, so that a host's numbers are above
// those of the host before it, and a guest that was attached to that one is told
// that it may have missed some.
func newEvents(now func() time.Time) *events {
	return &events{
		now: now, next: uint64(max(now().UnixMilli(), 1)) * 1000,
		changed: make(chan struct{}), guests: map[rpc.Guest]*attachment{},
	}
}

// Publish numbers an event, dates it unless it has a time, and hands it to all
// who poll. It never blocks.
func (e *events) Publish(event rpc.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.publish(event)
}

func (e *events) publish(event rpc.Event) {
	event.Seq = e.next
	e.next++
	if event.Time == 0 {
		event.Time = e.now().Unix()
	}
	if len(e.ring) == 2*eventRing {
		e.ring = append(e.ring[:0], e.ring[eventRing:]...)
	}
	e.ring = append(e.ring, event)
	close(e.changed)
	e.changed = make(chan struct{})
}

// stop publishes that the host ends; with all, that nobody is to take over.
func (e *events) stop(all bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.stopping = e.stopping || all
	text := "the host is stopping"
	if e.stopping {
		text = "the chain is being stopped"
	}
	e.publish(rpc.Event{Kind: "stopping", Text: text})
}

// after returns what happened after event since, and a channel that closes when
// more does.
func (e *events) after(since uint64) (rpc.Events, <-chan struct{}) {
	e.mu.Lock()
	defer e.mu.Unlock()
	kept := e.ring[max(0, len(e.ring)-eventRing):]
	first := e.next - uint64(len(kept))
	reply := rpc.Events{Next: e.next - 1, Stopping: e.stopping, Events: []rpc.Event{}}
	if since+1 < first || since >= e.next {
		since, reply.Missed = first-1, true
	}
	reply.Events = append(reply.Events, kept[since+1-first:]...)
	return reply, e.changed
}

// position is the Since after which only what is still to come is returned.
func (e *events) position() rpc.Events {
	e.mu.Lock()
	defer e.mu.Unlock()
	return rpc.Events{Next: e.next - 1, Stopping: e.stopping, Events: []rpc.Event{}}
}

// poll answers lode_events.
func (e *events) poll(ctx context.Context, r rpc.EventsRequest) (rpc.Events, error) {
	if r.PID > 0 {
		defer e.attach(r)()
	}
	if r.Since == nil {
		return e.position(), nil
	}
	wait := atMost(r.Timeout, maxEventsPoll)
	var deadline <-chan time.Time
	for {
		reply, changed := e.after(*r.Since)
		if len(reply.Events) > 0 || reply.Missed || reply.Stopping || wait <= 0 {
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
			// A host that ends says so last of all, and ends the polls.
			if reply, _ := e.after(*r.Since); len(reply.Events) > 0 {
				return reply, nil
			}
			return reply, context.Cause(ctx)
		}
	}
}

// atMost is a number of seconds as a caller gave it, within a limit.
func atMost(seconds float64, limit time.Duration) time.Duration {
	return time.Duration(min(seconds, limit.Seconds()) * float64(time.Second))
}

// attach lists the guest that polls; the function that it returns ends the poll.
func (e *events) attach(r rpc.EventsRequest) (detach func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	guest := rpc.Guest{PID: r.PID, Command: r.Command[:min(len(r.Command), maxGuestName)]}
	a := e.guests[guest]
	if a == nil {
		if len(e.guests) >= maxGuests {
			e.forget()
		}
		if len(e.guests) >= maxGuests {
			return func() {}
		}
		a = &attachment{}
		e.guests[guest] = a
	}
	a.polls++
	a.mine = r.Mine
	return func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		a.polls--
		a.seen = e.now()
	}
}

// forget drops the guests that have gone. The caller holds mu.
func (e *events) forget() {
	now := e.now()
	maps.DeleteFunc(e.guests, func(g rpc.Guest, a *attachment) bool {
		return a.polls == 0 && (now.Sub(a.seen) > guestGrace || platform.ProcessState(g.PID) == platform.Gone)
	})
}

// attached lists the guests, and says whether one of them wants the host to mine.
func (e *events) attached() (guests []rpc.Guest, mine bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.forget()
	guests = []rpc.Guest{}
	for g, a := range e.guests {
		guests = append(guests, g)
		mine = mine || a.mine
	}
	slices.SortFunc(guests, func(a, b rpc.Guest) int {
		return cmp.Or(cmp.Compare(a.PID, b.PID), cmp.Compare(a.Command, b.Command))
	})
	return guests, mine
}
