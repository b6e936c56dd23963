package node

import (
	"context"
	"encoding/hex"
	"sync"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/lode-chain/lode/consensus"
	"github.com/lode-chain/lode/internal/vault"
)

// sends knows which coins the recorded payments of the wallets spend, so that no
// journal is read for it twice. mu guards lists.
type sends struct {
	mu    sync.Mutex
	lists map[int]*sentList // by wallet number
}

// sentList are the recorded payments of one wallet.
type sentList struct {
	count    int // of the journal's payments that are here
	order    []sentRef
	inputs   map[chainhash.Hash][]wire.OutPoint
	spenders map[wire.OutPoint][]chainhash.Hash // oldest first
}

// sentRef is a recorded payment, and the key that the journal has it under.
type sentRef struct {
	txid chainhash.Hash
	key  string
}

func (l *sentList) add(key string, tx *wire.MsgTx) {
	txid := tx.TxHash()
	if _, ok := l.inputs[txid]; ok {
		return
	}
	l.order = append(l.order, sentRef{txid, key})
	l.inputs[txid] = outPointsOf(tx)
	for _, op := range l.inputs[txid] {
		l.spenders[op] = append(l.spenders[op], txid)
	}
}

// list returns the payments of a wallet as its journal has them. The caller holds mu.
func (s *sends) list(file *vault.Wallet) (*sentList, error) {
	n := file.SentCount()
	if l := s.lists[file.Number()]; l != nil && l.count == n {
		return l, nil
	}
	l := &sentList{count: n, inputs: make(map[chainhash.Hash][]wire.OutPoint), spenders: make(map[wire.OutPoint][]chainhash.Hash)}
	recorded, err := file.Sends()
	if err != nil {
		return nil, err
	}
	for _, one := range recorded {
		tx, err := sentTx(one)
		if err != nil {
			return nil, err
		}
		l.add(one.Key, tx)
	}
	if s.lists == nil {
		s.lists = make(map[int]*sentList)
	}
	s.lists[file.Number()] = l
	return l, nil
}

// sentTx is the transaction of a recorded payment.
func sentTx(s *vault.Send) (*wire.MsgTx, error) {
	raw, err := hex.DecodeString(s.Tx)
	if err != nil {
		return nil, err
	}
	return consensus.DecodeTx(raw)
}

// recorded takes in a payment that was just recorded. The caller holds the
// wallet's lock of sending.
func (s *sends) recorded(file *vault.Wallet, key string, tx *wire.MsgTx) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.lists[file.Number()]; l != nil && l.count+1 == file.SentCount() {
		l.add(key, tx)
		l.count++
	}
}

// spenders returns the recorded payments that spend a coin, oldest first.
func (s *sends) spenders(file *vault.Wallet, op wire.OutPoint) ([]chainhash.Hash, error) {
	if file.SentCount() == 0 {
		return nil, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	l, err := s.list(file)
	if err != nil {
		return nil, err
	}
	return l.spenders[op], nil
}

// inputs returns what a recorded payment spends; false when there is none.
func (s *sends) inputs(file *vault.Wallet, txid chainhash.Hash) ([]wire.OutPoint, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, err := s.list(file)
	if err != nil {
		return nil, false
	}
	ops, ok := l.inputs[txid]
	return ops, ok
}

// all returns a wallet's recorded payments, oldest first. The list is only added to.
func (s *sends) all(file *vault.Wallet) ([]sentRef, error) {
	if file.SentCount() == 0 {
		return nil, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	l, err := s.list(file)
	if err != nil {
		return nil, err
	}
	return l.order, nil
}

// keeper finds the coins that are kept for lost payments, for one view.
type keeper struct {
	*wallets
	ctx context.Context

	mu     sync.Mutex
	judged map[keptPayment]bool
}

type keptPayment struct {
	wallet int
	txid   chainhash.Hash
}

// keptFor returns the payment that a coin is kept for: one that the wallet has
// recorded, that was not given up, and that lost no coin to another one, be that in
// a block or in the mempool (Core's IsSpent). What cannot be found out counts as
// kept.
func (k *keeper) keptFor(number uint32, op wire.OutPoint) (chainhash.Hash, bool) {
	file := k.vault.Wallet(int(number))
	if file == nil {
		return chainhash.Hash{}, false
	}
	spenders, err := k.sent.spenders(file, op)
	if err != nil {
		k.host.log.Error("a wallet's payments cannot be read", "wallet", number, "err", err)
	}
	if len(spenders) == 0 {
		return chainhash.Hash{}, false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, txid := range spenders {
		if k.mayReturn(file, txid) {
			return txid, true
		}
	}
	return chainhash.Hash{}, false
}

// mayReturn says whether a recorded payment is in the mempool or may come there.
// The caller holds the keeper's mu.
func (k *keeper) mayReturn(file *vault.Wallet, txid chainhash.Hash) bool {
	key := keptPayment{file.Number(), txid}
	may, ok := k.judged[key]
	if !ok {
		k.judged[key] = true // a payment does not depend on itself
		may = k.judge(file, txid)
		k.judged[key] = may
	}
	return may
}

func (k *keeper) judge(file *vault.Wallet, txid chainhash.Hash) bool {
	if there, err := k.exists(k.ctx, txid); there || err != nil {
		return true // it came there since the view was made
	}
	if file.IsAbandoned(txid.String()) {
		return false
	}
	inputs, _ := k.sent.inputs(file, txid)
	coins, _, err := k.host.chain.Coins(inputs)
	if err != nil {
		return true
	}
	for i, op := range inputs {
		if _, taken := k.host.pool.Spender(op); taken {
			return false
		}
		if coins[i] != nil || k.host.pool.Get(op.Hash) != nil {
			continue
		}
		if _, confirmed, err := k.host.txindex.Find(k.ctx, op.Hash); err == nil && confirmed {
			return false // another one in a block has spent it
		}
		if _, own := k.sent.inputs(file, op.Hash); own && !k.mayReturn(file, op.Hash) {
			return false
		}
	}
	return true
}
