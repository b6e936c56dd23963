package console

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/muesli/cancelreader"
	"golang.org/x/term"
)

// maxAnswer is the most bytes that one answer may have. Policy: longer than
// any mnemonic, and a paste of a whole file ends soon.
const maxAnswer = 4096

// Confirm asks a question that is answered with yes or no; Enter alone is
// preset. It returns ErrNoTerminal where nobody can be asked, and ErrCancelled
// after Ctrl-C or the end of input.
func (s *Screen) Confirm(ctx context.Context, question string, preset bool) (bool, error) {
	choices := " [y/N] "
	if preset {
		choices = " [Y/n] "
	}
	for {
		answer, err := s.Ask(ctx, question+choices)
		if err != nil {
			return false, err
		}
		switch strings.ToLower(strings.TrimSpace(answer)) {
		case "":
			return preset, nil
		case "y", "yes":
			return true, nil
		case "n", "no":
			return false, nil
		}
		s.Notef("Please answer yes or no.\n")
	}
}

// Ask asks for one line and shows it as it is typed.
func (s *Screen) Ask(ctx context.Context, prompt string) (string, error) {
	if !s.Interactive {
		return "", ErrNoTerminal
	}
	s.Notef("%s", prompt)
	line, err := readLine(ctx, s.In)
	if errors.Is(err, ErrCancelled) && ctx.Err() == nil {
		s.Notef("\n") // the end of input moves no cursor
	}
	return line, err
}

// Secret asks for one line that is not shown.
func (s *Screen) Secret(ctx context.Context, prompt string) (string, error) {
	f, ok := s.In.(*os.File)
	if !s.Interactive || !ok {
		return "", ErrNoTerminal
	}
	state, err := term.MakeRaw(int(f.Fd()))
	if err != nil {
		return "", fmt.Errorf("hiding what is typed: %w", err)
	}
	defer s.Notef("\r\n")
	defer func() { _ = term.Restore(int(f.Fd()), state) }() // nothing is left to do about it
	s.Notef("%s", prompt)
	return readSecret(ctx, f)
}

// NewSecret asks for a new secret twice until both are the same. An empty one
// is refused.
func (s *Screen) NewSecret(ctx context.Context, name string) (string, error) {
	for {
		first, err := s.Secret(ctx, name+": ")
		if err != nil {
			return "", err
		}
		if first == "" {
			s.Notef("It is empty. Type one, or leave with Ctrl-C.\n")
			continue
		}
		again, err := s.Secret(ctx, name+", once more: ")
		if err != nil {
			return "", err
		}
		if first == again {
			return first, nil
		}
		s.Notef("The two are not the same. Once more, please.\n")
	}
}

// interruptible returns a reader of in whose reads end when ctx ends. A read
// that was left waiting would swallow the answer to the next question.
func interruptible(ctx context.Context, in io.Reader) (cancelreader.CancelReader, func(), error) {
	r, err := cancelreader.NewReader(in)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the terminal: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { r.Cancel() })
	return r, func() { stop(); r.Close() }, nil
}

// readLine reads a line byte by byte, so that nothing after it is lost.
func readLine(ctx context.Context, in io.Reader) (string, error) {
	r, done, err := interruptible(ctx, in)
	if err != nil {
		return "", err
	}
	defer done()
	var line []byte
	for {
		b, err := readByte(r)
		switch {
		case err == nil && b == '\n':
			return strings.TrimRight(string(line), "\r"), nil
		case err == nil && len(line) >= maxAnswer:
			return "", fmt.Errorf("the answer is longer than %d characters", maxAnswer)
		case err == nil:
			line = append(line, b)
		case errors.Is(err, io.EOF) && len(line) > 0:
			return string(line), nil
		case errors.Is(err, io.EOF), errors.Is(err, cancelreader.ErrCanceled):
			return "", ErrCancelled
		default:
			return "", fmt.Errorf("reading the answer: %w", err)
		}
	}
}

// readSecret reads a line from a terminal in raw mode, where the keys that
// end, erase and interrupt come as bytes.
func readSecret(ctx context.Context, in io.Reader) (string, error) {
	r, done, err := interruptible(ctx, in)
	if err != nil {
		return "", err
	}
	defer done()
	const (
		ctrlC, ctrlD, backspace, newline, enter, ctrlU, escape, rubout = 3, 4, 8, 10, 13, 21, 27, 127
	)
	var line []byte
	defer func() { clear(line[:cap(line)]) }()
	for {
		b, err := readByte(r)
		if errors.Is(err, io.EOF) || errors.Is(err, cancelreader.ErrCanceled) {
			return "", ErrCancelled
		}
		if err != nil {
			return "", fmt.Errorf("reading the answer: %w", err)
		}
		switch b {
		case newline, enter:
			return string(line), nil
		case ctrlC, ctrlD, escape:
			return "", ErrCancelled
		case ctrlU:
			line = line[:0]
		case backspace, rubout:
			_, n := utf8.DecodeLastRune(line)
			line = line[:len(line)-n]
		default:
			if len(line) >= maxAnswer {
				return "", fmt.Errorf("the answer is longer than %d characters", maxAnswer)
			}
			line = append(line, b)
		}
	}
}

func readByte(r io.Reader) (byte, error) {
	var b [1]byte
	n, err := r.Read(b[:])
	if n == 1 {
		return b[0], nil
	}
	if err == nil {
		err = io.EOF
	}
	return 0, err
}

// ReadAll reads a piped answer whole, at most limit bytes, and refuses more.
func ReadAll(in io.Reader, limit int) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(in, int64(limit)+1))
	if err != nil {
		return nil, fmt.Errorf("reading the input: %w", err)
	}
	if len(b) > limit {
		return nil, fmt.Errorf("the input is longer than %s", Size(int64(limit)))
	}
	return bytes.TrimRight(b, "\r\n"), nil
}
