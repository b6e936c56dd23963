package console

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
)

var update = flag.Bool("update", false, "write the screens under testdata/screens anew")

// fakeTeller has wallets in memory. The functions stand for what a test is about.
type fakeTeller struct {
	rows    []WalletRow
	keys    int
	quotes  []Order
	pays    []Order
	pay     func(passphrase string) error
	quote   func(o Order) error
	words   func(passphrase string) error
	labels  map[string]string
	renamed string
	total   int // of the history
	base    int // on top of its balances and amounts
	fresh   int
	link    string // of Quote: sets the fields
}

const testTxID = "129cea0c89cd0d7da8b42c1bfebcb0ae521ea91df274e70c489d1c530c42e6cb"

func newFakeTeller() *fakeTeller {
	t := &fakeTeller{labels: make(map[string]string), total: 57}
	for i, name := range []string{"Wallet1", "Wallet2", "山田さんの財布", "Zoë 👩‍👩‍👧 and a name that is longer than any list has room for", "Wallet5"} {
		t.rows = append(t.rows, WalletRow{
			Number: i + 1, Name: name, Kind: "bech32", Address: "bcrt1q6rz28mcfaxtmd6v789l9rrlrusdprr9pz3cppk",
			Spendable: fmt.Sprintf("%d.99999690", 109*(i+1)), Immature: fmt.Sprintf("%d.00001550", 5000/(i*i*i+1)), Pending: "0.00000000",
			Keys: SealedKeys,
		})
	}
	return t
}

func (f *fakeTeller) Wallets(context.Context) ([]WalletRow, error) { return slices.Clone(f.rows), nil }

func (f *fakeTeller) Wallet(_ context.Context, number int) (WalletRow, error) {
	for _, row := range f.rows {
		if row.Number == number {
			return row, nil
		}
	}
	return WalletRow{}, errors.New("no such wallet")
}

func (f *fakeTeller) Details(context.Context, int) ([][2]string, error) {
	return [][2]string{
		{"Number", "1"},
		{"Type", "bech32"},
		{"Path", "m/84'/1'/0'/0/0"},
		{"Public key", "03208ee4bcdf874bc265161206efdb0ef90eb1ab25253d46c596dbbe5eefd9b38c03208ee4bcdf874bc265161206efdb0ef90eb1ab25253d46c596dbbe5eefd9b38c"},
		{"Address", f.rows[0].Address},
		{"Coins", "12"},
		{"Empty", ""},
	}, nil
}

func (f *fakeTeller) Quote(_ context.Context, o Order) (Quote, error) {
	f.quotes = append(f.quotes, o)
	if f.quote != nil {
		if err := f.quote(o); err != nil {
			return Quote{}, err
		}
	}
	q := Quote{
		To: "Wallet2  bcrt1qp7shgcwx3mpzgxjvff0d77vuhchcldzfxnktde", Amount: "1.50000000", Fee: "0.00000282  (2 sat/vB, 141 vB, 1 input)",
		Rate: "default", Change: "20.49999656", Remains: "108.49999408 spendable",
	}
	if f.link != "" {
		q.TypedTo, q.TypedAmount = f.link, "0.25"
	}
	return q, nil
}

func (f *fakeTeller) Pay(_ context.Context, o Order, passphrase string) (Paid, error) {
	if f.pay != nil {
		if err := f.pay(passphrase); err != nil {
			return Paid{}, err
		}
	}
	f.pays = append(f.pays, o)
	return Paid{TxID: testTxID, Next: "The next block comes in 12s."}, nil
}
func (f *fakeTeller) NewKey() string { f.keys++; return fmt.Sprintf("key%d", f.keys) }
func (f *fakeTeller) Receive(_ context.Context, _ int, fresh bool) (Place, error) {
	if fresh {
		f.fresh++
	}
	return Place{Address: "bcrt1qp7shgcwx3mpzgxjvff0d77vuhchcldzfxnktde", Label: f.labels["bcrt1qp7shgcwx3mpzgxjvff0d77vuhchcldzfxnktde"]}, nil
}

func (f *fakeTeller) URI(address, amount, label string) (string, error) {
	uri, mark := "bitcoin:"+address, "?"
	if amount != "" {
		if strings.Contains(amount, ",") {
			return "", errors.New("the amount has a comma; write 1.5")
		}
		uri, mark = uri+mark+"amount="+amount, "&"
	}
	if label != "" {
		uri += mark + "label=" + strings.ReplaceAll(label, " ", "%20")
	}
	return uri, nil
}

