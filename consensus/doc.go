// Package consensus holds the rules of the chain as functions of values: decode
// a block, check its header, check it by itself, check it against its parent,
// apply it to a set of coins, and take it back. On the network regtest they
// accept exactly what Bitcoin Core 28.1 accepts and refuse the rest with Core's
// reject strings.
//
// Nothing here reads a clock, a random source, a file or the network, logs, or
// starts a goroutine. Times, heights and coins come in as arguments; what a
// block does to the coins comes out as a value (Update), and so do the script
// checks that are left to run (ScriptCheck), so that the caller can spread them
// over cores or leave out those whose result it knows. Which chain is best, what
// is stored and what is relayed are for packages chain and mempool to say.
//
// # The order of the checks
//
// A block may break several rules and Core names the first that it comes upon.
// To give the same answer, call in this order what the block has not passed yet:
//
//	CheckBlock         by itself: proof of work, merkle root, sizes, transactions
//	                   (the parent is looked up only after this)
//	CheckHeader        against its parent: difficulty, time, version
//	CheckBlockContext  against its parent: finality, height, witnesses, weight
//	Apply              against the coins; then run the checks that it returns,
//	                   which come before the error that it may return with them
//
// # Scripts
//
// txscript's engine decides whether scripts are valid. Where it refuses, a
// transcript of Core's interpreter (script_*.go) runs the input once more, only
// to find the reason: Core names the first fault that running a script meets,
// while txscript looks for stray witnesses, malleated ones and scripts that
// cannot be parsed before it runs anything, and has one code for several of
// Core's reasons. Of the 409 inputs that fail in TestMutants, its codes alone
// would give 25 another reject string. The transcript also serves tests as a
// second opinion on txscript.
//
// # Refusals
//
// A refusal is an *Error. Its Sort keeps apart what is wrong for ever, what is
// merely too early, and what says something about this machine only. An error of
// any other type comes from the caller's View and is of the last sort.
package consensus
