package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lode-chain/lode/console"
	"github.com/lode-chain/lode/keys"
	"github.com/lode-chain/lode/rpc"
)

// newWallets are the flags of wallet new.
type newWallets struct {
	count          int
	name, kind     string
	words          int
	language       string
	entropy        string
	explain        bool
	showPrivate    bool
	export         string
	passphraseFile string
}

func (p *program) walletNewCommand() *cobra.Command {
	var f newWallets
	c := &cobra.Command{
		Use:   "new",
		Short: "Make wallets, each with its own words",
		Long: `Makes wallets. Each has words of its own: whoever has them has its coins, and
nothing else brings them back. Write them down.

--entropy takes the randomness of one wallet from dice: a file with the digits
1 to 6 as they fell, - for standard input, or ? to type them hidden. Arguments
of a program are public, so the digits themselves are not taken there. --explain
tells how the words, the seed, the keys and the address follow from each other,
with the real values: it shows the secrets of the new wallet.`,
		Example: `  lode wallet new
  lode wallet new -n 3
  lode wallet new --name Alice --words 24 --type bech32m
  lode wallet new --words 12 --entropy dice.txt
  lode wallet new --explain
  lode wallet new --export keys`,
		RunE: func(c *cobra.Command, _ []string) error { return p.runWalletNew(c.Context(), f) },
	}
	flags := c.Flags()
	flags.IntVarP(&f.count, "count", "n", 1, fmt.Sprintf("how many, up to %s", console.Thousands(rpc.MaxNewWallets)))
	flags.StringVar(&f.name, "name", "", "name of the wallet, or what the names of many begin with")
	flags.IntVar(&f.words, "words", 12, "words of each mnemonic: 12, 15, 18, 21 or 24")
	foldedFlag(c, &f.language, "language", "", "language of the words (default english)")
	_ = c.RegisterFlagCompletionFunc("language", cobra.FixedCompletions(keys.Languages(), cobra.ShellCompDirectiveNoFileComp))
	flags.StringVar(&f.entropy, "entropy", "", "file with rolls of a dice to make the words of (- for standard input, ? to type them)")
	flags.BoolVar(&f.explain, "explain", false, "tell how words, seed, keys and address follow from each other; shows the secrets")
	foldedFlag(c, &f.kind, "type", "bech32", "address type: bech32, bech32m, p2sh-segwit or legacy")
	_ = c.RegisterFlagCompletionFunc("type", completeTypes)
	flags.BoolVar(&f.showPrivate, "show-private", false, "show the private key too, as hex and WIF")
	flags.StringVar(&f.export, "export", "", "folder to write each private key to, as private_<address>.key")
	flags.StringVar(&f.passphraseFile, passphraseFlag, "", passphraseHelp)
	return c
}

// completeTypes completes the types of addresses.
var completeTypes = cobra.FixedCompletions([]string{"bech32", "bech32m", "p2sh-segwit", "legacy"}, cobra.ShellCompDirectiveNoFileComp)

// newWalletsJSON is what wallet new --json prints.
type newWalletsJSON struct {
	Wallets []rpc.WalletKeys `json:"wallets"`
	Total   int              `json:"total"`
	Files   []string         `json:"files,omitempty"`
	Explain explanation      `json:"explain,omitempty"`
}

// check refuses flags that make no sense.
func (f newWallets) check() error {
	switch {
	case f.count < 1 || f.count > rpc.MaxNewWallets:
		return usagef("-n %d: make 1 to %s wallets at once", f.count, console.Thousands(rpc.MaxNewWallets))
	case f.words%3 != 0 || f.words < 12 || f.words > 24:
		return usagef("--words %d: a wallet has 12, 15, 18, 21 or 24 words", f.words)
	case f.language != "" && !slices.Contains(keys.Languages(), f.language):
		return usagef("--language %s: there are %s", console.Clean(f.language), console.List(keys.Languages()))
	case f.entropy != "" && f.count > 1:
		return usagef("--entropy is for one wallet: leave out -n")
	case f.entropy == "-" && f.passphraseFile == "-":
		return usagef("standard input can hold the rolls or the passphrase, not both")
	case f.explain && f.count > 1:
		return usagef("--explain is for one wallet: leave out -n")
	}
	return nil
}

func (p *program) runWalletNew(ctx context.Context, f newWallets) error {
	if err := f.check(); err != nil {
		return err
	}
	mnemonic, err := p.wordsOfDice(ctx, f)
	if err != nil {
		return err
	}
	if f.export != "" {
		if err := makeKeyFolder(f.export); err != nil {
			return err
		}
	}
	return p.with(ctx, "wallet new", func(c *openChain) error {
		var made []rpc.WalletKeys
		err := p.unlocking(ctx, f.passphraseFile, func(passphrase string) (err error) {
			made, err = c.NewWallets(ctx, rpc.NewWallets{
				Count: f.count, Name: f.name, Words: f.words, Language: f.language, Type: f.kind, Mnemonic: mnemonic,
				ShowPrivate: f.showPrivate || f.export != "", Passphrase: passphrase,
			})
			return err
		})
		if err != nil {
			return err
		}
		status, err := c.Status(ctx)
		if err != nil {
			return err
		}
		out := newWalletsJSON{Wallets: made, Total: status.Wallets}
		for i := range made {
			if f.export != "" {
				file, err := exportKey(f.export, made[i].Address, made[i].PrivateKey)
				if err != nil {
					return fmt.Errorf("the wallets are made, but exporting the key of %s failed: %w", made[i].Name, err)
				}
				out.Files = append(out.Files, file)
			}
			if !f.showPrivate {
				made[i].PrivateKey, made[i].WIF = "", ""
			}
		}
		if f.explain {
			if out.Explain, err = explainWallet(made[0], mnemonic != "", c.params); err != nil {
				return fmt.Errorf("the wallet is made, but explaining it failed: %w", err)
			}
		}
		if p.json {
			return p.printJSON(out)
		}
		p.showExplanation("How "+made[0].Name+" came to be. This shows its secrets: it is for learning, with test coins.", out.Explain)
		p.showNewWallets(out)
		return nil
	})
}

