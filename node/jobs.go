package node

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lode-chain/lode/rpc"
)

// Limits of jobs (policy).
const (
	maxRunningJobs = 8
	maxEndedJobs   = 32 // whose results are kept
	maxJobPoll     = 60 * time.Second
	jobTick        = 100 * time.Millisecond // progress is told no more often
	cancelWait     = 10 * time.Second       // for a cancelled job to end
)

// errHostEnds is why jobs are cancelled when the host ends.
var errHostEnds = errors.New("the host ends")

// jobs runs the long work that callers have asked for. A job goes on when its
// caller goes away; it ends when it is done, cancelled, or the host ends.
type jobs struct {
	rand   io.Reader
	ctx    context.Context // of all jobs
	cancel context.CancelCauseFunc

	running sync.WaitGroup

	mu     sync.Mutex // guards what follows
	list   []*job     // in the order of their start
	adds   *job       // the one that adds blocks to the chain, if any
	closed bool       // no more may start
}

// job is one piece of long work. Result and err are set before ended closes.
type job struct {
	id, kind, unit string
	cancel         context.CancelFunc
	done, total    atomic.Int64
	cancelled      atomic.Bool // somebody asked for its end
	ended          chan struct{}
	result         json.RawMessage
	err            error
}

// progress notes how far the job is.
func (j *job) progress(done, total int64) {
	j.total.Store(total)
	j.done.Store(done)
}

// hasEnded reports whether result and err may be read.
func (j *job) hasEnded() bool {
	select {
	case <-j.ended:
		return true
	default:
		return false
	}
}

// reply is the job as callers see it.
func (j *job) reply() rpc.Job {
	// Whether it has ended is read first, so that an ended job's numbers are final.
	ended := j.hasEnded()
	r := rpc.Job{ID: j.id, Kind: j.kind, Unit: j.unit, Done: j.done.Load(), Total: j.total.Load(), Ended: ended}
	if ended {
		r.Result = j.result
		if j.err != nil {
			r.Error = j.err.Error()
		}
	}
	return r
}

func newJobs(h *Host) *jobs {
	ctx, cancel := context.WithCancelCause(context.Background())
	return &jobs{rand: h.rand, ctx: ctx, cancel: cancel}
}

// Run waits for ctx to end, then cancels all jobs and waits for them.
func (j *jobs) Run(ctx context.Context) error {
	<-ctx.Done()
	j.mu.Lock()
	j.closed = true
	j.mu.Unlock()
	j.cancel(errHostEnds)
	j.running.Wait()
	return nil
}

// task is what a job does. What it returns, a value for JSON, is the job's result.
type task func(ctx context.Context, j *job) (any, error)

// start begins a job. Of jobs that add blocks only one may run, so that two do
// not wait for each other unseen.
func (j *jobs) start(kind, unit string, addsBlocks bool, do task) (rpc.Job, error) {
	var id [8]byte
	if _, err := io.ReadFull(j.rand, id[:]); err != nil {
		return rpc.Job{}, err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	running := 0
	for _, other := range j.list {
		if !other.hasEnded() {
			running++
		}
	}
	switch {
	case j.closed:
		return rpc.Job{}, rpc.Errorf(rpc.CodeMisc, "the host is ending; try again")
	case running >= maxRunningJobs:
		return rpc.Job{}, rpc.Errorf(rpc.CodeMisc, "%d jobs are running already; wait for one to end", running)
	case addsBlocks && j.adds != nil && !j.adds.hasEnded():
		return rpc.Job{}, rpc.Errorf(rpc.CodeMisc, "%s %s is adding blocks to the chain; wait until it has ended", j.adds.kind, j.adds.id)
	}
	ctx, cancel := context.WithCancel(j.ctx)
	started := &job{id: hex.EncodeToString(id[:]), kind: kind, unit: unit, cancel: cancel, ended: make(chan struct{})}
	if addsBlocks {
		j.adds = started
	}
	j.forget()
	j.list = append(j.list, started)
	j.running.Go(func() {
		defer cancel()
		defer close(started.ended)
		started.result, started.err = finish(ctx, started, do)
	})
	return started.reply(), nil
}

// finish does a job's work and turns its outcome into what callers see.
func finish(ctx context.Context, j *job, do task) (json.RawMessage, error) {
	value, err := do(ctx, j)
	if err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		err = fmt.Errorf("the %s was cancelled; what it had done stays", j.kind)
		if errors.Is(context.Cause(ctx), errHostEnds) {
			err = fmt.Errorf("the %s was interrupted, as the host ended; what it had done stays: start it again", j.kind)
		}
	}
	if value == nil {
		return nil, err
	}
	result, marshalErr := json.Marshal(value)
	return result, errors.Join(err, marshalErr)
}

