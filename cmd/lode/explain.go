package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/lode-chain/lode/address"
	"github.com/lode-chain/lode/console"
	"github.com/lode-chain/lode/keys"
	"github.com/lode-chain/lode/network"
	"github.com/lode-chain/lode/rpc"
)

// explanation tells how a thing came to be, step by step with the real values.
// It is for those who teach.
type explanation []explainStep

type explainStep struct {
	Title  string         `json:"title"`
	Text   string         `json:"text"`
	Values []explainValue `json:"values"`
}

type explainValue struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

func step(title, text string, pairs ...[2]string) explainStep {
	s := explainStep{Title: title, Text: text}
	for _, pair := range pairs {
		s.Values = append(s.Values, explainValue{pair[0], pair[1]})
	}
	return s
}

// showExplanation prints the steps, numbered.
func (p *program) showExplanation(title string, e explanation) {
	if len(e) == 0 {
		return
	}
	p.screen.Printf("%s\n\n", p.screen.Warn(p.screen.Fold(console.Clean(title), 0)))
	for i, s := range e {
		p.screen.Printf("%s\n   %s\n", p.screen.Bold(fmt.Sprintf("%d. %s", i+1, s.Title)), p.screen.Fold(s.Text, 3))
		var pairs [][2]string
		for _, v := range s.Values {
			pairs = append(pairs, [2]string{"   " + v.Name, v.Value})
		}
		p.screen.Fields(pairs...)
		p.screen.Printf("\n")
	}
}

// explainWallet tells how a new wallet's address follows from its entropy. The
// values are computed here once more from the words, and are those of the wallet
// or there is an error.
func explainWallet(w rpc.WalletKeys, dice bool, p *network.Params) (explanation, error) {
	entropy, err := keys.Entropy(w.Mnemonic)
	if err != nil {
		return nil, err
	}
	seed := keys.Seed(w.Mnemonic, "")
	master, err := keys.NewMaster(seed)
	if err != nil {
		return nil, err
	}
	origin := "the operating system's random source"
	if dice {
		origin = "the SHA-256 of the rolls, cut to size"
	}
	sum := sha256.Sum256(entropy)
	checkBits := len(entropy) / 4
	bits := fmt.Sprintf("%08b", sum[0])[:checkBits]
	e := explanation{
		step("Entropy", fmt.Sprintf("%d bits by chance, from %s. All else follows from them.", len(entropy)*8, origin),
			[2]string{"Hex", hex.EncodeToString(entropy)}),
		step("Checksum", fmt.Sprintf("The first %d bits of the entropy's SHA-256 (BIP39): a wrong word is noticed.", checkBits),
			[2]string{"SHA-256", hex.EncodeToString(sum[:])}, [2]string{"Checksum", bits}),
		explainWords(w.Mnemonic, entropy, bits),
		step("Seed", `PBKDF2 with HMAC-SHA512 of the words, 2,048 rounds, salt "mnemonic" (and the BIP39 passphrase, here none).`,
			[2]string{"Seed", hex.EncodeToString(seed)}),
	}
	mac := hmac.New(sha512.New, []byte("Bitcoin seed"))
	mac.Write(seed)
	halves := mac.Sum(nil)
	fingerprint := master.Fingerprint()
	e = append(e, step("Master key", `HMAC-SHA512 of the seed under the key "Bitcoin seed" (BIP32). The left half is the private key, the right half the chain code. The fingerprint is the start of the public key's HASH160.`,
		[2]string{"Private key", hex.EncodeToString(halves[:32])}, [2]string{"Chain code", hex.EncodeToString(halves[32:])},
		[2]string{"Fingerprint", hex.EncodeToString(fingerprint[:])}))
	path, last, err := explainPath(master, w, p)
	if err != nil {
		return nil, err
	}
	return append(e, path, last), nil
}

// explainWords shows each word with its eleven bits and its number.
func explainWords(mnemonic string, entropy []byte, check string) explainStep {
	var all strings.Builder
	for _, b := range entropy {
		fmt.Fprintf(&all, "%08b", b)
	}
	all.WriteString(check)
	s := step("Words", "Entropy and checksum in groups of eleven bits. Each is a number from 0 to 2047: the place of a word in the list.")
	for i, word := range strings.Fields(mnemonic) {
		group := all.String()[i*11 : i*11+11]
		number := 0
		for _, bit := range group {
			number = number*2 + int(bit-'0')
		}
		s.Values = append(s.Values, explainValue{fmt.Sprintf("Word %d", i+1), fmt.Sprintf("%s  %4d  %s", group, number, word)})
	}
	return s
}

// explainPath goes down from the master key to the address.
func explainPath(master *keys.ExtendedKey, w rpc.WalletKeys, p *network.Params) (path, last explainStep, err error) {
	steps, err := keys.ParsePath(w.AddressPath)
	if err != nil {
		return path, last, err
	}
	path = step("Path", "Five steps down (BIP32): purpose, coin type, account, 0 for receiving, and the address's number. Those with ' need the private key (hardened); the others can be walked with the public one, which is what an xpub is for.")
	names := []string{"purpose", "coin type", "account", "receiving", "address"}
	key := master
	for i := range steps {
		if key, err = master.Derive(steps[:i+1]...); err != nil {
			return path, last, err
		}
		fingerprint := key.Fingerprint()
		name := ""
		if i < len(names) {
			name = names[i]
		}
		path.Values = append(path.Values, explainValue{keys.Path(steps[:i+1]).String(), fmt.Sprintf("fingerprint %s  %s", hex.EncodeToString(fingerprint[:]), name)})
		if i == 2 {
			path.Values = append(path.Values, explainValue{"Account xpub", key.EncodePublic(p)})
		}
	}
	private, err := key.PrivateKey()
	if err != nil {
		return path, last, err
	}
	defer private.Zero()
	kind, err := keys.ParseType(w.Type)
	if err != nil {
		return path, last, err
	}
	public := key.PublicKey()
	script := kind.Script(public)
	text, _ := address.Encode(script, p)
	if text != w.Address {
		return path, last, fmt.Errorf("the words lead to %s, the wallet has %s", text, w.Address)
	}
	hash := address.Hash160(public.SerializeCompressed())
	return path, step("Address", addressText(kind),
		[2]string{"Private key", hex.EncodeToString(private.Serialize())},
		[2]string{"Public key", hex.EncodeToString(public.SerializeCompressed())},
		[2]string{"HASH160", hex.EncodeToString(hash[:])},
		[2]string{"Script", hex.EncodeToString(script)},
		[2]string{"Address", text}), nil
}

// addressText says how an address of a type is made of a public key.
func addressText(t keys.Type) string {
	switch t {
	case keys.Legacy:
		return "The script asks for a signature of the key with this HASH160 (RIPEMD-160 of SHA-256); the address is that hash in Base58Check."
	case keys.P2SHSegwit:
		return "A witness program of the key's HASH160, hashed once more: the address is the HASH160 of that program in Base58Check (BIP49)."
	case keys.Bech32m:
		return "The key is tweaked by its own tagged hash (BIP341, BIP86); the script is a witness program of version 1 with the tweaked key, the address its Bech32m."
	}
	return "The script is a witness program of version 0 with the key's HASH160 (RIPEMD-160 of SHA-256); the address is its Bech32 (BIP84, BIP173)."
}
