package backup

import (
	"context"
	"math/big"
	"sync"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/lode-chain/lode/network"
	"github.com/lode-chain/lode/pow"
)

// verifiedFor is how long a Verifier takes a file for sound without reading it
// again (policy).
const verifiedFor = time.Minute

// maxVerified bounds the files that a Verifier remembers (policy).
const maxVerified = 10_000

// point is a block and the work of the chain up to it.
type point struct {
	hash chainhash.Hash
	work *big.Int
}

func genesisOf(p *network.Params) point {
	return point{p.GenesisHash, pow.Work(p.Genesis.Header.Bits)}
}

// tipOf is the tip of a verified backup.
func tipOf(i *Info) point {
	work, _ := new(big.Int).SetString(i.ChainWork, 16) // checked when it was read
	return point{i.Tip, work}
}

// Verify reads a backup and those that it continues in full, and checks that
// they restore the chain up to its tip: checksums, each block by itself, their
// links, the chain's work. Whether the transactions are valid shows when they
// are restored.
func Verify(ctx context.Context, p *network.Params, file string, progress Progress) (Info, error) {
	return NewVerifier(p, time.Now).Verify(ctx, file, progress)
}

// Verifier verifies many backups that continue each other, so that each file is
// read once and not again for every later one. Its methods may be called from
// many goroutines.
type Verifier struct {
	params *network.Params
	now    func() time.Time

	mu    sync.Mutex
	sound map[string]sound // by file: it and all that it continues
}

type sound struct {
	checksum string
	at       time.Time
}

// NewVerifier returns a verifier that knows no file yet.
func NewVerifier(p *network.Params, now func() time.Time) *Verifier {
	return &Verifier{params: p, now: now, sound: make(map[string]sound)}
}

// Verify is the function of that name; what this verifier has found sound in the
// last minute it does not read again, but for its first and last lines.
func (v *Verifier) Verify(ctx context.Context, file string, progress Progress) (Info, error) {
	files, err := chainFrom(file, v.params, v.known)
	if err != nil {
		return Info{}, err
	}
	started := v.now()
	target := files[len(files)-1]
	start := genesisOf(v.params)
	if files[0].Previous != nil {
		start, files = tipOf(&files[0]), files[1:]
	}
	err = verify(ctx, v.params, files, start, progress, func(Block) error { return nil })
	if err != nil {
		return Info{}, err
	}
	v.remember(files, started)
	return target, nil
}

// known reports whether a file was found sound not long ago.
func (v *Verifier) known(i Info) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	s, ok := v.sound[i.File]
	age := v.now().Sub(s.at)
	return ok && s.checksum == i.Checksum && age >= 0 && age < verifiedFor
}

// remember notes the files of a verified row, of which those whose last blocks
// were replaced by the next one have not been checked in full.
func (v *Verifier) remember(files []Info, at time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.sound)+len(files) > maxVerified {
		clear(v.sound)
	}
	for i, f := range files {
		if i == len(files)-1 || files[i+1].ForkHeight == f.Height {
			v.sound[f.File] = sound{f.Checksum, at}
		}
	}
}
