package rpc

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// stoppingHeader marks replies to calls that were not executed, or not to their
// end, because the server is closing.
const stoppingHeader = "Lode-Stopping"

func (s *Server) serve(l net.Listener, a Access) error {
	hs := &http.Server{
		Handler:           &endpoint{s, a},
		ReadHeaderTimeout: readTimeout,
		ReadTimeout:       readTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    MaxHeader,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
		ConnState:         s.connState,
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return l.Close()
	}
	s.https[hs] = struct{}{}
	s.mu.Unlock()
	err := hs.Serve(newListener(l))
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("rpc listener %s: %w", l.Addr(), err)
}

// connState knows the connections on which nothing has been asked yet: net/http
// would wait five seconds for them when it shuts down.
func (s *Server) connState(c net.Conn, state http.ConnState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case state != http.StateNew:
		delete(s.silent, c)
	case s.closed:
		c.Close()
	default:
		s.silent[c] = struct{}{}
	}
}

func (s *Server) shutdown(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	for c := range s.silent {
		c.Close()
	}
	var all []*http.Server
	for hs := range s.https {
		all = append(all, hs)
	}
	s.mu.Unlock()
	s.calls.close()
	var wait sync.WaitGroup
	errs := make([]error, len(all))
	for i, hs := range all {
		wait.Go(func() {
			if errs[i] = hs.Shutdown(ctx); errs[i] != nil {
				s.calls.cancelAll()
				_ = hs.Close()
			}
		})
	}
	wait.Wait()
	// A call that was cut off may still be at work on what the caller is about
	// to close.
	unwinding := time.NewTimer(cutOffWait)
	defer unwinding.Stop()
	select {
	case <-s.calls.empty:
	case <-unwinding.C:
		errs = append(errs, errStuck)
	}
	return errors.Join(errs...)
}

// endpoint is the handler of one listener.
type endpoint struct {
	*Server
	access Access
}

// ServeHTTP answers one request as Core's HTTPReq_JSONRPC does.
func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	wallet, hasWallet, ok := walletOf(r.URL)
	if !ok {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	if r.Method != http.MethodPost {
		plain(w, http.StatusMethodNotAllowed, "JSONRPC server handles only POST requests")
		return
	}
	if e.access.Authorize != nil {
		if reason := foreign(r); reason != "" {
			plain(w, http.StatusForbidden, reason)
			return
		}
		if !e.authorized(w, r) {
			return
		}
	}
	body, ok := readBody(w, r)
	if !ok {
		return
	}
	in := &incoming{id: json.RawMessage("null")}
	if err := parseBody(body); err != nil {
		e.fail(w, in, asError(err))
		return
	}
	switch body = bytes.TrimSpace(body); KindOf(body) {
	case "object":
		e.single(w, r, in, body, wallet, hasWallet)
	case "array":
		e.batch(w, r, in, body, wallet, hasWallet)
	default:
		e.fail(w, in, CodeParse.New("Top-level object parse error"))
	}
}

// single answers one call.
func (e *endpoint) single(w http.ResponseWriter, r *http.Request, in *incoming, body []byte, wallet string, hasWallet bool) {
	if err := in.parse(body); err != nil {
		e.fail(w, in, asError(err))
		return
	}
	c, ctx, done, err := e.newCall(r.Context(), in.method)
	if err != nil {
		unavailable(w, err)
		return
	}
	defer done()
	if err := c.acquire(ctx); err != nil {
		unavailable(w, err)
		return
	}
	result, failure := e.execute(ctx, c, in, wallet, hasWallet)
	c.release()
	if errors.Is(context.Cause(ctx), errClosing) {
		w.Header().Set(stoppingHeader, "1")
	}
	switch {
	case failure != nil && in.version == legacy:
		e.fail(w, in, failure)
	case in.notification():
		w.WriteHeader(http.StatusNoContent)
	default:
		reply(w, http.StatusOK, in.reply(result, failure))
	}
}

