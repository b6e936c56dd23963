package wallet

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/lode-chain/lode/address"
	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/descriptor"
	"github.com/lode-chain/lode/miniscript"
)

// Nobody is the x-only point whose private key nobody knows, which BIP341 proposes
// as the internal key of outputs that only their scripts can spend.
const Nobody = "50929b74c1a04954b78b4b6035e97a5e078a5a0f28ec96d547bfee9ace803ac0"

var (
	nobody, _ = hex.DecodeString(Nobody)
	// nobodyPrints are the fingerprints of extended keys of that point.
	nobodyPrints = [2][4]byte{fingerprint(2), fingerprint(3)}
)

func fingerprint(parity byte) [4]byte {
	hash := address.Hash160(append([]byte{parity}, nobody...))
	return [4]byte(hash[:4])
}

// CanSign says whether there can be a private key of an x-only key that comes from
// a master key: it is not Nobody's, nor derived from an extended key that has
// Nobody's point as its own, as some wallets write it so that outputs differ.
func CanSign(xonly []byte, master [4]byte) bool {
	return !bytes.Equal(xonly, nobody) && master != nobodyPrints[0] && master != nobodyPrints[1]
}

// maxWays is how many ways to spend a script are compared. Policy: scripts that
// people write have fewer; of more the dearest of these is taken.
const maxWays = 128

// reckoning finds out how a coin's script is spent, with signatures that sign
// nothing.
type reckoning struct {
	w     *weights
	c     *Coin
	out   *descriptor.Output
	own   map[string]bool // x-only keys that the wallet has private keys of
	never map[string]bool // that nobody has
	locks []lock          // that the script asks for
	parts map[string]uint32
}

// means are what a way to spend may use.
type means struct {
	own     bool     // the wallet's keys only, and no preimages
	later   bool     // locks that have not passed
	asked   bool     // absolute locks only that the locktime asked for has passed
	without []uint32 // parts that are not given
}

// reckon says what it takes to spend a coin, and which locks its script has. Where
// the wallet's own keys do alone, it is the cheapest way that they allow. Else
// others sign, and it is not known who: then it is the dearest of the ways that are
// open now, so that the feerate is met whichever is taken. When none is, it takes
// locks to come.
func (w *weights) reckon(c *Coin) (spending, []lock, error) {
	out, err := w.solve(c)
	if err != nil {
		return spending{}, nil, err
	}
	r := &reckoning{w: w, c: c, out: out, parts: make(map[string]uint32)}
	r.readKeys()
	r.readLocks()
	ownNow, ownLater, now, later := means{own: true}, means{own: true, later: true}, means{}, means{later: true}
	order := []means{now, later}
	switch {
	case len(r.own) > 0 && w.alone:
		order = []means{ownNow, ownLater, now, later}
	case len(r.own) > 0:
		order = []means{ownNow, now, ownLater, later}
	}
	if w.lockFixed { // first what goes with it
		for i := len(order) - 1; i >= 0; i-- {
			if m := order[i]; !m.later {
				m.asked = true
				order = slices.Insert(order, i, m)
			}
		}
	}
	for _, m := range order {
		s, e := r.best(m)
		if e == nil {
			return r.settle(s, m), r.locks, nil
		}
		if err == nil || !errors.Is(e, descriptor.ErrUnsatisfiable) {
			err = e
		}
	}
	return spending{}, nil, err
}

// readKeys sorts the output's keys.
func (r *reckoning) readKeys() {
	r.own, r.never = make(map[string]bool), map[string]bool{string(nobody): true}
	for i := range r.out.Keys {
		k := &r.out.Keys[i]
		if _, ok := k.PrivateKey(); ok {
			r.own[string(k.XOnly())] = true
			if len(r.out.InternalKey) == 0 && len(r.out.Script) == 34 {
				r.own[string(r.out.Script[2:])] = true // rawtr: the output key signs
			}
		} else if !CanSign(k.XOnly(), k.Fingerprint) {
			r.never[string(k.XOnly())] = true
		}
	}
}

// readLocks asks without any signature, so that all of the script is looked at.
func (r *reckoning) readLocks() {
	note := func(l lock) bool {
		if !slices.Contains(r.locks, l) {
			r.locks = append(r.locks, l)
		}
		return true
	}
	_, _ = r.out.Satisfy(descriptor.Material{
		Older: func(n uint32) bool { return note(lock{older: n}) },
		After: func(n uint32) bool { return note(lock{after: n}) },
	})
}