// wordsOfDice returns the words that follow from rolls of a dice, none where
// there are no rolls.
func (p *program) wordsOfDice(ctx context.Context, f newWallets) (string, error) {
	var rolls string
	var err error
	switch {
	case f.entropy == "":
		return "", nil
	case f.entropy == "?" && !p.canAsk():
		return "", usagef("nobody can be asked here; put the rolls into a file, or pipe them in with --entropy -")
	case f.entropy == "?":
		rolls, err = p.screen.Secret(ctx, "Rolls, as digits 1 to 6: ")
	case looksLikeRolls(f.entropy):
		return "", usagef("arguments are public: put the rolls into a file, pipe them in with --entropy -, or type them with --entropy '?'")
	default:
		rolls, err = p.readSecret(f.entropy)
	}
	if err != nil {
		return "", err
	}
	entropy, err := keys.EntropyFromDice(rolls, f.words)
	if err != nil {
		return "", err
	}
	defer clear(entropy)
	return keys.MnemonicOf(entropy, f.language)
}

// looksLikeRolls says whether somebody wrote the rolls where a file's name
// belongs.
func looksLikeRolls(text string) bool {
	return len(text) >= 12 && strings.Trim(text, "123456 ") == ""
}

func (p *program) showNewWallets(made newWalletsJSON) {
	for i, w := range made.Wallets {
		p.screen.Printf("%s\n", p.screen.Bold(console.Clean(w.Name)))
		p.showKeys(w)
		if i < len(made.Files) {
			p.screen.Fields([2]string{"  Key file   ", made.Files[i]})
		}
		p.screen.Printf("\n")
	}
	p.screen.Printf("%s\n", p.screen.Warn(p.screen.Fold("Keep the words safe: whoever has them has the coins, and nothing else brings them back.", 0)))
	noun := "wallets"
	if len(made.Wallets) == 1 {
		noun = "wallet"
	}
	p.screen.Printf("Generated %d %s (total: %d).\n", len(made.Wallets), noun, made.Total) // as the prototype did
}

// showKeys prints what it takes to restore a wallet.
func (p *program) showKeys(w rpc.WalletKeys) {
	p.screen.Fields(
		[2]string{"  Number     ", strconv.Itoa(w.Number)},
		[2]string{"  Mnemonic   ", w.Mnemonic},
		[2]string{"  Path       ", w.AddressPath},
		[2]string{"  Public key ", w.PublicKey},
		[2]string{"  Address    ", w.Address},
		[2]string{"  Private key", w.PrivateKey},
		[2]string{"  WIF        ", w.WIF},
	)
}

func (p *program) walletLastWordCommand() *cobra.Command {
	var file string
	c := &cobra.Command{
		Use: "lastword", Short: "Find the last word of a mnemonic",
		Long: `Finds the words that complete 11, 14, 17, 20 or 23 words to a mnemonic with the
right checksum: 128 for 12 words, 8 for 24. For those who choose their words by
hand, and for whoever lost the last one. The words are typed or piped in, never
given as arguments. Nothing is stored.`,
		Example: "  lode wallet lastword\n  lode wallet lastword --file words.txt",
		RunE: func(c *cobra.Command, _ []string) error {
			words, err := p.wordsBeforeLast(c.Context(), file)
			if err != nil {
				return err
			}
			lang, _ := keys.Language(words)
			last, err := keys.LastWords(words, lang)
			var wrong *keys.MnemonicError
			if errors.As(err, &wrong) && wrong.Kind == keys.ErrWordCount {
				return fmt.Errorf("give the words before the last: 11, 14, 17, 20 or 23; here are %d", len(words))
			}
			if err != nil {
				return err
			}
			if p.json {
				return p.printJSON(struct {
					Language string   `json:"language"`
					Words    []string `json:"words"`
				}{lang, last})
			}
			p.screen.Printf("%s\n", p.screen.Fold(strings.Join(last, " "), 0))
			p.screen.Notef("Each of these %d completes the %d words (%s). Choose one by chance.\n", len(last), len(words), lang)
			return nil
		},
	}
	c.Flags().StringVarP(&file, "file", "f", "", "file with the words (- for standard input)")
	return c
}

// wordsBeforeLast reads the words of lastword.
func (p *program) wordsBeforeLast(ctx context.Context, file string) ([]string, error) {
	var text string
	var err error
	switch {
	case file != "":
		text, err = p.readSecret(file)
	case p.canAsk():
		text, err = p.screen.Secret(ctx, "Words before the last, with spaces between: ")
	default:
		text, err = p.readSecret("-")
	}
	if err != nil {
		return nil, err
	}
	words := strings.Fields(text)
	if len(words) == 0 {
		return nil, usagef("there are no words: pipe them in, or name a file")
	}
	return words, nil
}
