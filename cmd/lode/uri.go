package main

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/lode-chain/lode/console"
	"github.com/lode-chain/lode/rpc"
)

// paymentURI is a payment link (BIP21).
type paymentURI struct {
	Address        string
	Amount         rpc.Amount // 0 where it says none
	Label, Message string
}

const uriScheme = "bitcoin:"

// maxURI is how long a link may be. Policy.
const maxURI = 4096

// isURI says whether a text is meant as a payment link.
func isURI(text string) bool {
	return len(text) >= len(uriScheme) && strings.EqualFold(text[:len(uriScheme)], uriScheme)
}

// parseURI reads a payment link. Parameters that it does not know are left out,
// but one that the payer must understand (req-…) is refused, as BIP21 asks.
func parseURI(text string) (paymentURI, error) {
	var u paymentURI
	if !isURI(text) {
		return u, fmt.Errorf("a payment link begins with %s", uriScheme)
	}
	if len(text) > maxURI {
		return u, fmt.Errorf("the payment link is longer than %d characters", maxURI)
	}
	rest, _, _ := strings.Cut(text[len(uriScheme):], "#")
	address, query, _ := strings.Cut(rest, "?")
	var err error
	if u.Address, err = url.PathUnescape(address); err != nil || u.Address == "" {
		return u, errors.New("the payment link names no address")
	}
	seen := make(map[string]bool)
	for _, pair := range strings.Split(query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if name == "" {
			continue
		}
		// A plus is a plus here: BIP21 escapes spaces as %20 (RFC 3986).
		if value, err = url.PathUnescape(value); err != nil {
			return u, fmt.Errorf("the payment link's %s is not written as a link's (%%20 for a space)", console.Clean(name))
		}
		name = strings.ToLower(name)
		known := name == "amount" || name == "label" || name == "message"
		switch {
		case known && seen[name]:
			return u, fmt.Errorf("the payment link says %s twice", name)
		case name == "amount":
			if u.Amount, err = parsePayment(value); err != nil {
				return u, fmt.Errorf("the payment link: %w", err)
			}
		case name == "label":
			u.Label = value
		case name == "message":
			u.Message = value
		case strings.HasPrefix(name, "req-"):
			return u, fmt.Errorf("the payment link asks for %s, which lode does not know: ask for another link", console.Clean(name))
		}
		seen[name] = true
	}
	return u, nil
}

// String returns the link. An amount is written without zeros at its end, as
// shorter links make smaller QR codes.
func (u paymentURI) String() string {
	var query []string
	if u.Amount != 0 {
		query = append(query, "amount="+strings.TrimSuffix(strings.TrimRight(u.Amount.String(), "0"), "."))
	}
	for _, pair := range [][2]string{{"label", u.Label}, {"message", u.Message}} {
		if pair[1] != "" {
			query = append(query, pair[0]+"="+strings.ReplaceAll(url.QueryEscape(pair[1]), "+", "%20"))
		}
	}
	if len(query) == 0 {
		return uriScheme + u.Address
	}
	return uriScheme + u.Address + "?" + strings.Join(query, "&")
}
