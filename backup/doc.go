// Package backup keeps a chain in files that restore it elsewhere: it decides
// when a backup is due, writes it, reads and checks it, and feeds it back.
//
// A backup is a JSON file chain_backup_<height>.json with the blocks since the
// one before it, so that its cost follows the new blocks and not the length of
// the chain. Each file names the one it continues; a chain of them that begins
// at block 1 restores the chain (the genesis block is part of the network's
// rules). Backups hold blocks only, never keys.
//
// # The file
//
// A file is plain JSON in exactly one layout: a header of named values, then
// one line for each block with its height, hash, time and transaction ids beside
// its bytes in hex, then the SHA-256 of all lines before it, which is what
// `head -n -2 FILE | sha256sum` prints. A reader takes nothing else: what it
// reads it writes again and compares, so no value of a file can disagree with
// the blocks, and no byte can change unnoticed. Reading and writing need memory
// for one block at a time.
//
// # What is left to others
//
// Whether blocks are valid is for packages consensus and chain to say: Restore
// feeds them through the chain like blocks from anywhere. When to look for due
// backups is up to the caller. A Keeper owns the files of one folder that belong
// to its chain; the files are its only memory, so that it notices what the user
// has removed.
package backup
