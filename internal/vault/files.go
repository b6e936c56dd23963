package vault

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

// A sealed file is four lines of text:
//
//	<what it is> <format version>
//	<JSON, in clear>
//	plain <base64> | xchacha20poly1305 <base64 of nonce and ciphertext>
//	sha256 <hex of the three lines above, line ends included>
//
// The first two lines are the additional data of the cipher, so neither can be
// changed under an encrypted third one.

const (
	formatVersion = 2
	maxFile       = 1 << 20 // bytes of one; policy
	bodyPlain     = "plain"
	bodySealed    = "xchacha20poly1305"
	bodyNone      = "none"
)

// encodeFile returns a sealed file. Without a key the body is written as it is.
func encodeFile(what string, head any, body []byte, key *Key, rand io.Reader) ([]byte, error) {
	j, err := json.Marshal(head)
	if err != nil {
		return nil, err
	}
	out := fmt.Appendf(nil, "%s %d\n%s\n", what, formatVersion, j)
	aad := len(out)
	switch {
	case body == nil:
		out = append(out, bodyNone+" "...)
	case key == nil:
		out = append(out, bodyPlain+" "...)
		out = base64.StdEncoding.AppendEncode(out, body)
	default:
		sealed, err := key.seal(body, out[:aad], rand)
		if err != nil {
			return nil, err
		}
		out = append(out, bodySealed+" "...)
		out = base64.StdEncoding.AppendEncode(out, sealed)
	}
	out = append(out, '\n')
	sum := sha256.Sum256(out)
	return fmt.Appendf(out, "sha256 %x\n", sum), nil
}

// sealedFile is a file that was read: its checksum is right, its body is still
// sealed.
type sealedFile struct {
	aad    []byte // the first two lines
	cipher string
	body   []byte
}

// decodeFile takes a sealed file apart and reads its second line into head.
// Kinds: ErrDamaged, ErrNewer.
func decodeFile(what string, data []byte, head any) (*sealedFile, error) {
	version, ok := fileVersion(what, data)
	if !ok {
		return nil, fmt.Errorf("%w: it does not begin with %q", ErrDamaged, what)
	}
	if version > formatVersion {
		return nil, fmt.Errorf("%w (format %d, this one reads up to %d)", ErrNewer, version, formatVersion)
	}
	at := bytes.LastIndex(data, []byte("\nsha256 "))
	if at < 0 {
		return nil, fmt.Errorf("%w: it has no checksum, so its end is missing", ErrDamaged)
	}
	sum := sha256.Sum256(data[:at+1])
	if string(data[at+1:]) != fmt.Sprintf("sha256 %x\n", sum) {
		return nil, fmt.Errorf("%w: its checksum is wrong", ErrDamaged)
	}
	lines := strings.SplitN(string(data[:at]), "\n", 4)
	if len(lines) != 3 || lines[0] != fmt.Sprintf("%s %d", what, version) {
		return nil, fmt.Errorf("%w: it has %d lines", ErrDamaged, len(lines))
	}
	dec := json.NewDecoder(strings.NewReader(lines[1]))
	dec.DisallowUnknownFields()
	if err := dec.Decode(head); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrDamaged, err)
	}
	f := &sealedFile{aad: data[:len(lines[0])+len(lines[1])+2]}
	cipher, b64, ok := strings.Cut(lines[2], " ")
	if !ok || (cipher != bodyPlain && cipher != bodySealed && cipher != bodyNone) {
		return nil, fmt.Errorf("%w: unknown cipher", ErrDamaged)
	}
	body, err := base64.StdEncoding.Strict().DecodeString(b64)
	if err != nil {
		return nil, fmt.Errorf("%w: its third line is not base64", ErrDamaged)
	}
	f.cipher, f.body = cipher, body
	return f, nil
}

// fileVersion reads "<what> <version>" from the first line.
func fileVersion(what string, data []byte) (int, bool) {
	line, _, ok := bytes.Cut(data, []byte("\n"))
	digits, found := strings.CutPrefix(string(line), what+" ")
	if !ok || !found || len(digits) > 6 {
		return 0, false
	}
	n, err := strconv.Atoi(digits)
	return n, err == nil && n >= 1
}

// open returns the body in clear. Kinds: ErrLocked, ErrDamaged; with the right
// key a body that does not open has been changed.
func (f *sealedFile) open(key *Key) ([]byte, error) {
	switch {
	case f.cipher == bodyPlain:
		return f.body, nil
	case f.cipher == bodyNone:
		return nil, fmt.Errorf("%w: it holds no secret", ErrDamaged)
	case key == nil:
		return nil, ErrLocked
	}
	plain, err := key.open(f.body, f.aad)
	if err != nil {
		return nil, fmt.Errorf("%w: its secret does not open", ErrDamaged)
	}
	return plain, nil
}

// readAll reads a whole file of at most most bytes.
func readAll(fs FS, name string, most int) ([]byte, error) {
	f, err := fs.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, int64(most)+1))
	if err != nil {
		return nil, err
	}
	if len(data) > most {
		return nil, fmt.Errorf("%w: it is longer than %d bytes", ErrDamaged, most)
	}
	return data, nil
}

// replace writes a file so that after any crash name is the old one or the
// new one, whole. The caller syncs the folder.
func replace(fs FS, name string, data []byte) error {
	temp := name + tempSuffix
	if err := fs.Remove(temp); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := fs.Create(temp, data); err != nil {
		fs.Remove(temp) // what is left of it means nothing
		return err
	}
	return fs.Rename(temp, name)
}

// secretBody is the JSON of a wallet's third line. Byte slices are base64.
type secretBody struct {
	Mnemonic        []byte   `json:"mnemonic,omitempty"`
	BIP39Passphrase []byte   `json:"bip39_passphrase,omitempty"`
	Key             string   `json:"key,omitempty"` // hex
	Descriptors     []string `json:"descriptors,omitempty"`
}

func bodyOf(s *Secret) secretBody {
	return secretBody{Mnemonic: s.Mnemonic, BIP39Passphrase: s.BIP39Passphrase, Key: hex.EncodeToString(s.Key), Descriptors: s.Descriptors}
}

// secret undoes bodyOf.
func (b *secretBody) secret() (*Secret, error) {
	key, err := hex.DecodeString(b.Key)
	if err != nil {
		return nil, fmt.Errorf("%w: its secret is not readable", ErrDamaged)
	}
	return &Secret{Mnemonic: b.Mnemonic, BIP39Passphrase: b.BIP39Passphrase, Key: key, Descriptors: b.Descriptors}, nil
}

func encodeSecret(s *Secret) ([]byte, error) {
	return json.Marshal(bodyOf(s))
}

func decodeSecret(b []byte) (*Secret, error) {
	var body secretBody
	if err := json.Unmarshal(b, &body); err != nil {
		// The JSON error may quote what it read: leave it out.
		return nil, fmt.Errorf("%w: its secret is not readable", ErrDamaged)
	}
	return body.secret()
}
