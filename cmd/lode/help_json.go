package main

import "github.com/spf13/cobra"

// jsonTopic is the help topic about --json. Every command that prints data is in
// it, by a test.
func jsonTopic() *cobra.Command {
	return &cobra.Command{
		Use: "json", Short: "What --json prints",
		Long: `Commands that print data take --json. Field names stay as they are once
released; new ones may come. Amounts are numbers with eight decimals, times are
Unix seconds, hashes are shown as Bitcoin Core shows them. Errors go to
standard error as text. A ? marks what is left out where there is none of it.

Wallets. WALLET is {number, name, type, path, address, publickey, source,
default, encrypted, plain, published, watch_only, multisig?, archived, foreign,
spendable, locked?, reused?, time_locked?, pending, immature, coins, birth,
scanning?} and more.

  wallet new      {wallets: [WALLET + mnemonic, address_path, private_key?,
                  wif?], total, files?, explain?}
  wallet list     [WALLET]
  wallet show     WALLET (with --show-words and --show-private as in wallet
                  new)
  wallet rename   WALLET; wallet archive, wallet unhide and wallet passphrase
                  adopt likewise
  wallet delete   WALLET + deleted
  wallet coins    [{coin, amount, address?, confirmations, state, note?}];
                  state: spendable, pending, immature, spent, locked, reused
                  or time-locked
  wallet import   WALLET + already
  wallet watch    WALLET + already, warnings?, descriptors; wallet multisig
                  likewise
  wallet label    {wallet, address, label}
  wallet xpub     the key with its origin, as others take it for a multisig
  wallet descriptors
                  {wallet, number, private, descriptors: [{desc, active,
                  internal, timestamp, range?, next_index?}]}
  wallet paper    {name, number, network, type, words, wif?, path?,
                  address_path, address, restore, …}
  wallet lastword
                  {language, words}
  wallet restore  {wallets: [WALLET], already: [WALLET]}
  wallet rescan   {wallets: [WALLET], from, height, blocks_read}
  wallet backup   {wallet: WALLET, file, bytes}
  wallet passphrase
                  {encrypted, locked, plain} of set, change and remove; wallet
                  unlock and wallet lock likewise
  balance         [{number, name, address, spendable, locked?, time_locked?,
                  reused?, immature, pending}]
  receive         {wallet, number, address, label?, new, amount?, uri}
  history         {wallet, number, total, skip, balance, entries: [{txid,
                  direction, amount, fee?, balance, with?, label?, address?,
                  others?, confirmations, immature?, height?, time}]}

Payments.

  send            {from, from_name, to, to_name?, amount, payments: [{to,
                  to_name?, amount, output}], fee, fee_rate, fee_reason,
                  vsize, inputs, change, change_address?, change_foreign?,
                  data?, locktime?, remaining, replaceable, txid, plan?,
                  repeated, explain?, confirmations}; without txid, and with
                  plan, when it is a --dry-run; fee_reason is a sentence
  faucet          as send, without confirmations, + rows: [{line, name,
                  address, amount}]
  bumpfee         {wallet, replaces?, parent?, old_fee, old_fee_rate, fee,
                  fee_rate, package_rate, vsize, inputs, change, txid?,
                  explain?}
  fees            [{blocks, fee_rate, reason}]
  psbt show       VIEW: {txid, version, locktime, inputs, outputs, sum?, fee?,
                  vsize?, fee_rate?, next, complete, invalid?, …}
  psbt create     {psbt, file?, view: VIEW}; psbt combine likewise
  psbt sign       {psbt, wallet, added, complete, refused, view: VIEW, file?}
  psbt finalize   {hex, txid, sent, file?, view: VIEW}; psbt send likewise

The chain.

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
