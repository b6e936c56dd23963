// Package console is what a person sees and types: tables, questions, the
// wallet picker, the wallets' screens, the entry of recovery words, QR codes,
// progress, and the prompt of `lode console`.
//
// It knows terminals and nothing of the chain: what to show comes in as
// values, and what was chosen goes out as one. It decides neither which command
// runs nor what it does; that is cmd/lode's. A Screen owns its terminal for as
// long as a call lasts and leaves it as it was, also after Esc and Ctrl-C.
package console

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/mattn/go-isatty"
	"golang.org/x/term"
)

// ErrCancelled reports that the person left a question or a list with Esc or
// Ctrl-C. Programs exit with 130 then.
var ErrCancelled = errors.New("cancelled")

// ErrNoTerminal reports that a question was due where nobody can be asked.
var ErrNoTerminal = errors.New("no terminal to ask at")

// Screen is where a command reads and writes. Results go to Out; questions,
// progress and notes go to Err, so that a pipe gets only results.
type Screen struct {
	In  io.Reader
	Out io.Writer
	Err io.Writer

	// Interactive says that a person sits there: questions may be asked.
	Interactive bool
	// Plain asks for numbered prompts and no cursor movement or colour.
	Plain bool
	// Color says that Out shows colours.
	Color bool
	// ASCII says that only ASCII can be shown, so that drawings take no others.
	ASCII bool
}

// NewScreen returns the screen of the process's standard streams. The
// environment variables NO_COLOR, CI and those of the locale are looked up with
// getenv.
func NewScreen(in, out, errOut *os.File, plain bool, getenv func(string) string) *Screen {
	return &Screen{
		In: in, Out: out, Err: errOut,
		Interactive: isTerminal(in) && isTerminal(errOut) && getenv("CI") == "",
		Plain:       plain || getenv("TERM") == "dumb",
		Color:       isTerminal(out) && !plain && getenv("NO_COLOR") == "" && getenv("TERM") != "dumb",
		ASCII:       !speaksUTF8(getenv),
	}
}

// speaksUTF8 says whether the locale writes UTF-8, as all do today unless they
// say otherwise (POSIX: LC_ALL before LC_CTYPE before LANG).
func speaksUTF8(getenv func(string) string) bool {
	locale := cmp.Or(getenv("LC_ALL"), getenv("LC_CTYPE"), getenv("LANG"))
	folded := strings.ReplaceAll(strings.ToLower(locale), "-", "")
	return locale == "" || strings.Contains(folded, "utf8")
}

func isTerminal(f *os.File) bool {
	return isatty.IsTerminal(f.Fd()) || isatty.IsCygwinTerminal(f.Fd())
}

// OutIsTerminal says whether results go to a terminal.
func (s *Screen) OutIsTerminal() bool {
	f, ok := s.Out.(*os.File)
	return ok && isTerminal(f)
}

// ErrIsTerminal says whether notes and progress go to a terminal.
func (s *Screen) ErrIsTerminal() bool {
	f, ok := s.Err.(*os.File)
	return ok && isTerminal(f)
}

// Width returns the columns of the terminal, 80 where there is none.
func (s *Screen) Width() int {
	for _, w := range []io.Writer{s.Out, s.Err} {
		if f, ok := w.(*os.File); ok {
			if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
				return width
			}
		}
	}
	return 80
}

// Printf writes a result.
func (s *Screen) Printf(format string, args ...any) { fmt.Fprintf(s.Out, format, args...) }

// Notef writes what is not a result: a hint, a question's answer, a warning.
func (s *Screen) Notef(format string, args ...any) { fmt.Fprintf(s.Err, format, args...) }
