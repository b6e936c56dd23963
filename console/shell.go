package console

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"golang.org/x/term"
)

// Shell is a prompt at which commands are typed. What a command does is Run's
// business; the shell reads lines, keeps a history and completes words.
//
// Notices may arrive from another goroutine while a line is being typed:
// Notice prints them above the prompt, and the line stays as it is.
type Shell struct {
	Screen *Screen
	Prompt func() string
	// Run runs one command line, split into words. ErrCancelled ends nothing
	// but the command.
	Run func(ctx context.Context, words []string) error
	// Failed prints the error of a command that ran under ctx.
	Failed func(ctx context.Context, err error)
	// Complete returns the words that may follow the given ones; the last of
	// them is the one being typed, possibly empty.
	Complete func(words []string) []string
	// History is the file that remembers lines, or empty. Lines for which
	// Secret is true are left out.
	History string
	Secret  func(line string) bool

	mu       sync.Mutex
	terminal *term.Terminal // while a line is being typed
	queued   []string       // notices that came while a command ran
}

// ErrLeave ends the shell when Run returns it.
var ErrLeave = errors.New("leave")

// Script reads commands from a pipe, a line each, and stops at the first that
// fails. Empty lines and those that begin with # are skipped.
func (sh *Shell) Script(ctx context.Context, in io.Reader) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 64<<10)
	for number := 1; lines.Scan(); number++ {
		words, err := Split(lines.Text())
		if err != nil {
			return fmt.Errorf("line %d: %w", number, err)
		}
		if len(words) == 0 {
			continue
		}
		if err := sh.Run(ctx, words); errors.Is(err, ErrLeave) {
			return nil
		} else if err != nil {
			return fmt.Errorf("line %d: %w", number, err)
		}
		if ctx.Err() != nil {
			return ErrCancelled
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("reading the script: %w", err)
	}
	return nil
}

// Interact reads commands at the prompt until one of them returns ErrLeave, the
// input ends (nil), or Ctrl-C is pressed twice in a row (ErrCancelled). The first
// Ctrl-C empties the line. While a command runs, Ctrl-C ends that command: each
// gets a context from withInterrupt, whose second result gives the signal back.
func (sh *Shell) Interact(ctx context.Context, withInterrupt func(context.Context) (context.Context, func())) error {
	in, ok := sh.Screen.In.(*os.File)
	if !ok {
		return ErrNoTerminal
	}
	keys := &keyReader{}
	t := term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{keys, sh.Screen.Err}, "")
	t.History = newHistory(sh.History)
	t.AutoCompleteCallback = sh.complete
	for interrupts := 0; interrupts < 2; {
		line, err := sh.read(ctx, in, keys, t)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if keys.interrupted {
			if interrupts++; interrupts == 1 {
				sh.Screen.Notef("Ctrl-C once more or Ctrl-D leaves; \"help\" lists the commands.\n")
			}
			continue
		}
		interrupts = 0
		words, err := Split(line)
		if err != nil {
			sh.Failed(ctx, err)
			continue
		}
		if len(words) == 0 {
			continue
		}
		if sh.Secret == nil || !sh.Secret(line) {
			t.History.(*history).keep(line)
		}
		runCtx, done := withInterrupt(ctx)
		err = sh.Run(runCtx, words)
		done()
		switch {
		case errors.Is(err, ErrLeave):
			return nil
		case err != nil:
			sh.Failed(runCtx, err)
		}
	}
	return ErrCancelled
}

