package vault

import (
	"strings"
	"testing"
)

func TestCheckName(t *testing.T) {
	for _, good := range []string{"Alice", "alice's savings", "Wallet 7", "Zoë", "кошелёк", "財布 A", "a", "3rd", "a.b_c-d", strings.Repeat("x", 64), "💰"} {
		if err := CheckName(good); err != nil {
			t.Errorf("%q refused: %v", good, err)
		}
	}
	for _, bad := range []string{
		"", " a", "a ", "12", "١٢", "a\x00b", "a\nb", "a\tb", "a\u200bb", "a\u202eb", "a\u00a0b", "a\u3164b", "a\ufe0fb", "\ufeffa", "a\u00adb",
		"Аlice", "Αlice", "p\u0430ypal", "ﬁn", "Ａ", "a/b", `a\b`, "-n", "a\xffb", strings.Repeat("x", 65), "e\u0301",
		"a=b", "a,b", "Smith; John", "#1",
	} {
		if CheckName(bad) == nil {
			t.Errorf("%q not refused", bad)
		}
	}
}

func TestNamesAreUnique(t *testing.T) {
	v := open(t, t.TempDir(), nil)
	made := create(t, v, words("a"), words("b"))
	if err := v.Rename(made[0], "Bob"); err != nil {
		t.Fatal(err)
	}
	for name, kind := range map[string]Kind{
		"bob": ErrNameTaken, "BOB": ErrNameTaken, "B0B": ErrNameTaken, "Wallet1": ErrName, "wallet3": ErrName, "Walletl0": ErrName, "42": ErrName,
	} {
		mustBe(t, v.Rename(made[1], name), kind)
	}
	for _, name := range []string{"wallet2", "Carol", "carol", "Walletta"} {
		if err := v.Rename(made[1], name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	if err := v.Rename(made[0], "Wallet1"); err != nil {
		t.Errorf("its own default name: %v", err)
	}
	if err := v.Rename(made[1], "Bob"); err != nil {
		t.Errorf("a name that is free again: %v", err)
	}
	if found := v.ByName("bOB"); len(found) != 1 || found[0] != made[1] {
		t.Errorf("found %v", found)
	}
	if found := v.ByName("B0b"); len(found) != 0 {
		t.Errorf("a look-alike finds %v", found)
	}
	n := words("c")
	n.Stem = "bot"
	m := words("d")
	m.Header.Name = "bot4"
	_, err := v.Create([]New{m, n}, nil) // numbers 3 and 4
	mustBe(t, err, ErrNameTaken)
	if made := create(t, v, n, n); made[1].Name() != "bot4" {
		t.Errorf("name %q", made[1].Name())
	}
}
