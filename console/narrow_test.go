package console

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"charm.land/lipgloss/v2"
)

// TestTablesDropColumns: what cannot be cut is left out whole, the least
// important first, and that is said; the rest is not cut.
func TestTablesDropColumns(t *testing.T) {
	table := Table{
		Head:  []string{"Conf", "When", "", "With", "Amount", "Fee", "Balance"},
		Right: []bool{true, false, false, false, true, true, true}, Shrink: []int{3}, Drop: []int{5, 0, 3},
		Rows: [][]string{{"1,234", "2026-01-31 15:04", "mined", strings.Repeat("a", 44), "+10250.00000000", "0.00000282", "105000.00000000"}},
	}
	for _, c := range []struct {
		room int
		want string
	}{
		{0, ""}, {200, ""}, {95, ""}, {80, "Fee"}, {74, "Conf and Fee"}, {63, "Conf, With and Fee"},
	} {
		var out bytes.Buffer
		(&Screen{Out: &out}).tableIn(table, c.room)
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		for _, line := range lines {
			if c.room > 0 && lipgloss.Width(line) > c.room {
				t.Errorf("%q is wider than %d", line, c.room)
			}
		}
		for _, want := range []string{"2026-01-31 15:04", "mined", "+10250.00000000", "105000.00000000"} {
			if !strings.Contains(lines[1], want) {
				t.Errorf("in %d columns %q is missing: %q", c.room, want, lines[1])
			}
		}
		note := ""
		if len(lines) > 2 {
			note = strings.Join(lines[2:], " ")
		}
		if (c.want == "") != (note == "") || !strings.Contains(note, c.want) {
			t.Errorf("in %d columns: %q, want %q left out", c.room, note, c.want)
		}
	}
}

// manyWallets are rows as a folder with many wallets and large sums has.
func manyWallets(n int) Pick {
	var rows []WalletRow
	for i := range n {
		rows = append(rows, WalletRow{
			Number: i + 1, Name: fmt.Sprintf("Wallet%d", i+1), Address: fmt.Sprintf("bcrt1q%038d", i),
			Spendable: "105000.00000000", Immature: "15000.00000000", Pending: "-1000.00000000", Keys: SealedKeys,
		})
	}
	return walletChoices(rows)
}

// TestPickPlainPagesAndFilters: lists of many fit into 80 columns, n turns the
// page, and a part of a name lists those that have it.
func TestPickPlainPagesAndFilters(t *testing.T) {
	s, out := plainScreen("n\nallet10\nn\n1,032\n1032\n")
	got, err := s.Pick(t.Context(), manyWallets(1044))
	if err != nil || got.Row != 1031 {
		t.Fatalf("%+v, %v\n%s", got, err, out)
	}
	for _, want := range []string{
		"… and 1,032 more", " Wallet24 ", "… and 1,020 more", `56 names fit "allet10":`, "… and 44 more", " Wallet1008 ", "… and 32 more",
		`No name fits "1,032"`, "n for more: ",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing:\n%s", want, out)
		}
	}
	for line := range strings.Lines(out.String()) {
		if line = strings.TrimRight(line, "\n"); lipgloss.Width(line) > 80 && !strings.Contains(line, "more: ") {
			t.Errorf("wider than 80: %q", line)
		}
	}
	// Where all are seen n is a part of a name.
	s, _ = plainScreen("n\n")
	if got, err := s.Pick(t.Context(), Pick{Choices: []Choice{{Number: 1, Name: "Anna"}, {Number: 2, Name: "Bob"}}}); err != nil || got.Row != 0 {
		t.Errorf("n chose %+v, %v", got, err)
	}
}

// TestQRFits draws no code that is wider than the terminal.
func TestQRFits(t *testing.T) {
	text := "bitcoin:bcrt1qp7shgcwx3mpzgxjvff0d77vuhchcldzfxnktde?amount=0.5&label=" + strings.Repeat("x", 60)
	q, err := NewQR(text)
	if err != nil {
		t.Fatal(err)
	}
	side := q.Size() + 8
	for _, c := range []struct {
		room         int
		ascii, plain bool
		has          string
	}{
		{0, false, true, "####"},
		{2 * side, false, true, "####"},
		{2*q.Size() + 3, false, true, "█"},
		{80, false, true, "█"},
		{80, false, false, "█"},
		{80, true, true, "No room"},
		{40, false, true, "No room"},
		{40, false, false, "No room"},
		{0, true, false, "####"},
	} {
		drawn := q.draw(c.room, c.ascii, c.plain, false)
		if !strings.Contains(drawn, c.has) {
			t.Errorf("%+v: no %q in\n%s", c, c.has, drawn)
		}
		for line := range strings.Lines(drawn) {
			if c.room > 0 && lipgloss.Width(strings.TrimRight(line, "\n")) > c.room {
				t.Errorf("%+v: %q is too wide", c, line)
			}
		}
	}
}

// TestWatchedWalletsSayWhatTheyLack: what needs keys is shown with the reason,
// and does not open.
func TestWatchedWalletsSayWhatTheyLack(t *testing.T) {
	teller := newFakeTeller()
	teller.rows[0].Keys = NoKeys
	s, out := plainScreen("1\n1\n7\n\n")
	_ = s.Wallets(t.Context(), teller)
	for _, want := range []string{"1  Send: no keys here: lode psbt create", "back: Send: no keys here", "back: Words: none here", "2  Receive: an address"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing:\n%s", want, out)
		}
	}
	if len(teller.pays) > 0 || strings.Contains(out.String(), "To (name") {
		t.Errorf("it pays:\n%s", out)
	}
}
