package node

import (
	"context"
	"errors"
	"fmt"

	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/psbt"
	"github.com/lode-chain/lode/rpc"
	"github.com/lode-chain/lode/wallet"
)

// The states of the coin that an input spends.
const (
	coinUnspent = "unspent"
	coinSpent   = "spent"
	coinUnknown = "unknown" // neither the chain nor the mempool has it
)

// checkCoins looks up the coins that a packet spends, and says in the view what is
// wrong with them and with the fee. A payment that is in the mempool itself is
// told of once.
func (w *wallets) checkCoins(ctx context.Context, p *psbt.Packet, v *rpc.PSBTView) error {
	if err := w.host.pool.CatchUp(ctx); err != nil {
		return err
	}
	ops := make([]wire.OutPoint, len(p.Tx.TxIn))
	for i, in := range p.Tx.TxIn {
		ops[i] = in.PreviousOutPoint
	}
	coins, _, err := w.host.chain.Coins(ops)
	if err != nil {
		return err
	}
	sent := false
	for i, op := range ops {
		in := &v.Inputs[i]
		if by, spent := w.host.pool.Spender(op); spent {
			in.CoinState, in.SpentBy = coinSpent, by.String()
			if in.SpentBy == v.TxID {
				sent = true
				continue
			}
			v.Warnings = append(v.Warnings, fmt.Sprintf("input %d: its coin has been spent since, by transaction %s", i, by))
			continue
		}
		if coins[i] != nil {
			in.CoinState = coinUnspent
			continue
		}
		there, err := w.isCoin(ctx, op)
		if err != nil {
			return err
		}
		switch {
		case there && w.host.pool.Get(op.Hash) != nil:
			in.CoinState = coinUnspent
		case there:
			in.CoinState = coinSpent
			v.Warnings = append(v.Warnings, fmt.Sprintf("input %d: its coin has been spent since, in a block", i))
		default:
			in.CoinState = coinUnknown
			v.Warnings = append(v.Warnings, fmt.Sprintf("input %d: its coin is not known here: neither a block nor the mempool has it", i))
		}
	}
	if sent {
		v.Warnings = append(v.Warnings, "this payment has been sent: it is in the mempool")
	}
	least := w.host.pool.Info(w.host.now()).MinFee
	if v.Fee != nil && v.VSize > 0 && int64(*v.Fee) < int64(wallet.FeeRate(least).Fee(v.VSize)) {
		v.Warnings = append(v.Warnings, fmt.Sprintf("its fee is below what the mempool takes now, %s sat/vB: it would not be relayed", trimRate(least)))
	}
	return nil
}

// trimRate writes satoshis per 1,000 vbytes as sat/vB.
func trimRate(perKB int64) string { return fmt.Sprintf("%g", float64(perKB)/1000) }

// isCoin says whether there is or was such an output.
func (w *wallets) isCoin(ctx context.Context, op wire.OutPoint) (bool, error) {
	f, err := w.host.findTx(ctx, op.Hash, nil)
	if errors.Is(err, rpc.CodeInvalidAddress.New("")) {
		return false, nil
	}
	return err == nil && uint64(op.Index) < uint64(len(f.tx.TxOut)), err
}
