package main

import (
	"context"
	"errors"
	"time"

	"github.com/lode-chain/lode/rpc"
)

// eventsPause is how long a follower of events waits after a failed call, such
// as during a change of hosts.
const eventsPause = 200 * time.Millisecond

// followEvents calls show for each event from now on until ctx ends. Ready is
// called when events from now on will be seen.
func followEvents(ctx context.Context, c *openChain, ready func(), show func(rpc.Event)) error {
	var request rpc.EventsRequest
	for {
		events, err := c.Events(ctx, request)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			// The node looks for the next host meanwhile; its Run ends when
			// there will be none.
			if !pause(ctx, eventsPause) {
				return nil
			}
			continue
		}
		if request.Since == nil {
			ready()
		}
		next := events.Next
		request = rpc.EventsRequest{Since: &next, Timeout: eventsWait}
		for _, e := range events.Events {
			show(e)
		}
		if events.Stopping {
			return errStopping
		}
	}
}

// errStopping reports that the chain is being stopped for all.
var errStopping = errors.New("the chain is being stopped")

// pause waits, and returns false when ctx ends first.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
