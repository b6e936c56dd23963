package main

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/lode-chain/lode/address"
	"github.com/lode-chain/lode/console"
	"github.com/lode-chain/lode/network"
	"github.com/lode-chain/lode/rpc"
)

// Limits of a file of payments (policy). So many outputs of the largest usual
// kind fit into one standard transaction.
const (
	maxFaucetRows   = 2_000
	maxFaucetFile   = 1 << 20
	maxFaucetErrors = 10 // that are told at once
)

// faucetRow is one payment of a file.
type faucetRow struct {
	Line    int        `json:"line"`
	Name    string     `json:"name"` // as it stands in the file; of a number, the wallet's
	Address string     `json:"address"`
	Amount  rpc.Amount `json:"amount"`
}

// rowsError is all that is wrong with a file.
type rowsError []string

// Error names the first of them, each with its line.
func (e rowsError) Error() string {
	text := strings.Join(e[:min(len(e), maxFaucetErrors)], "; ")
	if more := len(e) - maxFaucetErrors; more > 0 {
		text += fmt.Sprintf("; and %s more", console.Thousands(int64(more)))
	}
	return text + ": nothing was paid"
}

// payees finds whom a text names: a wallet by name, number or address, or any
// address of the network.
type payees struct {
	params  *network.Params
	wallets map[string]rpc.Wallet // by number, and by name in lower case
	twice   map[string]bool       // names that more than one wallet has
}

func newPayees(wallets []rpc.Wallet, params *network.Params) *payees {
	p := &payees{params, make(map[string]rpc.Wallet, 2*len(wallets)), make(map[string]bool)}
	for _, w := range wallets {
		name := strings.ToLower(w.Name)
		if _, known := p.wallets[name]; known {
			p.twice[name] = true
		}
		p.wallets[name] = w
	}
	for _, w := range wallets { // a number is never a name
		p.wallets[numbered(w)] = w
	}
	return p
}

// find returns the address that a text means, and what to call the payee.
func (p *payees) find(text string) (called, to string, err error) {
	name := strings.ToLower(text)
	if p.twice[name] {
		return "", "", fmt.Errorf("more than one wallet is called %q: use the number", console.Clean(text))
	}
	if w, ok := p.wallets[name]; ok {
		if text == numbered(w) {
			text = w.Name
		}
		return text, w.Address, nil
	}
	_, err = address.Decode(text, p.params)
	switch {
	case err == nil:
		return text, text, nil
	case len(text) >= shortestAddress && !strings.Contains(text, " "):
		return "", "", fmt.Errorf("no wallet is called %q, and as an address it is wrong: %s", console.Clean(console.Short(text, 40)), oneLine(err))
	}
	return "", "", fmt.Errorf("no wallet is called %q", console.Clean(console.Short(text, 40)))
}

// parseFaucet reads a file of payments: a name or an address and an amount in
// each row. Fields are set apart by commas, semicolons or tabs, as in the first
// row that has any; a byte order mark, a heading in the first row, empty rows,
// lines that begin with # and Windows' line ends are taken as they come. One wrong row refuses them all.
func parseFaucet(data []byte, p *payees) ([]faucetRow, error) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	switch {
	case len(data) > maxFaucetFile:
		return nil, fmt.Errorf("the file is larger than %s", console.Size(maxFaucetFile))
	case !utf8.Valid(data):
		return nil, errors.New("the file is not UTF-8 text; save it as CSV UTF-8")
	}
	r := csv.NewReader(bytes.NewReader(data))
	r.Comma, r.Comment, r.FieldsPerRecord, r.TrimLeadingSpace = separator(data), comment, -1, true
	var rows []faucetRow
	var wrong rowsError
	lines := make(map[string]int) // by address: where it stands already
	headed := false
	for {
		fields, err := r.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, append(wrong, csvProblem(err))
		}
		line, _ := r.FieldPos(0)
		row, skip, err := parseRow(fields, !headed, p)
		if skip {
			continue
		}
		headed = true
		if err == errHeading {
			continue
		}
		if row.Line = line; err == nil {
			if before, known := lines[row.Address]; known {
				err = fmt.Errorf("%s is paid in line %d already", console.Clean(row.Name), before)
			}
			lines[row.Address] = line
		}
		if err != nil {
			wrong = append(wrong, fmt.Sprintf("line %d: %s", line, oneLine(err)))
			continue
		}
		if rows = append(rows, row); len(rows) > maxFaucetRows {
			return nil, fmt.Errorf("the file has more than %s rows, more than one transaction holds: split it", console.Thousands(maxFaucetRows))
		}
	}
	switch {
	case len(wrong) > 0:
		return nil, wrong
	case len(rows) == 0:
		return nil, errors.New("the file has no rows: each is a name or an address, and an amount")
	}
	return rows, nil
}

// errHeading says that a row is no payment but a heading.
var errHeading = errors.New("a heading")

// parseRow reads the fields of a row; empty ones are to be skipped. A first row
// without a digit where the amount belongs is a heading.
func parseRow(fields []string, first bool, p *payees) (row faucetRow, skip bool, err error) {
	for i := range fields {
		fields[i] = strings.TrimSpace(fields[i])
	}
	for len(fields) > 0 && fields[len(fields)-1] == "" {
		fields = fields[:len(fields)-1] // spreadsheets leave empty columns
	}
	switch {
	case len(fields) == 0:
		return row, true, nil
	case first && len(fields) >= 2 && !strings.ContainsFunc(fields[1], unicode.IsDigit):
		return row, false, errHeading
	case len(fields) == 1:
		return row, false, errors.New("the amount is missing")
	case len(fields) > 2:
		return row, false, fmt.Errorf("%d fields; want a name or an address, and an amount like 1.5", len(fields))
	case fields[0] == "":
		return row, false, errors.New("the name is missing")
	}
	if row.Name, row.Address, err = p.find(fields[0]); err != nil {
		return row, false, err
	}
	row.Amount, err = parsePayment(fields[1])
	return row, false, err
}

// comment begins a line that is for people.
const comment = '#'

// separator guesses what sets fields apart, from the first row that has any.
func separator(data []byte) rune {
	for line := range bytes.Lines(data) {
		if line[0] == comment {
			continue
		}
		for _, sep := range []rune{';', '\t', ','} {
			if bytes.ContainsRune(line, sep) {
				return sep
			}
		}
	}
	return ','
}

func csvProblem(err error) string {
	var parse *csv.ParseError
	if !errors.As(err, &parse) {
		return oneLine(err)
	}
	if errors.Is(parse.Err, csv.ErrQuote) || errors.Is(parse.Err, csv.ErrBareQuote) {
		return fmt.Sprintf(`line %d: a quote that is not closed, or stands alone`, parse.StartLine)
	}
	return fmt.Sprintf("line %d: %s", parse.StartLine, parse.Err)
}
