package miniscript

import (
	"github.com/btcsuite/btcd/txscript/v2"

	"github.com/lode-chain/lode/address"
)

// ScriptSize returns the length of the script in bytes.
func (n *Node) ScriptSize() int { return n.size }

// piece is a piece of a script: bytes, or a node whose script stands there.
type piece struct {
	bytes  []byte
	n      *Node
	verify bool // a VERIFY follows n, to be folded into its last opcode if that has such a form
}

// Script returns the expression's script. The function key returns a key as the
// script has it: 33 bytes in P2WSH, 32 in Tapscript.
func (n *Node) Script(key func(i int) []byte) []byte {
	out := make([]byte, 0, n.size)
	unfold(piece{n: n}, func(p piece) []piece {
		switch {
		case p.n == nil:
			out = append(out, p.bytes...)
			return nil
		case len(p.n.subs) == 0:
			out = p.n.leafScript(out, key, p.verify)
			return nil
		default:
			return p.n.pieces(p.verify)
		}
	})
	return out
}

// lastOp returns an opcode, or its form with VERIFY.
func lastOp(op byte, verify bool) byte {
	if !verify {
		return op
	}
	switch op {
	case txscript.OP_EQUAL:
		return txscript.OP_EQUALVERIFY
	case txscript.OP_CHECKSIG:
		return txscript.OP_CHECKSIGVERIFY
	case txscript.OP_CHECKMULTISIG:
		return txscript.OP_CHECKMULTISIGVERIFY
	default:
		return txscript.OP_NUMEQUALVERIFY
	}
}

var hashOps = [...]byte{
	SHA256: txscript.OP_SHA256, HASH256: txscript.OP_HASH256, RIPEMD160: txscript.OP_RIPEMD160, HASH160: txscript.OP_HASH160,
}

func (n *Node) leafScript(out []byte, key func(i int) []byte, verify bool) []byte {
	switch n.frag {
	case just0:
		return append(out, txscript.OP_0)
	case just1:
		return append(out, txscript.OP_1)
	case pkK:
		return appendData(out, key(n.keys[0]))
	case pkH:
		out = append(out, txscript.OP_DUP, txscript.OP_HASH160)
		hash := address.Hash160(key(n.keys[0]))
		return append(appendData(out, hash[:]), txscript.OP_EQUALVERIFY)
	case older:
		return append(appendNumber(out, n.k), txscript.OP_CHECKSEQUENCEVERIFY)
	case after:
		return append(appendNumber(out, n.k), txscript.OP_CHECKLOCKTIMEVERIFY)
	case hashed:
		out = appendNumber(append(out, txscript.OP_SIZE), preimageSize)
		out = appendData(append(out, txscript.OP_EQUALVERIFY, hashOps[n.hash]), n.digest)
		return append(out, lastOp(txscript.OP_EQUAL, verify))
	case multi:
		out = appendNumber(out, n.k)
		for _, i := range n.keys {
			out = appendData(out, key(i))
		}
		return append(appendNumber(out, uint32(len(n.keys))), lastOp(txscript.OP_CHECKMULTISIG, verify))
	default: // multiA
		op := byte(txscript.OP_CHECKSIG)
		for _, i := range n.keys {
			out = append(appendData(out, key(i)), op)
			op = txscript.OP_CHECKSIGADD
		}
		return append(appendNumber(out, n.k), lastOp(txscript.OP_NUMEQUAL, verify))
	}
}

