package rpc

import (
	"context"
	"net"
	"net/url"
)

// ClientConfig says how a Client reaches a server.
type ClientConfig struct {
	// Dial opens a connection to the server.
	Dial func(ctx context.Context) (net.Conn, error)
	// Credentials returns user and password; nil sends none.
	Credentials func() (user, password string, err error)
	// Lost is called when a call's connection failed, with how often that has
	// happened to this call. It returns nil when the server can be reached
	// again, else why not. Nil: calls are never retried.
	Lost func(ctx context.Context, times int, err error) error
}

// Client calls the methods of a server. It may be used by any number of
// goroutines.
type Client struct {
	transport *transport
	path      string
}

// NewClient makes a client; it connects when it is first used.
func NewClient(c ClientConfig) *Client {
	return &Client{newTransport(c), "/"}
}

// OnWallet returns a client of the same server whose calls of Core's methods are
// about a wallet, by name or number.
func (c *Client) OnWallet(name string) *Client {
	return &Client{c.transport, "/wallet/" + url.PathEscape(name)}
}

// Call calls a method with positional parameters and reads its result into
// result, which may be nil. For lode's own methods the only parameter is a
// struct of this package. An error of the method is an *Error; an
// *UnknownOutcomeError says that the host went away before it answered a call
// that may have changed something.
func (c *Client) Call(ctx context.Context, method string, result any, params ...any) error {
	return c.transport.call(ctx, c.path, method, result, params)
}

// Close closes idle connections.
func (c *Client) Close() { c.transport.http.CloseIdleConnections() }
