package keys

import (
	"crypto/sha256"
	"errors"
	"strings"
	"testing"
)

// fairRolls are 99 rolls of a real die.
const fairRolls = "315264415326645113224653316421553624163522416531462355164236124563314256631425164325632154613245125"

func TestEntropyFromDice(t *testing.T) {
	if len(fairRolls) != 99 {
		t.Fatal(len(fairRolls))
	}
	for words, rolls := range diceRolls {
		text := fairRolls[:rolls]
		sum := sha256.Sum256([]byte(text))
		entropy, err := EntropyFromDice(text, words)
		if err != nil || string(entropy) != string(sum[:words/3*4]) {
			t.Errorf("%d words: %x, %v", words, entropy, err)
		}
		mnemonic, err := MnemonicOf(entropy, English)
		if err != nil || len(strings.Fields(mnemonic)) != words {
			t.Errorf("%d words: %v", words, err)
		}
		spaced, err := EntropyFromDice(" "+strings.Join(strings.Split(text, ""), ", ")+"\r\n", words)
		if err != nil || string(spaced) != string(entropy) {
			t.Errorf("%d words, with spaces: %x, %v", words, spaced, err)
		}
		var e *DiceError
		if _, err := EntropyFromDice(text[1:], words); !errors.As(err, &e) || e.Missing != 1 {
			t.Errorf("%d words, one roll less: %v", words, err)
		}
	}
	if longer, err := EntropyFromDice(fairRolls, 12); err != nil || len(longer) != 16 {
		t.Errorf("more rolls than needed: %v", err)
	}
}

func TestWrongDice(t *testing.T) {
	for _, c := range []struct {
		rolls, want string
	}{
		{"", "50 more rolls"},
		{"123456", "44 more rolls"},
		{"1237", `'7' at place 4 is no roll`},
		{"12 a", `'a' at place 4 is no roll`},
		{"120", `'0' at place 3 is no roll`},
		{strings.Repeat("1", 50), "repeat one pattern"},
		{strings.Repeat("123456", 9), "repeat one pattern"},
		{"１" + fairRolls, "at place 1 is no roll"},
	} {
		if _, err := EntropyFromDice(c.rolls, 12); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %q", c.rolls, err, c.want)
		}
	}
	if _, err := EntropyFromDice(fairRolls, 13); !errors.Is(err, ErrWordCount) {
		t.Error(err)
	}
}