func (f *fakeTeller) Label(_ context.Context, _ int, address, text string) error {
	f.labels[address] = text
	return nil
}

func (f *fakeTeller) History(_ context.Context, _, skip, limit int) (Past, error) {
	past := Past{Total: f.total, Balance: "5109.99999690"}
	for i := skip; i < min(f.total, skip+limit); i++ {
		r := PastRow{
			When: "2026-01-31 15:04", Direction: "in", With: "Wallet3", Amount: "+1.50000000", Balance: fmt.Sprintf("%d.00000000", f.base+f.total-i),
			Confirmations: fmt.Sprint(i), TxID: testTxID, Address: "bcrt1qp7shgcwx3mpzgxjvff0d77vuhchcldzfxnktde",
		}
		switch i % 4 {
		case 1:
			r.Direction, r.Amount, r.Fee, r.Label = "out", "-1.50000282", "0.00000282", "rent of 山田"
		case 2:
			r.Direction, r.With, r.Amount, r.Note = "mined", "", "+50.00000282", "88 blocks until it can be spent"
		case 3:
			r.With = "bcrt1q6rz28mcfaxtmd6v789l9rrlrusdprr9pz3cppk"
		}
		if f.base > 0 {
			r.Amount = fmt.Sprintf("%s%d%s", r.Amount[:1], f.base/10, r.Amount[len(r.Amount)-9:])
			r.Confirmations = "12,345"
		}
		past.Rows = append(past.Rows, r)
	}
	return past, nil
}

func (f *fakeTeller) Rename(_ context.Context, _ int, name string) error {
	f.renamed = name
	return nil
}

func (f *fakeTeller) Words(_ context.Context, _ int, passphrase string) (Recovery, error) {
	if f.words != nil {
		if err := f.words(passphrase); err != nil {
			return Recovery{}, err
		}
	}
	return Recovery{Words: strings.Fields("front segment twin response tragic moon lumber change shiver plastic target assist"), Path: "m/84'/1'/0'"}, nil
}

// driver runs screens without a terminal: keys in, commands run at once.
type driver struct {
	*screens
	held []tea.Cmd // commands that the test lets wait
	hold bool
}

func newDriver(t *fakeTeller, width, height int) *driver {
	s := newScreens(context.Background(), t)
	s.delay = 0
	d := &driver{screens: s}
	s.stack = []page{newListPage(s, nil)}
	d.run(s.Init())
	d.send(tea.WindowSizeMsg{Width: width, Height: height})
	return d
}

func (d *driver) send(msg tea.Msg) { _, cmd := d.Update(msg); d.run(cmd) }

// run carries a command out and all that follow from it.
func (d *driver) run(cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	if d.hold {
		d.held = append(d.held, cmd)
		return
	}
	switch msg := cmd().(type) {
	case tea.BatchMsg:
		for _, each := range msg {
			d.run(each)
		}
	case reply:
		d.send(msg)
	}
}

// release lets what waited run.
func (d *driver) release() {
	held := d.held
	d.held, d.hold = nil, false
	for _, cmd := range held {
		d.run(cmd)
	}
}

func (d *driver) press(keys ...string) {
	named := map[string]tea.KeyPressMsg{
		"enter": {Code: tea.KeyEnter}, "esc": {Code: tea.KeyEscape}, "up": {Code: tea.KeyUp}, "down": {Code: tea.KeyDown}, "tab": {Code: tea.KeyTab},
		"backspace": {Code: tea.KeyBackspace}, "end": {Code: tea.KeyEnd}, "pgdown": {Code: tea.KeyPgDown}, "pgup": {Code: tea.KeyPgUp}, "home": {Code: tea.KeyHome},
		"ctrl+c": {Code: 'c', Mod: tea.ModCtrl}, "ctrl+n": {Code: 'n', Mod: tea.ModCtrl}, "ctrl+u": {Code: 'u', Mod: tea.ModCtrl},
	}
	for _, key := range keys {
		if msg, ok := named[key]; ok {
			d.send(msg)
			continue
		}
		for _, r := range key {
			d.send(tea.KeyPressMsg{Code: r, Text: string(r)})
		}
	}
}

var escapes = regexp.MustCompile("\x1b\\[[0-9;]*m")

