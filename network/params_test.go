package network

import "testing"

func TestRegtestGenesis(t *testing.T) {
	p := Regtest()
	if got := p.GenesisHash.String(); got != "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206" {
		t.Fatal(got)
	}
}
