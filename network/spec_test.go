package network

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

var newYear = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// spec returns the default rules of a network, its random bytes all equal to
// salt.
func spec(t testing.TB, name string, salt byte) Spec {
	t.Helper()
	s, err := NewSpec(name, newYear, bytes.NewReader(bytes.Repeat([]byte{salt}, 16)))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustMake(t testing.TB, s Spec) (*Params, []byte) {
	t.Helper()
	p, text, err := Make(s)
	if err != nil {
		t.Fatal(err)
	}
	return p, text
}

func TestMakeAndParse(t *testing.T) {
	retarget := spec(t, "lab-2", 1)
	retarget.ProofOfWork = Retarget
	retarget.Bits = "1f7fffff"
	retarget.WindowBlocks = 2016
	retarget.MinAfterPause = true

	odd := spec(t, "Odd_1", 2)
	odd.GenesisText = `"Grüße" \ ` + strings.Repeat("ß", 36)
	odd.Bits = "207fffff"
	odd.SubsidySats, odd.HalvingBlocks = 1, math.MaxInt32
	odd.ExtPub, odd.ExtPrv = "045f1cf6", "045F18BC"
	odd.HRP = "abcdefghijklmnop"
	odd.BIP34Height, odd.TaprootHeight = 500, 1000

	for _, s := range []Spec{spec(t, "office", 0), retarget, odd} {
		start := time.Now()
		p, text := mustMake(t, s)
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("%s: making it took %v", s.Name, took)
		}
		parsed, err := Parse(text)
		if err != nil {
			t.Fatalf("%s: %v\n%s", s.Name, err, text)
		}
		if !reflect.DeepEqual(p, parsed) || p.Fingerprint() != parsed.Fingerprint() {
			t.Errorf("%s: made %+v, parsed %+v", s.Name, p, parsed)
		}
		if p.Demo || p.Genesis.BlockHash() != p.GenesisHash || !meets(p.GenesisHash, p.PowLimit) {
			t.Errorf("%s: %+v", s.Name, p)
		}
		if _, again := mustMake(t, s); !bytes.Equal(again, text) {
			t.Errorf("%s: made twice, not the same", s.Name)
		}
	}
}

func TestDefaults(t *testing.T) {
	p, text := mustMake(t, spec(t, "office", 0))
	if p.Name != "office" || p.HRP != "office" || p.TargetSpacing != 30 || !p.NoRetargeting || p.Subsidy != 250_000_000 ||
		p.HalvingInterval != 4_200_000 || p.Maturity != 100 || p.RetargetInterval() != 120 || p.BIP34Height != 1 || p.SegwitHeight != 0 {
		t.Errorf("%+v", p)
	}
	if total := p.TotalSubsidy(math.MaxInt32) + p.Subsidy; total > MaxMoney || total < MaxMoney-100*SatsPerCoin {
		t.Errorf("in all %d satoshis", total)
	}
	for _, said := range []string{
		"Proof of work on CPUs protects nobody from an outsider with hardware",
		"# 2026-01-01 00:00:00 UTC", "# 2.5 coins", "# about 65537 hashes a block",
	} {
		if !bytes.Contains(text, []byte(said)) {
			t.Errorf("the file does not say %q:\n%s", said, text)
		}
	}
	for name, hrp := range map[string]string{"7": "lode", "BCRT": "lode", "x": "lode", "My-Chain_2": "mychain", "averyveryverylongname": "averyver"} {
		if got := spec(t, name, 0).HRP; got != hrp {
			t.Errorf("%s: HRP %q, want %q", name, got, hrp)
		}
	}
}

