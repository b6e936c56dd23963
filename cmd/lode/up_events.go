package main

import (
	"encoding/json"

	"github.com/lode-chain/lode/console"
	"github.com/lode-chain/lode/rpc"
)

// event shows one event, or keeps it until the banner is printed.
func (u *upSession) event(e rpc.Event) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.announced {
		u.early = append(u.early, e)
		return
	}
	u.show(e)
}

// started shows what happened while the banner was made, but for that of which
// it tells: the chain up to its height. The caller holds mu.
func (u *upSession) started(height int32) {
	u.announced, u.start = true, height
	for _, e := range u.early {
		if e.Kind == "tx" || e.Height > height {
			u.show(e)
		}
	}
	u.early = nil
}

// show prints an event: as a line with its time, or as JSON. Blocks that the
// banner has counted may be told of late; they are left out. The caller holds mu.
func (u *upSession) show(e rpc.Event) {
	switch e.Kind {
	case "block":
		if e.Height <= u.start {
			return
		}
		u.last.Height = e.Height
	case "disconnected":
		u.start = 0 // from here on heights come a second time
	}
	if u.json {
		if line, err := json.Marshal(e); err == nil {
			u.screen.Printf("%s\n", line)
		}
		return
	}
	u.screen.Printf("%s  %s\n", u.screen.Faint(clock(e.Time)), console.Clean(e.Text))
}
