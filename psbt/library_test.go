package psbt

import (
	"bytes"
	"testing"

	library "github.com/btcsuite/btcd/psbt/v2"
)

// TestLibraryAgrees has btcd's package read what is written here, and what that
// writes read here again: nothing of a packet may be lost on the way.
func TestLibraryAgrees(t *testing.T) {
	all := people(t, 4)
	var packets [][]byte
	for _, c := range stories() {
		watch := descriptorOf(t, c.template, all, -1)
		p := payFrom(t, watch, c.sequence, c.lock)
		packets = append(packets, p.Encode())
		for _, who := range c.signers {
			mine := outputOf(t, descriptorOf(t, c.template, all, who))
			if _, err := NewSigner(p).Process(0, mine, Options{Sign: true, Origins: true, Finalize: true}); err != nil {
				t.Fatal(err)
			}
			packets = append(packets, p.Encode())
		}
	}
	compared := 0
	for _, raw := range packets {
		theirs, err := library.NewFromRawBytes(bytes.NewReader(raw), false)
		if err != nil {
			t.Errorf("%x: %v", raw, err)
			continue
		}
		var buf bytes.Buffer
		if err := theirs.Serialize(&buf); err != nil {
			t.Fatal(err)
		}
		ours, err := Decode(buf.Bytes())
		if err != nil {
			t.Error(err)
			continue
		}
		if !bytes.Equal(ours.Encode(), raw) {
			t.Errorf("got %x, want %x", ours.Encode(), raw)
		}
		compared++
	}
	if compared < 30 {
		t.Errorf("only %d packets were compared", compared)
	}
}
