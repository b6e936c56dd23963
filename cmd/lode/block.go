package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/console"
	"github.com/lode-chain/lode/rpc"
)

// blockView is what block shows of getblock's reply.
type blockView struct {
	Hash          string   `json:"hash"`
	Confirmations int      `json:"confirmations"`
	Height        int32    `json:"height"`
	Time          int64    `json:"time"`
	MedianTime    int64    `json:"mediantime"`
	Nonce         uint32   `json:"nonce"`
	Bits          string   `json:"bits"`
	Difficulty    float64  `json:"difficulty"`
	ChainWork     string   `json:"chainwork"`
	Previous      string   `json:"previousblockhash"`
	Next          string   `json:"nextblockhash"`
	Merkle        string   `json:"merkleroot"`
	Size          int64    `json:"size"`
	Weight        int64    `json:"weight"`
	Txs           []txView `json:"tx"`
}

// txView is what block and tx show of a decoded transaction.
type txView struct {
	TxID          string           `json:"txid"`
	WTxID         string           `json:"hash"`
	Size          int64            `json:"size"`
	VSize         int64            `json:"vsize"`
	Weight        int64            `json:"weight"`
	LockTime      uint32           `json:"locktime"`
	Fee           consensus.Amount `json:"fee"`
	BlockHash     string           `json:"blockhash"`
	BlockTime     int64            `json:"blocktime"`
	Confirmations int              `json:"confirmations"`
	In            []struct {
		Coinbase string `json:"coinbase"`
		TxID     string `json:"txid"`
		Vout     uint32 `json:"vout"`
		Prevout  *struct {
			Value  consensus.Amount `json:"value"`
			Script scriptView       `json:"scriptPubKey"`
		} `json:"prevout"`
	} `json:"vin"`
	Out []struct {
		Value  consensus.Amount `json:"value"`
		N      uint32           `json:"n"`
		Script scriptView       `json:"scriptPubKey"`
	} `json:"vout"`
}

type scriptView struct {
	Address string `json:"address"`
	Type    string `json:"type"`
}

// shown is how a script is called in a line: its address, else its type.
func (s scriptView) shown() string {
	if s.Address != "" {
		return s.Address
	}
	return s.Type
}

func (t txView) total() (sum consensus.Amount) {
	for _, out := range t.Out {
		sum += out.Value
	}
	return sum
}

func (p *program) blockCommand() *cobra.Command {
	return &cobra.Command{
		Use: "block [HEIGHT|HASH]", Short: "Show a block (default: the tip)",
		Long:    "Shows a block and its transactions. --json prints getblock's reply, verbosity 2.",
		Example: "  lode block\n  lode block 0\n  lode block 5 --json",
		Args:    atMost(1),
		RunE: func(c *cobra.Command, args []string) error {
			ctx := c.Context()
			return p.with(ctx, "block", func(c *openChain) error {
				hash, err := findBlock(ctx, c, first(args))
				if err != nil {
					return err
				}
				var raw json.RawMessage
				err = c.Call(ctx, "getblock", &raw, hash, 2)
				if errors.Is(err, rpc.CodeInvalidAddress.New("")) { // Core's code for what is not there
					return fmt.Errorf("there is no block %s here", hash)
				}
				if err != nil {
					return err
				}
				if p.json {
					return p.printJSON(raw)
				}
				var b blockView
				if err := json.Unmarshal(raw, &b); err != nil {
					return fmt.Errorf("reading the block: %w", err)
				}
				p.showBlock(b)
				return nil
			})
		},
	}
}

// isHash says whether a text can be the hash of a block or a transaction.
func isHash(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == 32
}

// findBlock returns the hash of the block at a height, of a hash, or of the tip.
func findBlock(ctx context.Context, c *openChain, which string) (hash string, err error) {
	if which == "" {
		err = c.Call(ctx, "getbestblockhash", &hash)
		return hash, err
	}
	if isHash(which) {
		return which, nil
	}
	height, err := strconv.ParseInt(which, 10, 32)
	if err != nil || height < 0 {
		return "", usagef("%q is neither a height nor a block hash of 64 hex digits", which)
	}
	status, err := c.Status(ctx)
	if err != nil {
		return "", err
	}
	if height > int64(status.Height) {
		return "", fmt.Errorf("there is no block %s: the chain ends at height %s", console.Thousands(height), console.Thousands(int64(status.Height)))
	}
	err = c.Call(ctx, "getblockhash", &hash, height)
	return hash, err
}