// shot is what is seen, without colours.
func (d *driver) shot() string {
	var lines []string
	for _, line := range strings.Split(escapes.ReplaceAllString(d.View().Content, ""), "\n") {
		lines = append(lines, strings.TrimRight(line, " "))
	}
	return strings.Join(lines, "\n")
}

// screenShots are all screens and how to get there from the list.
var screenShots = []struct {
	name string
	keys []string
	set  func(t *fakeTeller)
}{
	{"list", nil, nil},
	{"list-filtered", []string{"wallet"}, nil},
	{"list-nothing", []string{"zzz"}, nil},
	{"wallet", []string{"enter"}, nil},
	{"wallet-wide", []string{"down", "down", "enter"}, nil},
	{"wallet-watched", []string{"enter"}, watchOnly},
	{"wallet-watched-words", []string{"enter", "w"}, watchOnly},
	{"list-many", []string{"allet10", "end"}, manyRich},
	{"history-rich", []string{"enter", "h"}, manyRich},
	{"send", []string{"enter", "s"}, nil},
	{"send-quote", []string{"enter", "s", "Wallet2", "tab", "1.5"}, nil},
	{"send-wrong", []string{"enter", "s", "Walet2", "tab", "1000"}, func(t *fakeTeller) {
		t.quote = func(Order) error {
			return &InputError{FieldTo, `no wallet is called "Walet2"; there are 2 Wallet2, 1 Wallet1, 3 山田さんの財布 and 2 more; make one with lode wallet new`}
		}
	}},
	{"send-funds", []string{"enter", "s", "Wallet2", "tab", "1000"}, func(t *fakeTeller) {
		t.quote = func(Order) error {
			return &InputError{FieldAmount, "insufficient funds: 1000.00000000 is needed and 0.00000220 for the fee, 109.99999690 is spendable; 5000.00001550 is immature"}
		}
	}},
	{"send-review", []string{"enter", "s", "Wallet2", "tab", "1.5", "enter"}, nil},
	{"send-locked", []string{"enter", "s", "Wallet2", "tab", "1.5", "enter", "enter"}, func(t *fakeTeller) { t.pay = func(string) error { return ErrLocked } }},
	{"send-passphrase", []string{"enter", "s", "Wallet2", "tab", "1.5", "enter", "enter", "wrong one", "enter"}, func(t *fakeTeller) {
		t.pay = func(p string) error {
			if p == "" {
				return ErrLocked
			}
			return ErrPassphrase
		}
	}},
	{"send-sent", []string{"enter", "s", "Wallet2", "tab", "1.5", "enter", "enter"}, nil},
	{"receive", []string{"enter", "r"}, nil},
	{"receive-link", []string{"enter", "r", "1.5", "tab", "Lunch on Friday"}, nil},
	{"receive-long", []string{"enter", "r", "1.5", "tab", strings.Repeat("a label that is too long ", 8)}, nil},
	{"receive-wrong", []string{"enter", "r", "1,5"}, nil},
	{"history", []string{"enter", "h", "down"}, nil},
	{"history-end", []string{"enter", "h", "end"}, nil},
	{"history-none", []string{"enter", "h"}, func(t *fakeTeller) { t.total = 0 }},
	{"details", []string{"enter", "d"}, nil},
	{"rename", []string{"enter", "n", "ctrl+u", "Alice"}, nil},
	{"label", []string{"enter", "l", "rent"}, nil},
	{"words", []string{"enter", "w"}, nil},
	{"words-locked", []string{"enter", "w", "enter"}, func(t *fakeTeller) { t.words = func(string) error { return ErrLocked } }},
	{"words-shown", []string{"enter", "w", "enter"}, nil},
}

// watchOnly makes the first wallet one without keys.
func watchOnly(t *fakeTeller) {
	t.rows[0].Keys, t.rows[0].Kind = NoKeys, "bech32 · only watched"
}

// manyRich has as many wallets and as large sums as there may be.
func manyRich(t *fakeTeller) {
	t.rows = nil
	for i := range 1032 {
		t.rows = append(t.rows, WalletRow{
			Number: i + 1, Name: fmt.Sprintf("Wallet%d", i+1), Kind: "bech32", Address: "bcrt1q6rz28mcfaxtmd6v789l9rrlrusdprr9pz3cppk",
			Spendable: "105000.00000000", Immature: "15000.00000000", Pending: "-1000.00000000", Keys: SealedKeys,
		})
	}
	t.base = 100_000
}

