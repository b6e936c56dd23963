package main

import (
	"strings"
	"testing"
)

const uriAddress = "bcrt1q6rz28mcfaxtmd6v789l9rrlrusdprr9pz3cppk"

func TestPaymentURI(t *testing.T) {
	for text, want := range map[string]paymentURI{
		"bitcoin:" + uriAddress:                                   {Address: uriAddress},
		"BITCOIN:" + strings.ToUpper(uriAddress):                  {Address: strings.ToUpper(uriAddress)},
		"bitcoin:" + uriAddress + "?amount=20.3&label=Luke-Jr":    {Address: uriAddress, Amount: 2_030_000_000, Label: "Luke-Jr"},
		"bitcoin:" + uriAddress + "?label=a%20b+c%26%C3%AB&x=1":   {Address: uriAddress, Label: "a b+c&ë"},
		"bitcoin:" + uriAddress + "?message=for%20lunch&Amount=1": {Address: uriAddress, Amount: 100_000_000, Message: "for lunch"},
	} {
		got, err := parseURI(text)
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
		again, err := parseURI(got.String())
		if err != nil || again != got {
			t.Errorf("%s became %s", text, got)
		}
	}
	if got := (paymentURI{Address: "a", Amount: 150_000_000, Label: "Zoë & co"}).String(); got != "bitcoin:a?amount=1.5&label=Zo%C3%AB%20%26%20co" {
		t.Error(got)
	}
	for _, text := range []string{
		"", "bitcoin:", "bitcoin:?amount=1", "litecoin:x", "bitcoin:x?amount=", "bitcoin:x?amount=1,5", "bitcoin:x?amount=0",
		"bitcoin:x?amount=-1", "bitcoin:x?amount=1e400", "bitcoin:x?amount=NaN", "bitcoin:x?amount=1&amount=2",
		"bitcoin:x?label=%zz", "bitcoin:x?req-somethingyoudontunderstand=50", "bitcoin:" + strings.Repeat("x", maxURI),
	} {
		if got, err := parseURI(text); err == nil {
			t.Errorf("%.60q was taken: %+v", text, got)
		}
	}
}

func FuzzPaymentURI(f *testing.F) {
	f.Add("bitcoin:" + uriAddress + "?amount=1.5&label=a%20b")
	f.Add("bitcoin:x?req-y=1")
	f.Fuzz(func(t *testing.T, text string) {
		u, err := parseURI(text)
		if err != nil {
			return
		}
		if again, err := parseURI(u.String()); err == nil && again != u {
			t.Errorf("%q: %+v became %+v", text, u, again)
		}
	})
}
