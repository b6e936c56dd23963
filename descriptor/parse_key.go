package descriptor

import (
	"encoding/hex"
	"errors"
	"strconv"
	"strings"

	"github.com/btcsuite/btcd/btcec/v2"

	"github.com/lode-chain/lode/address"
	"github.com/lode-chain/lode/keys"
)

// key reads a key expression and returns its number (Core's ParsePubkey).
func (x *parser) key(s string, c context) (int, *Error) {
	before, after, found := strings.Cut(s, "]")
	var k keyExpr
	if strings.Contains(after, "]") {
		return 0, errorf(ErrSyntax, "Multiple ']' characters found for a single pubkey")
	}
	if found {
		if before == "" || before[0] != '[' {
			return 0, errorf(ErrSyntax, "Key origin start '[ character expected but not found, got '%c' instead", s[0])
		}
		steps := strings.Split(before[1:], "/")
		if len(steps[0]) != 8 {
			return 0, errorf(ErrSyntax, "Fingerprint is not 4 bytes (%d characters instead of 8 characters)", len(steps[0]))
		}
		fingerprint, err := hex.DecodeString(steps[0])
		if err != nil {
			return 0, errorf(ErrSyntax, "Fingerprint '%s' is not hex", steps[0])
		}
		k.origin = &origin{fingerprint: [4]byte(fingerprint)}
		var fault *Error
		if k.origin.path, fault = parsePath(steps[1:], &k.apostrophe); fault != nil {
			return 0, fault
		}
		s = after
	}
	if err := x.innerKey(&k, s, c); err != nil {
		return 0, err
	}
	done := &k
	if k.root != nil {
		done = newExtended(k)
	}
	x.keys = append(x.keys, done)
	return len(x.keys) - 1, nil
}

// innerKey reads what stands behind a key's origin (Core's ParsePubkeyInner).
func (x *parser) innerKey(k *keyExpr, s string, c context) *Error {
	uncompressed := c == top || c == inSH
	steps := strings.Split(s, "/")
	text := steps[0]
	if text == "" {
		return errorf(ErrSyntax, "No key provided")
	}
	var wifErr error
	if len(steps) == 1 {
		if raw, err := hex.DecodeString(text); err == nil {
			return k.setHex(text, raw, c)
		}
		var key *btcec.PrivateKey
		var compressed bool
		if key, compressed, wifErr = address.DecodeWIF(text, x.params); wifErr == nil {
			if !compressed && !uncompressed {
				return errorf(ErrSyntax, "Uncompressed keys are not allowed")
			}
			k.wif, k.pub, k.xonly = key, key.PubKey(), c == inTR
			if k.raw = k.pub.SerializeCompressed(); !compressed {
				k.raw = k.pub.SerializeUncompressed()
			}
			return nil
		}
	}
	root, err := keys.ParseExtended(text, x.params)
	if err != nil {
		return notAKey(text, steps, wifErr, err)
	}
	k.root = root
	steps = steps[1:]
	if n := len(steps); n > 0 {
		switch steps[n-1] {
		case "*":
			k.wildcard, steps = plainWildcard, steps[:n-1]
		case "*'", "*h":
			k.wildcard, k.apostrophe, steps = hardenedWildcard, steps[n-1] == "*'", steps[:n-1]
		}
	}
	var fault *Error
	k.path, fault = parsePath(steps, &k.apostrophe)
	return fault
}

// notAKey says why a text is no key.
func notAKey(text string, steps []string, wifErr, extendedErr error) *Error {
	e := errorf(ErrSyntax, "key '%s' is not valid", text)
	switch {
	case errors.Is(wifErr, address.ErrNetwork):
		e.Kind, e.Hint = ErrNetwork, wifErr.Error()
	case errors.Is(extendedErr, address.ErrNetwork):
		e.Kind, e.Hint = ErrNetwork, extendedErr.Error()
	case len(text) > 100:
		e.Hint = extendedErr.Error()
	case len(steps) > 1 && len(text) < 100:
		e.Hint = "only extended keys (xpub, xprv, tpub, tprv) can have a path behind them"
	case errors.Is(wifErr, address.ErrChecksum):
		e.Hint = wifErr.Error()
	}
	return e
}

// setHex takes a public key in hexadecimal.
func (k *keyExpr) setHex(text string, raw []byte, c context) *Error {
	if len(raw) == 65 && hybrid(raw) {
		return errorf(ErrSyntax, "Hybrid public keys are not allowed")
	}
	pub, err := btcec.ParsePubKey(raw)
	switch {
	case err == nil && len(raw) == 65 && c != top && c != inSH:
		return errorf(ErrSyntax, "Uncompressed keys are not allowed")
	case err != nil && len(raw) == 32 && c == inTR:
		raw = append([]byte{2}, raw...)
		if pub, err = btcec.ParsePubKey(raw); err == nil {
			k.xonly = true
		}
	}
	if err != nil {
		return errorf(ErrSyntax, "Pubkey '%s' is invalid", text)
	}
	k.pub, k.raw = pub, raw
	return nil
}

// size returns the bytes of the public key.
func (k *keyExpr) size() int {
	if k.root != nil {
		return 33
	}
	return len(k.raw)
}

// parsePath reads the steps of a path. It notes in apostrophe how the last
// hardened step is written.
func parsePath(steps []string, apostrophe *bool) (keys.Path, *Error) {
	var path keys.Path
	for _, step := range steps {
		number, hardened := step, uint32(0)
		if n := len(step); n > 0 && (step[n-1] == '\'' || step[n-1] == 'h') {
			number, hardened = step[:n-1], keys.Hardened
			*apostrophe = step[n-1] == '\''
		}
		v, ok := parseUint32(number)
		if !ok {
			e := errorf(ErrSyntax, "Key path value '%s' is not a valid uint32", number)
			if strings.HasPrefix(step, "<") {
				e.Hint = "several paths in one descriptor (<0;1>) are not supported; write one descriptor for each"
			}
			return nil, e
		}
		if v >= keys.Hardened {
			return nil, errorf(ErrSyntax, "Key path value %d is out of range", v)
		}
		path = append(path, v+hardened)
	}
	return path, nil
}

// parseUint32 reads a number as Core's ParseUInt32: a plus sign may precede it.
func parseUint32(s string) (uint32, bool) {
	v, err := strconv.ParseUint(strings.TrimPrefix(s, "+"), 10, 32)
	return uint32(v), err == nil && !strings.HasPrefix(s, "++")
}
