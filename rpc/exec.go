package rpc

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"runtime/debug"
	"time"
	"unicode/utf8"

	"github.com/lode-chain/lode/internal/platform"
)

// version of the JSON-RPC protocol that a request asked for.
type version int

const (
	legacy version = iota // 1.0 and 1.1
	v2
)

// incoming is a parsed request. As in Core, the id of a request that could not
// be parsed stays the one before it in the batch.
type incoming struct {
	id      json.RawMessage // nil: none
	version version
	method  string
	params  json.RawMessage
}

func (in *incoming) notification() bool { return in.id == nil && in.version == v2 }

// parse is Core's JSONRPCRequest::parse.
func (in *incoming) parse(raw json.RawMessage) error {
	if KindOf(raw) != "object" {
		return CodeInvalidRequest.New("Invalid Request object")
	}
	fields, err := objectFields(raw)
	if err != nil {
		return CodeParse.New("Parse error")
	}
	get := func(name string) json.RawMessage { // the first of that name counts, as in Core
		for _, f := range fields {
			if f.name == name {
				return f.value
			}
		}
		return nil
	}
	in.id, in.version, in.method, in.params = get("id"), legacy, "", nil
	if v := get("jsonrpc"); KindOf(v) != "null" {
		var text string
		if json.Unmarshal(v, &text) != nil {
			return CodeInvalidRequest.New("jsonrpc field must be a string")
		}
		switch text {
		case "1.0":
		case "2.0":
			in.version = v2
		default:
			return CodeInvalidRequest.New("JSON-RPC version not supported")
		}
	}
	method := get("method")
	switch KindOf(method) {
	case "null":
		return CodeInvalidRequest.New("Missing method")
	case "string":
		if err := json.Unmarshal(method, &in.method); err != nil {
			return CodeParse.New("Parse error")
		}
	default:
		return CodeInvalidRequest.New("Method must be a string")
	}
	switch params := get("params"); KindOf(params) {
	case "array", "object":
		in.params = params
	case "null":
	default:
		return CodeInvalidRequest.New("Params must be an array or object")
	}
	return nil
}

// reply is Core's JSONRPCReplyObj.
func (in *incoming) reply(result json.RawMessage, failure *Error) []byte {
	var b bytes.Buffer
	b.WriteByte('{')
	if in.version == v2 {
		b.WriteString(`"jsonrpc":"2.0",`)
	}
	if result == nil {
		result = json.RawMessage("null")
	}
	errorJSON := []byte("null")
	if failure != nil {
		errorJSON = encode(failure)
		result = json.RawMessage("null")
	}
	if in.version == legacy || failure == nil {
		b.WriteString(`"result":`)
		b.Write(result)
	}
	if in.version == legacy {
		b.WriteByte(',')
	}
	if in.version == legacy || failure != nil {
		b.WriteString(`"error":`)
		b.Write(errorJSON)
	}
	if in.id != nil {
		b.WriteString(`,"id":`)
		b.Write(in.id)
	}
	b.WriteByte('}')
	return b.Bytes()
}

// encode marshals without HTML escapes: they are for browsers, and Core has none.
func encode(v any) []byte {
	b, err := encodeResult(v)
	if err != nil {
		return encode(CodeInternal.New(err.Error()))
	}
	return b
}

func encodeResult(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// execute runs one call in its own context and returns the JSON of its result.
// The caller has entered the call in the table.
func (s *Server) execute(ctx context.Context, c *call, in *incoming, wallet string, hasWallet bool) (json.RawMessage, *Error) {
	if text := s.warmup.Load(); text != nil {
		return nil, CodeInWarmup.New(*text)
	}
	m, ok := s.methods[in.method]
	if !ok {
		return nil, CodeMethodNotFound.New("Method not found")
	}
	r := &Request{Method: in.method, Wallet: wallet, HasWallet: hasWallet}
	if err := m.bind(r, in.params); err != nil {
		return nil, asError(err)
	}
	result, err := s.run(context.WithValue(ctx, callKey{}, c), m, r)
	if err != nil {
		return nil, s.failure(ctx, m.Name, err)
	}
	raw, err := encodeResult(result)
	if err != nil {
		s.log.Error("a reply cannot be written as JSON", "method", m.Name, "err", err)
		return nil, CodeInternal.New("the reply cannot be written as JSON")
	}
	return raw, nil
}

// run calls a handler and turns a panic, which is a bug of ours, into an error:
// one call fails, the chain goes on.
func (s *Server) run(ctx context.Context, m *Method, r *Request) (result any, err error) {
	defer func() {
		if p := recover(); p != nil {
			s.log.Error("a method panicked", "method", m.Name, "panic", p, "stack", string(debug.Stack()))
			err = CodeInternal.New("internal error in " + m.Name + "; the log has the details")
		}
	}()
	return m.Handler(ctx, r)
}

// failure turns a handler's error into the one that is sent.
func (s *Server) failure(ctx context.Context, method string, err error) *Error {
	var e *Error
	switch {
	case errors.As(err, &e):
		return e
	case errors.Is(err, errClosing), errors.Is(context.Cause(ctx), errClosing):
		return CodeNotConnected.New("Shutting down")
	case errors.Is(err, errBusy):
		return CodeMisc.New("Too many calls are waiting: Work queue depth exceeded")
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return CodeMisc.New("the call was given up")
	}
	s.log.Warn("a method failed", "method", method, "err", err)
	text := err.Error()
	if advice := platform.DiskAdvice(err); advice != "" {
		text += ": " + advice
	}
	return CodeMisc.New(text)
}

func asError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return CodeParse.New("Parse error")
}

// parseBody checks that a body is JSON of bounded depth in valid UTF-8.
func parseBody(body []byte) error {
	if !utf8.Valid(body) || depth(body) > MaxDepth || !json.Valid(body) {
		return CodeParse.New("Parse error")
	}
	return nil
}

// depth is how deep arrays and objects are nested in JSON, or in what claims to
// be JSON.
func depth(body []byte) int {
	deepest, now := 0, 0
	inString, escaped := false, false
	for _, b := range body {
		switch {
		case escaped:
			escaped = false
		case inString:
			escaped = b == '\\'
			inString = b != '"'
		case b == '"':
			inString = true
		case b == '[' || b == '{':
			now++
			deepest = max(deepest, now)
		case b == ']' || b == '}':
			now--
		}
	}
	return deepest
}

// newCall enters a call into the table; done takes it out again.
func (s *Server) newCall(ctx context.Context, method string) (*call, context.Context, func(), error) {
	ctx, cancel := context.WithCancelCause(ctx)
	c := &call{server: s, method: method, started: time.Now(), cancel: cancel}
	if err := s.calls.begin(c); err != nil {
		cancel(err)
		return nil, nil, nil, err
	}
	return c, ctx, func() {
		c.release()
		s.calls.end(c)
		cancel(nil)
	}, nil
}
