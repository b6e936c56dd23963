package console

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
)

// walletPage is one wallet and what can be done with it.
type walletPage struct {
	s   *screens
	row WalletRow
	at  int
}

// action is one thing to do with a wallet.
type action struct {
	key, name, says string
	open            func(s *screens, row WalletRow) page
	watched         string // why a wallet without keys cannot; empty: it can
}

// refused says why this cannot be done with a wallet, empty where it can.
func (a *action) refused(row WalletRow) string {
	if row.Keys == NoKeys {
		return a.watched
	}
	return ""
}

// actions are all of them, in the order shown.
var actions = []action{
	{"s", "Send", "pay from this wallet", func(s *screens, w WalletRow) page { return newSendPage(s, w, Order{}, false) }, "no keys here: lode psbt create, then sign it where they are"},
	{"r", "Receive", "an address to be paid at, with its QR code", func(s *screens, w WalletRow) page { return newReceivePage(s, w) }, ""},
	{"h", "History", "what came and what went", func(s *screens, w WalletRow) page { return newHistoryPage(s, w) }, ""},
	{"d", "Details", "path, public key, coins", func(s *screens, w WalletRow) page { return newDetailsPage(s, w) }, ""},
	{"n", "Rename", "give it another name", func(s *screens, w WalletRow) page { return newRenamePage(s, w) }, ""},
	{"l", "Label", "remember something of an address", func(s *screens, w WalletRow) page { return newLabelPage(s, w) }, ""},
	{"w", "Words", "show what brings this wallet back", func(s *screens, w WalletRow) page { return newWordsPage(s, w) }, "none here: it is only watched, its words are where its keys are"},
}

func newWalletPage(s *screens, row WalletRow) *walletPage { return &walletPage{s: s, row: row} }

// shown reads the sums anew.
func (p *walletPage) shown() tea.Cmd {
	return ask(p.s, func(ctx context.Context) (WalletRow, error) { return p.s.teller.Wallet(ctx, p.row.Number) },
		func(row WalletRow, err error) tea.Cmd {
			if err == nil {
				p.row = row
			}
			return nil
		})
}

func (p *walletPage) title() (left, right string) {
	return Clean(p.row.Name), fmt.Sprintf("number %d · %s", p.row.Number, p.row.Kind)
}

func (p *walletPage) help() string {
	return "a letter, or ↑↓ and Enter · Esc goes back · Ctrl-C leaves"
}

func (p *walletPage) body(width, _ int) (string, *tea.Cursor) {
	var b strings.Builder
	sums := []string{p.row.Spendable, p.row.Immature, p.row.Pending}
	wide := 0
	for _, sum := range sums {
		wide = max(wide, lipgloss.Width(sum))
	}
	for i, label := range []string{"Spendable", "Immature ", "Pending  "} {
		fmt.Fprintf(&b, "  %s  %*s\n", faintStyle.Render(label), wide, sums[i])
	}
	fmt.Fprintf(&b, "  %s  %s\n\n", faintStyle.Render("Address  "), Short(p.row.Address, width-14))
	for i, a := range actions {
		refused := a.refused(p.row)
		line := clip(fmt.Sprintf("%s  %-8s  %s", a.key, a.name, cmp.Or(refused, a.says)), width-2)
		switch {
		case i == p.at:
			b.WriteString(markStyle.Render("> "+line) + "\n")
		case refused != "":
			b.WriteString(faintStyle.Render("  "+line) + "\n")
		default:
			b.WriteString("  " + line + "\n")
		}
	}
	return b.String(), nil
}

func (p *walletPage) update(msg tea.Msg) tea.Cmd {
	press, ok := msg.(tea.KeyPressMsg)
	if !ok {
		return nil
	}
	switch name := press.String(); name {
	case "esc", "q", "left":
		return p.s.back(p)
	case "up", "shift+tab", "k":
		p.at = max(0, p.at-1)
	case "down", "tab", "j":
		p.at = min(len(actions)-1, p.at+1)
	case "enter", "right":
		return p.open()
	default:
		for i, a := range actions {
			if a.key == name {
				p.at = i
				return p.open()
			}
		}
	}
	return nil
}

// open does what is under the cursor, or says why it cannot be done.
func (p *walletPage) open() tea.Cmd {
	a := &actions[p.at]
	if why := a.refused(p.row); why != "" {
		p.s.flash = a.name + ": " + why
		return nil
	}
	return p.s.push(a.open(p.s, p.row))
}

// detailsPage tells about a wallet.
type detailsPage struct {
	s     *screens
	row   WalletRow
	pairs [][2]string
	err   error
}

func newDetailsPage(s *screens, row WalletRow) *detailsPage { return &detailsPage{s: s, row: row} }

func (p *detailsPage) shown() tea.Cmd {
	return ask(p.s, func(ctx context.Context) ([][2]string, error) { return p.s.teller.Details(ctx, p.row.Number) },
		func(pairs [][2]string, err error) tea.Cmd {
			p.pairs, p.err = pairs, err
			return nil
		})
}

func (p *detailsPage) title() (left, right string) { return Clean(p.row.Name) + ": details", "" }
func (p *detailsPage) help() string                { return "Esc goes back · Ctrl-C leaves" }

func (p *detailsPage) body(width, _ int) (string, *tea.Cursor) {
	if p.err != nil {
		return problem(p.err.Error(), width), nil
	}
	return pairLines(p.pairs, width), nil
}

func (p *detailsPage) update(msg tea.Msg) tea.Cmd {
	if press, ok := msg.(tea.KeyPressMsg); ok && (press.String() == "esc" || press.String() == "enter" || press.String() == "q") {
		return p.s.back(p)
	}
	return nil
}

// pairLines draws pairs of a label and a value, those without a value left out.
// Long values go on below themselves.
func pairLines(pairs [][2]string, width int) string {
	indent := 0
	for _, pair := range pairs {
		if pair[1] != "" {
			indent = max(indent, lipgloss.Width(pair[0])+4)
		}
	}
	var b strings.Builder
	for _, pair := range pairs {
		if pair[1] == "" {
			continue
		}
		value := breakUp(Clean(pair[1]), width-indent-1)
		b.WriteString("  " + faintStyle.Render(pad(pair[0], indent-4)) + "  " +
			strings.Join(value, "\n"+strings.Repeat(" ", indent)) + "\n")
	}
	return b.String()
}

// breakUp breaks a text into lines: between words where it can, else within
// them.
func breakUp(text string, width int) []string {
	var lines []string
	for _, line := range strings.Split(fold(text, width, "\n"), "\n") {
		for lipgloss.Width(line) > width {
			r := []rune(line)
			n := len(r)
			for lipgloss.Width(string(r[:n])) > width {
				n--
			}
			lines = append(lines, string(r[:n]))
			line = string(r[n:])
		}
		lines = append(lines, line)
	}
	return lines
}
