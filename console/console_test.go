package console

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
)

func TestFormat(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{Count(1, "block"), "1 block"},
		{Count(int32(1200), "block"), "1,200 blocks"},
		{Count(0, "entry", "entries"), "0 entries"},
		{Thousands(-1234567), "-1,234,567"},
		{Thousands(100), "100"},
		{Duration(0), "0s"},
		{Duration(-time.Hour), "0s"},
		{Duration(250 * time.Millisecond), "250ms"},
		{Duration(65 * time.Second), "1m 5s"},
		{Duration(2 * time.Hour), "2h"},
		{Duration(49*time.Hour + 30*time.Minute), "2d 1h"},
		{Size(999), "999 B"},
		{Size(3400), "3.4 kB"},
		{Short("bcrt1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu", 11), "bcrt1…06fyu"},
		{Short("abc", 11), "abc"},
		{Clean("a\x1b[31mb\nc\u202ed"), "a?[31mb?c?d"},
		{Clean("Zoë 山"), "Zoë 山"},
		{List([]string{"a", "b", "c"}), "a, b and c"},
		{List(nil), ""},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

func TestTableAlignsByWhatIsSeen(t *testing.T) {
	var out bytes.Buffer
	s := &Screen{Out: &out}
	s.Table(Table{
		Head:  []string{"#", "Name", "Sum"},
		Right: []bool{true, false, true},
		Rows:  [][]string{{"1", "山田", "5.0"}, {"10", "Zoë", "12.5"}},
		Foot:  []string{"", "all", "17.5"},
	})
	want := " #  Name   Sum\n 1  山田   5.0\n10  Zoë   12.5\n    all   17.5\n"
	if out.String() != want {
		t.Errorf("got\n%q, want\n%q", out.String(), want)
	}
}

func TestSplit(t *testing.T) {
	for line, want := range map[string][]string{
		"":                               nil,
		"  # all of it is a comment":     nil,
		"mine 5 # five":                  {"mine", "5"},
		`send --to "Old Bob" --amount 1`: {"send", "--to", "Old Bob", "--amount", "1"},
		`a '' "b\"c" d\ e`:               {"a", "", `b"c`, "d e"},
		"a#b":                            {"a#b"},
	} {
		got, err := Split(line)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: got %q, %v; want %q", line, got, err, want)
		}
	}
	for _, line := range []string{`"open`, `it's`, `end\`} {
		if _, err := Split(line); err == nil {
			t.Errorf("%q was accepted", line)
		}
	}
}

func testPick(n int) Pick {
	p := Pick{Title: "From", Head: []string{"#", "Name"}, Choices: make([]Choice, n)}
	for i := range p.Choices {
		name := fmt.Sprintf("Wallet%d", i+1)
		p.Choices[i] = Choice{Number: i + 1, Name: name, Cells: []string{fmt.Sprint(i + 1), name}}
	}
	return p
}

// press sends keys to a model: a name such as "enter", else text.
func press(m tea.Model, keys ...string) {
	named := map[string]rune{
		"enter": tea.KeyEnter, "esc": tea.KeyEscape, "up": tea.KeyUp, "down": tea.KeyDown,
		"tab": tea.KeyTab, "backspace": tea.KeyBackspace, "space": tea.KeySpace, "end": tea.KeyEnd, "pgdown": tea.KeyPgDown,
	}
	for _, key := range keys {
		if code, ok := named[key]; ok {
			m.Update(tea.KeyPressMsg{Code: code})
			continue
		}
		for _, r := range key {
			m.Update(tea.KeyPressMsg{Code: r, Text: string(r)})
		}
	}
}

func TestPickByNumberTextAndArrows(t *testing.T) {
	for _, c := range []struct {
		keys []string
		want int // number of the row
	}{
		{[]string{"enter"}, 1},
		{[]string{"down", "down", "enter"}, 3},
		{[]string{"12", "enter"}, 12},         // not Wallet112, which has it too
		{[]string{"wallet200", "enter"}, 200}, // any case
		{[]string{"zzz", "enter"}, 0},         // nothing to choose
		{[]string{"zzz", "backspace", "backspace", "backspace", "enter"}, 1},
		{[]string{"end", "enter"}, 300},
		{[]string{"pgdown", "up", "enter"}, pickRows},
	} {
		m := newPicker(testPick(300))
		press(m, c.keys...)
		got := 0
		if m.chosen != nil {
			got = m.chosen.Row + 1
		}
		if got != c.want {
			t.Errorf("%q chose %d, want %d", c.keys, got, c.want)
		}
		if c.want > 0 && m.View().Content != "" {
			t.Errorf("%q left a list behind", c.keys)
		}
	}
}

func TestPickScrollsWithTheCursor(t *testing.T) {
	m := newPicker(testPick(100))
	for range 60 {
		press(m, "down")
	}
	view := m.View().Content
	if !strings.Contains(view, "> 61") || strings.Count(view, "\n") > pickRows+3 {
		t.Errorf("the row under the cursor is not among the rows shown:\n%s", view)
	}
}

func TestPickFiltersTenThousandAtOnce(t *testing.T) {
	m := newPicker(testPick(10_000))
	start := time.Now()
	press(m, "wallet9999")
	m.View()
	if spent := time.Since(start); spent > 500*time.Millisecond {
		t.Errorf("ten keys took %s", spent)
	}
	if len(m.shown) != 1 || m.Choices[m.shown[0]].Number != 9999 {
		t.Errorf("%d rows are shown", len(m.shown))
	}
}

func BenchmarkPickKey(b *testing.B) {
	m := newPicker(testPick(10_000))
	for b.Loop() {
		press(m, "9", "backspace")
		m.View()
	}
}

func TestPickLeavesTheTerminalAsItWas(t *testing.T) {
	for _, key := range []string{"\x1b", "\x03"} {
		var out bytes.Buffer
		s := &Screen{In: strings.NewReader(key), Err: &out, Interactive: true}
		_, err := s.Pick(context.Background(), testPick(3))
		if !errors.Is(err, ErrCancelled) {
			t.Errorf("%q: %v, want ErrCancelled", key, err)
		}
		if hidden, shown := strings.LastIndex(out.String(), "\x1b[?25l"), strings.LastIndex(out.String(), "\x1b[?25h"); hidden > shown {
			t.Errorf("%q: the cursor stays hidden", key)
		}
	}
}

func TestPickPlain(t *testing.T) {
	var out bytes.Buffer
	s := &Screen{In: strings.NewReader("x\nwallet\n12\n"), Err: &out, Interactive: true, Plain: true}
	got, err := s.Pick(context.Background(), testPick(30))
	if err != nil || got.Row != 11 {
		t.Errorf("got %v, %v\n%s", got, err, out.String())
	}
	if strings.Contains(out.String(), "\x1b") {
		t.Errorf("a plain screen moves the cursor: %q", out.String())
	}
	if !strings.Contains(out.String(), "… and 18 more") {
		t.Errorf("a long list is not cut:\n%s", out.String())
	}
}

// TestPickPlainTakesNamesOnly: an amount that happens to have a digit in it chooses
// nothing.
func TestPickPlainTakesNamesOnly(t *testing.T) {
	rows := Pick{Choices: []Choice{
		{Number: 1, Name: "Alice", Key: "bcrt1q9", Cells: []string{"1", "Alice", "109.99"}},
		{Number: 2, Name: "Alina", Key: "bcrt1qx", Cells: []string{"2", "Alina", "0.00"}},
		{Number: 10, Name: "Bob9", Key: "bcrt1qy", Cells: []string{"10", "Bob9", "0.00"}},
		{Number: 12, Name: "Bo", Key: "bcrt1qz", Cells: []string{"12", "Bo", "0.00"}},
	}}
	for answer, want := range map[string]int{
		"1": 1, "2": 2, "10": 10, "9": 0, "3": 0, "-1": 0, "109.99": 0, "0.00": 0,
		"alice": 1, "ALI": 0, "alin": 2, "ob9": 10, "bo": 12, "BCRT1QX": 2, "bcrt1q": 0, "q9": 0, "lic": 1, "x": 0,
	} {
		found, why := rows.named(answer)
		got := 0
		if len(found) == 1 {
			got = rows.Choices[found[0]].Number
		}
		if got != want || (why == "") != (want > 0) {
			t.Errorf("%q chose %d (%q), want %d", answer, got, why, want)
		}
	}
}

// TestPickTakesAnotherText on both kinds of terminal, once it is good.
func TestPickTakesAnotherText(t *testing.T) {
	p := testPick(3)
	p.Other = func(text string) (string, bool) { return "long: " + text, len(text) > 10 }
	s := &Screen{In: strings.NewReader("elsewhere\nfar elsewhere\n"), Err: &bytes.Buffer{}, Interactive: true, Plain: true}
	if got, err := s.Pick(t.Context(), p); err != nil || got != (Picked{Row: -1, Text: "far elsewhere"}) {
		t.Errorf("plain: %+v, %v", got, err)
	}
	m := newPicker(p)
	press(m, "elsewhere", "enter")
	if m.chosen != nil || !strings.Contains(m.View().Content, "long: elsewhere") {
		t.Errorf("%+v was taken\n%s", m.chosen, m.View().Content)
	}
	press(m, " far", "enter")
	if m.chosen == nil || *m.chosen != (Picked{Row: -1, Text: "elsewhere far"}) {
		t.Errorf("%+v", m.chosen)
	}
}

func TestTablesShrink(t *testing.T) {
	address := strings.Repeat("a", 44)
	table := Table{Head: []string{"#", "Address", "Sum"}, Shrink: []int{1}}
	for _, c := range []struct{ room, want int }{{100, 44}, {2 + 44 + 2 + 10 + 2, 44}, {40, 24}, {10, leastColumn}} {
		widths := []int{2, 44, 10}
		if table.fit(widths, c.room); widths[1] != c.want || widths[0] != 2 || widths[2] != 10 {
			t.Errorf("in %d columns: %v, want %d", c.room, widths, c.want)
		}
	}
	// Where there is no terminal nothing is cut.
	var out bytes.Buffer
	table.Rows = [][]string{{"1", address, strings.Repeat("9", 60)}}
	(&Screen{Out: &out}).Table(table)
	if !strings.Contains(out.String(), address) {
		t.Errorf("cut:\n%s", &out)
	}
}

func TestFold(t *testing.T) {
	for text, want := range map[string]string{
		"":                         "",
		"one two three":            "one two|  three",
		"one":                      "one",
		"incomprehensible":         "incomprehensible",
		"a incomprehensible b c d": "a|  incomprehensible|  b c d",
	} {
		if got := fold(text, 8, "|  "); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestNoTerminalAsksNothing(t *testing.T) {
	var out bytes.Buffer
	s := &Screen{In: strings.NewReader("y\n1\n"), Err: &out}
	ctx := context.Background()
	_, pick := s.Pick(ctx, testPick(3))
	_, confirm := s.Confirm(ctx, "Sure?", true)
	_, secret := s.Secret(ctx, "Passphrase: ")
	_, words := s.Words(ctx, testWords())
	for _, err := range []error{pick, confirm, secret, words} {
		if !errors.Is(err, ErrNoTerminal) {
			t.Errorf("got %v, want ErrNoTerminal", err)
		}
	}
	if out.Len() > 0 {
		t.Errorf("something was asked: %q", out.String())
	}
}

func TestConfirm(t *testing.T) {
	for input, want := range map[string]bool{"y\n": true, "\n": false, "what\nYes\n": true, "no\n": false} {
		s := &Screen{In: strings.NewReader(input), Err: &bytes.Buffer{}, Interactive: true}
		got, err := s.Confirm(context.Background(), "Sure?", false)
		if err != nil || got != want {
			t.Errorf("%q: %v, %v", input, got, err)
		}
	}
	s := &Screen{In: strings.NewReader(""), Err: &bytes.Buffer{}, Interactive: true}
	if _, err := s.Confirm(context.Background(), "Sure?", true); !errors.Is(err, ErrCancelled) {
		t.Errorf("the end of input is no yes: %v", err)
	}
}

func TestReadSecretKeys(t *testing.T) {
	for input, want := range map[string]string{
		"abc\r": "abc", "ab\x7fc\n": "ac", "é\x7fx\r": "x", "wrong\x15right\r": "right", "\x7f\r": "",
	} {
		got, err := readSecret(context.Background(), strings.NewReader(input))
		if err != nil || got != want {
			t.Errorf("%q: %q, %v", input, got, err)
		}
	}
	for _, input := range []string{"ab\x03", "ab\x1b", "ab"} {
		if _, err := readSecret(context.Background(), strings.NewReader(input)); !errors.Is(err, ErrCancelled) {
			t.Errorf("%q: %v, want ErrCancelled", input, err)
		}
	}
}

func testWords() WordList {
	list := []string{"abandon", "ability", "able", "about", "zoo"}
	return WordList{
		Known: func(_ []string, word string) (string, bool) { return word, slices.Contains(list, word) },
		Complete: func(_ []string, prefix string) (found []string) {
			for _, w := range list {
				if strings.HasPrefix(w, prefix) {
					found = append(found, w)
				}
			}
			return found
		},
		Nearest: func([]string, string) []string { return []string{"about"} },
		Check: func(words []string) error {
			if words[len(words)-1] != "about" {
				return errors.New("the words do not belong together")
			}
			return nil
		},
	}
}

// TestWordsSayWhenTheyAreEnough, and when one of them is wrong.
func TestWordsSayWhenTheyAreEnough(t *testing.T) {
	m := &wordEntry{list: testWords(), width: 40}
	for range 11 {
		press(m, "able", "space")
	}
	if view := m.View().Content; strings.Contains(view, "Enter ends") {
		t.Errorf("after 11 words:\n%s", view)
	}
	press(m, "about", "space")
	if view := m.View().Content; !strings.Contains(view, "These 12 words fit together: Enter") {
		t.Errorf("after 12 words:\n%s", view)
	}
	press(m, "backspace", "backspace", "backspace", "backspace", "backspace", "backspace", "zoo", "space")
	if view := m.View().Content; !strings.Contains(view, "no mnemonic") {
		t.Errorf("after 12 wrong words:\n%s", view)
	}
	for line := range strings.Lines(m.View().Content) {
		if lipgloss.Width(line) > 64 { // four words a row
			t.Errorf("too wide: %q", line)
		}
	}
	press(m, "backspace", "backspace", "backspace", "backspace", "about", "enter", "enter")
	if !m.accepted {
		t.Errorf("Enter did not end: %q", m.message)
	}
}

func TestWordsAreCompletedAndChecked(t *testing.T) {
	m := &wordEntry{list: testWords()}
	press(m, "aba", "tab") // only one word begins so
	if !slices.Equal(m.words, []string{"abandon"}) {
		t.Fatalf("Tab made %q of aba", m.words)
	}
	press(m, "ab", "tab", "i", "tab", "abuot", "space")
	if !slices.Equal(m.words, []string{"abandon", "ability"}) || m.typed != "abuot" || !strings.Contains(m.message, "about") {
		t.Fatalf("got %q, typed %q, message %q", m.words, m.typed, m.message)
	}
	press(m, "backspace", "backspace", "backspace", "backspace", "backspace", "backspace")
	if m.typed != "ability" || len(m.words) != 1 {
		t.Fatalf("Backspace did not take the word back: %q, %q", m.words, m.typed)
	}
	press(m, "enter")
	for range 9 {
		press(m, "aban", "space") // four letters are enough
	}
	press(m, "enter")
	if m.accepted || !strings.Contains(m.message, "11 words so far") {
		t.Fatalf("11 words: accepted %v, %q", m.accepted, m.message)
	}
	press(m, "zoo", "enter", "enter")
	if m.accepted || !strings.Contains(m.message, "belong together") {
		t.Fatalf("a wrong checksum: accepted %v, %q", m.accepted, m.message)
	}
	press(m, "backspace", "backspace", "backspace", "backspace", "about", "enter", "enter")
	if !m.accepted || len(m.words) != 12 {
		t.Fatalf("accepted %v, %q", m.accepted, m.words)
	}
}

func TestWordsPasted(t *testing.T) {
	m := &wordEntry{list: testWords()}
	m.Update(tea.PasteMsg{Content: "abandon\nability zo able"})
	if !slices.Equal(m.words, []string{"abandon", "ability"}) || m.typed != "zo able" {
		t.Errorf("got %q, typed %q", m.words, m.typed)
	}
}

func TestWordsLeaveNothingOnTheScreen(t *testing.T) {
	input := strings.Repeat("abandon ", 11) + "about\r\r"
	var out bytes.Buffer
	s := &Screen{In: strings.NewReader(input), Err: &out, Interactive: true}
	words, err := s.Words(context.Background(), testWords())
	if err != nil || len(words) != 12 {
		t.Fatalf("got %q, %v", words, err)
	}
	text := out.String()
	in, left := strings.Index(text, "\x1b[?1049h"), strings.LastIndex(text, "\x1b[?1049l")
	if in < 0 || left < in {
		t.Fatal("the words were not typed on the alternate screen")
	}
	if strings.Contains(text[:in], "abandon") || strings.Contains(text[left:], "abandon") {
		t.Error("words are shown outside of the alternate screen")
	}
	// The plain entry, too.
	out.Reset()
	s = &Screen{In: strings.NewReader(strings.ReplaceAll(strings.Repeat("abandon ", 11), " ", "\n") + "abuot\nabout\n\n"), Err: &out, Interactive: true, Plain: true}
	if words, err := s.Words(context.Background(), testWords()); err != nil || len(words) != 12 {
		t.Fatalf("plain: %q, %v", words, err)
	}
	if text := out.String(); !strings.HasPrefix(text, "\x1b[?1049h") || !strings.HasSuffix(text, "\x1b[2J\x1b[?1049l") {
		t.Errorf("plain: %q", text)
	}
}

func TestProgressLine(t *testing.T) {
	if got, want := progressLine("Checking", 50, 200, "blocks", 10*time.Second), "Checking  [######------------------]  25%  50 of 200 blocks  30s left"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := progressLine("Importing", 2_000_000, 0, "bytes", time.Second), "Importing  2.0 MB"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestKeysNote has one line for wallets whose keys others can have: none for
// sealed ones, and of the published words that they are public.
func TestKeysNote(t *testing.T) {
	rows := func(keys ...Keys) []WalletRow {
		var rows []WalletRow
		for i, k := range keys {
			rows = append(rows, WalletRow{Number: i + 1, Name: "w", Keys: k})
		}
		return rows
	}
	for _, c := range []struct {
		rows []WalletRow
		want string
	}{
		{rows(NoKeys, SealedKeys), ""},
		{rows(PublicKeys, PublicKeys), "These words are published: everybody has these keys. For experiments only."},
		{rows(PlainKeys, PublicKeys, NoKeys), "1 wallet is plain: whoever can read the folder can read its words. Set a passphrase: lode wallet passphrase set"},
		{rows(PlainKeys, PlainKeys, SealedKeys), "2 wallets are plain: whoever can read the folder can read their words. To seal one: lode wallet passphrase adopt WALLET"},
	} {
		pick := walletChoices(c.rows)
		if pick.Note != c.want {
			t.Errorf("%q, want %q", pick.Note, c.want)
		}
		m := newPicker(pick)
		for _, size := range [][2]int{{80, 24}, {40, 10}} {
			m.Update(tea.WindowSizeMsg{Width: size[0], Height: size[1]})
			lines := strings.Split(escapes.ReplaceAllString(m.View().Content, ""), "\n")
			if len(lines) > size[1]-1 {
				t.Errorf("%d lines in a terminal of %d", len(lines), size[1])
			}
			for _, line := range noteLines(pick.Note, size[0]) {
				if lipgloss.Width(line) > size[0] {
					t.Errorf("%q is wider than %d", line, size[0])
				}
			}
			if text := strings.Join(strings.Fields(strings.Join(lines, " ")), " "); !strings.HasSuffix(text, strings.TrimSpace("Esc leaves "+c.want)) {
				t.Errorf("the list ends in %q, want %q", text, c.want)
			}
		}
	}
}
