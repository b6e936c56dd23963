package keys

import "testing"

func TestPublishedMasterKey(t *testing.T) {
	key, err := DerivePath(Seed(PublishedWords, ""), "m")
	if err != nil {
		t.Fatal(err)
	}
	if got := key.Key.String(); got != "1837c1be8e2995ec11cda2b066151be2cfb48adf9e47b151d46adab3a21cdf67" {
		t.Fatal(got)
	}
}
func BenchmarkSeed(b *testing.B) {
	for range b.N {
		Seed(PublishedWords, "")
	}
}
func BenchmarkAccount(b *testing.B) {
	s := Seed(PublishedWords, "")
	for range b.N {
		a, _ := DeriveAccount(s, Bech32, 1, 0)
		a.Child(0, 0)
	}
}
