package console

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
)

// quoteDelay is how long the keys must rest before a payment is computed anew.
// Policy: long enough that a typed address is one question, short enough that
// the answer seems to be there at once.
const quoteDelay = 120 * time.Millisecond

// page is one of the screens: what it shows between the title and the line of
// keys, and what a message does to it.
type page interface {
	title() (left, right string)
	// body is at most as wide and as high as said. The cursor's place is in it;
	// nil hides the cursor.
	body(width, height int) (string, *tea.Cursor)
	help() string
	update(msg tea.Msg) tea.Cmd
	// shown is called when the page comes to the top: first, or again after the
	// one above it went.
	shown() tea.Cmd
}

// screens is the model of all wallet screens: a stack of pages, the top one
// seen. Only the program's loop touches it; calls of the teller run beside it and
// come back as replies.
type screens struct {
	ctx    context.Context
	teller Teller
	stack  []page
	width  int
	height int
	delay  time.Duration
	ascii  bool // no block characters

	flash string // said once, above the keys
	left  bool   // by Esc or Ctrl-C
	done  bool
	paid  *Paid // by the form that was opened alone
	// unsure: Ctrl-C was pressed while a payment was on its way.
	unsure bool
}

func newScreens(ctx context.Context, t Teller) *screens {
	return &screens{ctx: ctx, teller: t, width: 80, height: 24, delay: quoteDelay}
}

// reply is what came back from the teller: then puts it into the page that asked.
type reply struct{ then func() tea.Cmd }

// ask runs work beside the screens and hands its result to then.
func ask[T any](s *screens, work func(context.Context) (T, error), then func(T, error) tea.Cmd) tea.Cmd {
	return func() tea.Msg {
		result, err := work(s.ctx)
		return reply{func() tea.Cmd { return then(result, err) }}
	}
}

// later calls then after a while, unless what it is about has changed; that is
// for then to see.
func (s *screens) later(then func() tea.Cmd) tea.Cmd {
	if s.delay == 0 {
		return func() tea.Msg { return reply{then} }
	}
	return tea.Tick(s.delay, func(time.Time) tea.Msg { return reply{then} })
}

func (s *screens) top() page { return s.stack[len(s.stack)-1] }

// push opens a page above the others.
func (s *screens) push(p page) tea.Cmd {
	s.stack = append(s.stack, p)
	return p.shown()
}

// pop closes a page and what is above it. The last one ends the screens.
func (s *screens) pop(p page) tea.Cmd {
	at := slices.Index(s.stack, p)
	if at < 0 {
		return nil
	}
	s.stack = s.stack[:at]
	if at == 0 {
		s.stack, s.done = []page{p}, true
		return tea.Quit
	}
	return s.top().shown()
}

// Init implements tea.Model.
func (s *screens) Init() tea.Cmd { return s.top().shown() }

// Update implements tea.Model.
func (s *screens) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		s.width, s.height = msg.Width, msg.Height
		return s, s.top().update(msg)
	case reply:
		if s.done {
			return s, nil
		}
		return s, msg.then()
	case tea.KeyPressMsg:
		s.flash = ""
		if msg.String() == "ctrl+c" {
			if s.paying() {
				if !s.unsure { // a moment, and the person is told what became of it
					s.unsure, s.flash = true, "The payment is on its way. Ctrl-C once more leaves without its answer."
					return s, nil
				}
				s.done = true
				return s, tea.Quit
			}
			s.left, s.done = true, true
			return s, tea.Quit
		}
	}
	return s, s.top().update(msg)
}

// back is what Esc does on a page: it goes back, and from the first leaves.
func (s *screens) back(p page) tea.Cmd {
	if s.stack[0] == p {
		s.left = true
	}
	return s.pop(p)
}

// leastWidth and leastHeight are the smallest terminal that the screens fit in.
const (
	leastWidth  = 40
	leastHeight = 10
)

