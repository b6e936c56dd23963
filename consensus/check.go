package consensus

import (
	"fmt"

	"github.com/btcsuite/btcd/wire/v2"
)

// ScriptCheck is the check of one input's scripts that is left to run. Checks
// of the same transaction share what they have in common, and may be run at the
// same time.
type ScriptCheck struct {
	// Position is the transaction's place in its block; 0 outside of blocks.
	Position int
	// Input is the input's index.
	Input int

	ctx   *txContext
	flags Flags
}

// Tx returns the transaction that the check belongs to.
func (c *ScriptCheck) Tx() *wire.MsgTx { return c.ctx.tx }

// Flags returns the rules that the check runs under.
func (c *ScriptCheck) Flags() Flags { return c.flags }

// Run runs the check. Its error is an *Error of the kind ScriptMandatory, or
// ScriptNonMandatory when only policy is broken, with Core's reason as Detail.
// txscript decides; only what it refuses is run again, step by step as Core
// does, to learn which of several faults Core names.
func (c *ScriptCheck) Run() error {
	fault := c.ctx.accepts(c.Input, c.flags)
	if fault == nil {
		return nil
	}
	kind := ScriptMandatory
	if c.flags&^MandatoryFlags != 0 && c.ctx.accepts(c.Input, c.flags&MandatoryFlags) == nil {
		kind = ScriptNonMandatory
	}
	// Core 28 names the fault that is met first under all flags, even where
	// consensus finds another one: a wrong signature breaks NULLFAIL.
	return &Error{Kind: kind, Detail: fmt.Sprintf(" (%s)", explain(c.ctx, c.Input, c.flags, fault))}
}

// Executor runs n independent checks, in whatever order and at the same time, and
// returns the lowest index of those that fail, with its error.
type Executor interface {
	Run(n int, check func(i int) error) (int, error)
}

// RunChecks runs script checks, those of a transaction or of a whole block, and
// returns the error of the first in their order that fails. It is the one place
// through which all signatures pass on their way to the curve, many at a time.
func RunChecks(exec Executor, checks []ScriptCheck) error {
	_, err := exec.Run(len(checks), func(i int) error { return checks[i].Run() })
	return err
}

// explain returns Core's reason for scripts that txscript has refused. Should
// the two not agree, they stay refused, with txscript's own words.
func explain(ctx *txContext, input int, flags Flags, fault error) string {
	if reason := verifyScript(ctx, input, flags); reason != scriptOK {
		return string(reason)
	}
	return fault.Error()
}

// verifyScript runs an input's scripts as Core does and returns the first fault
// that is met.
func verifyScript(ctx *txContext, input int, flags Flags) scriptError {
	e := engine{ctx: ctx, index: input, flags: flags}
	return e.verify()
}

// TxChecks returns the checks of all inputs of a transaction that is no
// coinbase. coins are those that it spends, in the order of its inputs; neither
// they nor the transaction may be changed while a check is in use.
func TxChecks(tx *wire.MsgTx, coins []*Coin, flags Flags) []ScriptCheck {
	return appendChecks(make([]ScriptCheck, 0, len(tx.TxIn)), 0, tx, coins, flags)
}

func appendChecks(checks []ScriptCheck, position int, tx *wire.MsgTx, coins []*Coin, flags Flags) []ScriptCheck {
	ctx := &txContext{tx: tx, coins: coins}
	for i := range tx.TxIn {
		checks = append(checks, ScriptCheck{Position: position, Input: i, ctx: ctx, flags: flags})
	}
	return checks
}
