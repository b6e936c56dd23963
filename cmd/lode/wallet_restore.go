package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lode-chain/lode/console"
	"github.com/lode-chain/lode/keys"
	"github.com/lode-chain/lode/rpc"
)

// restore are the flags of wallet restore.
type restore struct {
	hidden, fromArgs    bool
	file, words         string
	name, path, kind    string
	passphraseFile      string
	askBIP39            bool
	bip39PassphraseFile string
	gap                 int
}

func (p *program) walletRestoreCommand() *cobra.Command {
	var f restore
	var b restoreBackup
	c := &cobra.Command{
		Use:   "restore [FILE|-]",
		Short: "Bring wallets back from their words or a backup",
		Long: `Brings wallets back from their words. Type them one by one: each is completed
with Tab and checked as it comes, and nothing of it stays on the screen. Or
give a file, or - for standard input. Arguments of a program are public, so
words are taken from them only with --words-from-args.

The search tries all four address types (BIP44, 49, 84, 86), account after
account until one was never used, and finds the coins on the chain. It can be
interrupted: with the same words it goes on where it was. --path
restores one key at a path of your own instead.

--from restores a wallet from its backup (lode wallet backup), with labels and
what it has given out. A wallet that is here is never replaced.`,
		Example: `  lode wallet restore
  lode wallet restore words.txt
  lode wallet restore --path m --type legacy
  lode wallet restore --from alice.age`,
		Args: atMost(1),
		RunE: func(c *cobra.Command, args []string) error {
			if f.file != "" && len(args) > 0 {
				return usagef("name the file once")
			}
			if len(args) > 0 {
				f.file = args[0]
			}
			if b.from != "" {
				if err := onlyOne(func(flag string) bool { return flag == "from" || c.Flags().Changed(flag) }, "from", "words", "path"); err != nil || f.file != "" {
					return cmp.Or(err, usagef("give words or --from, not both"))
				}
				b.name, b.passphraseFile = f.name, f.passphraseFile
				return p.runRestoreBackup(c.Context(), b)
			}
			if c.Flags().Changed("gap") && f.gap < 1 {
				return usagef("--gap %d: at least 1; leave it out for 20", f.gap)
			}
			return p.runRestore(c.Context(), f)
		},
	}
	flags := c.Flags()
	flags.BoolVar(&f.hidden, "hidden", false, "do not show the words while they are typed")
	flags.StringVarP(&f.file, "file", "f", "", "file with the words (- for standard input)")
	flags.StringVar(&f.words, "words", "", "the words themselves; needs --words-from-args")
	flags.BoolVar(&f.fromArgs, "words-from-args", false, "allow --words, although other users of this machine can see it")
	flags.StringVar(&f.name, "name", "", "name of the restored wallet")
	flags.StringVar(&f.path, "path", "", "restore one key at this path, for example m or m/44'/1'/0'/0/0")
	foldedFlag(c, &f.kind, "type", "", "address type: bech32, bech32m, p2sh-segwit or legacy")
	_ = c.RegisterFlagCompletionFunc("type", completeTypes)
	flags.StringVar(&f.bip39PassphraseFile, "bip39-passphrase-file", "", "file with the words' own passphrase (BIP39), if they have one")
	flags.BoolVar(&f.askBIP39, "bip39-passphrase", false, "ask for the words' own passphrase (BIP39)")
	flags.StringVar(&f.passphraseFile, passphraseFlag, "", passphraseHelp)
	flags.IntVar(&f.gap, "gap", 0, gapHelp)
	b.addTo(c)
	return c
}

func (p *program) runRestore(ctx context.Context, f restore) error {
	switch {
	case f.words != "" && !f.fromArgs:
		return usagef("arguments are public; pipe the words in, use --file, or add --words-from-args if that is all right")
	case f.fromArgs && f.words == "":
		return usagef("--words-from-args needs --words")
	case f.words != "" && f.file != "":
		return usagef("give the words in a file or with --words, not both")
	case f.path != "" && f.kind == "":
		return usagef("--path needs --type: bech32, bech32m, p2sh-segwit or legacy")
	case f.file == "-" && f.passphraseFile == "-":
		return usagef("standard input can hold the words or the passphrase, not both")
	}
	words, err := p.readWords(ctx, f)
	if err != nil {
		return err
	}
	mnemonic, err := checkedWords(words)
	if err != nil {
		return err
	}
	bip39Passphrase, err := p.readBIP39Passphrase(ctx, f)
	if err != nil {
		return err
	}
	return p.with(ctx, "wallet restore", func(c *openChain) error {
		if keys.IsPublished(mnemonic) && !c.params.Demo {
			return errPublishedWords
		}
		var restored rpc.Restored
		err := p.unlocking(ctx, f.passphraseFile, func(passphrase string) error {
			return p.job(ctx, c, "Searching", "lode_startrestore", rpc.RestoreWords{
				Mnemonic: mnemonic, BIP39Passphrase: bip39Passphrase,
				Name: f.name, Path: f.path, Type: f.kind, Passphrase: passphrase, Gap: f.gap,
			}, &restored)
		})
		if err != nil {
			return err
		}
		if p.json {
			return p.printJSON(restored)
		}
		p.showRestored(restored)
		return nil
	})
}

