package network

import (
	"bytes"
	"os"
	"testing"
	"time"
)

func TestX(t *testing.T) {
	s, err := NewSpec("office", time.Unix(1767312000, 0), bytes.NewReader(make([]byte, 16)))
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	p, text, err := Make(s)
	t.Log(time.Since(start), err, p.GenesisHash)
	os.Stdout.Write(text)
	q, err := Parse(text)
	t.Log(err, q.Fingerprint() == p.Fingerprint())
}
