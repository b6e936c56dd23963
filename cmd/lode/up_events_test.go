package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/lode-chain/lode/console"
	"github.com/lode-chain/lode/rpc"
)

// TestUpTellsNothingTwice: blocks that the banner has counted are no lines, before
// it or late; what came beside them and after them is.
func TestUpTellsNothingTwice(t *testing.T) {
	for _, json := range []bool{false, true} {
		var out bytes.Buffer
		u := &upSession{program: &program{screen: &console.Screen{Out: &out}, json: json}}
		block := func(height int32, text string) { u.event(rpc.Event{Kind: "block", Height: height, Text: text}) }
		block(110, "of the start")
		u.event(rpc.Event{Kind: "backup", Height: 110, Text: "of the start"})
		u.event(rpc.Event{Kind: "tx", Text: "first"})
		block(112, "second")
		if out.Len() > 0 {
			t.Errorf("before the banner: %q", out.String())
		}
		u.mu.Lock()
		u.last.Height = 111
		u.started(111)
		u.mu.Unlock()
		block(111, "of the start")
		block(113, "third")
		u.event(rpc.Event{Kind: "backup", Height: 110, Text: "fourth"})
		u.event(rpc.Event{Kind: "disconnected", Height: 111, Text: "fifth"})
		block(111, "sixth")
		at := 0
		for _, want := range []string{"first", "second", "third", "fourth", "fifth", "sixth"} {
			i := strings.Index(out.String()[at:], want)
			if i < 0 {
				t.Fatalf("%q is missing or out of order:\n%s", want, &out)
			}
			at += i
		}
		if strings.Contains(out.String(), "of the start") || strings.Count(out.String(), "\n") != 6 || u.last.Height != 111 {
			t.Errorf("height %d\n%s", u.last.Height, &out)
		}
	}
}