// errPublishedWords refuses the demonstration's words elsewhere.
var errPublishedWords = errors.New("these words are published: everybody could take the coins; they are for regtest only")

func (p *program) showRestored(r rpc.Restored) {
	for _, w := range r.Already {
		p.screen.Printf("%s: already here as %s.\n", w.Address, console.Clean(w.Name))
	}
	if len(r.Wallets) == 0 {
		return
	}
	p.walletTable(r.Wallets, false)
	p.screen.Printf("Restored %s.\n", console.Count(len(r.Wallets), "wallet"))
	if r.Gap > 0 {
		p.screen.Printf("The search of each account ended after %d unused addresses in a row; if coins are missing: lode wallet rescan --gap N.\n", r.Gap)
	}
}

// readWords returns the words as they were given, not yet checked as a whole.
func (p *program) readWords(ctx context.Context, f restore) (string, error) {
	switch {
	case f.words != "":
		return f.words, nil
	case f.file != "":
		text, err := p.readSecret(f.file)
		if err == nil && strings.TrimSpace(text) == "" {
			err = fmt.Errorf("%s holds no words", f.file)
		}
		return text, err
	case p.canAsk() && f.hidden:
		return p.screen.Secret(ctx, "Words, with spaces between: ")
	case p.canAsk():
		words, err := p.screen.Words(ctx, wordList())
		return strings.Join(words, " "), err
	case p.screen.Interactive:
		return "", usagef("name a file with the words, or - for standard input")
	}
	text, err := p.readSecret("-")
	if err == nil && strings.TrimSpace(text) == "" {
		err = usagef("there are no words: pipe them in, or name a file")
	}
	return text, err
}

// maxRepairs is how many ways to mend words with a wrong checksum are shown.
const maxRepairs = 5

// checkedWords returns words in their normal form, however they are laid out. Where
// their checksum is wrong the error names small changes that make it right; it is
// for the one who typed them, and goes no further than the screen.
func checkedWords(text string) (string, error) {
	written := keys.Written(text)
	normal, _, err := keys.CheckMnemonic(written)
	if !errors.Is(err, keys.ErrChecksum) {
		return normal, err
	}
	found := keys.Repairs(written, maxRepairs)
	if len(found) == 0 {
		return "", err
	}
	var b strings.Builder
	for _, r := range found {
		if r.Swap {
			fmt.Fprintf(&b, "\n  words %d and %d swapped", r.Index, r.Index+1)
		} else {
			fmt.Fprintf(&b, "\n  word %d: %s", r.Index, r.Word)
		}
	}
	return "", fmt.Errorf("%w\nThe checksum would be right with one of these changes (or with others):%s", err, b.String())
}

// wordList is what typed words are completed and checked with. The words so
// far tell the language; it is English until they say otherwise.
func wordList() console.WordList {
	language := func(before []string, word string) string {
		lang, _ := keys.Language(append(slices.Clone(before), word))
		return lang
	}
	return console.WordList{
		Known: func(before []string, word string) (string, bool) {
			lang := language(before, word)
			if known, ok := keys.Known(word, lang); ok {
				return known, true
			}
			return keys.Begun(word, lang)
		},
		Complete: func(before []string, prefix string) []string {
			return keys.Complete(prefix, language(before, prefix))
		},
		Nearest: func(before []string, word string) []string {
			return keys.Nearest(word, language(before, word), 3)
		},
		Check: func(words []string) error {
			_, _, err := keys.CheckMnemonic(strings.Join(words, " "))
			return err
		},
	}
}

func (p *program) readBIP39Passphrase(ctx context.Context, f restore) (string, error) {
	switch {
	case f.bip39PassphraseFile != "":
		text, err := p.readSecret(f.bip39PassphraseFile)
		line, _, _ := strings.Cut(text, "\n")
		return strings.TrimSuffix(line, "\r"), err
	case f.askBIP39 && !p.canAsk():
		return "", usagef("nobody can be asked here; use --bip39-passphrase-file")
	case f.askBIP39:
		return p.screen.Secret(ctx, "BIP39 passphrase of the words: ")
	}
	return "", nil
}
