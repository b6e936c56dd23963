package rpc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// blocker is a method that runs until it is let go.
func blocker(name string, park bool) (m Method, begun chan struct{}, letGo chan struct{}) {
	begun, letGo = make(chan struct{}, 100), make(chan struct{})
	return Method{
		Name: name, Section: SectionUtil, Summary: "Blocks.",
		Handler: func(ctx context.Context, _ *Request) (any, error) {
			if park {
				if err := Park(ctx); err != nil {
					return nil, err
				}
			}
			begun <- struct{}{}
			select {
			case <-letGo:
				return "done", nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		},
	}, begun, letGo
}

func TestMoreSlowCallsThanWorkers(t *testing.T) {
	slow, begun, letGo := blocker("slow", false)
	f := start(t, Config{Workers: 2, Queue: 1, Wait: time.Millisecond}, slow)
	var wait sync.WaitGroup
	for range 2 {
		wait.Go(func() {
			if err := f.client.Call(t.Context(), "slow", nil); err != nil {
				t.Error(err)
			}
		})
		<-begun
	}
	status, reply := f.post(t, "/", `{"id":1,"method":"getblockcount"}`, nil)
	if status != 503 || reply != "Work queue depth exceeded" {
		t.Errorf("got %d %s", status, reply)
	}
	close(letGo)
	wait.Wait()
	if err := f.client.Call(t.Context(), "getblockcount", nil); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

func TestLongPollsTakeNoWorker(t *testing.T) {
	poll, begun, letGo := blocker("waitforit", true)
	f := start(t, Config{Workers: 1, Queue: 1, Wait: deadline}, poll)
	var wait sync.WaitGroup
	for range 20 {
		wait.Go(func() {
			var got string
			if err := f.client.Call(t.Context(), "waitforit", &got); err != nil || got != "done" {
				t.Error(got, err)
			}
		})
	}
	for range 20 {
		<-begun
	}
	var height int
	if err := f.client.Call(t.Context(), "getblockcount", &height); err != nil || height != 543 {
		t.Errorf("%d, %v", height, err)
	}
	close(letGo)
	wait.Wait()
}

func TestClientGoneInMidCall(t *testing.T) {
	slow, begun, letGo := blocker("slow", false)
	defer close(letGo)
	f := start(t, Config{Workers: 1, Wait: deadline}, slow)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- f.client.Call(ctx, "slow", nil) }()
	<-begun
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("the call ended with %v", err)
	}
	if err := f.client.Call(t.Context(), "getblockcount", nil); err != nil { // needs the worker back
		t.Error(err)
	}
}

