package main

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lode-chain/lode/console"
	"github.com/lode-chain/lode/internal/platform"
	"github.com/lode-chain/lode/rpc"
)

func (p *program) walletPaperCommand() *cobra.Command {
	var file, passphraseFile string
	c := &cobra.Command{
		Use: "paper [WALLET]", Short: "Print a page that brings a wallet back",
		Long: `Prints one page for a drawer: the words with their numbers, the QR code of the
first address, path, network, date and fingerprint. As text on standard output,
or with --html as a page of its own that a browser prints, made for its owner's
eyes only (0600). Whoever reads the page has the coins. On a terminal it asks
before it shows the words.`,
		Example: "  lode wallet paper Wallet1 --html wallet1.html\n  lode wallet paper 1 --yes | lpr",
		Args:    atMost(1), ValidArgsFunction: p.completeWallets,
		RunE: func(c *cobra.Command, args []string) error {
			return p.runPaper(c.Context(), first(args), file, passphraseFile)
		},
	}
	c.Flags().StringVar(&file, "html", "", "write a page for a browser to this new file instead")
	c.Flags().StringVar(&passphraseFile, passphraseFlag, "", passphraseHelp)
	p.yesFlag(c, "do not ask")
	return c
}

// paper is what stands on the page.
type paper struct {
	Name        string   `json:"name"`
	Number      int      `json:"number"`
	Network     string   `json:"network"`
	Type        string   `json:"type"`
	Words       []string `json:"words"`
	WIF         string   `json:"wif,omitempty"` // of a wallet that has no words
	Path        string   `json:"path,omitempty"`
	SingleKey   bool     `json:"single_key"` // Path is that of the one key
	AddressPath string   `json:"address_path"`
	Address     string   `json:"address"`
	Fingerprint string   `json:"fingerprint,omitempty"` // of the master key
	BIP39       bool     `json:"bip39_passphrase"`      // needed beside the words; it is not on the page
	RestoreGap  int      `json:"restore_gap,omitempty"` // that a search needs, if it is above 20
	Restore     string   `json:"restore"`               // command that restores the wallet
	Added       []string `json:"added,omitempty"`       // descriptors that do not come back with it
	Made        string   `json:"made"`                  // date of the page
	Notice      string   `json:"notice"`
}

func (p *program) runPaper(ctx context.Context, which, file, passphraseFile string) error {
	if p.json && file != "" {
		return usagef("--json and --html do not go together; give one")
	}
	return p.with(ctx, "wallet paper", func(c *openChain) error {
		w, err := p.chooseWallet(ctx, c, "Page of", "lode wallet paper WALLET", which)
		if err != nil {
			return err
		}
		if file == "" && p.screen.OutIsTerminal() && !p.yes {
			if err := p.confirm(ctx, "This shows what it takes to spend the coins of "+console.Clean(w.Name)+". Show it?"); err != nil {
				return err
			}
		}
		var k rpc.WalletKeys
		err = p.unlocking(ctx, passphraseFile, func(passphrase string) (err error) {
			k, err = c.WalletKeys(ctx, rpc.WalletRequest{Wallet: strconv.Itoa(w.Number), Passphrase: passphrase})
			return err
		})
		if err != nil {
			return err
		}
		page, err := newPaper(k, c.params.Name, p.now())
		if err != nil {
			return err
		}
		switch {
		case p.json:
			return p.printJSON(page)
		case file != "":
			return p.writePaper(page, file)
		}
		return p.showPaper(page)
	})
}

// newPaper puts a page together. A reader can compare its fingerprint with what a
// restored wallet says.
func newPaper(k rpc.WalletKeys, network string, now time.Time) (paper, error) {
	page := paper{
		Name: console.Clean(k.Name), Number: k.Number, Network: network, Type: k.Type, Words: strings.Fields(k.Mnemonic), Path: k.Path,
		SingleKey: k.SingleKey, AddressPath: k.AddressPath, Address: k.Address, Fingerprint: k.Fingerprint, BIP39: k.BIP39,
		RestoreGap: k.RestoreGap, Restore: k.RestoreCommand, Added: k.Added, Made: now.Format("2006-01-02"),
		Notice: "Test coins only: this network must not hold real money. Whoever reads this page owns what is in the wallet. Keep it out of sight, and away from cameras and clouds.",
	}
	switch {
	case len(page.Words) > 0:
	case k.WIF != "":
		page.WIF = k.WIF
	default:
		return page, errors.New("this wallet has neither words nor a key of its own to print: lode wallet backup keeps all of it in a file")
	}
	if page.BIP39 {
		page.Notice = strings.Replace(page.Notice, "Whoever reads this page owns", "Whoever reads this page and knows the BIP39 passphrase owns", 1)
	}
	return page, nil
}

