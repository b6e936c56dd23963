package main

import (
	"errors"

	"github.com/lode-chain/lode/rpc"
)

// notFunded says why the first coins were not paid out, where that is no reason
// not to start: paying needs keys, which may be locked or elsewhere. It is empty
// for other errors and for none.
func notFunded(err error) string {
	var refusal *rpc.Error
	switch {
	case errors.Is(err, rpc.CodeUnlockNeeded.New("")):
		return "Not funded: the wallets are locked, and to pay out the first coins their keys are needed. Stop this and take lode up --" +
			passphraseFlag + " F (or type the passphrase at its start), or take rewards with lode mine."
	case errors.As(err, &refusal) && refusal.Code == rpc.CodeWallet:
		return "Not funded: " + oneLine(refusal) + ". lode mine --to WALLET makes coins."
	}
	return ""
}