func TestShutdown(t *testing.T) {
	poll, polling, _ := blocker("waitforit", true)
	slow, running, letGo := blocker("slow", false)
	f := start(t, Config{}, poll, slow)
	polled, ran := make(chan error, 1), make(chan error, 1)
	go func() { polled <- f.client.Call(t.Context(), "waitforit", nil) }()
	go func() { ran <- f.client.Call(t.Context(), "slow", nil) }()
	<-polling
	<-running
	ended := make(chan error, 1)
	go func() { ended <- f.Shutdown(t.Context()) }()
	if err := <-polled; !errors.Is(err, CodeNotConnected.New("")) {
		t.Errorf("a long poll at the end: %v", err)
	}
	select {
	case err := <-ran:
		t.Errorf("a running call was cut off: %v", err)
	default:
	}
	close(letGo)
	if err := <-ran; err != nil {
		t.Errorf("a running call: %v", err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	var unreachable *UnreachableError
	if err := f.client.Call(t.Context(), "getblockcount", nil); !errors.As(err, &unreachable) {
		t.Errorf("after the end: %v", err)
	}
}

// TestShutdownDoesNotWaitForTheSilent has a connection on which nobody asks
// anything.
func TestShutdownDoesNotWaitForTheSilent(t *testing.T) {
	f := start(t, Config{})
	conn, err := net.Dial("tcp", strings.TrimPrefix(f.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if status, reply := f.post(t, "/", `{"method":"getblockcount"}`, nil); status != 200 { // so that the one before was accepted
		t.Fatal(status, reply)
	}
	begun := time.Now()
	if err := f.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if took := time.Since(begun); took > 3*time.Second {
		t.Errorf("took %s", took)
	}
}

func TestShutdownCutsOffWhatDoesNotEnd(t *testing.T) {
	slow, running, letGo := blocker("slow", false)
	defer close(letGo)
	f := start(t, Config{}, slow)
	ran := make(chan error, 1)
	go func() { ran <- f.client.Call(t.Context(), "slow", nil) }()
	<-running
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := f.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	var unknown *UnknownOutcomeError
	if err := <-ran; !errors.As(err, &unknown) && !errors.Is(err, CodeNotConnected.New("")) {
		t.Errorf("the call ended with %v", err)
	}
}

// TestConnectionsAreKept makes several calls at once, twice: the second time no
// connection is made.
func TestConnectionsAreKept(t *testing.T) {
	const calls = 8
	slow, running, letGo := blocker("slow", false)
	f := start(t, Config{}, slow)
	var dials atomic.Int32
	client := NewClient(ClientConfig{Dial: func(ctx context.Context) (net.Conn, error) {
		dials.Add(1)
		return f.memory.Dial(ctx)
	}})
	defer client.Close()
	for range 2 {
		var wait sync.WaitGroup
		for range calls {
			wait.Go(func() {
				if err := client.Call(t.Context(), "slow", nil); err != nil {
					t.Error(err)
				}
			})
		}
		for range calls {
			<-running
		}
		for range calls {
			letGo <- struct{}{}
		}
		wait.Wait()
	}
	if n := dials.Load(); n != calls {
		t.Errorf("%d connections for %d calls at once", n, calls)
	}
}

// TestShutdownWaitsForWhatItCutsOff has a call that takes a moment to notice that
// it was cut off: what it works on must not be closed before.
func TestShutdownWaitsForWhatItCutsOff(t *testing.T) {
	running, noticed, letGo := make(chan struct{}), make(chan struct{}), make(chan struct{})
	var over atomic.Bool
	f := start(t, Config{}, Method{Name: "slow", Handler: func(ctx context.Context, _ *Request) (any, error) {
		close(running)
		<-ctx.Done()
		close(noticed)
		<-letGo
		over.Store(true)
		return nil, ctx.Err()
	}})
	go func() { _ = f.client.Call(t.Context(), "slow", nil) }()
	<-running
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	ended := make(chan bool, 1)
	go func() {
		_ = f.Shutdown(ctx)
		ended <- over.Load()
	}()
	<-noticed
	close(letGo)
	if !<-ended {
		t.Error("Shutdown returned while the call was still running")
	}
}

// TestBatchAfterALongPoll has a call behind one that parked, in the same batch:
// it has a worker of its own, and is not taken for one that only waits.
func TestBatchAfterALongPoll(t *testing.T) {
	type state struct{ worker, parked bool }
	seen := make(chan state, 1)
	f := start(t, Config{},
		Method{Name: "parks", Handler: func(ctx context.Context, _ *Request) (any, error) { return nil, Park(ctx) }},
		Method{Name: "works", Handler: func(ctx context.Context, _ *Request) (any, error) {
			c := ctx.Value(callKey{}).(*call)
			seen <- state{c.worker, c.parked}
			return nil, nil
		}})
	status, reply := f.post(t, "/", `[{"id":1,"method":"parks"},{"id":2,"method":"works"}]`, nil)
	if status != 200 || strings.Contains(reply, "message") {
		t.Fatal(status, reply)
	}
	if got := <-seen; got != (state{worker: true}) {
		t.Errorf("the second call: %+v", got)
	}
}

func TestWarmupPanicAndErrors(t *testing.T) {
	f := start(t, Config{},
		Method{Name: "panics", Section: SectionUtil, Handler: func(context.Context, *Request) (any, error) { panic("our bug") }},
		Method{Name: "fails", Section: SectionUtil, Handler: func(context.Context, *Request) (any, error) {
			return nil, fmt.Errorf("read the disk: %w", CodeDatabase.New("bad sector"))
		}},
		Method{Name: "unwritable", Section: SectionUtil, Handler: func(context.Context, *Request) (any, error) { return func() {}, nil }},
	)
	for method, code := range map[string]Code{"panics": CodeInternal, "fails": CodeDatabase, "unwritable": CodeInternal, "nosuch": CodeMethodNotFound} {
		if err := f.client.Call(t.Context(), method, nil); !errors.Is(err, code.New("")) {
			t.Errorf("%s: %v", method, err)
		}
	}
	f.Warmup("Verifying blocks…")
	status, reply := f.post(t, "/", `{"id":1,"method":"getblockcount"}`, nil)
	if status != 500 || !strings.Contains(reply, `{"code":-28,"message":"Verifying blocks…"}`) {
		t.Errorf("%d %s", status, reply)
	}
}

// TestCallsAcrossABrokenConnection cuts connections while calls are under way.
func TestCallsAcrossABrokenConnection(t *testing.T) {
	slow, begun, letGo := blocker("slow", false)
	slowGet, begunGet, _ := blocker("getslow", false)
	f := start(t, Config{}, slow, slowGet)
	defer close(letGo)
	var mu sync.Mutex
	var conns []net.Conn
	lost := 0
	client := NewClient(ClientConfig{
		Dial: func(ctx context.Context) (net.Conn, error) {
			c, err := f.memory.Dial(ctx)
			mu.Lock()
			defer mu.Unlock()
			conns = append(conns, c)
			return c, err
		},
		Lost: func(_ context.Context, times int, err error) error {
			lost = times
			if times > 1 {
				return errors.New("gone for good")
			}
			return nil
		},
	})
	defer client.Close()
	cut := func() {
		mu.Lock()
		defer mu.Unlock()
		for _, c := range slices.Clone(conns) {
			c.Close()
		}
		conns = nil
	}
	done := make(chan error, 1)
	go func() { done <- client.Call(t.Context(), "slow", nil) }()
	<-begun
	cut()
	var unknown *UnknownOutcomeError
	if err := <-done; !errors.As(err, &unknown) || lost != 0 {
		t.Errorf("a call that changes something: %v, retried %d times", err, lost)
	}
	go func() { done <- client.Call(t.Context(), "getslow", nil) }()
	<-begunGet
	cut()
	<-begunGet // it was called again by itself
	cut()
	if err := <-done; err == nil || !strings.Contains(err.Error(), "gone for good") {
		t.Errorf("a call that changes nothing: %v", err)
	}
}