// facts are the lines of the page below the words.
func (page paper) facts() [][2]string {
	list := [][2]string{{"Network", page.Network}, {"Type", page.Type}}
	if page.SingleKey {
		list = append(list, [2]string{"Path of its key", page.Path}, [2]string{"Address", page.Address})
	} else {
		list = append(list, [2]string{"Account path", page.Path}, [2]string{"First address", page.Address}, [2]string{"Its path", page.AddressPath})
	}
	list = append(list, [2]string{"Fingerprint", page.Fingerprint}, [2]string{"Private key", page.WIF})
	if page.BIP39 {
		list = append(list, [2]string{"BIP39 passphrase", "needed beside the words, and not on this page"})
	}
	if page.RestoreGap > 0 {
		list = append(list, [2]string{"Gap", fmt.Sprintf("%d: other wallets' usual 20 does not find all its addresses", page.RestoreGap)})
	}
	list = append(list, [2]string{"Printed", page.Made}, [2]string{"Restore with", page.restore()})
	return append(list, addedFacts(page.Added, len(page.Words) > 0)...)
}

// maxAdded is how many added descriptors are listed.
const maxAdded = 10

// addedFacts tell of descriptors that the words, or the key, of a wallet do not
// bring back.
func addedFacts(added []string, words bool) (list [][2]string) {
	if len(added) == 0 {
		return nil
	}
	what := "The key alone does not bring back"
	if words {
		what = "The words alone do not bring back"
	}
	list = append(list, [2]string{"Not on this", fmt.Sprintf("%s %s; lode wallet backup keeps them:", what, console.Count(len(added), "added descriptor"))})
	for i, text := range added {
		if i == maxAdded {
			return append(list, [2]string{" ", fmt.Sprintf("and %d more", len(added)-i)})
		}
		list = append(list, [2]string{" ", text})
	}
	return list
}

func (page paper) restore() string {
	if len(page.Words) == 0 || page.SingleKey {
		return page.Restore
	}
	return page.Restore + ", or any wallet that knows BIP39"
}

func (p *program) showPaper(page paper) error {
	p.screen.Printf("%s  (lode wallet, number %d)\n\n", page.Name, page.Number)
	p.screen.Printf("%s\n", console.NumberedWords(page.Words))
	p.screen.Fields(page.facts()...)
	p.screen.Printf("\n")
	p.screen.QR(uriScheme + page.Address)
	for _, line := range strings.Split(console.Wrap(page.Notice, 78), "\n") {
		p.screen.Printf("%s\n", line)
	}
	return nil
}

// writePaper writes the page for a browser to a new file, readable by its owner
// only.
func (p *program) writePaper(page paper, file string) error {
	q, err := console.NewQR(uriScheme + page.Address)
	if err != nil {
		return err
	}
	var b strings.Builder
	err = paperPage.Execute(&b, map[string]any{"Page": page, "Facts": page.facts(), "QR": template.HTML(q.SVG())})
	if err != nil {
		return fmt.Errorf("making the page: %w", err)
	}
	f, err := platform.Create(file)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already and is left as it is", file)
	}
	if err != nil {
		return err
	}
	if err := writeAndSync(f, b.String()); err != nil {
		os.Remove(file)
		return err
	}
	p.screen.Printf("%s\n", file)
	p.screen.Notef("Print it and delete it: it holds what it takes to spend the coins of %s.\n", page.Name)
	return nil
}

// paperPage is the page: one sheet of A4 or letter, nothing loaded from elsewhere.
var paperPage = template.Must(template.New("paper").Parse(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{{.Page.Name}}</title>
<style>
@page { margin: 18mm }
body { font: 12pt/1.4 sans-serif; color: #000; background: #fff; max-width: 170mm; margin: 0 auto }
h1 { font-size: 18pt; margin: 0 0 6mm }
ol { columns: 3; font: 14pt/1.8 monospace; padding-left: 12mm; margin: 0 0 8mm }
table { border-collapse: collapse; font-size: 10.5pt }
th { text-align: left; font-weight: normal; color: #444; padding: 1mm 6mm 1mm 0; vertical-align: top; white-space: nowrap }
td { font-family: monospace; word-break: break-all; padding: 1mm 0 }
.side { float: right; width: 45mm; margin: 0 0 4mm 6mm }
.notice { border: 1px solid #000; padding: 3mm 4mm; margin-top: 8mm; clear: both }
</style>
</head>
<body>
<h1>{{.Page.Name}}</h1>
{{with .Page.Words}}<ol>{{range .}}<li>{{.}}</li>{{end}}</ol>{{end}}
<div class="side">{{.QR}}</div>
<table>{{range .Facts}}{{if index . 1}}<tr><th>{{index . 0}}</th><td>{{index . 1}}</td></tr>
{{end}}{{end}}</table>
<p class="notice">{{.Page.Notice}}</p>
</body>
</html>
`))
