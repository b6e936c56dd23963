package rpc

import (
	"bytes"
	"context"
	"errors"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// newListener bounds the connections of a listener and makes each of them
// tolerate requests without a Host header.
func newListener(l net.Listener) net.Listener { return &boundedListener{Listener: l} }

type boundedListener struct {
	net.Listener
	open atomic.Int64
}

// Accept returns the next connection. One too many is told so and closed.
func (l *boundedListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if l.open.Add(1) <= maxConns {
			return &lenientConn{Conn: conn, closed: func() { l.open.Add(-1) }}, nil
		}
		l.open.Add(-1)
		_ = conn.SetWriteDeadline(time.Now().Add(time.Second))
		_, _ = conn.Write([]byte("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"))
		_ = conn.Close()
	}
}

// lenientConn adds a Host header to HTTP requests that have none: some Bitcoin
// clients send none, Core takes that, and net/http refuses it. It follows the
// requests of the connection as far as it can tell where they end, by their
// Content-Length; from the first one that it cannot tell, it changes nothing.
type lenientConn struct {
	net.Conn
	closed func()
	once   sync.Once

	// Owned by the reader.
	out  []byte // to be returned next
	in   []byte // read and not yet understood
	body int64  // bytes of the present request's body that are still to come
	raw  bool   // change nothing any more
	err  error
}

// Close closes the connection.
func (c *lenientConn) Close() error {
	c.once.Do(c.closed)
	return c.Conn.Close()
}

// Read returns what the client sent, Host headers added.
func (c *lenientConn) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	for {
		switch {
		case len(c.out) > 0:
			n := copy(b, c.out)
			c.out = c.out[n:]
			return n, nil
		case c.body > 0 && len(c.in) > 0:
			n := copy(b, c.in[:min(c.body, int64(len(c.in)))])
			c.in, c.body = c.in[n:], c.body-int64(n)
			return n, nil
		case c.raw && len(c.in) > 0:
			n := copy(b, c.in)
			c.in = c.in[n:]
			return n, nil
		case c.err != nil:
			err := c.err
			if isTimeout(err) {
				c.err = nil // deadlines may be moved
			}
			return 0, err
		case c.raw:
			return c.Conn.Read(b)
		case c.body > 0:
			n, err := c.Conn.Read(b[:min(c.body, int64(len(b)))])
			c.body -= int64(n)
			return n, err
		}
		c.header()
	}
}

// header reads the next request's header, or as much of it as comes, and moves
// it to out.
func (c *lenientConn) header() {
	if end := bytes.Index(c.in, []byte("\r\n\r\n")); end >= 0 {
		head := c.in[:end+4]
		c.in = c.in[end+4:]
		c.out = c.addHost(head)
		return
	}
	if len(c.in) > 2*MaxHeader {
		c.raw = true // the server refuses it
		return
	}
	chunk := make([]byte, 4096)
	n, err := c.Conn.Read(chunk)
	c.in = append(c.in, chunk[:n]...)
	if err != nil {
		c.err = err
		if !isTimeout(err) {
			c.raw = true
		}
	}
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}

// addHost returns the header of a request with a Host, and notes how long the
// body is that follows.
func (c *lenientConn) addHost(head []byte) []byte {
	first := bytes.Index(head, []byte("\r\n")) + 2
	hasHost, lengths := false, 0
	for line := range bytes.SplitSeq(head[first:], []byte("\r\n")) {
		name, value, _ := bytes.Cut(line, []byte(":"))
		switch string(bytes.ToLower(name)) {
		case "host":
			hasHost = true
		case "content-length":
			n, err := strconv.ParseUint(string(bytes.TrimSpace(value)), 10, 62)
			c.body = int64(n)
			if lengths++; err != nil || lengths > 1 {
				c.raw = true
			}
		case "transfer-encoding", "upgrade":
			c.raw = true
		}
	}
	if c.raw {
		c.body = 0
	}
	if hasHost {
		return head
	}
	out := append([]byte{}, head[:first]...)
	out = append(out, "Host: localhost\r\n"...)
	return append(out, head[first:]...)
}

// Memory is a listener within the process: the host speaks to itself through
// the same client and server as everybody else.
type Memory struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

// NewMemory makes a listener that Dial reaches.
func NewMemory() *Memory { return &Memory{conns: make(chan net.Conn), done: make(chan struct{})} }

// Accept returns the next connection.
func (m *Memory) Accept() (net.Conn, error) {
	select {
	case c := <-m.conns:
		return c, nil
	case <-m.done:
		return nil, net.ErrClosed
	}
}

// Close ends the listener.
func (m *Memory) Close() error {
	m.once.Do(func() { close(m.done) })
	return nil
}

// Addr names the listener.
func (m *Memory) Addr() net.Addr { return memoryAddr{} }

// Dial connects to the listener.
func (m *Memory) Dial(ctx context.Context) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case m.conns <- server:
		return client, nil
	case <-m.done:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

type memoryAddr struct{}

func (memoryAddr) Network() string { return "memory" }
func (memoryAddr) String() string  { return "memory" }
