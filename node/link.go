package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/lode-chain/lode/internal/platform"
	"github.com/lode-chain/lode/rpc"
)

const (
	lockFile    = "lock"
	hostFile    = "host.json"
	maxHostFile = 64 << 10 // bytes (policy)

	lookEvery   = 20 * time.Millisecond // how often a guest looks for a new host
	pingTimeout = time.Second           // for a host's sign of life
	sayEvery    = time.Second           // between two calls of Config.Waiting
	heirWait    = 2 * time.Second       // for a guest to take the place of a host that has ended
	maxHeirs    = 16                    // that host.json names (policy)
)

func pid() int { return os.Getpid() }

// hostInfo is host.json: how the host is found, by which process.
type hostInfo struct {
	PID      int               `json:"pid"`
	Started  int64             `json:"started"` // Unix seconds
	Command  string            `json:"command"`
	Version  string            `json:"version"`
	Endpoint platform.Endpoint `json:"endpoint"`
	// Stopped says that this host has ended, and that the processes which were
	// attached to it are to end too.
	Stopped bool `json:"stopped,omitempty"`
	// Heirs are the processes that were attached to this host when it ended, if
	// they are not to end too: one of them takes its place in a moment.
	Heirs []int `json:"heirs,omitempty"`
}

func (i hostInfo) String() string { return fmt.Sprintf("pid %d, %s", i.PID, i.Command) }

func readHost(dir string) (hostInfo, error) {
	var info hostInfo
	data, err := platform.ReadFile(filepath.Join(dir, hostFile), maxHostFile)
	if err == nil {
		err = json.Unmarshal(data, &info)
	}
	return info, err
}

func writeHost(dir string, info hostInfo) error {
	data, err := json.MarshalIndent(info, "", "  ")
	if err != nil {
		return err
	}
	return platform.WriteFile(filepath.Join(dir, hostFile), append(data, '\n'))
}

// heirComes says whether the host has ended and a guest of it is about to take
// its place. Short commands let it go first: one that hosts for a moment would
// be found by others, which then see their host end, or say that there is none.
func heirComes(dir string) bool {
	info, err := readHost(dir)
	return err == nil && slices.ContainsFunc(info.Heirs, func(pid int) bool { return platform.ProcessState(pid) == platform.Running })
}

// link is how a node reaches a host: itself, or another process.
type link struct {
	host   *Host // nil: another process
	info   hostInfo
	dial   func(context.Context) (net.Conn, error)
	client *rpc.Client // goes to this host only; its calls fail when it ends
}

func newLink(info hostInfo, host *Host) *link {
	l := &link{host: host, info: info}
	if host != nil {
		l.dial = host.memory.Dial
	} else {
		l.dial = func(ctx context.Context) (net.Conn, error) { return platform.Dial(ctx, info.Endpoint) }
	}
	l.client = rpc.NewClient(rpc.ClientConfig{Dial: l.dial})
	return l
}

// alive asks the host for a sign of life. An *rpc.Error of code -28 is one, of a
// host that is starting.
func (l *link) alive(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	return l.client.Call(ctx, "uptime", nil)
}

// find takes the directory's lock and opens the chain as its host, or finds the
// process that has the lock. It waits, within bounds, while that process starts
// or does not answer. A node that was attached before ends with a host that
// stopped the chain for all.
func (n *Node) find(ctx context.Context, attached bool) (*link, error) {
	dir := n.config.Dir
	begun := time.Now()
	sign, said := begun, begun // last sign of life; last word to the caller
	for {
		if !n.config.LongLived && time.Since(begun) < heirWait && heirComes(dir) {
			if pause(ctx, lookEvery); ctx.Err() != nil {
				return nil, ctx.Err()
			}
			continue
		}
		lock, err := platform.TryLock(filepath.Join(dir, lockFile))
		if err != nil {
			return nil, fmt.Errorf("data directory: %w", err)
		}
		info, infoErr := readHost(dir)
		if lock != nil {
			if attached && infoErr == nil && info.Stopped {
				return nil, errors.Join(ErrStopped, lock.Unlock())
			}
			host, err := openHost(ctx, n.config, lock)
			if err != nil {
				return nil, err
			}
			return newLink(host.info, host), nil
		}
		reason := "another process, which holds the data directory's lock"
		if infoErr == nil {
			l, why := n.join(ctx, info)
			if l != nil {
				return l, nil
			}
			reason = info.String() + why.text
			if why.sign {
				sign = time.Now()
			}
		}
		now := time.Now()
		if now.Sub(sign) > n.config.Patience {
			return nil, fmt.Errorf("%s holds %s and does not answer; end it, or wait for it, and try again", reason, dir)
		}
		if now.Sub(said) >= sayEvery {
			said = now
			n.config.Waiting("waiting for " + reason)
		}
		if pause(ctx, lookEvery); ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
}

// whyNot says why a host could not be joined, and whether it gave a sign of life.
type whyNot struct {
	text string
	sign bool
}

// join tries to become a guest of the host that host.json names.
func (n *Node) join(ctx context.Context, info hostInfo) (*link, whyNot) {
	l := newLink(info, nil)
	err := l.alive(ctx)
	if err == nil {
		return l, whyNot{}
	}
	l.client.Close()
	// What is known of the process only explains: its number may mean another
	// one here, or none, when it runs in a container of its own.
	var e *rpc.Error
	state := platform.ProcessState(info.PID)
	switch {
	case errors.As(err, &e) && e.Code == rpc.CodeInWarmup:
		return nil, whyNot{" (starting: " + e.Message + ")", true}
	case state == platform.Stopped:
		return nil, whyNot{text: stoppedText(info.PID)}
	case state == platform.Gone:
		return nil, whyNot{text: " (gone; another process is starting in its place)"}
	}
	return nil, whyNot{text: " (does not answer)"}
}

func stoppedText(pid int) string {
	return fmt.Sprintf(" (stopped; kill -CONT %d lets it go on)", pid)
}