func TestRandomChoices(t *testing.T) {
	seen := make(map[string]bool)
	for salt := range 100 {
		s := spec(t, "office", byte(salt))
		if seen[s.Magic] {
			t.Errorf("magic %s twice", s.Magic)
		}
		seen[s.Magic] = true
		if s.P2PPort != s.RPCPort+1 || s.RPCPort < 20_000 || s.P2PPort > 29_999 {
			t.Errorf("ports %d and %d", s.P2PPort, s.RPCPort)
		}
	}
	if a, b := spec(t, "office", 1), spec(t, "office", 1); a != b {
		t.Error("the same random bytes give two networks")
	}
	if a, b := spec(t, "office", 1), spec(t, "lab", 1); a.Magic == b.Magic {
		t.Error("the name does not count")
	}
	if _, err := NewSpec("office", newYear, bytes.NewReader([]byte("short"))); err == nil {
		t.Error("made without enough random bytes")
	}
}

// TestFirstNonceIsFound checks that no nonce before the one found would do.
func TestFirstNonceIsFound(t *testing.T) {
	s := spec(t, "office", 9)
	s.Bits = "1f7fffff"
	p, _ := mustMake(t, s)
	header := p.Genesis.Header
	if header.Nonce == 0 {
		t.Fatal("this test wants a genesis that takes a search")
	}
	for header.Nonce = 0; header.Nonce < p.Genesis.Header.Nonce; header.Nonce++ {
		if meets(header.BlockHash(), p.PowLimit) {
			t.Fatalf("nonce %d would do; %d was found", header.Nonce, p.Genesis.Header.Nonce)
		}
	}
}

// replace writes another literal behind one key of a network file.
func replace(t *testing.T, text []byte, key, literal string) []byte {
	t.Helper()
	section, name := split(key)
	current := ""
	lines := strings.Split(string(text), "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, "[") {
			current = strings.Trim(line, "[]")
		}
		if current == section && strings.HasPrefix(line, name+" = ") {
			lines[i] = name + " = " + literal
			return []byte(strings.Join(lines, "\n"))
		}
	}
	t.Fatalf("no %s in the file", key)
	return nil
}