// batch answers a list of calls, one after the other. Its calls share a place
// among the workers.
func (e *endpoint) batch(w http.ResponseWriter, r *http.Request, in *incoming, body []byte, wallet string, hasWallet bool) {
	var list []json.RawMessage
	if err := json.Unmarshal(body, &list); err != nil {
		e.fail(w, in, CodeParse.New("Parse error"))
		return
	}
	if len(list) > MaxBatch {
		e.fail(w, in, Errorf(CodeInvalidRequest, "a batch of %d calls is over the limit of %d", len(list), MaxBatch))
		return
	}
	c, ctx, done, err := e.newCall(r.Context(), "batch")
	if err != nil {
		unavailable(w, err)
		return
	}
	defer done()
	if err := c.acquire(ctx); err != nil {
		unavailable(w, err)
		return
	}
	var replies []byte
	for _, raw := range list {
		var result json.RawMessage
		var failure *Error
		switch err := in.parse(raw); {
		case err != nil:
			failure = asError(err)
		case len(replies) > MaxBatchReply:
			failure = Errorf(CodeInternal, "the replies of this batch are over %d bytes", MaxBatchReply)
		default:
			if err := c.resume(ctx); err != nil {
				failure = e.failure(ctx, in.method, err)
				break
			}
			result, failure = e.execute(ctx, c, in, wallet, hasWallet)
		}
		if in.notification() {
			continue
		}
		if replies != nil {
			replies = append(replies, ',')
		}
		replies = append(replies, in.reply(result, failure)...)
	}
	c.release()
	if replies == nil && len(list) > 0 {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	reply(w, http.StatusOK, slices.Concat([]byte{'['}, replies, []byte{']'}))
}

// fail sends an error with the HTTP status of JSON-RPC 1.x.
func (e *endpoint) fail(w http.ResponseWriter, in *incoming, failure *Error) {
	status := http.StatusInternalServerError
	switch failure.Code {
	case CodeInvalidRequest:
		status = http.StatusBadRequest
	case CodeMethodNotFound:
		status = http.StatusNotFound
	}
	in.version = legacy
	reply(w, status, in.reply(nil, failure))
}

func reply(w http.ResponseWriter, status int, body []byte) {
	body = append(body, '\n')
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", fmt.Sprint(len(body)))
	// A client that does not read its reply is cut off.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(readTimeout))
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text)
}

func unavailable(w http.ResponseWriter, err error) {
	if errors.Is(err, errBusy) {
		plain(w, http.StatusServiceUnavailable, "Work queue depth exceeded")
		return
	}
	w.Header().Set(stoppingHeader, "1")
	plain(w, http.StatusServiceUnavailable, "Shutting down")
}

// readBody reads the whole request, bounded in size and time, and then lifts
// the time limit: a long poll may take longer.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, bool) {
	if r.ContentLength > MaxBody {
		w.Header().Set("Connection", "close")
		plain(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("the request is over %d bytes", MaxBody))
		return nil, false
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
	if err != nil {
		status, text := http.StatusBadRequest, "the request did not arrive"
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			status, text = http.StatusRequestEntityTooLarge, fmt.Sprintf("the request is over %d bytes", MaxBody)
		}
		plain(w, status, text)
		return nil, false
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
	return body, true
}

// walletOf reads NAME from /wallet/NAME. Other paths than that and / are not
// served.
func walletOf(u *url.URL) (name string, has, ok bool) {
	path := u.EscapedPath()
	if path == "/" || path == "" {
		return "", false, true
	}
	escaped, ok := strings.CutPrefix(path, "/wallet/")
	if !ok {
		return "", false, false
	}
	name, err := url.PathUnescape(escaped)
	return name, true, err == nil
}

// foreign tells why a request looks as if a web page in a browser of this
// machine had sent it, or "". Basic authentication does not help there: the
// browser may have kept the password.
func foreign(r *http.Request) string {
	if !ownHost(r.Host) {
		return fmt.Sprintf("Host %q is not a name of this server", r.Host)
	}
	for _, origin := range r.Header.Values("Origin") {
		u, err := url.Parse(origin)
		if err != nil || !ownHost(u.Host) {
			return fmt.Sprintf("Origin %q may not call this server", origin)
		}
	}
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" && site != "none" {
		return "another site may not call this server"
	}
	return ""
}

func ownHost(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = strings.Trim(hostport, "[]")
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsLoopback() {
		return true
	}
	return strings.EqualFold(host, "localhost")
}

// authorized checks user and password; who gets them wrong waits a moment.
func (e *endpoint) authorized(w http.ResponseWriter, r *http.Request) bool {
	user, password, ok := r.BasicAuth()
	if ok && e.access.Authorize(user, password) {
		return true
	}
	if r.Header.Get("Authorization") != "" {
		e.log.Warn("a call with a wrong password", "from", r.RemoteAddr)
		timer := time.NewTimer(authDelay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.Context().Done():
		}
	}
	w.Header().Set("WWW-Authenticate", `Basic realm="jsonrpc"`)
	w.WriteHeader(http.StatusUnauthorized)
	return false
}
