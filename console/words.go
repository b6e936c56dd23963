package console

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"
)

// WordList is what the entry of recovery words knows of them. The functions
// come from package keys.
type WordList struct {
	// Known returns a word as the list has it. The words before it tell the
	// language.
	Known func(before []string, word string) (string, bool)
	// Complete returns the words that begin with prefix, in order.
	Complete func(before []string, prefix string) []string
	// Nearest returns words that may have been meant, the likeliest first.
	Nearest func(before []string, word string) []string
	// Check judges all of them together: count and checksum.
	Check func(words []string) error
}

// counts are the lengths that a mnemonic may have (BIP39).
var counts = []int{12, 15, 18, 21, 24}

// Words lets the person type recovery words one by one. Each is visible while
// the entry lasts, completed with Tab and checked as it comes; all is typed on
// the terminal's alternate screen, so that nothing stays on the screen or in
// its scrollback. It returns ErrCancelled after Esc or Ctrl-C.
func (s *Screen) Words(ctx context.Context, list WordList) ([]string, error) {
	if !s.Interactive {
		return nil, ErrNoTerminal
	}
	if s.Plain {
		return s.wordsPlain(ctx, list)
	}
	model, err := tea.NewProgram(&wordEntry{list: list}, tea.WithContext(ctx),
		tea.WithInput(s.In), tea.WithOutput(s.Err), tea.WithoutSignalHandler()).Run()
	if err != nil && ctx.Err() == nil {
		return nil, fmt.Errorf("showing the entry of words: %w", err)
	}
	m, ok := model.(*wordEntry)
	if !ok || !m.accepted {
		return nil, ErrCancelled
	}
	return m.words, nil
}

// wordsPlain asks for a word a line. It too uses the alternate screen: the
// words must not stay in the scrollback.
func (s *Screen) wordsPlain(ctx context.Context, list WordList) ([]string, error) {
	s.Notef("\x1b[?1049h\x1b[H")
	defer s.Notef("\x1b[2J\x1b[?1049l")
	s.Notef("Type one word a line. An empty line ends; \"back\" takes one back.\n")
	entry := &wordEntry{list: list}
	for {
		answer, err := s.Ask(ctx, fmt.Sprintf("Word %d: ", len(entry.words)+1))
		if err != nil {
			return nil, err
		}
		switch answer = strings.TrimSpace(answer); answer {
		case "":
			entry.finish()
		case "back":
			if n := len(entry.words); n > 0 {
				entry.words = entry.words[:n-1]
			}
		default:
			entry.add(answer)
		}
		if entry.accepted {
			return entry.words, nil
		}
		if entry.message != "" {
			s.Notef("%s\n", entry.message)
		} else if hint := entry.mayEnd(); hint != "" {
			s.Notef("%s\n", hint)
		}
	}
}

// wordEntry is the model of the entry: the words so far and the one that is
// being typed.
type wordEntry struct {
	list     WordList
	words    []string
	typed    string
	message  string
	width    int // of the terminal, 0 while unknown
	accepted bool
	left     bool
}

// Init implements tea.Model.
func (m *wordEntry) Init() tea.Cmd { return nil }

// Update implements tea.Model.
func (m *wordEntry) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width = msg.Width
	case tea.PasteMsg:
		m.add(m.typed + msg.Content)
	case tea.KeyPressMsg:
		m.key(msg)
	}
	if m.accepted || m.left {
		return m, tea.Quit
	}
	return m, nil
}

func (m *wordEntry) key(msg tea.KeyPressMsg) {
	switch msg.String() {
	case "esc", "ctrl+c":
		m.left = true
	case "tab":
		m.complete()
	case "enter":
		if m.typed == "" {
			m.finish()
			return
		}
		m.take()
	case "space":
		if m.typed != "" {
			m.take()
		}
	case "ctrl+u":
		m.typed, m.message = "", ""
	case "backspace":
		m.message = ""
		if r := []rune(m.typed); len(r) > 0 {
			m.typed = string(r[:len(r)-1])
		} else if n := len(m.words); n > 0 {
			m.typed, m.words = m.words[n-1], m.words[:n-1]
		}
	default:
		if msg.Text != "" {
			m.message = ""
			m.typed += strings.ToLower(msg.Text)
		}
	}
}

