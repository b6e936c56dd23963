package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lode-chain/lode/console"
	"github.com/lode-chain/lode/keys"
	"github.com/lode-chain/lode/rpc"
)

// importKey are the flags of wallet import.
type importKey struct {
	name, kind     string
	fromArgs       string
	passphraseFile string
}

func (p *program) walletImportCommand() *cobra.Command {
	var f importKey
	c := &cobra.Command{
		Use: "import [FILE|DESCRIPTOR…]", Short: "Take in a private key, descriptors or an extended key",
		Long: `Makes a wallet of what is given:
  one private key, hex or WIF
  descriptors, one a line, or as Bitcoin Core's listdescriptors prints them
  an extended key (xprv, xpub, zpub and the like): an account's addresses

It is read from a file, from standard input (-), or typed hidden. Arguments of
a program are public: descriptors and extended keys are taken from them only
without private keys, and a key only with --key-from-args.

Without private keys the wallet watches. Its coins are looked for in all
blocks.`,
		Example: `  lode wallet import keys/private_bcrt1qcr.key
  lode wallet import --name Alice - < key
  bitcoin-cli listdescriptors true | lode wallet import --name core -
  lode wallet import "wsh(and_v(v:pk(02…),older(144)))"`,
		Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error { return p.runImport(c.Context(), f, args) },
	}
	c.Flags().StringVar(&f.name, "name", "", "name of the wallet")
	foldedFlag(c, &f.kind, "type", "", "address type: bech32, bech32m, p2sh-segwit or legacy")
	_ = c.RegisterFlagCompletionFunc("type", completeTypes)
	c.Flags().StringVar(&f.fromArgs, "key-from-args", "", "the key itself; other users of this machine can see it")
	c.Flags().StringVar(&f.passphraseFile, passphraseFlag, "", passphraseHelp)
	return c
}

func (p *program) runImport(ctx context.Context, f importKey, args []string) error {
	text, err := p.readImport(ctx, f, args)
	if err != nil {
		return err
	}
	list, err := parseDescriptors(text)
	if err != nil {
		return err
	}
	if len(list) > 0 {
		return p.importDescriptors(ctx, f, list)
	}
	if areWords(text) {
		return usagef("these are words: lode wallet restore brings the wallet back from them")
	}
	return p.with(ctx, "wallet import", func(c *openChain) error {
		var w rpc.ImportedKey
		err := p.unlocking(ctx, f.passphraseFile, func(passphrase string) (err error) {
			w, err = c.ImportKey(ctx, rpc.ImportKey{Key: text, Name: f.name, Type: f.kind, Passphrase: passphrase})
			return err
		})
		if err != nil {
			return err
		}
		if p.json {
			return p.printJSON(w)
		}
		if w.Already {
			p.screen.Printf("%s: already here as %s.\n", w.Address, console.Clean(w.Name))
			return nil
		}
		p.screen.Printf("Imported %s: %s\n", console.Clean(w.Name), w.Address)
		if w.WatchedBy != "" {
			p.screen.Printf("%s watched this address; it still only watches, and %s can spend its coins.\n", console.Clean(w.WatchedBy), console.Clean(w.Name))
		}
		return nil
	})
}

// areWords says whether a text is a mnemonic, or meant as one.
func areWords(text string) bool {
	words := strings.Fields(keys.Written(text))
	_, known := keys.Language(words)
	return len(words) >= 11 && known > len(words)/2
}

// readImport returns what is to be imported, as text.
func (p *program) readImport(ctx context.Context, f importKey, args []string) (string, error) {
	if len(args) > 0 && (strings.Contains(args[0], "(") || extended(args[0])) {
		for _, arg := range args {
			if secretInside(arg) {
				return "", usagef("this holds a private key, and arguments of a program are public: give it in a file or on standard input (-)")
			}
		}
		return strings.Join(args, "\n"), nil
	}
	if len(args) > 1 {
		return "", usagef("name one file, or give descriptors")
	}
	return p.readKey(ctx, f, first(args))
}

// extended says whether a text is meant as an extended key, perhaps behind its
// origin.
func extended(text string) bool {
	if i := strings.IndexByte(text, ']'); i >= 0 {
		text = text[i+1:]
	}
	return len(text) > 100 && (strings.HasPrefix(text[1:], "pub") || strings.HasPrefix(text[1:], "prv"))
}