// View implements tea.Model: the title, the page, and the keys at the bottom.
func (s *screens) View() tea.View {
	if s.done {
		return tea.NewView("")
	}
	v := tea.NewView("")
	v.AltScreen = true
	if s.width < leastWidth || s.height < leastHeight {
		v.Content = clip(fmt.Sprintf("too small: needs %d×%d", leastWidth, leastHeight), s.width)
		return v
	}
	help := foldHelp(s.top().help(), s.width-1)
	room := s.height - 3 - len(help)
	body, cursor := s.top().body(s.width, room)
	lines := strings.Split(strings.TrimRight(body, "\n"), "\n")
	lines = lines[:min(len(lines), room)]
	for len(lines) < room {
		lines = append(lines, "")
	}
	var b strings.Builder
	left, right := s.top().title()
	b.WriteString(titleLine(left, right, s.width) + "\n\n")
	for _, line := range lines {
		b.WriteString(lipgloss.NewStyle().MaxWidth(s.width).Render(line) + "\n")
	}
	b.WriteString(clip(s.flash, s.width) + "\n")
	for i := range help {
		help[i] = clip(help[i], s.width)
	}
	b.WriteString(faintStyle.Render(strings.Join(help, "\n")))
	v.Content = b.String()
	if cursor != nil && cursor.Y < room {
		cursor.X, cursor.Y = min(cursor.X, s.width-1), cursor.Y+2
		v.Cursor = cursor
	}
	return v
}

// foldHelp breaks the line of keys between keys.
func foldHelp(text string, width int) []string {
	var lines []string
	for _, part := range strings.Split(text, " · ") {
		if last := len(lines) - 1; last >= 0 && lipgloss.Width(lines[last]+" · "+part) <= width {
			lines[last] += " · " + part
			continue
		}
		lines = append(lines, part)
	}
	return lines
}

// titleLine is a page's first line: its name, and what belongs to it at the
// right.
func titleLine(left, right string, width int) string {
	left = clip(left, width)
	gap := width - lipgloss.Width(left) - lipgloss.Width(right)
	if right == "" || gap < 2 {
		return boldStyle.Render(left)
	}
	return boldStyle.Render(left) + strings.Repeat(" ", gap) + faintStyle.Render(right)
}

// clip cuts text to a number of columns, with an ellipsis where some is missing.
// Wide characters count as two.
func clip(text string, columns int) string {
	if lipgloss.Width(text) <= columns {
		return text
	}
	r := []rune(text)
	for len(r) > 0 && lipgloss.Width(string(r))+1 > columns {
		r = r[:len(r)-1]
	}
	return string(r) + "…"
}

// pad fills text up to a number of columns.
func pad(text string, columns int) string {
	return text + strings.Repeat(" ", max(0, columns-lipgloss.Width(text)))
}

// problem marks a line as what is wrong, also where there is no colour.
func problem(text string, width int) string {
	return warnStyle.Render("! " + fold(Clean(text), width-2, "\n  "))
}

// errUnsure: the screens were left before a payment was answered.
var errUnsure = errors.New("left while a payment was on its way: lode history shows whether it was made; look before paying again")

// paying says whether a payment is on its way.
func (s *screens) paying() bool {
	p, ok := s.top().(*sendPage)
	return ok && p.step == stepPaying
}

// run shows the screens until they are left.
func (s *Screen) run(ctx context.Context, m *screens) error {
	m.ascii = s.ASCII
	_, err := tea.NewProgram(m, tea.WithContext(ctx),
		tea.WithInput(s.In), tea.WithOutput(s.Err), tea.WithoutSignalHandler()).Run()
	switch {
	case m.unsure && m.paying():
		return errUnsure
	case ctx.Err() != nil, m.left:
		return ErrCancelled
	case err != nil:
		return fmt.Errorf("showing the screen: %w", err)
	}
	return nil
}

// Wallets lets the person walk through the wallets: find one, pay, be paid, look
// back, rename, label and see the words. A plain screen asks with numbers. It
// returns ErrNoTerminal where nobody can be asked, and ErrCancelled after Esc or
// Ctrl-C.
func (s *Screen) Wallets(ctx context.Context, t Teller) error {
	switch {
	case !s.Interactive:
		return ErrNoTerminal
	case s.Plain:
		return s.walletsPlain(ctx, t)
	}
	m := newScreens(ctx, t)
	m.stack = []page{newListPage(m, nil)}
	return s.run(ctx, m)
}

// SendForm lets the person fill in a payment from a wallet and makes it. What is
// in the order already is there to be changed. Errors are as those of Wallets.
func (s *Screen) SendForm(ctx context.Context, t Teller, from WalletRow, o Order) (Paid, error) {
	switch {
	case !s.Interactive:
		return Paid{}, ErrNoTerminal
	case s.Plain:
		return s.sendPlain(ctx, t, from, o)
	}
	m := newScreens(ctx, t)
	m.stack = []page{newSendPage(m, from, o, true)}
	err := s.run(ctx, m)
	if m.paid != nil {
		return *m.paid, nil
	}
	if err == nil {
		err = errors.New("the form was left")
	}
	return Paid{}, err
}
