package network

import (
	"encoding/binary"
	"encoding/hex"
	"math/big"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"
)

// Bitcoin's own genesis text and key, which all of its networks but testnet4
// share.
const (
	bitcoinText = "The Times 03/Jan/2009 Chancellor on brink of second bailout for banks"
	bitcoinKey  = "04678afdb0fe5548271967f1a67130b7105cd6a828e03909a67962e0ea1f61de" +
		"b649f6bc3f4cef38c4f35504e51ec112de5c384df7ba0b8d578a4c702b6bf11d5f"
)

// bitcoinGenesis returns the genesis block of main, test, signet or regtest
// (Core's CreateGenesisBlock).
func bitcoinGenesis(timestamp int64, bits, nonce uint32) *wire.MsgBlock {
	key, err := hex.DecodeString(bitcoinKey)
	if err != nil {
		panic(err)
	}
	script := append([]byte{byte(len(key))}, key...)
	script = append(script, 0xac) // OP_CHECKSIG
	return genesisBlock(bitcoinText, wire.NewTxOut(50*SatsPerCoin, script), timestamp, bits, nonce)
}

// genesisBlock returns a block without parent whose coinbase carries text, in
// the form that Satoshi gave it.
func genesisBlock(text string, out *wire.TxOut, timestamp int64, bits, nonce uint32) *wire.MsgBlock {
	// Pushes of 0x1d00ffff, of 4 and of the text.
	script := []byte{4, 0xff, 0xff, 0x00, 0x1d, 1, 4}
	if len(text) > 75 {
		script = append(script, 0x4c) // OP_PUSHDATA1
	}
	script = append(script, byte(len(text)))
	script = append(script, text...)

	tx := wire.NewMsgTx(1)
	tx.AddTxIn(wire.NewTxIn(wire.NewOutPoint(&chainhash.Hash{}, wire.MaxPrevOutIndex), script, nil))
	tx.AddTxOut(out)
	block := wire.NewMsgBlock(&wire.BlockHeader{
		Version:    1,
		MerkleRoot: tx.TxHash(),
		Timestamp:  time.Unix(timestamp, 0),
		Bits:       bits,
		Nonce:      nonce,
	})
	block.Transactions = append(block.Transactions, tx)
	return block
}

// solveGenesis sets the first nonce that meets the block's own target. It
// returns false when there is none.
func solveGenesis(b *wire.MsgBlock) bool {
	target := targetOf(b.Header.Bits)
	var header [80]byte
	encodeHeader(&header, &b.Header)
	for nonce := uint64(0); nonce < 1<<32; nonce++ {
		binary.LittleEndian.PutUint32(header[76:], uint32(nonce))
		if h := chainhash.DoubleHashH(header[:]); meets(h, target) {
			b.Header.Nonce = uint32(nonce)
			return true
		}
	}
	return false
}

// meets reports whether a hash, read as a little-endian number, is at most
// target.
func meets(h chainhash.Hash, target *big.Int) bool {
	// Nearly every hash fails here, without big numbers.
	if zeros := 256 - target.BitLen(); zeros >= 16 && (h[31] != 0 || h[30] != 0) {
		return false
	}
	for i, j := 0, len(h)-1; i < j; i, j = i+1, j-1 {
		h[i], h[j] = h[j], h[i]
	}
	return new(big.Int).SetBytes(h[:]).Cmp(target) <= 0
}

// encodeHeader writes a header's 80 bytes as they are hashed.
func encodeHeader(dst *[80]byte, h *wire.BlockHeader) {
	binary.LittleEndian.PutUint32(dst[0:], uint32(h.Version))
	copy(dst[4:], h.PrevBlock[:])
	copy(dst[36:], h.MerkleRoot[:])
	binary.LittleEndian.PutUint32(dst[68:], uint32(h.Timestamp.Unix()))
	binary.LittleEndian.PutUint32(dst[72:], h.Bits)
	binary.LittleEndian.PutUint32(dst[76:], h.Nonce)
}

// targetOf expands a compact target that is known to be positive and to fit in
// 256 bits.
func targetOf(bits uint32) *big.Int {
	mantissa := big.NewInt(int64(bits & 0x007fffff))
	return mantissa.Lsh(mantissa, uint(8*(bits>>24)-24))
}