// secretInside says whether a text seems to hold a private key: an extended one,
// one in wallet import format, or 64 hex digits alone.
func secretInside(text string) bool {
	if _, err := hex.DecodeString(text); err == nil && len(text) == 64 {
		return true
	}
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return !(r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z') }) {
		switch {
		case len(word) > 100 && word[1:4] == "prv":
			return true
		case (len(word) == 51 || len(word) == 52) && strings.ContainsRune("5KLc9", rune(word[0])):
			return true
		}
	}
	return false
}

// parseDescriptors reads descriptors: one a line, or in JSON; none when the text
// is something else.
func parseDescriptors(text string) ([]rpc.DescriptorImport, error) {
	text = strings.TrimSpace(text)
	var list []rpc.DescriptorImport
	switch {
	case strings.HasPrefix(text, "{"):
		var listed struct {
			Descriptors []rpc.DescriptorImport `json:"descriptors"`
		}
		if err := json.Unmarshal([]byte(text), &listed); err != nil || len(listed.Descriptors) == 0 {
			return nil, errors.New("this is not what listdescriptors prints")
		}
		return listed.Descriptors, nil
	case strings.HasPrefix(text, "["):
		if err := json.Unmarshal([]byte(text), &list); err == nil {
			return list, nil
		}
	}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case strings.Contains(line, "(") || extended(line):
			list = append(list, rpc.DescriptorImport{Desc: &line})
		case len(list) > 0:
			return nil, errors.New("not every line is a descriptor")
		}
	}
	return list, nil
}

func (p *program) importDescriptors(ctx context.Context, f importKey, list []rpc.DescriptorImport) error {
	return p.with(ctx, "wallet import", func(c *openChain) error {
		var w rpc.DescriptorWallet
		r := rpc.NewDescriptorWallet{Name: f.name, Type: f.kind, Descriptors: list}
		var err error
		if r.Watch = !holdsSecrets(list); r.Watch {
			w, err = c.ImportWallet(ctx, r)
		} else {
			err = p.unlocking(ctx, f.passphraseFile, func(passphrase string) (err error) {
				r.Passphrase = passphrase
				w, err = c.ImportWallet(ctx, r)
				return err
			})
		}
		if err != nil {
			return err
		}
		return p.showImported(w)
	})
}

func holdsSecrets(list []rpc.DescriptorImport) bool {
	for i := range list {
		if list[i].Desc != nil && secretInside(*list[i].Desc) {
			return true
		}
	}
	return false
}

// showImported tells of a wallet that was made of descriptors.
func (p *program) showImported(w rpc.DescriptorWallet) error {
	if p.json {
		return p.printJSON(w)
	}
	what := "Imported"
	if w.WatchOnly {
		what = "Watching"
	}
	if w.Already {
		p.screen.Printf("Already here as %s (number %d).\n", console.Clean(w.Name), w.Number)
		return nil
	}
	p.screen.Printf("%s %s: %s\n", what, console.Clean(w.Name), w.Address)
	if w.Coins > 0 {
		p.screen.Printf("Found %s: %s spendable, %s immature, %s pending.\n", console.Count(w.Coins, "coin"), w.Spendable, w.Immature, w.Pending)
	}
	for _, warning := range w.Warnings {
		p.screen.Printf("Note: %s\n", warning)
	}
	return nil
}

// readKey returns the private key, or the descriptors, to import, as text.
func (p *program) readKey(ctx context.Context, f importKey, file string) (string, error) {
	var key string
	var err error
	switch {
	case f.fromArgs != "" && file != "":
		return "", usagef("give the key in a file or with --key-from-args, not both")
	case f.fromArgs != "":
		key = f.fromArgs
	case file != "":
		key, err = p.readSecret(file)
		if errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("there is no such key file; a key itself goes into a file, to standard input (-), or after --key-from-args")
		}
	case p.canAsk():
		key, err = p.screen.Secret(ctx, "Private key (hex or WIF): ")
	case p.screen.Interactive:
		return "", usagef("name the key file, or - for standard input")
	default:
		key, err = p.readSecret("-")
	}
	if err != nil {
		return "", err
	}
	if key = strings.TrimSpace(key); key == "" {
		return "", errors.New("there is no key in the input")
	}
	return key, nil
}