// complete finishes the typed word when only one begins so, else as far as
// all that do agree.
func (m *wordEntry) complete() {
	found := m.list.Complete(m.words, m.typed)
	switch {
	case m.typed == "" || len(found) == 0:
		return
	case len(found) == 1 || found[0] == m.typed:
		m.add(found[0])
		return
	}
	if common := commonPrefix(found); len(common) > len(m.typed) {
		m.typed = common
	}
}

// enough is how many letters of a word tell it from all others of its list
// (BIP39).
const enough = 4

// take takes over what is typed: a word, or enough of its beginning.
func (m *wordEntry) take() {
	if _, ok := m.list.Known(m.words, m.typed); !ok && len([]rune(m.typed)) >= enough {
		if found := m.list.Complete(m.words, m.typed); len(found) == 1 {
			m.typed = found[0]
		}
	}
	m.add(m.typed)
}

// add takes over words separated by white space up to the first that is not
// in the list, which stays in the field with the nearest ones named.
func (m *wordEntry) add(text string) {
	m.typed, m.message = "", ""
	fields := strings.Fields(strings.ToLower(text))
	for i, word := range fields {
		known, ok := m.list.Known(m.words, word)
		if !ok {
			m.typed = strings.Join(fields[i:], " ")
			m.message = fmt.Sprintf("%q is not in the word list.", Clean(word))
			if near := m.list.Nearest(m.words, word); len(near) > 0 {
				m.message += " Near it: " + strings.Join(near, ", ") + "."
			}
			return
		}
		m.words = append(m.words, known)
	}
	if len(m.words) == 24 {
		m.finish()
	}
}

// mayEnd says, when there are as many words as a mnemonic can have, whether they
// are one: Enter ends the entry then.
func (m *wordEntry) mayEnd() string {
	if !slices.Contains(counts, len(m.words)) {
		return ""
	}
	if m.list.Check(m.words) != nil {
		return fmt.Sprintf("These %d words are no mnemonic, one of them is wrong; or go on typing.", len(m.words))
	}
	return fmt.Sprintf("These %d words fit together: Enter ends, or go on typing.", len(m.words))
}

// finish ends the entry if the words belong together.
func (m *wordEntry) finish() {
	if !slices.Contains(counts, len(m.words)) {
		m.message = fmt.Sprintf("%s so far; a mnemonic has 12, 15, 18, 21 or 24.", Count(len(m.words), "word"))
		return
	}
	if err := m.list.Check(m.words); err != nil {
		m.message = err.Error()
		return
	}
	m.accepted = true
}

// View implements tea.Model.
func (m *wordEntry) View() tea.View {
	var b strings.Builder
	b.WriteString(boldStyle.Render("Type the recovery words") + "\n\n")
	for i, word := range m.words {
		fmt.Fprintf(&b, "%3d %-12s", i+1, word)
		if i%4 == 3 {
			b.WriteString("\n")
		}
	}
	if len(m.words)%4 != 0 {
		b.WriteString("\n")
	}
	prompt := fmt.Sprintf("%3d ", len(m.words)+1)
	row := strings.Count(b.String(), "\n")
	b.WriteString(prompt + m.typed + "\n\n")
	folded := func(text string) string { return fold(text, cmp.Or(m.width, 80), "\n") }
	switch found := m.list.Complete(m.words, m.typed); {
	case m.message != "":
		b.WriteString(warnStyle.Render(folded(m.message)))
	case m.typed != "" && len(found) > 0:
		b.WriteString(faintStyle.Render(folded(strings.Join(found[:min(len(found), 8)], "  "))))
	case m.typed != "":
		b.WriteString(warnStyle.Render(folded("no word begins so; near it: " + strings.Join(m.list.Nearest(m.words, m.typed), ", "))))
	default:
		b.WriteString(folded(m.mayEnd()))
	}
	b.WriteString("\n\n" + faintStyle.Render(folded("Tab completes · Space or Enter takes the word · Backspace back · Esc leaves")) + "\n")
	v := tea.NewView(b.String())
	v.AltScreen = true
	v.Cursor = tea.NewCursor(len([]rune(prompt+m.typed)), row)
	return v
}

func commonPrefix(words []string) string {
	prefix := words[0]
	for _, word := range words[1:] {
		for !strings.HasPrefix(word, prefix) {
			prefix = prefix[:len(prefix)-1]
		}
	}
	return strings.ToValidUTF8(prefix, "")
}