// best is the way that is reckoned with: the dearest one of those of others, else
// the cheapest.
func (r *reckoning) best(m means) (*descriptor.Satisfaction, error) {
	best, err := r.satisfy(m)
	if err != nil || m.own || m.later {
		return best, err
	}
	// The cheapest way of everybody, then that without each of those whose
	// signatures it takes, and so on: those are all that can be had.
	seen := make(map[string]bool)
	var walk func(without []uint32)
	walk = func(without []uint32) {
		id := fmt.Sprint(without)
		if seen[id] || len(seen) >= maxWays {
			return
		}
		seen[id] = true
		m.without = without
		s, err := r.satisfy(m)
		if err != nil {
			return
		}
		if spendingOf(s).weight > spendingOf(best).weight {
			best = s
		}
		for _, part := range r.used(s) {
			at, _ := slices.BinarySearch(without, part)
			walk(slices.Insert(slices.Clone(without), at, part))
		}
	}
	walk(nil)
	return best, nil
}

// satisfy is the cheapest way by some means.
func (r *reckoning) satisfy(m means) (*descriptor.Satisfaction, error) {
	return r.out.Satisfy(descriptor.Material{
		Signature: func(pub []byte, _ *chainhash.Hash) ([]byte, bool) {
			size, key := ecdsaSize, pub
			if len(pub) == 32 {
				size = schnorrSize
			} else {
				key = pub[1:33]
			}
			if r.never[string(key)] || m.own && !r.own[string(key)] {
				return nil, false
			}
			return r.dummy(string(key), size, m.without)
		},
		Preimage: func(_ miniscript.Hash, digest []byte) ([]byte, bool) {
			if m.own {
				return nil, false
			}
			return r.dummy("preimage of "+string(digest), preimageSize, m.without)
		},
		Older: func(n uint32) bool { return m.later || r.w.older(r.c, n) },
		After: func(n uint32) bool {
			return m.later || r.w.after(n) && (!m.asked || afterMet(n, r.w.lockTime))
		},
	})
}

// Sizes of what a way is made of: the largest.
const (
	ecdsaSize    = 72
	schnorrSize  = 64
	preimageSize = 32
)

// dummy stands for a part of a way, which has a number, unless it is one that is
// not given.
func (r *reckoning) dummy(name string, size int, without []uint32) ([]byte, bool) {
	n, ok := r.parts[name]
	if !ok {
		n = uint32(len(r.parts)) + 1
		r.parts[name] = n
	}
	return stands(n, size), !slices.Contains(without, n)
}

func stands(n uint32, size int) []byte {
	d := bytes.Repeat([]byte{0xd5}, size)
	binary.BigEndian.PutUint32(d, n)
	return d
}

// used are the parts that a way takes.
func (r *reckoning) used(s *descriptor.Satisfaction) (list []uint32) {
	for n := uint32(1); n <= uint32(len(r.parts)); n++ {
		has := func(item []byte) bool {
			return len(item) >= preimageSize && bytes.Equal(item, stands(n, len(item)))
		}
		if slices.ContainsFunc(s.Witness, has) || bytes.Contains(s.ScriptSig, stands(n, ecdsaSize)) {
			list = append(list, n)
		}
	}
	return list
}

// settle measures a way.
func (r *reckoning) settle(s *descriptor.Satisfaction, m means) spending {
	way := spendingOf(s)
	way.others = !m.own && len(r.own) > 0
	if m.later {
		way.waits = lock{s.Sequence, s.LockTime}
		return way
	}
	if m.own && r.w.alone {
		return way
	}
	for _, l := range r.locks {
		switch {
		case l.older != 0 && r.w.older(r.c, l.older):
			way.usable.older = laterOlder(way.sequence, way.usable.older, l.older&sequenceMask)
		case l.older == 0 && r.w.after(l.after):
			way.usable.after = laterAfter(way.lockTime, way.usable.after, l.after)
		}
	}
	return way
}

// laterOlder is the one of two relative locks that asks for more. Of different
// units the needed one's is taken, else blocks. 0 is none.
func laterOlder(needed, a, b uint32) uint32 {
	unit := needed & sequenceTime
	fits := func(n uint32) bool { return needed == 0 || n&sequenceTime == unit }
	switch {
	case a == 0 && fits(b):
		return b
	case a == 0 || !fits(b):
		return a
	case a&sequenceTime != b&sequenceTime:
		if a&sequenceTime == 0 {
			return a
		}
		return b
	}
	return max(a, b)
}

// laterAfter is the same of absolute locks: the needed one's unit, else heights.
func laterAfter(needed, a, b uint32) uint32 {
	isTime := func(n uint32) bool { return n >= consensus.LockTimeThreshold }
	fits := func(n uint32) bool { return needed == 0 || isTime(n) == isTime(needed) }
	switch {
	case a == 0 && fits(b):
		return b
	case a == 0 || !fits(b):
		return a
	case isTime(a) != isTime(b):
		return min(a, b)
	}
	return max(a, b)
}
