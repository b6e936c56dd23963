package network

import (
	"bytes"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"

	"github.com/lode-chain/lode/internal/nearest"
)

// maxFileSize bounds a network's file, in bytes (policy).
const maxFileSize = 64 << 10

const preamble = `# The rules of the network %[1]q. lode made this file and reads it at each start.
#
# Whoever is to join the network needs this very file. A data directory that was
# made under these rules refuses to open under others; only ports may change.
#
# Proof of work on CPUs protects nobody from an outsider with hardware: one
# mining device makes more hashes than all laptops of an office, and its owner
# can rewrite the chain. Here it spaces blocks and orders payments among people
# who trust each other. Keep the network private, and put no real money on it.
`

// sectionComments stand above the sections that want a word.
var sectionComments = map[string]string{
	"proof_of_work": "This protects nobody from an outsider with hardware; see above.",
	"money":         "1 coin = 100,000,000 satoshis.",
}

// format writes s as the commented file that parseSpec reads.
func (s *Spec) format() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, preamble, s.Name)
	section := ""
	for _, r := range rules {
		in, key := split(r.key)
		if in != section {
			section = in
			b.WriteByte('\n')
			if c := sectionComments[in]; c != "" {
				fmt.Fprintf(&b, "# %s\n", c)
			}
			fmt.Fprintf(&b, "[%s]\n", in)
		} else if r.comment != "" {
			b.WriteByte('\n')
		}
		if r.comment != "" {
			fmt.Fprintf(&b, "# %s\n", r.comment)
		}
		fmt.Fprintf(&b, "%s = %s", key, literal(r.field(s)))
		if r.note != nil {
			fmt.Fprintf(&b, " # %s", r.note(s))
		}
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// literal writes a checked value as TOML does.
func literal(field any) string {
	switch v := field.(type) {
	case *int64:
		return strconv.FormatInt(*v, 10)
	case *bool:
		return strconv.FormatBool(*v)
	case *string:
		// Checked values have no control characters, so nothing else needs it.
		return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(*v) + `"`
	default:
		panic(fmt.Sprintf("network: a rule with a %T", field))
	}
}

// split parts a rule's key into section and key; the section may be empty.
func split(key string) (section, name string) {
	if section, name, ok := strings.Cut(key, "."); ok {
		return section, name
	}
	return "", key
}

// parseSpec reads a file without judging its values: each key must be known,
// there, and of the right type.
func parseSpec(text []byte) (*Spec, error) {
	if len(text) > maxFileSize {
		return nil, fmt.Errorf("the network file has %d bytes; at most %d are read", len(text), maxFileSize)
	}
	var tree map[string]any
	if err := toml.Unmarshal(text, &tree); err != nil {
		var bad *toml.DecodeError
		if errors.As(err, &bad) {
			row, column := bad.Position()
			return nil, fmt.Errorf("the network file is no TOML: line %d, column %d: %w", row, column, err)
		}
		return nil, fmt.Errorf("the network file is no TOML: %w", err)
	}
	values := make(map[string]any)
	for name, value := range tree {
		section, ok := value.(map[string]any)
		if !ok || !knownSection(name) {
			values[name] = value
			continue
		}
		for key, value := range section {
			values[name+"."+key] = value
		}
	}
	return assign(values)
}

func knownSection(name string) bool {
	return slices.ContainsFunc(rules, func(r rule) bool { return strings.HasPrefix(r.key, name+".") })
}

// assign moves values to their fields.
func assign(values map[string]any) (*Spec, error) {
	s := new(Spec)
	var missing []string
	for _, r := range rules {
		value, ok := values[r.key]
		if !ok {
			missing = append(missing, r.key)
			continue
		}
		delete(values, r.key)
		if err := set(r.field(s), value); err != nil {
			return nil, &ValueError{r.key, shown(fmt.Sprint(value)), err.Error()}
		}
	}
	if len(values) > 0 {
		return nil, unknownKey(values, missing)
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("the network file lacks %s", strings.Join(missing, ", "))
	}
	return s, nil
}

func set(field, value any) error {
	ok := false
	switch f := field.(type) {
	case *int64:
		if *f, ok = value.(int64); !ok {
			return errors.New("a whole number")
		}
	case *bool:
		if *f, ok = value.(bool); !ok {
			return errors.New("true or false")
		}
	case *string:
		if *f, ok = value.(string); !ok {
			return errors.New("text in quotes")
		}
	}
	return nil
}

// unknownKey names the first unknown key and the known one that was probably
// meant, which is most often a missing one.
func unknownKey(values map[string]any, missing []string) error {
	var unknown, known []string
	for key := range values {
		unknown = append(unknown, key)
	}
	slices.Sort(unknown)
	for _, r := range rules {
		known = append(known, r.key)
	}
	for _, list := range [][]string{missing, known} {
		if near := nearest.Words(unknown[0], list, 1); len(near) > 0 {
			return fmt.Errorf("the network file has the unknown key %s; did you mean %s?", shown(unknown[0]), near[0])
		}
	}
	return fmt.Errorf("the network file has the unknown key %s", shown(unknown[0]))
}

// Notes behind values, for the reader.

func genesisDate(s *Spec) string {
	return time.Unix(s.GenesisTime, 0).UTC().Format("2006-01-02 15:04:05 UTC")
}

func hashesPerBlock(s *Spec) string {
	bits, _ := parseBits(s.Bits)
	space := new(big.Int).Lsh(big.NewInt(1), 256)
	return fmt.Sprintf("about %s hashes a block", space.Div(space, targetOf(bits)))
}

func coins(s *Spec) string {
	whole, rest := s.SubsidySats/SatsPerCoin, s.SubsidySats%SatsPerCoin
	text := strings.TrimRight(fmt.Sprintf("%d.%08d", whole, rest), "0")
	return strings.TrimSuffix(text, ".") + " coins"
}
