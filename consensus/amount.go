package consensus

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/lode-chain/lode/network"
)

// Amount is a sum of money in satoshis. In text and JSON it is written in coins
// with exactly eight decimals, as Core does.
type Amount int64

// SatsPerCoin is the number of satoshis in one coin.
const SatsPerCoin Amount = network.SatsPerCoin

// MaxMoney is the largest sum that may exist (consensus, Core's MAX_MONEY).
const MaxMoney Amount = network.MaxMoney

// ErrAmount is what every error of ParseAmount wraps.
var ErrAmount = errors.New("not an amount")

// InRange reports whether the amount is from zero to MaxMoney (Core's
// MoneyRange).
func (a Amount) InRange() bool { return a >= 0 && a <= MaxMoney }

// String returns the amount in coins with eight decimals, "1.50000000".
func (a Amount) String() string {
	sign, u := "", uint64(a)
	if a < 0 {
		sign, u = "-", -u
	}
	return fmt.Sprintf("%s%d.%08d", sign, u/uint64(SatsPerCoin), u%uint64(SatsPerCoin))
}

// short returns the amount as Core writes it in explanations: with at least two
// decimals, and no zeros after them (FormatMoney).
func (a Amount) short() string {
	s := a.String()
	for s[len(s)-1] == '0' && s[len(s)-3] != '.' {
		s = s[:len(s)-1]
	}
	return s
}

// MarshalJSON writes the amount as a JSON number with eight decimals.
func (a Amount) MarshalJSON() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalJSON reads a string in the form that ParseAmount reads, or a JSON
// number, in which an exponent and zeros after the eighth decimal are allowed
// too, because JSON libraries write them (Core's ParseFixedPoint). Nothing is
// rounded.
func (a *Amount) UnmarshalJSON(data []byte) error {
	text := string(bytes.TrimSpace(data))
	if text == "null" {
		return nil
	}
	if n := len(text); n >= 2 && text[0] == '"' && text[n-1] == '"' {
		text = text[1 : n-1]
	} else {
		text = plainNumber(text)
	}
	v, err := ParseAmount(text)
	if err != nil {
		return err
	}
	*a = v
	return nil
}

// plainNumber returns a JSON number without exponent and without superfluous
// decimals, or the text as it is where that cannot be done in a few digits.
func plainNumber(text string) string {
	mantissa, exponent := text, 0
	if i := strings.IndexAny(text, "eE"); i >= 0 {
		n, err := strconv.Atoi(text[i+1:])
		if err != nil || n < -20 || n > 20 {
			return text
		}
		mantissa, exponent = text[:i], n
	}
	whole, decimals, _ := strings.Cut(mantissa, ".")
	if exponent > 0 {
		decimals += strings.Repeat("0", exponent)
		whole, decimals = whole+decimals[:exponent], decimals[exponent:]
	} else if exponent < 0 {
		whole = strings.Repeat("0", -exponent) + whole
		whole, decimals = whole[:len(whole)+exponent], whole[len(whole)+exponent:]+decimals
	}
	if exponent != 0 {
		whole = "0" + strings.TrimLeft(whole, "0")
		if len(whole) > 1 {
			whole = whole[1:]
		}
	}
	if decimals = strings.TrimRight(decimals, "0"); decimals != "" {
		decimals = "." + decimals
	}
	return whole + decimals
}

// ParseAmount reads a sum in coins as people write it: digits, and at most one
// point with one to eight digits after it. It refuses signs, exponents, commas
// and sums above MaxMoney; zero is for the caller to refuse. The errors wrap
// ErrAmount, say what is wrong and show the right form.
func ParseAmount(s string) (Amount, error) {
	fail := func(why string) (Amount, error) {
		if len(s) > 40 {
			s = s[:40] + "…"
		}
		return 0, fmt.Errorf("%w: %q %s", ErrAmount, s, why)
	}
	const form = "; write it like 1.5 or 0.00010000"
	switch {
	case s == "":
		return fail("is empty" + form)
	case strings.HasPrefix(s, "-"):
		return fail("is negative" + form)
	case strings.Contains(s, ","):
		return fail("has a comma; decimals are set off by a point, and thousands by nothing, like 1234.5")
	}
	whole, decimals, point := strings.Cut(s, ".")
	if i := strings.IndexFunc(whole+decimals, func(r rune) bool { return r < '0' || r > '9' }); i >= 0 {
		if strings.ContainsAny(s, "eE") && !strings.ContainsAny(s, "xX") {
			return fail("is not plain digits; an exponent is not understood" + form)
		}
		return fail("is not plain digits" + form)
	}
	switch {
	case whole == "" || point && decimals == "":
		return fail("needs digits before and after its point" + form)
	case len(decimals) > 8:
		return fail("has more than 8 decimals; the smallest amount is 0.00000001")
	case len(whole) > 1 && whole[0] == '0':
		return fail("begins with a superfluous zero" + form)
	}
	var v Amount
	for _, r := range whole + decimals + strings.Repeat("0", 8-len(decimals)) {
		v = v*10 + Amount(r-'0')
		if v > MaxMoney {
			return fail("is more than the 21000000 coins that can exist")
		}
	}
	return v, nil
}