// TestScreens compares every screen at both sizes with the files under
// testdata/screens, and holds that each fits.
func TestScreens(t *testing.T) {
	for _, size := range [][2]int{{80, 24}, {120, 40}} {
		for _, c := range screenShots {
			name := fmt.Sprintf("%s-%dx%d.txt", c.name, size[0], size[1])
			t.Run(name, func(t *testing.T) {
				teller := newFakeTeller()
				if c.set != nil {
					c.set(teller)
				}
				d := newDriver(teller, size[0], size[1])
				d.press(c.keys...)
				got := d.shot() + "\n"
				checkFits(t, got, size[0], size[1])
				file := filepath.Join("testdata", "screens", name)
				if *update {
					if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if got != string(want) {
					t.Errorf("got\n%s\nwant\n%s", got, want)
				}
			})
		}
	}
}

func checkFits(t *testing.T, shot string, width, height int) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(shot, "\n"), "\n")
	if len(lines) > height {
		t.Errorf("%d lines on %d", len(lines), height)
	}
	for i, line := range lines {
		if lipgloss.Width(line) > width {
			t.Errorf("line %d has %d columns of %d: %q", i+1, lipgloss.Width(line), width, line)
		}
	}
}

// TestScreensFitAnySize resizes every screen while it is open.
func TestScreensFitAnySize(t *testing.T) {
	for _, c := range screenShots {
		teller := newFakeTeller()
		if c.set != nil {
			c.set(teller)
		}
		d := newDriver(teller, 80, 24)
		d.press(c.keys...)
		for _, size := range [][2]int{{200, 60}, {40, 10}, {41, 12}, {60, 15}, {20, 3}, {1, 1}, {80, 24}} {
			d.send(tea.WindowSizeMsg{Width: size[0], Height: size[1]})
			if size[0] >= leastWidth {
				checkFits(t, d.shot(), size[0], size[1])
			}
			if v := d.View(); v.Cursor != nil && (v.Cursor.X >= size[0] || v.Cursor.Y >= size[1]) {
				t.Errorf("%s at %v: the cursor is at %d, %d", c.name, size, v.Cursor.X, v.Cursor.Y)
			}
		}
	}
}

// TestListOfTenThousandFiltersAtOnce: each key, view included, takes less than a
// frame of a 60 Hz screen.
func TestListOfTenThousandFiltersAtOnce(t *testing.T) {
	teller := newFakeTeller()
	teller.rows = nil
	for i := range 10_000 {
		teller.rows = append(teller.rows, WalletRow{
			Number: i + 1, Name: fmt.Sprintf("Wallet%d", i+1), Address: fmt.Sprintf("bcrt1q%032dabcdef", i), Spendable: "1.00000000", Immature: "0.00000000", Pending: "0.00000000",
		})
	}
	d := newDriver(teller, 80, 24)
	best := time.Hour
	for range 5 {
		d.press("ctrl+u")
		worst := time.Duration(0)
		for _, key := range []string{"w", "a", "l", "l", "e", "t", "9", "9", "9", "9"} {
			start := time.Now()
			d.press(key)
			_ = d.View()
			worst = max(worst, time.Since(start))
		}
		best = min(best, worst)
	}
	t.Logf("slowest key of 10: %s", best)
	if best > 16*time.Millisecond {
		t.Errorf("a key took %s", best)
	}
	d.press("enter")
	if left, _ := d.top().title(); left != "Wallet9999" {
		t.Errorf("opened %s", left)
	}
	d.press("esc", "ctrl+u", "000004711abc", "enter") // by a part of its address
	if left, _ := d.top().title(); left != "Wallet4712" {
		t.Errorf("opened %s", left)
	}
}

