package network

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"os"
	"reflect"
	"testing"

	"github.com/btcsuite/btcd/wire/v2"
)

// readVectors decodes a JSON file of testdata/vectors.
func readVectors(t testing.TB, name string, into any) {
	t.Helper()
	text, err := os.ReadFile("../testdata/vectors/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatal(err)
	}
}

func TestRegtestIsCores(t *testing.T) {
	var all map[string]struct {
		Magic                             string
		P2PPort                           uint16 `json:"p2p_port"`
		RPCPort                           uint16 `json:"rpc_port"`
		Halving, BIP34, BIP65, BIP66, CSV int32
		Segwit                            int32
		Taproot                           any
		PowLimit                          string `json:"pow_limit"`
		Timespan, Spacing                 int64
		AllowMinDifficulty                bool `json:"allow_min_difficulty"`
		EnforceBIP94                      bool `json:"enforce_bip94"`
		NoRetargeting                     bool `json:"no_retargeting"`
		P2PKH, P2SH, WIF                  byte
		ExtPub                            string `json:"ext_pub"`
		ExtPrv                            string `json:"ext_prv"`
		HRP                               string
		GenesisHash                       string `json:"genesis_hash"`
		Window                            int32  `json:"versionbits_window"`
	}
	readVectors(t, "core/chainparams_28.1.json", &all)
	want, p := all["regtest"], Regtest()

	var magic bytes.Buffer
	if err := wire.WriteMessage(&magic, wire.NewMsgVerAck(), 0, wire.BitcoinNet(p.Magic)); err != nil {
		t.Fatal(err)
	}
	limit, _ := new(big.Int).SetString(want.PowLimit, 16)
	for what, pair := range map[string][2]any{
		"magic":          {hex.EncodeToString(magic.Bytes()[:4]), want.Magic},
		"p2p port":       {p.P2PPort, want.P2PPort},
		"rpc port":       {p.RPCPort, want.RPCPort},
		"halving":        {p.HalvingInterval, want.Halving},
		"bip34":          {p.BIP34Height, want.BIP34},
		"bip65":          {p.BIP65Height, want.BIP65},
		"bip66":          {p.BIP66Height, want.BIP66},
		"csv":            {p.CSVHeight, want.CSV},
		"segwit":         {p.SegwitHeight, want.Segwit},
		"taproot":        {p.TaprootHeight, map[any]int32{"ALWAYS_ACTIVE": 0}[want.Taproot]},
		"pow limit":      {p.PowLimit.Cmp(limit), 0},
		"timespan":       {p.TargetTimespan, want.Timespan},
		"spacing":        {p.TargetSpacing, want.Spacing},
		"window":         {p.RetargetInterval(), want.Window},
		"min difficulty": {p.AllowMinDifficulty, want.AllowMinDifficulty},
		"bip94":          {p.EnforceBIP94, want.EnforceBIP94},
		"no retargeting": {p.NoRetargeting, want.NoRetargeting},
		"p2pkh":          {p.PubKeyHashPrefix, want.P2PKH},
		"p2sh":           {p.ScriptHashPrefix, want.P2SH},
		"wif":            {p.WIFPrefix, want.WIF},
		"ext pub":        {hex.EncodeToString(p.ExtPub[:]), want.ExtPub},
		"ext prv":        {hex.EncodeToString(p.ExtPrv[:]), want.ExtPrv},
		"hrp":            {p.HRP, want.HRP},
		"genesis":        {p.GenesisHash.String(), want.GenesisHash},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: %v, in Core %v", what, pair[0], pair[1])
		}
	}
	if !p.Demo || p.Subsidy != 50*SatsPerCoin || p.Maturity != 100 || p.CoinType != 1 {
		t.Errorf("%+v", p)
	}
}

func TestBitcoinGenesisBlocks(t *testing.T) {
	var blocks []struct{ Network, Hash, BlockHex string }
	var raw []map[string]string
	readVectors(t, "blocks/genesis_blocks.json", &raw)
	for _, b := range raw {
		blocks = append(blocks, struct{ Network, Hash, BlockHex string }{b["network"], b["hash"], b["block_hex"]})
	}
	checked := 0
	for _, b := range blocks {
		var want wire.MsgBlock
		want.Deserialize(hexReader(t, b.BlockHex))
		if b.Network == "testnet4" {
			continue // has a text and key of its own
		}
		got := bitcoinGenesis(want.Header.Timestamp.Unix(), want.Header.Bits, want.Header.Nonce)
		var text bytes.Buffer
		if err := got.Serialize(&text); err != nil {
			t.Fatal(err)
		}
		if hex.EncodeToString(text.Bytes()) != b.BlockHex || got.BlockHash().String() != b.Hash {
			t.Errorf("%s: %x", b.Network, text.Bytes())
		}
		checked++

		var header [80]byte
		encodeHeader(&header, &want.Header)
		if !bytes.Equal(header[:], text.Bytes()[:80]) {
			t.Errorf("%s: header %x", b.Network, header)
		}
		if !meets(want.BlockHash(), targetOf(want.Header.Bits)) {
			t.Errorf("%s: the block does not meet its target", b.Network)
		}
	}
	if checked != 4 {
		t.Errorf("%d networks checked", checked)
	}
}