// forget drops the oldest ended jobs over the limit. The caller holds mu.
func (j *jobs) forget() {
	ended := 0
	for _, other := range j.list {
		if other.hasEnded() {
			ended++
		}
	}
	j.list = slices.DeleteFunc(j.list, func(other *job) bool {
		drop := ended >= maxEndedJobs && other.hasEnded()
		if drop {
			ended--
		}
		return drop
	})
}

func (j *jobs) find(id string) (*job, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	at := slices.IndexFunc(j.list, func(other *job) bool { return other.id == id })
	if at < 0 {
		return nil, rpc.Errorf(rpc.CodeInvalidParameter,
			"job %q is not known here: it ended long ago, or with the host that ran it; start it again", id)
	}
	return j.list[at], nil
}

// poll answers lode_job: it waits until the job has ended, or has got further
// than the caller knows.
func (j *jobs) poll(ctx context.Context, r rpc.JobRequest) (rpc.Job, error) {
	found, err := j.find(r.ID)
	if err != nil {
		return rpc.Job{}, err
	}
	wait := atMost(r.Timeout, maxJobPoll)
	if r.SinceDone == nil || found.hasEnded() || wait <= 0 {
		return found.reply(), nil
	}
	if err := rpc.Park(ctx); err != nil {
		return rpc.Job{}, err
	}
	deadline := time.NewTimer(wait)
	defer deadline.Stop()
	tick := time.NewTicker(jobTick)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if found.done.Load() == *r.SinceDone {
				continue
			}
		case <-found.ended:
		case <-deadline.C:
		case <-ctx.Done():
		}
		return found.reply(), nil
	}
}

// cancelJob answers lode_canceljob. The job has ended when it returns, unless
// that takes long.
func (j *jobs) cancelJob(ctx context.Context, id string) (rpc.Job, error) {
	found, err := j.find(id)
	if err != nil {
		return rpc.Job{}, err
	}
	found.cancelled.Store(true)
	found.cancel()
	if err := rpc.Park(ctx); err != nil {
		return rpc.Job{}, err
	}
	timer := time.NewTimer(cancelWait)
	defer timer.Stop()
	select {
	case <-found.ended:
	case <-timer.C:
	case <-ctx.Done():
	}
	return found.reply(), nil
}

// registerJobs adds the methods about jobs, and those that start one.
func (h *Host) registerJobs(s *rpc.Server) {
	s.Register(rpc.Method{
		Name: "lode_job", Section: rpc.SectionLode, Own: true,
		Summary: "Returns how far a job is. With since_done it waits until the job has ended or its done differs.",
		Params: []rpc.Param{
			{Name: "id", Type: rpc.String, Help: "The job"},
			{Name: "since_done", Type: rpc.Number, Optional: true, Help: "done of the call before"},
			{Name: "timeout", Type: rpc.Number, Optional: true, Help: "Seconds to wait, at most 60"},
		},
		Example: `'{"id":"0123456789abcdef"}'`,
		Handler: func(ctx context.Context, r *rpc.Request) (any, error) {
			var request rpc.JobRequest
			if err := r.Object(&request); err != nil {
				return nil, err
			}
			return h.jobs.poll(ctx, request)
		},
	})
	s.Register(rpc.Method{
		Name: "lode_canceljob", Section: rpc.SectionLode, Own: true,
		Summary: "Ends a job. What it has done so far stays.",
		Params:  []rpc.Param{{Name: "id", Type: rpc.String, Help: "The job"}},
		Example: `'{"id":"0123456789abcdef"}'`,
		Handler: func(ctx context.Context, r *rpc.Request) (any, error) {
			var request rpc.JobRequest
			if err := r.Object(&request); err != nil {
				return nil, err
			}
			return h.jobs.cancelJob(ctx, request.ID)
		},
	})
	h.registerBulk(s)
	h.registerBackups(s)
}