// TestDoubleEnterPaysOnce: keys while a payment is on its way do nothing, and
// the same payment tried again has the same key.
func TestDoubleEnterPaysOnce(t *testing.T) {
	teller := newFakeTeller()
	d := newDriver(teller, 80, 24)
	d.press("enter", "s", "Wallet2", "tab", "1.5", "enter")
	d.hold = true
	d.press("enter", "enter", "enter", "x", "esc")
	if n := len(d.held); n != 1 {
		t.Fatalf("%d payments are on their way", n)
	}
	d.release()
	if len(teller.pays) != 1 || !strings.Contains(d.shot(), "Sent.") {
		t.Fatalf("%d payments\n%s", len(teller.pays), d.shot())
	}
	// Failing with an unknown end and trying again is the same payment.
	teller = newFakeTeller()
	var keys []string
	teller.pay = func(string) error {
		keys = append(keys, "tried")
		if len(keys) == 1 {
			return errors.New("the host went away")
		}
		return nil
	}
	d = newDriver(teller, 80, 24)
	d.press("enter", "s", "Wallet2", "tab", "1.5", "enter")
	before := d.top().(*sendPage).key
	d.press("enter")
	if !strings.Contains(d.shot(), "the host went away") {
		t.Errorf("not said:\n%s", d.shot())
	}
	d.press("enter", "enter")
	if len(teller.pays) != 1 || teller.pays[0].Key != before {
		t.Errorf("paid %+v, first key %s", teller.pays, before)
	}
	// A changed payment is another one.
	d = newDriver(newFakeTeller(), 80, 24)
	d.press("enter", "s", "Wallet2", "tab", "1")
	before = d.top().(*sendPage).key
	d.press("2")
	if d.top().(*sendPage).key == before {
		t.Error("another amount kept the key")
	}
}

// TestOldAnswersAreDropped: what was asked about an earlier text does not show
// for a later one.
func TestOldAnswersAreDropped(t *testing.T) {
	teller := newFakeTeller()
	d := newDriver(teller, 80, 24)
	d.press("enter", "s", "Wallet2", "tab")
	d.hold = true
	d.press("1", "2", "3")
	d.release()
	if len(teller.quotes) != 1 || teller.quotes[0].Amount != "123" {
		t.Errorf("asked %+v", teller.quotes)
	}
	d.hold = true
	d.press("4")
	if strings.Contains(d.shot(), "0.00000282") {
		t.Error("the fee of an earlier amount is shown")
	}
	d.release()
	if !strings.Contains(d.shot(), "0.00000282") {
		t.Error("the fee is missing")
	}
}

// TestEnterBeforeTheAnswerGoesOnWithIt: whoever types quickly need not wait.
func TestEnterBeforeTheAnswerGoesOnWithIt(t *testing.T) {
	teller := newFakeTeller()
	d := newDriver(teller, 80, 24)
	d.press("enter", "s", "Wallet2", "tab")
	d.hold = true
	d.press("1", "enter", "enter")
	if len(teller.pays) > 0 {
		t.Fatal("paid before the summary was seen")
	}
	d.release()
	if p := d.top().(*sendPage); p.step != stepReview || len(teller.pays) > 0 {
		t.Errorf("step %d, %d payments", p.step, len(teller.pays))
	}
}

// TestPaymentLinkFillsTheForm: a link sets the address and the amount.
func TestPaymentLinkFillsTheForm(t *testing.T) {
	teller := newFakeTeller()
	teller.link = "bcrt1qp7shgcwx3mpzgxjvff0d77vuhchcldzfxnktde"
	d := newDriver(teller, 80, 24)
	d.press("enter", "s")
	d.send(tea.PasteMsg{Content: "bitcoin:bcrt1qp7shgcwx3mpzgxjvff0d77vuhchcldzfxnktde?amount=0.25\n"})
	d.press("enter")
	p := d.top().(*sendPage)
	if o := p.order(); o.To != teller.link || o.Amount != "0.25" {
		t.Errorf("the form has %+v", o)
	}
	d.press("enter", "enter")
	if len(teller.pays) != 1 || teller.pays[0].Amount != "0.25" {
		t.Errorf("paid %+v", teller.pays)
	}
}

// TestPayeeFromTheList: Enter in an empty field opens the list, and what is
// chosen there is in the field.
func TestPayeeFromTheList(t *testing.T) {
	d := newDriver(newFakeTeller(), 80, 24)
	d.press("enter", "s", "enter", "5", "enter", "2", "enter")
	p := d.top().(*sendPage)
	if o := p.order(); o.To != "Wallet5" || o.Amount != "2" || p.step != stepReview {
		t.Errorf("step %d with %+v", p.step, o)
	}
}

// TestEscLeavesAndGoesBack: from the list it leaves as Ctrl-C does from anywhere.
func TestEscLeavesAndGoesBack(t *testing.T) {
	d := newDriver(newFakeTeller(), 80, 24)
	d.press("enter", "s", "esc", "esc")
	if left, _ := d.top().title(); left != "Wallets" || d.left {
		t.Fatalf("at %s, left %v", left, d.left)
	}
	d.press("esc")
	if !d.left || !d.done || d.View().Content != "" {
		t.Error("Esc did not leave the list")
	}
	d = newDriver(newFakeTeller(), 80, 24)
	d.press("enter", "r", "ctrl+c")
	if !d.left || !d.done {
		t.Error("Ctrl-C did not leave")
	}
}

