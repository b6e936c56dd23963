package node

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/big"
	mathrand "math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/chain"
	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/mempool"
	"github.com/lode-chain/lode/miner"
	"github.com/lode-chain/lode/pow"
	"github.com/lode-chain/lode/rpc"
	"github.com/lode-chain/lode/template"
)

// Limits of mining on request (policy).
const (
	maxGenerate   = 1_000_000 // blocks in one call
	generateGroup = 1_000     // blocks that are committed together
	defaultTries  = 1_000_000 // hashes, Core's DEFAULT_MAX_TRIES

	// easyWork is the number of hashes a block may take on average for blocks to
	// be mined inside a group, where nobody else can add blocks meanwhile.
	easyWork = 1 << 12

	minBlockFeeRate = 1_000 // satoshis per 1,000 vbytes, Core's -blockmintxfee
	txCalm          = 100 * time.Millisecond
)

var bigEasyWork = big.NewInt(easyWork)

// mining is the host's own miner: it mines by itself, as the settings say, while
// this process or a guest of it wants that.
type mining struct {
	host *Host
	wake chan struct{} // the settings have changed

	funding sync.Mutex // held while the demonstration is made and funded

	mu     sync.Mutex // guards the rest
	worker *miner.Worker
}

func newMining(h *Host) *mining { return &mining{host: h, wake: make(chan struct{}, 1)} }

// settingsChanged tells Run that h.settings.get() has new values. It does not block.
func (m *mining) settingsChanged() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// status is what lode_status shows: how it is now, which the worker may not have
// noticed yet.
func (m *mining) status() rpc.Mining {
	s, o := m.host.settings.get(), m.orders()
	status := rpc.Mining{Mode: s.MiningMode, Interval: s.Interval, Note: o.note}
	var err error
	if _, status.To, err = m.payee(context.Background(), o); err != nil {
		status.Note = err.Error()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.worker != nil {
		if at, ok := m.worker.NextTick(); ok {
			status.NextBlock = at.Unix()
		}
	}
	return status
}

// orders are the settings that the miner works by.
type orders struct {
	policy   miner.Policy
	interval time.Duration
	to       string
	fallback string // the default wallet, which is paid when to is empty
	note     string // why policy is Never although the settings say otherwise
}

// orders reads the settings. Nobody mines unless a process that runs asked for it.
func (m *mining) orders() orders {
	s := m.host.settings.get()
	o := orders{to: s.MiningTo, fallback: s.DefaultWallet}
	var err, intervalErr error
	o.policy, err = miner.ParsePolicy(s.MiningMode)
	o.interval, intervalErr = time.ParseDuration(s.Interval)
	if err = errors.Join(err, intervalErr); err != nil {
		return orders{policy: miner.Never, note: err.Error()}
	}
	if o.policy != miner.Never && !m.host.mayMine() {
		return orders{policy: miner.Never, note: "not by itself: no lode up is running"}
	}
	return o
}

// ordersCheck is how often the miner looks whether it is still wanted, and
// whether there is a wallet to pay by now.
const ordersCheck = time.Second

// Run mines until ctx ends, and then returns nil.
func (m *mining) Run(ctx context.Context) error {
	defer m.show(nil)
	for ctx.Err() == nil {
		o := m.orders()
		script, _, err := m.payee(ctx, o)
		if err != nil {
			m.show(nil)
			m.pause(ctx)
			continue
		}
		w := m.newWorker(o, script)
		m.show(w)
		m.work(ctx, w, o, script)
	}
	return nil
}

// payee finds out whom to pay, when there is something to be mined at all.
func (m *mining) payee(ctx context.Context, o orders) ([]byte, string, error) {
	if o.policy == miner.Never {
		return nil, "", nil
	}
	script, name, err := m.host.payeeScript(ctx, o.to)
	return script, cmp.Or(name, o.to), err
}

// work runs a worker until ctx ends, the orders change, or they mean another
// payee: the wallet may be deleted.
func (m *mining) work(ctx context.Context, w *miner.Worker, o orders, script []byte) {
	running, stop := context.WithCancel(ctx)
	var done sync.WaitGroup
	done.Go(func() { _ = w.Run(running) }) // returns nil, always
	same := func() bool {
		now, _, err := m.payee(ctx, o)
		return err == nil && bytes.Equal(now, script)
	}
	for ctx.Err() == nil && m.orders() == o && same() {
		m.pause(ctx)
	}
	stop()
	done.Wait()
}

// pause waits until it is time to look at the settings again.
func (m *mining) pause(ctx context.Context) {
	t := time.NewTimer(ordersCheck)
	defer t.Stop()
	select {
	case <-m.wake:
	case <-t.C:
	case <-ctx.Done():
	}
}

// show says whose ticks status tells.
func (m *mining) show(w *miner.Worker) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.worker = w
}