func hexReader(t *testing.T, s string) *bytes.Reader {
	t.Helper()
	raw, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.NewReader(raw)
}

func TestMeets(t *testing.T) {
	p := Regtest()
	for _, target := range []*big.Int{p.PowLimit, targetOf(0x1f00ffff), targetOf(0x1e00ffff), targetOf(0x207fffff)} {
		for offset, want := range map[int64]bool{-1: true, 0: true, 1: false} {
			n := new(big.Int).Add(target, big.NewInt(offset))
			var h [32]byte
			n.FillBytes(h[:])
			for i := range 16 {
				h[i], h[31-i] = h[31-i], h[i]
			}
			if got := meets(h, target); got != want {
				t.Errorf("target %x %+d: %v", target, offset, got)
			}
		}
	}
}

// mainMoney has mainnet's issue.
func mainMoney() *Params {
	p := Regtest()
	p.HalvingInterval = 210_000
	return p
}

func TestSubsidy(t *testing.T) {
	var vectors struct {
		Subsidy []struct {
			Network string
			Height  int32
			Subsidy int64
		}
		Sum int64 `json:"sum_of_all_mainnet_subsidies"`
	}
	readVectors(t, "core/work_and_subsidy.json", &vectors)
	nets := map[string]*Params{"main": mainMoney(), "regtest": Regtest()}
	if len(vectors.Subsidy) < 10 {
		t.Fatalf("%d subsidies", len(vectors.Subsidy))
	}
	for _, v := range vectors.Subsidy {
		if got := nets[v.Network].SubsidyAt(v.Height); got != v.Subsidy {
			t.Errorf("%s %d: %d, want %d", v.Network, v.Height, got, v.Subsidy)
		}
	}
	p := nets["main"]
	if got := p.TotalSubsidy(1<<31-1) + p.SubsidyAt(0); got != vectors.Sum {
		t.Errorf("all of mainnet: %d, want %d", got, vectors.Sum)
	}
}

func TestTotalSubsidy(t *testing.T) {
	p := Regtest()
	var sum int64
	for height := int32(0); height < 6000; height++ {
		if height > 0 {
			sum += p.SubsidyAt(height)
		}
		if got := p.TotalSubsidy(height); got != sum {
			t.Fatalf("height %d: %d, want %d", height, got, sum)
		}
	}
	if p.TotalSubsidy(-1) != 0 {
		t.Error("there is nothing before genesis")
	}
}

func TestNextHalving(t *testing.T) {
	for _, c := range []struct {
		p            *Params
		height, next int32
		ok           bool
	}{
		{Regtest(), 0, 150, true},
		{Regtest(), 149, 150, true},
		{Regtest(), 150, 300, true},
		{Regtest(), 4949, 4950, true},
		{Regtest(), 4950, 0, false},
		{mainMoney(), 840_000, 1_050_000, true},
		{&Params{Subsidy: 2, HalvingInterval: 1<<31 - 1}, 5, 1<<31 - 1, true},
		{&Params{Subsidy: 2, HalvingInterval: 1<<31 - 1}, 1<<31 - 1, 0, false},
	} {
		next, ok := c.p.NextHalving(c.height)
		if next != c.next || ok != c.ok {
			t.Errorf("halving every %d, after %d: %d %v, want %d %v", c.p.HalvingInterval, c.height, next, ok, c.next, c.ok)
		}
		if ok && c.p.SubsidyAt(next) != c.p.SubsidyAt(next-1)/2 {
			t.Errorf("no halving at %d", next)
		}
	}
}

// TestFingerprintCoversAllRules changes each field in turn.
func TestFingerprintCoversAllRules(t *testing.T) {
	same := map[string]bool{"P2PPort": true, "RPCPort": true, "Genesis": true /* GenesisHash stands for it */}
	seen := map[any]string{Regtest().Fingerprint(): "nothing"}
	if one, other := Regtest().Fingerprint(), Regtest().Fingerprint(); one != other {
		t.Fatal("two fingerprints of one network")
	}
	for i := range reflect.TypeFor[Params]().NumField() {
		p := Regtest()
		name := reflect.TypeFor[Params]().Field(i).Name
		f := reflect.ValueOf(p).Elem().Field(i)
		switch f.Kind() {
		case reflect.String:
			f.SetString(f.String() + "x")
		case reflect.Bool:
			f.SetBool(!f.Bool())
		case reflect.Int32, reflect.Int64:
			f.SetInt(f.Int() + 1)
		case reflect.Uint8, reflect.Uint16, reflect.Uint32:
			f.SetUint(f.Uint() + 1)
		case reflect.Array:
			f.Index(0).SetUint(f.Index(0).Uint() + 1)
		case reflect.Pointer:
			switch name {
			case "PowLimit":
				p.PowLimit.Sub(p.PowLimit, big.NewInt(1))
			case "Genesis":
				p.Genesis.Header.Nonce++
			default:
				t.Errorf("no change known for %s", name)
			}
		default:
			t.Errorf("no change known for %s", name)
		}
		before, known := seen[p.Fingerprint()]
		if known != same[name] {
			t.Errorf("changing %s gives the fingerprint of changing %s", name, before)
		}
		seen[p.Fingerprint()] = name
	}
}
