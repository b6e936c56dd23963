package node

import (
	"context"
	"fmt"
	"strconv"

	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/lode-chain/lode/address"
	"github.com/lode-chain/lode/chain"
	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/mempool"
	"github.com/lode-chain/lode/rpc"
)

// announcer is the follower of the chain that publishes events. It keeps its
// position in memory: what was before the host is no news. Its tail is the only
// one who calls it.
type announcer struct {
	host     *Host
	position chainhash.Hash
}

// announceFromNow returns the Run of an announcer whose first news is the block
// after the present tip. It is called before the host answers calls: what they
// do is news.
func (h *Host) announceFromNow() func(context.Context) error {
	tail := chain.NewTail(h.chain, &announcer{h, h.chain.Tip().Hash})
	return func(ctx context.Context) error {
		if err := tail.Run(ctx); ctx.Err() == nil {
			return err
		}
		return nil
	}
}

// Position returns the last block that was announced.
func (a *announcer) Position() (chainhash.Hash, error) { return a.position, nil }

// Follow publishes steps of the chain.
func (a *announcer) Follow(steps []chain.Step) error {
	for _, s := range steps {
		if s.Connect {
			a.connected(s)
			a.position = s.Entry.Hash
			continue
		}
		hash := s.Entry.Hash.String()
		a.host.events.Publish(rpc.Event{
			Kind: "disconnected", Height: s.Entry.Height, Hash: hash,
			Text: fmt.Sprintf("block %s %s left the best chain", grouped(s.Entry.Height), short(hash)),
		})
		a.position = s.Entry.Parent().Hash
	}
	return nil
}

func (a *announcer) connected(s chain.Step) {
	height, hash := s.Entry.Height, s.Entry.Hash.String()
	coinbase := s.Block.Transactions[0]
	reward := consensus.Amount(consensus.OutputSum(coinbase))
	to := a.host.payee(coinbase.TxOut[0].PkScript)
	text := fmt.Sprintf("block %s %s: %s, reward %s", grouped(height), short(hash), plural(len(s.Block.Transactions), "transaction"), reward)
	if to != "" {
		text += " to " + to
	}
	a.host.events.Publish(rpc.Event{
		Kind: "block", Height: height, Hash: hash, Txs: len(s.Block.Transactions), Reward: reward, To: to, Text: text,
	})
	before, now := a.host.params.SubsidyAt(height), a.host.params.SubsidyAt(height+1)
	if height > 0 && now < before {
		a.host.events.Publish(rpc.Event{
			Kind: "halving", Height: height + 1, Reward: consensus.Amount(now),
			Text: fmt.Sprintf("halving: from block %s on a block's subsidy is %s", grouped(height+1), consensus.Amount(now)),
		})
	}
}

// announceTx publishes that the mempool has taken a transaction.
func (h *Host) announceTx(e *mempool.Entry) {
	hash := e.TxID.String()
	h.events.Publish(rpc.Event{
		Kind: "tx", Hash: hash,
		Text: fmt.Sprintf("transaction %s: %d vB, fee %s", short(hash), e.VSize, consensus.Amount(e.Fee)),
	})
}

// payee names who a script pays: a wallet, else an address.
func (h *Host) payee(script []byte) string {
	if name, ok := h.wallets.owner(script); ok {
		return name
	}
	a, _ := address.Encode(script, h.params)
	return a
}

func short(hash string) string { return hash[:12] + "…" }

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// grouped shows a height as people read it, 1,234.
func grouped(n int32) string {
	digits := strconv.Itoa(int(n))
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return digits
}
