package node

import (
	"encoding/hex"
	"slices"

	"github.com/lode-chain/lode/internal/vault"
	"github.com/lode-chain/lode/keys"
	"github.com/lode-chain/lode/psbt"
)

// ownPath says whether a path from a wallet's master key leads to a key of its
// own: of its account by any of the purposes (BIP44, BIP49, BIP84, BIP86), or of
// the keys for multisigs that it gives out (BIP48). Wallets of the same words are
// different accounts, and do not sign for each other.
func ownPath(head vault.Header, coinType uint32, path keys.Path) bool {
	const h = keys.Hardened
	own, err := keys.ParsePath(head.Path)
	if err != nil {
		return false
	}
	account := uint32(h) // of keys for multisigs, where the path is none of an account
	if len(own) == 3 {
		account = own[2]
	} else if slices.Equal(path, own) {
		return true
	}
	if len(path) < 3 || path[1] != coinType+h || path[2] != account {
		return false
	}
	switch path[0] {
	case 44 + h, 49 + h, 84 + h, 86 + h:
		return len(own) == 3
	case 48 + h:
		return len(path) >= 4 && (path[3] == 1+h || path[3] == 2+h)
	}
	return false
}

// signers are the wallets here that have keys of their own, by which those of a
// PSBT are told.
type signers struct {
	list     []vault.Header
	coinType uint32
}

func (w *wallets) signers() *signers {
	s := &signers{coinType: w.host.params.CoinType}
	for _, file := range w.vault.Wallets() {
		if head := file.Header(); !head.WatchOnly && head.Source != vault.SourceDescriptors {
			head.Name = file.Name()
			s.list = append(s.list, head)
		}
	}
	return s
}

// names are those of the wallets that can sign with a key; none for a key of which
// it is not known where it comes from, unless it is that of a wallet of one key.
func (s *signers) names(pub []byte, from psbt.Origin) (names []string) {
	master, key := hex.EncodeToString(from.Fingerprint[:]), hex.EncodeToString(pub)
	for i := range s.list {
		head := &s.list[i]
		switch {
		case head.Master != "" && head.Master == master && ownPath(*head, s.coinType, from.Path):
			names = append(names, head.Name)
		case head.Account == "" && len(key) >= 64 && len(head.PublicKey) == 66 && (key == head.PublicKey || key == head.PublicKey[2:]):
			names = append(names, head.Name)
		}
	}
	return names
}
