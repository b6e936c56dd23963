package main

import (
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// release is the version of a release, set by its build.
var release = ""

// versionJSON is what version --json prints.
type versionJSON struct {
	Version string `json:"version"`
	Go      string `json:"go"`
	System  string `json:"system"`
}

// version returns the program's version: that of the release, of the module, or
// of the commit it was built from.
func version() string {
	if release != "" {
		return release
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return "devel-" + s.Value[:12]
		}
	}
	return "devel"
}

func (p *program) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Show the version", Long: "Shows the version of the program.",
		Example: "  lode version",
		RunE: func(*cobra.Command, []string) error {
			v := versionJSON{version(), runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH}
			if p.json {
				return p.printJSON(v)
			}
			p.screen.Printf("lode %s (%s, %s)\n", v.Version, v.Go, v.System)
			return nil
		},
	}
}

// jsonTopic is the help topic about --json.
func jsonTopic() *cobra.Command {
	return &cobra.Command{
		Use: "json", Short: "What --json prints",
		Long: `Commands that print data take --json. Field names stay as they are once
released; new ones may come. Amounts are numbers with eight decimals, times are
Unix seconds, hashes are shown as Bitcoin Core shows them. Errors go to
standard error as text.

  wallet new      {wallets: [WALLET + mnemonic, address_path, private_key?,
                  wif?], total, files?}
  wallet list     [WALLET]
  wallet show     WALLET (with --show-words and --show-private as in wallet
                  new)
  wallet rename   WALLET
  wallet import   WALLET + already
  wallet restore  {wallets: [WALLET], already: [WALLET]}
                  WALLET: number, name, type, path, address, publickey, source,
                  default, encrypted, spendable, pending, immature, coins,
                  birth
  balance         [{number, name, address, spendable, immature, pending}]
  send            {from, from_name, to, to_name?, amount, fee, fee_rate, vsize,
                  inputs, change, remaining, txid, repeated, confirmations}
  mine            {hashes, height, to, address, reward}
  miner           a line a block: {height, hash, reward, balance}
  block           getblock, verbosity 2
  tx              getrawtransaction, verbosity 2
  mempool         [{txid, vsize, fee, fee_rate, time, depends}]
  chain info      {chain: getblockchaininfo, coins?: gettxoutsetinfo with
                  muhash and hash_serialized_3}
  chain import    {read, accepted, known, skipped_bytes, height, best_block};
                  backup restore likewise
  chain export    {file, blocks, size, height, best_block}
  chain verify    {blocks, height, best_block}
  backup list     [{file, network, first_height, height, fork_height, tip,
                  previous, blocks, size, created, error?}]; backup verify
                  likewise
  wait            {height, best_block, txid?, confirmations?}
  status          version, network, datadir, rpc_url, cookie_file, host_pid (0:
                  nobody hosts), host_command, guests, height, best_block,
                  wallets, mining, settings and more
  up              status when all is ready, then a line an event: {seq, kind,
                  time, height?, hash?, text, …}
  init            {name, folder, rules, genesis, wallet, encrypted}
  reset           {folder, removed, kept, blocks?, wallets, note?}
  version         {version, go, system}`,
	}
}