func TestBadValues(t *testing.T) {
	_, text := mustMake(t, spec(t, "office", 0))
	for _, c := range []struct{ key, literal, says string }{
		{"name", `"regtest"`, "taken by a known network"},
		{"name", `"../x"`, "1 to 32 letters"},
		{"genesis.text", `""`, "1 to 91 bytes"},
		{"genesis.text", `"` + strings.Repeat("x", 92) + `"`, "1 to 91 bytes"},
		{"genesis.text", `"a\u0007b"`, "printable"},
		{"genesis.time", "0", "from 1231006505 to 4294967295"},
		{"genesis.time", "4294967296", "from 1231006505"},
		{"genesis.time", `"now"`, "a whole number"},
		{"genesis.nonce", "-1", "from 0 to 4294967295"},
		{"genesis.hash", `"00"`, "64 hex digits"},
		{"proof_of_work.mode", `"stake"`, `"fixed" or "retarget"`},
		{"proof_of_work.bits", `"1d00ffff"`, "from 1e00ffff"},
		{"proof_of_work.bits", `"1e00fffe"`, "from 1e00ffff"},
		{"proof_of_work.bits", `"217fffff"`, "to 207fffff"},
		{"proof_of_work.bits", `"20ffffff"`, "compact target"},
		{"proof_of_work.bits", `"20000001"`, "compact target"},
		{"proof_of_work.bits", `"0x1f00ff"`, "eight hex digits"},
		{"proof_of_work.bits", `520159231`, "text in quotes"},
		{"proof_of_work.spacing_seconds", "0", "from 1 to 604800"},
		{"proof_of_work.window_blocks", "1", "from 2 to 100000"},
		{"proof_of_work.timewarp_rule", `"yes"`, "true or false"},
		{"money.subsidy_sats", "-1", "from 0 to 2100000000000000"},
		{"money.subsidy_sats", "2.5", "a whole number"},
		{"money.subsidy_sats", "260000000", "at most 2100000000000000 satoshis"},
		{"money.halving_blocks", "0", "from 1 to 2147483647"},
		{"money.maturity_blocks", "0", "from 1 to 10000"},
		{"addresses.pubkey_hash", "0", "from 1 to 255"},
		{"addresses.pubkey_hash", "256", "from 1 to 255"},
		{"addresses.script_hash", "111", "other than addresses.pubkey_hash"},
		{"addresses.script_hash", "5", "other than mainnet's"},
		{"addresses.wif", "128", "other than mainnet's"},
		{"addresses.ext_pub", `"0488b21e"`, "other than mainnet's"},
		{"addresses.ext_pub", `"0435"`, "eight hex digits"},
		{"addresses.ext_prv", `"043587CF"`, "other than addresses.ext_pub"},
		{"addresses.hrp", `"bc"`, "other than bc, tb and bcrt"},
		{"addresses.hrp", `"Office"`, "2 to 16 letters"},
		{"addresses.coin_type", "2147483648", "from 0 to 2147483647"},
		{"peers.magic", `"fabfb5da"`, "other than those of main"},
		{"peers.magic", `"F9BEB4D9"`, "other than those of main"},
		{"peers.magic", `"xyz"`, "eight hex digits"},
		{"peers.port", "65536", "from 1 to 65535"},
		{"rpc.port", "0", "from 1 to 65535"},
		{"deployments.bip34", "0", "from 1"},
		{"deployments.taproot", "-5", "from 0"},
	} {
		_, err := Parse(replace(t, text, c.key, c.literal))
		var bad *ValueError
		if !errors.As(err, &bad) || bad.Key != c.key || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s = %s: %v; it should say %q", c.key, c.literal, err, c.says)
			continue
		}
		shown := strings.ToLower(strings.Trim(c.literal, `"`))
		if len(shown) < 64 && !strings.Contains(shown, `\`) && !strings.Contains(strings.ToLower(err.Error()), shown) {
			t.Errorf("%s = %s: %v; the value is not shown", c.key, c.literal, err)
		}
	}
	same := replace(t, text, "rpc.port", "30000")
	same = replace(t, same, "peers.port", "30000")
	if _, err := Parse(same); err == nil || !strings.Contains(err.Error(), "other than peers.port") {
		t.Errorf("one port for both: %v", err)
	}
	// A quarter of such a window is no second, and no hash would meet the target
	// after one without any.
	short := replace(t, replace(t, text, "proof_of_work.spacing_seconds", "1"), "proof_of_work.window_blocks", "3")
	if _, err := Parse(short); err != nil {
		t.Errorf("a window that is never used: %v", err)
	}
	short = replace(t, short, "proof_of_work.mode", `"retarget"`)
	if _, err := Parse(short); err == nil || !strings.Contains(err.Error(), "4 seconds or more") {
		t.Errorf("a retarget window of 3 seconds: %v", err)
	}
}

// TestEveryKeyIsNeeded drops and misspells each key in turn.
func TestEveryKeyIsNeeded(t *testing.T) {
	_, text := mustMake(t, spec(t, "office", 0))
	for _, r := range rules {
		_, name := split(r.key)
		line := string(replace(t, text, r.key, "\x00"))
		without := strings.Replace(line, name+" = \x00\n", "\n", 1)
		if _, err := Parse([]byte(without)); err == nil || !strings.HasSuffix(err.Error(), "lacks "+r.key) {
			t.Errorf("without %s: %v", r.key, err)
		}
		misspelt := strings.Replace(line, name+" = \x00\n", name+"x = 1\n", 1)
		if _, err := Parse([]byte(misspelt)); err == nil || !strings.Contains(err.Error(), `"`+r.key+`x"; did you mean `+r.key+"?") {
			t.Errorf("with %sx: %v", r.key, err)
		}
	}
}

func TestBadFiles(t *testing.T) {
	_, text := mustMake(t, spec(t, "office", 0))
	for name, c := range map[string]struct{ text, says string }{
		"no TOML":           {"name = \"a\"\nb = = 2\n", "line 2"},
		"empty":             {"", "lacks name, genesis.text"},
		"duplicate key":     {string(text) + "\n[money]\n", "money"},
		"unknown section":   {string(text) + "\n[colours]\nred = 1\n", `unknown key "colours"`},
		"empty section":     {string(text) + "\n[colours]\n", `unknown key "colours"`},
		"table for a value": {"[name]\nx = 1\n", "text in quotes"},
		"too long":          {string(text) + strings.Repeat("#", maxFileSize), "at most 65536"},
		"not text":          {"\xff\xfe", "no TOML"},
	} {
		if _, err := Parse([]byte(c.text)); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v; it should say %q", name, err, c.says)
		}
	}
}

// TestGenesisIsChecked changes what the genesis block is made of.
func TestGenesisIsChecked(t *testing.T) {
	p, text := mustMake(t, spec(t, "office", 0))
	for key, literal := range map[string]string{
		"genesis.text":       `"another"`,
		"genesis.time":       "1767225601",
		"genesis.nonce":      "1",
		"genesis.hash":       `"` + strings.Repeat("ab", 32) + `"`,
		"proof_of_work.bits": `"1f00fffe"`,
	} {
		_, err := Parse(replace(t, text, key, literal))
		var bad *ValueError
		if !errors.As(err, &bad) || bad.Key != "genesis.hash" {
			t.Errorf("%s changed: %v", key, err)
		}
	}
	// A genesis block without work, its hash stated rightly.
	s := spec(t, "office", 0)
	s.GenesisNonce = int64(p.Genesis.Header.Nonce) + 1
	s.GenesisHash = s.params().GenesisHash.String()
	_, err := Parse(s.format())
	var bad *ValueError
	if !errors.As(err, &bad) || bad.Key != "genesis.nonce" {
		t.Errorf("genesis without work: %v", err)
	}
	// Ports may change: the chain is the same.
	moved, err := Parse(replace(t, text, "rpc.port", "30000"))
	if err != nil || moved.Fingerprint() != p.Fingerprint() || moved.RPCPort != 30000 {
		t.Errorf("another port: %v", err)
	}
}

func TestMakeRefuses(t *testing.T) {
	s := spec(t, "office", 0)
	s.HRP = "bc"
	if _, _, err := Make(s); err == nil {
		t.Error("made with mainnet's HRP")
	}
}

func TestCheckName(t *testing.T) {
	for _, name := range []string{"a", "Office", "my-chain", "my_chain_2", "7", strings.Repeat("x", 32), "lpt", "regtest2"} {
		if err := CheckName(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{
		"", ".", "..", "a/b", `a\b`, "../x", "-x", "_x", "a b", "a.b", "ä", "a\x00", "a\n", strings.Repeat("x", 33), "~", "C:",
		"regtest", "Main", "TEST", "signet", "testnet4", "nul", "CON", "com1",
	} {
		if err := CheckName(name); err == nil || !strings.HasPrefix(err.Error(), "name is ") {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestRulesCoverSpec(t *testing.T) {
	var s Spec
	var fields []uintptr
	for _, r := range rules {
		fields = append(fields, reflect.ValueOf(r.field(&s)).Pointer())
	}
	v := reflect.ValueOf(&s).Elem()
	for i := range v.NumField() {
		if n := v.Field(i).Addr().Pointer(); !slices.Contains(fields, n) {
			t.Errorf("no key of the file is for %s", v.Type().Field(i).Name)
		}
	}
	if len(fields) != v.NumField() {
		t.Errorf("%d keys for %d fields", len(fields), v.NumField())
	}
}

func FuzzParse(f *testing.F) {
	_, text := mustMake(f, spec(f, "office", 0))
	f.Add(text)
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := Parse(text)
		if err != nil {
			return
		}
		if p.Demo || p.GenesisHash != p.Genesis.BlockHash() || CheckName(p.Name) != nil ||
			p.TotalSubsidy(math.MaxInt32)+p.Subsidy > MaxMoney || p.RetargetInterval() < 2 {
			t.Errorf("accepted %+v", p)
		}
	})
}

func BenchmarkMake(b *testing.B) {
	s := spec(b, "office", 0)
	for i := range b.N {
		s.GenesisText = string(rune('a'+i%26)) + "x"
		mustMake(b, s)
	}
}
