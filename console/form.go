package console

import (
	"strings"

	"charm.land/bubbles/v2/key"
	"charm.land/bubbles/v2/textinput"
	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
)

// field is one line to type in, with what is said of it below.
type field struct {
	name  string // as in InputError
	label string
	input textinput.Model
	hint  string // shown faintly where nothing is wrong
	wrong string
}

// maxField is the most characters that a field takes. Policy: longer than any
// payment link that is not an attack.
const maxField = 1000

func newField(name, label, value, hint string) *field {
	input := textinput.New()
	input.Prompt = ""
	input.CharLimit = maxField
	input.SetVirtualCursor(false)
	input.SetStyles(textinput.Styles{})   // the terminal's own colour, whether it is dark or light
	input.KeyMap.Paste = key.NewBinding() // terminals paste by themselves; nothing else is started for it
	input.SetValue(Clean(value))
	return &field{name: name, label: label, input: input, hint: hint}
}

// hide shows nothing of what is typed, not even how much.
func (f *field) hide() *field {
	f.input.EchoMode = textinput.EchoNone
	return f
}

func (f *field) text() string { return strings.TrimSpace(f.input.Value()) }

// form is fields below each other, one of which takes the keys.
type form struct {
	fields []*field
	at     int
}

func newForm(fields ...*field) *form {
	f := &form{fields: fields}
	f.focus(0)
	return f
}

func (f *form) focus(at int) {
	for i, field := range f.fields {
		if i == at {
			field.input.Focus()
		} else {
			field.input.Blur()
		}
	}
	f.at = at
}

func (f *form) current() *field { return f.fields[f.at] }

// move goes to another field, round and round.
func (f *form) move(by int) { f.focus((f.at + by + len(f.fields)) % len(f.fields)) }

// clear takes away what is wrong.
func (f *form) clear() {
	for _, field := range f.fields {
		field.wrong = ""
	}
}

// blame says what is wrong with a field; with none of that name, it is false.
func (f *form) blame(name, text string) bool {
	for _, field := range f.fields {
		if field.name == name {
			field.wrong = text
			return true
		}
	}
	return false
}

// update takes a key or a paste and says whether the text of a field changed.
func (f *form) update(msg tea.Msg) (changed bool) {
	if press, ok := msg.(tea.KeyPressMsg); ok {
		switch press.String() {
		case "tab", "down":
			f.move(1)
			return false
		case "shift+tab", "up":
			f.move(-1)
			return false
		}
	}
	if paste, ok := msg.(tea.PasteMsg); ok {
		msg = tea.PasteMsg{Content: Clean(strings.TrimSpace(paste.Content))}
	}
	field := f.current()
	before := field.input.Value()
	field.input, _ = field.input.Update(msg)
	if field.input.Value() == before {
		return false
	}
	field.wrong = ""
	return true
}

// body draws the fields from the given row on and returns where the cursor is.
func (f *form) body(width, row int) (string, *tea.Cursor) {
	indent := 0
	for _, field := range f.fields {
		indent = max(indent, lipgloss.Width(field.label))
	}
	indent += 4
	var b strings.Builder
	var cursor *tea.Cursor
	for i, field := range f.fields {
		mark := "  "
		if i == f.at {
			mark = "> "
			field.input.SetWidth(width - indent - 1)
			x := indent
			if c := field.input.Cursor(); c != nil {
				x += c.X
			}
			cursor = tea.NewCursor(x, row+strings.Count(b.String(), "\n"))
		}
		field.input.SetWidth(width - indent - 1)
		b.WriteString(mark + faintStyle.Render(pad(field.label, indent-4)) + "  " + strings.TrimRight(field.input.View(), " ") + "\n")
		gap := strings.Repeat(" ", indent)
		switch {
		case field.wrong != "":
			lines := strings.Split(fold(Clean(field.wrong), width-indent-2, "\n"), "\n")
			b.WriteString(warnStyle.Render(gap+"! "+strings.Join(lines, "\n"+gap+"  ")) + "\n")
		case field.hint != "":
			b.WriteString(faintStyle.Render(gap+clip(field.hint, width-indent)) + "\n")
		default:
			b.WriteString("\n")
		}
	}
	return b.String(), cursor
}
