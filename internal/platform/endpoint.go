package platform

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// Endpoint says where processes of the same user reach a listener of Listen: a
// Unix socket, or on systems without them a loopback address and a secret.
type Endpoint struct {
	Socket  string `json:"socket,omitempty"`
	Address string `json:"address,omitempty"`
	Secret  string `json:"secret,omitempty"` // hex
}

// Dial connects to an endpoint.
func Dial(ctx context.Context, e Endpoint) (net.Conn, error) {
	var d net.Dialer
	if e.Socket != "" {
		return d.DialContext(ctx, "unix", e.Socket)
	}
	secret, err := hex.DecodeString(e.Secret)
	if err != nil || len(secret) != proofSize {
		return nil, errors.New("endpoint has no secret")
	}
	conn, err := d.DialContext(ctx, "tcp", e.Address)
	if err != nil {
		return nil, err
	}
	proven := &provenConn{Conn: conn, secret: secret, guest: true}
	if err := proven.prove(); err != nil {
		conn.Close()
		return nil, err
	}
	return proven, nil
}

// On a loopback port anybody on the machine can listen once the host is gone,
// or connect. So both sides prove that they know a secret from a file which only
// the user can read, and the secret itself is never sent:
//
//	guest → host   nonce g
//	host → guest   nonce h, HMAC(secret, "host" g h)
//	guest → host   HMAC(secret, "guest" g h)
const (
	proofSize    = 32
	proofTimeout = 5 * time.Second
)

// listenLoopback is Listen for systems without Unix sockets.
func listenLoopback() (net.Listener, Endpoint, error) {
	secret := make([]byte, proofSize)
	if _, err := rand.Read(secret); err != nil {
		return nil, Endpoint{}, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, Endpoint{}, err
	}
	e := Endpoint{Address: l.Addr().String(), Secret: hex.EncodeToString(secret)}
	return &provenListener{l, secret}, e, nil
}

type provenListener struct {
	net.Listener
	secret []byte
}

// Accept returns the next connection. The proof is made when it is first read,
// by whoever reads it, so that a silent peer holds up nobody else.
func (l *provenListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &provenConn{Conn: conn, secret: l.secret}, nil
}

type provenConn struct {
	net.Conn
	secret []byte
	guest  bool
	once   sync.Once
	err    error
}

func (c *provenConn) Read(b []byte) (int, error) {
	if err := c.prove(); err != nil {
		return 0, err
	}
	return c.Conn.Read(b)
}

func (c *provenConn) Write(b []byte) (int, error) {
	if err := c.prove(); err != nil {
		return 0, err
	}
	return c.Conn.Write(b)
}

func (c *provenConn) prove() error {
	c.once.Do(func() {
		if c.err = c.Conn.SetDeadline(time.Now().Add(proofTimeout)); c.err != nil {
			return
		}
		if c.guest {
			c.err = c.proveGuest()
		} else {
			c.err = c.proveHost()
		}
		if c.err != nil {
			c.err = fmt.Errorf("the other side did not prove that it belongs to this user: %w", c.err)
			return
		}
		c.err = c.Conn.SetDeadline(time.Time{})
	})
	return c.err
}

func (c *provenConn) proof(who string, nonces []byte) []byte {
	m := hmac.New(sha256.New, c.secret)
	m.Write([]byte(who))
	m.Write(nonces)
	return m.Sum(nil)
}

func (c *provenConn) proveGuest() error {
	nonces := make([]byte, 2*proofSize)
	if _, err := rand.Read(nonces[:proofSize]); err != nil {
		return err
	}
	if _, err := c.Conn.Write(nonces[:proofSize]); err != nil {
		return err
	}
	proof := make([]byte, proofSize)
	if _, err := io.ReadFull(c.Conn, nonces[proofSize:]); err != nil {
		return err
	}
	if _, err := io.ReadFull(c.Conn, proof); err != nil {
		return err
	}
	if !hmac.Equal(proof, c.proof("host", nonces)) {
		return errors.New("wrong proof")
	}
	_, err := c.Conn.Write(c.proof("guest", nonces))
	return err
}

func (c *provenConn) proveHost() error {
	nonces := make([]byte, 2*proofSize)
	if _, err := io.ReadFull(c.Conn, nonces[:proofSize]); err != nil {
		return err
	}
	if _, err := rand.Read(nonces[proofSize:]); err != nil {
		return err
	}
	if _, err := c.Conn.Write(append(nonces[proofSize:len(nonces):len(nonces)], c.proof("host", nonces)...)); err != nil {
		return err
	}
	proof := make([]byte, proofSize)
	if _, err := io.ReadFull(c.Conn, proof); err != nil {
		return err
	}
	if !hmac.Equal(proof, c.proof("guest", nonces)) {
		return errors.New("wrong proof")
	}
	return nil
}
