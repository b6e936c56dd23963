package keys

import (
	"crypto/sha256"
	"fmt"
	"strings"
)

// diceRolls is how many rolls of a die give the entropy of so many words: each
// roll gives log2(6) = 2.58 bits. They are the numbers that hardware wallets
// ask for; 99 rolls have 255.9 bits.
var diceRolls = map[int]int{12: 50, 15: 62, 18: 75, 21: 87, 24: 99}

// DiceError says what is wrong with rolls.
type DiceError struct {
	Missing   int  // rolls that are still needed
	Character rune // that is no roll; 0: there is none
	Position  int  // of it, from 1
	Repeated  bool // the rolls cannot have been made by chance
}

func (e *DiceError) Error() string {
	switch {
	case e.Character != 0:
		return fmt.Sprintf("%q at place %d is no roll of a die; write the digits 1 to 6", e.Character, e.Position)
	case e.Repeated:
		return "these rolls repeat one pattern, which no die does; roll it for real"
	}
	return fmt.Sprintf("%d more rolls are needed", e.Missing)
}

// EntropyFromDice makes the entropy of a mnemonic of so many words from rolls of
// a die, the digits 1 to 6; white space, commas and hyphens between them do not
// count. The entropy is the SHA-256 of the digits, cut to the length that the
// words need, as hardware wallets (Coldcard, SeedSigner) compute it, so that
// anybody can check it with other tools. Hashing keeps what chance there is in
// the rolls and spreads it over all bits: where a die is biased, no bit is, but
// there is less chance in it than is counted here, and more rolls make up for
// that. All rolls that are given count. The error is a *DiceError, or a
// *MnemonicError for a wrong number of words.
func EntropyFromDice(rolls string, words int) ([]byte, error) {
	if !goodWordCount(words) {
		return nil, &MnemonicError{Kind: ErrWordCount, Count: words}
	}
	var digits []byte
	position := 0
	for _, r := range rolls {
		position++
		switch {
		case r >= '1' && r <= '6':
			digits = append(digits, byte(r))
		case strings.ContainsRune(" \t\r\n,-", r):
		default:
			return nil, &DiceError{Character: r, Position: position}
		}
	}
	if missing := diceRolls[words] - len(digits); missing > 0 {
		return nil, &DiceError{Missing: missing}
	}
	if repeats(digits) {
		return nil, &DiceError{Repeated: true}
	}
	sum := sha256.Sum256(digits)
	clear(digits)
	return sum[:words/3*4], nil
}

// repeats reports whether digits are one pattern of at most six, over and over.
func repeats(digits []byte) bool {
	for period := 1; period <= 6; period++ {
		same := true
		for i := period; i < len(digits) && same; i++ {
			same = digits[i] == digits[i-period]
		}
		if same {
			return true
		}
	}
	return false
}