func (p *program) showBlock(b blockView) {
	confirmed := console.Count(b.Confirmations, "confirmation")
	if b.Confirmations < 0 {
		confirmed = "no confirmation: it is on a side branch"
	}
	p.screen.Printf("%s\n", p.screen.Bold("Block "+console.Thousands(int64(b.Height))))
	p.screen.Fields( // labels so short that a hash beside them fits into 80 columns
		[2]string{"  Hash", b.Hash},
		[2]string{"  Previous", b.Previous},
		[2]string{"  Next", b.Next},
		[2]string{"  Time", console.When(b.Time, time.Local)},
		[2]string{"  State", confirmed},
		[2]string{"  Merkle root", b.Merkle},
		[2]string{"  Bits, nonce", fmt.Sprintf("%s, %d", b.Bits, b.Nonce)},
		[2]string{"  Work so far", b.ChainWork},
		[2]string{"  Size", fmt.Sprintf("%s, weight %s", console.Size(b.Size), console.Thousands(b.Weight))},
	)
	p.screen.Printf("\n")
	t := console.Table{
		Head:  []string{"#", "Transaction", "Outputs", "Amount", "Fee"},
		Right: []bool{true, false, true, true, true}, Shrink: []int{1},
	}
	for i, tx := range b.Txs {
		fee := tx.Fee.String()
		if i == 0 {
			fee = "coinbase"
		}
		t.Rows = append(t.Rows, []string{strconv.Itoa(i), tx.TxID, strconv.Itoa(len(tx.Out)), tx.total().String(), fee})
	}
	p.screen.Table(t)
}

func (p *program) txCommand() *cobra.Command {
	return &cobra.Command{
		Use: "tx TXID", Short: "Show a transaction",
		Long:    "Shows a transaction, confirmed or waiting.\n--json prints getrawtransaction's reply, verbosity 2.",
		Example: "  lode tx TXID",
		Args:    needArgs("TXID"),
		RunE: func(c *cobra.Command, args []string) error {
			if !isHash(args[0]) {
				return usagef("%q is no txid: it has 64 hex digits", args[0])
			}
			ctx := c.Context()
			return p.with(ctx, "tx", func(c *openChain) error {
				var raw json.RawMessage
				err := c.Call(ctx, "getrawtransaction", &raw, args[0], 2)
				if errors.Is(err, rpc.CodeInvalidAddress.New("")) {
					return fmt.Errorf("there is no transaction %s, neither in a block nor waiting for one", args[0])
				}
				if err != nil {
					return err
				}
				if p.json {
					return p.printJSON(raw)
				}
				var tx txView
				if err := json.Unmarshal(raw, &tx); err != nil {
					return fmt.Errorf("reading the transaction: %w", err)
				}
				p.showTx(tx)
				return nil
			})
		},
	}
}

func (p *program) showTx(tx txView) {
	state := "waiting for a block"
	if tx.BlockHash != "" {
		state = fmt.Sprintf("%s, in block %s of %s", console.Count(tx.Confirmations, "confirmation"), tx.BlockHash,
			console.When(tx.BlockTime, time.Local))
	}
	p.screen.Printf("%s\n", p.screen.Bold("Transaction "+tx.TxID))
	p.screen.Fields(
		[2]string{"  State", state},
		[2]string{"  Size", fmt.Sprintf("%s, %s vB", console.Size(tx.Size), console.Thousands(tx.VSize))},
	)
	p.screen.Printf("\n")
	in := console.Table{Head: []string{"Input", "Spends", "Of", "Amount"}, Right: []bool{true, false, false, true}, Shrink: []int{1, 2}}
	coinbase := false
	for i, vin := range tx.In {
		spends, of, amount := fmt.Sprintf("%s:%d", vin.TxID, vin.Vout), "", ""
		if vin.Coinbase != "" {
			spends, coinbase = "nothing: it is the coinbase", true
		}
		if vin.Prevout != nil {
			of, amount = vin.Prevout.Script.shown(), vin.Prevout.Value.String()
		}
		in.Rows = append(in.Rows, []string{strconv.Itoa(i), spends, of, amount})
	}
	p.screen.Table(in)
	p.screen.Printf("\n")
	out := console.Table{Head: []string{"Output", "To", "Amount"}, Right: []bool{true, false, true}, Shrink: []int{1}}
	for _, vout := range tx.Out {
		out.Rows = append(out.Rows, []string{strconv.Itoa(int(vout.N)), vout.Script.shown(), vout.Value.String()})
	}
	p.screen.Table(out)
	if !coinbase && tx.Fee > 0 {
		p.screen.Printf("\nFee %s\n", tx.Fee)
	}
}
