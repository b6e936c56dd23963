package node

import (
	"errors"

	"github.com/lode-chain/lode/rpc"
	"github.com/lode-chain/lode/wallet"
)

// errFinal refuses to replace a payment that says that it is not to be replaced.
var errFinal = rpc.CodeWallet.New("Transaction is not BIP 125 replaceable")

// unbumpable adds to a refusal of Core's what works instead.
func unbumpable(err error) error {
	if err == error(errFinal) {
		return rpc.CodeWallet.New(errFinal.Message + ": a child can pay for it instead (child, --child)")
	}
	return err
}

// ownBumpError is bumpError with the rate that would do, for lode's method. Rate
// is the one that was refused, target the blocks for which it was estimated.
func ownBumpError(err error, rate wallet.FeeRate, target int) error {
	told, ok := errors.AsType[*rpc.Error](bumpError(err))
	if !ok {
		return err
	}
	var low *wallet.LowFee
	switch {
	case errors.As(err, &low) && target > 0:
		return rpc.Errorf(told.Code, "%s; for %d blocks %s is enough, so it needs no higher fee now: to raise it all the same ask for %s or more (--fee-rate), or leave the target out",
			told.Message, target, rate, low.Needed)
	case errors.As(err, &low):
		return rpc.Errorf(told.Code, "%s; that is %s or more (--fee-rate)", told.Message, low.Needed)
	case errors.Is(err, wallet.ErrLowFee) && target > 0:
		return rpc.Errorf(told.Code, "%s, which is enough for %d blocks: it needs no higher fee now; to pay more all the same ask for a higher rate (--fee-rate)", told.Message, target)
	case errors.Is(err, wallet.ErrLowFee):
		return rpc.Errorf(told.Code, "%s; ask for a higher rate (--fee-rate)", told.Message)
	case errors.Is(err, wallet.ErrMaxFee):
		return rpc.Errorf(told.Code, "%s; allow_high_fee (--allow-high-fee) pays it all the same", told.Message)
	}
	return told
}