func (m *mining) newWorker(o orders, script []byte) *miner.Worker {
	log := m.host.log
	return miner.New(miner.Config{
		Source:    &hostSource{host: m.host, script: script},
		Policy:    o.policy,
		Interval:  o.interval,
		Rand:      m.host.mathRand(),
		OnRefused: func(height int32, reason string) { log.Warn("own block refused", "height", height, "reason", reason) },
		OnAway:    func(err error) { log.Error("mining is interrupted", "err", err) },
		OnBack:    func() { log.Info("mining goes on") },
	})
}

// hostSource is the chain of this process as a source of work.
type hostSource struct {
	host   *Host
	script []byte
	last   time.Time // of the last template
}

// Template implements miner.Source.
func (s *hostSource) Template(ctx context.Context, longPollID string) (miner.Work, error) {
	if longPollID != "" {
		// Many transactions that come together are one reason, not many.
		if err := s.host.awaitWork(ctx, longPollID, txCalm-time.Since(s.last)); err != nil {
			return miner.Work{}, err
		}
	}
	s.last = time.Now()
	t, id, err := s.host.template(ctx, s.script)
	if err != nil {
		return miner.Work{}, err
	}
	return miner.Work{Block: t.Block, Height: t.Height, Reward: t.Reward, LongPollID: id}, nil
}

// Submit implements miner.Source.
func (s *hostSource) Submit(_ context.Context, b *wire.MsgBlock) error {
	reason, err := s.host.submit(b)
	if err == nil && reason != "" && reason != "duplicate" {
		return &miner.RefusedError{Reason: reason}
	}
	return err
}

// submit gives a block to the chain. The reason is what submitblock returns:
// empty when the block has become the tip. An error says that this machine failed.
func (h *Host) submit(b *wire.MsgBlock) (reason string, err error) {
	result, err := h.chain.Accept(b, h.now())
	if refusal, ok := errors.AsType[*consensus.Error](err); ok && refusal.Sort != consensus.Local {
		return refusal.Reject(), nil
	}
	switch {
	case err != nil:
		return "", err
	case result.Known:
		return "duplicate", nil
	case !result.Best:
		return "inconclusive", nil
	}
	return "", nil
}

// template builds a block on the present tip that pays to script, and names the
// state that it was built from.
func (h *Host) template(ctx context.Context, script []byte) (t *template.Template, id string, err error) {
	if err := h.pool.CatchUp(ctx); err != nil {
		return nil, "", err
	}
	pool := h.pool.Snapshot()
	parent := h.chain.ByHash(pool.Tip)
	t, err = template.Build(template.Input{
		Params: h.params, Parent: parent, Now: h.now().Unix(), Candidates: pool.Entries,
		Script: script, ExtraNonce: h.randUint64(), MinFeeRate: minBlockFeeRate,
	})
	return t, longPollID(pool.Tip, pool.Seq), err
}

func longPollID(tip chainhash.Hash, seq uint64) string { return fmt.Sprintf("%s%d", tip, seq) }

