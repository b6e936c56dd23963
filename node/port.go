package node

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/lode-chain/lode/internal/platform"
	"github.com/lode-chain/lode/rpc"
)

const cookieName = ".cookie"

// port is the host's public listener: loopback TCP, with the cookie. Its mutex
// guards all fields below it.
type port struct {
	host *Host

	mu       sync.Mutex
	listener net.Listener
	cookie   *rpc.Cookie
	asked    int // the port that was asked for
	url      string
	note     string
	serving  sync.WaitGroup
}

// status returns where the port is open, or why it is not.
func (p *port) status() (url, note string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.url, p.note
}

// cookieFile is where the cookie is; empty while no port is open.
func (p *port) cookieFile() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.listener == nil {
		return ""
	}
	return p.cookie.File()
}

// open opens the port, or moves it when another is asked for than before. That
// it is taken is no failure of the host: guests work all the same. A port that is
// open stays so when another cannot be opened.
func (p *port) open(number int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.listener != nil && p.asked == number {
		return nil
	}
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(number)))
	if err != nil {
		why := fmt.Errorf("port %d cannot be opened: %w", number, err)
		if platform.AddressInUse(err) {
			why = fmt.Errorf("port %d is taken by another program; --rpc-port 0 takes any free one", number)
		}
		if p.listener == nil {
			p.note = why.Error()
		}
		p.host.log.Warn("no RPC port", "reason", why)
		return why
	}
	if p.cookie == nil {
		p.cookie, err = rpc.WriteCookie(filepath.Join(p.host.dir, cookieName), p.host.rand)
		if err != nil {
			p.note = err.Error()
			l.Close()
			return err
		}
	}
	if p.listener != nil {
		p.listener.Close()
	}
	p.listener, p.asked, p.note, p.url = l, number, "", "http://"+l.Addr().String()
	access := rpc.Access{Authorize: p.cookie.Authorize}
	p.serving.Go(func() {
		if err := p.host.server.Serve(l, access); err != nil && !errors.Is(err, net.ErrClosed) {
			p.host.log.Error("the RPC port failed", "err", err)
		}
	})
	p.host.log.Info("RPC port open", "url", p.url)
	return nil
}

// close removes the cookie and waits for the listener; the server has been shut
// down before.
func (p *port) close() error {
	p.mu.Lock()
	var err error
	if p.cookie != nil {
		err = p.cookie.Remove()
	}
	if p.listener != nil {
		err = cmp.Or(err, ignoreClosed(p.listener.Close()))
	}
	p.mu.Unlock()
	p.serving.Wait()
	return err
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
