package rpc

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/lode-chain/lode/internal/platform"
)

const (
	cookieUser  = "__cookie__" // as in Core
	cookieBytes = 32
	maxCookie   = 1_024 // bytes of the file (policy)
)

// Cookie is the password of one run of a host, in a file that its user alone
// can read.
type Cookie struct {
	file     string
	password string
}

// WriteCookie makes a new password and writes it to a file, mode 0600, in Core's
// form. A file of an earlier run is replaced.
func WriteCookie(file string, rand io.Reader) (*Cookie, error) {
	random := make([]byte, cookieBytes)
	if _, err := io.ReadFull(rand, random); err != nil {
		return nil, err
	}
	c := &Cookie{file, hex.EncodeToString(random)}
	if err := platform.WriteFile(file, []byte(cookieUser+":"+c.password)); err != nil {
		return nil, fmt.Errorf("write the cookie: %w", err)
	}
	return c, nil
}

// File is where the cookie is.
func (c *Cookie) File() string { return c.file }

// Authorize checks user and password in constant time.
func (c *Cookie) Authorize(user, password string) bool {
	got := sha256.Sum256([]byte(user + ":" + password))
	want := sha256.Sum256([]byte(cookieUser + ":" + c.password))
	return subtle.ConstantTimeCompare(got[:], want[:]) == 1
}

// Remove deletes the file, unless another run has replaced it.
func (c *Cookie) Remove() error {
	_, password, err := ReadCookie(c.file)
	if err != nil || password != c.password {
		return nil
	}
	return os.Remove(c.file)
}

// ReadCookie reads user and password from a cookie file.
func ReadCookie(file string) (user, password string, err error) {
	data, err := platform.ReadFile(file, maxCookie)
	if err != nil {
		return "", "", err
	}
	user, password, ok := strings.Cut(strings.TrimSpace(string(data)), ":")
	if !ok {
		return "", "", errors.New("cookie file " + file + " holds no user and password")
	}
	return user, password, nil
}
