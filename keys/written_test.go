package keys

import (
	"crypto/sha256"
	"slices"
	"strings"
	"testing"
)

// TestWritten reads words the way people lay them out.
func TestWritten(t *testing.T) {
	const want = "legal winner thank year wave sausage worth useful legal winner thank yellow"
	for _, text := range []string{
		want,
		"1. legal 2. winner 3. thank 4. year 5. wave 6. sausage 7. worth 8. useful 9. legal 10. winner 11. thank 12. yellow",
		"1) legal\n2) winner\n3) thank\n4) year\n5) wave\n6) sausage\n7) worth\n8) useful\n9) legal\n10) winner\n11) thank\n12) yellow\n",
		"1.legal 2.winner 3.thank 4.year 5.wave 6.sausage 7.worth 8.useful 9.legal 10.winner 11.thank 12.yellow",
		"legal, winner, thank,year,wave , sausage, worth, useful, legal, winner, thank, yellow",
		"LEGA WINN THAN YEAR WAVE SAUS WORT USEF LEGA WINN THAN YELL",
		" 1 legal  2 winner 3 thank 4 year 5 wave 6 saus 7 wort 8 usef 9 legal 10 winn 11 than 12 yell",
	} {
		if got := Written(text); got != want {
			t.Errorf("%q is read as %q", text, got)
		}
	}
	for _, lang := range Languages() {
		sum := sha256.Sum256([]byte(lang))
		words, err := MnemonicOf(sum[:16], lang)
		if err != nil {
			t.Fatal(err)
		}
		if got, _, err := CheckMnemonic(Written(words)); err != nil || got != words {
			t.Errorf("%s: %q is read as %q: %v", lang, words, got, err)
		}
	}
	if got := Written("lega winn xyzw"); got != "legal winner xyzw" {
		t.Errorf("an unknown word: %q", got)
	}
	if _, ok := Begun("act", English); ok {
		t.Error("three letters are enough")
	}
}

// TestRepairs finds what was swapped or misread, and nothing that has a wrong
// checksum.
func TestRepairs(t *testing.T) {
	right := strings.Fields("legal winner thank year wave sausage worth useful legal winner thank yellow")
	swapped := slices.Clone(right)
	swapped[4], swapped[5] = swapped[5], swapped[4]
	misread := slices.Clone(right)
	misread[3] = "near" // for year
	for _, c := range []struct {
		words []string
		want  Repair
	}{{swapped, Repair{Index: 5, Swap: true}}, {misread, Repair{Index: 4, Word: "year"}}} {
		text := strings.Join(c.words, " ")
		if _, _, err := CheckMnemonic(text); err == nil {
			t.Fatalf("%q has a right checksum", text)
		}
		found := Repairs(text, 50)
		if !slices.Contains(found, c.want) {
			t.Errorf("%q: %v, without %v", text, found, c.want)
		}
		for _, r := range found {
			fixed := slices.Clone(c.words)
			if r.Swap {
				fixed[r.Index-1], fixed[r.Index] = fixed[r.Index], fixed[r.Index-1]
			} else {
				fixed[r.Index-1] = r.Word
			}
			if _, _, err := CheckMnemonic(strings.Join(fixed, " ")); err != nil {
				t.Errorf("%v: %v", r, err)
			}
		}
		if n := len(Repairs(text, 1)); n != 1 {
			t.Errorf("%d instead of one", n)
		}
	}
	if Repairs("legal winner", 5) != nil || Repairs(strings.Repeat("xyz ", 12), 5) != nil {
		t.Error("repairs of what are no words")
	}
}
