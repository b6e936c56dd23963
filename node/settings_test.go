package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lode-chain/lode/rpc"
)

func scan(url string, port *int) (int, error) {
	return fmt.Sscanf(url, "http://127.0.0.1:%d", port)
}

// tcp is a client's way through the public port.
func tcp(s rpc.Status) rpc.ClientConfig {
	return rpc.ClientConfig{
		Dial: func(ctx context.Context) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "tcp", strings.TrimPrefix(s.RPCURL, "http://"))
		},
		Credentials: func() (string, string, error) { return rpc.ReadCookie(s.CookieFile) },
	}
}

func TestSettings(t *testing.T) {
	dir := t.TempDir()
	s, err := openSettings(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got := s.get(); got != defaultSettings() {
		t.Errorf("defaults %+v", got)
	}
	port := 0
	values, err := s.change(rpc.Settings{Interval: "5s", RPCPort: &port, BackupEvery: -3})
	if err != nil || values.Interval != "5s" || values.MiningMode != "on-tick" || values.BackupEvery != -1 {
		t.Fatalf("%+v, %v", values, err)
	}
	for name, bad := range map[string]rpc.Settings{
		"interval":      {Interval: "1"},
		"too short":     {Interval: "1ns"},
		"too long":      {Interval: "1000h"},
		"mode":          {MiningMode: "sometimes"},
		"backups":       {BackupEvery: maxBackupEvery + 1},
		"relative path": {BackupDir: "backups"},
		"no folder":     {BackupDir: filepath.Join(dir, settingsFile)},
		"port":          {RPCPort: ptr(65536)},
	} {
		if _, err := s.change(bad); !errors.Is(err, rpc.CodeInvalidParameter.New("")) {
			t.Errorf("%s: %v", name, err)
		}
	}
	again, err := openSettings(dir)
	if err != nil || !equalSettings(again.get(), values) {
		t.Errorf("remembered %+v, %v", again.get(), err)
	}
	before, err := os.Stat(filepath.Join(dir, settingsFile))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := again.change(rpc.Settings{Interval: "5s"}); err != nil {
		t.Fatal(err)
	}
	if after, err := os.Stat(filepath.Join(dir, settingsFile)); err != nil || !os.SameFile(before, after) {
		t.Errorf("the file was written although nothing changed: %v", err)
	}
}

func ptr[T any](v T) *T { return &v }

func TestEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEvents(time.Now)
		start := e.position().Next
		poll := func(since uint64, seconds float64) (rpc.Events, error) {
			return e.poll(t.Context(), rpc.EventsRequest{Since: &since, Timeout: seconds})
		}
		begun := time.Now()
		if got, err := poll(start, 30); err != nil || len(got.Events) != 0 || got.Next != start || time.Since(begun) != 30*time.Second {
			t.Errorf("nothing happened: %+v, %v after %s", got, err, time.Since(begun))
		}
		done := make(chan rpc.Events)
		go func() {
			got, err := poll(start, 60)
			if err != nil {
				t.Error(err)
			}
			done <- got
		}()
		synctest.Wait()
		e.Publish(rpc.Event{Kind: "tx", Text: "one"})
		if got := <-done; len(got.Events) != 1 || got.Events[0].Seq != start+1 || got.Next != start+1 || got.Missed {
			t.Errorf("one event: %+v", got)
		}
		for range 3 * eventRing {
			e.Publish(rpc.Event{Kind: "tx"})
		}
		got, err := poll(start+1, 1)
		if err != nil || !got.Missed || len(got.Events) != eventRing || got.Next != start+1+3*eventRing || got.Events[eventRing-1].Seq != got.Next {
			t.Errorf("after an overflow: %d events, missed %v, %v", len(got.Events), got.Missed, err)
		}
		if got, err := poll(got.Next-10, 1); err != nil || got.Missed || len(got.Events) != 10 {
			t.Errorf("the last ten: %d events, missed %v, %v", len(got.Events), got.Missed, err)
		}
		later := newEvents(time.Now)
		if later.next <= got.Next {
			t.Errorf("a later host begins at %d, below %d", later.next, got.Next)
		}
		if got, err := e.poll(t.Context(), rpc.EventsRequest{Since: ptr(later.next + 7), Timeout: 60}); err != nil || !got.Missed {
			t.Errorf("a position of another host: missed %v, %v", got.Missed, err)
		}
	})
}

func TestGuestsAreListedBetweenPolls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEvents(time.Now)
		ctx, cancel := context.WithCancel(t.Context())
		request := rpc.EventsRequest{Since: ptr(e.position().Next), Timeout: 60, PID: os.Getpid(), Command: "lode miner", Mine: true}
		done := make(chan error)
		go func() {
			_, err := e.poll(ctx, request)
			done <- err
		}()
		synctest.Wait()
		check := func(when string, wanted int) {
			guests, mine := e.attached()
			if len(guests) != wanted || mine != (wanted == 1) {
				t.Errorf("%s: %v, mine %v", when, guests, mine)
			}
		}
		check("during the poll", 1)
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("the poll ended with %v", err)
		}
		check("right after it", 1)
		time.Sleep(guestGrace + time.Second)
		check("later", 0)
	})
}

// A poll waits however long a time it names.
func TestLongestPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEvents(time.Now)
		begun := time.Now()
		got, err := e.poll(t.Context(), rpc.EventsRequest{Since: ptr(e.position().Next), Timeout: 1e300})
		if took := time.Since(begun); err != nil || len(got.Events) > 0 || took != maxEventsPoll {
			t.Errorf("%+v, %v after %s", got, err, took)
		}
	})
}

func TestGuestsAreBounded(t *testing.T) {
	e := newEvents(time.Now)
	for i := range maxGuests + 10 {
		defer e.attach(rpc.EventsRequest{PID: i + 1, Command: strings.Repeat("x", 1000)})()
	}
	guests, _ := e.attached()
	if len(guests) != maxGuests || len(guests[0].Command) != maxGuestName {
		t.Errorf("%d guests, the first with a name of %d bytes", len(guests), len(guests[0].Command))
	}
}

func TestStoppingIsTheLastEvent(t *testing.T) {
	e := newEvents(time.Now)
	e.stop(true)
	got, err := e.poll(t.Context(), rpc.EventsRequest{Since: ptr(e.position().Next), Timeout: 60})
	if err != nil || !got.Stopping {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestLogIsBounded(t *testing.T) {
	dir := t.TempDir()
	l, err := openLog(dir, 1000)
	if err != nil {
		t.Fatal(err)
	}
	log := l.logger(nil)
	for i := range 100 {
		log.Info("a line of some length", "number", i)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Write([]byte("x")); err == nil {
		t.Error("written after the end")
	}
	for name, last := range map[string]string{logName: "number=99", logName + ".1": "number="} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || len(data) > 1000 || !strings.Contains(string(data), last) {
			t.Errorf("%s: %d bytes, %v", name, len(data), err)
		}
	}
	again, err := openLog(dir, 1000)
	if err != nil {
		t.Fatal(err)
	}
	if again.size == 0 {
		t.Error("an opened log forgot its size")
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
}
