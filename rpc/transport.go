package rpc

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// Limits of a client (policy).
const (
	maxReply     = 512 << 20 // bytes that it reads of a reply
	maxIdleConns = 16        // connections that it keeps between calls
)

// UnknownOutcomeError says that a call was sent and its connection broke before
// the answer: whether it took effect is not known.
type UnknownOutcomeError struct {
	Method string
	Err    error
}

// Error says what is not known, and how to find out.
func (e *UnknownOutcomeError) Error() string {
	return fmt.Sprintf("the host went away during %s; whether it took effect is not known: look before trying again (%v)", e.Method, e.Err)
}

// Unwrap returns what broke.
func (e *UnknownOutcomeError) Unwrap() error { return e.Err }

// UnreachableError says that no server could be reached: the call had no effect.
type UnreachableError struct{ Err error }

// Error says why.
func (e *UnreachableError) Error() string { return fmt.Sprintf("no host answers: %v", e.Err) }

// Unwrap returns the cause.
func (e *UnreachableError) Unwrap() error { return e.Err }

// HTTPError is a reply that is not JSON-RPC.
type HTTPError struct {
	Status int
	Text   string
}

// Error says what came back and what it means.
func (e *HTTPError) Error() string {
	switch e.Status {
	case http.StatusUnauthorized:
		return "the host refused the cookie"
	case http.StatusServiceUnavailable:
		return "the host has too much to do: " + e.Text
	}
	return fmt.Sprintf("the host answered %d %s: %s", e.Status, http.StatusText(e.Status), e.Text)
}

// ReadOnly says whether a method changes nothing, so that it may be called again
// when the connection broke.
func ReadOnly(method string) bool {
	switch method {
	case "getnewaddress", "getrawchangeaddress":
		return false
	case "help", "uptime", "verifychain", "lode_status", "lode_events", "lode_wallets", "lode_wallet",
		"lode_preparesend", "lode_history", "lode_job", "lode_backups", "lode_verifybackup":
		return true
	}
	for _, prefix := range []string{"get", "list", "decode", "validate", "test", "wait"} {
		if strings.HasPrefix(method, prefix) {
			return true
		}
	}
	return false
}

// transport makes the calls of a Client.
type transport struct {
	config ClientConfig
	http   *http.Transport
	ids    atomic.Uint64
}

func newTransport(c ClientConfig) *transport {
	return &transport{config: c, http: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			conn, err := c.Dial(ctx)
			if err != nil {
				return nil, &UnreachableError{err}
			}
			return conn, nil
		},
		MaxIdleConns:        maxIdleConns,
		MaxIdleConnsPerHost: maxIdleConns, // there is one only; net/http would keep two
		IdleConnTimeout:     time.Minute,
		DisableCompression:  true,
	}}
}

// outcome is what is known of a call that did not get its answer.
type outcome int

const (
	answered outcome = iota
	unsent           // it did not reach the server, or the server did not begin it
	unknown          // it may have been executed
)

func (t *transport) call(ctx context.Context, path, method string, result any, params []any) error {
	body, err := t.encode(method, params)
	if err != nil {
		return fmt.Errorf("%s: parameters: %w", method, err)
	}
	for times := 1; ; times++ {
		outcome, err := t.once(ctx, path, body, result)
		if err == nil || outcome == answered || ctx.Err() != nil {
			return err
		}
		if outcome == unknown && !ReadOnly(method) {
			return &UnknownOutcomeError{method, err}
		}
		t.http.CloseIdleConnections()
		if t.config.Lost == nil {
			return err
		}
		if err := t.config.Lost(ctx, times, err); err != nil {
			return err
		}
	}
}

func (t *transport) encode(method string, params []any) ([]byte, error) {
	request := struct {
		Version string `json:"jsonrpc"`
		ID      uint64 `json:"id"`
		Method  string `json:"method"`
		Params  any    `json:"params"`
	}{"2.0", t.ids.Add(1), method, params}
	if params == nil {
		request.Params = []any{}
	}
	return encodeResult(request)
}

// once sends a call to a path and reads its answer.
func (t *transport) once(ctx context.Context, path string, body []byte, result any) (outcome, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://localhost"+path, bytes.NewReader(body))
	if err != nil {
		return answered, err
	}
	r.GetBody = nil // net/http is not to repeat a call by itself
	r.Header.Set("Content-Type", "application/json")
	if t.config.Credentials != nil {
		user, password, err := t.config.Credentials()
		if err != nil {
			return unsent, &UnreachableError{err}
		}
		r.SetBasicAuth(user, password)
	}
	reply, err := t.http.RoundTrip(r)
	if err != nil {
		var unreachable *UnreachableError
		if errors.As(err, &unreachable) {
			return unsent, unreachable
		}
		return unknown, err
	}
	defer reply.Body.Close()
	data, err := io.ReadAll(io.LimitReader(reply.Body, maxReply+1))
	if err != nil {
		return unknown, err
	}
	if len(data) > maxReply {
		return answered, fmt.Errorf("the reply is over %d bytes", maxReply)
	}
	return decodeReply(reply, data, result)
}

func decodeReply(reply *http.Response, data []byte, result any) (outcome, error) {
	stopping := reply.Header.Get(stoppingHeader) != ""
	var envelope struct {
		Result json.RawMessage `json:"result"`
		Error  *Error          `json:"error"`
	}
	if err := json.Unmarshal(data, &envelope); err != nil {
		err := &HTTPError{reply.StatusCode, strings.TrimSpace(string(data[:min(len(data), 200)]))}
		if stopping && reply.StatusCode == http.StatusServiceUnavailable {
			return unsent, err
		}
		return answered, err
	}
	if envelope.Error != nil {
		if stopping && envelope.Error.Code == CodeNotConnected {
			return unknown, envelope.Error
		}
		return answered, envelope.Error
	}
	if result == nil || len(envelope.Result) == 0 {
		return answered, nil
	}
	return answered, json.Unmarshal(envelope.Result, result)
}
