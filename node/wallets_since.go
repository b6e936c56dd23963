package node

import (
	"context"

	"github.com/lode-chain/lode/chain"
	"github.com/lode-chain/lode/rpc"
)

func (c *coreWallet) listSinceBlock(ctx context.Context, r *rpc.Request) (any, error) {
	q, err := c.sinceQuery(r)
	if err != nil {
		return nil, err
	}
	l, err := c.ledger(ctx)
	if err != nil {
		return nil, err
	}
	defer l.view.Close()
	reply := struct {
		Transactions []movement  `json:"transactions"`
		Removed      *[]movement `json:"removed,omitempty"`
		Last         string      `json:"lastblock"`
	}{Transactions: []movement{}}
	depth := int64(-1)
	if q.common != nil {
		depth = int64(l.view.At.Height) + 1 - int64(q.common.Height)
	}
	for _, e := range l.entries {
		t, err := l.read(ctx, e)
		if err != nil {
			return nil, err
		}
		if t != nil && (depth < 0 || max(t.depth, -t.depth) < depth) {
			reply.Transactions = append(reply.Transactions, l.movements(t, q.label, q.change, true)...)
		}
	}
	if q.removed {
		removed, err := l.removed(ctx, q)
		if err != nil {
			return nil, err
		}
		reply.Removed = &removed
	}
	last := c.host.chain.ByHeight(max(0, l.view.At.Height+1-int32(min(q.target, int64(l.view.At.Height)+1))))
	if last != nil {
		reply.Last = last.Hash.String()
	}
	return reply, nil
}

// sinceQuery are the arguments of listsinceblock.
type sinceQuery struct {
	from, common    *chain.Entry // the block asked for, and the last of its chain that is in the best one
	target          int64
	removed, change bool
	label           *string
}

func (c *coreWallet) sinceQuery(r *rpc.Request) (q sinceQuery, err error) {
	if text, err := r.Text(0, ""); err != nil {
		return q, err
	} else if text != "" {
		hash, err := r.Hash(0, "blockhash")
		if err != nil {
			return q, err
		}
		if q.from = c.host.chain.ByHash(hash); q.from == nil {
			return q, rpc.CodeInvalidAddress.New("Block not found")
		}
		q.common = q.from
		for !c.host.chain.InBest(q.common) {
			q.common = q.common.Parent()
		}
	}
	if q.target, err = r.Int(1, 1); err != nil {
		return q, err
	}
	if q.target < 1 {
		return q, rpc.CodeInvalidParameter.New("Invalid parameter")
	}
	if q.removed, err = r.Flag(3, true); err != nil {
		return q, err
	}
	if q.change, err = r.Flag(4, false); err != nil {
		return q, err
	}
	if r.Has(5) {
		text, err := r.Text(5, "")
		if err != nil {
			return q, err
		}
		q.label = &text
	}
	return q, nil
}

// removed lists what was in the blocks from the one asked for back to the best
// chain.
func (l *ledger) removed(ctx context.Context, q sinceQuery) ([]movement, error) {
	rows := []movement{}
	for b := q.from; b != nil && b != q.common; b = b.Parent() {
		block, err := l.host.chain.Block(b.Hash)
		if err != nil {
			return nil, rpc.CodeInternal.New("Can't read block from disk")
		}
		for _, tx := range block.Transactions {
			t, err := l.find(ctx, tx.TxHash())
			if err != nil {
				continue // none of the wallet's any more
			}
			rows = append(rows, l.movements(t, q.label, q.change, true)...)
		}
	}
	return rows, nil
}
