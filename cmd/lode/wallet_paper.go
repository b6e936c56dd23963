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
	"github.com/lode-chain/lode/keys"
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
	AddressPath string   `json:"address_path"`
	Address     string   `json:"address"`
	Fingerprint string   `json:"fingerprint,omitempty"` // of the master key
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

// newPaper puts a page together. Its fingerprint is computed from the words: a
// reader can compare it with what a restored wallet says.
func newPaper(k rpc.WalletKeys, network string, now time.Time) (paper, error) {
	page := paper{
		Name: console.Clean(k.Name), Number: k.Number, Network: network, Type: k.Type, Words: strings.Fields(k.Mnemonic), Path: k.Path,
		AddressPath: k.AddressPath, Address: k.Address, Made: now.Format("2006-01-02"),
		Notice: "Test coins only: this network must not hold real money. Whoever reads this page owns what is in the wallet. Keep it out of sight, and away from cameras and clouds.",
	}
	switch {
	case len(page.Words) > 0:
		master, err := keys.NewMaster(keys.Seed(k.Mnemonic, ""))
		if err != nil {
			return page, err
		}
		fingerprint := master.Fingerprint()
		page.Fingerprint = fmt.Sprintf("%x", fingerprint)
	case k.WIF != "":
		page.WIF = k.WIF
	default:
		return page, errors.New("this wallet has neither words nor a key of its own to print: lode wallet backup keeps all of it in a file")
	}
	return page, nil
}

// facts are the lines of the page below the words.
func (page paper) facts() [][2]string {
	return [][2]string{
		{"Network", page.Network},
		{"Type", page.Type},
		{"Account path", page.Path},
		{"First address", page.Address},
		{"Its path", page.AddressPath},
		{"Fingerprint", page.Fingerprint},
		{"Private key", page.WIF},
		{"Printed", page.Made},
		{"Restore with", page.restore()},
	}
}

func (page paper) restore() string {
	if len(page.Words) == 0 {
		return "lode wallet import"
	}
	return "lode wallet restore, or any wallet that knows BIP39"
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
