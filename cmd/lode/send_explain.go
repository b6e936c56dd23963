package main

import (
	"fmt"
	"strconv"

	"github.com/lode-chain/lode/console"
	"github.com/lode-chain/lode/rpc"
)

// explainRows is how many coins or signatures an explanation shows one by one.
// Policy.
const explainRows = 5

// algorithmWords say what each way of choosing coins looks for.
var algorithmWords = map[string]string{
	"bnb":           "branch and bound: a sum that needs no change",
	"knapsack":      "knapsack: as little as possible above what is needed",
	"srd":           "single random draw: coins by chance until they suffice",
	"largest first": "the largest coins first, as nothing else was found",
	"all":           "all that is worth spending",
}

// explainPlan tells how a payment's coins, fee and change came to be.
func (p *program) explainPlan(plan rpc.SendPlan) {
	if plan.Explain == nil {
		return
	}
	p.screen.Printf("\n")
	p.showExplanation("How this payment is made", explainPayment(plan))
}

func explainPayment(plan rpc.SendPlan) explanation {
	s := plan.Explain
	return explanation{
		explainCoins(s),
		explainChoice(s),
		step("Fee", fmt.Sprintf("What counts is size, not the amount. The transaction weighs %s at most once it is signed; a vbyte is 4 of that, rounded up.", console.Thousands(s.Weight)),
			[2]string{"Rate", fmt.Sprintf("%s sat/vB (%s)", decimal(plan.FeeRate), plan.FeeReason)},
			[2]string{"Reckoning", fmt.Sprintf("%s vB × %s sat/vB = %s", console.Thousands(plan.VSize), decimal(plan.FeeRate), plan.Fee)}),
		explainOutputs(plan),
		step("Locktime", lockWords(s.LockTime), [2]string{"Locktime", strconv.FormatUint(uint64(s.LockTime), 10)}),
	}
}

func decimal(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

func explainCoins(s *rpc.SendStory) explainStep {
	var sum rpc.Amount
	var pairs [][2]string
	for i, in := range s.Inputs {
		sum += in.Amount
		if i < explainRows {
			pairs = append(pairs, [2]string{fmt.Sprintf("Input %d", i), fmt.Sprintf("%s  %s", in.Amount, in.Coin)})
		}
	}
	if more := len(s.Inputs) - explainRows; more > 0 {
		pairs = append(pairs, [2]string{"…", fmt.Sprintf("and %s more", console.Thousands(int64(more)))})
	}
	pairs = append(pairs, [2]string{"Together", sum.String()})
	return step("Coins", fmt.Sprintf("A wallet holds coins: outputs of earlier transactions that it can spend, each as a whole. Of %s that could be spent this takes %s.",
		console.Thousands(int64(s.Available)), console.Thousands(int64(len(s.Inputs)))), pairs...)
}

func explainChoice(s *rpc.SendStory) explainStep {
	var pairs [][2]string
	for _, c := range s.Choices {
		pairs = append(pairs, [2]string{c.Algorithm, fmt.Sprintf("%s, %s, change %s, waste %s sat", console.Count(c.Coins, "coin"), c.Sum, c.Change, console.Thousands(c.Waste))})
	}
	if len(s.Choices) == 0 {
		return step("Choice", "The coins were named, and suffice: there was nothing to choose.")
	}
	text := "It was made by " + algorithmWords[s.Choices[0].Algorithm] + "."
	if len(s.Choices) > 1 {
		text += " Of what was found the least waste wins: what the inputs cost now above what they would cost at a usual rate, and the cost of change, or else what is paid too much."
	}
	return step("Choice", text, pairs...)
}

func explainOutputs(plan rpc.SendPlan) explainStep {
	var pairs [][2]string
	for i, out := range plan.Explain.Outputs {
		what := out.Address
		if what == "" {
			what = "script " + out.Script
		}
		if out.Change {
			what += "  (change)"
		}
		pairs = append(pairs, [2]string{fmt.Sprintf("Output %d", i), fmt.Sprintf("%s  %s", out.Amount, what)})
	}
	text := "Nothing comes back: what is above the payments goes to the fee."
	if plan.Change > 0 {
		text = "What the coins hold above payments and fee comes back as change, to a new address, at a place by chance."
	}
	return step("Outputs", text, pairs...)
}

func lockWords(lock uint32) string {
	switch {
	case lock == 0:
		return "None: the transaction may be in any block."
	case lock < 500_000_000:
		return "The transaction is for a block above this height. With the height of the last block nobody gains by mining that one again for this fee."
	}
	return "The transaction is for a block whose median time is later than this."
}

// explainSignatures tells what was signed, with the values.
func (p *program) explainSignatures(s *rpc.SendStory) {
	if s == nil {
		return
	}
	var e explanation
	for i, in := range s.Inputs {
		if i == explainRows {
			e = append(e, step("More", fmt.Sprintf("%s in the same way.", console.Count(len(s.Inputs)-i, "input"))))
			break
		}
		var pairs [][2]string
		for _, sig := range in.Signatures {
			pairs = append(pairs, [2]string{"Public key", sig.PublicKey}, [2]string{"Signature hash", sig.Hash}, [2]string{"Signature", sig.Signature})
		}
		if in.ScriptSig != "" {
			pairs = append(pairs, [2]string{"scriptSig", in.ScriptSig})
		}
		for n, item := range in.Witness {
			pairs = append(pairs, [2]string{fmt.Sprintf("Witness %d", n), item})
		}
		e = append(e, step(fmt.Sprintf("Input %d", i),
			"The signature hash commits to the transaction: to what is spent and to whom it goes. The private key signs that hash; the public key proves the signature.", pairs...))
	}
	e = append(e, step("Transaction", "As it goes to the network.", [2]string{"Hex", s.Signed}))
	p.screen.Printf("\n")
	p.showExplanation("How it is signed", e)
}
