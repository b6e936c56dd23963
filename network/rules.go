package network

import (
	"encoding/hex"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ValueError says that a network file holds a value that is not allowed.
type ValueError struct {
	Key     string // e.g. "money.subsidy_sats"
	Value   string // as it stands in the file
	Allowed string // what may stand there
}

func (e *ValueError) Error() string {
	return fmt.Sprintf("%s is %s; it must be %s", e.Key, e.Value, e.Allowed)
}

// rule ties one key of the file to one field of Spec.
type rule struct {
	key     string // section.key, or key alone
	comment string // stands above the key in the file
	field   func(*Spec) any
	min     int64 // of an *int64
	max     int64
	mainnet int64              // of an *int64: mainnet's value, which is refused; 0 for none
	check   func(string) error // of a *string; the error says what is allowed
	note    func(*Spec) string // stands behind the value in the file
}

// rules are all keys in the order in which the file has them. The ranges are
// policy: within them, every rule of consensus can be evaluated.
var rules = []rule{
	{
		key: "name", check: nameRule, field: func(s *Spec) any { return &s.Name },
		comment: "Also the name of the folder that holds the chain.",
	},

	{
		key: "genesis.text", check: genesisTextRule, field: func(s *Spec) any { return &s.GenesisText },
		comment: "What block 0 says, up to 91 bytes. Changing anything in this section makes another chain.",
	},
	{
		key: "genesis.time", min: 1_231_006_505, max: math.MaxUint32, field: func(s *Spec) any { return &s.GenesisTime },
		comment: "Unix seconds; blocks must be later than this.", note: genesisDate,
	},
	{
		key: "genesis.nonce", min: 0, max: math.MaxUint32, field: func(s *Spec) any { return &s.GenesisNonce },
		comment: "Found when the network was made; checked whenever this file is read.",
	},
	{key: "genesis.hash", check: hashRule, field: func(s *Spec) any { return &s.GenesisHash }},

	{
		key: "proof_of_work.mode", check: modeRule, field: func(s *Spec) any { return &s.ProofOfWork },
		comment: `"fixed": one difficulty for ever. "retarget": Bitcoin's rule, which adapts it after each window.`,
	},
	{
		key: "proof_of_work.bits", check: bitsRule, field: func(s *Spec) any { return &s.Bits },
		comment: `The target in compact form: with "fixed" the difficulty, with "retarget" the easiest one. From 1e00ffff (hard) to 207fffff (easy).`,
		note:    hashesPerBlock,
	},
	{
		key: "proof_of_work.spacing_seconds", min: 1, max: 604_800, field: func(s *Spec) any { return &s.SpacingSeconds },
		comment: "The wanted time between blocks.",
	},
	{
		key: "proof_of_work.window_blocks", min: 2, max: 100_000, field: func(s *Spec) any { return &s.WindowBlocks },
		comment: "Blocks between two changes of the difficulty (Bitcoin: 2016).",
	},
	{
		key: "proof_of_work.min_difficulty_after_pause", field: func(s *Spec) any { return &s.MinAfterPause },
		comment: "Whether a block that comes more than twice the spacing after its parent may be mined at the easiest difficulty.",
	},
	{
		key: "proof_of_work.timewarp_rule", field: func(s *Spec) any { return &s.TimewarpRule },
		comment: "BIP94: a window's first block may not be dated more than 600 s before its parent.",
	},

	{
		key: "money.subsidy_sats", min: 0, max: MaxMoney, field: func(s *Spec) any { return &s.SubsidySats },
		comment: "What a block creates at first, in satoshis. All blocks together may create at most 21,000,000 coins.", note: coins,
	},
	{
		key: "money.halving_blocks", min: 1, max: math.MaxInt32, field: func(s *Spec) any { return &s.HalvingBlocks },
		comment: "Blocks after which the subsidy halves.",
	},
	{
		key: "money.maturity_blocks", min: 1, max: 10_000, field: func(s *Spec) any { return &s.MaturityBlocks },
		comment: "Confirmations that mined coins need before they can be spent (Bitcoin: 100).",
	},

	{
		key: "addresses.pubkey_hash", min: 1, max: 255, field: func(s *Spec) any { return &s.PubKeyHashPrefix },
		comment: "Version bytes of base58 addresses and keys. These are regtest's, which other wallets know.",
	},
	{key: "addresses.script_hash", min: 1, max: 255, mainnet: 5, field: func(s *Spec) any { return &s.ScriptHashPrefix }},
	{key: "addresses.wif", min: 1, max: 255, mainnet: 128, field: func(s *Spec) any { return &s.WIFPrefix }},
	{
		key: "addresses.ext_pub", check: extRule, field: func(s *Spec) any { return &s.ExtPub },
		comment: "Version bytes of extended keys (BIP32), hex. These give tpub… and tprv….",
	},
	{key: "addresses.ext_prv", check: extRule, field: func(s *Spec) any { return &s.ExtPrv }},
	{
		key: "addresses.hrp", check: checkHRP, field: func(s *Spec) any { return &s.HRP },
		comment: "What segwit addresses begin with.",
	},
	{
		key: "addresses.coin_type", min: 0, max: math.MaxInt32, field: func(s *Spec) any { return &s.CoinType },
		comment: "The second number of BIP44 paths; 1 stands for all test networks.",
	},

	{
		key: "peers.magic", check: magicRule, field: func(s *Spec) any { return &s.Magic },
		comment: "The four bytes that begin each message, hex. They keep networks apart.",
	},
	{key: "peers.port", min: 1, max: 65_535, field: func(s *Spec) any { return &s.P2PPort }},
	{key: "rpc.port", min: 1, max: 65_535, field: func(s *Spec) any { return &s.RPCPort }},

	{
		key: "deployments.bip34", min: 1, max: math.MaxInt32, field: func(s *Spec) any { return &s.BIP34Height },
		comment: "From which block on each soft fork is enforced.",
	},
	{key: "deployments.bip65", min: 0, max: math.MaxInt32, field: func(s *Spec) any { return &s.BIP65Height }},
	{key: "deployments.bip66", min: 0, max: math.MaxInt32, field: func(s *Spec) any { return &s.BIP66Height }},
	{key: "deployments.csv", min: 0, max: math.MaxInt32, field: func(s *Spec) any { return &s.CSVHeight }},
	{key: "deployments.segwit", min: 0, max: math.MaxInt32, field: func(s *Spec) any { return &s.SegwitHeight }},
	{key: "deployments.taproot", min: 0, max: math.MaxInt32, field: func(s *Spec) any { return &s.TaprootHeight }},
}

// check returns the first value of s that is not allowed.
func (s *Spec) check() error {
	for _, r := range rules {
		switch v := r.field(s).(type) {
		case *int64:
			if *v < r.min || *v > r.max {
				return &ValueError{r.key, strconv.FormatInt(*v, 10), fmt.Sprintf("from %d to %d", r.min, r.max)}
			}
			if r.mainnet != 0 && *v == r.mainnet {
				return &ValueError{r.key, strconv.FormatInt(*v, 10), "other than mainnet's"}
			}
		case *string:
			if err := r.check(*v); err != nil {
				return &ValueError{r.key, shown(*v), err.Error()}
			}
		}
	}
	return s.checkTogether()
}

// checkTogether checks what depends on more than one value.
func (s *Spec) checkTogether() error {
	if total, ok := s.totalMoney(); !ok {
		return &ValueError{"money.subsidy_sats", strconv.FormatInt(s.SubsidySats, 10), fmt.Sprintf(
			"small enough that all blocks together create at most %d satoshis (21 million coins); halving every %d blocks, they create %s",
			int64(MaxMoney), s.HalvingBlocks, total)}
	}
	// A quarter of a window is the least that a retarget reckons with: at 0 seconds
	// no hash would meet the next target.
	if s.ProofOfWork == Retarget && s.SpacingSeconds*s.WindowBlocks < 4 {
		return &ValueError{"proof_of_work.window_blocks", strconv.FormatInt(s.WindowBlocks, 10), "so many that a window takes 4 seconds or more"}
	}
	for _, pair := range []struct{ key, value, otherKey, other string }{
		{"addresses.script_hash", strconv.FormatInt(s.ScriptHashPrefix, 10), "addresses.pubkey_hash", strconv.FormatInt(s.PubKeyHashPrefix, 10)},
		{"addresses.ext_prv", strings.ToLower(s.ExtPrv), "addresses.ext_pub", strings.ToLower(s.ExtPub)},
		{"rpc.port", strconv.FormatInt(s.RPCPort, 10), "peers.port", strconv.FormatInt(s.P2PPort, 10)},
	} {
		if pair.value == pair.other {
			return &ValueError{pair.key, pair.value, "other than " + pair.otherKey}
		}
	}
	return nil
}

// totalMoney returns what all blocks together create, and whether that is at
// most MaxMoney.
func (s *Spec) totalMoney() (string, bool) {
	total := 0.0 // only shown: exact below 2^53, which MaxMoney is
	for subsidy := s.SubsidySats; subsidy > 0; subsidy >>= 1 {
		total += float64(subsidy) * float64(s.HalvingBlocks)
	}
	return strconv.FormatFloat(total, 'f', 0, 64), total <= MaxMoney
}

var namePattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$`)

// reservedNames are those of known networks, and those that Windows keeps for
// devices.
var reservedNames = []string{
	"main", "mainnet", "bitcoin", "test", "testnet", "testnet3", "testnet4", "signet", "regtest",
	"con", "prn", "aux", "nul",
	"com0", "com1", "com2", "com3", "com4", "com5", "com6", "com7", "com8", "com9",
	"lpt0", "lpt1", "lpt2", "lpt3", "lpt4", "lpt5", "lpt6", "lpt7", "lpt8", "lpt9",
}

// CheckName tells whether name may be that of a network of one's own; the error
// says what is allowed. A good name is safe as a folder name everywhere.
func CheckName(name string) error {
	if err := nameRule(name); err != nil {
		return &ValueError{"name", shown(name), err.Error()}
	}
	return nil
}

func nameRule(name string) error {
	if !namePattern.MatchString(name) {
		return fmt.Errorf("1 to 32 letters, digits, - and _, beginning with a letter or digit")
	}
	if slices.Contains(reservedNames, strings.ToLower(name)) {
		return fmt.Errorf("another name: this one is taken by a known network or a device")
	}
	return nil
}

func genesisTextRule(text string) error {
	// 91 bytes and the pushes before them make the 100 that a coinbase may have.
	printable := !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) })
	if len(text) < 1 || len(text) > 91 || !utf8.ValidString(text) || !printable {
		return fmt.Errorf("1 to 91 bytes of printable text")
	}
	return nil
}

func modeRule(mode string) error {
	if mode != Fixed && mode != Retarget {
		return fmt.Errorf("%q or %q", Fixed, Retarget)
	}
	return nil
}

func bitsRule(text string) error {
	if _, ok := parseBits(text); !ok {
		return fmt.Errorf("a compact target of eight hex digits from 1e00ffff (2^24 hashes a block) to 207fffff (2 hashes)")
	}
	return nil
}

// parseBits reads a compact target in its one normal form. The hardest target
// that is allowed keeps the search for a genesis block within seconds.
func parseBits(text string) (uint32, bool) {
	bits, err := strconv.ParseUint(text, 16, 32)
	if err != nil || len(text) != 8 {
		return 0, false
	}
	mantissa := bits & 0xffffff
	if mantissa < 0x008000 || mantissa > 0x7fffff || bits>>24 > 0x20 {
		return 0, false
	}
	target := targetOf(uint32(bits))
	return uint32(bits), target.Cmp(targetOf(0x1e00ffff)) >= 0
}

func hashRule(text string) error {
	if raw, err := hex.DecodeString(text); err != nil || len(raw) != 32 {
		return fmt.Errorf("a block hash of 64 hex digits")
	}
	return nil
}

// extRule keeps mainnet's versions out, as the rules of the other prefixes do:
// what belongs to a private chain must never look as if it held real money.
func extRule(text string) error {
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != 4 {
		return fmt.Errorf("four bytes as eight hex digits")
	}
	if v := strings.ToLower(text); v == "0488b21e" || v == "0488ade4" {
		return fmt.Errorf("other than mainnet's")
	}
	return nil
}

func magicRule(text string) error {
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != 4 || isKnownMagic(raw) {
		return fmt.Errorf("four bytes as eight hex digits, other than those of main, test, testnet4, signet and regtest")
	}
	return nil
}

func checkHRP(hrp string) error {
	// Sixteen leave room for the longest witness program in 90 characters.
	letters := !strings.ContainsFunc(hrp, func(r rune) bool { return r < 'a' || r > 'z' })
	if len(hrp) < 2 || len(hrp) > 16 || !letters || slices.Contains([]string{"bc", "tb", "bcrt"}, hrp) {
		return fmt.Errorf("2 to 16 letters from a to z, other than bc, tb and bcrt")
	}
	return nil
}

// shown quotes a value for an error message and cuts what is too long.
func shown(value string) string {
	if utf8.RuneCountInString(value) > 64 {
		value = string([]rune(value)[:64]) + "…"
	}
	return strconv.Quote(value)
}
