package node

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lode-chain/lode/rpc"
)

// jobRunner is a job engine whose Run runs, in a bubble of its own time.
type jobRunner struct {
	*jobs
	t    *testing.T
	stop context.CancelFunc
	over chan struct{}
}

func withJobs(t *testing.T, test func(t *testing.T, r *jobRunner)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		r := &jobRunner{newJobs(&Host{rand: rand.Reader}), t, cancel, make(chan struct{})}
		go func() {
			defer close(r.over)
			if err := r.Run(ctx); err != nil {
				t.Error(err)
			}
		}()
		test(t, r)
		cancel()
		<-r.over
	})
}

func (r *jobRunner) begin(kind string, addsBlocks bool, do task) string {
	r.t.Helper()
	j, err := r.start(kind, "blocks", addsBlocks, do)
	if err != nil {
		r.t.Fatal(err)
	}
	return j.ID
}

// wait polls a job to its end.
func (r *jobRunner) wait(id string) rpc.Job {
	r.t.Helper()
	since := int64(-1)
	for {
		j, err := r.poll(r.t.Context(), rpc.JobRequest{ID: id, SinceDone: &since, Timeout: 60})
		if err != nil {
			r.t.Fatal(err)
		}
		if j.Ended {
			return j
		}
		since = j.Done
	}
}

// forever is a task that ends only when it is cancelled.
func forever(ctx context.Context, _ *job) (any, error) {
	<-ctx.Done()
	return map[string]int{"n": 7}, ctx.Err()
}

func TestJobRunsToItsEnd(t *testing.T) {
	withJobs(t, func(t *testing.T, r *jobRunner) {
		step := make(chan int64)
		id := r.begin("test", false, func(_ context.Context, j *job) (any, error) {
			for done := range step {
				j.progress(done, 10)
			}
			return map[string]int{"n": 3}, nil
		})
		if j, err := r.poll(t.Context(), rpc.JobRequest{ID: id}); err != nil || j.Ended || j.Done != 0 || j.Kind != "test" || j.Unit != "blocks" {
			t.Errorf("at the beginning: %+v (%v)", j, err)
		}
		step <- 4
		synctest.Wait()
		since, began := int64(0), time.Now()
		j, err := r.poll(t.Context(), rpc.JobRequest{ID: id, SinceDone: &since, Timeout: 60})
		if err != nil || j.Done != 4 || j.Total != 10 || j.Ended || time.Since(began) != jobTick {
			t.Errorf("progress: %+v (%v) after %s", j, err, time.Since(began))
		}
		since, began = 4, time.Now()
		if j, err = r.poll(t.Context(), rpc.JobRequest{ID: id, SinceDone: &since, Timeout: 3600}); err != nil || j.Done != 4 || time.Since(began) != maxJobPoll {
			t.Errorf("no progress: %+v (%v) after %s", j, err, time.Since(began))
		}
		close(step)
		if j := r.wait(id); string(j.Result) != `{"n":3}` || j.Error != "" {
			t.Errorf("at the end: %+v", j)
		}
	})
}

func TestJobGoesOnWithoutItsCaller(t *testing.T) {
	withJobs(t, func(t *testing.T, r *jobRunner) {
		end := make(chan struct{})
		id := r.begin("test", false, func(context.Context, *job) (any, error) { <-end; return nil, errors.New("what went wrong") })
		ctx, leave := context.WithCancel(t.Context())
		leave()
		since := int64(0)
		if j, err := r.poll(ctx, rpc.JobRequest{ID: id, SinceDone: &since, Timeout: 60}); err != nil || j.Ended {
			t.Errorf("poll of a caller who has left: %+v (%v)", j, err)
		}
		close(end)
		if j := r.wait(id); j.Error != "what went wrong" || j.Result != nil {
			t.Errorf("at the end: %+v", j)
		}
	})
}

func TestCancelJob(t *testing.T) {
	withJobs(t, func(t *testing.T, r *jobRunner) {
		id := r.begin("import", false, forever)
		j, err := r.cancelJob(t.Context(), id)
		if err != nil || !j.Ended || !strings.Contains(j.Error, "import was cancelled") || string(j.Result) != `{"n":7}` {
			t.Errorf("cancelled: %+v (%v)", j, err)
		}
		if again, err := r.cancelJob(t.Context(), id); err != nil || again.Error != j.Error {
			t.Errorf("cancelled twice: %+v (%v)", again, err)
		}
		// One that is busy is not waited for without end.
		end := make(chan struct{})
		id = r.begin("busy", false, func(context.Context, *job) (any, error) { <-end; return nil, nil })
		if j, err := r.cancelJob(t.Context(), id); err != nil || j.Ended {
			t.Errorf("cancelled: %+v (%v)", j, err)
		}
		close(end)
		if _, err := r.cancelJob(t.Context(), "no such"); !errors.Is(err, rpc.CodeInvalidParameter.New("")) {
			t.Errorf("cancel of an unknown job: %v", err)
		}
	})
}

func TestJobsEndWithTheHost(t *testing.T) {
	withJobs(t, func(t *testing.T, r *jobRunner) {
		id := r.begin("import", true, forever)
		r.stop()
		<-r.over
		if j := r.wait(id); !strings.Contains(j.Error, "start it again") {
			t.Errorf("job of a host that has ended: %+v", j)
		}
		if _, err := r.start("import", "", true, forever); err == nil {
			t.Error("a host that has ended starts a job")
		}
	})
}

func TestLimitsOfJobs(t *testing.T) {
	withJobs(t, func(t *testing.T, r *jobRunner) {
		first := r.begin("import", true, forever)
		if _, err := r.start("restore", "", true, forever); err == nil || !strings.Contains(err.Error(), first) {
			t.Errorf("a second job that adds blocks: %v", err)
		}
		for range maxRunningJobs - 1 {
			r.begin("verify", false, forever)
		}
		if _, err := r.start("verify", "", false, forever); err == nil {
			t.Error("more jobs run than may")
		}
		if _, err := r.cancelJob(t.Context(), first); err != nil {
			t.Fatal(err)
		}
		quick := func(context.Context, *job) (any, error) { return nil, nil }
		last := ""
		for range maxEndedJobs + 5 {
			last = r.begin("import", true, quick)
			r.wait(last)
		}
		if _, err := r.poll(t.Context(), rpc.JobRequest{ID: first}); err == nil {
			t.Error("a job that ended long ago is kept")
		}
		if len(r.list) > maxEndedJobs+maxRunningJobs {
			t.Errorf("%d jobs are kept", len(r.list))
		}
		if j, err := r.poll(t.Context(), rpc.JobRequest{ID: last}); err != nil || !j.Ended {
			t.Errorf("the last job: %+v (%v)", j, err)
		}
	})
}

// An ended job prints its result as it is.
func TestJobReplyIsJSON(t *testing.T) {
	withJobs(t, func(t *testing.T, r *jobRunner) {
		j := r.wait(r.begin("test", false, func(context.Context, *job) (any, error) {
			return rpc.ImportResult{Read: 3}, nil
		}))
		b, err := json.Marshal(j)
		if err != nil || !strings.Contains(string(b), `"result":{"read":3,`) {
			t.Errorf("%s (%v)", b, err)
		}
	})
}
