package console

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
)

// plainScreen is a plain terminal where the person types input.
func plainScreen(input string) (*Screen, *bytes.Buffer) {
	out := &bytes.Buffer{}
	return &Screen{In: io.MultiReader(strings.NewReader(input)), Out: out, Err: out, Interactive: true, Plain: true}, out
}

// TestPlainCanDoWhatTheScreensCan: every action, by number, without a character
// that only a screen can draw.
func TestPlainCanDoWhatTheScreensCan(t *testing.T) {
	teller := newFakeTeller()
	s, out := plainScreen(strings.Join([]string{
		"wallet1",
		"1", "Wallet2", "1.5", "", "y", // send
		"2", "y", "0.5", "lunch", "y", // receive, with its code
		"3", "n", // history, its first page
		"4",                                        // details
		"5", "Alice", "6", "bcrt1qanother", "rent", // rename, label
		"7", "y", "", // words
		"9", "", // no such number; back
	}, "\n") + "\n")
	err := s.Wallets(context.Background(), teller)
	if !errors.Is(err, ErrCancelled) { // the input ends
		t.Fatalf("%v\n%s", err, out)
	}
	if len(teller.pays) != 1 || teller.pays[0].To != "Wallet2" || teller.pays[0].Amount != "1.5" || teller.pays[0].Key == "" {
		t.Errorf("paid %+v", teller.pays)
	}
	if teller.fresh != 1 || teller.renamed != "Alice" || teller.labels["bcrt1qanother"] != "rent" ||
		teller.labels["bcrt1qp7shgcwx3mpzgxjvff0d77vuhchcldzfxnktde"] != "lunch" {
		t.Errorf("%d new addresses, renamed %q, labels %q", teller.fresh, teller.renamed, teller.labels)
	}
	for _, want := range []string{
		"Sent: " + testTxID, "Fee: 0.00000282", "Link: bitcoin:bcrt1qp7shgcwx3mpzgxjvff0d77vuhchcldzfxnktde?amount=0.5&label=lunch", "####",
		"1. 2026-01-31 15:04, in Wallet3 +1.50000000", "47 more. Go on?", "Path: m/84'/1'/0'/0/0", "2 segment", "There is 1 to 7.",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing:\n%s", want, out)
		}
	}
	if strings.ContainsAny(out.String(), "█▀▄") || strings.Contains(out.String(), "\x1b[3") {
		t.Errorf("block characters or colours:\n%s", out)
	}
}

// TestPlainErrorsAskAgain: what is wrong is said, and only that is asked anew.
func TestPlainErrorsAskAgain(t *testing.T) {
	teller := newFakeTeller()
	teller.quote = func(o Order) error {
		switch {
		case o.To != "Wallet2":
			return &InputError{FieldTo, "no wallet is called that"}
		case o.Amount != "1":
			return &InputError{FieldAmount, "too much"}
		}
		return nil
	}
	s, out := plainScreen("Nobody\n5\n\nWallet2\n\n\n\n1\n\nn\n")
	_, err := s.SendForm(context.Background(), teller, teller.rows[0], Order{})
	if !errors.Is(err, errBack) || len(teller.pays) > 0 {
		t.Fatalf("%v, paid %+v\n%s", err, teller.pays, out)
	}
	for _, want := range []string{"no wallet is called that", "too much", "To (name, number, address or bitcoin: link) [Wallet2]", "Nothing was sent."} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing:\n%s", want, out)
		}
	}
}

// TestNobodyToAsk: without a terminal there is no question.
func TestNobodyToAsk(t *testing.T) {
	s := &Screen{In: strings.NewReader("1\n"), Out: io.Discard, Err: io.Discard}
	if err := s.Wallets(context.Background(), newFakeTeller()); !errors.Is(err, ErrNoTerminal) {
		t.Error(err)
	}
	if _, err := s.SendForm(context.Background(), newFakeTeller(), WalletRow{}, Order{}); !errors.Is(err, ErrNoTerminal) {
		t.Error(err)
	}
}

// TestLocaleDecidesAboutBlocks: LC_ALL goes before LC_CTYPE before LANG (POSIX).
func TestLocaleDecidesAboutBlocks(t *testing.T) {
	for _, c := range []struct {
		env  map[string]string
		utf8 bool
	}{
		{nil, true},
		{map[string]string{"LANG": "en_US.UTF-8"}, true},
		{map[string]string{"LANG": "C.utf8"}, true},
		{map[string]string{"LANG": "C"}, false},
		{map[string]string{"LANG": "en_US.UTF-8", "LC_ALL": "POSIX"}, false},
		{map[string]string{"LANG": "de_DE.ISO-8859-1", "LC_CTYPE": "de_DE.UTF-8"}, true},
	} {
		if got := speaksUTF8(func(name string) string { return c.env[name] }); got != c.utf8 {
			t.Errorf("%v: %v", c.env, got)
		}
	}
}