// TestScreensDoWhatTheySay: labels, names and new addresses reach the teller.
func TestScreensDoWhatTheySay(t *testing.T) {
	teller := newFakeTeller()
	d := newDriver(teller, 80, 24)
	d.press("enter", "n", "ctrl+u", "Alice", "enter")
	if teller.renamed != "Alice" || !strings.Contains(d.shot(), "Renamed.") {
		t.Errorf("renamed %q\n%s", teller.renamed, d.shot())
	}
	d.press("l", "rent", "enter")
	if teller.labels[teller.rows[0].Address] != "rent" {
		t.Errorf("labels %q", teller.labels)
	}
	d.press("r", "ctrl+n", "tab", "lunch", "enter")
	if teller.fresh != 1 || teller.labels["bcrt1qp7shgcwx3mpzgxjvff0d77vuhchcldzfxnktde"] != "lunch" {
		t.Errorf("%d new addresses, labels %q", teller.fresh, teller.labels)
	}
	d.press("esc", "w")
	if strings.Contains(d.shot(), "segment") {
		t.Error("the words are shown before Enter")
	}
	d.press("enter")
	if !strings.Contains(d.shot(), "2 segment") {
		t.Errorf("no words:\n%s", d.shot())
	}
	d.press("esc")
	if strings.Contains(d.shot(), "segment") {
		t.Error("the words stayed")
	}
}

// TestHiddenPassphraseIsNotDrawn: neither it nor its length.
func TestHiddenPassphraseIsNotDrawn(t *testing.T) {
	teller := newFakeTeller()
	teller.pay = func(p string) error {
		if p != "correct horse" {
			return ErrLocked
		}
		return nil
	}
	d := newDriver(teller, 80, 24)
	d.press("enter", "s", "Wallet2", "tab", "1.5", "enter", "enter")
	before := d.shot()
	d.press("correct horse")
	if d.shot() != before {
		t.Error("typing it changed the screen")
	}
	d.press("enter")
	if len(teller.pays) != 1 {
		t.Errorf("%d payments", len(teller.pays))
	}
}

// TestHistoryPages walks through all of it.
func TestHistoryPages(t *testing.T) {
	d := newDriver(newFakeTeller(), 80, 24)
	d.press("enter", "h")
	p := d.top().(*historyPage)
	for range 200 {
		d.press("down")
	}
	if p.skip+len(p.past.Rows) != 57 || p.at != len(p.past.Rows)-1 {
		t.Errorf("skip %d, at %d of %d", p.skip, p.at, len(p.past.Rows))
	}
	for range 200 {
		d.press("up")
	}
	if p.skip != 0 || p.at != 0 {
		t.Errorf("skip %d, at %d", p.skip, p.at)
	}
	d.press("pgdown", "pgdown", "pgup", "end", "home")
	if p.skip != 0 {
		t.Errorf("skip %d", p.skip)
	}
}

// TestCtrlCWhilePaying does not leave in silence while a payment is on its way:
// the first Ctrl-C says so, the second leaves without claiming that nothing was
// done.
func TestCtrlCWhilePaying(t *testing.T) {
	teller := newFakeTeller()
	s := newScreens(t.Context(), teller)
	p := newSendPage(s, teller.rows[0], Order{To: "Wallet2", Amount: "1.5"}, true)
	s.stack = []page{p}
	p.quote, p.quoted, p.step = &Quote{}, p.order(), stepReview
	press := func(k tea.KeyPressMsg) tea.Cmd {
		_, cmd := s.Update(k)
		return cmd
	}
	ctrlC := tea.KeyPressMsg{Code: 'c', Mod: tea.ModCtrl}
	pays := press(tea.KeyPressMsg{Code: tea.KeyEnter})
	if cmd := press(ctrlC); cmd != nil || s.done || !strings.Contains(s.View().Content, "on its way") {
		t.Fatalf("left at once: %v", s.done)
	}
	if press(ctrlC) == nil || !s.done || s.left || !s.unsure || !s.paying() {
		t.Error("the second Ctrl-C does not leave")
	}
	// Had the answer come before, it would have been told, and Ctrl-C leaves as ever.
	s.done = false
	s.Update(pays())
	if s.paid == nil || s.paying() || press(ctrlC) == nil || !s.left {
		t.Errorf("after the answer: %+v", s.paid)
	}
}
