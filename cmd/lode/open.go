package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/lode-chain/lode/console"
	"github.com/lode-chain/lode/network"
	"github.com/lode-chain/lode/node"
	"github.com/lode-chain/lode/rpc"
)

// openChain is a data directory that this process has open.
type openChain struct {
	*rpc.Client
	node   *node.Node
	params *network.Params
	dir    string
}

// open opens the chain for a short command. Give the result to close.
func (p *program) open(ctx context.Context, command string) (*openChain, error) {
	if p.lent != nil {
		return p.lent, nil
	}
	where, err := p.findPlace()
	if err != nil {
		return nil, err
	}
	return p.openAt(ctx, where, node.Config{Command: command})
}

// openAt opens the chain at a place; config says how.
func (p *program) openAt(ctx context.Context, where place, config node.Config) (*openChain, error) {
	config.Dir, config.Params, config.Version = where.dir, where.params, version()
	config.Command = "lode " + config.Command
	said := ""
	config.Waiting = func(reason string) {
		if reason != said {
			p.screen.Notef("lode: %s\n", console.Clean(reason))
			said = reason
		}
	}
	config.Fatal = func(err error) {
		p.screen.Notef("lode: %s\n", console.Clean(p.explain(ctx, err)))
		os.Exit(exitError)
	}
	n, err := node.Open(ctx, config)
	if err != nil {
		return nil, err
	}
	return &openChain{Client: n.Client(), node: n, params: where.params, dir: where.dir}, nil
}

// close gives the chain back.
func (p *program) close(c *openChain) error {
	if c == p.lent {
		return nil
	}
	return c.node.Close()
}

// with opens the chain, calls f and closes it again.
func (p *program) with(ctx context.Context, command string, f func(*openChain) error) error {
	c, err := p.open(ctx, command)
	if err != nil {
		return err
	}
	return p.using(c, f)
}

// using calls f with an open chain and closes that.
func (p *program) using(c *openChain, f func(*openChain) error) (err error) {
	defer func() {
		if closed := p.close(c); err == nil {
			err = closed
		}
	}()
	return f(c)
}

// existing opens the chain unless there is none at all yet, so that a command
// that only looks creates nothing.
func (p *program) existing(ctx context.Context, command string, f func(*openChain) error) error {
	if p.lent == nil {
		where, err := p.findPlace()
		if err != nil {
			return err
		}
		if _, err := os.Stat(where.dir); errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("there is no chain in %s yet; start one with lode up", where.dataDir)
		}
	}
	return p.with(ctx, command, f)
}

// passphraseFlag is the flag of commands that may need the wallets' passphrase.
const passphraseFlag = "passphrase-file"

const passphraseHelp = "file whose first line is the wallets' passphrase (- for standard input)"

// maxSecretFile is the most bytes that a file with words, a key or a passphrase
// may have. Policy.
const maxSecretFile = 64 << 10

// readSecret reads a file with a secret, or standard input when its name is -.
func (p *program) readSecret(file string) (string, error) {
	var b []byte
	var err error
	if file == "-" {
		b, err = console.ReadAll(p.screen.In, maxSecretFile)
	} else {
		b, err = readLimited(file, maxSecretFile)
	}
	if err != nil {
		return "", err
	}
	return string(b), nil
}

// readPassphrase reads the first line of a passphrase file.
func (p *program) readPassphrase(file string) (string, error) {
	text, err := p.readSecret(file)
	if err != nil {
		return "", err
	}
	line, _, _ := strings.Cut(text, "\n")
	line = strings.TrimSuffix(line, "\r")
	if line == "" {
		return "", fmt.Errorf("%s holds no passphrase in its first line", file)
	}
	return line, nil
}

// passphraseTries is how often a person may mistype. Policy.
const passphraseTries = 3

// unlocking calls f with the passphrase in the file. Without a file it calls f
// with none, and where that is not enough with the one that a person types. What
// is given is for this one request.
func (p *program) unlocking(ctx context.Context, file string, f func(passphrase string) error) error {
	if file != "" {
		passphrase, err := p.readPassphrase(file)
		if err != nil {
			return err
		}
		return f(passphrase)
	}
	err := f("")
	if !errors.Is(err, rpc.CodeUnlockNeeded.New("")) || !p.canAsk() {
		return err
	}
	for try := 1; ; try++ {
		passphrase, err := p.screen.Secret(ctx, "Passphrase of the wallets: ")
		if err != nil {
			return err
		}
		err = f(passphrase)
		if !errors.Is(err, rpc.CodePassphrase.New("")) || try == passphraseTries {
			return err
		}
		p.screen.Notef("That is not the passphrase.\n")
	}
}