// read reads one line with the terminal in raw mode, which it leaves as it
// was: commands that ask questions find the terminal as usual.
func (sh *Shell) read(ctx context.Context, in *os.File, keys *keyReader, t *term.Terminal) (string, error) {
	state, err := term.MakeRaw(int(in.Fd()))
	if err != nil {
		return "", fmt.Errorf("setting up the terminal: %w", err)
	}
	defer func() { _ = term.Restore(int(in.Fd()), state) }() // nothing is left to do about it
	if width, height, err := term.GetSize(int(in.Fd())); err == nil {
		_ = t.SetSize(max(width, 1), max(height, 1))
	}
	r, done, err := interruptible(ctx, in)
	if err != nil {
		return "", err
	}
	defer done()
	keys.Reader, keys.interrupted = r, false
	t.SetPrompt(sh.Prompt())

	sh.mu.Lock()
	for _, text := range sh.queued {
		fmt.Fprintf(t, "%s\n", text)
	}
	sh.queued, sh.terminal = nil, t
	sh.mu.Unlock()
	defer func() {
		sh.mu.Lock()
		sh.terminal = nil
		sh.mu.Unlock()
	}()
	line, err := t.ReadLine()
	if errors.Is(err, term.ErrPasteIndicator) {
		err = nil
	}
	if ctx.Err() != nil {
		return "", ErrCancelled
	}
	return line, err
}

// Notice prints a line above the prompt, or after the command that runs now.
// It is safe to call from any goroutine.
func (sh *Shell) Notice(text string) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.terminal == nil {
		// Bounded: a command that runs for hours keeps the newest only.
		if len(sh.queued) >= 100 {
			sh.queued = sh.queued[1:]
		}
		sh.queued = append(sh.queued, text)
		return
	}
	fmt.Fprintf(sh.terminal, "%s\n", text)
}

// complete is called by the terminal at every key.
func (sh *Shell) complete(line string, pos int, key rune) (string, int, bool) {
	if key != '\t' || sh.Complete == nil {
		return "", 0, false
	}
	words, err := Split(line[:pos])
	if err != nil {
		return line, pos, true
	}
	if len(words) == 0 || strings.HasSuffix(line[:pos], " ") {
		words = append(words, "")
	}
	last := words[len(words)-1]
	found := sh.Complete(words)
	switch len(found) {
	case 0:
		return line, pos, true
	case 1:
		last, found = found[0]+" ", nil
	default:
		if common := commonPrefix(found); len(common) > len(last) {
			last, found = common, nil
		}
	}
	if found != nil {
		sh.Notice(strings.Join(found, "  "))
		return line, pos, true
	}
	start := pos - len(words[len(words)-1])
	return line[:start] + last + line[pos:], start + len(last), true
}

// keyReader turns Ctrl-C into "empty the line and end it", and remembers that
// it did.
type keyReader struct {
	io.Reader
	interrupted bool
}

// Read implements io.Reader.
func (k *keyReader) Read(p []byte) (int, error) {
	const ctrlC, ctrlU, ctrlK = 3, 21, 11
	var b [16]byte
	n, err := k.Reader.Read(b[:min(len(b), max(1, len(p)/3))])
	out := 0
	for _, c := range b[:n] {
		if c == ctrlC {
			k.interrupted = true
			out += copy(p[out:], []byte{ctrlU, ctrlK, '\r'})
			continue
		}
		out += copy(p[out:], []byte{c})
	}
	return out, err
}

// Split splits a line into words as a shell does: spaces between them, quotes
// around those that have spaces, a backslash before a quote. What follows a #
// at the start of a word is a comment.
func Split(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	var quote rune
	started, escaped := false, false
	for _, c := range line {
		switch {
		case escaped:
			word.WriteRune(c)
			escaped = false
		case c == '\\' && quote != '\'':
			escaped, started = true, true
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(c)
		case c == '\'' || c == '"':
			quote, started = c, true
		case c == ' ' || c == '\t' || c == '\r':
			if started {
				words = append(words, word.String())
				word.Reset()
				started = false
			}
		case c == '#' && !started:
			return words, nil
		default:
			word.WriteRune(c)
			started = true
		}
	}
	if quote != 0 || escaped {
		return nil, errors.New("a quote is not closed")
	}
	if started {
		words = append(words, word.String())
	}
	return words, nil
}