// awaitWork waits until the tip is another one than in a long-poll id, or calm
// has passed and the mempool is. An id that is none of ours ends the wait at once.
func (h *Host) awaitWork(ctx context.Context, id string, calm time.Duration) error {
	quiet := time.NewTimer(max(calm, 0))
	defer quiet.Stop()
	calmed := calm <= 0
	for {
		tip, pool := h.chain.Changed(), h.pool.Changed()
		now := longPollID(h.chain.Tip().Hash, h.pool.Seq())
		sameTip := strings.HasPrefix(id, now[:chainhash.MaxHashStringSize])
		if !sameTip || calmed && now != id {
			return nil
		}
		if !calmed {
			pool = nil // looked at when calm has passed
		}
		select {
		case <-tip:
		case <-pool:
		case <-quiet.C:
			calmed = true
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// generated is what generate has mined.
type generated struct {
	hashes []chainhash.Hash
	height int32 // of the last one
	reward int64 // satoshis of all, fees included
}

// generate mines n blocks that pay to script. They are durable, and all followers
// have them, when it returns. It stops early after tries hashes (0: no limit),
// when ctx ends, or with an error; what has been mined till then stays and is
// returned.
func (h *Host) generate(ctx context.Context, n int, script []byte, tries int64) (generated, error) {
	if n < 0 || n > maxGenerate {
		return generated{}, rpc.Errorf(rpc.CodeInvalidParameter, "%d blocks is not within 0 to %d", n, maxGenerate)
	}
	var all generated
	left := tries
	if tries == 0 {
		left = -1
	}
	var err error
	for len(all.hashes) < n && err == nil && left != 0 {
		tip := h.chain.Tip()
		bits := tip.NextBits(h.params, max(h.now().Unix(), tip.MedianTimePast()+1))
		if pow.Work(bits).Cmp(bigEasyWork) <= 0 {
			err = h.generateEasy(ctx, min(n-len(all.hashes), generateGroup), script, &left, &all)
		} else {
			err = h.generateHard(ctx, n-len(all.hashes), script, &left, &all)
		}
	}
	if len(all.hashes) > 0 {
		err = errors.Join(err, h.awaitFollowers(context.WithoutCancel(ctx)))
	}
	return all, err
}

// generateEasy mines up to n blocks as one group of the chain.
func (h *Host) generateEasy(ctx context.Context, n int, script []byte, tries *int64, all *generated) error {
	var mined generated
	var stopped error
	err := h.chain.Group(ctx, func(g *chain.Group) error {
		if err := h.pool.CatchUp(ctx); err != nil {
			return err
		}
		waiting := h.pool.Snapshot().Entries
		for range n {
			if stopped = ctx.Err(); stopped != nil {
				return nil
			}
			t, err := h.extend(g, script, waiting, minBlockFeeRate, tries)
			if err != nil {
				stopped = err
				return nil
			}
			if t == nil {
				return nil // no tries left
			}
			waiting = withoutEntries(waiting, t.Entries)
			mined.hashes = append(mined.hashes, t.Block.BlockHash())
			mined.height = t.Height
			mined.reward += t.Reward
		}
		return nil
	})
	if err != nil {
		return err
	}
	all.hashes = append(all.hashes, mined.hashes...)
	all.height = max(all.height, mined.height)
	all.reward += mined.reward
	return stopped
}

// extend mines one block inside a group, from transactions that wait; nil when
// tries runs out.
func (h *Host) extend(g *chain.Group, script []byte, waiting []*mempool.Entry, minFeeRate int64, tries *int64) (*template.Template, error) {
	now := h.now()
	t, err := template.Build(template.Input{
		Params: h.params, Parent: g.Tip(), Now: now.Unix(), Candidates: waiting,
		Script: script, ExtraNonce: h.randUint64(), MinFeeRate: minFeeRate,
	})
	if err != nil {
		return nil, err
	}
	if !solve(t.Block, tries) {
		return nil, nil
	}
	result, err := g.Accept(t.Block, now)
	switch {
	case errors.Is(err, consensus.TimeTooNew):
		return nil, rpc.Errorf(rpc.CodeMisc, "block %d would be more than two hours ahead of the clock, as so many were mined at once; go on later", t.Height)
	case err != nil:
		return nil, fmt.Errorf("mine block %d: %w", t.Height, err)
	case !result.Best:
		return nil, fmt.Errorf("mine block %d: it did not become the tip", t.Height)
	}
	return t, nil
}

// generateHard mines n blocks where each takes long: others may come in between.
func (h *Host) generateHard(ctx context.Context, n int, script []byte, tries *int64, all *generated) error {
	w := miner.New(miner.Config{
		Source: &hostSource{host: h, script: script}, Threads: runtime.GOMAXPROCS(0), Blocks: n, Tries: max(*tries, 0),
		Rand: h.mathRand(),
		OnBlock: func(f miner.Found) {
			all.hashes = append(all.hashes, f.Hash)
			all.height = f.Height
			all.reward += f.Reward
		},
	})
	if err := w.Run(ctx); err != nil {
		return err
	}
	if *tries > 0 {
		*tries = w.TriesLeft()
	}
	return ctx.Err()
}

// solve searches a nonce, at the cost of tries unless they are negative.
func solve(b *wire.MsgBlock, tries *int64) bool {
	target, negative, overflow := pow.TargetFromBits(b.Header.Bits)
	if negative || overflow {
		return false
	}
	header := pow.EncodeHeader(&b.Header)
	const chunk = 1 << 20
	for from := uint32(0); *tries != 0; from += chunk {
		count := uint32(chunk)
		if *tries > 0 {
			count = uint32(min(*tries, chunk))
		}
		nonce, found := pow.Search(&header, from, count, target)
		if *tries > 0 {
			used := int64(count)
			if found {
				used = int64(nonce-from) + 1
			}
			*tries -= used
		}
		if found {
			b.Header.Nonce = nonce
			return true
		}
		if from > 1<<32-1-chunk {
			template.SetExtraNonce(b, template.ExtraNonce(b)+1)
			header = pow.EncodeHeader(&b.Header)
		}
	}
	return false
}

// withoutEntries returns the entries that are not among taken.
func withoutEntries(entries, taken []*mempool.Entry) []*mempool.Entry {
	if len(taken) == 0 {
		return entries
	}
	gone := make(map[*mempool.Entry]bool, len(taken))
	for _, e := range taken {
		gone[e] = true
	}
	left := make([]*mempool.Entry, 0, len(entries)-len(taken))
	for _, e := range entries {
		if !gone[e] {
			left = append(left, e)
		}
	}
	return left
}

// randUint64 reads the host's random source.
func (h *Host) randUint64() uint64 {
	var b [8]byte
	if _, err := io.ReadFull(h.rand, b[:]); err != nil {
		_, _ = rand.Read(b[:]) // never fails
	}
	return binary.LittleEndian.Uint64(b[:])
}

func (h *Host) mathRand() *mathrand.Rand {
	return mathrand.New(mathrand.NewPCG(h.randUint64(), h.randUint64()))
}
