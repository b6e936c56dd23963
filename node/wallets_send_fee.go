package node

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"

	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/rpc"
	"github.com/lode-chain/lode/wallet"
)

// defaultFeeRate is what a payment costs when nothing else is asked for: 2
// sat/vB (policy), twice what the mempool wants at least.
const defaultFeeRate wallet.FeeRate = 2_000

// Why a payment pays what it pays, in words.
const (
	usualReason = "nothing was asked: twice the least that is mined, a margin if the next blocks fill up"
	askedReason = "as asked"
)

// maxTarget is the most blocks that a fee is estimated for (Core's highest
// target); policy.
const maxTarget = 1008

// rateFor returns the rate that a payment pays, and why: as asked, or estimated
// for a number of blocks, or the default when both are 0.
func (w *wallets) rateFor(satPerVB float64, target int) (wallet.FeeRate, string, error) {
	least := wallet.FeeRate(w.host.pool.Info(w.host.now()).MinFee)
	switch {
	case satPerVB != 0 && target != 0:
		return 0, "", rpc.CodeInvalidParameter.New("Cannot specify both conf_target and fee_rate. Please provide either a confirmation target in blocks for automatic fee estimation, or an explicit fee rate.")
	case target < 0 || target > maxTarget:
		return 0, "", rpc.Errorf(rpc.CodeInvalidParameter, "Invalid conf_target, must be between 1 and %d", maxTarget)
	case target > 0:
		rate, why := w.host.estimateFee(target)
		return max(rate, least), why, nil
	case satPerVB == 0:
		if rate, why := w.host.estimateFee(0); rate > max(least, defaultFeeRate) {
			return rate, "nothing was asked: " + why, nil
		}
		if least > defaultFeeRate {
			return least, "nothing was asked: the least that the mempool takes now", nil
		}
		return defaultFeeRate, usualReason, nil
	}
	rate, err := w.feeRate(satPerVB)
	return rate, askedReason, err
}

// discardRate is the feerate at which change must be worth spending: that of a
// payment without haste, between what makes dust and Core's default.
func (w *wallets) discardRate(o *wallet.Options) wallet.FeeRate {
	rate, _ := w.host.estimateFee(maxTarget)
	return max(min(rate, wallet.DefaultDiscardRate), wallet.FeeRate(o.Policy.DustRelayFee))
}

// feeRate turns sat/vB into a rate that the mempool takes.
func (w *wallets) feeRate(satPerVB float64) (wallet.FeeRate, error) {
	least := wallet.FeeRate(w.host.pool.Info(w.host.now()).MinFee)
	if math.IsInf(satPerVB, 0) || math.IsNaN(satPerVB) {
		return 0, rpc.CodeInvalidParameter.New("a fee rate is a number of sat/vB, such as 2.5")
	}
	if satPerVB < 0 || satPerVB > float64(wallet.MaxFeeRate)/1000 {
		return 0, rpc.Errorf(rpc.CodeInvalidParameter, "fee rate %s is not within %s to %d sat/vB", decimal(satPerVB), decimal(float64(least)/1000), wallet.MaxFeeRate/1000)
	}
	rate := wallet.FeeRate(math.Round(satPerVB * 1000))
	if rate < least {
		return 0, rpc.Errorf(rpc.CodeInvalidParameter, "fee rate %s is below %s sat/vB, the least that the mempool takes now", decimal(satPerVB), decimal(float64(least)/1000))
	}
	return rate, nil
}

// decimal shows a number without an exponent.
func decimal(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// planError gives refusals of a payment their codes.
func planError(err error) error {
	switch {
	case errors.Is(err, wallet.ErrFunds):
		return rpc.CodeInsufficientFunds.New(err.Error())
	case errors.Is(err, wallet.ErrAmount), errors.Is(err, wallet.ErrDust), errors.Is(err, wallet.ErrFee),
		errors.Is(err, wallet.ErrCoin), errors.Is(err, wallet.ErrData):
		return rpc.CodeInvalidParameter.New(err.Error())
	case errors.Is(err, wallet.ErrMaxFee):
		return rpc.CodeInvalidParameter.New(err.Error() + "; allow_high_fee (--allow-high-fee) pays it all the same")
	case errors.Is(err, wallet.ErrSize):
		return rpc.CodeWallet.New(err.Error())
	}
	return err
}

// refusedPayment gives an answer of the mempool its code.
func refusedPayment(err error) error {
	if refused, ok := errors.AsType[*consensus.Error](err); ok {
		return rpc.Errorf(rpc.CodeVerifyRejected, "the mempool refuses the payment: %s", refused)
	}
	return err
}

// random gives numbers from a source that was read once, so that its failure
// is noticed before it matters.
type random struct{ state uint64 }

func newRandom(source io.Reader) (*random, error) {
	var b [8]byte
	if _, err := io.ReadFull(source, b[:]); err != nil {
		return nil, fmt.Errorf("read randomness: %w", err)
	}
	return &random{binary.LittleEndian.Uint64(b[:])}, nil
}

// below returns a number below n (splitmix64): it places change outputs and
// blurs locktimes, and nothing secret hangs on it.
func (r *random) below(n int) int {
	r.state += 0x9e3779b97f4a7c15
	z := r.state
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return int((z ^ z>>31) % uint64(n))
}
