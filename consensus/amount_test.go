package consensus

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func TestParseAmount(t *testing.T) {
	for text, want := range map[string]Amount{
		"0": 0, "0.0": 0, "1": SatsPerCoin, "1.5": 150_000_000, "0.00000001": 1, "12.34567890": 1_234_567_890,
		"21000000": MaxMoney, "21000000.00000000": MaxMoney, "20999999.99999999": MaxMoney - 1,
	} {
		if got, err := ParseAmount(text); got != want || err != nil {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
	for text, why := range map[string]string{
		"": "empty", "1,5": "comma", "1,000.5": "comma", "-1": "negative", "-0": "negative", "+1": "plain digits",
		"1e3": "exponent", "1E3": "exponent", "0.000000001": "8 decimals", "1.000000000": "8 decimals",
		"21000000.00000001": "21000000", "21000001": "21000000", "99999999999999999999999999": "21000000",
		"NaN": "plain digits", "Inf": "plain digits", "0x10": "plain digits", " 1": "plain digits", "1 ": "plain digits",
		"1.": "digits before and after", ".5": "digits before and after", ".": "digits before and after",
		"01": "superfluous zero", "1.2.3": "plain digits", "1_000": "plain digits", "１": "plain digits",
		strings.Repeat("9", 1_000_000): "21000000",
	} {
		_, err := ParseAmount(text)
		if !errors.Is(err, ErrAmount) || !strings.Contains(err.Error(), why) || len(err.Error()) > 200 {
			t.Errorf("%.40q: %v", text, err)
		}
	}
}

func TestAmountText(t *testing.T) {
	for amount, want := range map[Amount][2]string{
		0: {"0.00000000", "0.00"}, 1: {"0.00000001", "0.00000001"}, 150_000_000: {"1.50000000", "1.50"},
		-1: {"-0.00000001", "-0.00000001"}, MaxMoney: {"21000000.00000000", "21000000.00"},
		-1 << 63: {"-92233720368.54775808", "-92233720368.54775808"}, 123_450_000: {"1.23450000", "1.2345"},
	} {
		if amount.String() != want[0] || amount.short() != want[1] {
			t.Errorf("%d: %s, %s", int64(amount), amount, amount.short())
		}
	}
}

func TestAmountJSON(t *testing.T) {
	out, err := json.Marshal(map[string]Amount{"a": 150_000_000})
	if err != nil || string(out) != `{"a":1.50000000}` {
		t.Errorf("%s, %v", out, err)
	}
	for text, want := range map[string]Amount{
		`1.5`: 150_000_000, `"1.5"`: 150_000_000, `0`: 0, `1e-8`: 1, `1E-08`: 1, `1e3`: 1000 * SatsPerCoin,
		`1.5e1`: 15 * SatsPerCoin, `0.5e1`: 5 * SatsPerCoin, `12.5e-1`: 125_000_000, `0.100000000000`: 10_000_000,
		`100e-1`: 10 * SatsPerCoin, `0e5`: 0, `null`: 77,
	} {
		got := Amount(77)
		if err := json.Unmarshal([]byte(text), &got); got != want || err != nil {
			t.Errorf("%s: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{`-1`, `1e-9`, `1e400`, `21000000.00000001`, `"1e3"`, `"-1"`, `true`, `[]`, `{}`, `"\u0031"`, `1e-400`, `0.000000001`, `"NaN"`} {
		var got Amount
		if err := json.Unmarshal([]byte(text), &got); err == nil {
			t.Errorf("%s: %d", text, got)
		}
	}
}
