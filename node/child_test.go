package node

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/signal"
	"syscall"

	"github.com/lode-chain/lode/network"
	"github.com/lode-chain/lode/rpc"
)

// childEnv makes the test program a long-lived command on the folder that it
// names; it reports by lines of JSON.
const childEnv = "LODE_TEST_NODE"

type report struct {
	Ready   bool
	Role    Role
	Waiting string
	Error   string
}

func child() int {
	out := json.NewEncoder(os.Stdout)
	say := func(r report) { _ = out.Encode(r) }
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	port := 0
	n, err := Open(ctx, Config{
		Dir: os.Getenv(childEnv), Params: network.Regtest(), Command: "child", Version: "test", LongLived: true,
		Settings: rpc.Settings{RPCPort: &port},
		Waiting:  func(reason string) { say(report{Waiting: reason}) },
	})
	if err != nil {
		say(report{Error: err.Error()})
		return 1
	}
	say(report{Ready: true, Role: n.Role()})
	err = n.Run(ctx, func(r Role) { say(report{Role: r}) })
	if err = errors.Join(err, n.Close()); err != nil {
		say(report{Error: err.Error()})
		return 1
	}
	return 0
}