func (n *Node) pieces(verify bool) []piece {
	x := piece{n: n.subs[0]}
	var y piece
	if len(n.subs) > 1 {
		y.n = n.subs[1]
	}
	op := func(codes ...byte) piece { return piece{bytes: codes} }
	switch n.frag {
	case wrapA:
		return []piece{op(txscript.OP_TOALTSTACK), x, op(txscript.OP_FROMALTSTACK)}
	case wrapS:
		x.verify = verify
		return []piece{op(txscript.OP_SWAP), x}
	case wrapC:
		return []piece{x, op(lastOp(txscript.OP_CHECKSIG, verify))}
	case wrapD:
		return []piece{op(txscript.OP_DUP, txscript.OP_IF), x, op(txscript.OP_ENDIF)}
	case wrapV:
		if x.n.typ.has(costly) {
			return []piece{x, op(txscript.OP_VERIFY)}
		}
		x.verify = true
		return []piece{x}
	case wrapJ:
		return []piece{op(txscript.OP_SIZE, txscript.OP_0NOTEQUAL, txscript.OP_IF), x, op(txscript.OP_ENDIF)}
	case wrapN:
		return []piece{x, op(txscript.OP_0NOTEQUAL)}
	case andV:
		y.verify = verify
		return []piece{x, y}
	case andB:
		return []piece{x, y, op(txscript.OP_BOOLAND)}
	case orB:
		return []piece{x, y, op(txscript.OP_BOOLOR)}
	case orC:
		return []piece{x, op(txscript.OP_NOTIF), y, op(txscript.OP_ENDIF)}
	case orD:
		return []piece{x, op(txscript.OP_IFDUP, txscript.OP_NOTIF), y, op(txscript.OP_ENDIF)}
	case orI:
		return []piece{op(txscript.OP_IF), x, op(txscript.OP_ELSE), y, op(txscript.OP_ENDIF)}
	case andOr:
		z := piece{n: n.subs[2]}
		return []piece{x, op(txscript.OP_NOTIF), z, op(txscript.OP_ELSE), y, op(txscript.OP_ENDIF)}
	default: // thresh
		out := []piece{x}
		for _, s := range n.subs[1:] {
			out = append(out, piece{n: s}, op(txscript.OP_ADD))
		}
		return append(out, op(append(appendNumber(nil, n.k), lastOp(txscript.OP_EQUAL, verify))...))
	}
}

// scriptSize returns the size of a node's script from those of its members.
func scriptSize(n *Node) int {
	size := 0
	for _, s := range n.subs {
		size += s.size
	}
	keys := len(n.keys) * (1 + n.ctx.keySize())
	switch n.frag {
	case just0, just1:
		return 1
	case pkK:
		return keys
	case pkH:
		return 3 + 21
	case older, after:
		return numberSize(n.k) + 1
	case hashed:
		return 6 + 1 + n.hash.size()
	case multi:
		return numberSize(n.k) + keys + numberSize(uint32(len(n.keys))) + 1
	case multiA:
		return keys + len(n.keys) + numberSize(n.k) + 1
	case wrapV:
		if n.subs[0].typ.has(costly) {
			size++
		}
		return size
	case thresh:
		return size + len(n.subs) + numberSize(n.k)
	default:
		return size + overhead[n.frag]
	}
}

// overhead is the number of bytes that a fragment adds to its members.
var overhead = [...]int{
	wrapA: 2, wrapS: 1, wrapC: 1, wrapD: 3, wrapJ: 4, wrapN: 1,
	andV: 0, andB: 1, orB: 1, orC: 2, orD: 3, orI: 3, andOr: 3,
}

// appendData appends a push of up to 75 bytes.
func appendData(out, data []byte) []byte {
	return append(append(out, byte(len(data))), data...)
}

// appendNumber appends the shortest push of a number.
func appendNumber(out []byte, v uint32) []byte {
	if v >= 1 && v <= 16 {
		return append(out, txscript.OP_1-1+byte(v))
	}
	size := numberSize(v) - 1
	out = append(out, byte(size))
	for ; size > 0; size-- {
		out = append(out, byte(v))
		v >>= 8
	}
	return out
}

// numberSize returns the size in bytes of the shortest push of a number from 1
// to maxLock: little-endian with room for a sign bit.
func numberSize(v uint32) int {
	switch {
	case v <= 16:
		return 1
	case v <= 0x7f:
		return 2
	case v <= 0x7fff:
		return 3
	case v <= 0x7fffff:
		return 4
	default:
		return 5
	}
}
