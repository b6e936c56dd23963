package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/lode-chain/lode/internal/platform"
)

// makeKeyFolder makes the folder that keys are exported to.
func makeKeyFolder(dir string) error {
	if err := platform.MakeDir(dir); err != nil {
		return fmt.Errorf("making the folder for the keys: %w", err)
	}
	return nil
}

// keyFilePrefix is how many characters of the address a key file's name has;
// more only when a file of that name is there already.
const keyFilePrefix = 8

// exportKey writes a private key to a new file in dir, private_<first 8 of the
// address>.key, readable by its owner only. It never writes over a file: when
// the name is taken it takes more of the address.
func exportKey(dir, address, keyHex string) (string, error) {
	for n := keyFilePrefix; ; n++ {
		file := filepath.Join(dir, "private_"+address[:min(n, len(address))]+".key")
		f, err := platform.Create(file)
		if errors.Is(err, fs.ErrExist) {
			if n < len(address) {
				continue
			}
			return "", fmt.Errorf("%s is there already and is left as it is", file)
		}
		if err != nil {
			return "", err
		}
		if err := writeAndSync(f, keyHex+"\n"); err != nil {
			os.Remove(file)
			return "", err
		}
		return filepath.Abs(file)
	}
}

// writeAndSync writes text, makes it durable and closes the file.
func writeAndSync(f *os.File, text string) error {
	_, err := f.WriteString(text)
	return errors.Join(err, f.Sync(), f.Close())
}

// capital makes the first letter of a sentence a capital.
func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
